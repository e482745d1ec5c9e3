//! The directory: whose key is whose, for what, and who has which role.
//!
//! It is signed by the organisation's root key, which every verifier pins. A key or role ends by its `to` and is never
//! deleted or given to somebody else, so the newest directory judges old decisions too. Source: FORMATS.md §8.

use std::collections::BTreeMap;

use base64ct::{Base64UrlUnpadded, Encoding as _};
use schemars::JsonSchema;
use seamark_contracts::clock::Timestamp;
use seamark_contracts::digest::Digest;
use seamark_contracts::strict_json::Limits;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

use crate::key::{KeyUse, PublicKey, PublicKeyError, Signature, TrustSet, TrustSetError, TrustedKey};
use crate::statement::{self, Statement, StatementError};
use crate::verified::Verified;

mod proposal;

pub use proposal::{Difference, Proposal, ProposalError};

/// Clocks of different machines may differ by so much, in milliseconds.
pub const MAX_SKEW_MS: i64 = 120_000;

/// Most bytes of a directory statement: about four and a half thousand persons with a device each. More than other statements may
/// have, because every key and person stays listed.
pub const MAX_DIRECTORY_BYTES: usize = 2 * 1024 * 1024;

/// Most bytes of an envelope around such a statement.
pub const MAX_ENVELOPE_BYTES: usize = 3 * 1024 * 1024;

/// Bounds of such an envelope, read on its own.
pub const ENVELOPE_LIMITS: Limits = Limits { max_depth: 4, ..Limits::SIGNED.with_max_bytes(MAX_ENVELOPE_BYTES) };

/// Most subjects of a directory, as of any array (FORMATS.md, section 2).
pub const MAX_SUBJECTS: usize = 16_384;

/// The only algorithm of this version.
pub const ALGORITHM: &str = "ed25519";

/// The predicate of `https://seamark.dev/attestation/directory/v1`, signed by the organisation's root.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DirectoryPredicate {
    /// Name of the organisation: 1 to 100 of `a-z 0-9 . _ -`.
    pub org: String,
    /// From 1; each directory has one more than the one before it.
    pub version: u64,
    pub valid_from: Timestamp,
    /// First moment at which a newer directory is needed.
    pub valid_to: Timestamp,
    pub subjects: Vec<DirectorySubject>,
    pub keys: Vec<DirectoryKey>,
    /// The root that signs every later directory in place of the one that signed this. A verifier follows to it only when
    /// a person says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_root: Option<NextRoot>,
}

/// A root that takes the place of another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NextRoot {
    #[schemars(extend("pattern" = "^[0-9a-f]{64}$"))]
    pub keyid: String,
    /// Base64url without padding, 32 bytes.
    #[schemars(extend("pattern" = "^[A-Za-z0-9_-]{43}$"))]
    pub key: String,
}

impl NextRoot {
    /// The member for this key.
    #[must_use]
    pub fn new(key: &PublicKey) -> Self {
        Self { keyid: key.id().to_string(), key: Base64UrlUnpadded::encode_string(key.as_bytes()) }
    }

    /// The key.
    ///
    /// # Errors
    /// [`DirectoryError`] when it is none, or has another id.
    pub fn parse(&self) -> Result<PublicKey, DirectoryError> {
        parse_key(&self.key, &self.keyid)
    }
}

/// What a subject is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SubjectKind {
    Person,
    Agent,
    Gateway,
    Executor,
}

/// Somebody or something that holds keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DirectorySubject {
    /// `urn:seamark:user:NAME`, `urn:seamark:agent:NAME`, `urn:seamark:gateway:NAME`. Unique, never given to another.
    pub id: String,
    pub kind: SubjectKind,
    /// The printed name.
    pub name: String,
    /// Of an agent: persons that answer for it; they may not decide on its handoffs (invariant B4).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub owners: Vec<String>,
    pub roles: Vec<DirectoryRole>,
}

