//! A27: the disk is copied, or the computer is stolen.

use std::sync::Arc;

use seamark_contracts::decision::DecisionKind;
use seamark_desk::refusal::RefusalCode;
use seamark_tests::desk::{PIN, TestDesk};

use crate::stage::{MemoryKeyring, Stage};

#[tokio::test]
async fn attack_a27_a_copied_disk_signs_nothing_though_the_pin_is_known() {
    let stage = Stage::open().await;
    let folder = tempfile::tempdir().unwrap();
    let (desk, _) = stage.desk(folder.path(), "Bo").await;
    desk.close().await.unwrap();
    let thief =
        TestDesk::open_with(stage.desk_options(folder.path(), Arc::new(MemoryKeyring::default()))).await.unwrap();
    let refusal = thief.desk.unlock(PIN).await.unwrap_err();
    assert!([RefusalCode::KeyringLocked, RefusalCode::KeyringMissing].contains(&refusal.code), "{refusal:?}");
    for file in ["signing.key", "account.json"] {
        let text = std::fs::read_to_string(folder.path().join(file)).unwrap_or_default();
        assert!(!text.contains(PIN), "{file} has the PIN");
    }
}

/// Invariant B10: from the end on, whoever holds keys and session gets nothing and changes nothing.
#[tokio::test]
async fn attack_a27_a_stolen_device_that_was_ended_opens_no_session_and_decides_nothing() {
    let stage = Stage::open().await;
    let (key, ana, bo) = (stage.agent("order-desk").await, stage.person("Ana").await, stage.person("Bo").await);
    let handoff = stage.gated(&key).await;
    let review = ana.review(&stage, handoff.review_id.unwrap()).await;
    let approval = ana.draft(&stage, &review, DecisionKind::Approve).await.sign(&ana.decision_key);
    stage.office.end_device(&ana.answer.device_keyid).await.unwrap();
    let refused = ana.send(&stage, review.review_id, &approval).await;
    assert_eq!((refused.status, refused.code()), (403, "access-ended"), "{refused:?}");
    let refused = ana.session(&stage).await;
    assert_eq!((refused.status, refused.code()), (403, "access-ended"), "{refused:?}");
    // Another device sends what the ended one had signed.
    let refused = bo.send(&stage, review.review_id, &approval).await;
    assert!(refused.status == 422 || refused.status == 403, "{refused:?}");
    assert!(bo.review(&stage, review.review_id).await.decisions.is_empty());
}
