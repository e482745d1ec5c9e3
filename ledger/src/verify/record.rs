//! The auditor's checks of one concluded review. Source: FORMATS.md §11.

use std::collections::BTreeSet;

use seamark_contracts::api::audit::AuditRecord;
use seamark_contracts::api::ledger::{ConsistencyProof, RecordedEntry};
use seamark_contracts::api::reveal::RecordedBody;
use seamark_contracts::contract::CompiledContract;
use seamark_contracts::decision::SeenCheckpoint;
use seamark_contracts::digest::Digest;
use seamark_contracts::handoff::MaskKind;
use seamark_contracts::mask;
use seamark_contracts::outcome::{ExecutionPhase, ExecutionPredicate, ExecutionResult, OutcomeKind};
use seamark_contracts::view::View;
use serde_json::Value;
use thiserror::Error;

use super::delivery::{
    Concluded, admitted, cast_finding, checkpoint_finding, concluded, contract_finding, directory_finding,
    order_finding, recorded_of, without_ledger,
};
use super::recorded::{Cast, Recorded, RecordedFault, check_signature};
use super::reveals::{ProvedReveal, RevealCase};
use super::view::check_view;
use super::{ClaimId, Finding, Pinned, Report, counted};
use crate::checkpoint::Head;
use crate::directory::MAX_SKEW_MS;
use crate::entry::EntryType;
use crate::key::TrustSet;
use crate::statement::{
    self, ExecutionStatement, HandoffStatement, OutcomeStatement, StatementError, StatementFault, Subject,
};
use crate::tree::{Hash, verify_consistency};
use crate::verified::Verified;

/// What is recorded about one review, wherever it was kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parts<'a> {
    pub(super) handoff: &'a Value,
    pub(super) decisions: &'a [Value],
    pub(super) views: &'a [String],
    pub(super) outcome: Option<&'a Value>,
    pub(super) executions: &'a [Value],
    pub(super) entries: &'a [RecordedEntry],
    pub(super) bodies: &'a [RecordedBody],
    pub(super) checkpoint: &'a str,
    pub(super) consistency: &'a [ConsistencyProof],
    pub(super) directory: &'a Value,
    pub(super) contract: &'a str,
}

impl<'a> From<&'a AuditRecord> for Parts<'a> {
    fn from(record: &'a AuditRecord) -> Self {
        Self {
            handoff: &record.review.handoff,
            decisions: &record.decisions,
            views: &record.views,
            outcome: record.outcome.as_ref(),
            executions: &record.executions,
            entries: &record.entries,
            bodies: &record.bodies,
            checkpoint: &record.checkpoint,
            consistency: &record.consistency,
            directory: &record.directory,
            contract: &record.contract,
        }
    }
}

/// What the claims that passed proved; each member is there only when its claim passed.
#[derive(Debug, Default)]
pub(super) struct Proved {
    pub(super) handoff: Option<Verified<HandoffStatement>>,
    pub(super) head: Option<Verified<Head>>,
    pub(super) views: Option<Vec<View>>,
    pub(super) casts: Option<Vec<Cast>>,
    pub(super) outcome: Option<Verified<OutcomeStatement>>,
    pub(super) recorded: Option<Recorded>,
    pub(super) reveals: Option<Vec<ProvedReveal>>,
    pub(super) executions: Option<Vec<Verified<ExecutionStatement>>>,
}

/// Checks everything that is recorded about one review, claim by claim.
///
/// Masks are counted and not recomputed: a record carries no hidden value. The window is not checked against the
/// verifier's clock, since nothing is to be done any more.
#[must_use]
pub fn check_record(record: &AuditRecord, pinned: &Pinned) -> Report {
    examine(&record.into(), pinned).0.sorted()
}

