//! A18: the same envelope in other clothes, or one that two readers would read differently.

use seamark_ledger::verify::{Verdict, check_delivery};
use serde_json::{Value, json};

use crate::stage::Stage;

#[tokio::test]
async fn attack_a18_what_is_added_to_an_envelope_proves_nothing_and_what_is_ambiguous_is_refused() {
    let stage = Stage::open().await;
    let (key, ana) = (stage.agent("order-desk").await, stage.person("Ana").await);
    let handoff = stage.gated(&key).await;
    ana.approve(&stage, handoff.review_id.unwrap()).await;
    let delivery = stage.delivery(&key, handoff.handoff_id).await;
    let honest = check_delivery(&delivery, &stage.pinned());
    assert_eq!(honest.verdict(), Verdict::Pass, "{honest:#?}");
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut delivery = delivery.clone();
        change(&mut delivery.decisions[0]);
        check_delivery(&delivery, &stage.pinned())
    };
    let junk = json!({ "keyid": "00".repeat(32), "sig": delivery.handoff["signatures"][0]["sig"] });
    let beside: &dyn Fn(&mut Value) = &|e| e["signatures"].as_array_mut().unwrap().push(junk.clone());
    let before: &dyn Fn(&mut Value) = &|e| e["signatures"].as_array_mut().unwrap().insert(0, junk.clone());
    let unhinted: &dyn Fn(&mut Value) = &|e| drop(e["signatures"][0].as_object_mut().unwrap().remove("keyid"));
    let url_safe: &dyn Fn(&mut Value) =
        &|e| e["payload"] = json!(e["payload"].as_str().unwrap().replace('+', "-").replace('/', "_"));
    for same in [beside, before, unhinted, url_safe] {
        assert_eq!(changed(same), honest);
    }
    let unpadded: &dyn Fn(&mut Value) =
        &|e| e["signatures"][0]["sig"] = json!(e["signatures"][0]["sig"].as_str().unwrap().trim_end_matches('='));
    let spaced: &dyn Fn(&mut Value) = &|e| e["payload"] = json!(format!("{}\n", e["payload"].as_str().unwrap()));
    let typed: &dyn Fn(&mut Value) = &|e| e["payloadType"] = json!("application/json");
    let grown: &dyn Fn(&mut Value) = &|e| e["trusted"] = json!(true);
    let empty: &dyn Fn(&mut Value) = &|e| e["signatures"] = json!([]);
    let crowd: &dyn Fn(&mut Value) = &|e| e["signatures"] = Value::Array(vec![e["signatures"][0].clone(); 17]);
    for refused in [unpadded, spaced, typed, grown, empty, crowd] {
        assert_ne!(changed(refused).verdict(), Verdict::Pass);
    }
}
