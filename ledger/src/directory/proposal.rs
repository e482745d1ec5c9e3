//! What a gateway proposes to the holder of the root, and how it differs from the directory that is signed.
//!
//! The proposal comes from a gateway that may be anybody's. What it adds is shown to a person; what it may never do, taking
//! away or changing what was signed, is refused here. Source: FORMATS.md §8.2.

use std::collections::{BTreeMap, BTreeSet};

use seamark_contracts::clock::Timestamp;
use seamark_contracts::digest::Digest;
use thiserror::Error;

use super::{
    Directory, DirectoryError, DirectoryKey, DirectoryPredicate, DirectoryRole, DirectorySubject, check_content,
};
use crate::key::{KeyUse, PublicKey};
use crate::statement::{self, StatementError, StatementFault};

/// A directory that nobody has signed yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    pub predicate: DirectoryPredicate,
    /// The directory that it is to follow; zeros for the first.
    pub previous: Digest,
    /// Of the bytes.
    pub digest: Digest,
    bytes: Vec<u8>,
}

/// One thing that a signature would change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// Somebody or something new, whose roles follow one by one.
    SubjectAdded(DirectorySubject),
    RoleGiven {
        subject: DirectorySubject,
        role: DirectoryRole,
    },
    RoleTaken {
        subject: DirectorySubject,
        role: DirectoryRole,
    },
    /// Other persons answer for an agent.
    OwnersChanged(DirectorySubject),
    KeyAdded {
        subject: DirectorySubject,
        key: DirectoryKey,
    },
    KeyEnded {
        subject: DirectorySubject,
        key: DirectoryKey,
    },
}

