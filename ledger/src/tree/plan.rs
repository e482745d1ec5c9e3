//! Which stored nodes a proof is made of.
//!
//! Planning is pure arithmetic on sizes, so a database can fetch all nodes of a proof in one query and then assemble it.

use thiserror::Error;

use super::{Hash, MAX_SIZE, fold_right};

/// Address of a stored node: the root of a complete subtree of 2^`level` leaves, the first of them at
/// `index` * 2^`level`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId {
    /// 0 to 63; 0 is the leaves.
    pub level: u8,
    /// Position within the level, from 0.
    pub index: u64,
}

impl NodeId {
    pub(super) const fn parent(self) -> Self {
        Self { level: self.level + 1, index: self.index / 2 }
    }
}

/// Why there is no such proof.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum PlanError {
    #[error("leaf {index} is not in a tree of {size} leaves")]
    NoSuchLeaf { index: u64, size: u64 },
    #[error("no consistency proof goes from {from} to {to} leaves: it begins at 1 and never shrinks")]
    NoSuchGrowth { from: u64, to: u64 },
    #[error("tree has at most {MAX_SIZE} leaves")]
    TooLarge,
    #[error("node {index} of level {level} is not stored")]
    MissingNode { level: u8, index: u64 },
}

/// The nodes of which a proof is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProofPlan {
    /// For each hash of the proof the complete subtrees under it, from left to right.
    steps: Vec<Vec<NodeId>>,
}

impl ProofPlan {
    /// Every node that [`ProofPlan::assemble`] will ask for.
    pub fn nodes(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.steps.iter().flatten().copied()
    }

    /// How many hashes the proof has.
    #[must_use]
    pub fn n_hashes(&self) -> usize {
        self.steps.len()
    }

    /// The proof, out of stored nodes that `lookup` finds.
    ///
    /// # Errors
    /// [`PlanError::MissingNode`] for the first node that `lookup` does not know.
    pub fn assemble(&self, mut lookup: impl FnMut(NodeId) -> Option<Hash>) -> Result<Vec<Hash>, PlanError> {
        let mut find = |id: NodeId| lookup(id).ok_or(PlanError::MissingNode { level: id.level, index: id.index });
        let mut proof = Vec::with_capacity(self.steps.len());
        for step in &self.steps {
            let subtrees = step.iter().map(|id| find(*id)).collect::<Result<Vec<_>, _>>()?;
            proof.extend(fold_right(subtrees.into_iter()));
        }
        Ok(proof)
    }
}

/// Plans the proof that leaf `index` is in the tree of the first `size` leaves. Source: RFC 9162 §2.1.3.1.
///
/// # Errors
/// [`PlanError::NoSuchLeaf`] unless `index` < `size`, [`PlanError::TooLarge`] beyond [`MAX_SIZE`].
pub fn plan_inclusion(index: u64, size: u64) -> Result<ProofPlan, PlanError> {
    if size > MAX_SIZE {
        return Err(PlanError::TooLarge);
    }
    if index >= size {
        return Err(PlanError::NoSuchLeaf { index, size });
    }
    let mut tree = Range { begin: 0, end: size };
    let mut steps = Vec::new();
    while let Some((left, right)) = tree.split() {
        let (into, beside) = if index < right.begin { (left, right) } else { (right, left) };
        steps.push(beside.complete_subtrees());
        tree = into;
    }
    // The walk goes down, a proof goes up.
    steps.reverse();
    Ok(ProofPlan { steps })
}

/// Plans the proof that the first `from` leaves are a prefix of the first `to`. Source: RFC 9162 §2.1.4.1.
///
/// # Errors
/// [`PlanError::NoSuchGrowth`] unless 1 <= `from` <= `to`, [`PlanError::TooLarge`] beyond [`MAX_SIZE`].
pub fn plan_consistency(from: u64, to: u64) -> Result<ProofPlan, PlanError> {
    if to > MAX_SIZE {
        return Err(PlanError::TooLarge);
    }
    if from == 0 || from > to {
        return Err(PlanError::NoSuchGrowth { from, to });
    }
    let mut tree = Range { begin: 0, end: to };
    let mut steps = Vec::new();
    while tree.end != from {
        let Some((left, right)) = tree.split() else { break };
        let (into, beside) = if from <= right.begin { (left, right) } else { (right, left) };
        steps.push(beside.complete_subtrees());
        tree = into;
    }
    // What is left is the last complete part of the old tree; when it is all of it, the verifier has it as the root.
    if tree.begin != 0 {
        steps.push(tree.complete_subtrees());
    }
    steps.reverse();
    Ok(ProofPlan { steps })
}

/// Leaves `begin` to `end`, without `end`; `begin` is a multiple of the largest power of two below its length.
#[derive(Clone, Copy)]
struct Range {
    begin: u64,
    end: u64,
}

impl Range {
    /// Both children of the node over this range; nothing for a leaf. Source: RFC 9162 §2.1.1, "k".
    fn split(self) -> Option<(Self, Self)> {
        let n_leaves = self.end - self.begin;
        let k = (n_leaves.checked_sub(1)?).checked_ilog2().map(|log| 1u64 << log)?;
        let middle = self.begin + k;
        Some((Self { begin: self.begin, end: middle }, Self { begin: middle, end: self.end }))
    }

    /// The complete subtrees of which the node over this range is made, from left to right.
    fn complete_subtrees(self) -> Vec<NodeId> {
        let mut subtrees = Vec::new();
        let mut begin = self.begin;
        while let Some(log) = (self.end - begin).checked_ilog2() {
            let level = u8::try_from(log).unwrap_or(u8::MAX);
            subtrees.push(NodeId { level, index: begin >> log });
            begin += 1u64 << log;
        }
        subtrees
    }
}
