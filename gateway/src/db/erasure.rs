//! Erasing what may be erased, and finding what is due.

use sqlx::{AssertSqlSafe, SqliteConnection};

use super::{StorageError, Write};

/// One erasure.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct ErasureRow {
    /// Position of the entry that recorded it.
    pub(crate) no: i64,
    /// Absent: refused submissions.
    pub(crate) handoff: Option<i64>,
    pub(crate) at_ms: i64,
}

/// What is left of a handoff to erase.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct Kept {
    /// Contents with submitted bytes or disclosures.
    pub(crate) n_contents: i64,
    /// Files with their bytes.
    pub(crate) n_files: i64,
    /// Refused revisions with their bytes.
    pub(crate) n_refused: i64,
}

impl Kept {
    pub(crate) fn is_nothing(self) -> bool {
        self == Self::default()
    }
}

/// What there is of a handoff to erase.
pub(crate) async fn kept(
    connection: &mut SqliteConnection,
    handoff: i64,
    submitter: &str,
    handoff_id: &str,
) -> Result<Kept, StorageError> {
    Ok(sqlx::query_as(
        "SELECT \
         (SELECT COUNT(*) FROM payload WHERE no IN (SELECT content FROM attempt WHERE handoff = ?) \
           AND (raw IS NOT NULL OR disclosures IS NOT NULL)) AS n_contents, \
         (SELECT COUNT(*) FROM artifact WHERE content IN (SELECT content FROM attempt WHERE handoff = ?) \
           AND (salt IS NOT NULL OR bytes IS NOT NULL)) AS n_files, \
         (SELECT COUNT(*) FROM refusal WHERE submitter = ? AND handoff_id = ? AND raw IS NOT NULL) AS n_refused",
    )
    .bind(handoff)
    .bind(handoff)
    .bind(submitter)
    .bind(handoff_id)
    .fetch_one(connection)
    .await?)
}

/// Erases a handoff: submitted bytes, salts, values, files, and names that no other handoff has.
pub(crate) async fn erase(
    write: &mut Write<'_>,
    handoff: i64,
    submitter: &str,
    handoff_id: &str,
) -> Result<(), StorageError> {
    let contents = "SELECT content FROM attempt WHERE handoff = ?";
    // ORDER: known names are found through the names of the contents, so those go last.
    for (n_places, sql) in [
        (1, format!("UPDATE payload SET raw = NULL, disclosures = NULL WHERE no IN ({contents})")),
        (1, format!("UPDATE artifact SET salt = NULL, bytes = NULL WHERE content IN ({contents})")),
        (
            2,
            format!(
                "DELETE FROM known_counterparty WHERE (contract, path, value) IN (\
                 SELECT contract, path, value FROM counterparty AS mine WHERE mine.content IN ({contents}) AND NOT EXISTS (\
                 SELECT 1 FROM counterparty AS other WHERE other.contract = mine.contract AND other.path = mine.path \
                 AND other.value = mine.value AND other.content NOT IN ({contents})))"
            ),
        ),
        (1, format!("DELETE FROM counterparty WHERE content IN ({contents})")),
    ] {
        let mut query = sqlx::query(AssertSqlSafe(sql));
        for _ in 0..n_places {
            query = query.bind(handoff);
        }
        query.execute(&mut *write.connection).await?;
    }
    sqlx::query("UPDATE refusal SET raw = NULL WHERE submitter = ? AND handoff_id = ?")
        .bind(submitter)
        .bind(handoff_id)
        .execute(&mut *write.connection)
        .await?;
    Ok(())
}

/// Erases the bytes of submissions that were refused before `before_ms`.
pub(crate) async fn erase_refused(write: &mut Write<'_>, before_ms: i64) -> Result<(), StorageError> {
    sqlx::query("UPDATE refusal SET raw = NULL WHERE created_ms < ? AND raw IS NOT NULL")
        .bind(before_ms)
        .execute(&mut *write.connection)
        .await?;
    Ok(())
}

/// Number of refused submissions from before `before_ms` whose bytes are there.
pub(crate) async fn count_refused(connection: &mut SqliteConnection, before_ms: i64) -> Result<i64, StorageError> {
    Ok(sqlx::query_scalar("SELECT COUNT(*) FROM refusal WHERE created_ms < ? AND raw IS NOT NULL")
        .bind(before_ms)
        .fetch_one(connection)
        .await?)
}

/// Handoffs whose newest attempt is under this contract version, ended before `before_ms`, and has something to erase.
pub(crate) async fn list_due(
    connection: &mut SqliteConnection,
    contract: &str,
    version: &str,
    before_ms: i64,
    limit: i64,
) -> Result<Vec<i64>, StorageError> {
    Ok(sqlx::query_scalar(
        "SELECT handoff FROM attempt WHERE contract_name = ? AND contract_version = ? AND closed_ms < ? AND superseded_by IS NULL \
         AND EXISTS (SELECT 1 FROM payload WHERE payload.no = attempt.content AND (raw IS NOT NULL OR disclosures IS NOT NULL)) \
         ORDER BY closed_ms, no LIMIT ?",
    )
    .bind(contract)
    .bind(version)
    .bind(before_ms)
    .bind(limit)
    .fetch_all(connection)
    .await?)
}

/// Number of handoffs under this contract version of which something is kept.
pub(crate) async fn count_kept(
    connection: &mut SqliteConnection,
    contract: &str,
    version: &str,
) -> Result<i64, StorageError> {
    Ok(sqlx::query_scalar(
        "SELECT COUNT(DISTINCT handoff) FROM attempt JOIN payload ON payload.no = attempt.content \
         WHERE contract_name = ? AND contract_version = ? AND (raw IS NOT NULL OR disclosures IS NOT NULL)",
    )
    .bind(contract)
    .bind(version)
    .fetch_one(connection)
    .await?)
}

/// The first erasure of a handoff.
pub(crate) async fn find(connection: &mut SqliteConnection, handoff: i64) -> Result<Option<ErasureRow>, StorageError> {
    Ok(sqlx::query_as("SELECT no, handoff, at_ms FROM erasure WHERE handoff = ? ORDER BY no LIMIT 1")
        .bind(handoff)
        .fetch_optional(connection)
        .await?)
}

/// Every erasure after `after`, in ledger order.
pub(crate) async fn list_after(
    connection: &mut SqliteConnection,
    after: i64,
    limit: i64,
) -> Result<Vec<ErasureRow>, StorageError> {
    Ok(sqlx::query_as("SELECT no, handoff, at_ms FROM erasure WHERE no > ? ORDER BY no LIMIT ?")
        .bind(after)
        .bind(limit)
        .fetch_all(connection)
        .await?)
}

/// Notes an erasure.
pub(crate) async fn insert(write: &mut Write<'_>, row: &ErasureRow) -> Result<(), StorageError> {
    sqlx::query("INSERT INTO erasure (no, handoff, at_ms) VALUES (?, ?, ?)")
        .bind(row.no)
        .bind(row.handoff)
        .bind(row.at_ms)
        .execute(&mut *write.connection)
        .await?;
    Ok(())
}
