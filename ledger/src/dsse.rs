//! DSSE envelopes: exact bytes, signed together with their type.
//!
//! The payload is decoded once; the bytes that were verified are the bytes that are handed on. The key id beside a
//! signature only says which key to try first. Source: FORMATS.md §3, DSSE protocol v1.0.

use seamark_contracts::digest::Digest;
use seamark_contracts::strict_json::{self, Limits, TypedJsonError};
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};
use thiserror::Error;

use crate::base64;
use crate::key::{KeyId, KeyUse, SignError, Signature, Signer, TrustSet, TrustedKey};
use crate::verified::{Unverified, Verified};

/// The one payload type: an in-toto statement. Its kind and version stand inside, in `predicateType`.
pub const IN_TOTO: &str = "application/vnd.in-toto+json";

/// Most signatures that an envelope may have.
pub const MAX_SIGNATURES: usize = 16;

/// Most Ed25519 verifications that one envelope may cost; about a tenth of a second.
const MAX_TRIES: usize = 2_048;

/// Pre-authentication encoding: the bytes that are really signed.
///
/// `DSSEv1 SP LEN(type) SP type SP LEN(payload) SP payload`, lengths in decimal bytes. Source: DSSE protocol.
#[must_use]
pub fn pae(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut message = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len()).into_bytes();
    message.extend_from_slice(payload);
    message
}

/// One signature of an envelope, as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvelopeSignature {
    /// Which key the sender says it was; only a hint.
    pub hint: Option<String>,
    /// The raw signature; absent when its text is no canonical base64 of 64 bytes, and then it counts as not verifying.
    pub signature: Option<Signature>,
}

/// An envelope around an in-toto statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    payload: Vec<u8>,
    signatures: Vec<EnvelopeSignature>,
}

/// The wire form. Source: DSSE envelope v1.0.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Wire {
    payload: String,
    payload_type: String,
    signatures: Vec<WireSignature>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WireSignature {
    #[serde(default, deserialize_with = "present")]
    keyid: Option<String>,
    sig: String,
}

/// A field that is there holds a text: absent is not null (FORMATS.md §2).
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    String::deserialize(deserializer).map(Some)
}

/// Why bytes are not an envelope.
#[derive(Debug, Error)]
pub enum EnvelopeError {
    #[error("read the envelope")]
    Json(#[source] TypedJsonError),
    #[error("envelope is of a type other than {IN_TOTO}")]
    PayloadType,
    #[error("payload is not canonical base64")]
    PayloadEncoding,
    #[error("envelope has no signature")]
    NoSignature,
    #[error("envelope has more than {MAX_SIGNATURES} signatures")]
    TooManySignatures,
}

/// Why an envelope does not verify.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum VerifyError {
    #[error("no signature verifies under a key trusted for this use")]
    NoTrustedSignature,
    #[error("no signature verifies under the first {MAX_TRIES} keys tried: name the key beside the signature")]
    TooManyTries,
}

/// A payload whose signature was verified, and who signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    payload: Vec<u8>,
    digest: Digest,
    signers: Vec<VerifiedSignature>,
}

/// A signature that verified, and the key under which it did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedSignature {
    pub by: TrustedKey,
    pub signature: Signature,
}

impl Signed {
    /// The exact bytes that were signed.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// SHA-256 of these bytes: how other statements and the ledger name this one.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// Every trusted key that signed; at least one.
    #[must_use]
    pub fn signers(&self) -> &[VerifiedSignature] {
        &self.signers
    }

    /// The signature under the key of this name; absent when that key did not sign.
    #[must_use]
    pub fn signature_by(&self, id: &KeyId) -> Option<&VerifiedSignature> {
        self.signers.iter().find(|signature| signature.by.key.id() == *id)
    }
}

impl Envelope {
    /// Signs `payload` and puts it into an envelope.
    ///
    /// # Errors
    /// [`SignError`] when the holder of the key refuses.
    pub fn sign(payload: Vec<u8>, signer: &dyn Signer) -> Result<Self, SignError> {
        let signature = signer.sign(&pae(IN_TOTO, &payload))?;
        let hint = Some(signer.public_key().id().to_string());
        Ok(Self { payload, signatures: vec![EnvelopeSignature { hint, signature: Some(signature) }] })
    }

    /// Reads an envelope of at most 384 KiB. Nothing is checked but its form.
    ///
    /// # Errors
    /// [`EnvelopeError`]: no strict JSON of exactly this shape, another payload type, a payload in non-canonical base64,
    /// no signature or more than [`MAX_SIGNATURES`]. A signature in bad base64 is kept and never verifies.
    pub fn parse(bytes: &[u8]) -> Result<Unverified<Self>, EnvelopeError> {
        Self::from_wire(strict_json::parse_typed(bytes, &Limits::ENVELOPE).map_err(EnvelopeError::Json)?)
    }

    /// Reads an envelope that is part of a document which has passed the JSON gate.
    ///
    /// # Errors
    /// As [`Envelope::parse`].
    pub fn from_value(value: &Value) -> Result<Unverified<Self>, EnvelopeError> {
        Self::from_wire(strict_json::from_value(value).map_err(EnvelopeError::Json)?)
    }

