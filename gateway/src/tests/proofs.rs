//! The ledger over HTTP, checked with the verifier's own code (invariants D1 to D4).

use seamark_contracts::api::ledger::{ConsistencyProof, EntryPage, RecordedEntry, Trust};
use seamark_ledger::checkpoint::{Checkpoint, Vkey};
use seamark_ledger::log::LogChecker;
use seamark_ledger::tree::{Hash, leaf_hash, verify_consistency, verify_inclusion};

use crate::testing::{Reply, World};

async fn public(world: &World, path: &str) -> Reply {
    world.send("GET", path, None, Vec::new()).await
}

fn hashes(texts: &[String]) -> Vec<Hash> {
    texts.iter().map(|text| Hash::parse(text).unwrap()).collect()
}

#[tokio::test]
async fn entries_proofs_and_checkpoints_agree_across_tiles() {
    let world = World::new().await;
    let key = world.agent("order-desk").await;
    let trust: Trust = public(&world, "/v1/trust").await.ok();
    let vkey = Vkey::parse(&trust.ledger_vkey).unwrap();
    let mut heads = Vec::new();
    // Two entries each: well over two tiles of 256.
    for n in 0..270 {
        let submission = world.submission("refund.issue", "small-passes");
        assert!(world.post("/v1/handoffs", &key, &submission).await.status.is_success());
        if n % 27 == 0 {
            let note = public(&world, "/v1/ledger/checkpoint").await.text();
            heads.push(Checkpoint::parse(note.as_bytes()).unwrap().verify(&vkey).unwrap());
        }
    }
    let note = public(&world, "/v1/ledger/checkpoint").await.text();
    let head = Checkpoint::parse(note.as_bytes()).unwrap().verify(&vkey).unwrap();
    let mut log = LogChecker::new(&trust.ledger_origin);
    let mut entries = Vec::new();
    let mut next = Some(0);
    while let Some(from) = next {
        let page: EntryPage = public(&world, &format!("/v1/ledger/entries?from={from}&limit=100")).await.ok();
        for entry in page.entries {
            log.push(entry.as_bytes()).unwrap();
            entries.push(entry);
        }
        next = page.next;
    }
    log.check_head(&head).unwrap();
    assert!(head.size() > 512);

    for seq in (0..head.size()).step_by(13) {
        for size in [head.size(), seq + 1, (seq + head.size()) / 2 + 1] {
            let proven: RecordedEntry =
                public(&world, &format!("/v1/ledger/proofs/inclusion?seq={seq}&size={size}")).await.ok();
            assert_eq!(proven.entry, entries[usize::try_from(seq).unwrap()]);
            if size == head.size() {
                let leaf = leaf_hash(proven.entry.as_bytes());
                verify_inclusion(&leaf, seq, size, &hashes(&proven.proof), &head.root()).unwrap();
            }
        }
    }
    for old in &heads {
        let path = format!("/v1/ledger/proofs/consistency?from={}&to={}", old.size(), head.size());
        let proof: ConsistencyProof = public(&world, &path).await.ok();
        verify_consistency(old.size(), &old.root(), head.size(), &head.root(), &hashes(&proof.proof)).unwrap();
    }
    for path in [
        format!("/v1/ledger/proofs/inclusion?seq={}", head.size()),
        format!("/v1/ledger/proofs/inclusion?seq=0&size={}", head.size() + 1),
        "/v1/ledger/proofs/consistency?from=0&to=1".to_owned(),
        format!("/v1/ledger/proofs/consistency?from=1&to={}", head.size() + 1),
    ] {
        assert_eq!(public(&world, &path).await.problem(), (404, "not-found".to_owned()), "{path}");
    }
    for path in ["/v1/ledger/proofs/inclusion", "/v1/ledger/proofs/inclusion?seq=x", "/v1/ledger/entries?colour=blue"] {
        assert_eq!(public(&world, path).await.problem(), (422, "invalid-request".to_owned()), "{path}");
    }
    world.assert_sound().await;
}

#[tokio::test]
async fn another_process_on_the_same_folder_appends_too() {
    let world = World::new().await;
    let key = world.agent("order-desk").await;
    world.gated(&key).await;
    let before = world.seen().await.size;
    // As `seamark invite` does beside a running gateway.
    let config = crate::testing::config(world.folder.path());
    let chance = std::sync::Arc::new(seamark_contracts::clock::SeededChance::new(99));
    let other = crate::gateway::open(config, world.clock.clone(), chance).await.unwrap();
    other.invite("Carol", &["reviewer".to_owned()]).await.unwrap();
    world.gated(&key).await;
    other.create_agent_key("another", &[]).await.unwrap();
    world.gated(&key).await;
    assert!(world.seen().await.size > before + 5);
    other.close().await;
    world.assert_sound().await;
}

#[tokio::test]
async fn gateway_time_never_goes_back() {
    let world = World::new().await;
    let key = world.agent("order-desk").await;
    world.gated(&key).await;
    world.clock.advance_ms(-24 * 60 * 60 * 1000);
    let answer = world.gated(&key).await;
    world.clock.advance_ms(60_000);
    world.gated(&key).await;
    assert!(answer.expires_at.is_some());
    // The checker of the log refuses an entry that is earlier than the one before it (invariant H1).
    world.assert_sound().await;
}

#[tokio::test]
async fn a_head_that_does_not_fit_the_entries_is_not_served() {
    let world = World::new().await;
    let key = world.agent("order-desk").await;
    world.gated(&key).await;
    crate::db::set_back_head(&world.gateway.shared.database).await;
    let config = crate::testing::config(world.folder.path());
    let chance = std::sync::Arc::new(seamark_contracts::clock::SeededChance::new(3));
    let opened = crate::gateway::open(config, world.clock.clone(), chance).await;
    assert!(opened.is_err(), "the ledger was cut off");
}