/// The same over the parts, with what was proved. The claims stand in the order in which they were made.
pub(super) fn examine(parts: &Parts<'_>, pinned: &Pinned) -> (Report, Proved) {
    let mut report = Report::default();
    let trust = report.settle(ClaimId::Directory, directory_finding(parts.directory, pinned));
    let handoff = match &trust {
        Some(trust) => report.settle(ClaimId::Handoff, admitted(parts.handoff, trust, pinned)),
        None => report.settle(ClaimId::Handoff, Finding::without(ClaimId::Directory)),
    };
    let head = report.settle(ClaimId::Checkpoint, checkpoint_finding(parts.checkpoint, pinned));
    let (Some(trust), Some(handoff)) = (trust, handoff) else {
        return (report, Proved { head, ..Proved::default() });
    };
    let contract = report.settle(ClaimId::Contract, contract_finding(parts.contract, &handoff));
    report.settle(ClaimId::Masks, masks_finding(&handoff));
    let views = report.settle(ClaimId::View, view_finding(parts, &handoff, contract.as_deref()));
    let entries = head.as_ref().map(|head| recorded_of(parts.entries, head, &handoff));
    let decisions = decision_finding(parts, entries.as_ref(), &handoff, contract.as_deref(), &trust);
    let casts = report.settle(ClaimId::Decision, decisions);
    let ended = outcome_finding(parts, entries.as_ref(), casts.as_deref(), &handoff, &trust);
    let outcome = report.settle(ClaimId::Outcome, ended);
    let is_complete = outcome.is_some() || parts.outcome.is_none();
    let concluded = Concluded { outcome: outcome.as_deref(), is_complete };
    let ordered = order_finding(entries, &handoff, casts.as_deref(), concluded, pinned.now);
    let recorded = report.settle(ClaimId::Inclusion, ordered);
    report.settle(ClaimId::OutcomeLedger, outcome_ledger_finding(parts, outcome.as_deref(), head.as_ref()));
    report.settle(ClaimId::ReviewerWitness, witness_finding(parts, casts.as_deref(), head.as_ref()));
    report.settle(ClaimId::PresentedBeforeSigning, presented_finding(casts.as_deref(), recorded.as_ref()));
    let reveals = match (contract.as_deref(), &recorded, &casts) {
        (Some(contract), Some(recorded), Some(casts)) => {
            let (handoff, trust, bodies) = (&*handoff, &trust, parts.bodies);
            RevealCase { handoff, contract, trust, recorded, casts, bodies }.finding()
        }
        (None, _, _) => Finding::without(ClaimId::Contract),
        (_, None, _) => Finding::without(ClaimId::Inclusion),
        (_, _, None) => Finding::without(ClaimId::Decision),
    };
    let reveals = report.settle(ClaimId::Reveals, reveals);
    let case = Case { handoff: &handoff, outcome: outcome.as_deref(), trust: &trust, recorded: recorded.as_ref() };
    let executions = report.settle(ClaimId::Execution, case.execution_finding(parts));
    let proved = Proved { handoff: Some(handoff), head, views, casts, outcome, recorded, reveals, executions };
    (report, proved)
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
    Finding::Pass(
        (),
        format!("{fields}; the values were not compared here; a destination has to do that before it acts."),
    )
}

fn view_finding(
    parts: &Parts<'_>,
    handoff: &Verified<HandoffStatement>,
    contract: Option<&CompiledContract>,
) -> Finding<Vec<View>> {
    if parts.views.is_empty() {
        return Finding::Pass(Vec::new(), "Nobody signed for a view.".to_owned());
    }
    let Some(contract) = contract else { return Finding::without(ClaimId::Contract) };
    let mut n_foreign = 0;
    let mut shown = Vec::with_capacity(parts.views.len());
    for view in parts.views {
        match check_view(view.as_bytes(), handoff, contract) {
            Ok(found) => {
                n_foreign += usize::from(!found.is_same);
                shown.push(found.view);
            }
            Err(fault) => return Finding::fail(&fault),
        }
    }
    let views = counted(parts.views.len(), "view", "views");
    match n_foreign {
        0 => Finding::Pass(shown, format!("{views} rendered again from the signed bytes: the same, to the byte.")),
        n => {
            Finding::Unknown(format!("{n} of {views} were made by another renderer, whose wording is not known here."))
        }
    }
}

