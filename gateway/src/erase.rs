//! Erasing payloads: on request, and when their contract's retention is over.
//!
//! Submitted bytes, salts, hidden values and files go; what was signed and the ledger stay and verify (invariant D6). So
//! does what a contract shows in clear, which is part of the signed statement, and what people wrote into decisions.

use seamark_contracts::clock::Timestamp;
use seamark_contracts::contract::period;
use seamark_contracts::digest::Digest;
use seamark_contracts::id::HandoffId;
use seamark_contracts::text;
use seamark_ledger::entry::EntryType;
use serde::Serialize;
use serde_json::{Map, Value, json};
use thiserror::Error;

use crate::db::erasure::{ErasureRow, Kept};
use crate::db::handoff::HandoffRow;
use crate::db::{self, SqliteConnection, StorageError};
use crate::operate;
use crate::recorded::{Change, Draft, Entered, Object, Of, Plan};
use crate::sequencer::RecordError;
use crate::state::Shared;

/// Refused submissions are of no contract that could say how long: their bytes are kept for six months.
const REFUSED_DAYS: i64 = 186;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// Handoffs erased in one go.
const BATCH: i64 = 100;

/// Why nothing was erased.
#[derive(Debug, Error)]
pub enum EraseError {
    #[error("there is no handoff {0} here, so nothing was erased; `seamark ledger` and the audit show what there is")]
    Unknown(HandoffId),
    #[error("several agents submitted a handoff {id}, so nothing was erased; name one of them: {}", .submitters.join(", "))]
    Ambiguous { id: HandoffId, submitters: Vec<String> },
    #[error(
        "the handoff {0} still waits for a decision, and who decides or acts needs its values; nothing was erased. Let its source withdraw it, or wait for the end"
    )]
    Open(HandoffId),
    #[error(
        "the handoff {id} was approved and nothing is reported yet: until {until} its destination may need the values to act. Nothing was erased; try again then"
    )]
    Awaited { id: HandoffId, until: Timestamp },
    #[error("the reason {0}; nothing was erased")]
    Reason(String),
    #[error("read what is to be erased")]
    Storage(#[from] StorageError),
    #[error("write the erasure")]
    Record(#[from] RecordError),
}

/// What an erasure did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Erased {
    pub handoff_id: HandoffId,
    /// Urn of the agent that submitted it.
    pub submitter: String,
    /// When it was erased first, gateway time.
    pub erased_at: Timestamp,
    /// False when nothing was left to erase; then nothing was changed.
    pub is_new: bool,
    /// Contents, one for each revision, whose submitted bytes, salts and values are gone.
    pub contents: i64,
    /// Files whose bytes are gone.
    pub files: i64,
    /// Refused revisions whose bytes are gone.
    pub refused: i64,
    /// False when a reader kept the database's journal from being emptied: it does so by itself, at the latest when the
    /// gateway stops, and holds the erased bytes until then.
    pub is_journal_empty: bool,
}

/// How long one contract version keeps payloads, and what it keeps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RetentionInfo {
    /// `NAME@VERSION`.
    pub contract: String,
    /// As the contract has it, as in `P7Y`.
    pub retention: String,
    /// The same in days; a year has 366, a month 31.
    pub days: i64,
    /// Handoffs of which something is kept.
    pub kept: i64,
    /// Of these, those whose time is over; they are erased within the hour.
    pub due: i64,
}

/// Why a payload is erased.
enum Why {
    /// Somebody asked for it, with a reason in words.
    Request(String),
    /// The retention of this contract is over.
    Retention { contract: String, retention: String, before_ms: i64 },
}

struct Erase {
    handoff: i64,
    instance: String,
    why: Why,
}

enum Done {
    /// It was erased.
    Now(Timestamp, Kept),
    /// There was nothing left.
    Before(Option<Timestamp>),
    /// A new attempt, or a newer end, came in between.
    NotYet,
}

impl Change for Erase {
    type Done = Done;

    async fn apply(&mut self, plan: &mut Plan<'_>) -> Result<Done, StorageError> {
        let (no, now) = (self.handoff, plan.now());
        let connection = plan.reader().await?;
        let handoff = db::parsed(db::handoff::load(connection, no).await?, "handoff", "no", no)?;
        let newest = db::parsed(db::attempt::newest(connection, no).await?, "attempt", "handoff", no)?;
        let is_due = match &self.why {
            Why::Request(_) => awaited_until(connection, &newest, now).await?.is_none(),
            Why::Retention { before_ms, .. } => newest.closed_ms.is_some_and(|closed_ms| closed_ms < *before_ms),
        };
        if newest.state == "open" || !is_due {
            return Ok(Done::NotYet);
        }
        let kept = db::erasure::kept(connection, no, &handoff.submitter, &handoff.handoff_id).await?;
        if kept.is_nothing() {
            let first = db::erasure::find(connection, no).await?;
            return Ok(Done::Before(first.map(|row| Timestamp::from_ms(row.at_ms))));
        }
        let draft = self.draft(&handoff)?;
        let mut entered = plan.record(draft).await?;
        note(&mut entered, Some(no)).await?;
        db::erasure::erase(&mut entered.write().await?, no, &handoff.submitter, &handoff.handoff_id).await?;
        Ok(Done::Now(now, kept))
    }
}

