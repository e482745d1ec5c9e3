//! Deciding: from what the page asks for to a signed decision that survives a power loss.
//!
//! The page returns an id, a verdict, a reason, typed critical values and the digest of what it showed. Everything that is
//! signed is built here: the handoff is verified again, the view is rebuilt from verified bytes with the same nonce and
//! compared (B11), the person is verified, the statement is signed, saved and synced. Only then anything leaves.
//!
//! ORDER of the steps, and what a crash between two of them leaves:
//! check -> (nothing happened) -> PIN -> (nothing) -> sign -> (nothing: the signature was in memory) -> journal -> (Saved
//! here: sent at the next start) -> outbox.

use std::time::Duration;

use seamark_contracts::api::review::ReviewDocument;
use seamark_contracts::contract::ReasonChoice;
use seamark_contracts::decision::{
    ConfirmedValue, DecisionKind, DecisionPredicate, Escalation, Reason, Reviewer, SeenCheckpoint, UserVerification,
    VerificationMethod, ViewRef, Window,
};
use seamark_contracts::handoff::Tier;
use seamark_contracts::id::DecisionId;
use seamark_contracts::view::View;
use seamark_ledger::dsse::Envelope;
use seamark_ledger::statement;

use crate::answer::{ConfirmedInput, DecideRequest, DecisionProgress};
use crate::cache::{JournalRow, Phase};
use crate::check::{Checked, MadeView};
use crate::client::CallError;
use crate::core::{Enrolled, Inner};
use crate::refusal::{Refusal, RefusalCode};
use crate::review::{Shown, candidate_refusal, is_id, not_found, offline_words, required_evidence};
use crate::unlock::OpenKey;
use crate::words;

/// How long an approval may be executed, in milliseconds. Source: FORMATS.md §6.2.
const WINDOW_MS: i64 = 15 * 60 * 1000;

/// So long the person waits for a look at the ledger.
const LOOK_PATIENCE: Duration = Duration::from_secs(3);

/// Longest reason and question, in characters. Source: FORMATS.md §6.
const MAX_TEXT: usize = 2000;

/// Shortest reason at tier T3 and above, in characters.
const MIN_REASON: usize = 15;

/// A decision that may be signed.
struct Ready {
    document: ReviewDocument,
    checked: Checked,
    shown: Shown,
    made: MadeView,
    role: String,
    seen: SeenCheckpoint,
}

impl Inner {
    /// Signs and saves a decision. Answers as soon as it is saved here; the rest follows as events.
    pub(crate) async fn decide(&self, request: &DecideRequest) -> Result<DecisionProgress, Refusal> {
        let _one_at_a_time = self.deciding.lock().await;
        let enrolled = self.need_account()?;
        if let Some(refusal) = self.ended_refusal() {
            return Err(refusal);
        }
        if !self.is_listed() {
            return Err(Refusal::new(
                RefusalCode::GatewayRefused,
                "Your organisation has not signed this device's key yet, so nothing can be decided here. Nothing was signed.",
            ));
        }
        let ready = self.check_decision(&enrolled, request).await?;
        let is_fresh = ready.checked.tier() >= Tier::T3;
        let key = self.open_key(&enrolled.account, request.pin.as_deref(), is_fresh).await?;
        // It may have ended while the person typed the PIN.
        if let Some(refusal) = self.ended_refusal() {
            return Err(refusal);
        }
        let row = self.sign(&enrolled, request, &ready, &key)?;
        drop(key);
        self.store.add_to_journal(&row).await?;
        // What was read for it is needed no more.
        self.mask_review(&row.review_id);
        // From here on the decision exists, whatever happens: nothing below may answer with an error.
        self.wake_outbox.notify_one();
        self.changed.notify_one();
        if let Err(error) = self.store.save_draft(&row.review_id, "").await {
            tracing::warn!(%error, "a draft that was used could not be removed");
        }
        self.progress(&row).await.or_else(|_| Ok(plain_progress(&row, self.journal_text(&row))))
    }

