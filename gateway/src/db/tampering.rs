//! The re-check finds each of a set of manipulations of the database.

use seamark_contracts::decision::DecisionKind;
use sqlx::AssertSqlSafe;

use crate::testing::World;

/// A gateway in which everything happened once.
async fn busy_world() -> World {
    let world = World::new().await;
    let key = world.agent("order-desk").await;
    let alice = world.reviewer("Alice", &["reviewer"]).await;
    for kind in [DecisionKind::Approve, DecisionKind::Reject, DecisionKind::Escalate] {
        let handoff = world.gated(&key).await;
        let review = alice.review(&world, handoff.review_id.unwrap()).await;
        alice.decide(&world, &review, kind).await;
    }
    let passed = world.submission("refund.issue", "small-passes");
    world.post("/v1/handoffs", &key, &passed).await;
    let refused = world.submission("refund.issue", "no-amount");
    world.post("/v1/handoffs", &key, &refused).await;
    for _ in 0..130 {
        let more = world.submission("refund.issue", "small-passes");
        world.post("/v1/handoffs", &key, &more).await;
    }
    world.assert_sound().await;
    world
}

#[tokio::test]
async fn every_manipulation_is_found_and_named() {
    // What is done to the database, and the table that the first finding has to name.
    let manipulations = [
        (
            "UPDATE ledger_entry SET bytes = CAST(replace(CAST(bytes AS TEXT), 'handoff.received', 'handoff.refused') AS BLOB) WHERE seq = (SELECT MIN(no) FROM handoff)",
            "ledger_entry",
        ),
        ("DELETE FROM ledger_entry WHERE seq = (SELECT MAX(no) FROM handoff)", "ledger_entry"),
        ("UPDATE ledger_entry SET leaf = zeroblob(32) WHERE seq = 12", "ledger_entry"),
        ("UPDATE ledger_entry SET kind = 'ledger.viewed' WHERE seq = 12", "ledger_entry"),
        ("DELETE FROM ledger_body WHERE seq = 0", "ledger_body"),
        ("UPDATE ledger_tile SET hashes = zeroblob(8192) WHERE level = 0", "ledger_tile"),
        ("DELETE FROM ledger_tile WHERE level = 1", "ledger_tile"),
        (
            "UPDATE ledger_checkpoint SET root = zeroblob(32) WHERE size = (SELECT MIN(size) FROM ledger_checkpoint)",
            "ledger_checkpoint",
        ),
        ("UPDATE ledger_head SET size = size - 1", "ledger_head"),
        (
            "UPDATE contract SET canonical = CAST(replace(CAST(canonical AS TEXT), 'PT4H', 'PT9H') AS BLOB) WHERE name = 'refund.issue'",
            "contract",
        ),
        (
            "UPDATE directory SET statement = CAST(replace(CAST(statement AS TEXT), 'reviewer', 'approver') AS BLOB)",
            "directory",
        ),
        ("DELETE FROM directory WHERE version = 2", "directory"),
        ("UPDATE signing_key SET subject = 'urn:seamark:user:mallory' WHERE purpose = 'decision'", "signing_key"),
        ("UPDATE agent_key SET id = 'ak_other'", "agent_key"),
        (
            "UPDATE handoff SET submitter = 'urn:seamark:agent:mallory' WHERE no = (SELECT MIN(no) FROM handoff)",
            "handoff",
        ),
        ("DELETE FROM handoff WHERE no = (SELECT MIN(no) FROM handoff)", "attempt"),
        ("UPDATE attempt SET state = 'approved' WHERE state = 'rejected'", "outcome"),
        ("UPDATE attempt SET expires_ms = expires_ms + 1 WHERE state = 'approved'", "attempt"),
        ("UPDATE attempt SET state = 'open' WHERE state = 'approved'", "attempt"),
        ("UPDATE attempt SET superseded_by = NULL WHERE state = 'superseded'", "attempt"),
        ("UPDATE attempt SET consumed_no = 3 WHERE state = 'approved'", "attempt"),
        (
            "UPDATE statement SET bytes = CAST(replace(CAST(bytes AS TEXT), '\"revision\":1', '\"revision\":2') AS BLOB) WHERE no = (SELECT MIN(no) FROM attempt)",
            "statement",
        ),
        ("UPDATE statement SET signature = zeroblob(64) WHERE no = (SELECT MIN(no) FROM attempt)", "statement"),
        ("UPDATE payload SET raw = CAST('{}' AS BLOB) WHERE no = (SELECT MIN(no) FROM attempt)", "payload"),
        ("UPDATE payload SET disclosures = '[]' WHERE no = (SELECT MIN(no) FROM attempt)", "payload"),
        ("DELETE FROM payload WHERE no = (SELECT MIN(no) FROM attempt)", "payload"),
        ("DELETE FROM refusal", "ledger_entry"),
        ("UPDATE presented SET view = CAST(replace(CAST(view AS TEXT), 'EUR', 'USD') AS BLOB)", "presented"),
        ("UPDATE decision SET kind = 'approve' WHERE kind = 'reject'", "decision"),
        ("UPDATE decision SET counted = 0, why = 'late' WHERE kind = 'approve'", "decision"),
        ("DELETE FROM decision WHERE kind = 'approve'", "outcome"),
        ("UPDATE decision SET person = 'urn:seamark:user:mallory' WHERE kind = 'approve'", "decision"),
        ("UPDATE outcome SET kind = 'approved' WHERE kind = 'rejected'", "outcome"),
        ("UPDATE outcome SET signature = zeroblob(64) WHERE kind = 'approved'", "outcome"),
        ("DELETE FROM outcome WHERE kind = 'rejected'", "attempt"),
    ];
    let world = busy_world().await;
    let path = world.folder.path().join("gateway.sqlite3");
    for (sql, table) in manipulations {
        let mut connection = world.gateway.shared.database.connect_writer().await.unwrap();
        sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut connection).await.unwrap();
        let before = std::fs::read(&path).unwrap();
        let done = sqlx::query(AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
        assert!(done.rows_affected() > 0, "{sql} changes something");
        let report = world.gateway.fsck().await;
        assert!(!report.is_sound(), "{sql} is not found");
        assert!(report.findings.iter().any(|finding| finding.table == table), "{sql}: {:#?}", report.findings);
        restore(&mut connection, &before, &path).await;
    }
    world.assert_sound().await;
}

