//! Ending keys, devices, persons and roles, as somebody who will not let go would meet it (invariants B10, F4).

use axum::http::StatusCode;
use seamark_contracts::api::audit::AuditRecord;
use seamark_contracts::api::device::{EnrolmentAnswer, Person};
use seamark_contracts::api::review::{DecisionAnswer, ReviewDocument, ReviewState};
use seamark_contracts::clock::{Clock as _, SeededChance};
use seamark_contracts::decision::DecisionKind;
use seamark_contracts::digest::Digest;
use seamark_ledger::entry::EntryType;
use seamark_ledger::verify::{ClaimId, Pinned, Verdict, check_record};
use serde_json::{Value, json};

use super::streams::Client;
use crate::db::StorageError;
use crate::db::decision::PresentedRow;
use crate::end::{self, EndError, Office};
use crate::gateway::open;
use crate::recorded::{Change, Draft, Object, Of, Plan};
use crate::testing::{Reply, Reviewer, World, config, enrolment, execution_key, key, key_text, sign_text};
use crate::{db, sweep};

fn ended() -> (u16, String) {
    (403, "access-ended".to_owned())
}

fn office(world: &World) -> Office {
    Office { identity: world.gateway.shared.identity.clone(), root: world.gateway.shared.root.clone() }
}

/// What the ledger says, kinds only.
async fn kinds(world: &World) -> Vec<String> {
    let mut connection = world.gateway.shared.database.read().await.unwrap();
    db::ledger::list_entries(&mut connection, 0, 10_000).await.unwrap().into_iter().map(|row| row.kind).collect()
}

async fn count(world: &World, kind: &str) -> usize {
    kinds(world).await.iter().filter(|found| *found == kind).count()
}

/// A challenge that the device has asked for, answered and not yet used.
async fn answered_challenge(world: &World, person: &Reviewer) -> Vec<u8> {
    let keyid = &person.answer.device_keyid;
    let body = serde_json::to_vec(&json!({ "keyid": keyid })).unwrap();
    let challenge: Value = world.send("POST", "/v1/sessions/challenges", None, body).await.ok();
    let challenge = challenge["challenge"].as_str().unwrap();
    let text = format!("seamark-session/v1\n{}\n{challenge}", person.answer.trust.ledger_origin);
    let proof = sign_text(&person.device_key, &text);
    serde_json::to_vec(&json!({ "keyid": keyid, "challenge": challenge, "proof": proof })).unwrap()
}

async fn enrol(world: &World, body: &Value) -> Reply {
    world.send("POST", "/v1/enrolments", None, serde_json::to_vec(body).unwrap()).await
}

async fn first_review(world: &World, agent: &str, person: &Reviewer) -> ReviewDocument {
    let handoff = world.gated(agent).await;
    person.review(world, handoff.review_id.unwrap()).await
}

/// What an auditor says of a review's decisions and outcome.
async fn assert_still_proven(world: &World, review: &ReviewDocument, token: &str) {
    let record: AuditRecord = world.get(&format!("/v1/audit/reviews/{}", review.review_id), token).await.ok();
    let pinned = Pinned::from_trust(&world.gateway.trust(), None, world.clock.now()).unwrap();
    let report = check_record(&record, &pinned);
    for claim in [ClaimId::Directory, ClaimId::Decision, ClaimId::Outcome, ClaimId::Inclusion] {
        assert_eq!(report.verdict_of(claim), Some(Verdict::Pass), "{report:#?}");
    }
}

