//! The review pane: one handoff, verified and rebuilt here, and what stands in the way of deciding it.

use std::collections::BTreeSet;

use seamark_contracts::api::review::{PresentedRequest, ReviewDocument, ReviewState};
use seamark_contracts::clock::{Timestamp, make_nonce};
use seamark_contracts::digest::Digest;
use seamark_contracts::fingerprint::fingerprint;
use seamark_contracts::handoff::{OnTimeout, Tier};
use seamark_contracts::view::View;

use crate::answer::{
    Blockers, Deadline, DeskEvent, RequiredEvidence, RevealState, ReviewKind, ReviewPane, ReviewStateView, Signer,
    Urgency,
};
use crate::cache::Phase;
use crate::check::{CheckError, Checked, MadeView};
use crate::core::{Enrolled, Inner};
use crate::ending::{Ending, deciding, is_over};
use crate::journal::acks;
use crate::refusal::{Refusal, RefusalCode};
use crate::words;

/// Views that are kept in memory; older ones are rebuilt with a new nonce when they are opened again.
const MAX_SHOWN: usize = 64;

/// Longest draft, in bytes.
const MAX_DRAFT: usize = 16 * 1024;

/// A view that is or was on screen.
#[derive(Clone, Debug)]
pub(crate) struct Shown {
    pub statement: Digest,
    pub nonce: String,
    pub made: MadeView,
    /// By the gateway's time.
    pub opened_at: Timestamp,
    /// When it was last brought on screen.
    pub looked_at: Timestamp,
    /// Ids of the evidence that was opened.
    pub opened: BTreeSet<String>,
}

pub(crate) fn not_found() -> Refusal {
    Refusal::new(
        RefusalCode::NotFound,
        "This handoff is not on this desk. It may have been handed to somebody else, or never was for you.",
    )
}

impl Inner {
    /// The document of a review: from this desk, else from the gateway.
    pub(crate) async fn document(&self, enrolled: &Enrolled, review_id: &str) -> Result<ReviewDocument, Refusal> {
        if let Some(body) = self.store.document(review_id).await?
            && let Ok(document) = serde_json::from_str(&body)
        {
            return Ok(document);
        }
        if !is_id(review_id) {
            return Err(not_found());
        }
        let document = self
            .heed(enrolled.client.review(review_id).await)
            .await
            .map_err(|error| if self.is_online() { Refusal::from(error) } else { not_found() })?;
        self.apply(vec![document.clone()], None).await?;
        Ok(document)
    }

    pub(crate) async fn check(&self, enrolled: &Enrolled, document: &ReviewDocument) -> Result<Checked, CheckError> {
        let now = self.now();
        self.checker.check(&enrolled.client, &self.store, &enrolled.account, document, now).await
    }

    /// Opens a review: verifies it, rebuilds its view, remembers exactly what goes on screen.
    pub(crate) async fn open_review(&self, review_id: &str) -> Result<ReviewPane, Refusal> {
        let enrolled = self.need_account()?;
        let document = self.document(&enrolled, review_id).await?;
        let checked = self.check(&enrolled, &document).await;
        let checked = match checked {
            Ok(checked) => checked,
            Err(error) => return self.unverified_pane(&enrolled, &document, error).await,
        };
        self.mask_others(review_id);
        let disclosed = self.store.disclosed(checked.statement).await?;
        let shown = match self.show(review_id, &checked, disclosed) {
            Ok(shown) => shown,
            Err(error) => return self.unverified_pane(&enrolled, &document, error).await,
        };
        if self.store.mark_seen(review_id).await? {
            self.list_changed();
        }
        if document.state == ReviewState::Open {
            self.report_presented(&enrolled, review_id, &shown);
        }
        self.pane(&enrolled, &document, &checked, &shown).await
    }

