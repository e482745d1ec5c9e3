//! Looking back: concluded reviews, and everything recorded about one.

use seamark_contracts::api::audit::{AuditPage, AuditRecord};
use seamark_contracts::api::ledger::ConsistencyProof;
use seamark_contracts::api::reveal::RecordedBody;
use seamark_contracts::clock::Timestamp;
use seamark_contracts::handoff::ContractId;
use seamark_ledger::entry::EntryType;
use serde_json::Value;

use crate::auth::Device;
use crate::conclude;
use crate::db::SqliteConnection;
use crate::db::attempt::AttemptRow;
use crate::db::ledger::CheckpointRow;
use crate::db::past::Past;
use crate::db::{self, StorageError};
use crate::decide::may_see;
use crate::document::{self, DocumentError};
use crate::problem::Failure;
use crate::recorded::to_u64;
use crate::stamp;
use crate::state::Shared;

/// Matches are counted up to here.
const MAX_COUNTED: i64 = 10_000;
/// Who has this role sees the reviews of every role.
const AUDITOR: &str = "auditor";

/// Which reviews are asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Filter {
    /// Lowercase.
    pub(crate) words: Option<String>,
    pub(crate) outcome: Option<String>,
    pub(crate) contract: Option<String>,
    pub(crate) person: Option<String>,
    pub(crate) from: Option<Timestamp>,
    pub(crate) to: Option<Timestamp>,
}

fn may_audit(device: &Device, attempt: &AttemptRow) -> Result<bool, StorageError> {
    Ok(device.person.roles.iter().any(|role| role == AUDITOR) || may_see(device, attempt)?)
}

/// A page of concluded reviews, newest first. The database looks through all of them, however many there are.
pub(crate) async fn list(
    shared: &Shared,
    device: &Device,
    filter: &Filter,
    after: Option<i64>,
    limit: usize,
) -> Result<AuditPage, Failure> {
    let limit = limit.clamp(1, 100);
    let mut connection = shared.database.read().await?;
    let is_auditor = device.person.roles.iter().any(|role| role == AUDITOR);
    let persons = match &filter.words {
        None => Vec::new(),
        Some(words) => {
            let known = db::person::list(&mut connection).await?;
            let named = known.into_iter().filter(|person| person.name.to_lowercase().contains(words));
            named.map(|person| person.id).collect()
        }
    };
    let past = Past {
        roles: (!is_auditor).then(|| device.person.roles.clone()),
        words: filter.words.clone(),
        persons,
        outcome: filter.outcome.clone(),
        contract: filter.contract.clone(),
        person: filter.person.clone(),
        from_ms: filter.from.map(Timestamp::as_ms),
        to_ms: filter.to.map(Timestamp::as_ms),
    };
    let n_matching = to_u64(past.count(&mut connection, MAX_COUNTED).await?, "attempt", "no")?;
    let n_wanted = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut rows = past.list(&mut connection, after.unwrap_or(i64::MAX), n_wanted + 1).await?;
    let is_more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| is_more).map(|row| row.no.to_string());
    let mut reviews = Vec::with_capacity(rows.len());
    for row in &rows {
        reviews.extend(document::review(shared, &mut connection, row).await?);
    }
    Ok(AuditPage { reviews, n_matching, next })
}

/// Everything recorded about one review.
pub(crate) async fn read(shared: &Shared, device: &Device, review_id: &str) -> Result<AuditRecord, Failure> {
    let mut connection = shared.database.read().await?;
    let attempt =
        db::attempt::find_review(&mut connection, review_id).await?.ok_or_else(|| Failure::not_found("review"))?;
    if !may_audit(device, &attempt)? {
        return Err(Failure::not_found("review"));
    }
    // One snapshot: an entry that was committed between two readings would seem to lack its statement.
    let mut snapshot = db::snapshot(&mut connection).await?;
    record(shared, &mut snapshot, &attempt).await?.ok_or_else(|| Failure::not_found("review"))
}