#[tokio::test]
async fn b10_an_ended_agent_key_is_refused_at_once_and_never_comes_back() {
    let world = World::new().await;
    let leaked = world.agent("order-desk").await;
    let other = world.agent("order-desk").await;
    let submission = world.submission("refund.issue", "small-passes");
    assert_eq!(world.post("/v1/handoffs", &leaked, &submission).await.status, StatusCode::CREATED);
    let id = world.gateway.agent_keys().await.unwrap().remove(0).id;
    let done = world.gateway.end_agent_key(&id).await.unwrap();
    assert!(done.is_new && done.name == "urn:seamark:agent:order-desk", "{done:?}");
    // It was remembered a moment ago; it is not any more.
    let reply = world.post("/v1/handoffs", &leaked, &world.submission("refund.issue", "small-passes")).await;
    assert_eq!(reply.problem(), ended());
    assert!(reply.text().contains(&done.ended_at.to_string()), "{}", reply.text());
    assert_eq!(world.post("/v1/handoffs", &leaked, &submission).await.problem(), ended(), "nor does a repeat answer");
    assert_eq!(world.post("/v1/handoffs", &other, &submission).await.status, StatusCode::OK, "it is one key of two");
    let again = world.gateway.end_agent_key(&leaked).await.unwrap();
    assert_eq!((again.is_new, again.ended_at), (false, done.ended_at), "found by its own text, ended once");
    let fresh = world.agent("order-desk").await;
    assert_eq!(world.post("/v1/handoffs", &fresh, &submission).await.status, StatusCode::OK);
    assert_eq!(world.post("/v1/handoffs", &leaked, &submission).await.problem(), ended());
    let unknown = world.gateway.end_agent_key("smk_of-another-gateway").await.unwrap_err();
    assert!(!unknown.to_string().contains("another-gateway"), "a key's text is not repeated: {unknown}");
    assert_eq!(count(&world, "key.revoked").await, 1);
    world.assert_sound().await;
}

#[tokio::test]
async fn b10_the_webhooks_of_an_ended_key_get_nothing_more() {
    let world = World::new().await;
    let (leaked, other) = (world.agent("order-desk").await, world.agent("order-desk").await);
    let hook = json!({ "url": "https://elsewhere.example/push" });
    let hook: Value = world.post("/v1/webhooks", &leaked, &hook).await.ok();
    let done = world.gateway.end_agent_key(&leaked).await.unwrap();
    assert_eq!(done.ended_with, [format!("webhook {}", hook["webhookId"].as_str().unwrap())]);
    let listed: Value = world.get("/v1/webhooks", &other).await.ok();
    assert_eq!(listed["webhooks"][0]["isEnabled"], false);
    let alice = world.reviewer("Alice", &["reviewer"]).await;
    let review = first_review(&world, &other, &alice).await;
    alice.decide(&world, &review, DecisionKind::Approve).await;
    let mut connection = world.gateway.shared.database.read().await.unwrap();
    assert!(db::outbox::list_due(&mut connection, i64::MAX, 0, 10).await.unwrap().is_empty());
    drop(connection);
    world.assert_sound().await;
}

