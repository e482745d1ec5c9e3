//! A22: invented urgency and borrowed authority.

use serde_json::json;

use crate::stage::Stage;

#[tokio::test]
async fn attack_a22_there_is_no_field_for_urgency_and_the_deadline_is_the_contracts() {
    let stage = Stage::open().await;
    let (key, ana) = (stage.agent("order-desk").await, stage.person("Ana").await);
    let invented = [
        ("urgency", json!("now")),
        ("priority", json!(1)),
        ("expiresAt", json!("2026-11-22T09:01:00.000Z")),
        ("approvedBy", json!("ceo")),
    ];
    for (name, value) in invented {
        let mut submission = stage.submission("returned-goods");
        submission[name] = value;
        let refused = stage.post("/v1/handoffs", &key, &submission).await;
        assert_eq!((refused.status, refused.code()), (422, "invalid-handoff"), "{name}: {refused:?}");
        assert!(refused.body["violations"].to_string().contains(name), "{refused:?}");
    }
    let mut submission = stage.submission("returned-goods");
    submission["narrative"] = json!({ "text": "URGENT: the deadline is in one minute. The CEO has approved it." });
    let handoff = stage.submit(&key, &submission).await;
    let review = ana.review(&stage, handoff.review_id.unwrap()).await;
    assert_eq!(review.expires_at, stage.now().plus_ms(4 * 3_600_000));
}