    async fn check_decision(&self, enrolled: &Enrolled, request: &DecideRequest) -> Result<Ready, Refusal> {
        if !is_id(&request.review_id) {
            return Err(not_found());
        }
        let shown = self.with_shown(|shown| shown.get(&request.review_id).cloned()).ok_or_else(view_changed)?;
        if shown.made.digest.to_hex() != request.view_digest {
            return Err(view_changed());
        }
        let own = self.store.journal_of_review(&request.review_id).await?;
        if let Some(row) = own.iter().find(|row| row.phase != Phase::Parked) {
            return Err(Refusal::new(
                RefusalCode::AlreadyDecided,
                format!("You have decided this already. {}", self.journal_text(row)),
            ));
        }
        let document = self.current_document(enrolled, &request.review_id, shown.made.view.tier).await?;
        if let Some(refusal) = self.closed_refusal(enrolled, &document, Some(&shown.made.view)) {
            return Err(refusal);
        }
        let checked = self
            .check(enrolled, &document)
            .await
            .map_err(|error| Refusal::new(RefusalCode::CannotVerify, error.words()).because(error))?;
        if checked.statement != shown.statement {
            return Err(view_changed());
        }
        // B11: the view is made again from the bytes that were verified just now; what the page showed must be the same.
        let made = checked
            .view(&shown.nonce, &shown.made.view.disclosed)
            .map_err(|error| Refusal::new(RefusalCode::CannotVerify, error.words()).because(error))?;
        if made.digest != shown.made.digest || made.digest.to_hex() != request.view_digest {
            return Err(view_changed());
        }
        if let Some(refusal) = candidate_refusal(enrolled, &checked) {
            return Err(refusal);
        }
        let role = checked.role_of(&enrolled.person().roles).ok_or_else(not_found)?.to_owned();
        check_answer(request, &checked, &made.view, &shown)?;
        self.see_ledger(enrolled).await;
        if request.decision == DecisionKind::Approve
            && let Some(refusal) = self.ledger_refusal()
        {
            return Err(refusal);
        }
        let seen = self.seen_checkpoint()?;
        Ok(Ready { document, checked, shown, made, role, seen })
    }

