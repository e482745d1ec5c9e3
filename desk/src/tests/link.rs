use seamark_contracts::handoff::Tier;
use seamark_ledger::alarm::LedgerAlarm;
use seamark_ledger::checkpoint::Vkey;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::answer::{DeskEvent, LedgerKind, LinkState};
use crate::refusal::RefusalCode;
use crate::words::LocalFault;

#[tokio::test]
async fn a_running_desk_connects_takes_a_snapshot_and_follows() {
    let bench = Bench::new().await;
    bench.desk.enrol(&bench.enrolment()).await.unwrap();
    bench.stand.add_review("other-card");
    bench.stand.add_review("returned-goods");
    let mut events = bench.desk.events();
    let shutdown = CancellationToken::new();
    let running = tokio::spawn({
        let (desk, shutdown) = (bench.desk.clone(), shutdown.clone());
        async move { desk.run(shutdown).await }
    });
    let state = loop {
        if let DeskEvent::AppState(state) = events.recv().await.unwrap()
            && state.connection.state == LinkState::Connected
            && state.counts.mine == 2
        {
            break state;
        }
    };
    assert_eq!(state.ledger.state, LedgerKind::Verified);
    let page = bench.desk.inbox_rows("mine", "", 0, 10).await.unwrap();
    assert_eq!((page.total, page.stale), (2, None));
    assert!(page.rows[0].line.starts_with("Refund EUR"), "{}", page.rows[0].line);
    let found = bench.desk.inbox_rows("all", &page.rows[1].line.to_uppercase(), 0, 10).await.unwrap();
    assert_eq!(found.total, 1);
    shutdown.cancel();
    running.await.unwrap();
}

#[tokio::test]
async fn the_connection_is_one_phrase_in_each_state() {
    let bench = Bench::enrolled().await;
    let connection = async || bench.desk.app_state().await.unwrap().connection;
    assert_eq!(connection().await.text, "Connected, up to date at 06:00");
    assert_eq!(connection().await.help, None);
    bench.inner().change_link(|link| link.state = LinkState::Offline);
    assert_eq!(connection().await.text, "Offline, showing what was current at 06:00");
    assert!(connection().await.help.is_some_and(|help| help.contains("sent later")));
    bench.inner().change_link(|link| link.skew_ms = 7_000);
    assert!(connection().await.text.ends_with(", this computer's clock is 7 s behind the gateway's"));
    bench.inner().change_link(|link| {
        link.state = LinkState::Refused;
        link.skew_ms = 0;
        link.refused = Some("Ask for a new invitation.".to_owned());
    });
    assert_eq!(connection().await.text, "The gateway does not let this device in");
    assert_eq!(connection().await.help.as_deref(), Some("Ask for a new invitation."));
}

#[tokio::test]
async fn while_the_gateway_inside_the_app_does_not_run_nobody_is_called_and_it_says_why() {
    let bench = Bench::new().await;
    bench.desk.enrol(&bench.enrolment()).await.unwrap();
    bench.desk.tell_local_gateway(LocalGateway::Starting);
    let mut events = bench.desk.events();
    let shutdown = CancellationToken::new();
    let running = tokio::spawn({
        let (desk, shutdown) = (bench.desk.clone(), shutdown.clone());
        async move { desk.run(shutdown).await }
    });
    let mut until = async |state: LinkState, text: &str| loop {
        if let DeskEvent::AppState(told) = events.recv().await.unwrap()
            && told.connection.state == state
            && told.connection.text.starts_with(text)
        {
            return told.connection.help;
        }
    };
    assert_eq!(until(LinkState::Connecting, "Starting the gateway on this computer\u{2026}").await, None);
    bench.desk.tell_local_gateway(LocalGateway::Failed(LocalFault::KeyringLocked));
    let state = bench.desk.app_state().await.unwrap();
    assert_eq!(state.signing.state, crate::answer::SigningKind::KeyringLocked, "the page offers to ask it again");
    bench.desk.tell_local_gateway(LocalGateway::Failed(LocalFault::Folder));
    let help = until(LinkState::Offline, "The gateway on this computer did not start").await.unwrap();
    for part in ["Its folder could not be used.", "nothing new arrives", "is kept here", "open it again"] {
        assert!(help.contains(part), "{help}");
    }
    bench.desk.tell_local_gateway(LocalGateway::Runs);
    until(LinkState::Connected, "Connected, up to date").await;
    shutdown.cancel();
    running.await.unwrap();
}

