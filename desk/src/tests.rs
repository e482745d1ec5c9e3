//! The desk against a stand: enrol, open, decide, send, fall, come back.

mod deciding;
mod ending;
mod keys;
mod link;
mod reveals;
mod root;
mod stand;

use std::path::Path;
use std::sync::Arc;

use seamark_contracts::api::review::ReviewDocument;
use seamark_contracts::clock::{FixedClock, SeededChance, Timestamp};
use seamark_contracts::decision::DecisionKind;

use super::*;
use crate::answer::{ConfirmedInput, ReasonInput};
use crate::core::Inner;
use crate::keys::{KdfCost, MemoryKeyring};
use stand::Stand;

const PIN: &str = "582914";

/// A desk in a folder of its own, with a stand for a gateway. The link does not run: each test takes the steps itself.
struct Bench {
    dir: tempfile::TempDir,
    clock: Arc<FixedClock>,
    keyring: Arc<MemoryKeyring>,
    stand: Arc<Stand>,
    desk: Desk,
}

fn options(dir: &Path, clock: &Arc<FixedClock>, keyring: &Arc<MemoryKeyring>, seed: u64) -> DeskOptions {
    DeskOptions {
        data_dir: dir.to_owned(),
        export_dir: dir.join("evidence"),
        clock: clock.clone(),
        chance: Arc::new(SeededChance::new(seed)),
        keyring: keyring.clone(),
        kdf_cost: KdfCost { memory_kib: 8, passes: 1 },
        time_zone: "UTC".to_owned(),
        locale: "en-GB".to_owned(),
        version: "0.0.0".to_owned(),
    }
}

impl Bench {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(FixedClock::new(Timestamp::parse(stand::START).unwrap()));
        let keyring = Arc::new(MemoryKeyring::default());
        let stand = Stand::start(clock.clone()).await;
        let desk = Desk::open(options(dir.path(), &clock, &keyring, 1)).await.unwrap();
        Self { dir, clock, keyring, stand, desk }
    }

    fn enrolment(&self) -> EnrolRequest {
        EnrolRequest {
            address: self.stand.address.clone(),
            code: stand::code_of("root"),
            device_name: "laptop".to_owned(),
            pin: PIN.to_owned(),
            is_local: false,
        }
    }

    /// Enrolled, and everything fetched that one connection fetches.
    async fn enrolled() -> Self {
        let bench = Self::new().await;
        bench.desk.enrol(&bench.enrolment()).await.unwrap();
        bench.connect().await;
        bench
    }

    async fn connect(&self) {
        let enrolled = self.inner().enrolled().unwrap();
        enrolled.client.open_session().await.unwrap();
        let now = self.inner().now();
        self.inner()
            .checker
            .refresh_trust(&enrolled.client, &self.inner().store, &enrolled.account, now)
            .await
            .unwrap();
        self.inner().look_at_ledger(&enrolled).await.unwrap();
        self.inner().change_link(|link| {
            link.state = answer::LinkState::Connected;
            link.current_at = Some(now);
        });
    }

    /// Lets the link run until the state around the screens is so.
    async fn link_until(&self, is_so: impl Fn(&answer::AppState) -> bool) -> answer::AppState {
        let shutdown = CancellationToken::new();
        let looking = async {
            loop {
                let state = self.desk.app_state().await.unwrap();
                if is_so(&state) {
                    shutdown.cancel();
                    break state;
                }
                self.inner().changed.notified().await;
            }
        };
        let (state, ()) = tokio::join!(looking, self.inner().run_link(&shutdown));
        state
    }

    fn inner(&self) -> &Inner {
        &self.desk.inner
    }

    /// The same folder after the process is gone: nothing is closed in an orderly way.
    async fn reopen(self, seed: u64) -> Self {
        let Self { dir, clock, keyring, stand, desk } = self;
        drop(desk);
        let desk = Desk::open(options(dir.path(), &clock, &keyring, seed)).await.unwrap();
        Self { dir, clock, keyring, stand, desk }
    }

    /// An example arrives and is opened; its required evidence is looked at.
    async fn open(&self, document: &ReviewDocument) -> answer::ReviewPane {
        self.inner().apply(vec![document.clone()], None).await.unwrap();
        let review_id = document.review_id.to_string();
        let pane = self.desk.open_review(&review_id).await.unwrap();
        for evidence in &pane.required_evidence {
            self.desk.note_opened(&review_id, &evidence.id).unwrap();
        }
        let again = self.desk.open_review(&review_id).await.unwrap();
        assert_eq!(again.view_digest, pane.view_digest, "looking again is the same view");
        again
    }

    async fn n_saved(&self) -> usize {
        self.desk.outbox_rows().await.unwrap().len()
    }
}

/// The complete answer of a careful reviewer.
fn request(pane: &answer::ReviewPane, decision: DecisionKind) -> DecideRequest {
    let code = match decision {
        DecisionKind::Reject => pane.view.reject_reasons[0].code.clone(),
        DecisionKind::Approve | DecisionKind::Escalate => String::new(),
    };
    DecideRequest {
        review_id: pane.review_id.clone(),
        view_digest: pane.view_digest.clone(),
        decision,
        reason: ReasonInput { code, text: "Order and card were compared.".to_owned() },
        escalation: None,
        confirmed: pane
            .view
            .facts
            .iter()
            .filter(|fact| fact.confirm)
            .map(|fact| ConfirmedInput { fact: fact.id.clone(), value: fact.value.clone() })
            .collect(),
        pin: Some(PIN.to_owned()),
    }
}

/// Every action can run on any thread of a host's runtime: this does not compile otherwise.
#[tokio::test]
async fn every_action_can_run_on_any_thread() {
    fn is_send<T: Send>(action: T) {
        drop(action);
    }
    let bench = Bench::new().await;
    let desk = bench.desk.clone();
    let enrolment = bench.enrolment();
    let decision = DecideRequest {
        review_id: String::new(),
        view_digest: String::new(),
        decision: DecisionKind::Approve,
        reason: ReasonInput { code: String::new(), text: String::new() },
        escalation: None,
        confirmed: Vec::new(),
        pin: None,
    };
    is_send(desk.run(tokio_util::sync::CancellationToken::new()));
    is_send(desk.app_state());
    is_send(desk.enrol(&enrolment));
    is_send(desk.move_local_gateway(""));
    is_send(desk.inbox_rows("", "", 0, 0));
    is_send(desk.open_review(""));
    is_send(desk.decide(&decision));
    is_send(desk.unlock(""));
    is_send(desk.lock());
    is_send(desk.copy_revealed("", ""));
    is_send(desk.outbox_rows());
    is_send(desk.audit_rows("", None, None, 0, 0));
    is_send(desk.audit_record(""));
    is_send(desk.verify_record(""));
    is_send(desk.artifact_text("", ""));
    is_send(desk.save_draft("", ""));
    is_send(desk.set_appearance(answer::Theme::System, 1.0, answer::Density::Comfortable));
    is_send(desk.retry_keyring());
    assert!(desk.account().is_none(), "none of them ran");
}
