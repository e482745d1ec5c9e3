//! Roots, versions of the directory as they signed them, and the version that waits for a signature.

use sqlx::{AssertSqlSafe, SqliteConnection};

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
    /// The 32 bytes of the root that signed it, out of the table of roots.
    pub(crate) root: Vec<u8>,
}

/// A root.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct RootRow {
    pub(crate) no: i64,
    /// 32 bytes.
    pub(crate) public_key: Vec<u8>,
    /// The first version of the directory that it signs.
    pub(crate) first_version: i64,
}

/// The version that waits for the root's signature.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct ProposalRow {
    /// The newest entry that it holds the change of.
    pub(crate) no: i64,
    pub(crate) version: i64,
    pub(crate) statement: Vec<u8>,
    pub(crate) from_ms: i64,
    pub(crate) to_ms: i64,
}

/// The columns of [`DirectoryRow`].
const DIRECTORIES: &str = "SELECT version, no, statement, signature, from_ms, to_ms, \
     COALESCE((SELECT public_key FROM root WHERE first_version <= directory.version ORDER BY first_version DESC LIMIT 1), x'') AS root \
     FROM directory";

/// Number of the newest version.
pub(crate) async fn newest_version(connection: &mut SqliteConnection) -> Result<Option<i64>, StorageError> {
    Ok(sqlx::query_scalar("SELECT MAX(version) FROM directory").fetch_one(connection).await?)
}

/// The newest version.
pub(crate) async fn newest(connection: &mut SqliteConnection) -> Result<Option<DirectoryRow>, StorageError> {
    let text = format!("{DIRECTORIES} ORDER BY version DESC LIMIT 1");
    Ok(sqlx::query_as(AssertSqlSafe(text)).fetch_optional(connection).await?)
}

/// The version that was the newest when the ledger had `size` entries.
pub(crate) async fn newest_within(
    connection: &mut SqliteConnection,
    size: i64,
) -> Result<Option<DirectoryRow>, StorageError> {
    let text = format!("{DIRECTORIES} WHERE no < ? ORDER BY no DESC LIMIT 1");
    Ok(sqlx::query_as(AssertSqlSafe(text)).bind(size).fetch_optional(connection).await?)
}

/// Every version, oldest first.
pub(crate) async fn list(connection: &mut SqliteConnection) -> Result<Vec<DirectoryRow>, StorageError> {
    let text = format!("{DIRECTORIES} ORDER BY version");
    Ok(sqlx::query_as(AssertSqlSafe(text)).fetch_all(connection).await?)
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

/// The newest root.
pub(crate) async fn newest_root(connection: &mut SqliteConnection) -> Result<Option<RootRow>, StorageError> {
    Ok(sqlx::query_as("SELECT no, public_key, first_version FROM root ORDER BY first_version DESC LIMIT 1")
        .fetch_optional(connection)
        .await?)
}

/// Every root, oldest first.
pub(crate) async fn list_roots(connection: &mut SqliteConnection) -> Result<Vec<RootRow>, StorageError> {
    Ok(sqlx::query_as("SELECT no, public_key, first_version FROM root ORDER BY first_version")
        .fetch_all(connection)
        .await?)
}

/// Adds a root.
pub(crate) async fn insert_root(write: &mut Write<'_>, row: &RootRow) -> Result<(), StorageError> {
    sqlx::query("INSERT INTO root (no, public_key, first_version) VALUES (?, ?, ?)")
        .bind(row.no)
        .bind(&row.public_key)
        .bind(row.first_version)
        .execute(&mut *write.connection)
        .await?;
    Ok(())
}

/// What waits for a signature.
pub(crate) async fn proposal(connection: &mut SqliteConnection) -> Result<Option<ProposalRow>, StorageError> {
    Ok(sqlx::query_as("SELECT no, version, statement, from_ms, to_ms FROM proposal WHERE id = 1")
        .fetch_optional(connection)
        .await?)
}

/// Puts a proposal in place of the one that may be there.
pub(crate) async fn set_proposal(write: &mut Write<'_>, row: &ProposalRow) -> Result<(), StorageError> {
    sqlx::query(
        "INSERT OR REPLACE INTO proposal (id, no, version, statement, from_ms, to_ms) VALUES (1, ?, ?, ?, ?, ?)",
    )
    .bind(row.no)
    .bind(row.version)
    .bind(&row.statement)
    .bind(row.from_ms)
    .bind(row.to_ms)
    .execute(&mut *write.connection)
    .await?;
    Ok(())
}

/// Nothing waits any more.
pub(crate) async fn clear_proposal(write: &mut Write<'_>) -> Result<(), StorageError> {
    sqlx::query("DELETE FROM proposal").execute(&mut *write.connection).await?;
    Ok(())
}
