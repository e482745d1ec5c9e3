//! The review as a state machine: what a decision, a deadline, a withdrawal or a new revision does to it.
//!
//! Pure: `(state, event, now) -> (state, effects)`. The gateway runs it inside the transaction that records the event, so
//! commit order and gateway time decide (invariant B6); the effects say what else has to be recorded in it.
//!
//! Does not know: signatures, keys, roles, authority limits. Whoever calls has judged them and says so with
//! [`Eligibility`].

use std::collections::{BTreeMap, BTreeSet};

use crate::clock::Timestamp;
use crate::decision::DecisionKind;
use crate::handoff::OnTimeout;
use crate::id::{DecisionId, UserUrn};
use crate::outcome::{NotCounted, OutcomeCause, OutcomeKind, Quorum};

#[cfg(test)]
mod tests;

/// What was agreed before the review opened. It never changes while the review lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Distinct persons that have to approve; at least 1.
    pub quorum: u32,
    /// From this moment on nothing is approved any more.
    pub expires_at: Timestamp,
    /// What silence leads to. It never approves (invariant B7).
    pub on_timeout: OnTimeout,
    /// To whom the deadline escalates, when it does and has not done so before.
    pub escalates_to: Option<String>,
}

/// A recorded decision, as the state machine remembers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cast {
    pub person: UserUrn,
    pub decision: DecisionKind,
    /// Absent: it counts.
    pub not_counted: Option<NotCounted>,
}

/// How a review ended. Final (invariant B2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ending {
    pub outcome: OutcomeKind,
    pub cause: OutcomeCause,
    pub at: Timestamp,
}

/// One review of one attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    pub terms: Terms,
    /// Every recorded decision, late ones too.
    pub cast: BTreeMap<DecisionId, Cast>,
    /// Absent while the review is open.
    pub ending: Option<Ending>,
}

/// Whether a verified decision may contribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Eligibility {
    Eligible,
    /// It is recorded and does not count, for this reason.
    Not(NotCounted),
}

/// Who takes a handoff back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Withdrawer {
    Source,
    FallbackOwner,
}

/// What happens to a review.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A verified, signed decision.
    Decide {
        id: DecisionId,
        person: UserUrn,
        decision: DecisionKind,
        eligibility: Eligibility,
        escalate_to: Option<String>,
    },
    /// A timer says that the deadline may have passed.
    Deadline,
    Withdraw(Withdrawer),
    /// The source changed the content: a new revision takes this one's place.
    Supersede,
}

/// What has to be recorded together with the new state, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Record the decision (`decision.recorded`); `not_counted` says why it does not contribute.
    Record { id: DecisionId, not_counted: Option<NotCounted> },
    /// Record the decision as late (`decision.late`); it never counts.
    RecordLate { id: DecisionId },
    /// The decision is known: answer as the first time and change nothing (invariant B9).
    Repeat { id: DecisionId },
    /// Form the outcome (`outcome.formed`).
    Conclude { ending: Ending, quorum: Quorum },
    /// Open a new attempt with these candidates. Its decisions start from nothing.
    OpenAttempt { to: String, by: AttemptCause },
    /// There is an outcome already; nothing was changed.
    TooLate,
}

/// Why a new attempt is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttemptCause {
    /// A person escalated: the deadline keeps running.
    Person,
    /// The deadline did: a new deadline, and the next one ends the review.
    Deadline,
}

impl State {
    /// A review that has just been opened.
    #[must_use]
    pub fn open(terms: Terms) -> Self {
        Self { terms, cast: BTreeMap::new(), ending: None }
    }

    /// Distinct persons whose approval counts. Counted per person, never per key, device or decision (invariant B3).
    #[must_use]
    pub fn approvers(&self) -> BTreeSet<&UserUrn> {
        let approvals = self.cast.values().filter(|cast| cast.decision == DecisionKind::Approve);
        approvals.filter(|cast| cast.not_counted.is_none()).map(|cast| &cast.person).collect()
    }

    /// Takes the weight from approvals whose person ended, or lost the key or role that approved, at or before `now`
    /// (invariant B10). `ends` has the first moment without it, for those that have one. Called before [`step`], with the
    /// same moment; a review that has its outcome stays as it is (B2).
    pub fn lapse(&mut self, ends: &BTreeMap<DecisionId, Timestamp>, now: Timestamp) {
        if self.ending.is_some() {
            return;
        }
        // While a review is open, only approvals count: a reject or an escalation would have ended it.
        for (id, cast) in self.cast.iter_mut().filter(|(_, cast)| cast.not_counted.is_none()) {
            if ends.get(id).is_some_and(|end| *end <= now) {
                cast.not_counted = Some(NotCounted::Role);
            }
        }
    }