    /// Something was revealed: another view is on screen, which names it. It was opened when the first one was.
    pub(crate) async fn show_anew(
        &self,
        enrolled: &Enrolled,
        review_id: &str,
        checked: &Checked,
        disclosed: Vec<String>,
    ) -> Result<ReviewPane, Refusal> {
        let cannot = |error: CheckError| Refusal::new(RefusalCode::CannotVerify, error.words()).because(error);
        let nonce = crate::reveal::new_nonce(self);
        let made = checked.view(&nonce, &disclosed).map_err(cannot)?;
        let document = self.document(enrolled, review_id).await?;
        let shown = self.with_shown(|shown| {
            let kept = shown.get_mut(review_id).filter(|shown| shown.statement == checked.statement)?;
            (kept.nonce, kept.made) = (nonce, made);
            Some(kept.clone())
        });
        let shown = shown.ok_or_else(not_found)?;
        self.report_presented(enrolled, review_id, &shown);
        self.pane(enrolled, &document, checked, &shown).await
    }

    /// The view on screen for this statement, or a new one with a nonce of its own. `disclosed` are the digests of what was
    /// revealed here, in this or an earlier run.
    fn show(&self, review_id: &str, checked: &Checked, disclosed: Vec<String>) -> Result<Shown, CheckError> {
        let kept = self.with_shown(|shown| {
            let kept = shown.get_mut(review_id).filter(|shown| shown.statement == checked.statement)?;
            // Coming back begins to count anew: the time away was not spent looking.
            kept.looked_at = self.now().max(kept.opened_at);
            Some(kept.clone())
        });
        if let Some(kept) = kept {
            return Ok(kept);
        }
        let nonce = make_nonce(self.options.chance.as_ref());
        let made = checked.view(&nonce, &disclosed)?;
        // What was created cannot have been opened before, whatever the two clocks say.
        let opened_at = self.now().max(checked.predicate.created_at);
        let new = Shown {
            statement: checked.statement,
            nonce,
            made,
            opened_at,
            looked_at: opened_at,
            opened: BTreeSet::new(),
        };
        self.with_shown(|shown| {
            if shown.len() >= MAX_SHOWN {
                let oldest = shown.iter().min_by_key(|(_, shown)| shown.opened_at).map(|(id, _)| id.clone());
                if let Some(oldest) = oldest {
                    shown.remove(&oldest);
                }
            }
            shown.insert(review_id.to_owned(), new.clone());
        });
        Ok(new)
    }

    /// Tells the gateway what was on screen. Without an answer the record later says "unknown", never "presented".
    fn report_presented(&self, enrolled: &Enrolled, review_id: &str, shown: &Shown) {
        let Ok(view) = String::from_utf8(shown.made.bytes.clone()) else { return };
        let client = enrolled.client.clone();
        let review_id = review_id.to_owned();
        let request = PresentedRequest { view, opened_at: shown.opened_at };
        tokio::spawn(async move {
            if let Err(error) = client.presented(&review_id, &request).await {
                tracing::info!(%error, review_id, "the presented view was not recorded");
            }
        });
    }

    async fn pane(
        &self,
        enrolled: &Enrolled,
        document: &ReviewDocument,
        checked: &Checked,
        shown: &Shown,
    ) -> Result<ReviewPane, Refusal> {
        let review_id = document.review_id.to_string();
        let person = enrolled.person();
        let role = checked.role_of(&person.roles).unwrap_or_default().to_owned();
        Ok(ReviewPane {
            view_digest: shown.made.digest.to_hex(),
            fingerprint: fingerprint(&checked.statement),
            view: shown.made.view.clone(),
            state: self.state_view(enrolled, document, Some(&shown.made.view)).await?,
            can_decide: self.blockers(enrolled, document, checked, shown).await?,
            required_evidence: required_evidence(&shown.made.view, &shown.opened),
            deadline: self.deadline(document, Some(checked)),
            contract_title: checked.contract.contract.title.clone(),
            draft: self.store.draft(&review_id).await?,
            opened_at: shown.opened_at.to_string(),
            signer: Signer { name: person.name, role, keyid: enrolled.account.decision_keyid.clone() },
            reveal: RevealState {
                shown: self.shown_fields(&review_id),
                ..self.reveal_state(enrolled, checked, !is_over(document, self.now()))
            },
            verify_error: None,
            review_id,
        })
    }

