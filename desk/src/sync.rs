//! Staying current: connect, take a snapshot when one is needed, follow the stream, notice silence, come back.
//!
//! ```text
//! offline -> connecting -> session, directory, ledger -> snapshot if no cursor -> connected: follow the stream
//!    ^------------- back-off with jitter <------------- any fault, silence of 45 s ------------'
//! ```

use std::collections::BTreeSet;
use std::time::Duration;

use seamark_contracts::api::review::ReviewDocument;
use seamark_contracts::problem::ErrorCode;
use seamark_ledger::directory::DirectoryError;
use thiserror::Error;
use tokio_util::sync::CancellationToken;

use crate::answer::{DeskEvent, LinkState};
use crate::cache::{Cursor, ReviewRow, StoreError};
use crate::check::CheckError;
use crate::client::{CallError, ReviewEvent, StreamEnd};
use crate::core::{Enrolled, Inner, KeyringHealth};
use crate::inbox::tier_name;
use crate::keys::KeyringError;
use crate::outbox::pause_ms;
use crate::refusal::Refusal;
use crate::review::{candidate_refusal, closing};
use crate::witness::{self, Look, LookError};
use crate::words::{self, LocalGateway};

const FIRST_PAUSE_MS: u64 = 500;
const LONGEST_PAUSE_MS: u64 = 15_000;

/// An end is for good, as far as this desk can know: it asks again only so often.
const ENDED_PAUSE_MS: u64 = 5 * 60 * 1000;

/// While the organisation has not signed this device's key, it is looked for so often.
const UNSIGNED_PAUSE_MS: u64 = 3_000;

/// Reviews per page of a snapshot.
const PAGE: u32 = 200;

/// Events that are applied together when they arrived together.
const MAX_TOGETHER: usize = 200;

/// Closed reviews are kept for so long (invariant F4).
const KEEP_CLOSED_MS: i64 = 72 * 60 * 60 * 1000;

/// While connected the ledger is looked at so often, besides before each signature.
const LOOK_EVERY: Duration = Duration::from_secs(15);

/// The window is told at most so often that something changed.
const TELL_PAUSE: Duration = Duration::from_millis(60);

/// Deadlines, minutes and staleness change without any event.
const TICK: Duration = Duration::from_secs(15);

/// Nonce of the views that only give lists their words; never shown, never signed.
const LIST_NONCE: &str = "AAAAAAAAAAAAAAAAAAAAAA";

