//! In-toto statements: what is signed about handoffs, decisions, outcomes, executions and the directory.
//!
//! A statement binds a predicate to the digests of what it is about. Each kind has its own predicate type and is signed
//! by keys of its own use, so no signature can be taken for another kind's. Schemas are closed: what was read is all
//! that was written. Source: FORMATS.md §3 and §5 to §8, in-toto attestation framework v1.

use seamark_contracts::canonical::{self, CanonicalError};
use seamark_contracts::clock::Timestamp;
use seamark_contracts::decision::DecisionPredicate;
use seamark_contracts::digest::Digest;
use seamark_contracts::handoff::HandoffPredicate;
use seamark_contracts::id::{HandoffId, OutcomeId};
use seamark_contracts::outcome::{ExecutionPredicate, OutcomePredicate};
use seamark_contracts::strict_json::{self, Limits, TypedJsonError};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

use crate::directory::DirectoryPredicate;
use crate::dsse::{Envelope, EnvelopeError, VerifyError};
use crate::key::{KeyId, KeyUse, SignError, Signature, Signer, TrustSet, TrustedKey};
use crate::verified::Verified;

mod check;

/// The value of `_type`.
pub const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";

/// What a statement is about. Source: in-toto `ResourceDescriptor`, closed to these two fields.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subject {
    /// `urn:seamark:KIND:ID`.
    pub name: String,
    pub digest: Digest,
}

impl Subject {
    /// The handoff statement with this digest.
    #[must_use]
    pub fn handoff(id: HandoffId, digest: Digest) -> Self {
        Self { name: format!("urn:seamark:handoff:{id}"), digest }
    }

    /// The outcome statement with this digest.
    #[must_use]
    pub fn outcome(id: OutcomeId, digest: Digest) -> Self {
        Self { name: format!("urn:seamark:outcome:{id}"), digest }
    }

    /// The payload of a handoff, as the statement holds it. A consistency check only. Source: FORMATS.md §5.
    ///
    /// # Errors
    /// [`CanonicalError`] when the payload is outside of the profile.
    pub fn payload(predicate: &HandoffPredicate) -> Result<Self, CanonicalError> {
        let digest = canonical::digest(&predicate.payload)?;
        Ok(Self { name: format!("urn:seamark:payload:{}", predicate.handoff_id), digest })
    }

    /// The directory before this one; all zeros for the first.
    #[must_use]
    pub fn directory(org: &str, previous: Option<Digest>) -> Self {
        let digest = previous.unwrap_or(Digest::from_bytes([0; 32]));
        Self { name: format!("urn:seamark:directory:{org}"), digest }
    }
}

/// A kind of statement.
pub trait Predicate: Serialize + DeserializeOwned {
    /// The value of `predicateType`.
    const TYPE: &'static str;
    /// The use of the keys that sign it.
    const KEY_USE: KeyUse;
    /// Bounds of the signed bytes.
    const LIMITS: Limits = Limits::SIGNED;

    /// The key that the predicate says it is signed with, where it says so.
    fn signing_key(&self) -> Option<&str>;

    /// Checks what can be checked with nothing but the statement itself.
    ///
    /// # Errors
    /// [`StatementFault`] for the first thing that is not as the format says.
    fn check(&self, subject: &[Subject]) -> Result<(), StatementFault>;
}

/// A statement with who signed it. Only inside of [`Verified`] does it say anything.
#[derive(Clone, Debug, PartialEq)]
pub struct Statement<P> {
    pub subject: Vec<Subject>,
    pub predicate: P,
    /// SHA-256 of the signed bytes: the statement's name.
    pub digest: Digest,
    /// The key that signed; the one that the predicate names, where it names one.
    pub by: TrustedKey,
    /// Its signature.
    pub signature: Signature,
}

/// A handoff as the gateway admitted it.
pub type HandoffStatement = Statement<HandoffPredicate>;
/// What a person decided.
pub type DecisionStatement = Statement<DecisionPredicate>;
/// How an attempt ended.
pub type OutcomeStatement = Statement<OutcomePredicate>;
/// What the destination did.
pub type ExecutionStatement = Statement<ExecutionPredicate>;
/// Who holds which key and role.
pub type DirectoryStatement = Statement<DirectoryPredicate>;

