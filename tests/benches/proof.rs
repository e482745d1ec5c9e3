//! What proving costs: one bundle against its signatures and hashes, many bundles against the machine's raw rate of
//! signatures, and an append to the ledger with checkpoint and proofs against one without.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use seamark_contracts::api::ledger::Trust;
use seamark_contracts::clock::Timestamp;
use seamark_contracts::digest::Digest;
use seamark_ledger::bundle::{FileKind, FileSet};
use seamark_ledger::checkpoint::{Checkpoint, Head};
use seamark_ledger::directory::DirectoryPredicate;
use seamark_ledger::dsse::{Envelope, IN_TOTO, pae};
use seamark_ledger::key::{PublicKey, Signature, Signer as _, SigningKey};
use seamark_ledger::tree::{Frontier, Hash, NodeId, leaf_hash, node_hash, plan_inclusion};
use seamark_ledger::verify::{Pinned, Verdict, check_archive};
use seamark_tests::programs::root;
use serde_json::Value;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{Connection as _, QueryBuilder, Sqlite, SqliteConnection};

use crate::stats::{Rate, Samples, print_latency, print_rate, print_rates, print_ratio_of};

const ROUNDS: usize = 7;
/// Decisions of the export that is verified; `SEAMARK_BENCH_DECISIONS` gives another number.
const DECISIONS: usize = 100_000;
const CORES: usize = 2;
/// Entries of one measurement of appending, and of one commit.
const ENTRIES: u64 = 20_000;
const GROUP: u64 = 100;

/// The bundle of an executed refund, what to pin for it, and what a verifier cannot do without.
struct Case {
    archive: Vec<u8>,
    pinned: Pinned,
    signed: Vec<(PublicKey, Vec<u8>, Signature)>,
    /// Every byte that has to be hashed at least once.
    n_hashed: usize,
    n_nodes: usize,
}

impl Case {
    fn read() -> Result<Self> {
        let folder = root().join("ledger/vectors/evidence");
        let archive = std::fs::read(folder.join("refund.seamark.zip"))?;
        let trust: Trust = serde_json::from_slice(&std::fs::read(folder.join("trust.json"))?)?;
        let pinned = Pinned::from_trust(&trust, None, Timestamp::parse("2026-11-22T07:00:00.000Z")?)?;
        let files = FileSet::from_archive(&archive)?;
        let (mut signed, mut n_nodes) = (Vec::new(), 0);
        let keys = keys(&files, &pinned)?;
        for (kind, path, bytes) in files.iter() {
            if path.ends_with(".dsse.json") {
                let read = Envelope::parse(bytes)?;
                let envelope = read.unverified_value();
                let message = pae(IN_TOTO, envelope.unverified_payload());
                let signature = envelope.unverified_signatures().first().and_then(|one| one.signature);
                let signature = signature.context("a signature")?;
                let key = keys.iter().find(|key| key.verifies(&message, &signature)).context("its key")?;
                signed.push((*key, message, signature));
            }
            if let FileKind::Proof(_) = kind {
                n_nodes += bytes.iter().filter(|byte| **byte == b'\n').count().saturating_sub(8);
            }
        }
        let note = files.get(FileKind::Checkpoint).context("a checkpoint")?;
        let read = Checkpoint::parse(note)?;
        // One more signature of about the checkpoint's size stands for the checkpoint's own.
        let key = SigningKey::from_seed(&[1; 32]);
        let text = read.unverified_value().unverified_head().to_string().into_bytes();
        signed.push((key.public_key(), text.clone(), key.sign(&text)?));
        let n_hashed = files.iter().map(|(_, _, bytes)| bytes.len()).sum();
        let case = Self { archive, pinned, signed, n_hashed, n_nodes };
        ensure!(check_archive(&case.archive, &case.pinned).verdict() == Verdict::Pass, "the vector does not pass");
        Ok(case)
    }

    /// The least that a verifier has to compute.
    fn least(&self) -> bool {
        let bytes = vec![0x5a; self.n_hashed];
        let mut node = Hash::from_bytes(*Digest::of(&bytes).as_bytes());
        for _ in 0..self.n_nodes {
            node = node_hash(&node, &node);
        }
        self.signed.iter().all(|(key, message, signature)| key.verifies(message, signature))
            && node.as_bytes() != &[0; 32]
    }
}

