//! Submissions: admitted once, refused whole, answered the same for ever (invariants A1 to A6).

use axum::http::StatusCode;
use futures_util::future::join_all;
use seamark_contracts::api::agent::{Delivery, HandoffAnswer, HandoffStatus};
use seamark_contracts::api::ledger::EntryPage;
use seamark_contracts::api::review::ReviewDocument;
use seamark_contracts::clock::Clock as _;
use seamark_contracts::decision::DecisionKind;
use seamark_contracts::digest::Digest;
use seamark_contracts::handoff::Tier;
use seamark_contracts::id::HandoffId;
use seamark_contracts::problem::Problem;
use seamark_ledger::verify::{Pinned, verify_delivery};
use serde_json::{Value, json};

use crate::config::Limits;
use crate::testing::{Reviewer, World, predicate_of};

async fn kinds(world: &World) -> Vec<String> {
    let page: EntryPage = world.send("GET", "/v1/ledger/entries", None, Vec::new()).await.ok();
    let kind = |entry: &String| serde_json::from_str::<Value>(entry).unwrap()["type"].as_str().unwrap().to_owned();
    page.entries.iter().map(kind).collect()
}

async fn count(world: &World, kind: &str) -> usize {
    kinds(world).await.iter().filter(|entry| *entry == kind).count()
}

#[tokio::test]
async fn the_same_bytes_are_the_same_handoff_for_ever() {
    let world = World::new().await;
    let key = world.agent("order-desk").await;
    let submission = world.submission("refund.issue", "returned-goods");
    let first = world.post("/v1/handoffs", &key, &submission).await;
    assert_eq!(first.status, StatusCode::CREATED);
    let n_entries = kinds(&world).await.len();
    for _ in 0..3 {
        let again = world.post("/v1/handoffs", &key, &submission).await;
        assert_eq!(again.status, StatusCode::OK);
        assert_eq!(again.json::<HandoffAnswer>(), first.json());
    }
    assert_eq!(kinds(&world).await.len(), n_entries, "a repetition changes nothing");

    // Another key of the same agent is the same submitter.
    let second_key = world.agent("order-desk").await;
    assert_eq!(world.post("/v1/handoffs", &second_key, &submission).await.status, StatusCode::OK);
    let world = world.reopen(7).await;
    let again = world.post("/v1/handoffs", &key, &submission).await;
    assert_eq!(again.status, StatusCode::OK);
    assert_eq!(again.json::<HandoffAnswer>(), first.json());
    world.assert_sound().await;
}

/// Two submitters, one id: for whoever can read both handoffs, the id would name two.
#[tokio::test]
async fn an_id_names_one_handoff_for_everybody_who_reads_it() {
    let world = World::new().await;
    let desk = world.agent("order-desk").await;
    let submission = world.submission("refund.issue", "returned-goods");
    assert_eq!(world.post("/v1/handoffs", &desk, &submission).await.status, StatusCode::CREATED);
    let other = world.agent("someone-else").await;
    let refused = world.post("/v1/handoffs", &other, &submission).await;
    assert_eq!(refused.problem(), (409, "handoff-id-reused".to_owned()));
    assert_eq!(refused.json::<Problem>().stored_digest, None, "nothing is told of another's bytes");
    assert_eq!(count(&world, "handoff.refused").await, 1);
    // The destination of the first handoff as submitter: it could read both.
    let executor = world.agent("refund-executor").await;
    let mut elsewhere = world.submission("offer.send", "within-budget");
    elsewhere["handoffId"] = submission["handoffId"].clone();
    assert_eq!(world.post("/v1/handoffs", &executor, &elsewhere).await.status, StatusCode::CONFLICT);
    // Nobody can read both of these, and neither learns of the other.
    assert_eq!(world.post("/v1/handoffs", &other, &elsewhere).await.status, StatusCode::CREATED);
    // The same at once, in one group of changes.
    let both = world.submission("refund.issue", "returned-goods");
    let answers = join_all([&desk, &other].map(|key| world.post("/v1/handoffs", key, &both))).await;
    let mut statuses: Vec<u16> = answers.iter().map(|reply| reply.status.as_u16()).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409]);
    world.assert_sound().await;
}

