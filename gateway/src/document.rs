//! What rows look like to those who ask: reviews, handoff answers, deliveries. Reading only.
//!
//! A delivery is a function of rows that never change: the entries up to the outcome, the first checkpoint that covers
//! it, the directory of that moment. So every reading gives the same bytes (invariant C3) although nothing is stored. Only
//! who asks for the lines of outside witnesses, which come later, gets another checkpoint, proofs and directory.

use crate::db::SqliteConnection;
use base64ct::{Base64, Encoding as _};
use seamark_contracts::api::agent::{
    CloudEvent, Delivery, HandoffAnswer, HandoffStatus, OutcomeSummary, ResultSummary,
};
use seamark_contracts::api::ledger::LedgerPosition;
use seamark_contracts::api::review::{DecisionSummary, ReviewDocument, ReviewState};
use seamark_contracts::clock::Timestamp;
use seamark_contracts::digest::Digest;
use seamark_contracts::handoff::{ContractId, ContractRef};
use seamark_contracts::id::{AgentUrn, DecisionId, HandoffId, OutcomeId, ReviewId, UserUrn};
use seamark_ledger::dsse::IN_TOTO;
use seamark_ledger::key::{PublicKey, Signer as _, SigningKey};
use seamark_ledger::tree::Hash;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use thiserror::Error;

use crate::db::attempt::AttemptRow;
use crate::db::decision::DecisionRow;
use crate::db::directory::DirectoryRow;
use crate::db::handoff::HandoffRow;
use crate::db::outcome::{ExecutionRow, OutcomeRow};
use crate::db::stream::StreamRow;
use crate::db::{self, StorageError};
use crate::recorded::{Entered, Event, to_u64};
use crate::state::{App, SignCheckpointError};
use crate::tiles::ProofFault;

