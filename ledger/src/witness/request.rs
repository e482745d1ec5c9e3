//! What a ledger's owner asks of a witness, and how the witness judges it. Source: c2sp.org/tlog-witness.
//!
//! Everything here is a function of its arguments. Whoever runs a witness reads the last head that it cosigned, judges,
//! writes the new head down for good, and only then signs: a cosignature that left before the head was kept could be
//! contradicted by the same witness after a crash.

use std::fmt::Write as _;

use thiserror::Error;

use super::RememberedHead;
use crate::checkpoint::{
    Checkpoint, CheckpointError, CosignError, Head, MAX_NOTE_BYTES, Vkey, VkeyKind, parse_decimal,
};
use crate::key::Signer;
use crate::tree::{Hash, verify_consistency};
use crate::verified::{Unverified, Verified};

/// Most hashes of a request's proof. Source: c2sp.org/tlog-witness, "add-checkpoint".
pub const MAX_PROOF_LINES: usize = 63;

/// Largest request that is read, in bytes: a note, the lines of the proof, the line of the old size and the empty line.
pub const MAX_REQUEST_BYTES: usize = MAX_NOTE_BYTES + MAX_PROOF_LINES * 45 + 64;

/// Media type of the body of a conflict.
pub const SIZE_MEDIA_TYPE: &str = "text/x.tlog.size";

/// Where a witness takes checkpoints, below its address.
pub const ADD_CHECKPOINT_PATH: &str = "add-checkpoint";

/// The body of `POST /add-checkpoint`.
#[derive(Clone, Debug)]
pub struct AddCheckpoint {
    /// Size of the checkpoint that the witness is believed to have cosigned last; 0 for none.
    pub old: u64,
    /// Consistency proof from `old` to the size of the checkpoint.
    pub proof: Vec<Hash>,
    /// The head to be cosigned; its signature is not verified.
    pub checkpoint: Unverified<Checkpoint>,
}

/// Why bytes are not a request.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum RequestError {
    #[error("request is longer than {MAX_REQUEST_BYTES} bytes")]
    TooLarge,
    #[error("request is not UTF-8")]
    NotUtf8,
    #[error("request begins with the line `old SIZE`, SIZE decimal without leading zeroes")]
    Old,
    #[error("lines of the proof are hashes in base64, at most {MAX_PROOF_LINES}, and an empty line ends them")]
    Proof,
    #[error("read the checkpoint")]
    Checkpoint(#[from] CheckpointError),
    #[error("old size {old} is beyond the checkpoint's {size}")]
    OldBeyond { old: u64, size: u64 },
    #[error("a proof from size 0 is empty")]
    ProofOfNothing,
}

/// Why a witness does not cosign.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Refusal {
    #[error("understand the request")]
    Malformed(#[from] RequestError),
    #[error("no ledger named {0} is cosigned here")]
    UnknownLog(String),
    #[error("checkpoint is not signed by the key that is known for its ledger")]
    NotSigned,
    /// `size` is what the witness cosigned last; 0 for nothing.
    #[error("last cosigned is size {size}, with this root")]
    Conflict { size: u64 },
    #[error("ledger does not begin with what was cosigned last")]
    Inconsistent,
}

impl Refusal {
    /// The status of the answer. Source: c2sp.org/tlog-witness, "add-checkpoint".
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self {
            Self::Malformed(_) => 400,
            Self::NotSigned => 403,
            Self::UnknownLog(_) => 404,
            Self::Conflict { .. } => 409,
            Self::Inconsistent => 422,
        }
    }
}

