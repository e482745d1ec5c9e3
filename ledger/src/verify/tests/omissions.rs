//! Statements that the ledger has and a record leaves out, and a ledger that says what no gateway does.

use seamark_contracts::api::audit::AuditRecord;
use seamark_contracts::decision::DecisionKind;
use seamark_contracts::digest::Digest;
use seamark_contracts::handoff::OnTimeout;
use seamark_contracts::outcome::{ExecutionPhase, ExecutionResult, OutcomeCause, OutcomeKind, OutcomePredicate};
use seamark_contracts::review::Withdrawer;

use super::super::*;
use super::bundle::pack;
use super::world::World;
use crate::entry::EntryType;
use crate::testing::key;

fn report(world: &World) -> Report {
    check_record(&world.audit_record(), &world.pinned())
}

fn sentence(report: &Report, id: ClaimId) -> &str {
    &report.claims.iter().find(|claim| claim.id == id).unwrap().sentence
}

/// This claim comes out so, and the bundle is as bad.
#[track_caller]
fn assert_found(record: &AuditRecord, pinned: &Pinned, id: ClaimId, verdict: Verdict) {
    let found = check_record(record, pinned);
    assert_eq!(found.verdict_of(id), Some(verdict), "{found:#?}");
    assert_eq!(check_bundle(&pack(record), pinned).verdict(), verdict);
}

#[track_caller]
fn assert_fails(world: &World, id: ClaimId) {
    assert_found(&world.audit_record(), &world.pinned(), id, Verdict::Fail);
}

/// A handoff whose deadline asks anew.
fn asking() -> World {
    World::of("partial-refund", |predicate| predicate.request.as_mut().unwrap().on_timeout = OnTimeout::Escalate)
}

/// What a gateway that lies says of the attempt: approved by what is given.
fn approve(world: &mut World) {
    world.decide("bob", DecisionKind::Approve);
    world.conclude(None);
}

/// Takes the newest decision out of what is handed over; its entry stays.
fn hide_decision(world: &mut World) {
    world.decisions.pop().unwrap();
}

#[test]
fn attack_a30_a_rejection_that_is_left_out_is_found_by_its_entry() {
    let mut world = World::open();
    world.decide("alice", DecisionKind::Reject);
    hide_decision(&mut world);
    approve(&mut world);
    let delivery = check_delivery(&world.delivery(), &world.pinned());
    assert_eq!(delivery.verdict_of(ClaimId::Inclusion), Some(Verdict::Fail), "{delivery:#?}");
    world.execute(|_| {});
    assert_fails(&world, ClaimId::Inclusion);
    assert!(sentence(&report(&world), ClaimId::Inclusion).contains("decision.recorded"));
    // Silence is no better cover for it.
    let mut world = World::open();
    world.decide("alice", DecisionKind::Reject);
    hide_decision(&mut world);
    world.later(5 * 3_600_000);
    world.conclude(Some(&Close::Deadline { escalates: false }));
    assert_fails(&world, ClaimId::Inclusion);
}

#[test]
fn attack_a17_a_rejection_that_is_called_late_before_the_outcome_is_found() {
    let mut world = World::open();
    let (predicate, view) = world.draft("alice", DecisionKind::Reject);
    world.cast(&predicate, view, &key("alice"), EntryType::DecisionLate);
    let late = world.decisions.pop().unwrap();
    approve(&mut world);
    let given = world.decisions.clone();
    world.decisions.insert(0, late);
    world.execute(|_| {});
    assert_fails(&world, ClaimId::Inclusion);
    world.decisions = given;
    assert_fails(&world, ClaimId::Decision);
}

#[test]
fn attack_a30_one_of_two_outcomes_is_never_the_only_one() {
    let mut world = World::open();
    world.decide("alice", DecisionKind::Reject);
    world.conclude(None);
    let (decisions, outcome) = (std::mem::take(&mut world.decisions), world.outcome.clone());
    approve(&mut world);
    world.execute(|_| {});
    assert_fails(&world, ClaimId::Inclusion);
    (world.decisions, world.outcome) = (decisions, outcome);
    world.executions.clear();
    assert_fails(&world, ClaimId::Inclusion);
}

