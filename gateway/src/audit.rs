//! Looking back: concluded reviews, and everything recorded about one.

use crate::db::SqliteConnection;
use seamark_contracts::api::audit::{AuditPage, AuditRecord};
use seamark_contracts::api::ledger::ConsistencyProof;
use seamark_contracts::clock::Timestamp;
use seamark_contracts::handoff::ContractId;
use serde_json::Value;

use crate::auth::Device;
use crate::conclude;
use crate::db::attempt::AttemptRow;
use crate::db::{self, StorageError};
use crate::decide::may_see;
use crate::document::{self, DocumentError};
use crate::problem::Failure;
use crate::recorded::to_u64;
use crate::state::Shared;

/// Reviews that are looked at for one page.
const MAX_LOOKED_AT: usize = 10_000;
/// Rows read at once.
const BATCH: i64 = 500;
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

impl Filter {
    /// What the row alone tells.
    fn fits_row(&self, row: &AttemptRow) -> bool {
        let closed = Timestamp::from_ms(row.closed_ms.unwrap_or_default());
        self.outcome.as_ref().is_none_or(|outcome| *outcome == row.state)
            && self.contract.as_ref().is_none_or(|contract| *contract == row.contract_name)
            && self.from.is_none_or(|from| closed >= from)
            && self.to.is_none_or(|to| closed < to)
    }

    async fn fits(&self, connection: &mut SqliteConnection, row: &AttemptRow) -> Result<bool, StorageError> {
        if !self.fits_row(row) {
            return Ok(false);
        }
        if self.person.is_none() && self.words.is_none() {
            return Ok(true);
        }
        let decisions = db::decision::list(connection, row.no).await?;
        if let Some(person) = &self.person
            && !decisions.iter().any(|decision| decision.person == *person)
        {
            return Ok(false);
        }
        let Some(words) = &self.words else { return Ok(true) };
        let handoff = db::parsed(db::handoff::load(connection, row.handoff).await?, "attempt", "handoff", row.no)?;
        let mut texts = vec![
            handoff.handoff_id,
            handoff.correlation_id,
            row.contract_name.clone(),
            handoff.source,
            handoff.destination,
        ];
        texts.extend(row.review_id.clone());
        texts.extend(
            decisions.into_iter().flat_map(|decision| [decision.person_name, decision.person, decision.decision_id]),
        );
        Ok(texts.iter().any(|text| text.to_lowercase().contains(words)))
    }
}

/// A page of concluded reviews, newest first.
pub(crate) async fn list(
    shared: &Shared,
    device: &Device,
    filter: &Filter,
    after: Option<i64>,
    limit: usize,
) -> Result<AuditPage, Failure> {
    let limit = limit.clamp(1, 100);
    let mut connection = shared.database.read().await?;
    let mut page = AuditPage { reviews: Vec::new(), n_matching: 0, next: None };
    let (mut last, mut n_looked_at) = (after.unwrap_or(i64::MAX), 0);
    while n_looked_at < MAX_LOOKED_AT {
        let rows = db::attempt::list_closed(&mut connection, last, BATCH).await?;
        let Some(end) = rows.last().map(|row| row.no) else { break };
        last = end;
        n_looked_at += rows.len();
        for row in rows {
            if !may_audit(device, &row)? || !filter.fits(&mut connection, &row).await? {
                continue;
            }
            page.n_matching += 1;
            if page.reviews.len() < limit {
                page.reviews.extend(document::review(shared, &mut connection, &row).await?);
                page.next = Some(row.no.to_string());
            }
        }
    }
    if page.n_matching <= page.reviews.len() as u64 {
        page.next = None;
    }
    Ok(page)
}

/// Everything recorded about one review.
pub(crate) async fn read(shared: &Shared, device: &Device, review_id: &str) -> Result<AuditRecord, Failure> {
    let mut connection = shared.database.read().await?;
    let attempt =
        db::attempt::find_review(&mut connection, review_id).await?.ok_or_else(|| Failure::not_found("review"))?;
    if !may_audit(device, &attempt)? {
        return Err(Failure::not_found("review"));
    }
    let no = attempt.no;
    let review =
        document::review(shared, &mut connection, &attempt).await?.ok_or_else(|| Failure::not_found("review"))?;
    let decisions = db::decision::list(&mut connection, no).await?;
    let outcome = db::outcome::find(&mut connection, no).await?;
    let execution = db::outcome::find_execution(&mut connection, no).await?;
    let newest = shared.newest_checkpoint(&mut connection).await.map_err(DocumentError::from)?;
    let (head, checkpoint) = db::parsed(newest, "ledger_checkpoint", "size", no)?;
    let size = to_u64(head.size, "ledger_checkpoint", "size")?;
    let mut entries = Vec::new();
    for entry in db::ledger::list_of_handoff(&mut connection, attempt.handoff, head.size).await? {
        entries.push(shared.tiles.recorded(&mut connection, &entry, size).await.map_err(DocumentError::from)?);
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
        let proof = shared.tiles.consistency(&mut connection, from, size).await.map_err(DocumentError::from)?;
        let proof = proof.iter().map(ToString::to_string).collect();
        consistency.push(ConsistencyProof { from, to: size, proof });
    }
    let directory = db::parsed(db::directory::newest(&mut connection).await?, "directory", "version", no)?;
    let id = ContractId { name: attempt.contract_name.clone(), version: attempt.contract_version.clone() };
    let contract = db::contract::find(&mut connection, &id.name, &id.version).await?;
    let contract = db::parsed(contract, "attempt", "contract_name", no)?;
    let json = |text: &str, column| db::parsed(serde_json::from_str::<Value>(text).ok(), "decision", column, no);
    let text = |bytes: Vec<u8>, table, column| db::parsed(String::from_utf8(bytes).ok(), table, column, no);
    Ok(AuditRecord {
        review,
        decisions: decisions.iter().map(|row| json(&row.envelope, "envelope")).collect::<Result<_, _>>()?,
        views: decisions.into_iter().map(|row| text(row.view, "decision", "view")).collect::<Result<_, _>>()?,
        outcome: outcome.map(|row| document::envelope(&row.statement, &row.signature, &shared.keys.outcome)),
        executions: execution.map(|row| json(&row.envelope, "envelope")).transpose()?.into_iter().collect(),
        entries,
        checkpoint,
        consistency,
        directory: document::directory(shared, &directory),
        contract: text(contract.canonical, "contract", "canonical")?,
    })
}
