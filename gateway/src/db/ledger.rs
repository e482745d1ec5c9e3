//! The ledger's rows: entries, bodies, tiles of hashes, checkpoints, and the head.

use sqlx::SqliteConnection;

use super::{InsertMany, SqliteQuery, StorageError, Write};

/// Where the ledger ends.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct HeadRow {
    /// Number of entries.
    pub(crate) size: i64,
    /// Roots of the perfect subtrees from left to right, 32 bytes each.
    pub(crate) frontier: Vec<u8>,
    /// Gateway time of the last commit; it never goes back (invariant H1).
    pub(crate) at_ms: i64,
    /// Position of the newest change in the stream.
    pub(crate) stream_pos: i64,
}

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct EntryRow {
    pub(crate) seq: i64,
    /// The handoff's row.
    pub(crate) handoff: Option<i64>,
    pub(crate) kind: String,
    /// 32 bytes.
    pub(crate) leaf: Vec<u8>,
    /// Canonical bytes.
    pub(crate) bytes: Vec<u8>,
}

impl InsertMany for EntryRow {
    const INTO: &'static str = "INSERT INTO ledger_entry (seq, handoff, kind, leaf, bytes) VALUES ";
    const COLUMNS: usize = 5;
    fn bind<'q>(&'q self, query: SqliteQuery<'q>) -> SqliteQuery<'q> {
        query.bind(self.seq).bind(self.handoff).bind(&self.kind).bind(&self.leaf).bind(&self.bytes)
    }
}

/// The body of an event.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct BodyRow {
    pub(crate) seq: i64,
    pub(crate) bytes: Vec<u8>,
}

impl InsertMany for BodyRow {
    const INTO: &'static str = "INSERT INTO ledger_body (seq, bytes) VALUES ";
    const COLUMNS: usize = 2;
    fn bind<'q>(&'q self, query: SqliteQuery<'q>) -> SqliteQuery<'q> {
        query.bind(self.seq).bind(&self.bytes)
    }
}

/// Up to 256 hashes of one level; always 256 at the level of the leaves.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct TileRow {
    pub(crate) level: i64,
    pub(crate) idx: i64,
    /// 32 bytes each.
    pub(crate) hashes: Vec<u8>,
}

/// A fixed (size, root).
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct CheckpointRow {
    pub(crate) size: i64,
    /// 32 bytes.
    pub(crate) root: Vec<u8>,
    pub(crate) at_ms: i64,
}

/// The head; absent before the first entry.
pub(crate) async fn head(connection: &mut SqliteConnection) -> Result<Option<HeadRow>, StorageError> {
    Ok(sqlx::query_as("SELECT size, frontier, at_ms, stream_pos FROM ledger_head WHERE id = 1")
        .fetch_optional(connection)
        .await?)
}

/// Moves the head by compare-and-swap on its size.
pub(crate) async fn move_head(write: &mut Write<'_>, from_size: i64, head: &HeadRow) -> Result<(), StorageError> {
    let done = if from_size == 0 {
        sqlx::query("INSERT INTO ledger_head (id, size, frontier, at_ms, stream_pos) VALUES (1, ?, ?, ?, ?)")
            .bind(head.size)
            .bind(&head.frontier)
            .bind(head.at_ms)
            .bind(head.stream_pos)
            .execute(&mut *write.connection)
            .await?
    } else {
        sqlx::query(
            "UPDATE ledger_head SET size = ?, frontier = ?, at_ms = ?, stream_pos = ? WHERE id = 1 AND size = ?",
        )
        .bind(head.size)
        .bind(&head.frontier)
        .bind(head.at_ms)
        .bind(head.stream_pos)
        .bind(from_size)
        .execute(&mut *write.connection)
        .await?
    };
    if done.rows_affected() == 1 {
        Ok(())
    } else {
        Err(StorageError::Impossible { table: "ledger_head", column: "size", row: from_size.to_string() })
    }
}

/// Appends entries.
pub(crate) async fn insert_entries(write: &mut Write<'_>, rows: &[EntryRow]) -> Result<(), StorageError> {
    super::insert_many(write.connection, rows).await
}

/// Adds event bodies.
pub(crate) async fn insert_bodies(write: &mut Write<'_>, rows: &[BodyRow]) -> Result<(), StorageError> {
    super::insert_many(write.connection, rows).await
}

/// Adds tiles, or lets those above the leaves grow.
pub(crate) async fn upsert_tiles(write: &mut Write<'_>, rows: &[TileRow]) -> Result<(), StorageError> {
    for row in rows {
        sqlx::query(
            "INSERT INTO ledger_tile (level, idx, hashes) VALUES (?, ?, ?) ON CONFLICT (level, idx) DO UPDATE SET hashes = excluded.hashes",
        )
        .bind(row.level)
        .bind(row.idx)
        .bind(&row.hashes)
        .execute(&mut *write.connection)
        .await?;
    }
    Ok(())
}

/// Adds changes to the stream, in the transaction of their entries.
pub(crate) async fn insert_stream(
    write: &mut Write<'_>,
    rows: &[super::stream::StreamRow],
) -> Result<(), StorageError> {
    super::insert_many(write.connection, rows).await
}

/// Fixes the root of a size, before it is signed (invariant D4).
pub(crate) async fn insert_checkpoint(write: &mut Write<'_>, row: &CheckpointRow) -> Result<(), StorageError> {
    sqlx::query("INSERT INTO ledger_checkpoint (size, root, at_ms) VALUES (?, ?, ?)")
        .bind(row.size)
        .bind(&row.root)
        .bind(row.at_ms)
        .execute(&mut *write.connection)
        .await?;
    Ok(())
}

