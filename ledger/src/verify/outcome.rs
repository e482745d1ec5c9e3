//! Does this outcome follow from these decisions?
//!
//! The recount runs the state machine that the gateway runs, over the recorded decisions in ledger order, so forming and
//! checking cannot disagree. Source: FORMATS.md §7, invariants B2 to B8.

use std::collections::BTreeMap;

use seamark_contracts::clock::Timestamp;
use seamark_contracts::decision::{DecisionKind, SeenCheckpoint, Window};
use seamark_contracts::digest::Digest;
use seamark_contracts::id::{DecisionId, OutcomeId};
use seamark_contracts::outcome::{CountedDecision, OutcomeCause, OutcomeKind, OutcomePredicate, Quorum};
use seamark_contracts::review::{Eligibility, Ending, Event, State, Terms, Withdrawer, step};
use thiserror::Error;

use crate::key::KeyId;
use crate::statement::{DecisionStatement, HandoffStatement, OutcomeStatement, Subject};
use crate::verified::Verified;

/// A verified decision, as it was recorded.
#[derive(Clone, Copy, Debug)]
pub struct Ballot<'a> {
    pub decision: &'a Verified<DecisionStatement>,
    /// Gateway time of its ledger entry.
    pub recorded_at: Timestamp,
    /// See [`super::judge_reviewer`].
    pub eligibility: Eligibility,
    /// See [`super::holds_until`].
    pub until: Option<Timestamp>,
}

/// What ends an attempt apart from its decisions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Close {
    /// The deadline; `escalates` when it opens a new attempt instead of ending the handoff.
    Deadline { escalates: bool },
    /// Somebody took it back.
    Withdrawn(Withdrawer),
    /// The source changed the content.
    NewRevision,
}

/// What decisions and closing event make of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recount {
    /// Absent while the attempt is open.
    pub ending: Option<Ending>,
    pub quorum: Quorum,
    /// In the order of the ballots.
    pub decisions: Vec<CountedDecision>,
    /// When it may be acted on: the intersection of the counted approvals' windows; only when approved.
    pub window: Option<Window>,
}

