//! Is this the handoff that a gateway admitted?

use seamark_contracts::canonical::{self, CanonicalError};
use seamark_contracts::clock::Timestamp;
use seamark_contracts::digest::Digest;
use seamark_contracts::handoff::HandoffPredicate;
use seamark_contracts::id::{AgentUrn, HandoffId};
use serde_json::{Value, json};
use thiserror::Error;

use crate::directory::{MAX_SKEW_MS, SubjectKind};
use crate::key::TrustSet;
use crate::statement::{self, HandoffStatement, StatementError, StatementFault};
use crate::verified::Verified;

/// Why an envelope holds no handoff of a gateway.
#[derive(Debug, Error)]
pub enum HandoffFault {
    #[error("verify the handoff statement")]
    Statement(#[source] StatementError),
    #[error("check the key of the handoff statement")]
    Key(#[source] StatementFault),
    #[error("handoff statement is signed by something that is no gateway of the directory")]
    NoGateway,
    #[error("handoff statement is from the future; check the clock of this computer")]
    Future,
}

/// Verifies the envelope of a handoff statement at the time `now`.
///
/// # Errors
/// [`HandoffFault`]: no statement under a gateway's handoff key, a key that was not valid when the statement was made, or
/// a statement made more than two minutes after `now`.
pub fn verify_handoff(
    envelope: &Value,
    trust: &TrustSet,
    now: Timestamp,
) -> Result<Verified<HandoffStatement>, HandoffFault> {
    let statement = statement::verify::<HandoffPredicate>(envelope, trust).map_err(HandoffFault::Statement)?;
    let created_at = statement.predicate.created_at;
    statement.check_key_window(created_at).map_err(HandoffFault::Key)?;
    let signer = trust.subject(&statement.by.subject);
    if signer.is_none_or(|signer| signer.kind != SubjectKind::Gateway) {
        return Err(HandoffFault::NoGateway);
    }
    if created_at > now.plus_ms(MAX_SKEW_MS) {
        return Err(HandoffFault::Future);
    }
    Ok(statement)
}

/// How ledger entries name a handoff: SHA-256 of the canonical bytes of `[SUBMITTER, HANDOFF_ID]`. Source: FORMATS.md §9.
///
/// # Errors
/// [`CanonicalError`] never comes for these two texts; it is passed on instead of being hidden.
pub fn ledger_ref(submitter: &AgentUrn, id: &HandoffId) -> Result<Digest, CanonicalError> {
    canonical::digest(&json!([submitter, id]))
}
