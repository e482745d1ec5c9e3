//! A handoff: what an agent submits, and what the gateway signs of it.
//!
//! [`Submission`] is what arrives. [`HandoffPredicate`] is what the gateway signs at admission: the same facts with every
//! sensitive field replaced by a salted commitment, plus what the gateway itself found out. Source: FORMATS.md §5.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::clock::Timestamp;
use crate::id::{AgentUrn, HandoffId, UserUrn};
use crate::text::{MAX_ID_CHARS, MAX_TEXT_CHARS, MAX_TITLE_CHARS};

pub mod bounds;
mod signed;

pub use signed::{
    Action, Artifact, ChainLink, ChainStatus, Comparison, ContractRef, Counterparty, Destination, EscalatedFrom,
    GateResult, HandoffPredicate, Mask, MaskKind, OnTimeout, Parent, PolicyRef, ReviewRequest, RuleKind, RuleOutcome,
    RuleResult, Source, Tier, Verdict,
};

/// The agent that hands over, as it describes itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SubmittedSource {
    /// The source agent; must be the one that the contract names.
    pub agent: AgentUrn,
    /// Its semantic version; must lie in the contract's range.
    pub version: String,
    /// The person for whom it acts. That person may not decide (invariant B4).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_behalf_of: Option<UserUrn>,
    /// The run or conversation of the agent, for finding it in the agent's own logs. 1 to 200 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = bounds::MAX_RUN_CHARS))]
    pub run: Option<String>,
}

/// The agent that is to act.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SubmittedDestination {
    /// The destination agent; must be the one that the contract names.
    pub agent: AgentUrn,
    /// Its semantic version, or `*` when any version within the contract's range may act.
    pub version: String,
}

/// Which contract, exactly.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct ContractId {
    /// As in `refund.issue`.
    pub name: String,
    /// An exact semantic version, as in `1.2.0`.
    pub version: String,
}

impl std::fmt::Display for ContractId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.name, self.version)
    }
}

/// A step of the task, done or under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct Step {
    /// Unique within the handoff. 1 to 100 characters.
    pub id: String,
    /// What the step is, for people. 1 to 200 characters.
    pub title: String,
}

/// A step of the task that was not done, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct OpenStep {
    /// Unique within the handoff. 1 to 100 characters.
    pub id: String,
    /// What the step is, for people. 1 to 200 characters.
    pub title: String,
    /// Why it was not done. 1 to 500 characters.
    pub reason: String,
}

/// Where the task stands. Every list is present, `[]` when empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct TaskState {
    pub completed: Vec<Step>,
    pub in_progress: Vec<Step>,
    pub skipped: Vec<OpenStep>,
    pub deferred: Vec<OpenStep>,
}

/// What the person wanted, in that person's own words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SubmittedIntent {
    /// Who said it; absent when it was a customer who has no identity here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<UserUrn>,
    /// When it was said.
    pub at: Timestamp,
    /// Verbatim; 1 to 8,000 characters.
    #[schemars(length(min = 1, max = MAX_TEXT_CHARS))]
    pub text: String,
}

/// Who set a constraint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub enum ConstraintOrigin {
    User,
    Policy,
    Contract,
    Agent,
}

/// A limit that the destination has to keep.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct Constraint {
    /// Unique within the handoff. 1 to 100 characters.
    pub id: String,
    pub origin: ConstraintOrigin,
    /// 1 to 500 characters; no masked value may stand in it.
    pub text: String,
}

/// One part of a tool result. Source: MCP `CallToolResult.content`, text only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "lowercase", deny_unknown_fields)]
pub enum ContentPart {
    Text { text: String },
}

/// What a tool answered. Source: MCP `CallToolResult`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ToolResult {
    pub is_error: bool,
    #[serde(default)]
    #[schemars(length(max = bounds::MAX_CONTENT_PARTS))]
    pub content: Vec<ContentPart>,
    /// The typed answer; what the contract's `tool_outputs` schema describes. A JSON object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Map<String, Value>>")]
    pub structured_content: Option<Value>,
}

