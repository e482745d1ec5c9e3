//! The organisation's root is outside of the gateway: what the gateway can do without it, and what it cannot (A16).

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::http::StatusCode;
use base64ct::{Base64, Base64UrlUnpadded, Encoding as _};
use seamark_contracts::api::device::EnrolmentAnswer;
use seamark_contracts::api::directory::AcceptedDirectory;
use seamark_contracts::api::ledger::Trust;
use seamark_contracts::clock::{Clock as _, FixedClock, SeededChance, Timestamp};
use seamark_contracts::decision::DecisionKind;
use seamark_contracts::digest::Digest;
use seamark_ledger::directory::{self, Directory, DirectoryError, Proposal, ProposalError};
use seamark_ledger::key::{KeyUse, Signer as _};
use seamark_ledger::statement::build_directory;
use serde_json::Value;

use crate::db::directory::DirectoryRow;
use crate::gateway::{Gateway, OpenError, open};
use crate::root::{KeeperError, RootChoice, RootError};
use crate::testing::{Keyring, NOW, World, config, enrolment, key, payload_of, signed};

fn pending() -> (u16, String) {
    (403, "enrolment-pending".to_owned())
}

async fn newest(world: &World) -> Value {
    world.send("GET", "/v1/directory", None, Vec::new()).await.ok()
}

/// The newest directory, verified as a verifier does who pinned the root of this name.
async fn verified(world: &World, root: &str) -> Result<Directory, DirectoryError> {
    let root = key(root).public_key();
    directory::verify(&newest(world).await, &root, world.clock.now()).map(|verified| verified.into_inner())
}

async fn has_proposal(world: &World) -> bool {
    world.send("GET", "/v1/directory/proposal", None, Vec::new()).await.status == StatusCode::OK
}

#[tokio::test]
async fn a16_until_the_root_has_signed_nothing_is_admitted_and_the_gateway_says_what_is_missing() {
    let world = World::outside().await;
    let agent = world.agent("order-desk").await;
    let submission = world.submission("refund.issue", "returned-goods");
    let refused = world.post("/v1/handoffs", &agent, &submission).await;
    assert_eq!(refused.problem(), (503, "unavailable".to_owned()));
    assert!(refused.text().contains("seamark org sign"), "{}", refused.text());
    let none = world.send("GET", "/v1/directory", None, Vec::new()).await;
    assert_eq!(none.problem(), (404, "not-found".to_owned()));
    assert!(none.text().contains("seamark org sign"), "{}", none.text());
    assert!(!world.gateway.has_signed_directory().await.unwrap());
    world.assert_sound().await;

    world.sign_directory().await;
    assert!(world.gateway.has_signed_directory().await.unwrap() && !has_proposal(&world).await);
    assert_eq!(world.post("/v1/handoffs", &agent, &submission).await.status, StatusCode::CREATED);
    world.assert_sound().await;
}

#[tokio::test]
async fn a16_who_is_not_in_the_signed_directory_decides_nothing_and_decides_once_it_is_signed() {
    let world = World::outside().await;
    let agent = world.agent("order-desk").await;
    world.sign_directory().await;
    let alice = world.reviewer("Alice Example", &["reviewer"]).await;
    let handoff = world.gated(&agent).await;
    let review = alice.review(&world, handoff.review_id.unwrap()).await;
    let decision = alice.request(&world, &review, DecisionKind::Approve).await;
    let before = world.seen().await.size;
    assert_eq!(alice.send(&world, &review, &decision).await.problem(), pending());
    assert_eq!(world.seen().await.size, before, "what nobody can judge yet leaves no entry");

    world.sign_directory().await;
    assert_eq!(alice.send(&world, &review, &decision).await.status, StatusCode::OK);
    let listed = verified(&world, "root").await.unwrap();
    assert!(listed.predicate.keys.iter().any(|key| key.keyid == alice.answer.decision_keyid));
    world.assert_sound().await;
}

#[tokio::test]
async fn a16_a_role_counts_once_it_is_signed() {
    let world = World::outside().await;
    let agent = world.agent("order-desk").await;
    let alice = world.reviewer("Alice Example", &["clerk"]).await;
    world.sign_directory().await;
    let handoff = world.gated(&agent).await;
    world.gateway.change_role("Alice Example", "reviewer", true).await.unwrap();
    let review = alice.review(&world, handoff.review_id.unwrap()).await;
    let decision = alice.request(&world, &review, DecisionKind::Approve).await;
    assert_eq!(alice.send(&world, &review, &decision).await.problem(), pending());
    world.sign_directory().await;
    assert_eq!(alice.send(&world, &review, &decision).await.status, StatusCode::OK);
    world.assert_sound().await;
}

