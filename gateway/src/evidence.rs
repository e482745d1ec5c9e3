//! What is recorded about one attempt of a handoff, for whoever operates the gateway: the ground of an evidence bundle.
//!
//! The same record that an auditor reads over HTTP, read out of the folder in one snapshot. Nothing is written.

use seamark_contracts::api::audit::AuditRecord;
use seamark_contracts::id::{AgentUrn, HandoffId};
use thiserror::Error;

use crate::db::handoff::HandoffRow;
use crate::db::{self, SqliteConnection, StorageError};
use crate::document::DocumentError;
use crate::gateway::Gateway;
use crate::{audit, state::Shared};

/// WhichAttempt attempt is asked for.
#[derive(Clone, Debug)]
pub struct WhichAttempt {
    pub handoff_id: HandoffId,
    /// Whose handoff, where several agents used the same id.
    pub submitter: Option<AgentUrn>,
    /// Counted from 1, the oldest; the newest when absent.
    pub attempt: Option<u32>,
}

/// A record and which of how many attempts it is about.
#[derive(Clone, Debug)]
pub struct AttemptRecord {
    pub record: AuditRecord,
    /// Counted from 1.
    pub attempt: u32,
    pub n_attempts: u32,
}

/// Why there is no record.
#[derive(Debug, Error)]
pub enum EvidenceError {
    #[error("this gateway has no handoff {0}; compare the id and the data folder")]
    NoHandoff(HandoffId),
    #[error("several agents submitted a handoff {id}: say which with --submitter, one of {submitters}")]
    Ambiguous { id: HandoffId, submitters: String },
    #[error("there is no attempt {asked} of the handoff: they are counted from 1, and the last is {n_attempts}")]
    NoAttempt { asked: u32, n_attempts: u32 },
    #[error("this attempt passed its gate without a person, so nobody decided and there is no evidence of a decision")]
    Passed,
    #[error("read the record")]
    Storage(#[from] StorageError),
    /// As a text: what is wrong lies inside of the gateway.
    #[error("put the record together: {0}")]
    Document(String),
}

impl From<DocumentError> for EvidenceError {
    fn from(error: DocumentError) -> Self {
        match error {
            DocumentError::Storage(error) => Self::Storage(error),
            other => Self::Document(crate::problem::chain(&other)),
        }
    }
}

impl Gateway {
    /// Everything recorded about one attempt, as it is at this moment. A gateway may run on the same folder.
    ///
    /// # Errors
    /// [`EvidenceError`].
    pub async fn record(&self, which: &WhichAttempt) -> Result<AttemptRecord, EvidenceError> {
        let mut connection = self.shared.database.read().await?;
        // One snapshot, so that decisions, outcome, entries and head are of one moment.
        db::begin_snapshot(&mut connection).await?;
        let found = read(&self.shared, &mut connection, which).await;
        db::roll_back(&mut connection).await?;
        found
    }
}

async fn read(
    shared: &Shared,
    connection: &mut SqliteConnection,
    which: &WhichAttempt,
) -> Result<AttemptRecord, EvidenceError> {
    let handoff = find(connection, which).await?;
    let attempts = db::attempt::list(connection, handoff.no).await?;
    let n_attempts = u32::try_from(attempts.len()).unwrap_or(u32::MAX);
    let asked = which.attempt.unwrap_or(n_attempts);
    let (attempt, row) = (1..)
        .zip(&attempts)
        .find(|(number, _)| *number == asked)
        .ok_or(EvidenceError::NoAttempt { asked, n_attempts })?;
    let record = audit::record(shared, connection, row).await?.ok_or(EvidenceError::Passed)?;
    Ok(AttemptRecord { record, attempt, n_attempts })
}

async fn find(connection: &mut SqliteConnection, which: &WhichAttempt) -> Result<HandoffRow, EvidenceError> {
    let id = which.handoff_id;
    let mut found = db::handoff::list_of_id(connection, &id.to_string()).await?;
    if let Some(submitter) = &which.submitter {
        found.retain(|row| row.submitter == submitter.as_str());
    }
    let submitters: Vec<&str> =
        found.iter().map(|row| row.submitter.trim_start_matches("urn:seamark:agent:")).collect();
    if submitters.len() > 1 {
        return Err(EvidenceError::Ambiguous { id, submitters: submitters.join(", ") });
    }
    found.pop().ok_or(EvidenceError::NoHandoff(id))
}