/// The root key and those of the directory.
fn keys(files: &FileSet, pinned: &Pinned) -> Result<Vec<PublicKey>> {
    let (_, _, directory) =
        files.iter().find(|(kind, _, _)| matches!(kind, FileKind::Directory(_))).context("a directory")?;
    let read = Envelope::parse(directory)?;
    let statement: Value = serde_json::from_slice(read.unverified_value().unverified_payload())?;
    let predicate: DirectoryPredicate =
        serde_json::from_value(statement.get("predicate").cloned().context("a predicate")?)?;
    let trusted = seamark_ledger::directory::trust_set(&predicate)?;
    let listed = predicate.keys.iter().filter_map(|key| {
        let id = seamark_ledger::key::KeyId::parse(&key.keyid).ok()?;
        trusted.find(&id, key.key_use).map(|trusted| trusted.key)
    });
    Ok(listed.chain([pinned.root_key]).collect())
}

pub async fn run() -> Result<()> {
    println!("\nProof\n");
    let case = Case::read()?;
    one_bundle(&case)?;
    export(&case)?;
    append().await
}

fn one_bundle(case: &Case) -> Result<()> {
    let (mut whole, mut least) = (Samples::default(), Samples::default());
    for _ in 0..ROUNDS * 30 {
        let started = Instant::now();
        ensure!(check_archive(&case.archive, &case.pinned).verdict() == Verdict::Pass, "the bundle does not pass");
        whole.add(started.elapsed());
        let started = Instant::now();
        ensure!(case.least(), "a signature does not verify");
        least.add(started.elapsed());
    }
    print_latency("verifying one bundle", &whole);
    print_latency(&format!("its {} signatures and {} bytes hashed", case.signed.len(), case.n_hashed), &least);
    print_ratio_of("one bundle / its signatures and hashes", &whole, &least, "at most 3");
    Ok(())
}

/// Does `work` `n` times on all cores.
fn on_all_cores(n: usize, work: impl Fn() -> bool + Sync) -> Result<Duration> {
    let (next, n_good, started) = (AtomicUsize::new(0), AtomicUsize::new(0), Instant::now());
    std::thread::scope(|scope| {
        for _ in 0..CORES {
            scope.spawn(|| {
                while next.fetch_add(1, Ordering::Relaxed) < n {
                    n_good.fetch_add(usize::from(work()), Ordering::Relaxed);
                }
            });
        }
    });
    ensure!(n_good.into_inner() == n, "something does not verify");
    Ok(started.elapsed())
}

/// Bundles of one decision each, as many as an auditor takes home. What counts is signatures, those of the export by time
/// against as many as the cores verify when they do nothing else.
fn export(case: &Case) -> Result<()> {
    let n_decisions = match std::env::var("SEAMARK_BENCH_DECISIONS") {
        Ok(text) => text.parse().context("SEAMARK_BENCH_DECISIONS")?,
        Err(_) => DECISIONS,
    };
    let (key, message, signature) = case.signed.first().context("a signature")?;
    let (mut raw, mut bundles) = (Rate::new(), Rate::new());
    let took = on_all_cores(n_decisions, || key.verifies(message, signature))?;
    raw.round(n_decisions, took);
    let took = on_all_cores(n_decisions, || check_archive(&case.archive, &case.pinned).verdict() == Verdict::Pass)?;
    bundles.round(n_decisions * case.signed.len(), took);
    print_rate("raw Ed25519 verifications, both cores", &raw);
    print_rate(&format!("signatures of an export of {n_decisions} decisions"), &bundles);
    println!("{:<58} {:>10.1} s", "the whole export", took.as_secs_f64());
    print_rates("export / raw Ed25519", &bundles, &raw, "more than 0.5");
    Ok(())
}

async fn database(path: &Path) -> Result<SqliteConnection> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full);
    let mut connection = SqliteConnection::connect_with(&options).await?;
    for table in [
        "create table entry (seq integer primary key, leaf blob not null, bytes blob not null)",
        "create table tile (level integer, idx integer, hash blob not null, primary key (level, idx)) without rowid",
        "create table head (size integer primary key, frontier blob not null, note text not null)",
    ] {
        sqlx::query(table).execute(&mut connection).await?;
    }
    Ok(connection)
}

