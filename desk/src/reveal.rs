//! Masked fields that are read for a moment (invariants F1, F4).
//!
//! A value is in this memory only: not in the cache, the journal or a log. It is dropped after 30 seconds, when the window
//! loses focus, when the desk is locked, when the review is left or ends, and when a decision on it is signed. What stays
//! is the digest of the disclosure, which the view and the decision name.
//!
//! ORDER: the gateway records the reveal before it answers; the digest is kept on this disk before the value is shown. So
//! whatever was on screen is named by every later view of this statement, also after a crash.

use std::sync::Arc;
use std::time::Duration;

use seamark_contracts::api::reveal::{RevealAnswer, RevealRequest};
use seamark_contracts::api::review::ReviewState;
use seamark_contracts::clock::{Timestamp, make_nonce};
use seamark_contracts::id::RevealId;
use seamark_contracts::mask::{self, OpenedField};
use seamark_contracts::problem::ErrorCode;
use seamark_contracts::reveal::{Purpose, PurposeCode, PurposeError, find_revealable, list_revealable, may_reveal};
use seamark_contracts::text;
use serde_json::Value;
use zeroize::{Zeroize as _, Zeroizing};

use crate::answer::{DeskEvent, PurposeChoice, RevealFieldRequest, RevealState, Revealed, RevealedField};
use crate::check::Checked;
use crate::client::CallError;
use crate::core::{Enrolled, Inner};
use crate::ending::is_over;
use crate::refusal::{Refusal, RefusalCode};
use crate::review::{candidate_refusal, is_id, not_found};
use crate::words;

/// So long a value stays on screen, in milliseconds.
pub(crate) const SHOWN_MS: i64 = 30_000;

/// Most values on screen at once, over all reviews.
const MAX_HELD: usize = 16;

/// A hidden value that somebody may see for a while: overwritten when it is dropped, and never printed.
#[expect(missing_debug_implementations, reason = "a hidden value has none, so that no log can hold it (F1)")]
pub struct RevealedValue(Zeroizing<String>);

impl RevealedValue {
    /// The characters, for whoever puts them where the person asked for.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// One value in memory. No `Debug`, no `Serialize`.
pub(crate) struct Held {
    reveal_id: RevealId,
    review_id: String,
    path: String,
    value: Zeroizing<String>,
    /// By this computer's clock.
    until: Timestamp,
    is_copied: bool,
}

impl Held {
    fn field(&self, now: Timestamp) -> RevealedField {
        let remaining = (self.until.as_ms() - now.as_ms()).clamp(0, SHOWN_MS);
        RevealedField {
            path: self.path.clone(),
            remaining_ms: u32::try_from(remaining).unwrap_or(0),
            is_copied: self.is_copied,
        }
    }

    /// Neither over nor stretched by a clock that was set back.
    fn stands(&self, now: Timestamp) -> bool {
        now < self.until && self.until.as_ms() - now.as_ms() <= SHOWN_MS
    }
}

impl Inner {
    // ---- what may be read ----

    /// Which fields this person may read here.
    pub(crate) fn reveal_state(&self, enrolled: &Enrolled, checked: &Checked, is_open: bool) -> RevealState {
        let may = may_reveal(&checked.contract, &enrolled.person().roles)
            && candidate_refusal(enrolled, checked).is_none()
            && is_open;
        let masks = if may { list_revealable(&checked.contract, &checked.predicate) } else { Vec::new() };
        let blocker = (!self.is_online()).then(offline_words);
        RevealState {
            paths: masks.into_iter().map(|mask| mask.path.clone()).collect(),
            purposes: PurposeCode::ALL
                .into_iter()
                .map(|code| PurposeChoice { code, text: code.words().to_owned() })
                .collect(),
            blocker,
            shown: Vec::new(),
        }
    }

    /// Of one review, those on screen.
    pub(crate) fn shown_fields(&self, review_id: &str) -> Vec<RevealedField> {
        let now = self.local_now();
        self.with_held(|held| {
            held.iter().filter(|one| one.review_id == review_id && one.stands(now)).map(|one| one.field(now)).collect()
        })
    }

    // ---- reading ----

    /// Reads one masked field: recorded at the gateway, checked against the signed statement, held for a moment.
    pub(crate) async fn reveal_field(&self, request: &RevealFieldRequest) -> Result<(Revealed, RevealId), Refusal> {
        // Not while a decision is under way: it is made on the view that this one replaces.
        let _one_at_a_time = self.deciding.lock().await;
        let enrolled = self.need_account()?;
        if let Some(refusal) = self.ended_refusal() {
            return Err(refusal);
        }
        let purpose = purpose_of(request)?;
        let (checked, path) = self.check_reveal(&enrolled, request).await?;
        let asked =
            RevealRequest { reveal_id: RevealId::make(self.local_now(), self.options.chance.as_ref()), path, purpose };
        let mut answer = self.ask_gateway(&enrolled, &request.review_id, &asked).await?;
        let opened = open_answer(&checked, &asked, &answer);
        answer.disclosure.zeroize();
        let opened = opened?;
        let disclosed = self.store.add_disclosed(checked.statement, &opened.digest).await?;
        let mut pane = self.show_anew(&enrolled, &request.review_id, &checked, disclosed).await?;
        let field = self.hold(&request.review_id, &asked, opened);
        pane.reveal.shown = self.shown_fields(&request.review_id);
        Ok((Revealed { field, pane }, asked.reveal_id))
    }

