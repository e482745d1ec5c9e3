//! One record: what was shown, who decided, where it is recorded, what came of it.

use seamark_contracts::api::audit::AuditRecord;
use seamark_contracts::api::review::ReviewState;
use seamark_contracts::clock::Timestamp;
use seamark_contracts::decision::DecisionPredicate;
use seamark_contracts::digest::Digest;
use seamark_contracts::outcome::ExecutionPredicate;
use seamark_contracts::view::View;
use seamark_ledger::checkpoint::{Checkpoint, Vkey};
use seamark_ledger::dsse::Envelope;
use seamark_ledger::entry::Entry;
use seamark_ledger::key::TrustSet;
use seamark_ledger::statement::{self, DecisionStatement, ExecutionStatement};
use seamark_ledger::tree::{Hash, verify_consistency};
use seamark_ledger::verify::{Pinned, Verdict, check_record};
use seamark_ledger::witness::RememberedHead;
use serde_json::Value;

use crate::answer::{
    Acks, Claim, ClaimVerdict, RecordDecision, RecordDelivery, RecordEntry, RecordExecution, RecordLedger,
    RecordOutcome, RecordView, ReviewKind,
};
use crate::client::CallError;
use crate::core::{Enrolled, Inner};
use crate::refusal::{Refusal, RefusalCode};
use crate::review::{closing, is_id, not_found};
use crate::words;

/// Nonce of a view that nobody was shown: made for the record of a review that ended without a decision.
const UNSHOWN_NONCE: &str = "AAAAAAAAAAAAAAAAAAAAAA";

/// What the destination runs before it acts, with its own key. Of a handoff that was not approved there is nothing to
/// authorise, so its agents can only read how it ended.
fn cli_line(record: &AuditRecord, gateway: &str) -> String {
    let id = &record.review.handoff_id;
    let command = if record.review.state == ReviewState::Approved { "check" } else { "get" };
    format!("seamark handoff {command} {id} --gateway {gateway} --key KEY")
}

impl Inner {
    pub(super) async fn fetch_record(&self, enrolled: &Enrolled, review_id: &str) -> Result<AuditRecord, Refusal> {
        if !is_id(review_id) {
            return Err(not_found());
        }
        let record = self.heed(enrolled.client.audit_record(review_id).await).await?;
        if record.review.review_id.to_string() == review_id { Ok(record) } else { Err(not_found()) }
    }

    pub(crate) async fn audit_record(&self, review_id: &str) -> Result<RecordView, Refusal> {
        let enrolled = self.need_account()?;
        let record = self.fetch_record(&enrolled, review_id).await?;
        let cannot =
            |error: crate::check::CheckError| Refusal::new(RefusalCode::CannotVerify, error.words()).because(error);
        let checked = self.check(&enrolled, &record.review).await.map_err(cannot)?;
        // Executors and devices may have enrolled since this desk connected: their keys are in the newest directory.
        let _ = self.checker.refresh_trust(&enrolled.client, &self.store, &enrolled.account, self.now()).await;
        let trust = self.checker.trust(&self.store, &enrolled.account, self.now()).await.map_err(cannot)?;
        let decisions = self.record_decisions(&record, &trust);
        // What the last person to decide saw; of a review that nobody decided, what would have been shown.
        let shown = record.views.last().and_then(|text| Some((read_view(text)?, Digest::of(text.as_bytes()))));
        let (view, view_digest) = match shown {
            Some(shown) => shown,
            None => {
                let made = checked.view(UNSHOWN_NONCE, &[]).map_err(cannot)?;
                (made.view, made.digest)
            }
        };
        let own = self.store.journal_of_review(review_id).await?;
        Ok(RecordView {
            review_id: review_id.to_owned(),
            title: checked.contract.contract.title.clone(),
            outcome: self.record_outcome(&record),
            acks: own.last().map_or_else(|| record_acks(&record), crate::journal::acks),
            delivery: record
                .review
                .delivered_at
                .map(|at| RecordDelivery { text: "The agent acknowledged the outcome".to_owned(), at: at.to_string() }),
            execution: record_execution(&record, &trust),
            ledger: record_ledger(&record),
            statement_digest: checked.statement.to_hex(),
            view_digest: view_digest.to_hex(),
            cli_line: cli_line(&record, &enrolled.account.gateway),
            reveals: super::reveals::record_reveals(&record, &trust),
            decisions,
            view,
        })
    }

    /// Fetches the record anew and checks it: against the pinned keys, this desk's remembered head, and its own journal.
    pub(crate) async fn verify_record(&self, review_id: &str) -> Result<Vec<Claim>, Refusal> {
        let enrolled = self.need_account()?;
        let record = self.fetch_record(&enrolled, review_id).await?;
        let pinned = pinned(&enrolled, self.now())?;
        let mut claims: Vec<Claim> = check_record(&record, &pinned).claims.into_iter().map(claim).collect();
        claims.push(self.own_ledger_claim(&enrolled, &record).await);
        claims.push(self.own_journal_claim(review_id, &record).await?);
        Ok(claims)
    }

