//! The desk: everything that the desktop app does, without a window.
//!
//! [`Desk`] has one method per action of the page. It verifies what it shows, asks for the PIN, signs, keeps a journal of
//! every decision, sends it until it is recorded, and witnesses the gateway's ledger.
//!
//! Invariants kept here:
//! * A decision that was answered with *Saved here* survives a crash and a power loss ([`cache`], invariant B1).
//! * What is signed is what was shown: the view is rebuilt from verified bytes and compared (`check`, `decide`, B11).
//! * The decision key leaves the keyring and its sealed file only into memory, after the PIN; no method signs bytes that a
//!   caller chose (`unlock`, F3).
//! * The ledger is checked against the last head this desk verified; a contradiction stops approving ([`witness`], D5).
//! * What is not confirmed current says so in words (`state`, E2).
//!
//! Does not know: windows, web pages, Tauri, how a gateway stores anything.

mod access;
pub mod account;
pub mod answer;
mod audit;
pub mod cache;
mod change;
mod check;
pub mod client;
pub mod clock;
mod core;
mod decide;
mod ending;
mod enrol;
mod inbox;
mod journal;
pub mod keys;
mod ledger;
mod outbox;
pub mod refusal;
pub mod reveal;
mod review;
mod standing;
mod state;
mod sync;
mod unlock;
pub mod witness;
pub mod words;

use std::sync::Arc;

use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

pub use crate::core::{DeskOptions, OpenError};
pub use enrol::EnrolRequest;

use answer::{
    AppState, AuditPage, Claim, DecideRequest, DecisionProgress, Density, DeskEvent, InboxPage, LedgerView, OutboxRow,
    RecordView, RevealFieldRequest, Revealed, ReviewPane, SavedAlarm, SavedEvidence, Theme,
};
use refusal::Refusal;
use reveal::RevealedValue;
use words::LocalGateway;

/// One person's desk. Cheap to clone; every clone is the same desk.
#[derive(Clone, Debug)]
pub struct Desk {
    inner: Arc<core::Inner>,
}

impl Desk {
    /// Opens the desk in its folder, creating it on first use. Does nothing by itself until [`Self::run`].
    ///
    /// # Errors
    /// [`OpenError`]: the folder cannot be used, another desk uses it, or what it holds cannot be read.
    pub async fn open(options: DeskOptions) -> Result<Self, OpenError> {
        Ok(Self { inner: Arc::new(core::Inner::open(options).await?) })
    }

    /// Keeps the desk current, sends what is saved, and tells about changes, until `shutdown`.
    pub async fn run(&self, shutdown: CancellationToken) {
        tokio::join!(
            self.inner.run_link(&shutdown),
            self.inner.run_outbox(&shutdown),
            self.inner.run_teller(&shutdown),
        );
        self.inner.lock_key();
        self.inner.store.close().await;
    }

    /// What happens from now on. Who reads too slowly misses events and is told so by the receiver.
    #[must_use]
    pub fn events(&self) -> broadcast::Receiver<DeskEvent> {
        self.inner.listen()
    }

    /// The state around the screens.
    ///
    /// # Errors
    /// [`Refusal`]
    pub async fn app_state(&self) -> Result<AppState, Refusal> {
        self.inner.app_state().await
    }

    /// Whether this desk has an account, and whether it is at the gateway that the app starts itself.
    #[must_use]
    pub fn account(&self) -> Option<account::Account> {
        self.inner.enrolled().map(|enrolled| enrolled.account.clone())
    }

    /// Shows the stage "setting up" while something longer is being prepared.
    pub fn set_setting_up(&self, is_setting_up: bool) {
        self.inner.set_setting_up(is_setting_up);
    }

    /// Enrols this device: makes its keys, keeps them, makes them known to the gateway.
    ///
    /// # Errors
    /// [`Refusal`]; then this desk has no account and can be enrolled again.
    pub async fn enrol(&self, request: &EnrolRequest) -> Result<AppState, Refusal> {
        self.inner.enrol(request).await?;
        self.inner.app_state().await
    }

    /// The local gateway listens at another address than last time.
    ///
    /// # Errors
    /// [`Refusal`] when this desk's gateway is not the local one, or the address cannot be kept.
    pub async fn move_local_gateway(&self, address: &str) -> Result<(), Refusal> {
        self.inner.move_local_gateway(address)
    }

