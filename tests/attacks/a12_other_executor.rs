//! A12: an approval is carried to another executor.

use seamark_agent::execute::Execution;
use seamark_ledger::verify::{ClaimId, Pinned, Verdict, check_bundle};

use crate::stage::{AUDIENCE, Stage};

#[tokio::test]
async fn attack_a12_an_executor_acts_on_nothing_that_is_meant_for_another() {
    let stage = Stage::open().await;
    let (key, ana) = (stage.agent("order-desk").await, stage.person("Ana").await);
    let other = stage.executor(&key, "https://payouts.other.example/execute").await;
    let handoff = stage.gated(&key).await;
    let review = handoff.review_id.unwrap();
    ana.approve(&stage, review).await;
    let delivery = stage.delivery(&key, handoff.handoff_id).await;
    let (refused, paid) = stage.pay(&other, handoff.handoff_id, &delivery).await;
    let Execution::Refused { report, .. } = refused else { panic!("{refused:?}") };
    assert_eq!(report.verdict_of(ClaimId::Audience), Some(Verdict::Fail));
    assert_eq!(paid, None);
    // Presented under another handoff's id, the right executor does not act either.
    let another = stage.gated(&key).await;
    let right = stage.executor(&key, AUDIENCE).await;
    let (refused, paid) = stage.pay(&right, another.handoff_id, &delivery).await;
    assert!(matches!(refused, Execution::Refused { .. }) && paid.is_none(), "{refused:?}");
    let files = stage.bundle(&ana, review).await;
    let elsewhere = Pinned { audience: Some("https://payouts.other.example/execute".to_owned()), ..stage.pinned() };
    assert_eq!(check_bundle(&files, &elsewhere).verdict(), Verdict::Fail);
    let here = Pinned { audience: Some(AUDIENCE.to_owned()), ..stage.pinned() };
    assert_eq!(check_bundle(&files, &here).report.verdict_of(ClaimId::Audience), Some(Verdict::Pass));
}
