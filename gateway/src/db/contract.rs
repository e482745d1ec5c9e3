//! Published contracts. A version never changes (invariant A5): there is no update.

use sqlx::SqliteConnection;

use super::{StorageError, Write};

/// One published version.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct ContractRow {
    pub(crate) no: i64,
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) digest: Vec<u8>,
    /// Canonical bytes; what `digest` covers.
    pub(crate) canonical: Vec<u8>,
    pub(crate) published_ms: i64,
}

const COLUMNS: &str = "SELECT no, name, version, digest, canonical, published_ms FROM contract";

/// One version.
pub(crate) async fn find(
    connection: &mut SqliteConnection,
    name: &str,
    version: &str,
) -> Result<Option<ContractRow>, StorageError> {
    Ok(sqlx::query_as(
        "SELECT no, name, version, digest, canonical, published_ms FROM contract WHERE name = ? AND version = ?",
    )
    .bind(name)
    .bind(version)
    .fetch_optional(connection)
    .await?)
}

/// Every version, in the order of publication.
pub(crate) async fn list(connection: &mut SqliteConnection) -> Result<Vec<ContractRow>, StorageError> {
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(format!("{COLUMNS} ORDER BY no"))).fetch_all(connection).await?)
}

/// Adds a version.
pub(crate) async fn insert(write: &mut Write<'_>, row: &ContractRow) -> Result<(), StorageError> {
    sqlx::query("INSERT INTO contract (no, name, version, digest, canonical, published_ms) VALUES (?, ?, ?, ?, ?, ?)")
        .bind(row.no)
        .bind(&row.name)
        .bind(&row.version)
        .bind(&row.digest)
        .bind(&row.canonical)
        .bind(row.published_ms)
        .execute(&mut *write.connection)
        .await?;
    Ok(())
}
