//! What a decision has to agree with.

use seamark_contracts::decision::{ConfirmedValue, DecisionKind, DecisionPredicate, Escalation};
use seamark_contracts::digest::Digest;
use seamark_contracts::handoff::Tier;
use seamark_contracts::id::UserUrn;
use seamark_contracts::view::View;

use super::super::*;
use super::world::World;
use crate::directory::DirectoryKey;
use crate::entry::EntryType;
use crate::key::{KeyUse, Signer as _};
use crate::statement::{StatementError, StatementFault};
use crate::testing::{at, key};

/// Signs a changed draft as alice, and checks it.
fn judged(
    world: &mut World,
    kind: DecisionKind,
    change: impl FnOnce(&mut DecisionPredicate),
) -> Result<(), DecisionFault> {
    let (mut predicate, view) = world.draft("alice", kind);
    change(&mut predicate);
    let envelope = world.sign_decision(&predicate, &key("alice"));
    world.judge(&envelope, &view).map(|_| ())
}

fn fault(kind: DecisionKind, change: impl FnOnce(&mut DecisionPredicate)) -> String {
    format!("{:?}", judged(&mut World::open(), kind, change).unwrap_err())
}

#[test]
fn all_three_answers_verify_when_everything_is_right() {
    for kind in [DecisionKind::Approve, DecisionKind::Reject, DecisionKind::Escalate] {
        assert!(judged(&mut World::open(), kind, |_| {}).is_ok(), "{kind:?}");
    }
}

#[test]
fn what_is_bound_cannot_be_changed() {
    use DecisionKind::{Approve, Escalate, Reject};
    assert_eq!(fault(Approve, |d| d.attempt = "AAAAAAAAAAAAAAAAAAAAAA".to_owned()), "Binding(\"attempt\")");
    assert_eq!(fault(Approve, |d| d.audience.push('x')), "Binding(\"audience\")");
    assert_eq!(fault(Approve, |d| d.contract.version = "1.2.1".to_owned()), "Binding(\"contract\")");
    assert_eq!(fault(Approve, |d| d.policy.id.push('x')), "Binding(\"policy\")");
    assert_eq!(fault(Approve, |d| d.view.digest = Digest::of(b"other")), "OtherView");
    assert_eq!(fault(Approve, |d| d.view.disclosed.push("6K3y".to_owned())), "Disclosed");
    assert_eq!(fault(Approve, |d| d.reviewer.name = "Bob Example".to_owned()), "Reviewer");
    assert_eq!(fault(Approve, |d| d.reviewer.id = UserUrn::from_name("bob").unwrap()), "Reviewer");
    assert_eq!(fault(Approve, |d| d.reviewer.role = "compliance".to_owned()), "NotCandidate");
    assert_eq!(fault(Approve, |d| d.reviewer.role = "refund-reviewer".to_owned()), "NotCandidate");
    assert!(fault(Approve, |d| d.reviewer.keyid = key("bob").public_key().id().to_string()).contains("SigningKey"));
    assert_eq!(fault(Reject, |d| d.reason.code = "because".to_owned()), "Choice(\"the reason\")");
    let to_nobody = |d: &mut DecisionPredicate| d.escalation.as_mut().unwrap().to = "friends".to_owned();
    assert!(fault(Escalate, to_nobody).starts_with("Choice("));
}

#[test]
fn times_have_an_order() {
    let times = |change: fn(&mut DecisionPredicate)| fault(DecisionKind::Approve, change);
    assert!(times(|d| d.view.opened_at = at("2026-11-22T05:50:00.000Z")).contains("opened before"));
    assert!(times(|d| d.decided_at = d.decided_at.plus_ms(130_000)).contains("decided after"));
    assert!(times(|d| d.auth.at = d.auth.at.plus_ms(-18 * 60_000)).contains("too long before"));
    let within = |d: &mut DecisionPredicate| d.auth.at = d.auth.at.plus_ms(-14 * 60_000);
    assert!(judged(&mut World::open(), DecisionKind::Approve, within).is_ok());
}

