//! An independent re-check of the whole database (invariants A3, B2, B3, D1, D2).
//!
//! It trusts nothing that is stored beside the keys: every entry is hashed again, every root and tile is computed anew,
//! every row is compared with the ledger entry that recorded it and every signature is verified. Rows that should be there
//! and are not are found from the entries. It reads one snapshot and repairs nothing (invariant G3).

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::RwLock;

use crate::db::SqliteConnection;
use seamark_contracts::digest::Digest;
use seamark_ledger::entry::{Entry, EntryType};
use seamark_ledger::log::LogChecker;
use seamark_ledger::tree::{Frontier, Hash, leaf_hash};
use serde::Serialize;

use crate::db::ledger::EntryRow;
use crate::db::{self, StorageError};
use crate::directory;
use crate::keys::Keys;
use crate::problem::chain;
use crate::recorded::TILE;
use crate::state::App;

mod outside;
mod reveals;
mod rows;
mod verdicts;

/// Rows read at once.
const PAGE: i64 = 500;
/// Findings kept; a ruined database has more than anybody reads.
const MAX_FINDINGS: usize = 200;

/// What the re-check found.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FsckReport {
    /// Empty when all is well.
    pub findings: Vec<Finding>,
    pub n_entries: u64,
    pub n_checkpoints: u64,
    pub n_handoffs: u64,
    pub n_attempts: u64,
    pub n_reviews: u64,
    pub n_passed: u64,
    pub n_refused: u64,
    pub n_presented: u64,
    pub n_reveals: u64,
    pub n_decisions: u64,
    pub n_outcomes: u64,
    pub n_executions: u64,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// The table.
    pub table: &'static str,
    /// The row: mostly the position of the ledger entry that recorded it.
    pub row: i64,
    /// A sentence.
    pub message: String,
}

impl FsckReport {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.findings.is_empty()
    }

    fn add(&mut self, table: &'static str, row: i64, message: impl Into<String>) {
        if self.findings.len() < MAX_FINDINGS {
            self.findings.push(Finding { table, row, message: message.into() });
        }
    }

    fn expect(&mut self, holds: bool, table: &'static str, row: i64, message: &str) {
        if !holds {
            self.add(table, row, message);
        }
    }
}

/// What the rows are compared with.
struct Facts {
    /// Entries of the kinds that record a row, by position.
    entries: BTreeMap<i64, Entry>,
}

impl Facts {
    /// The entry at a position, when it is of this kind. It is taken away, so that what is left has no row.
    fn take(&mut self, no: i64, kind: EntryType) -> Option<Entry> {
        if self.entries.get(&no).is_some_and(|entry| entry.kind == kind) { self.entries.remove(&no) } else { None }
    }
}

/// What the database is compared with. Nothing of it comes out of the database.
pub(crate) struct Ground {
    keys: Keys,
    /// As the ledger's key gives it.
    origin: String,
    trusted: directory::Remembered,
}

impl Ground {
    /// What these keys ask of a database.
    pub(crate) fn new(keys: Keys) -> Self {
        let origin = keys.origin();
        Self { keys, origin, trusted: RwLock::default() }
    }

    async fn trusted(&self, connection: &mut SqliteConnection) -> Result<directory::Trusted, StorageError> {
        directory::remember(&self.trusted, connection).await
    }
}

/// Re-checks the database of a gateway's data folder. Nothing is made, migrated or repaired, and a file that is none of a
/// gateway is a finding too. A gateway may run beside it.
pub async fn check_folder(data_dir: &Path) -> FsckReport {
    let mut report = FsckReport::default();
    let ground = match Keys::read(&data_dir.join("keys")) {
        Ok(keys) => Some(Ground::new(keys)),
        Err(error) => {
            report.add("keys", 0, format!("without every key little can be checked: {}", chain(&error)));
            None
        }
    };
    let path = data_dir.join("gateway.sqlite3");
    // Without a journal the file is read alone, as it lies there; should a gateway begin to write meanwhile, its journal
    // appears and everything is read again.
    for _ in 0..3 {
        let before = db::quiet(&path);
        let mut fresh = report.clone();
        check_file(&path, before.is_some(), ground.as_ref(), &mut fresh).await;
        if before.is_none() || db::quiet(&path) == before {
            return fresh;
        }
    }
    report.add("database", 0, "it changed hands several times while it was read; check again");
    report
}

async fn check_file(path: &Path, is_quiet: bool, ground: Option<&Ground>, report: &mut FsckReport) {
    let opened = db::open_to_check(path, is_quiet).await;
    let checked = match opened {
        Ok(mut connection) => {
            let checked = check(ground, &mut connection, report).await;
            drop(db::close(connection).await);
            checked
        }
        Err(error) => Err(error),
    };
    if let Err(error) = checked {
        report.add("database", 0, format!("could not be read: {}", chain(&error)));
    }
}

/// Re-checks the database of an open gateway.
pub(crate) async fn run(app: &App) -> FsckReport {
    let mut report = FsckReport::default();
    let ground = Ground::new(app.keys.clone());
    let checked = match app.database.read().await {
        Ok(mut connection) => check(Some(&ground), &mut connection, &mut report).await,
        Err(error) => Err(error),
    };
    if let Err(error) = checked {
        report.add("database", 0, format!("could not be read: {}", chain(&error)));
    }
    report
}

