//! The journal's rows. What they mean is in [`crate::journal`].

use seamark_contracts::clock::Timestamp;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use super::{Store, StoreError};

/// How far a signed decision has come on this desk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Saved here; to be sent.
    Waiting,
    /// The gateway has it.
    Recorded,
    /// The gateway refuses it, or it cannot be read; shown, never deleted, not sent again.
    Parked,
}

impl Phase {
    fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Recorded => "recorded",
            Self::Parked => "parked",
        }
    }

    fn parse(text: &str, key: &str) -> Result<Self, StoreError> {
        match text {
            "waiting" => Ok(Self::Waiting),
            "recorded" => Ok(Self::Recorded),
            "parked" => Ok(Self::Parked),
            _ => Err(StoreError::Impossible { table: "journal", column: "phase", key: key.to_owned() }),
        }
    }
}

/// One signed decision and its acknowledgements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalRow {
    pub decision_id: String,
    pub review_id: String,
    pub handoff_id: String,
    /// `approve`, `reject` or `escalate`.
    pub decision: String,
    pub line: String,
    /// DSSE envelope, JSON text.
    pub envelope: String,
    /// Canonical bytes of the view, as text.
    pub view: String,
    pub saved_at: Timestamp,
    pub phase: Phase,
    pub n_tries: u32,
    pub next_try_at: Option<Timestamp>,
    pub problem: Option<String>,
    pub recorded_at: Option<Timestamp>,
    pub seq: Option<u64>,
    pub leaf: Option<String>,
    pub is_proven: bool,
    pub counted_at: Option<Timestamp>,
    /// Why it does not count, in words.
    pub not_counted: Option<String>,
    pub delivered_at: Option<Timestamp>,
    /// What the destination reported, in words.
    pub executed: Option<String>,
}

fn moment(ms: Option<i64>) -> Option<Timestamp> {
    ms.map(Timestamp::from_ms)
}

fn read(row: &SqliteRow) -> Result<JournalRow, StoreError> {
    let decision_id: String = row.try_get("decision_id")?;
    let phase = Phase::parse(row.try_get("phase")?, &decision_id)?;
    let seq: Option<i64> = row.try_get("seq")?;
    Ok(JournalRow {
        review_id: row.try_get("review_id")?,
        handoff_id: row.try_get("handoff_id")?,
        decision: row.try_get("decision")?,
        line: row.try_get("line")?,
        envelope: row.try_get("envelope")?,
        view: row.try_get("view")?,
        saved_at: Timestamp::from_ms(row.try_get("saved_at")?),
        phase,
        n_tries: u32::try_from(row.try_get::<i64, _>("n_tries")?).unwrap_or(u32::MAX),
        next_try_at: moment(row.try_get("next_try_at")?),
        problem: row.try_get("problem")?,
        recorded_at: moment(row.try_get("recorded_at")?),
        seq: seq.and_then(|seq| u64::try_from(seq).ok()),
        leaf: row.try_get("leaf")?,
        is_proven: row.try_get("is_proven")?,
        counted_at: moment(row.try_get("counted_at")?),
        not_counted: row.try_get("not_counted")?,
        delivered_at: moment(row.try_get("delivered_at")?),
        executed: row.try_get("executed")?,
        decision_id,
    })
}

fn read_all(rows: &[SqliteRow]) -> Result<Vec<JournalRow>, StoreError> {
    rows.iter().map(read).collect()
}

/// Carries deliveries and results of a review over to the decisions made here about it.
pub(super) async fn note_delivery(
    connection: &mut SqliteConnection,
    review_id: &str,
    delivered_at: Option<Timestamp>,
    executed: Option<&str>,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE journal SET delivered_at = coalesce(delivered_at, ?), executed = coalesce(?, executed)
         WHERE review_id = ? AND phase <> 'parked' AND not_counted IS NULL AND decision <> 'escalate'",
    )
    .bind(delivered_at.map(Timestamp::as_ms))
    .bind(executed)
    .bind(review_id)
    .execute(connection)
    .await?;
    Ok(())
}

