//! Attempts: one row per signed handoff statement, with its review when a person is asked.

use sqlx::{AssertSqlSafe, SqliteConnection};

use super::{InsertMany, SqliteQuery, StorageError, Write};

/// One attempt and where it stands.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct AttemptRow {
    /// Position of the entry that recorded it.
    pub(crate) no: i64,
    pub(crate) handoff: i64,
    pub(crate) revision: i64,
    /// 128 random bits, base64url.
    pub(crate) attempt: String,
    /// HMAC of the submitted bytes of its revision.
    pub(crate) body_mac: Vec<u8>,
    /// The attempt that brought the content: itself, or the one that it repeats.
    pub(crate) content: i64,
    pub(crate) contract_name: String,
    pub(crate) contract_version: String,
    pub(crate) statement_digest: Vec<u8>,
    /// `passed`, `open`, or an outcome.
    pub(crate) state: String,
    /// Absent when it passed without a gate.
    pub(crate) review_id: Option<String>,
    /// Grows with every change.
    pub(crate) version: i64,
    /// JSON array of role names.
    pub(crate) candidates: String,
    pub(crate) opened_ms: i64,
    pub(crate) expires_ms: Option<i64>,
    pub(crate) closed_ms: Option<i64>,
    /// The attempt that took its place.
    pub(crate) superseded_by: Option<i64>,
    /// Position of the `attempt.consumed` entry.
    pub(crate) consumed_no: Option<i64>,
    pub(crate) delivered_ms: Option<i64>,
}

/// What the gateway signed.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct StatementRow {
    /// The attempt.
    pub(crate) no: i64,
    pub(crate) bytes: Vec<u8>,
    /// 64 bytes, by the handoff key.
    pub(crate) signature: Vec<u8>,
}

impl InsertMany for AttemptRow {
    const INTO: &'static str = "INSERT INTO attempt (no, handoff, revision, attempt, body_mac, content, contract_name, contract_version, \
         statement_digest, state, review_id, version, candidates, opened_ms, expires_ms, closed_ms, superseded_by, consumed_no, \
         delivered_ms) VALUES ";
    const COLUMNS: usize = 19;
    fn bind<'q>(&'q self, query: SqliteQuery<'q>) -> SqliteQuery<'q> {
        query
            .bind(self.no)
            .bind(self.handoff)
            .bind(self.revision)
            .bind(&self.attempt)
            .bind(&self.body_mac)
            .bind(self.content)
            .bind(&self.contract_name)
            .bind(&self.contract_version)
            .bind(&self.statement_digest)
            .bind(&self.state)
            .bind(&self.review_id)
            .bind(self.version)
            .bind(&self.candidates)
            .bind(self.opened_ms)
            .bind(self.expires_ms)
            .bind(self.closed_ms)
            .bind(self.superseded_by)
            .bind(self.consumed_no)
            .bind(self.delivered_ms)
    }
}

impl InsertMany for StatementRow {
    const INTO: &'static str = "INSERT INTO statement (no, bytes, signature) VALUES ";
    const COLUMNS: usize = 3;
    fn bind<'q>(&'q self, query: SqliteQuery<'q>) -> SqliteQuery<'q> {
        query.bind(self.no).bind(&self.bytes).bind(&self.signature)
    }
}

/// The columns of [`AttemptRow`].
pub(super) const SELECT: &str = "SELECT no, handoff, revision, attempt, body_mac, content, contract_name, contract_version, statement_digest, state, \
     review_id, version, candidates, opened_ms, expires_ms, closed_ms, superseded_by, consumed_no, delivered_ms FROM attempt";

/// One attempt.
pub(crate) async fn load(connection: &mut SqliteConnection, no: i64) -> Result<Option<AttemptRow>, StorageError> {
    Ok(sqlx::query_as(AssertSqlSafe(format!("{SELECT} WHERE no = ?"))).bind(no).fetch_optional(connection).await?)
}

/// The newest attempt of a handoff.
pub(crate) async fn newest(
    connection: &mut SqliteConnection,
    handoff: i64,
) -> Result<Option<AttemptRow>, StorageError> {
    Ok(sqlx::query_as(AssertSqlSafe(format!("{SELECT} WHERE handoff = ? ORDER BY no DESC LIMIT 1")))
        .bind(handoff)
        .fetch_optional(connection)
        .await?)
}

/// Every attempt of a handoff, oldest first.
pub(crate) async fn list(connection: &mut SqliteConnection, handoff: i64) -> Result<Vec<AttemptRow>, StorageError> {
    Ok(sqlx::query_as(AssertSqlSafe(format!("{SELECT} WHERE handoff = ? ORDER BY no")))
        .bind(handoff)
        .fetch_all(connection)
        .await?)
}

/// Every attempt after `after`, oldest first.
pub(crate) async fn list_after(
    connection: &mut SqliteConnection,
    after: i64,
    limit: i64,
) -> Result<Vec<AttemptRow>, StorageError> {
    Ok(sqlx::query_as(AssertSqlSafe(format!("{SELECT} WHERE no > ? ORDER BY no LIMIT ?")))
        .bind(after)
        .bind(limit)
        .fetch_all(connection)
        .await?)
}

/// Number of attempts.
pub(crate) async fn count(connection: &mut SqliteConnection) -> Result<i64, StorageError> {
    Ok(sqlx::query_scalar("SELECT COUNT(*) FROM attempt").fetch_one(connection).await?)
}

