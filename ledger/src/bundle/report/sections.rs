//! The parts of a report. Each says what was proved, or that it was not.

use seamark_contracts::clock::Timestamp;
use seamark_contracts::decision::{DecisionKind, VerificationMethod};
use seamark_contracts::handoff::{RuleResult, Verdict};
use seamark_contracts::outcome::{CountedDecision, ExecutionPhase, ExecutionResult, NotCounted, OutcomeKind};
use seamark_contracts::view::{Evidence, Fact, RowKind, TreeRow, View};
use serde::Serialize;

use super::ReportFrame;
use super::html::Page;
use crate::verify::{ClaimId, ProvedDecision, ProvedRecord};

/// A word of a closed list as the formats spell it.
fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

/// A time as people read it, to the millisecond that was signed.
fn moment(at: Timestamp) -> String {
    at.to_string().replacen('T', " ", 1).replacen('Z', " UTC", 1)
}

fn absent(page: &mut Page, id: ClaimId) {
    page.paragraph(&format!("Not shown, because the claim \u{201c}{}\u{201d} did not pass.", id.title()));
}

fn outcome_word(kind: OutcomeKind) -> &'static str {
    match kind {
        OutcomeKind::Approved => "Approved",
        OutcomeKind::Rejected => "Rejected",
        OutcomeKind::Expired => "Expired: nobody decided in time",
        OutcomeKind::Withdrawn => "Withdrawn by the source",
        OutcomeKind::Superseded => "Superseded: another attempt took its place",
    }
}

pub(super) fn summary(page: &mut Page, proved: &ProvedRecord, frame: &ReportFrame) {
    page.section("In short", |page| {
        let mut pairs = Vec::new();
        if let Some(view) = proved.views.iter().flatten().last() {
            pairs.push(("What was asked", view.ask.clone()));
        }
        match &proved.outcome {
            Some(outcome) => {
                let says = &outcome.predicate;
                pairs.push(("What was decided", format!("{}, {}", outcome_word(says.outcome), moment(says.formed_at))));
            }
            None => pairs.push(("What was decided", "Not proved".to_owned())),
        }
        if let Some(decisions) = &proved.decisions {
            let names = decisions.iter().map(|decision| decision.statement.predicate.reviewer.name.as_str());
            let names: Vec<&str> = names.collect();
            pairs.push(("By", if names.is_empty() { "Nobody".to_owned() } else { names.join(", ") }));
        }
        pairs.push(("What was done", done(proved)));
        if let Some(handoff) = &proved.handoff {
            let signed = &handoff.predicate;
            pairs.extend([
                ("Handoff", format!("{}, revision {}", signed.handoff_id, signed.revision)),
                ("From, to", format!("{} to {}", signed.source.agent.name(), signed.destination.agent.name())),
                ("Meant for", signed.destination.audience.clone()),
                ("Contract", format!("{} {}", signed.contract.name, signed.contract.version)),
                ("Admitted", moment(signed.created_at)),
            ]);
        }
        pairs.push(("Valid as of", moment(frame.as_of)));
        pairs.push(("Checked under root key", frame.root_keyid.clone()));
        pairs.push(("Checked under ledger", frame.ledger_origin.clone()));
        let manifest = frame.manifest.map_or_else(|| "none".to_owned(), |digest| digest.to_hex());
        pairs.push(("SHA-256 of manifest.json", manifest));
        page.pairs(&pairs);
    });
}

fn done(proved: &ProvedRecord) -> String {
    let Some(executions) = &proved.executions else { return "Not proved".to_owned() };
    let executed = executions.iter().find(|did| did.predicate.result == ExecutionResult::Executed);
    match executed {
        Some(did) => format!("Executed once, as approved, {}", moment(did.predicate.executed_at)),
        None => "Nothing was executed".to_owned(),
    }
}

