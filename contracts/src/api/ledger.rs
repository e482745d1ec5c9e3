//! The ledger over HTTP.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::embedded::EntryText;

/// Where something is recorded (invariant D3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LedgerPosition {
    /// Index of the entry, from 0.
    pub seq: u64,
    /// Leaf hash of the entry, standard base64, 32 bytes.
    pub leaf: String,
}

/// An entry with its inclusion proof.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RecordedEntry {
    pub seq: u64,
    /// The entry's canonical bytes, as text.
    #[schemars(with = "EntryText")]
    pub entry: String,
    /// Hashes from leaf to root, standard base64, under `size`.
    pub proof: Vec<String>,
    /// Size of the tree to which the proof belongs.
    pub size: u64,
}

/// `GET /v1/ledger/proofs/consistency?from=&to=`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConsistencyProof {
    pub from: u64,
    pub to: u64,
    /// Standard base64.
    pub proof: Vec<String>,
}

/// `GET /v1/ledger/entries?from=&limit=`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EntryPage {
    /// Canonical bytes of consecutive entries, as text.
    #[schemars(with = "Vec<EntryText>", length(max = 1000))]
    pub entries: Vec<String>,
    /// Absent at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<u64>,
}

/// `GET /v1/trust`: what a verifier pins. Get it over a channel you trust, once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Trust {
    /// Name of the organisation.
    pub org: String,
    /// Key id of the key that signs the directory.
    pub root_keyid: String,
    /// That key: Ed25519, 32 bytes, base64url without padding.
    pub root_key: String,
    /// Origin of the ledger's checkpoints.
    pub ledger_origin: String,
    /// The ledger's key as C2SP vkey.
    pub ledger_vkey: String,
}