async fn check(
    ground: Option<&Ground>,
    connection: &mut SqliteConnection,
    report: &mut FsckReport,
) -> Result<(), StorageError> {
    db::begin_snapshot(connection).await?;
    let checked = check_snapshot(ground, connection, report).await;
    db::roll_back(connection).await?;
    checked
}

async fn check_snapshot(
    ground: Option<&Ground>,
    connection: &mut SqliteConnection,
    report: &mut FsckReport,
) -> Result<(), StorageError> {
    for fault in db::integrity_faults(connection).await? {
        report.add("database", 0, fault);
    }
    let Some(ground) = ground else { return Ok(()) };
    let identity = db::gateway::find(connection).await?;
    let is_ours = identity.is_some_and(|identity| identity.origin == ground.origin);
    report.expect(is_ours, "gateway", 1, "the database names another ledger than the keys beside it belong to");
    let mut facts = check_log(ground, connection, report).await?;
    rows::check(ground, connection, &mut facts, report).await?;
    reveals::check(connection, &mut facts, report).await?;
    verdicts::check(ground, connection, &mut facts, report).await?;
    outside::check(ground, connection, &mut facts, report).await?;
    for (no, entry) in &facts.entries {
        let message = format!("entry {no} records {} and its row is missing", entry.kind.as_str());
        report.add("ledger_entry", *no, message);
    }
    Ok(())
}

/// Whether an entry of this kind has a row of its own, whose `no` is its position.
fn has_row(kind: EntryType) -> bool {
    matches!(
        kind,
        EntryType::ContractPublished
            | EntryType::DirectoryChanged
            | EntryType::KeyEnrolled
            | EntryType::KeyRevoked
            | EntryType::HandoffReceived
            | EntryType::HandoffRefused
            | EntryType::HandoffPresented
            | EntryType::DisclosureRevealed
            | EntryType::DisclosureCopied
            | EntryType::AccessRefused
            | EntryType::DecisionRecorded
            | EntryType::DecisionLate
            | EntryType::OutcomeFormed
            | EntryType::ExecutionReported
            | EntryType::AttemptConsumed
            | EntryType::ErasurePerformed
            | EntryType::RetentionApplied
            | EntryType::WitnessAlarm
            | EntryType::TimestampObtained
    )
}

/// The log itself: entries, tiles, checkpoints, head, bodies.
async fn check_log(
    ground: &Ground,
    connection: &mut SqliteConnection,
    report: &mut FsckReport,
) -> Result<Facts, StorageError> {
    let mut facts = Facts { entries: BTreeMap::new() };
    let mut log = LogChecker::new(&ground.origin);
    let mut tree = Tree::default();
    let mut checkpoints = db::ledger::list_checkpoints(connection, 0, i64::MAX).await?.into_iter().peekable();
    let mut last_at = None;
    let mut ends = Ends::default();
    'pages: loop {
        let from = i64::try_from(log.size()).unwrap_or(i64::MAX);
        let page = db::ledger::list_entries(connection, from, PAGE).await?;
        if page.is_empty() {
            break;
        }
        for row in page {
            // The first bad entry is named; after it nothing can be said.
            let entry = match log.push(&row.bytes) {
                Ok(entry) => entry,
                Err(fault) => {
                    let seq = i64::try_from(fault.seq).unwrap_or(i64::MAX);
                    report.add("ledger_entry", seq, chain(&fault));
                    break 'pages;
                }
            };
            check_entry_row(&row, &entry, report);
            tree.push(leaf_hash(&row.bytes));
            check_body(connection, &row, &entry, report).await?;
            ends.check(connection, &row, &entry, report).await?;
            last_at = Some(entry.at);
            while let Some(checkpoint) = checkpoints.next_if(|checkpoint| checkpoint.size <= row.seq + 1) {
                let is_same = checkpoint.size == row.seq + 1 && checkpoint.root == log.root().as_bytes();
                report.n_checkpoints += 1;
                report.expect(
                    is_same,
                    "ledger_checkpoint",
                    checkpoint.size,
                    "another root was fixed for this size than the entries have",
                );
            }
            if has_row(entry.kind) {
                facts.entries.insert(row.seq, entry);
            }
        }
    }
    report.n_entries = log.size();
    for checkpoint in checkpoints {
        report.add("ledger_checkpoint", checkpoint.size, "a root was fixed for more entries than can be read");
    }
    let head = db::ledger::head(connection).await?;
    let is_head = head.as_ref().is_some_and(|head| {
        u64::try_from(head.size) == Ok(log.size())
            && Frontier::from_bytes(log.size(), &head.frontier).is_ok_and(|frontier| frontier.root() == log.root())
            && last_at.is_some_and(|at| at.as_ms() == head.at_ms)
    });
    report.expect(is_head, "ledger_head", 1, "the head is not the one of the entries: size, frontier or time differ");
    tree.check(connection, report).await?;
    Ok(facts)
}

