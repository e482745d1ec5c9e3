//! The view: exactly what one reviewer is shown, and what that reviewer's signature fixes. Source: FORMATS.md §6.
//!
//! A view is built from signed bytes and the contract alone ([`render()`]), so every party that holds them builds the same
//! one. Every text in it is final: the page adds labels of its own and nothing else.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::decision::DecisionKind;
use crate::digest::Digest;
use crate::handoff::{
    ChainLink, Constraint, ContractRef, Evaluation, MaskKind, RuleKind, RuleResult, TaskState, Tier, Verdict,
};
use crate::id::HandoffId;

pub(crate) mod fields;
pub mod render;
mod tree;

pub use render::{RenderError, RenderInput, render};

/// Everything that is on screen for one review.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct View {
    /// Always 1.
    pub v: u32,
    /// 128 random bits of the desk, base64url; makes the digest unguessable (D4 of FORMATS.md §2).
    pub nonce: String,
    /// Digest of the handoff statement.
    pub handoff: Digest,
    pub handoff_id: HandoffId,
    pub revision: u32,
    /// Name and version of what rendered it.
    pub renderer: String,
    pub contract: ContractRef,
    pub template: String,
    pub template_digest: Digest,
    /// BCP 47; `en` in this version.
    pub locale: String,
    pub title: String,
    /// The requested decision as one sentence.
    pub ask: String,
    /// The same in the fewest words.
    pub line: String,
    /// For lists: the other party or case.
    pub context: String,
    /// Object of the signing sentence.
    pub object: String,
    pub tier: Tier,
    /// Why a person is needed, in words, one sentence each.
    pub why: Vec<String>,
    /// `order-desk 2.3.1`
    pub source: String,
    /// Whose key submitted it, when that is not the source itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub submitted_by: Option<String>,
    /// `refund-executor 3.0.1`
    pub destination: String,
    pub audience: String,
    pub fallback_owner: String,
    pub correlation_id: String,
    pub submitted_at: Timestamp,
    pub expires_at: Timestamp,
    /// Question and sender, when this attempt came by escalation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub escalated: Option<EscalationView>,
    /// Approve, reject, escalate, and no answer (`option` absent), in this order.
    pub branches: Vec<Branch>,
    pub facts: Vec<Fact>,
    pub rules: Vec<RuleLine>,
    pub constraints: Vec<Constraint>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intent: Option<IntentView>,
    pub task_state: TaskState,
    pub evidence: Vec<Evidence>,
    pub evaluations: Vec<Evaluation>,
    /// The payload as masked tree, in document order.
    pub payload: Vec<TreeRow>,
    pub chain: Vec<ChainLink>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub narrative: Option<NarrativeView>,
    pub warnings: Vec<Warning>,
    /// Reason codes to reject with.
    pub reject_reasons: Vec<crate::contract::ReasonChoice>,
    /// To whom one may escalate.
    pub escalation_targets: Vec<String>,
    /// Digests of the disclosures that were revealed to this person on this device, ascending. Their values are never here.
    pub disclosed: Vec<String>,
}

/// What one answer leads to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct Branch {
    /// Absent: no answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub option: Option<DecisionKind>,
    pub text: String,
}

/// Question and sender of an escalation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct EscalationView {
    /// `urn:seamark:user:NAME`, or `deadline`.
    pub by: String,
    pub to: String,
    pub question: String,
}

/// One critical value with the value beside it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct Fact {
    /// `f0`, `f1`, ... in the contract's order.
    pub id: String,
    pub label: String,
    /// As shown; masks included.
    pub value: String,
    /// Whether a mask is part of the value.
    pub masked: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compare: Option<CompareView>,
    /// The reviewer has to pick or type this value (tier T3 and above).
    pub confirm: bool,
}

/// The value beside a critical one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct CompareView {
    /// Where it comes from: a JSON Pointer.
    pub source: String,
    /// Absent: shown beside it, judged by nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    pub text: String,
}

/// One rule and how it came out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct RuleLine {
    pub id: String,
    pub kind: RuleKind,
    pub result: RuleResult,
    /// What the contract says when the rule is broken; also for a passed one, so that it can be read.
    pub text: String,
}

/// What the person wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct IntentView {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    pub at: Timestamp,
    /// Verbatim but for masks and visible control characters.
    pub text: String,
}

/// A tool output or an artifact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct Evidence {
    /// The tool output's id, or `artifact:DIGEST`.
    pub id: String,
    pub title: String,
    /// The tool's name, or the media type.
    pub source: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    pub required: bool,
    pub is_error: bool,
    /// Whether the contract describes it; if not it is hidden whole.
    pub described: bool,
    /// Structured content as masked tree.
    pub rows: Vec<TreeRow>,
    /// Text parts, made visible.
    pub texts: Vec<String>,
    /// Only for artifacts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact: Option<crate::handoff::Artifact>,
}

/// What the agent says about it, unverified.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct NarrativeView {
    /// `order-desk 2.3.1`
    pub author: String,
    pub text: String,
}

/// Something unusual about a text, which the reviewer should know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct Warning {
    /// `control-characters`, `bidirectional`, `zero-width`, `mixed-scripts`, `very-long`, `carry-lost`, `evidence-hidden`,
    /// `look-alike`, `first-seen`, `more`.
    pub code: String,
    /// JSON Pointer from the predicate.
    pub path: String,
    /// A sentence.
    pub text: String,
}

impl Warning {
    /// Whether it tells how a counterparty stands to known ones: no view may leave that out.
    #[must_use]
    pub fn is_about_counterparty(&self) -> bool {
        matches!(self.code.as_str(), "look-alike" | "first-seen")
    }
}

/// What a row of a tree is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub enum RowKind {
    Object,
    Array,
    String,
    Number,
    Boolean,
    Null,
    /// Hidden; `text` is what is shown instead.
    Masked,
}

/// One row of a JSON tree, flattened in document order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct TreeRow {
    /// From 0.
    pub depth: u32,
    /// Member name, or position in an array; empty for the root.
    pub name: String,
    /// JSON Pointer from the predicate.
    pub path: String,
    pub kind: RowKind,
    /// The value as shown; empty for objects and arrays.
    pub text: String,
    /// Number of members or elements, for objects and arrays.
    pub count: u32,
    /// With a masked row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mask: Option<MaskKind>,
}
