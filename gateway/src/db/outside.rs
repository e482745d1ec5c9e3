//! What somebody outside says about the ledger's heads: lines of witnesses, and alarms about them.

use sqlx::SqliteConnection;

use super::ledger::CheckpointRow;
use super::{Ephemeral, StorageError, Write};

/// Lines of one witness that are kept; the oldest go first.
const KEPT_LINES: i64 = 4_096;
/// How many of the newest lines are looked through for the checkpoint with most of them.
const COMPARED: i64 = 256;

/// A witness's line over the checkpoint of a size.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct CosignatureRow {
    pub(crate) size: i64,
    /// The witness's vkey.
    pub(crate) witness: String,
    /// With its line feed.
    pub(crate) line: String,
    pub(crate) kept_ms: i64,
}

/// A witness that contradicts this ledger.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct AlarmRow {
    pub(crate) no: i64,
    /// The witness's vkey.
    pub(crate) witness: String,
    pub(crate) cause: String,
    /// What the witness says that it cosigned last.
    pub(crate) seen_size: i64,
    pub(crate) at_ms: i64,
}

/// A time-stamp over the checkpoint of a size.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct TimestampRow {
    pub(crate) no: i64,
    pub(crate) size: i64,
    /// The authority's answer, DER.
    pub(crate) token: Vec<u8>,
    /// What the token says.
    pub(crate) at_ms: i64,
}

/// Keeps a line, and lets the oldest of this witness go, but for those over heads that were stamped. The first line of a size stays: what was shown is shown again.
pub(crate) async fn keep_cosignature(write: &mut Ephemeral<'_>, row: &CosignatureRow) -> Result<(), StorageError> {
    sqlx::query(
        "INSERT INTO ledger_cosignature (size, witness, line, kept_ms) VALUES (?, ?, ?, ?) ON CONFLICT (size, witness) DO NOTHING",
    )
    .bind(row.size)
    .bind(&row.witness)
    .bind(&row.line)
    .bind(row.kept_ms)
    .execute(&mut *write.connection)
    .await?;
    sqlx::query(
        "DELETE FROM ledger_cosignature WHERE witness = ? AND size <= (SELECT size FROM ledger_cosignature WHERE witness = ? ORDER BY size DESC LIMIT 1 OFFSET ?) \
         AND size NOT IN (SELECT size FROM ledger_timestamp)",
    )
    .bind(&row.witness)
    .bind(&row.witness)
    .bind(KEPT_LINES)
    .execute(&mut *write.connection)
    .await?;
    Ok(())
}

/// The newest line of a witness.
pub(crate) async fn newest_of(
    connection: &mut SqliteConnection,
    witness: &str,
) -> Result<Option<CosignatureRow>, StorageError> {
    Ok(sqlx::query_as(
        "SELECT size, witness, line, kept_ms FROM ledger_cosignature WHERE witness = ? ORDER BY size DESC LIMIT 1",
    )
    .bind(witness)
    .fetch_optional(connection)
    .await?)
}

/// The lines over the checkpoint of a size, always in the same order.
pub(crate) async fn list_lines(connection: &mut SqliteConnection, size: i64) -> Result<Vec<String>, StorageError> {
    Ok(sqlx::query_scalar("SELECT line FROM ledger_cosignature WHERE size = ? ORDER BY witness LIMIT 32")
        .bind(size)
        .fetch_all(connection)
        .await?)
}

/// Of the newest cosigned checkpoints over more than `above` entries, the one with most lines, then the newest.
pub(crate) async fn best_cosigned(
    connection: &mut SqliteConnection,
    above: i64,
) -> Result<Option<CheckpointRow>, StorageError> {
    Ok(sqlx::query_as(
        "SELECT c.size, c.root, c.at_ms FROM (SELECT size FROM ledger_cosignature WHERE size > ? ORDER BY size DESC LIMIT ?) AS l \
         JOIN ledger_checkpoint AS c ON c.size = l.size GROUP BY c.size ORDER BY COUNT(*) DESC, c.size DESC LIMIT 1",
    )
    .bind(above)
    .bind(COMPARED)
    .fetch_optional(connection)
    .await?)
}

