//! What agents send and receive.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::embedded::{ContractText, DecisionEnvelope, DirectoryEnvelope, HandoffEnvelope, OutcomeEnvelope};
use super::ledger::{LedgerPosition, RecordedEntry};
use crate::clock::Timestamp;
use crate::digest::Digest;
use crate::handoff::ContractId;
use crate::id::{AgentUrn, HandoffId, OutcomeId, ReviewId};
use crate::outcome::{ExecutionPhase, ExecutionResult, OutcomeCause, OutcomeKind};
use crate::view::View;

/// Where a handoff stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum HandoffStatus {
    /// Waits for a person.
    Open,
    /// The gate's condition is false; the destination may act without a review.
    Passed,
    Refused,
    Approved,
    Rejected,
    Expired,
    Withdrawn,
    Superseded,
}

/// Answer to a submission, a revision and `GET /v1/handoffs/{id}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HandoffAnswer {
    pub handoff_id: HandoffId,
    pub status: HandoffStatus,
    pub contract: ContractId,
    pub correlation_id: String,
    pub revision: u32,
    /// 22 characters of base64url. Absent for a refused handoff.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<String>,
    /// Digest of the signed statement; absent for a refused handoff.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statement: Option<Digest>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review_id: Option<ReviewId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<OutcomeSummary>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<ResultSummary>,
    /// Where admission (or refusal) is recorded.
    pub recorded: LedgerPosition,
}

/// An outcome in short; the proof is in the delivery.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OutcomeSummary {
    pub outcome_id: OutcomeId,
    pub outcome: OutcomeKind,
    pub cause: OutcomeCause,
    pub formed_at: Timestamp,
}

/// What the destination reported, in short.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ResultSummary {
    pub result: ExecutionResult,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<ExecutionPhase>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    pub executed_at: Timestamp,
    pub executor: AgentUrn,
}

/// `seamark-delivery/v1`: everything that the destination needs to verify the outcome itself.
///
/// The bytes are the same at every delivery of the same outcome (invariant C3).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Delivery {
    /// Always `seamark-delivery/v1`.
    #[schemars(extend("const" = "seamark-delivery/v1"))]
    pub format: String,
    /// DSSE envelope of the outcome statement. Absent when the handoff passed without a gate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<OutcomeEnvelope>")]
    pub outcome: Option<Value>,
    /// DSSE envelope of the handoff statement.
    #[schemars(with = "HandoffEnvelope")]
    pub handoff: Value,
    /// DSSE envelopes of the decision statements, in ledger order.
    #[schemars(with = "Vec<DecisionEnvelope>", length(max = 1000))]
    pub decisions: Vec<Value>,
    /// The canonical views that the decisions name, in the same order.
    #[schemars(with = "Vec<View>", length(max = 1000))]
    pub views: Vec<Value>,
    /// The canonical bytes of the contract that the handoff pins, as text: what the views are compared with.
    #[schemars(with = "ContractText")]
    pub contract: String,
    /// DSSE envelope of the newest directory statement: a copy, to be checked against the pinned root.
    #[schemars(with = "DirectoryEnvelope")]
    pub directory: Value,
    /// Ledger entries of this handoff up to the outcome, with proofs under one checkpoint.
    pub proofs: Vec<RecordedEntry>,
    /// C2SP checkpoint under which the proofs lie.
    pub checkpoint: String,
    /// Every disclosure of the handoff, base64url text as committed to; only for submitter and destination.
    pub disclosures: Vec<String>,
}

/// `POST /v1/handoffs/{id}/withdraw`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WithdrawRequest {
    /// Why, in words.
    #[schemars(length(min = 1, max = 500))]
    pub reason: String,
}

/// `POST /v1/handoffs/{id}/attempt`: the destination uses the attempt, once, before it acts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConsumeRequest {
    /// `attempt` of the handoff statement.
    #[schemars(extend("pattern" = "^[A-Za-z0-9_-]{22}$"))]
    pub attempt: String,
}

/// Answer to the first use of an attempt; a second use is a problem `attempt-consumed`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConsumeAnswer {
    pub recorded: LedgerPosition,
}

/// `POST /v1/execution-keys`: the destination names the key with which it signs what it did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExecutionKeyRequest {
    /// Executing agent, one of those that the key's contracts name as destination.
    pub agent: AgentUrn,
    /// Ed25519 public key, 32 bytes, base64url without padding.
    #[schemars(extend("pattern" = "^[A-Za-z0-9_-]{43}$"))]
    pub public_key: String,
    /// Ed25519 signature over `seamark-execution-key/v1\n` + agent + `\n` + publicKey, base64url without padding.
    #[schemars(extend("pattern" = "^[A-Za-z0-9_-]{86}$"))]
    pub proof: String,
}

/// A key as the directory holds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EnrolledKey {
    pub keyid: String,
    pub recorded: LedgerPosition,
}

/// Answer to a reported result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ResultAnswer {
    pub result: ResultSummary,
    pub recorded: LedgerPosition,
}

/// `POST /v1/webhooks`: where outcomes are pushed to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookRequest {
    /// `https`, or `http` to a loopback address when the gateway allows it. No redirects are followed.
    #[schemars(length(max = 2000))]
    pub url: String,
}

/// A webhook; the secret is shown once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WebhookAnswer {
    pub webhook_id: String,
    pub url: String,
    /// `whsec_...` (Standard Webhooks); only in the answer to the creation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// `whpk_...` (Standard Webhooks): the gateway's Ed25519 key under which the `v1a` signatures verify.
    pub public_key: String,
    pub is_enabled: bool,
}

/// Every webhook of this key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookList {
    pub webhooks: Vec<WebhookAnswer>,
}

/// One event of `GET /v1/events` and of a webhook: CloudEvents 1.0.2, structured mode.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CloudEvent {
    /// Always `1.0`.
    #[schemars(extend("const" = "1.0"))]
    pub specversion: String,
    /// Of `outcome.formed` the outcome id; of another event the `seq` of its ledger entry, decimal. Unique with `type`.
    pub id: String,
    /// The gateway: `ledgerOrigin` of `GET /v1/trust`.
    pub source: String,
    /// `dev.seamark.review.opened.v1`, `dev.seamark.handoff.passed.v1`, `dev.seamark.outcome.formed.v1` or
    /// `dev.seamark.execution.reported.v1`; of a webhook always `outcome.formed`.
    #[serde(rename = "type")]
    #[schemars(extend("enum" = [
        "dev.seamark.review.opened.v1",
        "dev.seamark.handoff.passed.v1",
        "dev.seamark.outcome.formed.v1",
        "dev.seamark.execution.reported.v1"
    ]))]
    pub kind: String,
    /// The handoff id.
    pub subject: String,
    /// Gateway time of the change.
    pub time: Timestamp,
    /// Always `application/json`.
    #[schemars(extend("const" = "application/json"))]
    pub datacontenttype: String,
    /// The handoff's correlation id.
    pub correlationid: String,
    /// Reserved; not sent in this version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    /// Position in the stream, decimal.
    pub sequence: String,
    /// The handoff. A webhook has it as it was when the outcome was formed, the same at every try. The event stream has it as
    /// it is when the event is sent, so a replayed `review.opened` may already tell of an outcome.
    pub data: HandoffAnswer,
}
