use seamark_contracts::handoff::Tier;
use seamark_contracts::outcome::{OutcomeCause, OutcomeKind};
use seamark_contracts::problem::ErrorCode;

use super::*;
use crate::answer::{DeskEvent, EscalationInput, OutboxKind, ReviewChangeKind, ReviewKind};
use crate::refusal::RefusalCode;

async fn send(bench: &Bench) {
    bench.inner().send_waiting().await.unwrap();
}

async fn only_row(bench: &Bench) -> OutboxRow {
    let mut rows = bench.desk.outbox_rows().await.unwrap();
    assert_eq!(rows.len(), 1);
    rows.remove(0)
}

#[tokio::test]
async fn an_approval_is_saved_here_then_recorded_then_counted() {
    let bench = Bench::enrolled().await;
    let document = bench.stand.add_review("other-card");
    let pane = bench.open(&document).await;
    assert_eq!(pane.view.tier, Tier::T3);
    assert_eq!(pane.can_decide.approve, Vec::<String>::new());
    let progress = bench.desk.decide(&request(&pane, DecisionKind::Approve)).await.unwrap();
    assert!(progress.acks.saved_at.is_some());
    assert_eq!(progress.acks.recorded_at, None, "nothing is said before it is true");
    assert_eq!(bench.stand.with(|state| state.n_decision_calls), 0);

    send(&bench).await;
    let row = only_row(&bench).await;
    assert_eq!(row.state, OutboxKind::Counted);
    assert!(row.acks.counted_at.is_some());
    let answer = bench.stand.with(|state| state.decided.values().next().cloned()).unwrap();
    assert!(answer.decision.counted);
    // What was signed names what was shown.
    let kept = bench.inner().store.journal_row(&row.decision_id).await.unwrap().unwrap();
    let decision = stand::read_decision(&serde_json::from_str(&kept.envelope).unwrap());
    assert_eq!(decision.view.digest.to_hex(), pane.view_digest);
    assert_eq!(decision.seen_checkpoint.origin, stand::ORIGIN);
    assert!(decision.view.opened_at <= decision.decided_at);
    // The recorded position is proven at the next look.
    bench.connect().await;
    assert!(bench.inner().store.journal_row(&row.decision_id).await.unwrap().unwrap().is_proven);
    // Deciding twice is refused with where the first one stands.
    let again = bench.desk.decide(&request(&pane, DecisionKind::Reject)).await.unwrap_err();
    assert_eq!(again.code, RefusalCode::AlreadyDecided);
}

#[tokio::test]
async fn what_the_page_did_not_show_is_not_signed() {
    // Invariant B11.
    let bench = Bench::enrolled().await;
    let pane = bench.open(&bench.stand.add_review("other-card")).await;
    let mut forged = request(&pane, DecisionKind::Approve);
    forged.view_digest = "ab".repeat(32);
    assert_eq!(bench.desk.decide(&forged).await.unwrap_err().code, RefusalCode::ViewChanged);
    let mut never_opened = request(&pane, DecisionKind::Approve);
    never_opened.review_id = bench.stand.add_review("returned-goods").review_id.to_string();
    assert_eq!(bench.desk.decide(&never_opened).await.unwrap_err().code, RefusalCode::ViewChanged);
    assert_eq!(bench.n_saved().await, 0);
}

#[tokio::test]
async fn a_handoff_swapped_under_the_same_review_is_refused() {
    let bench = Bench::enrolled().await;
    let document = bench.stand.add_review("other-card");
    let pane = bench.open(&document).await;
    let mut swapped = bench.stand.make_review("other-card", |body| body["payload"]["amount"] = "99.00".into());
    swapped.review_id = document.review_id;
    swapped.version = 2;
    swapped.expires_at = document.expires_at;
    bench.stand.put(swapped);
    let refusal = bench.desk.decide(&request(&pane, DecisionKind::Approve)).await.unwrap_err();
    assert_eq!(refusal.code, RefusalCode::ViewChanged);
    assert_eq!(bench.n_saved().await, 0);
}

