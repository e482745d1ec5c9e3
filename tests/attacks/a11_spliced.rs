//! A11: decisions of two attempts put together.

use seamark_contracts::api::review::ReviewState;
use seamark_contracts::decision::DecisionKind;
use seamark_ledger::verify::{Verdict, check_delivery, check_record};

use crate::stage::Stage;

#[tokio::test]
async fn attack_a11_a_decision_of_one_attempt_counts_in_no_other() {
    let stage = Stage::open().await;
    let (key, ana, bo) = (stage.agent("order-desk").await, stage.person("Ana").await, stage.person("Bo").await);
    let manager = stage.office.invite("Mo", &["refund-managers".to_owned(), "reviewer".to_owned()]).await.unwrap();
    let mo = crate::person::Person::enrol(&stage, "Mo", "laptop", &manager).await;
    let handoff = stage.gated(&key).await;
    let first = ana.review(&stage, handoff.review_id.unwrap()).await;
    let approval = bo.draft(&stage, &first, DecisionKind::Approve).await.sign(&bo.decision_key);
    let escalated = ana.decide(&stage, &first, DecisionKind::Escalate).await;
    assert_eq!(escalated.review.state, ReviewState::Superseded);
    let second = escalated.review.superseded_by.unwrap();
    let refused = bo.send(&stage, second, &approval).await;
    assert!(refused.status == 422 || refused.status == 404, "{refused:?}");
    // The newest attempt is approved by somebody who may; its delivery gets the other attempt's decision beside.
    mo.approve(&stage, second).await;
    let delivery = stage.delivery(&key, handoff.handoff_id).await;
    assert_eq!(check_delivery(&delivery, &stage.pinned()).verdict(), Verdict::Pass);
    let mut spliced = delivery.clone();
    spliced.decisions.push(approval["envelope"].clone());
    spliced.views.push(serde_json::from_str(approval["view"].as_str().unwrap()).unwrap());
    assert_eq!(check_delivery(&spliced, &stage.pinned()).verdict(), Verdict::Fail);
    let mut record = stage.record(&mo, second).await;
    record.decisions[0] = approval["envelope"].clone();
    record.views[0] = approval["view"].as_str().unwrap().to_owned();
    assert_eq!(check_record(&record, &stage.pinned()).verdict(), Verdict::Fail);
}