#[test]
fn evidence_has_to_be_opened_before_an_approval_of_some_weight() {
    assert_eq!(World::open().handoff.predicate.gate.tier, Tier::T2);
    let unread = |d: &mut DecisionPredicate| d.view.opened.clear();
    assert_eq!(fault(DecisionKind::Approve, unread), "Evidence(\"order_lookup\")");
    assert!(judged(&mut World::open(), DecisionKind::Reject, unread).is_ok(), "a reject needs none");
}

#[test]
fn at_high_risk_critical_values_are_typed_and_the_person_is_verified_afresh() {
    let open = || World::of("other-card", |_| {});
    assert_eq!(open().handoff.predicate.gate.tier, Tier::T3);
    let (draft, _) = open().draft("alice", DecisionKind::Approve);
    assert!(!draft.confirmed.is_empty());
    let judge = |change: fn(&mut DecisionPredicate)| judged(&mut open(), DecisionKind::Approve, change);
    assert!(judge(|_| {}).is_ok());
    assert!(matches!(judge(|d| d.confirmed.clear()), Err(DecisionFault::Confirm(_))));
    let mistyped = |d: &mut DecisionPredicate| {
        d.confirmed =
            d.confirmed.iter().map(|c| ConfirmedValue { fact: c.fact.clone(), value: "1".to_owned() }).collect();
    };
    assert!(matches!(judge(mistyped), Err(DecisionFault::Confirm(_))));
    assert!(matches!(judge(|d| d.auth.at = d.auth.at.plus_ms(-14 * 60_000)), Err(DecisionFault::Times(_))));
}

#[test]
fn a_decision_on_another_attempt_never_counts_here() {
    let mut first = World::open();
    let (predicate, view) = first.draft("alice", DecisionKind::Approve);
    let envelope = first.sign_decision(&predicate, &key("alice"));
    let next = first.escalated();
    let second = World::of("partial-refund", move |predicate| *predicate = next);
    let judged = second.judge(&envelope, &view);
    assert!(matches!(judged, Err(DecisionFault::OtherHandoff)));
}

#[test]
fn the_key_counts_as_the_directory_says_when_it_is_recorded() {
    let mut world = World::open();
    let (predicate, view) = world.draft("alice", DecisionKind::Approve);
    let envelope = world.sign_decision(&predicate, &key("alice"));
    let judge = |world: &World, now| {
        check_decision(&envelope, &world.handoff, &world.contract, &world.trust(), &view, now).map(|_| ())
    };
    let ends = world.now;
    world
        .directory
        .keys
        .iter_mut()
        .filter(|listed| listed.subject.ends_with("alice"))
        .for_each(|key| key.to = Some(ends));
    assert!(matches!(judge(&world, ends), Err(DecisionFault::Key(StatementFault::KeyWindow))));
    assert!(judge(&world, ends.plus_ms(-1)).is_ok(), "recorded while it was valid");
    world.directory.keys.retain(|listed| !listed.subject.ends_with("alice"));
    assert!(matches!(judge(&world, ends), Err(DecisionFault::Statement(StatementError::Signature(_)))));
}

#[test]
fn a_role_counts_while_it_is_held() {
    let mut world = World::open();
    let (predicate, view) = world.draft("alice", DecisionKind::Approve);
    let envelope = world.sign_decision(&predicate, &key("alice"));
    let ends = world.now;
    let alice = world.directory.subjects.iter_mut().find(|subject| subject.id.ends_with("alice")).unwrap();
    alice.roles[0].to = Some(ends);
    let judge =
        |now| check_decision(&envelope, &world.handoff, &world.contract, &world.trust(), &view, now).map(|_| ());
    assert!(matches!(judge(ends), Err(DecisionFault::NotCandidate)));
    assert!(judge(ends.plus_ms(-1)).is_ok());
}