/// Why a proposal is not to be signed.
#[derive(Debug, Error)]
pub enum ProposalError {
    #[error("read the proposed directory")]
    Statement(#[source] StatementError),
    #[error("use the proposed directory")]
    Content(#[source] DirectoryError),
    #[error("it is version {found}, and the one after the signed directory is {expected}")]
    Version { found: u64, expected: u64 },
    #[error("it does not follow the directory that is signed, but another one")]
    Previous,
    #[error("it is of another organisation than the directory that is signed")]
    Org,
    #[error("it begins to be valid before the directory that is signed")]
    Earlier,
    #[error("it names another root, which only the holder of this one does")]
    NextRoot,
    #[error("it leaves out or changes {what}, which is signed; what is signed only ever ends")]
    Changed { what: String },
    #[error("it adds {what} with a time before the directory that is signed, or after its end")]
    Backdated { what: String },
}

impl Proposal {
    /// Reads the bytes of a proposed directory. Nothing is known about who wrote them.
    ///
    /// # Errors
    /// [`ProposalError::Statement`]: no strict JSON, no directory, or larger than verifiers read.
    pub fn read(bytes: &[u8]) -> Result<Self, ProposalError> {
        let (subject, predicate) = statement::read_directory(bytes).map_err(ProposalError::Statement)?;
        let fault = || ProposalError::Statement(StatementError::Content(StatementFault::Subject));
        let previous = subject.first().ok_or_else(fault)?.digest;
        Ok(Self { predicate, previous, digest: Digest::of(bytes), bytes: bytes.to_vec() })
    }

    /// The bytes to sign, exactly those that were read.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What signing it under `root` would change of `current`, in the order in which the proposal lists it: who, what they
    /// may do, then keys. `current` is `None` only while nothing is signed; then everything is new.
    ///
    /// # Errors
    /// [`ProposalError`] for the first thing that no gateway may propose.
    pub fn differences(&self, current: Option<&Directory>, root: &PublicKey) -> Result<Vec<Difference>, ProposalError> {
        let next = &self.predicate;
        if next.next_root.is_some() {
            return Err(ProposalError::NextRoot);
        }
        check_content(next, root).map_err(ProposalError::Content)?;
        let expected = current.map_or(1, |current| current.predicate.version + 1);
        if next.version != expected {
            return Err(ProposalError::Version { found: next.version, expected });
        }
        if self.previous != current.map_or(Digest::from_bytes([0; 32]), |current| current.digest) {
            return Err(ProposalError::Previous);
        }
        let Some(current) = current else { return compare(next, None) };
        if next.org != current.predicate.org {
            return Err(ProposalError::Org);
        }
        if next.valid_from < current.predicate.valid_from {
            return Err(ProposalError::Earlier);
        }
        compare(next, Some(&current.predicate))
    }
}

fn compare(next: &DirectoryPredicate, current: Option<&DirectoryPredicate>) -> Result<Vec<Difference>, ProposalError> {
    let mut found = Vec::new();
    let since = current.map(|current| current.valid_from);
    let known: BTreeMap<&str, &DirectorySubject> =
        current.iter().flat_map(|current| &current.subjects).map(|subject| (subject.id.as_str(), subject)).collect();
    let subjects: BTreeMap<&str, &DirectorySubject> =
        next.subjects.iter().map(|subject| (subject.id.as_str(), subject)).collect();
    all_there(known.keys().copied(), &subjects.keys().copied().collect())?;
    for subject in &next.subjects {
        compare_subject(subject, known.get(subject.id.as_str()).copied(), since, &mut found)?;
    }
    let known: BTreeMap<&str, &DirectoryKey> =
        current.iter().flat_map(|current| &current.keys).map(|key| (key.keyid.as_str(), key)).collect();
    all_there(known.keys().copied(), &next.keys.iter().map(|key| key.keyid.as_str()).collect())?;
    for key in &next.keys {
        let changed = || ProposalError::Changed { what: format!("the key {}", key.keyid) };
        let subject = subjects.get(key.subject.as_str()).ok_or_else(changed)?;
        let both = || ((*subject).clone(), key.clone());
        match known.get(key.keyid.as_str()) {
            None if key.to.is_some() || since.is_some_and(|since| key.from < since) => {
                return Err(ProposalError::Backdated { what: format!("the key {}", key.keyid) });
            }
            None => {
                let (subject, key) = both();
                found.push(Difference::KeyAdded { subject, key });
            }
            Some(before) if *before == key => {}
            Some(before) if before.to.is_none() && (DirectoryKey { to: None, ..key.clone() }) == **before => {
                let (subject, key) = both();
                found.push(Difference::KeyEnded { subject, key });
            }
            Some(_) => return Err(changed()),
        }
    }
    Ok(found)
}

fn all_there<'a>(mut signed: impl Iterator<Item = &'a str>, there: &BTreeSet<&str>) -> Result<(), ProposalError> {
    match signed.find(|id| !there.contains(id)) {
        Some(id) => Err(ProposalError::Changed { what: id.to_owned() }),
        None => Ok(()),
    }
}

fn compare_subject(
    subject: &DirectorySubject,
    before: Option<&DirectorySubject>,
    since: Option<Timestamp>,
    found: &mut Vec<Difference>,
) -> Result<(), ProposalError> {
    match before {
        None => found.push(Difference::SubjectAdded(subject.clone())),
        Some(before) if before.kind != subject.kind || before.name != subject.name => {
            return Err(ProposalError::Changed { what: subject.id.clone() });
        }
        Some(before) if before.owners != subject.owners => found.push(Difference::OwnersChanged(subject.clone())),
        Some(_) => {}
    }
    let what = |role: &DirectoryRole| format!("the role {} of {}", role.role, subject.id);
    // A role is known by its name and beginning: taken and given again it stands there twice.
    let mut signed: Vec<&DirectoryRole> = before.iter().flat_map(|before| &before.roles).collect();
    for role in &subject.roles {
        let same = signed.iter().position(|held| held.role == role.role && held.from == role.from);
        let (subject, role) = (subject.clone(), role.clone());
        match same.map(|at| signed.swap_remove(at)) {
            None if role.to.is_some() || since.is_some_and(|since| role.from < since) => {
                return Err(ProposalError::Backdated { what: what(&role) });
            }
            None => found.push(Difference::RoleGiven { subject, role }),
            Some(held) if held.to == role.to => {}
            Some(held) if held.to.is_none() => found.push(Difference::RoleTaken { subject, role }),
            Some(_) => return Err(ProposalError::Changed { what: what(&role) }),
        }
    }
    match signed.first() {
        Some(role) => Err(ProposalError::Changed { what: what(role) }),
        None => Ok(()),
    }
}

impl Difference {
    /// The decision key of a person that this would list: somebody has to read its fingerprint out.
    #[must_use]
    pub fn new_decision_key(&self) -> Option<(&DirectorySubject, &DirectoryKey)> {
        match self {
            Self::KeyAdded { subject, key } if key.key_use == KeyUse::Decision => Some((subject, key)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