#[tokio::test]
async fn b10_an_ended_device_replays_its_session_its_challenge_and_its_enrolment() {
    let world = World::new().await;
    let agent = world.agent("order-desk").await;
    let code = world.gateway.invite("Alice", &["reviewer".to_owned()]).await.unwrap();
    let alice = world.enrol("Alice", "lost", &code).await;
    let review = first_review(&world, &agent, &alice).await;
    let decision = alice.request(&world, &review, DecisionKind::Approve).await;
    let challenge = answered_challenge(&world, &alice).await;

    let short = alice.answer.device_keyid.get(..8).unwrap();
    let done = world.gateway.end_device(short).await.unwrap();
    assert_eq!(
        (done.id.as_str(), done.name.as_str(), done.is_new),
        (alice.answer.device_keyid.as_str(), "Desk in the test", true)
    );
    for reply in [
        world.get("/v1/me", &alice.token).await,
        world.get("/v1/reviews", &alice.token).await,
        world.get(&format!("/v1/reviews/{}", review.review_id), &alice.token).await,
        world.get("/v1/reviews/stream", &alice.token).await,
        alice.send(&world, &review, &decision).await,
        world.send("POST", "/v1/sessions", None, challenge).await,
        world.send("POST", "/v1/sessions", None, answered_challenge(&world, &alice).await).await,
    ] {
        assert_eq!(reply.problem(), ended(), "{}", reply.text());
        assert!(reply.text().contains("ended this device"), "{}", reply.text());
    }
    // The code was used with these keys: a lost answer would be given again, but not to what has ended.
    let repeated = enrolment(&code, &alice.device_key, &alice.decision_key);
    assert_eq!(enrol(&world, &repeated).await.problem(), (403, "invitation-invalid".to_owned()));
    // Under a new invitation the ended keys are no keys either.
    let code = world.gateway.invite("Alice", &["reviewer".to_owned()]).await.unwrap();
    for (device, decision) in [(&alice.device_key, &key("fresh")), (&key("fresh"), &alice.decision_key)] {
        let reused = enrolment(&code, device, decision);
        assert_eq!(enrol(&world, &reused).await.problem(), (422, "invalid-request".to_owned()));
    }
    let fresh = world.enrol("Alice", "new", &code).await;
    assert_eq!(fresh.decide(&world, &review, DecisionKind::Reject).await.review.state, ReviewState::Rejected);
    assert_eq!(world.get("/v1/me", &alice.token).await.problem(), ended(), "nothing brings the old one back");
    let by_decision_key = world.gateway.end_device(&alice.answer.decision_keyid).await.unwrap();
    assert_eq!((by_decision_key.is_new, by_decision_key.ended_at), (false, done.ended_at));
    world.assert_sound().await;
}

/// Signed before the end, brought after it by another device of the same person.
#[tokio::test]
async fn b10_a_decision_signed_before_the_end_and_brought_after_it_does_not_count() {
    let world = World::new().await;
    let agent = world.agent("order-desk").await;
    let alice = world.reviewer("Alice", &["reviewer"]).await;
    let code = world.gateway.invite("Alice", &["reviewer".to_owned()]).await.unwrap();
    let laptop = world.enrol("Alice", "laptop", &code).await;
    let review = first_review(&world, &agent, &alice).await;
    let signed = alice.request(&world, &review, DecisionKind::Approve).await;
    world.gateway.end_device(&alice.answer.device_keyid).await.unwrap();
    // In the same millisecond and after it: once the transaction refuses it, once the check before it.
    for n_ms in [0, 10] {
        world.clock.advance_ms(n_ms);
        let brought = laptop.send(&world, &review, &signed).await;
        assert_eq!(brought.problem(), (422, "decision-invalid".to_owned()));
        assert!(brought.text().contains("has ended"), "{}", brought.text());
    }
    assert_eq!(count(&world, "decision.refused").await, 2, "the ledger has both tries");
    assert_eq!(laptop.review(&world, review.review_id).await.state, ReviewState::Open);
    // A review that is over takes no late decision of an ended key either.
    laptop.decide(&world, &review, DecisionKind::Reject).await;
    assert_eq!(laptop.send(&world, &review, &signed).await.problem(), (422, "decision-invalid".to_owned()));
    assert_eq!(count(&world, "decision.late").await, 0);
    world.assert_sound().await;
}

/// The clock stands still, so decision and end have one time: only their order in the ledger tells them apart.
#[tokio::test]
async fn b10_what_was_recorded_before_the_end_stays_valid_even_in_the_same_millisecond() {
    let world = World::new().await;
    let agent = world.agent("order-desk").await;
    let (alice, bob) = (world.reviewer("Alice", &["reviewer"]).await, world.reviewer("Bob", &["reviewer"]).await);
    let review = first_review(&world, &agent, &alice).await;
    let answer = alice.decide(&world, &review, DecisionKind::Approve).await;
    assert!(answer.decision.counted);
    let done = world.gateway.end_person("Alice").await.unwrap();
    assert_eq!(done.ended_at.as_ms(), answer.decision.recorded_at.as_ms() + 1);
    assert_still_proven(&world, &review, &bob.token).await;
    world.assert_sound().await;
    world.clock.advance_ms(60_000);
    assert_still_proven(&world, &review, &bob.token).await;
    let world = world.reopen(9).await;
    world.assert_sound().await;
}

