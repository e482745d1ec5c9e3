//! A7: what was approved is swapped, before or after.

use seamark_agent::execute::Execution;
use seamark_contracts::decision::DecisionKind;
use seamark_ledger::verify::{ClaimId, Verdict, check_delivery};
use serde_json::json;

use crate::stage::{AUDIENCE, Stage, signed_anew};

/// The source changes the amount while the approval is on its way; the approval is none of the new amount.
#[tokio::test]
async fn attack_a7_an_approval_of_the_old_content_is_not_taken_for_the_new_one() {
    let stage = Stage::open().await;
    let (key, ana) = (stage.agent("order-desk").await, stage.person("Ana").await);
    let mut submission = stage.submission("returned-goods");
    let handoff = stage.submit(&key, &submission).await;
    let review = ana.review(&stage, handoff.review_id.unwrap()).await;
    let approval = ana.draft(&stage, &review, DecisionKind::Approve).await.sign(&ana.decision_key);
    submission["payload"]["amount"] = json!("120.00");
    let revised: seamark_contracts::api::agent::HandoffAnswer =
        stage.post(&format!("/v1/handoffs/{}/revisions", handoff.handoff_id), &key, &submission).await.ok();
    let newer = revised.review_id.unwrap();
    let refused = ana.send(&stage, newer, &approval).await;
    assert_eq!((refused.status, refused.code()), (422, "decision-invalid"), "{refused:?}");
    let late = ana.send(&stage, review.review_id, &approval).await;
    assert_eq!(late.body["decision"]["counted"], false, "{late:?}");
    let open = ana.review(&stage, newer).await;
    assert!(open.outcome.is_none() && open.decisions.is_empty());
}

/// Whoever carries the delivery changes it; even with the gateway's own key nothing is paid.
#[tokio::test]
async fn attack_a7_a_destination_pays_only_what_the_person_saw() {
    let stage = Stage::open().await;
    let (key, ana) = (stage.agent("order-desk").await, stage.person("Ana").await);
    let handoff = stage.gated(&key).await;
    ana.approve(&stage, handoff.review_id.unwrap()).await;
    let delivery = stage.delivery(&key, handoff.handoff_id).await;
    let executor = stage.executor(&key, AUDIENCE).await;
    let operator = stage.operators_key("handoff");
    // The gateway signs another amount, with the subject that belongs to it; no person decided on that.
    let mut swapped = delivery.clone();
    swapped.handoff = signed_anew(&delivery.handoff, &operator, |s| {
        s["predicate"]["payload"]["amount"] = json!("9999.00");
        let digest = seamark_contracts::canonical::digest_hex(&s["predicate"]["payload"]).unwrap();
        s["subject"][0]["digest"]["sha256"] = json!(digest);
    });
    let report = check_delivery(&swapped, &stage.pinned());
    assert_eq!(report.verdict_of(ClaimId::Handoff), Some(Verdict::Pass), "{report:#?}");
    assert_eq!(report.verdict_of(ClaimId::Decision), Some(Verdict::Fail), "{report:#?}");
    let mut other_card = delivery.clone();
    other_card.disclosures[0].push('A');
    let mut none = delivery.clone();
    none.disclosures.clear();
    for tampered in [&swapped, &other_card, &none] {
        assert_ne!(check_delivery(tampered, &stage.pinned()).verdict(), Verdict::Pass);
    }
    let (refused, paid) = stage.pay(&executor, handoff.handoff_id, &none).await;
    assert!(matches!(refused, Execution::Refused { .. }) && paid.is_none(), "{refused:?}");
}