/// An operator who has the gateway, its keys and its database, and everything but the root.
#[tokio::test]
async fn attack_a16_an_operator_with_the_whole_database_enrols_nobody_whom_anybody_verifies() {
    let world = World::outside().await;
    let agent = world.agent("order-desk").await;
    world.sign_directory().await;
    let mallory = world.reviewer("Mallory", &["reviewer"]).await;
    let handoff = world.gated(&agent).await;
    let review = mallory.review(&world, handoff.review_id.unwrap()).await;
    let decision = mallory.request(&world, &review, DecisionKind::Approve).await;
    assert_eq!(mallory.send(&world, &review, &decision).await.problem(), pending());

    // The proposal, signed with a key of the operator's own and written into the tables, with that key as root.
    let bytes = world.proposal().await;
    let forged = signed(bytes.clone(), "mallory");
    let signature = Base64::decode_vec(forged["signatures"][0]["sig"].as_str().unwrap()).unwrap();
    let root = key("mallory").public_key();
    let row = DirectoryRow {
        version: 2,
        no: i64::MAX,
        statement: bytes,
        signature,
        from_ms: 0,
        to_ms: i64::MAX,
        root: root.as_bytes().to_vec(),
    };
    crate::db::forge_directory(&world.gateway.shared.database, &row, root.as_bytes()).await;
    assert_eq!(newest(&world).await, forged, "the operator's own gateway gives out what they wrote");
    assert!(matches!(verified(&world, "root").await, Err(DirectoryError::Statement(_))));
    assert_ne!(
        world.send("GET", "/v1/trust", None, Vec::new()).await.ok::<Trust>().root_keyid,
        mallory.answer.trust.root_keyid,
        "whoever pinned the root sees another one"
    );
    let tables: Vec<&str> = world.gateway.fsck().await.findings.iter().map(|finding| finding.table).collect();
    assert!(tables.contains(&"root") && tables.contains(&"directory"), "{tables:?}");
}

#[tokio::test]
async fn attack_a16_a_proposal_that_lists_one_more_key_shows_it_to_whoever_signs() {
    let world = World::outside().await;
    world.reviewer("Alice Example", &["reviewer"]).await;
    world.sign_directory().await;
    let current = verified(&world, "root").await.unwrap();
    // The operator lets a second device enrol in Alice's name.
    let code = world.gateway.invite("Alice Example", &["reviewer".to_owned()]).await.unwrap();
    world.enrol("Alice Example", "the operator's", &code).await;
    let proposal = Proposal::read(&world.proposal().await).unwrap();
    let found = proposal.differences(Some(&current), &key("root").public_key()).unwrap();
    let added: Vec<_> = found.iter().filter_map(directory::Difference::new_decision_key).collect();
    let (subject, listed) = added[0];
    assert_eq!((added.len(), subject.name.as_str(), listed.key_use), (1, "Alice Example", KeyUse::Decision));
    assert_eq!(listed.parse().unwrap(), key("Alice Example/the operator's/decision").public_key());
}