/// Everything was checked, and then the end commits before the decision does. What another process ended is not yet
/// forgotten here, which makes exactly that.
#[tokio::test]
async fn b10_an_end_during_a_decisions_flight_wins_and_is_recorded() {
    let mut world = World::new().await;
    world.deafen().await;
    let agent = world.agent("order-desk").await;
    let (alice, bob) = (world.reviewer("Alice", &["reviewer"]).await, world.reviewer("Bob", &["reviewer"]).await);
    let review = first_review(&world, &agent, &alice).await;
    let decision = alice.request(&world, &review, DecisionKind::Approve).await;
    let of_bob = bob.request(&world, &review, DecisionKind::Approve).await;
    let view = json!({ "view": decision["view"], "openedAt": world.clock.now() });
    assert_eq!(world.get("/v1/me", &alice.token).await.status, StatusCode::OK, "the session is remembered");
    let recorder = &world.gateway.shared.recorder;
    end::end_device(recorder, office(&world), &alice.answer.device_keyid).await.unwrap();
    assert_eq!(world.get("/v1/me", &alice.token).await.status, StatusCode::OK, "and still is");
    let presented = world.post(&format!("/v1/reviews/{}/presented", review.review_id), &alice.token, &view).await;
    assert_eq!(presented.problem(), ended());
    assert_eq!(alice.send(&world, &review, &decision).await.problem(), ended());
    assert_eq!(world.get("/v1/reviews/stream", &alice.token).await.problem(), ended(), "no stream begins by memory");
    let all = kinds(&world).await;
    let after = all.iter().rposition(|kind| kind == "key.revoked").unwrap();
    assert_eq!(all[after + 1..], ["directory.changed", "decision.refused"]);
    // The same with a role: what was signed in it is refused, and recorded as refused.
    assert_eq!(world.get("/v1/me", &bob.token).await.status, StatusCode::OK);
    end::change_role(recorder, office(&world), "Bob", "reviewer", false).await.unwrap();
    let view = json!({ "view": of_bob["view"], "openedAt": world.clock.now() });
    let presented = world.post(&format!("/v1/reviews/{}/presented", review.review_id), &bob.token, &view).await;
    assert_eq!(presented.problem(), (404, "not-found".to_owned()));
    let reply = bob.send(&world, &review, &of_bob).await;
    assert_eq!(reply.problem(), (403, "not-candidate".to_owned()));
    assert!(reply.text().contains("taken from you"), "{}", reply.text());
    assert_eq!(kinds(&world).await[after + 3..], ["config.changed", "directory.changed", "decision.refused"]);
    world.assert_sound().await;
}

#[tokio::test]
async fn b10_decisions_and_ends_at_once_leave_one_sound_story() {
    let world = World::new().await;
    let agent = world.agent("order-desk").await;
    let watcher = world.reviewer("Watcher", &["reviewer"]).await;
    for round in 0..12 {
        let person = world.reviewer(&format!("Person {round}"), &["reviewer"]).await;
        let review = first_review(&world, &agent, &person).await;
        let decision = person.request(&world, &review, DecisionKind::Approve).await;
        let device = person.answer.device_keyid.clone();
        let (reply, done) = if round % 2 == 0 {
            tokio::join!(person.send(&world, &review, &decision), world.gateway.end_device(&device))
        } else {
            let (done, reply) =
                tokio::join!(world.gateway.end_device(&device), person.send(&world, &review, &decision));
            (reply, done)
        };
        assert!(done.unwrap().is_new);
        let state = watcher.review(&world, review.review_id).await.state;
        if reply.status.is_success() {
            assert!(reply.ok::<DecisionAnswer>().decision.counted && state == ReviewState::Approved);
            assert_still_proven(&world, &review, &watcher.token).await;
        } else {
            assert!([ended(), (422, "decision-invalid".to_owned())].contains(&reply.problem()), "{}", reply.text());
            assert_eq!(state, ReviewState::Open);
        }
    }
    world.assert_sound().await;
}

