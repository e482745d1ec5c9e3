//! A15: a key that comes along, or one of another use.

use seamark_contracts::decision::DecisionKind;
use seamark_contracts::digest::Digest;
use seamark_ledger::key::SigningKey;
use seamark_ledger::verify::{ClaimId, Verdict, check_delivery};
use serde_json::json;

use crate::stage::{Stage, signed_anew};

#[tokio::test]
async fn attack_a15_no_decision_is_believed_under_a_key_that_nobody_enrolled_for_it() {
    let stage = Stage::open().await;
    let (key, ana, bo) = (stage.agent("order-desk").await, stage.person("Ana").await, stage.person("Bo").await);
    let handoff = stage.gated(&key).await;
    let review = ana.review(&stage, handoff.review_id.unwrap()).await;
    let draft = ana.draft(&stage, &review, DecisionKind::Approve).await;
    let own = SigningKey::from_seed(Digest::of(b"the attacker's").as_bytes());
    let operators = ["handoff", "outcome", "ledger"].map(|name| stage.operators_key(name));
    for signer in operators.iter().chain([&own, &ana.device_key, &bo.decision_key]) {
        let refused = ana.send(&stage, review.review_id, &draft.sign(signer)).await;
        assert_eq!((refused.status, refused.code()), (422, "decision-invalid"), "{refused:?}");
    }
    ana.send(&stage, review.review_id, &draft.sign(&ana.decision_key)).await.ok::<serde_json::Value>();
    let delivery = stage.delivery(&key, handoff.handoff_id).await;
    for signer in operators.iter().chain([&own, &bo.decision_key]) {
        let mut forged = delivery.clone();
        forged.decisions[0] = signed_anew(&delivery.decisions[0], signer, |_| {});
        // The hint names the person's key: it is only a hint.
        forged.decisions[0]["signatures"][0]["keyid"] = delivery.decisions[0]["signatures"][0]["keyid"].clone();
        let report = check_delivery(&forged, &stage.pinned());
        assert_eq!(report.verdict_of(ClaimId::Decision), Some(Verdict::Fail));
    }
    let mut hinted = delivery.clone();
    hinted.decisions[0]["signatures"][0]["keyid"] = json!("00".repeat(32));
    assert_eq!(check_delivery(&hinted, &stage.pinned()), check_delivery(&delivery, &stage.pinned()));
}
