//! Every signature of a person with name, time and meaning. Source: 21 CFR 11.50.

use seamark_contracts::decision::VerificationMethod;
use seamark_contracts::outcome::{CountedDecision, NotCounted};
use seamark_contracts::view::View;

use super::document::{Cell, Page, code, own, said};
use super::sections::{absent, moment};
use crate::verify::{ClaimId, ProvedDecision, ProvedRecord};

pub(super) fn signatures(page: &mut Page, proved: &ProvedRecord) {
    page.section("Signatures", |page| {
        let Some(decisions) = &proved.decisions else { return absent(page, ClaimId::Decision) };
        if decisions.is_empty() {
            page.paragraph("Nobody signed a decision.");
        }
        let counted = proved.outcome.as_ref().map(|outcome| outcome.predicate.decisions.as_slice());
        let views = proved.views.as_deref().unwrap_or_default();
        for (index, decision) in decisions.iter().enumerate() {
            page.heading(&format!("Decision {}", index.saturating_add(1)));
            page.pairs(&signature(decision, counted, views.get(index)));
        }
    });
}

fn signature(
    decision: &ProvedDecision,
    counted: Option<&[CountedDecision]>,
    view: Option<&View>,
) -> Vec<(&'static str, Cell)> {
    let signed = &decision.statement.predicate;
    let mut pairs = vec![
        ("Printed name", said(signed.reviewer.name.clone())),
        ("Meaning", own(signed.meaning.clone())),
        ("Signed", own(moment(signed.decided_at))),
        ("Recorded", own(moment(decision.recorded_at))),
        ("Counted", own(weight(decision, counted))),
        ("Role", own(signed.reviewer.role.clone())),
        ("Person verified by", own(format!("{}, {}", method(signed.auth.method), moment(signed.auth.at)))),
        (
            "Looked at it",
            own(format!("since {}, {} s before deciding", moment(signed.view.opened_at), signed.view.dwell_ms / 1000)),
        ),
    ];
    pairs.extend(signed.view.opened.iter().map(|id| ("Evidence opened", code(id.clone()))));
    let shown = view.iter().flat_map(|view| &view.evidence);
    let unopened = shown.filter(|evidence| !signed.view.opened.contains(&evidence.id));
    pairs.extend(unopened.map(|evidence| ("Evidence not opened", code(evidence.id.clone()))));
    if signed.reason.code != "none" {
        let choices = view.iter().flat_map(|view| &view.reject_reasons);
        let label = choices.filter(|choice| choice.code == signed.reason.code).map(|choice| choice.text.clone()).next();
        pairs.push(("Reason", said(label.unwrap_or_else(|| signed.reason.code.clone()))));
    }
    if !signed.reason.text.is_empty() {
        pairs.push(("In their own words", said(signed.reason.text.clone())));
    }
    if let Some(escalation) = &signed.escalation {
        pairs.push(("Handed on to", said(escalation.to.clone())));
        pairs.push(("With the question", said(escalation.question.clone())));
    }
    if let Some(window) = &signed.constraints {
        let (from, until) = (moment(window.not_before), moment(window.expires_at));
        pairs.push(("Allowed from, until", own(format!("{from} until {until}, once"))));
    }
    pairs.extend(signed.confirmed.iter().map(|confirmed| ("Confirmed by hand", said(confirmed.value.clone()))));
    pairs.extend([
        ("Key", code(signed.reviewer.keyid.clone())),
        ("Signed statement", code(decision.statement.digest.to_hex())),
        ("Signed view", code(signed.view.digest.to_hex())),
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
