//! What each person was shown before signing: every member of the view that was on screen.

use seamark_contracts::decision::DecisionKind;
use seamark_contracts::handoff::{
    ChainLink, ConstraintOrigin, Evaluation, OpenStep, RuleResult, Step, TaskState, Tier, Verdict,
};
use seamark_contracts::view::{Evidence, Fact, RowKind, TreeRow, View};

use super::document::{Cell, Page, code, own, said, short};
use super::sections::{absent, moment, word};
use crate::verify::{ClaimId, ProvedRecord};

pub(super) fn shown(page: &mut Page, proved: &ProvedRecord) {
    page.section("What was shown", |page| {
        let Some(views) = &proved.views else { return absent(page, ClaimId::View) };
        if views.is_empty() {
            page.paragraph("Nobody signed for a view.");
        }
        let masks = proved.handoff.iter().flat_map(|handoff| &handoff.predicate.masks);
        let is_wish_masked = masks.into_iter().any(|mask| mask.path == "/intent/text");
        let mut before: Option<View> = None;
        for (number, view) in (1..).zip(views) {
            // Nonce and renderer differ from person to person and are on no screen.
            let on_screen = View { nonce: String::new(), renderer: String::new(), ..view.clone() };
            page.heading(&format!("To the person of decision {number}"));
            if before.as_ref() == Some(&on_screen) {
                page.paragraph("The same as to the person before.");
            } else {
                write_view(page, view, is_wish_masked);
            }
            before = Some(on_screen);
        }
    });
}

fn write_view(page: &mut Page, view: &View, is_wish_masked: bool) {
    page.words(&view.ask);
    page.table(&["Critical value", "As shown", "Mask", "Beside it", "Comparison"], view.facts.iter().map(fact));
    page.pairs(&circumstances(view));
    page.listing(
        "What each answer does",
        &["Answer", "What it does"],
        view.branches.iter().map(|branch| {
            let option = branch.option.as_ref().map_or("no answer", |option| answer(*option));
            vec![short(option), said(branch.text.clone())]
        }),
    );
    let reasons = view.reject_reasons.iter().map(|reason| vec![short("reject because"), said(reason.text.clone())]);
    let targets = view.escalation_targets.iter().map(|to| vec![short("hand on to"), said(to.clone())]);
    page.listing("What could be chosen with it", &["Answer", "Choice"], reasons.chain(targets));
    if let Some(intent) = &view.intent {
        page.heading("The wish, as it was shown");
        page.words(&intent.text);
        let by = intent.author.clone().map_or_else(|| own("somebody without an identity here"), said);
        page.pairs(&[("Author", by), ("Said", own(moment(intent.at)))]);
        if is_wish_masked {
            page.paragraph(
                "It may not be verbatim: where it repeats a value that is masked elsewhere, that value is masked in it.",
            );
        }
    }
    let limits = view.constraints.iter().map(|limit| vec![short(origin(limit.origin)), said(limit.text.clone())]);
    page.listing("Constraints", &["Set by", "Constraint"], limits);
    page.listing("Where the task stands", &["State", "Step", "Why"], steps(&view.task_state));
    let warnings = view.warnings.iter().map(|warning| vec![code(warning.path.clone()), said(warning.text.clone())]);
    page.listing("Warnings", &["Field", "Warning"], warnings);
    let rules = view.rules.iter().map(|rule| {
        let result = match rule.result {
            RuleResult::Pass => "kept",
            RuleResult::Fail => "BROKEN",
            RuleResult::Error => "NOT JUDGED, so broken",
        };
        vec![code(rule.id.clone()), short(result), said(rule.text.clone())]
    });
    page.listing("Rules", &["Rule", "Result", "What it says when it is broken"], rules);
    page.listing(
        "Automatic checks by the source",
        &["Step", "Check", "Result", "Score", "Detail"],
        view.evaluations.iter().map(evaluation),
    );
    write_chain(page, &view.chain);
    page.heading("Payload");
    page.table(&["Field", "As shown", "Mask"], tree(&view.payload));
    for (number, evidence) in (1..).zip(&view.evidence) {
        write_evidence(page, number, evidence);
    }
    if let Some(narrative) = &view.narrative {
        page.heading("What the source agent says about it: unverified, and part of no rule");
        page.words(&narrative.text);
        page.pairs(&[("Author", said(narrative.author.clone()))]);
    }
}

fn answer(option: DecisionKind) -> &'static str {
    match option {
        DecisionKind::Approve => "approve",
        DecisionKind::Reject => "reject",
        DecisionKind::Escalate => "hand on",
    }
}

fn origin(origin: ConstraintOrigin) -> &'static str {
    match origin {
        ConstraintOrigin::User => "user",
        ConstraintOrigin::Policy => "policy",
        ConstraintOrigin::Contract => "contract",
        ConstraintOrigin::Agent => "agent",
    }
}