#[test]
fn attack_a30_an_outcome_that_is_left_out_is_not_said_to_be_missing_yet() {
    let mut world = World::open();
    let open = report(&world);
    assert_eq!(sentence(&open, ClaimId::Outcome), "There is no outcome up to ledger entry 2.");
    assert_eq!(open.verdict_of(ClaimId::Inclusion), Some(Verdict::Pass), "{open:#?}");
    approve(&mut world);
    world.outcome = None;
    let found = report(&world);
    assert_eq!(sentence(&found, ClaimId::Outcome), "Ledger entry 6 is of the outcome, and it is not given.");
    assert_fails(&world, ClaimId::Inclusion);
}

/// Used once and reported twice.
fn executed_twice() -> World {
    let mut world = World::executed();
    let mut did = payload_of(&world.executions[0]).predicate;
    did.executed_at = did.executed_at.plus_ms(1_000);
    world.later(1_000);
    world.report(&did);
    world
}

#[test]
fn attack_a30_an_execution_that_is_left_out_is_found_by_its_entry() {
    // Executed twice, and one of the two reports is shown.
    let world = executed_twice();
    assert_fails(&world, ClaimId::Execution);
    for shown in [0, 1] {
        let mut record = world.audit_record();
        record.executions = vec![record.executions[shown].clone()];
        assert_found(&record, &world.pinned(), ClaimId::Execution, Verdict::Fail);
        let found = check_record(&record, &world.pinned());
        assert!(sentence(&found, ClaimId::Execution).contains("(execution.reported) is of this attempt"), "{found:#?}");
    }
    // Executed although it was rejected, and outside of the window: leaving the report out helps nobody.
    let mut rejected = World::open();
    rejected.decide("alice", DecisionKind::Reject);
    rejected.conclude(None);
    let mut outside = World::approved();
    outside.later(900_000);
    for mut world in [rejected, outside] {
        world.execute(|_| {});
        assert_fails(&world, ClaimId::Execution);
        world.executions.clear();
        assert_fails(&world, ClaimId::Execution);
    }
}

#[test]
fn attack_a30_a_late_decision_that_is_left_out_is_found_by_its_entry() {
    let mut world = World::executed();
    let (predicate, view) = world.draft("bob", DecisionKind::Reject);
    world.cast(&predicate, view, &key("bob"), EntryType::DecisionLate);
    assert_eq!(report(&world).verdict(), Verdict::Pass, "{:#?}", report(&world));
    hide_decision(&mut world);
    assert_fails(&world, ClaimId::Decision);
}

/// An honest gateway asks anew, and late answers and reports come for every attempt: the record of each holds.
#[test]
fn honest_records_of_every_attempt_pass() {
    for is_revision in [false, true] {
        let mut world = asking();
        let mut first = world.ask_anew(is_revision);
        approve(&mut world);
        world.execute(|_| {});
        // A late answer to the first attempt, and one to the second.
        let (late, view) = world.draft("alice", DecisionKind::Reject);
        world.cast(&late, view, &key("alice"), EntryType::DecisionLate);
        world.swap(&mut first);
        let (late, view) = world.draft("alice", DecisionKind::Reject);
        world.cast(&late, view, &key("alice"), EntryType::DecisionLate);
        world.execute(|did| {
            did.result = ExecutionResult::Failed;
            did.phase = Some(ExecutionPhase::Gate);
        });
        for attempt in ["first", "second"] {
            let found = report(&world);
            assert_eq!(found.verdict(), Verdict::Pass, "{attempt}: {found:#?}");
            assert!(
                sentence(&found, ClaimId::Decision).contains("of a late decision of this attempt or of another one")
            );
            assert!(sentence(&found, ClaimId::Execution).contains("reports one of this attempt or of another"));
            let delivery = check_delivery(&world.delivery(), &world.pinned());
            assert_eq!(delivery.verdict_of(ClaimId::Inclusion), Some(Verdict::Pass), "{attempt}: {delivery:#?}");
            world.swap(&mut first);
        }
    }
}

#[test]
fn attack_a30_other_attempts_account_for_one_report_each_and_no_more() {
    let mut world = asking();
    world.ask_anew(false);
    approve(&mut world);
    world.execute(|_| {});
    assert_eq!(report(&world).verdict(), Verdict::Pass, "{:#?}", report(&world));
    let shown = world.executions.clone();
    // One more may be of the first attempt.
    world.execute(|did| did.executed_at = did.executed_at.plus_ms(1));
    world.executions.clone_from(&shown);
    assert_eq!(report(&world).verdict_of(ClaimId::Execution), Some(Verdict::Fail), "used twice");
    let mut world = asking();
    world.ask_anew(false);
    approve(&mut world);
    world.execute(|_| {});
    let shown = world.executions.clone();
    let failed = |did: &mut seamark_contracts::outcome::ExecutionPredicate| {
        did.result = ExecutionResult::Failed;
        did.phase = Some(ExecutionPhase::Unknown);
    };
    world.execute(failed);
    world.executions.clone_from(&shown);
    assert_eq!(report(&world).verdict(), Verdict::Pass, "{:#?}", report(&world));
    world.execute(failed);
    world.executions = shown;
    assert_fails(&world, ClaimId::Execution);
}

