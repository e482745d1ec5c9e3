//! Every problem that a request of a test can bring about, once for each operation.

use axum::http::StatusCode;
use seamark_contracts::api::agent::HandoffAnswer;
use seamark_contracts::api::review::ReviewDocument;
use seamark_contracts::clock::Clock as _;
use seamark_contracts::decision::DecisionKind;
use seamark_contracts::digest::Digest;
use seamark_contracts::id::{AgentUrn, RevealId};
use seamark_contracts::outcome::{ExecutionPhase, ExecutionPredicate, ExecutionResult};
use seamark_ledger::key::Signer as _;
use seamark_ledger::statement;
use serde_json::{Map, Value, json};

use crate::openapi::Access;
use crate::route;
use crate::scope::{KeyScope, KeySide};
use crate::sweep;
use crate::testing::{
    Reviewer, World, enrolment, execution_key, key as key_of, key_text, payload_of, sign_text, signed,
};

const NOBODY: &str = "0199a1c2-5b7e-7c3d-9a10-2f4b6c8d0e12";

/// What comes of a root that is outside of the gateway.
pub(super) async fn record_root() -> Map<String, Value> {
    let world = World::outside().await;
    let agent = world.agent("order-desk").await;
    world.send("GET", "/v1/directory", None, Vec::new()).await;
    world.sign_directory().await;
    world.send("GET", "/v1/directory/proposal", None, Vec::new()).await;
    let alice = world.reviewer("Alice Example", &["reviewer"]).await;
    let handoff = world.gated(&agent).await;
    let review = alice.review(&world, handoff.review_id.unwrap()).await;
    let decision = alice.request(&world, &review, DecisionKind::Approve).await;
    alice.send(&world, &review, &decision).await;
    world.sign_directory().await;
    alice.send(&world, &review, &decision).await;
    execution_key(&world, &agent, "refund-executor").await;
    report(&world, (&agent, &agent), &handoff, ExecutionPhase::Gate).await;
    let stale = world.proposal().await;
    world.agent("content-desk").await;
    world.send_directory(&signed(stale, "root")).await;
    world.send_directory(&signed(world.proposal().await, "mallory")).await;
    world.hand_over("root", "root 2").await;
    let keyid = key_of("root").public_key().id();
    world.send("GET", &format!("/v1/directory/handovers/{keyid}"), None, Vec::new()).await;
    world.send("GET", "/v1/directory/handovers/none", None, Vec::new()).await;
    world.examples.into_inner().unwrap()
}