/// A role that somebody has for a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DirectoryRole {
    pub role: String,
    pub from: Timestamp,
    /// First moment without it; absent while it has no end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Timestamp>,
}

/// A key that somebody holds for a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DirectoryKey {
    /// SHA-256 of the key's SubjectPublicKeyInfo (FORMATS.md, section 1.1): [`PublicKey::id`].
    #[schemars(extend("pattern" = "^[0-9a-f]{64}$"))]
    pub keyid: String,
    /// Base64url without padding, 32 bytes.
    #[schemars(extend("pattern" = "^[A-Za-z0-9_-]{43}$"))]
    pub key: String,
    /// Always `ed25519`.
    #[schemars(extend("const" = "ed25519"))]
    pub alg: String,
    #[serde(rename = "use")]
    pub key_use: KeyUse,
    /// The `id` of a subject.
    pub subject: String,
    pub from: Timestamp,
    /// First moment at which it may not sign any more; absent while it has no end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Timestamp>,
}

impl DirectoryKey {
    /// The entry of a key.
    #[must_use]
    pub fn new(key: &PublicKey, key_use: KeyUse, subject: &str, from: Timestamp, to: Option<Timestamp>) -> Self {
        let encoded = Base64UrlUnpadded::encode_string(key.as_bytes());
        let (keyid, alg, subject) = (key.id().to_string(), ALGORITHM.to_owned(), subject.to_owned());
        Self { keyid, key: encoded, alg, key_use, subject, from, to }
    }

    /// The key itself.
    ///
    /// # Errors
    /// [`DirectoryError`] when it is none, or has another id.
    pub fn parse(&self) -> Result<PublicKey, DirectoryError> {
        parse_key(&self.key, &self.keyid)
    }

    fn trusted(&self) -> Result<TrustedKey, DirectoryError> {
        let key = self.parse()?;
        if self.alg != ALGORITHM {
            return Err(DirectoryError::Algorithm { keyid: self.keyid.clone() });
        }
        Ok(TrustedKey { key, key_use: self.key_use, subject: self.subject.clone(), from: self.from, to: self.to })
    }
}

fn parse_key(text: &str, keyid: &str) -> Result<PublicKey, DirectoryError> {
    let fault = |source| DirectoryError::Key { keyid: keyid.to_owned(), source };
    let bytes = Base64UrlUnpadded::decode_vec(text).map_err(|_| fault(PublicKeyError::Length))?;
    let key = PublicKey::parse(&bytes).map_err(fault)?;
    if key.id().to_string() == keyid { Ok(key) } else { Err(DirectoryError::OtherKeyId { keyid: keyid.to_owned() }) }
}