/// An outcome before any attempt is nobody's, so it accounts for nothing that is hidden.
#[test]
fn attack_a30_an_outcome_of_no_attempt_covers_nothing() {
    let mut world = World::behind(
        "partial-refund",
        |_| {},
        |world| world.record(EntryType::OutcomeFormed, "g1", Digest::of(b"none"), &[]),
    );
    world.decide("alice", DecisionKind::Reject);
    world.conclude(None);
    let (predicate, view) = world.draft("bob", DecisionKind::Reject);
    world.cast(&predicate, view, &key("bob"), EntryType::DecisionLate);
    assert_eq!(report(&world).verdict(), Verdict::Pass, "{:#?}", report(&world));
    let mut hidden = world.audit_record();
    hidden.decisions.pop();
    hidden.views.pop();
    assert_found(&hidden, &world.pinned(), ClaimId::Decision, Verdict::Fail);
    world.execute(|_| {});
    world.executions.clear();
    assert_fails(&world, ClaimId::Execution);
}

#[test]
fn attack_a30_an_attempt_stands_where_its_statement_says() {
    // A further attempt after an outcome that ends the handoff, so that what follows looks like another's.
    let mut world = World::approved();
    world.record(EntryType::HandoffReceived, "g1", Digest::of(b"more"), &[]);
    world.execute(|_| {});
    assert_fails(&world, ClaimId::Inclusion);
    // One between handoff and decision.
    let mut world = World::open();
    world.record(EntryType::HandoffReceived, "g1", Digest::of(b"more"), &[]);
    approve(&mut world);
    world.execute(|_| {});
    assert_fails(&world, ClaimId::Inclusion);
    // One before the attempt that is none of those that the statement follows.
    let mut world = asking();
    world.record(EntryType::HandoffReceived, "g1", Digest::of(b"more"), &[]);
    world.ask_anew(false);
    approve(&mut world);
    world.execute(|_| {});
    assert_fails(&world, ClaimId::Inclusion);
    let mut world = World::of("partial-refund", |predicate| predicate.supersedes = Some(Digest::of(b"before")));
    approve(&mut world);
    world.execute(|_| {});
    assert_fails(&world, ClaimId::Inclusion);
}

fn superseded(world: &World, cause: OutcomeCause, by: Digest) -> OutcomePredicate {
    let close = match cause {
        OutcomeCause::NewRevision => Close::NewRevision,
        _ => Close::Deadline { escalates: true },
    };
    let mut outcome = world.form(Some(&close)).unwrap();
    outcome.superseded_by = Some(by);
    assert_eq!((outcome.outcome, outcome.cause), (OutcomeKind::Superseded, cause));
    outcome
}

#[test]
fn attack_a30_superseded_by_nothing_is_no_outcome() {
    let next = Digest::of(b"next");
    let ended = |cause, before: &[(EntryType, Digest)], after: &[(EntryType, Digest)]| {
        let mut world = asking();
        world.later(if cause == OutcomeCause::NewRevision { 1_000 } else { 5 * 3_600_000 });
        for (kind, object) in before {
            world.record(*kind, "g1", *object, &[]);
        }
        let outcome = superseded(&world, cause, next);
        world.conclude_as(&outcome, &key("outcome"));
        for (kind, object) in after {
            world.record(*kind, "g1", *object, &[]);
        }
        report(&world).verdict_of(ClaimId::Inclusion).unwrap()
    };
    use EntryType::{HandoffReceived as Received, HandoffSuperseded as Superseded};
    use OutcomeCause::{NewAttempt, NewRevision};
    let other = Digest::of(b"other");
    assert_eq!(ended(NewRevision, &[(Superseded, next)], &[(Received, next)]), Verdict::Pass);
    assert_eq!(ended(NewRevision, &[(Superseded, next)], &[]), Verdict::Pass, "cut off behind the outcome");
    assert_eq!(ended(NewRevision, &[], &[(Received, next)]), Verdict::Fail);
    assert_eq!(ended(NewRevision, &[(Superseded, other)], &[]), Verdict::Fail);
    assert_eq!(ended(NewRevision, &[], &[(Superseded, next)]), Verdict::Fail, "after the outcome");
    assert_eq!(ended(NewRevision, &[(Superseded, next)], &[(Received, other)]), Verdict::Fail);
    assert_eq!(ended(NewAttempt, &[], &[(Received, next)]), Verdict::Pass);
    assert_eq!(ended(NewAttempt, &[], &[]), Verdict::Unknown, "cut off");
    assert_eq!(ended(NewAttempt, &[], &[(Received, other)]), Verdict::Fail);
    assert_eq!(ended(NewAttempt, &[(Superseded, next)], &[]), Verdict::Unknown, "no escalation writes this entry");
}

