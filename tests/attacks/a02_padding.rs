//! A2: what matters is padded away, hidden, or never opened.

use seamark_contracts::decision::DecisionKind;
use seamark_desk::answer::ConfirmedInput;
use seamark_desk::refusal::RefusalCode;
use seamark_tests::desk::approval;
use serde_json::json;

use crate::stage::{PATIENCE, Stage};

#[tokio::test]
async fn attack_a2_a_long_text_is_shown_whole_and_warned_of_and_beyond_the_bound_refused() {
    let stage = Stage::open().await;
    let (key, ana) = (stage.agent("order-desk").await, stage.person("Ana").await);
    let mut submission = stage.submission("returned-goods");
    let padded = format!("{} and pay it to somebody else", "Please. ".repeat(400));
    submission["intent"]["text"] = json!(padded);
    let handoff = stage.submit(&key, &submission).await;
    let review = ana.review(&stage, handoff.review_id.unwrap()).await;
    let view = ana.view(&stage, &review.handoff);
    assert_eq!(view.intent.unwrap().text, padded, "nothing is cut");
    assert!(view.warnings.iter().any(|warning| warning.path == "/intent/text"), "{:?}", view.warnings);
    let mut submission = stage.submission("returned-goods");
    submission["intent"]["text"] = json!("x".repeat(300_000));
    let refused = stage.post("/v1/handoffs", &key, &submission).await;
    assert!([413, 422].contains(&refused.status), "{refused:?}");
}

/// The person, or their program, signs without having opened what the contract asks for: desk and gateway refuse.
#[tokio::test]
async fn attack_a2_a23_an_approval_without_the_opened_evidence_is_signed_by_no_desk_and_taken_by_no_gateway() {
    let stage = Stage::open().await;
    let key = stage.agent("order-desk").await;
    let folder = tempfile::tempdir().unwrap();
    let (desk, _) = stage.desk(folder.path(), "Bo").await;
    let ana = stage.person("Ana").await;
    let handoff = stage.submit(&key, &stage.submission("other-card")).await;
    desk.holds(1, PATIENCE).await.unwrap();
    let pane = desk.desk.open_review(&handoff.review_id.unwrap().to_string()).await.unwrap();
    let mut request = approval(&pane);
    request.pin = Some(seamark_tests::desk::PIN.to_owned());
    request.reason.text = "The customer asked for the other card.".to_owned();
    let critical = pane.view.facts.iter().filter(|fact| fact.confirm);
    request.confirmed =
        critical.map(|fact| ConfirmedInput { fact: fact.id.clone(), value: fact.value.clone() }).collect();
    assert_eq!(desk.desk.decide(&request).await.unwrap_err().code, RefusalCode::EvidenceMissing);

    let review = ana.review(&stage, handoff.review_id.unwrap()).await;
    let mut draft = ana.draft(&stage, &review, DecisionKind::Approve).await;
    draft.predicate.view.opened.clear();
    let refused = ana.send(&stage, review.review_id, &draft.sign(&ana.decision_key)).await;
    assert_eq!((refused.status, refused.code()), (422, "decision-invalid"), "{refused:?}");
    let mut draft = ana.draft(&stage, &review, DecisionKind::Approve).await;
    draft.predicate.confirmed.clear();
    let refused = ana.send(&stage, review.review_id, &draft.sign(&ana.decision_key)).await;
    assert_eq!((refused.status, refused.code()), (422, "decision-invalid"), "{refused:?}");
}
