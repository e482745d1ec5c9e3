//! The shipped cases: what the simulated agents hand over.

use seamark_contracts::clock::{Chance, Timestamp};
use seamark_contracts::handoff::{
    Constraint, ContractId, Evaluation, Submission, SubmittedArtifact, SubmittedDestination, SubmittedIntent,
    SubmittedNarrative, SubmittedParent, SubmittedSource, TaskState, ToolOutput, ToolResult,
};
use seamark_contracts::id::{HandoffId, UserUrn};
use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;

/// The data set, a file per branch of business.
const FILES: [(&str, &str); 4] = [
    ("refunds", include_str!("../../data/refunds.json")),
    ("offers", include_str!("../../data/offers.json")),
    ("articles", include_str!("../../data/articles.json")),
    ("travel", include_str!("../../data/travel.json")),
];

/// Why the data set cannot be used. It is part of this program, so this is a fault of the build.
#[derive(Debug, Error)]
#[error("read the demo cases of {file}")]
pub struct CasesError {
    pub file: &'static str,
    #[source]
    pub source: serde_json::Error,
}

/// How good a case is, which only its author knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Nothing wrong with it.
    Plain,
    /// Two reasonable people may differ.
    Borderline,
    /// It should not be done.
    Wrong,
}

/// What the gateway does with a handoff under the shipped contracts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Expected {
    /// A person is asked.
    Open,
    /// It passes at once.
    Passed,
    /// It is refused.
    Refused,
}

/// One believable task with its handoffs, first to last; each is the parent of the next.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Case {
    /// Lowercase words with hyphens; unique.
    pub id: String,
    pub kind: Kind,
    /// What is in it, for who maintains the data set. Never sent.
    pub about: String,
    pub handoffs: Vec<CaseHandoff>,
}

/// One handoff of a case, with times relative to its submission.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CaseHandoff {
    pub expected: Expected,
    /// With refused: a JSON Pointer that the refusal names.
    #[serde(default)]
    pub refused_at: Option<String>,
    pub contract: ContractId,
    pub source: SubmittedSource,
    pub destination: SubmittedDestination,
    pub intent: CaseIntent,
    #[serde(default)]
    pub constraints: Vec<Constraint>,
    #[serde(default)]
    pub tool_outputs: Vec<CaseToolOutput>,
    #[serde(default)]
    pub task_state: TaskState,
    pub payload: Value,
    #[serde(default)]
    pub evaluations: Vec<Evaluation>,
    #[serde(default)]
    pub artifacts: Vec<SubmittedArtifact>,
    #[serde(default)]
    pub narrative: Option<String>,
    #[serde(default)]
    pub fallback_owner: Option<String>,
    /// With a code: the simulated executor fails with it although everything verifies.
    #[serde(default)]
    pub act_fails: Option<String>,
}

/// What the customer or colleague said.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CaseIntent {
    #[serde(default)]
    pub author: Option<UserUrn>,
    pub minutes_before: u32,
    pub text: String,
}

/// What a tool answered.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CaseToolOutput {
    pub id: String,
    pub tool: String,
    #[serde(default)]
    pub step: Option<String>,
    pub minutes_before: u32,
    #[serde(default)]
    pub args: Option<Value>,
    pub result: ToolResult,
}

/// Every case of the data set, in the order of the files.
///
/// # Errors
/// [`CasesError`] when a file of the build is damaged.
pub fn read_cases() -> Result<Vec<Case>, CasesError> {
    let mut cases = Vec::new();
    for (file, text) in FILES {
        let some: Vec<Case> = serde_json::from_str(text).map_err(|source| CasesError { file, source })?;
        cases.extend(some);
    }
    Ok(cases)
}

/// When and under which ids a case's handoff goes out.
#[derive(Clone, Debug)]
pub struct Placement<'a> {
    pub correlation_id: &'a str,
    pub parent: Option<HandoffId>,
    pub at: Timestamp,
    /// Gives the random part of the handoff id.
    pub chance: &'a dyn Chance,
}

impl CaseHandoff {
    /// The submission that this handoff becomes. The same placement gives the same submission.
    #[must_use]
    pub fn place(&self, placement: &Placement<'_>) -> Submission {
        let at = placement.at;
        let before = |minutes: u32| at.plus_ms(i64::from(minutes).saturating_mul(-60_000));
        let tool_outputs = self
            .tool_outputs
            .iter()
            .map(|output| ToolOutput {
                id: output.id.clone(),
                tool: output.tool.clone(),
                step: output.step.clone(),
                at: before(output.minutes_before),
                args: output.args.clone(),
                result: output.result.clone(),
            })
            .collect();
        Submission {
            handoff_id: HandoffId::make(at, placement.chance),
            correlation_id: placement.correlation_id.to_owned(),
            parent: placement.parent.map(|handoff_id| SubmittedParent { handoff_id }),
            traceparent: None,
            source: self.source.clone(),
            destination: self.destination.clone(),
            contract: self.contract.clone(),
            fallback_owner: self.fallback_owner.clone(),
            task_state: self.task_state.clone(),
            intent: SubmittedIntent {
                author: self.intent.author.clone(),
                at: before(self.intent.minutes_before),
                text: self.intent.text.clone(),
            },
            constraints: self.constraints.clone(),
            tool_outputs,
            payload: self.payload.clone(),
            evaluations: self.evaluations.clone(),
            artifacts: self.artifacts.clone(),
            narrative: self.narrative.clone().map(|text| SubmittedNarrative { text }),
            submitted_at: at,
        }
    }
}

#[cfg(test)]
mod tests;
