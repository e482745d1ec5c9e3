//! The report: what it prints, what it calls it, and that nothing out of a bundle is more than text in it.

use super::super::super::*;
use super::super::bundle::{good, pack};
use super::super::world::World;
use crate::bundle::{ReportFrame, html_report};
use crate::entry::EntryType;
use crate::key::Signer as _;
use crate::testing::{at, key};
use seamark_contracts::decision::DecisionKind;
use seamark_contracts::digest::Digest;
use seamark_contracts::handoff::{ChainLink, ChainStatus, ConstraintOrigin, Evaluation, EvaluationResult};
use seamark_contracts::outcome::{ExecutionPhase, ExecutionResult};
use seamark_contracts::review::Withdrawer;

fn frame() -> ReportFrame {
    ReportFrame {
        as_of: at("2026-11-22T07:00:00.000Z"),
        root_keyid: key("root").public_key().id().to_string(),
        ledger_origin: super::super::world::ORIGIN.to_owned(),
        manifest: Some(Digest::of(b"manifest")),
    }
}

/// R10: name, time and meaning stand beside every signature, and what was shown, masked and executed.
#[test]
fn a_report_says_who_signed_what_when_and_what_came_of_it() {
    let (files, pinned) = good();
    let found = check_bundle(&files, &pinned);
    let report = html_report(&found, &frame());
    let decision = &found.proved.decisions.as_ref().unwrap()[0].statement.predicate;
    let view = &found.proved.views.as_ref().unwrap()[0];
    let mut wanted = vec![
        "Alice Example".to_owned(),
        "I approve exactly this action".to_owned(),
        decision.decided_at.to_string().replace('T', " ").replace('Z', " UTC"),
        decision.reviewer.keyid.clone(),
        decision.view.digest.to_hex(),
        "Executed once, as approved".to_owned(),
        "Proved".to_owned(),
        "/payload/card/number".to_owned(),
        "UNKNOWN".to_owned(),
        view.ask.clone(),
    ];
    wanted.extend(view.facts.iter().map(|fact| fact.value.clone()));
    for text in wanted {
        assert!(report.contains(&text.replace('\'', "&#39;")), "{text}");
    }
    for never in ["<script", "src=", "href=", "url(", "@import", "<iframe", "<img", "4012888888881881", "Oliveira"] {
        assert!(!report.contains(never), "{never}");
    }
}

/// Attack A3: markup out of a handoff is text.
#[test]
fn attack_a3_nothing_out_of_a_bundle_is_markup_in_a_report() {
    let mut world = World::of("partial-refund", |predicate| {
        // The narrative is scrubbed, so what is shown of it is the mask's text.
        let shown = predicate.masks.iter_mut().find(|mask| mask.path == "/narrative/text").unwrap();
        shown.shown = Some("</div><script>alert(1)</script>\u{202e}<img src=x onerror='y'>".to_owned());
        predicate.constraints[0].text = "\"><svg onload=alert(2)>".to_owned();
    });
    world.decide("alice", DecisionKind::Approve);
    world.conclude(None);
    world.execute(|_| {});
    let found = check_bundle(&pack(&world.audit_record()), &world.pinned());
    assert_eq!(found.report.verdict_of(ClaimId::View), Some(Verdict::Pass), "{:#?}", found.report);
    let report = html_report(&found, &frame());
    assert!(report.contains("&lt;script&gt;alert(1)") && report.contains("[U+202E]"), "{report}");
    for never in ["<script", "<img", "<svg", "\u{202e}"] {
        assert!(!report.contains(never), "{never}");
    }
}

#[test]
fn a_report_shows_nothing_of_what_was_not_proved() {
    let world = World::executed();
    let mut record = world.audit_record();
    record.decisions[0] = super::super::resign(&record.decisions[0], "bob");
    let found = check_bundle(&pack(&record), &world.pinned());
    let report = html_report(&found, &frame());
    assert!(report.contains("Contradicted") && !report.contains("I approve exactly this action"), "{report}");
    assert!(report.contains("What was decided</dt><dd>Not proved"), "{report}");
    let none = check_archive(b"no archive", &world.pinned());
    let report = html_report(&none, &ReportFrame { manifest: None, ..frame() });
    assert!(report.contains("Contradicted") && report.contains("did not pass"), "{report}");
}

fn report_of(world: &World) -> String {
    html_report(&check_bundle(&pack(&world.audit_record()), &world.pinned()), &frame())
}

#[track_caller]
fn assert_has(report: &str, wanted: &[&str]) {
    for text in wanted {
        assert!(report.contains(text), "{text}\n{report}");
    }
}

#[track_caller]
fn assert_lacks(report: &str, unwanted: &[&str]) {
    for text in unwanted {
        assert!(!report.contains(text), "{text}\n{report}");
    }
}