impl Erase {
    fn draft(&self, handoff: &HandoffRow) -> Result<Draft, StorageError> {
        let (kind, members) = match &self.why {
            Why::Request(reason) => (EntryType::ErasurePerformed, json!({ "reason": reason })),
            Why::Retention { contract, retention, .. } => {
                (EntryType::RetentionApplied, json!({ "contract": contract, "retention": retention }))
            }
        };
        let ledger_ref = db::parsed(Digest::parse_hex(&handoff.ledger_ref).ok(), "handoff", "ref", handoff.no)?;
        let of = Of::Handoff { no: handoff.no, ledger_ref };
        Ok(Draft {
            kind,
            actor: self.instance.clone(),
            of,
            object: Object::Event(members_of(members)),
            sigs: Vec::new(),
        })
    }
}

fn members_of(members: Value) -> Map<String, Value> {
    match members {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

async fn note(entered: &mut Entered<'_>, handoff: Option<i64>) -> Result<(), StorageError> {
    let row = ErasureRow { no: entered.position().no, handoff, at_ms: entered.now().as_ms() };
    db::erasure::insert(&mut entered.write().await?, &row).await
}

/// Until when an approved attempt without a report may still be acted upon; nothing when it may not.
async fn awaited_until(
    connection: &mut SqliteConnection,
    attempt: &db::attempt::AttemptRow,
    now: Timestamp,
) -> Result<Option<Timestamp>, StorageError> {
    if attempt.state != "approved" || db::outcome::find_execution(connection, attempt.no).await?.is_some() {
        return Ok(None);
    }
    let decisions = db::decision::list(connection, attempt.no).await?;
    let mut ends = Vec::new();
    for row in decisions.iter().filter(|row| row.counted) {
        ends.extend(crate::conclude::decision_of(row)?.constraints.map(|constraints| constraints.expires_at));
    }
    Ok(ends.into_iter().min().filter(|until| *until > now))
}

/// The handoff that is meant.
async fn find(
    connection: &mut SqliteConnection,
    id: HandoffId,
    submitter: Option<&str>,
) -> Result<HandoffRow, EraseError> {
    let mut found = db::handoff::list_of_id(connection, &id.to_string()).await?;
    found.retain(|row| submitter.is_none_or(|wanted| row.submitter == wanted || is_named(&row.submitter, wanted)));
    match (found.pop(), found.first()) {
        (Some(row), None) => Ok(row),
        (None, _) => Err(EraseError::Unknown(id)),
        (Some(row), Some(_)) => {
            let mut submitters: Vec<String> = found.into_iter().map(|row| row.submitter).collect();
            submitters.push(row.submitter);
            Err(EraseError::Ambiguous { id, submitters })
        }
    }
}

fn is_named(urn: &str, name: &str) -> bool {
    urn.strip_prefix("urn:seamark:agent:") == Some(name)
}

/// Erases the payload of a handoff because somebody asked for it.
///
/// # Errors
/// [`EraseError`]; then nothing was changed.
pub(crate) async fn erase(
    shared: &Shared,
    id: HandoffId,
    submitter: Option<&str>,
    reason: &str,
) -> Result<Erased, EraseError> {
    let reason = reason.trim().to_owned();
    if let Some(fault) = text::length_fault(&reason, 1, text::MAX_PARAGRAPH_CHARS) {
        return Err(EraseError::Reason(fault));
    }
    if text::has_oddity(&reason) {
        return Err(EraseError::Reason("has characters that cannot be seen".to_owned()));
    }
    let mut connection = shared.database.read().await?;
    let handoff = find(&mut connection, id, submitter).await?;
    drop(connection);
    let change = Erase { handoff: handoff.no, instance: shared.identity.instance.clone(), why: Why::Request(reason) };
    let (erased_at, kept, is_new) = match shared.recorder.record(change).await? {
        Done::Now(at, kept) => (at, kept, true),
        Done::Before(at) => (at.unwrap_or_else(|| shared.now()), Kept::default(), false),
        Done::NotYet => return Err(refusal(shared, id, handoff.no).await?),
    };
    let is_journal_empty = !is_new || shared.database.empty_journal().await?;
    let submitter = handoff.submitter;
    let Kept { n_contents: contents, n_files: files, n_refused: refused } = kept;
    Ok(Erased { handoff_id: id, submitter, erased_at, is_new, contents, files, refused, is_journal_empty })
}

async fn refusal(shared: &Shared, id: HandoffId, handoff: i64) -> Result<EraseError, StorageError> {
    let mut connection = shared.database.read().await?;
    let newest = db::parsed(db::attempt::newest(&mut connection, handoff).await?, "attempt", "handoff", handoff)?;
    let until = awaited_until(&mut connection, &newest, shared.now()).await?;
    Ok(until.map_or(EraseError::Open(id), |until| EraseError::Awaited { id, until }))
}

// ---- retention ----

struct EraseRefused {
    instance: String,
    before_ms: i64,
}

impl Change for EraseRefused {
    type Done = i64;

    async fn apply(&mut self, plan: &mut Plan<'_>) -> Result<i64, StorageError> {
        let n = db::erasure::count_refused(plan.reader().await?, self.before_ms).await?;
        if n == 0 {
            return Ok(0);
        }
        let body = json!({ "refused": n, "retention": format!("P{REFUSED_DAYS}D") });
        let mut entered = plan.record(operate::event(EntryType::RetentionApplied, &self.instance, body)).await?;
        note(&mut entered, None).await?;
        db::erasure::erase_refused(&mut entered.write().await?, self.before_ms).await?;
        Ok(n)
    }
}

/// Each published contract version with its retention.
async fn classes(connection: &mut SqliteConnection) -> Result<Vec<(String, String, String, i64)>, StorageError> {
    let mut classes = Vec::new();
    for row in db::contract::list(connection).await? {
        let contract: Value = db::parsed(serde_json::from_slice(&row.canonical).ok(), "contract", "canonical", row.no)?;
        let retention = contract.get("retention").and_then(Value::as_str).unwrap_or_default().to_owned();
        let days = db::parsed(period::retention_days(&retention).ok(), "contract", "canonical", row.no)?;
        classes.push((row.name, row.version, retention, days));
    }
    Ok(classes)
}

fn before_ms(now: Timestamp, days: i64) -> i64 {
    now.as_ms().saturating_sub(days.saturating_mul(DAY_MS))
}

/// Erases everything whose time is over. Returns how many handoffs and refused submissions that were.
///
/// # Errors
/// [`EraseError`]; what was erased before it stays so.
pub(crate) async fn apply_retention(shared: &Shared, now: Timestamp) -> Result<i64, EraseError> {
    let classes = classes(&mut *shared.database.read().await?).await?;
    let instance = &shared.identity.instance;
    let mut n_erased = 0;
    for (contract, version, retention, days) in classes {
        let before_ms = before_ms(now, days);
        loop {
            let mut connection = shared.database.read().await?;
            let due = db::erasure::list_due(&mut connection, &contract, &version, before_ms, BATCH).await?;
            drop(connection);
            let contract = format!("{contract}@{version}");
            let changes = due.into_iter().map(|handoff| {
                let why = Why::Retention { contract: contract.clone(), retention: retention.clone(), before_ms };
                shared.recorder.record(Erase { handoff, instance: instance.clone(), why })
            });
            let mut n_here = 0;
            for done in futures_util::future::join_all(changes).await {
                n_here += i64::from(matches!(done?, Done::Now(..)));
            }
            n_erased += n_here;
            if n_here == 0 {
                break;
            }
        }
    }
    let before_ms = before_ms(now, REFUSED_DAYS);
    n_erased += shared.recorder.record(EraseRefused { instance: instance.clone(), before_ms }).await?;
    if n_erased > 0 {
        shared.database.empty_journal().await?;
    }
    Ok(n_erased)
}

/// How long each contract version keeps payloads.
pub(crate) async fn retention(shared: &Shared, now: Timestamp) -> Result<Vec<RetentionInfo>, StorageError> {
    let mut connection = shared.database.read().await?;
    let mut infos = Vec::new();
    for (contract, version, retention, days) in classes(&mut connection).await? {
        let kept = db::erasure::count_kept(&mut connection, &contract, &version).await?;
        let due =
            db::erasure::list_due(&mut connection, &contract, &version, before_ms(now, days), i64::MAX).await?.len();
        let due = i64::try_from(due).unwrap_or(i64::MAX);
        infos.push(RetentionInfo { contract: format!("{contract}@{version}"), retention, days, kept, due });
    }
    Ok(infos)
}