#[tokio::test]
async fn each_missing_piece_of_an_answer_has_its_own_refusal() {
    let bench = Bench::enrolled().await;
    let document = bench.stand.add_review("other-card");
    bench.inner().apply(vec![document.clone()], None).await.unwrap();
    let pane = bench.desk.open_review(&document.review_id.to_string()).await.unwrap();
    let refused = async |request: &DecideRequest| bench.desk.decide(request).await.unwrap_err().code;
    let good = request(&pane, DecisionKind::Approve);
    assert_eq!(refused(&good).await, RefusalCode::EvidenceMissing);
    assert!(pane.can_decide.approve.iter().any(|blocker| blocker.starts_with("Open “")), "{:?}", pane.can_decide);
    for evidence in &pane.required_evidence {
        bench.desk.note_opened(&pane.review_id, &evidence.id).unwrap();
    }
    let mut short = good.clone();
    short.reason.text = "ok".to_owned();
    assert_eq!(refused(&short).await, RefusalCode::ReasonMissing);
    let mut mistyped = good.clone();
    mistyped.confirmed[0].value = "EUR 1.00".to_owned();
    assert_eq!(refused(&mistyped).await, RefusalCode::ConfirmMismatch);
    let mut spaced = good.clone();
    spaced.pin = None;
    spaced.confirmed[0].value = format!("  {}  ", good.confirmed[0].value.replace(' ', "\u{a0}"));
    assert_eq!(refused(&spaced).await, RefusalCode::PinNeeded, "white space does not matter, the PIN does");
    bench.desk.unlock(PIN).await.unwrap();
    assert_eq!(refused(&spaced).await, RefusalCode::PinNeeded, "at T3 an unlocked period does not do");
    let mut wrong = good.clone();
    wrong.pin = Some("999111".to_owned());
    assert_eq!(refused(&wrong).await, RefusalCode::PinWrong);
    let mut unknown = request(&pane, DecisionKind::Reject);
    unknown.reason.code = "because".to_owned();
    assert_eq!(refused(&unknown).await, RefusalCode::ReasonMissing);
    let mut nobody = request(&pane, DecisionKind::Escalate);
    nobody.escalation = Some(EscalationInput { to: "ceo".to_owned(), question: "Is this right?".to_owned() });
    assert_eq!(refused(&nobody).await, RefusalCode::ReasonMissing);
    bench.stand.with(|state| state.roles = vec!["gardener".to_owned()]);
    assert_eq!(bench.n_saved().await, 0);
    bench.desk.decide(&good).await.unwrap();
}

#[tokio::test]
async fn escalating_hands_it_on_and_counts_as_done() {
    let bench = Bench::enrolled().await;
    let pane = bench.open(&bench.stand.add_review("other-card")).await;
    let mut escalate = request(&pane, DecisionKind::Escalate);
    let to = pane.view.escalation_targets[0].clone();
    escalate.escalation = Some(EscalationInput { to: to.clone(), question: "Two cards: which one?".to_owned() });
    bench.desk.decide(&escalate).await.unwrap();
    send(&bench).await;
    let row = only_row(&bench).await;
    assert_eq!(row.state, OutboxKind::Counted);
    let kept = bench.inner().store.journal_row(&row.decision_id).await.unwrap().unwrap();
    let decision = stand::read_decision(&serde_json::from_str(&kept.envelope).unwrap());
    assert_eq!(decision.escalation.unwrap().to, to);
    assert!(decision.constraints.is_none(), "only an approval has a window");
}

#[tokio::test]
async fn an_unlocked_period_serves_low_risk_without_a_pin() {
    let bench = Bench::enrolled().await;
    let pane = bench.open(&bench.stand.add_review("returned-goods")).await;
    assert!(pane.view.tier < Tier::T3, "{:?}", pane.view.tier);
    let mut plain = request(&pane, DecisionKind::Approve);
    plain.pin = None;
    assert_eq!(bench.desk.decide(&plain).await.unwrap_err().code, RefusalCode::PinNeeded);
    bench.desk.unlock(PIN).await.unwrap();
    bench.clock.advance_ms(60_000);
    bench.desk.decide(&plain).await.unwrap();
}

