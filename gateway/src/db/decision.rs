//! Decisions and the views they were made on.

use sqlx::{AssertSqlSafe, SqliteConnection};

use super::{StorageError, Write};

/// One recorded decision, counted or not.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct DecisionRow {
    /// Position of its entry.
    pub(crate) no: i64,
    pub(crate) decision_id: String,
    pub(crate) attempt: i64,
    /// Urn.
    pub(crate) person: String,
    pub(crate) person_name: String,
    pub(crate) kind: String,
    /// Of the statement.
    pub(crate) digest: Vec<u8>,
    /// DSSE envelope as received.
    pub(crate) envelope: String,
    /// The view's canonical bytes.
    pub(crate) view: Vec<u8>,
    pub(crate) decided_ms: i64,
    pub(crate) recorded_ms: i64,
    /// Leaf hash of the entry.
    pub(crate) leaf: Vec<u8>,
    pub(crate) counted: bool,
    pub(crate) why: Option<String>,
}

/// A view that was on screen.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct PresentedRow {
    pub(crate) no: i64,
    pub(crate) attempt: i64,
    /// Urn.
    pub(crate) person: String,
    pub(crate) digest: Vec<u8>,
    pub(crate) view: Vec<u8>,
    pub(crate) opened_ms: i64,
}

const SELECT: &str = "SELECT no, decision_id, attempt, person, person_name, kind, digest, envelope, view, decided_ms, recorded_ms, leaf, \
     counted, why FROM decision";

/// The decision with this id.
pub(crate) async fn find(
    connection: &mut SqliteConnection,
    decision_id: &str,
) -> Result<Option<DecisionRow>, StorageError> {
    Ok(sqlx::query_as(AssertSqlSafe(format!("{SELECT} WHERE decision_id = ?")))
        .bind(decision_id)
        .fetch_optional(connection)
        .await?)
}

/// The decision of a person in an attempt.
pub(crate) async fn find_of_person(
    connection: &mut SqliteConnection,
    attempt: i64,
    person: &str,
) -> Result<Option<DecisionRow>, StorageError> {
    Ok(sqlx::query_as(AssertSqlSafe(format!("{SELECT} WHERE attempt = ? AND person = ?")))
        .bind(attempt)
        .bind(person)
        .fetch_optional(connection)
        .await?)
}

/// Every decision of an attempt, in ledger order.
pub(crate) async fn list(connection: &mut SqliteConnection, attempt: i64) -> Result<Vec<DecisionRow>, StorageError> {
    Ok(sqlx::query_as(AssertSqlSafe(format!("{SELECT} WHERE attempt = ? ORDER BY no")))
        .bind(attempt)
        .fetch_all(connection)
        .await?)
}

/// Adds a decision.
pub(crate) async fn insert(write: &mut Write<'_>, row: &DecisionRow) -> Result<(), StorageError> {
    sqlx::query(
        "INSERT INTO decision (no, decision_id, attempt, person, person_name, kind, digest, envelope, view, decided_ms, recorded_ms, \
         leaf, counted, why) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(row.no)
    .bind(&row.decision_id)
    .bind(row.attempt)
    .bind(&row.person)
    .bind(&row.person_name)
    .bind(&row.kind)
    .bind(&row.digest)
    .bind(&row.envelope)
    .bind(&row.view)
    .bind(row.decided_ms)
    .bind(row.recorded_ms)
    .bind(&row.leaf)
    .bind(row.counted)
    .bind(&row.why)
    .execute(&mut *write.connection)
    .await?;
    Ok(())
}

/// Whether and where a person was shown a view.
pub(crate) async fn find_presented(
    connection: &mut SqliteConnection,
    attempt: i64,
    person: &str,
    digest: &[u8],
) -> Result<Option<PresentedRow>, StorageError> {
    Ok(sqlx::query_as("SELECT no, attempt, person, digest, view, opened_ms FROM presented WHERE attempt = ? AND person = ? AND digest = ?")
        .bind(attempt)
        .bind(person)
        .bind(digest)
        .fetch_optional(connection)
        .await?)
}

/// Number of views that a person was shown in an attempt.
pub(crate) async fn count_presented(
    connection: &mut SqliteConnection,
    attempt: i64,
    person: &str,
) -> Result<i64, StorageError> {
    Ok(sqlx::query_scalar("SELECT COUNT(*) FROM presented WHERE attempt = ? AND person = ?")
        .bind(attempt)
        .bind(person)
        .fetch_one(connection)
        .await?)
}

/// Every shown view after `after`, in ledger order.
pub(crate) async fn list_presented(
    connection: &mut SqliteConnection,
    after: i64,
    limit: i64,
) -> Result<Vec<PresentedRow>, StorageError> {
    Ok(sqlx::query_as(
        "SELECT no, attempt, person, digest, view, opened_ms FROM presented WHERE no > ? ORDER BY no LIMIT ?",
    )
    .bind(after)
    .bind(limit)
    .fetch_all(connection)
    .await?)
}

/// Adds a shown view.
pub(crate) async fn insert_presented(write: &mut Write<'_>, row: &PresentedRow) -> Result<(), StorageError> {
    sqlx::query("INSERT INTO presented (no, attempt, person, digest, view, opened_ms) VALUES (?, ?, ?, ?, ?, ?)")
        .bind(row.no)
        .bind(row.attempt)
        .bind(&row.person)
        .bind(&row.digest)
        .bind(&row.view)
        .bind(row.opened_ms)
        .execute(&mut *write.connection)
        .await?;
    Ok(())
}