    /// A review that could not be verified: its frame in words, and nothing of its content.
    async fn unverified_pane(
        &self,
        enrolled: &Enrolled,
        document: &ReviewDocument,
        error: CheckError,
    ) -> Result<ReviewPane, Refusal> {
        let review_id = document.review_id.to_string();
        tracing::warn!(review_id, error = %ErrorChain(&error), "a handoff could not be verified");
        let words = error.words();
        let blocked = vec![words.clone()];
        let person = enrolled.person();
        Ok(ReviewPane {
            view_digest: String::new(),
            fingerprint: String::new(),
            view: empty_view(document),
            state: self.state_view(enrolled, document, None).await?,
            can_decide: Blockers { approve: blocked.clone(), reject: blocked.clone(), escalate: blocked },
            required_evidence: Vec::new(),
            deadline: self.deadline(document, None),
            contract_title: words::contract_words(&document.contract.name),
            draft: self.store.draft(&review_id).await?,
            opened_at: self.now().to_string(),
            signer: Signer { name: person.name, role: String::new(), keyid: enrolled.account.decision_keyid.clone() },
            reveal: RevealState { paths: Vec::new(), purposes: Vec::new(), blocker: None, shown: Vec::new() },
            verify_error: Some(words),
            review_id,
        })
    }

    fn deadline(&self, document: &ReviewDocument, checked: Option<&Checked>) -> Deadline {
        let now = self.now();
        let on_timeout =
            checked.and_then(|checked| checked.predicate.request.as_ref()).map(|request| request.on_timeout);
        let is_open = document.state == ReviewState::Open;
        Deadline {
            expires_at: document.expires_at.to_string(),
            text: self.calendar.deadline_sentence(document.expires_at, now),
            urgency: if is_open { self.calendar.urgency(document.expires_at, now) } else { Urgency::None },
            consequence: match on_timeout {
                Some(OnTimeout::Escalate) => {
                    let owner = checked.map(|checked| &checked.contract.contract.owner);
                    words::then_passed_on(owner.and_then(|owner| owner.escalation.first()).map(String::as_str))
                }
                Some(OnTimeout::Reject) => "then rejected".to_owned(),
                // What could not be verified says nothing about itself.
                None => String::new(),
            },
        }
    }

    /// How the review stands. One whose deadline is past counts as expired, whether or not the gateway has noticed.
    async fn state_view(
        &self,
        enrolled: &Enrolled,
        document: &ReviewDocument,
        view: Option<&View>,
    ) -> Result<ReviewStateView, Refusal> {
        let is_over = is_over(document, self.now());
        let review_id = document.review_id.to_string();
        let own = self.store.journal_of_review(&review_id).await?;
        let (by, at) = closing(document);
        let kind = match document.state {
            ReviewState::Open if is_over => ReviewKind::Expired,
            state => words::review_kind(words::state_name(state)),
        };
        let meaning = String::new();
        let Ending { text, meaning } = match kind {
            ReviewKind::Open if own.iter().any(|row| row.phase == Phase::Waiting) => {
                Ending { text: "Your decision is saved here and will be sent.".to_owned(), meaning }
            }
            ReviewKind::Open => Ending { text: "Waits for a decision".to_owned(), meaning },
            _ => self.ending(enrolled, document, view),
        };
        Ok(ReviewStateView {
            kind,
            text,
            meaning,
            by,
            at: at.map(|at| at.to_string()),
            superseded_by: document.superseded_by.map(|id| id.to_string()),
            acks: own.last().map(acks),
            result: document.result.as_ref().map(words::result),
        })
    }

    /// Why each answer cannot be given now. The core judges the same again when a decision is asked for.
    pub(crate) async fn blockers(
        &self,
        enrolled: &Enrolled,
        document: &ReviewDocument,
        checked: &Checked,
        shown: &Shown,
    ) -> Result<Blockers, Refusal> {
        let mut all = Vec::new();
        if let Some(refusal) = self.closed_refusal(enrolled, document, Some(&shown.made.view)) {
            all.push(refusal.message);
        }
        if let Some(refusal) = candidate_refusal(enrolled, checked) {
            all.push(refusal.message);
        }
        let own = self.store.journal_of_review(&document.review_id.to_string()).await?;
        if let Some(row) = own.iter().find(|row| row.phase != Phase::Parked) {
            all.push(format!("You have decided this already. {}", self.journal_text(row)));
        }
        if !self.is_online() && checked.tier() >= Tier::T2 {
            all.push(offline_words());
        }
        let mut approve = all.clone();
        if let Some(refusal) = self.ledger_refusal() {
            approve.push(refusal.message);
        }
        if checked.tier() >= Tier::T2 {
            approve.extend(
                required_evidence(&shown.made.view, &shown.opened)
                    .iter()
                    .filter(|evidence| !evidence.opened)
                    .map(|evidence| format!("Open “{}” first.", evidence.title)),
            );
        }
        let mut escalate = all.clone();
        if shown.made.view.escalation_targets.is_empty() {
            escalate.push("There is nobody to escalate to.".to_owned());
        }
        Ok(Blockers { approve, reject: all, escalate })
    }

