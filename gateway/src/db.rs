//! Storage: every SQL text of the gateway lives in this module, one portable text per query.
//!
//! Reading functions take a connection. Writing functions take a [`Write`], which only [`crate::recorded`] hands out and
//! only after a ledger entry was put into the same transaction (invariant D1), or an [`Ephemeral`], which reaches only
//! sessions, challenges, delivery tries and lines of witnesses.
//!
//! Does not know: HTTP, signatures, contracts.

use std::path::Path;
use std::time::Duration;

pub(crate) use sqlx::sqlite::SqliteConnection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions};
use thiserror::Error;

pub(crate) mod access;
pub(crate) mod agent_key;
pub(crate) mod attempt;
pub(crate) mod contract;
pub(crate) mod counterparty;
pub(crate) mod decision;
pub(crate) mod directory;
pub(crate) mod erasure;
pub(crate) mod gateway;
pub(crate) mod handoff;
pub(crate) mod ledger;
pub(crate) mod outbox;
pub(crate) mod outcome;
pub(crate) mod outside;
pub(crate) mod past;
pub(crate) mod person;
pub(crate) mod refusal;
pub(crate) mod reveal;
pub(crate) mod stream;
#[cfg(test)]
mod tampering;
#[cfg(test)]
pub(crate) use tampering::{fill_with_persons, forge_directory, forget_root, set_back_head};

/// The oldest SQLite without the WAL-reset fault (reliability.md, fact 2).
const OLDEST_SQLITE: [u32; 3] = [3, 51, 3];

/// Why storage did not answer.
#[derive(Debug, Error)]
pub enum StorageError {
    #[error("use the database")]
    Database(#[from] sqlx::Error),
    #[error("bring the database to the current form")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    #[error("SQLite {found} is older than 3.51.3 and can lose commits")]
    OldSqlite { found: String },
    #[error("the database does not keep {pragma} = {wanted}, it says {found}")]
    NotDurable { pragma: &'static str, wanted: &'static str, found: String },
    #[error("an impossible value stands in table {table}, column {column}, row {row}")]
    Impossible { table: &'static str, column: &'static str, row: String },
    #[error(
        "the directory of persons, agents and keys would grow beyond the 2 MiB that verifiers read; nothing was changed. Nothing is ever taken off it, so begin another gateway for more people or keys"
    )]
    DirectoryFull,
    #[error("the ledger cannot take this entry")]
    Ledger(#[from] crate::recorded::LedgerFault),
}

impl StorageError {
    /// Whether the database is busy with others, so that trying again is the right answer.
    pub(crate) fn is_busy(&self) -> bool {
        if matches!(self, Self::Database(sqlx::Error::PoolTimedOut)) {
            return true;
        }
        let Self::Database(sqlx::Error::Database(fault)) = self else { return false };
        // SQLITE_BUSY and SQLITE_LOCKED in their extended forms: the primary code is the lowest byte.
        fault.code().and_then(|code| code.parse::<u32>().ok()).is_some_and(|code| matches!(code & 0xff, 5 | 6))
    }
}

/// A write handle that exists only beside a ledger entry of the same transaction (invariant D1).
#[derive(Debug)]
pub(crate) struct Write<'t> {
    connection: &'t mut SqliteConnection,
}

impl<'t> Write<'t> {
    /// Called by [`crate::recorded`] alone.
    pub(crate) fn beside_an_entry(connection: &'t mut SqliteConnection) -> Self {
        Self { connection }
    }
}

/// A write handle for rows that are no part of the record: sessions, challenges, delivery tries, lines of witnesses.
#[derive(Debug)]
pub(crate) struct Ephemeral<'t> {
    connection: &'t mut SqliteConnection,
}

impl<'t> Ephemeral<'t> {
    /// Called by [`crate::recorded`] alone.
    pub(crate) fn without_an_entry(connection: &'t mut SqliteConnection) -> Self {
        Self { connection }
    }
}

