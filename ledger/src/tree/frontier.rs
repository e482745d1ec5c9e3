//! The right edge of a tree: all that appending needs.

use thiserror::Error;

use super::{Hash, MAX_SIZE, NodeId, empty_root, fold_right, node_hash};

/// The roots of the complete subtrees that together make up a tree, largest first.
///
/// A tree of `size` leaves has one for each bit that is set in `size`. Source: RFC 9162 §2.1.1.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    roots: Vec<Hash>,
}

/// A node that an append completed: it is stored once and never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredNode {
    pub id: NodeId,
    pub hash: Hash,
}

/// Why there is no such frontier.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum FrontierError {
    #[error("frontier of a tree of {size} leaves has {expected} bytes")]
    Length { size: u64, expected: usize },
    #[error("tree holds the {MAX_SIZE} leaves that it can")]
    Full,
}

impl Frontier {
    /// How many leaves the tree has.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Reads the bytes that [`Frontier::to_bytes`] wrote, for a tree of `size` leaves.
    ///
    /// # Errors
    /// [`FrontierError::Length`] when there are not 32 bytes for each bit set in `size`, [`FrontierError::Full`] when
    /// `size` is beyond [`MAX_SIZE`].
    pub fn from_bytes(size: u64, bytes: &[u8]) -> Result<Self, FrontierError> {
        if size > MAX_SIZE {
            return Err(FrontierError::Full);
        }
        let (roots, rest) = bytes.as_chunks::<32>();
        let n_roots = size.count_ones() as usize;
        if !rest.is_empty() || roots.len() != n_roots {
            return Err(FrontierError::Length { size, expected: n_roots * 32 });
        }
        Ok(Self { size, roots: roots.iter().copied().map(Hash::from_bytes).collect() })
    }

    /// The hashes one after another, 32 bytes each, largest subtree first.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.roots.iter().flat_map(|root| *root.as_bytes()).collect()
    }

    /// The root of the tree.
    #[must_use]
    pub fn root(&self) -> Hash {
        fold_right(self.roots.iter().copied()).unwrap_or_else(empty_root)
    }

    /// Appends one leaf, given as its leaf hash; tells which nodes are to be stored: the leaf first, then each subtree
    /// that it completes, from the leaves up.
    ///
    /// # Errors
    /// [`FrontierError::Full`] at [`MAX_SIZE`] leaves; nothing has changed then.
    pub fn append(&mut self, leaf: Hash) -> Result<Vec<StoredNode>, FrontierError> {
        if self.size >= MAX_SIZE {
            return Err(FrontierError::Full);
        }
        let mut node = StoredNode { id: NodeId { level: 0, index: self.size }, hash: leaf };
        let mut stored = vec![node];
        // An odd index completes the subtree above it; its left half is the last root.
        while node.id.index % 2 == 1 {
            let Some(left) = self.roots.pop() else { break };
            node = StoredNode { id: node.id.parent(), hash: node_hash(&left, &node.hash) };
            stored.push(node);
        }
        self.roots.push(node.hash);
        self.size += 1;
        Ok(stored)
    }
}
