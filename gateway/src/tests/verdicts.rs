//! Decisions and what else ends a review (invariants B2 to B9).

use axum::http::StatusCode;
use futures_util::future::join_all;
use seamark_contracts::api::agent::{Delivery, HandoffAnswer, HandoffStatus};
use seamark_contracts::api::review::{DecisionAnswer, PresentedAnswer, ReviewState};
use seamark_contracts::clock::{Clock as _, Timestamp};
use seamark_contracts::decision::{DecisionKind, DecisionPredicate};
use seamark_contracts::outcome::{NotCounted, OutcomeCause, OutcomeKind};
use seamark_contracts::view::View;
use serde_json::{Value, json};

use crate::sweep;
use crate::testing::{World, key, predicate_of};

const HOUR_MS: i64 = 60 * 60 * 1000;

async fn sweep_now(world: &World) -> usize {
    sweep::run_once(&world.gateway.shared, world.clock.now()).await.unwrap()
}

#[tokio::test]
async fn a_reject_ends_it_and_no_later_approval_flips_it() {
    let world = World::new().await;
    let agent = world.agent("order-desk").await;
    let (alice, bob) = (world.reviewer("Alice", &["reviewer"]).await, world.reviewer("Bob", &["reviewer"]).await);
    let handoff = world.gated(&agent).await;
    let review = alice.reviews(&world).await.remove(0);
    let approval = bob.request(&world, &review, DecisionKind::Approve).await;
    let rejected = alice.decide(&world, &review, DecisionKind::Reject).await;
    assert_eq!(rejected.review.state, ReviewState::Rejected);
    let late: DecisionAnswer = bob.send(&world, &review, &approval).await.ok();
    assert!(!late.decision.counted);
    assert_eq!(late.decision.why, Some(NotCounted::Late));
    assert_eq!(late.review.state, ReviewState::Rejected);
    let again: DecisionAnswer = bob.send(&world, &review, &approval).await.ok();
    assert_eq!(again.decision, late.decision, "a replay gets the first result (B9)");
    let answer: HandoffAnswer = world.get(&format!("/v1/handoffs/{}", handoff.handoff_id), &agent).await.ok();
    assert_eq!(answer.outcome.unwrap().cause, OutcomeCause::Veto);
    let consumed = world
        .post(&format!("/v1/handoffs/{}/attempt", handoff.handoff_id), &agent, &json!({ "attempt": answer.attempt }))
        .await;
    assert_eq!(consumed.status, StatusCode::CONFLICT);
    world.assert_sound().await;
}

#[tokio::test]
async fn one_person_decides_once_whatever_the_device() {
    let world = World::new().await;
    let agent = world.agent("order-desk").await;
    let alice = world.reviewer("Alice", &["reviewer"]).await;
    let code = world.gateway.invite("Alice", &["reviewer".to_owned()]).await.unwrap();
    let laptop = world.enrol("Alice", "laptop", &code).await;
    world.gated(&agent).await;
    let review = alice.reviews(&world).await.remove(0);
    let first = alice.decide(&world, &review, DecisionKind::Reject).await;
    let second = laptop.decide(&world, &review, DecisionKind::Approve).await;
    assert_eq!(second.decision, first.decision);
    world.assert_sound().await;
}

