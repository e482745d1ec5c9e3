//! Submissions that were not admitted, kept so that nothing is lost. No reviewer's route reads them (invariant A4).

use sqlx::SqliteConnection;

use super::{StorageError, Write};

/// One refused submission.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct RefusalRow {
    pub(crate) no: i64,
    pub(crate) submitter: String,
    pub(crate) handoff_id: Option<String>,
    /// HMAC-SHA256 of the bytes under the gateway's intake secret.
    pub(crate) body_mac: Vec<u8>,
    /// The bytes as received.
    pub(crate) raw: Option<Vec<u8>>,
    /// The problem's code.
    pub(crate) code: String,
    /// The HTTP status that was answered.
    pub(crate) status: i64,
    /// The problem that was answered, without request id, as JSON.
    pub(crate) problem: String,
    pub(crate) created_ms: i64,
}

/// Whether the same bytes were refused with this code before.
pub(crate) async fn is_kept(
    connection: &mut SqliteConnection,
    submitter: &str,
    body_mac: &[u8],
    code: &str,
) -> Result<bool, StorageError> {
    let found: Option<i64> =
        sqlx::query_scalar("SELECT no FROM refusal WHERE submitter = ? AND body_mac = ? AND code = ?")
            .bind(submitter)
            .bind(body_mac)
            .bind(code)
            .fetch_optional(connection)
            .await?;
    Ok(found.is_some())
}

/// The newest refusal under a handoff id.
pub(crate) async fn newest(
    connection: &mut SqliteConnection,
    submitter: &str,
    handoff_id: &str,
) -> Result<Option<RefusalRow>, StorageError> {
    Ok(sqlx::query_as(
        "SELECT no, submitter, handoff_id, body_mac, raw, code, status, problem, created_ms FROM refusal \
         WHERE submitter = ? AND handoff_id = ? ORDER BY no DESC LIMIT 1",
    )
    .bind(submitter)
    .bind(handoff_id)
    .fetch_optional(connection)
    .await?)
}

/// Refusals after `after`, in ledger order.
pub(crate) async fn list_after(
    connection: &mut SqliteConnection,
    after: i64,
    limit: i64,
) -> Result<Vec<RefusalRow>, StorageError> {
    Ok(sqlx::query_as(
        "SELECT no, submitter, handoff_id, body_mac, raw, code, status, problem, created_ms FROM refusal WHERE no > ? ORDER BY no LIMIT ?",
    )
    .bind(after)
    .bind(limit)
    .fetch_all(connection)
    .await?)
}

/// Keeps a refusal.
pub(crate) async fn insert(write: &mut Write<'_>, row: &RefusalRow) -> Result<(), StorageError> {
    sqlx::query(
        "INSERT INTO refusal (no, submitter, handoff_id, body_mac, raw, code, status, problem, created_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(row.no)
    .bind(&row.submitter)
    .bind(&row.handoff_id)
    .bind(&row.body_mac)
    .bind(&row.raw)
    .bind(&row.code)
    .bind(row.status)
    .bind(&row.problem)
    .bind(row.created_ms)
    .execute(&mut *write.connection)
    .await?;
    Ok(())
}
