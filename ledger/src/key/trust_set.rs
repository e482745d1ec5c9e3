//! The keys that a verifier trusts, and for what.

use std::collections::BTreeMap;

use seamark_contracts::clock::Timestamp;
use thiserror::Error;

use super::{KeyId, KeyUse, PublicKey};
use crate::directory::DirectorySubject;

/// Most keys that a set takes; a directory with more is refused.
pub const MAX_KEYS: usize = 100_000;

/// A key with what the directory says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedKey {
    pub key: PublicKey,
    /// The one thing that it may sign.
    pub key_use: KeyUse,
    /// Whose key it is: a urn of the directory.
    pub subject: String,
    /// First moment at which it may sign.
    pub from: Timestamp,
    /// First moment at which it may not sign any more; absent while it has no end.
    pub to: Option<Timestamp>,
}

impl TrustedKey {
    /// Whether the key may sign at `at`.
    #[must_use]
    pub fn is_valid_at(&self, at: Timestamp) -> bool {
        self.from <= at && self.to.is_none_or(|to| at < to)
    }
}

/// Why keys do not make a set.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum TrustSetError {
    #[error("key {0} is listed twice: one key has one use and one subject")]
    KeyTwice(KeyId),
    #[error("key {0} ends before it begins")]
    EmptyWindow(KeyId),
    #[error("more than {MAX_KEYS} keys")]
    TooManyKeys,
}

/// The keys that a verifier trusts. Each key stands in it once, with one use (invariant A15 of the threat list).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustSet {
    keys: BTreeMap<KeyId, TrustedKey>,
    subjects: BTreeMap<String, DirectorySubject>,
}

impl TrustSet {
    /// A set of these keys.
    ///
    /// # Errors
    /// [`TrustSetError`] when a key stands twice, its window is empty, or there are more than `MAX_KEYS`.
    pub fn new(keys: impl IntoIterator<Item = TrustedKey>) -> Result<Self, TrustSetError> {
        let mut set = Self::default();
        for trusted in keys {
            let id = trusted.key.id();
            if trusted.to.is_some_and(|to| to <= trusted.from) {
                return Err(TrustSetError::EmptyWindow(id));
            }
            if set.keys.insert(id, trusted).is_some() {
                return Err(TrustSetError::KeyTwice(id));
            }
            if set.keys.len() > MAX_KEYS {
                return Err(TrustSetError::TooManyKeys);
            }
        }
        Ok(set)
    }

    /// The same keys with the subjects that hold them, by id.
    pub(crate) fn with_subjects(mut self, subjects: BTreeMap<String, DirectorySubject>) -> Self {
        self.subjects = subjects;
        self
    }

    /// The subject of this id: a person, agent or gateway.
    #[must_use]
    pub fn subject(&self, id: &str) -> Option<&DirectorySubject> {
        self.subjects.get(id)
    }

    /// The key of this name, when it is trusted for `key_use`.
    #[must_use]
    pub fn find(&self, id: &KeyId, key_use: KeyUse) -> Option<&TrustedKey> {
        self.keys.get(id).filter(|trusted| trusted.key_use == key_use)
    }

    /// Whether the key is listed, for whatever use.
    #[must_use]
    pub fn has_key(&self, id: &KeyId) -> bool {
        self.keys.contains_key(id)
    }

    /// All keys trusted for `key_use`, in the order of their names.
    pub fn keys_for(&self, key_use: KeyUse) -> impl Iterator<Item = &TrustedKey> {
        self.keys.values().filter(move |trusted| trusted.key_use == key_use)
    }

    /// How many keys there are.
    #[must_use]
    pub fn n_keys(&self) -> usize {
        self.keys.len()
    }
}