#[tokio::test]
async fn bytes_that_are_refused_again_for_another_reason_get_the_new_reason() {
    let world = World::new().await;
    let key = world.agent("order-desk").await;
    let good = world.submission("refund.issue", "returned-goods");
    let mut bad = good.clone();
    bad["payload"]["amount"] = json!("much");
    assert_eq!(world.post("/v1/handoffs", &key, &bad).await.problem(), (422, "invalid-handoff".to_owned()));
    assert_eq!(world.post("/v1/handoffs", &key, &good).await.status, StatusCode::CREATED);
    for _ in 0..2 {
        assert_eq!(world.post("/v1/handoffs", &key, &bad).await.problem(), (409, "handoff-id-reused".to_owned()));
    }
    assert_eq!(count(&world, "handoff.refused").await, 2, "each reason once");
    world.assert_sound().await;
}

#[tokio::test]
async fn a_refused_submission_of_wrong_shape_can_be_looked_up() {
    let world = World::new().await;
    let key = world.agent("order-desk").await;
    let mut submission = world.submission("refund.issue", "returned-goods");
    submission["unknown"] = json!(1);
    submission["correlationId"] = json!({ "not": "a text" });
    assert_eq!(world.post("/v1/handoffs", &key, &submission).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    let path = format!("/v1/handoffs/{}", submission["handoffId"].as_str().unwrap());
    let answer: HandoffAnswer = world.get(&path, &key).await.ok();
    assert_eq!((answer.status, answer.contract.name.as_str()), (HandoffStatus::Refused, "refund.issue"));
    assert_eq!(answer.correlation_id, "", "what cannot be read is empty");
}

#[tokio::test]
async fn other_bytes_under_an_id_change_nothing_and_tell_nothing() {
    let world = World::new().await;
    let key = world.agent("order-desk").await;
    let submission = world.submission("refund.issue", "returned-goods");
    let bytes = serde_json::to_vec(&submission).unwrap();
    let first: HandoffAnswer = world.post("/v1/handoffs", &key, &submission).await.ok();
    let mut other = submission.clone();
    other["source"]["version"] = json!("2.3.2");
    let refused = world.post("/v1/handoffs", &key, &other).await;
    assert_eq!(refused.problem(), (409, "handoff-id-reused".to_owned()));
    let stored = refused.json::<Problem>().stored_digest.unwrap();
    assert_eq!(stored.len(), 64);
    assert_ne!(stored, Digest::of(&bytes).to_hex(), "the digest is keyed, so that the content cannot be guessed");
    assert_eq!(count(&world, "handoff.refused").await, 1, "the conflict is in the ledger (A2)");
    assert_eq!(world.post("/v1/handoffs", &key, &other).await.status, StatusCode::CONFLICT);
    assert_eq!(count(&world, "handoff.refused").await, 1, "and only once");
    let now: HandoffAnswer = world.get(&format!("/v1/handoffs/{}", first.handoff_id), &key).await.ok();
    assert_eq!(now, first);
    world.assert_sound().await;
}

#[tokio::test]
async fn what_breaks_its_contract_is_refused_with_every_place_and_kept() {
    let world = World::new().await;
    let key = world.agent("order-desk").await;
    let alice = world.reviewer("Alice", &["reviewer"]).await;
    let mut submission = world.submission("refund.issue", "returned-goods");
    let good = submission.clone();
    submission["payload"]["amount"] = json!("much");
    submission["payload"]["colour"] = json!("blue");
    let id: HandoffId = serde_json::from_value(submission["handoffId"].clone()).unwrap();
    let refused = world.post("/v1/handoffs", &key, &submission).await;
    assert_eq!(refused.problem(), (422, "invalid-handoff".to_owned()));
    let problem: Problem = refused.json();
    assert!(problem.violations.len() >= 2, "{problem:#?}");
    assert!(problem.violations.iter().any(|violation| violation.pointer == "/payload/amount"));

    let again: Problem = world.post("/v1/handoffs", &key, &submission).await.json();
    assert_eq!(again.violations, problem.violations);
    assert_eq!(count(&world, "handoff.refused").await, 1, "a repetition adds no row");
    let status: HandoffAnswer = world.get(&format!("/v1/handoffs/{id}"), &key).await.ok();
    assert_eq!(status.status, HandoffStatus::Refused);
    assert!(alice.reviews(&world).await.is_empty(), "it is never shown to a reviewer (A4)");

    // A refused submission does not take the id.
    let corrected = world.post("/v1/handoffs", &key, &good).await;
    assert_eq!(corrected.status, StatusCode::CREATED, "{}", corrected.text());
    let status: HandoffAnswer = world.get(&format!("/v1/handoffs/{id}"), &key).await.ok();
    assert_eq!(status.status, HandoffStatus::Open);
    world.assert_sound().await;
}

#[tokio::test]
async fn bodies_outside_of_the_profile_are_refused() {
    let world = World::new().await;
    let key = world.agent("order-desk").await;
    let text = serde_json::to_string(&world.submission("refund.issue", "returned-goods")).unwrap();
    let twice = text.replacen("{", "{\"correlationId\":\"x\",", 1);
    let unknown = text.replacen("{", "{\"urgent\":true,", 1);
    let broken = text.trim_end_matches('}').to_owned();
    let cases: [(&str, u16, &str); 4] = [
        (&twice, 400, "malformed-json"),
        (&broken, 400, "malformed-json"),
        ("", 400, "malformed-json"),
        (&unknown, 422, "invalid-handoff"),
    ];
    for (body, status, code) in cases {
        let reply = world.send("POST", "/v1/handoffs", Some(&key), body.as_bytes().to_vec()).await;
        assert_eq!(reply.problem(), (status, code.to_owned()), "{body}");
    }
    let huge = vec![b' '; 5 * 1024 * 1024];
    let reply = world.send("POST", "/v1/handoffs", Some(&key), huge).await;
    assert_eq!(reply.problem(), (413, "too-large".to_owned()));
    world.assert_sound().await;
}

#[tokio::test]
async fn an_unpublished_contract_version_refuses_until_it_is_published() {
    let world = World::new().await;
    let key = world.agent("order-desk").await;
    let mut submission = world.submission("refund.issue", "returned-goods");
    submission["contract"]["version"] = json!("9.9.9");
    let reply = world.post("/v1/handoffs", &key, &submission).await;
    assert_eq!(reply.problem(), (422, "unknown-contract".to_owned()));
    let sample = seamark_contracts::samples::find("refund.issue").unwrap();
    let next = sample.contract.replacen("version: 1.2.0", "version: 9.9.9", 1);
    assert!(world.gateway.publish_contract(&next).await.unwrap().is_new);
    assert!(!world.gateway.publish_contract(&next).await.unwrap().is_new);
    let changed = next.replacen("PT4H", "PT5H", 1);
    assert!(world.gateway.publish_contract(&changed).await.is_err(), "a published version never changes (A5)");
    assert_eq!(world.post("/v1/handoffs", &key, &submission).await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn credentials_and_their_scope() {
    let world = World::new().await;
    let submission = world.submission("refund.issue", "returned-goods");
    let body = serde_json::to_vec(&submission).unwrap();
    for token in [None, Some("smk_wrong"), Some("")] {
        let reply = world.send("POST", "/v1/handoffs", token, body.clone()).await;
        assert_eq!(reply.problem(), (401, "unauthenticated".to_owned()));
    }
    let scoped = world.gateway.create_agent_key("order-desk", &["offer.send".to_owned()]).await.unwrap();
    assert_eq!(world.post("/v1/handoffs", &scoped, &submission).await.problem(), (403, "forbidden".to_owned()));
    let key = world.agent("order-desk").await;
    let admitted = world.gated(&key).await;
    let path = format!("/v1/handoffs/{}", admitted.handoff_id);
    let stranger = world.agent("stranger").await;
    for token in [&stranger, &scoped] {
        assert_eq!(world.get(&path, token).await.problem(), (404, "not-found".to_owned()));
        assert_eq!(world.get(&format!("{path}/outcome"), token).await.problem(), (404, "not-found".to_owned()));
    }
    let destination = world.agent("refund-executor").await;
    assert_eq!(world.get(&path, &destination).await.status, StatusCode::OK);
    let device = world.reviewer("Alice", &["reviewer"]).await;
    assert_eq!(world.get(&path, &device.token).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(world.get("/v1/reviews", &key).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_handoff_that_needs_nobody_passes_at_once_and_proves_it() {
    let world = World::new().await;
    let key = world.agent("order-desk").await;
    let submission = world.submission("refund.issue", "small-passes");
    let answer: HandoffAnswer = world.post("/v1/handoffs", &key, &submission).await.ok();
    assert_eq!(answer.status, HandoffStatus::Passed);
    let delivery: Delivery = world.get(&format!("/v1/handoffs/{}/outcome", answer.handoff_id), &key).await.ok();
    assert!(delivery.outcome.is_none());
    let trust = world.gateway.trust();
    let audience = Some("https://refunds.shop.example/execute".to_owned());
    let pinned = Pinned::from_trust(&trust, audience.clone(), world.clock.now()).unwrap();
    assert!(verify_delivery(&delivery, &pinned).is_err(), "the destination itself has to list the contract as ungated");
    let pinned =
        Pinned::from_trust(&trust, audience, world.clock.now()).unwrap().accepting_ungated(["refund.issue".to_owned()]);
    let action = verify_delivery(&delivery, &pinned).unwrap_or_else(|report| panic!("{report:#?}"));
    assert_eq!(action.payload, submission["payload"]);
    world.assert_sound().await;
}

#[tokio::test]
async fn of_many_at_once_under_one_id_exactly_one_is_admitted() {
    let world = World::new().await;
    let key = world.agent("order-desk").await;
    let same = world.submission("refund.issue", "returned-goods");
    let replies = join_all((0..32).map(|_| world.post("/v1/handoffs", &key, &same))).await;
    assert!(replies.iter().all(|reply| reply.status.is_success()), "{}", replies[0].text());
    let created = replies.iter().filter(|reply| reply.status == StatusCode::CREATED).count();
    let known = replies.iter().filter(|reply| reply.status == StatusCode::OK).count();
    assert_eq!((created, known), (1, 31));
    assert!(replies.iter().all(|reply| reply.json::<HandoffAnswer>() == replies[0].json()));

    let base = world.submission("refund.issue", "returned-goods");
    let bodies: Vec<Value> = (0..16)
        .map(|n| {
            let mut body = base.clone();
            body["correlationId"] = json!(format!("race-{n}"));
            body
        })
        .collect();
    let replies = join_all(bodies.iter().map(|body| world.post("/v1/handoffs", &key, body))).await;
    let created = replies.iter().filter(|reply| reply.status == StatusCode::CREATED).count();
    let conflicts = replies.iter().filter(|reply| reply.status == StatusCode::CONFLICT).count();
    assert_eq!((created, conflicts), (1, 15));
    world.assert_sound().await;
}

#[tokio::test]
async fn a_group_with_a_taken_id_in_it_harms_no_other() {
    let world = World::new().await;
    let key = world.agent("order-desk").await;
    let bodies: Vec<Value> = (0..100).map(|_| world.submission("refund.issue", "returned-goods")).collect();
    // Every id comes twice, in one burst.
    let replies = join_all(bodies.iter().chain(&bodies).map(|body| world.post("/v1/handoffs", &key, body))).await;
    let created = replies.iter().filter(|reply| reply.status == StatusCode::CREATED).count();
    assert_eq!(created, 100);
    assert!(replies.iter().all(|reply| reply.status.is_success()));
    world.assert_sound().await;
}

#[tokio::test]
async fn a_chain_carries_intent_and_shows_what_was_lost() {
    let world = World::new().await;
    let key = world.agent("order-desk").await;
    let first = world.submission("refund.issue", "returned-goods");
    let parent: HandoffAnswer = world.post("/v1/handoffs", &key, &first).await.ok();
    let mut second = first.clone();
    second["handoffId"] = json!(crate::testing::random_id(&world));
    second["parent"] = json!({ "handoffId": parent.handoff_id });
    second["constraints"] = json!([]);
    let reply = world.post("/v1/handoffs", &key, &second).await;
    assert_eq!(reply.status, StatusCode::CREATED, "{}", reply.text());
    let alice = world.reviewer("Alice", &["reviewer"]).await;
    let reviews = alice.reviews(&world).await;
    let review = reviews.iter().find(|review| review.handoff_id != parent.handoff_id).unwrap();
    let predicate = predicate_of(&review.handoff);
    assert_eq!(predicate.parent.as_ref().map(|known| known.digest), parent.statement);
    assert_eq!(predicate.chain.len(), 1);
    assert!(predicate.chain[0].intent_kept);
    assert!(!predicate.chain[0].constraints_lost.is_empty());
    world.assert_sound().await;
}

#[tokio::test]
async fn more_than_the_rate_is_told_to_wait() {
    let world = World::with(Limits { requests_per_s: 1, burst: 3, ..Limits::default() }).await;
    let key = world.agent("order-desk").await;
    for _ in 0..3 {
        assert_eq!(world.get("/v1/webhooks", &key).await.status, StatusCode::OK);
    }
    let reply = world.get("/v1/webhooks", &key).await;
    assert_eq!(reply.problem(), (429, "unavailable".to_owned()));
    assert!(reply.json::<Problem>().retry_after_ms.is_some());
    let other = world.agent("order-desk").await;
    assert_eq!(world.get("/v1/webhooks", &other).await.status, StatusCode::OK);
}

#[tokio::test]
async fn one_reader_is_enough_for_many_at_once() {
    // Who waits for a second connection while holding the first would wait for ever here.
    let world = World::with(Limits { n_readers: 1, ..Limits::default() }).await;
    let key = world.agent("order-desk").await;
    let bodies: Vec<Value> = (0..20).map(|_| world.submission("refund.issue", "returned-goods")).collect();
    let replies = join_all(bodies.iter().map(|body| world.post("/v1/handoffs", &key, body))).await;
    assert!(replies.iter().all(|reply| reply.status == StatusCode::CREATED));
    let alice = world.reviewer("Alice", &["reviewer"]).await;
    let (reviews, webhooks) = tokio::join!(alice.reviews(&world), world.get("/v1/webhooks", &key));
    assert_eq!((reviews.len(), webhooks.status), (20, StatusCode::OK));
}

/// Approving makes a counterparty known; a name wholly in another script that looks like it does not pass for it.
#[tokio::test]
async fn attack_a5_a_vendor_that_looks_like_a_known_one_waits_for_a_person() {
    let world = World::new().await;
    let agent = world.agent("vendor-assessor").await;
    let alice = world.reviewer("Alice", &["reviewer"]).await;
    let (known, fake) = ("scope", "\u{455}\u{441}\u{43e}\u{440}\u{435}");
    let (new, imitation) = ((true, false, false), (true, true, true));
    let (review, found) = offer_to(&world, &agent, &alice, known).await;
    assert_eq!(found, new);
    assert_eq!(offer_to(&world, &agent, &alice, fake).await.1, new, "what waits is not known yet");
    alice.decide(&world, &review, DecisionKind::Approve).await;
    assert_eq!(offer_to(&world, &agent, &alice, "Scope ").await.1, (false, false, false));
    let (review, found) = offer_to(&world, &agent, &alice, fake).await;
    assert_eq!(found, imitation);
    let view = alice.view(&world, &review);
    assert_eq!(view.tier, Tier::T3);
    assert!(view.warnings.iter().any(|warning| warning.code == "look-alike"), "{:?}", view.warnings);
    let world = world.reopen(11).await;
    assert_eq!(offer_to(&world, &agent, &alice, fake).await.1, imitation, "after a restart too");
    world.assert_sound().await;
}

/// An offer to a counterparty of this name: its review, and whether the name is new, looks like a known one, and asks for a person.
async fn offer_to(world: &World, agent: &str, reviewer: &Reviewer, name: &str) -> (ReviewDocument, (bool, bool, bool)) {
    let mut offer = world.submission("offer.send", "within-budget");
    offer["payload"]["counterparty"]["name"] = json!(name);
    let answer: HandoffAnswer = world.post("/v1/handoffs", agent, &offer).await.ok();
    let review = reviewer.review(world, answer.review_id.unwrap()).await;
    let predicate = predicate_of(&review.handoff);
    let one = predicate.counterparties.first().unwrap();
    let reasons = &predicate.gate.reasons;
    let found = (one.first, one.like_earlier, reasons.iter().any(|reason| reason == "counterparty.imitates"));
    (review, found)
}
