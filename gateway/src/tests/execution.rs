//! What destinations do after the outcome, and what a gateway on its own address does.

use std::sync::Arc;

use axum::http::StatusCode;
use seamark_contracts::api::agent::{Delivery, EnrolledKey, HandoffAnswer, ResultAnswer};
use seamark_contracts::clock::Clock as _;
use seamark_contracts::decision::DecisionKind;
use seamark_contracts::digest::Digest;
use seamark_contracts::id::AgentUrn;
use seamark_contracts::outcome::{ExecutionPhase, ExecutionPredicate, ExecutionResult};
use seamark_ledger::key::SigningKey;
use seamark_ledger::statement;
use serde_json::{Value, json};

use crate::scope::{ActsFor, KeyScope};
use crate::testing::{Keyring, Reply, World, execution_key, key, key_text, payload_of, sign_text};

struct Done {
    handoff: HandoffAnswer,
    delivery: Delivery,
    path: String,
}

async fn decided(world: &World, agent: &str, kind: DecisionKind) -> Done {
    let alice = world.reviewer(&format!("Person {}", world.seen().await.size), &["reviewer"]).await;
    world.settle().await;
    let handoff = world.gated(agent).await;
    let review = alice.review(world, handoff.review_id.unwrap()).await;
    alice.decide(world, &review, kind).await;
    let path = format!("/v1/handoffs/{}", handoff.handoff_id);
    let delivery = world.get(&format!("{path}/outcome"), agent).await.ok();
    let handoff = world.get(&path, agent).await.ok();
    Done { handoff, delivery, path }
}

impl Done {
    fn report(&self, world: &World, result: ExecutionResult, signer: &SigningKey) -> Value {
        let phase = (result == ExecutionResult::Failed).then_some(ExecutionPhase::Gate);
        let predicate = ExecutionPredicate {
            result,
            phase,
            code: phase.map(|_| "not-approved".to_owned()),
            attempt: self.handoff.attempt.clone().unwrap(),
            decisions: Vec::new(),
            disclosures: Vec::new(),
            executed_at: world.clock.now(),
            executor: AgentUrn::from_name("refund-executor").unwrap(),
        };
        let outcome = self.delivery.outcome.as_ref().unwrap();
        let outcome = (self.handoff.outcome.as_ref().unwrap().outcome_id, Digest::of(&payload_of(outcome)));
        let handoff = (self.handoff.handoff_id, self.handoff.statement.unwrap());
        let bytes = statement::build_execution(&predicate, handoff, Some(outcome)).unwrap();
        serde_json::from_str(&statement::sign(bytes, signer).unwrap().to_json()).unwrap()
    }

    async fn send(&self, world: &World, agent: &str, report: &Value) -> Reply {
        world.post(&format!("{}/result", self.path), agent, report).await
    }

    async fn consume(&self, world: &World, agent: &str) -> Reply {
        world.post(&format!("{}/attempt", self.path), agent, &json!({ "attempt": self.handoff.attempt })).await
    }
}

#[tokio::test]
async fn executed_needs_an_approval_a_used_attempt_and_the_destinations_key() {
    let world = World::new().await;
    let agent = world.agent("order-desk").await;
    let signer = execution_key(&world, &agent, "refund-executor").await;
    let done = decided(&world, &agent, DecisionKind::Approve).await;
    let report = done.report(&world, ExecutionResult::Executed, &signer);
    let invalid = (422, "decision-invalid".to_owned());
    assert_eq!(done.send(&world, &agent, &report).await.problem(), invalid, "the attempt was not used up");
    assert_eq!(done.consume(&world, &agent).await.status, StatusCode::OK);
    let strange = done.report(&world, ExecutionResult::Executed, &key("stranger"));
    assert_eq!(done.send(&world, &agent, &strange).await.problem(), invalid);
    let first: ResultAnswer = done.send(&world, &agent, &report).await.ok();
    let again: ResultAnswer = done.send(&world, &agent, &report).await.ok();
    assert_eq!(first, again);
    world.clock.advance_ms(1);
    let other = done.report(&world, ExecutionResult::Failed, &signer);
    assert_eq!(done.send(&world, &agent, &other).await.problem(), (409, "outcome-exists".to_owned()));

    let rejected = decided(&world, &agent, DecisionKind::Reject).await;
    let report = rejected.report(&world, ExecutionResult::Executed, &signer);
    assert_eq!(rejected.send(&world, &agent, &report).await.problem(), invalid, "nothing was approved");
    let report = rejected.report(&world, ExecutionResult::Failed, &signer);
    assert_eq!(
        rejected.send(&world, &agent, &report).await.status,
        StatusCode::OK,
        "refused at the gate, nothing done"
    );
    world.assert_sound().await;
}

