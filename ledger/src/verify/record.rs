//! The auditor's checks of one concluded review. Source: FORMATS.md §11.

use std::collections::BTreeSet;

use seamark_contracts::api::audit::AuditRecord;
use seamark_contracts::contract::CompiledContract;
use seamark_contracts::decision::SeenCheckpoint;
use seamark_contracts::digest::Digest;
use seamark_contracts::handoff::MaskKind;
use seamark_contracts::mask;
use seamark_contracts::outcome::{ExecutionPredicate, ExecutionResult, OutcomeKind};
use serde_json::Value;
use thiserror::Error;

use super::delivery::{
    admitted, cast_finding, checkpoint_finding, concluded, contract_finding, directory_finding, order_finding,
    recorded_of, without_ledger,
};
use super::recorded::{Cast, Recorded, RecordedFault, check_signature};
use super::view::check_view;
use super::{ClaimId, Finding, Pinned, Report, counted};
use crate::checkpoint::Head;
use crate::directory::MAX_SKEW_MS;
use crate::entry::EntryType;
use crate::key::TrustSet;
use crate::statement::{self, HandoffStatement, OutcomeStatement, StatementError, StatementFault, Subject};
use crate::tree::{Hash, verify_consistency};
use crate::verified::Verified;

/// Checks everything that is recorded about one review, claim by claim.
///
/// Masks are counted and not recomputed: a record carries no hidden value. The window is not checked against the
/// verifier's clock, since nothing is to be done any more.
#[must_use]
pub fn check_record(record: &AuditRecord, pinned: &Pinned) -> Report {
    let mut report = Report::default();
    let trust = report.settle(ClaimId::Directory, directory_finding(&record.directory, pinned));
    let handoff = match &trust {
        Some(trust) => report.settle(ClaimId::Handoff, admitted(&record.review.handoff, trust, pinned)),
        None => report.settle(ClaimId::Handoff, Finding::without(ClaimId::Directory)),
    };
    let head = report.settle(ClaimId::Checkpoint, checkpoint_finding(&record.checkpoint, pinned));
    let (Some(trust), Some(handoff)) = (trust, handoff) else { return report.sorted() };
    let contract = report.settle(ClaimId::Contract, contract_finding(&record.contract, &handoff));
    report.settle(ClaimId::Masks, masks_finding(&handoff));
    report.settle(ClaimId::View, view_finding(record, &handoff, contract.as_deref()));
    let entries = head.as_ref().map(|head| recorded_of(&record.entries, head, &handoff));
    let decisions = decision_finding(record, entries.as_ref(), &handoff, contract.as_deref(), &trust);
    let casts = report.settle(ClaimId::Decision, decisions);
    let outcome = report.settle(ClaimId::Outcome, outcome_finding(record, casts.as_deref(), &handoff, &trust));
    let is_complete = outcome.is_some() || record.outcome.is_none();
    let ordered = order_finding(entries, &handoff, casts.as_deref(), outcome.as_deref(), is_complete);
    let recorded = report.settle(ClaimId::Inclusion, ordered);
    report.settle(ClaimId::OutcomeLedger, outcome_ledger_finding(record, outcome.as_deref(), head.as_ref()));
    report.settle(ClaimId::ReviewerWitness, witness_finding(record, casts.as_deref(), head.as_ref()));
    report.settle(ClaimId::PresentedBeforeSigning, presented_finding(casts.as_deref(), recorded.as_ref()));
    let case = Case { handoff: &handoff, outcome: outcome.as_deref(), trust: &trust, recorded: recorded.as_ref() };
    report.settle(ClaimId::Execution, case.execution_finding(record));
    report.sorted()
}

fn masks_finding(handoff: &HandoffStatement) -> Finding<()> {
    let masked = match serde_json::to_value(&handoff.predicate) {
        Ok(masked) => masked,
        Err(error) => return Finding::fail(&error),
    };
    if let Err(error) = mask::reconstruct(&masked, &[]) {
        return Finding::fail(&error);
    }
    let masks = &handoff.predicate.masks;
    let is_sorted = masks.is_sorted_by(|one, next| one.path < next.path);
    let says_what = masks.iter().all(|mask| mask.shown.is_some() != (mask.kind == MaskKind::Clear));
    if !is_sorted || !says_what {
        return Finding::Fail("The masks are not sorted, or do not say what they show.".to_owned());
    }
    let fields = counted(masks.len(), "field is hidden", "fields are hidden");
    Finding::Pass((), format!("{fields}; their values are with submitter and destination, who recompute the masks."))
}