/// The open database: many readers, and options for the one writer.
#[derive(Clone, Debug)]
pub(crate) struct Database {
    pub(crate) readers: SqlitePool,
    options: SqliteConnectOptions,
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        // Losing an acknowledged commit on power loss is what the other settings allow (reliability.md, fact 1).
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(false)
        .busy_timeout(Duration::from_secs(10))
        .statement_cache_capacity(256)
        .pragma("cache_size", "-16384")
        .pragma("wal_autocheckpoint", "4000")
        // What is erased is overwritten in the file, not only unlinked.
        .pragma("secure_delete", "ON")
        .disable_statement_logging()
}

impl Database {
    /// Opens the database file, makes it when it is not there, and brings it to the current form.
    ///
    /// # Errors
    /// [`StorageError`]; among others when SQLite is too old or does not keep its durability settings.
    pub(crate) async fn open(path: &Path, n_readers: u32) -> Result<Self, StorageError> {
        let options = options(path);
        let mut connection = options.connect().await?;
        check_durable(&mut connection).await?;
        sqlx::migrate!("migrations/sqlite").run(&mut connection).await?;
        drop(connection);
        let readers = SqlitePoolOptions::new()
            .max_connections(n_readers.max(1))
            .min_connections(1)
            .acquire_timeout(Duration::from_secs(10))
            .idle_timeout(None)
            .max_lifetime(None)
            .test_before_acquire(false)
            .connect_with(options.clone().pragma("query_only", "ON"))
            .await?;
        Ok(Self { readers, options })
    }

    /// A connection for the writer, with the durability settings read back.
    pub(crate) async fn connect_writer(&self) -> Result<SqliteConnection, StorageError> {
        let mut connection = self.options.connect().await?;
        check_durable(&mut connection).await?;
        Ok(connection)
    }

    /// Writes the journal into the database file and empties it, so that it does not hold what was erased. False when a
    /// reader or writer was in the way; then the next checkpoint does it.
    pub(crate) async fn empty_journal(&self) -> Result<bool, StorageError> {
        let mut connection = self.connect_writer().await?;
        let (busy, _, _): (i64, i64, i64) =
            sqlx::query_as("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(&mut connection).await?;
        close(connection).await?;
        Ok(busy == 0)
    }

    /// A connection that only reads.
    pub(crate) async fn read(&self) -> Result<sqlx::pool::PoolConnection<sqlx::Sqlite>, StorageError> {
        Ok(self.readers.acquire().await?)
    }
}

/// The length and time of a database file that nobody has a journal for; `None` while there is one. Two equal answers
/// around a reading say that nobody wrote.
pub(crate) fn quiet(path: &Path) -> Option<(u64, Option<std::time::SystemTime>)> {
    let mut journal = path.as_os_str().to_owned();
    journal.push("-wal");
    if Path::new(&journal).exists() {
        return None;
    }
    let known = path.metadata().ok()?;
    Some((known.len(), known.modified().ok()))
}

/// A connection that can only read, for the re-check: the file is taken as it is, in whatever form. `is_quiet` says that
/// there is no journal, so that SQLite needs no files beside it and makes none.
pub(crate) async fn open_to_check(path: &Path, is_quiet: bool) -> Result<SqliteConnection, StorageError> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .read_only(true)
        .immutable(is_quiet)
        .busy_timeout(Duration::from_secs(10))
        .pragma("query_only", "ON")
        .disable_statement_logging();
    Ok(options.connect().await?)
}

/// Settings are asked back, because SQLite ignores a pragma it cannot honour.
async fn check_durable(connection: &mut SqliteConnection) -> Result<(), StorageError> {
    let version: String = sqlx::query_scalar("SELECT sqlite_version()").fetch_one(&mut *connection).await?;
    let numbers: Vec<u32> = version.split('.').map(|part| part.parse().unwrap_or(0)).collect();
    if numbers.as_slice() < OLDEST_SQLITE.as_slice() {
        return Err(StorageError::OldSqlite { found: version });
    }
    let mode: String = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&mut *connection).await?;
    if mode != "wal" {
        return Err(StorageError::NotDurable { pragma: "journal_mode", wanted: "wal", found: mode });
    }
    let synchronous: i64 = sqlx::query_scalar("PRAGMA synchronous").fetch_one(&mut *connection).await?;
    if synchronous != 2 {
        return Err(StorageError::NotDurable {
            pragma: "synchronous",
            wanted: "2 (full)",
            found: synchronous.to_string(),
        });
    }
    Ok(())
}