/// The tree beside the entries.
#[derive(Default)]
struct Tree {
    frontier: Frontier,
    nodes: HashMap<NodeId, Hash>,
}

/// Appends entries in commits of [`GROUP`]; with a tree also its nodes, a signed checkpoint for each commit and an inclusion
/// proof for each entry under it.
async fn append_to(path: &Path, mut tree: Option<Tree>) -> Result<Duration> {
    let mut connection = database(path).await?;
    let key = SigningKey::from_seed(&[2; 32]);
    let entry = vec![b'e'; 400];
    let started = Instant::now();
    for group in 0..ENTRIES / GROUP {
        let seqs: Vec<u64> = (group * GROUP..(group + 1) * GROUP).collect();
        let entries: Vec<Vec<u8>> = seqs.iter().map(|seq| [&seq.to_be_bytes(), entry.as_slice()].concat()).collect();
        let leaves: Vec<Hash> = entries.iter().map(|entry| leaf_hash(entry)).collect();
        let mut transaction = connection.begin().await?;
        let mut insert: QueryBuilder<Sqlite> = QueryBuilder::new("insert into entry (seq, leaf, bytes) ");
        insert.push_values(seqs.iter().zip(&leaves).zip(&entries), |mut row, ((seq, leaf), entry)| {
            row.push_bind(i64::try_from(*seq).unwrap_or(0)).push_bind(leaf.as_bytes().as_slice()).push_bind(entry);
        });
        insert.build().execute(&mut *transaction).await?;
        if let Some(tree) = &mut tree {
            beside(tree, &leaves, &key, &mut transaction).await?;
        }
        transaction.commit().await?;
        if let Some(tree) = &tree {
            let size = tree.frontier.size();
            for seq in &seqs {
                let proof = plan_inclusion(*seq, size)?.assemble(|id| tree.nodes.get(&id).copied())?;
                ensure!(proof.len() <= 64, "a proof is too long");
            }
        }
    }
    Ok(started.elapsed())
}

async fn beside(tree: &mut Tree, leaves: &[Hash], key: &SigningKey, connection: &mut SqliteConnection) -> Result<()> {
    let mut upper = Vec::new();
    for leaf in leaves {
        for stored in tree.frontier.append(*leaf)? {
            tree.nodes.insert(stored.id, stored.hash);
            // As the gateway keeps them: of eight levels the top one, the rest is computed.
            if stored.id.level > 0 && stored.id.level % 8 == 0 {
                upper.push(stored);
            }
        }
    }
    for stored in upper {
        sqlx::query("insert into tile (level, idx, hash) values (?, ?, ?)")
            .bind(i64::from(stored.id.level))
            .bind(i64::try_from(stored.id.index)?)
            .bind(stored.hash.as_bytes().as_slice())
            .execute(&mut *connection)
            .await?;
    }
    let head = Head::new("ledger.bench.example", tree.frontier.size(), tree.frontier.root())?;
    let note = Checkpoint::sign(head, key)?.to_string();
    sqlx::query("insert into head (size, frontier, note) values (?, ?, ?)")
        .bind(i64::try_from(tree.frontier.size())?)
        .bind(tree.frontier.to_bytes())
        .bind(note)
        .execute(&mut *connection)
        .await?;
    Ok(())
}

async fn append() -> Result<()> {
    let (mut plain, mut proven) = (Rate::new(), Rate::new());
    let n = usize::try_from(ENTRIES)?;
    for round in 0..=ROUNDS {
        let folder = tempfile::tempdir()?;
        let without = append_to(&folder.path().join("plain.sqlite3"), None).await?;
        let with = append_to(&folder.path().join("proven.sqlite3"), Some(Tree::default())).await?;
        if round > 0 {
            plain.round(n, without);
            proven.round(n, with);
        }
    }
    print_rate("appended entries, 100 a commit", &plain);
    print_rate("the same with tree, checkpoint and proofs", &proven);
    print_rates("append with / without checkpoint and proofs", &proven, &plain, "at least 0.8");
    Ok(())
}
