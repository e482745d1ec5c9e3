use super::*;
use crate::answer::{SigningKind, Stage};
use crate::core::KeyringHealth;
use crate::refusal::RefusalCode;

#[tokio::test]
async fn enrolment_keeps_two_secrets_and_pins_the_root() {
    let bench = Bench::new().await;
    assert_eq!(bench.desk.app_state().await.unwrap().stage, Stage::FirstRun);
    let state = bench.desk.enrol(&bench.enrolment()).await.unwrap();
    assert_eq!(state.stage, Stage::Ready);
    assert_eq!(bench.keyring.n_entries(), 2);
    assert_eq!(bench.desk.account().unwrap().trust, bench.stand.trust());
    let again = bench.desk.enrol(&bench.enrolment()).await.unwrap_err();
    assert_eq!(again.code, RefusalCode::AlreadySetUp);
    assert_eq!(bench.keyring.n_entries(), 2, "a second enrolment makes no key");
}

#[tokio::test]
async fn a_gateway_with_another_root_key_gets_nothing() {
    let bench = Bench::new().await;
    let request = EnrolRequest { code: stand::code_of("another root"), ..bench.enrolment() };
    let refusal = bench.desk.enrol(&request).await.unwrap_err();
    assert_eq!(refusal.code, RefusalCode::FingerprintMismatch);
    assert_eq!(bench.keyring.n_entries(), 0);
    assert!(bench.desk.account().is_none());
}

#[tokio::test]
async fn a_weak_pin_makes_no_key() {
    let bench = Bench::new().await;
    let request = EnrolRequest { pin: "123456".to_owned(), ..bench.enrolment() };
    assert_eq!(bench.desk.enrol(&request).await.unwrap_err().code, RefusalCode::PinWeak);
    assert_eq!(bench.keyring.n_entries(), 0);
}

#[tokio::test]
async fn a_locked_keyring_refuses_enrolment_and_leaves_no_account() {
    let bench = Bench::new().await;
    bench.keyring.set_locked(true);
    assert_eq!(bench.desk.enrol(&bench.enrolment()).await.unwrap_err().code, RefusalCode::KeyringLocked);
    assert!(bench.desk.account().is_none());
    bench.keyring.set_locked(false);
    bench.desk.enrol(&bench.enrolment()).await.unwrap();
}

#[tokio::test]
async fn not_found_in_the_keyring_never_makes_a_new_key() {
    let bench = Bench::enrolled().await;
    let keyid = bench.desk.account().unwrap().decision_keyid;
    let bench = bench.reopen(2).await;
    bench.keyring.set_locked(true);
    let refusal = bench.desk.unlock(PIN).await.unwrap_err();
    assert_eq!(refusal.code, RefusalCode::KeyringLocked);
    let state = bench.desk.app_state().await.unwrap();
    assert_eq!(state.signing.state, SigningKind::KeyringLocked);
    assert_eq!(state.signing.text, "Your keyring is locked, so nothing can be signed.");
    assert!(state.signing.help.is_some_and(|help| help.contains("Unlock it") && help.contains("try again")));
    assert_eq!(state.connection.text, "Not connected, because your keyring is locked");
    bench.keyring.set_locked(false);
    assert_eq!(bench.desk.retry_keyring().await.unwrap().signing.state, SigningKind::Locked);
    assert_eq!(bench.desk.unlock(PIN).await.unwrap().signing.state, SigningKind::Unlocked);
    assert_eq!(bench.keyring.n_entries(), 2);
    assert_eq!(bench.desk.account().unwrap().decision_keyid, keyid);
}

#[tokio::test]
async fn a_session_without_a_keyring_says_what_to_start() {
    let bench = Bench::enrolled().await.reopen(2).await;
    bench.inner().note_keyring(KeyringHealth::Missing);
    let state = bench.desk.app_state().await.unwrap();
    assert_eq!(state.signing.state, SigningKind::KeyringMissing);
    assert_eq!(state.signing.text, "No keyring runs, so nothing can be signed.");
    assert!(state.signing.help.is_some_and(|help| help.contains("GNOME Keyring") && help.contains("try again")));
    assert_eq!(state.connection.text, "Not connected, because no keyring runs");
    let state = bench.desk.retry_keyring().await.unwrap();
    assert_eq!((state.signing.state, state.signing.help), (SigningKind::Locked, None));
}

