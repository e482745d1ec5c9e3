//! Reviews: the inbox's narrow rows and the whole documents beside them.

use seamark_contracts::clock::Timestamp;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use super::fact::{self, Cursor};
use super::{Store, StoreError, access, journal};

/// A review as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReviewRow {
    pub review_id: String,
    pub handoff_id: String,
    pub version: u64,
    /// `open`, `approved`, ...
    pub state: String,
    /// Digest of the handoff statement, hex.
    pub statement: String,
    /// The contract's name.
    pub contract: String,
    pub line: String,
    pub context: String,
    pub source: String,
    pub tier: String,
    /// Whether this person may decide it.
    pub is_mine: bool,
    /// Why the statement could not be verified.
    pub fault: Option<String>,
    pub closed_by: Option<String>,
    pub closed_at: Option<Timestamp>,
    pub opened_at: Timestamp,
    pub expires_at: Timestamp,
    /// The document as JSON text.
    pub document: String,
    pub delivered_at: Option<Timestamp>,
    /// What the destination reported, in words.
    pub executed: Option<String>,
}

/// A row of a window into the inbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WindowRow {
    pub review_id: String,
    pub state: String,
    pub contract: String,
    pub line: String,
    pub context: String,
    pub source: String,
    pub tier: String,
    pub is_seen: bool,
    pub is_changed: bool,
    pub fault: Option<String>,
    pub closed_by: Option<String>,
    pub closed_at: Option<Timestamp>,
    pub opened_at: Timestamp,
    pub expires_at: Timestamp,
}

/// Which reviews.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filter {
    /// Open ones that this person may decide.
    Mine,
    /// Every one on this desk, open ones first.
    All,
    /// Open ones whose deadline is before this moment.
    ExpiringBefore(Timestamp),
    /// Open ones of a contract.
    Contract(String),
}

/// Open reviews of one contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContractCount {
    pub name: String,
    pub title: String,
    pub n: u64,
}

/// How many there are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub n_open: u64,
    pub n_mine: u64,
    pub n_all: u64,
    pub n_expiring: u64,
    /// Open ones by contract, by name.
    pub by_contract: Vec<ContractCount>,
}

/// Documents of open reviews that could not be verified. The index is named, because SQLite would take one over all open
/// reviews.
pub(super) const FAULTY: &str = "SELECT body FROM review INDEXED BY review_with_fault JOIN document USING (review_id) \
     WHERE is_closed = 0 AND fault IS NOT NULL LIMIT 200";

const WINDOW_COLUMNS: &str = "review_id, state, contract, line, context, source, tier, is_seen, is_changed, fault, closed_by, closed_at, opened_at, expires_at";

impl Filter {
    /// SPEC of the four conditions; each is served by an index whose order is the list's order. `?1` is the filter's own
    /// value, `?2` the search pattern.
    fn condition(&self) -> &'static str {
        match self {
            Self::Mine => "is_closed = 0 AND is_mine = 1 AND ?1 = ''",
            Self::All => "?1 = ''",
            Self::ExpiringBefore(_) => "is_closed = 0 AND place < CAST(?1 AS INTEGER)",
            Self::Contract(_) => "is_closed = 0 AND contract = ?1",
        }
    }

    fn order(&self) -> &'static str {
        match self {
            Self::All => "is_closed, place, review_id",
            Self::Mine | Self::ExpiringBefore(_) | Self::Contract(_) => "place, review_id",
        }
    }

    fn value(&self) -> String {
        match self {
            Self::Mine | Self::All => String::new(),
            Self::ExpiringBefore(moment) => moment.as_ms().to_string(),
            Self::Contract(name) => name.clone(),
        }
    }
}

/// The LIKE pattern that finds `query` anywhere; `None` when there is nothing to look for.
fn pattern(query: &str) -> Option<String> {
    let query = query.trim().to_lowercase();
    let escaped = query.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    (!query.is_empty()).then(|| format!("%{escaped}%"))
}

const SEARCH: &str = " AND search LIKE ?2 ESCAPE '\\'";

fn count_of(n: i64) -> u64 {
    u64::try_from(n).unwrap_or(0)
}

