//! A desk without a window, enrolled at a gateway.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, ensure};
use seamark_contracts::decision::DecisionKind;
use seamark_desk::answer::{AppState, DecideRequest, DeskEvent, OutboxKind, ReasonInput, ReviewPane};
use seamark_desk::clock::{SystemChance, SystemClock};
use seamark_desk::keys::{KdfCost, SecretService};
use seamark_desk::{Desk, DeskOptions, EnrolRequest};
use tokio::sync::broadcast;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::gateway::GatewayProcess;

/// The PIN of every test desk.
pub const PIN: &str = "739182";

/// A running desk; its background work ends when it is dropped.
#[derive(Debug)]
pub struct TestDesk {
    pub desk: Arc<Desk>,
    work: Option<JoinHandle<()>>,
    shutdown: CancellationToken,
}

impl TestDesk {
    /// Opens the desk in `data_dir` and starts its work. Needs an unlocked Secret Service.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub async fn open(data_dir: &Path) -> Result<Self> {
        Self::open_with(options(data_dir)).await
    }

    /// The same with a keyring, a clock or other settings of one's own.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub async fn open_with(options: DeskOptions) -> Result<Self> {
        let desk = Arc::new(Desk::open(options).await?);
        let shutdown = CancellationToken::new();
        let work = tokio::spawn({
            let (desk, shutdown) = (desk.clone(), shutdown.clone());
            async move { desk.run(shutdown).await }
        });
        Ok(Self { desk, work: Some(work), shutdown })
    }

    /// Opens one and enrols it as `person` with `role`.
    ///
    /// # Errors
    /// When opening, inviting or enrolling fails.
    pub async fn enrolled(data_dir: &Path, gateway: &GatewayProcess, person: &str, role: &str) -> Result<Self> {
        let this = Self::open(data_dir).await?;
        let request = EnrolRequest {
            address: gateway.address(),
            code: gateway.invite(person, role)?,
            device_name: "Test".to_owned(),
            pin: PIN.to_owned(),
            is_local: false,
        };
        this.desk.enrol(&request).await.map_err(|refusal| anyhow!("enrolling was refused: {refusal:?}"))?;
        Ok(this)
    }

    /// Waits until the desk holds at least `n` reviews.
    ///
    /// # Errors
    /// When that takes longer than `patience`.
    pub async fn holds(&self, n: u32, patience: Duration) -> Result<()> {
        let mut events = self.desk.events();
        let arrived = async {
            while self.total().await? < n {
                next(&mut events).await?;
            }
            Ok(())
        };
        tokio::time::timeout(patience, arrived).await.with_context(|| format!("the desk does not get {n} reviews"))?
    }

    /// Waits until the state around the screens is as asked; what it is then.
    ///
    /// # Errors
    /// When that takes longer than `patience`.
    pub async fn says(&self, patience: Duration, is_so: impl Fn(&AppState) -> bool) -> Result<AppState> {
        let mut events = self.desk.events();
        let said = async {
            loop {
                let state = self.desk.app_state().await.map_err(|refusal| anyhow!("{refusal:?}"))?;
                if is_so(&state) {
                    return Ok(state);
                }
                next(&mut events).await?;
            }
        };
        tokio::time::timeout(patience, said).await.context("the desk does not come to say what was waited for")?
    }

    /// How many reviews the inbox lists.
    ///
    /// # Errors
    /// When the desk refuses.
    pub async fn total(&self) -> Result<u32> {
        let page = self.desk.inbox_rows("all", "", 0, 1).await.map_err(|refusal| anyhow!("{refusal:?}"))?;
        Ok(page.total)
    }

    /// Opens a review and all evidence that it requires.
    ///
    /// # Errors
    /// When the desk refuses.
    pub async fn read(&self, review_id: &str) -> Result<ReviewPane> {
        let pane = self.desk.open_review(review_id).await.map_err(|refusal| anyhow!("{refusal:?}"))?;
        for evidence in &pane.required_evidence {
            self.desk.note_opened(review_id, &evidence.id).map_err(|refusal| anyhow!("{refusal:?}"))?;
        }
        Ok(pane)
    }

    /// Waits until everything that was decided here is counted by the gateway; the decisions' ids.
    ///
    /// # Errors
    /// When that takes longer than `patience`, or one is refused for good.
    pub async fn sends_all(&self, patience: Duration) -> Result<Vec<String>> {
        let mut events = self.desk.events();
        let sent = async {
            loop {
                let rows = self.desk.outbox_rows().await.map_err(|refusal| anyhow!("{refusal:?}"))?;
                let lost = rows.iter().find(|row| matches!(row.state, OutboxKind::NotCounted | OutboxKind::Parked));
                ensure!(lost.is_none(), "a decision does not count: {lost:?}");
                if rows.iter().all(|row| matches!(row.state, OutboxKind::Counted | OutboxKind::Delivered)) {
                    return Ok(rows.into_iter().map(|row| row.decision_id).collect());
                }
                next(&mut events).await?;
            }
        };
        tokio::time::timeout(patience, sent).await.context("decisions stay in the outbox")?
    }

    /// Ends its work and gives its folder free.
    ///
    /// # Errors
    /// When its work ended in a panic.
    pub async fn close(mut self) -> Result<()> {
        self.shutdown.cancel();
        if let Some(work) = self.work.take() {
            work.await.context("the desk's work")?;
        }
        Ok(())
    }
}

/// The answer of somebody who approves a review that asks for no reason and no typed value.
#[must_use]
pub fn approval(pane: &ReviewPane) -> DecideRequest {
    DecideRequest {
        review_id: pane.review_id.clone(),
        view_digest: pane.view_digest.clone(),
        decision: DecisionKind::Approve,
        reason: ReasonInput { code: "none".to_owned(), text: String::new() },
        escalation: None,
        confirmed: Vec::new(),
        pin: None,
    }
}

impl Drop for TestDesk {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

/// The next event; one that was missed is as good as any.
///
/// # Errors
/// When the desk has ended.
pub async fn next(events: &mut broadcast::Receiver<DeskEvent>) -> Result<()> {
    match events.recv().await {
        Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => Ok(()),
        Err(broadcast::error::RecvError::Closed) => Err(anyhow!("the desk has ended")),
    }
}

fn options(data_dir: &Path) -> DeskOptions {
    DeskOptions {
        data_dir: data_dir.to_owned(),
        export_dir: data_dir.join("evidence"),
        clock: Arc::new(SystemClock),
        chance: Arc::new(SystemChance),
        keyring: Arc::new(SecretService),
        kdf_cost: KdfCost::default(),
        time_zone: "UTC".to_owned(),
        locale: "en".to_owned(),
        version: "test".to_owned(),
    }
}
