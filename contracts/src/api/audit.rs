//! Looking back.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::embedded::{
    ContractText, DecisionEnvelope, DirectoryEnvelope, ExecutionEnvelope, OutcomeEnvelope, ViewText,
};
use super::ledger::{ConsistencyProof, RecordedEntry};
use super::reveal::RecordedBody;
use super::review::ReviewDocument;

/// `GET /v1/audit/reviews?q=&outcome=&contract=&person=&from=&to=&after=&limit=`: concluded reviews, newest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AuditPage {
    pub reviews: Vec<ReviewDocument>,
    /// Number of reviews that match, on whichever page, counted up to 10,000.
    pub n_matching: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// A time-stamp over the text of a checkpoint (RFC 3161).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckpointTimestamp {
    /// The authority's answer, a `TimeStampResp` in DER, as standard base64.
    pub token: String,
    /// Certificates that came with it, in PEM.
    pub chain: String,
}

/// `GET /v1/audit/reviews/{id}`: everything recorded about one review, to be verified by whoever reads it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AuditRecord {
    pub review: ReviewDocument,
    /// DSSE envelopes of the decisions, in ledger order.
    #[schemars(with = "Vec<DecisionEnvelope>")]
    pub decisions: Vec<Value>,
    /// The canonical views they name, as text, in the same order.
    #[schemars(with = "Vec<ViewText>")]
    pub views: Vec<String>,
    /// DSSE envelope.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<OutcomeEnvelope>")]
    pub outcome: Option<Value>,
    /// DSSE envelopes.
    #[schemars(with = "Vec<ExecutionEnvelope>")]
    pub executions: Vec<Value>,
    /// Every ledger entry of this handoff, with proofs under `checkpoint`.
    pub entries: Vec<RecordedEntry>,
    /// Bodies of those entries that are about reveals: who read which masked field for which purpose. Absent when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bodies: Vec<RecordedBody>,
    /// C2SP signed note.
    pub checkpoint: String,
    /// A time-stamp of an authority outside over `checkpoint`, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<CheckpointTimestamp>,
    /// From each smaller head that a decision names as seen (`seenCheckpoint`), and from the one that the outcome names
    /// (`ledger`), to `checkpoint`; each size once.
    pub consistency: Vec<ConsistencyProof>,
    /// DSSE envelope of the newest directory.
    #[schemars(with = "DirectoryEnvelope")]
    pub directory: Value,
    /// The contract's canonical bytes, as text.
    #[schemars(with = "ContractText")]
    pub contract: String,
}
