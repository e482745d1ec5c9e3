//! What a desk remembers of the ledger, and that the ledger only grew since.
//!
//! Whoever keeps the last head it verified and checks each new one against it is a witness: after that the ledger
//! cannot be rewritten before that head without being found out. Whoever also signs what it saw is a witness for others:
//! [`AddCheckpoint`] and what goes with it. Source: invariants D2 and D5.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::checkpoint::Head;
use crate::tree::{Hash, ProofError, verify_consistency};
use crate::verified::Verified;

mod request;

pub use request::{
    ADD_CHECKPOINT_PATH, AddCheckpoint, AnswerError, CosignedLine, MAX_PROOF_LINES, MAX_REQUEST_BYTES, Refusal,
    RequestError, SIZE_MEDIA_TYPE, cosignature_line, parse_size, take_cosignature, write_size,
};

/// The last head that was verified.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RememberedHead {
    /// Which ledger.
    pub origin: String,
    /// Entries; at least 1.
    pub size: u64,
    /// Root over them; standard base64 on the wire.
    pub root: Hash,
}

/// How a ledger went on since the remembered head. All of them hold for the remembered head for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Growth {
    /// The same head.
    None,
    /// So many entries were added.
    Entries(u64),
}

/// Why a new checkpoint does not extend the remembered head. All but [`WitnessError::Empty`] are a broken ledger: the
/// desk stops approving and says so.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum WitnessError {
    #[error("checkpoint is of {found}, remembered is {expected}")]
    OtherOrigin { found: String, expected: String },
    #[error("ledger is empty: there is nothing to remember")]
    Empty,
    #[error("ledger shrank from {from} entries to {to}")]
    Shrank { from: u64, to: u64 },
    #[error("ledger shows another root for the same {size} entries")]
    Forked { size: u64 },
    #[error("ledger of {to} entries does not begin with the {from} entries that were seen")]
    Rewritten {
        from: u64,
        to: u64,
        #[source]
        source: ProofError,
    },
}

impl RememberedHead {
    /// The first head that is remembered; it is believed because its signature verified.
    ///
    /// # Errors
    /// [`WitnessError::Empty`] when there is no entry yet.
    pub fn first(checkpoint: &Verified<Head>) -> Result<Self, WitnessError> {
        if checkpoint.size() == 0 {
            return Err(WitnessError::Empty);
        }
        let origin = checkpoint.origin().to_owned();
        Ok(Self { origin, size: checkpoint.size(), root: checkpoint.root() })
    }
}

/// Checks that the ledger of `checkpoint` begins with what was remembered; `proof` is the consistency proof from the
/// remembered size to the new one, empty when both are equal.
///
/// On success the caller remembers `checkpoint` instead.
///
/// # Errors
/// [`WitnessError`]: another ledger, fewer entries, another root for as many, or a proof that does not lead to both
/// roots.
pub fn check_extends(
    remembered: &RememberedHead,
    checkpoint: &Verified<Head>,
    proof: &[Hash],
) -> Result<Growth, WitnessError> {
    if checkpoint.origin() != remembered.origin {
        let (found, expected) = (checkpoint.origin().to_owned(), remembered.origin.clone());
        return Err(WitnessError::OtherOrigin { found, expected });
    }
    let (from, to) = (remembered.size, checkpoint.size());
    if to < from {
        return Err(WitnessError::Shrank { from, to });
    }
    if to == from && checkpoint.root() != remembered.root {
        return Err(WitnessError::Forked { size: from });
    }
    verify_consistency(from, &remembered.root, to, &checkpoint.root(), proof)
        .map_err(|source| WitnessError::Rewritten { from, to, source })?;
    Ok(if to == from { Growth::None } else { Growth::Entries(to - from) })
}

#[cfg(test)]
mod tests;