#[tokio::test]
async fn a_full_disk_between_signing_and_saving_sends_nothing() {
    let bench = Bench::enrolled().await;
    let pane = bench.open(&bench.stand.add_review("other-card")).await;
    bench.desk.save_draft(&pane.review_id, "half a thought").await.unwrap();
    bench.inner().store.refuse_journal_rows(true).await;
    let refusal = bench.desk.decide(&request(&pane, DecisionKind::Approve)).await.unwrap_err();
    assert_eq!(refusal.code, RefusalCode::StorageFailed);
    send(&bench).await;
    assert_eq!(bench.stand.with(|state| state.n_decision_calls), 0, "what is not saved here never leaves");
    assert_eq!(bench.desk.open_review(&pane.review_id).await.unwrap().draft, "half a thought");
    bench.inner().store.refuse_journal_rows(false).await;
    bench.desk.decide(&request(&pane, DecisionKind::Approve)).await.unwrap();
    send(&bench).await;
    assert_eq!(only_row(&bench).await.state, OutboxKind::Counted);
}

#[tokio::test]
async fn a_saved_decision_survives_the_end_of_the_process_and_is_sent_by_the_next() {
    // Invariant B1.
    let bench = Bench::enrolled().await;
    let pane = bench.open(&bench.stand.add_review("other-card")).await;
    let saved = bench.desk.decide(&request(&pane, DecisionKind::Approve)).await.unwrap();
    let bench = bench.reopen(5).await;
    assert_eq!(only_row(&bench).await.state, OutboxKind::Saved);
    send(&bench).await;
    let row = only_row(&bench).await;
    assert_eq!((row.decision_id.as_str(), row.state), (saved.decision_id.as_str(), OutboxKind::Counted));
}

#[tokio::test]
async fn an_answer_that_was_lost_is_asked_for_again_and_counts_once() {
    let bench = Bench::enrolled().await;
    let pane = bench.open(&bench.stand.add_review("other-card")).await;
    bench.desk.decide(&request(&pane, DecisionKind::Approve)).await.unwrap();
    let saved = bench.inner().store.waiting_journal().await.unwrap().remove(0);
    send(&bench).await;
    // As if the process had ended after the gateway answered and before the answer was written down.
    bench.inner().store.update_journal(&saved).await.unwrap();
    let bench = bench.reopen(6).await;
    send(&bench).await;
    assert_eq!(only_row(&bench).await.state, OutboxKind::Counted);
    assert_eq!(bench.stand.with(|state| (state.n_decision_calls, state.decided.len())), (2, 1));
}

#[tokio::test]
async fn a_busy_gateway_is_tried_again_and_a_refusal_is_parked_and_shown() {
    let bench = Bench::enrolled().await;
    let first = bench.open(&bench.stand.add_review("other-card")).await;
    bench.stand.with(|state| state.next_decisions = vec![ErrorCode::Unavailable, ErrorCode::DecisionInvalid]);
    bench.desk.decide(&request(&first, DecisionKind::Approve)).await.unwrap();
    assert!(bench.inner().send_waiting().await.unwrap().is_some(), "a next try is planned");
    let row = only_row(&bench).await;
    assert_eq!(row.state, OutboxKind::Sending);
    assert!(row.text.starts_with("Saved here."), "{}", row.text);
    send(&bench).await;
    let row = only_row(&bench).await;
    assert_eq!(row.state, OutboxKind::Parked);
    send(&bench).await;
    assert_eq!(bench.stand.with(|state| state.n_decision_calls), 2, "a parked decision is not sent again");
    assert_eq!(bench.n_saved().await, 1, "and never deleted");
}

#[tokio::test]
async fn a_decision_that_came_too_late_says_why_it_does_not_count() {
    let bench = Bench::enrolled().await;
    let document = bench.stand.add_review("returned-goods");
    let pane = bench.open(&document).await;
    bench.desk.decide(&request(&pane, DecisionKind::Approve)).await.unwrap();
    bench.stand.close(document.review_id, OutcomeKind::Withdrawn, OutcomeCause::Source, None);
    send(&bench).await;
    let row = only_row(&bench).await;
    assert_eq!(row.state, OutboxKind::NotCounted);
    assert!(row.text.contains("after the review had ended"), "{}", row.text);
}

