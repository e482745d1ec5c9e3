//! Invariants B2, B6, B7, B8 and B9 over random histories, and the whole machine against a small model that was written
//! from the invariants alone: it looks at a history from outside and asks which event, if any, ended it.

use proptest::prelude::*;

use super::*;
use crate::clock::SeededChance;

const DEADLINE: i64 = 100;

fn at(ms: i64) -> Timestamp {
    Timestamp::from_ms(ms)
}

fn person(n: u8) -> UserUrn {
    UserUrn::from_name(&format!("p{n}")).unwrap()
}

fn decision_id(n: u8) -> DecisionId {
    DecisionId::make(at(1_000), &SeededChance::new(u64::from(n)))
}

fn decide(n: u8, who: u8, decision: DecisionKind) -> Event {
    let escalate_to = (decision == DecisionKind::Escalate).then(|| "lead".to_owned());
    Event::Decide { id: decision_id(n), person: person(who), decision, eligibility: Eligibility::Eligible, escalate_to }
}

fn terms(quorum: u32, on_timeout: OnTimeout) -> Terms {
    let escalates_to = (on_timeout == OnTimeout::Escalate).then(|| "lead".to_owned());
    Terms { quorum, expires_at: at(DEADLINE), on_timeout, escalates_to }
}

fn run(terms: Terms, history: &[(i64, Event)]) -> (State, Vec<Vec<Effect>>) {
    let mut state = State::open(terms);
    let mut all = Vec::new();
    for (ms, event) in history {
        let (next, effects) = step(state, event.clone(), at(*ms));
        state = next;
        all.push(effects);
    }
    (state, all)
}

fn ending(terms: Terms, history: &[(i64, Event)]) -> Option<(OutcomeKind, OutcomeCause)> {
    run(terms, history).0.ending.map(|ending| (ending.outcome, ending.cause))
}

/// The model. From outside: walk the history and say what each event would have to mean, keeping nothing but the set of
/// persons that approved.
fn model(quorum: u32, on_timeout: OnTimeout, history: &[(i64, Event)]) -> Option<(OutcomeKind, OutcomeCause)> {
    use DecisionKind::{Approve, Escalate, Reject};
    let mut approvers: Vec<String> = Vec::new();
    let mut seen: Vec<String> = Vec::new();
    for (ms, event) in history {
        if *ms >= DEADLINE {
            return Some(match on_timeout {
                OnTimeout::Reject => (OutcomeKind::Expired, OutcomeCause::Deadline),
                OnTimeout::Escalate => (OutcomeKind::Superseded, OutcomeCause::NewAttempt),
            });
        }
        match event {
            Event::Deadline => {}
            Event::Withdraw(Withdrawer::Source) => return Some((OutcomeKind::Withdrawn, OutcomeCause::Source)),
            Event::Withdraw(Withdrawer::FallbackOwner) => {
                return Some((OutcomeKind::Withdrawn, OutcomeCause::FallbackOwner));
            }
            Event::Supersede => return Some((OutcomeKind::Superseded, OutcomeCause::NewRevision)),
            Event::Decide { id, person, decision, eligibility, .. } => {
                let (id, person) = (id.to_string(), person.to_string());
                let is_new = !seen.contains(&id);
                seen.push(id);
                if is_new && *eligibility == Eligibility::Eligible && !approvers.contains(&person) {
                    match decision {
                        Reject => return Some((OutcomeKind::Rejected, OutcomeCause::Veto)),
                        Escalate => return Some((OutcomeKind::Superseded, OutcomeCause::NewAttempt)),
                        Approve => approvers.push(person),
                    }
                    if approvers.len() >= quorum as usize {
                        return Some((OutcomeKind::Approved, OutcomeCause::PolicyMet));
                    }
                }
            }
        }
    }
    None
}

fn any_decision() -> impl Strategy<Value = Event> {
    let kind = prop_oneof![Just(DecisionKind::Approve), Just(DecisionKind::Reject), Just(DecisionKind::Escalate)];
    let eligibility = prop_oneof![
        6 => Just(Eligibility::Eligible),
        1 => Just(Eligibility::Not(NotCounted::Role)),
        1 => Just(Eligibility::Not(NotCounted::Conflict)),
        1 => Just(Eligibility::Not(NotCounted::StaleView)),
    ];
    (0u8..12, 0u8..4, kind, eligibility).prop_map(|(n, who, kind, eligibility)| {
        let Event::Decide { id, person, decision, escalate_to, .. } = decide(n, who, kind) else { unreachable!() };
        Event::Decide { id, person, decision, eligibility, escalate_to }
    })
}

fn any_event() -> impl Strategy<Value = Event> {
    prop_oneof![
        8 => any_decision(),
        1 => Just(Event::Deadline),
        1 => Just(Event::Withdraw(Withdrawer::Source)),
        1 => Just(Event::Withdraw(Withdrawer::FallbackOwner)),
        1 => Just(Event::Supersede),
    ]
}