fn decision_finding(
    parts: &Parts<'_>,
    entries: Option<&Result<Recorded, RecordedFault>>,
    handoff: &Verified<HandoffStatement>,
    contract: Option<&CompiledContract>,
    trust: &TrustSet,
) -> Finding<Vec<Cast>> {
    let Some(Ok(recorded)) = entries else { return without_ledger(entries) };
    let Some(contract) = contract else { return Finding::without(ClaimId::Contract) };
    let views: Vec<Vec<u8>> = parts.views.iter().map(|view| view.as_bytes().to_vec()).collect();
    match cast_finding(recorded, parts.decisions, &views, handoff, contract, trust) {
        Finding::Pass(casts, sentence) => late_finding(recorded, casts, sentence, handoff),
        other => other,
    }
}

/// A record has every late decision of its attempt too; a delivery has none.
fn late_finding(
    recorded: &Recorded,
    casts: Vec<Cast>,
    sentence: String,
    handoff: &HandoffStatement,
) -> Finding<Vec<Cast>> {
    // Without its place in the ledger the claim `inclusion` fails.
    let Ok(part) = recorded.part(handoff) else { return Finding::Pass(casts, sentence) };
    match part.unmatched_late(&casts) {
        Ok(None) => Finding::Pass(casts, sentence),
        Ok(Some(seq)) => {
            let other = format!("Ledger entry {seq} is of a late decision of this attempt or of another one.");
            Finding::Pass(casts, format!("{sentence} {other}"))
        }
        Err(fault) => Finding::fail(&fault),
    }
}

fn outcome_finding(
    parts: &Parts<'_>,
    entries: Option<&Result<Recorded, RecordedFault>>,
    casts: Option<&[Cast]>,
    handoff: &Verified<HandoffStatement>,
    trust: &TrustSet,
) -> Finding<Verified<OutcomeStatement>> {
    if let Some(envelope) = parts.outcome {
        return concluded(envelope, casts, handoff, trust);
    }
    let Some(Ok(recorded)) = entries else { return Finding::Unknown("No outcome is given.".to_owned()) };
    let formed = recorded.part(handoff).ok().and_then(|part| part.outcome_entry());
    Finding::Unknown(match formed {
        Some(entry) => format!("Ledger entry {} is of the outcome, and it is not given.", entry.seq),
        None => format!("There is no outcome up to ledger entry {}.", recorded.last_seq()),
    })
}

/// How an earlier head stands to the newest one.
enum Extends {
    Holds,
    NoProof,
    Broken(String),
}

/// Whether the ledger under `head` begins with what `earlier` says; `whose` ends the sentence.
fn extends(parts: &Parts<'_>, earlier: &SeenCheckpoint, head: &Head, whose: &str) -> Extends {
    let Ok(root) = Hash::parse(&earlier.root) else {
        return Extends::Broken(format!("The head that {whose} is none."));
    };
    if earlier.origin != head.origin() || earlier.size > head.size() {
        return Extends::Broken(format!("The head that {whose} is of another or a longer ledger than this one."));
    }
    let given = parts.consistency.iter().find(|proof| proof.from == earlier.size && proof.to == head.size());
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
    parts: &Parts<'_>,
    outcome: Option<&OutcomeStatement>,
    head: Option<&Verified<Head>>,
) -> Finding<()> {
    let Some(head) = head else { return Finding::without(ClaimId::Checkpoint) };
    let Some(outcome) = outcome else { return Finding::without(ClaimId::Outcome) };
    match extends(parts, &outcome.predicate.ledger, head, "the outcome names") {
        Extends::Holds => Finding::Pass((), "The ledger still begins with the head that the outcome names.".to_owned()),
        Extends::NoProof => {
            Finding::Unknown("No consistency proof was given for the head that the outcome names.".to_owned())
        }
        Extends::Broken(sentence) => Finding::Fail(sentence),
    }
}