    /// How the gateway inside the app is doing. Until it runs the desk calls nobody, and says so.
    pub fn tell_local_gateway(&self, state: LocalGateway) {
        self.inner.note_local_gateway(state);
    }

    /// A window into the inbox. `filter` is `mine`, `all`, `expiring` or a contract's name; at most 500 rows.
    ///
    /// # Errors
    /// [`Refusal`]
    pub async fn inbox_rows(&self, filter: &str, query: &str, offset: u32, limit: u32) -> Result<InboxPage, Refusal> {
        self.inner.inbox_rows(filter, query, offset, limit).await
    }

    /// Opens a review and remembers what is shown.
    ///
    /// # Errors
    /// [`Refusal`] when this desk does not hold it and the gateway does not give it.
    pub async fn open_review(&self, review_id: &str) -> Result<ReviewPane, Refusal> {
        self.inner.open_review(review_id).await
    }

    /// Evidence of an open review was opened.
    ///
    /// # Errors
    /// [`Refusal`] when there is no such review open, or no such evidence.
    pub fn note_opened(&self, review_id: &str, evidence_id: &str) -> Result<(), Refusal> {
        self.inner.note_opened(review_id, evidence_id)
    }

    /// Reads one masked field of an open review for a purpose. The gateway records it before it gives the value, which is held
    /// here for 30 seconds at most and never leaves this memory but by [`Self::revealed_text`] and [`Self::copy_revealed`].
    ///
    /// # Errors
    /// [`Refusal`]; then nothing is revealed, and what the gateway gave is not held when it is not the signed value.
    pub async fn reveal_field(&self, request: &RevealFieldRequest) -> Result<Revealed, Refusal> {
        let (revealed, reveal_id) = self.inner.reveal_field(request).await?;
        reveal::mask_in_time(&self.inner, reveal_id);
        Ok(revealed)
    }

    /// The text of a revealed field, with the invisible made visible, as long as it stands.
    ///
    /// # Errors
    /// [`Refusal`] when it is masked again.
    pub fn revealed_text(&self, review_id: &str, path: &str) -> Result<Zeroizing<String>, Refusal> {
        self.inner.revealed_text(review_id, path)
    }

    /// Records at the gateway that a revealed value is copied, and gives it to be put on the clipboard.
    ///
    /// # Errors
    /// [`Refusal`]; then nothing may be copied.
    pub async fn copy_revealed(&self, review_id: &str, path: &str) -> Result<RevealedValue, Refusal> {
        self.inner.copy_revealed(review_id, path).await
    }

    /// Masks a revealed field again; without a path all of the review.
    pub fn mask_again(&self, review_id: &str, path: Option<&str>) {
        match path {
            Some(path) => self.inner.mask_field(review_id, path),
            None => self.inner.mask_review(review_id),
        }
    }

    /// Masks everything that was revealed: the window lost focus.
    pub fn mask_all(&self) {
        self.inner.mask_all();
    }

    /// Checks, signs and saves a decision. It is *Saved here* when this answers; the rest follows as events.
    ///
    /// # Errors
    /// [`Refusal`]; then nothing was signed or nothing was kept, and nothing leaves this desk.
    pub async fn decide(&self, request: &DecideRequest) -> Result<DecisionProgress, Refusal> {
        self.inner.decide(request).await
    }

    /// Opens the unlocked period of 15 minutes with the PIN.
    ///
    /// # Errors
    /// [`Refusal`]
    pub async fn unlock(&self, pin: &str) -> Result<AppState, Refusal> {
        self.inner.unlock(pin).await?;
        self.inner.app_state().await
    }

    /// Gives the signing key another PIN, and locks it.
    ///
    /// # Errors
    /// [`Refusal`] about the field `pin` or `newPin`, or that the key cannot be reached; then the old PIN stays.
    pub async fn change_pin(&self, pin: &str, new_pin: &str) -> Result<AppState, Refusal> {
        self.inner.change_pin(pin, new_pin).await?;
        self.inner.app_state().await
    }

    /// Ends the unlocked period.
    ///
    /// # Errors
    /// [`Refusal`] when the state cannot be read; the key is locked all the same.
    pub async fn lock(&self) -> Result<AppState, Refusal> {
        self.inner.lock_key();
        self.inner.app_state().await
    }