/// Every line.
pub(crate) async fn list_cosignatures(connection: &mut SqliteConnection) -> Result<Vec<CosignatureRow>, StorageError> {
    Ok(sqlx::query_as("SELECT size, witness, line, kept_ms FROM ledger_cosignature ORDER BY size, witness")
        .fetch_all(connection)
        .await?)
}

/// The newest line of each witness.
pub(crate) async fn list_newest(connection: &mut SqliteConnection) -> Result<Vec<CosignatureRow>, StorageError> {
    Ok(sqlx::query_as(
        "SELECT size, witness, line, kept_ms FROM ledger_cosignature AS c \
         WHERE size = (SELECT MAX(size) FROM ledger_cosignature WHERE witness = c.witness) ORDER BY witness",
    )
    .fetch_all(connection)
    .await?)
}

/// Adds an alarm beside its entry.
pub(crate) async fn insert_alarm(write: &mut Write<'_>, row: &AlarmRow) -> Result<(), StorageError> {
    sqlx::query("INSERT INTO witness_alarm (no, witness, cause, seen_size, at_ms) VALUES (?, ?, ?, ?, ?)")
        .bind(row.no)
        .bind(&row.witness)
        .bind(&row.cause)
        .bind(row.seen_size)
        .bind(row.at_ms)
        .execute(&mut *write.connection)
        .await?;
    Ok(())
}

/// Every alarm, the oldest first.
pub(crate) async fn list_alarms(connection: &mut SqliteConnection) -> Result<Vec<AlarmRow>, StorageError> {
    Ok(sqlx::query_as("SELECT no, witness, cause, seen_size, at_ms FROM witness_alarm ORDER BY no")
        .fetch_all(connection)
        .await?)
}

/// The alarms that no line of the same witness came after.
pub(crate) async fn list_open_alarms(connection: &mut SqliteConnection) -> Result<Vec<AlarmRow>, StorageError> {
    Ok(sqlx::query_as(
        "SELECT no, witness, cause, seen_size, at_ms FROM witness_alarm AS a WHERE NOT EXISTS \
         (SELECT 1 FROM ledger_cosignature AS c WHERE c.witness = a.witness AND c.size > a.no) ORDER BY no",
    )
    .fetch_all(connection)
    .await?)
}

/// Adds a time-stamp beside its entry.
pub(crate) async fn insert_timestamp(write: &mut Write<'_>, row: &TimestampRow) -> Result<(), StorageError> {
    sqlx::query("INSERT INTO ledger_timestamp (no, size, token, at_ms) VALUES (?, ?, ?, ?)")
        .bind(row.no)
        .bind(row.size)
        .bind(&row.token)
        .bind(row.at_ms)
        .execute(&mut *write.connection)
        .await?;
    Ok(())
}

/// The time-stamp that was obtained last.
pub(crate) async fn newest_timestamp(connection: &mut SqliteConnection) -> Result<Option<TimestampRow>, StorageError> {
    Ok(sqlx::query_as("SELECT no, size, token, at_ms FROM ledger_timestamp ORDER BY no DESC LIMIT 1")
        .fetch_optional(connection)
        .await?)
}

/// The first time-stamp over the checkpoint of a size.
pub(crate) async fn find_timestamp(
    connection: &mut SqliteConnection,
    size: i64,
) -> Result<Option<TimestampRow>, StorageError> {
    Ok(sqlx::query_as("SELECT no, size, token, at_ms FROM ledger_timestamp WHERE size = ? ORDER BY no LIMIT 1")
        .bind(size)
        .fetch_optional(connection)
        .await?)
}

/// The first stamped checkpoint over more than `above` entries: of its entries the time-stamp says most.
pub(crate) async fn first_stamped(
    connection: &mut SqliteConnection,
    above: i64,
) -> Result<Option<CheckpointRow>, StorageError> {
    Ok(sqlx::query_as(
        "SELECT c.size, c.root, c.at_ms FROM ledger_timestamp AS t JOIN ledger_checkpoint AS c ON c.size = t.size \
         WHERE t.size > ? ORDER BY t.size LIMIT 1",
    )
    .bind(above)
    .fetch_optional(connection)
    .await?)
}

/// Every time-stamp.
pub(crate) async fn list_timestamps(connection: &mut SqliteConnection) -> Result<Vec<TimestampRow>, StorageError> {
    Ok(sqlx::query_as("SELECT no, size, token, at_ms FROM ledger_timestamp ORDER BY no").fetch_all(connection).await?)
}