#[tokio::test]
async fn many_at_once_give_one_outcome() {
    let world = World::new().await;
    let agent = world.agent("order-desk").await;
    let mut people = Vec::new();
    for n in 0..6 {
        people.push(world.reviewer(&format!("Person {n}"), &["reviewer"]).await);
    }
    for round in 0..4 {
        let handoff = world.gated(&agent).await;
        let reviews = people[0].reviews(&world).await;
        let review = reviews.iter().find(|review| Some(review.review_id) == handoff.review_id).unwrap();
        let mut requests = Vec::new();
        for (n, person) in people.iter().enumerate() {
            let kind = if (n + round) % 2 == 0 { DecisionKind::Approve } else { DecisionKind::Reject };
            requests.push(person.request(&world, review, kind).await);
        }
        let path = format!("/v1/handoffs/{}/withdraw", handoff.handoff_id);
        let reason = json!({ "reason": "changed my mind" });
        let withdrawal = world.post(&path, &agent, &reason);
        let decisions =
            join_all(people.iter().zip(&requests).map(|(person, request)| person.send(&world, review, request)));
        let (replies, withdrawn) = tokio::join!(decisions, withdrawal);
        let answers: Vec<DecisionAnswer> = replies.iter().map(crate::testing::Reply::ok).collect();
        let counted = answers.iter().filter(|answer| answer.decision.counted).count();
        assert_eq!(counted, usize::from(!withdrawn.status.is_success()), "exactly one thing ends a review (B2)");
    }
    world.assert_sound().await;
}

#[tokio::test]
async fn silence_ends_expired_and_a_later_decision_is_late() {
    let world = World::new().await;
    let agent = world.agent("order-desk").await;
    let (alice, bob) = (world.reviewer("Alice", &["reviewer"]).await, world.reviewer("Bob", &["reviewer"]).await);
    let handoff = world.gated(&agent).await;
    let review = alice.reviews(&world).await.remove(0);
    let early = alice.request(&world, &review, DecisionKind::Approve).await;
    let other = bob.request(&world, &review, DecisionKind::Approve).await;
    assert_eq!(sweep_now(&world).await, 0);
    world.clock.advance_ms(review.expires_at.as_ms() - world.clock.now().as_ms() - 1);
    assert_eq!(sweep_now(&world).await, 0, "one millisecond before the deadline nothing ends");
    world.clock.advance_ms(1);
    // Signed before the deadline, recorded after it, and no sweep came between: gateway time alone decides (B6).
    let alice =
        crate::testing::Reviewer { token: world.session(&alice.device_key, &alice.answer.trust).await.token, ..alice };
    let late: DecisionAnswer = alice.send(&world, &review, &early).await.ok();
    assert_eq!(late.decision.why, Some(NotCounted::Late));
    assert_eq!(late.review.state, ReviewState::Expired);
    assert_eq!(sweep_now(&world).await, 0);
    let bob = crate::testing::Reviewer { token: world.session(&bob.device_key, &bob.answer.trust).await.token, ..bob };
    let late: DecisionAnswer = bob.send(&world, &review, &other).await.ok();
    assert_eq!(late.review.outcome.unwrap().outcome, OutcomeKind::Expired);
    let delivery: Delivery = world.get(&format!("/v1/handoffs/{}/outcome", handoff.handoff_id), &agent).await.ok();
    assert!(delivery.decisions.is_empty(), "a late decision is no part of the outcome");
    world.assert_sound().await;
}

#[tokio::test]
async fn an_approval_that_is_over_when_it_arrives_counts_for_nothing_and_the_review_still_waits() {
    let world = World::new().await;
    let agent = world.agent("order-desk").await;
    let alice = world.reviewer("Alice", &["reviewer"]).await;
    let handoff = world.gated(&agent).await;
    let review = alice.reviews(&world).await.remove(0);
    let saved_offline = alice.request(&world, &review, DecisionKind::Approve).await;
    world.clock.advance_ms(15 * 60_000);
    assert_eq!(alice.send(&world, &review, &saved_offline).await.problem(), (422, "decision-invalid".to_owned()));
    let path = format!("/v1/handoffs/{}", handoff.handoff_id);
    let answer: HandoffAnswer = world.get(&path, &agent).await.ok();
    assert!(matches!(answer.status, HandoffStatus::Open), "{answer:?}");
    let anew = alice.request(&world, &review, DecisionKind::Approve).await;
    let answer: DecisionAnswer = alice.send(&world, &review, &anew).await.ok();
    assert!(answer.decision.counted, "{answer:?}");
    // The same again, long after: what was recorded in time stays as it is.
    world.clock.advance_ms(15 * 60_000);
    let again: DecisionAnswer = alice.send(&world, &review, &anew).await.ok();
    assert!(again.decision.counted);
    world.assert_sound().await;
}

