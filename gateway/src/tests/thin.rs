//! The main job once, end to end.

use axum::http::StatusCode;
use seamark_contracts::api::agent::{ConsumeAnswer, Delivery, HandoffAnswer, HandoffStatus, ResultAnswer};
use seamark_contracts::api::review::DecisionAnswer;
use seamark_contracts::clock::Clock as _;
use seamark_contracts::decision::DecisionKind;
use seamark_contracts::digest::Digest;
use seamark_contracts::id::AgentUrn;
use seamark_contracts::outcome::{ExecutionPredicate, ExecutionResult};
use seamark_ledger::statement;
use seamark_ledger::verify::{Pinned, check_record, verify_delivery};
use serde_json::{Value, json};

use crate::testing::{World, execution_key, payload_of};

#[tokio::test]
async fn a_handoff_is_gated_decided_delivered_and_executed() {
    let world = World::new().await;
    let key = world.agent("order-desk").await;
    let alice = world.reviewer("Alice Example", &["reviewer"]).await;

    let submitted = world.gated(&key).await;
    assert_eq!(submitted.status, HandoffStatus::Open);
    let reviews = alice.reviews(&world).await;
    assert_eq!(reviews.len(), 1);
    let review = &reviews[0];
    assert_eq!(Some(review.review_id), submitted.review_id);

    let path = format!("/v1/handoffs/{}", submitted.handoff_id);
    let waiting = world.get(&format!("{path}/outcome"), &key).await;
    assert_eq!(waiting.status, StatusCode::ACCEPTED, "{}", waiting.text());

    let view = alice.view(&world, review);
    let shown = json!({ "view": String::from_utf8(view.to_bytes().unwrap()).unwrap(), "openedAt": world.clock.now() });
    let presented = world.post(&format!("/v1/reviews/{}/presented", review.review_id), &alice.token, &shown).await;
    assert_eq!(presented.status, StatusCode::OK, "{}", presented.text());
    let decision = alice.draft_on(&world, review, DecisionKind::Approve, view).await.sign(&alice.decision_key);

    let wait_path = format!("{path}/outcome?wait_s=30");
    let waiter = world.get(&wait_path, &key);
    let (delivered, decided) = tokio::join!(waiter, alice.send(&world, review, &decision));
    let decided: DecisionAnswer = decided.ok();
    assert!(decided.decision.counted);
    assert_eq!(delivered.status, StatusCode::OK, "{}", delivered.text());

    let delivery: Delivery = delivered.json();
    let audience = "https://refunds.shop.example/execute".to_owned();
    let pinned = Pinned::from_trust(&world.gateway.trust(), Some(audience), world.clock.now()).unwrap();
    let action = verify_delivery(&delivery, &pinned).unwrap_or_else(|report| panic!("{report:#?}"));
    let handoff: HandoffAnswer = world.get(&path, &key).await.ok();
    assert_eq!(handoff.status, HandoffStatus::Approved);

    let consumed = world.post(&format!("{path}/attempt"), &key, &json!({ "attempt": action.attempt })).await;
    let _: ConsumeAnswer = consumed.ok();
    let again = world.post(&format!("{path}/attempt"), &key, &json!({ "attempt": action.attempt })).await;
    assert_eq!(again.problem(), (409, "attempt-consumed".to_owned()));

    let executor = execution_key(&world, &key, "refund-executor").await;
    let outcome = delivery.outcome.clone().unwrap();
    let predicate = ExecutionPredicate {
        result: ExecutionResult::Executed,
        phase: None,
        code: None,
        attempt: action.attempt.clone(),
        decisions: delivery.decisions.iter().map(|decision| Digest::of(&payload_of(decision))).collect(),
        disclosures: Vec::new(),
        executed_at: world.clock.now(),
        executor: AgentUrn::from_name("refund-executor").unwrap(),
    };
    let outcome_id = handoff.outcome.as_ref().unwrap().outcome_id;
    let subjects = (
        (submitted.handoff_id, Digest::of(&payload_of(&delivery.handoff))),
        Some((outcome_id, Digest::of(&payload_of(&outcome)))),
    );
    let bytes = statement::build_execution(&predicate, subjects.0, subjects.1).unwrap();
    let envelope: Value = serde_json::from_str(&statement::sign(bytes, &executor).unwrap().to_json()).unwrap();
    let reported: ResultAnswer = world.post(&format!("{path}/result"), &key, &envelope).await.ok();
    assert_eq!(reported.result.result, ExecutionResult::Executed);

    let acknowledged = world.post(&format!("{path}/outcome/ack"), &key, &Value::Null).await;
    assert_eq!(acknowledged.status, StatusCode::OK, "{}", acknowledged.text());
    let seen = alice.review(&world, review.review_id).await;
    assert!(seen.delivered_at.is_some() && seen.result.is_some());

    let record = world.get(&format!("/v1/audit/reviews/{}", review.review_id), &alice.token).await.ok();
    let report = check_record(&record, &pinned);
    assert_eq!(report.verdict(), seamark_ledger::verify::Verdict::Pass, "{report:#?}");
    world.assert_sound().await;
}