/// Histories whose time never goes back (invariant H1); some go past the deadline.
fn any_history() -> impl Strategy<Value = Vec<(i64, Event)>> {
    prop::collection::vec((0i64..16, any_event()), 0..24).prop_map(|steps| {
        let mut now = 0;
        steps
            .into_iter()
            .map(|(ms, event)| {
                now += ms;
                (now, event)
            })
            .collect()
    })
}

fn any_timeout() -> impl Strategy<Value = OnTimeout> {
    prop_oneof![Just(OnTimeout::Reject), Just(OnTimeout::Escalate)]
}

proptest! {
    #[test]
    fn the_machine_ends_as_the_model_says(history in any_history(), quorum in 1u32..4, on_timeout in any_timeout()) {
        prop_assert_eq!(ending(terms(quorum, on_timeout), &history), model(quorum, on_timeout, &history));
    }

    #[test]
    fn invariant_b2_at_most_one_outcome_and_it_never_changes(
        history in any_history(), quorum in 1u32..4, on_timeout in any_timeout(),
    ) {
        let (_, effects) = run(terms(quorum, on_timeout), &history);
        let concluded = effects.iter().flatten().filter(|effect| matches!(effect, Effect::Conclude { .. })).count();
        prop_assert!(concluded <= 1);
        let mut state = State::open(terms(quorum, on_timeout));
        let mut first = None;
        for (ms, event) in history {
            state = step(state, event, at(ms)).0;
            first = first.or(state.ending);
            prop_assert_eq!(state.ending, first);
        }
    }

    #[test]
    fn invariant_b6_nothing_is_approved_at_or_after_the_deadline(
        history in any_history(), quorum in 1u32..4, on_timeout in any_timeout(),
    ) {
        let (state, _) = run(terms(quorum, on_timeout), &history);
        if let Some(Ending { outcome: OutcomeKind::Approved, at: moment, .. }) = state.ending {
            prop_assert!(moment < at(DEADLINE));
        }
    }

    #[test]
    fn invariant_b7_without_a_decision_nothing_is_ever_approved(
        steps in prop::collection::vec((0i64..400, any_event()), 0..24), quorum in 0u32..4, on_timeout in any_timeout(),
    ) {
        let silent: Vec<_> = steps.into_iter().filter(|(_, event)| !matches!(event, Event::Decide { .. })).collect();
        let outcome = ending(terms(quorum, on_timeout), &silent);
        prop_assert_ne!(outcome, Some((OutcomeKind::Approved, OutcomeCause::PolicyMet)));
    }

    #[test]
    fn invariant_b8_a_reject_is_final_and_an_escalation_approves_nothing(history in any_history(), quorum in 1u32..4) {
        let (state, _) = run(terms(quorum, OnTimeout::Reject), &history);
        let approved = state.ending.is_some_and(|ending| ending.outcome == OutcomeKind::Approved);
        if approved {
            let counted = |kind| state.cast.values().filter(move |cast| cast.decision == kind && cast.not_counted.is_none());
            prop_assert_eq!(counted(DecisionKind::Reject).count(), 0);
            prop_assert_eq!(counted(DecisionKind::Escalate).count(), 0);
            prop_assert!(state.approvers().len() >= quorum as usize);
        }
    }

    #[test]
    fn invariant_b9_a_repeated_decision_changes_nothing(history in any_history(), quorum in 1u32..4, again in 0usize..24) {
        let (state, effects) = run(terms(quorum, OnTimeout::Reject), &history);
        let Some((_, event @ Event::Decide { id, .. })) = history.get(again) else { return Ok(()) };
        let now = history.last().map_or(0, |(ms, _)| *ms);
        prop_assert!(!effects[again].is_empty());
        let (after, repeated) = step(state.clone(), event.clone(), at(now));
        prop_assert_eq!(after, state);
        prop_assert_eq!(repeated, vec![Effect::Repeat { id: *id }]);
    }

    #[test]
    fn every_decision_is_answered_and_kept(history in any_history(), quorum in 1u32..4) {
        let (state, effects) = run(terms(quorum, OnTimeout::Escalate), &history);
        for ((_, event), effects) in history.iter().zip(&effects) {
            let Event::Decide { id, .. } = event else { continue };
            prop_assert!(state.cast.contains_key(id));
            let answers = effects.iter().filter(|effect| match effect {
                Effect::Record { id: answered, .. } | Effect::RecordLate { id: answered } | Effect::Repeat { id: answered } => {
                    answered == id
                }
                _ => false,
            });
            prop_assert_eq!(answers.count(), 1);
        }
    }
}