#[tokio::test]
async fn each_way_to_end_has_its_own_refusal() {
    let bench = Bench::enrolled().await;
    for (kind, cause, code) in [
        (OutcomeKind::Rejected, OutcomeCause::Veto, RefusalCode::AlreadyDecided),
        (OutcomeKind::Expired, OutcomeCause::Deadline, RefusalCode::Expired),
        (OutcomeKind::Withdrawn, OutcomeCause::Source, RefusalCode::Withdrawn),
        (OutcomeKind::Superseded, OutcomeCause::NewRevision, RefusalCode::Superseded),
    ] {
        let document = bench.stand.add_review("other-card");
        let pane = bench.open(&document).await;
        bench.stand.close(document.review_id, kind, cause, None);
        assert_eq!(bench.desk.decide(&request(&pane, DecisionKind::Approve)).await.unwrap_err().code, code);
    }
    assert_eq!(bench.n_saved().await, 0);
}

/// What the window is told when `document` becomes `after`.
async fn told(bench: &Bench, after: ReviewDocument) -> crate::answer::ReviewChange {
    let mut events = bench.desk.events();
    bench.inner().apply(vec![after], None).await.unwrap();
    loop {
        if let DeskEvent::ReviewChanged { change, .. } = events.recv().await.unwrap() {
            return change;
        }
    }
}

#[tokio::test]
async fn each_end_says_what_happened_what_it_means_and_what_is_left_to_do() {
    let bench = Bench::enrolled().await;
    bench.clock.advance_ms(44 * 60_000);
    for (kind, cause, expected, text, meaning) in [
        (
            OutcomeKind::Approved,
            OutcomeCause::PolicyMet,
            ReviewChangeKind::Decided,
            "Bo Example approved this at 06:44, before you.",
            [
                "yours is no longer asked for",
                "What follows: refund-executor",
                "tell Bo Example and refund managers at once",
            ],
        ),
        (
            OutcomeKind::Rejected,
            OutcomeCause::Veto,
            ReviewChangeKind::Decided,
            "Bo Example rejected this at 06:44, before you.",
            ["first and stands", "Nothing is done: refund-executor", "comes back to the inbox"],
        ),
        (
            OutcomeKind::Expired,
            OutcomeCause::Deadline,
            ReviewChangeKind::Expired,
            "The deadline passed at 10:44 without an answer.",
            ["silence never approves", "No money moves.", "order-desk 2.3.1 has to hand it over again"],
        ),
        (
            OutcomeKind::Withdrawn,
            OutcomeCause::Source,
            ReviewChangeKind::Withdrawn,
            "order-desk 2.3.1 took this handoff back at 06:44.",
            ["Nothing is done", "kept as a draft", "Nothing is left for you to do"],
        ),
        (
            OutcomeKind::Superseded,
            OutcomeCause::NewRevision,
            ReviewChangeKind::Changed,
            "order-desk 2.3.1 replaced this with a changed version at 06:44.",
            ["can no longer be approved", "nothing was done with it", "Judge the new version"],
        ),
        (
            OutcomeKind::Superseded,
            OutcomeCause::NewAttempt,
            ReviewChangeKind::Decided,
            "Bo Example escalated this at 06:44.",
            ["Nothing was done so far", "decides now", "nothing is left for you to do here"],
        ),
    ] {
        let document = bench.stand.add_review("other-card");
        bench.open(&document).await;
        let mut after = bench.stand.close(document.review_id, kind, cause, None);
        let decision = match (kind, cause) {
            (OutcomeKind::Approved, _) => Some(DecisionKind::Approve),
            (OutcomeKind::Rejected, _) => Some(DecisionKind::Reject),
            (_, OutcomeCause::NewAttempt) => Some(DecisionKind::Escalate),
            _ => None,
        };
        after.decisions = decision.map(|decision| bench.stand.somebody_elses(decision)).into_iter().collect();
        bench.stand.put(after.clone());
        let change = told(&bench, after).await;
        assert_eq!((change.kind, change.text.as_str()), (expected, text));
        for part in meaning {
            assert!(change.meaning.contains(part), "{part:?} is missing in {:?}", change.meaning);
        }
        let pane = bench.desk.open_review(&document.review_id.to_string()).await.unwrap();
        assert_eq!((pane.state.text.as_str(), &pane.state.meaning), (text, &change.meaning));
        let blocked = [&pane.can_decide.approve, &pane.can_decide.reject, &pane.can_decide.escalate];
        assert!(blocked.iter().all(|reasons| reasons.first().is_some_and(|why| why.starts_with(text))), "{blocked:?}");
    }
}