/// Why a directory cannot be used.
#[derive(Debug, Error)]
pub enum DirectoryError {
    #[error("verify the directory under the pinned root key")]
    Statement(#[source] StatementError),
    #[error("directory is not valid at this time")]
    Window,
    #[error("subject {id} is listed twice, or there are more than {MAX_SUBJECTS}")]
    Subjects { id: String },
    #[error("key {keyid} belongs to no subject of the directory")]
    Orphan { keyid: String },
    #[error("key {keyid} is of an algorithm other than {ALGORITHM}")]
    Algorithm { keyid: String },
    #[error("key {keyid} is a root key: it is pinned and never listed")]
    ListedRoot { keyid: String },
    #[error("the directory names the root that signs it as the one that comes after it")]
    SameRoot,
    #[error("key id {keyid} is not that of its key")]
    OtherKeyId { keyid: String },
    #[error("read key {keyid}")]
    Key {
        keyid: String,
        #[source]
        source: PublicKeyError,
    },
    #[error("make a set of the keys")]
    Set(#[source] TrustSetError),
}

/// A directory that is ready to judge signatures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directory {
    pub predicate: DirectoryPredicate,
    /// Digest of its statement.
    pub digest: Digest,
    /// The root's signature.
    pub signature: Signature,
    trust: TrustSet,
}

impl Directory {
    /// The keys and persons that it names.
    #[must_use]
    pub fn trust_set(&self) -> TrustSet {
        self.trust.clone()
    }
}

/// Verifies the envelope of a directory under the pinned root key, at the time `now`.
///
/// # Errors
/// [`DirectoryError`]: not signed by that key, not valid at `now` (two minutes of difference between clocks are
/// allowed), or with keys and subjects that do not fit each other.
pub fn verify(envelope: &Value, root: &PublicKey, now: Timestamp) -> Result<Verified<Directory>, DirectoryError> {
    let pinned = TrustedKey {
        key: *root,
        key_use: KeyUse::Directory,
        subject: "urn:seamark:root".to_owned(),
        from: Timestamp::from_ms(i64::MIN),
        to: None,
    };
    let pinned = TrustSet::new([pinned]).map_err(DirectoryError::Set)?;
    let statement = statement::verify::<DirectoryPredicate>(envelope, &pinned).map_err(DirectoryError::Statement)?;
    let predicate = &statement.predicate;
    if now.plus_ms(MAX_SKEW_MS) < predicate.valid_from || now.plus_ms(-MAX_SKEW_MS) >= predicate.valid_to {
        return Err(DirectoryError::Window);
    }
    let trust = check_content(predicate, root)?;
    let statement = statement.into_inner();
    let Statement { predicate, digest, signature, .. } = statement;
    Ok(Verified::new(Directory { predicate, digest, signature, trust }))
}

/// Everything that a directory under `root` promises besides its signature and its times.
fn check_content(predicate: &DirectoryPredicate, root: &PublicKey) -> Result<TrustSet, DirectoryError> {
    let trust = trust_set(predicate)?;
    // One key has one use: a root signs directories and is listed under no other use either.
    let mut roots = vec![root.id()];
    if let Some(next) = &predicate.next_root {
        let next = next.parse()?.id();
        if roots.contains(&next) {
            return Err(DirectoryError::SameRoot);
        }
        roots.push(next);
    }
    match roots.iter().find(|root| trust.has_key(root)) {
        Some(root) => Err(DirectoryError::ListedRoot { keyid: root.to_string() }),
        None => Ok(trust),
    }
}

/// The keys and persons of a directory of one's own; one that came from elsewhere is verified instead.
///
/// # Errors
/// [`DirectoryError`] when keys and subjects do not fit each other.
pub fn trust_set(predicate: &DirectoryPredicate) -> Result<TrustSet, DirectoryError> {
    let mut subjects: BTreeMap<String, DirectorySubject> = BTreeMap::new();
    for subject in &predicate.subjects {
        let is_double = subjects.insert(subject.id.clone(), subject.clone()).is_some();
        if is_double || subjects.len() > MAX_SUBJECTS {
            return Err(DirectoryError::Subjects { id: subject.id.clone() });
        }
    }
    let mut keys = Vec::with_capacity(predicate.keys.len());
    for key in &predicate.keys {
        if !subjects.contains_key(&key.subject) {
            return Err(DirectoryError::Orphan { keyid: key.keyid.clone() });
        }
        if key.key_use == KeyUse::Directory {
            return Err(DirectoryError::ListedRoot { keyid: key.keyid.clone() });
        }
        keys.push(key.trusted()?);
    }
    Ok(TrustSet::new(keys).map_err(DirectoryError::Set)?.with_subjects(subjects))
}

impl DirectorySubject {
    /// Whether the subject has `role` at `at`.
    #[must_use]
    pub fn has_role(&self, role: &str, at: Timestamp) -> bool {
        let holds = |held: &DirectoryRole| held.role == role && held.from <= at && held.to.is_none_or(|to| at < to);
        self.roles.iter().any(holds)
    }
}

#[cfg(test)]
mod tests;