fn view_finding(
    record: &AuditRecord,
    handoff: &Verified<HandoffStatement>,
    contract: Option<&CompiledContract>,
) -> Finding<()> {
    if record.views.is_empty() {
        return Finding::Pass((), "Nobody signed for a view.".to_owned());
    }
    let Some(contract) = contract else { return Finding::without(ClaimId::Contract) };
    let mut n_foreign = 0;
    for view in &record.views {
        match check_view(view.as_bytes(), handoff, contract) {
            Ok(shown) => n_foreign += usize::from(!shown.is_same),
            Err(fault) => return Finding::fail(&fault),
        }
    }
    let views = counted(record.views.len(), "view", "views");
    match n_foreign {
        0 => Finding::Pass((), format!("{views} rendered again from the signed bytes: the same, to the byte.")),
        n => {
            Finding::Unknown(format!("{n} of {views} were made by another renderer, whose wording is not known here."))
        }
    }
}

fn decision_finding(
    record: &AuditRecord,
    entries: Option<&Result<Recorded, RecordedFault>>,
    handoff: &Verified<HandoffStatement>,
    contract: Option<&CompiledContract>,
    trust: &TrustSet,
) -> Finding<Vec<Cast>> {
    let Some(Ok(recorded)) = entries else { return without_ledger(entries) };
    let Some(contract) = contract else { return Finding::without(ClaimId::Contract) };
    let views: Vec<Vec<u8>> = record.views.iter().map(|view| view.as_bytes().to_vec()).collect();
    cast_finding(recorded, &record.decisions, &views, handoff, contract, trust)
}

fn outcome_finding(
    record: &AuditRecord,
    casts: Option<&[Cast]>,
    handoff: &Verified<HandoffStatement>,
    trust: &TrustSet,
) -> Finding<Verified<OutcomeStatement>> {
    match &record.outcome {
        Some(envelope) => concluded(envelope, casts, handoff, trust),
        None => Finding::Unknown("There is no outcome yet.".to_owned()),
    }
}

/// How an earlier head stands to the newest one.
enum Extends {
    Holds,
    NoProof,
    Broken(String),
}

/// Whether the ledger under `head` begins with what `earlier` says; `whose` ends the sentence.
fn extends(record: &AuditRecord, earlier: &SeenCheckpoint, head: &Head, whose: &str) -> Extends {
    let Ok(root) = Hash::parse(&earlier.root) else {
        return Extends::Broken(format!("The head that {whose} is none."));
    };
    if earlier.origin != head.origin() || earlier.size > head.size() {
        return Extends::Broken(format!("The head that {whose} is of another or a longer ledger than this one."));
    }
    let given = record.consistency.iter().find(|proof| proof.from == earlier.size && proof.to == head.size());
    let proof: Vec<Hash> = match given {
        None if earlier.size < head.size() => return Extends::NoProof,
        None => Vec::new(),
        Some(given) => match given.proof.iter().map(|hash| Hash::parse(hash)).collect() {
            Ok(proof) => proof,
            Err(_) => return Extends::Broken("A consistency proof has a hash that is none.".to_owned()),
        },
    };
    match verify_consistency(earlier.size, &root, head.size(), &head.root(), &proof) {
        Ok(()) => Extends::Holds,
        Err(_) => Extends::Broken(format!("The ledger does not begin with the {} entries that {whose}.", earlier.size)),
    }
}

/// `root` of the outcome's `ledger`; origin and size are part of the claim `inclusion`.
fn outcome_ledger_finding(
    record: &AuditRecord,
    outcome: Option<&OutcomeStatement>,
    head: Option<&Verified<Head>>,
) -> Finding<()> {
    let Some(head) = head else { return Finding::without(ClaimId::Checkpoint) };
    let Some(outcome) = outcome else { return Finding::without(ClaimId::Outcome) };
    match extends(record, &outcome.predicate.ledger, head, "the outcome names") {
        Extends::Holds => Finding::Pass((), "The ledger still begins with the head that the outcome names.".to_owned()),
        Extends::NoProof => {
            Finding::Unknown("No consistency proof was given for the head that the outcome names.".to_owned())
        }
        Extends::Broken(sentence) => Finding::Fail(sentence),
    }
}

fn witness_finding(record: &AuditRecord, casts: Option<&[Cast]>, head: Option<&Verified<Head>>) -> Finding<()> {
    let Some(head) = head else { return Finding::without(ClaimId::Checkpoint) };
    let Some(casts) = casts else { return Finding::without(ClaimId::Decision) };
    let mut n_unproved = 0;
    for cast in casts {
        let decision = &cast.statement.predicate;
        let whose = format!("{} had seen", decision.reviewer.name);
        match extends(record, &decision.seen_checkpoint, head, &whose) {
            Extends::Holds => {}
            Extends::NoProof => n_unproved += 1,
            Extends::Broken(sentence) => return Finding::Fail(sentence),
        }
    }
    match (casts.len(), n_unproved) {
        (0, _) => Finding::Pass((), "Nobody signed for a head of the ledger.".to_owned()),
        (_, 0) => Finding::Pass((), "The ledger still begins with what each reviewer had seen of it.".to_owned()),
        (_, n) => Finding::Unknown(format!("For {} no consistency proof was given.", counted(n, "head", "heads"))),
    }
}