/// A withdrawal that lies in another attempt is none of this one.
#[test]
fn attack_a30_a_withdrawal_stands_in_its_attempt() {
    let mut world = World::open();
    world.note_withdrawal();
    world.ask_anew(true);
    world.conclude(Some(&Close::Withdrawn(Withdrawer::Source)));
    assert_fails(&world, ClaimId::Inclusion);
}

#[test]
fn attack_a17_an_execution_needs_one_use_between_outcome_and_report() {
    let with = |before: usize, after: usize, behind: usize| {
        let mut honest = World::executed();
        let did: OnlyPredicate = payload_of(&honest.executions.pop().unwrap());
        let mut world = World::open();
        world.decide("alice", DecisionKind::Approve);
        (0..before).for_each(|_| world.use_up());
        world.conclude(None);
        world.later(5_000);
        (0..after).for_each(|_| world.use_up());
        let mut did = did.predicate;
        did.decisions = world.decisions.iter().map(|signed| signed.statement.digest).collect();
        world.report(&did);
        (0..behind).for_each(|_| world.use_up());
        report(&world).verdict_of(ClaimId::Execution).unwrap()
    };
    assert_eq!(with(0, 1, 0), Verdict::Pass);
    for (before, after, behind) in [(0, 0, 0), (1, 0, 0), (0, 0, 1), (0, 2, 0), (0, 1, 1)] {
        assert_eq!(with(before, after, behind), Verdict::Fail, "{before} {after} {behind}");
    }
}

#[derive(serde::Deserialize)]
struct OnlyPredicate {
    predicate: seamark_contracts::outcome::ExecutionPredicate,
}

