//! The contract document: the versioned interface of one kind of handoff. Source: docs/CONTRACTS.md.
//!
//! These are the types. [`parse()`] reads YAML or JSON into them, [`lint`] says what is wrong with them.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::handoff::{MaskKind, OnTimeout};

pub mod check;
pub mod compiled;
pub mod generated;
pub mod lint;
pub mod parse;
pub mod period;

pub use compiled::CompiledContract;
pub use parse::{Finding, Lines, ParsedContract, Severity, parse};

/// A whole contract.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Contract {
    /// Always `contract/v1`.
    pub seamark: String,
    /// As in `refund.issue`: lowercase words with dots.
    pub name: String,
    /// Semantic version; a published one never changes (invariant A5).
    pub version: String,
    /// What it is, for people, as in `Issue a refund`.
    pub title: String,
    pub owner: Owner,
    /// Role or team that has a handoff when nobody else does.
    pub fallback_owner: String,
    pub source: PartySource,
    pub destination: PartyDestination,
    /// JSON Schema 2020-12 of the payload; a string or any other schema may carry `mask: KIND`. No remote `$ref`.
    pub payload: Value,
    /// What is known about tool outputs, by tool output id or tool name. One that is not described is hidden whole.
    #[serde(default)]
    pub tool_outputs: BTreeMap<String, ToolOutputSpec>,
    /// How intent and narrative are shown.
    #[serde(default)]
    pub text: TextMasks,
    /// Media types of artifacts that a handoff may carry; reviewers read them as they are.
    #[serde(default)]
    pub artifacts: Vec<String>,
    /// Refused at the boundary when false.
    #[serde(default)]
    pub must: Vec<Rule>,
    /// Shown and recorded when false; does not refuse.
    #[serde(default)]
    pub watch: Vec<Rule>,
    /// What may not be lost: `intent`, `constraints`, `tool_outputs.ID`.
    #[serde(default)]
    pub carry: Vec<String>,
    pub gate: Gate,
    pub review: ReviewTexts,
    /// How long submitted bytes, hidden values and files are kept after the end, ISO 8601 duration in years, months or days, as
    /// in `P7Y`; six months unless stated, and never less.
    #[serde(default = "six_months")]
    pub retention: String,
    #[serde(default)]
    pub examples: Examples,
}

/// To whom the seam belongs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Owner {
    pub model: OwnerModel,
    pub team: String,
    /// How to reach the team: an e-mail address or a URL.
    pub contact: String,
    /// Roles or teams to which a reviewer may escalate, nearest first. At least one.
    pub escalation: Vec<String>,
    pub runbook: String,
}

/// Which side answers for the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OwnerModel {
    Downstream,
    Platform,
    Joint,
}

/// Who hands over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PartySource {
    /// Bare agent name, as in `order-desk`.
    pub agent: String,
    /// Accepted versions, as in `>=2.1, <3`.
    pub versions: String,
    #[serde(default)]
    pub capabilities: Vec<String>,
}

/// Who acts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PartyDestination {
    /// Bare agent name, as in `refund-executor`.
    pub agent: String,
    /// Accepted versions, as in `^3`.
    pub versions: String,
    #[serde(default)]
    pub capabilities: Vec<String>,
    /// The identity that the destination checks outcomes against: a URL or urn.
    pub audience: String,
}

/// What is known about one tool's output.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ToolOutputSpec {
    /// The tool's name when the key is an id; absent when the key is the tool's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
    /// What it is, for the reviewer, as in `Order lookup`.
    pub title: String,
    /// JSON Schema 2020-12 of `structuredContent`, with `mask` on sensitive fields. A field that it does not
    /// describe is hidden.
    pub schema: Value,
    /// How the text parts of the answer and its arguments are shown. Hidden unless stated.
    #[serde(default = "hide")]
    pub text: MaskKind,
}

fn six_months() -> String {
    "P6M".to_owned()
}

fn hide() -> MaskKind {
    MaskKind::Full
}

/// How free text is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TextMasks {
    #[serde(default = "scrub")]
    pub intent: MaskKind,
    #[serde(default = "scrub")]
    pub narrative: MaskKind,
}

fn scrub() -> MaskKind {
    MaskKind::Scrub
}