pub(super) fn signatures(page: &mut Page, proved: &ProvedRecord) {
    page.section("Signatures", |page| {
        let Some(decisions) = &proved.decisions else { return absent(page, ClaimId::Decision) };
        if decisions.is_empty() {
            page.paragraph("Nobody signed a decision.");
        }
        let counted = proved.outcome.as_ref().map(|outcome| outcome.predicate.decisions.as_slice());
        for (number, decision) in (1..).zip(decisions) {
            page.heading(&format!("Decision {number}: {}", decision.statement.predicate.reviewer.name));
            page.pairs(&signature(decision, counted));
        }
    });
}

fn signature(decision: &ProvedDecision, counted: Option<&[CountedDecision]>) -> Vec<(&'static str, String)> {
    let signed = &decision.statement.predicate;
    let mut pairs = vec![
        ("Printed name", signed.reviewer.name.clone()),
        ("Meaning", signed.meaning.clone()),
        ("Signed", moment(signed.decided_at)),
        ("Recorded", moment(decision.recorded_at)),
        ("Counted", weight(decision, counted)),
        ("Role", signed.reviewer.role.clone()),
        ("Person verified by", format!("{}, {}", method(signed.auth.method), moment(signed.auth.at))),
        (
            "Looked at it",
            format!("since {}, {} s before deciding", moment(signed.view.opened_at), signed.view.dwell_ms / 1000),
        ),
    ];
    if signed.decision != DecisionKind::Approve || !signed.reason.text.is_empty() {
        pairs.push(("Reason", [signed.reason.code.as_str(), signed.reason.text.as_str()].join("  ").trim().to_owned()));
    }
    if let Some(escalation) = &signed.escalation {
        pairs.push(("Handed on to", format!("{}: {}", escalation.to, escalation.question)));
    }
    if let Some(window) = &signed.constraints {
        pairs.push((
            "Allowed from, until",
            format!("{} until {}, once", moment(window.not_before), moment(window.expires_at)),
        ));
    }
    if !signed.confirmed.is_empty() {
        let confirmed: Vec<&str> = signed.confirmed.iter().map(|confirmed| confirmed.value.as_str()).collect();
        pairs.push(("Confirmed by hand", confirmed.join(", ")));
    }
    pairs.extend([
        ("Key", signed.reviewer.keyid.clone()),
        ("Signed statement", decision.statement.digest.to_hex()),
        ("Signed view", signed.view.digest.to_hex()),
    ]);
    pairs
}

fn method(method: VerificationMethod) -> &'static str {
    match method {
        VerificationMethod::Pin => "PIN",
        VerificationMethod::OsUserVerification => "the operating system",
        VerificationMethod::Pkcs11Pin => "PIN of a token",
        VerificationMethod::Fido2Uv => "FIDO2 user verification",
    }
}

fn weight(decision: &ProvedDecision, counted: Option<&[CountedDecision]>) -> String {
    if decision.is_late {
        return "no: it came after the attempt had ended".to_owned();
    }
    let Some(counted) = counted else { return "not proved: there is no proved outcome".to_owned() };
    let Some(said) = counted.iter().find(|said| said.digest == decision.statement.digest) else {
        return "no".to_owned();
    };
    let why = match said.why {
        None => return "yes".to_owned(),
        Some(NotCounted::DuplicatePerson) => "this person had decided already",
        Some(NotCounted::Conflict) => "this person asked for the action or answers for its agent",
        Some(NotCounted::Role) => "the role did not allow it",
        Some(NotCounted::Limit) => "it was above this person's limit",
        Some(NotCounted::StaleView) => "it was made on an old view",
        Some(NotCounted::Escalated) => "it hands the decision on",
        Some(NotCounted::Late) => "it came after the attempt had ended",
    };
    format!("no: {why}")
}

pub(super) fn shown(page: &mut Page, proved: &ProvedRecord) {
    page.section("What was shown", |page| {
        let Some(views) = &proved.views else { return absent(page, ClaimId::View) };
        if views.is_empty() {
            page.paragraph("Nobody signed for a view.");
        }
        let mut before: Option<View> = None;
        for (number, view) in (1..).zip(views) {
            // Nonce and renderer differ from person to person and are on no screen.
            let on_screen = View { nonce: String::new(), renderer: String::new(), ..view.clone() };
            page.heading(&format!("To the person of decision {number}"));
            if before.as_ref() == Some(&on_screen) {
                page.paragraph("The same as to the person before.");
            } else {
                write_view(page, view);
            }
            before = Some(on_screen);
        }
    });
}