#[tokio::test]
async fn attack_a16_stale_forged_rolled_back_skipping_and_foreign_directories_are_refused() {
    let world = World::outside().await;
    let first = world.proposal().await;
    world.sign_directory().await;
    world.reviewer("Alice Example", &["reviewer"]).await;
    let proposal = world.proposal().await;
    world.gateway.invite("Bob Example", &["reviewer".to_owned()]).await.unwrap();
    let stale = (409, "directory-stale".to_owned());
    let current = Digest::of(&payload_of(&newest(&world).await));
    let changed = |change: fn(&mut directory::DirectoryPredicate)| {
        let mut predicate = crate::directory::parse(&proposal).unwrap();
        change(&mut predicate);
        build_directory(&predicate, Some(current)).unwrap()
    };
    for (what, bytes) in [
        ("older than the newest proposal", proposal.clone()),
        ("with one version left out", changed(|next| next.version += 1)),
        ("with a version once more", changed(|next| next.version -= 1)),
        ("of somebody's own making", changed(|next| next.keys.clear())),
    ] {
        assert_eq!(world.send_directory(&signed(bytes, "root")).await.problem(), stale, "{what}");
    }
    let now = world.proposal().await;
    let foreign = world.send_directory(&signed(now.clone(), "mallory")).await;
    assert_eq!(foreign.problem(), (403, "forbidden".to_owned()), "under another root");
    let mut broken = signed(now, "root");
    broken["signatures"][0]["sig"] = Value::from(Base64::encode_string(&[7; 64]));
    assert_eq!(world.send_directory(&broken).await.problem(), (403, "forbidden".to_owned()), "under no signature");
    assert_eq!(verified(&world, "root").await.unwrap().predicate.version, 1, "nothing was taken over");

    world.sign_directory().await;
    let back = world.send_directory(&signed(first, "root")).await;
    assert_eq!(back.problem(), stale, "an earlier one, though the root signed it once");
    assert_eq!(verified(&world, "root").await.unwrap().predicate.version, 2);
    world.assert_sound().await;
}

#[tokio::test]
async fn a16_a_change_between_proposal_and_signature_asks_for_another_signature_and_a_lost_answer_for_none() {
    let world = World::outside().await;
    let before = world.proposal().await;
    world.agent("order-desk").await;
    let reply = world.send_directory(&signed(before, "root")).await;
    assert_eq!(reply.problem(), (409, "directory-stale".to_owned()));
    assert!(reply.text().contains("seamark org sign"), "{}", reply.text());
    let envelope = signed(world.proposal().await, "root");
    let first: AcceptedDirectory = world.send_directory(&envelope).await.ok();
    let size = world.seen().await.size;
    let again: AcceptedDirectory = world.send_directory(&envelope).await.ok();
    assert_eq!(again, first);
    assert_eq!(world.seen().await.size, size, "the same directory is recorded once");
    world.assert_sound().await;
}

#[tokio::test]
async fn b10_an_end_acts_before_the_root_has_signed_it() {
    let world = World::outside().await;
    let agent = world.agent("order-desk").await;
    let (alice, bob) =
        (world.reviewer("Alice Example", &["reviewer"]).await, world.reviewer("Bob Example", &["reviewer"]).await);
    world.sign_directory().await;
    let handoff = world.gated(&agent).await;
    let review = alice.review(&world, handoff.review_id.unwrap()).await;
    let decision = alice.request(&world, &review, DecisionKind::Approve).await;
    world.gateway.end_device(&alice.answer.device_keyid).await.unwrap();
    world.gateway.change_role("Bob Example", "reviewer", false).await.unwrap();
    assert_eq!(alice.send(&world, &review, &decision).await.problem(), (403, "access-ended".to_owned()));
    let hidden = world.get(&format!("/v1/reviews/{}", review.review_id), &bob.token).await;
    assert_eq!(hidden.problem(), (404, "not-found".to_owned()));
    let open = |directory: &Directory| {
        let of_alice = |key: &&directory::DirectoryKey| key.keyid == alice.answer.decision_keyid;
        directory.predicate.keys.iter().find(of_alice).unwrap().to.is_none()
    };
    assert!(open(&verified(&world, "root").await.unwrap()), "nobody but the root says so to verifiers");
    world.assert_sound().await;
    world.sign_directory().await;
    assert!(!open(&verified(&world, "root").await.unwrap()));
    world.assert_sound().await;
}

#[tokio::test]
async fn b10_what_ended_before_it_was_signed_is_never_signed() {
    let world = World::outside().await;
    world.sign_directory().await;
    let alice = world.reviewer("Alice Example", &["reviewer"]).await;
    world.gateway.end_device(&alice.answer.device_keyid).await.unwrap();
    world.gateway.change_role("Alice Example", "reviewer", false).await.unwrap();
    world.assert_sound().await;
    let current = verified(&world, "root").await.unwrap();
    let proposal = Proposal::read(&world.proposal().await).unwrap();
    let found = proposal.differences(Some(&current), &key("root").public_key()).unwrap();
    assert!(found.iter().all(|one| matches!(one, directory::Difference::SubjectAdded(_))), "{found:?}");
    world.sign_directory().await;
    world.assert_sound().await;
}

