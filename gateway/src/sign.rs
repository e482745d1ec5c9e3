//! Statements that the gateway signs.

use seamark_contracts::digest::Digest;
use seamark_contracts::handoff::HandoffPredicate;
use seamark_contracts::outcome::OutcomePredicate;
use seamark_ledger::dsse::{IN_TOTO, pae};
use seamark_ledger::key::{SignError, Signature, Signer, SigningKey};
use seamark_ledger::statement::{self, StatementError};
use thiserror::Error;

use crate::db::StorageError;
use crate::recorded::LedgerFault;

/// A statement with its signature.
#[derive(Clone, Debug)]
pub(crate) struct Signed {
    pub(crate) bytes: Vec<u8>,
    pub(crate) digest: Digest,
    pub(crate) signature: Signature,
}

/// Why there is no signed statement.
#[derive(Debug, Error)]
pub(crate) enum SignStatementError {
    #[error("build the statement")]
    Statement(#[from] StatementError),
    #[error("sign the statement")]
    Sign(#[from] SignError),
}

impl From<SignStatementError> for StorageError {
    fn from(error: SignStatementError) -> Self {
        Self::Ledger(LedgerFault::Statement(Box::new(error)))
    }
}

fn sign(bytes: Vec<u8>, key: &SigningKey) -> Result<Signed, SignStatementError> {
    let signature = key.sign(&pae(IN_TOTO, &bytes))?;
    Ok(Signed { digest: Digest::of(&bytes), bytes, signature })
}

/// A handoff statement; its subject is the payload as it stands in the statement.
pub(crate) fn handoff(predicate: &HandoffPredicate, key: &SigningKey) -> Result<Signed, SignStatementError> {
    sign(statement::build_handoff(predicate)?, key)
}

/// The same around the canonical bytes of the predicate.
pub(crate) fn admitted(
    predicate: &HandoffPredicate,
    canonical: &[u8],
    key: &SigningKey,
) -> Result<Signed, SignStatementError> {
    sign(statement::build_admitted(predicate, canonical)?, key)
}

/// An outcome statement; its subject is the handoff statement.
pub(crate) fn outcome(
    predicate: &OutcomePredicate,
    handoff: Digest,
    key: &SigningKey,
) -> Result<Signed, SignStatementError> {
    sign(statement::build_outcome(predicate, handoff)?, key)
}
