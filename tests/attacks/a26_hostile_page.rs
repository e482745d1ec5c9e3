//! A26: the page is taken over, or a client of the reviewer's own making signs a view that asks less.

use seamark_contracts::decision::DecisionKind;
use seamark_contracts::digest::Digest;
use seamark_desk::answer::{DecideRequest, EscalationInput, ReasonInput};
use seamark_desk::refusal::RefusalCode;
use seamark_tests::desk::{PIN, approval};
use serde_json::{Value, json};

use crate::stage::{PATIENCE, Stage};

#[tokio::test]
async fn attack_a26_a_page_that_shows_one_thing_gets_no_signature_under_another() {
    let stage = Stage::open().await;
    let key = stage.agent("order-desk").await;
    let folder = tempfile::tempdir().unwrap();
    let (desk, _) = stage.desk(folder.path(), "Bo").await;
    let (one, other) = (stage.gated(&key).await, stage.submit(&key, &stage.submission("partial-refund")).await);
    desk.holds(2, PATIENCE).await.unwrap();
    let shown = desk.read(&one.review_id.unwrap().to_string()).await.unwrap();
    let hidden = desk.read(&other.review_id.unwrap().to_string()).await.unwrap();
    let good = DecideRequest { pin: Some(PIN.to_owned()), ..approval(&shown) };
    let garbage = "\u{0}<script>".repeat(50_000);
    let hostile = [
        DecideRequest { review_id: hidden.review_id.clone(), ..good.clone() },
        DecideRequest { view_digest: "ab".repeat(32), ..good.clone() },
        DecideRequest { view_digest: garbage.clone(), ..good.clone() },
        DecideRequest { review_id: garbage.clone(), ..good.clone() },
        DecideRequest { review_id: "../../signing.key".to_owned(), ..good.clone() },
        DecideRequest { reason: ReasonInput { code: "none".to_owned(), text: garbage.clone() }, ..good.clone() },
        DecideRequest {
            decision: DecisionKind::Escalate,
            escalation: Some(EscalationInput { to: garbage, question: "?".to_owned() }),
            ..good.clone()
        },
    ];
    for request in &hostile {
        let refusal = desk.desk.decide(request).await.unwrap_err();
        assert_ne!(refusal.code, RefusalCode::Internal, "{refusal:?}");
    }
    assert!(desk.desk.outbox_rows().await.unwrap().is_empty(), "nothing was signed");
}

/// Invariant B11: the gateway renders the view again and judges by that one.
#[tokio::test]
async fn attack_a26_a_view_that_asks_less_is_refused_by_the_gateway() {
    let stage = Stage::open().await;
    let (key, ana) = (stage.agent("order-desk").await, stage.person("Ana").await);
    let handoff = stage.submit(&key, &stage.submission("other-card")).await;
    let review = ana.review(&stage, handoff.review_id.unwrap()).await;
    let lies: [fn(&mut Value); 5] = [
        |view| view["tier"] = json!("T0"),
        |view| view["facts"][0]["value"] = json!("1.00 EUR"),
        |view| view["facts"][0]["confirm"] = json!(false),
        |view| view["evidence"][0]["required"] = json!(false),
        |view| view["rules"].as_array_mut().unwrap().clear(),
    ];
    for (n, lie) in lies.into_iter().enumerate() {
        let mut draft = ana.draft(&stage, &review, DecisionKind::Approve).await;
        let mut view: Value = serde_json::from_str(&draft.view).unwrap();
        lie(&mut view);
        let bytes = seamark_contracts::canonical::to_bytes(&view).unwrap();
        draft.predicate.view.digest = Digest::of(&bytes);
        draft.view = String::from_utf8(bytes).unwrap();
        let refused = ana.send(&stage, review.review_id, &draft.sign(&ana.decision_key)).await;
        assert_eq!((refused.status, refused.code()), (422, "decision-invalid"), "lie {n}: {refused:?}");
    }
}