/// What is wrong with the content of a statement.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum StatementFault {
    #[error("it is no in-toto statement v1")]
    StatementType,
    #[error("it is of another kind")]
    PredicateType,
    #[error("it holds more than its schema, or an optional field written as null")]
    NotClosed,
    #[error("its subject is not what its predicate is about")]
    Subject,
    #[error("the key that it names did not sign it")]
    SigningKey,
    #[error("its signing key was not valid when it says that it was signed")]
    KeyWindow,
    #[error("{field} {problem}")]
    Field { field: &'static str, problem: &'static str },
}

/// Why there is no statement.
#[derive(Debug, Error)]
pub enum StatementError {
    #[error("read the envelope")]
    Envelope(#[source] EnvelopeError),
    #[error("verify the signature")]
    Signature(#[source] VerifyError),
    #[error("read the statement")]
    Json(#[source] TypedJsonError),
    #[error("write the statement")]
    Canonical(#[source] CanonicalError),
    #[error("check the statement")]
    Content(#[source] StatementFault),
    #[error(
        "a statement of this kind has at most {max_bytes} bytes and 16,384 members of a list, and this one has {n_bytes} bytes"
    )]
    TooLarge { n_bytes: usize, max_bytes: usize },
}

impl From<CanonicalError> for StatementError {
    fn from(error: CanonicalError) -> Self {
        Self::Canonical(error)
    }
}

impl From<StatementFault> for StatementError {
    fn from(fault: StatementFault) -> Self {
        Self::Content(fault)
    }
}

/// The wire form.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire<P> {
    #[serde(rename = "_type")]
    kind: String,
    predicate: P,
    #[serde(rename = "predicateType")]
    predicate_type: String,
    subject: Vec<Subject>,
}

fn build<P: Predicate>(predicate: &P, subject: Vec<Subject>) -> Result<Vec<u8>, StatementError> {
    predicate.check(&subject)?;
    let (kind, predicate_type) = (STATEMENT_TYPE.to_owned(), P::TYPE.to_owned());
    Ok(canonical::bytes_of(&Wire { kind, predicate, predicate_type, subject })?)
}

/// The canonical bytes of a handoff statement.
///
/// # Errors
/// [`StatementError::Content`] when the predicate is not as FORMATS.md §5 says, [`StatementError::Canonical`] when a
/// value is outside of the profile.
pub fn build_handoff(predicate: &HandoffPredicate) -> Result<Vec<u8>, StatementError> {
    // Within something, as the statement will have it: that is one more level.
    let within = canonical::bytes_of(&[predicate])?;
    build_admitted(predicate, within.get(1..within.len() - 1).unwrap_or_default())
}

/// The same around the canonical bytes of the predicate, at most 63 levels deep, for one who has them: a large predicate
/// is written once only.
///
/// # Errors
/// As [`build_handoff`].
pub fn build_admitted(predicate: &HandoffPredicate, canonical: &[u8]) -> Result<Vec<u8>, StatementError> {
    check::handoff_fields(predicate)?;
    let subject = canonical::bytes_of(&[Subject::payload(predicate)?])?;
    // Canonical bytes nest: those of the whole are those of its members, sorted by name.
    let parts: [&[u8]; 9] = [
        b"{\"_type\":\"",
        STATEMENT_TYPE.as_bytes(),
        b"\",\"predicate\":",
        canonical,
        b",\"predicateType\":\"",
        HandoffPredicate::TYPE.as_bytes(),
        b"\",\"subject\":",
        &subject,
        b"}",
    ];
    Ok(parts.concat())
}

/// The canonical bytes of a decision over the handoff statement with the digest `handoff`.
///
/// # Errors
/// As [`build_handoff`], for FORMATS.md §6.
pub fn build_decision(
    predicate: &DecisionPredicate,
    handoff_id: HandoffId,
    handoff: Digest,
) -> Result<Vec<u8>, StatementError> {
    build(predicate, vec![Subject::handoff(handoff_id, handoff)])
}

/// The canonical bytes of an outcome over the handoff statement with the digest `handoff`.
///
/// # Errors
/// As [`build_handoff`], for FORMATS.md §7.
pub fn build_outcome(predicate: &OutcomePredicate, handoff: Digest) -> Result<Vec<u8>, StatementError> {
    build(predicate, vec![Subject::handoff(predicate.handoff_id, handoff)])
}

/// The canonical bytes of an execution under a handoff and its outcome; without outcome when the handoff passed its gate
/// without a person.
///
/// # Errors
/// As [`build_handoff`], for FORMATS.md §8.
pub fn build_execution(
    predicate: &ExecutionPredicate,
    handoff: (HandoffId, Digest),
    outcome: Option<(OutcomeId, Digest)>,
) -> Result<Vec<u8>, StatementError> {
    let mut subject = vec![Subject::handoff(handoff.0, handoff.1)];
    subject.extend(outcome.map(|(id, digest)| Subject::outcome(id, digest)));
    build(predicate, subject)
}

/// The canonical bytes of a directory that follows the one with the digest `previous`; none for the first.
///
/// # Errors
/// As [`build_handoff`], for FORMATS.md §8; [`StatementError::TooLarge`] when no verifier would read it.
pub fn build_directory(predicate: &DirectoryPredicate, previous: Option<Digest>) -> Result<Vec<u8>, StatementError> {
    let bytes = build(predicate, vec![Subject::directory(&predicate.org, previous)])?;
    let max_bytes = DirectoryPredicate::LIMITS.max_bytes;
    let n_most = predicate.subjects.len().max(predicate.keys.len());
    if bytes.len() > max_bytes || n_most > DirectoryPredicate::LIMITS.max_items {
        return Err(StatementError::TooLarge { n_bytes: bytes.len(), max_bytes });
    }
    Ok(bytes)
}

/// Signs the bytes of a statement and puts them into an envelope.
///
/// # Errors
/// [`SignError`] when the holder of the key refuses.
pub fn sign(bytes: Vec<u8>, signer: &dyn Signer) -> Result<Envelope, SignError> {
    Envelope::sign(bytes, signer)
}

/// Verifies the envelope of a statement of kind `P` and reads it.
///
/// Whether the signer's window covers the time of signing is a question of the kind: see [`crate::verify`].
///
/// # Errors
/// [`StatementError`]: no envelope, no signature under a key trusted for this kind, no strict JSON, another kind, an
/// unknown field, a subject or field that is not as FORMATS.md says, or another signer than the one it names.
pub fn verify<P: Predicate>(envelope: &Value, trust: &TrustSet) -> Result<Verified<Statement<P>>, StatementError> {
    let envelope = Envelope::from_value(envelope).map_err(StatementError::Envelope)?;
    let signed = envelope.verify(trust, P::KEY_USE).map_err(StatementError::Signature)?;
    let (subject, predicate) = read::<P>(signed.payload())?;
    let named = match predicate.signing_key() {
        None => signed.signers().first(),
        Some(id) => KeyId::parse(id).ok().and_then(|id| signed.signature_by(&id)),
    };
    let signature = named.ok_or(StatementFault::SigningKey)?.clone();
    predicate.check(&subject)?;
    let (digest, by, signature) = (signed.digest(), signature.by, signature.signature);
    Ok(Verified::new(Statement { subject, predicate, digest, by, signature }))
}

/// Reads the bytes of a statement of kind `P`; nothing is known about who wrote them.
fn read<P: Predicate>(bytes: &[u8]) -> Result<(Vec<Subject>, P), StatementError> {
    let written = strict_json::parse(bytes, &P::LIMITS).map_err(|error| StatementError::Json(error.into()))?;
    match written.get("predicateType").and_then(Value::as_str) {
        Some(found) if found == P::TYPE => {}
        _ => return Err(StatementFault::PredicateType.into()),
    }
    let wire: Wire<P> = strict_json::from_value(&written).map_err(StatementError::Json)?;
    if wire.kind != STATEMENT_TYPE {
        return Err(StatementFault::StatementType.into());
    }
    // What serde fills in or drops, such as a null for an absent field, would be a second spelling of the same.
    if serde_json::to_value(&wire).ok().as_ref() != Some(&written) {
        return Err(StatementFault::NotClosed.into());
    }
    Ok((wire.subject, wire.predicate))
}

/// Reads the bytes of a directory that nobody has signed yet.
pub(crate) fn read_directory(bytes: &[u8]) -> Result<(Vec<Subject>, DirectoryPredicate), StatementError> {
    let (subject, predicate) = read::<DirectoryPredicate>(bytes)?;
    predicate.check(&subject)?;
    Ok((subject, predicate))
}

impl<P> Statement<P> {
    /// Checks that the signing key was valid at `at`.
    ///
    /// # Errors
    /// [`StatementFault::KeyWindow`].
    pub fn check_key_window(&self, at: Timestamp) -> Result<(), StatementFault> {
        if self.by.is_valid_at(at) { Ok(()) } else { Err(StatementFault::KeyWindow) }
    }
}

#[cfg(test)]
mod tests;
