//! Erasing payloads on request and after their time (invariant D6): what was signed still verifies, the bytes are gone.

use std::path::Path;

use seamark_contracts::api::agent::{Delivery, HandoffAnswer};
use seamark_contracts::clock::Clock as _;
use seamark_contracts::decision::DecisionKind;
use seamark_ledger::bundle::Bundle;
use seamark_ledger::verify::{ClaimId, Pinned, Verdict, check_bundle};
use serde_json::{Value, json};

use crate::db;
use crate::testing::{World, predicate_of};
use crate::{EraseError, WhichAttempt};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// In a field that the contract hides.
const SECRET: &str = "Quxley-Varnish-7731";

/// Whether the bytes stand anywhere in the data folder.
fn is_anywhere(folder: &Path, needle: &str) -> bool {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
    files
        .into_iter()
        .any(|path| std::fs::read(path).unwrap().windows(needle.len()).any(|window| window == needle.as_bytes()))
}

async fn submitted(world: &World, agent: &str) -> HandoffAnswer {
    let mut submission = world.submission("refund.issue", "returned-goods");
    submission["payload"]["customer"]["name"] = json!(SECRET);
    world.post("/v1/handoffs", agent, &submission).await.ok()
}

async fn decided(world: &World, agent: &str, kind: DecisionKind) -> HandoffAnswer {
    let handoff = submitted(world, agent).await;
    let person = world.reviewer(&format!("Person {}", world.seen().await.size), &["reviewer"]).await;
    let review = person.review(world, handoff.review_id.unwrap()).await;
    person.decide(world, &review, kind).await;
    handoff
}

fn which(handoff: &HandoffAnswer) -> WhichAttempt {
    WhichAttempt { handoff_id: handoff.handoff_id, submitter: None, attempt: None }
}

/// The verdicts of a bundle, none of which is a failure, and what it says of hidden values.
async fn verified(world: &World, handoff: &HandoffAnswer) -> (Vec<(ClaimId, Verdict)>, String) {
    let found = world.gateway.record(&which(handoff)).await.unwrap();
    let pinned = Pinned::from_trust(&world.gateway.trust(), None, world.clock.now()).unwrap();
    let checked = check_bundle(&Bundle::pack(&found.record, world.clock.now()).unwrap(), &pinned);
    let claim = checked.report.claims.iter().find(|claim| claim.id == ClaimId::Disclosures).unwrap();
    assert_eq!(claim.verdict, Verdict::Unknown);
    let verdicts: Vec<_> = checked.report.claims.iter().map(|claim| (claim.id, claim.verdict)).collect();
    assert!(verdicts.iter().all(|(_, verdict)| *verdict != Verdict::Fail), "{verdicts:?}");
    (verdicts, claim.sentence.clone())
}

#[tokio::test]
async fn d6_what_is_erased_is_gone_from_the_disk_and_everything_signed_still_verifies() {
    let world = World::new().await;
    let agent = world.agent("order-desk").await;
    let handoff = decided(&world, &agent, DecisionKind::Reject).await;
    let path = format!("/v1/handoffs/{}", handoff.handoff_id);
    let before: Delivery = world.get(&format!("{path}/outcome"), &agent).await.ok();
    assert!(!before.disclosures.is_empty() && is_anywhere(world.folder.path(), SECRET));
    let (others, sentence) = verified(&world, &handoff).await;
    assert!(!sentence.contains("erased"), "{sentence}");

    let erased = world.gateway.erase(handoff.handoff_id, None, "request 118").await.unwrap();
    assert!(erased.is_new && erased.contents == 1 && erased.is_journal_empty, "{erased:?}");
    assert!(!is_anywhere(world.folder.path(), SECRET), "the bytes are not even in free pages or in the journal");
    let after: Delivery = world.get(&format!("{path}/outcome"), &agent).await.ok();
    assert_eq!(after.disclosures, Vec::<String>::new());
    assert_eq!((after.outcome, after.handoff), (before.outcome, before.handoff));
    let (others_after, sentence) = verified(&world, &handoff).await;
    assert_eq!(others_after, others, "no other claim is touched");
    assert!(sentence.contains("erased on request"), "{sentence}");
    world.assert_sound().await;

    let again = world.gateway.erase(handoff.handoff_id, Some("order-desk"), "request 118").await.unwrap();
    assert_eq!((again.is_new, again.erased_at), (false, erased.erased_at));
    // The id stays taken for ever (invariant A1).
    let same: HandoffAnswer = world.get(&path, &agent).await.ok();
    assert_eq!(same.statement, handoff.statement);
}