/// Invariant B10: the signer writes `executedAt`, so an end is judged by when the report comes.
#[tokio::test]
async fn b10_a_report_under_an_ended_key_is_refused_whatever_time_it_gives() {
    let world = World::new().await;
    let agent = world.agent("order-desk").await;
    let signer = execution_key(&world, &agent, "refund-executor").await;
    let done = decided(&world, &agent, DecisionKind::Approve).await;
    assert_eq!(done.consume(&world, &agent).await.status, StatusCode::OK);
    // Signed while the key was good, with a time at which it was good.
    let report = done.report(&world, ExecutionResult::Executed, &signer);
    let id = world.gateway.execution_keys().await.unwrap().remove(0).id;
    world.gateway.end_execution_key(&id).await.unwrap();
    for n_ms in [0, 5_000] {
        world.clock.advance_ms(n_ms);
        let refused = done.send(&world, &agent, &report).await;
        assert_eq!(refused.problem(), (422, "decision-invalid".to_owned()));
        assert!(refused.text().contains("has ended"), "{}", refused.text());
    }
    let (fresh, urn) = (key("another execution key"), "urn:seamark:agent:refund-executor");
    let public = key_text(&fresh);
    let proof = sign_text(&fresh, &format!("seamark-execution-key/v1\n{urn}\n{public}"));
    let body = json!({ "agent": urn, "publicKey": public, "proof": proof });
    let _: EnrolledKey = world.post("/v1/execution-keys", &agent, &body).await.ok();
    let report = done.report(&world, ExecutionResult::Executed, &fresh);
    assert_eq!(done.send(&world, &agent, &report).await.status, StatusCode::OK);
    world.assert_sound().await;
}

#[tokio::test]
async fn an_attempt_is_used_once_by_whoever_is_first() {
    let world = World::new().await;
    let agent = world.agent("order-desk").await;
    let destination = world.agent("refund-executor").await;
    let done = decided(&world, &agent, DecisionKind::Approve).await;
    let tries = futures_util::future::join_all(
        (0..12).map(|n| done.consume(&world, if n % 2 == 0 { &agent } else { &destination })),
    )
    .await;
    assert_eq!(tries.iter().filter(|reply| reply.status == StatusCode::OK).count(), 1);
    assert_eq!(tries.iter().filter(|reply| reply.status == StatusCode::CONFLICT).count(), 11);
    let wrong =
        world.post(&format!("{}/attempt", done.path), &agent, &json!({ "attempt": "2W8Z9-1AnKqNLT2fKbej5g" })).await;
    assert_eq!(wrong.problem(), (422, "invalid-request".to_owned()));
    let open = world.gated(&agent).await;
    let early = world
        .post(&format!("/v1/handoffs/{}/attempt", open.handoff_id), &agent, &json!({ "attempt": open.attempt }))
        .await;
    assert_eq!(early.problem(), (409, "invalid-request".to_owned()));
    let ack = world.post(&format!("/v1/handoffs/{}/outcome/ack", open.handoff_id), &agent, &Value::Null).await;
    assert_eq!(ack.problem(), (409, "invalid-request".to_owned()));
    world.assert_sound().await;
}

/// Invariant B6: an approval authorises within its window and not one millisecond longer.
#[tokio::test]
async fn attack_an_attempt_is_not_used_outside_of_the_approvals_window() {
    let world = World::new().await;
    let agent = world.agent("order-desk").await;
    let done = decided(&world, &agent, DecisionKind::Approve).await;
    let early = decided(&world, &agent, DecisionKind::Approve).await;
    world.clock.advance_ms(15 * 60_000 - 1);
    assert_eq!(early.consume(&world, &agent).await.status, StatusCode::OK, "the last moment of the window");
    world.clock.advance_ms(1);
    assert_eq!(done.consume(&world, &agent).await.problem(), (409, "expired".to_owned()));
    world.assert_sound().await;
}