    async fn check_reveal(
        &self,
        enrolled: &Enrolled,
        request: &RevealFieldRequest,
    ) -> Result<(Checked, String), Refusal> {
        if !is_id(&request.review_id) {
            return Err(not_found());
        }
        let shown = self.with_shown(|shown| shown.get(&request.review_id).cloned()).ok_or_else(view_changed)?;
        let document = match self.heed(enrolled.client.review(&request.review_id).await).await {
            Ok(document) => document,
            Err(error) => return Err(refusal_of(error)),
        };
        self.apply(vec![document.clone()], None).await?;
        if is_over(&document, self.now()) || document.state != ReviewState::Open {
            let refusal = self.closed_refusal(enrolled, &document, Some(&shown.made.view));
            return Err(refusal.unwrap_or_else(view_changed));
        }
        let checked = self
            .check(enrolled, &document)
            .await
            .map_err(|error| Refusal::new(RefusalCode::CannotVerify, error.words()).because(error))?;
        if checked.statement != shown.statement {
            return Err(view_changed());
        }
        if let Some(refusal) = candidate_refusal(enrolled, &checked) {
            return Err(refusal);
        }
        let mask = find_revealable(&checked.contract, &checked.predicate, &request.path);
        match mask.filter(|_| may_reveal(&checked.contract, &enrolled.person().roles)) {
            Some(mask) => Ok((checked.clone(), mask.path.clone())),
            None => Err(not_allowed()),
        }
    }

    /// Asks once more when the answer was lost: the same request is the same reveal.
    async fn ask_gateway(
        &self,
        enrolled: &Enrolled,
        review_id: &str,
        asked: &RevealRequest,
    ) -> Result<RevealAnswer, Refusal> {
        let answer = match enrolled.client.reveal(review_id, asked).await {
            Err(CallError::Unreachable(_)) => enrolled.client.reveal(review_id, asked).await,
            answer => answer,
        };
        self.heed(answer).await.map_err(refusal_of)
    }

    fn hold(&self, review_id: &str, asked: &RevealRequest, opened: OpenedField) -> RevealedField {
        let now = self.local_now();
        let held = Held {
            reveal_id: asked.reveal_id,
            review_id: review_id.to_owned(),
            path: asked.path.clone(),
            value: value_text(opened.value),
            until: now.plus_ms(SHOWN_MS),
            is_copied: false,
        };
        let field = held.field(now);
        self.with_held(|all| {
            all.retain(|one| one.stands(now) && !(one.review_id == held.review_id && one.path == held.path));
            if all.len() >= MAX_HELD {
                all.remove(0);
            }
            all.push(held);
        });
        field
    }

    /// The text of a field that stands on screen, with everything invisible made visible.
    pub(crate) fn revealed_text(&self, review_id: &str, path: &str) -> Result<Zeroizing<String>, Refusal> {
        self.with_found(review_id, path, |held| Zeroizing::new(text::visible_text(&held.value)))
    }

    /// Records the copy, then gives the value to whoever puts it on the clipboard.
    pub(crate) async fn copy_revealed(&self, review_id: &str, path: &str) -> Result<RevealedValue, Refusal> {
        let enrolled = self.need_account()?;
        let reveal_id = self.with_found(review_id, path, |held| held.reveal_id)?;
        // ORDER: first recorded, then copied. A copy that was recorded and did not happen says too much, never too little.
        let copied = enrolled.client.copied(review_id, &reveal_id.to_string()).await;
        self.heed(copied).await.map_err(refusal_of)?;
        self.with_found(review_id, path, |held| {
            held.is_copied = true;
            RevealedValue(held.value.clone())
        })
    }

    fn with_found<T>(&self, review_id: &str, path: &str, use_it: impl FnOnce(&mut Held) -> T) -> Result<T, Refusal> {
        let now = self.local_now();
        self.with_held(|held| {
            held.retain(|one| one.stands(now));
            let found = held.iter_mut().find(|one| one.review_id == review_id && one.path == path);
            found.map(use_it).ok_or_else(masked_again)
        })
    }

    // ---- masking again ----

    /// Drops what fits and tells the window, which masks it too.
    fn mask_where(&self, is_it: impl Fn(&Held) -> bool) {
        let mut of: Vec<String> = self.with_held(|held| {
            let of = held.iter().filter(|one| is_it(one)).map(|one| one.review_id.clone()).collect();
            held.retain(|one| !is_it(one));
            of
        });
        of.sort_unstable();
        of.dedup();
        for review_id in of {
            self.tell(DeskEvent::FieldsMasked { review_id });
        }
    }

