//! SHA-256 digests as the wire spells them.

use std::fmt;

use schemars::JsonSchema;
use serde::de::{self, Deserializer};
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use thiserror::Error;

/// A SHA-256 digest.
///
/// On the wire the closed object `{"sha256":"<64 lowercase hex digits>"}`; where a format asks for the bare hex text, use
/// [`hex`]. Source: FORMATS.md §2.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "specta", derive(specta::Type), specta(type = Wire))]
pub struct Digest([u8; 32]);

/// Why a text is not a digest.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("a SHA-256 digest is 64 lowercase hexadecimal digits")]
pub struct DigestError;

impl Digest {
    /// The digest of `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// The digest whose 32 raw bytes are given.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 raw bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// 64 lowercase hexadecimal digits.
    #[must_use]
    pub fn to_hex(self) -> String {
        let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or('0');
        self.0.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 0x0f)]).collect()
    }

    /// Reads exactly 64 lowercase hexadecimal digits.
    ///
    /// # Errors
    /// [`DigestError`] for another length, uppercase digits or any other character.
    pub fn parse_hex(text: &str) -> Result<Self, DigestError> {
        let digits: &[u8; 64] = text.as_bytes().try_into().map_err(|_| DigestError)?;
        let mut bytes = [0u8; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.as_chunks::<2>().0) {
            let [high, low] = *pair;
            *byte = nibble(high).ok_or(DigestError)? << 4 | nibble(low).ok_or(DigestError)?;
        }
        Ok(Self(bytes))
    }
}

/// The value of one lowercase hexadecimal digit.
fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

/// The wire form, so that the object is closed and its schema is derived from the same words.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Digest")]
#[cfg_attr(feature = "specta", derive(specta::Type), specta(inline))]
struct Wire {
    /// 64 lowercase hexadecimal digits.
    #[schemars(extend("pattern" = "^[0-9a-f]{64}$"))]
    sha256: String,
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Wire { sha256: self.to_hex() }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let wire = Wire::deserialize(deserializer)?;
        Self::parse_hex(&wire.sha256).map_err(de::Error::custom)
    }
}

impl JsonSchema for Digest {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        Wire::schema_name()
    }

    fn schema_id() -> std::borrow::Cow<'static, str> {
        concat!(module_path!(), "::Digest").into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        Wire::json_schema(generator)
    }
}

/// `#[serde(with = "digest::hex")]`: a digest as bare text, 64 lowercase hexadecimal digits.
///
/// For ledger entries and other places where the format fixes the algorithm. Source: FORMATS.md §9.
pub mod hex {
    use super::{Deserialize, Deserializer, Digest, Serializer, de};

    /// Writes the bare hex text.
    ///
    /// # Errors
    /// Only what the serializer itself reports.
    pub fn serialize<S: Serializer>(digest: &Digest, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(digest)
    }

    /// Reads the bare hex text.
    ///
    /// # Errors
    /// The deserializer's own error for anything but 64 lowercase hexadecimal digits.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Digest, D::Error> {
        let text = String::deserialize(deserializer)?;
        Digest::parse_hex(&text).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn digest_of_abc_is_the_one_of_fips_180() {
        assert_eq!(Digest::of(b"abc").to_hex(), ABC);
        assert_eq!(Digest::parse_hex(ABC), Ok(Digest::of(b"abc")));
    }

    #[test]
    fn wire_form_is_closed_and_lowercase() {
        let good = format!("{{\"sha256\":\"{ABC}\"}}");
        let digest: Digest = serde_json::from_str(&good).unwrap();
        assert_eq!(serde_json::to_string(&digest).unwrap(), good);
        let upper = good.to_uppercase().replace("SHA256", "sha256");
        let short = good.replace("ad\"", "\"");
        let sha512 = good.replace("sha256", "sha512");
        let more = good.replace('}', ",\"sha512\":\"\"}");
        for bad in [upper.as_str(), &short, &sha512, &more, "{}", "null", "\"ba78\""] {
            assert!(serde_json::from_str::<Digest>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_schema_is_closed_too() {
        let schema = serde_json::to_value(schemars::schema_for!(Digest)).unwrap();
        assert_eq!(schema["additionalProperties"], false);
        assert_eq!(schema["required"], serde_json::json!(["sha256"]));
        assert_eq!(schema["properties"]["sha256"]["pattern"], "^[0-9a-f]{64}$");
    }
}
