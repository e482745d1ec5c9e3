//! Webhooks and what waits to be pushed to them.
//!
//! A row is written with its outcome (invariant C1) and worked on under a claim: `fence` grows with every claim, and only
//! who holds the current number may mark the delivery (invariant C5).

use sqlx::{AssertSqlSafe, SqliteConnection};

use super::{Ephemeral, SqliteQuery, StorageError, Write};

/// Where outcomes are pushed to.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct WebhookRow {
    pub(crate) no: i64,
    pub(crate) id: String,
    /// Urn of the agent whose handoffs it follows.
    pub(crate) agent: String,
    /// The key that made it.
    pub(crate) key_id: String,
    pub(crate) url: String,
    pub(crate) is_enabled: bool,
    pub(crate) created_ms: i64,
}

/// One push.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct OutboxRow {
    pub(crate) outcome: i64,
    pub(crate) webhook: String,
    pub(crate) outcome_id: String,
    /// The bytes of every try (invariant C3).
    pub(crate) body: Vec<u8>,
    /// `waiting`, `delivered` or `parked`.
    pub(crate) state: String,
    pub(crate) n_tries: i64,
    pub(crate) next_ms: i64,
    pub(crate) fence: i64,
    pub(crate) claimed_ms: i64,
    pub(crate) last_error: Option<String>,
}

/// The columns of [`WebhookRow`].
const WEBHOOKS: &str = "SELECT no, id, agent, key_id, url, is_enabled, created_ms FROM webhook";

/// The columns of [`OutboxRow`].
const PUSHES: &str =
    "SELECT outcome, webhook, outcome_id, body, state, n_tries, next_ms, fence, claimed_ms, last_error FROM outbox";

/// A webhook with what its key is for.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct ScopedWebhookRow {
    #[sqlx(flatten)]
    pub(crate) webhook: WebhookRow,
    /// JSON array of contract names; empty means every contract.
    pub(crate) contracts: String,
}

/// The enabled webhooks of these two agents, whose keys have not ended.
pub(crate) async fn list_enabled(
    connection: &mut SqliteConnection,
    submitter: &str,
    destination: &str,
) -> Result<Vec<ScopedWebhookRow>, StorageError> {
    Ok(sqlx::query_as(
        "SELECT w.no, w.id, w.agent, w.key_id, w.url, w.is_enabled, w.created_ms, k.contracts FROM webhook w \
         JOIN agent_key k ON k.id = w.key_id WHERE (w.agent = ? OR w.agent = ?) AND w.is_enabled = 1 \
         AND k.ended_ms IS NULL ORDER BY w.no",
    )
    .bind(submitter)
    .bind(destination)
    .fetch_all(connection)
    .await?)
}

/// Every webhook of a key's agent.
pub(crate) async fn list_webhooks(
    connection: &mut SqliteConnection,
    agent: &str,
) -> Result<Vec<WebhookRow>, StorageError> {
    let text = format!("{WEBHOOKS} WHERE agent = ? ORDER BY no");
    Ok(sqlx::query_as(AssertSqlSafe(text)).bind(agent).fetch_all(connection).await?)
}

/// The enabled webhooks that were made with a key.
pub(crate) async fn list_enabled_of_key(
    connection: &mut SqliteConnection,
    key_id: &str,
) -> Result<Vec<WebhookRow>, StorageError> {
    let text = format!("{WEBHOOKS} WHERE key_id = ? AND is_enabled = 1 ORDER BY no");
    Ok(sqlx::query_as(AssertSqlSafe(text)).bind(key_id).fetch_all(connection).await?)
}

/// One webhook.
pub(crate) async fn find_webhook(
    connection: &mut SqliteConnection,
    id: &str,
) -> Result<Option<WebhookRow>, StorageError> {
    let text = format!("{WEBHOOKS} WHERE id = ?");
    Ok(sqlx::query_as(AssertSqlSafe(text)).bind(id).fetch_optional(connection).await?)
}

