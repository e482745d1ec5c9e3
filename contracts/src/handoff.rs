//! A handoff: what an agent submits, and what the gateway signs of it.
//!
//! [`Submission`] is what arrives. [`HandoffPredicate`] is what the gateway signs at admission: the same facts with every
//! sensitive field replaced by a salted commitment, plus what the gateway itself found out. Source: FORMATS.md §5.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::clock::Timestamp;
use crate::digest::Digest;
use crate::id::{AgentUrn, HandoffId, UserUrn};
use crate::outcome::OutcomeKind;

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
    pub content: Vec<ContentPart>,
    /// The typed answer; what the contract's `tool_outputs` schema describes. A JSON object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub structured_content: Option<Value>,
}

/// One tool call of the source agent with its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ToolOutput {
    /// Unique within the handoff; `a-z 0-9 _ -`, 1 to 100 characters. Contracts name it in `tool_outputs.ID`.
    pub id: String,
    /// The tool's name, as in `orders.get`.
    pub tool: String,
    /// The step of the task state that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// When the answer came.
    pub at: Timestamp,
    /// The call's arguments. A JSON object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
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
    pub name: String,
    /// One of those that the contract's `artifacts` list allows.
    pub media_type: String,
    /// The file's bytes, standard base64 with padding.
    pub content: String,
}

/// Free text by the agent. It is shown fenced and last, and no rule, template or prompt reads it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SubmittedNarrative {
    /// 1 to 8,000 characters.
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
    pub fallback_owner: Option<String>,
    pub task_state: TaskState,
    pub intent: SubmittedIntent,
    pub constraints: Vec<Constraint>,
    pub tool_outputs: Vec<ToolOutput>,
    /// What the contract's `payload` schema describes. A JSON object.
    pub payload: Value,
    #[serde(default)]
    pub evaluations: Vec<Evaluation>,
    #[serde(default)]
    pub artifacts: Vec<SubmittedArtifact>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub narrative: Option<SubmittedNarrative>,
    /// The source's own clock when it submitted.
    pub submitted_at: Timestamp,
}

// ---- what the gateway signs ----

/// `source` of the signed statement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Source {
    pub agent: AgentUrn,
    pub version: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_behalf_of: Option<UserUrn>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// Whose key submitted it, as the gateway authenticated it.
    pub submitted_by: AgentUrn,
}

/// `destination` of the signed statement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Destination {
    pub agent: AgentUrn,
    pub version: String,
    /// The only destination that may act; from the contract.
    pub audience: String,
}

/// A contract version pinned by the digest of its canonical bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct ContractRef {
    pub name: String,
    pub version: String,
    pub digest: Digest,
}

/// What is proposed, and the template that puts it into words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Action {
    /// The contract's name.
    #[serde(rename = "type")]
    pub kind: String,
    /// `NAME@VERSION` of the contract whose `review` section is the template.
    pub template: String,
    /// Digest of the canonical bytes of that `review` section.
    pub template_digest: Digest,
}

/// The parent, pinned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Parent {
    pub handoff_id: HandoffId,
    /// Digest of the parent's signed statement.
    pub digest: Digest,
}

/// An earlier handoff of the same correlation id, as the gateway knew it at admission. Oldest first, at most 20.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct ChainLink {
    pub handoff_id: HandoffId,
    /// Digest of its signed statement.
    pub digest: Digest,
    pub contract: ContractId,
    pub source: AgentUrn,
    pub destination: AgentUrn,
    pub at: Timestamp,
    pub status: ChainStatus,
    /// Whether the intent's words are the same as here.
    pub intent_kept: bool,
    /// Constraints that it carried and the next handoff in the chain does not, by their text.
    pub constraints_lost: Vec<String>,
}

/// How far an earlier handoff had come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub enum ChainStatus {
    Open,
    Passed,
    Approved,
    Rejected,
    Expired,
    Withdrawn,
    Superseded,
}

impl From<OutcomeKind> for ChainStatus {
    fn from(kind: OutcomeKind) -> Self {
        match kind {
            OutcomeKind::Approved => Self::Approved,
            OutcomeKind::Rejected => Self::Rejected,
            OutcomeKind::Expired => Self::Expired,
            OutcomeKind::Withdrawn => Self::Withdrawn,
            OutcomeKind::Superseded => Self::Superseded,
        }
    }
}

/// How a sensitive field is hidden. Source: FORMATS.md §4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub enum MaskKind {
    /// `•••`, whatever the type or length.
    Full,
    /// Of 8 or more characters all but the last four are hidden; shorter ones as `full`.
    Last4,
    /// Of 13 to 19 digits the first six and last four stay.
    PanBin6Last4,
    /// First character and domain stay.
    EmailDomain,
    /// Of a date the year stays.
    DateYear,
    /// Free text: every occurrence of a value masked elsewhere in the handoff is hidden, the rest stays.
    Scrub,
    /// Readable: the value stays in the statement. Where a disclosure exists for it nonetheless, whoever lacks it sees `•••`.
    Clear,
}