/// Counts the decisions of one attempt, in the order in which they were recorded, and then the closing event at `now`.
#[must_use]
pub fn recount(handoff: &HandoffStatement, ballots: &[Ballot<'_>], close: Option<&Close>, now: Timestamp) -> Recount {
    let mut state = State::open(terms(handoff, close));
    let ended = ballots.iter().filter_map(|ballot| Some((ballot.decision.predicate.decision_id, ballot.until?)));
    let ends: BTreeMap<DecisionId, Timestamp> = ended.collect();
    for ballot in ballots {
        state.lapse(&ends, ballot.recorded_at);
        let decision = &ballot.decision.predicate;
        let event = Event::Decide {
            id: decision.decision_id,
            person: decision.reviewer.id.clone(),
            decision: decision.decision,
            eligibility: ballot.eligibility,
            escalate_to: decision.escalation.as_ref().map(|escalation| escalation.to.clone()),
        };
        state = step(state, event, ballot.recorded_at).0;
    }
    let closing = match close {
        None => None,
        Some(Close::Deadline { .. }) => Some(Event::Deadline),
        Some(Close::Withdrawn(by)) => Some(Event::Withdraw(*by)),
        Some(Close::NewRevision) => Some(Event::Supersede),
    };
    if let Some(event) = closing {
        state.lapse(&ends, now);
        state = step(state, event, now).0;
    }
    let reached = u32::try_from(state.approvers().len()).unwrap_or(u32::MAX);
    let quorum = Quorum { required: state.terms.quorum, reached };
    let decisions: Vec<CountedDecision> = ballots.iter().map(|ballot| counted(ballot, &state)).collect();
    let is_approved = state.ending.is_some_and(|ending| ending.outcome == OutcomeKind::Approved);
    let window = if is_approved { intersect(ballots, &decisions) } else { None };
    Recount { ending: state.ending, quorum, decisions, window }
}

fn terms(handoff: &HandoffStatement, close: Option<&Close>) -> Terms {
    let request = handoff.predicate.request.as_ref();
    // To whom is not needed here, only whether the deadline ends the attempt or the handoff.
    let escalates_to = matches!(close, Some(Close::Deadline { escalates: true })).then(String::new);
    Terms {
        quorum: request.map_or(1, |request| request.quorum),
        expires_at: request.map_or(handoff.predicate.created_at, |request| request.expires_at),
        on_timeout: request.map_or(seamark_contracts::handoff::OnTimeout::Reject, |request| request.on_timeout),
        escalates_to,
    }
}

fn counted(ballot: &Ballot<'_>, state: &State) -> CountedDecision {
    let decision = &ballot.decision.predicate;
    let why = state.cast.get(&decision.decision_id).and_then(|cast| cast.not_counted);
    CountedDecision {
        digest: ballot.decision.digest,
        decision: decision.decision,
        reviewer: decision.reviewer.id.clone(),
        counted: why.is_none(),
        why,
    }
}

/// When all approvals that count allow the action.
fn intersect(ballots: &[Ballot<'_>], decisions: &[CountedDecision]) -> Option<Window> {
    let is_approval = |counted: &CountedDecision| counted.counted && counted.decision == DecisionKind::Approve;
    let approvals = ballots.iter().zip(decisions).filter(|(_, counted)| is_approval(counted));
    approvals.filter_map(|(ballot, _)| ballot.decision.predicate.constraints.clone()).reduce(|known, other| Window {
        not_before: known.not_before.max(other.not_before),
        expires_at: known.expires_at.min(other.expires_at),
        max_uses: 1,
    })
}

/// What an outcome says beside what follows from the decisions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutcomeParts {
    pub outcome_id: OutcomeId,
    /// Digest of the handoff statement that takes the place; exactly with superseded.
    pub superseded_by: Option<Digest>,
    /// A head of the ledger that holds all the decisions.
    pub ledger: SeenCheckpoint,
    /// The gateway's outcome key.
    pub formed_by: KeyId,
    /// Gateway time.
    pub formed_at: Timestamp,
}

/// Why no outcome is formed.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum FormError {
    #[error("attempt is still open")]
    Open,
    #[error("approvals allow no common time")]
    NoWindow,
    #[error("handoff asks for no decision")]
    NoRequest,
}

