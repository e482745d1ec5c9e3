//! How a reviewer's device enrols and proves who it is.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ledger::{LedgerPosition, Trust};
use crate::clock::Timestamp;
use crate::id::UserUrn;

/// `POST /v1/enrolments`.
///
/// `proof` and `decisionProof` are Ed25519 signatures, by the device key and the decision key, over the ASCII text
/// `seamark-enrolment/v1\n` CODE `\n` DEVICE_KEY `\n` DECISION_KEY.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EnrolmentRequest {
    /// The invitation's code; usable once.
    #[schemars(extend("pattern" = "^smi_[A-Za-z0-9_-]{22}_[0-9a-f]{16}$"))]
    pub code: String,
    /// What the person calls the device; no control characters.
    #[schemars(length(min = 1, max = 60))]
    pub device_name: String,
    /// Ed25519 public key with which the device opens sessions, 32 bytes, base64url without padding.
    #[schemars(extend("pattern" = "^[A-Za-z0-9_-]{43}$"))]
    pub device_key: String,
    /// Ed25519 public key with which the person signs decisions, likewise; another key than `deviceKey`.
    #[schemars(extend("pattern" = "^[A-Za-z0-9_-]{43}$"))]
    pub decision_key: String,
    /// base64url without padding, 64 bytes.
    #[schemars(extend("pattern" = "^[A-Za-z0-9_-]{86}$"))]
    pub proof: String,
    /// base64url without padding, 64 bytes.
    #[schemars(extend("pattern" = "^[A-Za-z0-9_-]{86}$"))]
    pub decision_proof: String,
}

/// Who this is and what to pin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EnrolmentAnswer {
    pub person: Person,
    pub device_keyid: String,
    pub decision_keyid: String,
    pub trust: Trust,
    pub recorded: LedgerPosition,
}

/// A person as the directory knows them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Person {
    pub id: UserUrn,
    /// The printed name.
    pub name: String,
    pub roles: Vec<String>,
}

/// `POST /v1/sessions/challenges`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChallengeRequest {
    /// Key id of the device key.
    #[schemars(extend("pattern" = "^[0-9a-f]{64}$"))]
    pub keyid: String,
}

/// A challenge; usable once, for two minutes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ChallengeAnswer {
    pub challenge: String,
    pub expires_at: Timestamp,
}

/// `POST /v1/sessions`: `proof` is the device key's signature over `seamark-session/v1\n` + origin + `\n` + challenge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SessionRequest {
    /// Key id of the device key.
    #[schemars(extend("pattern" = "^[0-9a-f]{64}$"))]
    pub keyid: String,
    pub challenge: String,
    /// base64url without padding, 64 bytes.
    #[schemars(extend("pattern" = "^[A-Za-z0-9_-]{86}$"))]
    pub proof: String,
}

/// A session: send `Authorization: Bearer TOKEN`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SessionAnswer {
    pub token: String,
    pub expires_at: Timestamp,
    pub person: Person,
    /// Gateway time, to see one's own clock's skew.
    pub now: Timestamp,
}