    /// The review as it stands now. Without an answer from the gateway only low risk goes on, from what is here (E2).
    async fn current_document(
        &self,
        enrolled: &Enrolled,
        review_id: &str,
        tier: Tier,
    ) -> Result<ReviewDocument, Refusal> {
        match self.heed(enrolled.client.review(review_id).await).await {
            Ok(document) => {
                self.apply(vec![document.clone()], None).await?;
                Ok(document)
            }
            Err(error) if is_offline(&error) => {
                if tier >= Tier::T2 {
                    return Err(Refusal::new(RefusalCode::Offline, offline_words()).because(error));
                }
                let body = self.store.document(review_id).await?.ok_or_else(not_found)?;
                serde_json::from_str(&body).map_err(|error| not_found().because(error))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The newest head goes into the decision: so it proves that the view was recorded before it was signed, and whoever
    /// rewrites the ledger later contradicts this signature. Without an answer the head seen last does.
    async fn see_ledger(&self, enrolled: &Enrolled) {
        match tokio::time::timeout(LOOK_PATIENCE, self.look_at_ledger(enrolled)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::info!(%error, "the ledger was not looked at before signing"),
            Err(_) => tracing::info!("the ledger took too long to be looked at before signing"),
        }
    }

    fn seen_checkpoint(&self) -> Result<SeenCheckpoint, Refusal> {
        let head = self.with_ledger(|ledger| ledger.head.as_ref().map(|kept| kept.head.clone()));
        let head = head.ok_or_else(|| {
            Refusal::new(
                RefusalCode::Offline,
                "This desk has not seen the gateway's ledger yet, and a decision names what its signer has seen. Nothing \
                 was signed. It works as soon as the gateway is reached.",
            )
        })?;
        Ok(SeenCheckpoint { origin: head.origin, size: head.size, root: head.root.to_string() })
    }

    fn sign(
        &self,
        enrolled: &Enrolled,
        request: &DecideRequest,
        ready: &Ready,
        key: &OpenKey,
    ) -> Result<JournalRow, Refusal> {
        let now = self.now();
        // The gateway's clock made the statement; ours may be a little behind it.
        let opened_at = ready.shown.opened_at;
        let decided_at = now.max(opened_at).max(key.verified_at);
        let dwell_ms = u64::try_from(decided_at.as_ms() - ready.shown.looked_at.as_ms()).unwrap_or(0);
        let decision_id = DecisionId::make(self.local_now(), self.options.chance.as_ref());
        let person = enrolled.person();
        let predicate = &ready.checked.predicate;
        let decision = DecisionPredicate {
            decision_id,
            decision: request.decision,
            meaning: request.decision.meaning().to_owned(),
            attempt: predicate.attempt.clone(),
            audience: predicate.destination.audience.clone(),
            constraints: (request.decision == DecisionKind::Approve).then(|| Window {
                not_before: decided_at,
                expires_at: decided_at.plus_ms(WINDOW_MS),
                max_uses: 1,
            }),
            contract: predicate.contract.clone(),
            policy: ready.checked.contract.policy(),
            reviewer: Reviewer {
                id: person.id,
                name: person.name,
                role: ready.role.clone(),
                keyid: enrolled.account.decision_keyid.clone(),
            },
            view: ViewRef {
                digest: ready.made.digest,
                disclosed: ready.made.view.disclosed.clone(),
                opened_at,
                dwell_ms,
                opened: ready.shown.opened.iter().cloned().collect(),
            },
            auth: UserVerification { method: VerificationMethod::Pin, at: key.verified_at },
            reason: reason(request),
            escalation: request.escalation.as_ref().filter(|_| request.decision == DecisionKind::Escalate).map(
                |escalation| Escalation { to: escalation.to.clone(), question: escalation.question.trim().to_owned() },
            ),
            confirmed: if request.decision == DecisionKind::Approve { confirmed(&ready.made.view) } else { Vec::new() },
            seen_checkpoint: ready.seen.clone(),
            decided_at,
        };
        let envelope = sign_statement(ready, &decision, key)?;
        let view = String::from_utf8(ready.made.bytes.clone()).map_err(|error| internal().because(error))?;
        Ok(JournalRow {
            decision_id: decision_id.to_string(),
            review_id: ready.document.review_id.to_string(),
            handoff_id: predicate.handoff_id.to_string(),
            decision: words::decision_name(request.decision).to_owned(),
            line: ready.made.view.line.clone(),
            envelope,
            view,
            saved_at: now,
            phase: Phase::Waiting,
            n_tries: 0,
            next_try_at: None,
            problem: None,
            recorded_at: None,
            seq: None,
            leaf: None,
            is_proven: false,
            counted_at: None,
            not_counted: None,
            delivered_at: None,
            executed: None,
        })
    }
}

fn sign_statement(ready: &Ready, decision: &DecisionPredicate, key: &OpenKey) -> Result<String, Refusal> {
    let bytes = statement::build_decision(decision, ready.checked.predicate.handoff_id, ready.checked.statement)
        .map_err(|error| internal().because(error))?;
    let envelope = Envelope::sign(bytes, &key.key).map_err(|error| internal().because(error))?;
    Ok(envelope.to_json())
}

fn internal() -> Refusal {
    Refusal::new(
        RefusalCode::Internal,
        "The decision could not be put together. Nothing was signed or sent. Open the handoff again; if this repeats, tell \
         whoever runs the gateway.",
    )
}

fn view_changed() -> Refusal {
    Refusal::new(
        RefusalCode::ViewChanged,
        "What was on screen is not what the handoff says now, so nothing was signed. Look at it again and decide then. \
         What you wrote is kept.",
    )
}

/// Whether the gateway gave no word at all.
fn is_offline(error: &CallError) -> bool {
    match error {
        CallError::Unreachable(_) | CallError::Keyring(_) => true,
        CallError::Problem(problem) => problem.status >= 500 || problem.status == 429,
        CallError::Malformed { .. } | CallError::TooLarge { .. } | CallError::Address(_) => false,
    }
}

/// Whether the page's answer is complete. The reasons asked for grow with the tier, alike for every answer.
fn check_answer(request: &DecideRequest, checked: &Checked, view: &View, shown: &Shown) -> Result<(), Refusal> {
    let tier = checked.tier();
    check_reason(request, &view.reject_reasons, tier)?;
    match request.decision {
        DecisionKind::Approve => {
            let missing = required_evidence(view, &shown.opened).into_iter().find(|evidence| !evidence.opened);
            if let Some(evidence) = missing.filter(|_| tier >= Tier::T2) {
                return Err(Refusal::new(
                    RefusalCode::EvidenceMissing,
                    format!("Open “{}” before approving. Nothing was signed.", evidence.title),
                )
                .at(&evidence.id));
            }
            check_confirmed(view, &request.confirmed)
        }
        DecisionKind::Escalate => check_escalation(request, view),
        DecisionKind::Reject => Ok(()),
    }
}

fn check_reason(request: &DecideRequest, choices: &[ReasonChoice], tier: Tier) -> Result<(), Refusal> {
    let text = request.reason.text.trim();
    let n_characters = text.chars().count();
    let missing = |message: String| Err(Refusal::new(RefusalCode::ReasonMissing, message).at("reason"));
    if n_characters > MAX_TEXT {
        return missing(format!("The reason has {n_characters} characters; at most {MAX_TEXT} are kept. Shorten it."));
    }
    if request.decision == DecisionKind::Reject {
        let code = request.reason.code.as_str();
        if choices.iter().all(|choice| choice.code != code) {
            return missing("Choose why you reject it. Nothing was signed.".to_owned());
        }
        if code == "other" && n_characters < 3 {
            return missing("Say in a few words why you reject it. Nothing was signed.".to_owned());
        }
    }
    let needs_text = tier >= Tier::T3 && request.decision != DecisionKind::Escalate;
    if needs_text && n_characters < MIN_REASON {
        return missing(format!(
            "At this risk a reason of at least {MIN_REASON} characters is needed. Nothing was signed."
        ));
    }
    Ok(())
}

fn check_escalation(request: &DecideRequest, view: &View) -> Result<(), Refusal> {
    let missing = |field: &str, message: &str| Err(Refusal::new(RefusalCode::ReasonMissing, message).at(field));
    let Some(escalation) = &request.escalation else {
        return missing("escalation", "Say to whom it goes and what you ask. Nothing was signed.");
    };
    if !view.escalation_targets.contains(&escalation.to) {
        return missing("to", "Choose to whom it goes. Nothing was signed.");
    }
    match escalation.question.trim().chars().count() {
        0 => missing("question", "Write what you ask. Nothing was signed."),
        1..=MAX_TEXT => Ok(()),
        _ => missing("question", "The question is longer than 2,000 characters. Shorten it."),
    }
}

/// The critical values that have to be typed or picked, as they are shown.
fn confirmed(view: &View) -> Vec<ConfirmedValue> {
    let facts = view.facts.iter().filter(|fact| fact.confirm);
    facts.map(|fact| ConfirmedValue { fact: fact.id.clone(), value: fact.value.clone() }).collect()
}

fn check_confirmed(view: &View, typed: &[ConfirmedInput]) -> Result<(), Refusal> {
    for fact in view.facts.iter().filter(|fact| fact.confirm) {
        let is_same = typed.iter().any(|input| input.fact == fact.id && same_words(&input.value, &fact.value));
        if !is_same {
            return Err(Refusal::new(
                RefusalCode::ConfirmMismatch,
                format!("What you entered for “{}” is not what would be approved. Compare it once more.", fact.label),
            )
            .at(&fact.id));
        }
    }
    Ok(())
}

/// Equal but for the kind and amount of white space, which nobody can see.
fn same_words(typed: &str, shown: &str) -> bool {
    typed.split_whitespace().eq(shown.split_whitespace())
}

fn reason(request: &DecideRequest) -> Reason {
    let code = match request.decision {
        DecisionKind::Reject => request.reason.code.clone(),
        DecisionKind::Approve | DecisionKind::Escalate => "none".to_owned(),
    };
    Reason { code, text: request.reason.text.trim().to_owned() }
}

fn plain_progress(row: &JournalRow, text: String) -> DecisionProgress {
    DecisionProgress {
        decision_id: row.decision_id.clone(),
        review_id: row.review_id.clone(),
        decision: words::decision_of(&row.decision).unwrap_or(DecisionKind::Escalate),
        acks: crate::journal::acks(row),
        text,
        failure: None,
        next_review_id: None,
    }
}