/// Why a document cannot be put together.
#[derive(Debug, Error)]
pub(crate) enum DocumentError {
    #[error("read the rows")]
    Storage(#[from] StorageError),
    #[error("prove the entries")]
    Proof(#[from] ProofFault),
    #[error("sign the checkpoint")]
    Checkpoint(#[from] SignCheckpointError),
}

impl From<DocumentError> for crate::problem::Failure {
    fn from(error: DocumentError) -> Self {
        match error {
            DocumentError::Storage(error) => error.into(),
            other => Self::internal(other),
        }
    }
}

/// The envelope around a statement that this gateway signed.
pub(crate) fn envelope(statement: &[u8], signature: &[u8], key: &SigningKey) -> Value {
    envelope_of(statement, signature, &key.public_key())
}

/// The same under a key whose private half is elsewhere.
pub(crate) fn envelope_of(statement: &[u8], signature: &[u8], key: &PublicKey) -> Value {
    json!({
        "payload": Base64::encode_string(statement),
        "payloadType": IN_TOTO,
        "signatures": [{ "keyid": key.id().to_string(), "sig": Base64::encode_string(signature) }],
    })
}

/// A word of a closed list, as stored.
pub(crate) fn word<T: DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_value(Value::String(text.to_owned())).ok()
}

fn digest(bytes: &[u8], table: &'static str, no: i64) -> Result<Digest, StorageError> {
    Ok(Digest::from_bytes(db::bytes32(bytes, table, "digest", no)?))
}

fn leaf_text(bytes: &[u8], no: i64) -> Result<String, StorageError> {
    Ok(Hash::from_bytes(db::bytes32(bytes, "ledger_entry", "leaf", no)?).to_string())
}

/// A row that must be there because another one names it.
fn present<T>(row: Option<T>, table: &'static str, no: i64) -> Result<T, StorageError> {
    db::parsed(row, table, "no", no)
}

/// Where an entry is recorded.
pub(crate) async fn position(connection: &mut SqliteConnection, no: i64) -> Result<LedgerPosition, StorageError> {
    let entry = present(db::ledger::load_entry(connection, no).await?, "ledger_entry", no)?;
    Ok(LedgerPosition { seq: to_u64(no, "ledger_entry", "seq")?, leaf: leaf_text(&entry.leaf, no)? })
}

/// The same inside a transaction, where the entry may be a new one.
pub(crate) async fn position_in(entered: &mut Entered<'_>, no: i64) -> Result<LedgerPosition, StorageError> {
    match entered.leaf_at(no) {
        Some(leaf) => Ok(LedgerPosition { seq: to_u64(no, "ledger_entry", "seq")?, leaf: leaf.to_string() }),
        None => position(entered.reader().await?, no).await,
    }
}

/// An outcome in short.
pub(crate) fn outcome_summary(row: &OutcomeRow) -> Result<OutcomeSummary, StorageError> {
    Ok(OutcomeSummary {
        outcome_id: db::parsed(OutcomeId::parse(&row.outcome_id).ok(), "outcome", "outcome_id", row.no)?,
        outcome: db::parsed(word(&row.kind), "outcome", "kind", row.no)?,
        cause: db::parsed(word(&row.cause), "outcome", "cause", row.no)?,
        formed_at: Timestamp::from_ms(row.formed_ms),
    })
}

/// A report in short.
pub(crate) fn result_summary(row: &ExecutionRow) -> Result<ResultSummary, StorageError> {
    let phase = row.phase.as_deref().map(|phase| db::parsed(word(phase), "execution", "phase", row.no)).transpose()?;
    Ok(ResultSummary {
        result: db::parsed(word(&row.result), "execution", "result", row.no)?,
        phase,
        code: row.code.clone(),
        executed_at: Timestamp::from_ms(row.executed_ms),
        executor: db::parsed(AgentUrn::parse(&row.executor).ok(), "execution", "executor", row.no)?,
    })
}

/// A decision in short.
pub(crate) fn decision_summary(row: &DecisionRow) -> Result<DecisionSummary, StorageError> {
    let why = row.why.as_deref().map(|why| db::parsed(word(why), "decision", "why", row.no)).transpose()?;
    Ok(DecisionSummary {
        decision_id: db::parsed(DecisionId::parse(&row.decision_id).ok(), "decision", "decision_id", row.no)?,
        decision: db::parsed(word(&row.kind), "decision", "kind", row.no)?,
        reviewer: db::parsed(UserUrn::parse(&row.person).ok(), "decision", "person", row.no)?,
        reviewer_name: row.person_name.clone(),
        decided_at: Timestamp::from_ms(row.decided_ms),
        recorded_at: Timestamp::from_ms(row.recorded_ms),
        recorded: LedgerPosition { seq: to_u64(row.no, "decision", "no")?, leaf: leaf_text(&row.leaf, row.no)? },
        counted: row.counted,
        why,
    })
}

/// The exact contract of an attempt.
async fn contract_ref(
    app: &App,
    connection: &mut SqliteConnection,
    attempt: &AttemptRow,
) -> Result<ContractRef, StorageError> {
    let id = ContractId { name: attempt.contract_name.clone(), version: attempt.contract_version.clone() };
    let compiled = app.contract(connection, &id).await?;
    Ok(db::parsed(compiled, "attempt", "contract_name", attempt.no)?.reference())
}

/// One review as a desk sees it; `None` when the attempt passed without one.
pub(crate) async fn review(
    app: &App,
    connection: &mut SqliteConnection,
    attempt: &AttemptRow,
) -> Result<Option<ReviewDocument>, StorageError> {
    let (Some(review_id), Some(expires_ms)) = (&attempt.review_id, attempt.expires_ms) else { return Ok(None) };
    let no = attempt.no;
    let handoff = present(db::handoff::load(connection, attempt.handoff).await?, "handoff", attempt.handoff)?;
    let statement = present(db::attempt::load_statement(connection, no).await?, "statement", no)?;
    let is_open = attempt.state == "open";
    let decisions = db::decision::list(connection, no).await?;
    let outcome = if is_open { None } else { db::outcome::find(connection, no).await? };
    let execution = if is_open { None } else { db::outcome::find_execution(connection, no).await? };
    let superseded_by = match attempt.superseded_by {
        Some(next) => present(db::attempt::load(connection, next).await?, "attempt", next)?.review_id,
        None => None,
    };
    let parse_review = |text: &String| db::parsed(ReviewId::parse(text).ok(), "attempt", "review_id", no);
    let state: ReviewState = db::parsed(word(&attempt.state), "attempt", "state", no)?;
    Ok(Some(ReviewDocument {
        review_id: parse_review(review_id)?,
        handoff_id: handoff_id(&handoff)?,
        version: to_u64(attempt.version, "attempt", "version")?,
        handoff: envelope(&statement.bytes, &statement.signature, &app.keys.handoff),
        contract: contract_ref(app, connection, attempt).await?,
        state,
        decisions: decisions.iter().map(decision_summary).collect::<Result<_, _>>()?,
        outcome: outcome.as_ref().map(outcome_summary).transpose()?,
        delivered_at: attempt.delivered_ms.map(Timestamp::from_ms),
        result: execution.as_ref().map(result_summary).transpose()?,
        superseded_by: superseded_by.as_ref().map(parse_review).transpose()?,
        opened_at: Timestamp::from_ms(attempt.opened_ms),
        expires_at: Timestamp::from_ms(expires_ms),
    }))
}

/// A handoff's id.
pub(crate) fn handoff_id(row: &HandoffRow) -> Result<HandoffId, StorageError> {
    db::parsed(HandoffId::parse(&row.handoff_id).ok(), "handoff", "handoff_id", row.no)
}

/// A handoff with one of its attempts, as its agents see it. `with_result` is false where bytes may not change later.
pub(crate) async fn answer(
    connection: &mut SqliteConnection,
    handoff: &HandoffRow,
    attempt: &AttemptRow,
    with_result: bool,
) -> Result<HandoffAnswer, StorageError> {
    let is_open = attempt.state == "open";
    let outcome = if is_open { None } else { db::outcome::find(connection, attempt.no).await? };
    let execution =
        if is_open || !with_result { None } else { db::outcome::find_execution(connection, attempt.no).await? };
    let recorded = position(connection, attempt.no).await?;
    answer_of(handoff, attempt, outcome.as_ref(), execution.as_ref(), recorded)
}

/// The same out of rows at hand.
pub(crate) fn answer_of(
    handoff: &HandoffRow,
    attempt: &AttemptRow,
    outcome: Option<&OutcomeRow>,
    execution: Option<&ExecutionRow>,
    recorded: LedgerPosition,
) -> Result<HandoffAnswer, StorageError> {
    let no = attempt.no;
    let status: HandoffStatus = db::parsed(word(&attempt.state), "attempt", "state", no)?;
    let review_id = attempt.review_id.as_ref();
    Ok(HandoffAnswer {
        handoff_id: handoff_id(handoff)?,
        status,
        contract: ContractId { name: attempt.contract_name.clone(), version: attempt.contract_version.clone() },
        correlation_id: handoff.correlation_id.clone(),
        revision: db::parsed(u32::try_from(attempt.revision).ok(), "attempt", "revision", no)?,
        attempt: Some(attempt.attempt.clone()),
        statement: Some(digest(&attempt.statement_digest, "attempt", no)?),
        review_id: review_id.map(|id| db::parsed(ReviewId::parse(id).ok(), "attempt", "review_id", no)).transpose()?,
        expires_at: attempt.expires_ms.map(Timestamp::from_ms),
        outcome: outcome.map(outcome_summary).transpose()?,
        result: execution.map(result_summary).transpose()?,
        recorded,
    })
}

/// The envelope around a version of the directory.
pub(crate) fn directory(row: &DirectoryRow) -> Result<Value, StorageError> {
    let root = db::parsed(PublicKey::parse(&row.root).ok(), "root", "public_key", row.version)?;
    Ok(envelope_of(&row.statement, &row.signature, &root))
}

/// Everything that the destination needs to verify an attempt; `None` while it is open.
pub(crate) async fn delivery(
    app: &App,
    connection: &mut SqliteConnection,
    attempt: &AttemptRow,
) -> Result<Option<Delivery>, DocumentError> {
    delivery_under(app, connection, attempt, Under::First).await
}

/// The same under a checkpoint that witnesses cosigned, with their lines; `None` while there is none.
pub(crate) async fn cosigned_delivery(
    app: &App,
    connection: &mut SqliteConnection,
    attempt: &AttemptRow,
) -> Result<Option<Delivery>, DocumentError> {
    delivery_under(app, connection, attempt, Under::Cosigned).await
}

/// Which checkpoint a delivery is proved under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Under {
    /// The first that covers it, with the ledger's line alone: the same for ever (invariant C3).
    First,
    /// The best that witnesses cosigned; it may be another one at the next reading.
    Cosigned,
}

async fn delivery_under(
    app: &App,
    connection: &mut SqliteConnection,
    attempt: &AttemptRow,
    under: Under,
) -> Result<Option<Delivery>, DocumentError> {
    let no = attempt.no;
    let outcome = match attempt.state.as_str() {
        "open" => return Ok(None),
        "passed" => None,
        _ => Some(present(db::outcome::find(connection, no).await?, "outcome", no)?),
    };
    // A passed handoff ends with its second entry, `handoff.passed`.
    let last = outcome.as_ref().map_or(no + 1, |outcome| outcome.no);
    let (checkpoint, note) = match under {
        Under::First => {
            let first = db::ledger::first_checkpoint_over(connection, last).await?;
            let first = present(first, "ledger_checkpoint", last)?;
            let note = app.sign_checkpoint(&first)?;
            (first, note)
        }
        Under::Cosigned => {
            let Some(cosigned) = db::outside::best_cosigned(connection, last).await? else { return Ok(None) };
            let note = app.witnessed_checkpoint(connection, &cosigned).await?;
            (cosigned, note)
        }
    };
    let size = to_u64(checkpoint.size, "ledger_checkpoint", "size")?;
    let statement = present(db::attempt::load_statement(connection, no).await?, "statement", no)?;
    let mut decisions = db::decision::list(connection, no).await?;
    decisions.retain(|decision| decision.no < last);
    let directory_row =
        present(db::directory::newest_within(connection, checkpoint.size).await?, "directory", checkpoint.size)?;
    let contract = db::contract::find(connection, &attempt.contract_name, &attempt.contract_version).await?;
    let contract = present(contract, "attempt", no)?.canonical;
    let mut proofs = Vec::new();
    for entry in db::ledger::list_of_handoff(connection, attempt.handoff, last + 1).await? {
        proofs.push(app.tiles.recorded(connection, &entry, size).await?);
    }
    let json = |text: &[u8], column| db::parsed(serde_json::from_slice::<Value>(text).ok(), "decision", column, no);
    let envelopes = decisions.iter().map(|row| json(row.envelope.as_bytes(), "envelope")).collect::<Result<_, _>>()?;
    let views = decisions.iter().map(|row| json(&row.view, "view")).collect::<Result<_, _>>()?;
    Ok(Some(Delivery {
        format: "seamark-delivery/v1".to_owned(),
        outcome: outcome.map(|row| envelope(&row.statement, &row.signature, &app.keys.outcome)),
        handoff: envelope(&statement.bytes, &statement.signature, &app.keys.handoff),
        decisions: envelopes,
        views,
        contract: db::parsed(String::from_utf8(contract).ok(), "contract", "canonical", no)?,
        directory: directory(&directory_row)?,
        proofs,
        checkpoint: note,
        disclosures: disclosures(connection, attempt.content).await?,
    }))
}

/// Every disclosure of a content; none when it was erased.
pub(crate) async fn disclosures(connection: &mut SqliteConnection, content: i64) -> Result<Vec<String>, StorageError> {
    let payload = db::handoff::find_payload(connection, content).await?;
    let Some(text) = payload.and_then(|payload| payload.disclosures) else { return Ok(Vec::new()) };
    db::parsed(serde_json::from_str(&text).ok(), "payload", "disclosures", content)
}

/// The type of the event for agents; `None` for what concerns desks only.
fn cloud_type(kind: &str) -> Option<&'static str> {
    let is = |event: Event| event.as_str() == kind;
    if is(Event::Passed) {
        Some("dev.seamark.handoff.passed.v1")
    } else if is(Event::Opened) {
        Some("dev.seamark.review.opened.v1")
    } else if is(Event::Concluded) {
        Some("dev.seamark.outcome.formed.v1")
    } else if is(Event::Executed) {
        Some("dev.seamark.execution.reported.v1")
    } else {
        None
    }
}

