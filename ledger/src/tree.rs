//! The Merkle tree over ledger entries: hashes, roots, proofs.
//!
//! Source: RFC 9162 §2.1 with SHA-256 (the same tree as RFC 6962). Leaves are counted from 0. What is stored are the
//! nodes of complete subtrees, addressed by level (0 is the leaves) and index within the level; they never change.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest as _, Sha256};
use thiserror::Error;

use crate::base64;

mod frontier;
mod plan;
mod verify;

pub use frontier::{Frontier, FrontierError, StoredNode};
pub use plan::{NodeId, PlanError, ProofPlan, plan_consistency, plan_inclusion};
pub use verify::{ProofError, verify_consistency, verify_inclusion};

/// Largest tree, in leaves: the largest integer that every JSON implementation reads exactly.
pub const MAX_SIZE: u64 = seamark_contracts::strict_json::MAX_SAFE_INTEGER.unsigned_abs();

/// A hash of the tree: 32 bytes; on the wire standard base64 with padding, 44 characters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash([u8; 32]);

/// Why a text is not a [`struct@Hash`].
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("a Merkle hash is 32 bytes in standard base64 with padding")]
pub struct HashError;

impl Hash {
    /// The hash whose 32 bytes are given.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Reads the one accepted spelling.
    ///
    /// # Errors
    /// [`HashError`] for another length, alphabet or padding.
    pub fn parse(text: &str) -> Result<Self, HashError> {
        base64::decode_32(text).map(Self).ok_or(HashError)
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&base64::encode(&self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hash({self})")
    }
}

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(de::Error::custom)
    }
}

/// Hash of a leaf: SHA-256(0x00, entry bytes). Source: RFC 9162 §2.1.1.
#[must_use]
pub fn leaf_hash(entry: &[u8]) -> Hash {
    Hash(Sha256::new_with_prefix([0x00]).chain_update(entry).finalize().into())
}

/// Hash of an inner node: SHA-256(0x01, left, right). Source: RFC 9162 §2.1.1.
#[must_use]
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Hash(Sha256::new_with_prefix([0x01]).chain_update(left.0).chain_update(right.0).finalize().into())
}

/// Root of the tree without leaves: SHA-256 of nothing. Source: RFC 9162 §2.1.1.
#[must_use]
pub fn empty_root() -> Hash {
    Hash(Sha256::digest([]).into())
}

/// Hashes neighbouring complete subtrees, given from left to right, into one; nothing for none.
fn fold_right(subtrees: impl DoubleEndedIterator<Item = Hash>) -> Option<Hash> {
    subtrees.rev().reduce(|right, left| node_hash(&left, &right))
}

#[cfg(test)]
mod tests;
