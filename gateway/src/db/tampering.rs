//! The re-check finds each of a set of manipulations of the database.

use std::os::unix::fs::PermissionsExt as _;

use seamark_contracts::clock::{Clock as _, FixedClock, SeededChance, Timestamp};
use seamark_contracts::decision::DecisionKind;
use seamark_contracts::id::RevealId;
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;

use crate::fsck::check_folder;
use crate::gateway::open;
use crate::testing::{NOW, World, config};

/// A gateway in which everything happened once.
async fn busy_world() -> World {
    let world = World::new().await;
    let key = world.agent("order-desk").await;
    let alice = world.reviewer("Alice", &["reviewer", "compliance"]).await;
    for kind in [DecisionKind::Approve, DecisionKind::Reject, DecisionKind::Escalate] {
        let handoff = world.gated(&key).await;
        let review = alice.review(&world, handoff.review_id.unwrap()).await;
        for path in ["/payload/customer/email", "/payload/customer/name"] {
            let reveal_id = RevealId::make(world.clock.now(), world.chance.as_ref());
            let at = format!("/v1/reviews/{}/reveals", review.review_id);
            let purpose = json!({ "code": "contact-person", "text": "" });
            world.post(&at, &alice.token, &json!({ "revealId": reveal_id, "path": path, "purpose": purpose })).await;
            world.post(&format!("{at}/{reveal_id}/copied"), &alice.token, &Value::Null).await;
        }
        alice.decide(&world, &review, kind).await;
    }
    let passed = world.submission("refund.issue", "small-passes");
    world.post("/v1/handoffs", &key, &passed).await;
    let refused = world.submission("refund.issue", "no-amount");
    world.post("/v1/handoffs", &key, &refused).await;
    // Who decided has ended since, and so has the one of two keys.
    world.gateway.end_device(&alice.answer.device_keyid).await.unwrap();
    world.gateway.change_role("Alice", "reviewer", false).await.unwrap();
    let spare = world.agent("order-desk").await;
    world.gateway.end_agent_key(&spare).await.unwrap();
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
        ("UPDATE agent_key SET id = 'ak_other' WHERE ended_no IS NULL", "agent_key"),
        // A key that acts for more than its operator said.
        (
            "UPDATE agent_key SET acts_for = '[\"urn:seamark:agent:refund-executor\"]' WHERE ended_no IS NULL",
            "agent_key",
        ),
        ("UPDATE agent_key SET side = 'destination' WHERE ended_no IS NULL", "agent_key"),
        // Invariant B10: an end that is taken back, moved, or nobody recorded.
        ("UPDATE signing_key SET to_ms = NULL, ended_no = NULL WHERE purpose = 'decision'", "signing_key"),
        ("UPDATE signing_key SET to_ms = NULL, ended_no = NULL WHERE purpose = 'device'", "ledger_entry"),
        ("UPDATE signing_key SET to_ms = to_ms + 1 WHERE purpose = 'device'", "signing_key"),
        ("UPDATE signing_key SET to_ms = from_ms + 1, ended_no = no WHERE purpose = 'handoff'", "signing_key"),
        ("UPDATE agent_key SET ended_ms = NULL, ended_no = NULL WHERE ended_no IS NOT NULL", "ledger_entry"),
        ("UPDATE agent_key SET ended_ms = created_ms + 1, ended_no = no WHERE ended_no IS NULL", "agent_key"),
        ("UPDATE person SET roles = '[{\"from\":\"2026-11-22T09:00:00.000Z\",\"role\":\"reviewer\"}]'", "person"),
        ("UPDATE person SET name = 'Mallory'", "person"),
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
        // Invariant F1: who read what is not made undone, or somebody else's.
        ("DELETE FROM reveal WHERE state = 'revealed'", "ledger_entry"),
        ("DELETE FROM reveal WHERE state = 'refused'", "ledger_entry"),
        ("UPDATE reveal SET person = 'urn:seamark:user:mallory' WHERE state = 'refused'", "reveal"),
        ("UPDATE reveal SET path = '/payload/customer/name' WHERE path IS NOT NULL", "reveal"),
        ("UPDATE reveal SET at_ms = 0", "reveal"),
        ("UPDATE reveal SET copied_no = NULL", "ledger_entry"),
        ("UPDATE reveal SET copied_no = no WHERE copied_no IS NOT NULL", "reveal"),
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

// ---- the folder of a gateway that does not run ----

/// Name, mode and content of every file below a folder. SQLite's index of a journal may come and go.
fn files(folder: &std::path::Path) -> Vec<(std::path::PathBuf, u32, Vec<u8>)> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        if path.is_dir() {
            files.push((path.clone(), mode, Vec::new()));
            files.extend(self::files(&path));
        } else {
            files.push((path.clone(), mode, std::fs::read(&path).unwrap()));
        }
    }
    files.sort();
    files
}