fn write_view(page: &mut Page, view: &View) {
    page.words(&view.ask);
    page.table(&["Critical value", "As shown", "Beside it"], view.facts.iter().map(fact));
    let mut pairs = vec![("Risk", word(&view.tier)), ("Why a person", view.why.join(" "))];
    let branches = view.branches.iter().map(|branch| {
        let option = branch.option.as_ref().map_or_else(|| "no answer".to_owned(), word);
        format!("{option}: {}", branch.text)
    });
    pairs.push(("What each answer does", branches.collect::<Vec<_>>().join("\n")));
    if let Some(escalated) = &view.escalated {
        pairs.push(("Handed on", format!("by {} to {}: {}", escalated.by, escalated.to, escalated.question)));
    }
    if let Some(intent) = &view.intent {
        pairs.push(("The wish, verbatim", intent.text.clone()));
    }
    let lines = |lines: Vec<String>| lines.join("\n");
    if !view.constraints.is_empty() {
        let limits = view.constraints.iter().map(|limit| format!("{}: {}", word(&limit.origin), limit.text));
        pairs.push(("Constraints", lines(limits.collect())));
    }
    if !view.warnings.is_empty() {
        let warnings = view.warnings.iter().map(|warning| format!("{}: {}", warning.path, warning.text));
        pairs.push(("Warnings", lines(warnings.collect())));
    }
    page.pairs(&pairs);
    if !view.rules.is_empty() {
        page.heading("Rules");
        let rules = view.rules.iter().map(|rule| {
            let result = match rule.result {
                RuleResult::Pass => "kept",
                RuleResult::Fail => "BROKEN",
                RuleResult::Error => "COULD NOT BE JUDGED, counts as broken",
            };
            vec![rule.id.clone(), result.to_owned(), rule.text.clone()]
        });
        page.table(&["Rule", "Result", "What it says when it is broken"], rules);
    }
    page.heading("Payload");
    page.table(&["Field", "As shown", ""], tree(&view.payload));
    for evidence in &view.evidence {
        write_evidence(page, evidence);
    }
    if let Some(narrative) = &view.narrative {
        page.heading(&format!("What {} says about it: unverified, and part of no rule", narrative.author));
        page.words(&narrative.text);
    }
}

fn fact(fact: &Fact) -> Vec<String> {
    let beside = fact.compare.as_ref().map_or_else(String::new, |compare| match compare.verdict {
        Some(Verdict::Equal) => format!("holds: {}", compare.text),
        Some(Verdict::Differs) => format!("DIFFERS: {}", compare.text),
        Some(Verdict::Missing) => format!("cannot be compared: {}", compare.text),
        None => compare.text.clone(),
    });
    let value = if fact.masked { format!("{} (masked)", fact.value) } else { fact.value.clone() };
    vec![fact.label.clone(), value, beside]
}

/// One row for each value, named by its path.
fn tree(rows: &[TreeRow]) -> impl Iterator<Item = Vec<String>> {
    let values = rows.iter().filter(|row| row.count == 0 || !matches!(row.kind, RowKind::Object | RowKind::Array));
    values.map(|row| {
        let text = match row.kind {
            RowKind::Object | RowKind::Array => "empty".to_owned(),
            _ => row.text.clone(),
        };
        let mask = row.mask.as_ref().map_or_else(String::new, |kind| format!("masked: {}", word(kind)));
        vec![row.path.clone(), text, mask]
    })
}