/// One tool call of the source agent with its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ToolOutput {
    /// Unique within the handoff; `a-z 0-9 _ -`, 1 to 100 characters. Contracts name it in `tool_outputs.ID`.
    #[schemars(extend("pattern" = "^[a-z0-9_-]{1,100}$"))]
    pub id: String,
    /// The tool's name, as in `orders.get`. 1 to 200 characters.
    #[schemars(length(min = 1, max = MAX_TITLE_CHARS))]
    pub tool: String,
    /// The step of the task state that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = MAX_ID_CHARS))]
    pub step: Option<String>,
    /// When the answer came.
    pub at: Timestamp,
    /// The call's arguments. A JSON object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Map<String, Value>>")]
    pub args: Option<Value>,
    pub result: ToolResult,
}

/// How an automatic check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub enum EvaluationResult {
    Pass,
    Warn,
    Fail,
}

/// An automatic check that the source ran before handing over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct Evaluation {
    pub step: String,
    pub evaluator: String,
    pub version: String,
    pub result: EvaluationResult,
    /// A decimal string.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// A file that comes with a submission, inline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SubmittedArtifact {
    /// A file name without a path. 1 to 120 characters.
    #[schemars(length(min = 1, max = bounds::MAX_FILE_NAME_CHARS), extend("pattern" = r"^[^/\\]+$"))]
    pub name: String,
    /// One of those that the contract's `artifacts` list allows.
    pub media_type: String,
    /// The file's bytes, standard base64 with padding; at most 1,048,576 bytes.
    #[schemars(length(max = 1_398_104), extend("contentEncoding" = "base64"))]
    pub content: String,
}

/// Free text by the agent. It is shown fenced and last, and no rule, template or prompt reads it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SubmittedNarrative {
    /// 1 to 8,000 characters.
    #[schemars(length(min = 1, max = MAX_TEXT_CHARS))]
    pub text: String,
}

/// The earlier handoff of the same task out of which this one came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SubmittedParent {
    pub handoff_id: HandoffId,
}

/// What an agent submits: `POST /v1/handoffs`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Submission {
    /// Chosen by the submitter; the same id with the same bytes is the same handoff for ever (invariant A1).
    pub handoff_id: HandoffId,
    /// Groups the handoffs of one task. 1 to 100 visible ASCII characters.
    #[schemars(extend("pattern" = "^[!-~]{1,100}$"))]
    pub correlation_id: String,
    /// The earlier handoff, submitted with the same key and correlation id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<SubmittedParent>,
    /// W3C Trace Context `traceparent`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    pub source: SubmittedSource,
    pub destination: SubmittedDestination,
    pub contract: ContractId,
    /// A closer fallback owner than the contract's: a role or team name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("pattern" = "^[a-z0-9][a-z0-9._-]{0,99}$"))]
    pub fallback_owner: Option<String>,
    #[schemars(schema_with = "bounds::task_state")]
    pub task_state: TaskState,
    pub intent: SubmittedIntent,
    #[schemars(schema_with = "bounds::constraints")]
    pub constraints: Vec<Constraint>,
    #[schemars(length(max = bounds::MAX_TOOL_OUTPUTS))]
    pub tool_outputs: Vec<ToolOutput>,
    /// What the contract's `payload` schema describes. A JSON object.
    #[schemars(with = "Map<String, Value>")]
    pub payload: Value,
    #[serde(default)]
    #[schemars(schema_with = "bounds::evaluations")]
    pub evaluations: Vec<Evaluation>,
    #[serde(default)]
    #[schemars(length(max = bounds::MAX_ARTIFACTS))]
    pub artifacts: Vec<SubmittedArtifact>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub narrative: Option<SubmittedNarrative>,
    /// The source's own clock when it submitted.
    pub submitted_at: Timestamp,
}
