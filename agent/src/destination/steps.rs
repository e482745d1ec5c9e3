//! The nine steps by name, and how each came out.

use seamark_contracts::id::HandoffId;
use seamark_ledger::verify::{ApprovedAction, ClaimId, Report, Verdict};
use serde::Serialize;

use super::{Attempts, Destination, Standing};

/// A step of the gate, in the order in which they are taken. Source: FORMATS.md §12.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    Proof,
    Audience,
    Attempt,
    Window,
    Masks,
    Log,
    Use,
    Act,
    Report,
}

impl Step {
    /// From 1 to 9.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8 + 1
    }

    /// As in answers: one lowercase word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Proof => "proof",
            Self::Audience => "audience",
            Self::Attempt => "attempt",
            Self::Window => "window",
            Self::Masks => "masks",
            Self::Log => "log",
            Self::Use => "use",
            Self::Act => "act",
            Self::Report => "report",
        }
    }

    /// The step that a claim belongs to. What is no other step's is part of the proof, so that no claim is left out.
    const fn of_claim(claim: ClaimId) -> Self {
        match claim {
            ClaimId::Audience => Self::Audience,
            ClaimId::Window => Self::Window,
            ClaimId::Masks => Self::Masks,
            ClaimId::Checkpoint | ClaimId::Witnesses | ClaimId::Inclusion => Self::Log,
            _ => Self::Proof,
        }
    }
}

/// How a step came out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StepResult {
    pub step: Step,
    pub verdict: Verdict,
    /// What was found, as a sentence; never a hidden value.
    pub sentence: String,
}

impl StepResult {
    pub(crate) fn pass(step: Step, sentence: impl Into<String>) -> Self {
        Self { step, verdict: Verdict::Pass, sentence: sentence.into() }
    }

    pub(crate) fn fail(step: Step, sentence: impl Into<String>) -> Self {
        Self { step, verdict: Verdict::Fail, sentence: sentence.into() }
    }

    pub(crate) fn unknown(step: Step, sentence: impl Into<String>) -> Self {
        Self { step, verdict: Verdict::Unknown, sentence: sentence.into() }
    }
}

/// The first six steps out of the claims and the attempt's own step.
pub(super) fn of_report(report: &Report, attempt: StepResult) -> Vec<StepResult> {
    let of = |step: Step| {
        let claims: Vec<_> = report.claims.iter().filter(|claim| Step::of_claim(claim.id) == step).collect();
        // The worst claim speaks for the step; of several the first, from which the others mostly follow.
        let worst = claims.iter().map(|claim| claim.verdict).max();
        let Some(verdict) = worst else {
            return StepResult::unknown(step, "Not checked, because an earlier step did not pass.");
        };
        let says: Vec<&str> = claims
            .iter()
            .filter(|claim| claim.verdict == verdict)
            .take(if verdict == Verdict::Pass { usize::MAX } else { 1 })
            .map(|claim| claim.sentence.as_str())
            .collect();
        StepResult { step, verdict, sentence: says.join(" ") }
    };
    vec![of(Step::Proof), of(Step::Audience), attempt, of(Step::Window), of(Step::Masks), of(Step::Log)]
}

/// Step 3: the verified handoff names this destination's agent, and its attempt is free on this disk.
pub(super) fn judge_attempt(
    itself: &Destination,
    attempts: Option<&Attempts>,
    id: Option<HandoffId>,
    action: Option<&ApprovedAction>,
) -> StepResult {
    let step = Step::Attempt;
    let Some(action) = action else {
        return StepResult::unknown(step, "Not checked, because another step did not pass.");
    };
    if id.is_some_and(|id| id != action.handoff_id) {
        return StepResult::fail(step, format!("The delivery is of another handoff, {}.", action.handoff_id));
    }
    if action.destination != itself.agent {
        return StepResult::fail(
            step,
            format!("It is for {} to act on, and this is {}.", action.destination, itself.agent),
        );
    }
    let Some(attempts) = attempts else {
        return StepResult::pass(step, "It is this destination's; the gateway alone says whether it was used.");
    };
    match attempts.standing(&action.attempt) {
        Ok(Standing::Free) => StepResult::pass(step, "It is this destination's, and was not used here."),
        Ok(Standing::Used { used, .. } | Standing::Ended { used, .. }) => {
            StepResult::fail(step, format!("It was used here at {}; it is never acted on again.", used.used_at))
        }
        Err(error) => StepResult::unknown(step, format!("Whether it was used here cannot be read: {error}.")),
    }
}