fn write_evidence(page: &mut Page, evidence: &Evidence) {
    let needed = if evidence.required { ", required" } else { "" };
    page.heading(&format!("Evidence: {} ({}{needed})", evidence.title, evidence.source));
    if let Some(artifact) = &evidence.artifact {
        page.paragraph(&format!(
            "File {}, {} bytes, digest {}. It is not part of the bundle.",
            artifact.name,
            artifact.size,
            artifact.digest.to_hex()
        ));
    }
    if !evidence.rows.is_empty() {
        page.table(&["Field", "As shown", ""], tree(&evidence.rows));
    }
    for text in &evidence.texts {
        page.words(text);
    }
}

pub(super) fn masked(page: &mut Page, proved: &ProvedRecord) {
    page.section("What was masked", |page| {
        let Some(handoff) = &proved.handoff else { return absent(page, ClaimId::Handoff) };
        if handoff.predicate.masks.is_empty() {
            page.paragraph("Nothing.");
            return;
        }
        let rows = handoff.predicate.masks.iter().map(|mask| {
            let shown = mask.shown.clone().unwrap_or_else(|| "in clear, for whoever may see it".to_owned());
            vec![mask.path.clone(), word(&mask.kind), shown]
        });
        page.table(&["Field", "How", "Shown instead"], rows);
        page.paragraph("The hidden values are not in the bundle. The destination had them and recomputed every mask.");
    });
}

pub(super) fn followed(page: &mut Page, proved: &ProvedRecord) {
    page.section("What followed", |page| {
        let Some(outcome) = &proved.outcome else { return absent(page, ClaimId::Outcome) };
        let says = &outcome.predicate;
        let mut pairs = vec![
            ("Outcome", outcome_word(says.outcome).to_owned()),
            ("Cause", word(&says.cause)),
            ("Approvals", format!("{} of {} needed", says.quorum.reached, says.quorum.required)),
            ("Formed", moment(says.formed_at)),
        ];
        if let Some(window) = &says.window {
            pairs.push((
                "Could be done",
                format!("from {} until {}, once", moment(window.not_before), moment(window.expires_at)),
            ));
        }
        pairs.push(("Signed statement", outcome.digest.to_hex()));
        page.pairs(&pairs);
    });
}

pub(super) fn executed(page: &mut Page, proved: &ProvedRecord) {
    page.section("What was executed", |page| {
        let Some(executions) = &proved.executions else { return absent(page, ClaimId::Execution) };
        if executions.is_empty() {
            page.paragraph("Nothing, and nothing was allowed to be.");
        }
        for did in executions {
            let said = &did.predicate;
            let result = match (said.result, said.phase) {
                (ExecutionResult::Executed, _) => "Executed",
                (ExecutionResult::Failed, Some(ExecutionPhase::Gate)) => "Refused by the destination; nothing was done",
                (ExecutionResult::Failed, Some(ExecutionPhase::Action)) => "Tried and failed",
                (ExecutionResult::Failed, _) => "Failed; it may or may not have been done",
            };
            page.pairs(&[
                ("Result", result.to_owned()),
                ("Executed", moment(said.executed_at)),
                ("By", said.executor.name().to_owned()),
                (
                    "Under the approvals",
                    said.decisions.iter().map(|digest| digest.to_hex()).collect::<Vec<_>>().join("\n"),
                ),
                ("Key", did.by.key.id().to_string()),
                ("Signed statement", did.digest.to_hex()),
            ]);
        }
    });
}

pub(super) fn ledger(page: &mut Page, proved: &ProvedRecord) {
    page.section("Where it is recorded", |page| {
        let Some(head) = &proved.head else { return absent(page, ClaimId::Checkpoint) };
        let (origin, size, root) = (head.origin().to_owned(), head.size().to_string(), head.root().to_string());
        page.pairs(&[("Ledger", origin), ("Entries at the head", size), ("Root", root)]);
        let Some(entries) = &proved.entries else { return absent(page, ClaimId::Inclusion) };
        let rows = entries.iter().map(|entry| {
            vec![entry.seq.to_string(), moment(entry.at), entry.kind.as_str().to_owned(), entry.object.to_hex()]
        });
        page.table(&["Index", "Gateway time", "Event", "SHA-256 of what it is about"], rows);
    });
}
