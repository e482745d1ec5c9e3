//! Reading a masked field on the desk: shown for a moment, believed only when signed, kept nowhere (invariants F1, F4, B11).

use seamark_contracts::outcome::{OutcomeCause, OutcomeKind};
use seamark_contracts::problem::ErrorCode;
use seamark_contracts::reveal::PurposeCode;
use seamark_contracts::view::View;

use super::stand::NextReveal;
use super::*;
use crate::answer::{DeskEvent, ReviewPane};
use crate::refusal::RefusalCode;

const EMAIL: &str = "/payload/customer/email";

fn asking(pane: &ReviewPane, path: &str) -> RevealFieldRequest {
    RevealFieldRequest {
        review_id: pane.review_id.clone(),
        path: path.to_owned(),
        purpose: PurposeCode::ContactPerson,
        text: "call back".to_owned(),
    }
}

/// A desk whose person may read, with an open review.
async fn reader() -> (Bench, ReviewPane) {
    let bench = Bench::new().await;
    bench.stand.with(|state| state.roles = vec!["reviewer".to_owned(), "compliance".to_owned()]);
    bench.desk.enrol(&bench.enrolment()).await.unwrap();
    bench.connect().await;
    let pane = bench.open(&bench.stand.add_review("other-card")).await;
    (bench, pane)
}

fn raw_email() -> String {
    let sample = seamark_contracts::samples::find("refund.issue").unwrap();
    let (_, text) = sample.examples.iter().find(|(path, _)| *path == "examples/other-card.json").unwrap();
    let body: serde_json::Value = serde_json::from_str(text).unwrap();
    body["payload"]["customer"]["email"].as_str().unwrap().to_owned()
}

fn shown_text(bench: &Bench, pane: &ReviewPane) -> Option<String> {
    bench.desk.revealed_text(&pane.review_id, EMAIL).ok().map(|text| text.to_string())
}

/// Every file in the desk's folder.
fn bytes_of(folder: &Path) -> Vec<u8> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(bytes_of(&path));
        } else {
            all.extend(std::fs::read(&path).unwrap_or_default());
        }
    }
    all
}

#[tokio::test]
async fn a_revealed_field_is_named_by_the_view_and_the_decision_and_kept_nowhere() {
    let (bench, pane) = reader().await;
    assert_eq!(pane.reveal.paths, [EMAIL]);
    assert_eq!(pane.reveal.blocker, None);
    let revealed = bench.desk.reveal_field(&asking(&pane, EMAIL)).await.unwrap();
    assert_eq!(shown_text(&bench, &pane).as_deref(), Some(raw_email().as_str()));
    assert_eq!(revealed.field.remaining_ms, 30_000);
    let new = revealed.pane;
    assert_ne!(new.view_digest, pane.view_digest, "another view: it names what is on screen");
    assert_eq!((new.view.disclosed.len(), new.opened_at.clone()), (1, pane.opened_at.clone()));
    assert_eq!(new.required_evidence, pane.required_evidence, "what was opened stays opened");
    let view = serde_json::to_string(&new).unwrap();
    assert!(!view.contains(&raw_email()), "no view holds the value");

    let old = bench.desk.decide(&request(&pane, DecisionKind::Approve)).await.unwrap_err();
    assert_eq!(old.code, RefusalCode::ViewChanged, "the view before is signed no more (B11)");
    bench.desk.decide(&request(&new, DecisionKind::Approve)).await.unwrap();
    assert_eq!(shown_text(&bench, &pane), None, "the decision needs it no more");
    bench.inner().send_waiting().await.unwrap();
    let row = bench.desk.outbox_rows().await.unwrap().remove(0);
    let kept = bench.inner().store.journal_row(&row.decision_id).await.unwrap().unwrap();
    let decision = stand::read_decision(&serde_json::from_str(&kept.envelope).unwrap());
    assert_eq!(decision.view.disclosed, new.view.disclosed);
    let folder = bytes_of(bench.dir.path());
    let email = raw_email();
    assert!(!folder.windows(email.len()).any(|window| window == email.as_bytes()), "not in cache, journal or any file");
}