fn circumstances(view: &View) -> Vec<(&'static str, Cell)> {
    let risk = match view.tier {
        Tier::T0 => "T0, notice",
        Tier::T1 => "T1, low",
        Tier::T2 => "T2, medium",
        Tier::T3 => "T3, high",
        Tier::T4 => "T4, critical",
    };
    let mut pairs = vec![("Risk", own(risk))];
    pairs.extend(view.why.iter().map(|why| ("Why a person", said(why.clone()))));
    pairs.push(("From", said(view.source.clone())));
    if let Some(submitter) = &view.submitted_by {
        pairs.push(("Submitted by", said(submitter.clone())));
    }
    pairs.extend([
        ("To", said(view.destination.clone())),
        ("Meant for", code(view.audience.clone())),
        ("Fallback owner", said(view.fallback_owner.clone())),
        ("Submitted", own(moment(view.submitted_at))),
        ("Deadline", own(moment(view.expires_at))),
    ]);
    if let Some(escalated) = &view.escalated {
        pairs.extend([
            ("Handed on by", said(escalated.by.clone())),
            ("Handed on to", said(escalated.to.clone())),
            ("With the question", said(escalated.question.clone())),
        ]);
    }
    pairs
}

fn steps(state: &TaskState) -> Vec<Vec<Cell>> {
    let step = |word: &'static str| move |step: &Step| vec![short(word), said(step.title.clone()), own("")];
    let open = |word: &'static str| {
        move |step: &OpenStep| vec![short(word), said(step.title.clone()), said(step.reason.clone())]
    };
    let done = state.completed.iter().map(step("done"));
    let going = state.in_progress.iter().map(step("under way"));
    let skipped = state.skipped.iter().map(open("skipped"));
    done.chain(going).chain(skipped).chain(state.deferred.iter().map(open("put off"))).collect()
}

fn evaluation(done: &Evaluation) -> Vec<Cell> {
    let text = |text: &Option<String>| said(text.clone().unwrap_or_default());
    let check = said(format!("{} {}", done.evaluator, done.version));
    vec![said(done.step.clone()), check, short(word(&done.result)), text(&done.score), text(&done.detail)]
}

/// The earlier handoffs of the task, and what got lost on the way.
fn write_chain(page: &mut Page, chain: &[ChainLink]) {
    let rows = chain.iter().map(|link| {
        let intent = if link.intent_kept { "kept" } else { "CHANGED" };
        vec![
            code(link.handoff_id.to_string()),
            own(link.contract.to_string()),
            own(format!("{} to {}", link.source.name(), link.destination.name())),
            short(word(&link.status)),
            short(intent),
        ]
    });
    page.listing("Earlier handoffs of this task", &["Handoff", "Contract", "From, to", "Status", "The wish"], rows);
    let lost = chain.iter().flat_map(|link| {
        link.constraints_lost.iter().map(|text| vec![code(link.handoff_id.to_string()), said(text.clone())])
    });
    page.listing("Constraints lost on the way", &["Carried by", "Constraint"], lost);
}

fn fact(fact: &Fact) -> Vec<Cell> {
    let (beside, verdict) = fact.compare.as_ref().map_or_else(
        || (String::new(), ""),
        |compare| {
            let verdict = match compare.verdict {
                Some(Verdict::Equal) => "holds",
                Some(Verdict::Differs) => "DIFFERS",
                Some(Verdict::Missing) => "not possible",
                None => "not compared",
            };
            (compare.text.clone(), verdict)
        },
    );
    let mask = if fact.masked { "masked" } else { "" };
    vec![said(fact.label.clone()), said(fact.value.clone()), short(mask), said(beside), short(verdict)]
}

/// One row for each value, named by its path.
fn tree(rows: &[TreeRow]) -> impl Iterator<Item = Vec<Cell>> {
    let values = rows.iter().filter(|row| row.count == 0 || !matches!(row.kind, RowKind::Object | RowKind::Array));
    values.map(|row| {
        let text = match row.kind {
            RowKind::Object | RowKind::Array => own("empty"),
            _ => said(row.text.clone()),
        };
        vec![code(row.path.clone()), text, short(row.mask.as_ref().map_or_else(String::new, word))]
    })
}

fn write_evidence(page: &mut Page, number: u32, evidence: &Evidence) {
    let yes_or_no = |is_so: bool| own(if is_so { "yes" } else { "no" });
    page.heading(&format!("Evidence {number}"));
    let mut pairs = vec![
        ("Title", said(evidence.title.clone())),
        ("Id", code(evidence.id.clone())),
        ("From", said(evidence.source.clone())),
        ("Required", yes_or_no(evidence.required)),
    ];
    if let Some(at) = evidence.at {
        pairs.push(("Answered", own(moment(at))));
    }
    if evidence.is_error {
        pairs.push(("The tool reported", own("an error")));
    }
    if !evidence.described {
        pairs.push(("Described by the contract", own("no, so it was hidden whole")));
    }
    if let Some(artifact) = &evidence.artifact {
        pairs.extend([
            ("File", said(artifact.name.clone())),
            ("Bytes", own(format!("{}, not part of the bundle", artifact.size))),
            ("Digest", code(artifact.digest.to_hex())),
        ]);
    }
    page.pairs(&pairs);
    if !evidence.rows.is_empty() {
        page.table(&["Field", "As shown", "Mask"], tree(&evidence.rows));
    }
    for text in &evidence.texts {
        page.words(text);
    }
}
