//! What every part of a report says in the same words, and the parts about what came of a decision.

use seamark_contracts::clock::Timestamp;
use seamark_contracts::outcome::{
    ExecutionPhase, ExecutionPredicate, ExecutionResult, OutcomeCause, OutcomeKind, OutcomePredicate,
};
use serde::Serialize;

use super::document::{Cell, Page, code, own, said, short};
use crate::entry::EntryType;
use crate::verify::{ClaimId, ProvedRecord};

/// A word of a closed list as the formats spell it.
pub(super) fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

/// A time as people read it, to the millisecond that was signed.
pub(super) fn moment(at: Timestamp) -> String {
    at.to_string().replacen('T', " ", 1).replacen('Z', " UTC", 1)
}

pub(super) fn absent(page: &mut Page, id: ClaimId) {
    page.paragraph(&format!("Not shown, because the claim \u{201c}{}\u{201d} did not pass.", id.title()));
}

/// How it ended, and by whom where that is no decision.
pub(super) fn outcome_words(says: &OutcomePredicate) -> &'static str {
    match (says.outcome, says.cause) {
        (OutcomeKind::Approved, _) => "Approved",
        (OutcomeKind::Rejected, _) => "Rejected",
        (OutcomeKind::Expired, _) => "Expired: nobody decided in time",
        (OutcomeKind::Withdrawn, OutcomeCause::Source) => "Withdrawn by the source",
        (OutcomeKind::Withdrawn, OutcomeCause::FallbackOwner) => "Withdrawn by the fallback owner",
        (OutcomeKind::Withdrawn, _) => "Withdrawn",
        (OutcomeKind::Superseded, OutcomeCause::NewRevision) => "Superseded: the source changed the content",
        (OutcomeKind::Superseded, _) => "Superseded: another attempt took its place",
    }
}

/// What a destination reported, with no more certainty than it had itself.
pub(super) fn execution_words(did: &ExecutionPredicate) -> &'static str {
    match (did.result, did.phase) {
        (ExecutionResult::Executed, _) => "Executed once, as approved",
        (ExecutionResult::Failed, Some(ExecutionPhase::Gate)) => "Refused by the destination; nothing was done",
        (ExecutionResult::Failed, Some(ExecutionPhase::Action)) => "Tried and failed",
        (ExecutionResult::Failed, _) => "Failed; it may or may not have been done",
    }
}

/// That no execution is reported, and how far that reaches: later entries can have been left out of a bundle.
pub(super) fn nothing_reported(proved: &ProvedRecord) -> String {
    if let Some(left_out) = left_out(proved) {
        return left_out;
    }
    match proved.entries.iter().flatten().last() {
        Some(entry) => format!("No execution is reported up to ledger entry {}", entry.seq),
        None => "Not proved".to_owned(),
    }
}

/// That the ledger knows of reports of an execution which are not among the proved ones; nothing when it knows of none.
pub(super) fn left_out(proved: &ProvedRecord) -> Option<String> {
    let shown = |object| proved.executions.iter().flatten().any(|did| did.digest == object);
    let entries = proved.entries.iter().flatten();
    let unseen = entries.filter(|entry| entry.kind == EntryType::ExecutionReported && !shown(entry.object));
    let seqs: Vec<String> = unseen.map(|entry| entry.seq.to_string()).collect();
    let of_which = "of this or another attempt, and is not in this bundle";
    (!seqs.is_empty()).then(|| format!("An execution was reported in ledger entry {}, {of_which}", seqs.join(", ")))
}

pub(super) fn masked(page: &mut Page, proved: &ProvedRecord) {
    page.section("What was masked", |page| {
        let Some(handoff) = &proved.handoff else { return absent(page, ClaimId::Handoff) };
        if handoff.predicate.masks.is_empty() {
            page.paragraph("Nothing.");
            return;
        }
        let rows = handoff.predicate.masks.iter().map(|mask| {
            let shown = mask.shown.clone().map_or_else(|| own("in clear, for whoever may see it"), said);
            vec![code(mask.path.clone()), short(word(&mask.kind)), shown]
        });
        page.table(&["Field", "Mask", "Shown instead"], rows);
        page.paragraph(
            "The hidden values are not in the bundle. They were not compared here; a destination has to do that before it \
             acts.",
        );
    });
}

