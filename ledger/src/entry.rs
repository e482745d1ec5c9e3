//! Entries of the ledger: one event each, as canonical bytes.
//!
//! An entry holds no name and no payload, only keys, moments and digests, so the ledger stays valid when payloads are
//! erased (invariant D6). Source: FORMATS.md §9.

use schemars::JsonSchema;
use seamark_contracts::canonical::{self, CanonicalError};
use seamark_contracts::clock::Timestamp;
use seamark_contracts::digest::Digest;
use seamark_contracts::strict_json::{self, Limits, TypedJsonError};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;

use crate::checkpoint::is_origin;
use crate::tree::{MAX_SIZE, leaf_hash};

mod kind;

pub use kind::EntryType;

/// Largest entry, in bytes.
pub const MAX_ENTRY_BYTES: usize = 8 * 1024;

/// Most signatures that an entry lists.
pub const MAX_ENTRY_SIGS: usize = 16;

/// Bounds of an entry before it is parsed.
const LIMITS: Limits = Limits {
    max_bytes: MAX_ENTRY_BYTES,
    max_depth: 2,
    max_members: 11,
    max_items: MAX_ENTRY_SIGS,
    max_name_bytes: 16,
    max_string_bytes: 255,
    max_decimals: 0,
};

/// One event. Field order is the canonical one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Who did it: a key id, or the opaque id of a part of the gateway. 1 to 128 of `a-z 0-9 . _ : -`.
    #[schemars(extend("pattern" = "^[a-z0-9._:-]{1,128}$"))]
    pub actor: String,
    /// When, in gateway time; never before the entry before it (invariant H1).
    pub at: Timestamp,
    /// Which handoff: 64 lowercase hexadecimal digits; absent for events that are not about one.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "optional_hex")]
    #[schemars(with = "Option<String>", extend("pattern" = "^[0-9a-f]{64}$"))]
    pub handoff: Option<Digest>,
    /// Digest of the statement, view or event body that this is about.
    #[serde(with = "seamark_contracts::digest::hex")]
    #[schemars(with = "String", extend("pattern" = "^[0-9a-f]{64}$"))]
    pub object: Digest,
    /// Which ledger: the origin of its checkpoints.
    pub origin: String,
    /// Leaf hash of the entry before it with this `handoff`; absent on the first one and without `handoff`.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "optional_hex")]
    #[schemars(with = "Option<String>", extend("pattern" = "^[0-9a-f]{64}$"))]
    pub prev: Option<Digest>,
    /// Index of the leaf, from 0, gapless.
    pub seq: u64,
    /// SHA-256 of each raw signature of `object`, in its order; `[]` when it is not signed.
    #[serde(with = "hex_list")]
    #[schemars(with = "Vec<String>", length(max = MAX_ENTRY_SIGS))]
    pub sigs: Vec<Digest>,
    /// What happened.
    #[serde(rename = "type")]
    pub kind: EntryType,
    /// Always 1.
    #[schemars(with = "u32", extend("const" = 1))]
    pub v: Version,
}

/// Version 1 of the entry format.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Version;

/// Why there is no such entry.
#[derive(Debug, Error)]
pub enum EntryError {
    #[error("read the entry")]
    Json(#[source] TypedJsonError),
    #[error("write the entry")]
    Canonical(#[source] CanonicalError),
    #[error("entry is not in canonical form")]
    NotCanonical,
    #[error("{field} of the entry {problem}")]
    Field { field: &'static str, problem: &'static str },
}

impl Entry {
    /// Reads the bytes of an entry.
    ///
    /// # Errors
    /// [`EntryError::Json`] for anything but strict JSON of exactly this shape, [`EntryError::Field`] for a value out of
    /// its bounds, [`EntryError::NotCanonical`] when the bytes are not the canonical ones: an entry has one spelling.
    pub fn parse(bytes: &[u8]) -> Result<Self, EntryError> {
        let entry: Self = strict_json::parse_typed(bytes, &LIMITS).map_err(EntryError::Json)?;
        if entry.to_bytes()? == bytes { Ok(entry) } else { Err(EntryError::NotCanonical) }
    }

    /// The canonical bytes: the leaf of the tree.
    ///
    /// # Errors
    /// [`EntryError::Field`] when a value is out of its bounds.
    pub fn to_bytes(&self) -> Result<Vec<u8>, EntryError> {
        self.check()?;
        canonical::bytes_of(self).map_err(EntryError::Canonical)
    }

    fn check(&self) -> Result<(), EntryError> {
        let field =
            |is_good: bool, field, problem| if is_good { Ok(()) } else { Err(EntryError::Field { field, problem }) };
        field(is_actor(&self.actor), "actor", "is not 1 to 128 of a-z, 0-9, dot, underscore, colon and hyphen")?;
        field(is_origin(&self.origin), "origin", "is not the name of a ledger")?;
        field(self.seq < MAX_SIZE, "seq", "is beyond the largest ledger")?;
        field(self.sigs.len() <= MAX_ENTRY_SIGS, "sigs", "has more than 16 digests")?;
        field(self.prev.is_none() || self.handoff.is_some(), "prev", "needs a handoff")
    }
}

/// Leaf hash of an entry as its bytes give it, as `prev` of a later entry spells it.
#[must_use]
pub fn leaf_digest(entry: &[u8]) -> Digest {
    Digest::from_bytes(*leaf_hash(entry).as_bytes())
}

fn is_actor(actor: &str) -> bool {
    let is_allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b':' | b'-');
    (1..=128).contains(&actor.len()) && actor.bytes().all(is_allowed)
}

impl Serialize for Version {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(1)
    }
}

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match u8::deserialize(deserializer)? {
            1 => Ok(Self),
            _ => Err(de::Error::custom("entry is of a version other than 1")),
        }
    }
}

/// A digest as bare hex text, or absent; null is refused.
mod optional_hex {
    use super::{Deserializer, Digest, Serializer};

    pub(super) fn serialize<S: Serializer>(digest: &Option<Digest>, serializer: S) -> Result<S::Ok, S::Error> {
        match digest {
            Some(digest) => serializer.collect_str(digest),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Digest>, D::Error> {
        seamark_contracts::digest::hex::deserialize(deserializer).map(Some)
    }
}

/// Digests as bare hex texts.
mod hex_list {
    use super::{Deserialize, Deserializer, Digest, Serializer, de};

    pub(super) fn serialize<S: Serializer>(digests: &[Digest], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(digests.iter().map(|digest| digest.to_hex()))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Digest>, D::Error> {
        let texts = Vec::<String>::deserialize(deserializer)?;
        texts.iter().map(|text| Digest::parse_hex(text).map_err(de::Error::custom)).collect()
    }
}

#[cfg(test)]
mod tests;
