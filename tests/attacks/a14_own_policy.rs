//! A14: whoever presents chooses the policy, the contract or the approvers.

use seamark_contracts::decision::DecisionKind;
use seamark_contracts::digest::Digest;
use seamark_ledger::verify::{ClaimId, Verdict, check_delivery};

use crate::stage::Stage;

#[tokio::test]
async fn attack_a14_a_kinder_policy_or_contract_is_not_the_one_that_was_pinned() {
    let stage = Stage::open().await;
    let (key, ana) = (stage.agent("order-desk").await, stage.person("Ana").await);
    let handoff = stage.gated(&key).await;
    let review = ana.review(&stage, handoff.review_id.unwrap()).await;
    let mut draft = ana.draft(&stage, &review, DecisionKind::Approve).await;
    draft.predicate.policy.digest = Digest::of(b"nobody has to look");
    let refused = ana.send(&stage, review.review_id, &draft.sign(&ana.decision_key)).await;
    assert_eq!((refused.status, refused.code()), (422, "decision-invalid"), "{refused:?}");
    // A role that the contract does not ask, or that the person never had.
    for role in ["refund-managers", "root", "refund-reviewer"] {
        let mut draft = ana.draft(&stage, &review, DecisionKind::Approve).await;
        draft.predicate.reviewer.role = role.to_owned();
        let refused = ana.send(&stage, review.review_id, &draft.sign(&ana.decision_key)).await;
        assert!([403, 422].contains(&refused.status), "{role}: {refused:?}");
    }
    ana.decide(&stage, &review, DecisionKind::Approve).await;
    let delivery = stage.delivery(&key, handoff.handoff_id).await;
    for (from, to) in [("PT4H", "PT9H"), ("\"reviewer\"", "\"anybody\""), ("100.00", "9999.00")] {
        let mut kinder = delivery.clone();
        assert!(kinder.contract.contains(from), "{from}");
        kinder.contract = kinder.contract.replace(from, to);
        let report = check_delivery(&kinder, &stage.pinned());
        assert_eq!(report.verdict_of(ClaimId::Contract), Some(Verdict::Fail), "{to}");
    }
    // Nor is a published version ever another one afterwards (invariant A5).
    let sample = seamark_contracts::samples::find("refund.issue").unwrap();
    assert!(stage.office.publish_contract(&sample.contract.replace("PT4H", "PT9H")).await.is_err());
}
