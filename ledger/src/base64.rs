//! Base64 with exactly one spelling per byte string.

use base64ct::{Base64, Base64Url, Encoding};

/// Writes the standard alphabet with padding. Source: RFC 4648 §4.
pub(crate) fn encode(bytes: &[u8]) -> String {
    Base64::encode_string(bytes)
}

/// Reads the standard alphabet; padding must be there and its unused bits must be zero.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    Base64::decode_vec(text).ok()
}

/// As [`decode`], and the URL alphabet as well, for DSSE. A mixture of both is refused.
pub(crate) fn decode_either(text: &str) -> Option<Vec<u8>> {
    decode(text).or_else(|| Base64Url::decode_vec(text).ok())
}

/// Reads exactly 32 bytes.
pub(crate) fn decode_32(text: &str) -> Option<[u8; 32]> {
    decode(text)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_spelling_only() {
        assert_eq!(decode("/+8="), Some(vec![0xff, 0xef]));
        assert_eq!(decode_either("_-8="), Some(vec![0xff, 0xef]));
        assert_eq!(decode(""), Some(Vec::new()));
        for bad in ["_-8=", "/+8", "/+9=", "/+8==", "/+8=\n", " /+8=", "/-8=", "A", "AA=A", "====", "AA=", "\u{e9}A=="]
        {
            assert_eq!(decode(bad), None, "{bad:?}");
        }
        for bad in ["_+8=", "_-8", "_-9=", "\u{2014}"] {
            assert_eq!(decode_either(bad), None, "{bad:?}");
        }
    }
}
