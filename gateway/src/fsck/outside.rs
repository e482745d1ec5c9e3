//! What somebody outside said about the ledger, against the ledger.

use seamark_contracts::clock::Timestamp;
use seamark_ledger::checkpoint::{Checkpoint, Head, Vkey};
use seamark_ledger::entry::EntryType;
use seamark_ledger::tree::Hash;
use serde_json::Value;

use super::{Facts, FsckReport, Ground};
use crate::db::ledger::CheckpointRow;
use crate::db::outside::{AlarmRow, CosignatureRow};
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
    Ok(())
}

fn says(body: &Value, row: &AlarmRow) -> bool {
    let text = |name: &str| body.get(name).and_then(Value::as_str);
    text("witness") == Some(row.witness.as_str())
        && text("cause") == Some(row.cause.as_str())
        && body.get("seen").and_then(Value::as_i64) == Some(row.seen_size)
}

/// Something when the line is the witness's over this head and nothing else.
fn verify(ground: &Ground, checkpoint: &CheckpointRow, row: &CosignatureRow) -> Option<()> {
    let root = Hash::from_bytes(checkpoint.root.as_slice().try_into().ok()?);
    let head = Head::new(&ground.origin, u64::try_from(row.size).ok()?, root).ok()?;
    let note = Checkpoint::sign(head, ground.keys.ledger.as_ref()).ok()?.to_string();
    let both = Checkpoint::parse(format!("{note}{}", row.line).as_bytes()).ok()?;
    let is_alone = row.line.lines().count() == 1;
    let witness = Vkey::parse(&row.witness).ok()?;
    both.verify_cosignature(&witness).ok()??;
    is_alone.then_some(())
}
