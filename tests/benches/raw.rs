//! The limit: rows of the same size in the same kind of database on the same disk, with nothing around them.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{Connection as _, SqliteConnection};

use crate::stats::Samples;

pub struct Raw {
    connection: SqliteConnection,
    row: Vec<u8>,
}

impl Raw {
    /// An empty database in `folder`, WAL and synchronous=FULL, for rows of `row_bytes`.
    pub async fn open(folder: &Path, row_bytes: usize) -> Result<Self> {
        let options = SqliteConnectOptions::new()
            .filename(folder.join("raw.sqlite3"))
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full);
        let mut connection = SqliteConnection::connect_with(&options).await?;
        sqlx::query("create table row (id integer primary key, body blob not null)").execute(&mut connection).await?;
        Ok(Self { connection, row: vec![0x5a; row_bytes] })
    }

    /// `n_rows` rows in transactions of `group`; how long it took, and how long each commit took.
    pub async fn commit(&mut self, n_rows: usize, group: usize) -> Result<(Duration, Samples)> {
        let mut commits = Samples::default();
        let started = Instant::now();
        for _ in 0..n_rows / group {
            let one = Instant::now();
            let mut transaction = self.connection.begin().await?;
            for _ in 0..group {
                sqlx::query("insert into row (body) values (?1)").bind(&self.row).execute(&mut *transaction).await?;
            }
            transaction.commit().await?;
            commits.add(one.elapsed());
        }
        Ok((started.elapsed(), commits))
    }
}