#[tokio::test]
async fn the_sweep_ends_what_nobody_answered() {
    let world = World::new().await;
    let agent = world.agent("order-desk").await;
    let mut handoffs = Vec::new();
    for _ in 0..5 {
        handoffs.push(world.gated(&agent).await);
    }
    world.clock.advance_ms(30 * 24 * HOUR_MS);
    assert!(sweep_now(&world).await >= 5);
    for handoff in handoffs {
        let answer: HandoffAnswer = world.get(&format!("/v1/handoffs/{}", handoff.handoff_id), &agent).await.ok();
        assert!(matches!(answer.status, HandoffStatus::Expired), "{answer:?}");
    }
    world.assert_sound().await;
}

#[tokio::test]
async fn a_deadline_that_escalates_does_so_once_and_never_approves() {
    let world = World::new().await;
    let sample = seamark_contracts::samples::find("refund.issue").unwrap();
    let source = sample.contract.replacen("version: 1.2.0", "version: 1.9.0", 1).replacen(
        "on_expiry: reject",
        "on_expiry: escalate",
        1,
    );
    assert!(source.contains("on_expiry: escalate"));
    world.gateway.publish_contract(&source).await.unwrap();
    let agent = world.agent("order-desk").await;
    let mut submission = world.submission("refund.issue", "returned-goods");
    submission["contract"]["version"] = json!("1.9.0");
    let handoff: HandoffAnswer = world.post("/v1/handoffs", &agent, &submission).await.ok();
    world.clock.advance_ms(30 * 24 * HOUR_MS);
    assert_eq!(sweep_now(&world).await, 1);
    let path = format!("/v1/handoffs/{}", handoff.handoff_id);
    let next: HandoffAnswer = world.get(&path, &agent).await.ok();
    assert_eq!(next.status, HandoffStatus::Open);
    assert_ne!(next.attempt, handoff.attempt);
    assert!(next.expires_at > handoff.expires_at);
    world.clock.advance_ms(30 * 24 * HOUR_MS);
    assert_eq!(sweep_now(&world).await, 1);
    let last: HandoffAnswer = world.get(&path, &agent).await.ok();
    assert_eq!(last.status, HandoffStatus::Expired);
    world.assert_sound().await;
}

#[tokio::test]
async fn escalate_asks_somebody_else_under_the_same_deadline() {
    let world = World::new().await;
    let agent = world.agent("order-desk").await;
    let alice = world.reviewer("Alice", &["reviewer"]).await;
    let handoff = world.gated(&agent).await;
    let review = alice.reviews(&world).await.remove(0);
    let target = alice.view(&world, &review).escalation_targets[0].clone();
    let lead = world.reviewer("Lea", &[&target]).await;
    assert!(lead.reviews(&world).await.is_empty(), "candidates only");
    world.clock.advance_ms(60_000);
    let escalated = alice.decide(&world, &review, DecisionKind::Escalate).await;
    assert_eq!(escalated.review.state, ReviewState::Superseded);
    assert_eq!(escalated.decision.why, Some(NotCounted::Escalated));
    let next = lead.reviews(&world).await.remove(0);
    assert_eq!(escalated.review.superseded_by, Some(next.review_id));
    assert_eq!(next.expires_at, review.expires_at);
    let predicate = predicate_of(&next.handoff);
    assert_eq!(predicate.escalated.as_ref().unwrap().question, "May this be done?");
    assert_eq!(predicate.request.unwrap().candidates, [target]);
    let not_yet = world.get(&format!("/v1/handoffs/{}/outcome", handoff.handoff_id), &agent).await;
    assert_eq!(not_yet.status, StatusCode::ACCEPTED, "a new attempt is no final outcome");
    let done = lead.decide(&world, &next, DecisionKind::Approve).await;
    assert_eq!(done.review.state, ReviewState::Approved);
    let delivery: Delivery = world.get(&format!("/v1/handoffs/{}/outcome", handoff.handoff_id), &agent).await.ok();
    let pinned = seamark_ledger::verify::Pinned::from_trust(
        &world.gateway.trust(),
        Some("https://refunds.shop.example/execute".to_owned()),
        world.clock.now(),
    );
    seamark_ledger::verify::verify_delivery(&delivery, &pinned.unwrap()).unwrap_or_else(|report| panic!("{report:#?}"));
    world.assert_sound().await;
}