impl AddCheckpoint {
    /// Reads a request. Nothing is checked but its form, and that its sizes can belong together.
    ///
    /// # Errors
    /// [`RequestError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, RequestError> {
        if bytes.len() > MAX_REQUEST_BYTES {
            return Err(RequestError::TooLarge);
        }
        let text = std::str::from_utf8(bytes).map_err(|_| RequestError::NotUtf8)?;
        let (first, rest) = text.split_once('\n').ok_or(RequestError::Old)?;
        let old = first.strip_prefix("old ").and_then(parse_decimal).ok_or(RequestError::Old)?;
        let (proof, note) = take_proof(rest)?;
        let checkpoint = Checkpoint::parse(note.as_bytes())?;
        let size = checkpoint.unverified_value().unverified_head().size();
        if old > size {
            return Err(RequestError::OldBeyond { old, size });
        }
        if old == 0 && !proof.is_empty() {
            return Err(RequestError::ProofOfNothing);
        }
        Ok(Self { old, proof, checkpoint })
    }

    /// Writes a request: `checkpoint` is a signed note, `proof` leads from `old` to its size.
    #[must_use]
    pub fn write(old: u64, proof: &[Hash], checkpoint: &str) -> String {
        let mut text = format!("old {old}\n");
        for hash in proof {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{hash}");
        }
        text.push('\n');
        text.push_str(checkpoint);
        text
    }

    /// The head, when one of the known `logs` signed it.
    ///
    /// # Errors
    /// [`Refusal::UnknownLog`], [`Refusal::NotSigned`].
    pub fn verify(&self, logs: &[Vkey]) -> Result<Verified<Head>, Refusal> {
        let origin = self.checkpoint.unverified_value().unverified_head().origin();
        let is_it = |log: &&Vkey| log.kind() == VkeyKind::Log && log.name() == origin;
        let log = logs.iter().find(is_it).ok_or_else(|| Refusal::UnknownLog(origin.to_owned()))?;
        self.checkpoint.verify(log).map_err(|_| Refusal::NotSigned)
    }

    /// Whether a witness that cosigned `last` of this ledger (nothing when it never did) may cosign `head`, the verified
    /// head of this request.
    ///
    /// A smaller head and another root for the same size are refused whatever is signed, so that no two cosignatures of
    /// one witness contradict one another.
    ///
    /// # Errors
    /// [`Refusal::Conflict`] when the request builds on another size than the last one, or has another root for it;
    /// [`Refusal::Inconsistent`] when the proof does not hold.
    pub fn judge(&self, head: &Verified<Head>, last: Option<&RememberedHead>) -> Result<(), Refusal> {
        let size = last.map_or(0, |last| last.size);
        let is_of_it = last.is_none_or(|last| last.origin == head.origin());
        if self.old != size || !is_of_it {
            return Err(Refusal::Conflict { size });
        }
        let Some(last) = last else { return Ok(()) };
        if head.size() == size {
            let is_same = head.root() == last.root;
            return match (is_same, self.proof.is_empty()) {
                (false, _) => Err(Refusal::Conflict { size }),
                (true, false) => Err(Refusal::Inconsistent),
                (true, true) => Ok(()),
            };
        }
        verify_consistency(size, &last.root, head.size(), &head.root(), &self.proof).map_err(|_| Refusal::Inconsistent)
    }
}

/// The hashes up to the empty line, and what follows it.
fn take_proof(mut rest: &str) -> Result<(Vec<Hash>, &str), RequestError> {
    let mut proof = Vec::new();
    loop {
        let (line, after) = rest.split_once('\n').ok_or(RequestError::Proof)?;
        if line.is_empty() {
            return Ok((proof, after));
        }
        if proof.len() >= MAX_PROOF_LINES {
            return Err(RequestError::Proof);
        }
        proof.push(Hash::parse(line).map_err(|_| RequestError::Proof)?);
        rest = after;
    }
}

/// The body of a conflict: the size that was cosigned last.
#[must_use]
pub fn write_size(size: u64) -> String {
    format!("{size}\n")
}

/// Reads the body of a conflict; nothing when it is none.
#[must_use]
pub fn parse_size(body: &str) -> Option<u64> {
    parse_decimal(body.strip_suffix('\n')?)
}

/// The witness's line over a head that it judged and wrote down: what a request is answered with.
///
/// `at_s` is the time in seconds since 1970-01-01T00:00:00Z.
///
/// # Errors
/// [`CosignError`] when the name is no key name, or the key's holder refuses.
pub fn cosignature_line(
    head: &Verified<Head>,
    witness: &str,
    at_s: u64,
    signer: &dyn Signer,
) -> Result<String, CosignError> {
    Checkpoint::cosignature(head, witness, at_s, signer)
}

/// A witness's line that verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CosignedLine {
    /// With its line feed.
    pub line: String,
    /// When it was signed, in seconds since 1970-01-01T00:00:00Z, by the witness's clock.
    pub at_s: u64,
}

/// Why an answer has no cosignature that counts.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum AnswerError {
    #[error("answer is no signature line of a note")]
    Form(#[from] CheckpointError),
    #[error("answer has no line of {0}")]
    NotSigned(String),
    #[error("cosignature of {0} is not over the checkpoint that was sent")]
    BadSignature(String),
    #[error("cosignature is of {at_s} s since 1970, which is later than {latest_s} s")]
    Future { at_s: u64, latest_s: u64 },
}

/// Takes the line of `witness` out of its answer to `checkpoint`. Lines of other keys are not looked at.
///
/// `latest_s` is the latest time that it may have, in seconds since 1970-01-01T00:00:00Z.
///
/// # Errors
/// [`AnswerError`].
pub fn take_cosignature(
    checkpoint: &str,
    answer: &str,
    witness: &Vkey,
    latest_s: u64,
) -> Result<CosignedLine, AnswerError> {
    let both = Checkpoint::parse(format!("{checkpoint}{answer}").as_bytes())?;
    let name = || witness.name().to_owned();
    let cosignature = both.verify_cosignature(witness).map_err(|_| AnswerError::BadSignature(name()))?;
    let cosignature = cosignature.ok_or_else(|| AnswerError::NotSigned(name()))?;
    let at_s = cosignature.at_s;
    if at_s > latest_s {
        return Err(AnswerError::Future { at_s, latest_s });
    }
    let kept = both.unverified_value().lines_of(witness).find(|line| line.cosigned_at() == Some(at_s));
    Ok(CosignedLine { line: kept.ok_or_else(|| AnswerError::NotSigned(name()))?.to_string(), at_s })
}

#[cfg(test)]
mod tests;