#[tokio::test]
async fn a16_who_pinned_a_root_follows_to_the_next_only_by_pinning_it() {
    let world = World::outside().await;
    let alice = world.reviewer("Alice Example", &["reviewer"]).await;
    world.sign_directory().await;
    world.clock.advance_ms(1000);
    world.gateway.invite("Bob Example", &["reviewer".to_owned()]).await.unwrap();
    world.hand_over("root", "root 2").await;

    let trust: Trust = world.send("GET", "/v1/trust", None, Vec::new()).await.ok();
    assert_eq!(trust.root_keyid, key("root 2").public_key().id().to_string());
    assert!(matches!(verified(&world, "root").await, Err(DirectoryError::Statement(_))), "nobody is led along");
    let now = verified(&world, "root 2").await.unwrap();
    assert_eq!(now.predicate.version, 3);
    assert!(now.predicate.keys.iter().any(|key| key.keyid == alice.answer.decision_keyid));

    // What shows a person that the old root itself named the new one.
    let path = format!("/v1/directory/handovers/{}", alice.answer.trust.root_keyid);
    let handover: Value = world.send("GET", &path, None, Vec::new()).await.ok();
    let handover = directory::verify(&handover, &key("root").public_key(), world.clock.now()).unwrap();
    assert_eq!(handover.predicate.next_root.as_ref().unwrap().keyid, trust.root_keyid);
    let unknown = format!("/v1/directory/handovers/{}", trust.root_keyid);
    assert_eq!(world.send("GET", &unknown, None, Vec::new()).await.problem(), (404, "not-found".to_owned()));
    world.assert_sound().await;

    // The old root signs nothing more, and a new invitation names the new one.
    let code = world.gateway.invite("Carol Example", &["reviewer".to_owned()]).await.unwrap();
    assert!(code.ends_with(&trust.root_keyid[..16]), "{code}");
    let late = world.send_directory(&signed(world.proposal().await, "root")).await;
    assert_eq!(late.problem(), (403, "forbidden".to_owned()));
    let world = world.reopen(5).await;
    let reply = world.send_directory(&signed(world.proposal().await, "root 2")).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text());
    world.assert_sound().await;
}

#[tokio::test]
async fn attack_a16_only_the_root_names_its_successor_and_no_root_comes_back() {
    let world = World::outside().await;
    world.sign_directory().await;
    let name = |next: &str, by: &str, current: &Value| {
        let bytes = payload_of(current);
        let mut predicate = crate::directory::parse(&bytes).unwrap();
        predicate.version += 1;
        predicate.next_root = Some(directory::NextRoot::new(&key(next).public_key()));
        signed(build_directory(&predicate, Some(Digest::of(&bytes))).unwrap(), by)
    };
    let current = newest(&world).await;
    let stolen = world.send_directory(&name("mallory", "mallory", &current)).await;
    assert_eq!(stolen.problem(), (403, "forbidden".to_owned()));
    world.hand_over("root", "root 2").await;
    let back = world.send_directory(&name("root", "root 2", &newest(&world).await)).await;
    assert_eq!(back.problem(), (409, "directory-stale".to_owned()));
    world.assert_sound().await;
}

/// A crash after the old root named the new one and before the new one signed.
#[tokio::test]
async fn a16_a_handover_that_was_cut_off_goes_on_where_it_stopped() {
    let world = World::outside().await;
    world.sign_directory().await;
    let bytes = payload_of(&newest(&world).await);
    let mut predicate = crate::directory::parse(&bytes).unwrap();
    predicate.version += 1;
    predicate.next_root = Some(directory::NextRoot::new(&key("root 2").public_key()));
    let handover = signed(build_directory(&predicate, Some(Digest::of(&bytes))).unwrap(), "root");
    assert_eq!(world.send_directory(&handover).await.status, StatusCode::OK);
    let world = world.reopen(7).await;
    assert_eq!(world.send_directory(&handover).await.status, StatusCode::OK, "a lost answer is given again");
    let reply = world.send_directory(&signed(world.proposal().await, "root 2")).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text());
    assert_eq!(verified(&world, "root 2").await.unwrap().predicate.version, 3);
    world.assert_sound().await;
}

// ---- where the root lies ----

/// The seed of the key of a name.
fn seed(name: &str) -> [u8; 32] {
    *Digest::of(name.as_bytes()).as_bytes()
}

