//! Agent keys, stored as hashes only.

use sqlx::{AssertSqlSafe, SqliteConnection};

use super::{StorageError, Write};
use crate::scope::KeyScope;

/// One agent key.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct AgentKeyRow {
    pub(crate) no: i64,
    /// Opaque; stands as `actor` in the ledger.
    pub(crate) id: String,
    /// SHA-256 of the key's text, 32 bytes. The key holds 256 random bits, so a fast hash is enough.
    pub(crate) secret: Vec<u8>,
    /// The agent's urn.
    pub(crate) agent: String,
    /// JSON array of contract names; empty means every contract.
    pub(crate) contracts: String,
    /// `source` or `destination`; absent: both.
    pub(crate) side: Option<String>,
    /// JSON array of the urns of further agents as which it may act, or `["*"]`.
    pub(crate) acts_for: String,
    pub(crate) created_ms: i64,
    /// First moment without it; absent while it has no end.
    pub(crate) ended_ms: Option<i64>,
    /// Position of the entry that recorded the end.
    pub(crate) ended_no: Option<i64>,
}

impl AgentKeyRow {
    /// What the key is for; `None` when the columns are damaged.
    pub(crate) fn scope(&self) -> Option<KeyScope> {
        KeyScope::from_columns(&self.contracts, self.side.as_deref(), &self.acts_for)
    }
}

/// The columns of [`AgentKeyRow`].
const KEYS: &str =
    "SELECT no, id, secret, agent, contracts, side, acts_for, created_ms, ended_ms, ended_no FROM agent_key";

/// The key with this hash.
pub(crate) async fn find(
    connection: &mut SqliteConnection,
    secret: &[u8],
) -> Result<Option<AgentKeyRow>, StorageError> {
    let text = format!("{KEYS} WHERE secret = ?");
    Ok(sqlx::query_as(AssertSqlSafe(text)).bind(secret).fetch_optional(connection).await?)
}

/// The key with this opaque id.
pub(crate) async fn find_by_id(
    connection: &mut SqliteConnection,
    id: &str,
) -> Result<Option<AgentKeyRow>, StorageError> {
    let text = format!("{KEYS} WHERE id = ?");
    Ok(sqlx::query_as(AssertSqlSafe(text)).bind(id).fetch_optional(connection).await?)
}

/// Every key, in the order in which they were made.
pub(crate) async fn list(connection: &mut SqliteConnection) -> Result<Vec<AgentKeyRow>, StorageError> {
    let text = format!("{KEYS} ORDER BY no");
    Ok(sqlx::query_as(AssertSqlSafe(text)).fetch_all(connection).await?)
}

/// The urns of every agent that has a key, each once.
pub(crate) async fn list_agents(connection: &mut SqliteConnection) -> Result<Vec<String>, StorageError> {
    Ok(sqlx::query_scalar("SELECT DISTINCT agent FROM agent_key ORDER BY agent").fetch_all(connection).await?)
}

/// Adds a key.
pub(crate) async fn insert(write: &mut Write<'_>, row: &AgentKeyRow) -> Result<(), StorageError> {
    sqlx::query(
        "INSERT INTO agent_key (no, id, secret, agent, contracts, side, acts_for, created_ms, ended_ms, ended_no) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(row.no)
    .bind(&row.id)
    .bind(&row.secret)
    .bind(&row.agent)
    .bind(&row.contracts)
    .bind(&row.side)
    .bind(&row.acts_for)
    .bind(row.created_ms)
    .bind(row.ended_ms)
    .bind(row.ended_no)
    .execute(&mut *write.connection)
    .await?;
    Ok(())
}

/// Ends a key, once: an end that is there stays.
pub(crate) async fn end(write: &mut Write<'_>, id: &str, ended_ms: i64, ended_no: i64) -> Result<(), StorageError> {
    sqlx::query("UPDATE agent_key SET ended_ms = ?, ended_no = ? WHERE id = ? AND ended_ms IS NULL")
        .bind(ended_ms)
        .bind(ended_no)
        .bind(id)
        .execute(&mut *write.connection)
        .await?;
    Ok(())
}
