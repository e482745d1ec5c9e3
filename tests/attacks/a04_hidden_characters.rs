//! A4: bidirectional, invisible and tag characters.

use seamark_contracts::text;
use serde_json::json;

use crate::stage::{PATIENCE, Stage};

#[tokio::test]
async fn attack_a4_a_reordered_or_invisible_text_reaches_no_eye_as_such() {
    let stage = Stage::open().await;
    let key = stage.agent("order-desk").await;
    let folder = tempfile::tempdir().unwrap();
    let (desk, _) = stage.desk(folder.path(), "Bo").await;
    for (n, hidden) in ["pay \u{202e}09.921 RUE", "a\u{200b}b\u{2060}c", "ok\u{e0041}\u{e0050}", "x\u{1160}\u{3164}y"]
        .iter()
        .enumerate()
    {
        let mut submission = stage.submission("returned-goods");
        submission["intent"]["text"] = json!(hidden);
        submission["narrative"] = json!({ "text": hidden });
        let handoff = stage.submit(&key, &submission).await;
        desk.holds(u32::try_from(n).unwrap() + 1, PATIENCE).await.unwrap();
        let pane = desk.desk.open_review(&handoff.review_id.unwrap().to_string()).await.unwrap();
        for shown in [pane.view.intent.unwrap().text, pane.view.narrative.unwrap().text] {
            assert!(shown.contains("[U+") && !text::has_oddity(&shown), "{shown:?}");
        }
        let warned: Vec<&str> = pane.view.warnings.iter().map(|warning| warning.path.as_str()).collect();
        assert!(warned.contains(&"/intent/text") && warned.contains(&"/narrative/text"), "{warned:?}");
    }
}