/// The checkpoint under which a record is proved, of those that cover all that there is of the handoff: the first that an
/// authority stamped, else one that witnesses cosigned, else the newest.
async fn record_head(
    shared: &Shared,
    connection: &mut SqliteConnection,
    attempt: &AttemptRow,
) -> Result<CheckpointRow, StorageError> {
    let last = db::ledger::last_of_handoff(connection, attempt.handoff).await?;
    let last = db::parsed(last, "ledger_entry", "seq", attempt.no)?;
    if let Some(stamped) = db::outside::first_stamped(connection, last).await? {
        return Ok(stamped);
    }
    // Whoever asks again gets one with a time-stamp, where an authority is configured.
    shared.stamp_wanted.notify_one();
    if let Some(cosigned) = db::outside::best_cosigned(connection, last).await? {
        return Ok(cosigned);
    }
    let newest = db::ledger::newest_checkpoint(connection).await?;
    db::parsed(newest, "ledger_checkpoint", "size", attempt.no)
}

/// Everything recorded about the review of an attempt; nothing when it passed without one. Who may read it is the caller's
/// question.
pub(crate) async fn record(
    shared: &Shared,
    connection: &mut SqliteConnection,
    attempt: &AttemptRow,
) -> Result<Option<AuditRecord>, DocumentError> {
    let no = attempt.no;
    let Some(review) = document::review(shared, connection, attempt).await? else { return Ok(None) };
    let decisions = db::decision::list(connection, no).await?;
    let outcome = db::outcome::find(connection, no).await?;
    let execution = db::outcome::find_execution(connection, no).await?;
    let head = record_head(shared, connection, attempt).await?;
    let checkpoint = shared.witnessed_checkpoint(connection, &head).await?;
    let size = to_u64(head.size, "ledger_checkpoint", "size")?;
    let (mut entries, mut bodies) = (Vec::new(), Vec::new());
    for entry in db::ledger::list_of_handoff(connection, attempt.handoff, head.size).await? {
        if is_about_reveals(&entry.kind)
            && let Some(body) = db::ledger::find_body(connection, entry.seq).await?
        {
            let seq = to_u64(entry.seq, "ledger_body", "seq")?;
            let body = db::parsed(String::from_utf8(body.bytes).ok(), "ledger_body", "bytes", entry.seq)?;
            bodies.push(RecordedBody { seq, body });
        }
        entries.push(shared.tiles.recorded(connection, &entry, size).await?);
    }
    let mut seen: Vec<u64> = Vec::new();
    for row in &decisions {
        seen.push(conclude::decision_of(row)?.seen_checkpoint.size);
    }
    // The head that an outcome names is the one right before its own entry.
    if let Some(outcome) = &outcome {
        seen.push(to_u64(outcome.no, "outcome", "no")?);
    }
    seen.sort_unstable();
    seen.dedup();
    let mut consistency = Vec::new();
    for from in seen.into_iter().filter(|from| *from >= 1 && *from < size) {
        let proof = shared.tiles.consistency(connection, from, size).await?;
        let proof = proof.iter().map(ToString::to_string).collect();
        consistency.push(ConsistencyProof { from, to: size, proof });
    }
    let directory = db::parsed(db::directory::newest(connection).await?, "directory", "version", no)?;
    let id = ContractId { name: attempt.contract_name.clone(), version: attempt.contract_version.clone() };
    let contract = db::contract::find(connection, &id.name, &id.version).await?;
    let contract = db::parsed(contract, "attempt", "contract_name", no)?;
    let json = |text: &str, column| db::parsed(serde_json::from_str::<Value>(text).ok(), "decision", column, no);
    let text = |bytes: Vec<u8>, table, column| db::parsed(String::from_utf8(bytes).ok(), table, column, no);
    Ok(Some(AuditRecord {
        review,
        decisions: decisions.iter().map(|row| json(&row.envelope, "envelope")).collect::<Result<_, _>>()?,
        views: decisions.into_iter().map(|row| text(row.view, "decision", "view")).collect::<Result<_, _>>()?,
        outcome: outcome.map(|row| document::envelope(&row.statement, &row.signature, &shared.keys.outcome)),
        executions: execution.map(|row| json(&row.envelope, "envelope")).transpose()?.into_iter().collect(),
        entries,
        bodies,
        checkpoint,
        timestamp: stamp::over(shared, connection, &head).await?,
        consistency,
        directory: document::directory(&directory)?,
        contract: text(contract.canonical, "contract", "canonical")?,
    }))
}

/// Whether the body of an entry of this kind belongs to a record: who read which masked field and why.
fn is_about_reveals(kind: &str) -> bool {
    [EntryType::DisclosureRevealed, EntryType::DisclosureCopied, EntryType::AccessRefused]
        .iter()
        .any(|known| known.as_str() == kind)
}