#[tokio::test]
async fn f4_a_taken_role_hides_its_reviews_at_once() {
    let world = World::new().await;
    let agent = world.agent("order-desk").await;
    let alice = world.reviewer("Alice", &["reviewer", "clerk"]).await;
    let review = first_review(&world, &agent, &alice).await;
    let position: Value = world.get("/v1/reviews", &alice.token).await.ok();
    let position = position["position"].as_str().unwrap();
    let mut stream = Client::open(&world, "/v1/reviews/stream", &alice.token, Some(position)).await;

    assert!(world.gateway.change_role("Alice", "reviewer", false).await.unwrap().is_new);
    let again = world.gateway.change_role("alice", "reviewer", false).await.unwrap();
    assert!(!again.is_new && !again.has_role && again.roles == ["clerk"], "{again:?}");
    let path = format!("/v1/reviews/{}", review.review_id);
    assert_eq!(world.get(&path, &alice.token).await.status, StatusCode::NOT_FOUND);
    assert!(alice.reviews(&world).await.is_empty());
    let reset = stream.next().await.unwrap();
    assert_eq!(reset.name, "reset", "what is cached is to be compared with a snapshot");
    world.gated(&agent).await;

    let given = world.gateway.change_role("urn:seamark:user:alice", "reviewer", true).await.unwrap();
    assert!(given.is_new && given.has_role, "{given:?}");
    assert_eq!(stream.next().await.unwrap().name, "reset", "nothing of the time between was told");
    assert_eq!(alice.reviews(&world).await.len(), 2);
    assert!(alice.decide(&world, &review, DecisionKind::Reject).await.decision.counted);
    let me: Person = world.get("/v1/me", &alice.token).await.ok();
    assert_eq!(me.roles, ["clerk", "reviewer"]);
    assert!(matches!(world.gateway.change_role("Alice", "lead", false).await, Err(EndError::NoSuchRole { .. })));
    assert!(matches!(world.gateway.change_role("Nobody", "lead", true).await, Err(EndError::Unknown { .. })));
    assert!(matches!(world.gateway.change_role("Alice", "No Role", true).await, Err(EndError::RoleName(_))));
    world.assert_sound().await;
}

#[tokio::test]
async fn b10_an_ended_person_works_again_only_by_a_new_invitation_with_new_keys() {
    let world = World::new().await;
    let agent = world.agent("order-desk").await;
    let alice = world.reviewer("Alice Example", &["reviewer", "lead"]).await;
    let unused = world.gateway.invite("Alice Example", &["reviewer".to_owned()]).await.unwrap();
    let review = first_review(&world, &agent, &alice).await;
    let done = world.gateway.end_person("alice-example").await.unwrap();
    assert_eq!(done.ended_with, ["role reviewer", "role lead", "device Desk in the test", "1 unused invitation"]);
    let reply = world.get("/v1/me", &alice.token).await;
    assert_eq!(reply.problem(), ended());
    assert!(reply.text().contains("ended this person"), "{}", reply.text());
    let body = enrolment(&unused, &key("a"), &key("b"));
    assert_eq!(enrol(&world, &body).await.problem(), (403, "invitation-invalid".to_owned()));
    let refused = world.gateway.change_role("Alice Example", "reviewer", true).await.unwrap_err();
    assert!(matches!(refused, EndError::PersonEnded { .. }) && refused.to_string().contains("invite"), "{refused}");
    let again = world.gateway.end_person("Alice Example").await.unwrap();
    assert_eq!((again.is_new, again.ended_at), (false, done.ended_at));
    let listed = world.gateway.persons().await.unwrap().remove(0);
    assert_eq!((listed.ended_at, listed.open_invitations), (Some(done.ended_at), 0));
    assert!(listed.roles.iter().all(|role| role.ended_at == Some(done.ended_at)));

    world.clock.advance_ms(1_000);
    let code = world.gateway.invite("Alice Example", &["reviewer".to_owned()]).await.unwrap();
    assert!(world.get("/v1/me", &alice.token).await.text().contains("ended this device"), "the old device stays ended");
    assert_eq!(enrol(&world, &body).await.problem(), (403, "invitation-invalid".to_owned()), "so does the old code");
    let body = enrolment(&code, &alice.device_key, &alice.decision_key);
    assert_eq!(enrol(&world, &body).await.problem(), (422, "invalid-request".to_owned()), "and the old keys");
    let back = world.enrol("Alice Example", "new", &code).await;
    let answer: &EnrolmentAnswer = &back.answer;
    assert_eq!(
        (answer.person.id.as_str(), answer.person.roles.as_slice()),
        ("urn:seamark:user:alice-example", &["reviewer".to_owned()][..])
    );
    assert!(back.decide(&world, &review, DecisionKind::Reject).await.decision.counted);
    world.assert_sound().await;
}