/// One mask, as signed. Sorted by `path`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Mask {
    /// JSON Pointer from the predicate, as in `/payload/card/number`.
    pub path: String,
    pub kind: MaskKind,
    /// What the reviewer sees instead. Present for every kind but `clear`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shown: Option<String>,
}

/// A file beside the statement, pinned by the digest over 16 random bytes and the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct Artifact {
    pub name: String,
    pub media_type: String,
    /// Bytes of the file without the salt.
    #[cfg_attr(feature = "specta", specta(type = u32))]
    pub size: u64,
    pub digest: Digest,
    pub salted: bool,
}

/// Which part of a contract a rule is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub enum RuleKind {
    Must,
    Watch,
}

/// How a rule came out. `error` counts as `fail`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub enum RuleResult {
    Pass,
    Fail,
    Error,
}

/// One evaluated rule. In the contract's order, `must` before `watch`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleOutcome {
    pub id: String,
    pub kind: RuleKind,
    pub result: RuleResult,
}

/// How a value compares with the one beside it, judged on the raw values by the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub enum Verdict {
    /// The comparison that the contract asks for holds.
    Equal,
    /// It does not hold.
    Differs,
    /// One of the values is not there or cannot be read.
    Missing,
}

/// The verdict over one line of the contract's `review.compare`, by its position.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Comparison {
    /// Position in `review.compare`, from 0.
    pub index: u32,
    pub verdict: Verdict,
}

/// Friction that a decision needs, from T0 (notice) to T4 (critical).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub enum Tier {
    T0,
    T1,
    T2,
    T3,
    T4,
}

/// Whether a person is needed, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GateResult {
    pub required: bool,
    pub tier: Tier,
    /// Codes: `gate.when`, `watch.ID`, `gate.broken` (a condition that could not be evaluated), `tier.broken`, `carry.lost`
    /// (an earlier handoff carried intent or constraints that are not here), `evidence.mismatch` (a tool's answer has not
    /// the form that the contract describes and is hidden), `escalated`.
    pub reasons: Vec<String>,
}

/// What is asked of the reviewer; present exactly when the gate requires one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReviewRequest {
    pub options: Vec<crate::decision::DecisionKind>,
    /// Distinct persons that have to approve; 1 in this version.
    pub quorum: u32,
    pub blind: bool,
    pub on_timeout: OnTimeout,
    /// Roles, any of which makes a person a candidate.
    pub candidates: Vec<String>,
    pub policy: PolicyRef,
    pub expires_at: Timestamp,
}

/// What happens when nobody answers. It never approves (invariant B7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnTimeout {
    Reject,
    Escalate,
}

/// The policy that decided on gate, tier and candidates: the contract's `gate` section.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyRef {
    /// `NAME@VERSION` of the contract.
    pub id: String,
    /// Digest of the canonical bytes of its `gate` section.
    pub digest: Digest,
}

/// Why a new attempt exists although the content may be the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EscalatedFrom {
    /// Who escalated; absent when the deadline did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<UserUrn>,
    /// The role or team it went to.
    pub to: String,
    /// What was asked.
    pub question: String,
}

/// The predicate of `https://seamark.dev/attestation/handoff/v1`, signed by the gateway at admission.
///
/// `intent`, `task_state`, `tool_outputs`, `payload` and `narrative` are the maskable roots: in them a hidden member is
/// absent and its digest stands in `_sd` of its object (a hidden array element is `{"...": DIGEST}`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HandoffPredicate {
    /// Always `sha-256`.
    #[serde(rename = "_sd_alg")]
    pub sd_alg: String,
    pub handoff_id: HandoffId,
    /// From 1; plus one with every change of content.
    pub revision: u32,
    /// 128 random bits, base64url without padding; used once.
    pub attempt: String,
    pub correlation_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<Parent>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    /// Digest of the earlier statement of this handoff id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supersedes: Option<Digest>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub escalated: Option<EscalatedFrom>,
    pub source: Source,
    pub destination: Destination,
    pub contract: ContractRef,
    pub action: Action,
    pub fallback_owner: String,
    pub task_state: Value,
    /// `{author?, at, text, nonce, digest}`; `digest` = SHA-256 of the canonical bytes of `[nonce, text]`.
    pub intent: Value,
    pub constraints: Vec<Constraint>,
    pub tool_outputs: Value,
    pub payload: Value,
    /// JSON Pointers (from the predicate) to strings that arrived as fractional numbers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub decimals: Vec<String>,
    pub masks: Vec<Mask>,
    pub evaluations: Vec<Evaluation>,
    pub artifacts: Vec<Artifact>,
    /// `{author, text}`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub narrative: Option<Value>,
    pub rules: Vec<RuleOutcome>,
    pub comparisons: Vec<Comparison>,
    pub chain: Vec<ChainLink>,
    pub gate: GateResult,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<ReviewRequest>,
    pub submitted_at: Timestamp,
    pub created_at: Timestamp,
}