/// Leaf of the newest entry of a handoff.
pub(crate) async fn last_leaf(
    connection: &mut SqliteConnection,
    handoff: i64,
) -> Result<Option<Vec<u8>>, StorageError> {
    Ok(sqlx::query_scalar("SELECT leaf FROM ledger_entry WHERE handoff = ? ORDER BY seq DESC LIMIT 1")
        .bind(handoff)
        .fetch_optional(connection)
        .await?)
}

/// Index of the newest entry of a handoff.
pub(crate) async fn last_of_handoff(
    connection: &mut SqliteConnection,
    handoff: i64,
) -> Result<Option<i64>, StorageError> {
    Ok(sqlx::query_scalar("SELECT seq FROM ledger_entry WHERE handoff = ? ORDER BY seq DESC LIMIT 1")
        .bind(handoff)
        .fetch_optional(connection)
        .await?)
}

/// Consecutive entries from `from`.
pub(crate) async fn list_entries(
    connection: &mut SqliteConnection,
    from: i64,
    limit: i64,
) -> Result<Vec<EntryRow>, StorageError> {
    Ok(sqlx::query_as("SELECT seq, handoff, kind, leaf, bytes FROM ledger_entry WHERE seq >= ? ORDER BY seq LIMIT ?")
        .bind(from)
        .bind(limit)
        .fetch_all(connection)
        .await?)
}

/// One entry.
pub(crate) async fn load_entry(connection: &mut SqliteConnection, seq: i64) -> Result<Option<EntryRow>, StorageError> {
    Ok(sqlx::query_as("SELECT seq, handoff, kind, leaf, bytes FROM ledger_entry WHERE seq = ?")
        .bind(seq)
        .fetch_optional(connection)
        .await?)
}

/// Every entry of a handoff below `size`, in order.
pub(crate) async fn list_of_handoff(
    connection: &mut SqliteConnection,
    handoff: i64,
    size: i64,
) -> Result<Vec<EntryRow>, StorageError> {
    Ok(sqlx::query_as(
        "SELECT seq, handoff, kind, leaf, bytes FROM ledger_entry WHERE handoff = ? AND seq < ? ORDER BY seq",
    )
    .bind(handoff)
    .bind(size)
    .fetch_all(connection)
    .await?)
}

/// Leaves of consecutive entries.
pub(crate) async fn list_leaves(
    connection: &mut SqliteConnection,
    from: i64,
    to: i64,
) -> Result<Vec<Vec<u8>>, StorageError> {
    Ok(sqlx::query_scalar("SELECT leaf FROM ledger_entry WHERE seq >= ? AND seq < ? ORDER BY seq")
        .bind(from)
        .bind(to)
        .fetch_all(connection)
        .await?)
}

/// The body of an event.
pub(crate) async fn find_body(connection: &mut SqliteConnection, seq: i64) -> Result<Option<BodyRow>, StorageError> {
    Ok(sqlx::query_as("SELECT seq, bytes FROM ledger_body WHERE seq = ?").bind(seq).fetch_optional(connection).await?)
}

/// One tile.
pub(crate) async fn find_tile(
    connection: &mut SqliteConnection,
    level: i64,
    idx: i64,
) -> Result<Option<TileRow>, StorageError> {
    Ok(sqlx::query_as("SELECT level, idx, hashes FROM ledger_tile WHERE level = ? AND idx = ?")
        .bind(level)
        .bind(idx)
        .fetch_optional(connection)
        .await?)
}

/// Every tile.
pub(crate) async fn list_tiles(connection: &mut SqliteConnection) -> Result<Vec<TileRow>, StorageError> {
    Ok(sqlx::query_as("SELECT level, idx, hashes FROM ledger_tile ORDER BY level, idx").fetch_all(connection).await?)
}

/// The newest checkpoint.
pub(crate) async fn newest_checkpoint(
    connection: &mut SqliteConnection,
) -> Result<Option<CheckpointRow>, StorageError> {
    Ok(sqlx::query_as("SELECT size, root, at_ms FROM ledger_checkpoint ORDER BY size DESC LIMIT 1")
        .fetch_optional(connection)
        .await?)
}

/// The checkpoint of a size.
pub(crate) async fn find_checkpoint(
    connection: &mut SqliteConnection,
    size: i64,
) -> Result<Option<CheckpointRow>, StorageError> {
    Ok(sqlx::query_as("SELECT size, root, at_ms FROM ledger_checkpoint WHERE size = ?")
        .bind(size)
        .fetch_optional(connection)
        .await?)
}

/// The first checkpoint that covers entry `seq`. It never changes, because sizes only grow.
pub(crate) async fn first_checkpoint_over(
    connection: &mut SqliteConnection,
    seq: i64,
) -> Result<Option<CheckpointRow>, StorageError> {
    Ok(sqlx::query_as("SELECT size, root, at_ms FROM ledger_checkpoint WHERE size > ? ORDER BY size LIMIT 1")
        .bind(seq)
        .fetch_optional(connection)
        .await?)
}

/// Checkpoints after `after`, the smallest first.
pub(crate) async fn list_checkpoints(
    connection: &mut SqliteConnection,
    after: i64,
    limit: i64,
) -> Result<Vec<CheckpointRow>, StorageError> {
    Ok(sqlx::query_as("SELECT size, root, at_ms FROM ledger_checkpoint WHERE size > ? ORDER BY size LIMIT ?")
        .bind(after)
        .bind(limit)
        .fetch_all(connection)
        .await?)
}