fn payload_of(envelope: &serde_json::Value) -> OnlyPredicate {
    use base64ct::Encoding as _;
    let bytes = base64ct::Base64::decode_vec(envelope["payload"].as_str().unwrap()).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

#[test]
fn attack_a17_a_report_that_stands_before_the_outcome_fails() {
    let mut honest = World::approved();
    let outcome = honest.outcome.clone();
    honest.execute(|did| {
        did.result = ExecutionResult::Failed;
        did.phase = Some(ExecutionPhase::Gate);
    });
    let envelope = honest.executions.pop().unwrap();
    // The same statements; only the gateway wrote its entries in another order.
    let mut world = World::open();
    world.decide("alice", DecisionKind::Approve);
    world.outcome = outcome;
    let (outcome, _) = world.outcome.clone().unwrap();
    world.report(&payload_of(&envelope).predicate);
    world.conclude_as(&outcome.predicate, &key("outcome"));
    let found = report(&world);
    assert_eq!(found.verdict_of(ClaimId::Execution), Some(Verdict::Fail), "{found:#?}");
}

#[test]
fn evidence_from_after_the_time_that_it_is_judged_at_fails() {
    let world = World::executed();
    let at = |ms: i64| Pinned { audience: None, now: world.now.plus_ms(ms), ..world.pinned() };
    let record = world.audit_record();
    assert_eq!(check_record(&record, &at(-120_000)).verdict_of(ClaimId::Inclusion), Some(Verdict::Pass));
    assert_found(&record, &at(-120_001), ClaimId::Inclusion, Verdict::Fail);
    let found = check_record(&record, &at(-120_001));
    assert!(sentence(&found, ClaimId::Inclusion).contains("after 2026-"), "{found:#?}");
    assert_eq!(found.verdict_of(ClaimId::Execution), Some(Verdict::Unknown));
    let delivery = check_delivery(&world.delivery(), &at(-120_001));
    assert_eq!(delivery.verdict_of(ClaimId::Inclusion), Some(Verdict::Fail), "{delivery:#?}");
}

#[test]
fn what_is_said_of_an_execution_is_no_more_than_was_reported() {
    let told = |phase: Option<ExecutionPhase>| {
        let mut world = World::approved();
        world.execute(|did| {
            if phase.is_some() {
                did.result = ExecutionResult::Failed;
            }
            did.phase = phase;
        });
        let found = report(&world);
        assert_eq!(found.verdict(), Verdict::Pass, "{found:#?}");
        sentence(&found, ClaimId::Execution).to_owned()
    };
    assert!(told(None).starts_with("Executed once, as far as ledger entry 8,"), "{}", told(None));
    assert!(told(Some(ExecutionPhase::Gate)).contains("refused and did nothing"));
    assert!(told(Some(ExecutionPhase::Action)).contains("tried and failed"));
    assert!(told(Some(ExecutionPhase::Unknown)).contains("may or may not have been done"));
    let silent = report(&World::approved());
    assert_eq!(sentence(&silent, ClaimId::Execution), "No execution is reported up to ledger entry 6.");
    let whole = report(&World::executed());
    let entries = "The ledger has 7 entries of this handoff up to its entry 8, without a gap and in order.";
    assert_eq!(sentence(&whole, ClaimId::Inclusion), entries);
    let signed = "1 decision, signed under the key that the directory lists for: Alice Example.";
    assert_eq!(sentence(&whole, ClaimId::Decision), signed);
}

/// Signed by the right keys and in one chain, and not what a gateway records: `vectors/evidence/forged/`. The records of an
/// escalated handoff are beside them, which hold. Judged as of 2026-11-23T00:00:00.000Z.
fn forgeries() -> Vec<(&'static str, AuditRecord, Verdict)> {
    let mut hidden = World::open();
    hidden.decide("alice", DecisionKind::Reject);
    hide_decision(&mut hidden);
    approve(&mut hidden);
    hidden.execute(|_| {});
    let mut late = World::open();
    let (predicate, view) = late.draft("alice", DecisionKind::Reject);
    late.cast(&predicate, view, &key("alice"), EntryType::DecisionLate);
    let rejection = late.decisions.pop().unwrap();
    approve(&mut late);
    late.decisions.insert(0, rejection);
    late.execute(|_| {});
    let mut twice = executed_twice();
    twice.executions.pop();
    let mut unused = World::approved();
    let did: OnlyPredicate = payload_of(&World::executed().executions.pop().unwrap());
    unused.report(&did.predicate);
    let mut silent = World::open();
    silent.decide("alice", DecisionKind::Reject);
    silent.conclude(None);
    silent.outcome = None;
    let mut ended = World::open();
    let outcome = superseded(&ended, OutcomeCause::NewRevision, Digest::of(b"next"));
    ended.conclude_as(&outcome, &key("outcome"));
    let mut second = asking();
    let mut first = second.ask_anew(false);
    approve(&mut second);
    second.execute(|_| {});
    let escalated = second.audit_record();
    second.swap(&mut first);
    vec![
        ("rejection-left-out", hidden.audit_record(), Verdict::Fail),
        ("late-before-the-outcome", late.audit_record(), Verdict::Fail),
        ("executed-twice", twice.audit_record(), Verdict::Fail),
        ("executed-without-use", unused.audit_record(), Verdict::Fail),
        ("outcome-left-out", silent.audit_record(), Verdict::Fail),
        ("superseded-by-nothing", ended.audit_record(), Verdict::Fail),
        ("escalated-first", second.audit_record(), Verdict::Pass),
        ("escalated-second", escalated, Verdict::Pass),
    ]
}

#[test]
fn generated_forged_vectors_are_current() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors/evidence/forged");
    let pinned =
        Pinned { audience: None, now: crate::testing::at("2026-11-23T00:00:00.000Z"), ..World::open().pinned() };
    for (name, record, verdict) in forgeries() {
        let archive = pack(&record).to_archive();
        let path = folder.join(format!("{name}.seamark.zip"));
        if std::env::var("SEAMARK_GEN").is_ok_and(|gen_| gen_ == "1") {
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(&path, &archive).unwrap();
        }
        let kept = std::fs::read(&path).unwrap();
        assert!(kept == archive, "run SEAMARK_GEN=1 cargo test -p seamark-ledger generated_forged_vectors_are_current");
        let found = check_archive(&kept, &pinned);
        assert_eq!(found.verdict(), verdict, "{name}: {found:#?}");
    }
}