#[tokio::test]
async fn a_value_is_masked_again_after_thirty_seconds_by_the_desks_own_clock() {
    let (bench, pane) = reader().await;
    bench.desk.reveal_field(&asking(&pane, EMAIL)).await.unwrap();
    bench.clock.advance_ms(29_999);
    let again = bench.desk.open_review(&pane.review_id).await.unwrap();
    assert_eq!(again.reveal.shown[0].remaining_ms, 1);
    assert!(shown_text(&bench, &pane).is_some());
    bench.clock.advance_ms(1);
    assert_eq!(shown_text(&bench, &pane), None);
    assert!(bench.desk.copy_revealed(&pane.review_id, EMAIL).await.is_err());
    assert_eq!(bench.stand.with(|state| state.n_copied), 0, "nothing is recorded as copied that is not");
}

#[tokio::test]
async fn a_clock_set_back_stretches_nothing() {
    let (bench, pane) = reader().await;
    bench.desk.reveal_field(&asking(&pane, EMAIL)).await.unwrap();
    bench.clock.advance_ms(-60_000);
    assert_eq!(shown_text(&bench, &pane), None);
}

#[tokio::test]
async fn blur_lock_leaving_and_an_ending_mask_it_at_once_and_tell_the_window() {
    let (bench, pane) = reader().await;
    let other = bench.stand.add_review("returned-goods");
    for name in ["blur", "lock", "left", "mask now", "another review", "withdrawn"] {
        bench.desk.reveal_field(&asking(&pane, EMAIL)).await.unwrap();
        assert!(shown_text(&bench, &pane).is_some(), "{name}");
        let mut events = bench.desk.events();
        match name {
            "blur" => bench.desk.mask_all(),
            "lock" => drop(bench.desk.lock().await.unwrap()),
            "left" => bench.desk.mask_again(&pane.review_id, None),
            "mask now" => bench.desk.mask_again(&pane.review_id, Some(EMAIL)),
            "another review" => drop(bench.open(&other).await),
            _ => {
                let id = seamark_contracts::id::ReviewId::parse(&pane.review_id).unwrap();
                let closed = bench.stand.close(id, OutcomeKind::Withdrawn, OutcomeCause::Source, None);
                bench.inner().apply(vec![closed], None).await.unwrap();
            }
        }
        assert_eq!(shown_text(&bench, &pane), None, "{name}");
        let told = loop {
            if let DeskEvent::FieldsMasked { review_id } = events.recv().await.unwrap() {
                break review_id;
            }
        };
        assert_eq!(told, pane.review_id, "{name}");
    }
    let over = bench.desk.reveal_field(&asking(&pane, EMAIL)).await.unwrap_err();
    assert_eq!(over.code, RefusalCode::Withdrawn);
}

