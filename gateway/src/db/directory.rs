//! Versions of the directory, as signed by the root key.

use sqlx::SqliteConnection;

use super::{StorageError, Write};

/// One version.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct DirectoryRow {
    pub(crate) version: i64,
    pub(crate) no: i64,
    /// The statement's bytes.
    pub(crate) statement: Vec<u8>,
    /// 64 bytes, by the root key.
    pub(crate) signature: Vec<u8>,
    pub(crate) from_ms: i64,
    pub(crate) to_ms: i64,
}

/// Number of the newest version.
pub(crate) async fn newest_version(connection: &mut SqliteConnection) -> Result<Option<i64>, StorageError> {
    Ok(sqlx::query_scalar("SELECT MAX(version) FROM directory").fetch_one(connection).await?)
}

/// The newest version.
pub(crate) async fn newest(connection: &mut SqliteConnection) -> Result<Option<DirectoryRow>, StorageError> {
    Ok(sqlx::query_as(
        "SELECT version, no, statement, signature, from_ms, to_ms FROM directory ORDER BY version DESC LIMIT 1",
    )
    .fetch_optional(connection)
    .await?)
}

/// The version that was the newest when the ledger had `size` entries.
pub(crate) async fn newest_within(
    connection: &mut SqliteConnection,
    size: i64,
) -> Result<Option<DirectoryRow>, StorageError> {
    Ok(sqlx::query_as(
        "SELECT version, no, statement, signature, from_ms, to_ms FROM directory WHERE no < ? ORDER BY no DESC LIMIT 1",
    )
    .bind(size)
    .fetch_optional(connection)
    .await?)
}

/// Every version, oldest first.
pub(crate) async fn list(connection: &mut SqliteConnection) -> Result<Vec<DirectoryRow>, StorageError> {
    Ok(sqlx::query_as("SELECT version, no, statement, signature, from_ms, to_ms FROM directory ORDER BY version")
        .fetch_all(connection)
        .await?)
}

/// Adds a version.
pub(crate) async fn insert(write: &mut Write<'_>, row: &DirectoryRow) -> Result<(), StorageError> {
    sqlx::query("INSERT INTO directory (version, no, statement, signature, from_ms, to_ms) VALUES (?, ?, ?, ?, ?, ?)")
        .bind(row.version)
        .bind(row.no)
        .bind(&row.statement)
        .bind(&row.signature)
        .bind(row.from_ms)
        .bind(row.to_ms)
        .execute(&mut *write.connection)
        .await?;
    Ok(())
}