fn witness_finding(parts: &Parts<'_>, casts: Option<&[Cast]>, head: Option<&Verified<Head>>) -> Finding<()> {
    let Some(head) = head else { return Finding::without(ClaimId::Checkpoint) };
    let Some(casts) = casts else { return Finding::without(ClaimId::Decision) };
    let mut n_unproved = 0;
    for cast in casts {
        let decision = &cast.statement.predicate;
        let whose = format!("{} had seen", decision.reviewer.name);
        match extends(parts, &decision.seen_checkpoint, head, &whose) {
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
    #[error("an attempt has one report of its execution, and {0} are given")]
    Several(usize),
    #[error("find the execution in the ledger")]
    Recorded(#[source] RecordedFault),
    #[error("look for executions in the ledger")]
    Unreported(#[source] RecordedFault),
}

impl Case<'_> {
    fn execution_finding(&self, parts: &Parts<'_>) -> Finding<Vec<Verified<ExecutionStatement>>> {
        let (Some(outcome), Some(recorded)) = (self.outcome, self.recorded) else {
            return Finding::without(if self.recorded.is_none() { ClaimId::Inclusion } else { ClaimId::Outcome });
        };
        let mut reports = Vec::with_capacity(parts.executions.len());
        for envelope in parts.executions {
            match self.check_execution(envelope, outcome, recorded) {
                Ok(report) => reports.push(report),
                Err(fault) => return Finding::fail(&fault),
            }
        }
        let given = reports.iter().map(|report| report.digest).collect();
        let part = recorded.part(self.handoff).map_err(ExecutionFault::Recorded);
        let open = part.and_then(|part| part.unmatched_reports(&given).map_err(ExecutionFault::Unreported));
        let open = match open {
            Ok(open) => open,
            Err(fault) => return Finding::fail(&fault),
        };
        let n = recorded.last_seq();
        let sentence = match reports.as_slice() {
            [] if outcome.predicate.outcome == OutcomeKind::Approved => {
                return Finding::Unknown(format!("No execution is reported up to ledger entry {n}."));
            }
            [] if open.is_some() => "No execution is given.".to_owned(),
            [] => format!("No execution is reported up to ledger entry {n}."),
            [report] => sentence_of_report(&report.predicate, n),
            several => return Finding::fail(&ExecutionFault::Several(several.len())),
        };
        let sentence = match open {
            Some(seq) => format!("{sentence} Ledger entry {seq} reports one of this attempt or of another."),
            None => sentence,
        };
        Finding::Pass(reports, sentence)
    }

    fn check_execution(
        &self,
        envelope: &Value,
        outcome: &OutcomeStatement,
        recorded: &Recorded,
    ) -> Result<Verified<ExecutionStatement>, ExecutionFault> {
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
        // The executor writes `executedAt`; when it came, the ledger says (invariant B10).
        execution.check_key_window(entry.at).map_err(ExecutionFault::Key)?;
        let part = recorded.part(self.handoff).map_err(ExecutionFault::Recorded)?;
        let is_after = part.outcome_entry().is_some_and(|formed| formed.seq < entry.seq);
        if !is_after {
            return Err(ExecutionFault::Recorded(RecordedFault::Order { what: "execution" }));
        }
        if did.result == ExecutionResult::Executed {
            check_executed(did, outcome)?;
            part.check_used(outcome.digest, entry).map_err(ExecutionFault::Recorded)?;
        }
        Ok(execution)
    }
}

/// What the destination says that it did. `n` is the last entry that is given.
fn sentence_of_report(did: &ExecutionPredicate, n: u64) -> String {
    let what = match (did.result, did.phase) {
        (ExecutionResult::Executed, _) => {
            return format!("Executed once, as far as ledger entry {n}, by the destination and as it was approved.");
        }
        (ExecutionResult::Failed, Some(ExecutionPhase::Gate)) => "it refused and did nothing",
        (ExecutionResult::Failed, Some(ExecutionPhase::Action)) => "it tried and failed",
        (ExecutionResult::Failed, Some(ExecutionPhase::Unknown) | None) => {
            "it failed and does not know with what effect: it may or may not have been done"
        }
    };
    format!("As far as ledger entry {n}, the destination reports that {what}.")
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
