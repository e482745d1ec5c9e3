//! What the desk remembers, in SQLite (WAL, synchronous=FULL). All of the desk's SQL is here.
//!
//! The file holds three kinds of things: copies that can be fetched again (reviews, contracts), the journal of signed
//! decisions, which cannot, and single facts such as the remembered ledger head.

mod access;
mod contract;
mod draft;
mod fact;
mod journal;
mod review;

use std::path::{Path, PathBuf};

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Row as _, SqlitePool};
use thiserror::Error;

pub use access::EndedAccess;
pub use fact::{Appearance, Cursor, KeptHead};
pub use journal::{JournalRow, Phase};
pub use review::{ContractCount, Counts, Filter, ReviewRow, WindowRow};

/// The desk's database. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    pool: SqlitePool,
}

/// Why the database did not do what it was asked.
#[derive(Debug, Error)]
pub enum StoreError {
    #[error("open the desk's database {path}", path = .path.display())]
    Open { path: PathBuf, source: sqlx::Error },
    #[error("bring the desk's database to this version's layout")]
    Migrate(#[source] sqlx::migrate::MigrateError),
    #[error("the desk's database does not sync each commit to disk (synchronous is {found}, not 2)")]
    NotDurable { found: i64 },
    #[error("read or write the desk's database")]
    Query(#[from] sqlx::Error),
    #[error("the desk's database holds something impossible in {table}.{column} of {key}")]
    Impossible { table: &'static str, column: &'static str, key: String },
}

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("./migrations");

impl Store {
    /// Opens the database, creating it on first use.
    ///
    /// # Errors
    /// [`StoreError`]; also when the database would not sync each commit, since a decision could be lost then (B1).
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(std::time::Duration::from_secs(10));
        let pool = SqlitePoolOptions::new()
            .max_connections(4)
            .connect_with(options)
            .await
            .map_err(|source| StoreError::Open { path: path.to_owned(), source })?;
        let found: i64 = sqlx::query("PRAGMA synchronous").fetch_one(&pool).await?.get(0);
        if found != 2 {
            return Err(StoreError::NotDurable { found });
        }
        MIGRATIONS.run(&pool).await.map_err(StoreError::Migrate)?;
        Ok(Self { pool })
    }

    /// Closes every connection; a later call of anything fails.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

#[cfg(test)]
mod tests;