impl Store {
    /// Adds a signed decision. When this returns, it survives a crash and a power loss (invariant B1).
    ///
    /// # Errors
    /// [`StoreError::Query`]: then nothing was kept.
    pub async fn add_to_journal(&self, row: &JournalRow) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO journal (decision_id, review_id, handoff_id, decision, line, envelope, view, saved_at, phase, next_try_at)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(&row.decision_id)
        .bind(&row.review_id)
        .bind(&row.handoff_id)
        .bind(&row.decision)
        .bind(&row.line)
        .bind(&row.envelope)
        .bind(&row.view)
        .bind(row.saved_at.as_ms())
        .bind(row.phase.as_str())
        .bind(row.next_try_at.map(Timestamp::as_ms))
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Carries a decision forward: everything but what was signed. A delivery that the stream brought meanwhile stays.
    ///
    /// # Errors
    /// [`StoreError::Query`]
    pub async fn update_journal(&self, row: &JournalRow) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE journal SET phase = ?, n_tries = ?, next_try_at = ?, problem = ?, recorded_at = ?, seq = ?, leaf = ?,
             is_proven = max(is_proven, ?), counted_at = ?, not_counted = ?, delivered_at = coalesce(?, delivered_at),
             executed = coalesce(?, executed) WHERE decision_id = ?",
        )
        .bind(row.phase.as_str())
        .bind(i64::from(row.n_tries))
        .bind(row.next_try_at.map(Timestamp::as_ms))
        .bind(&row.problem)
        .bind(row.recorded_at.map(Timestamp::as_ms))
        .bind(row.seq.and_then(|seq| i64::try_from(seq).ok()))
        .bind(&row.leaf)
        .bind(row.is_proven)
        .bind(row.counted_at.map(Timestamp::as_ms))
        .bind(&row.not_counted)
        .bind(row.delivered_at.map(Timestamp::as_ms))
        .bind(&row.executed)
        .bind(&row.decision_id)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// One decision.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn journal_row(&self, decision_id: &str) -> Result<Option<JournalRow>, StoreError> {
        let row = sqlx::query("SELECT * FROM journal WHERE decision_id = ?")
            .bind(decision_id)
            .fetch_optional(&self.pool)
            .await?;
        row.as_ref().map(read).transpose()
    }

    /// The decisions made here about a review, oldest first.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn journal_of_review(&self, review_id: &str) -> Result<Vec<JournalRow>, StoreError> {
        let rows = sqlx::query("SELECT * FROM journal WHERE review_id = ? ORDER BY saved_at, decision_id")
            .bind(review_id)
            .fetch_all(&self.pool)
            .await?;
        read_all(&rows)
    }

    /// The newest decisions made here.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn newest_journal(&self, limit: u32) -> Result<Vec<JournalRow>, StoreError> {
        let rows = sqlx::query("SELECT * FROM journal ORDER BY saved_at DESC, decision_id DESC LIMIT ?")
            .bind(i64::from(limit))
            .fetch_all(&self.pool)
            .await?;
        read_all(&rows)
    }

    /// Decisions that still have to be sent, the one saved first in front.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn waiting_journal(&self) -> Result<Vec<JournalRow>, StoreError> {
        let rows = sqlx::query("SELECT * FROM journal WHERE phase = 'waiting' ORDER BY saved_at, decision_id")
            .fetch_all(&self.pool)
            .await?;
        read_all(&rows)
    }

    /// Recorded decisions whose inclusion in the ledger is not proven yet.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn unproven_journal(&self) -> Result<Vec<JournalRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT * FROM journal WHERE phase = 'recorded' AND is_proven = 0 AND seq IS NOT NULL ORDER BY seq",
        )
        .fetch_all(&self.pool)
        .await?;
        read_all(&rows)
    }

    /// Decisions that wait to be sent.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn n_waiting(&self) -> Result<u64, StoreError> {
        let n: i64 =
            sqlx::query_scalar("SELECT count(*) FROM journal WHERE phase = 'waiting'").fetch_one(&self.pool).await?;
        Ok(u64::try_from(n).unwrap_or(0))
    }

    /// Decisions made here that were delivered at `since` or later.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn n_delivered_since(&self, since: Timestamp) -> Result<u64, StoreError> {
        let n: i64 = sqlx::query_scalar("SELECT count(*) FROM journal WHERE delivered_at >= ?")
            .bind(since.as_ms())
            .fetch_one(&self.pool)
            .await?;
        Ok(u64::try_from(n).unwrap_or(0))
    }
}