#[tokio::test]
async fn what_somebody_still_needs_is_not_erased() {
    let world = World::new().await;
    let agent = world.agent("order-desk").await;
    let waiting = submitted(&world, &agent).await;
    let refused = world.gateway.erase(waiting.handoff_id, None, "request 1").await;
    assert!(matches!(refused, Err(EraseError::Open(_))), "{refused:?}");
    let approved = decided(&world, &agent, DecisionKind::Approve).await;
    let refused = world.gateway.erase(approved.handoff_id, None, "request 2").await;
    assert!(matches!(refused, Err(EraseError::Awaited { .. })), "{refused:?}");
    assert!(is_anywhere(world.folder.path(), SECRET));
    world.clock.advance_ms(16 * 60 * 1000);
    assert!(world.gateway.erase(approved.handoff_id, None, "request 2").await.unwrap().is_new);
    for reason in ["", "  ", "a\u{202e}b", &"x".repeat(501)] {
        let refused = world.gateway.erase(waiting.handoff_id, None, reason).await;
        assert!(matches!(refused, Err(EraseError::Reason(_))), "{reason:?}");
    }
    world.assert_sound().await;
}

#[tokio::test]
async fn retention_erases_after_its_time_and_not_a_day_before() {
    let world = World::new().await;
    let agent = world.agent("order-desk").await;
    let handoff = decided(&world, &agent, DecisionKind::Reject).await;
    let mut bad = world.submission("refund.issue", "returned-goods");
    bad["payload"]["amount"] = json!(SECRET);
    assert_eq!(world.post("/v1/handoffs", &agent, &bad).await.status, 422);
    // The sample says P7Y, a year being 366 days.
    world.clock.advance_ms(7 * 366 * DAY_MS - DAY_MS);
    assert_eq!(
        world.gateway.apply_retention().await.unwrap(),
        1,
        "the refused submission, which six months are enough for"
    );
    assert!(is_anywhere(world.folder.path(), SECRET));
    let classes = world.gateway.retention().await.unwrap();
    let class = classes.iter().find(|class| class.contract.starts_with("refund.issue@")).unwrap();
    assert_eq!((class.retention.as_str(), class.days, class.kept, class.due), ("P7Y", 2562, 1, 0));
    world.clock.advance_ms(2 * DAY_MS);
    assert_eq!(world.gateway.apply_retention().await.unwrap(), 1);
    assert!(!is_anywhere(world.folder.path(), SECRET));
    assert_eq!(world.gateway.apply_retention().await.unwrap(), 0);
    let found = world.gateway.record(&which(&handoff)).await.unwrap();
    let last: Value = serde_json::from_str(&found.record.entries.last().unwrap().entry).unwrap();
    assert_eq!(last["type"], "retention.applied");
    world.assert_sound().await;
}

#[tokio::test]
async fn an_erased_name_is_known_no_more_unless_another_handoff_has_it() {
    let world = World::new().await;
    let agent = world.agent("vendor-assessor").await;
    let alice = world.reviewer("Alice", &["reviewer"]).await;
    let mut offers = Vec::new();
    // Each is approved, so the second finds the name known.
    for is_first in [true, false] {
        let offer = world.submission("offer.send", "within-budget");
        let answer: HandoffAnswer = world.post("/v1/handoffs", &agent, &offer).await.ok();
        let review = alice.review(&world, answer.review_id.unwrap()).await;
        assert_eq!(predicate_of(&review.handoff).counterparties.remove(0).first, is_first);
        alice.decide(&world, &review, DecisionKind::Approve).await;
        offers.push(answer.handoff_id);
    }
    world.clock.advance_ms(16 * 60 * 1000);
    let is_known = async || {
        let mut connection = world.gateway.shared.database.read().await.unwrap();
        let offer = world.submission("offer.send", "within-budget");
        let name = offer["payload"]["counterparty"]["name"].as_str().unwrap();
        let path = "/payload/counterparty/name";
        !db::counterparty::list_alike(&mut connection, "offer.send", path, name, "", "").await.unwrap().is_empty()
    };
    world.gateway.erase(offers[0], None, "request 1").await.unwrap();
    assert!(is_known().await, "the other handoff has it");
    world.gateway.erase(offers[1], None, "request 2").await.unwrap();
    assert!(!is_known().await);
    world.assert_sound().await;
}
