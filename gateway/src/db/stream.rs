//! What changed, in commit order.

use sqlx::SqliteConnection;

use super::{Ephemeral, InsertMany, SqliteQuery, StorageError};

/// One change.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct StreamRow {
    /// From 1, without gaps.
    pub(crate) pos: i64,
    /// The attempt that changed; absent for the directory.
    pub(crate) attempt: Option<i64>,
    /// See [`crate::recorded::Event`].
    pub(crate) kind: String,
    /// Ledger entry that recorded it.
    pub(crate) seq: i64,
    pub(crate) at_ms: i64,
}

impl InsertMany for StreamRow {
    const INTO: &'static str = "INSERT INTO stream (pos, attempt, kind, seq, at_ms) VALUES ";
    const COLUMNS: usize = 5;
    fn bind<'q>(&'q self, query: SqliteQuery<'q>) -> SqliteQuery<'q> {
        query.bind(self.pos).bind(self.attempt).bind(&self.kind).bind(self.seq).bind(self.at_ms)
    }
}

/// Changes after `after`, oldest first.
pub(crate) async fn list_after(
    connection: &mut SqliteConnection,
    after: i64,
    limit: i64,
) -> Result<Vec<StreamRow>, StorageError> {
    Ok(sqlx::query_as("SELECT pos, attempt, kind, seq, at_ms FROM stream WHERE pos > ? ORDER BY pos LIMIT ?")
        .bind(after)
        .bind(limit)
        .fetch_all(connection)
        .await?)
}

/// The oldest position that is still kept.
pub(crate) async fn oldest(connection: &mut SqliteConnection) -> Result<Option<i64>, StorageError> {
    Ok(sqlx::query_scalar("SELECT MIN(pos) FROM stream").fetch_one(connection).await?)
}

/// Forgets changes older than `before_ms`; who comes later than that gets a reset.
pub(crate) async fn prune(write: &mut Ephemeral<'_>, before_ms: i64) -> Result<(), StorageError> {
    // The newest row stays, so that the oldest kept position always tells what was forgotten.
    sqlx::query("DELETE FROM stream WHERE pos < (SELECT MAX(pos) FROM stream) AND pos < (SELECT COALESCE(MIN(pos), 0) FROM stream WHERE at_ms >= ?)")
        .bind(before_ms)
        .execute(&mut *write.connection)
        .await?;
    Ok(())
}
