//! A19: bytes that two parsers read differently, before every door that takes JSON.

use seamark_contracts::decision::DecisionKind;
use seamark_contracts::digest::Digest;
use seamark_ledger::statement;
use serde_json::json;

use crate::person::predicate_of;
use crate::stage::{Stage, payload_of};

#[tokio::test]
async fn attack_a19_no_door_takes_json_that_could_be_read_in_two_ways() {
    let stage = Stage::open().await;
    let (key, ana) = (stage.agent("order-desk").await, stage.person("Ana").await);
    let good = serde_json::to_string(&stage.submission("returned-goods")).unwrap();
    let id = serde_json::from_str::<serde_json::Value>(&good).unwrap()["handoffId"].as_str().unwrap().to_owned();
    let before = stage.entries().await.len();
    let twice = |first: &str| good.replacen(r#""amount":"129.90""#, first, 1);
    let hostile: Vec<Vec<u8>> = vec![
        twice(r#""amount":"1.00","amount":"129.90""#).into_bytes(),
        twice(r#""am\u006funt":"1.00","amount":"129.90""#).into_bytes(),
        twice(r#""amount":"129.90","x":"\ud800""#).into_bytes(),
        twice(r#""amount":"129.90","x":9007199254740993"#).into_bytes(),
        twice(r#""amount":"129.90","x":NaN"#).into_bytes(),
        twice("\"amount\":\"129.90\0\"").into_bytes(),
        format!("\u{feff}{good}").into_bytes(),
        format!("{good}{{}}").into_bytes(),
        format!("{}{}{}", "[".repeat(10_000), "1", "]".repeat(10_000)).into_bytes(),
        [good.as_bytes(), b"\xff"].concat(),
    ];
    for body in &hostile {
        let refused = stage.send("POST", "/v1/handoffs", Some(&key), body.clone()).await;
        assert_eq!((refused.status, refused.code()), (400, "malformed-json"), "{}", String::from_utf8_lossy(body));
    }
    assert_eq!(stage.get(&format!("/v1/handoffs/{id}"), &key).await.status, 404, "nothing was taken");
    let refusals = stage.entries().await.split_off(before);
    assert!(refusals.iter().all(|entry| entry["type"] == "handoff.refused"), "{refusals:?}");

    // A statement that says two things, rightly signed by the person.
    let handoff = stage.gated(&key).await;
    let review = ana.review(&stage, handoff.review_id.unwrap()).await;
    let draft = ana.draft(&stage, &review, DecisionKind::Approve).await;
    let (about, digest) = (predicate_of(&review.handoff).handoff_id, Digest::of(&payload_of(&review.handoff)));
    let text = String::from_utf8(statement::build_decision(&draft.predicate, about, digest).unwrap()).unwrap();
    for other in [
        text.replacen(r#""decision":"approve""#, r#""decision":"reject","decision":"approve""#, 1),
        text.replacen(r#""maxUses":1"#, r#""maxUses":1.0"#, 1),
        text.replacen(r#""decision":"approve""#, r#""decision":"approve","also":true"#, 1),
        text.replacen(r#""disclosed":[]"#, r#""disclosed":null"#, 1),
        format!("{text} {{}}"),
    ] {
        assert_ne!(other, text);
        let envelope = statement::sign(other.into_bytes(), &ana.decision_key).unwrap().to_value();
        let refused = ana.send(&stage, review.review_id, &json!({ "envelope": envelope, "view": draft.view })).await;
        assert_eq!((refused.status, refused.code()), (422, "decision-invalid"), "{refused:?}");
    }
}
