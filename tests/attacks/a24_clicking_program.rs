//! A24 and A25: a program presses the buttons of an unattended desk, or presses after what is shown has changed.

use seamark_contracts::decision::DecisionKind;
use seamark_desk::answer::DecideRequest;
use seamark_desk::refusal::RefusalCode;
use seamark_tests::desk::{PIN, approval};
use serde_json::json;

use crate::stage::{PATIENCE, Stage};

#[tokio::test]
async fn attack_a24_whatever_is_pressed_nothing_is_signed_without_the_pin() {
    let stage = Stage::open().await;
    let key = stage.agent("order-desk").await;
    let folder = tempfile::tempdir().unwrap();
    let (desk, _) = stage.desk(folder.path(), "Bo").await;
    stage.gated(&key).await;
    desk.holds(1, PATIENCE).await.unwrap();
    desk.desk.lock().await.unwrap();
    let row = desk.desk.inbox_rows("all", "", 0, 1).await.unwrap().rows.remove(0);
    let pane = desk.read(&row.review_id).await.unwrap();
    let pressed = |pin: Option<&str>| DecideRequest { pin: pin.map(str::to_owned), ..approval(&pane) };
    assert_eq!(desk.desk.decide(&pressed(None)).await.unwrap_err().code, RefusalCode::PinNeeded);
    let mut codes = Vec::new();
    for guess in 0..12 {
        codes.push(desk.desk.decide(&pressed(Some(&format!("{:06}", 100_200 + guess)))).await.unwrap_err().code);
    }
    assert!(codes.contains(&RefusalCode::PinLockedOut), "guessing is not slowed down: {codes:?}");
    assert!(codes.iter().all(|code| [RefusalCode::PinWrong, RefusalCode::PinLockedOut].contains(code)), "{codes:?}");
    assert!(desk.desk.outbox_rows().await.unwrap().is_empty());
    let decided =
        stage.entries().await.iter().filter(|entry| entry["type"].as_str().unwrap().starts_with("decision")).count();
    assert_eq!(decided, 0);
}

/// The source swaps the content between the look and the press.
#[tokio::test]
async fn attack_a25_a_press_that_was_meant_for_the_old_content_signs_nothing() {
    let stage = Stage::open().await;
    let key = stage.agent("order-desk").await;
    let folder = tempfile::tempdir().unwrap();
    let (desk, _) = stage.desk(folder.path(), "Bo").await;
    let mut submission = stage.submission("returned-goods");
    let handoff = stage.submit(&key, &submission).await;
    desk.holds(1, PATIENCE).await.unwrap();
    let pane = desk.read(&handoff.review_id.unwrap().to_string()).await.unwrap();
    submission["payload"]["amount"] = json!("120.00");
    let revised = stage.post(&format!("/v1/handoffs/{}/revisions", handoff.handoff_id), &key, &submission).await;
    assert!(revised.status < 300, "{revised:?}");
    let revised: seamark_contracts::api::agent::HandoffAnswer = revised.ok();
    let wait = async {
        let mut events = desk.desk.events();
        while desk.desk.open_review(&pane.review_id).await.is_ok_and(|pane| pane.can_decide.approve.is_empty()) {
            seamark_tests::desk::next(&mut events).await.unwrap();
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.unwrap();
    for review_id in [pane.review_id.clone(), revised.review_id.map(|id| id.to_string()).unwrap_or_default()] {
        let request =
            DecideRequest { pin: Some(PIN.to_owned()), review_id, decision: DecisionKind::Approve, ..approval(&pane) };
        let refusal = desk.desk.decide(&request).await.unwrap_err();
        assert!([RefusalCode::Superseded, RefusalCode::ViewChanged].contains(&refusal.code), "{refusal:?}");
    }
    assert!(desk.desk.outbox_rows().await.unwrap().is_empty());
}
