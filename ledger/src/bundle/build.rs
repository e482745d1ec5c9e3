//! From a record to files.

use std::collections::BTreeSet;

use seamark_contracts::api::audit::AuditRecord;
use seamark_contracts::canonical::{self, CanonicalError};
use seamark_contracts::clock::Timestamp;
use seamark_contracts::strict_json::{self, Limits, StrictJsonError};
use serde_json::Value;
use thiserror::Error;

use super::files::{FileError, FileSet};
use super::manifest::Manifest;
use super::path::FileKind;
use super::{README, proof};
use crate::base64;
use crate::directory::DirectoryPredicate;
use crate::dsse::{Envelope, EnvelopeError};
use crate::statement::Predicate as _;

/// Why a record does not become a bundle.
#[derive(Debug, Error)]
pub enum BuildError {
    #[error("put a file into the bundle")]
    File(#[from] FileError),
    #[error("write {what} in canonical form")]
    Canonical {
        what: &'static str,
        #[source]
        source: CanonicalError,
    },
    #[error("read the contract of the record")]
    Contract(#[source] StrictJsonError),
    #[error("contract of the record has no section {0}")]
    Section(&'static str),
    #[error("read the directory of the record")]
    Directory(#[source] EnvelopeError),
    #[error("directory of the record does not say of which version it is")]
    DirectoryVersion,
    #[error("time-stamp of the record is not base64")]
    Timestamp,
    #[error("record has more decisions, views or executions than a bundle can number")]
    TooMany,
}

fn bytes_of(what: &'static str, value: &Value) -> Result<Vec<u8>, BuildError> {
    canonical::to_bytes(value).map_err(|source| BuildError::Canonical { what, source })
}

pub(super) fn pack(record: &AuditRecord, created_at: Timestamp) -> Result<FileSet, BuildError> {
    let mut files = FileSet::default();
    files.put(FileKind::Readme, README.as_bytes().to_vec())?;
    files.put(FileKind::Handoff, bytes_of("the handoff", &record.review.handoff)?)?;
    put_contract(&mut files, &record.contract)?;
    for (number, envelope) in numbered(&record.decisions)? {
        files.put(FileKind::Decision(number), bytes_of("a decision", envelope)?)?;
    }
    for (number, view) in numbered(&record.views)? {
        files.put(FileKind::View(number), view.as_bytes().to_vec())?;
    }
    if let Some(envelope) = &record.outcome {
        files.put(FileKind::Outcome, bytes_of("the outcome", envelope)?)?;
    }
    for (number, envelope) in numbered(&record.executions)? {
        files.put(FileKind::Execution(number), bytes_of("an execution", envelope)?)?;
    }
    put_log(&mut files, record)?;
    let version = directory_version(&record.directory)?;
    files.put(FileKind::Directory(version), bytes_of("the directory", &record.directory)?)?;
    seal(&mut files, record, created_at)?;
    Ok(files)
}

/// ORDER: the manifest comes last, over all the others.
fn seal(files: &mut FileSet, record: &AuditRecord, created_at: Timestamp) -> Result<(), BuildError> {
    let manifest = Manifest::of(files, record.review.handoff_id, created_at);
    let bytes = manifest.to_bytes().map_err(|source| BuildError::Canonical { what: "the manifest", source })?;
    Ok(files.put(FileKind::Manifest, bytes)?)
}

fn numbered<T>(items: &[T]) -> Result<Vec<(u32, &T)>, BuildError> {
    if items.len() > 9_999 { Err(BuildError::TooMany) } else { Ok((1..).zip(items).collect()) }
}

/// The contract and the two sections that statements name by digest.
fn put_contract(files: &mut FileSet, contract: &str) -> Result<(), BuildError> {
    let (policy, template) = sections(contract)?;
    files.put(FileKind::Contract, contract.as_bytes().to_vec())?;
    files.put(FileKind::Policy, policy)?;
    files.put(FileKind::Template, template)?;
    Ok(())
}

/// The canonical bytes of the sections `gate` and `review`.
pub(super) fn sections(contract: &str) -> Result<(Vec<u8>, Vec<u8>), BuildError> {
    let limits = Limits::SIGNED.with_max_bytes(FileKind::Contract.max_bytes());
    let contract = strict_json::parse(contract.as_bytes(), &limits).map_err(BuildError::Contract)?;
    let section = |name| bytes_of("the contract", contract.get(name).ok_or(BuildError::Section(name))?);
    Ok((section("gate")?, section("review")?))
}

fn put_log(files: &mut FileSet, record: &AuditRecord) -> Result<(), BuildError> {
    files.put(FileKind::Checkpoint, record.checkpoint.as_bytes().to_vec())?;
    if let Some(timestamp) = &record.timestamp {
        let token = base64::decode(&timestamp.token).ok_or(BuildError::Timestamp)?;
        files.put(FileKind::TimeStamp, token)?;
        files.put(FileKind::TsaChain, timestamp.chain.as_bytes().to_vec())?;
    }
    let canonical = |source| BuildError::Canonical { what: "the consistency proofs", source };
    // A head may be seen by several; one proof serves all of them.
    let mut sizes = BTreeSet::new();
    let once: Vec<_> = record.consistency.iter().filter(|proof| sizes.insert((proof.from, proof.to))).collect();
    files.put(FileKind::Consistency, canonical::bytes_of(&once).map_err(canonical)?)?;
    for recorded in &record.entries {
        files.put(FileKind::Entry(recorded.seq), recorded.entry.as_bytes().to_vec())?;
        let proof = proof::write(recorded.seq, &recorded.proof, &record.checkpoint);
        files.put(FileKind::Proof(recorded.seq), proof.into_bytes())?;
    }
    for recorded in &record.bodies {
        files.put(FileKind::Body(recorded.seq), recorded.body.as_bytes().to_vec())?;
    }
    Ok(())
}

/// The version that a directory gives itself, with no promise about it.
pub(super) fn directory_version(envelope: &Value) -> Result<u64, BuildError> {
    let envelope = Envelope::from_value(envelope).map_err(BuildError::Directory)?;
    let payload = envelope.unverified_value().unverified_payload();
    let statement = strict_json::parse(payload, &DirectoryPredicate::LIMITS).ok();
    let version = statement.as_ref().and_then(|statement| statement.pointer("/predicate/version")?.as_u64());
    version.filter(|version| *version >= 1).ok_or(BuildError::DirectoryVersion)
}
