//! What an auditor finds in a record.

use seamark_contracts::api::audit::AuditRecord;
use seamark_contracts::decision::DecisionKind;
use seamark_contracts::id::AgentUrn;
use seamark_contracts::outcome::{ExecutionPhase, ExecutionPredicate, ExecutionResult};

use super::super::*;
use super::world::World;
use super::{resign, tamper};
use serde_json::json;

#[test]
fn a_whole_record_passes_every_claim() {
    let world = World::executed();
    let report = check_record(&world.audit_record(), &world.pinned());
    assert_eq!(report.verdict(), Verdict::Pass, "{report:#?}");
    let ids: Vec<_> = report.claims.iter().map(|claim| claim.id.as_str()).collect();
    let expected = [
        "directory",
        "handoff",
        "contract",
        "masks",
        "view",
        "decision",
        "outcome",
        "checkpoint",
        "inclusion",
        "outcome-ledger",
        "reviewer-witness",
        "presented-before-signing",
        "reveals",
        "execution",
    ];
    assert_eq!(ids, expected);
    let text = serde_json::to_string(&report).unwrap();
    assert!(!text.contains("4012888888881881") && !text.contains("Oliveira"), "{text}");
}

#[test]
fn a_record_is_judged_long_after_and_still_passes() {
    let mut world = World::executed();
    world.later(20 * 24 * 3_600_000);
    assert_eq!(check_record(&world.audit_record(), &world.pinned()).verdict(), Verdict::Pass);
}

#[test]
fn each_change_to_a_record_is_noticed_where_it_was_made() {
    let world = World::executed();
    let (good, pinned) = (world.audit_record(), world.pinned());
    let attack = |name: &str, change: &dyn Fn(&mut AuditRecord), id: ClaimId, verdict: Verdict| {
        let mut record = good.clone();
        change(&mut record);
        assert_ne!(record, good, "{name}");
        let report = check_record(&record, &pinned);
        assert_eq!(report.verdict_of(id), Some(verdict), "{name}: {report:#?}");
    };
    use ClaimId as C;
    use Verdict::{Fail, Unknown};
    attack(
        "handoff changed",
        &|r| tamper(&mut r.review.handoff, |s| s["predicate"]["correlationId"] = json!("x")),
        C::Handoff,
        Fail,
    );
    attack("contract changed", &|r| r.contract = r.contract.replace("PT4H", "PT9H"), C::Contract, Fail);
    attack("view changed", &|r| r.views[0] = r.views[0].replace("640.00", "64.00"), C::View, Fail);
    let other_renderer = |view: &str| view.replace("seamark-desk/0.1.0", "seamark-desk/9.9.9");
    attack(
        "value in a view of another renderer changed",
        &|r| r.views[0] = other_renderer(&r.views[0]).replace("640.00", "64.00"),
        C::View,
        Fail,
    );
    attack(
        "words in a view of another renderer changed",
        &|r| r.views[0] = other_renderer(&r.views[0]).replace("Issue a refund of", "Pay"),
        C::View,
        Unknown,
    );
    attack(
        "decision changed",
        &|r| tamper(&mut r.decisions[0], |s| s["predicate"]["reason"]["text"] = json!("x")),
        C::Decision,
        Fail,
    );
    attack(
        "decision left out",
        &|r| {
            r.decisions.clear();
            r.views.clear();
        },
        C::Outcome,
        Fail,
    );
    attack("outcome left out", &|r| r.outcome = None, C::Outcome, Unknown);
    attack("outcome left out", &|r| r.outcome = None, C::Inclusion, Fail);
    attack(
        "outcome by another key",
        &|r| r.outcome = r.outcome.as_ref().map(|o| resign(o, "ledger")),
        C::Outcome,
        Fail,
    );
    attack("entries left out", &|r| r.entries.clear(), C::Inclusion, Unknown);
    attack(
        "one entry left out",
        &|r| {
            r.entries.remove(2);
        },
        C::Inclusion,
        Fail,
    );
    attack("consistency left out", &|r| r.consistency.clear(), C::ReviewerWitness, Unknown);
    attack("consistency left out", &|r| r.consistency.clear(), C::OutcomeLedger, Unknown);
    attack(
        "consistency changed",
        &|r| {
            r.consistency[0].proof.pop();
        },
        C::ReviewerWitness,
        Fail,
    );
    attack(
        "consistency of the outcome's head changed",
        &|r| {
            r.consistency[1].proof.pop();
        },
        C::OutcomeLedger,
        Fail,
    );
    attack(
        "execution changed",
        &|r| tamper(&mut r.executions[0], |s| s["predicate"]["executedAt"] = json!("2026-11-22T06:00:50.000Z")),
        C::Execution,
        Fail,
    );
    attack("execution left out", &|r| r.executions.clear(), C::Execution, Fail);
    attack("execution twice", &|r| r.executions.push(r.executions[0].clone()), C::Execution, Fail);
    attack("execution by the gateway", &|r| r.executions[0] = resign(&r.executions[0], "outcome"), C::Execution, Fail);
}

#[test]
fn no_part_that_is_left_out_makes_the_verdict_better() {
    let world = World::executed();
    let good = world.audit_record();
    let without: [fn(&mut AuditRecord); 7] = [
        |r| r.decisions.clear(),
        |r| r.views.clear(),
        |r| r.outcome = None,
        |r| r.executions.clear(),
        |r| r.entries.clear(),
        |r| r.consistency.clear(),
        |r| r.contract.clear(),
    ];
    for change in without {
        let mut record = good.clone();
        change(&mut record);
        assert_ne!(check_record(&record, &world.pinned()).verdict(), Verdict::Pass);
    }
}

