//! Handoffs, one per submitter and id for ever (invariant A1), and what may be erased of them.

use sqlx::{AssertSqlSafe, SqliteConnection};

use super::{InsertMany, SqliteQuery, StorageError, Write};

/// One handoff.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct HandoffRow {
    /// Position of its `handoff.received` entry.
    pub(crate) no: i64,
    pub(crate) handoff_id: String,
    /// Urn of the agent whose key submitted it.
    pub(crate) submitter: String,
    /// What stands for it in the ledger, 64 hex digits.
    #[sqlx(rename = "ref")]
    pub(crate) ledger_ref: String,
    /// Name of its contract.
    pub(crate) contract: String,
    /// Urn.
    pub(crate) source: String,
    /// Urn.
    pub(crate) destination: String,
    pub(crate) correlation_id: String,
    pub(crate) created_ms: i64,
}

impl InsertMany for HandoffRow {
    const INTO: &'static str = "INSERT INTO handoff (no, handoff_id, submitter, ref, contract, source, destination, correlation_id, created_ms) VALUES ";
    const COLUMNS: usize = 9;
    fn bind<'q>(&'q self, query: SqliteQuery<'q>) -> SqliteQuery<'q> {
        query
            .bind(self.no)
            .bind(&self.handoff_id)
            .bind(&self.submitter)
            .bind(&self.ledger_ref)
            .bind(&self.contract)
            .bind(&self.source)
            .bind(&self.destination)
            .bind(&self.correlation_id)
            .bind(self.created_ms)
    }
}

/// What may be erased.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct PayloadRow {
    /// The attempt that brought the content.
    pub(crate) no: i64,
    /// The submission as received.
    pub(crate) raw: Option<Vec<u8>>,
    /// JSON array of the disclosures.
    pub(crate) disclosures: Option<String>,
}

impl InsertMany for PayloadRow {
    const INTO: &'static str = "INSERT INTO payload (no, raw, disclosures) VALUES ";
    const COLUMNS: usize = 3;
    fn bind<'q>(&'q self, query: SqliteQuery<'q>) -> SqliteQuery<'q> {
        query.bind(self.no).bind(&self.raw).bind(&self.disclosures)
    }
}

/// A file that came along.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct ArtifactRow {
    /// The attempt that brought it.
    pub(crate) content: i64,
    /// SHA-256 of salt and bytes.
    pub(crate) digest: Vec<u8>,
    pub(crate) salt: Option<Vec<u8>>,
    pub(crate) bytes: Option<Vec<u8>>,
}

impl InsertMany for ArtifactRow {
    const INTO: &'static str = "INSERT INTO artifact (content, digest, salt, bytes) VALUES ";
    const COLUMNS: usize = 4;
    fn bind<'q>(&'q self, query: SqliteQuery<'q>) -> SqliteQuery<'q> {
        query.bind(self.content).bind(&self.digest).bind(&self.salt).bind(&self.bytes)
    }
}

/// The handoff of a submitter.
pub(crate) async fn find(
    connection: &mut SqliteConnection,
    submitter: &str,
    handoff_id: &str,
) -> Result<Option<HandoffRow>, StorageError> {
    Ok(sqlx::query_as(
        "SELECT no, handoff_id, submitter, ref, contract, source, destination, correlation_id, created_ms FROM handoff \
         WHERE handoff_id = ? AND submitter = ?",
    )
    .bind(handoff_id)
    .bind(submitter)
    .fetch_optional(connection)
    .await?)
}

/// Every handoff of this id, whoever submitted it: an id is unique for each submitter only.
pub(crate) async fn list_of_id(
    connection: &mut SqliteConnection,
    handoff_id: &str,
) -> Result<Vec<HandoffRow>, StorageError> {
    Ok(sqlx::query_as(
        "SELECT no, handoff_id, submitter, ref, contract, source, destination, correlation_id, created_ms FROM handoff \
         WHERE handoff_id = ? ORDER BY no",
    )
    .bind(handoff_id)
    .fetch_all(connection)
    .await?)
}

/// Who holds a handoff id.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct HolderRow {
    pub(crate) handoff_id: String,
    /// Urn.
    pub(crate) submitter: String,
    /// Urn.
    pub(crate) destination: String,
}

/// Everybody who holds one of these ids.
pub(crate) async fn list_holders(
    connection: &mut SqliteConnection,
    handoff_ids: &[&str],
) -> Result<Vec<HolderRow>, StorageError> {
    let mut holders = Vec::new();
    for ids in handoff_ids.chunks(super::MOST_AT_ONCE) {
        // Places that are left over hold NULL, which equals nothing: so the prepared statements are few and stay cached.
        let n_places = ids.len().next_power_of_two();
        let places = vec!["?"; n_places].join(",");
        let sql = format!("SELECT handoff_id, submitter, destination FROM handoff WHERE handoff_id IN ({places})");
        let mut query = sqlx::query_as(AssertSqlSafe(sql));
        for place in 0..n_places {
            query = query.bind(ids.get(place).copied());
        }
        holders.extend(query.fetch_all(&mut *connection).await?);
    }
    Ok(holders)
}

/// The handoff that `agent` submitted or is the destination of. Its own comes first.
pub(crate) async fn find_readable(
    connection: &mut SqliteConnection,
    agent: &str,
    handoff_id: &str,
) -> Result<Option<HandoffRow>, StorageError> {
    Ok(sqlx::query_as(
        "SELECT no, handoff_id, submitter, ref, contract, source, destination, correlation_id, created_ms FROM handoff \
         WHERE handoff_id = ? AND (submitter = ? OR destination = ?) ORDER BY CASE WHEN submitter = ? THEN 0 ELSE 1 END, no LIMIT 1",
    )
    .bind(handoff_id)
    .bind(agent)
    .bind(agent)
    .bind(agent)
    .fetch_optional(connection)
    .await?)
}