/// Adds a webhook.
pub(crate) async fn insert_webhook(write: &mut Write<'_>, row: &WebhookRow) -> Result<(), StorageError> {
    sqlx::query(
        "INSERT INTO webhook (no, id, agent, key_id, url, is_enabled, created_ms) VALUES (?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(row.no)
    .bind(&row.id)
    .bind(&row.agent)
    .bind(&row.key_id)
    .bind(&row.url)
    .bind(row.is_enabled)
    .bind(row.created_ms)
    .execute(&mut *write.connection)
    .await?;
    Ok(())
}

/// Switches a webhook off. What waits for it is parked by its next claim.
pub(crate) async fn disable_webhook(write: &mut Write<'_>, id: &str) -> Result<(), StorageError> {
    sqlx::query("UPDATE webhook SET is_enabled = 0 WHERE id = ?").bind(id).execute(&mut *write.connection).await?;
    Ok(())
}

/// Puts a push beside its outcome.
pub(crate) async fn insert(write: &mut Write<'_>, row: &OutboxRow) -> Result<(), StorageError> {
    sqlx::query(
        "INSERT INTO outbox (outcome, webhook, outcome_id, body, state, n_tries, next_ms, fence, claimed_ms, last_error) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(row.outcome)
    .bind(&row.webhook)
    .bind(&row.outcome_id)
    .bind(&row.body)
    .bind(&row.state)
    .bind(row.n_tries)
    .bind(row.next_ms)
    .bind(row.fence)
    .bind(row.claimed_ms)
    .bind(&row.last_error)
    .execute(&mut *write.connection)
    .await?;
    Ok(())
}

/// One push.
pub(crate) async fn load(
    connection: &mut SqliteConnection,
    outcome: i64,
    webhook: &str,
) -> Result<Option<OutboxRow>, StorageError> {
    let text = format!("{PUSHES} WHERE outcome = ? AND webhook = ?");
    Ok(sqlx::query_as(AssertSqlSafe(text)).bind(outcome).bind(webhook).fetch_optional(connection).await?)
}

/// Pushes that are due and not claimed by anyone since `stale_ms`.
pub(crate) async fn list_due(
    connection: &mut SqliteConnection,
    now_ms: i64,
    stale_ms: i64,
    limit: i64,
) -> Result<Vec<OutboxRow>, StorageError> {
    let text = format!(
        "{PUSHES} WHERE state = 'waiting' AND next_ms <= ? AND claimed_ms <= ? ORDER BY next_ms, outcome LIMIT ?"
    );
    Ok(sqlx::query_as(AssertSqlSafe(text)).bind(now_ms).bind(stale_ms).bind(limit).fetch_all(connection).await?)
}

/// Takes the claim that follows `fence`; whether it could.
pub(crate) async fn claim(
    write: &mut Ephemeral<'_>,
    outcome: i64,
    webhook: &str,
    fence: i64,
    now_ms: i64,
) -> Result<bool, StorageError> {
    let query = sqlx::query(
        "UPDATE outbox SET fence = fence + 1, claimed_ms = ? WHERE outcome = ? AND webhook = ? AND fence = ? AND state = 'waiting'",
    );
    under_claim(write, query.bind(now_ms), outcome, webhook, fence).await
}

/// Notes a failed try and when the next is due; whether the claim still held.
pub(crate) async fn put_off(
    write: &mut Ephemeral<'_>,
    outcome: i64,
    webhook: &str,
    fence: i64,
    next_ms: i64,
    error: &str,
) -> Result<bool, StorageError> {
    let query = sqlx::query(
        "UPDATE outbox SET n_tries = n_tries + 1, next_ms = ?, claimed_ms = 0, last_error = ? \
         WHERE outcome = ? AND webhook = ? AND fence = ? AND state = 'waiting'",
    );
    under_claim(write, query.bind(next_ms).bind(error), outcome, webhook, fence).await
}

/// Changes a push whose last three values are these; whether it did.
async fn under_claim<'q>(
    write: &mut Ephemeral<'_>,
    query: SqliteQuery<'q>,
    outcome: i64,
    webhook: &'q str,
    fence: i64,
) -> Result<bool, StorageError> {
    let query = query.bind(outcome).bind(webhook).bind(fence);
    Ok(query.execute(&mut *write.connection).await?.rows_affected() == 1)
}

/// Ends a push as `delivered` or `parked`. The caller has checked the claim in the same transaction.
pub(crate) async fn finish(
    write: &mut Write<'_>,
    outcome: i64,
    webhook: &str,
    state: &str,
    error: Option<&str>,
) -> Result<(), StorageError> {
    sqlx::query("UPDATE outbox SET n_tries = n_tries + 1, state = ?, last_error = ? WHERE outcome = ? AND webhook = ? AND state = 'waiting'")
        .bind(state)
        .bind(error)
        .bind(outcome)
        .bind(webhook)
        .execute(&mut *write.connection)
        .await?;
    Ok(())
}