#[tokio::test]
async fn past_its_deadline_a_review_is_over_before_the_gateway_says_so() {
    let bench = Bench::enrolled().await;
    let document = bench.stand.add_review("other-card");
    let pane = bench.open(&document).await;
    assert_eq!(pane.deadline.consequence, "then rejected");
    assert_eq!((pane.state.kind, pane.state.meaning.as_str()), (ReviewKind::Open, ""));
    bench.clock.advance_ms(document.expires_at.as_ms() - bench.inner().now().as_ms());
    let pane = bench.desk.open_review(&pane.review_id).await.unwrap();
    assert_eq!(pane.state.kind, ReviewKind::Expired);
    assert_eq!(pane.state.text, "The deadline passed at 10:00 without an answer.");
}

#[test]
fn what_a_deadline_leads_to_goes_on_the_headers_sentence() {
    assert_eq!(crate::words::then_passed_on(Some("refund-managers")), "then passed on to refund managers");
    assert_eq!(crate::words::then_passed_on(None), "then passed on");
}

#[tokio::test]
async fn after_the_deadline_nothing_is_signed_even_when_the_gateway_has_not_noticed() {
    // Invariant B6.
    let bench = Bench::enrolled().await;
    let document = bench.stand.add_review("other-card");
    let pane = bench.open(&document).await;
    bench.clock.advance_ms(document.expires_at.as_ms() - bench.inner().now().as_ms());
    assert_eq!(bench.desk.decide(&request(&pane, DecisionKind::Approve)).await.unwrap_err().code, RefusalCode::Expired);
}

#[tokio::test]
async fn a_changed_handoff_names_what_is_different() {
    let bench = Bench::enrolled().await;
    let document = bench.stand.add_review("other-card");
    bench.open(&document).await;
    let mut events = bench.desk.events();
    let changed = bench.stand.make_review("other-card", |body| body["payload"]["amount"] = "99.00".into());
    bench.stand.put(changed.clone());
    let closed = bench.stand.close(
        document.review_id,
        OutcomeKind::Superseded,
        OutcomeCause::NewRevision,
        Some(changed.review_id),
    );
    bench.inner().apply(vec![closed, changed.clone()], None).await.unwrap();
    let change = loop {
        if let DeskEvent::ReviewChanged { change, .. } = events.recv().await.unwrap() {
            break change;
        }
    };
    assert_eq!(change.kind, ReviewChangeKind::Changed);
    assert_eq!(change.new_review_id, Some(changed.review_id.to_string()));
    let amount = change.diff.iter().find(|difference| difference.label == "Amount").unwrap();
    assert_eq!(amount.after, "EUR 99.00");
    let page = bench.desk.inbox_rows("mine", "", 0, 10).await.unwrap();
    assert_eq!(page.rows.len(), 1);
    assert_eq!(page.rows[0].marks, vec!["changed since you looked"]);
}

#[tokio::test]
async fn a_delivery_that_overtakes_the_answer_to_the_decision_is_kept() {
    let bench = Bench::enrolled().await;
    let document = bench.stand.add_review("returned-goods");
    let pane = bench.open(&document).await;
    bench.desk.decide(&request(&pane, DecisionKind::Approve)).await.unwrap();
    let waiting = bench.inner().store.waiting_journal().await.unwrap().remove(0);
    // The stream says that it was delivered while the outbox still works with what it read before.
    let mut delivered = bench.stand.close(document.review_id, OutcomeKind::Approved, OutcomeCause::PolicyMet, None);
    delivered.delivered_at = Some(bench.inner().now());
    bench.inner().apply(vec![delivered], None).await.unwrap();
    bench.inner().store.update_journal(&waiting).await.unwrap();
    assert!(only_row(&bench).await.acks.delivered_at.is_some());
}
