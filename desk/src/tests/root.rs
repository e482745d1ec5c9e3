//! The organisation signs elsewhere: a desk waits for it, and follows to another root only with its person (A16).

use super::*;
use crate::answer::{LinkState, Stage};
use crate::refusal::RefusalCode;
use seamark_contracts::problem::ErrorCode;
use seamark_ledger::fingerprint;
use seamark_ledger::key::{KeyId, Signer as _};

/// Enrolled where somebody else signs, and nobody has yet.
async fn unsigned() -> Bench {
    let bench = Bench::new().await;
    bench.stand.with(|state| state.is_signed = false);
    bench.desk.enrol(&bench.enrolment()).await.unwrap();
    bench
}

#[tokio::test]
async fn a16_a_desk_shows_its_fingerprint_and_waits_until_the_verified_directory_lists_it() {
    let bench = unsigned().await;
    let state = bench.desk.app_state().await.unwrap();
    assert_eq!(state.stage, Stage::Waiting);
    let account = bench.desk.account().unwrap();
    let id = |text: &str| KeyId::parse(text).unwrap();
    let shown =
        fingerprint::of_enrolment(&id(&account.trust.root_keyid), "urn:seamark:user:ana", &id(&account.decision_keyid));
    assert_eq!(state.enrolment.unwrap().fingerprint, shown);

    // What it is told after a restart, and while nobody is reached, is the same.
    let bench = bench.reopen(2).await;
    assert_eq!(bench.desk.app_state().await.unwrap().stage, Stage::Waiting);
    let state = bench.link_until(|state| state.connection.state == LinkState::Connected).await;
    assert_eq!(state.stage, Stage::Waiting, "reached, and nobody signed");

    bench.stand.with(|state| state.is_signed = true);
    bench.link_until(|state| state.stage == Stage::Ready).await;
    assert!(bench.desk.app_state().await.unwrap().enrolment.is_none());
    // Once listed, always listed: also when the gateway is away.
    let bench = bench.reopen(3).await;
    assert_eq!(bench.desk.app_state().await.unwrap().stage, Stage::Ready);
}

#[tokio::test]
async fn attack_a16_a_directory_of_another_root_signs_no_desk() {
    let bench = unsigned().await;
    bench.stand.with(|state| {
        state.is_signed = true;
        state.root = "mallory";
        state.has_handed_over = false;
    });
    let state = bench.link_until(|state| state.connection.state == LinkState::Refused).await;
    assert_eq!((state.stage, state.new_root), (Stage::Waiting, None));
}

#[tokio::test]
async fn a16_a_new_root_is_shown_and_pinned_only_with_its_fingerprint() {
    let bench = Bench::enrolled().await;
    let before = bench.desk.account().unwrap().trust;
    bench.stand.with(|state| state.root = "root 2");
    let state = bench.link_until(|state| state.connection.state == LinkState::Refused).await;
    let shown = state.new_root.unwrap().fingerprint;
    assert_eq!(shown, fingerprint::of_key(&stand::key("root 2").public_key().id()));
    assert_eq!(bench.desk.account().unwrap().trust, before, "nothing was followed silently");

    let refused = bench.desk.pin_root("0000 0000 0000 0000 0000 0000 0000 0000").await.unwrap_err();
    assert_eq!((refused.code, refused.field.as_deref()), (RefusalCode::FingerprintMismatch, Some("fingerprint")));
    assert_eq!(bench.desk.account().unwrap().trust, before);
    bench.desk.pin_root(&shown.to_uppercase()).await.unwrap();
    bench.link_until(|state| state.connection.state == LinkState::Connected).await;
    assert!(bench.desk.app_state().await.unwrap().new_root.is_none());
    let bench = bench.reopen(2).await;
    assert_eq!(bench.desk.account().unwrap().trust.root_keyid, stand::key("root 2").public_key().id().to_string());
    assert_eq!(bench.desk.pin_root(&shown).await.unwrap_err().code, RefusalCode::NotFound);
}

#[tokio::test]
async fn a16_what_is_signed_in_a_role_that_nobody_signed_yet_is_kept_and_sent_again() {
    let bench = Bench::enrolled().await;
    let review = bench.stand.add_review("returned-goods");
    let pane = bench.open(&review).await;
    bench.stand.with(|state| state.next_decisions = vec![ErrorCode::EnrolmentPending]);
    bench.desk.decide(&request(&pane, DecisionKind::Approve)).await.unwrap();
    bench.inner().send_waiting().await.unwrap();
    let row = bench.desk.outbox_rows().await.unwrap().remove(0);
    assert!(row.acks.recorded_at.is_none(), "{row:?}");
    assert_eq!(bench.inner().store.n_waiting().await.unwrap(), 1, "it is not parked");
}
