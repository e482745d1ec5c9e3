//! Agent keys, stored as hashes only.

use sqlx::SqliteConnection;

use super::{StorageError, Write};

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
    pub(crate) created_ms: i64,
}

/// The key with this hash.
pub(crate) async fn find(
    connection: &mut SqliteConnection,
    secret: &[u8],
) -> Result<Option<AgentKeyRow>, StorageError> {
    Ok(sqlx::query_as("SELECT no, id, secret, agent, contracts, created_ms FROM agent_key WHERE secret = ?")
        .bind(secret)
        .fetch_optional(connection)
        .await?)
}

/// The urns of every agent that has a key, each once.
pub(crate) async fn list_agents(connection: &mut SqliteConnection) -> Result<Vec<String>, StorageError> {
    Ok(sqlx::query_scalar("SELECT DISTINCT agent FROM agent_key ORDER BY agent").fetch_all(connection).await?)
}

/// Position and id of every key.
pub(crate) async fn list_ids(connection: &mut SqliteConnection) -> Result<Vec<(i64, String)>, StorageError> {
    Ok(sqlx::query_as("SELECT no, id FROM agent_key ORDER BY no").fetch_all(connection).await?)
}

/// Adds a key.
pub(crate) async fn insert(write: &mut Write<'_>, row: &AgentKeyRow) -> Result<(), StorageError> {
    sqlx::query("INSERT INTO agent_key (no, id, secret, agent, contracts, created_ms) VALUES (?, ?, ?, ?, ?, ?)")
        .bind(row.no)
        .bind(&row.id)
        .bind(&row.secret)
        .bind(&row.agent)
        .bind(&row.contracts)
        .bind(row.created_ms)
        .execute(&mut *write.connection)
        .await?;
    Ok(())
}
