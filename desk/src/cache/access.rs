//! Removing copies of what may no longer be seen (invariant F4).
//!
//! Deleting a row leaves its text in the file until something else is written there. Here it is overwritten, and the
//! write-ahead log, which has it too, is emptied.

use std::collections::BTreeSet;

use seamark_contracts::clock::Timestamp;
use serde::{Deserialize, Serialize};
use sqlx::pool::PoolConnection;
use sqlx::{Connection as _, Sqlite, SqliteConnection};

use super::{Store, StoreError, fact};

/// This device's access to the gateway has ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EndedAccess {
    /// When this desk learned of it, by this computer's clock.
    pub at: Timestamp,
    /// The gateway's words.
    pub said: String,
    /// Saved decisions that were not confirmed then.
    pub n_unsent: u64,
}

pub(super) const ENDED_ACCESS: &str = "ended-access";

/// Whether access has ended, inside a transaction.
pub(super) async fn has_ended(connection: &mut SqliteConnection) -> Result<bool, StoreError> {
    let found: Option<i64> =
        sqlx::query_scalar("SELECT 1 FROM fact WHERE name = ?").bind(ENDED_ACCESS).fetch_optional(connection).await?;
    Ok(found.is_some())
}

async fn delete_review(connection: &mut SqliteConnection, review_id: &str) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM review WHERE review_id = ?").bind(review_id).execute(&mut *connection).await?;
    sqlx::query("DELETE FROM draft WHERE review_id = ?").bind(review_id).execute(&mut *connection).await?;
    Ok(())
}

impl Store {
    /// A connection on which what is deleted is overwritten.
    async fn overwriting(&self) -> Result<PoolConnection<Sqlite>, StoreError> {
        let mut connection = self.pool.acquire().await?;
        sqlx::query("PRAGMA secure_delete = ON").execute(&mut *connection).await?;
        Ok(connection)
    }

    /// Empties the write-ahead log, as far as nobody reads from it at this moment.
    async fn empty_log(&self, mut connection: PoolConnection<Sqlite>) -> Result<(), StoreError> {
        sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut *connection).await?;
        Ok(())
    }

    /// Notes that access has ended and removes every copy: reviews, documents, unfinished texts, and where the stream
    /// was. The journal stays (invariant B1). From then on no review is taken over.
    ///
    /// # Errors
    /// [`StoreError`]: then nothing was removed.
    pub async fn end_access(&self, ended: &EndedAccess) -> Result<(), StoreError> {
        let mut connection = self.overwriting().await?;
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
        fact::put(&mut transaction, ENDED_ACCESS, ended).await?;
        for sql in ["DELETE FROM review", "DELETE FROM draft", "DELETE FROM fact WHERE name = 'cursor'"] {
            sqlx::query(sql).execute(&mut *transaction).await?;
        }
        transaction.commit().await?;
        self.empty_log(connection).await
    }

    /// What is known of an end; `None` while access is good.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn ended_access(&self) -> Result<Option<EndedAccess>, StoreError> {
        self.fact(ENDED_ACCESS).await
    }

    /// Access is good again.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn forget_ended_access(&self) -> Result<(), StoreError> {
        self.forget(ENDED_ACCESS).await
    }

    /// Every review with its document.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn all_documents(&self) -> Result<Vec<(String, String)>, StoreError> {
        Ok(sqlx::query_as("SELECT review_id, body FROM document ORDER BY review_id").fetch_all(&self.pool).await?)
    }

    /// Removes the copies of these reviews, with what was written beside them.
    ///
    /// # Errors
    /// [`StoreError`]: then nothing was removed.
    pub async fn remove_reviews(&self, review_ids: &BTreeSet<String>) -> Result<(), StoreError> {
        if review_ids.is_empty() {
            return Ok(());
        }
        let mut connection = self.overwriting().await?;
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
        for review_id in review_ids {
            delete_review(&mut transaction, review_id).await?;
        }
        transaction.commit().await?;
        self.empty_log(connection).await
    }
}