/// Begins a transaction that may write: it takes the write lock at once, so what it reads stays true until it commits.
pub(crate) async fn begin(connection: &mut SqliteConnection) -> Result<(), StorageError> {
    sqlx::query("BEGIN IMMEDIATE").execute(connection).await?;
    Ok(())
}

/// Begins to read one snapshot.
pub(crate) async fn begin_snapshot(connection: &mut SqliteConnection) -> Result<(), StorageError> {
    sqlx::query("BEGIN").execute(connection).await?;
    Ok(())
}

/// The same for as long as the answer lives. A request may be given up at any point, and its connection is used again.
pub(crate) async fn snapshot(
    connection: &mut SqliteConnection,
) -> Result<sqlx::Transaction<'_, sqlx::Sqlite>, StorageError> {
    Ok(sqlx::Connection::begin(connection).await?)
}

/// What the database says about its own pages; nothing when they are whole.
pub(crate) async fn integrity_faults(connection: &mut SqliteConnection) -> Result<Vec<String>, StorageError> {
    let lines: Vec<String> = sqlx::query_scalar("PRAGMA integrity_check(20)").fetch_all(connection).await?;
    Ok(lines.into_iter().filter(|line| line != "ok").collect())
}

/// Commits. When this returns `Ok` the data has been through fsync.
pub(crate) async fn commit(connection: &mut SqliteConnection) -> Result<(), StorageError> {
    sqlx::query("COMMIT").execute(connection).await?;
    Ok(())
}

/// Closes a connection; what was committed stays.
pub(crate) async fn close(connection: SqliteConnection) -> Result<(), StorageError> {
    Ok(sqlx::Connection::close(connection).await?)
}

/// Gives everything of the transaction up.
pub(crate) async fn roll_back(connection: &mut SqliteConnection) -> Result<(), StorageError> {
    sqlx::query("ROLLBACK").execute(connection).await?;
    Ok(())
}

/// Rows that are inserted many at a time. Their number per statement comes from a short list, so that the prepared
/// statements are few and stay cached.
pub(crate) trait InsertMany {
    /// `INSERT INTO table (columns) VALUES `, without the tuples.
    const INTO: &'static str;
    /// Number of columns.
    const COLUMNS: usize;
    /// Binds the columns in order.
    fn bind<'q>(&'q self, query: SqliteQuery<'q>) -> SqliteQuery<'q>;
}

/// A statement that is being given its values.
pub(crate) type SqliteQuery<'q> = sqlx::query::Query<'q, sqlx::Sqlite, sqlx::sqlite::SqliteArguments>;

/// Most rows, or places, of one statement.
const MOST_AT_ONCE: usize = 64;

const GROUPS: [usize; 7] = [MOST_AT_ONCE, 32, 16, 8, 4, 2, 1];

/// Inserts all `rows`.
pub(crate) async fn insert_many<R: InsertMany>(
    connection: &mut SqliteConnection,
    rows: &[R],
) -> Result<(), StorageError> {
    let mut rest = rows;
    for size in GROUPS {
        while let Some((group, tail)) = rest.split_at_checked(size) {
            let tuple = format!("({})", ["?"].repeat(R::COLUMNS).join(","));
            let sql = format!("{}{}", R::INTO, vec![tuple.as_str(); size].join(","));
            let mut query = sqlx::query(AssertSqlSafe(sql));
            for row in group {
                query = row.bind(query);
            }
            query.execute(&mut *connection).await?;
            rest = tail;
        }
    }
    Ok(())
}

/// A column that must hold 32 bytes.
pub(crate) fn bytes32(
    bytes: &[u8],
    table: &'static str,
    column: &'static str,
    row: impl ToString,
) -> Result<[u8; 32], StorageError> {
    <[u8; 32]>::try_from(bytes).map_err(|_| StorageError::Impossible { table, column, row: row.to_string() })
}

/// A column whose text must parse.
pub(crate) fn parsed<T>(
    value: Option<T>,
    table: &'static str,
    column: &'static str,
    row: impl ToString,
) -> Result<T, StorageError> {
    value.ok_or_else(|| StorageError::Impossible { table, column, row: row.to_string() })
}
