//! Whoever hands over does not act: keys have a side, and act as nobody whom their operator has not named.

use axum::http::StatusCode;
use seamark_contracts::api::agent::{EnrolledKey, HandoffAnswer};
use seamark_contracts::decision::DecisionKind;
use seamark_contracts::id::AgentUrn;
use serde_json::{Value, json};

use crate::scope::{ActsFor, KeyScope, KeySide};
use crate::testing::{World, key, key_text, sign_text};

const EXECUTOR: &str = "refund-executor";

fn named(names: &[&str]) -> KeyScope {
    let acts_for = names.iter().map(|name| AgentUrn::from_name(name).unwrap()).collect();
    KeyScope { acts_for: ActsFor::Named(acts_for), ..KeyScope::default() }
}

fn naming(seed: &str, agent: &str) -> Value {
    let (signer, urn) = (key(seed), AgentUrn::from_name(agent).unwrap());
    let public = key_text(&signer);
    let proof = sign_text(&signer, &format!("seamark-execution-key/v1\n{urn}\n{public}"));
    json!({ "agent": urn, "publicKey": public, "proof": proof })
}

/// An approved handoff of `source`: its path and attempt.
async fn approved(world: &World, source: &str) -> (String, Value) {
    let alice = world.reviewer(&format!("Person {}", world.seen().await.size), &["reviewer"]).await;
    let handoff: HandoffAnswer = world.gated(source).await;
    let review = alice.review(world, handoff.review_id.unwrap()).await;
    alice.decide(world, &review, DecisionKind::Approve).await;
    (format!("/v1/handoffs/{}", handoff.handoff_id), json!({ "attempt": handoff.attempt }))
}

/// The source says that it is the destination: it uses the attempt, names a key, or takes up all the places for keys.
#[tokio::test]
async fn attack_a10_a_source_neither_uses_the_attempt_nor_names_a_key_as_the_destination() {
    let world = World::new().await;
    let source = world.gateway.create_agent_key("order-desk", &[]).await.unwrap();
    let (path, attempt) = approved(&world, &source).await;
    let forbidden = (403, "forbidden".to_owned());
    assert_eq!(world.post(&format!("{path}/attempt"), &source, &attempt).await.problem(), forbidden);
    assert_eq!(world.post("/v1/execution-keys", &source, &naming("a", EXECUTOR)).await.problem(), forbidden);
    let destination = world.gateway.create_agent_key(EXECUTOR, &[]).await.unwrap();
    let _: EnrolledKey = world.post("/v1/execution-keys", &destination, &naming("a", EXECUTOR)).await.ok();
    assert_eq!(world.post(&format!("{path}/attempt"), &destination, &attempt).await.status, StatusCode::OK);
    world.assert_sound().await;
}

#[tokio::test]
async fn a_key_acts_as_those_whom_its_operator_named_and_reads_what_is_theirs_to_act_on() {
    let world = World::new().await;
    let source = world.gateway.create_agent_key("order-desk", &[]).await.unwrap();
    let serving = world.gateway.create_scoped_key("orchestrator", named(&[EXECUTOR])).await.unwrap();
    let other = world.gateway.create_scoped_key("orchestrator", named(&["offer-sender"])).await.unwrap();
    let (path, attempt) = approved(&world, &source).await;
    assert_eq!(world.get(&path, &other).await.problem(), (404, "not-found".to_owned()));
    assert_eq!(world.post(&format!("{path}/attempt"), &other, &attempt).await.problem().0, 404);
    assert_eq!(world.get(&format!("{path}/outcome"), &serving).await.status, StatusCode::OK);
    let withdrawal = json!({ "reason": "Not its own." });
    assert_eq!(world.post(&format!("{path}/withdraw"), &serving, &withdrawal).await.problem().0, 404);
    assert_eq!(world.post(&format!("{path}/attempt"), &serving, &attempt).await.status, StatusCode::OK);
    let shown = world.gateway.agent_keys().await.unwrap();
    assert_eq!(shown[1].acts_for, ["urn:seamark:agent:refund-executor"]);
    world.assert_sound().await;
}

#[tokio::test]
async fn a_key_of_one_side_does_nothing_of_the_other() {
    let world = World::new().await;
    let of = |side| KeyScope { side: Some(side), ..KeyScope::default() };
    let source = world.gateway.create_scoped_key(EXECUTOR, of(KeySide::Source)).await.unwrap();
    let destination = world.gateway.create_scoped_key(EXECUTOR, of(KeySide::Destination)).await.unwrap();
    let forbidden = (403, "forbidden".to_owned());
    let submission = world.submission("refund.issue", "small-passes");
    assert_eq!(world.post("/v1/handoffs", &destination, &submission).await.problem(), forbidden);
    let handoff: HandoffAnswer = world.post("/v1/handoffs", &source, &submission).await.ok();
    let path = format!("/v1/handoffs/{}", handoff.handoff_id);
    let withdrawal = json!({ "reason": "Never mind." });
    assert_eq!(world.post(&format!("{path}/withdraw"), &destination, &withdrawal).await.problem(), forbidden);
    assert_eq!(world.post(&format!("{path}/revisions"), &destination, &submission).await.problem(), forbidden);
    let attempt = json!({ "attempt": handoff.attempt });
    assert_eq!(world.post(&format!("{path}/attempt"), &source, &attempt).await.problem(), forbidden);
    assert_eq!(world.post("/v1/execution-keys", &source, &naming("a", EXECUTOR)).await.problem(), forbidden);
    assert_eq!(world.post(&format!("{path}/attempt"), &destination, &attempt).await.status, StatusCode::OK);
    world.assert_sound().await;
}