    fn from_wire(wire: Wire) -> Result<Unverified<Self>, EnvelopeError> {
        if wire.payload_type != IN_TOTO {
            return Err(EnvelopeError::PayloadType);
        }
        match wire.signatures.len() {
            0 => return Err(EnvelopeError::NoSignature),
            1..=MAX_SIGNATURES => {}
            _ => return Err(EnvelopeError::TooManySignatures),
        }
        let payload = base64::decode_either(&wire.payload).ok_or(EnvelopeError::PayloadEncoding)?;
        let signatures = wire.signatures.into_iter().map(EnvelopeSignature::from_wire).collect();
        Ok(Unverified::new(Self { payload, signatures }))
    }

    /// The envelope as JSON. An envelope is never hashed, so its spelling does not matter.
    #[must_use]
    pub fn to_json(&self) -> String {
        self.to_value().to_string()
    }

    /// The envelope as part of a larger document.
    #[must_use]
    pub fn to_value(&self) -> Value {
        let signatures: Vec<Value> = self.signatures.iter().filter_map(EnvelopeSignature::to_value).collect();
        json!({"payload": base64::encode(&self.payload), "payloadType": IN_TOTO, "signatures": signatures})
    }

    /// The payload, with no promise about it.
    #[must_use]
    pub fn unverified_payload(&self) -> &[u8] {
        &self.payload
    }

    /// SHA-256 of the payload, with no promise about it.
    #[must_use]
    pub fn unverified_digest(&self) -> Digest {
        Digest::of(&self.payload)
    }

    /// The signatures as they came.
    #[must_use]
    pub fn unverified_signatures(&self) -> &[EnvelopeSignature] {
        &self.signatures
    }
}

impl EnvelopeSignature {
    fn from_wire(wire: WireSignature) -> Self {
        let signature = base64::decode_either(&wire.sig).and_then(|bytes| Signature::parse(&bytes));
        Self { hint: wire.keyid, signature }
    }

    fn to_value(&self) -> Option<Value> {
        let sig = base64::encode(self.signature?.as_bytes());
        Some(match &self.hint {
            Some(hint) => json!({"keyid": hint, "sig": sig}),
            None => json!({"sig": sig}),
        })
    }

    fn hinted_id(&self) -> Option<KeyId> {
        self.hint.as_deref().and_then(|hint| KeyId::parse(hint).ok())
    }
}

impl Unverified<Envelope> {
    /// Checks the signatures against the keys that `trust` holds for `key_use`.
    ///
    /// Signatures that do not verify are skipped. Whether a signer's window covers the time of signing is left to the
    /// statement, which knows the time. The keys that the signatures name are tried first, and the others only when
    /// none of those verifies.
    ///
    /// # Errors
    /// [`VerifyError::NoTrustedSignature`] when none verifies, [`VerifyError::TooManyTries`] when that could not be found
    /// out within 2,048 verifications.
    pub fn verify(&self, trust: &TrustSet, key_use: KeyUse) -> Result<Verified<Signed>, VerifyError> {
        let envelope = self.unverified_value();
        let message = pae(IN_TOTO, &envelope.payload);
        let mut signers = hinted_signers(envelope, &message, trust, key_use);
        if signers.is_empty() {
            signers = any_signers(envelope, &message, trust, key_use)?;
        }
        if signers.is_empty() {
            return Err(VerifyError::NoTrustedSignature);
        }
        let digest = envelope.unverified_digest();
        Ok(Verified::new(Signed { payload: envelope.payload.clone(), digest, signers }))
    }
}

fn hinted_signers(envelope: &Envelope, message: &[u8], trust: &TrustSet, key_use: KeyUse) -> Vec<VerifiedSignature> {
    let mut signers = Vec::new();
    for candidate in &envelope.signatures {
        let named = candidate.hinted_id().and_then(|id| trust.find(&id, key_use));
        let (Some(by), Some(signature)) = (named, candidate.signature) else { continue };
        if by.key.verifies(message, &signature) {
            add_signer(&mut signers, by, signature);
        }
    }
    signers
}

fn any_signers(
    envelope: &Envelope,
    message: &[u8],
    trust: &TrustSet,
    key_use: KeyUse,
) -> Result<Vec<VerifiedSignature>, VerifyError> {
    let mut signers = Vec::new();
    let mut n_tries = 0usize;
    for signature in envelope.signatures.iter().filter_map(|candidate| candidate.signature) {
        for by in trust.keys_for(key_use) {
            if n_tries == MAX_TRIES && signers.is_empty() {
                return Err(VerifyError::TooManyTries);
            }
            if n_tries == MAX_TRIES {
                return Ok(signers);
            }
            n_tries += 1;
            if by.key.verifies(message, &signature) {
                add_signer(&mut signers, by, signature);
                break;
            }
        }
    }
    Ok(signers)
}

/// One key counts once, however often it signed.
fn add_signer(signers: &mut Vec<VerifiedSignature>, by: &TrustedKey, signature: Signature) {
    if signers.iter().all(|known| known.by.key.id() != by.key.id()) {
        signers.push(VerifiedSignature { by: by.clone(), signature });
    }
}

#[cfg(test)]
mod tests;