    fn quorum(&self) -> Quorum {
        let reached = u32::try_from(self.approvers().len()).unwrap_or(u32::MAX);
        Quorum { required: self.terms.quorum, reached }
    }

    fn conclude(&mut self, outcome: OutcomeKind, cause: OutcomeCause, at: Timestamp, effects: &mut Vec<Effect>) {
        let ending = Ending { outcome, cause, at };
        self.ending = Some(ending);
        effects.push(Effect::Conclude { ending, quorum: self.quorum() });
    }

    /// Ends the review when its deadline has passed. Called before every event, so that a slow timer changes nothing:
    /// gateway time alone decides (invariants B6, B7).
    fn expire(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        if self.ending.is_some() || now < self.terms.expires_at {
            return;
        }
        match (self.terms.on_timeout, self.terms.escalates_to.clone()) {
            (OnTimeout::Escalate, Some(to)) => {
                self.conclude(OutcomeKind::Superseded, OutcomeCause::NewAttempt, now, effects);
                effects.push(Effect::OpenAttempt { to, by: AttemptCause::Deadline });
            }
            (OnTimeout::Escalate, None) | (OnTimeout::Reject, _) => {
                self.conclude(OutcomeKind::Expired, OutcomeCause::Deadline, now, effects);
            }
        }
    }

    fn decide(&mut self, decision: Decision, now: Timestamp, effects: &mut Vec<Effect>) {
        let Decision { id, person, decision, eligibility, escalate_to } = decision;
        if self.cast.contains_key(&id) {
            effects.push(Effect::Repeat { id });
            return;
        }
        if self.ending.is_some() {
            self.cast.insert(id, Cast { person, decision, not_counted: Some(NotCounted::Late) });
            effects.push(Effect::RecordLate { id });
            return;
        }
        let has_counted = self.cast.values().any(|cast| cast.person == person && cast.not_counted.is_none());
        let not_counted = match eligibility {
            Eligibility::Not(why) => Some(why),
            Eligibility::Eligible if has_counted => Some(NotCounted::DuplicatePerson),
            Eligibility::Eligible => None,
        };
        // An escalation contributes to nothing, whoever makes it (invariant B8); only an eligible one closes the attempt.
        let escalates = decision == DecisionKind::Escalate && not_counted.is_none();
        let recorded = if escalates { Some(NotCounted::Escalated) } else { not_counted };
        self.cast.insert(id, Cast { person, decision, not_counted: recorded });
        effects.push(Effect::Record { id, not_counted: recorded });
        if not_counted.is_some() {
            return;
        }
        match decision {
            DecisionKind::Reject => self.conclude(OutcomeKind::Rejected, OutcomeCause::Veto, now, effects),
            DecisionKind::Escalate => {
                self.conclude(OutcomeKind::Superseded, OutcomeCause::NewAttempt, now, effects);
                if let Some(to) = escalate_to {
                    effects.push(Effect::OpenAttempt { to, by: AttemptCause::Person });
                }
            }
            DecisionKind::Approve => {
                let quorum = self.quorum();
                // A quorum of nobody would approve by itself; one person is the least (invariant B7).
                if quorum.reached >= quorum.required.max(1) {
                    self.conclude(OutcomeKind::Approved, OutcomeCause::PolicyMet, now, effects);
                }
            }
        }
    }
}

/// The fields of [`Event::Decide`].
struct Decision {
    id: DecisionId,
    person: UserUrn,
    decision: DecisionKind,
    eligibility: Eligibility,
    escalate_to: Option<String>,
}

/// What `event` at the gateway time `now` makes of `state`. Total: every event has an answer in every state.
#[must_use]
pub fn step(mut state: State, event: Event, now: Timestamp) -> (State, Vec<Effect>) {
    let mut effects = Vec::new();
    // ORDER: the deadline first. A decision that is recorded after it is late, however early it was signed.
    state.expire(now, &mut effects);
    match event {
        Event::Decide { id, person, decision, eligibility, escalate_to } => {
            state.decide(Decision { id, person, decision, eligibility, escalate_to }, now, &mut effects);
        }
        Event::Deadline => {}
        Event::Withdraw(_) | Event::Supersede if state.ending.is_some() => effects.push(Effect::TooLate),
        Event::Withdraw(by) => {
            let cause = match by {
                Withdrawer::Source => OutcomeCause::Source,
                Withdrawer::FallbackOwner => OutcomeCause::FallbackOwner,
            };
            state.conclude(OutcomeKind::Withdrawn, cause, now, &mut effects);
        }
        Event::Supersede => state.conclude(OutcomeKind::Superseded, OutcomeCause::NewRevision, now, &mut effects),
    }
    (state, effects)
}
