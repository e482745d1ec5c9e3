//! Requests to read masked fields against their entries and what stands beside these.

use seamark_contracts::reveal::{CopiedBody, RevealedBody};
use seamark_ledger::entry::{Entry, EntryType};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Facts, FsckReport, PAGE};
use crate::db::reveal::RevealRow;
use crate::db::{self, SqliteConnection, StorageError};

pub(super) async fn check(
    connection: &mut SqliteConnection,
    facts: &mut Facts,
    report: &mut FsckReport,
) -> Result<(), StorageError> {
    let mut last = -1;
    loop {
        let page = db::reveal::list(connection, last, PAGE).await?;
        let Some(end) = page.last().map(|row| row.no) else { return Ok(()) };
        last = end;
        for row in page {
            report.n_reveals += 1;
            let is_good = match row.state.as_str() {
                "revealed" => is_revealed(connection, facts, &row).await?,
                _ => is_refused(connection, facts, &row).await?,
            };
            report.expect(is_good, "reveal", row.no, "this request is not the one that the ledger says was made");
            if let Some(copied_no) = row.copied_no {
                let is_good = is_copied(connection, facts, &row, copied_no).await?;
                report.expect(is_good, "reveal", row.no, "its copy is not the one that the ledger says was made");
            }
        }
    }
}

async fn body<T: DeserializeOwned>(connection: &mut SqliteConnection, no: i64) -> Result<Option<T>, StorageError> {
    let body = db::ledger::find_body(connection, no).await?;
    Ok(body.and_then(|body| serde_json::from_slice(&body.bytes).ok()))
}

fn is_by(entry: &Entry, row: &RevealRow, at_ms: Option<i64>) -> bool {
    entry.actor == row.device && entry.handoff.is_some() && at_ms.is_none_or(|at_ms| entry.at.as_ms() == at_ms)
}

async fn is_revealed(
    connection: &mut SqliteConnection,
    facts: &mut Facts,
    row: &RevealRow,
) -> Result<bool, StorageError> {
    let entry = facts.take(row.no, EntryType::DisclosureRevealed);
    let body: Option<RevealedBody> = body(connection, row.no).await?;
    let attempt = db::attempt::load(connection, row.attempt).await?;
    let is_body = body.is_some_and(|body| {
        body.person.as_str() == row.person
            && body.device == row.device
            && Some(&body.path) == row.path.as_ref()
            && Some(&body.disclosure) == row.digest.as_ref()
            && attempt.is_some_and(|attempt| attempt.statement_digest == body.statement.as_bytes())
    });
    Ok(is_body && entry.is_some_and(|entry| is_by(&entry, row, Some(row.at_ms))))
}

async fn is_refused(
    connection: &mut SqliteConnection,
    facts: &mut Facts,
    row: &RevealRow,
) -> Result<bool, StorageError> {
    let entry = facts.take(row.no, EntryType::AccessRefused);
    let body: Option<Value> = body(connection, row.no).await?;
    let person = body.as_ref().and_then(|body| body.get("person")).and_then(Value::as_str);
    Ok(person == Some(&row.person) && entry.is_some_and(|entry| is_by(&entry, row, Some(row.at_ms))))
}

async fn is_copied(
    connection: &mut SqliteConnection,
    facts: &mut Facts,
    row: &RevealRow,
    copied_no: i64,
) -> Result<bool, StorageError> {
    let entry = facts.take(copied_no, EntryType::DisclosureCopied);
    let body: Option<CopiedBody> = body(connection, copied_no).await?;
    let is_body = body.is_some_and(|body| {
        i64::try_from(body.reveal) == Ok(row.no)
            && body.person.as_str() == row.person
            && Some(&body.disclosure) == row.digest.as_ref()
    });
    Ok(is_body && entry.is_some_and(|entry| is_by(&entry, row, None)))
}
