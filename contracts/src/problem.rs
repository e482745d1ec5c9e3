//! Errors as they travel: RFC 9457 problems with a closed set of codes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What went wrong, as a code that programs switch on. A code exists only if somebody acts on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorCode {
    /// The body is not JSON of the profile (FORMATS.md §2).
    MalformedJson,
    /// The body is larger than the limit.
    TooLarge,
    /// The handoff breaks its contract; `violations` lists each place.
    InvalidHandoff,
    /// No such contract version is published.
    UnknownContract,
    /// The same handoff id came with other bytes (invariant A2).
    HandoffIdReused,
    /// No credentials, or they are not valid (any more).
    Unauthenticated,
    /// The key, device or person behind these credentials was ended for good (invariant B10); `detail` says which and when.
    AccessEnded,
    /// Valid credentials that do not allow this.
    Forbidden,
    /// Not there, or not for these credentials: the two look alike (invariant F2).
    NotFound,
    /// A parameter or field is wrong; `violations` says which.
    InvalidRequest,
    /// The invitation was used, has expired or never was.
    InvitationInvalid,
    /// The review has its outcome; the decision came late and does not count.
    AlreadyDecided,
    /// The deadline has passed; the decision does not count (invariant B6).
    Expired,
    /// The source took the handoff back.
    Withdrawn,
    /// The handoff was changed; what was decided on is no longer what is asked.
    Superseded,
    /// The signature, the key or a signed field is not as it has to be; `detail` says which.
    DecisionInvalid,
    /// This person may not decide this review; `detail` says why.
    NotCandidate,
    /// The key, person or role is recorded here and the organisation's root has not signed it yet; nothing was changed; try again
    /// later.
    EnrolmentPending,
    /// The directory that was sent is not the one that is proposed now; get the proposal again.
    DirectoryStale,
    /// The attempt has been used.
    AttemptConsumed,
    /// There is an outcome; what was asked for comes too late.
    OutcomeExists,
    /// The gateway is busy or cannot write; nothing was changed; try again after `retryAfterMs`.
    Unavailable,
    /// A fault of the gateway; nothing was changed; the operator finds it in the log by `requestId`.
    Internal,
}

/// One violated rule, with its place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Violation {
    /// JSON Pointer into the request body; empty for the whole.
    pub pointer: String,
    /// What kind of rule: `json`, `schema`, `must`, `version`, `field`, `mask`, `carry`, `size`.
    pub rule: String,
    /// What is wrong and what would be right; never contains the value of a masked field.
    pub message: String,
}

/// The body of every error answer, `application/problem+json`. Source: RFC 9457.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Problem {
    /// `https://seamark.dev/problems/CODE`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The same code, short.
    pub code: ErrorCode,
    /// What happened, in a few words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What it means for the handoff and what to do next.
    pub detail: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub violations: Vec<Violation>,
    /// Names this answer in the gateway's log.
    pub request_id: String,
    /// With [`ErrorCode::Unavailable`]: wait so many milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// With [`ErrorCode::HandoffIdReused`]: SHA-256 of the bytes that hold the id, keyed so that it reveals nothing of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stored_digest: Option<String>,
}
