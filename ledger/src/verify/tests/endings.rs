//! Keys and roles that ended: the newest directory judges everything by the times of the ledger (invariant B10).

use super::*;
use crate::directory::DirectoryPredicate;
use seamark_contracts::clock::Timestamp;

/// The key of this name ends at a moment.
fn end_key(directory: &mut DirectoryPredicate, name: &str, to: Timestamp) {
    let keyid = key(name).public_key().id().to_string();
    let listed = directory.keys.iter_mut().find(|listed| listed.keyid == keyid).unwrap();
    listed.to = Some(to);
}

fn verdict(world: &World, id: ClaimId) -> Verdict {
    check_record(&world.audit_record(), &world.pinned()).verdict_of(id).unwrap()
}

#[test]
fn b10_a_decision_counts_up_to_the_millisecond_before_its_keys_end() {
    let mut world = World::executed();
    let recorded_at = world.decisions[0].recorded_at;
    world.later(3_600_000);
    // Long after the end: what was recorded before it is as valid as ever.
    end_key(&mut world.directory, "alice", recorded_at.plus_ms(1));
    assert_eq!(check_record(&world.audit_record(), &world.pinned()).verdict(), Verdict::Pass);
    for to in [recorded_at, recorded_at.plus_ms(-1)] {
        end_key(&mut world.directory, "alice", to);
        assert_eq!(verdict(&world, ClaimId::Decision), Verdict::Fail, "{to}");
        assert_ne!(verdict(&world, ClaimId::Outcome), Verdict::Pass, "{to}: an outcome stands on its decisions");
    }
}

#[test]
fn b10_nothing_is_authorised_by_a_decision_recorded_at_or_after_the_end() {
    let mut world = World::approved();
    let recorded_at = world.decisions[0].recorded_at;
    end_key(&mut world.directory, "alice", recorded_at.plus_ms(1));
    assert!(verify_delivery(&world.delivery(), &world.pinned()).is_ok());
    end_key(&mut world.directory, "alice", recorded_at);
    check_attack("ended signer", &world.delivery(), &world.pinned(), ClaimId::Decision, Verdict::Fail);
}

/// The signer says when a decision was made; the ledger says when it was recorded. Only the latter counts.
#[test]
fn b10_a_decision_dated_before_the_end_and_recorded_after_it_never_counts() {
    let mut world = World::open();
    let (mut predicate, view) = world.draft("alice", DecisionKind::Approve);
    let ends = world.now;
    predicate.decided_at = ends.plus_ms(-20_000);
    predicate.auth.at = ends.plus_ms(-20_000);
    predicate.view.opened_at = ends.plus_ms(-40_000);
    world.later(1);
    let envelope = world.sign_decision(&predicate, &key("alice"));
    assert!(world.judge(&envelope, &view).is_ok());
    end_key(&mut world.directory, "alice", ends);
    assert!(matches!(world.judge(&envelope, &view), Err(DecisionFault::Key(_))));
}

#[test]
fn b10_a_role_that_was_taken_later_is_no_matter_and_one_taken_before_is() {
    let mut world = World::executed();
    let recorded_at = world.decisions[0].recorded_at;
    for (to, expected) in [(recorded_at.plus_ms(1), Verdict::Pass), (recorded_at, Verdict::Fail)] {
        let alice = world.directory.subjects.iter_mut().find(|subject| subject.id.ends_with("alice")).unwrap();
        alice.roles[0].to = Some(to);
        assert_eq!(verdict(&world, ClaimId::Decision), expected, "{to}");
    }
    // Given again after the decision: that does not heal it.
    let alice = world.directory.subjects.iter_mut().find(|subject| subject.id.ends_with("alice")).unwrap();
    let again = crate::directory::DirectoryRole { from: recorded_at.plus_ms(1), to: None, ..alice.roles[0].clone() };
    alice.roles.push(again);
    assert_eq!(verdict(&world, ClaimId::Decision), Verdict::Fail);
}

#[test]
fn b10_the_gateways_own_keys_end_as_peoples_do() {
    for (name, claim) in [("outcome", ClaimId::Outcome), ("handoff", ClaimId::Handoff)] {
        let mut world = World::approved();
        let formed_at = world.outcome.as_ref().unwrap().0.predicate.formed_at;
        let last = if name == "handoff" { world.handoff.predicate.created_at } else { formed_at };
        end_key(&mut world.directory, name, last.plus_ms(1));
        assert_eq!(verdict(&world, claim), Verdict::Pass, "{name}");
        end_key(&mut world.directory, name, last);
        assert_eq!(verdict(&world, claim), Verdict::Fail, "{name}");
    }
}

/// Whoever stole an execution key writes the time of the execution itself. The ledger knows when it came.
#[test]
fn b10_a_report_that_is_dated_back_before_the_end_of_its_key_fails() {
    let mut world = World::approved();
    world.execute(|report| report.executed_at = report.executed_at.plus_ms(-2_000));
    let recorded_at = world.now;
    assert_eq!(verdict(&world, ClaimId::Execution), Verdict::Pass);
    end_key(&mut world.directory, "executor", recorded_at.plus_ms(1));
    assert_eq!(verdict(&world, ClaimId::Execution), Verdict::Pass, "recorded before the end");
    for to in [recorded_at, recorded_at.plus_ms(-1_000), recorded_at.plus_ms(-2_000)] {
        end_key(&mut world.directory, "executor", to);
        assert_eq!(verdict(&world, ClaimId::Execution), Verdict::Fail, "{to}");
    }
}

/// Two persons are asked for, and the first ends before the second approves: one approval is left.
#[test]
fn b10_an_approval_of_somebody_who_ended_before_the_outcome_does_not_reach_the_quorum() {
    let two = |predicate: &mut seamark_contracts::handoff::HandoffPredicate| {
        predicate.request.as_mut().unwrap().quorum = 2;
    };
    let mut world = World::of("partial-refund", two);
    world.decide("alice", DecisionKind::Approve);
    world.decide("bob", DecisionKind::Approve);
    let second = world.decisions[1].recorded_at;
    world.conclude(None);
    assert!(verify_delivery(&world.delivery(), &world.pinned()).is_ok());
    // Ended after the outcome: it stands, as do the approvals.
    end_key(&mut world.directory, "alice", second.plus_ms(1));
    assert!(verify_delivery(&world.delivery(), &world.pinned()).is_ok());
    // Ended before the second approval, by key or by role: whoever formed an approval out of it is found.
    end_key(&mut world.directory, "alice", second);
    check_attack("ended approver", &world.delivery(), &world.pinned(), ClaimId::Outcome, Verdict::Fail);
    world.directory.keys.iter_mut().for_each(|listed| listed.to = None);
    let alice = world.directory.subjects.iter_mut().find(|subject| subject.id.ends_with("alice")).unwrap();
    alice.roles[0].to = Some(second.plus_ms(-1));
    check_attack("ended role", &world.delivery(), &world.pinned(), ClaimId::Outcome, Verdict::Fail);
    let counted = world.form_counted();
    assert_eq!(counted[0].why, Some(seamark_contracts::outcome::NotCounted::Role));
    assert_eq!((counted[0].counted, counted[1].counted), (false, true));
}
