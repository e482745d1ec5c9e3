//! From files to a bundle: form, spelling, and that the files agree with one another.

use seamark_contracts::api::ledger::{ConsistencyProof, RecordedEntry};
use seamark_contracts::api::reveal::RecordedBody;
use seamark_contracts::canonical;
use seamark_contracts::digest::Digest;
use seamark_contracts::strict_json::{self, Limits, StrictJsonError, TypedJsonError};
use serde_json::Value;
use thiserror::Error;

use super::build::{BuildError, directory_version, sections};
use super::files::FileSet;
use super::manifest::Manifest;
use super::path::FileKind;
use super::proof::{self, ProofTextError};
use super::{BUNDLE_FORMAT, Bundle, BundleTimestamp, readme_digest};
use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::dsse::{Envelope, EnvelopeError};
use crate::timestamp::parse_pem;

/// Why files are no bundle.
#[derive(Debug, Error)]
pub enum BundleFault {
    #[error("{0} is missing")]
    Missing(String),
    #[error("{0} is not listed in the manifest")]
    Unlisted(String),
    #[error("the manifest lists {0}, and it is not there")]
    Absent(String),
    #[error("{0} has other bytes than the manifest says")]
    Changed(String),
    #[error("read {path}")]
    Json {
        path: String,
        #[source]
        source: TypedJsonError,
    },
    #[error("{0} is not in canonical form")]
    NotCanonical(String),
    #[error("{0} is not UTF-8")]
    NotUtf8(String),
    #[error("the bundle is of a format other than {BUNDLE_FORMAT}")]
    Format,
    #[error("README.txt is not the text that belongs to this format")]
    Readme,
    #[error("read {path}")]
    Envelope {
        path: String,
        #[source]
        source: EnvelopeError,
    },
    #[error("the numbers of {0} do not go from 1 on without a gap")]
    Numbers(&'static str),
    #[error("{0} is not the section of the contract")]
    Section(&'static str),
    #[error("take the contract apart")]
    Contract(#[source] BuildError),
    #[error("read log/checkpoint")]
    Checkpoint(#[source] CheckpointError),
    #[error("read {path}")]
    Proof {
        path: String,
        #[source]
        source: ProofTextError,
    },
    #[error(
        "log/timestamps has a token and the certificates that came with it, 1 to 16 in PEM and nothing beside, or neither"
    )]
    Timestamp,
    #[error("there has to be one directory, named by its version")]
    Directory,
    #[error("the manifest names another handoff than the statement")]
    OtherHandoff,
}

impl BundleFault {
    fn gate(path: String) -> impl FnOnce(StrictJsonError) -> Self {
        move |error| Self::Json { path, source: error.into() }
    }
}

pub(super) fn read(files: &FileSet) -> Result<Bundle, BundleFault> {
    let manifest = read_manifest(files)?;
    check_listed(files, &manifest)?;
    let checkpoint = text(files, FileKind::Checkpoint)?;
    let head = Checkpoint::parse(checkpoint.as_bytes()).map_err(BundleFault::Checkpoint)?;
    let size = head.unverified_value().unverified_head().size();
    let handoff = envelope(files, FileKind::Handoff)?;
    check_handoff_id(&handoff, &manifest)?;
    let numbers = |name, pick: fn(FileKind) -> Option<u32>| check_numbers(files, name, pick);
    let n_decisions = numbers("decisions", |kind| if let FileKind::Decision(n) = kind { Some(n) } else { None })?;
    let n_views = numbers("views", |kind| if let FileKind::View(n) = kind { Some(n) } else { None })?;
    let n_executions = numbers("executions", |kind| if let FileKind::Execution(n) = kind { Some(n) } else { None })?;
    let outcome = files.get(FileKind::Outcome).map(|_| envelope(files, FileKind::Outcome));
    Ok(Bundle {
        handoff_id: manifest.handoff,
        created_at: manifest.created_at,
        handoff,
        contract: read_contract(files)?,
        decisions: (1..=n_decisions).map(|n| envelope(files, FileKind::Decision(n))).collect::<Result<_, _>>()?,
        views: (1..=n_views).map(|n| text(files, FileKind::View(n))).collect::<Result<_, _>>()?,
        outcome: outcome.transpose()?,
        executions: (1..=n_executions).map(|n| envelope(files, FileKind::Execution(n))).collect::<Result<_, _>>()?,
        entries: read_entries(files, &checkpoint, size)?,
        bodies: read_bodies(files)?,
        checkpoint,
        consistency: read_consistency(files)?,
        directory: read_directory(files)?,
        timestamp: read_timestamp(files)?,
    })
}

/// The token is not read here: what is wrong with it is a finding about time.
fn read_timestamp(files: &FileSet) -> Result<Option<BundleTimestamp>, BundleFault> {
    let (token, chain) = (files.get(FileKind::TimeStamp), files.get(FileKind::TsaChain));
    match (token, chain) {
        (None, None) => Ok(None),
        (Some(token), Some(chain)) => {
            let chain = std::str::from_utf8(chain).ok().and_then(parse_pem).ok_or(BundleFault::Timestamp)?;
            Ok(Some(BundleTimestamp { token: token.to_vec(), chain }))
        }
        _ => Err(BundleFault::Timestamp),
    }
}

fn bytes(files: &FileSet, kind: FileKind) -> Result<&[u8], BundleFault> {
    files.get(kind).ok_or_else(|| BundleFault::Missing(kind.to_string()))
}

fn text(files: &FileSet, kind: FileKind) -> Result<String, BundleFault> {
    let text = std::str::from_utf8(bytes(files, kind)?).map_err(|_| BundleFault::NotUtf8(kind.to_string()))?;
    Ok(text.to_owned())
}

/// A JSON value in canonical form.
fn json(files: &FileSet, kind: FileKind, limits: &Limits) -> Result<Value, BundleFault> {
    let bytes = bytes(files, kind)?;
    let value = strict_json::parse(bytes, limits).map_err(BundleFault::gate(kind.to_string()))?;
    let is_canonical = canonical::to_bytes(&value).is_ok_and(|canonical| canonical == bytes);
    if is_canonical { Ok(value) } else { Err(BundleFault::NotCanonical(kind.to_string())) }
}

fn read_manifest(files: &FileSet) -> Result<Manifest, BundleFault> {
    let limits = Limits::SIGNED.with_max_bytes(FileKind::Manifest.max_bytes());
    let value = json(files, FileKind::Manifest, &limits)?;
    let manifest: Manifest = strict_json::from_value(&value)
        .map_err(|source| BundleFault::Json { path: FileKind::Manifest.to_string(), source })?;
    if manifest.format == BUNDLE_FORMAT { Ok(manifest) } else { Err(BundleFault::Format) }
}

/// The files are those of the manifest, no more and no fewer, with these bytes.
fn check_listed(files: &FileSet, manifest: &Manifest) -> Result<(), BundleFault> {
    for (kind, path, bytes) in files.iter().filter(|(kind, _, _)| *kind != FileKind::Manifest) {
        let Some(listed) = manifest.files.get(&path) else { return Err(BundleFault::Unlisted(path)) };
        let is_same = u64::try_from(bytes.len()) == Ok(listed.size) && Digest::of(bytes) == listed.sha256;
        if !is_same {
            return Err(BundleFault::Changed(path));
        }
        if kind == FileKind::Readme && listed.sha256 != readme_digest() {
            return Err(BundleFault::Readme);
        }
    }
    let is_absent = |path: &&String| FileKind::parse(path).is_none_or(|kind| files.get(kind).is_none());
    if let Some(path) = manifest.files.keys().find(is_absent) {
        return Err(BundleFault::Absent(path.clone()));
    }
    // Everything else is asked for where it is read.
    bytes(files, FileKind::Readme).map(|_| ())
}

fn envelope(files: &FileSet, kind: FileKind) -> Result<Value, BundleFault> {
    let limits = match kind {
        FileKind::Directory(_) => Limits::ENVELOPE.with_max_bytes(kind.max_bytes()),
        _ => Limits::ENVELOPE,
    };
    let value = json(files, kind, &limits)?;
    Envelope::from_value(&value).map_err(|source| BundleFault::Envelope { path: kind.to_string(), source })?;
    Ok(value)
}

/// How many there are of a numbered kind.
fn check_numbers(files: &FileSet, name: &'static str, pick: fn(FileKind) -> Option<u32>) -> Result<u32, BundleFault> {
    let mut numbers: Vec<u32> = files.iter().filter_map(|(kind, _, _)| pick(kind)).collect();
    numbers.sort_unstable();
    let last = numbers.last().copied().unwrap_or(0);
    if numbers.into_iter().eq(1..=last) { Ok(last) } else { Err(BundleFault::Numbers(name)) }
}

/// The contract; its sections stand beside it so that their digests can be compared without cutting them out.
fn read_contract(files: &FileSet) -> Result<String, BundleFault> {
    let contract = text(files, FileKind::Contract)?;
    let (policy, template) = sections(&contract).map_err(BundleFault::Contract)?;
    if bytes(files, FileKind::Policy)? != policy {
        return Err(BundleFault::Section("contract/policy.json"));
    }
    if bytes(files, FileKind::Template)? != template {
        return Err(BundleFault::Section("contract/template.json"));
    }
    Ok(contract)
}

/// Each entry with its proof.
fn read_entries(files: &FileSet, checkpoint: &str, size: u64) -> Result<Vec<RecordedEntry>, BundleFault> {
    let mut entries = Vec::new();
    for (kind, _, _) in files.iter() {
        match kind {
            FileKind::Entry(seq) => {
                let path = FileKind::Proof(seq);
                let proof = proof::parse(&text(files, path)?, seq, checkpoint)
                    .map_err(|source| BundleFault::Proof { path: path.to_string(), source })?;
                entries.push(RecordedEntry { seq, entry: text(files, kind)?, proof, size });
            }
            FileKind::Proof(seq) => bytes(files, FileKind::Entry(seq)).map(|_| ())?,
            _ => {}
        }
    }
    entries.sort_by_key(|recorded| recorded.seq);
    Ok(entries)
}

/// What stands beside entries about reveals. Whether it is what the entry names is a question to the log.
fn read_bodies(files: &FileSet) -> Result<Vec<RecordedBody>, BundleFault> {
    let mut bodies = Vec::new();
    for (kind, _, _) in files.iter() {
        if let FileKind::Body(seq) = kind {
            bytes(files, FileKind::Entry(seq))?;
            json(files, kind, &Limits::SIGNED.with_max_bytes(kind.max_bytes()))?;
            bodies.push(RecordedBody { seq, body: text(files, kind)? });
        }
    }
    bodies.sort_by_key(|recorded| recorded.seq);
    Ok(bodies)
}

fn read_consistency(files: &FileSet) -> Result<Vec<ConsistencyProof>, BundleFault> {
    let kind = FileKind::Consistency;
    let value = json(files, kind, &Limits::SIGNED.with_max_bytes(kind.max_bytes()))?;
    strict_json::from_value(&value).map_err(|source| BundleFault::Json { path: kind.to_string(), source })
}

fn read_directory(files: &FileSet) -> Result<Value, BundleFault> {
    let mut found = files.iter().filter(|(kind, _, _)| matches!(kind, FileKind::Directory(_)));
    let (Some((kind, _, _)), None) = (found.next(), found.next()) else { return Err(BundleFault::Directory) };
    let directory = envelope(files, kind)?;
    let is_named = directory_version(&directory).is_ok_and(|version| kind == FileKind::Directory(version));
    if is_named { Ok(directory) } else { Err(BundleFault::Directory) }
}

/// The id in the statement, with no promise about the statement.
fn check_handoff_id(handoff: &Value, manifest: &Manifest) -> Result<(), BundleFault> {
    let path = FileKind::Handoff.to_string();
    let parsed =
        Envelope::from_value(handoff).map_err(|source| BundleFault::Envelope { path: path.clone(), source })?;
    let payload = parsed.unverified_value().unverified_payload();
    let statement = strict_json::parse(payload, &Limits::SIGNED).map_err(BundleFault::gate(path))?;
    let id = statement.pointer("/predicate/handoffId").and_then(Value::as_str);
    if id == Some(manifest.handoff.to_string().as_str()) { Ok(()) } else { Err(BundleFault::OtherHandoff) }
}
