//! Checking proofs: nothing is trusted but the roots.

use thiserror::Error;

use super::{Hash, MAX_SIZE, PlanError, ProofPlan, node_hash, plan_consistency, plan_inclusion};

/// Why a proof does not prove.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum ProofError {
    #[error("leaf {index} cannot be in a tree of {size} leaves")]
    NoSuchLeaf { index: u64, size: u64 },
    #[error("a tree of {from} leaves cannot have grown into one of {to}: it begins at 1 and never shrinks")]
    NoSuchGrowth { from: u64, to: u64 },
    #[error("tree has at most {MAX_SIZE} leaves")]
    TooLarge,
    #[error("proof has {found} hashes where it needs {expected}")]
    Length { found: usize, expected: usize },
    #[error("proof does not lead to the root of the smaller tree")]
    OldRoot,
    #[error("proof does not lead to the root of the tree")]
    Root,
}

impl From<PlanError> for ProofError {
    fn from(error: PlanError) -> Self {
        match error {
            PlanError::NoSuchLeaf { index, size } => Self::NoSuchLeaf { index, size },
            PlanError::NoSuchGrowth { from, to } => Self::NoSuchGrowth { from, to },
            // Planning looks nothing up, so it never misses a node.
            PlanError::TooLarge | PlanError::MissingNode { .. } => Self::TooLarge,
        }
    }
}

fn check_length(proof: &[Hash], plan: &ProofPlan) -> Result<(), ProofError> {
    let (found, expected) = (proof.len(), plan.n_hashes());
    if found == expected { Ok(()) } else { Err(ProofError::Length { found, expected }) }
}

/// Checks that `leaf` is leaf `index` of the tree of `size` leaves whose root is `root`. Source: RFC 9162 §2.1.3.2.
///
/// # Errors
/// [`ProofError`]: the index is not below the size, the proof is a hash too long or too short, or it leads elsewhere.
pub fn verify_inclusion(leaf: &Hash, index: u64, size: u64, proof: &[Hash], root: &Hash) -> Result<(), ProofError> {
    check_length(proof, &plan_inclusion(index, size)?)?;
    let (mut at, mut last) = (index, size - 1);
    let mut hash = *leaf;
    for beside in proof {
        if at % 2 == 1 || at == last {
            hash = node_hash(beside, &hash);
            // A right edge has no sibling on the levels where its index is even.
            while at % 2 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, beside);
        }
        at >>= 1;
        last >>= 1;
    }
    if last == 0 && hash == *root { Ok(()) } else { Err(ProofError::Root) }
}

/// Checks that the tree of `from` leaves with root `old_root` is a prefix of the one of `to` leaves with root
/// `new_root`. Source: RFC 9162 §2.1.4.2.
///
/// # Errors
/// [`ProofError`]: `from` is 0 or beyond `to`, the proof is a hash too long or too short, or it does not lead to both
/// roots. Between equal sizes the proof is empty and the roots are equal.
pub fn verify_consistency(
    from: u64,
    old_root: &Hash,
    to: u64,
    new_root: &Hash,
    proof: &[Hash],
) -> Result<(), ProofError> {
    check_length(proof, &plan_consistency(from, to)?)?;
    if from == to {
        return if old_root == new_root { Ok(()) } else { Err(ProofError::Root) };
    }
    // A complete old tree is a node of the new one, so the proof leaves it out.
    let (first, rest) = match proof.split_first() {
        _ if from.is_power_of_two() => (*old_root, proof),
        Some((first, rest)) => (*first, rest),
        None => return Err(ProofError::Length { found: 0, expected: 1 }),
    };
    let shift = (from - 1).trailing_ones();
    let (mut at, mut last) = ((from - 1) >> shift, (to - 1) >> shift);
    let (mut old, mut new) = (first, first);
    for beside in rest {
        if at % 2 == 1 || at == last {
            old = node_hash(beside, &old);
            new = node_hash(beside, &new);
            while at % 2 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            new = node_hash(&new, beside);
        }
        at >>= 1;
        last >>= 1;
    }
    match (last == 0 && new == *new_root, old == *old_root) {
        (true, true) => Ok(()),
        (_, false) => Err(ProofError::OldRoot),
        (false, true) => Err(ProofError::Root),
    }
}
