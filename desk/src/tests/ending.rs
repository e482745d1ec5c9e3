//! The desk whose device, person or role has ended (invariants B10, F4).

use std::path::Path;

use tokio::sync::broadcast;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::answer::{AppState, DeskEvent, LinkState, OutboxKind, ReviewChange, SigningKind};
use crate::refusal::RefusalCode;

const SAID: &str =
    "The operator of the gateway ended this device at 2026-11-22T06:00:00.001Z. Ask for a new invitation.";

/// A running desk.
struct Running {
    events: broadcast::Receiver<DeskEvent>,
    shutdown: CancellationToken,
    work: JoinHandle<()>,
}

impl Running {
    fn start(bench: &Bench) -> Self {
        let (events, shutdown) = (bench.desk.events(), CancellationToken::new());
        let work = tokio::spawn({
            let (desk, shutdown) = (bench.desk.clone(), shutdown.clone());
            async move { desk.run(shutdown).await }
        });
        Self { events, shutdown, work }
    }

    /// The first state that fits.
    async fn until(&mut self, fits: impl Fn(&AppState) -> bool) -> AppState {
        loop {
            if let DeskEvent::AppState(state) = self.events.recv().await.unwrap()
                && fits(&state)
            {
                return *state;
            }
        }
    }

    async fn until_changed(&mut self, id: &str) -> ReviewChange {
        loop {
            if let DeskEvent::ReviewChanged { review_id, change } = self.events.recv().await.unwrap()
                && review_id == id
            {
                return change;
            }
        }
    }

    async fn stop(self) {
        self.shutdown.cancel();
        self.work.await.unwrap();
    }
}

/// Whether any file of the desk's folder holds these bytes.
fn holds(dir: &Path, text: &str) -> bool {
    let files = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
    files.into_iter().any(|path| {
        let bytes = std::fs::read(path).unwrap();
        bytes.windows(text.len()).any(|window| window == text.as_bytes())
    })
}

/// A review whose intent nobody else has, so that its copy can be looked for.
fn marked(bench: &Bench, mark: &str) -> ReviewDocument {
    let document = bench.stand.make_review("returned-goods", |body| body["correlationId"] = mark.into());
    bench.stand.put(document.clone());
    document
}

#[tokio::test]
async fn f4_an_ended_device_says_so_decides_nothing_and_removes_what_it_cached() {
    let bench = Bench::new().await;
    bench.desk.enrol(&bench.enrolment()).await.unwrap();
    let (shown, decided) = (marked(&bench, "mark-of-the-open-pane"), marked(&bench, "mark-of-the-decided-one"));
    let mut running = Running::start(&bench);
    running.until(|state| state.connection.state == LinkState::Connected && state.counts.mine == 2).await;
    let on_screen = bench.open(&shown).await;
    let pane = bench.open(&decided).await;
    bench.desk.decide(&request(&pane, DecisionKind::Reject)).await.unwrap();
    running.until(|state| state.counts.open == 1).await;
    bench.desk.save_draft(&on_screen.review_id, "half a thought about it").await.unwrap();
    bench.desk.unlock(PIN).await.unwrap();

    // The pane is open, the key unlocked. The stream ends, and the next contact says why.
    bench.stand.with(|state| state.ended = Some(SAID));
    bench.stand.rights_changed.send(()).unwrap();
    let change = running.until_changed(&on_screen.review_id).await;
    assert_eq!(change.text, "Your access to this gateway has ended.");
    let state = running.until(|state| state.connection.state == LinkState::Refused).await;
    assert_eq!(state.connection.text, "Your access to this gateway has ended");
    let help = state.connection.help.unwrap();
    for part in [
        SAID,
        "Nothing can be decided here any more",
        "were removed",
        "No decision was left unsent",
        "new invitation",
        "--data-dir",
    ] {
        assert!(help.contains(part), "{part}: {help}");
    }
    assert_ne!(state.signing.state, SigningKind::Unlocked, "the key was locked");
    assert_eq!((state.counts.open, bench.desk.inbox_rows("all", "", 0, 10).await.unwrap().total), (0, 0));
    let refusal = bench.desk.decide(&request(&on_screen, DecisionKind::Approve)).await.unwrap_err();
    assert_eq!(refusal.code, RefusalCode::GatewayRefused);
    assert!(refusal.message.contains(SAID), "{}", refusal.message);
    assert!(bench.desk.open_review(&on_screen.review_id).await.is_err());
    let rows = bench.desk.outbox_rows().await.unwrap();
    assert_eq!((rows.len(), rows[0].state), (1, OutboxKind::Counted), "own decisions stay, as they were");
    running.stop().await;

    assert!(!holds(bench.dir.path(), "mark-of-the-open-pane"), "nothing of it is left on the disk");
    assert!(!holds(bench.dir.path(), "half a thought about it"));
    // The same after the next start, before any contact.
    bench.stand.with(|state| state.is_down = true);
    let bench = bench.reopen(8).await;
    let state = bench.desk.app_state().await.unwrap();
    assert_eq!(state.connection.text, "Your access to this gateway has ended");
    assert!(state.connection.help.unwrap().contains(SAID));
    assert_eq!(
        bench.desk.decide(&request(&pane, DecisionKind::Approve)).await.unwrap_err().code,
        RefusalCode::GatewayRefused
    );
    assert_eq!(bench.n_saved().await, 1);
}

