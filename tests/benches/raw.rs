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

    /// Rows in transactions of `group` for as long as `time`; how many, how long it took, and how long each commit took.
    ///
    /// A group is one statement that SQLite runs by itself, so nothing but SQLite and the disk is measured.
    pub async fn commit(&mut self, time: Duration, group: usize) -> Result<(usize, Duration, Samples)> {
        const INSERT: &str = "with recursive n (i) as (select 1 union all select i + 1 from n where i < ?2) \
                              insert into row (body) select ?1 from n";
        let mut commits = Samples::default();
        let started = Instant::now();
        while started.elapsed() < time {
            let one = Instant::now();
            sqlx::query(INSERT).bind(&self.row).bind(i64::try_from(group)?).execute(&mut self.connection).await?;
            commits.add(one.elapsed());
        }
        Ok((commits.len() * group, started.elapsed(), commits))
    }
}