#[test]
fn invariant_b3_one_person_with_two_decisions_is_one_person() {
    let twice = [(1, decide(1, 1, DecisionKind::Approve)), (2, decide(2, 1, DecisionKind::Approve))];
    let (state, effects) = run(terms(2, OnTimeout::Reject), &twice);
    assert_eq!(state.ending, None);
    assert_eq!(effects[1], [Effect::Record { id: decision_id(2), not_counted: Some(NotCounted::DuplicatePerson) }]);
    let then_another = [twice[0].clone(), twice[1].clone(), (3, decide(3, 2, DecisionKind::Approve))];
    assert_eq!(
        ending(terms(2, OnTimeout::Reject), &then_another),
        Some((OutcomeKind::Approved, OutcomeCause::PolicyMet))
    );
}

#[test]
fn invariant_b6_a_decision_in_the_very_millisecond_of_the_deadline_is_late() {
    let history = [(DEADLINE, decide(1, 1, DecisionKind::Approve))];
    let (state, effects) = run(terms(1, OnTimeout::Reject), &history);
    assert_eq!(state.ending.map(|ending| ending.outcome), Some(OutcomeKind::Expired));
    assert!(matches!(effects[0].as_slice(), [Effect::Conclude { .. }, Effect::RecordLate { .. }]), "{effects:?}");
    let before = [(DEADLINE - 1, decide(1, 1, DecisionKind::Approve))];
    assert_eq!(ending(terms(1, OnTimeout::Reject), &before), Some((OutcomeKind::Approved, OutcomeCause::PolicyMet)));
}

#[test]
fn invariant_b7_a_deadline_escalates_once_and_then_ends_the_review() {
    let (state, effects) = run(terms(1, OnTimeout::Escalate), &[(DEADLINE, Event::Deadline)]);
    assert_eq!(state.ending.map(|ending| ending.cause), Some(OutcomeCause::NewAttempt));
    assert_eq!(effects[0][1], Effect::OpenAttempt { to: "lead".to_owned(), by: AttemptCause::Deadline });
    let last = Terms { escalates_to: None, ..terms(1, OnTimeout::Escalate) };
    assert_eq!(ending(last, &[(DEADLINE, Event::Deadline)]), Some((OutcomeKind::Expired, OutcomeCause::Deadline)));
}

#[test]
fn an_early_timer_does_nothing() {
    let (state, effects) = run(terms(1, OnTimeout::Reject), &[(DEADLINE - 1, Event::Deadline)]);
    assert_eq!((state.ending, effects[0].len()), (None, 0));
}

#[test]
fn a_person_who_may_not_decide_does_not_stop_the_review() {
    let Event::Decide { id, person, decision, escalate_to, .. } = decide(1, 1, DecisionKind::Reject) else {
        unreachable!()
    };
    let eligibility = Eligibility::Not(NotCounted::Conflict);
    let history = [
        (1, Event::Decide { id, person, decision, eligibility, escalate_to }),
        (2, decide(2, 2, DecisionKind::Approve)),
    ];
    let (state, effects) = run(terms(1, OnTimeout::Reject), &history);
    assert_eq!(effects[0], [Effect::Record { id, not_counted: Some(NotCounted::Conflict) }]);
    assert_eq!(state.ending.map(|ending| ending.outcome), Some(OutcomeKind::Approved));
}

#[test]
fn what_comes_after_the_outcome_is_kept_and_changes_nothing() {
    let history = [
        (1, decide(1, 1, DecisionKind::Reject)),
        (2, decide(2, 2, DecisionKind::Approve)),
        (3, Event::Withdraw(Withdrawer::Source)),
        (4, Event::Supersede),
    ];
    let (state, effects) = run(terms(1, OnTimeout::Reject), &history);
    assert_eq!(state.ending.map(|ending| ending.outcome), Some(OutcomeKind::Rejected));
    assert_eq!(effects[1], [Effect::RecordLate { id: decision_id(2) }]);
    assert_eq!(
        (effects[2].as_slice(), effects[3].as_slice()),
        ([Effect::TooLate].as_slice(), [Effect::TooLate].as_slice())
    );
}

/// Invariant B10: who ended before the outcome contributes nothing to it, and the outcome that there is stays.
#[test]
fn b10_an_approval_lapses_with_its_person_until_there_is_an_outcome() {
    let ends = |until: i64| BTreeMap::from([(decision_id(1), at(until))]);
    let approved_by = |until: i64, second_at: i64| {
        let mut state = step(State::open(terms(2, OnTimeout::Reject)), decide(1, 1, DecisionKind::Approve), at(10)).0;
        state.lapse(&ends(until), at(second_at));
        let mut state = step(state, decide(2, 2, DecisionKind::Approve), at(second_at)).0;
        let outcome = state.ending.map(|ending| ending.outcome);
        // Whatever comes after the outcome takes nothing away from it.
        state.lapse(&ends(until), at(second_at + 1_000));
        (outcome, state.approvers().len(), state.cast[&decision_id(1)].not_counted)
    };
    assert_eq!(approved_by(21, 20), (Some(OutcomeKind::Approved), 2, None));
    assert_eq!(approved_by(20, 20), (None, 1, Some(NotCounted::Role)));
    assert_eq!(approved_by(11, 20), (None, 1, Some(NotCounted::Role)));
}