#[tokio::test]
async fn an_execution_key_is_a_destinations_own() {
    let world = World::new().await;
    let acts_for = ActsFor::Named(vec![AgentUrn::from_name("refund-executor").unwrap()]);
    let scope = KeyScope { contracts: vec!["refund.issue".to_owned()], acts_for, side: None };
    let agent = world.gateway.create_scoped_key("order-desk", scope).await.unwrap();
    let request = |name: &str, signer: &SigningKey, prover: &SigningKey| {
        let urn = AgentUrn::from_name(name).unwrap();
        let public = key_text(signer);
        let proof = sign_text(prover, &format!("seamark-execution-key/v1\n{urn}\n{public}"));
        json!({ "agent": urn, "publicKey": public, "proof": proof })
    };
    let path = "/v1/execution-keys";
    let good = request("refund-executor", &key("a"), &key("a"));
    let first: EnrolledKey = world.post(path, &agent, &good).await.ok();
    let again: EnrolledKey = world.post(path, &agent, &good).await.ok();
    assert_eq!(first, again);
    let forged = request("refund-executor", &key("b"), &key("a"));
    assert_eq!(world.post(path, &agent, &forged).await.problem(), (422, "invalid-request".to_owned()));
    let foreign = request("booking-executor", &key("b"), &key("b"));
    assert_eq!(world.post(path, &agent, &foreign).await.problem(), (403, "forbidden".to_owned()));
    let taken = request("order-desk", &key("a"), &key("a"));
    assert_eq!(world.post(path, &agent, &taken).await.problem(), (422, "invalid-request".to_owned()));
    world.assert_sound().await;
}

#[tokio::test]
async fn a_delivery_has_the_same_bytes_for_ever() {
    let world = World::new().await;
    let agent = world.agent("order-desk").await;
    let done = decided(&world, &agent, DecisionKind::Approve).await;
    let path = format!("{}/outcome", done.path);
    let first = world.get(&path, &agent).await.bytes;
    world.gated(&agent).await;
    world.reviewer("Bob", &["reviewer"]).await;
    world.post(&format!("{path}/ack"), &agent, &Value::Null).await;
    assert_eq!(world.get(&path, &agent).await.bytes, first, "whatever happens after it (C3)");
    let world = world.reopen(5).await;
    assert_eq!(world.get(&path, &agent).await.bytes, first);
}

#[tokio::test]
async fn audit_finds_and_filters() {
    let world = World::new().await;
    let agent = world.agent("order-desk").await;
    for kind in [DecisionKind::Approve, DecisionKind::Reject, DecisionKind::Approve] {
        decided(&world, &agent, kind).await;
    }
    world.gated(&agent).await;
    let (alice, clark) = (world.reviewer("Alice", &["reviewer"]).await, world.reviewer("Clark", &["clerk"]).await);
    let auditor = world.reviewer("Audrey", &["auditor"]).await;
    let found = async |token: &str, query: &str| -> (usize, u64) {
        let page: Value = world.get(&format!("/v1/audit/reviews{query}"), token).await.ok();
        (page["reviews"].as_array().unwrap().len(), page["nMatching"].as_u64().unwrap())
    };
    assert_eq!(found(&alice.token, "").await, (3, 3));
    assert_eq!(found(&auditor.token, "").await, (3, 3));
    assert_eq!(found(&clark.token, "").await, (0, 0));
    assert_eq!(found(&alice.token, "?outcome=approved").await, (2, 2));
    assert_eq!(found(&alice.token, "?contract=offer.send").await, (0, 0));
    assert_eq!(found(&alice.token, "?limit=2").await, (2, 3));
    assert_eq!(found(&alice.token, "?q=refund&to=2000-01-01T00:00:00.000Z").await, (0, 0));
    let page: Value = world.get("/v1/audit/reviews?limit=2", &alice.token).await.ok();
    let rest = format!("?limit=2&after={}", page["next"].as_str().unwrap());
    assert_eq!(found(&alice.token, &rest).await, (1, 3), "the count is that of the search, not of the page");
    let last: Value = world.get(&format!("/v1/audit/reviews{rest}"), &alice.token).await.ok();
    assert_eq!(last["next"], Value::Null);
    let whole: Value = world.get("/v1/audit/reviews", &alice.token).await.ok();
    let record = &whole["reviews"][1];
    let person = record["decisions"][0]["reviewer"].as_str().unwrap();
    let name = record["decisions"][0]["reviewerName"].as_str().unwrap().to_uppercase();
    for (query, n) in [
        (format!("?q={}", record["reviewId"].as_str().unwrap().to_uppercase()), 1),
        (format!("?q={}", record["decisions"][0]["decisionId"].as_str().unwrap()), 1),
        (format!("?person={person}"), 1),
        (format!("?q={}", name.replace(' ', "%20")), 1),
        ("?q=ORDER-DESK".to_owned(), 3),
        ("?q=%25".to_owned(), 0),
        ("?q=nothing%20like%20it".to_owned(), 0),
        ("?from=2000-01-01T00:00:00.000Z".to_owned(), 3),
    ] {
        assert_eq!(found(&alice.token, &query).await, (n, n as u64), "{query}");
    }
    let id = page["reviews"][0]["reviewId"].as_str().unwrap();
    assert_eq!(
        world.get(&format!("/v1/audit/reviews/{id}"), &clark.token).await.problem(),
        (404, "not-found".to_owned())
    );
    assert_eq!(
        world.get("/v1/audit/reviews?from=yesterday", &alice.token).await.problem(),
        (422, "invalid-request".to_owned())
    );
}

