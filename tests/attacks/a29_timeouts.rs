//! A29: waiting until it approves itself.

use seamark_contracts::api::agent::Delivery;
use seamark_contracts::decision::DecisionKind;
use seamark_contracts::outcome::{NotCounted, OutcomeKind, OutcomePredicate};
use serde_json::json;

use crate::stage::{Stage, statement_of};

#[tokio::test]
async fn attack_a29_silence_ends_without_an_approval_and_a_later_one_is_late() {
    let stage = Stage::open().await;
    let (key, ana) = (stage.agent("order-desk").await, stage.person("Ana").await);
    let handoff = stage.gated(&key).await;
    let review = ana.review(&stage, handoff.review_id.unwrap()).await;
    let approval = ana.draft(&stage, &review, DecisionKind::Approve).await.sign(&ana.decision_key);
    stage.clock.advance_ms(4 * 3_600_000);
    let delivery: Delivery = stage.delivery(&key, handoff.handoff_id).await;
    let outcome: OutcomePredicate =
        serde_json::from_value(statement_of(delivery.outcome.as_ref().unwrap())["predicate"].clone()).unwrap();
    assert_eq!((outcome.outcome, outcome.window), (OutcomeKind::Expired, None));
    let again: seamark_contracts::api::device::SessionAnswer = ana.session(&stage).await.ok();
    let late = stage.post(&format!("/v1/reviews/{}/decisions", review.review_id), &again.token, &approval).await;
    let late: seamark_contracts::api::review::DecisionAnswer = late.ok();
    assert_eq!((late.decision.counted, late.decision.why), (false, Some(NotCounted::Late)));
    let used = stage
        .post(&format!("/v1/handoffs/{}/attempt", handoff.handoff_id), &key, &json!({ "attempt": handoff.attempt }))
        .await;
    assert_eq!(used.status, 409, "{used:?}");
}

#[tokio::test]
async fn attack_a29_no_contract_can_say_that_silence_approves_or_that_it_takes_for_ever() {
    let stage = Stage::open().await;
    let contract =
        seamark_contracts::samples::find("refund.issue").unwrap().contract.replace("version: 1.2.0", "version: 9.9.9");
    for (from, to) in [
        ("on_expiry: reject", "on_expiry: approve"),
        ("expires_after: PT4H", "expires_after: P9999Y"),
        ("expires_after: PT4H", "expires_after: -PT4H"),
        ("expires_after: PT4H", "expires_after: PT0S"),
        ("expires_after: PT4H", "expires_after: PT99999999999999999999H"),
    ] {
        let changed = contract.replace(from, to);
        assert_ne!(changed, contract);
        assert!(stage.office.publish_contract(&changed).await.is_err(), "{to} was published");
    }
    stage.office.publish_contract(&contract).await.unwrap();
}