/// Forms the outcome of an attempt.
///
/// # Errors
/// [`FormError`] when decisions and closing event do not end it, or the approvals' windows do not meet.
pub fn form_outcome(
    handoff: &Verified<HandoffStatement>,
    ballots: &[Ballot<'_>],
    close: Option<&Close>,
    parts: OutcomeParts,
) -> Result<OutcomePredicate, FormError> {
    let predicate = &handoff.predicate;
    let request = predicate.request.as_ref().ok_or(FormError::NoRequest)?;
    let count = recount(handoff, ballots, close, parts.formed_at);
    let ending = count.ending.ok_or(FormError::Open)?;
    let has_window = count.window.as_ref().is_none_or(|window| window.not_before < window.expires_at);
    if !has_window {
        return Err(FormError::NoWindow);
    }
    Ok(OutcomePredicate {
        outcome_id: parts.outcome_id,
        handoff_id: predicate.handoff_id,
        revision: predicate.revision,
        attempt: predicate.attempt.clone(),
        audience: predicate.destination.audience.clone(),
        correlation_id: predicate.correlation_id.clone(),
        outcome: ending.outcome,
        cause: ending.cause,
        contract: predicate.contract.clone(),
        policy: request.policy.clone(),
        quorum: count.quorum,
        decisions: count.decisions,
        window: count.window,
        superseded_by: parts.superseded_by,
        ledger: parts.ledger,
        formed_by: parts.formed_by.to_string(),
        formed_at: parts.formed_at,
    })
}

/// Why an outcome does not follow.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum OutcomeFault {
    #[error("handoff asks for no decision")]
    NoRequest,
    #[error("outcome is about another handoff statement")]
    OtherHandoff,
    #[error("{0} of the outcome is not that of the handoff")]
    Binding(&'static str),
    #[error("decisions of the outcome are not those that were recorded, or are counted in another way")]
    Decisions,
    #[error("outcome does not follow from the decisions")]
    Ending,
    #[error("quorum of the outcome is not the one that was reached")]
    Quorum,
    #[error("window of the outcome is not what the approvals allow")]
    Window,
    #[error("outcome was formed before a decision that it lists")]
    Time,
}

/// Checks that an outcome follows from the verified decisions of its attempt, in ledger order, and from nothing else.
///
/// A withdrawal or a new revision is the source's own act: here it is only checked that no decision came before it that
/// would have ended the attempt; its ledger entry proves the rest.
///
/// # Errors
/// [`OutcomeFault`] for the first thing that does not follow.
pub fn check_outcome(
    outcome: &Verified<OutcomeStatement>,
    handoff: &Verified<HandoffStatement>,
    ballots: &[Ballot<'_>],
) -> Result<Recount, OutcomeFault> {
    let says = &outcome.predicate;
    if outcome.subject != [Subject::handoff(handoff.predicate.handoff_id, handoff.digest)] {
        return Err(OutcomeFault::OtherHandoff);
    }
    check_bindings(says, handoff)?;
    let latest = ballots.iter().map(|ballot| ballot.recorded_at).max();
    if latest.is_some_and(|latest| latest > says.formed_at) {
        return Err(OutcomeFault::Time);
    }
    let close = closing(says, ballots);
    let count = recount(handoff, ballots, close.as_ref(), says.formed_at);
    if count.decisions != says.decisions {
        return Err(OutcomeFault::Decisions);
    }
    let is_same = |ending: Ending| ending.outcome == says.outcome && ending.cause == says.cause;
    if !count.ending.is_some_and(is_same) {
        return Err(OutcomeFault::Ending);
    }
    if count.quorum != says.quorum {
        return Err(OutcomeFault::Quorum);
    }
    if count.window == says.window { Ok(count) } else { Err(OutcomeFault::Window) }
}

fn check_bindings(says: &OutcomePredicate, handoff: &HandoffStatement) -> Result<(), OutcomeFault> {
    let predicate = &handoff.predicate;
    let request = predicate.request.as_ref().ok_or(OutcomeFault::NoRequest)?;
    let bindings = [
        ("revision", says.revision == predicate.revision),
        ("attempt", says.attempt == predicate.attempt),
        ("audience", says.audience == predicate.destination.audience),
        ("correlation id", says.correlation_id == predicate.correlation_id),
        ("contract", says.contract == predicate.contract),
        ("policy", says.policy == request.policy),
    ];
    match bindings.iter().find(|(_, is_same)| !is_same) {
        Some((name, _)) => Err(OutcomeFault::Binding(name)),
        None => Ok(()),
    }
}

/// The closing event that an outcome of this cause needs; none when the decisions alone have to lead to it.
fn closing(says: &OutcomePredicate, ballots: &[Ballot<'_>]) -> Option<Close> {
    let hands_on = |ballot: &Ballot<'_>| {
        ballot.decision.predicate.decision == DecisionKind::Escalate && ballot.eligibility == Eligibility::Eligible
    };
    let was_handed_on = ballots.iter().any(hands_on);
    match says.cause {
        OutcomeCause::PolicyMet | OutcomeCause::Veto => None,
        OutcomeCause::NewAttempt if was_handed_on => None,
        OutcomeCause::NewAttempt => Some(Close::Deadline { escalates: true }),
        OutcomeCause::Deadline => Some(Close::Deadline { escalates: false }),
        OutcomeCause::Source => Some(Close::Withdrawn(Withdrawer::Source)),
        OutcomeCause::FallbackOwner => Some(Close::Withdrawn(Withdrawer::FallbackOwner)),
        OutcomeCause::NewRevision => Some(Close::NewRevision),
    }
}