fn read_window(row: &SqliteRow) -> Result<WindowRow, StoreError> {
    Ok(WindowRow {
        review_id: row.try_get("review_id")?,
        state: row.try_get("state")?,
        contract: row.try_get("contract")?,
        line: row.try_get("line")?,
        context: row.try_get("context")?,
        source: row.try_get("source")?,
        tier: row.try_get("tier")?,
        is_seen: row.try_get("is_seen")?,
        is_changed: row.try_get("is_changed")?,
        fault: row.try_get("fault")?,
        closed_by: row.try_get("closed_by")?,
        closed_at: row.try_get::<Option<i64>, _>("closed_at")?.map(Timestamp::from_ms),
        opened_at: Timestamp::from_ms(row.try_get("opened_at")?),
        expires_at: Timestamp::from_ms(row.try_get("expires_at")?),
    })
}

/// Inserts or renews one review unless a newer version is there. Answers whether anything changed.
async fn put(connection: &mut SqliteConnection, row: &ReviewRow) -> Result<bool, StoreError> {
    let is_closed = row.state != "open";
    let place = row.closed_at.filter(|_| is_closed).map_or(row.expires_at.as_ms(), |at| -at.as_ms());
    let search =
        format!("{} {} {} {} {} {}", row.line, row.context, row.source, row.contract, row.review_id, row.handoff_id)
            .to_lowercase();
    let version = i64::try_from(row.version).unwrap_or(i64::MAX);
    // A review of a handoff that was seen in an earlier revision is marked as changed until it is looked at.
    let done = sqlx::query(
        "INSERT INTO review (review_id, handoff_id, version, state, is_closed, place, statement, contract, line, context,
             source, tier, search, is_mine, fault, closed_by, closed_at, opened_at, expires_at, is_changed)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19,
             EXISTS (SELECT 1 FROM review AS earlier WHERE earlier.handoff_id = ?2 AND earlier.review_id <> ?1 AND earlier.is_seen = 1))
         ON CONFLICT (review_id) DO UPDATE SET version = excluded.version, state = excluded.state,
             is_closed = excluded.is_closed, place = excluded.place, statement = excluded.statement,
             contract = excluded.contract, line = excluded.line, context = excluded.context, source = excluded.source,
             tier = excluded.tier, search = excluded.search, is_mine = excluded.is_mine, fault = excluded.fault,
             closed_by = excluded.closed_by, closed_at = excluded.closed_at, opened_at = excluded.opened_at,
             expires_at = excluded.expires_at
         WHERE excluded.version > review.version OR review.fault IS NOT NULL",
    )
    .bind(&row.review_id)
    .bind(&row.handoff_id)
    .bind(version)
    .bind(&row.state)
    .bind(is_closed)
    .bind(place)
    .bind(&row.statement)
    .bind(&row.contract)
    .bind(&row.line)
    .bind(&row.context)
    .bind(&row.source)
    .bind(&row.tier)
    .bind(search)
    .bind(row.is_mine)
    .bind(&row.fault)
    .bind(&row.closed_by)
    .bind(row.closed_at.map(Timestamp::as_ms))
    .bind(row.opened_at.as_ms())
    .bind(row.expires_at.as_ms())
    .execute(&mut *connection)
    .await?;
    if done.rows_affected() == 0 {
        return Ok(false);
    }
    sqlx::query("INSERT INTO document (review_id, body) VALUES (?, ?) ON CONFLICT (review_id) DO UPDATE SET body = excluded.body")
        .bind(&row.review_id)
        .bind(&row.document)
        .execute(&mut *connection)
        .await?;
    journal::note_delivery(connection, &row.review_id, row.delivered_at, row.executed.as_deref()).await?;
    Ok(true)
}

