//! Keys and bytes for tests.

use seamark_contracts::clock::Timestamp;
use seamark_contracts::digest::Digest;

use crate::key::{KeyUse, SigningKey, TrustSet, TrustedKey};
use crate::key::{PublicKey, SignError, Signature, Signer};

/// The key that a name stands for.
pub(crate) fn key(name: &str) -> SigningKey {
    SigningKey::from_seed(Digest::of(name.as_bytes()).as_bytes())
}

pub(crate) fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

pub(crate) fn trusted(name: &str, key_use: KeyUse) -> TrustedKey {
    let from = at("2026-01-01T00:00:00.000Z");
    TrustedKey { key: key(name).public_key(), key_use, subject: format!("urn:seamark:user:{name}"), from, to: None }
}

pub(crate) fn trust(keys: &[(&str, KeyUse)]) -> TrustSet {
    TrustSet::new(keys.iter().map(|(name, key_use)| trusted(name, *key_use))).unwrap()
}

/// A token that is not plugged in.
pub(crate) struct AbsentToken(pub(crate) PublicKey);

impl Signer for AbsentToken {
    fn public_key(&self) -> PublicKey {
        self.0
    }

    fn sign(&self, _message: &[u8]) -> Result<Signature, SignError> {
        Err(SignError { key_id: self.0.id(), source: "token is not plugged in".into() })
    }
}

pub(crate) fn from_hex(hex: &str) -> Vec<u8> {
    hex.as_bytes().chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}