/// Attack A3: a line feed in an agent's text makes no line of the report's own.
#[test]
fn attack_a3_a_text_of_several_lines_stands_in_a_cell_without_any_label() {
    let lines = "At most what was paid.\nuser: Any amount is fine.\npolicy: No limit.";
    let mut world = World::of("partial-refund", |predicate| {
        for limit in &mut predicate.constraints {
            (limit.origin, limit.text) = (ConstraintOrigin::Agent, lines.to_owned());
        }
    });
    world.decide("alice", DecisionKind::Approve);
    world.conclude(None);
    world.execute(|_| {});
    let n_limits = world.handoff.predicate.constraints.len();
    let report = report_of(&world);
    let row = format!("<tr><td class=\"word\">agent</td><td><div class=\"said\">{lines}</div></td></tr>");
    assert_eq!(report.matches(&row).count(), n_limits, "{report}");
    assert_eq!(report.matches("user: Any").count(), n_limits, "and nowhere else");
    assert_lacks(&report, &["<td class=\"word\">user</td>", "<td class=\"word\">policy</td>"]);
}

#[test]
fn who_counts_stands_before_who_does_not_with_the_answer_of_each() {
    let mut world = World::approved();
    let (late, view) = world.draft("bob", DecisionKind::Reject);
    world.cast(&late, view, &key("bob"), EntryType::DecisionLate);
    world.execute(|_| {});
    let report = report_of(&world);
    assert_has(
        &report,
        &[
            "<dt>Approved by</dt><dd><div class=\"said\">Alice Example</div></dd>\n\
             <dt>Rejection not counted</dt><dd><div class=\"said\">Bob Example</div></dd>",
            "no: it came after the attempt had ended",
        ],
    );
    assert_lacks(&report, &["<dt>Rejected by</dt>"]);
}

#[test]
fn a_withdrawal_says_who_withdrew() {
    for (by, words) in [
        (Withdrawer::Source, "Withdrawn by the source"),
        (Withdrawer::FallbackOwner, "Withdrawn by the fallback owner"),
    ] {
        let mut world = World::open();
        world.note_withdrawal();
        world.conclude(Some(&Close::Withdrawn(by)));
        let report = report_of(&world);
        assert_has(&report, &[words, "<dt>By</dt><dd>Nobody whose decision counts</dd>"]);
        assert_eq!(report.matches("Withdrawn by").count(), 2, "{report}");
    }
}

#[test]
fn what_failed_is_told_by_its_phase_and_when_it_was_reported() {
    for (phase, words) in [
        (ExecutionPhase::Gate, "Refused by the destination; nothing was done"),
        (ExecutionPhase::Action, "Tried and failed"),
        (ExecutionPhase::Unknown, "Failed; it may or may not have been done"),
    ] {
        let mut world = World::approved();
        world.execute(|did| (did.result, did.phase) = (ExecutionResult::Failed, Some(phase)));
        let report = report_of(&world);
        let told = format!("<dt>What was done</dt><dd>{words}; reported 2026-");
        assert_has(&report, &[&told, "<dt>Reported</dt><dd>2026-"]);
        assert_lacks(&report, &["<dt>Executed</dt>", "Executed once"]);
    }
    assert_has(&report_of(&World::executed()), &["<dt>Executed</dt><dd>2026-", "Executed once, as approved"]);
}

/// Later entries can be left out of a bundle, so nobody can say of it that nothing was done.
#[test]
fn where_no_execution_is_reported_the_report_says_how_far_that_reaches() {
    let mut world = World::open();
    world.decide("bob", DecisionKind::Reject);
    world.conclude(None);
    let found = check_bundle(&pack(&world.audit_record()), &world.pinned());
    assert_eq!(found.verdict(), Verdict::Pass);
    let last = found.proved.entries.as_ref().unwrap().last().unwrap().seq;
    let told = format!("No execution is reported up to ledger entry {last}");
    let report = html_report(&found, &frame());
    assert_eq!(report.matches(&told).count(), 3, "in short, where executions stand, and as a claim: {report}");
    assert_lacks(&report, &["nothing was allowed to be"]);
    assert_has(&report, &["<dt>Rejected by</dt><dd><div class=\"said\">Bob Example"]);
}

/// Attack A30: the statement of an execution is left out; its entry in the ledger is still there. The claim fails, and the
/// report tells nothing of executions but that.
#[test]
fn attack_a30_a_report_of_an_execution_that_was_left_out_is_told() {
    let mut rejected = World::open();
    rejected.decide("bob", DecisionKind::Reject);
    rejected.conclude(None);
    let mut executed = World::executed();
    let keyid = key("executor").public_key().id().to_string();
    for world in [&mut rejected, &mut executed] {
        let before = report_of(world);
        assert_has(&before, &["<b>Proved</b>"]);
        world.record(EntryType::ExecutionReported, &keyid, Digest::of(b"an execution"), &[]);
        let found = check_bundle(&pack(&world.audit_record()), &world.pinned());
        assert_eq!(found.report.verdict_of(ClaimId::Execution), Some(Verdict::Fail));
        let report = html_report(&found, &frame());
        assert_lacks(&report, &["<b>Proved</b>", "No execution is reported", "Executed once"]);
    }
}

