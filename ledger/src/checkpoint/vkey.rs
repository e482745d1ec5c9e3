//! Verifier keys of signed notes. Source: c2sp.org/signed-note, "Verifier keys".

use std::fmt;

use sha2::{Digest as _, Sha256};
use thiserror::Error;

use super::{Head, note};
use crate::base64;
use crate::key::{PublicKey, PublicKeyError};

/// What a note key signs. Source: c2sp.org/signed-note, "Signature types".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VkeyKind {
    /// 0x01: a log's own signature over the note.
    Log,
    /// 0x04: a witness's timestamped cosignature.
    CosignatureV1,
}

impl VkeyKind {
    const fn byte(self) -> u8 {
        match self {
            Self::Log => 0x01,
            Self::CosignatureV1 => 0x04,
        }
    }

    const fn of_byte(byte: u8) -> Option<Self> {
        match byte {
            0x01 => Some(Self::Log),
            0x04 => Some(Self::CosignatureV1),
            _ => None,
        }
    }
}

/// A named public key for signed notes.
///
/// As text `NAME+HASH+BASE64`: the hash is 8 lowercase hexadecimal digits, the base64 is of the kind's byte and the 32
/// key bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vkey {
    name: String,
    kind: VkeyKind,
    key: PublicKey,
}

/// Why a text is not a verifier key.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum VkeyError {
    #[error("a verifier key is NAME+HASH+BASE64")]
    Shape,
    #[error("name has 1 to 255 bytes without spaces, plus signs and control characters")]
    Name,
    #[error("kind of signature is not known here")]
    Kind,
    #[error("read the public key")]
    Key(#[from] PublicKeyError),
    #[error("hash does not belong to this name and key")]
    Hash,
}

impl Vkey {
    /// A named key.
    ///
    /// # Errors
    /// [`VkeyError::Name`] when the name is empty, longer than 255 bytes, or has a space, plus or control character.
    pub fn new(name: &str, kind: VkeyKind, key: PublicKey) -> Result<Self, VkeyError> {
        if note::is_key_name(name) { Ok(Self { name: name.to_owned(), kind, key }) } else { Err(VkeyError::Name) }
    }

    /// The key of the log that signs `head`; the origin of a head is always a name.
    pub(super) fn for_log(head: &Head, key: PublicKey) -> Self {
        Self { name: head.origin().to_owned(), kind: VkeyKind::Log, key }
    }

    /// Reads the one accepted spelling.
    ///
    /// # Errors
    /// [`VkeyError`] for another shape, an unknown kind, a bad key or a hash that is not the one computed from both.
    pub fn parse(text: &str) -> Result<Self, VkeyError> {
        let (name, rest) = text.split_once('+').ok_or(VkeyError::Shape)?;
        let (hash, key) = rest.split_once('+').ok_or(VkeyError::Shape)?;
        let key = base64::decode(key).ok_or(VkeyError::Shape)?;
        let (kind, key) = key.split_first().ok_or(VkeyError::Shape)?;
        let kind = VkeyKind::of_byte(*kind).ok_or(VkeyError::Kind)?;
        let vkey = Self::new(name, kind, PublicKey::parse(key)?)?;
        if hash == vkey.hash_hex() { Ok(vkey) } else { Err(VkeyError::Hash) }
    }

    /// Which key this is, for people and signature lines.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it signs.
    #[must_use]
    pub const fn kind(&self) -> VkeyKind {
        self.kind
    }

    /// The public key itself.
    #[must_use]
    pub const fn key(&self) -> &PublicKey {
        &self.key
    }

    /// First four bytes of SHA-256(name, newline, kind, key): tells keys of one name apart.
    #[must_use]
    pub fn hash(&self) -> [u8; 4] {
        let digest: [u8; 32] = Sha256::new()
            .chain_update(&self.name)
            .chain_update([b'\n', self.kind.byte()])
            .chain_update(self.key.as_bytes())
            .finalize()
            .into();
        let [a, b, c, d, ..] = digest;
        [a, b, c, d]
    }

    fn hash_hex(&self) -> String {
        format!("{:08x}", u32::from_be_bytes(self.hash()))
    }
}

impl fmt::Display for Vkey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut key = vec![self.kind.byte()];
        key.extend_from_slice(self.key.as_bytes());
        write!(f, "{}+{}+{}", self.name, self.hash_hex(), base64::encode(&key))
    }
}
