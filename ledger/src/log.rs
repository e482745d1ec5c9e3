//! Checking a whole log, entry by entry.
//!
//! One pass over all entries finds the first one that is not what it has to be: the exports' checker and a gateway's
//! own consistency check run the same code. Source: FORMATS.md §9, invariants D2, D4 and H1.

use std::collections::HashMap;

use seamark_contracts::clock::Timestamp;
use seamark_contracts::digest::Digest;
use thiserror::Error;

use crate::checkpoint::Head;
use crate::entry::{Entry, EntryError, EntryType, leaf_digest};
use crate::tree::{Frontier, FrontierError, Hash, leaf_hash};
use crate::verified::Verified;

/// Reads a log from its first entry on.
#[derive(Clone, Debug)]
pub struct LogChecker {
    origin: String,
    frontier: Frontier,
    last_at: Option<Timestamp>,
    /// Leaf of the newest entry of each handoff.
    newest: HashMap<Digest, Digest>,
}

/// The first entry that is wrong, and why.
#[derive(Debug, Error)]
#[error("entry {seq} of the ledger is wrong")]
pub struct LogFault {
    /// The index that the entry has or should have.
    pub seq: u64,
    #[source]
    pub reason: LogFaultReason,
}

/// What is wrong with an entry.
#[derive(Debug, Error)]
pub enum LogFaultReason {
    #[error("it cannot be read")]
    Unreadable(#[source] EntryError),
    #[error("it says that it is entry {found}")]
    Seq { found: u64 },
    #[error("it is of another ledger")]
    Origin,
    #[error("the first entry, and only that one, is ledger.genesis")]
    Genesis,
    #[error("it is earlier than the entry before it")]
    Time,
    #[error("it does not name the entry before it of the same handoff")]
    Prev,
    #[error("ledger is full")]
    Full(#[source] FrontierError),
}

/// Why a log that reads well is not the one that the checkpoint signs.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum HeadFault {
    #[error("checkpoint is of another ledger")]
    Origin,
    #[error("log has {found} entries, checkpoint {expected}")]
    Size { found: u64, expected: u64 },
    #[error("entries have another root than the checkpoint")]
    Root,
}

impl LogChecker {
    /// Begins with the log of this origin.
    #[must_use]
    pub fn new(origin: &str) -> Self {
        Self { origin: origin.to_owned(), frontier: Frontier::default(), last_at: None, newest: HashMap::new() }
    }

    /// Reads the next entry and gives it back.
    ///
    /// # Errors
    /// [`LogFault`] with the index of this entry; the checker is as it was before.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Entry, LogFault> {
        let seq = self.frontier.size();
        self.try_push(bytes, seq).map_err(|reason| LogFault { seq, reason })
    }

    fn try_push(&mut self, bytes: &[u8], seq: u64) -> Result<Entry, LogFaultReason> {
        let entry = Entry::parse(bytes).map_err(LogFaultReason::Unreadable)?;
        if entry.seq != seq {
            return Err(LogFaultReason::Seq { found: entry.seq });
        }
        if entry.origin != self.origin {
            return Err(LogFaultReason::Origin);
        }
        if (entry.kind == EntryType::LedgerGenesis) != (seq == 0) {
            return Err(LogFaultReason::Genesis);
        }
        if self.last_at.is_some_and(|last| entry.at < last) {
            return Err(LogFaultReason::Time);
        }
        let newest = entry.handoff.and_then(|handoff| self.newest.get(&handoff).copied());
        if entry.prev != newest {
            return Err(LogFaultReason::Prev);
        }
        self.frontier.append(leaf_hash(bytes)).map_err(LogFaultReason::Full)?;
        if let Some(handoff) = entry.handoff {
            self.newest.insert(handoff, leaf_digest(bytes));
        }
        self.last_at = Some(entry.at);
        Ok(entry)
    }

    /// How many entries were read.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.frontier.size()
    }

    /// Root over the entries read.
    #[must_use]
    pub fn root(&self) -> Hash {
        self.frontier.root()
    }

    /// Compares what was read with a verified checkpoint.
    ///
    /// # Errors
    /// [`HeadFault`]: another origin, another number of entries, or another root.
    pub fn check_head(&self, head: &Verified<Head>) -> Result<(), HeadFault> {
        if head.origin() != self.origin {
            return Err(HeadFault::Origin);
        }
        if head.size() != self.size() {
            return Err(HeadFault::Size { found: self.size(), expected: head.size() });
        }
        if head.root() == self.root() { Ok(()) } else { Err(HeadFault::Root) }
    }
}

#[cfg(test)]
mod tests;
