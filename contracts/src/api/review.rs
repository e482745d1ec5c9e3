//! What desks receive and send.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::agent::{OutcomeSummary, ResultSummary};
use super::embedded::{DecisionEnvelope, HandoffEnvelope, ViewText};
use super::ledger::LedgerPosition;
use crate::clock::Timestamp;
use crate::decision::DecisionKind;
use crate::digest::Digest;
use crate::handoff::ContractRef;
use crate::id::{DecisionId, HandoffId, ReviewId, UserUrn};
use crate::outcome::NotCounted;

/// One review as a desk sees it: the signed statement and where it stands. The stream carries exactly this.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReviewDocument {
    pub review_id: ReviewId,
    pub handoff_id: HandoffId,
    /// Grows by one with every change of this review; a smaller one is older.
    pub version: u64,
    /// DSSE envelope of the handoff statement.
    #[schemars(with = "HandoffEnvelope")]
    pub handoff: Value,
    pub contract: ContractRef,
    pub state: ReviewState,
    /// Decisions recorded so far, in ledger order.
    pub decisions: Vec<DecisionSummary>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<OutcomeSummary>,
    /// The orchestrator acknowledged the outcome.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivered_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<ResultSummary>,
    /// The review that took this one's place (new revision or attempt).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub superseded_by: Option<ReviewId>,
    pub opened_at: Timestamp,
    pub expires_at: Timestamp,
}

/// Where a review stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ReviewState {
    Open,
    Approved,
    Rejected,
    Expired,
    Withdrawn,
    Superseded,
}

/// One recorded decision, in short.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DecisionSummary {
    pub decision_id: DecisionId,
    pub decision: DecisionKind,
    pub reviewer: UserUrn,
    pub reviewer_name: String,
    pub decided_at: Timestamp,
    pub recorded_at: Timestamp,
    pub recorded: LedgerPosition,
    pub counted: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<NotCounted>,
}

/// `GET /v1/reviews?after=&limit=`: the reviews that this person may see, open ones and those closed in the last 24 hours.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReviewPage {
    pub reviews: Vec<ReviewDocument>,
    /// Give it as `after` to get the next page; absent at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// Stream position of the snapshot; resume the stream from here. The same on every page of one snapshot walk is
    /// not guaranteed: keep the first.
    pub position: String,
}

/// `POST /v1/reviews/{id}/presented`: the view that is on screen now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PresentedRequest {
    /// The view's canonical bytes, as text.
    #[schemars(with = "ViewText")]
    pub view: String,
    /// When the person began to look, by the device's clock.
    pub opened_at: Timestamp,
}

/// Answer to a presented view.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PresentedAnswer {
    pub digest: Digest,
    pub recorded: LedgerPosition,
}

/// `POST /v1/reviews/{id}/decisions`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DecisionRequest {
    /// DSSE envelope of the decision statement.
    #[schemars(with = "DecisionEnvelope")]
    pub envelope: Value,
    /// The view's canonical bytes, as text; its digest stands in the statement.
    #[schemars(with = "ViewText")]
    pub view: String,
}

/// Answer to a decision, also when it does not count. Repeating the request gives the same answer (invariant B9).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DecisionAnswer {
    pub decision: DecisionSummary,
    pub review: ReviewDocument,
}