/// Whether a seed stands in any file below a folder, as bytes or as a text.
fn holds(folder: &Path, seed: &[u8; 32]) -> bool {
    let hex: String = seed.iter().map(|byte| format!("{byte:02x}")).collect();
    let (plain, url) = (Base64::encode_string(seed), Base64UrlUnpadded::encode_string(seed));
    let forms: [&[u8]; 4] = [seed, hex.as_bytes(), plain.trim_end_matches('=').as_bytes(), url.as_bytes()];
    std::fs::read_dir(folder).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            return holds(&path, seed);
        }
        let bytes = std::fs::read(&path).unwrap();
        forms.iter().any(|form| bytes.windows(form.len()).any(|window| window == *form))
    })
}

async fn open_under(folder: &Path, root: RootChoice) -> Result<Gateway, OpenError> {
    let clock = Arc::new(FixedClock::new(Timestamp::parse(NOW).unwrap()));
    let config = crate::config::Config { root, ..config(folder) };
    open(config, clock, Arc::new(SeededChance::new(11))).await
}

#[tokio::test]
async fn a16_no_file_of_a_gateway_holds_the_root() {
    for world in [World::outside().await, World::new().await] {
        world.reviewer("Alice Example", &["reviewer"]).await;
        if has_proposal(&world).await {
            world.sign_directory().await;
        }
        assert!(!holds(world.folder.path(), &seed("root")));
        // The search finds what is there.
        let other = std::fs::read_to_string(world.folder.path().join("keys/outcome.key")).unwrap();
        let other: [u8; 32] = Base64::decode_vec(other.trim_end()).unwrap().try_into().unwrap();
        assert!(holds(world.folder.path(), &other));
    }
    let (folder, keyring) = (tempfile::tempdir().unwrap(), Arc::new(Keyring::default()));
    open_under(folder.path(), RootChoice::Kept(keyring.clone())).await.unwrap().close().await;
    let kept: Vec<[u8; 32]> = keyring.entries.lock().unwrap().values().copied().collect();
    assert_eq!(kept.len(), 1);
    assert!(!holds(folder.path(), &kept[0]));
}

#[tokio::test]
async fn f3_a_locked_keyring_gives_no_root_and_none_is_made_in_its_place() {
    let (folder, keyring) = (tempfile::tempdir().unwrap(), Arc::new(Keyring::default()));
    let choice = || RootChoice::Kept(keyring.clone());
    keyring.is_locked.store(true, Ordering::SeqCst);
    let locked = |opened: Result<Gateway, OpenError>| {
        assert!(matches!(opened, Err(OpenError::Root(RootError::Keeper(KeeperError::Locked(_))))), "{opened:?}");
    };
    locked(open_under(folder.path(), choice()).await);
    keyring.is_locked.store(false, Ordering::SeqCst);
    let gateway = open_under(folder.path(), choice()).await.unwrap();
    let trust = gateway.trust();
    gateway.close().await;

    keyring.is_locked.store(true, Ordering::SeqCst);
    locked(open_under(folder.path(), choice()).await);
    keyring.is_locked.store(false, Ordering::SeqCst);
    // An unlocked keyring that lost the entry looks the same.
    let lost = std::mem::take(&mut *keyring.entries.lock().unwrap());
    locked(open_under(folder.path(), choice()).await);
    assert!(keyring.entries.lock().unwrap().is_empty(), "no other root was made");
    *keyring.entries.lock().unwrap() = lost;
    let gateway = open_under(folder.path(), choice()).await.unwrap();
    assert_eq!(gateway.trust(), trust);
    gateway.invite("Alice Example", &["reviewer".to_owned()]).await.unwrap();
    assert_eq!(gateway.proposed_version().await.unwrap(), None, "whoever holds the root signs at once");
    gateway.close().await;
}

#[tokio::test]
async fn a16_a_folder_opens_under_its_own_root_alone_and_a_new_one_needs_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gateway");
    let none = open_under(&path, RootChoice::Known).await;
    assert!(matches!(none, Err(OpenError::Root(RootError::None))), "{none:?}");
    assert!(!path.exists(), "nothing was made");
    let root = RootChoice::Outside(Box::new(key("root").public_key()));
    open_under(&path, root.clone()).await.unwrap().close().await;
    open_under(&path, root).await.unwrap().close().await;
    open_under(&path, RootChoice::Known).await.unwrap().close().await;
    for other in
        [RootChoice::Outside(Box::new(key("mallory").public_key())), RootChoice::Held(Arc::new(key("mallory")))]
    {
        let opened = open_under(&path, other).await;
        assert!(matches!(opened, Err(OpenError::Root(RootError::Other { .. }))), "{opened:?}");
    }
}