    /// The newest decisions made here, at most 200.
    ///
    /// # Errors
    /// [`Refusal`]
    pub async fn outbox_rows(&self) -> Result<Vec<OutboxRow>, Refusal> {
        self.inner.outbox_rows().await
    }

    /// A window into past reviews, newest first; without the gateway those that this desk keeps.
    ///
    /// # Errors
    /// [`Refusal`]
    pub async fn audit_rows(
        &self,
        query: &str,
        outcome: Option<&str>,
        contract: Option<&str>,
        offset: u32,
        limit: u32,
    ) -> Result<AuditPage, Refusal> {
        self.inner.audit_rows(query, outcome, contract, offset, limit).await
    }

    /// Everything about one past review.
    ///
    /// # Errors
    /// [`Refusal`]
    pub async fn audit_record(&self, review_id: &str) -> Result<RecordView, Refusal> {
        self.inner.audit_record(review_id).await
    }

    /// Fetches a record anew and checks every claim in it.
    ///
    /// # Errors
    /// [`Refusal`] when there is nothing to check; a claim that fails is an answer, not an error.
    pub async fn verify_record(&self, review_id: &str) -> Result<Vec<Claim>, Refusal> {
        self.inner.verify_record(review_id).await
    }

    /// Writes the evidence of a record into a new file, which anyone can verify without this desk or its gateway.
    ///
    /// # Errors
    /// [`Refusal`] when the record cannot be fetched or the file not written; a claim that fails is part of the answer.
    pub async fn save_evidence(&self, review_id: &str) -> Result<SavedEvidence, Refusal> {
        self.inner.save_evidence(review_id).await
    }

    /// What this desk knows of the ledger, and how it contradicts itself if it does.
    ///
    /// # Errors
    /// [`Refusal`] while no account is set up.
    pub fn ledger(&self) -> Result<LedgerView, Refusal> {
        self.inner.ledger_view()
    }

    /// Writes what proves a ledger alarm into a new file.
    ///
    /// # Errors
    /// [`Refusal`] when there is no alarm or the file cannot be written.
    pub async fn save_alarm(&self) -> Result<SavedAlarm, Refusal> {
        self.inner.save_alarm().await
    }

    /// Writes what the evidence of a record proves into a new file for people to read, as PDF.
    ///
    /// # Errors
    /// As [`Desk::save_evidence`].
    pub async fn save_report(&self, review_id: &str) -> Result<SavedEvidence, Refusal> {
        self.inner.save_report(review_id).await
    }

    /// The text of an artifact of an open review, digest checked, with the invisible made visible.
    ///
    /// # Errors
    /// [`Refusal`]
    pub async fn artifact_text(&self, review_id: &str, digest: &str) -> Result<String, Refusal> {
        self.inner.artifact_text(review_id, digest).await
    }

    /// Keeps an unfinished text; an empty one is forgotten.
    ///
    /// # Errors
    /// [`Refusal`]
    pub async fn save_draft(&self, review_id: &str, text: &str) -> Result<(), Refusal> {
        self.inner.save_draft(review_id, text).await
    }

    /// Keeps how the window looks on this device. `zoom` is a factor, kept within 0.8 to 2.0.
    ///
    /// # Errors
    /// [`Refusal`]
    pub async fn set_appearance(&self, theme: Theme, zoom: f64, density: Density) -> Result<AppState, Refusal> {
        self.inner.set_appearance(theme, zoom, density).await?;
        self.inner.app_state().await
    }

    /// Pins the root that the pinned one named, after the person typed its fingerprint as they were told it.
    ///
    /// # Errors
    /// [`Refusal`]; then the old one stays pinned.
    pub async fn pin_root(&self, fingerprint: &str) -> Result<AppState, Refusal> {
        self.inner.pin_root(fingerprint).await?;
        self.inner.app_state().await
    }

    /// Asks the keyring again, after the person unlocked it.
    ///
    /// # Errors
    /// [`Refusal`]
    pub async fn retry_keyring(&self) -> Result<AppState, Refusal> {
        self.inner.retry_keyring().await?;
        self.inner.app_state().await
    }
}

#[cfg(test)]
mod tests;