#[tokio::test]
async fn a_file_comes_with_its_salt_and_only_to_candidates() {
    let world = World::new().await;
    let agent = world.agent("content-desk").await;
    let mut submission = world.submission("article.publish", "before-embargo");
    submission["artifacts"] = json!([{ "name": "draft.md", "mediaType": "text/markdown", "content": "IyBEcmFmdAo=" }]);
    let reply = world.post("/v1/handoffs", &agent, &submission).await;
    assert!(reply.status.is_success(), "{}", reply.text());
    let (alice, clark) = (world.reviewer("Alice", &["reviewer"]).await, world.reviewer("Clark", &["clerk"]).await);
    let review = alice.reviews(&world).await.remove(0);
    let artifact = crate::testing::predicate_of(&review.handoff).artifacts.remove(0);
    let path = format!("/v1/reviews/{}/artifacts/{}", review.review_id, artifact.digest);
    let file = world.get(&path, &alice.token).await;
    assert_eq!(Digest::of(&file.bytes), artifact.digest);
    assert_eq!(file.bytes.len() as u64, artifact.size + 16);
    assert_eq!(world.get(&path, &clark.token).await.problem(), (404, "not-found".to_owned()));
    world.assert_sound().await;
}

#[tokio::test]
async fn a16_an_execution_key_reports_once_the_root_has_signed_it() {
    let world = World::outside().await;
    let agent = world.agent("order-desk").await;
    let done = decided(&world, &agent, DecisionKind::Reject).await;
    let signer = execution_key(&world, &agent, "refund-executor").await;
    let report = done.report(&world, ExecutionResult::Failed, &signer);
    assert_eq!(done.send(&world, &agent, &report).await.problem(), (403, "enrolment-pending".to_owned()));
    let strange = done.report(&world, ExecutionResult::Failed, &key("stranger"));
    assert_eq!(done.send(&world, &agent, &strange).await.problem(), (422, "decision-invalid".to_owned()));
    world.settle().await;
    let answer = done.send(&world, &agent, &report).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    world.assert_sound().await;
}

#[tokio::test]
async fn an_embedded_gateway_keeps_its_address_and_its_ledger() {
    let folder = tempfile::tempdir().unwrap();
    let keyring = Arc::new(Keyring::default());
    let embedded = crate::embed::start(folder.path(), keyring.clone()).await.unwrap();
    embedded.publish_samples().await.unwrap();
    embedded.publish_samples().await.unwrap();
    let agent = embedded.agent_key("order-desk").await.unwrap();
    assert!(embedded.invite("Alice", &["reviewer".to_owned()]).await.unwrap().starts_with("smi_"));
    let address = embedded.address().to_owned();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let sample = seamark_contracts::samples::find("refund.issue").unwrap();
    let (_, text) = sample.examples.iter().find(|(name, _)| name.ends_with("returned-goods.json")).unwrap();
    let post = async |address: &str| {
        let request = client.post(format!("{address}/v1/handoffs")).bearer_auth(&agent).body((*text).to_owned());
        request.send().await.unwrap()
    };
    assert_eq!(post(&address).await.status(), 201);
    let waiting = client.get(format!("{address}/v1/events")).bearer_auth(&agent).send().await.unwrap();
    assert_eq!(waiting.status(), 200);
    assert!(embedded.fsck().await.is_sound());
    embedded.stop().await;

    let embedded = crate::embed::start(folder.path(), keyring.clone()).await.unwrap();
    assert_eq!(embedded.address(), address, "the port of the last time");
    assert_eq!(post(&address).await.status(), 200, "the same handoff as before");
    let report = embedded.fsck().await;
    assert!(report.is_sound(), "{report:#?}");
    assert_eq!(report.n_handoffs, 1);
    embedded.stop().await;
}