/// Open reviews of what this agent submitted.
pub(crate) async fn count_open_of(connection: &mut SqliteConnection, submitter: &str) -> Result<usize, StorageError> {
    let n_open: i64 = sqlx::query_scalar(
        "SELECT COUNT(*) FROM attempt JOIN handoff ON handoff.no = attempt.handoff \
         WHERE attempt.state = 'open' AND handoff.submitter = ?",
    )
    .bind(submitter)
    .fetch_one(connection)
    .await?;
    Ok(usize::try_from(n_open).unwrap_or(usize::MAX))
}

/// The attempt of a review.
pub(crate) async fn find_review(
    connection: &mut SqliteConnection,
    review_id: &str,
) -> Result<Option<AttemptRow>, StorageError> {
    Ok(sqlx::query_as(AssertSqlSafe(format!("{SELECT} WHERE review_id = ?")))
        .bind(review_id)
        .fetch_optional(connection)
        .await?)
}

/// Open reviews, and those closed after `closed_after_ms`, beyond position `after`, in order.
pub(crate) async fn list_current(
    connection: &mut SqliteConnection,
    after: i64,
    closed_after_ms: i64,
    limit: i64,
) -> Result<Vec<AttemptRow>, StorageError> {
    Ok(sqlx::query_as(AssertSqlSafe(format!(
        "{SELECT} WHERE no IN (\
           SELECT no FROM (SELECT no FROM attempt WHERE state = 'open' AND no > ? ORDER BY no LIMIT ?) AS still_open \
           UNION ALL \
           SELECT no FROM attempt WHERE closed_ms > ? AND no > ? AND review_id IS NOT NULL\
         ) ORDER BY no LIMIT ?"
    )))
    .bind(after)
    .bind(limit)
    .bind(closed_after_ms)
    .bind(after)
    .bind(limit)
    .fetch_all(connection)
    .await?)
}

/// Open reviews whose deadline is at or before `now_ms`, the earliest first.
pub(crate) async fn list_due(
    connection: &mut SqliteConnection,
    now_ms: i64,
    limit: i64,
) -> Result<Vec<AttemptRow>, StorageError> {
    Ok(sqlx::query_as(AssertSqlSafe(format!(
        "{SELECT} WHERE state = 'open' AND expires_ms <= ? ORDER BY expires_ms, no LIMIT ?"
    )))
    .bind(now_ms)
    .bind(limit)
    .fetch_all(connection)
    .await?)
}

/// What was signed for an attempt.
pub(crate) async fn load_statement(
    connection: &mut SqliteConnection,
    no: i64,
) -> Result<Option<StatementRow>, StorageError> {
    Ok(sqlx::query_as("SELECT no, bytes, signature FROM statement WHERE no = ?")
        .bind(no)
        .fetch_optional(connection)
        .await?)
}

/// Adds attempts.
pub(crate) async fn insert(write: &mut Write<'_>, rows: &[AttemptRow]) -> Result<(), StorageError> {
    super::insert_many(write.connection, rows).await
}

/// Adds signed statements.
pub(crate) async fn insert_statements(write: &mut Write<'_>, rows: &[StatementRow]) -> Result<(), StorageError> {
    super::insert_many(write.connection, rows).await
}

/// Ends an open review. Terminal states never change (invariant B2): only an open one is touched, and the number of
/// rows is checked.
pub(crate) async fn close(
    write: &mut Write<'_>,
    no: i64,
    state: &str,
    closed_ms: i64,
    superseded_by: Option<i64>,
) -> Result<(), StorageError> {
    let query = sqlx::query(
        "UPDATE attempt SET state = ?, closed_ms = ?, superseded_by = ?, version = version + 1 WHERE no = ? AND state = 'open'",
    );
    change_one(write, query.bind(state).bind(closed_ms).bind(superseded_by).bind(no), "state", no).await
}

/// Notes that something about a review changed.
pub(crate) async fn touch(write: &mut Write<'_>, no: i64) -> Result<(), StorageError> {
    let query = sqlx::query("UPDATE attempt SET version = version + 1 WHERE no = ?");
    change_one(write, query.bind(no), "version", no).await
}

/// Notes that the orchestrator has the outcome, the first time.
pub(crate) async fn set_delivered(write: &mut Write<'_>, no: i64, delivered_ms: i64) -> Result<(), StorageError> {
    let query =
        sqlx::query("UPDATE attempt SET delivered_ms = ?, version = version + 1 WHERE no = ? AND delivered_ms IS NULL");
    change_one(write, query.bind(delivered_ms).bind(no), "delivered_ms", no).await
}

/// Uses the attempt up.
pub(crate) async fn set_consumed(write: &mut Write<'_>, no: i64, consumed_no: i64) -> Result<(), StorageError> {
    let query = sqlx::query("UPDATE attempt SET consumed_no = ? WHERE no = ? AND consumed_no IS NULL");
    change_one(write, query.bind(consumed_no).bind(no), "consumed_no", no).await
}

/// Changes exactly one row, and says which column could not be changed otherwise.
async fn change_one(
    write: &mut Write<'_>,
    query: SqliteQuery<'_>,
    column: &'static str,
    no: i64,
) -> Result<(), StorageError> {
    match query.execute(&mut *write.connection).await?.rows_affected() {
        1 => Ok(()),
        _ => Err(StorageError::Impossible { table: "attempt", column, row: no.to_string() }),
    }
}