#[test]
fn a_key_of_an_agent_never_decides() {
    let mut world = World::open();
    let (mut predicate, view) = world.draft("alice", DecisionKind::Approve);
    let robot = key("robot");
    predicate.reviewer.keyid = robot.public_key().id().to_string();
    let from = world.directory.valid_from;
    let agent = "urn:seamark:agent:order-desk";
    world.directory.keys.push(DirectoryKey::new(&robot.public_key(), KeyUse::Decision, agent, from, None));
    let envelope = world.sign_decision(&predicate, &robot);
    let judged = world.judge(&envelope, &view);
    assert!(matches!(judged, Err(DecisionFault::Reviewer)));
}

#[test]
fn a_view_is_of_this_statement_and_in_its_one_spelling() {
    let mut world = World::open();
    let (_, bytes) = world.view();
    let judge =
        |bytes: &[u8], world: &World| check_view(bytes, &world.handoff, &world.contract).map(|shown| shown.is_same);
    assert!(matches!(judge(&bytes, &world), Ok(true)));
    let spaced = [bytes.as_slice(), b" "].concat();
    assert!(matches!(judge(&spaced, &world), Err(ViewFault::NotCanonical)));
    let other = World::of("returned-goods", |_| {});
    assert!(matches!(judge(&bytes, &other), Err(ViewFault::OtherHandoff)));
    assert!(matches!(judge(b"{}", &world), Err(ViewFault::Json(_))));
    let mut loose = World::open();
    let source = seamark_contracts::samples::find("refund.issue").unwrap().contract.replace("PT4H", "PT9H");
    loose.contract = seamark_contracts::contract::CompiledContract::from_document(source.as_bytes()).unwrap();
    assert!(matches!(judge(&bytes, &loose), Err(ViewFault::OtherContract)));
}

/// Signs over a view that was changed by whoever signs it.
fn judged_on(kind: DecisionKind, change: impl Fn(&mut View, &mut DecisionPredicate)) -> Result<(), DecisionFault> {
    let mut world = World::of("other-card", |_| {});
    let (mut predicate, bytes) = world.draft("alice", kind);
    let mut view: View = serde_json::from_slice(&bytes).unwrap();
    change(&mut view, &mut predicate);
    let bytes = view.to_bytes().unwrap();
    predicate.view.digest = Digest::of(&bytes);
    let envelope = world.sign_decision(&predicate, &key("alice"));
    world.judge(&envelope, &bytes).map(|_| ())
}

/// Invariant B11: a candidate signs a view that they made up, so that it asks less of them. Whatever it calls its renderer,
/// what the decision is judged by has to be the contract's.
#[test]
fn attack_a_forged_view_is_refused_whatever_it_says_rendered_it() {
    use DecisionKind::{Approve, Escalate, Reject};
    type Forge = fn(&mut View, &mut DecisionPredicate);
    let forgeries: [(&str, DecisionKind, Forge); 9] = [
        ("tier", Approve, |view, _| view.tier = Tier::T0),
        ("facts", Approve, |view, decision| {
            view.facts.iter_mut().for_each(|fact| fact.confirm = false);
            decision.confirmed.clear();
        }),
        ("facts", Approve, |view, decision| {
            view.facts[0].value = "EUR 1.00".to_owned();
            decision
                .confirmed
                .iter_mut()
                .filter(|one| one.fact == "f0")
                .for_each(|one| one.value = "EUR 1.00".to_owned());
        }),
        ("facts", Approve, |view, _| view.facts.clear()),
        ("evidence", Approve, |view, decision| {
            view.evidence.iter_mut().for_each(|evidence| evidence.required = false);
            decision.view.opened.clear();
        }),
        ("rules", Approve, |view, _| view.rules.clear()),
        ("rejectReasons", Reject, |view, decision| {
            view.reject_reasons[0].code = "because".to_owned();
            decision.reason.code = "because".to_owned();
        }),
        ("escalationTargets", Escalate, |view, decision| {
            view.escalation_targets.push("friends".to_owned());
            decision.escalation.as_mut().unwrap().to = "friends".to_owned();
        }),
        ("fallbackOwner", Escalate, |view, decision| {
            view.fallback_owner = "friends".to_owned();
            decision.escalation.as_mut().unwrap().to = "friends".to_owned();
        }),
    ];
    for (member, kind, forge) in forgeries {
        for renderer in [None, Some("other-desk/1")] {
            let judged = judged_on(kind, |view, decision| {
                forge(view, decision);
                if let Some(renderer) = renderer {
                    view.renderer = renderer.to_owned();
                }
            });
            let refused = matches!(judged, Err(DecisionFault::View(ViewFault::Forged(found))) if found == member);
            assert!(refused, "{member} {renderer:?}: {judged:?}");
        }
    }
}