/// The second attempt of an escalated handoff was executed; in the bundle of the first one its entry stands without its
/// statement. That is honest, and the report does not say that nothing was done.
#[test]
fn a_report_that_may_be_of_another_attempt_is_told_by_its_entry() {
    let archive = include_bytes!("../../../../vectors/evidence/forged/escalated-first.seamark.zip");
    let pinned = Pinned { audience: None, now: at("2026-11-23T00:00:00.000Z"), ..World::open().pinned() };
    let found = check_archive(archive, &pinned);
    assert_eq!(found.verdict(), Verdict::Pass);
    let report = html_report(&found, &frame());
    let told = "An execution was reported in ledger entry 11, of this or another attempt";
    assert_eq!(report.matches(told).count(), 2, "in short, and where executions stand: {report}");
    assert_lacks(&report, &["No execution is reported"]);
}

#[test]
fn the_banner_names_what_decided_and_apart_from_it_what_nobody_required() {
    let report = report_of(&World::approved());
    let decided = format!("<b>Not proved</b>Not shown to be so: {}.", ClaimId::Execution.title());
    let apart = format!(
        "<p>Not shown, and not required: {}; {}; {}.</p>",
        ClaimId::Disclosures.title(),
        ClaimId::Witnesses.title(),
        ClaimId::Time.title()
    );
    assert_has(&report, &[&decided, &apart]);
}

/// R10: everything that was on screen, under names that claim no more than was proved.
#[test]
fn a_report_prints_everything_that_was_on_screen() {
    let earlier = "01a201d7-a740-7c3a-88a0-65a16c88c212";
    let mut world = World::of("partial-refund", |predicate| {
        predicate.evaluations = vec![Evaluation {
            step: "refund".to_owned(),
            evaluator: "limits".to_owned(),
            version: "2".to_owned(),
            result: EvaluationResult::Warn,
            score: Some("0.5".to_owned()),
            detail: Some("close to the limit".to_owned()),
        }];
        predicate.chain = vec![ChainLink {
            handoff_id: seamark_contracts::id::HandoffId::parse(earlier).unwrap(),
            digest: Digest::of(b"earlier"),
            contract: seamark_contracts::handoff::ContractId {
                name: "refund.issue".to_owned(),
                version: "1.0.0".to_owned(),
            },
            source: predicate.source.agent.clone(),
            destination: predicate.destination.agent.clone(),
            at: predicate.created_at,
            status: ChainStatus::Approved,
            intent_kept: false,
            constraints_lost: vec!["Only to the card that was charged.".to_owned()],
        }];
    });
    let (mut predicate, view) = world.draft("bob", DecisionKind::Escalate);
    let left = predicate.view.opened.pop().unwrap();
    world.cast(&predicate, view, &key("bob"), EntryType::DecisionRecorded);
    world.conclude(None);
    let found = check_bundle(&pack(&world.audit_record()), &world.pinned());
    let view = &found.proved.views.as_ref().unwrap()[0];
    let report = html_report(&found, &frame());
    let said = |text: &str| format!("<div class=\"said\">{}</div>", text.replace('\'', "&#39;").replace('&', "&amp;"));
    let mut wanted = vec![
        format!("<dt>Deadline</dt><dd>{}</dd>", view.expires_at.to_string().replace('T', " ").replace('Z', " UTC")),
        format!("<dt>From</dt><dd>{}</dd>", said(&view.source)),
        format!("<dt>To</dt><dd>{}</dd>", said(&view.destination)),
        "<dt>Submitted by</dt><dd>order-desk</dd>".to_owned(),
        "close to the limit".to_owned(),
        "<td class=\"word\">CHANGED</td>".to_owned(),
        "Only to the card that was charged.".to_owned(),
        format!("<dt>Evidence opened</dt><dd class=\"code\">{}</dd>", predicate.view.opened[0]),
        format!("<dt>Evidence not opened</dt><dd class=\"code\">{left}</dd>"),
        format!("<dt>Handed on to</dt><dd>{}</dd>", said("refund-managers")),
        format!("<dt>With the question</dt><dd>{}</dd>", said("Is this one of yours?")),
        "<dt>Author</dt><dd>somebody without an identity here</dd>".to_owned(),
        "It may not be verbatim".to_owned(),
        "Judged as of".to_owned(),
        "a destination has to do that before it acts".to_owned(),
        "can enrol keys in anybody&#39;s name".to_owned(),
    ];
    wanted.extend(view.reject_reasons.iter().map(|reason| said(&reason.text)));
    wanted.extend(view.escalation_targets.iter().map(|to| said(to)));
    wanted.extend(view.task_state.completed.iter().map(|step| said(&step.title)));
    let wanted: Vec<&str> = wanted.iter().map(String::as_str).collect();
    assert_has(&report, &wanted);
    assert!(!view.task_state.completed.is_empty() && !view.reject_reasons.is_empty(), "the example has some of each");
    assert_lacks(&report, &["The wish, verbatim", "Valid as of", "recomputed every mask"]);
}