#[test]
fn a_ledger_rewritten_after_a_person_saw_it_is_found_though_everything_is_signed() {
    let honest = World::approved();
    // The operator shows another past: the same decision, and an entry before it that nobody saw.
    let mut rewritten = World::open();
    rewritten.other(crate::entry::EntryType::ConfigChanged);
    rewritten.later(40_000);
    rewritten.adopt(honest.decisions[0].clone());
    rewritten.conclude(None);
    let report = check_record(&rewritten.audit_record(), &rewritten.pinned());
    for id in [ClaimId::Decision, ClaimId::Outcome, ClaimId::Checkpoint, ClaimId::Inclusion] {
        assert_eq!(report.verdict_of(id), Some(Verdict::Pass), "{id}: {report:#?}");
    }
    assert_eq!(report.verdict_of(ClaimId::ReviewerWitness), Some(Verdict::Fail));
    assert_eq!(report.verdict_of(ClaimId::PresentedBeforeSigning), Some(Verdict::Unknown));
}

/// Invariant D2: the head that an outcome names is one that the ledger had.
#[test]
fn attack_an_outcome_that_names_a_head_the_ledger_never_had_is_found() {
    let mut world = World::open();
    world.decide("alice", DecisionKind::Approve);
    let mut outcome = world.form(None).unwrap();
    outcome.ledger.root = crate::tree::leaf_hash(b"another past").to_string();
    world.conclude_as(&outcome, &crate::testing::key("outcome"));
    let report = check_record(&world.audit_record(), &world.pinned());
    assert_eq!(report.verdict_of(ClaimId::Inclusion), Some(Verdict::Pass), "{report:#?}");
    assert_eq!(report.verdict_of(ClaimId::OutcomeLedger), Some(Verdict::Fail), "{report:#?}");
}

fn executed_as(change: impl FnOnce(&mut ExecutionPredicate)) -> Report {
    let mut world = World::approved();
    world.execute(change);
    check_record(&world.audit_record(), &world.pinned())
}

#[test]
fn what_was_done_is_compared_with_what_was_approved() {
    let verdict = |change: fn(&mut ExecutionPredicate)| executed_as(change).verdict_of(ClaimId::Execution);
    assert_eq!(verdict(|_| {}), Some(Verdict::Pass));
    assert_eq!(verdict(|did| did.executed_at = did.executed_at.plus_ms(900_000)), Some(Verdict::Fail));
    assert_eq!(verdict(|did| did.decisions.clear()), Some(Verdict::Fail));
    assert_eq!(verdict(|did| did.attempt = "AAAAAAAAAAAAAAAAAAAAAA".to_owned()), Some(Verdict::Fail));
    assert_eq!(verdict(|did| did.executor = AgentUrn::from_name("other").unwrap()), Some(Verdict::Fail));
    let refused = |did: &mut ExecutionPredicate| {
        did.result = ExecutionResult::Failed;
        did.phase = Some(ExecutionPhase::Gate);
        did.decisions.clear();
    };
    assert_eq!(verdict(refused), Some(Verdict::Pass), "refusing needs no approval");
}

#[test]
fn executed_although_rejected_fails() {
    let mut world = World::open();
    world.decide("alice", DecisionKind::Reject);
    world.conclude(None);
    let record = world.audit_record();
    let report = check_record(&record, &world.pinned());
    assert_eq!(report.verdict(), Verdict::Pass, "{report:#?}");
    world.execute(|_| {});
    let report = check_record(&world.audit_record(), &world.pinned());
    assert_eq!(report.verdict_of(ClaimId::Execution), Some(Verdict::Fail));
}

#[test]
fn executed_twice_fails() {
    let mut world = World::executed();
    world.execute(|_| {});
    let report = check_record(&world.audit_record(), &world.pinned());
    assert_eq!(report.verdict_of(ClaimId::Execution), Some(Verdict::Fail));
}

#[test]
fn a_decision_signed_away_from_the_ledger_is_unknown_and_not_wrong() {
    let mut world = World::open();
    let early = world.head();
    let (mut predicate, view) = world.draft("alice", DecisionKind::Approve);
    predicate.seen_checkpoint = early;
    world.cast(&predicate, view, &crate::testing::key("alice"), crate::entry::EntryType::DecisionRecorded);
    world.conclude(None);
    world.execute(|_| {});
    let report = check_record(&world.audit_record(), &world.pinned());
    assert_eq!(report.verdict_of(ClaimId::PresentedBeforeSigning), Some(Verdict::Unknown), "{report:#?}");
    assert_eq!(report.verdict_of(ClaimId::ReviewerWitness), Some(Verdict::Pass), "{report:#?}");
}

/// Attack A14: what judges is the contract's own policy and templates, and not others that a handoff names.
#[test]
fn attack_a14_a_handoff_that_names_another_policy_or_template_than_its_contracts_fails() {
    use seamark_contracts::digest::Digest;
    let policy = World::of("partial-refund", |predicate| {
        predicate.request.as_mut().unwrap().policy.digest = Digest::of(b"laxer");
    });
    let label = World::of("partial-refund", |predicate| {
        predicate.request.as_mut().unwrap().policy.id.push('1');
    });
    let template = World::of("partial-refund", |predicate| predicate.action.template_digest = Digest::of(b"nicer"));
    for world in [policy, label, template] {
        let report = check_record(&world.audit_record(), &world.pinned());
        assert_eq!(report.verdict_of(ClaimId::Contract), Some(Verdict::Fail), "{report:#?}");
        assert_eq!(
            check_delivery(&world.delivery(), &world.pinned()).verdict_of(ClaimId::Contract),
            Some(Verdict::Fail)
        );
    }
}