    /// Why a review takes no decision any more.
    pub(crate) fn closed_refusal(
        &self,
        enrolled: &Enrolled,
        document: &ReviewDocument,
        view: Option<&View>,
    ) -> Option<Refusal> {
        if !is_over(document, self.now()) {
            return None;
        }
        let code = match document.state {
            ReviewState::Open | ReviewState::Expired => RefusalCode::Expired,
            ReviewState::Approved | ReviewState::Rejected => RefusalCode::AlreadyDecided,
            ReviewState::Withdrawn => RefusalCode::Withdrawn,
            ReviewState::Superseded => RefusalCode::Superseded,
        };
        Some(Refusal::new(code, self.ending(enrolled, document, view).sentences()))
    }

    /// Why nothing may be approved on this desk (invariant D5).
    pub(crate) fn ledger_refusal(&self) -> Option<Refusal> {
        self.with_ledger(|ledger| ledger.alarm.is_some()).then(|| {
            Refusal::new(
                RefusalCode::LedgerBroken,
                "The gateway's ledger contradicts what this desk saw before, so approving is stopped here. Rejecting \
                 and escalating still work. Tell your organisation's operator.",
            )
        })
    }

    /// Evidence was opened: part of what is signed.
    pub(crate) fn note_opened(&self, review_id: &str, evidence_id: &str) -> Result<(), Refusal> {
        self.with_shown(|shown| {
            let shown = shown.get_mut(review_id).ok_or_else(not_found)?;
            let exists = shown.made.view.evidence.iter().any(|evidence| evidence.id == evidence_id);
            if !exists {
                return Err(not_found());
            }
            shown.opened.insert(evidence_id.to_owned());
            Ok(())
        })
    }

    pub(crate) async fn save_draft(&self, review_id: &str, text: &str) -> Result<(), Refusal> {
        if !is_id(review_id) {
            return Err(not_found());
        }
        let mut end = text.len().min(MAX_DRAFT);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        self.store.save_draft(review_id, text.get(..end).unwrap_or_default()).await?;
        Ok(())
    }

    /// The text of an artifact, with everything invisible made visible.
    pub(crate) async fn artifact_text(&self, review_id: &str, digest: &str) -> Result<String, Refusal> {
        let enrolled = self.need_account()?;
        let digest = Digest::parse_hex(digest).map_err(|_| not_found())?;
        let shown = self.with_shown(|shown| shown.get(review_id).cloned()).ok_or_else(not_found)?;
        let artifact = shown.made.view.evidence.iter().filter_map(|evidence| evidence.artifact.as_ref());
        let artifact =
            artifact.into_iter().find(|artifact| artifact.digest == digest).cloned().ok_or_else(not_found)?;
        if !artifact.media_type.starts_with("text/") && artifact.media_type != "application/json" {
            return Err(Refusal::new(
                RefusalCode::NotFound,
                format!(
                    "“{}” is a {} file. This version of Seamark shows text files only.",
                    artifact.name, artifact.media_type
                ),
            ));
        }
        let stored = self.heed(enrolled.client.artifact(review_id, digest).await).await?;
        let changed = || {
            Refusal::new(
                RefusalCode::CannotVerify,
                "The file that the gateway gave is not the one that the handoff names. It is not shown. Tell whoever \
                 runs the gateway.",
            )
        };
        if Digest::of(&stored) != digest {
            return Err(changed());
        }
        let file = if artifact.salted { stored.get(16..).ok_or_else(changed)? } else { stored.as_slice() };
        let text = std::str::from_utf8(file).map_err(|error| {
            Refusal::new(RefusalCode::CannotVerify, format!("“{}” is not readable as text.", artifact.name))
                .because(error)
        })?;
        Ok(seamark_contracts::text::visible_text(text))
    }

