//! What the gateway signs of a submission.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Constraint, ContractId, Evaluation};
use crate::clock::Timestamp;
use crate::digest::Digest;
use crate::id::{AgentUrn, HandoffId, UserUrn};
use crate::outcome::OutcomeKind;

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
#[schemars(rename = "ComparisonOutcome")]
pub struct Comparison {
    /// Position in `review.compare`, from 0.
    pub index: u32,
    pub verdict: Verdict,
}

/// A value that names who gets something, held against those that are known. Judged on the raw values by the gateway.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Counterparty {
    /// JSON Pointer from the predicate.
    pub path: String,
    /// No handoff under this contract name that was approved or passed on had this value there.
    pub first: bool,
    /// It looks like a value that one of those had there, and is another.
    pub like_earlier: bool,
    /// JSON Pointer of a value of this handoff that it looks like without being the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub like: Option<String>,
}

impl Counterparty {
    /// Whether it looks like another value.
    #[must_use]
    pub fn imitates(&self) -> bool {
        self.like_earlier || self.like.is_some()
    }
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
    /// the form that the contract describes and is hidden), `counterparty.imitates` (a counterparty looks like another value), `escalated`.
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
    #[schemars(extend("const" = "sha-256"))]
    #[serde(rename = "_sd_alg")]
    pub sd_alg: String,
    pub handoff_id: HandoffId,
    /// From 1; plus one with every change of content.
    pub revision: u32,
    /// 128 random bits, base64url without padding; used once.
    #[schemars(extend("pattern" = "^[A-Za-z0-9_-]{22}$"))]
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
    #[schemars(with = "Map<String, Value>")]
    pub task_state: Value,
    /// `{author?, at, text, nonce, digest}`; `digest` = SHA-256 of the canonical bytes of `[nonce, text]`.
    #[schemars(with = "Map<String, Value>")]
    pub intent: Value,
    pub constraints: Vec<Constraint>,
    /// Objects as in a submission, with what is hidden replaced.
    #[schemars(with = "Vec<Map<String, Value>>")]
    pub tool_outputs: Value,
    #[schemars(with = "Map<String, Value>")]
    pub payload: Value,
    /// JSON Pointers (from the predicate) to strings that arrived as fractional numbers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub decimals: Vec<String>,
    pub masks: Vec<Mask>,
    pub evaluations: Vec<Evaluation>,
    pub artifacts: Vec<Artifact>,
    /// `{author, text}`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Map<String, Value>>")]
    pub narrative: Option<Value>,
    pub rules: Vec<RuleOutcome>,
    pub comparisons: Vec<Comparison>,
    /// Of each field in the contract's `review.counterparties` that is there, in its order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub counterparties: Vec<Counterparty>,
    #[schemars(length(max = crate::admission::MAX_CHAIN))]
    pub chain: Vec<ChainLink>,
    pub gate: GateResult,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<ReviewRequest>,
    pub submitted_at: Timestamp,
    pub created_at: Timestamp,
}
