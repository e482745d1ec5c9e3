//! Keys in a form that two people can compare: eight groups of four hexadecimal digits. Source: FORMATS.md §1.2.
//!
//! 128 bits, because whoever runs the gateway can try as many keys as they like to find one that looks alike.

use seamark_contracts::digest::Digest;

use crate::key::KeyId;

/// Digits of a fingerprint.
const DIGITS: usize = 32;

/// Digits of a group.
const GROUP: usize = 4;

/// The fingerprint of a decision key that is enrolled for `person`, a user urn, under the root `root`. The reviewer's
/// device shows it, and so does whoever signs the directory.
#[must_use]
pub fn of_enrolment(root: &KeyId, person: &str, decision: &KeyId) -> String {
    let text = format!("seamark-enrolled-key/v1\n{root}\n{person}\n{decision}");
    grouped(&Digest::of(text.as_bytes()).to_hex())
}

/// The fingerprint of a key by its id alone: of a root, a gateway's key, an execution key.
#[must_use]
pub fn of_key(id: &KeyId) -> String {
    grouped(&id.to_string())
}

/// Whether somebody typed this fingerprint: white space, hyphens and case make no difference.
#[must_use]
pub fn is_typed(fingerprint: &str, typed: &str) -> bool {
    let digits = |text: &str| -> String {
        let is_digit = |c: &char| !c.is_whitespace() && *c != '-';
        text.chars().filter(is_digit).map(|c| c.to_ascii_lowercase()).collect()
    };
    digits(fingerprint) == digits(typed)
}

fn grouped(hex: &str) -> String {
    let digits: Vec<char> = hex.chars().take(DIGITS).collect();
    let groups: Vec<String> = digits.chunks(GROUP).map(|group| group.iter().collect()).collect();
    groups.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::Signer as _;
    use crate::testing::key;

    #[test]
    fn attack_a16_a_fingerprint_depends_on_root_person_and_key() {
        let of = |root: &str, person: &str, decision: &str| {
            of_enrolment(&key(root).public_key().id(), person, &key(decision).public_key().id())
        };
        let alice = of("root", "urn:seamark:user:alice", "alice");
        assert_eq!(alice.len(), 39);
        assert!(alice.split(' ').all(|group| group.len() == 4) && alice.split(' ').count() == 8);
        for other in [
            of("other", "urn:seamark:user:alice", "alice"),
            of("root", "urn:seamark:user:bob", "alice"),
            of("root", "urn:seamark:user:alice", "bob"),
        ] {
            assert_ne!(alice, other);
        }
    }

    #[test]
    fn what_is_typed_may_be_spaced_and_spelled_otherwise_but_has_every_digit() {
        let fingerprint = of_key(&key("root").public_key().id());
        assert!(is_typed(&fingerprint, &fingerprint.replace(' ', "-").to_uppercase()));
        assert!(is_typed(&fingerprint, &format!(" {}\n", fingerprint.replace(' ', ""))));
        assert!(!is_typed(&fingerprint, fingerprint.get(..38).unwrap()));
        assert!(!is_typed(&fingerprint, ""));
        assert!(key("root").public_key().id().to_string().starts_with(&fingerprint.replace(' ', "")));
    }
}