    pub(crate) fn tell_review_changed(&self, review_id: &str, change: crate::answer::ReviewChange) {
        self.mask_review(review_id);
        self.tell(DeskEvent::ReviewChanged { review_id: review_id.to_owned(), change });
    }
}

pub(crate) fn offline_words() -> String {
    "You are offline. A decision of this weight needs the gateway's word that nothing has changed; what you write is kept \
     as a draft."
        .to_owned()
}

/// Why this person may not decide it.
pub(crate) fn candidate_refusal(enrolled: &Enrolled, checked: &Checked) -> Option<Refusal> {
    let person = enrolled.person();
    let refuse = |words: String| Some(Refusal::new(RefusalCode::NotCandidate, words));
    let author = checked.predicate.intent.get("author").and_then(serde_json::Value::as_str);
    let is_requester = checked.predicate.source.on_behalf_of.as_ref() == Some(&person.id);
    if is_requester || author == Some(person.id.as_str()) {
        return refuse("This handoff was made on your behalf, and nobody decides in their own matter.".to_owned());
    }
    if checked.role_of(&person.roles).is_none() {
        let candidates =
            checked.predicate.request.as_ref().map(|request| request.candidates.clone()).unwrap_or_default();
        let roles: Vec<String> = candidates.iter().map(|role| words::role_words(role)).collect();
        return refuse(format!("Only these roles may decide this: {}. You do not hold one of them.", roles.join(", ")));
    }
    None
}

/// Evidence that an approval needs, and whether it was opened.
pub(crate) fn required_evidence(view: &View, opened: &BTreeSet<String>) -> Vec<RequiredEvidence> {
    let required = view.evidence.iter().filter(|evidence| evidence.required);
    required
        .map(|evidence| RequiredEvidence {
            id: evidence.id.clone(),
            title: evidence.title.clone(),
            opened: opened.contains(&evidence.id),
        })
        .collect()
}

/// Who ended a review, and when.
pub(crate) fn closing(document: &ReviewDocument) -> (Option<String>, Option<Timestamp>) {
    if document.state == ReviewState::Open {
        return (None, None);
    }
    let at = document.outcome.as_ref().map(|outcome| outcome.formed_at);
    (deciding(document).map(|decision| decision.reviewer_name.clone()), at.or(Some(document.expires_at)))
}

/// Ids come from the page: nothing but the form of an id goes into a path.
pub(crate) fn is_id(text: &str) -> bool {
    seamark_contracts::id::ReviewId::parse(text).is_ok()
}

/// An error with its causes on one line.
struct ErrorChain<'e>(&'e (dyn std::error::Error + 'static));

impl std::fmt::Display for ErrorChain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(cause) = source {
            write!(f, ": {cause}")?;
            source = cause.source();
        }
        Ok(())
    }
}

/// A view without content, for a handoff that could not be verified.
fn empty_view(document: &ReviewDocument) -> View {
    let nothing = Digest::from_bytes([0; 32]);
    View {
        v: 1,
        nonce: String::new(),
        handoff: nothing,
        handoff_id: document.handoff_id,
        revision: 1,
        renderer: crate::check::RENDERER.to_owned(),
        contract: document.contract.clone(),
        template: String::new(),
        template_digest: nothing,
        locale: "en".to_owned(),
        title: words::contract_words(&document.contract.name),
        ask: "This handoff cannot be verified.".to_owned(),
        line: "Cannot be verified".to_owned(),
        context: String::new(),
        object: String::new(),
        tier: Tier::T4,
        why: Vec::new(),
        source: String::new(),
        submitted_by: None,
        destination: String::new(),
        audience: String::new(),
        fallback_owner: String::new(),
        correlation_id: String::new(),
        submitted_at: document.opened_at,
        expires_at: document.expires_at,
        escalated: None,
        branches: Vec::new(),
        facts: Vec::new(),
        rules: Vec::new(),
        constraints: Vec::new(),
        intent: None,
        task_state: seamark_contracts::handoff::TaskState::default(),
        evidence: Vec::new(),
        evaluations: Vec::new(),
        payload: Vec::new(),
        chain: Vec::new(),
        narrative: None,
        warnings: Vec::new(),
        reject_reasons: Vec::new(),
        escalation_targets: Vec::new(),
        disclosed: Vec::new(),
    }
}
