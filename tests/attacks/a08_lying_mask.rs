//! A8: the mask shows another card than the one that is paid.

use seamark_ledger::verify::{ClaimId, Verdict, check_delivery};
use serde_json::json;

use crate::stage::{Stage, signed_anew};

#[tokio::test]
async fn attack_a8_a_mask_that_lies_is_found_by_the_destination_though_the_gateway_signed_it() {
    let stage = Stage::open().await;
    let (key, ana) = (stage.agent("order-desk").await, stage.person("Ana").await);
    let handoff = stage.gated(&key).await;
    ana.approve(&stage, handoff.review_id.unwrap()).await;
    let delivery = stage.delivery(&key, handoff.handoff_id).await;
    assert_eq!(check_delivery(&delivery, &stage.pinned()).verdict(), Verdict::Pass);
    let operator = stage.operators_key("handoff");
    let mut n_lies = 0;
    let masks = crate::person::predicate_of(&delivery.handoff).masks;
    for (n, mask) in masks.iter().enumerate().filter(|(_, mask)| mask.shown.as_deref() != Some("•••")) {
        let mut lying = delivery.clone();
        lying.handoff = signed_anew(&delivery.handoff, &operator, |s| {
            s["predicate"]["masks"][n]["shown"] = json!("555555••••••0000");
        });
        let report = check_delivery(&lying, &stage.pinned());
        assert_eq!(report.verdict_of(ClaimId::Handoff), Some(Verdict::Pass), "{}: the signature is good", mask.path);
        assert_eq!(report.verdict_of(ClaimId::Masks), Some(Verdict::Fail), "{}", mask.path);
        n_lies += 1;
    }
    assert!(n_lies >= 3, "{masks:?}");
    for n in 0..delivery.disclosures.len() {
        let mut withheld = delivery.clone();
        withheld.disclosures.remove(n);
        let report = check_delivery(&withheld, &stage.pinned());
        assert_ne!(report.verdict_of(ClaimId::Masks), Some(Verdict::Pass), "disclosure {n} was withheld");
    }
}
