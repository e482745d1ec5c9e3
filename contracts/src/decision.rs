//! What a person decides, and what that person signs. Source: FORMATS.md §6.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::digest::Digest;
use crate::handoff::{ContractRef, PolicyRef};
use crate::id::{DecisionId, UserUrn};

/// The three answers. All three take the same ceremony.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub enum DecisionKind {
    Approve,
    Reject,
    Escalate,
}

impl DecisionKind {
    /// The meaning that is signed and printed with the name and time (21 CFR 11.50).
    #[must_use]
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Approve => "I approve exactly this action",
            Self::Reject => "I reject this action",
            Self::Escalate => "I hand this decision on and do not decide it",
        }
    }
}

/// What an approval allows; only with approve.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Window {
    pub not_before: Timestamp,
    pub expires_at: Timestamp,
    /// Always 1.
    pub max_uses: u32,
}

/// Who signs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reviewer {
    pub id: UserUrn,
    /// The printed name.
    pub name: String,
    /// The role in which this person decides; one of the request's candidates.
    pub role: String,
    /// The key that made the signature; must equal the one that verified.
    pub keyid: String,
}

/// What was on screen when it was signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ViewRef {
    /// Digest of the view's canonical bytes.
    pub digest: Digest,
    /// Digests of revealed fields: `disclosed` of the view.
    pub disclosed: Vec<String>,
    pub opened_at: Timestamp,
    /// Time between opening and deciding, in milliseconds.
    pub dwell_ms: u64,
    /// Ids of the evidence that was opened.
    pub opened: Vec<String>,
}

/// How the person was verified.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UserVerification {
    pub method: VerificationMethod,
    pub at: Timestamp,
}

/// How a person proved to be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum VerificationMethod {
    Pin,
    OsUserVerification,
    Pkcs11Pin,
    Fido2Uv,
}

/// Why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reason {
    /// One of the contract's `review.reasons` for this decision, or `none`.
    pub code: String,
    /// Free text of the reviewer, up to 2,000 characters; with reject, what should change.
    #[schemars(length(max = 2000))]
    pub text: String,
}

/// To whom and with which question; always and only with escalate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Escalation {
    /// One of the contract's `owner.escalation`, or the fallback owner.
    pub to: String,
    /// 1 to 2,000 characters.
    #[schemars(length(min = 1, max = 2000))]
    pub question: String,
}

/// The last ledger head that this desk verified.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SeenCheckpoint {
    pub origin: String,
    /// At least 1.
    #[schemars(range(min = 1))]
    pub size: u64,
    /// Standard base64, 32 bytes.
    pub root: String,
}

/// The predicate of `https://seamark.dev/attestation/decision/v1`, signed on the reviewer's device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DecisionPredicate {
    pub decision_id: DecisionId,
    pub decision: DecisionKind,
    /// The words that belong to `decision`: FORMATS.md, section 6.2.
    #[schemars(extend("enum" = [
        "I approve exactly this action",
        "I reject this action",
        "I hand this decision on and do not decide it"
    ]))]
    pub meaning: String,
    pub attempt: String,
    pub audience: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub constraints: Option<Window>,
    pub contract: ContractRef,
    pub policy: PolicyRef,
    pub reviewer: Reviewer,
    pub view: ViewRef,
    pub auth: UserVerification,
    pub reason: Reason,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub escalation: Option<Escalation>,
    /// What the reviewer picked or typed for each critical value; only at tier T3 and above.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub confirmed: Vec<ConfirmedValue>,
    pub seen_checkpoint: SeenCheckpoint,
    pub decided_at: Timestamp,
}

/// A critical value that the reviewer typed or picked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfirmedValue {
    /// The fact's id in the view.
    pub fact: String,
    /// As shown; never a revealed value.
    pub value: String,
}