#[tokio::test]
async fn a_revision_voids_what_was_decided_on_the_old_content() {
    let world = World::new().await;
    let agent = world.agent("order-desk").await;
    let alice = world.reviewer("Alice", &["reviewer"]).await;
    let submission = world.submission("refund.issue", "returned-goods");
    let first: HandoffAnswer = world.post("/v1/handoffs", &agent, &submission).await.ok();
    let review = alice.reviews(&world).await.remove(0);
    let approval = alice.request(&world, &review, DecisionKind::Approve).await;
    let mut changed = submission.clone();
    changed["intent"]["text"] = json!("Other words of the same customer.");
    let path = format!("/v1/handoffs/{}/revisions", first.handoff_id);
    let reply = world.post(&path, &agent, &changed).await;
    assert_eq!(reply.status, StatusCode::CREATED, "{}", reply.text());
    let second: HandoffAnswer = reply.json();
    assert_eq!((second.revision, second.status), (2, HandoffStatus::Open));
    assert_eq!(world.post(&path, &agent, &changed).await.status, StatusCode::OK, "the same bytes change nothing");
    assert_eq!(world.post("/v1/handoffs", &agent, &submission).await.status, StatusCode::OK);

    let late: DecisionAnswer = alice.send(&world, &review, &approval).await.ok();
    assert_eq!(late.review.state, ReviewState::Superseded);
    assert_eq!(late.decision.why, Some(NotCounted::Late));
    assert_eq!(late.review.superseded_by, second.review_id);
    let next = alice.review(&world, second.review_id.unwrap()).await;
    assert_eq!(predicate_of(&next.handoff).supersedes, first.statement);
    // A signature for one statement is none for another.
    let replayed = alice.send(&world, &next, &approval).await;
    assert_eq!(replayed.status, StatusCode::UNPROCESSABLE_ENTITY);
    let done = alice.decide(&world, &next, DecisionKind::Approve).await;
    assert_eq!(done.review.state, ReviewState::Approved);
    changed["intent"]["text"] = json!("Again other words.");
    assert_eq!(world.post(&path, &agent, &changed).await.problem(), (409, "outcome-exists".to_owned()));
    world.assert_sound().await;
}

#[tokio::test]
async fn withdraw_is_the_submitters_and_works_once() {
    let world = World::new().await;
    let agent = world.agent("order-desk").await;
    let destination = world.agent("refund-executor").await;
    let alice = world.reviewer("Alice", &["reviewer"]).await;
    let handoff = world.gated(&agent).await;
    let path = format!("/v1/handoffs/{}/withdraw", handoff.handoff_id);
    let reason = json!({ "reason": "the customer called back" });
    assert_eq!(world.post(&path, &destination, &reason).await.status, StatusCode::NOT_FOUND);
    assert_eq!(
        world.post(&path, &agent, &json!({ "reason": "" })).await.problem(),
        (422, "invalid-request".to_owned())
    );
    let done: HandoffAnswer = world.post(&path, &agent, &reason).await.ok();
    assert_eq!(done.status, HandoffStatus::Withdrawn);
    let again: HandoffAnswer = world.post(&path, &agent, &reason).await.ok();
    assert_eq!(again, done);
    let review = alice.reviews(&world).await.remove(0);
    assert_eq!(review.state, ReviewState::Withdrawn);
    let view = String::from_utf8(alice.view(&world, &review).to_bytes().unwrap()).unwrap();
    let body = json!({ "view": view, "openedAt": world.clock.now() });
    let presented = world.post(&format!("/v1/reviews/{}/presented", review.review_id), &alice.token, &body).await;
    assert_eq!(presented.problem(), (409, "withdrawn".to_owned()));
    world.assert_sound().await;
}