/// An operator's command beside the gateway inside the app: the app signs when it starts again.
#[tokio::test]
async fn a_change_from_beside_is_signed_when_the_holder_of_the_root_starts_again() {
    let world = World::new().await;
    let beside = open_under(world.folder.path(), RootChoice::Known).await.unwrap();
    beside.invite("Bob Example", &["reviewer".to_owned()]).await.unwrap();
    assert!(beside.proposed_version().await.unwrap().is_some());
    beside.close().await;
    let world = world.reopen(9).await;
    assert_eq!(world.gateway.proposed_version().await.unwrap(), None);
    let directory = verified(&world, "root").await.unwrap();
    assert!(directory.predicate.subjects.iter().any(|subject| subject.name == "Bob Example"));
    world.assert_sound().await;
}

#[tokio::test]
async fn a16_a_folder_of_an_earlier_build_gives_its_root_away_before_it_opens() {
    let folder = tempfile::tempdir().unwrap();
    let held = || RootChoice::Held(Arc::new(key("root")));
    let gateway = open_under(folder.path(), held()).await.unwrap();
    let code = gateway.invite("Alice Example", &["reviewer".to_owned()]).await.unwrap();
    gateway.close().await;
    crate::db::forget_root(folder.path()).await;
    let file = folder.path().join("keys/root.key");
    let write = || {
        std::fs::write(&file, format!("{}\n", Base64::encode_string(&seed("root")))).unwrap();
        std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    };
    write();
    for choice in [RootChoice::Known, held(), RootChoice::Outside(Box::new(key("root").public_key()))] {
        let opened = open_under(folder.path(), choice).await;
        assert!(matches!(opened, Err(OpenError::Root(RootError::InFolder { .. }))), "{opened:?}");
    }
    let keyring = Arc::new(Keyring::default());
    keyring.is_locked.store(true, Ordering::SeqCst);
    assert!(open_under(folder.path(), RootChoice::Kept(keyring.clone())).await.is_err());
    assert!(file.exists(), "what nobody keeps is not taken away");
    keyring.is_locked.store(false, Ordering::SeqCst);
    open_under(folder.path(), RootChoice::Kept(keyring.clone())).await.unwrap().close().await;
    assert!(!file.exists() && !holds(folder.path(), &seed("root")));
    assert_eq!(keyring.entries.lock().unwrap().values().copied().collect::<Vec<_>>(), [seed("root")]);
    // A crash right before the file went away: it goes away the next time.
    write();
    open_under(folder.path(), RootChoice::Kept(keyring.clone())).await.unwrap().close().await;
    assert!(!file.exists());

    let gateway = open_under(folder.path(), RootChoice::Known).await.unwrap();
    let report = gateway.fsck().await;
    assert!(report.is_sound(), "{report:#?}");
    let router = gateway.router();
    let body = enrolment(&code, &key("device"), &key("decision"));
    let body = axum::body::Body::from(serde_json::to_vec(&body).unwrap());
    let request = axum::http::Request::post("/v1/enrolments").body(body).unwrap();
    let reply = tower::ServiceExt::oneshot(router, request).await.unwrap();
    let bytes = http_body_util::BodyExt::collect(reply.into_body()).await.unwrap().to_bytes();
    let answer: EnrolmentAnswer = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(answer.trust.root_keyid, key("root").public_key().id().to_string());
    assert!(gateway.proposed_version().await.unwrap().is_some(), "from now on its holder signs");
    gateway.close().await;
}

#[tokio::test]
async fn attack_a16_a_gateway_proposes_no_successor_of_the_root() {
    let world = World::outside().await;
    world.sign_directory().await;
    let current = verified(&world, "root").await.unwrap();
    world.agent("order-desk").await;
    let mut predicate = crate::directory::parse(&world.proposal().await).unwrap();
    predicate.next_root = Some(directory::NextRoot::new(&key("mallory").public_key()));
    let proposal = Proposal::read(&build_directory(&predicate, Some(current.digest)).unwrap()).unwrap();
    let refused = proposal.differences(Some(&current), &key("root").public_key());
    assert!(matches!(refused, Err(ProposalError::NextRoot)), "{refused:?}");
}
