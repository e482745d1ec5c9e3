//! The first part of a report: everything that matters, in one table.

use seamark_contracts::decision::DecisionKind;
use seamark_contracts::outcome::{ExecutionPhase, ExecutionResult};

use super::ReportFrame;
use super::document::{Cell, Page, code, own, said};
use super::sections::{execution_words, left_out, moment, nothing_reported, outcome_words};
use crate::verify::{ProvedDecision, ProvedRecord};

pub(super) fn summary(page: &mut Page, proved: &ProvedRecord, frame: &ReportFrame) {
    page.section("In short", |page| {
        let mut pairs = Vec::new();
        if let Some(view) = proved.views.iter().flatten().last() {
            pairs.push(("What was asked", said(view.ask.clone())));
        }
        match &proved.outcome {
            Some(outcome) => {
                let says = &outcome.predicate;
                let decided = format!("{}, {}", outcome_words(says), moment(says.formed_at));
                pairs.push(("What was decided", own(decided)));
            }
            None => pairs.push(("What was decided", own("Not proved"))),
        }
        pairs.extend(people(proved));
        pairs.push(("What was done", own(done(proved))));
        let has_reports = proved.executions.as_ref().is_some_and(|executions| !executions.is_empty());
        if let Some(left_out) = left_out(proved).filter(|_| has_reports) {
            pairs.push(("Beside that", own(left_out)));
        }
        if let Some(handoff) = &proved.handoff {
            let signed = &handoff.predicate;
            pairs.extend([
                ("Handoff", own(format!("{}, revision {}", signed.handoff_id, signed.revision))),
                ("From, to", own(format!("{} to {}", signed.source.agent.name(), signed.destination.agent.name()))),
                ("Submitted by", own(signed.source.submitted_by.name())),
                ("Meant for", code(signed.destination.audience.clone())),
                ("Contract", own(format!("{} {}", signed.contract.name, signed.contract.version))),
                ("Admitted", own(moment(signed.created_at))),
            ]);
            if let Some(request) = &signed.request {
                pairs.push(("Deadline", own(moment(request.expires_at))));
            }
        }
        let manifest = frame.manifest.map_or_else(|| own("none"), |digest| code(digest.to_hex()));
        pairs.extend([
            ("Judged as of", own(moment(frame.as_of))),
            ("Checked under root key", code(frame.root_keyid.clone())),
            ("Checked under ledger", own(frame.ledger_origin.clone())),
            ("SHA-256 of manifest.json", manifest),
        ]);
        page.pairs(&pairs);
    });
}

/// Who decided: first those whose decision counts in the outcome, then the others, each with the answer given.
fn people(proved: &ProvedRecord) -> Vec<(&'static str, Cell)> {
    let Some(decisions) = &proved.decisions else { return Vec::new() };
    let Some(outcome) = &proved.outcome else {
        return decisions.iter().map(|decision| (answer(decision, false), name(decision))).collect();
    };
    let counts = |decision: &&ProvedDecision| {
        let listed = outcome.predicate.decisions.iter().find(|listed| listed.digest == decision.statement.digest);
        !decision.is_late && listed.is_some_and(|listed| listed.counted)
    };
    let (counted, others): (Vec<_>, Vec<_>) = decisions.iter().partition(counts);
    let mut people: Vec<_> = counted.iter().map(|decision| (answer(decision, true), name(decision))).collect();
    if people.is_empty() {
        people.push(("By", own("Nobody whose decision counts")));
    }
    people.extend(others.iter().map(|decision| (answer(decision, false), name(decision))));
    people
}

fn name(decision: &ProvedDecision) -> Cell {
    said(decision.statement.predicate.reviewer.name.clone())
}

fn answer(decision: &ProvedDecision, counts: bool) -> &'static str {
    match (decision.statement.predicate.decision, counts) {
        (DecisionKind::Approve, true) => "Approved by",
        (DecisionKind::Reject, true) => "Rejected by",
        (DecisionKind::Escalate, true) => "Handed on by",
        (DecisionKind::Approve, false) => "Approval not counted",
        (DecisionKind::Reject, false) => "Rejection not counted",
        (DecisionKind::Escalate, false) => "Handing on, no decision",
    }
}

/// Of several reports the one that says most: done, then perhaps done, then tried, then refused.
fn done(proved: &ProvedRecord) -> String {
    let Some(executions) = &proved.executions else { return "Not proved".to_owned() };
    let weight = |result: ExecutionResult, phase: Option<ExecutionPhase>| match (result, phase) {
        (ExecutionResult::Executed, _) => 3,
        (ExecutionResult::Failed, Some(ExecutionPhase::Gate)) => 0,
        (ExecutionResult::Failed, Some(ExecutionPhase::Action)) => 1,
        (ExecutionResult::Failed, _) => 2,
    };
    let reports = executions.iter().map(|did| &did.predicate);
    match reports.max_by_key(|did| weight(did.result, did.phase)) {
        Some(did) if did.result == ExecutionResult::Executed => {
            format!("{}, {}", execution_words(did), moment(did.executed_at))
        }
        Some(did) => format!("{}; reported {}", execution_words(did), moment(did.executed_at)),
        None => nothing_reported(proved),
    }
}