#[tokio::test]
async fn what_is_not_confirmed_for_a_minute_says_so() {
    // Invariant E2.
    let bench = Bench::enrolled().await;
    bench.clock.advance_ms(60_000);
    assert_eq!(bench.desk.inbox_rows("mine", "", 0, 1).await.unwrap().stale, None);
    bench.clock.advance_ms(1_000);
    let stale = bench.desk.inbox_rows("mine", "", 0, 1).await.unwrap().stale.unwrap();
    assert_eq!(stale, "Not confirmed for 1 min 1 s. Shown is what was current at 06:00.");
}

#[tokio::test]
async fn offline_only_low_risk_is_signed_and_waits() {
    let bench = Bench::enrolled().await;
    let risky = bench.open(&bench.stand.add_review("other-card")).await;
    let plain = bench.open(&bench.stand.add_review("returned-goods")).await;
    assert!(plain.view.tier < Tier::T2, "{:?}", plain.view.tier);
    bench.stand.with(|state| state.is_down = true);
    assert_eq!(
        bench.desk.decide(&request(&risky, DecisionKind::Approve)).await.unwrap_err().code,
        RefusalCode::Offline
    );
    let saved = bench.desk.decide(&request(&plain, DecisionKind::Approve)).await.unwrap();
    assert!(saved.acks.saved_at.is_some() && saved.acks.recorded_at.is_none());
    bench.inner().send_waiting().await.unwrap();
    assert_eq!(bench.inner().store.n_waiting().await.unwrap(), 1);
    bench.stand.with(|state| state.is_down = false);
    bench.inner().send_waiting().await.unwrap();
    assert_eq!(bench.inner().store.n_waiting().await.unwrap(), 0);
}

#[tokio::test]
async fn a_forked_ledger_stops_approving_for_good_and_nothing_else() {
    // Invariant D5.
    let bench = Bench::enrolled().await;
    let document = bench.stand.add_review("other-card");
    let other = bench.stand.add_review("returned-goods");
    bench.stand.fork();
    bench.connect().await;
    let bench = bench.reopen(7).await;
    bench.connect().await;
    let state = bench.desk.app_state().await.unwrap();
    assert_eq!(state.ledger.state, LedgerKind::Broken);
    assert!(state.ledger.text.contains("Approving is stopped"), "{}", state.ledger.text);
    let ledger = bench.desk.ledger().unwrap();
    let alarm = ledger.alarm.unwrap();
    assert!(alarm.is_proven && alarm.judgement.starts_with("PROVED"), "{}", alarm.judgement);
    let (kept, shown) = (alarm.kept.unwrap(), alarm.shown.unwrap());
    assert!(kept.size == shown.size && kept.root != shown.root);
    let saved = bench.desk.save_alarm().await.unwrap();
    let file = LedgerAlarm::parse(&std::fs::read(&saved.path).unwrap()).unwrap();
    assert!(file.judge(&Vkey::parse(&ledger.vkey).unwrap()).unwrap().is_proven(), "anybody can judge the file");
    let pane = bench.open(&document).await;
    assert!(!pane.can_decide.approve.is_empty());
    assert!(pane.can_decide.reject.is_empty());
    let refusal = bench.desk.decide(&request(&pane, DecisionKind::Approve)).await.unwrap_err();
    assert_eq!(refusal.code, RefusalCode::LedgerBroken);
    let pane = bench.open(&other).await;
    bench.desk.decide(&request(&pane, DecisionKind::Reject)).await.unwrap();
}

#[tokio::test]
async fn a_ledger_that_only_grows_stays_verified() {
    let bench = Bench::enrolled().await;
    assert!(bench.desk.save_alarm().await.is_err(), "there is nothing to save");
    for n in 0..9 {
        bench.stand.with(|state| state.entries.push(format!("{{\"more\":{n}}}")));
        bench.connect().await;
        assert_eq!(bench.desk.app_state().await.unwrap().ledger.state, LedgerKind::Verified, "{n}");
    }
}