    /// Does the record's head belong to the ledger that this desk has been watching?
    async fn own_ledger_claim(&self, enrolled: &Enrolled, record: &AuditRecord) -> Claim {
        let answer = |verdict, sentence: &str| Claim {
            id: "own-witness".to_owned(),
            verdict,
            title: "Ledger as this desk saw it".to_owned(),
            sentence: sentence.to_owned(),
        };
        if self.look_at_ledger(enrolled).await.is_err() {
            return answer(ClaimVerdict::Unknown, "The ledger could not be looked at just now.");
        }
        let (kept, is_broken) =
            self.with_ledger(|ledger| (ledger.head.as_ref().map(|kept| kept.head.clone()), ledger.alarm.is_some()));
        if is_broken {
            return answer(ClaimVerdict::Fail, "The ledger contradicts what this desk saw of it before.");
        }
        let Some(kept) = kept else {
            return answer(ClaimVerdict::Unknown, "This desk has not seen a head of the ledger yet.");
        };
        match belongs(enrolled, &kept, record).await {
            Ok(true) => answer(
                ClaimVerdict::Pass,
                "The record lies in the very ledger that this desk has watched since it was enrolled.",
            ),
            Ok(false) => answer(
                ClaimVerdict::Fail,
                "The record lies under a ledger head that does not belong to the ledger this desk has watched.",
            ),
            Err(_) => answer(ClaimVerdict::Unknown, "The proof between the two ledger heads could not be fetched."),
        }
    }

    /// Are the decisions that were made on this desk in the record, as they were signed?
    async fn own_journal_claim(&self, review_id: &str, record: &AuditRecord) -> Result<Claim, Refusal> {
        let own = self.store.journal_of_review(review_id).await?;
        let digest = |envelope: &Value| {
            Envelope::from_value(envelope).ok().map(|read| read.unverified_value().unverified_digest())
        };
        let recorded: Vec<Digest> = record.decisions.iter().filter_map(digest).collect();
        let sent = own.iter().filter(|row| row.recorded_at.is_some());
        let missing = sent.clone().filter(|row| {
            let kept = serde_json::from_str::<Value>(&row.envelope).ok().and_then(|envelope| digest(&envelope));
            kept.is_none_or(|kept| !recorded.contains(&kept))
        });
        let (verdict, sentence) = match (sent.clone().count(), missing.count()) {
            (0, _) => {
                (ClaimVerdict::Unknown, "No decision of this record was made on this desk, so it cannot vouch for one.")
            }
            (_, 0) => {
                (ClaimVerdict::Pass, "The decision made on this desk is in the record exactly as it was signed here.")
            }
            (_, _) => {
                (ClaimVerdict::Fail, "A decision made on this desk is not in the record, or not as it was signed here.")
            }
        };
        Ok(Claim {
            id: "own-journal".to_owned(),
            verdict,
            title: "This desk's own journal".to_owned(),
            sentence: sentence.to_owned(),
        })
    }

    fn record_outcome(&self, record: &AuditRecord) -> RecordOutcome {
        let review = &record.review;
        let kind = words::review_kind(words::state_name(review.state));
        let (by, at) = closing(review);
        RecordOutcome {
            kind,
            cause: review.outcome.as_ref().map_or_else(String::new, |outcome| words::cause(outcome.cause).to_owned()),
            at: at.unwrap_or(review.expires_at).to_string(),
            text: match kind {
                ReviewKind::Open => "Open: not decided yet".to_owned(),
                _ => self.closed_text(kind, by.as_deref(), at, self.now()),
            },
        }
    }

    fn record_decisions(&self, record: &AuditRecord, trust: &TrustSet) -> Vec<RecordDecision> {
        let envelopes = record.decisions.iter();
        let read =
            |envelope| statement::verify::<DecisionPredicate>(envelope, trust).ok().map(|read| read.into_inner());
        envelopes.filter_map(read).map(|decision| record_decision(record, &decision)).collect()
    }
}

/// What this desk pinned at enrolment, to judge a record by.
pub(super) fn pinned(enrolled: &Enrolled, now: Timestamp) -> Result<Pinned, Refusal> {
    Pinned::from_trust(&enrolled.account.trust, None, now).map_err(|error| {
        Refusal::new(
            RefusalCode::CannotVerify,
            "The keys that this desk pinned at enrolment cannot be read any more, so nothing can be verified. Enrol this \
             desk again with a new invitation.",
        )
        .because(error)
    })
}

/// Whether the head of a record and the head kept here are heads of one ledger.
async fn belongs(enrolled: &Enrolled, kept: &RememberedHead, record: &AuditRecord) -> Result<bool, CallError> {
    let malformed = || CallError::Malformed { what: "the checkpoint".to_owned() };
    let vkey = Vkey::parse(&enrolled.account.trust.ledger_vkey).map_err(|_| malformed())?;
    let Ok(unverified) = Checkpoint::parse(record.checkpoint.as_bytes()) else { return Ok(false) };
    let Ok(head) = unverified.verify(&vkey) else { return Ok(false) };
    let (from, to) = (head.size().min(kept.size), head.size().max(kept.size));
    let proof = if from == to { Vec::new() } else { enrolled.client.consistency(from, to).await?.proof };
    let proof: Vec<Hash> = proof.iter().filter_map(|hash| Hash::parse(hash).ok()).collect();
    let (old, new) = if head.size() <= kept.size { (head.root(), kept.root) } else { (kept.root, head.root()) };
    Ok(head.origin() == kept.origin && verify_consistency(from, &old, to, &new, &proof).is_ok())
}