/// Puts the file's pages back as they were, through SQLite itself.
async fn restore(connection: &mut sqlx::SqliteConnection, before: &[u8], path: &std::path::Path) {
    let copy = path.with_extension("before");
    std::fs::write(&copy, before).unwrap();
    sqlx::query(AssertSqlSafe(format!("ATTACH '{}' AS before", copy.display())))
        .execute(&mut *connection)
        .await
        .unwrap();
    let tables: Vec<String> =
        sqlx::query_scalar("SELECT name FROM before.sqlite_schema WHERE type = 'table' AND name NOT LIKE '\\_%' ESCAPE '\\' AND name NOT LIKE 'sqlite%'")
            .fetch_all(&mut *connection)
            .await
            .unwrap();
    for table in tables {
        for sql in
            [format!("DELETE FROM main.{table}"), format!("INSERT INTO main.{table} SELECT * FROM before.{table}")]
        {
            sqlx::query(AssertSqlSafe(sql)).execute(&mut *connection).await.unwrap();
        }
    }
    sqlx::query("DETACH before").execute(&mut *connection).await.unwrap();
    std::fs::remove_file(&copy).unwrap();
}

/// Cuts the head back by one entry, as a bad restore would.
pub(crate) async fn set_back_head(database: &super::Database) {
    let mut connection = database.connect_writer().await.unwrap();
    sqlx::query("UPDATE ledger_head SET size = size - 1").execute(&mut connection).await.unwrap();
}
