//! A10: one approval, used more than once.

use std::sync::Arc;

use seamark_agent::execute::Execution;
use seamark_contracts::outcome::ExecutionPhase;
use serde_json::json;

use crate::stage::{AUDIENCE, Stage};

/// Starts all uses of an attempt before any is waited for; the answers' codes.
async fn use_at_once(stage: &Arc<Stage>, path: &str, key: &str, attempt: &str, n: usize) -> Vec<u16> {
    let mut under_way = tokio::task::JoinSet::new();
    for _ in 0..n {
        let (stage, path, key, attempt) = (stage.clone(), path.to_owned(), key.to_owned(), attempt.to_owned());
        under_way.spawn(async move { stage.post(&path, &key, &json!({ "attempt": attempt })).await.status });
    }
    under_way.join_all().await
}

#[tokio::test(flavor = "multi_thread")]
async fn attack_a10_of_a_hundred_that_use_one_approval_at_once_one_wins() {
    let stage = Arc::new(Stage::open().await);
    let (key, ana) = (stage.agent("order-desk").await, stage.person("Ana").await);
    let handoff = stage.gated(&key).await;
    ana.approve(&stage, handoff.review_id.unwrap()).await;
    let path = format!("/v1/handoffs/{}/attempt", handoff.handoff_id);
    let answers = use_at_once(&stage, &path, &key, handoff.attempt.as_deref().unwrap(), 100).await;
    assert_eq!(answers.iter().filter(|status| **status == 200).count(), 1, "{answers:?}");
    assert_eq!(answers.iter().filter(|status| **status == 409).count(), 99, "{answers:?}");
}

/// The destination dies between using the attempt and acting; after its restart it does not act a second time.
#[tokio::test]
async fn attack_a10_a_delivery_that_is_replayed_or_taken_up_after_a_crash_pays_nothing_again() {
    let stage = Stage::open().await;
    let (key, ana) = (stage.agent("order-desk").await, stage.person("Ana").await);
    let executor = stage.executor(&key, AUDIENCE).await;
    let handoff = stage.gated(&key).await;
    ana.approve(&stage, handoff.review_id.unwrap()).await;
    let delivery = stage.delivery(&key, handoff.handoff_id).await;
    let (done, paid) = stage.pay(&executor, handoff.handoff_id, &delivery).await;
    assert!(matches!(done, Execution::Executed { .. }), "{done:?}");
    assert_eq!(paid.as_deref(), Some("129.90"));
    let path = format!("/v1/handoffs/{}/attempt", handoff.handoff_id);
    let again = stage.post(&path, &key, &json!({ "attempt": handoff.attempt })).await;
    assert_eq!((again.status, again.code()), (409, "attempt-consumed"), "a replay of the delivery gets no attempt");

    let crashed = stage.gated(&key).await;
    ana.approve(&stage, crashed.review_id.unwrap()).await;
    let delivery = stage.delivery(&key, crashed.handoff_id).await;
    stage.client(&key).consume_attempt(crashed.handoff_id, crashed.attempt.as_deref().unwrap()).await.unwrap();
    let (found, paid) = stage.pay(&executor, crashed.handoff_id, &delivery).await;
    assert!(matches!(found, Execution::Failed { phase: ExecutionPhase::Unknown, .. }), "{found:?}");
    assert_eq!(paid, None);
}

#[tokio::test]
async fn attack_a10_an_approval_that_was_kept_for_later_is_over() {
    let stage = Stage::open().await;
    let (key, ana) = (stage.agent("order-desk").await, stage.person("Ana").await);
    let executor = stage.executor(&key, AUDIENCE).await;
    let handoff = stage.gated(&key).await;
    ana.approve(&stage, handoff.review_id.unwrap()).await;
    let delivery = stage.delivery(&key, handoff.handoff_id).await;
    stage.clock.advance_ms(15 * 60_000);
    let (refused, paid) = stage.pay(&executor, handoff.handoff_id, &delivery).await;
    assert!(matches!(refused, Execution::Refused { .. }) && paid.is_none(), "{refused:?}");
    let path = format!("/v1/handoffs/{}/attempt", handoff.handoff_id);
    let late = stage.post(&path, &key, &json!({ "attempt": handoff.attempt })).await;
    assert_eq!((late.status, late.code()), (409, "expired"), "the gateway says so too");
}