#[tokio::test]
async fn a_presented_view_is_recorded_once() {
    let world = World::new().await;
    let agent = world.agent("order-desk").await;
    let alice = world.reviewer("Alice", &["reviewer"]).await;
    world.gated(&agent).await;
    let review = alice.reviews(&world).await.remove(0);
    let view = String::from_utf8(alice.view(&world, &review).to_bytes().unwrap()).unwrap();
    let path = format!("/v1/reviews/{}/presented", review.review_id);
    let body = json!({ "view": view, "openedAt": world.clock.now() });
    let first: PresentedAnswer = world.post(&path, &alice.token, &body).await.ok();
    let second: PresentedAnswer = world.post(&path, &alice.token, &body).await.ok();
    assert_eq!(first, second);
    let spaced = json!({ "view": format!(" {view}"), "openedAt": world.clock.now() });
    assert_eq!(world.post(&path, &alice.token, &spaced).await.problem(), (422, "invalid-request".to_owned()));
    let other = view.replacen(&review.handoff_id.to_string(), &crate::testing::random_id(&world).to_string(), 1);
    let other = json!({ "view": other, "openedAt": world.clock.now() });
    assert_eq!(world.post(&path, &alice.token, &other).await.problem(), (422, "invalid-request".to_owned()));
    world.assert_sound().await;
}

#[tokio::test]
async fn whoever_asked_does_not_decide() {
    let world = World::new().await;
    let agent = world.agent("order-desk").await;
    let (alice, bob) = (world.reviewer("Alice", &["reviewer"]).await, world.reviewer("Bob", &["reviewer"]).await);
    let mut submission = world.submission("refund.issue", "returned-goods");
    submission["source"]["onBehalfOf"] = json!("urn:seamark:user:alice");
    let reply = world.post("/v1/handoffs", &agent, &submission).await;
    assert_eq!(reply.status, StatusCode::CREATED, "{}", reply.text());
    let review = alice.reviews(&world).await.remove(0);
    let own = alice.decide(&world, &review, DecisionKind::Approve).await;
    assert_eq!(own.decision.why, Some(NotCounted::Conflict));
    assert_eq!(own.review.state, ReviewState::Open);
    let other = bob.decide(&world, &review, DecisionKind::Approve).await;
    assert_eq!(other.review.state, ReviewState::Approved);
    world.assert_sound().await;
}

/// Changes the view, and signs for what it became.
fn reword(draft: &mut crate::testing::Draft, change: fn(&mut View, &mut DecisionPredicate)) {
    let mut view: View = serde_json::from_str(&draft.view).unwrap();
    change(&mut view, &mut draft.predicate);
    draft.view = String::from_utf8(view.to_bytes().unwrap()).unwrap();
    draft.predicate.view.digest = seamark_contracts::digest::Digest::of(draft.view.as_bytes());
}