impl Store {
    /// Applies reviews and, in the same transaction, moves the stream's cursor. Older versions change nothing, so applying
    /// an event twice is the same as applying it once (invariant E1). Answers how many reviews changed.
    ///
    /// # Errors
    /// [`StoreError`]: then nothing was applied.
    pub async fn apply_reviews(&self, rows: &[ReviewRow], cursor: Option<&Cursor>) -> Result<u64, StoreError> {
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        // What was under way when access ended is not kept after it (invariant F4).
        if access::has_ended(&mut transaction).await? {
            return Ok(0);
        }
        let mut n_changed = 0;
        for row in rows {
            n_changed += u64::from(put(&mut transaction, row).await?);
        }
        if let Some(cursor) = cursor {
            fact::put_cursor(&mut transaction, cursor).await?;
        }
        transaction.commit().await?;
        Ok(n_changed)
    }

    /// Ends a snapshot: open reviews that it did not hold are not this person's any more and are removed, closed ones are
    /// kept until `keep_closed_after` (invariant F4), and the stream is resumed at `cursor`.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn finish_snapshot(
        &self,
        seen: &std::collections::BTreeSet<String>,
        keep_closed_after: Timestamp,
        cursor: &Cursor,
    ) -> Result<(), StoreError> {
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        let open: Vec<String> =
            sqlx::query_scalar("SELECT review_id FROM review WHERE is_closed = 0").fetch_all(&mut *transaction).await?;
        if access::has_ended(&mut transaction).await? {
            return Ok(());
        }
        for gone in open.iter().filter(|review_id| !seen.contains(*review_id)) {
            sqlx::query("DELETE FROM review WHERE review_id = ?").bind(gone).execute(&mut *transaction).await?;
        }
        sqlx::query("DELETE FROM review WHERE is_closed = 1 AND closed_at < ?")
            .bind(keep_closed_after.as_ms())
            .execute(&mut *transaction)
            .await?;
        fact::put_cursor(&mut transaction, cursor).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// The document of a review; `None` when this desk does not hold it.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn document(&self, review_id: &str) -> Result<Option<String>, StoreError> {
        let body = sqlx::query_scalar("SELECT body FROM document WHERE review_id = ?")
            .bind(review_id)
            .fetch_optional(&self.pool)
            .await?;
        Ok(body)
    }

    /// The row of a review.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn review(&self, review_id: &str) -> Result<Option<WindowRow>, StoreError> {
        let sql = format!("SELECT {WINDOW_COLUMNS} FROM review WHERE review_id = ?");
        let row = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(review_id).fetch_optional(&self.pool).await?;
        row.as_ref().map(read_window).transpose()
    }

    /// Number of reviews that match and the rows from `offset` on, in the list's order.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn window(
        &self,
        filter: &Filter,
        query: &str,
        offset: u32,
        limit: u32,
    ) -> Result<Vec<WindowRow>, StoreError> {
        let pattern = pattern(query);
        let search = if pattern.is_some() { SEARCH } else { "" };
        // Only constants are put together here; every value is bound.
        // The inner query finds its place in an index alone; only the rows of the window are then read.
        let sql = format!(
            "SELECT {WINDOW_COLUMNS} FROM (SELECT review_id AS here FROM review WHERE {condition}{search} ORDER BY {order}
                 LIMIT {limit} OFFSET {offset}) CROSS JOIN review ON review_id = here ORDER BY {order}",
            condition = filter.condition(),
            order = filter.order()
        );
        let mut found = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(filter.value());
        if let Some(pattern) = pattern {
            found = found.bind(pattern);
        }
        found.fetch_all(&self.pool).await?.iter().map(read_window).collect()
    }

    /// Number of reviews that match.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn n_matching(&self, filter: &Filter, query: &str) -> Result<u64, StoreError> {
        let pattern = pattern(query);
        let search = if pattern.is_some() { SEARCH } else { "" };
        let sql = format!("SELECT count(*) FROM review WHERE {}{search}", filter.condition());
        let mut found = sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).bind(filter.value());
        if let Some(pattern) = pattern {
            found = found.bind(pattern);
        }
        Ok(count_of(found.fetch_one(&self.pool).await?))
    }

    /// All counts at once. `soon` is where "expiring" ends.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn counts(&self, soon: Timestamp) -> Result<Counts, StoreError> {
        let rows = sqlx::query("SELECT contract, is_closed, is_mine, n FROM tally WHERE n > 0 ORDER BY contract")
            .fetch_all(&self.pool)
            .await?;
        let mut titles = self.contract_titles().await?;
        let mut counts = Counts { n_expiring: self.n_expiring_before(soon).await?, ..Counts::default() };
        for row in rows {
            let (is_closed, is_mine): (bool, bool) = (row.try_get("is_closed")?, row.try_get("is_mine")?);
            let n = count_of(row.try_get("n")?);
            counts.n_all += n;
            if is_closed {
                continue;
            }
            counts.n_open += n;
            counts.n_mine += if is_mine { n } else { 0 };
            let name: String = row.try_get("contract")?;
            match counts.by_contract.last_mut() {
                Some(count) if count.name == name => count.n += n,
                _ => {
                    let title = titles.remove(&name).unwrap_or_else(|| name.clone());
                    counts.by_contract.push(ContractCount { name, title, n });
                }
            }
        }
        Ok(counts)
    }

    async fn n_expiring_before(&self, moment: Timestamp) -> Result<u64, StoreError> {
        self.n_matching(&Filter::ExpiringBefore(moment), "").await
    }

    /// The next open review of this person after `review_id` in the list's order, or the first one.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn next_mine(&self, review_id: &str) -> Result<Option<String>, StoreError> {
        let place: Option<i64> = sqlx::query_scalar("SELECT expires_at FROM review WHERE review_id = ?")
            .bind(review_id)
            .fetch_optional(&self.pool)
            .await?;
        let after = sqlx::query_scalar(
            "SELECT review_id FROM review WHERE is_closed = 0 AND is_mine = 1 AND review_id <> ?1
             AND (place, review_id) > (?2, ?1) ORDER BY place, review_id LIMIT 1",
        )
        .bind(review_id)
        .bind(place.unwrap_or(i64::MIN))
        .fetch_optional(&self.pool)
        .await?;
        if after.is_some() {
            return Ok(after);
        }
        let first = sqlx::query_scalar(
            "SELECT review_id FROM review WHERE is_closed = 0 AND is_mine = 1 AND review_id <> ? ORDER BY place, review_id LIMIT 1",
        )
        .bind(review_id)
        .fetch_optional(&self.pool)
        .await?;
        Ok(first)
    }

    /// The review was looked at. Answers whether that was news.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn mark_seen(&self, review_id: &str) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "UPDATE review SET is_seen = 1, is_changed = 0 WHERE review_id = ? AND (is_seen = 0 OR is_changed = 1)",
        )
        .bind(review_id)
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected() > 0)
    }

    /// Open reviews whose statement could not be verified, to be tried again with a newer directory or contract.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn faulty_documents(&self) -> Result<Vec<String>, StoreError> {
        Ok(sqlx::query_scalar(FAULTY).fetch_all(&self.pool).await?)
    }

    /// Closed reviews on this desk, newest first: what can be looked back at without the gateway.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn closed_documents(
        &self,
        query: &str,
        state: Option<&str>,
        contract: Option<&str>,
        offset: u32,
        limit: u32,
    ) -> Result<(Vec<String>, u64), StoreError> {
        let pattern = pattern(query).unwrap_or_else(|| "%".to_owned());
        let state = state.unwrap_or_default();
        let contract = contract.unwrap_or_default();
        let bodies = sqlx::query_scalar(
            "SELECT body FROM review JOIN document USING (review_id)
             WHERE is_closed = 1 AND search LIKE ?1 ESCAPE '\\' AND (?2 = '' OR state = ?2) AND (?3 = '' OR contract = ?3)
             ORDER BY place, review_id LIMIT ?4 OFFSET ?5",
        )
        .bind(&pattern)
        .bind(state)
        .bind(contract)
        .bind(i64::from(limit))
        .bind(i64::from(offset))
        .fetch_all(&self.pool)
        .await?;
        let total = sqlx::query_scalar(
            "SELECT count(*) FROM review WHERE is_closed = 1 AND search LIKE ?1 ESCAPE '\\' AND (?2 = '' OR state = ?2)
             AND (?3 = '' OR contract = ?3)",
        )
        .bind(&pattern)
        .bind(state)
        .bind(contract)
        .fetch_one(&self.pool)
        .await?;
        Ok((bodies, count_of(total)))
    }
}
