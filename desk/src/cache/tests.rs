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
