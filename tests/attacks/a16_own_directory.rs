//! A16: a directory of the attacker's, with the attacker's keys in it.

use seamark_agent::execute::Execution;
use seamark_contracts::digest::Digest;
use seamark_ledger::key::{Signer as _, SigningKey};
use seamark_ledger::verify::{ClaimId, Pinned, Verdict, check_bundle, check_delivery};
use serde_json::json;

use crate::stage::{AUDIENCE, Stage, signed_anew};

#[tokio::test]
async fn attack_a16_a_directory_that_the_pinned_root_did_not_sign_enrols_nobody() {
    let stage = Stage::open().await;
    let (key, ana) = (stage.agent("order-desk").await, stage.person("Ana").await);
    let executor = stage.executor(&key, AUDIENCE).await;
    let handoff = stage.gated(&key).await;
    ana.approve(&stage, handoff.review_id.unwrap()).await;
    let delivery = stage.delivery(&key, handoff.handoff_id).await;
    let mine = SigningKey::from_seed(Digest::of(b"mine").as_bytes());
    let signers = [mine, stage.operators_key("handoff"), stage.operators_key("outcome"), stage.operators_key("ledger")];
    for signer in &signers {
        let mut rogue = delivery.clone();
        rogue.directory = signed_anew(&delivery.directory, signer, |s| {
            let enrolled = s["predicate"]["keys"].as_array_mut().unwrap();
            let decision = enrolled.iter_mut().find(|key| key["use"] == "decision").unwrap();
            decision["keyid"] = json!(signers[0].public_key().id().to_string());
        });
        rogue.decisions[0] = signed_anew(&delivery.decisions[0], &signers[0], |_| {});
        let report = check_delivery(&rogue, &stage.pinned());
        assert_eq!(report.verdict_of(ClaimId::Directory), Some(Verdict::Fail), "{report:#?}");
    }
    let mut rogue = delivery.clone();
    rogue.directory = signed_anew(&delivery.directory, &signers[1], |_| {});
    let (refused, paid) = stage.pay(&executor, handoff.handoff_id, &rogue).await;
    assert!(matches!(refused, Execution::Refused { .. }) && paid.is_none(), "{refused:?}");
    let files = stage.bundle(&ana, handoff.review_id.unwrap()).await;
    let elsewhere = Pinned { root_key: signers[0].public_key(), ..stage.pinned() };
    assert_eq!(check_bundle(&files, &elsewhere).verdict(), Verdict::Fail, "another root pins another organisation");
}