#[tokio::test]
async fn b10_streams_of_what_ended_close_at_once_and_stay_closed() {
    let world = World::new().await;
    let agent = world.agent("order-desk").await;
    let (alice, bob) = (world.reviewer("Alice", &["reviewer"]).await, world.reviewer("Bob", &["reviewer"]).await);
    let mut of_agent = Client::open(&world, "/v1/events", &agent, None).await;
    let mut of_alice = Client::open(&world, "/v1/reviews/stream", &alice.token, None).await;
    let mut of_bob = Client::open(&world, "/v1/reviews/stream", &bob.token, None).await;
    for stream in [&mut of_agent, &mut of_alice, &mut of_bob] {
        assert_eq!(stream.next().await.unwrap().name, "reset");
    }
    world.gateway.end_device(&alice.answer.device_keyid).await.unwrap();
    assert!(of_alice.next().await.is_none());
    assert_eq!(world.get("/v1/reviews/stream", &alice.token).await.problem(), ended());
    world.gateway.end_agent_key(&agent).await.unwrap();
    assert!(of_agent.next().await.is_none());
    assert_eq!(world.get("/v1/events", &agent).await.problem(), ended());
    let other = world.agent("order-desk").await;
    let handoff = world.gated(&other).await;
    let event = of_bob.next().await.unwrap();
    assert!(event.data.contains(&handoff.review_id.unwrap().to_string()), "others go on without noticing");
}

/// Somebody waits for an outcome while the key ends; what comes then is not for that key any more.
#[tokio::test]
async fn b10_who_waits_for_an_outcome_gets_none_after_the_end() {
    let world = World::new().await;
    let (leaked, other) = (world.agent("order-desk").await, world.agent("order-desk").await);
    let alice = world.reviewer("Alice", &["reviewer"]).await;
    let review = first_review(&world, &leaked, &alice).await;
    let path = format!("/v1/handoffs/{}/outcome?wait_s=60", review.handoff_id);
    let (waited, waited_too, ()) = tokio::join!(world.get(&path, &leaked), world.get(&path, &other), async {
        world.gateway.end_agent_key(&leaked).await.unwrap();
        alice.decide(&world, &review, DecisionKind::Approve).await;
    });
    assert_eq!(waited.problem(), ended());
    assert_eq!(waited_too.status, StatusCode::OK, "the same wait under another key of the same agent");
}