#[tokio::test]
async fn forged_and_misused_decisions_are_refused_and_recorded() {
    let world = World::new().await;
    let agent = world.agent("order-desk").await;
    let (alice, bob) = (world.reviewer("Alice", &["reviewer"]).await, world.reviewer("Bob", &["reviewer"]).await);
    let clerk = world.reviewer("Clark", &["clerk"]).await;
    world.gated(&agent).await;
    let review = alice.reviews(&world).await.remove(0);
    let path = format!("/v1/reviews/{}/decisions", review.review_id);
    let draft = alice.draft(&world, &review, DecisionKind::Approve).await;
    let invalid = (422, "decision-invalid".to_owned());

    // The session of one person, the signature of another.
    let signed = draft.sign(&alice.decision_key);
    assert_eq!(world.post(&path, &bob.token, &signed).await.problem(), invalid);
    // A device key signs no decision, an unknown key neither.
    for signer in [&alice.device_key, &key("stranger")] {
        assert_eq!(world.post(&path, &alice.token, &draft.sign(signer)).await.problem(), invalid);
    }
    // One bit of the payload.
    let mut bent = signed.clone();
    let payload = bent["envelope"]["payload"].as_str().unwrap().replacen("ey", "ez", 1);
    bent["envelope"]["payload"] = json!(payload);
    assert_eq!(world.post(&path, &alice.token, &bent).await.problem(), invalid);
    // Another attempt, audience, view.
    type Change = fn(&mut crate::testing::Draft);
    let changes: [Change; 5] = [
        |draft| draft.predicate.attempt = "2W8Z9-1AnKqNLT2fKbej5g".to_owned(),
        |draft| draft.predicate.audience = "https://elsewhere.example".to_owned(),
        |draft| draft.predicate.view.digest = seamark_contracts::digest::Digest::of(b"other"),
        |draft| draft.predicate.reviewer.name = "Mallory".to_owned(),
        |draft| draft.predicate.decided_at = Timestamp::from_ms(draft.predicate.decided_at.as_ms() + 10 * HOUR_MS),
    ];
    for change in changes {
        let mut draft = alice.draft(&world, &review, DecisionKind::Approve).await;
        change(&mut draft);
        assert_eq!(world.post(&path, &alice.token, &draft.sign(&alice.decision_key)).await.problem(), invalid);
    }
    // A view that the candidate made up (invariant B11).
    let forgeries: [(DecisionKind, Change); 4] = [
        (DecisionKind::Approve, |draft| reword(draft, |view, _| view.tier = seamark_contracts::handoff::Tier::T0)),
        (DecisionKind::Approve, |draft| reword(draft, |view, _| view.facts.clear())),
        (DecisionKind::Reject, |draft| {
            reword(draft, |view, decision| {
                view.reject_reasons[0].code = "because".to_owned();
                decision.reason.code = "because".to_owned();
            });
        }),
        (DecisionKind::Escalate, |draft| {
            reword(draft, |view, decision| {
                view.escalation_targets.push("friends".to_owned());
                decision.escalation.as_mut().unwrap().to = "friends".to_owned();
            });
        }),
    ];
    for (kind, forge) in forgeries {
        let mut draft = alice.draft(&world, &review, kind).await;
        forge(&mut draft);
        assert_eq!(world.post(&path, &alice.token, &draft.sign(&alice.decision_key)).await.problem(), invalid);
        let shown = json!({ "view": draft.view, "openedAt": world.clock.now() });
        let presented = world.post(&format!("/v1/reviews/{}/presented", review.review_id), &alice.token, &shown).await;
        assert_eq!(presented.problem(), (422, "invalid-request".to_owned()));
    }
    // A role that was not asked for.
    let mut draft = alice.draft(&world, &review, DecisionKind::Approve).await;
    draft.predicate.reviewer.role = "clerk".to_owned();
    let refused = world.post(&path, &alice.token, &draft.sign(&alice.decision_key)).await;
    assert_eq!(refused.problem(), (403, "not-candidate".to_owned()));
    // Who is no candidate does not even see it.
    let own = clerk.request(&world, &review, DecisionKind::Approve).await;
    assert_eq!(world.post(&path, &clerk.token, &own).await.problem(), (404, "not-found".to_owned()));

    let entries: Value = world.send("GET", "/v1/ledger/entries", None, Vec::new()).await.json();
    let n_refused = entries["entries"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|entry| entry.as_str().unwrap().contains("decision.refused"))
        .count();
    assert_eq!(n_refused, 14);
    let done = alice.decide(&world, &review, DecisionKind::Approve).await;
    assert_eq!(done.review.state, ReviewState::Approved, "nothing of it changed the review");
    world.assert_sound().await;
}
