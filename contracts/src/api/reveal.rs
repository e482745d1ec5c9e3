//! Reading one masked field, and what is recorded of it.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::embedded::BodyText;
use super::ledger::LedgerPosition;
use crate::clock::Timestamp;
use crate::id::RevealId;
use crate::reveal::Purpose;

/// `POST /v1/reviews/{id}/reveals`: one masked field, for a purpose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RevealRequest {
    /// Chosen by the device. The same request within a minute is the same reveal and gets the same answer.
    pub reveal_id: RevealId,
    /// Path of the mask, a JSON Pointer from the predicate.
    #[schemars(length(max = 2000))]
    pub path: String,
    pub purpose: Purpose,
}

/// The hidden value, in the disclosure that belongs to the signed statement. It is recorded when this is sent.
///
/// `Debug` leaves the disclosure out.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RevealAnswer {
    pub reveal_id: RevealId,
    pub path: String,
    /// Base64url of `[SALT, NAME, VALUE]` or `[SALT, VALUE]`: docs/FORMATS.md, section 4.1.
    pub disclosure: String,
    pub recorded: LedgerPosition,
    /// Gateway time of the ledger entry.
    pub recorded_at: Timestamp,
}

impl fmt::Debug for RevealAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { reveal_id, path, disclosure: _, recorded, recorded_at: _ } = self;
        f.debug_struct("RevealAnswer")
            .field("reveal_id", reveal_id)
            .field("path", path)
            .field("recorded", recorded)
            .finish()
    }
}

/// `POST /v1/reviews/{id}/reveals/{revealId}/copied`: the value is about to be put on the clipboard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CopiedAnswer {
    pub recorded: LedgerPosition,
}

/// The body of a ledger entry, as it stands beside the entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RecordedBody {
    /// Position of the entry.
    pub seq: u64,
    /// Canonical bytes, as text; their SHA-256 is the entry's `object`.
    #[schemars(with = "BodyText")]
    pub body: String,
}