#[tokio::test]
async fn a_position_that_the_ledger_does_not_hold_is_found() {
    // Invariant D3: what was promised for an own decision is checked.
    let bench = Bench::enrolled().await;
    let pane = bench.open(&bench.stand.add_review("other-card")).await;
    bench.desk.decide(&request(&pane, DecisionKind::Reject)).await.unwrap();
    bench.inner().send_waiting().await.unwrap();
    bench.stand.with(|state| *state.entries.last_mut().unwrap() = "{\"instead\":1}".to_owned());
    bench.connect().await;
    assert_eq!(bench.desk.app_state().await.unwrap().ledger.state, LedgerKind::Broken);
}

#[tokio::test]
async fn a_handoff_under_a_foreign_key_is_shown_as_unverifiable_and_cannot_be_decided() {
    let bench = Bench::enrolled().await;
    let mut document = bench.stand.make_review("other-card", |_| {});
    let payload = document.handoff["payload"].as_str().unwrap().to_owned();
    let sig = document.handoff["signatures"][0]["sig"].as_str().unwrap().to_owned();
    let (first, rest) = sig.split_at(1);
    document.handoff["signatures"][0]["sig"] = format!("{}{rest}", if first == "A" { "B" } else { "A" }).into();
    assert_eq!(document.handoff["payload"], payload);
    bench.stand.put(document.clone());
    bench.inner().apply(vec![document.clone()], None).await.unwrap();
    let pane = bench.desk.open_review(&document.review_id.to_string()).await.unwrap();
    assert!(pane.verify_error.is_some());
    assert!(pane.view.facts.is_empty(), "nothing of an unverified handoff is shown");
    for blocked in [&pane.can_decide.approve, &pane.can_decide.reject, &pane.can_decide.escalate] {
        assert!(!blocked.is_empty());
    }
    let forced = bench.desk.decide(&request_of(&pane)).await.unwrap_err();
    assert_eq!(forced.code, RefusalCode::ViewChanged);
}

fn request_of(pane: &answer::ReviewPane) -> DecideRequest {
    DecideRequest {
        review_id: pane.review_id.clone(),
        view_digest: pane.view_digest.clone(),
        decision: DecisionKind::Escalate,
        reason: ReasonInput { code: String::new(), text: String::new() },
        escalation: None,
        confirmed: Vec::new(),
        pin: Some(PIN.to_owned()),
    }
}

#[tokio::test]
async fn a_hundred_thousand_rows_open_in_a_moment_and_in_order() {
    let bench = Bench::enrolled().await;
    let document = bench.stand.add_review("returned-goods");
    bench.inner().apply(vec![document.clone()], None).await.unwrap();
    let row = bench.inner().row_of(&bench.inner().enrolled().unwrap(), &document).await.unwrap();
    let rows = (0..100_000u64).map(|n| crate::cache::ReviewRow {
        review_id: format!("0199a1c2-5b7e-7c3d-9a10-{n:012x}"),
        expires_at: document.expires_at.plus_ms(i64::try_from(n * 7919 % 100_000).unwrap()),
        document: "{}".to_owned(),
        ..row.clone()
    });
    let rows: Vec<_> = rows.collect();
    bench.inner().store.apply_reviews(&rows, None).await.unwrap();
    bench.inner().list_changed();
    let page = bench.desk.inbox_rows("mine", "", 99_990, 50).await.unwrap();
    assert_eq!((page.total, page.rows.len()), (100_001, 11));
    let first = bench.desk.inbox_rows("mine", "", 0, 50).await.unwrap();
    assert!(first.rows.is_sorted_by(|a, b| a.expires_at <= b.expires_at));
    assert!(first.rows[49].expires_at <= page.rows[0].expires_at);
}

#[tokio::test]
async fn past_reviews_are_found_on_this_desk_when_the_gateway_is_away() {
    let bench = Bench::enrolled().await;
    let document = bench.stand.add_review("returned-goods");
    let pane = bench.open(&document).await;
    bench.desk.decide(&request(&pane, DecisionKind::Reject)).await.unwrap();
    bench.inner().send_waiting().await.unwrap();
    bench.stand.with(|state| state.is_down = true);
    let page = bench.desk.audit_rows("", Some("rejected"), None, 0, 10).await.unwrap();
    assert_eq!(page.rows.len(), 1);
    assert_eq!(page.rows[0].by, "Ana Example");
    assert!(page.banner.text.contains("cannot be reached"), "{}", page.banner.text);
    assert_eq!(bench.desk.audit_rows("nothing like it", None, None, 0, 10).await.unwrap().total, 0);
}
