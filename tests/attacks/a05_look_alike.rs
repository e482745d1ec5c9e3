//! A5: a payee that only looks like the right one.

use seamark_contracts::handoff::Tier;
use serde_json::json;

use crate::stage::Stage;

#[tokio::test]
async fn attack_a5_a_card_with_the_same_last_digits_is_told_apart_and_weighs_more() {
    let stage = Stage::open().await;
    let (key, ana) = (stage.agent("order-desk").await, stage.person("Ana").await);
    let handoff = stage.submit(&key, &stage.submission("look-alike-card")).await;
    let review = ana.review(&stage, handoff.review_id.unwrap()).await;
    let view = ana.view(&stage, &review.handoff);
    assert_eq!(view.tier, Tier::T3);
    let payee = view.facts.iter().find(|fact| fact.label == "Refund goes to").unwrap();
    let beside = payee.compare.as_ref().unwrap();
    assert!(!beside.text.contains(&payee.value), "what it is compared with stands beside it: {payee:?}");
    assert!(view.why.iter().any(|why| why.contains("same four digits")), "{:?}", view.why);
}

#[tokio::test]
async fn attack_a5_a_name_of_mixed_scripts_is_warned_of() {
    let stage = Stage::open().await;
    let (key, ana) = (stage.agent("order-desk").await, stage.person("Ana").await);
    let mut submission = stage.submission("returned-goods");
    // The second letter is Cyrillic.
    submission["narrative"] = json!({ "text": "Pay to P\u{430}ypal." });
    let handoff = stage.submit(&key, &submission).await;
    let review = ana.review(&stage, handoff.review_id.unwrap()).await;
    let view = ana.view(&stage, &review.handoff);
    assert!(view.warnings.iter().any(|warning| warning.path == "/narrative/text"), "{:?}", view.warnings);
}