#[tokio::test]
async fn wrong_pins_are_counted_across_restarts_and_then_wait() {
    let mut bench = Bench::enrolled().await;
    for left in ["4 tries are", "3 tries are", "2 tries are", "One try is"] {
        let refusal = bench.desk.unlock("999111").await.unwrap_err();
        assert_eq!(refusal.code, RefusalCode::PinWrong);
        let expected =
            format!("This is not your signing PIN. Nothing was signed. {left} left before you have to wait.");
        assert_eq!(refusal.message, expected);
    }
    bench = bench.reopen(3).await;
    assert_eq!(bench.desk.unlock("999111").await.unwrap_err().code, RefusalCode::PinLockedOut);
    let refusal = bench.desk.unlock(PIN).await.unwrap_err();
    assert_eq!(refusal.code, RefusalCode::PinLockedOut, "the right PIN has to wait too");
    assert_eq!(
        refusal.message,
        "Too many wrong PINs. No PIN is tried before 06:00:30, in 30 s. Nothing was signed; what you wrote is kept."
    );
    let signing = bench.desk.app_state().await.unwrap().signing;
    assert_eq!(signing.text, "Too many wrong PINs, so none is tried before 06:00:30.");
    assert!(signing.help.is_some());
    bench.clock.advance_ms(30_000);
    bench.desk.unlock(PIN).await.unwrap();
    assert_eq!(bench.desk.unlock("999111").await.unwrap_err().code, RefusalCode::PinWrong, "the count begins anew");
}

#[tokio::test]
async fn the_unlocked_period_ends_after_15_minutes_and_when_locked() {
    let bench = Bench::enrolled().await;
    let signing = async || bench.desk.app_state().await.unwrap().signing.state;
    bench.desk.unlock(PIN).await.unwrap();
    bench.clock.advance_ms(15 * 60_000 - 1);
    assert_eq!(signing().await, SigningKind::Unlocked);
    bench.clock.advance_ms(1);
    assert_eq!(signing().await, SigningKind::Locked);
    bench.desk.unlock(PIN).await.unwrap();
    // A clock that is set back does not stretch the period.
    bench.clock.advance_ms(-3_600_000);
    assert_eq!(signing().await, SigningKind::Locked);
    bench.desk.unlock(PIN).await.unwrap();
    assert_eq!(bench.desk.lock().await.unwrap().signing.state, SigningKind::Locked);
}

#[tokio::test]
async fn a_changed_pin_opens_the_same_key_and_the_old_one_opens_nothing() {
    let new = "tern over grey water, and a second one behind it";
    let bench = Bench::enrolled().await;
    let keyid = bench.desk.account().unwrap().decision_keyid;
    bench.desk.unlock(PIN).await.unwrap();
    let state = bench.desk.change_pin(PIN, new).await.unwrap();
    assert_eq!(state.signing.state, SigningKind::Locked, "the next signature asks for the new PIN");
    let bench = bench.reopen(2).await;
    assert_eq!(bench.desk.unlock(PIN).await.unwrap_err().code, RefusalCode::PinWrong);
    bench.desk.unlock(new).await.unwrap();
    assert_eq!(bench.desk.account().unwrap().decision_keyid, keyid);
    assert_eq!(bench.keyring.n_entries(), 2);
}

#[tokio::test]
async fn a_pin_that_cannot_be_changed_stays() {
    let bench = Bench::enrolled().await;
    let refused = async |pin: &str, new: &str| {
        let refusal = bench.desk.change_pin(pin, new).await.unwrap_err();
        (refusal.code, refusal.field.unwrap_or_default())
    };
    assert_eq!(refused(PIN, "123456").await, (RefusalCode::PinWeak, "newPin".to_owned()));
    assert_eq!(refused(PIN, PIN).await, (RefusalCode::PinWeak, "newPin".to_owned()));
    assert_eq!(refused("999111", "774520").await, (RefusalCode::PinWrong, "pin".to_owned()));
    bench.keyring.set_locked(true);
    assert_eq!(refused(PIN, "774520").await.0, RefusalCode::KeyringLocked);
    bench.keyring.set_locked(false);
    // Guessing here is slowed down as everywhere: one of the five free tries is used.
    for _ in 0..3 {
        assert_eq!(refused("999111", "774520").await.0, RefusalCode::PinWrong);
    }
    assert_eq!(refused("999111", "774520").await.0, RefusalCode::PinLockedOut);
    bench.clock.advance_ms(30_000);
    bench.desk.unlock(PIN).await.unwrap();
}

#[tokio::test]
async fn a_second_desk_on_the_same_folder_is_refused() {
    let bench = Bench::new().await;
    let second = Desk::open(options(bench.dir.path(), &bench.clock, &bench.keyring, 4)).await;
    assert!(matches!(second, Err(OpenError::InUse { .. })));
}
