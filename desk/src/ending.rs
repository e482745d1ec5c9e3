//! How a review came to its end, in words: what happened, what it means, what is left to do.
//!
//! The contract's own sentences say what follows for money or goods; they are taken from the view that was verified. Without
//! one only the general words remain.

use seamark_contracts::api::review::{DecisionSummary, ReviewDocument, ReviewState};
use seamark_contracts::clock::Timestamp;
use seamark_contracts::decision::DecisionKind;
use seamark_contracts::outcome::OutcomeCause;
use seamark_contracts::view::View;

use crate::core::{Enrolled, Inner};
use crate::words;

/// The end of a review.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ending {
    /// What happened: one sentence.
    pub text: String,
    /// What it means and what to do.
    pub meaning: String,
}

impl Ending {
    fn new(text: impl Into<String>, meaning: impl Into<String>) -> Self {
        Self { text: text.into(), meaning: meaning.into() }
    }

    /// Both, for where there is one place.
    pub(crate) fn sentences(&self) -> String {
        format!("{} {}", self.text, self.meaning)
    }
}

/// The decision that ended a review: the counted one, or the escalation that handed it on.
pub(crate) fn deciding(document: &ReviewDocument) -> Option<&DecisionSummary> {
    let is_escalation = document.state == ReviewState::Superseded;
    document
        .decisions
        .iter()
        .rev()
        .find(|decision| if is_escalation { decision.decision == DecisionKind::Escalate } else { decision.counted })
}

/// Whether nothing can be decided any more: it ended, or its deadline is past, noticed by the gateway or not.
pub(crate) fn is_over(document: &ReviewDocument, now: Timestamp) -> bool {
    document.state != ReviewState::Open || now >= document.expires_at
}

impl Inner {
    /// How `document` ended; `view` is what this desk rebuilt of it, when it could. Only for one that [`is_over`].
    pub(crate) fn ending(&self, enrolled: &Enrolled, document: &ReviewDocument, view: Option<&View>) -> Ending {
        let at = document.outcome.as_ref().map_or(document.expires_at, |outcome| outcome.formed_at);
        let when = self.calendar.at_moment(at, self.now());
        let source = view.map_or("The agent", |view| view.source.as_str());
        match document.state {
            ReviewState::Approved => self.approved(enrolled, document, view, &when),
            ReviewState::Rejected => rejected(enrolled, document, view, &when),
            ReviewState::Open | ReviewState::Expired => {
                let deadline = self.calendar.at_moment(document.expires_at, self.now());
                expired(view, &deadline)
            }
            ReviewState::Withdrawn => {
                let is_owner =
                    document.outcome.as_ref().is_some_and(|outcome| outcome.cause == OutcomeCause::FallbackOwner);
                let who = if is_owner { "Its fallback owner" } else { source };
                Ending::new(
                    format!("{who} took this handoff back {when}."),
                    "Nothing is done, and no decision is needed any more. What you had written is kept as a draft and was \
                     not sent. Nothing is left for you to do.",
                )
            }
            ReviewState::Superseded => replaced(enrolled, document, source, &when),
        }
    }

    fn approved(&self, enrolled: &Enrolled, document: &ReviewDocument, view: Option<&View>, when: &str) -> Ending {
        let follows = branch(view, Some(DecisionKind::Approve)).map(|text| format!("What follows: {text}"));
        let follows = follows.unwrap_or_else(|| "The action goes ahead.".to_owned());
        match decider(enrolled, document) {
            Decider::Own => Ending::new(format!("You approved this {when}."), follows),
            Decider::Other(name) => {
                let owner = view.map(|view| format!(" and {}", words::role_words(&view.fallback_owner)));
                Ending::new(
                    format!("{name} approved this {when}, before you."),
                    format!(
                        "That decision came first and stands; yours is no longer asked for. {follows} If you think that it \
                         is wrong, tell {name}{} at once.",
                        owner.unwrap_or_default()
                    ),
                )
            }
            Decider::Nobody => Ending::new(format!("This was approved {when}."), follows),
        }
    }
}

enum Decider<'d> {
    Own,
    Other(&'d str),
    Nobody,
}

fn decider<'d>(enrolled: &Enrolled, document: &'d ReviewDocument) -> Decider<'d> {
    match deciding(document) {
        Some(decision) if decision.reviewer == enrolled.person().id => Decider::Own,
        Some(decision) => Decider::Other(&decision.reviewer_name),
        None => Decider::Nobody,
    }
}

/// What the contract says that an answer, or none, leads to.
fn branch(view: Option<&View>, option: Option<DecisionKind>) -> Option<&str> {
    view?.branches.iter().find(|branch| branch.option == option).map(|branch| branch.text.as_str())
}

fn rejected(enrolled: &Enrolled, document: &ReviewDocument, view: Option<&View>, when: &str) -> Ending {
    let nothing = view.map_or_else(
        || "Nothing is done, because only an approval is acted on.".to_owned(),
        |view| format!("Nothing is done: {} acts on approvals only. {} has the reason.", view.destination, view.source),
    );
    let text = match decider(enrolled, document) {
        Decider::Own => return Ending::new(format!("You rejected this {when}."), nothing),
        Decider::Other(name) => format!("{name} rejected this {when}, before you."),
        Decider::Nobody => format!("This was rejected {when}."),
    };
    Ending::new(
        text,
        format!(
            "That decision came first and stands. {nothing} If it is handed over again it comes back to the inbox."
        ),
    )
}

fn expired(view: Option<&View>, deadline: &str) -> Ending {
    let follows = branch(view, None).map_or(String::new(), |text| format!(" {text}"));
    let again = view.map_or_else(
        || "it has to be handed over again.".to_owned(),
        |view| format!("{} has to hand it over again.", view.source),
    );
    Ending::new(
        format!("The deadline passed {deadline} without an answer."),
        format!(
            "A decision has no effect any more, and silence never approves.{follows} If it is still wanted, {again}"
        ),
    )
}

fn replaced(enrolled: &Enrolled, document: &ReviewDocument, source: &str, when: &str) -> Ending {
    let is_attempt = document.outcome.as_ref().is_some_and(|outcome| outcome.cause == OutcomeCause::NewAttempt);
    if !is_attempt {
        return Ending::new(
            format!("{source} replaced this with a changed version {when}."),
            "What you see here no longer holds: it can no longer be approved, and nothing was done with it. Judge the new \
             version instead.",
        );
    }
    let text = match decider(enrolled, document) {
        Decider::Own => format!("You escalated this {when}."),
        Decider::Other(name) => format!("{name} escalated this {when}."),
        Decider::Nobody => format!("Nobody answered in time, so this went on to the next level {when}."),
    };
    Ending::new(text, "Nothing was done so far. Whoever it went to decides now; nothing is left for you to do here.")
}