/// Why a connection ended.
#[derive(Debug, Error)]
enum LinkEnd {
    #[error("call the gateway")]
    Call(#[from] CallError),
    #[error("verify the organisation's directory")]
    Check(#[from] CheckError),
    #[error("keep what the gateway sent")]
    Store(#[from] StoreError),
    #[error("follow the stream")]
    Stream(#[from] StreamEnd),
    #[error("look at the ledger")]
    Look(#[from] LookError),
    #[error("the gateway asks for a snapshot")]
    Reset,
    #[error("the organisation has not signed this device's key yet")]
    Unsigned,
}

impl LinkEnd {
    fn call(&self) -> Option<&CallError> {
        match self {
            Self::Call(error) | Self::Check(CheckError::Call(error)) | Self::Look(LookError::Call(error)) => {
                Some(error)
            }
            _ => None,
        }
    }
}

impl Inner {
    /// Keeps this desk current until `shutdown`.
    pub(crate) async fn run_link(&self, shutdown: &CancellationToken) {
        let mut n_failed = 0;
        loop {
            let pause = match self.enrolled() {
                None => None,
                Some(_) if self.local_gateway() != LocalGateway::Runs => {
                    let has_failed = self.local_gateway() != LocalGateway::Starting;
                    self.change_link(|link| {
                        link.state = if has_failed { LinkState::Offline } else { LinkState::Connecting };
                        link.retry_at = None;
                    });
                    None
                }
                Some(enrolled) => {
                    self.change_link(|link| {
                        link.state = LinkState::Connecting;
                        link.since = self.options.clock.now();
                        link.retry_at = None;
                    });
                    let mut was_connected = false;
                    let end = tokio::select! {
                        () = shutdown.cancelled() => return,
                        end = self.connect_and_follow(&enrolled, &mut was_connected) => end,
                    };
                    n_failed = if was_connected { 0 } else { n_failed + 1 };
                    Some(self.note_link_end(end, n_failed).await)
                }
            };
            let wait = async {
                match pause {
                    Some(pause) => tokio::time::sleep(pause).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = self.wake_link.notified() => n_failed = 0,
                () = wait => {}
            }
        }
    }

    /// Says why the connection ended and answers how long to wait.
    async fn note_link_end(&self, end: LinkEnd, n_failed: u32) -> Duration {
        tracing::info!(error = %end, cause = ?std::error::Error::source(&end).map(ToString::to_string), "the connection ended");
        if matches!(end, LinkEnd::Reset | LinkEnd::Stream(StreamEnd::Malformed))
            && let Err(error) = self.store.forget_cursor().await
        {
            tracing::error!(%error, "the cursor could not be removed");
        }
        match end.call() {
            Some(CallError::Keyring(KeyringError::Missing(_))) => self.note_keyring(KeyringHealth::Missing),
            Some(CallError::Keyring(_)) => self.note_keyring(KeyringHealth::Locked),
            _ => {}
        }
        if let Some(error) = end.call() {
            self.heed_error(error).await;
        }
        let has_ended = end.call().and_then(CallError::code) == Some(ErrorCode::AccessEnded);
        let refused = match end.call().and_then(CallError::code) {
            Some(ErrorCode::AccessEnded) => self.ended_access().map(|ended| ended.words()),
            Some(ErrorCode::Unauthenticated | ErrorCode::Forbidden) => Some(
                "The gateway does not know this device (any more). Ask for a new invitation. What is saved here is kept."
                    .to_owned(),
            ),
            _ => match end {
                LinkEnd::Check(CheckError::Directory(_)) if self.next_root().is_some() => Some(
                    "Your organisation has a new root: the one that this desk pinned named it. Seamark trusts nothing under it before \
                     you confirm its fingerprint, under Settings, Account. What you signed is kept and sent afterwards."
                        .to_owned(),
                ),
                LinkEnd::Check(CheckError::Directory(_) | CheckError::PinnedRoot) => Some(
                    "The gateway's list of keys is not signed by the root key that this desk pinned. Nothing from it is \
                     trusted. Tell your organisation's operator."
                        .to_owned(),
                ),
                _ => None,
            },
        };
        let current_at = self.link().current_at;
        if let Some(at) = current_at
            && let Err(error) = self.store.keep_last_current(at).await
        {
            tracing::error!(%error, "the time of the last contact could not be kept");
        }
        // A reset is no fault: the next contact takes the snapshot at once.
        let is_unsigned = matches!(end, LinkEnd::Unsigned);
        let is_fault = !matches!(end, LinkEnd::Reset | LinkEnd::Unsigned);
        let pause = if has_ended {
            ENDED_PAUSE_MS
        } else if is_unsigned {
            UNSIGNED_PAUSE_MS
        } else if is_fault {
            pause_ms(n_failed.min(8), FIRST_PAUSE_MS, LONGEST_PAUSE_MS, self.options.chance.as_ref())
        } else {
            0
        };
        self.change_link(|link| {
            link.state = match (&refused, is_fault) {
                (Some(_), _) => LinkState::Refused,
                (None, true) => LinkState::Offline,
                (None, false) if is_unsigned => LinkState::Connected,
                (None, false) => LinkState::Connecting,
            };
            link.since = self.options.clock.now();
            link.refused = refused;
            link.retry_at = Some(self.options.clock.now().plus_ms(i64::try_from(pause).unwrap_or(0)));
        });
        self.list_changed();
        Duration::from_millis(pause)
    }

    /// One connection, from the session to its end.
    async fn connect_and_follow(&self, enrolled: &Enrolled, was_connected: &mut bool) -> LinkEnd {
        match self.try_connection(enrolled, was_connected).await {
            Ok(never) => match never {},
            Err(end) => end,
        }
    }

    async fn try_connection(
        &self,
        enrolled: &Enrolled,
        was_connected: &mut bool,
    ) -> Result<std::convert::Infallible, LinkEnd> {
        let session = enrolled.client.open_session().await?;
        self.note_keyring(KeyringHealth::Good);
        self.store.keep_clock_skew_ms(session.skew_ms).await?;
        self.change_link(|link| link.skew_ms = session.skew_ms);
        // Not what the session said when it was opened: roles may have changed since.
        let person = enrolled.client.me().await?;
        self.access_is_good().await?;
        self.take_over_person(enrolled, person).await?;
        match self.checker.refresh_trust(&enrolled.client, &self.store, &enrolled.account, self.now()).await {
            Ok(()) => self.set_next_root(None),
            // Nothing at all is signed yet.
            Err(CheckError::Call(error)) if error.code() == Some(ErrorCode::NotFound) && !self.is_listed() => {}
            Err(error) => {
                if matches!(error, CheckError::Directory(DirectoryError::Statement(_))) {
                    self.look_for_next_root(enrolled).await;
                }
                return Err(error.into());
            }
        }
        if !self.note_listed(enrolled).await? {
            return Err(LinkEnd::Unsigned);
        }
        self.look_at_ledger(enrolled).await?;
        self.retry_faulty().await?;
        let position = match self.store.cursor().await? {
            Some(cursor) => cursor,
            None => self.take_snapshot(enrolled).await?,
        };
        let mut events = enrolled.client.review_events(&position.0).await?;
        *was_connected = true;
        self.change_link(|link| {
            link.state = LinkState::Connected;
            link.since = self.options.clock.now();
            link.current_at = Some(link.since);
            link.refused = None;
            link.retry_at = None;
        });
        self.list_changed();
        self.wake_outbox.notify_one();
        let mut heard = events.heard();
        let mut looks = tokio::time::interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        looks.tick().await;
        loop {
            tokio::select! {
                event = events.next() => {
                    let mut arrived = vec![event?];
                    let (more, end) = events.ready(MAX_TOGETHER - 1);
                    arrived.extend(more);
                    self.take_over(arrived).await?;
                    if let Some(end) = end {
                        return Err(end.into());
                    }
                }
                Ok(()) = heard.changed() => self.note_current(self.local_now()),
                _ = looks.tick() => self.look_at_ledger(enrolled).await?,
            }
        }
    }

    /// Applies what the stream brought, in order; what came together is kept in one commit.
    async fn take_over(&self, arrived: Vec<ReviewEvent>) -> Result<(), LinkEnd> {
        self.note_current(self.local_now());
        let (mut together, mut cursor) = (Vec::with_capacity(arrived.len()), None);
        for event in arrived {
            let ReviewEvent::Review { document, position } = event else {
                self.apply(std::mem::take(&mut together), cursor).await?;
                return Err(LinkEnd::Reset);
            };
            // Two changes of one review are told one after the other.
            if together.iter().any(|other: &ReviewDocument| other.review_id == document.review_id) {
                self.apply(std::mem::take(&mut together), cursor.take()).await?;
            }
            together.push(*document);
            cursor = Some(Cursor(position));
        }
        Ok(self.apply(together, cursor).await?)
    }

    /// Witnesses the ledger once, and has own decisions proven.
    pub(crate) async fn look_at_ledger(&self, enrolled: &Enrolled) -> Result<(), LookError> {
        let vkey = &enrolled.account.trust.ledger_vkey;
        let look = witness::look(&enrolled.client, &self.store, vkey, self.now()).await?;
        let alarm = match look {
            Look::Empty => None,
            Look::Broken(alarm) => Some(alarm),
            Look::Verified(kept) => {
                self.with_ledger(|ledger| ledger.head = Some(kept.clone()));
                witness::prove_own_decisions(&enrolled.client, &self.store, &kept, self.now()).await?
            }
        };
        if let Some(alarm) = alarm {
            tracing::error!(finding = alarm.finding, "the ledger contradicts what this desk saw");
            self.with_ledger(|ledger| ledger.alarm = Some(alarm));
        }
        self.changed.notify_one();
        Ok(())
    }

    /// Takes everything anew, page by page. What changes meanwhile comes again over the stream, which starts where the
    /// first page was read (invariant E1).
    async fn take_snapshot(&self, enrolled: &Enrolled) -> Result<Cursor, LinkEnd> {
        let mut seen = BTreeSet::new();
        let mut first_position = None;
        let mut after: Option<String> = None;
        loop {
            let page = enrolled.client.reviews(after.as_deref(), PAGE).await?;
            let position = first_position.get_or_insert(Cursor(page.position)).clone();
            seen.extend(page.reviews.iter().map(|document| document.review_id.to_string()));
            self.apply(page.reviews, None).await?;
            match page.next {
                Some(next) => after = Some(next),
                None => {
                    let keep_after = self.now().plus_ms(-KEEP_CLOSED_MS);
                    self.store.finish_snapshot(&seen, keep_after, &position).await?;
                    self.list_changed();
                    return Ok(position);
                }
            }
        }
    }

    /// Reviews that could not be verified are tried again with the directory and contracts of now.
    async fn retry_faulty(&self) -> Result<(), StoreError> {
        let bodies = self.store.faulty_documents().await?;
        let documents = bodies.iter().filter_map(|body| serde_json::from_str(body).ok()).collect();
        self.apply(documents, None).await
    }

    /// Takes over reviews: verifies them, keeps them, tells the window what changed for what is on screen.
    pub(crate) async fn apply(&self, documents: Vec<ReviewDocument>, cursor: Option<Cursor>) -> Result<(), StoreError> {
        let Some(enrolled) = self.enrolled() else { return Ok(()) };
        if documents.is_empty() && cursor.is_none() {
            return Ok(());
        }
        let mut rows = Vec::with_capacity(documents.len());
        let mut earlier = Vec::new();
        for document in &documents {
            let review_id = document.review_id.to_string();
            if self.with_shown(|shown| shown.contains_key(&review_id)) {
                earlier.push((review_id.clone(), self.store.document(&review_id).await?));
            }
            if let Some(row) = self.row_of(&enrolled, document).await {
                rows.push(row);
            }
        }
        let n_changed = self.store.apply_reviews(&rows, cursor.as_ref()).await?;
        if n_changed == 0 {
            return Ok(());
        }
        self.list_changed();
        for document in &documents {
            let review_id = document.review_id.to_string();
            let before = earlier.iter().find(|(id, _)| *id == review_id).and_then(|(_, body)| body.as_deref());
            if let Some(before) = before.and_then(|body| serde_json::from_str::<ReviewDocument>(body).ok()) {
                self.tell_change(&enrolled, &before, document).await;
            }
            if (document.delivered_at.is_some() || document.result.is_some())
                && let Some(row) = self.store.journal_of_review(&review_id).await?.last()
            {
                self.tell_progress(row).await;
            }
        }
        Ok(())
    }

    /// The inbox's row of a document; `None` when it cannot be written down at all.
    pub(crate) async fn row_of(&self, enrolled: &Enrolled, document: &ReviewDocument) -> Option<ReviewRow> {
        let body = serde_json::to_string(document).ok()?;
        let (closed_by, closed_at) = closing(document);
        let mut row = ReviewRow {
            review_id: document.review_id.to_string(),
            handoff_id: document.handoff_id.to_string(),
            version: document.version,
            state: words::state_name(document.state).to_owned(),
            statement: String::new(),
            contract: document.contract.name.clone(),
            line: "Cannot be verified".to_owned(),
            context: words::contract_words(&document.contract.name),
            source: String::new(),
            tier: "T4".to_owned(),
            is_mine: true,
            fault: None,
            closed_by,
            closed_at,
            opened_at: document.opened_at,
            expires_at: document.expires_at,
            document: body,
            delivered_at: document.delivered_at,
            executed: document.result.as_ref().map(words::result),
        };
        let checked = self.check(enrolled, document).await;
        match checked.and_then(|checked| checked.drawn(LIST_NONCE).map(|view| (checked, view))) {
            Ok((checked, view)) => {
                row.statement = checked.statement.to_hex();
                row.line = view.line;
                row.context = view.context;
                row.source = view.source;
                row.tier = tier_name(checked.tier()).to_owned();
                row.is_mine = candidate_refusal(enrolled, &checked).is_none();
            }
            Err(error) => {
                tracing::warn!(review_id = row.review_id, %error, "a review cannot be verified");
                row.fault = Some(error.words());
            }
        }
        Some(row)
    }

    /// Tells the window, at most every [`TELL_PAUSE`], and at least every [`TICK`].
    pub(crate) async fn run_teller(&self, shutdown: &CancellationToken) {
        let mut told_version = 0;
        loop {
            let version = self.version();
            if version != told_version {
                told_version = version;
                self.tell(DeskEvent::InboxChanged { version });
            }
            match self.app_state().await {
                Ok(state) => self.tell(DeskEvent::AppState(Box::new(state))),
                Err(refusal) => tracing::error!(?refusal, "the state could not be read"),
            }
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(TELL_PAUSE) => {}
            }
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = self.changed.notified() => {}
                () = tokio::time::sleep(TICK) => {}
            }
        }
    }
}

impl From<LinkEnd> for Refusal {
    fn from(end: LinkEnd) -> Self {
        Self::new(crate::refusal::RefusalCode::Offline, "The gateway could not be reached.").because(end)
    }
}
