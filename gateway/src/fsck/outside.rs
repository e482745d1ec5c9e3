//! What somebody outside said about the ledger, against the ledger.

use seamark_contracts::clock::Timestamp;
use seamark_contracts::digest::Digest;
use seamark_ledger::checkpoint::{Checkpoint, Head, Vkey};
use seamark_ledger::entry::EntryType;
use seamark_ledger::timestamp;
use seamark_ledger::tree::Hash;
use serde_json::Value;

use super::{Facts, FsckReport, Ground};
use crate::db::ledger::CheckpointRow;
use crate::db::outside::{AlarmRow, CosignatureRow, TimestampRow};
use crate::db::{self, SqliteConnection, StorageError};

pub(super) async fn check(
    ground: &Ground,
    connection: &mut SqliteConnection,
    facts: &mut Facts,
    report: &mut FsckReport,
) -> Result<(), StorageError> {
    for row in db::outside::list_cosignatures(connection).await? {
        let checkpoint = db::ledger::find_checkpoint(connection, row.size).await?;
        let verifies = checkpoint.and_then(|checkpoint| verify(ground, &checkpoint, &row)).is_some();
        report.expect(
            verifies,
            "ledger_cosignature",
            row.size,
            "a kept line of a witness is not its signature over the checkpoint of this size",
        );
    }
    for row in db::outside::list_alarms(connection).await? {
        let entry = facts.take(row.no, EntryType::WitnessAlarm);
        let body = db::ledger::find_body(connection, row.no).await?;
        let body: Option<Value> = body.and_then(|body| serde_json::from_slice(&body.bytes).ok());
        let is_good = entry.is_some_and(|entry| entry.at == Timestamp::from_ms(row.at_ms))
            && body.is_some_and(|body| says(&body, &row));
        report.expect(is_good, "witness_alarm", row.no, "this alarm is not the one that its entry records");
    }
    for row in db::outside::list_timestamps(connection).await? {
        let entry = facts.take(row.no, EntryType::TimestampObtained);
        let body = db::ledger::find_body(connection, row.no).await?;
        let body: Option<Value> = body.and_then(|body| serde_json::from_slice(&body.bytes).ok());
        let head = db::ledger::find_checkpoint(connection, row.size).await?;
        let is_good = entry.is_some()
            && body.is_some_and(|body| is_recorded(&body, &row))
            && head.is_some_and(|head| is_over(ground, &head, &row));
        report.expect(
            is_good,
            "ledger_timestamp",
            row.no,
            "this time-stamp is not the one that its entry records, or over another head",
        );
    }
    Ok(())
}

fn is_recorded(body: &Value, row: &TimestampRow) -> bool {
    let text = |name: &str| body.get(name).and_then(Value::as_str);
    text("token") == Some(Digest::of(&row.token).to_hex().as_str())
        && text("time") == Some(Timestamp::from_ms(row.at_ms).to_string().as_str())
        && body.get("size").and_then(Value::as_i64) == Some(row.size)
}

fn is_over(ground: &Ground, checkpoint: &CheckpointRow, row: &TimestampRow) -> bool {
    let head = head_of(ground, checkpoint);
    let digest = head.map(|head| Digest::of(head.to_string().as_bytes()));
    digest.is_some_and(|digest| timestamp::read(&row.token, &[], &digest).is_ok())
}

fn head_of(ground: &Ground, checkpoint: &CheckpointRow) -> Option<Head> {
    let root = Hash::from_bytes(checkpoint.root.as_slice().try_into().ok()?);
    Head::new(&ground.origin, u64::try_from(checkpoint.size).ok()?, root).ok()
}

fn says(body: &Value, row: &AlarmRow) -> bool {
    let text = |name: &str| body.get(name).and_then(Value::as_str);
    text("witness") == Some(row.witness.as_str())
        && text("cause") == Some(row.cause.as_str())
        && body.get("seen").and_then(Value::as_i64) == Some(row.seen_size)
}

/// Something when the line is the witness's over this head and nothing else.
fn verify(ground: &Ground, checkpoint: &CheckpointRow, row: &CosignatureRow) -> Option<()> {
    let note = Checkpoint::sign(head_of(ground, checkpoint)?, ground.keys.ledger.as_ref()).ok()?.to_string();
    let both = Checkpoint::parse(format!("{note}{}", row.line).as_bytes()).ok()?;
    let is_alone = row.line.lines().count() == 1;
    let witness = Vkey::parse(&row.witness).ok()?;
    both.verify_cosignature(&witness).ok()??;
    is_alone.then_some(())
}
