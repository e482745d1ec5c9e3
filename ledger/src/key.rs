//! Keys: what they may sign, how they are named, and the set that a verifier trusts.
//!
//! One key has one use and belongs to one subject. Which algorithm a key is for comes from the directory, never from the
//! document that it signed. Source: FORMATS.md §1.

use std::fmt;

use ed25519_dalek::Signer as _;
use schemars::JsonSchema;
use seamark_contracts::digest::{Digest, DigestError};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;

mod trust_set;

pub use trust_set::{TrustSet, TrustSetError, TrustedKey};

/// DER of an Ed25519 `SubjectPublicKeyInfo` before its 32 key bytes. Source: RFC 8410 §4.
const SPKI_PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// What a key may sign. A signature under a key of another use is no signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum KeyUse {
    /// A gateway's handoff statements.
    Handoff,
    /// A gateway's outcome statements.
    Outcome,
    /// A person's decisions, on one desk.
    Decision,
    /// A destination's execution statements.
    Execution,
    /// The organisation's root: directories.
    Directory,
    /// A desk's session challenges.
    Device,
    /// Checkpoints of the ledger.
    Ledger,
}

/// Name of a key: SHA-256 of its `SubjectPublicKeyInfo` in DER.
///
/// On the wire 64 lowercase hexadecimal digits. Source: FORMATS.md §1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(Digest);

impl KeyId {
    /// Reads the one accepted spelling.
    ///
    /// # Errors
    /// [`DigestError`] for anything but 64 lowercase hexadecimal digits.
    pub fn parse(text: &str) -> Result<Self, DigestError> {
        Digest::parse_hex(text).map(Self)
    }

    /// The digest that it is.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

impl Serialize for KeyId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for KeyId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(de::Error::custom)
    }
}

/// Why bytes are not a public key.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum PublicKeyError {
    #[error("an Ed25519 public key has 32 bytes")]
    Length,
    #[error("public key is not the canonical encoding of a point")]
    NotCanonical,
    #[error("public key is no point of the curve")]
    NotAPoint,
    #[error("public key has small order: signatures under it say nothing about the message")]
    Weak,
}

/// An Ed25519 public key that is worth verifying under. Source: RFC 8032 §5.1.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey {
    point: ed25519_dalek::VerifyingKey,
    id: KeyId,
}

impl PublicKey {
    /// Reads 32 bytes.
    ///
    /// # Errors
    /// [`PublicKeyError`]: another length, a y coordinate of 2^255 - 19 or more, no point of the curve, or one of the
    /// points of small order, under which a signature can be valid for many messages.
    pub fn parse(bytes: &[u8]) -> Result<Self, PublicKeyError> {
        let bytes: &[u8; 32] = bytes.try_into().map_err(|_| PublicKeyError::Length)?;
        if !is_reduced(bytes) {
            return Err(PublicKeyError::NotCanonical);
        }
        let point = ed25519_dalek::VerifyingKey::from_bytes(bytes).map_err(|_| PublicKeyError::NotAPoint)?;
        if point.is_weak() { Err(PublicKeyError::Weak) } else { Ok(Self::of_point(point)) }
    }

    fn of_point(point: ed25519_dalek::VerifyingKey) -> Self {
        let id = KeyId(Digest::of(&spki_der(point.as_bytes())));
        Self { point, id }
    }

    /// The 32 bytes of RFC 8032.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.point.as_bytes()
    }

    /// The `SubjectPublicKeyInfo` in DER, 44 bytes: what `openssl pkey -pubin -inform DER` reads. Source: RFC 8410 §4.
    #[must_use]
    pub fn to_spki_der(&self) -> Vec<u8> {
        spki_der(self.as_bytes()).to_vec()
    }

    /// The key's name.
    #[must_use]
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// Whether this key made `signature` over `message`.
    ///
    /// Refuses what RFC 8032 leaves open: S beyond the group order, small order and non-canonical R, so that one
    /// message has one valid signature per signing.
    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: &Signature) -> bool {
        let signature = ed25519_dalek::Signature::from_bytes(&signature.0);
        self.point.verify_strict(message, &signature).is_ok()
    }
}

/// Whether the y coordinate, little endian without the sign bit, is below 2^255 - 19.
fn is_reduced(bytes: &[u8; 32]) -> bool {
    let [low, middle @ .., high] = bytes;
    high & 0x7f != 0x7f || middle.iter().any(|byte| *byte != 0xff) || *low < 0xed
}

fn spki_der(key: &[u8; 32]) -> [u8; 44] {
    let mut der = [0u8; 44];
    let parts = SPKI_PREFIX.iter().chain(key);
    der.iter_mut().zip(parts).for_each(|(to, from)| *to = *from);
    der
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.id)
    }
}

/// An Ed25519 signature as bytes: 64, R then S. Source: RFC 8032 §5.1.6.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Signature([u8; 64]);

impl Signature {
    /// From exactly 64 bytes; whether they verify is another question.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// The 64 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 64] {
        &self.0
    }

    /// SHA-256 of the 64 bytes, as ledger entries list it. Source: FORMATS.md §9.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(&self.0)
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signature({})", self.digest())
    }
}

/// Why there is no signature.
#[derive(Debug, Error)]
#[error("sign with key {key_id}")]
pub struct SignError {
    /// The key that was asked.
    pub key_id: KeyId,
    /// What the holder of the key says.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

/// Whoever can sign with one key: a key in memory, or a token that never lets its key out.
pub trait Signer: Send + Sync {
    /// The key under which the signatures verify.
    fn public_key(&self) -> PublicKey;

    /// Signs exactly these bytes. Callers pass a domain-separated message, never one chosen by a stranger.
    ///
    /// # Errors
    /// [`SignError`] when the holder of the key refuses or cannot be reached.
    fn sign(&self, message: &[u8]) -> Result<Signature, SignError>;
}

/// A private key in memory; wiped when dropped, never shown, never serialised.
///
/// ```compile_fail
/// fn needs_clone<T: Clone>() {}
/// needs_clone::<seamark_ledger::key::SigningKey>();
/// ```
pub struct SigningKey {
    // ed25519-dalek wipes the secret on drop (feature `zeroize`).
    secret: ed25519_dalek::SigningKey,
    public: PublicKey,
}

impl SigningKey {
    /// The key of a 32-byte seed. The caller wipes its own copy of the seed. Source: RFC 8032 §5.1.5.
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        let secret = ed25519_dalek::SigningKey::from_bytes(seed);
        let public = PublicKey::of_point(secret.verifying_key());
        Self { secret, public }
    }
}

impl Signer for SigningKey {
    fn public_key(&self) -> PublicKey {
        self.public
    }

    fn sign(&self, message: &[u8]) -> Result<Signature, SignError> {
        Ok(Signature(self.secret.sign(message).to_bytes()))
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.public.id)
    }
}

#[cfg(test)]
mod tests;
