use super::*;

impl Store {
    /// Makes every new journal row fail, as a full disk does.
    pub(crate) async fn refuse_journal_rows(&self, refuse: bool) {
        let sql = if refuse {
            "CREATE TRIGGER refuse BEFORE INSERT ON journal BEGIN SELECT RAISE(ABORT, 'disk full'); END"
        } else {
            "DROP TRIGGER refuse"
        };
        sqlx::query(sql).execute(&self.pool).await.unwrap();
    }
}

#[tokio::test]
async fn every_commit_is_synced_and_a_second_opening_finds_what_was_kept() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("desk.sqlite3");
    let store = Store::open(&path).await.unwrap();
    let mode: String = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&store.pool).await.unwrap();
    let synchronous: i64 = sqlx::query_scalar("PRAGMA synchronous").fetch_one(&store.pool).await.unwrap();
    assert_eq!((mode.as_str(), synchronous), ("wal", 2));
    store.save_draft("r", "half a thought").await.unwrap();
    store.close().await;
    assert_eq!(Store::open(&path).await.unwrap().draft("r").await.unwrap(), "half a thought");
}

fn review(review_id: &str, contract: &str, state: &str, is_mine: bool, version: u64) -> ReviewRow {
    let at = seamark_contracts::clock::Timestamp::from_ms(1_795_000_000_000);
    ReviewRow {
        review_id: review_id.to_owned(),
        handoff_id: format!("h-{review_id}"),
        version,
        state: state.to_owned(),
        statement: String::new(),
        contract: contract.to_owned(),
        line: format!("line {review_id}"),
        context: String::new(),
        source: String::new(),
        tier: "T1".to_owned(),
        is_mine,
        fault: None,
        closed_by: None,
        closed_at: (state != "open").then_some(at),
        opened_at: at,
        expires_at: at.plus_ms(60_000 + i64::try_from(review_id.len()).unwrap()),
        document: "{}".to_owned(),
        delivered_at: None,
        executed: None,
    }
}

/// The counts, with those that counting the rows gives: all, open, mine, and open ones of `refund`.
async fn both_counts(store: &Store) -> ([u64; 4], [u64; 4]) {
    let counts = store.counts(seamark_contracts::clock::Timestamp::from_ms(0)).await.unwrap();
    let refunds = counts.by_contract.iter().find(|count| count.name == "refund").map_or(0, |count| count.n);
    let mut counted = [0; 4];
    let conditions = ["1", "is_closed = 0", "is_closed = 0 AND is_mine = 1", "is_closed = 0 AND contract = 'refund'"];
    for (n, condition) in counted.iter_mut().zip(conditions) {
        let sql = sqlx::AssertSqlSafe(format!("SELECT count(*) FROM review WHERE {condition}"));
        let found: i64 = sqlx::query_scalar(sql).fetch_one(&store.pool).await.unwrap();
        *n = u64::try_from(found).unwrap();
    }
    ([counts.n_all, counts.n_open, counts.n_mine, refunds], counted)
}

#[tokio::test]
async fn counts_follow_every_change_of_the_list_and_windows_find_their_place() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&dir.path().join("desk.sqlite3")).await.unwrap();
    let opened = [
        review("a", "refund", "open", true, 1),
        review("bb", "refund", "open", false, 1),
        review("ccc", "offer", "open", true, 1),
        review("dddd", "refund", "open", true, 1),
    ];
    store.apply_reviews(&opened, None).await.unwrap();
    assert_eq!(both_counts(&store).await, ([4, 4, 3, 3], [4, 4, 3, 3]));
    let window = store.window(&Filter::Mine, "", 1, 2).await.unwrap();
    assert_eq!(window.iter().map(|row| row.review_id.as_str()).collect::<Vec<_>>(), ["ccc", "dddd"]);
    let found = store.window(&Filter::All, "LINE bb", 0, 9).await.unwrap();
    assert_eq!(found.iter().map(|row| row.review_id.as_str()).collect::<Vec<_>>(), ["bb"]);

    let changed = [review("a", "refund", "approved", true, 2), review("bb", "refund", "open", true, 2)];
    store.apply_reviews(&changed, None).await.unwrap();
    assert_eq!(both_counts(&store).await, ([4, 3, 3, 2], [4, 3, 3, 2]));

    let seen = ["ccc".to_owned()].into_iter().collect();
    let keep_after = seamark_contracts::clock::Timestamp::from_ms(0);
    store.finish_snapshot(&seen, keep_after, &Cursor("1".to_owned())).await.unwrap();
    assert_eq!(both_counts(&store).await, ([2, 1, 1, 0], [2, 1, 1, 0]));
}

/// Asked at each contact, so it must not read 100,000 reviews that are whole.
#[tokio::test]
async fn reviews_that_could_not_be_verified_are_found_without_reading_the_others() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&dir.path().join("desk.sqlite3")).await.unwrap();
    let faulty = ReviewRow { fault: Some("unknown key".to_owned()), ..review("b", "refund", "open", true, 1) };
    let over = ReviewRow { fault: Some("unknown key".to_owned()), ..review("c", "refund", "expired", true, 1) };
    store.apply_reviews(&[review("a", "refund", "open", true, 1), faulty, over], None).await.unwrap();
    assert_eq!(store.faulty_documents().await.unwrap().len(), 1);
    let plan: Vec<(i64, i64, i64, String)> =
        sqlx::query_as(sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {}", super::review::FAULTY)))
            .fetch_all(&store.pool)
            .await
            .unwrap();
    let steps: Vec<&str> = plan.iter().map(|step| step.3.as_str()).collect();
    assert!(steps.iter().any(|step| step.contains("review_with_fault")), "{steps:?}");
}