fn claim(claim: seamark_ledger::verify::Claim) -> Claim {
    Claim {
        id: claim.id.as_str().to_owned(),
        verdict: match claim.verdict {
            Verdict::Pass => ClaimVerdict::Pass,
            Verdict::Unknown => ClaimVerdict::Unknown,
            Verdict::Fail => ClaimVerdict::Fail,
        },
        title: claim.id.title().to_owned(),
        sentence: claim.sentence,
    }
}

fn record_decision(record: &AuditRecord, statement: &DecisionStatement) -> RecordDecision {
    let decision = &statement.predicate;
    let summary = record.review.decisions.iter().find(|summary| summary.decision_id == decision.decision_id);
    let choice = |code: &str| {
        let view = record.views.last().and_then(|text| read_view(text))?;
        view.reject_reasons.iter().find(|choice| choice.code == code).map(|choice| choice.text.clone())
    };
    let code = decision.reason.code.as_str();
    let code_words = match code {
        "none" => None,
        code => Some(choice(code).unwrap_or_else(|| words::sentence_case(&code.replace('-', " ")))),
    };
    let reason = match (code_words, decision.reason.text.as_str()) {
        (None, text) => text.to_owned(),
        (Some(code), "") => code,
        (Some(code), text) => format!("{code}: {text}"),
    };
    RecordDecision {
        decision_id: decision.decision_id.to_string(),
        decision: decision.decision,
        by: decision.reviewer.name.clone(),
        person_id: decision.reviewer.id.to_string(),
        role: words::role_words(&decision.reviewer.role),
        keyid: decision.reviewer.keyid.clone(),
        at: decision.decided_at.to_string(),
        recorded_at: summary.map_or_else(String::new, |summary| summary.recorded_at.to_string()),
        meaning: decision.meaning.clone(),
        reason: seamark_contracts::text::visible_text(&reason),
        question: decision.escalation.as_ref().map(|escalation| {
            format!(
                "To {}: {}",
                words::role_words(&escalation.to),
                seamark_contracts::text::visible_text(&escalation.question)
            )
        }),
        dwell_text: words::span(decision.view.dwell_ms),
        opened: decision.view.opened.clone(),
        counted: summary.is_some_and(|summary| summary.counted),
        why: summary.and_then(|summary| summary.why).map(|why| words::not_counted(why).to_owned()),
        position: summary.map_or_else(String::new, |summary| summary.recorded.seq.to_string()),
        leaf: summary.map_or_else(String::new, |summary| summary.recorded.leaf.clone()),
    }
}

fn record_execution(record: &AuditRecord, trust: &TrustSet) -> Option<RecordExecution> {
    let envelope = record.executions.last()?;
    let statement: ExecutionStatement = statement::verify::<ExecutionPredicate>(envelope, trust).ok()?.into_inner();
    let result = record.review.result.as_ref()?;
    Some(RecordExecution {
        text: words::result(result),
        at: statement.predicate.executed_at.to_string(),
        executor: statement.predicate.executor.name().to_owned(),
        keyid: statement.by.key.id().to_string(),
    })
}

fn record_ledger(record: &AuditRecord) -> RecordLedger {
    let entries = record.entries.iter().filter_map(|recorded| {
        let entry = Entry::parse(recorded.entry.as_bytes()).ok()?;
        let kind = serde_json::to_value(entry.kind).ok()?.as_str()?.to_owned();
        Some(RecordEntry { seq: entry.seq.to_string(), kind, at: entry.at.to_string() })
    });
    let mut lines = record.checkpoint.lines().skip(1);
    RecordLedger {
        entries: entries.collect(),
        checkpoint_size: lines.next().unwrap_or_default().to_owned(),
        checkpoint_root: lines.next().unwrap_or_default().to_owned(),
    }
}

/// The acknowledgements of a decision that was made on another desk, as far as the record knows them.
fn record_acks(record: &AuditRecord) -> Acks {
    let decision = record.review.decisions.last();
    Acks {
        saved_at: decision.map(|decision| decision.decided_at.to_string()),
        recorded_at: decision.map(|decision| decision.recorded_at.to_string()),
        counted_at: decision.filter(|decision| decision.counted).map(|decision| decision.recorded_at.to_string()),
        not_counted: decision.and_then(|decision| decision.why).map(|why| words::not_counted(why).to_owned()),
        delivered_at: record.review.delivered_at.map(|at| at.to_string()),
        executed: record.review.result.as_ref().map(words::result),
    }
}

fn read_view(text: &str) -> Option<View> {
    serde_json::from_str(text).ok()
}