    /// Every value goes: the window lost focus, or the desk is locked.
    pub(crate) fn mask_all(&self) {
        self.mask_where(|_| true);
    }

    /// The values of one review go.
    pub(crate) fn mask_review(&self, review_id: &str) {
        self.mask_where(|one| one.review_id == review_id);
    }

    /// The values of every other review go: one review is on screen at a time.
    pub(crate) fn mask_others(&self, review_id: &str) {
        self.mask_where(|one| one.review_id != review_id);
    }

    /// One value goes.
    pub(crate) fn mask_field(&self, review_id: &str, path: &str) {
        self.mask_where(|one| one.review_id == review_id && one.path == path);
    }
}

/// Masks one value when its time is over, also when nobody asks for it any more.
pub(crate) fn mask_in_time(inner: &Arc<Inner>, reveal_id: RevealId) {
    let inner = Arc::downgrade(inner);
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(SHOWN_MS.unsigned_abs())).await;
        if let Some(inner) = inner.upgrade() {
            inner.mask_where(|one| one.reveal_id == reveal_id);
        }
    });
}

/// The new view's nonce and bytes are made in `review`; this is the value as people copy it.
fn value_text(value: Value) -> Zeroizing<String> {
    match value {
        Value::String(text) => Zeroizing::new(text),
        other => {
            let bytes = seamark_contracts::canonical::to_bytes(&other).unwrap_or_default();
            Zeroizing::new(String::from_utf8(bytes).unwrap_or_default())
        }
    }
}

/// The value, if it is the one that was signed and is what the mask hides.
fn open_answer(checked: &Checked, asked: &RevealRequest, answer: &RevealAnswer) -> Result<OpenedField, Refusal> {
    let signed = serde_json::to_value(&checked.predicate).map_err(|error| mismatch().because(error))?;
    let is_it = answer.reveal_id == asked.reveal_id && answer.path == asked.path;
    let mask = find_revealable(&checked.contract, &checked.predicate, &asked.path).filter(|_| is_it);
    let mask = mask.ok_or_else(mismatch)?;
    mask::open_field(&signed, mask, &answer.disclosure).map_err(|error| mismatch().because(error))
}

fn purpose_of(request: &RevealFieldRequest) -> Result<Purpose, Refusal> {
    let purpose = Purpose { code: request.purpose, text: request.text.trim().to_owned() };
    let words = match purpose.check() {
        Ok(()) => return Ok(purpose),
        Err(PurposeError::Missing) => "Say in a few words what you need it for. Nothing was revealed.",
        Err(PurposeError::TooLong) => "The purpose has more than 200 characters. Shorten it. Nothing was revealed.",
        Err(PurposeError::Unusual) => {
            "The purpose has line breaks or characters that cannot be seen. Write one plain line. Nothing was revealed."
        }
    };
    Err(Refusal::new(RefusalCode::ReasonMissing, words).at("purpose"))
}

/// What is said where a masked field cannot be read without the gateway.
pub(crate) fn offline_words() -> String {
    "A masked field can be read only while the gateway is reached: it records who reads it first.".to_owned()
}

fn refusal_of(error: CallError) -> Refusal {
    let (code, status) = match &error {
        CallError::Problem(problem) => (Some(problem.code), problem.status),
        _ => (None, 0),
    };
    match code {
        Some(ErrorCode::Unavailable) if status == 429 => {
            let wait_ms = error.retry_after_ms().unwrap_or(60_000);
            Refusal::new(
                RefusalCode::RateLimited,
                format!(
                    "You have asked for as many masked fields as one person may. Nothing was revealed. Again in {}.",
                    words::span(wait_ms)
                ),
            )
            .because(error)
        }
        Some(ErrorCode::Forbidden) => not_allowed().because(error),
        None if matches!(error, CallError::Unreachable(_)) => {
            Refusal::new(RefusalCode::Offline, format!("{} Nothing was revealed.", offline_words())).because(error)
        }
        _ => error.into(),
    }
}

fn not_allowed() -> Refusal {
    Refusal::new(
        RefusalCode::NotAllowed,
        "You may not read this field. Nothing was revealed. Decide without it, or escalate to somebody who may read it.",
    )
}

fn view_changed() -> Refusal {
    Refusal::new(
        RefusalCode::ViewChanged,
        "What was on screen is not what the handoff says now, so nothing was revealed. Look at it again.",
    )
}

fn mismatch() -> Refusal {
    Refusal::new(
        RefusalCode::RevealMismatch,
        "The gateway answered with a value that is not the one in the signed handoff, so it is not shown. Do not decide \
         this. Tell your organisation's operator and show them this message.",
    )
}

fn masked_again() -> Refusal {
    Refusal::new(RefusalCode::NotFound, "The field is masked again. Reveal it anew if you still need it.")
}

/// A nonce for a view in which something else is revealed.
pub(crate) fn new_nonce(inner: &Inner) -> String {
    make_nonce(inner.options.chance.as_ref())
}