/// The handoff whose destination `agent` is.
pub(crate) async fn find_for(
    connection: &mut SqliteConnection,
    agent: &str,
    handoff_id: &str,
) -> Result<Option<HandoffRow>, StorageError> {
    Ok(sqlx::query_as(
        "SELECT no, handoff_id, submitter, ref, contract, source, destination, correlation_id, created_ms FROM handoff \
         WHERE handoff_id = ? AND destination = ? ORDER BY no LIMIT 1",
    )
    .bind(handoff_id)
    .bind(agent)
    .fetch_optional(connection)
    .await?)
}

/// One handoff by its position.
pub(crate) async fn load(connection: &mut SqliteConnection, no: i64) -> Result<Option<HandoffRow>, StorageError> {
    Ok(sqlx::query_as(
        "SELECT no, handoff_id, submitter, ref, contract, source, destination, correlation_id, created_ms FROM handoff WHERE no = ?",
    )
    .bind(no)
    .fetch_optional(connection)
    .await?)
}

/// The last `limit` handoffs of a task, newest first.
pub(crate) async fn list_chain(
    connection: &mut SqliteConnection,
    correlation_id: &str,
    submitter: &str,
    limit: i64,
) -> Result<Vec<HandoffRow>, StorageError> {
    Ok(sqlx::query_as(
        "SELECT no, handoff_id, submitter, ref, contract, source, destination, correlation_id, created_ms FROM handoff \
         WHERE correlation_id = ? AND submitter = ? ORDER BY no DESC LIMIT ?",
    )
    .bind(correlation_id)
    .bind(submitter)
    .bind(limit)
    .fetch_all(connection)
    .await?)
}

/// The handoff with this id, and the last 21 handoffs of the task, newest first: what every submission asks, at once.
///
/// The limit is written out, because SQLite prepares a statement anew for every bound one.
pub(crate) async fn find_with_chain(
    connection: &mut SqliteConnection,
    submitter: &str,
    handoff_id: &str,
    correlation_id: &str,
) -> Result<(Option<HandoffRow>, Vec<HandoffRow>), StorageError> {
    let rows: Vec<HandoffRow> = sqlx::query_as(
        "SELECT no, handoff_id, submitter, ref, contract, source, destination, correlation_id, created_ms FROM handoff \
         WHERE handoff_id = ? AND submitter = ? \
         UNION ALL SELECT * FROM ( \
         SELECT no, handoff_id, submitter, ref, contract, source, destination, correlation_id, created_ms FROM handoff \
         WHERE correlation_id = ? AND submitter = ? ORDER BY no DESC LIMIT 21) AS chain",
    )
    .bind(handoff_id)
    .bind(submitter)
    .bind(correlation_id)
    .bind(submitter)
    .fetch_all(connection)
    .await?;
    let found = rows.iter().find(|row| row.handoff_id == handoff_id).cloned();
    let mut chain: Vec<HandoffRow> = rows.into_iter().filter(|row| row.correlation_id == correlation_id).collect();
    // The handoff itself may come from both sides.
    chain.sort_unstable_by_key(|row| std::cmp::Reverse(row.no));
    chain.dedup_by_key(|row| row.no);
    Ok((found, chain))
}

/// Handoffs after `after`, oldest first.
pub(crate) async fn list_after(
    connection: &mut SqliteConnection,
    after: i64,
    limit: i64,
) -> Result<Vec<HandoffRow>, StorageError> {
    Ok(sqlx::query_as(
        "SELECT no, handoff_id, submitter, ref, contract, source, destination, correlation_id, created_ms FROM handoff \
         WHERE no > ? ORDER BY no LIMIT ?",
    )
    .bind(after)
    .bind(limit)
    .fetch_all(connection)
    .await?)
}

/// What may be erased of the content that came with attempt `no`.
pub(crate) async fn find_payload(
    connection: &mut SqliteConnection,
    no: i64,
) -> Result<Option<PayloadRow>, StorageError> {
    Ok(sqlx::query_as("SELECT no, raw, disclosures FROM payload WHERE no = ?")
        .bind(no)
        .fetch_optional(connection)
        .await?)
}

/// One file of a content.
pub(crate) async fn find_artifact(
    connection: &mut SqliteConnection,
    content: i64,
    digest: &[u8],
) -> Result<Option<ArtifactRow>, StorageError> {
    Ok(sqlx::query_as("SELECT content, digest, salt, bytes FROM artifact WHERE content = ? AND digest = ?")
        .bind(content)
        .bind(digest)
        .fetch_optional(connection)
        .await?)
}

/// Adds handoffs.
pub(crate) async fn insert(write: &mut Write<'_>, rows: &[HandoffRow]) -> Result<(), StorageError> {
    super::insert_many(write.connection, rows).await
}

/// Adds contents.
pub(crate) async fn insert_payloads(write: &mut Write<'_>, rows: &[PayloadRow]) -> Result<(), StorageError> {
    super::insert_many(write.connection, rows).await
}

/// Adds files.
pub(crate) async fn insert_artifacts(write: &mut Write<'_>, rows: &[ArtifactRow]) -> Result<(), StorageError> {
    super::insert_many(write.connection, rows).await
}