fn presented_finding(casts: Option<&[Cast]>, recorded: Option<&Recorded>) -> Finding<()> {
    let Some(recorded) = recorded else { return Finding::without(ClaimId::Inclusion) };
    let casts = casts.unwrap_or_default();
    let was_presented = |cast: &&Cast| {
        let decision = &cast.statement.predicate;
        recorded.was_presented(decision.view.digest, &decision.reviewer.keyid, decision.seen_checkpoint.size)
    };
    let n_presented = casts.iter().filter(was_presented).count();
    match casts.len() - n_presented {
        0 => Finding::Pass((), "Each view was in the ledger before its decision was signed.".to_owned()),
        n => Finding::Unknown(format!(
            "{} signed without the ledger at hand.",
            counted(n, "decision was", "decisions were")
        )),
    }
}

/// What executions are judged by.
struct Case<'a> {
    handoff: &'a HandoffStatement,
    outcome: Option<&'a OutcomeStatement>,
    trust: &'a TrustSet,
    recorded: Option<&'a Recorded>,
}

/// Why an execution is not one of this outcome.
#[derive(Debug, Error)]
enum ExecutionFault {
    #[error("verify an execution statement")]
    Statement(#[source] StatementError),
    #[error("check the key of an execution statement")]
    Key(#[source] StatementFault),
    #[error("execution is of another handoff, outcome or attempt")]
    Other,
    #[error("execution was signed by another agent than the destination")]
    Executor,
    #[error("it was executed although it was not approved")]
    NotApproved,
    #[error("it was executed outside of its window")]
    Window,
    #[error("execution names other decisions than those that approved")]
    Decisions,
    #[error("it was executed more than once")]
    Twice,
    #[error("find the execution in the ledger")]
    Recorded(#[source] RecordedFault),
}

impl Case<'_> {
    fn execution_finding(&self, record: &AuditRecord) -> Finding<()> {
        let (Some(outcome), Some(recorded)) = (self.outcome, self.recorded) else {
            return Finding::without(if self.recorded.is_none() { ClaimId::Inclusion } else { ClaimId::Outcome });
        };
        let is_approved = outcome.predicate.outcome == OutcomeKind::Approved;
        if record.executions.is_empty() && is_approved {
            return Finding::Unknown("The destination has not reported what it did.".to_owned());
        }
        let mut n_executed = 0;
        for envelope in &record.executions {
            match self.check_execution(envelope, outcome, recorded) {
                Ok(ExecutionResult::Executed) => n_executed += 1,
                Ok(ExecutionResult::Failed) => {}
                Err(fault) => return Finding::fail(&fault),
            }
        }
        match n_executed {
            0 => Finding::Pass((), "Nothing was executed.".to_owned()),
            1 => Finding::Pass((), "Executed once, by the destination, as it was approved.".to_owned()),
            _ => Finding::fail(&ExecutionFault::Twice),
        }
    }

    fn check_execution(
        &self,
        envelope: &Value,
        outcome: &OutcomeStatement,
        recorded: &Recorded,
    ) -> Result<ExecutionResult, ExecutionFault> {
        let execution =
            statement::verify::<ExecutionPredicate>(envelope, self.trust).map_err(ExecutionFault::Statement)?;
        let (did, signed) = (&execution.predicate, &self.handoff.predicate);
        let subject = [
            Subject::handoff(signed.handoff_id, self.handoff.digest),
            Subject::outcome(outcome.predicate.outcome_id, outcome.digest),
        ];
        if execution.subject != subject || did.attempt != signed.attempt {
            return Err(ExecutionFault::Other);
        }
        if did.executor != signed.destination.agent || execution.by.subject != did.executor.as_str() {
            return Err(ExecutionFault::Executor);
        }
        execution.check_key_window(did.executed_at).map_err(ExecutionFault::Key)?;
        let entry = recorded
            .find(EntryType::ExecutionReported, execution.digest, "execution")
            .map_err(ExecutionFault::Recorded)?;
        let keyid = execution.by.key.id().to_string();
        check_signature(entry, &execution.signature, &keyid, "execution").map_err(ExecutionFault::Recorded)?;
        if did.result == ExecutionResult::Executed {
            check_executed(did, outcome)?;
        }
        Ok(did.result)
    }
}

fn check_executed(did: &ExecutionPredicate, outcome: &OutcomeStatement) -> Result<(), ExecutionFault> {
    let window = outcome.predicate.window.as_ref().ok_or(ExecutionFault::NotApproved)?;
    let has_begun = window.not_before <= did.executed_at.plus_ms(MAX_SKEW_MS);
    if !has_begun || did.executed_at >= window.expires_at {
        return Err(ExecutionFault::Window);
    }
    let counting = outcome.predicate.decisions.iter().filter(|decision| decision.counted);
    let approving: BTreeSet<Digest> = counting.map(|decision| decision.digest).collect();
    let named: BTreeSet<Digest> = did.decisions.iter().copied().collect();
    if approving == named { Ok(()) } else { Err(ExecutionFault::Decisions) }
}