/// Invariant B11: in words that this version knows to the byte nothing may be changed; another renderer has its own words.
#[test]
fn attack_other_words_under_this_versions_name_are_refused() {
    let reworded: fn(&mut View, &mut DecisionPredicate) = |view, _| view.ask = "Refund EUR 1.00?".to_owned();
    let judged = judged_on(DecisionKind::Approve, reworded);
    assert!(matches!(judged, Err(DecisionFault::View(ViewFault::Drift))), "{judged:?}");
    let foreign = judged_on(DecisionKind::Approve, |view, decision| {
        reworded(view, decision);
        view.renderer = "other-desk/1".to_owned();
    });
    assert!(foreign.is_ok(), "{foreign:?}");
}

#[test]
fn a_late_decision_is_kept_and_counts_for_nothing() {
    let mut world = World::approved();
    let (predicate, view) = world.draft("bob", DecisionKind::Reject);
    world.cast(&predicate, view, &key("bob"), EntryType::DecisionLate);
    let report = check_record(&world.audit_record(), &world.pinned());
    assert_eq!(report.verdict_of(ClaimId::Outcome), Some(Verdict::Pass), "{report:#?}");
    assert_eq!(report.verdict_of(ClaimId::Inclusion), Some(Verdict::Pass), "{report:#?}");
    // Were it recorded in time, the outcome would have to list it.
    let mut hidden = World::open();
    hidden.decide("alice", DecisionKind::Approve);
    let (predicate, view) = hidden.draft("bob", DecisionKind::Reject);
    let outcome = hidden.form(None).unwrap();
    hidden.cast(&predicate, view, &key("bob"), EntryType::DecisionRecorded);
    hidden.conclude_as(&outcome, &key("outcome"));
    let report = check_record(&hidden.audit_record(), &hidden.pinned());
    assert_eq!(report.verdict_of(ClaimId::Outcome), Some(Verdict::Fail), "{report:#?}");
}

#[test]
fn the_statement_itself_is_checked_before_it_is_signed() {
    let mut world = World::open();
    let (good, _) = world.draft("alice", DecisionKind::Approve);
    let build = |change: fn(&mut DecisionPredicate)| {
        let mut predicate = good.clone();
        change(&mut predicate);
        let built =
            crate::statement::build_decision(&predicate, world.handoff.predicate.handoff_id, world.handoff.digest);
        match built.unwrap_err() {
            StatementError::Content(StatementFault::Field { field, .. }) => field,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(build(|d| d.meaning.push('!')), "meaning");
    assert_eq!(build(|d| d.constraints = None), "constraints");
    assert_eq!(build(|d| d.constraints.as_mut().unwrap().max_uses = 2), "maxUses");
    assert_eq!(build(|d| d.constraints.as_mut().unwrap().expires_at = d.decided_at), "expiresAt");
    assert_eq!(
        build(|d| d.escalation = Some(Escalation { to: "x".to_owned(), question: "?".to_owned() })),
        "escalation"
    );
    assert_eq!(build(|d| d.attempt = "short".to_owned()), "attempt");
    assert_eq!(build(|d| d.reason.text = "x".repeat(2_001)), "reason");
    assert_eq!(build(|d| d.auth.at = d.decided_at.plus_ms(1)), "auth");
    assert_eq!(build(|d| d.view.opened_at = d.decided_at.plus_ms(1)), "openedAt");
    assert_eq!(build(|d| d.seen_checkpoint.size = 0), "checkpoint");
    assert_eq!(build(|d| d.seen_checkpoint.root = "AAAA".to_owned()), "checkpoint");
}