/// The operator's commands are another process on the same folder.
#[tokio::test]
async fn b10_what_another_process_on_the_folder_ends_is_over_here_too() {
    let world = World::new().await;
    let agent = world.agent("order-desk").await;
    let alice = world.reviewer("Alice", &["reviewer"]).await;
    let mut of_agent = Client::open(&world, "/v1/events", &agent, None).await;
    let mut of_alice = Client::open(&world, "/v1/reviews/stream", &alice.token, None).await;
    for stream in [&mut of_agent, &mut of_alice] {
        assert_eq!(stream.next().await.unwrap().name, "reset");
    }
    let chance = std::sync::Arc::new(SeededChance::new(77));
    let other = open(config(world.folder.path()), world.clock.clone(), chance).await.unwrap();
    let (one, two) = tokio::join!(
        other.end_device(&alice.answer.device_keyid),
        world.gateway.end_device(&alice.answer.device_keyid)
    );
    assert!(one.unwrap().is_new != two.unwrap().is_new, "one of the two processes ended it");
    other.end_agent_key(&agent).await.unwrap();
    other.close().await;
    // The streams end when this process hears of it; from then on nothing is remembered.
    assert!(of_alice.next().await.is_none());
    assert!(of_agent.next().await.is_none());
    assert_eq!(world.get("/v1/me", &alice.token).await.problem(), ended());
    assert_eq!(world.get("/v1/webhooks", &agent).await.problem(), ended());
    assert_eq!(count(&world, "key.revoked").await, 3);
    world.assert_sound().await;
}

#[tokio::test]
async fn b10_an_ended_execution_key_frees_its_place_and_is_never_named_again() {
    let world = World::new().await;
    let agent = world.agent("refund-executor").await;
    let urn = "urn:seamark:agent:refund-executor";
    let name = async |signing: &seamark_ledger::key::SigningKey| {
        let public = key_text(signing);
        let proof = sign_text(signing, &format!("seamark-execution-key/v1\n{urn}\n{public}"));
        world.post("/v1/execution-keys", &agent, &json!({ "agent": urn, "publicKey": public, "proof": proof })).await
    };
    for n in 0..15 {
        assert_eq!(name(&key(&format!("execution {n}"))).await.status, StatusCode::OK);
    }
    execution_key(&world, &agent, "refund-executor").await;
    assert_eq!(name(&key("one more")).await.problem(), (403, "forbidden".to_owned()));
    let listed = world.gateway.execution_keys().await.unwrap();
    assert_eq!(listed.len(), 16);
    let namer = world.gateway.agent_keys().await.unwrap().remove(0).id;
    assert!(listed.iter().all(|key| key.named_by == namer), "{listed:?}");
    let done = world.gateway.end_execution_key(&listed[0].id).await.unwrap();
    assert_eq!((done.name.as_str(), done.is_new), (urn, true));
    assert!(!world.gateway.end_execution_key(&listed[0].id).await.unwrap().is_new);
    let reply = name(&key("execution 0")).await;
    assert_eq!(reply.problem(), (422, "invalid-request".to_owned()));
    assert!(reply.text().contains("never used again"), "{}", reply.text());
    assert_eq!(name(&key("one more")).await.status, StatusCode::OK, "its place is free");
    assert_eq!(name(&key("and another")).await.problem(), (403, "forbidden".to_owned()));
    assert!(matches!(world.gateway.end_execution_key("0123").await, Err(EndError::Unknown { .. })));
    assert!(matches!(world.gateway.end_device(&listed[1].id).await, Err(EndError::Unknown { .. })), "it is no device");
    world.assert_sound().await;
}

/// Verifiers read a directory of at most 2 MiB. Whoever fills it must not be able to keep an operator from ending a key.
#[tokio::test]
async fn b10_there_is_always_room_for_an_end() {
    let world = World::new().await;
    let alice = world.reviewer("Alice", &["reviewer"]).await;
    db::fill_with_persons(&world.gateway.shared.database, 13_000).await;
    let full = world.gateway.invite("Bob", &["reviewer".to_owned()]).await.unwrap_err();
    assert!(crate::problem::chain(&full).contains("2 MiB"), "{}", crate::problem::chain(&full));
    assert!(world.gateway.end_device(&alice.answer.device_keyid).await.unwrap().is_new);
    assert!(world.gateway.end_person("Alice").await.unwrap().is_new);
    assert!(world.gateway.end_person("Person 12999").await.unwrap().is_new);
}

