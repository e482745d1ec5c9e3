//! Every word that the desk says itself: states, deadlines, refusals. English, calm, complete sentences.
//!
//! An error says what happened, what it means for the handoff, and what to do.

mod local;
mod refused;
mod time;

use seamark_contracts::decision::DecisionKind;
use seamark_contracts::handoff::Tier;
use seamark_contracts::outcome::{ExecutionPhase, ExecutionResult, NotCounted, OutcomeCause};

use seamark_contracts::api::agent::ResultSummary;
use seamark_contracts::api::review::ReviewState;

use crate::answer::ReviewKind;

pub use local::{LocalFault, LocalGateway};
pub use time::Calendar;

/// A keyring that gives nothing: what it means and what to do.
pub const KEYRING_LOCKED: &str = "It keeps half of your signing key. Unlock it (log in again, or open your desktop's \
    passwords program and unlock the keyring “Login”), then try again. If it is unlocked already, it no longer holds this \
    device's key: ask for a new invitation. Nothing was lost, and no new key was made.";

/// No keyring at all: what it means and what to do.
pub const KEYRING_MISSING: &str = "A keyring keeps half of your signing key. Start one in this session (GNOME Keyring, KDE \
    Wallet or KeePassXC), then try again. Nothing was lost; what you signed before is kept here.";

/// The word beside the tier's sign.
#[must_use]
pub fn tier_word(tier: Tier) -> &'static str {
    match tier {
        Tier::T0 => "Notice",
        Tier::T1 => "Low",
        Tier::T2 => "Medium",
        Tier::T3 => "High",
        Tier::T4 => "Critical",
    }
}

/// `order-desk` of `urn:seamark:agent:order-desk`.
#[must_use]
pub fn bare_name(urn: &str) -> &str {
    urn.rsplit(':').next().unwrap_or(urn)
}

/// `refund-managers` as people write it: `refund managers`.
#[must_use]
pub fn role_words(role: &str) -> String {
    role.replace(['-', '_'], " ")
}

/// What the deadline leads to, after "Expires 14:46, ".
#[must_use]
pub fn then_passed_on(role: Option<&str>) -> String {
    role.map_or_else(|| "then passed on".to_owned(), |role| format!("then passed on to {}", role_words(role)))
}

/// `refund.issue` as a heading: `Refund issue`.
#[must_use]
pub fn contract_words(name: &str) -> String {
    sentence_case(&name.replace(['.', '-', '_'], " "))
}

/// The first letter large.
#[must_use]
pub fn sentence_case(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}

/// The stored spelling of a state.
#[must_use]
pub fn state_name(state: ReviewState) -> &'static str {
    match state {
        ReviewState::Open => "open",
        ReviewState::Approved => "approved",
        ReviewState::Rejected => "rejected",
        ReviewState::Expired => "expired",
        ReviewState::Withdrawn => "withdrawn",
        ReviewState::Superseded => "superseded",
    }
}

/// The state of a stored spelling; an unknown one counts as closed.
#[must_use]
pub fn review_kind(name: &str) -> ReviewKind {
    match name {
        "open" => ReviewKind::Open,
        "approved" => ReviewKind::Approved,
        "rejected" => ReviewKind::Rejected,
        "expired" => ReviewKind::Expired,
        "withdrawn" => ReviewKind::Withdrawn,
        _ => ReviewKind::Superseded,
    }
}

/// The word for a way to end.
#[must_use]
pub fn kind_word(kind: ReviewKind) -> &'static str {
    match kind {
        ReviewKind::Open => "Open",
        ReviewKind::Approved => "Approved",
        ReviewKind::Rejected => "Rejected",
        ReviewKind::Expired => "Expired",
        ReviewKind::Withdrawn => "Withdrawn",
        ReviewKind::Superseded => "Replaced",
    }
}

/// `approve` as stored.
#[must_use]
pub fn decision_name(decision: DecisionKind) -> &'static str {
    match decision {
        DecisionKind::Approve => "approve",
        DecisionKind::Reject => "reject",
        DecisionKind::Escalate => "escalate",
    }
}

/// The decision of a stored spelling.
#[must_use]
pub fn decision_of(name: &str) -> Option<DecisionKind> {
    match name {
        "approve" => Some(DecisionKind::Approve),
        "reject" => Some(DecisionKind::Reject),
        "escalate" => Some(DecisionKind::Escalate),
        _ => None,
    }
}

/// What was done, in the past.
#[must_use]
pub fn decided_word(decision: DecisionKind) -> &'static str {
    match decision {
        DecisionKind::Approve => "approved",
        DecisionKind::Reject => "rejected",
        DecisionKind::Escalate => "escalated",
    }
}

/// Why a recorded decision does not contribute.
#[must_use]
pub fn not_counted(why: NotCounted) -> &'static str {
    match why {
        NotCounted::DuplicatePerson => "you have already decided this handoff; the first decision stands",
        NotCounted::Conflict => "the handoff was made on your behalf, and nobody decides in their own matter",
        NotCounted::Role => "your role may not decide this kind of handoff",
        NotCounted::Limit => "it is above what you may decide alone",
        NotCounted::StaleView => "the handoff had changed since it was shown to you",
        NotCounted::Escalated => "it was handed on to somebody else",
        NotCounted::Late => "it was recorded after the review had ended",
    }
}

/// Why a review ended.
#[must_use]
pub fn cause(cause: OutcomeCause) -> &'static str {
    match cause {
        OutcomeCause::PolicyMet => "Approved by everybody whose approval was needed",
        OutcomeCause::Veto => "Rejected by a reviewer",
        OutcomeCause::Deadline => "Nobody answered before the deadline",
        OutcomeCause::Source => "Taken back by the agent that submitted it",
        OutcomeCause::FallbackOwner => "Taken back by its fallback owner",
        OutcomeCause::NewRevision => "The agent sent a changed version",
        OutcomeCause::NewAttempt => "Handed on: a new review took its place",
    }
}

/// What the destination reported.
#[must_use]
pub fn result(result: &ResultSummary) -> String {
    let executor = result.executor.name();
    let code = result.code.as_deref().map(|code| format!(" ({code})")).unwrap_or_default();
    match (result.result, result.phase) {
        (ExecutionResult::Executed, _) => format!("Executed by {executor}"),
        (ExecutionResult::Failed, Some(ExecutionPhase::Gate)) => {
            format!("Refused by {executor} before doing anything{code}")
        }
        (ExecutionResult::Failed, Some(ExecutionPhase::Action)) => format!("Failed at {executor} while acting{code}"),
        (ExecutionResult::Failed, Some(ExecutionPhase::Unknown) | None) => {
            format!("Failed at {executor}; whether anything was done is not known{code}")
        }
    }
}

/// How long somebody looked: `48 s`, `3 min 5 s`, `1 h 4 min`.
#[must_use]
pub fn span(ms: u64) -> String {
    let seconds = ms / 1000;
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, s) => format!("{s} s"),
        (0, m, 0) => format!("{m} min"),
        (0, m, s) => format!("{m} min {s} s"),
        (h, 0, _) => format!("{h} h"),
        (h, m, _) => format!("{h} h {m} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_read_as_people_say_them() {
        for (ms, text) in
            [(400, "0 s"), (48_000, "48 s"), (180_000, "3 min"), (185_000, "3 min 5 s"), (3_840_000, "1 h 4 min")]
        {
            assert_eq!(span(ms), text);
        }
    }
}