/// What every endpoint refuses: no credentials, a body that is none, parameters that are not its own, ids of nothing.
async fn sweep_all(world: &World, agent: &str, device: &str) {
    for (method, path, operation) in route::operations() {
        let digest = "0".repeat(64);
        let address = path
            .replace("{id}", NOBODY)
            .replace("{sha256}", &digest)
            .replace("{keyid}", &digest)
            .replace("{name}", "no.such");
        let address = address.replace("{version}", "1.0.0");
        let token = match operation.access {
            Access::Public => None,
            Access::Agent => Some(agent),
            Access::Device => Some(device),
        };
        if token.is_some() {
            world.send(method, &address, None, Vec::new()).await;
        }
        if operation.params.iter().any(|param| param.place == crate::openapi::Place::Query) {
            world.send(method, &format!("{address}?surprise=1"), token, Vec::new()).await;
        }
        if operation.request.is_some() {
            world.send(method, &address, token, br#"{"a":1,"a":2}"#.to_vec()).await;
            world.send(method, &address, token, br#"{"surprise":true}"#.to_vec()).await;
            world.send(method, &address, token, vec![b' '; 5 * 1024 * 1024]).await;
        }
        let is_absent = path.contains('{');
        if is_absent && operation.request.is_none() && !path.ends_with("/stream") {
            world.send(method, &address, token, Vec::new()).await;
        } else if is_absent {
            world.send(method, &path.replace("{id}", "no-id"), token, b"{}".to_vec()).await;
        }
    }
    for query in ["inclusion?seq=99999", "consistency?from=1&to=99999"] {
        world.send("GET", &format!("/v1/ledger/proofs/{query}"), None, Vec::new()).await;
    }
}

/// Submits a handoff of the sample under a new id and gives its review.
async fn open(world: &World, key: &str, alice: &Reviewer) -> (HandoffAnswer, ReviewDocument) {
    let handoff = world.gated(key).await;
    let review = alice.review(world, handoff.review_id.unwrap()).await;
    (handoff, review)
}

/// A masked field is asked for.
async fn reveal(world: &World, token: &str, review: &ReviewDocument, path: &str) -> StatusCode {
    let reveal_id = RevealId::make(world.clock.now(), world.chance.as_ref());
    let purpose = json!({ "code": "compare-record", "text": "" });
    let body = json!({ "revealId": reveal_id, "path": path, "purpose": purpose });
    world.post(&format!("/v1/reviews/{}/reveals", review.review_id), token, &body).await.status
}

async fn present(world: &World, alice: &Reviewer, review: &ReviewDocument) {
    assert_eq!(reveal(world, &alice.token, review, "/payload/customer/email").await, StatusCode::CONFLICT);
    let view = String::from_utf8(alice.view(world, review).to_bytes().unwrap()).unwrap();
    let shown = json!({ "view": view, "openedAt": world.clock.now() });
    let reply = world.post(&format!("/v1/reviews/{}/presented", review.review_id), &alice.token, &shown).await;
    assert_eq!(reply.status, StatusCode::CONFLICT, "{}", reply.text());
}

/// A report that the action failed.
async fn report(
    world: &World,
    (key, sender): (&str, &str),
    handoff: &HandoffAnswer,
    phase: ExecutionPhase,
) -> StatusCode {
    let path = format!("/v1/handoffs/{}", handoff.handoff_id);
    let delivery: Value = world.get(&format!("{path}/outcome"), key).await.ok();
    let answer: HandoffAnswer = world.get(&path, key).await.ok();
    let executor = execution_key(world, key, "refund-executor").await;
    let predicate = ExecutionPredicate {
        result: ExecutionResult::Failed,
        phase: Some(phase),
        code: None,
        attempt: answer.attempt.unwrap(),
        decisions: Vec::new(),
        disclosures: Vec::new(),
        executed_at: world.clock.now(),
        executor: AgentUrn::from_name("refund-executor").unwrap(),
    };
    let outcome = (answer.outcome.unwrap().outcome_id, Digest::of(&payload_of(&delivery["outcome"])));
    let subject = (handoff.handoff_id, answer.statement.unwrap());
    let bytes = statement::build_execution(&predicate, subject, Some(outcome)).unwrap();
    let envelope: Value = serde_json::from_str(&statement::sign(bytes, &executor).unwrap().to_json()).unwrap();
    world.post(&format!("{path}/result"), sender, &envelope).await.status
}

/// What keys of one side are refused of the other.
async fn refuse_the_other_side(world: &World, (source, destination): (&str, &str), key: &str, alice: &Reviewer) {
    let (handoff, review) = open(world, key, alice).await;
    let path = format!("/v1/handoffs/{}", handoff.handoff_id);
    world.post(&format!("{path}/withdraw"), destination, &json!({ "reason": "Not mine." })).await;
    alice.decide(world, &review, DecisionKind::Approve).await;
    world.post(&format!("{path}/attempt"), source, &json!({ "attempt": handoff.attempt })).await;
    assert_eq!(report(world, (key, source), &handoff, ExecutionPhase::Gate).await, StatusCode::FORBIDDEN);
}

/// What agents are refused.
async fn refuse_agents(world: &World, key: &str, alice: &Reviewer) {
    let scoped = world.gateway.create_agent_key("order-desk", &["offer.send".to_owned()]).await.unwrap();
    let submission = world.submission("refund.issue", "returned-goods");
    world.post("/v1/handoffs", &scoped, &submission).await;
    let mut wrong = submission.clone();
    wrong["payload"]["amount"] = json!("much");
    world.post("/v1/handoffs", key, &wrong).await;
    wrong["contract"]["version"] = json!("9.9.9");
    world.post("/v1/handoffs", key, &wrong).await;
    let handoff: HandoffAnswer = world.post("/v1/handoffs", key, &submission).await.ok();
    let mut side = KeyScope { side: Some(KeySide::Source), ..KeyScope::default() };
    let source = world.gateway.create_scoped_key("order-desk", side.clone()).await.unwrap();
    side.side = Some(KeySide::Destination);
    let destination = world.gateway.create_scoped_key("order-desk", side).await.unwrap();
    refuse_the_other_side(world, (&source, &destination), key, alice).await;
    let path = format!("/v1/handoffs/{}", handoff.handoff_id);
    let mut changed = submission.clone();
    changed["intent"]["text"] = json!("Please refund all of it.");
    world.post("/v1/handoffs", key, &changed).await;
    world.post(&format!("{path}/revisions"), &scoped, &changed).await;
    wrong["contract"]["version"] = json!("1.2.0");
    world.post(&format!("{path}/revisions"), key, &wrong).await;
    wrong["contract"]["version"] = json!("9.9.9");
    world.post(&format!("{path}/revisions"), key, &wrong).await;
    let mut other = changed.clone();
    other["handoffId"] = json!(NOBODY);
    world.post(&format!("{path}/revisions"), key, &other).await;
    world.post(&format!("{path}/outcome/ack"), key, &Value::Null).await;
    let attempt = json!({ "attempt": handoff.attempt });
    world.post(&format!("{path}/attempt"), key, &attempt).await;

    let review = alice.review(world, handoff.review_id.unwrap()).await;
    alice.decide(world, &review, DecisionKind::Approve).await;
    present(world, alice, &review).await;
    world.post(&format!("{path}/attempt"), key, &attempt).await;
    world.post(&format!("{path}/attempt"), key, &attempt).await;
    world.post(&format!("{path}/withdraw"), key, &json!({ "reason": "Too late." })).await;
    world.post(&format!("{path}/revisions"), key, &changed).await;
    let directory: Value = world.send("GET", "/v1/directory", None, Vec::new()).await.ok();
    world.post(&format!("{path}/result"), key, &directory).await;
    assert_eq!(report(world, (key, key), &handoff, ExecutionPhase::Unknown).await, StatusCode::OK);
    assert_eq!(report(world, (key, key), &handoff, ExecutionPhase::Action).await, StatusCode::CONFLICT);
    let stranger = key_of("stranger");
    let (urn, public) = (AgentUrn::from_name("refund-executor").unwrap(), key_text(&stranger));
    let proof = sign_text(&stranger, &format!("seamark-execution-key/v1\n{urn}\n{public}"));
    world.post("/v1/execution-keys", &scoped, &json!({ "agent": urn, "publicKey": public, "proof": proof })).await;
}

/// What reviewers are refused.
async fn refuse_reviewers(world: &World, key: &str, alice: &Reviewer) {
    let (withdrawn, review) = open(world, key, alice).await;
    let path = format!("/v1/handoffs/{}/withdraw", withdrawn.handoff_id);
    world.post(&path, key, &json!({ "reason": "The customer called back." })).await;
    present(world, alice, &review).await;
    let (_, review) = open(world, key, alice).await;
    alice.decide(world, &review, DecisionKind::Escalate).await;
    present(world, alice, &review).await;

    let (_, review) = open(world, key, alice).await;
    reveal(world, &alice.token, &review, "/payload/customer/name").await;
    let mut draft = alice.draft(world, &review, DecisionKind::Approve).await;
    draft.predicate.attempt = "AAAAAAAAAAAAAAAAAAAAAA".to_owned();
    alice.send(world, &review, &draft.sign(&alice.decision_key)).await;
    let mut draft = alice.draft(world, &review, DecisionKind::Approve).await;
    draft.predicate.reviewer.role = "nobody".to_owned();
    alice.send(world, &review, &draft.sign(&alice.decision_key)).await;

    let code = format!("smi_{}_{}", "A".repeat(22), "0".repeat(16));
    let body = enrolment(&code, &key_of("a"), &key_of("b"));
    world.send("POST", "/v1/enrolments", None, serde_json::to_vec(&body).unwrap()).await;
    let keyid = alice.device_key.public_key().id().to_string();
    let body = json!({ "keyid": keyid, "challenge": "A".repeat(43), "proof": "A".repeat(86) });
    world.send("POST", "/v1/sessions", None, serde_json::to_vec(&body).unwrap()).await;

    // Last, because the clock moves on: first the approval's window, then the deadline.
    let (approved, review) = open(world, key, alice).await;
    alice.decide(world, &review, DecisionKind::Approve).await;
    world.clock.advance_ms(16 * 60_000);
    let path = format!("/v1/handoffs/{}/attempt", approved.handoff_id);
    world.post(&path, key, &json!({ "attempt": approved.attempt })).await;
    let (_, mut review) = open(world, key, alice).await;
    for _ in 0..2 {
        world.clock.advance_ms(review.expires_at.as_ms() - world.clock.now().as_ms() + 1);
        sweep::run_once(&world.gateway.shared, world.clock.now()).await.unwrap();
        let lead = world.session(&alice.device_key, &world.gateway.trust()).await;
        let fresh: ReviewDocument = world.get(&format!("/v1/reviews/{}", review.review_id), &lead.token).await.ok();
        let Some(next) = fresh.superseded_by else { break };
        review = world.get(&format!("/v1/reviews/{next}"), &lead.token).await.ok();
    }
    let session = world.session(&alice.device_key, &world.gateway.trust()).await;
    let view = String::from_utf8(alice.view(world, &review).to_bytes().unwrap()).unwrap();
    let shown = json!({ "view": view, "openedAt": world.clock.now() });
    world.post(&format!("/v1/reviews/{}/presented", review.review_id), &session.token, &shown).await;
    reveal(world, &session.token, &review, "/payload/customer/email").await;
}

/// What somebody is told whose key or device has ended.
async fn refuse_ended(world: &World, key: &str, alice: &Reviewer) {
    let session = world.session(&alice.device_key, &world.gateway.trust()).await;
    world.gateway.end_agent_key(key).await.unwrap();
    world.gateway.end_device(&alice.answer.device_keyid).await.unwrap();
    for (method, path, operation) in route::operations() {
        let address = path.replace("{id}", NOBODY).replace("{sha256}", &"0".repeat(64));
        let token = match operation.access {
            Access::Public => continue,
            Access::Agent => key,
            Access::Device => &session.token,
        };
        let reply = world.send(method, &address, Some(token), Vec::new()).await;
        assert_eq!(reply.problem(), (403, "access-ended".to_owned()), "{method} {path}");
    }
    let keyid = &alice.answer.device_keyid;
    let body = serde_json::to_vec(&json!({ "keyid": keyid })).unwrap();
    let challenge: Value = world.send("POST", "/v1/sessions/challenges", None, body).await.ok();
    let text = format!(
        "seamark-session/v1\n{}\n{}",
        alice.answer.trust.ledger_origin,
        challenge["challenge"].as_str().unwrap()
    );
    let proof = sign_text(&alice.device_key, &text);
    let body = json!({ "keyid": keyid, "challenge": challenge["challenge"], "proof": proof });
    world.send("POST", "/v1/sessions", None, serde_json::to_vec(&body).unwrap()).await;
}

pub(super) async fn record() -> Map<String, Value> {
    let world = World::new().await;
    let key = world.agent("order-desk").await;
    let alice = world.reviewer("Alice Example", &["reviewer", "refund-managers", "lead"]).await;
    sweep_all(&world, &key, &alice.token).await;
    refuse_agents(&world, &key, &alice).await;
    refuse_reviewers(&world, &key, &alice).await;
    refuse_ended(&world, &key, &alice).await;
    let examples = world.examples.into_inner().unwrap();
    let is_problem = |example: &Value| example["type"].as_str().is_some_and(|kind| kind.contains("/problems/"));
    examples.into_iter().filter(|(_, example)| is_problem(example)).collect()
}
