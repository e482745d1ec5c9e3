//! The directory over HTTP, as far as it is not a signed document.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ledger::LedgerPosition;
use crate::digest::Digest;

/// `POST /v1/directory`: the directory that counts from now on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AcceptedDirectory {
    pub version: u64,
    /// Of its statement.
    pub digest: Digest,
    pub recorded: LedgerPosition,
}
