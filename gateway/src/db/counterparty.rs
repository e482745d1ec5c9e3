//! Counterparties: the names of each content, and those that are known.

use sqlx::SqliteConnection;

use super::{InsertMany, SqliteQuery, StorageError, Write};

/// A name that a content has at one place.
#[derive(Clone, Debug)]
pub(crate) struct CounterpartyRow {
    /// The attempt that brought the content.
    pub(crate) content: i64,
    /// JSON Pointer from the predicate.
    pub(crate) path: String,
    /// Name of the contract.
    pub(crate) contract: String,
    pub(crate) value: String,
    /// What it looks like, twice: `seamark_contracts::lookalike::Looks`.
    pub(crate) written: String,
    pub(crate) lowercase: String,
}

impl InsertMany for CounterpartyRow {
    const INTO: &'static str = "INSERT INTO counterparty (content, path, contract, value, written, lowercase) VALUES ";
    const COLUMNS: usize = 6;
    fn bind<'q>(&'q self, query: SqliteQuery<'q>) -> SqliteQuery<'q> {
        query
            .bind(self.content)
            .bind(&self.path)
            .bind(&self.contract)
            .bind(&self.value)
            .bind(&self.written)
            .bind(&self.lowercase)
    }
}

/// Most look-alikes of one name that are read; one is enough to warn.
const MAX_ALIKE: i64 = 16;

/// Known names at `path` that are `value`, or look like it in one of the two ways.
pub(crate) async fn list_alike(
    connection: &mut SqliteConnection,
    contract: &str,
    path: &str,
    value: &str,
    written: &str,
    lowercase: &str,
) -> Result<Vec<String>, StorageError> {
    // Each part by its own index; the name itself is asked for apart, so that many look-alikes cannot hide it.
    Ok(sqlx::query_scalar(
        "SELECT value FROM known_counterparty WHERE contract = ? AND path = ? AND value = ? \
         UNION SELECT value FROM (SELECT value FROM known_counterparty WHERE contract = ? AND path = ? AND written = ? LIMIT ?) AS w \
         UNION SELECT value FROM (SELECT value FROM known_counterparty WHERE contract = ? AND path = ? AND lowercase = ? LIMIT ?) AS l",
    )
    .bind(contract)
    .bind(path)
    .bind(value)
    .bind(contract)
    .bind(path)
    .bind(written)
    .bind(MAX_ALIKE)
    .bind(contract)
    .bind(path)
    .bind(lowercase)
    .bind(MAX_ALIKE)
    .fetch_all(connection)
    .await?)
}

/// Adds the names of contents.
pub(crate) async fn insert(write: &mut Write<'_>, rows: &[CounterpartyRow]) -> Result<(), StorageError> {
    super::insert_many(write.connection, rows).await
}

/// Makes the names of a content known: it was approved or passed on.
pub(crate) async fn make_known(write: &mut Write<'_>, content: i64) -> Result<(), StorageError> {
    sqlx::query(
        "INSERT INTO known_counterparty (contract, path, value, written, lowercase) \
         SELECT contract, path, value, written, lowercase FROM counterparty WHERE content = ? ON CONFLICT DO NOTHING",
    )
    .bind(content)
    .execute(&mut *write.connection)
    .await?;
    Ok(())
}