#[tokio::test]
async fn a_value_that_is_not_the_signed_one_is_never_shown() {
    use base64ct::{Base64UrlUnpadded, Encoding as _};
    let (bench, pane) = reader().await;
    let forged = Base64UrlUnpadded::encode_string(br#"["AAAAAAAAAAAAAAAAAAAAAA","email","mallory@example.com"]"#);
    for lie in
        [NextReveal::Of("/payload/customer/name"), NextReveal::Forged(forged), NextReveal::Forged("x".to_owned())]
    {
        bench.stand.with(|state| state.next_reveal = Some(lie));
        let refusal = bench.desk.reveal_field(&asking(&pane, EMAIL)).await.unwrap_err();
        assert_eq!(refusal.code, RefusalCode::RevealMismatch);
        assert!(!refusal.message.contains("mallory") && !refusal.causes().concat().contains("mallory"));
        assert_eq!(shown_text(&bench, &pane), None);
    }
    let same = bench.desk.open_review(&pane.review_id).await.unwrap();
    assert_eq!(same.view_digest, pane.view_digest, "nothing was revealed, so the view names nothing");
}

#[tokio::test]
async fn each_reason_why_nothing_is_revealed_has_its_own_words() {
    let (bench, pane) = reader().await;
    let refused = async |request: &RevealFieldRequest| bench.desk.reveal_field(request).await.unwrap_err().code;
    let good = asking(&pane, EMAIL);
    assert_eq!(refused(&asking(&pane, "/payload/customer/name")).await, RefusalCode::NotAllowed);
    assert_eq!(refused(&asking(&pane, "/payload/amount")).await, RefusalCode::NotAllowed);
    for (code, text) in [(PurposeCode::Other, " "), (PurposeCode::ContactPerson, "a\nb")] {
        let request = RevealFieldRequest { purpose: code, text: text.to_owned(), ..good.clone() };
        assert_eq!(refused(&request).await, RefusalCode::ReasonMissing);
    }
    assert_eq!(bench.stand.with(|state| state.reveals.len()), 0, "the gateway is not asked for what cannot be");
    for (status, code, expected) in [
        (429, ErrorCode::Unavailable, RefusalCode::RateLimited),
        (403, ErrorCode::Forbidden, RefusalCode::NotAllowed),
        (409, ErrorCode::Expired, RefusalCode::Expired),
        (409, ErrorCode::AlreadyDecided, RefusalCode::AlreadyDecided),
        (404, ErrorCode::NotFound, RefusalCode::NotFound),
    ] {
        bench.stand.with(|state| state.next_reveal = Some(NextReveal::Problem(status, code)));
        assert_eq!(refused(&good).await, expected, "{status}");
    }
    let strange = RevealFieldRequest { review_id: "../../x".to_owned(), ..good.clone() };
    assert_eq!(refused(&strange).await, RefusalCode::NotFound);
    bench.stand.with(|state| state.is_down = true);
    assert_eq!(refused(&good).await, RefusalCode::Offline);
    assert_eq!(shown_text(&bench, &pane), None);
}

#[tokio::test]
async fn who_has_no_role_for_it_is_offered_nothing() {
    let bench = Bench::enrolled().await;
    let pane = bench.open(&bench.stand.add_review("other-card")).await;
    assert_eq!(pane.reveal.paths, [] as [&str; 0]);
    let refusal = bench.desk.reveal_field(&asking(&pane, EMAIL)).await.unwrap_err();
    assert_eq!(refusal.code, RefusalCode::NotAllowed);
    assert_eq!(bench.stand.with(|state| state.reveals.len()), 0);
}

#[tokio::test]
async fn a_lost_answer_is_asked_for_again_under_the_same_id() {
    let (bench, pane) = reader().await;
    bench.stand.with(|state| state.next_reveal = Some(NextReveal::Lost));
    bench.desk.reveal_field(&asking(&pane, EMAIL)).await.unwrap();
    let asked = bench.stand.with(|state| state.reveals.clone());
    assert_eq!(asked.len(), 2);
    assert_eq!(asked[0], asked[1]);
}

#[tokio::test]
async fn a_copy_is_recorded_before_the_value_is_given() {
    let (bench, pane) = reader().await;
    bench.desk.reveal_field(&asking(&pane, EMAIL)).await.unwrap();
    let value = bench.desk.copy_revealed(&pane.review_id, EMAIL).await.unwrap();
    assert_eq!(value.expose(), raw_email());
    assert_eq!(bench.stand.with(|state| state.n_copied), 1);
    assert!(bench.desk.open_review(&pane.review_id).await.unwrap().reveal.shown[0].is_copied);
    bench.stand.with(|state| state.is_down = true);
    assert!(bench.desk.copy_revealed(&pane.review_id, EMAIL).await.is_err(), "not recorded, not copied");
}

#[tokio::test]
async fn what_was_revealed_before_a_crash_is_named_by_every_later_view() {
    let (bench, pane) = reader().await;
    let revealed = bench.desk.reveal_field(&asking(&pane, EMAIL)).await.unwrap();
    let bench = bench.reopen(7).await;
    bench.connect().await;
    let again = bench.desk.open_review(&pane.review_id).await.unwrap();
    assert_eq!(again.view.disclosed, revealed.pane.view.disclosed);
    assert!(again.reveal.shown.is_empty(), "the value itself is gone");
    bench.desk.note_opened(&pane.review_id, &again.required_evidence[0].id).unwrap();
    // The gateway hears of the view that names it.
    while bench.stand.with(|state| state.presented.len()) < 2 {
        tokio::task::yield_now().await;
    }
    let presented = bench.stand.with(|state| state.presented.clone());
    let named = presented.iter().filter_map(|text| serde_json::from_str::<View>(text).ok());
    assert!(named.into_iter().any(|view| view.disclosed == again.view.disclosed));
}