/// A gateway's folder in which something happened, closed.
async fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let clock = std::sync::Arc::new(FixedClock::new(Timestamp::parse(NOW).unwrap()));
    let gateway = open(config(folder.path()), clock, std::sync::Arc::new(SeededChance::new(3))).await.unwrap();
    gateway.publish_contract(seamark_contracts::samples::ALL[0].contract).await.unwrap();
    gateway.invite("Alice", &["reviewer".to_owned()]).await.unwrap();
    gateway.close().await;
    folder
}

async fn change(folder: &std::path::Path, sql: &'static str) {
    let options = super::options(&folder.join("gateway.sqlite3"));
    let mut connection = sqlx::ConnectOptions::connect(&options).await.unwrap();
    assert!(sqlx::query(AssertSqlSafe(sql)).execute(&mut connection).await.unwrap().rows_affected() > 0);
    sqlx::Connection::close(connection).await.unwrap();
}

#[tokio::test]
async fn a_folder_that_no_gateway_would_open_is_checked_and_left_as_it_is() {
    let changes = [
        ("DELETE FROM ledger_entry WHERE seq = (SELECT MAX(seq) FROM ledger_entry)", "ledger_head"),
        ("UPDATE ledger_head SET size = size - 1", "ledger_head"),
        ("UPDATE ledger_head SET frontier = zeroblob(5)", "ledger_head"),
        (
            "UPDATE ledger_checkpoint SET root = zeroblob(32) WHERE size = (SELECT MAX(size) FROM ledger_checkpoint)",
            "ledger_checkpoint",
        ),
        ("UPDATE gateway SET origin = 'ledger.seamark.local/0123456789abcdef'", "gateway"),
        ("DELETE FROM _sqlx_migrations", ""),
    ];
    for (sql, table) in changes {
        let folder = folder().await;
        change(folder.path(), sql).await;
        let before = files(folder.path());
        let report = check_folder(folder.path()).await;
        let is_found = report.findings.iter().any(|finding| finding.table == table);
        assert!(is_found || (table.is_empty() && report.is_sound()), "{sql}: {:#?}", report.findings);
        assert!(before == files(folder.path()), "{sql}: the check changed something");
    }
}

#[tokio::test]
async fn a_file_that_is_no_database_and_keys_that_are_gone_are_findings() {
    for n_bytes in [0, 50, 5000] {
        let folder = folder().await;
        let path = folder.path().join("gateway.sqlite3");
        let whole = std::fs::read(&path).unwrap();
        let broken = if n_bytes == 0 { b"no database at all, only words".to_vec() } else { whole[..n_bytes].to_vec() };
        std::fs::write(&path, broken).unwrap();
        let before = files(folder.path());
        let report = check_folder(folder.path()).await;
        assert!(report.findings.iter().any(|finding| finding.table == "database"), "{:#?}", report.findings);
        assert!(before == files(folder.path()));
    }
    let folder = folder().await;
    std::fs::remove_file(folder.path().join("keys/handoff.key")).unwrap();
    let report = check_folder(folder.path()).await;
    assert_eq!(report.findings.iter().map(|finding| finding.table).collect::<Vec<_>>(), ["keys"]);
    assert!(!folder.path().join("keys/handoff.key").exists());
}

