//! `c2sp.org/tlog-proof@v1`: an inclusion proof with its checkpoint, as text. Source: c2sp.org/tlog-proof.

use std::fmt::Write as _;

use thiserror::Error;

const HEADER: &str = "c2sp.org/tlog-proof@v1\n";

/// Most hashes of a proof.
const MAX_HASHES: usize = 64;

/// Why a text is no proof of a bundle.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum ProofTextError {
    #[error("it is no c2sp.org/tlog-proof@v1 without extra line")]
    Form,
    #[error("it is of another index than its path says")]
    Index,
    #[error("its checkpoint is not that of the bundle")]
    Checkpoint,
}

/// Writes the proof of the entry at `index`; `hashes` are as the API tells them.
pub(super) fn write(index: u64, hashes: &[String], checkpoint: &str) -> String {
    let mut text = format!("{HEADER}index {index}\n");
    for hash in hashes {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{hash}");
    }
    text.push('\n');
    text.push_str(checkpoint);
    text
}

/// The hashes of a proof that [`write`] wrote for this index and checkpoint. Whether they are hashes is judged with them.
pub(super) fn parse(text: &str, index: u64, checkpoint: &str) -> Result<Vec<String>, ProofTextError> {
    let rest = text.strip_prefix(HEADER).ok_or(ProofTextError::Form)?;
    let (lines, note) = rest.split_once("\n\n").ok_or(ProofTextError::Form)?;
    let mut lines = lines.split('\n');
    if lines.next() != Some(format!("index {index}").as_str()) {
        return Err(ProofTextError::Index);
    }
    if note != checkpoint {
        return Err(ProofTextError::Checkpoint);
    }
    let hashes: Vec<String> = lines.map(str::to_owned).collect();
    if hashes.len() > MAX_HASHES { Err(ProofTextError::Form) } else { Ok(hashes) }
}