/// Invariant B1: what was signed and not sent is parked and shown, never deleted, and says why.
#[tokio::test]
async fn b10_a_decision_that_was_saved_and_not_sent_is_parked_and_kept() {
    let bench = Bench::enrolled().await;
    let pane = bench.open(&bench.stand.add_review("returned-goods")).await;
    bench.stand.with(|state| state.is_down = true);
    bench.desk.decide(&request(&pane, DecisionKind::Approve)).await.unwrap();
    bench.inner().send_waiting().await.unwrap();
    bench.stand.with(|state| {
        state.is_down = false;
        state.ended = Some(SAID);
    });
    assert_eq!(bench.inner().send_waiting().await.unwrap(), None, "it is not tried again");
    let rows = bench.desk.outbox_rows().await.unwrap();
    assert_eq!((rows.len(), rows[0].state), (1, OutboxKind::Parked));
    assert!(rows[0].text.contains("ended this device"), "{}", rows[0].text);
    let help = bench.desk.app_state().await.unwrap().connection.help.unwrap();
    assert!(help.contains("One decision that was saved here had not been confirmed"), "{help}");
    assert_eq!(bench.desk.inbox_rows("all", "", 0, 10).await.unwrap().total, 0, "the outbox learned it first");
    let kept = bench.inner().store.journal_row(&rows[0].decision_id).await.unwrap().unwrap();
    assert!(kept.envelope.contains("signatures"), "the signed decision is whole");
    assert_eq!(bench.stand.with(|state| state.decided.len()), 0);
}

/// What was on its way when access ended is not kept after it.
#[tokio::test]
async fn f4_a_review_that_arrives_while_access_ends_is_not_cached_again() {
    let bench = Bench::enrolled().await;
    let document = bench.stand.add_review("returned-goods");
    bench.open(&document).await;
    bench.stand.with(|state| state.ended = Some(SAID));
    let enrolled = bench.inner().enrolled().unwrap();
    let refused = enrolled.client.me().await.unwrap_err();
    bench.inner().heed_error(&refused).await;
    bench.inner().apply(vec![document.clone()], None).await.unwrap();
    assert!(bench.inner().store.document(&document.review_id.to_string()).await.unwrap().is_none());
    assert_eq!(bench.desk.inbox_rows("all", "", 0, 10).await.unwrap().total, 0);
    // Somebody put back a backup from before the end: the gateway lets the device in, and everything comes again.
    bench.stand.with(|state| state.ended = None);
    let mut running = Running::start(&bench);
    let state = running.until(|state| state.connection.state == LinkState::Connected && state.counts.mine == 1).await;
    assert!(state.connection.text.starts_with("Connected"), "{}", state.connection.text);
    running.stop().await;
}

#[tokio::test]
async fn f4_what_a_lost_role_showed_vanishes_at_the_next_contact() {
    let bench = Bench::new().await;
    bench.stand.with(|state| state.roles = vec!["reviewer".to_owned(), "auditor".to_owned()]);
    bench.desk.enrol(&bench.enrolment()).await.unwrap();
    let (open, closed) = (marked(&bench, "mark-of-the-open-one"), marked(&bench, "mark-of-the-closed-one"));
    let mut running = Running::start(&bench);
    running.until(|state| state.connection.state == LinkState::Connected && state.counts.mine == 2).await;
    let pane = bench.open(&open).await;
    bench.desk.save_draft(&pane.review_id, "half a thought about it").await.unwrap();
    let ended = bench.stand.close(
        closed.review_id,
        seamark_contracts::outcome::OutcomeKind::Withdrawn,
        seamark_contracts::outcome::OutcomeCause::Source,
        None,
    );
    bench.inner().apply(vec![ended], None).await.unwrap();
    assert_eq!(bench.desk.inbox_rows("all", "", 0, 10).await.unwrap().total, 2);

    // The role that both ask for is taken while one of them is on screen; the gateway shows neither any more.
    bench.stand.with(|state| {
        state.roles = vec!["auditor".to_owned()];
        state.reviews.clear();
    });
    bench.stand.rights_changed.send(()).unwrap();
    let change = running.until_changed(&pane.review_id).await;
    assert!(change.text.starts_with("A role was taken from you"), "{}", change.text);
    let has_role = |state: &AppState, role: &str| state.account.as_ref().is_some_and(|account| account.roles == [role]);
    running.until(|state| state.connection.state == LinkState::Connected && has_role(state, "auditor")).await;
    assert_eq!(bench.desk.inbox_rows("all", "", 0, 10).await.unwrap().total, 0, "closed ones too");
    assert_eq!(
        bench.desk.decide(&request(&pane, DecisionKind::Approve)).await.unwrap_err().code,
        RefusalCode::ViewChanged
    );
    assert_eq!(crate::account::load(bench.dir.path()).unwrap().unwrap().person.roles, ["auditor"]);

    // Given back: what is there for it is fetched anew.
    let again = marked(&bench, "mark-of-the-next-one");
    bench.stand.with(|state| state.roles = vec!["reviewer".to_owned()]);
    bench.stand.rights_changed.send(()).unwrap();
    running.until(|state| has_role(state, "reviewer") && state.counts.mine == 1).await;
    assert!(bench.desk.open_review(&again.review_id.to_string()).await.is_ok());
    running.stop().await;
    for mark in ["mark-of-the-open-one", "mark-of-the-closed-one", "half a thought about it"] {
        assert!(!holds(bench.dir.path(), mark), "{mark} is left on the disk");
    }
}