#[tokio::test]
async fn a_folder_can_be_checked_beside_its_running_gateway_and_after_it_was_killed() {
    let world = busy_world().await;
    let report = check_folder(world.folder.path()).await;
    assert!(report.is_sound() && report.n_decisions == 3, "{report:#?}");
    // What a kill leaves: the file and its journal, without the index of the journal.
    let copy = tempfile::tempdir().unwrap();
    std::fs::create_dir(copy.path().join("keys")).unwrap();
    for name in ["handoff", "outcome", "ledger", "webhook", "intake"] {
        let name = format!("keys/{name}.key");
        std::fs::copy(world.folder.path().join(&name), copy.path().join(&name)).unwrap();
    }
    for name in ["gateway.sqlite3", "gateway.sqlite3-wal"] {
        std::fs::copy(world.folder.path().join(name), copy.path().join(name)).unwrap();
    }
    let before = report;
    let report = check_folder(copy.path()).await;
    assert!(report.is_sound() && report.n_entries == before.n_entries, "{report:#?}");
}

#[tokio::test]
async fn what_a_gateway_keeps_is_for_one_account() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("made/by/it");
    let clock = std::sync::Arc::new(FixedClock::new(Timestamp::parse(NOW).unwrap()));
    let gateway = open(config(&folder), clock.clone(), std::sync::Arc::new(SeededChance::new(3))).await.unwrap();
    let check = |folder: &std::path::Path| {
        let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let all = files(folder);
        assert!(all.iter().any(|(path, ..)| path.ends_with("gateway.sqlite3-wal")), "{folder:?}");
        for (path, ..) in all {
            assert_eq!(mode(&path), if path.is_dir() { 0o700 } else { 0o600 }, "{path:?}");
        }
        mode(folder)
    };
    assert_eq!(check(&folder), 0o700);
    gateway.close().await;
    // Files that were put there by hand, or by an earlier version, are closed at the next start.
    let set =
        |path: &std::path::Path, mode| std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    set(&folder, 0o755);
    set(&folder.join("gateway.sqlite3"), 0o644);
    let gateway = open(config(&folder), clock, std::sync::Arc::new(SeededChance::new(4))).await.unwrap();
    assert_eq!(check(&folder), 0o755, "a folder that was there is its owner's");
    gateway.close().await;
}

/// Persons in the table whose directory nobody has signed yet.
pub(crate) async fn fill_with_persons(database: &super::Database, n: i64) {
    let mut connection = database.connect_writer().await.unwrap();
    sqlx::query(
        "WITH RECURSIVE one(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM one WHERE i < ?) \
         INSERT INTO person (no, id, name, roles, created_ms) \
         SELECT 1000000 + i, 'urn:seamark:user:person-' || i, 'Person ' || i, \
         '[{\"role\":\"reviewer\",\"from\":\"2026-11-22T09:00:00.000Z\"}]', 0 FROM one",
    )
    .bind(n)
    .execute(&mut connection)
    .await
    .unwrap();
}

/// Cuts the head back by one entry, as a bad restore would.
pub(crate) async fn set_back_head(database: &super::Database) {
    let mut connection = database.connect_writer().await.unwrap();
    sqlx::query("UPDATE ledger_head SET size = size - 1").execute(&mut connection).await.unwrap();
}

/// Brings a folder into the form in which an earlier build left it: nothing in the database says which root there is.
pub(crate) async fn forget_root(folder: &std::path::Path) {
    let options = super::options(&folder.join("gateway.sqlite3"));
    let mut connection = sqlx::ConnectOptions::connect(&options).await.unwrap();
    for sql in ["DROP TABLE root", "DROP TABLE proposal", "DELETE FROM _sqlx_migrations WHERE version = 8"] {
        sqlx::query(AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
    }
    sqlx::Connection::close(connection).await.unwrap();
}

/// What an operator with the whole database can do without the root: write a directory of their own, and another root.
pub(crate) async fn forge_directory(database: &super::Database, row: &super::directory::DirectoryRow, root: &[u8]) {
    let mut connection = database.connect_writer().await.unwrap();
    let mut write = super::Write::beside_an_entry(&mut connection);
    super::directory::insert(&mut write, row).await.unwrap();
    sqlx::query("UPDATE root SET public_key = ?").bind(root).execute(&mut connection).await.unwrap();
}