/// A review opened before the end, escalated by somebody who then ended: what followed from it stays, and the person
/// contributes nothing to the new attempt.
#[tokio::test]
async fn b10_an_escalation_before_the_end_stays_and_the_new_attempt_goes_on_without_the_person() {
    let world = World::new().await;
    let agent = world.agent("order-desk").await;
    let alice = world.reviewer("Alice", &["reviewer", "refund-managers", "lead"]).await;
    let bob = world.reviewer("Bob", &["refund-managers", "lead"]).await;
    let review = first_review(&world, &agent, &alice).await;
    let answer = alice.decide(&world, &review, DecisionKind::Escalate).await;
    let next = answer.review.superseded_by.unwrap();
    let next = alice.review(&world, next).await;
    let own = alice.request(&world, &next, DecisionKind::Approve).await;
    world.gateway.end_person("Alice").await.unwrap();
    assert_eq!(alice.send(&world, &next, &own).await.problem(), ended());
    sweep::run_once(&world.gateway.shared, world.clock.now()).await.unwrap();
    assert_eq!(bob.review(&world, next.review_id).await.state, ReviewState::Open);
    assert!(bob.decide(&world, &next, DecisionKind::Approve).await.decision.counted);
    assert_still_proven(&world, &next, &bob.token).await;
    world.assert_sound().await;
}

/// A gateway that does not look: it records a view for a key, whatever has become of the key.
struct Careless {
    keyid: String,
    attempt: i64,
}

impl Change for Careless {
    type Done = i64;

    async fn apply(&mut self, plan: &mut Plan<'_>) -> Result<i64, StorageError> {
        let view = format!("{{\"of\":{}}}", plan.head().size).into_bytes();
        let draft = Draft {
            kind: EntryType::HandoffPresented,
            actor: self.keyid.clone(),
            of: Of::Gateway,
            object: Object::Digest(Digest::of(&view)),
            sigs: Vec::new(),
        };
        let mut entered = plan.record(draft).await?;
        let row = PresentedRow {
            no: entered.position().no,
            attempt: self.attempt,
            person: "urn:seamark:user:alice".to_owned(),
            digest: Digest::of(&view).as_bytes().to_vec(),
            view,
            opened_ms: 0,
        };
        db::decision::insert_presented(&mut entered.write().await?, &row).await?;
        Ok(row.no)
    }
}

#[tokio::test]
async fn b10_the_re_check_finds_what_a_key_did_after_its_end_and_nothing_before_it() {
    let world = World::new().await;
    let agent = world.agent("order-desk").await;
    let alice = world.reviewer("Alice", &["reviewer"]).await;
    let review = first_review(&world, &agent, &alice).await;
    let mut connection = world.gateway.shared.database.read().await.unwrap();
    let id = review.review_id.to_string();
    let attempt = db::attempt::find_review(&mut connection, &id).await.unwrap().unwrap().no;
    drop(connection);
    let careless = || Careless { keyid: alice.answer.decision_keyid.clone(), attempt };
    world.gateway.shared.recorder.record(careless()).await.unwrap();
    world.gateway.end_device(&alice.answer.device_keyid).await.unwrap();
    world.assert_sound().await;
    let no = world.gateway.shared.recorder.record(careless()).await.unwrap();
    let report = world.gateway.fsck().await;
    let found: Vec<_> = report.findings.iter().map(|found| (found.table, found.row)).collect();
    assert_eq!(found, [("ledger_entry", no)], "{report:#?}");
    assert!(report.findings[0].message.contains("by a key that had ended"), "{report:#?}");
}
