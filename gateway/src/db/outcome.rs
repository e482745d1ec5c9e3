//! Outcomes (at most one per attempt, invariant B2) and what destinations reported.

use sqlx::{AssertSqlSafe, SqliteConnection};

use super::{StorageError, Write};

/// One outcome.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct OutcomeRow {
    /// Position of its entry.
    pub(crate) no: i64,
    pub(crate) outcome_id: String,
    pub(crate) attempt: i64,
    pub(crate) kind: String,
    pub(crate) cause: String,
    /// Of the statement.
    pub(crate) digest: Vec<u8>,
    pub(crate) statement: Vec<u8>,
    /// 64 bytes, by the outcome key.
    pub(crate) signature: Vec<u8>,
    pub(crate) formed_ms: i64,
    /// Position in the stream.
    pub(crate) stream_pos: i64,
}

/// What a destination reported.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct ExecutionRow {
    /// Position of its entry.
    pub(crate) no: i64,
    pub(crate) attempt: i64,
    /// Of the statement.
    pub(crate) digest: Vec<u8>,
    /// DSSE envelope as received.
    pub(crate) envelope: String,
    pub(crate) result: String,
    pub(crate) phase: Option<String>,
    pub(crate) code: Option<String>,
    /// Urn.
    pub(crate) executor: String,
    pub(crate) executed_ms: i64,
}

const SELECT: &str =
    "SELECT no, outcome_id, attempt, kind, cause, digest, statement, signature, formed_ms, stream_pos FROM outcome";

/// The outcome of an attempt.
pub(crate) async fn find(connection: &mut SqliteConnection, attempt: i64) -> Result<Option<OutcomeRow>, StorageError> {
    Ok(sqlx::query_as(AssertSqlSafe(format!("{SELECT} WHERE attempt = ?")))
        .bind(attempt)
        .fetch_optional(connection)
        .await?)
}

/// Outcomes after `after`, in ledger order.
pub(crate) async fn list_after(
    connection: &mut SqliteConnection,
    after: i64,
    limit: i64,
) -> Result<Vec<OutcomeRow>, StorageError> {
    Ok(sqlx::query_as(AssertSqlSafe(format!("{SELECT} WHERE no > ? ORDER BY no LIMIT ?")))
        .bind(after)
        .bind(limit)
        .fetch_all(connection)
        .await?)
}

/// Adds an outcome.
pub(crate) async fn insert(write: &mut Write<'_>, row: &OutcomeRow) -> Result<(), StorageError> {
    sqlx::query(
        "INSERT INTO outcome (no, outcome_id, attempt, kind, cause, digest, statement, signature, formed_ms, stream_pos) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(row.no)
    .bind(&row.outcome_id)
    .bind(row.attempt)
    .bind(&row.kind)
    .bind(&row.cause)
    .bind(&row.digest)
    .bind(&row.statement)
    .bind(&row.signature)
    .bind(row.formed_ms)
    .bind(row.stream_pos)
    .execute(&mut *write.connection)
    .await?;
    Ok(())
}

/// What was reported of an attempt.
pub(crate) async fn find_execution(
    connection: &mut SqliteConnection,
    attempt: i64,
) -> Result<Option<ExecutionRow>, StorageError> {
    Ok(sqlx::query_as("SELECT no, attempt, digest, envelope, result, phase, code, executor, executed_ms FROM execution WHERE attempt = ?")
        .bind(attempt)
        .fetch_optional(connection)
        .await?)
}

/// Reports after `after`, in ledger order.
pub(crate) async fn list_executions(
    connection: &mut SqliteConnection,
    after: i64,
    limit: i64,
) -> Result<Vec<ExecutionRow>, StorageError> {
    Ok(sqlx::query_as(
        "SELECT no, attempt, digest, envelope, result, phase, code, executor, executed_ms FROM execution WHERE no > ? ORDER BY no LIMIT ?",
    )
    .bind(after)
    .bind(limit)
    .fetch_all(connection)
    .await?)
}

/// Adds a report.
pub(crate) async fn insert_execution(write: &mut Write<'_>, row: &ExecutionRow) -> Result<(), StorageError> {
    sqlx::query(
        "INSERT INTO execution (no, attempt, digest, envelope, result, phase, code, executor, executed_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(row.no)
    .bind(row.attempt)
    .bind(&row.digest)
    .bind(&row.envelope)
    .bind(&row.result)
    .bind(&row.phase)
    .bind(&row.code)
    .bind(&row.executor)
    .bind(row.executed_ms)
    .execute(&mut *write.connection)
    .await?;
    Ok(())
}
