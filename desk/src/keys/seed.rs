//! The decision key's seed, in memory and at rest.

use std::fmt;

use argon2::{Algorithm, Argon2, Params, Version};
use base64ct::{Base64UrlUnpadded, Encoding as _};
use chacha20poly1305::aead::{Aead as _, Payload};
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use seamark_contracts::clock::Chance;
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use thiserror::Error;
use zeroize::{Zeroize as _, Zeroizing};

const FORMAT: &str = "seamark-signing-key/v1";
const INFO: &[u8] = b"seamark-signing-key/v1 wrap";

/// An Ed25519 seed: 32 bytes that are overwritten when dropped, and never printed.
pub struct Seed(Zeroizing<[u8; 32]>);

impl Seed {
    /// A new seed.
    #[must_use]
    pub fn make(chance: &dyn Chance) -> Self {
        let mut bytes = Zeroizing::new([0u8; 32]);
        chance.fill(bytes.as_mut());
        Self(bytes)
    }

    /// The seed in `bytes`, if they are 32.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes: [u8; 32] = bytes.try_into().ok()?;
        Some(Self(Zeroizing::new(bytes)))
    }

    /// EXPOSE: the bytes themselves, for making a signer or for sealing.
    #[must_use]
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seed(hidden)")
    }
}

/// What one guess at a PIN costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KdfCost {
    /// Memory, in KiB.
    pub memory_kib: u32,
    /// Passes over it.
    pub passes: u32,
}

impl Default for KdfCost {
    fn default() -> Self {
        Self { memory_kib: 64 * 1024, passes: 3 }
    }
}

/// The file `signing.key`.
///
/// XChaCha20-Poly1305 under HKDF-SHA256 over Argon2id(PIN, salt) and the keyring's secret, one after the other; the key id
/// is authenticated with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SealedSeed {
    format: String,
    /// Key id of the decision key.
    pub keyid: String,
    cost: KdfCost,
    /// 16 bytes, base64url without padding.
    salt: String,
    /// 24 bytes, base64url without padding.
    nonce: String,
    /// 48 bytes, base64url without padding.
    sealed: String,
}

/// Why a sealed seed did not open.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum UnsealError {
    /// The PIN is wrong, or the keyring's secret is another one: the two cannot be told apart.
    #[error("open the signing key with this PIN")]
    WrongPin,
    /// The file is not one that this version understands.
    #[error("the file of the signing key is damaged")]
    Malformed,
    /// Key derivation failed, for example for want of memory.
    #[error("derive the wrapping key")]
    Derivation,
}

impl SealedSeed {
    /// Seals `seed` under `pin` and `keyring_secret`.
    ///
    /// # Errors
    /// [`UnsealError::Derivation`] when the cost cannot be paid on this computer.
    pub fn seal(
        seed: &Seed,
        keyid: &str,
        pin: &str,
        keyring_secret: &[u8],
        cost: KdfCost,
        chance: &dyn Chance,
    ) -> Result<Self, UnsealError> {
        let mut salt = [0u8; 16];
        chance.fill(&mut salt);
        let mut nonce = [0u8; 24];
        chance.fill(&mut nonce);
        let key = derive_key(pin, &salt, keyring_secret, cost)?;
        let cipher = XChaCha20Poly1305::new(key.as_ref().into());
        let payload = Payload { msg: seed.expose(), aad: keyid.as_bytes() };
        let sealed = cipher.encrypt(XNonce::from_slice(&nonce), payload).map_err(|_| UnsealError::Derivation)?;
        Ok(Self {
            format: FORMAT.to_owned(),
            keyid: keyid.to_owned(),
            cost,
            salt: Base64UrlUnpadded::encode_string(&salt),
            nonce: Base64UrlUnpadded::encode_string(&nonce),
            sealed: Base64UrlUnpadded::encode_string(&sealed),
        })
    }

    /// Opens it again. Takes as long as the cost says, whether the PIN is right or wrong.
    ///
    /// # Errors
    /// [`UnsealError`]
    pub fn unseal(&self, pin: &str, keyring_secret: &[u8]) -> Result<Seed, UnsealError> {
        if self.format != FORMAT {
            return Err(UnsealError::Malformed);
        }
        let salt: [u8; 16] = decode(&self.salt)?;
        let nonce: [u8; 24] = decode(&self.nonce)?;
        let sealed: [u8; 48] = decode(&self.sealed)?;
        let key = derive_key(pin, &salt, keyring_secret, self.cost)?;
        let cipher = XChaCha20Poly1305::new(key.as_ref().into());
        let payload = Payload { msg: &sealed, aad: self.keyid.as_bytes() };
        let mut opened = cipher.decrypt(XNonce::from_slice(&nonce), payload).map_err(|_| UnsealError::WrongPin)?;
        let seed = Seed::from_bytes(&opened).ok_or(UnsealError::Malformed);
        opened.zeroize();
        seed
    }
}

fn decode<const N: usize>(text: &str) -> Result<[u8; N], UnsealError> {
    let bytes = Base64UrlUnpadded::decode_vec(text).map_err(|_| UnsealError::Malformed)?;
    bytes.try_into().map_err(|_| UnsealError::Malformed)
}

fn derive_key(
    pin: &str,
    salt: &[u8; 16],
    keyring_secret: &[u8],
    cost: KdfCost,
) -> Result<Zeroizing<[u8; 32]>, UnsealError> {
    let params = Params::new(cost.memory_kib, cost.passes, 1, Some(32)).map_err(|_| UnsealError::Malformed)?;
    let mut from_pin = Zeroizing::new([0u8; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(pin.as_bytes(), salt, from_pin.as_mut())
        .map_err(|_| UnsealError::Derivation)?;
    let mut material = Zeroizing::new(Vec::with_capacity(32 + keyring_secret.len()));
    material.extend_from_slice(from_pin.as_ref());
    material.extend_from_slice(keyring_secret);
    let mut key = Zeroizing::new([0u8; 32]);
    Hkdf::<Sha256>::new(Some(salt), &material).expand(INFO, key.as_mut()).map_err(|_| UnsealError::Derivation)?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use seamark_contracts::clock::SeededChance;

    use super::*;

    const COST: KdfCost = KdfCost { memory_kib: 8, passes: 1 };

    #[test]
    fn only_pin_and_keyring_secret_together_open_the_seed() {
        let chance = SeededChance::new(7);
        let seed = Seed::make(&chance);
        let sealed = SealedSeed::seal(&seed, "abcd", "582914", b"from the keyring", COST, &chance).unwrap();
        assert_eq!(sealed.unseal("582914", b"from the keyring").unwrap().expose(), seed.expose());
        assert_eq!(sealed.unseal("582915", b"from the keyring").unwrap_err(), UnsealError::WrongPin);
        assert_eq!(sealed.unseal("582914", b"another keyring").unwrap_err(), UnsealError::WrongPin);
        let mut renamed = sealed.clone();
        renamed.keyid = "abce".to_owned();
        assert_eq!(renamed.unseal("582914", b"from the keyring").unwrap_err(), UnsealError::WrongPin);
    }

    #[test]
    fn neither_file_nor_debug_text_shows_the_seed() {
        let chance = SeededChance::new(8);
        let seed = Seed::make(&chance);
        let sealed = SealedSeed::seal(&seed, "abcd", "582914", b"k", COST, &chance).unwrap();
        let plain = Base64UrlUnpadded::encode_string(seed.expose());
        assert!(!serde_json::to_string(&sealed).unwrap().contains(&plain));
        assert_eq!(format!("{seed:?}"), "Seed(hidden)");
    }
}