fn check_entry_row(row: &EntryRow, entry: &Entry, report: &mut FsckReport) {
    let is_same = row.kind == entry.kind.as_str()
        && row.leaf == leaf_hash(&row.bytes).as_bytes()
        && row.handoff.is_some() == entry.handoff.is_some();
    report.expect(is_same, "ledger_entry", row.seq, "the columns beside the entry say something else than the entry");
}

async fn check_body(
    connection: &mut SqliteConnection,
    row: &EntryRow,
    entry: &Entry,
    report: &mut FsckReport,
) -> Result<(), StorageError> {
    let body = db::ledger::find_body(connection, row.seq).await?;
    let is_good = match &body {
        Some(body) => Digest::of(&body.bytes) == entry.object,
        None => !is_event(entry.kind),
    };
    report.expect(
        is_good,
        "ledger_body",
        row.seq,
        "the body of the event is missing or is not the one that the entry names",
    );
    Ok(())
}

/// The signing keys that have ended so far, by key id, with the position of the end.
#[derive(Default)]
struct Ends(BTreeMap<String, i64>);

impl Ends {
    /// Nothing that a key signed is recorded after its end (invariant B10). It is judged by the ledger's order alone.
    async fn check(
        &mut self,
        connection: &mut SqliteConnection,
        row: &EntryRow,
        entry: &Entry,
        report: &mut FsckReport,
    ) -> Result<(), StorageError> {
        // A refusal names who was refused, also somebody who had ended.
        let is_signed = matches!(
            entry.kind,
            EntryType::HandoffPresented
                | EntryType::DisclosureRevealed
                | EntryType::DisclosureCopied
                | EntryType::DecisionRecorded
                | EntryType::DecisionLate
                | EntryType::OutcomeFormed
                | EntryType::ExecutionReported
        );
        if let Some(end) = self.0.get(&entry.actor).filter(|_| is_signed) {
            let message = format!("{} was recorded by a key that had ended with entry {end}", entry.kind.as_str());
            report.add("ledger_entry", row.seq, message);
        }
        if entry.kind == EntryType::KeyRevoked {
            let body = db::ledger::find_body(connection, row.seq).await?;
            let body: serde_json::Value =
                body.and_then(|body| serde_json::from_slice(&body.bytes).ok()).unwrap_or_default();
            if let Some(keyid) = body.get("keyid").and_then(serde_json::Value::as_str) {
                self.0.insert(keyid.to_owned(), row.seq);
            }
        }
        Ok(())
    }
}

/// Whether entries of this kind point at a body of their own.
fn is_event(kind: EntryType) -> bool {
    !matches!(
        kind,
        EntryType::ContractPublished
            | EntryType::DirectoryChanged
            | EntryType::HandoffReceived
            | EntryType::HandoffPassed
            | EntryType::HandoffSuperseded
            | EntryType::HandoffPresented
            | EntryType::ReviewOpened
            | EntryType::DecisionRecorded
            | EntryType::DecisionLate
            | EntryType::OutcomeFormed
            | EntryType::ExecutionReported
    )
}

/// All hashes at the heights that are stored, computed anew.
#[derive(Default)]
struct Tree {
    /// By height in tiles: 0 the leaves, 1 the roots of 256 leaves, ...
    levels: Vec<Vec<Hash>>,
    frontier: Frontier,
}

impl Tree {
    fn push(&mut self, leaf: Hash) {
        for node in self.frontier.append(leaf).unwrap_or_default() {
            if !node.id.level.is_multiple_of(8) {
                continue;
            }
            let level = usize::from(node.id.level / 8);
            if self.levels.len() <= level {
                self.levels.resize_with(level + 1, Vec::new);
            }
            if let Some(hashes) = self.levels.get_mut(level) {
                hashes.push(node.hash);
            }
        }
    }

    async fn check(&self, connection: &mut SqliteConnection, report: &mut FsckReport) -> Result<(), StorageError> {
        let mut wanted: BTreeMap<(i64, i64), Vec<u8>> = BTreeMap::new();
        let tile_len = usize::try_from(TILE).unwrap_or(usize::MAX);
        for (level, hashes) in self.levels.iter().enumerate() {
            for (idx, tile) in hashes.chunks(tile_len).enumerate() {
                // Leaves that do not fill a tile are read from their entries.
                if level > 0 || tile.len() == tile_len {
                    let key = (i64::try_from(level).unwrap_or(i64::MAX), i64::try_from(idx).unwrap_or(i64::MAX));
                    wanted.insert(key, tile.iter().flat_map(|hash| *hash.as_bytes()).collect());
                }
            }
        }
        for row in db::ledger::list_tiles(connection).await? {
            let is_same = wanted.remove(&(row.level, row.idx)).is_some_and(|hashes| hashes == row.hashes);
            report.expect(is_same, "ledger_tile", row.idx, "a stored tile of hashes is not the one of the entries");
        }
        for (_, idx) in wanted.keys() {
            report.add("ledger_tile", *idx, "a tile of hashes is missing");
        }
        Ok(())
    }
}
