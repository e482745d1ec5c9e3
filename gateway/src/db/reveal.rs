//! Who asked for which masked field, and what became of it.

use sqlx::{AssertSqlSafe, SqliteConnection};

use super::{StorageError, Write};

/// One request to read a masked field.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct RevealRow {
    /// Position of its entry.
    pub(crate) no: i64,
    pub(crate) attempt: i64,
    /// Urn.
    pub(crate) person: String,
    /// Key id of the device's decision key.
    pub(crate) device: String,
    pub(crate) reveal_id: String,
    /// `revealed` or `refused`.
    pub(crate) state: String,
    /// Path of the mask, with `revealed`.
    pub(crate) path: Option<String>,
    /// Digest of the disclosure, with `revealed`.
    pub(crate) digest: Option<String>,
    pub(crate) at_ms: i64,
    /// Position of the entry of the copy.
    pub(crate) copied_no: Option<i64>,
}

const SELECT: &str = "SELECT no, attempt, person, device, reveal_id, state, path, digest, at_ms, copied_no FROM reveal";

/// The request of a person with this id.
pub(crate) async fn find(
    connection: &mut SqliteConnection,
    person: &str,
    reveal_id: &str,
) -> Result<Option<RevealRow>, StorageError> {
    Ok(sqlx::query_as(AssertSqlSafe(format!("{SELECT} WHERE person = ? AND reveal_id = ?")))
        .bind(person)
        .bind(reveal_id)
        .fetch_optional(connection)
        .await?)
}

/// When a person asked since `from_ms`, refused or not, in order; at most the last `limit`.
pub(crate) async fn list_times(
    connection: &mut SqliteConnection,
    person: &str,
    from_ms: i64,
    limit: i64,
) -> Result<Vec<i64>, StorageError> {
    let mut times: Vec<i64> =
        sqlx::query_scalar("SELECT at_ms FROM reveal WHERE person = ? AND at_ms > ? ORDER BY at_ms DESC LIMIT ?")
            .bind(person)
            .bind(from_ms)
            .bind(limit)
            .fetch_all(connection)
            .await?;
    times.reverse();
    Ok(times)
}

/// Digests that were revealed to a device in an attempt, ascending, each once.
pub(crate) async fn list_digests(
    connection: &mut SqliteConnection,
    attempt: i64,
    device: &str,
) -> Result<Vec<String>, StorageError> {
    Ok(sqlx::query_scalar(
        "SELECT DISTINCT digest FROM reveal WHERE attempt = ? AND device = ? AND state = 'revealed' ORDER BY digest",
    )
    .bind(attempt)
    .bind(device)
    .fetch_all(connection)
    .await?)
}

/// Every request after `after`, in ledger order.
pub(crate) async fn list(
    connection: &mut SqliteConnection,
    after: i64,
    limit: i64,
) -> Result<Vec<RevealRow>, StorageError> {
    Ok(sqlx::query_as(AssertSqlSafe(format!("{SELECT} WHERE no > ? ORDER BY no LIMIT ?")))
        .bind(after)
        .bind(limit)
        .fetch_all(connection)
        .await?)
}

/// Adds a request.
pub(crate) async fn insert(write: &mut Write<'_>, row: &RevealRow) -> Result<(), StorageError> {
    sqlx::query(
        "INSERT INTO reveal (no, attempt, person, device, reveal_id, state, path, digest, at_ms, copied_no) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(row.no)
    .bind(row.attempt)
    .bind(&row.person)
    .bind(&row.device)
    .bind(&row.reveal_id)
    .bind(&row.state)
    .bind(&row.path)
    .bind(&row.digest)
    .bind(row.at_ms)
    .bind(row.copied_no)
    .execute(&mut *write.connection)
    .await?;
    Ok(())
}

/// Notes that the value was copied.
pub(crate) async fn set_copied(write: &mut Write<'_>, no: i64, copied_no: i64) -> Result<(), StorageError> {
    sqlx::query("UPDATE reveal SET copied_no = ? WHERE no = ?")
        .bind(copied_no)
        .bind(no)
        .execute(&mut *write.connection)
        .await?;
    Ok(())
}