impl Default for TextMasks {
    fn default() -> Self {
        Self { intent: scrub(), narrative: scrub() }
    }
}

/// A rule over the handoff, in CEL.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Lowercase words with hyphens.
    pub id: String,
    /// A CEL expression that is true when all is well.
    pub rule: String,
    /// A template that says what is wrong when it is false.
    pub says: String,
}

/// When a person is needed, who may decide, and what happens without an answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Gate {
    /// CEL; true when a person is needed. `watch.any` and `watch.failed` (list of ids) are known here.
    pub when: String,
    /// CEL; one of the strings `T0` to `T4`.
    pub tier: String,
    pub decide: Decide,
    /// ISO 8601 duration in days, hours, minutes or seconds, as in `PT4H`. At most 30 days.
    pub expires_after: String,
    pub on_expiry: OnTimeout,
    /// Who may read which masked field, each time recorded before the value leaves the gateway. Absent: nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reveal: Option<Reveal>,
}

/// Who may decide.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Decide {
    /// Roles, any of which makes a person a candidate. At least one.
    pub roles: Vec<String>,
    /// Distinct persons that have to approve. 1 in this version.
    pub quorum: u32,
}

/// Who may read which masked field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reveal {
    /// Any of these roles lets a person who may decide read the fields. At least one.
    pub roles: Vec<String>,
    /// JSON Pointers of masked fields, as in `/payload/customer/email` or `/toolOutputs/KEY/iban`. At least one.
    pub fields: Vec<String>,
}

/// The human side. Every string is a template over verified fields; see [`crate::template`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReviewTexts {
    /// The requested decision, one question with a question mark.
    pub ask: String,
    /// The same in the fewest words, for lists.
    pub line: String,
    /// Who or what is on the other side, for lists, as in `order {order_id}`.
    pub context: String,
    /// The act as verb and object for the signing button, as in `refund of {amount | money(currency)}`.
    pub object: String,
    /// What approve leads to.
    pub approve: String,
    /// What reject leads to.
    pub reject: String,
    /// What escalate leads to.
    pub escalate: String,
    /// What no answer leads to.
    pub no_answer: String,
    /// Three to six critical facts.
    pub compare: Vec<CompareLine>,
    /// JSON Pointers of texts of the payload that name who gets something, as in `/payload/payee/name`: they are held against
    /// names that are known, and one that only looks like another needs a person at T3 at least.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub counterparties: Vec<String>,
    #[serde(default)]
    pub evidence: EvidenceSpec,
    pub reasons: Reasons,
}

/// One critical fact, with what to compare it with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CompareLine {
    pub label: String,
    /// Template of the value.
    pub value: String,
    /// JSON Pointer of the value as in `/payload/amount`; needed when `with` compares.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub with: Option<CompareWith>,
    /// At tier T3 and above the reviewer has to pick or type this value.
    #[serde(default)]
    pub confirm: bool,
}

/// The value beside a critical fact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CompareWith {
    /// JSON Pointer as in `/payload/order_total` or `/toolOutputs/order_lookup/total` (id instead of position, then into
    /// `structuredContent`).
    pub path: String,
    pub is: Comparison,
    /// Template that says what the other value is, with or without agreement.
    pub says: String,
}

/// What has to hold between the fact and the value beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Comparison {
    Same,
    SameOrLess,
    SameOrMore,
    /// Shown beside it, judged by nobody.
    Shown,
}

/// Which evidence has to be opened before an approval at tier T2 and above.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EvidenceSpec {
    /// As in `tool_outputs.order_lookup`.
    #[serde(default)]
    pub required: Vec<String>,
}

/// Reason codes with their words. `other` always exists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reasons {
    pub reject: Vec<ReasonChoice>,
}

/// One reason to choose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct ReasonChoice {
    /// Lowercase words with hyphens.
    pub code: String,
    /// As on the button.
    pub text: String,
}

/// Files with example handoffs, relative to the contract file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Examples {
    /// Each must be admitted.
    #[serde(default)]
    pub accepted: Vec<String>,
    /// Each must be refused.
    #[serde(default)]
    pub refused: Vec<RefusedExample>,
}

/// An example that must be refused, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RefusedExample {
    pub file: String,
    /// JSON Pointer that the refusal must name.
    pub at: String,
}
