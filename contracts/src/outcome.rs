//! How a review ends, and what the destination did. Source: FORMATS.md §7 and §8.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::decision::{DecisionKind, SeenCheckpoint, Window};
use crate::digest::Digest;
use crate::handoff::{ContractRef, PolicyRef};
use crate::id::{AgentUrn, HandoffId, OutcomeId, UserUrn};

/// How an attempt ended. Final (invariant B2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OutcomeKind {
    Approved,
    Rejected,
    Expired,
    Withdrawn,
    Superseded,
}

/// Why it ended so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OutcomeCause {
    PolicyMet,
    Veto,
    Deadline,
    Source,
    FallbackOwner,
    NewRevision,
    NewAttempt,
}

/// How many approvals were needed, and how many there were.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Quorum {
    pub required: u32,
    pub reached: u32,
}

/// Why a recorded decision does not contribute to the outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum NotCounted {
    DuplicatePerson,
    Conflict,
    Role,
    Limit,
    StaleView,
    Escalated,
    /// Recorded after the outcome or after the deadline.
    Late,
}

/// A decision as the outcome lists it, in ledger order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CountedDecision {
    /// Digest of the decision statement.
    pub digest: Digest,
    pub decision: DecisionKind,
    pub reviewer: UserUrn,
    pub counted: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<NotCounted>,
}

/// The predicate of `https://seamark.dev/attestation/outcome/v1`, signed by the gateway.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OutcomePredicate {
    pub outcome_id: OutcomeId,
    pub handoff_id: HandoffId,
    pub revision: u32,
    pub attempt: String,
    pub audience: String,
    pub correlation_id: String,
    pub outcome: OutcomeKind,
    pub cause: OutcomeCause,
    pub contract: ContractRef,
    pub policy: PolicyRef,
    pub quorum: Quorum,
    #[schemars(length(max = 1000))]
    pub decisions: Vec<CountedDecision>,
    /// Only with approved: the intersection of the approvals' windows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<Window>,
    /// Only with superseded: digest of the handoff statement that took its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub superseded_by: Option<Digest>,
    /// A ledger head under which all the decisions lie.
    pub ledger: SeenCheckpoint,
    /// Key id of the gateway's outcome key.
    pub formed_by: String,
    pub formed_at: Timestamp,
}

/// What the destination did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ExecutionResult {
    Executed,
    Failed,
}

/// In which phase it failed. `gate` means refused with nothing done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ExecutionPhase {
    Gate,
    Action,
    Unknown,
}

/// The predicate of `https://seamark.dev/attestation/execution/v1`, signed by the destination.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExecutionPredicate {
    pub result: ExecutionResult,
    /// Always and only with failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<ExecutionPhase>,
    /// A short code of the destination's own, `a-z 0-9 -`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("pattern" = "^[a-z0-9-]{1,64}$"))]
    pub code: Option<String>,
    pub attempt: String,
    /// Digests of the decision statements that it verified.
    #[schemars(length(max = 1000))]
    pub decisions: Vec<Digest>,
    /// Digests of the disclosures that it used.
    pub disclosures: Vec<String>,
    pub executed_at: Timestamp,
    pub executor: AgentUrn,
}