pub(super) fn revealed(page: &mut Page, proved: &ProvedRecord) {
    page.section("What was revealed", |page| {
        let Some(reveals) = &proved.reveals else { return absent(page, ClaimId::Reveals) };
        if reveals.is_empty() {
            page.paragraph("No masked field was shown in clear to anybody.");
            return;
        }
        for reveal in reveals {
            let mut pairs = vec![
                ("Field", code(reveal.path.clone())),
                ("To", said(reveal.name.clone())),
                ("Recorded, before the value left", own(moment(reveal.at))),
                ("Purpose", own(reveal.purpose.code.words())),
            ];
            if !reveal.purpose.text.is_empty() {
                pairs.push(("In their own words", said(reveal.purpose.text.clone())));
            }
            let copied = reveal.copied_at.map_or_else(|| "no".to_owned(), |at| format!("yes, {}", moment(at)));
            pairs.push(("Copied", own(copied)));
            pairs.push(("Ledger entry", own(reveal.seq.to_string())));
            page.pairs(&pairs);
        }
        page.paragraph(
            "The values are not in the bundle. What a person did with a value that was on screen is recorded only as far as \
             Seamark copied it.",
        );
    });
}

pub(super) fn followed(page: &mut Page, proved: &ProvedRecord) {
    page.section("What followed", |page| {
        let Some(outcome) = &proved.outcome else { return absent(page, ClaimId::Outcome) };
        let says = &outcome.predicate;
        let mut pairs = vec![
            ("Outcome", own(outcome_words(says))),
            ("Cause", own(word(&says.cause))),
            ("Approvals", own(format!("{} of {} needed", says.quorum.reached, says.quorum.required))),
            ("Formed", own(moment(says.formed_at))),
        ];
        if let Some(window) = &says.window {
            let (from, until) = (moment(window.not_before), moment(window.expires_at));
            pairs.push(("Could be done", own(format!("from {from} until {until}, once"))));
        }
        if let Some(next) = says.superseded_by {
            pairs.push(("Replaced by statement", code(next.to_hex())));
        }
        pairs.push(("Signed statement", code(outcome.digest.to_hex())));
        page.pairs(&pairs);
    });
}

pub(super) fn executed(page: &mut Page, proved: &ProvedRecord) {
    page.section("What was executed", |page| {
        let Some(executions) = &proved.executions else { return absent(page, ClaimId::Execution) };
        if executions.is_empty() {
            page.paragraph(&format!("{}. The outcome allows none.", nothing_reported(proved)));
        } else if let Some(left_out) = left_out(proved) {
            page.paragraph(&format!("{left_out}."));
        }
        for did in executions {
            let said_it = &did.predicate;
            // Of what failed, nobody says when it was done, only when it was told.
            let is_done = said_it.result == ExecutionResult::Executed;
            let when = if is_done { "Executed" } else { "Reported" };
            let mut pairs: Vec<(&str, Cell)> = vec![
                ("Result", own(execution_words(said_it))),
                (when, own(moment(said_it.executed_at))),
                ("By", own(said_it.executor.name())),
            ];
            if let Some(reason) = &said_it.code {
                pairs.push(("Its own code", code(reason.clone())));
            }
            pairs.extend(said_it.decisions.iter().map(|digest| ("Under the decision", code(digest.to_hex()))));
            pairs.extend([("Key", code(did.by.key.id().to_string())), ("Signed statement", code(did.digest.to_hex()))]);
            page.pairs(&pairs);
        }
    });
}

pub(super) fn ledger(page: &mut Page, proved: &ProvedRecord) {
    page.section("Where it is recorded", |page| {
        let Some(head) = &proved.head else { return absent(page, ClaimId::Checkpoint) };
        page.pairs(&[
            ("Ledger", own(head.origin())),
            ("Entries at the head", own(head.size().to_string())),
            ("Root", code(head.root().to_string())),
        ]);
        let Some(entries) = &proved.entries else { return absent(page, ClaimId::Inclusion) };
        let rows = entries.iter().map(|entry| {
            let (seq, kind) = (entry.seq.to_string(), entry.kind.as_str());
            vec![short(seq), short(moment(entry.at)), short(kind), code(entry.object.to_hex())]
        });
        page.table(&["Index", "Gateway time", "Event", "SHA-256 of what it is about"], rows);
    });
}