/// A change as an event for agents.
pub(crate) async fn cloud_event(
    app: &App,
    connection: &mut SqliteConnection,
    change: &StreamRow,
    handoff: &HandoffRow,
    attempt: &AttemptRow,
) -> Result<Option<CloudEvent>, StorageError> {
    let Some(kind) = cloud_type(&change.kind) else { return Ok(None) };
    let data = answer(connection, handoff, attempt, true).await?;
    let id = match (&data.outcome, change.kind == Event::Concluded.as_str()) {
        (Some(outcome), true) => outcome.outcome_id.to_string(),
        _ => change.seq.to_string(),
    };
    Ok(Some(wrap(app, kind, id, change.pos, Timestamp::from_ms(change.at_ms), data)))
}

/// The event that tells of an outcome.
pub(crate) fn outcome_event(app: &App, pos: i64, id: &OutcomeId, data: HandoffAnswer, at: Timestamp) -> CloudEvent {
    wrap(app, "dev.seamark.outcome.formed.v1", id.to_string(), pos, at, data)
}

fn wrap(app: &App, kind: &str, id: String, pos: i64, time: Timestamp, data: HandoffAnswer) -> CloudEvent {
    CloudEvent {
        specversion: "1.0".to_owned(),
        id,
        source: app.identity.origin.clone(),
        kind: kind.to_owned(),
        subject: data.handoff_id.to_string(),
        time,
        datacontenttype: "application/json".to_owned(),
        correlationid: data.correlation_id.clone(),
        traceparent: None,
        sequence: pos.to_string(),
        data,
    }
}
