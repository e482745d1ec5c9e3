use super::*;
use crate::testing::{AbsentToken, at, key, trust, trusted};
use proptest::prelude::*;

const PAYLOAD: &[u8] = br#"{"_type":"https://in-toto.io/Statement/v1"}"#;

fn envelope_by(name: &str) -> Value {
    let envelope = Envelope::sign(PAYLOAD.to_vec(), &key(name)).unwrap();
    serde_json::from_str(&envelope.to_json()).unwrap()
}

fn parse(envelope: &Value) -> Result<Unverified<Envelope>, EnvelopeError> {
    Envelope::parse(envelope.to_string().as_bytes())
}

fn verify(envelope: &Value, trust: &TrustSet) -> Result<Verified<Signed>, VerifyError> {
    parse(envelope).unwrap().verify(trust, KeyUse::Decision)
}

fn alice_and_bob() -> TrustSet {
    trust(&[("alice", KeyUse::Decision), ("bob", KeyUse::Decision), ("gateway", KeyUse::Handoff)])
}

#[test]
fn pae_is_the_one_of_the_protocol() {
    let message = pae("http://example.com/HelloWorld", b"hello world");
    assert_eq!(message, b"DSSEv1 29 http://example.com/HelloWorld 11 hello world");
    assert_eq!(pae("", "\u{e9}".as_bytes()), "DSSEv1 0  2 \u{e9}".as_bytes());
}

#[test]
fn what_was_signed_is_what_comes_out() {
    let verified = verify(&envelope_by("alice"), &alice_and_bob()).unwrap();
    assert_eq!(verified.payload(), PAYLOAD);
    assert_eq!(verified.digest(), Digest::of(PAYLOAD));
    assert_eq!(verified.signers().len(), 1);
    assert!(verified.signature_by(&key("alice").public_key().id()).is_some());
    assert!(verified.signature_by(&key("bob").public_key().id()).is_none());
}

#[test]
fn only_a_trusted_key_of_that_use_counts() {
    for stranger in ["mallory", "gateway"] {
        assert_eq!(
            verify(&envelope_by(stranger), &alice_and_bob()),
            Err(VerifyError::NoTrustedSignature),
            "{stranger}"
        );
    }
    let as_handoff = parse(&envelope_by("gateway")).unwrap().verify(&alice_and_bob(), KeyUse::Handoff);
    assert!(as_handoff.is_ok());
}

#[test]
fn the_key_id_is_only_a_hint() {
    let bob_id = key("bob").public_key().id().to_string();
    for hint in [json!(bob_id), json!(""), json!("anything"), json!("AB".repeat(32))] {
        let mut envelope = envelope_by("alice");
        envelope["signatures"][0]["keyid"] = hint;
        let verified = verify(&envelope, &alice_and_bob()).unwrap();
        assert_eq!(verified.signers()[0].by.subject, "urn:seamark:user:alice");
    }
    let mut envelope = envelope_by("alice");
    envelope["signatures"][0].as_object_mut().unwrap().remove("keyid");
    assert!(verify(&envelope, &alice_and_bob()).is_ok());
}

#[test]
fn signatures_that_do_not_verify_are_skipped_and_double_ones_count_once() {
    let alice = envelope_by("alice")["signatures"][0].clone();
    let bob = envelope_by("bob")["signatures"][0].clone();
    let junk = json!({"keyid": alice["keyid"], "sig": "AAAA"});
    let no_base64 = json!({"sig": "!"});
    let mut envelope = envelope_by("alice");
    envelope["signatures"] = json!([junk, no_base64, bob, alice, alice]);
    let verified = verify(&envelope, &alice_and_bob()).unwrap();
    let subjects: Vec<_> = verified.signers().iter().map(|signer| signer.by.subject.as_str()).collect();
    assert_eq!(subjects, ["urn:seamark:user:bob", "urn:seamark:user:alice"]);
}

#[test]
fn both_alphabets_are_read_and_each_in_one_spelling() {
    let payload = [0xff, 0xef, 0xfe, 0xfb].to_vec();
    let envelope = Envelope::sign(payload.clone(), &key("alice")).unwrap().to_json();
    let mut value: Value = serde_json::from_str(&envelope).unwrap();
    assert_eq!(value["payload"], "/+/++w==");
    value["payload"] = json!("_-_--w==");
    assert_eq!(verify(&value, &alice_and_bob()).unwrap().payload(), payload);
    for bad in ["_-_--w=", "_-_--w", "_-_--x==", "_-_--w==\n", "/-/+-w==", "_-_--w==AA"] {
        value["payload"] = json!(bad);
        assert!(matches!(parse(&value), Err(EnvelopeError::PayloadEncoding)), "{bad:?}");
    }
}

#[test]
fn another_shape_is_refused() {
    let with = |change: fn(&mut Value)| {
        let mut envelope = envelope_by("alice");
        change(&mut envelope);
        parse(&envelope)
    };
    assert!(matches!(with(|e| e["payloadType"] = json!("application/json")), Err(EnvelopeError::PayloadType)));
    assert!(matches!(with(|e| e["signatures"] = json!([])), Err(EnvelopeError::NoSignature)));
    assert!(matches!(with(|e| e["more"] = json!(1)), Err(EnvelopeError::Json(_))));
    assert!(matches!(with(|e| e["signatures"][0]["keyid"] = Value::Null), Err(EnvelopeError::Json(_))));
    assert!(matches!(with(|e| e["signatures"][0]["cert"] = json!("")), Err(EnvelopeError::Json(_))));
    assert!(matches!(with(|e| e["payload"] = json!(1)), Err(EnvelopeError::Json(_))));
    let many =
        |n: usize| parse(&json!({"payload": "", "payloadType": IN_TOTO, "signatures": vec![json!({"sig": ""}); n]}));
    assert!(many(16).is_ok());
    assert!(matches!(many(17), Err(EnvelopeError::TooManySignatures)));
    let twice = envelope_by("alice").to_string().replacen('{', "{\"payload\":\"\",", 1);
    assert!(matches!(Envelope::parse(twice.as_bytes()), Err(EnvelopeError::Json(_))));
}

#[test]
fn a_wrong_hint_among_many_keys_costs_a_bounded_time() {
    let names: Vec<String> = (0..200).map(|n| format!("person {n}")).collect();
    let crowd = TrustSet::new(names.iter().map(|name| trusted(name, KeyUse::Decision))).unwrap();
    let mut envelope = envelope_by("mallory");
    let junk = envelope["signatures"][0].clone();
    envelope["signatures"] = json!(vec![junk; 16]);
    assert_eq!(verify(&envelope, &crowd), Err(VerifyError::TooManyTries));
}

#[test]
fn an_absent_token_is_an_error_and_no_envelope() {
    let absent = AbsentToken(key("alice").public_key());
    let error = Envelope::sign(PAYLOAD.to_vec(), &absent).unwrap_err();
    assert_eq!(error.key_id, absent.0.id());
}

#[test]
fn the_window_is_left_to_the_statement() {
    let ended =
        crate::key::TrustedKey { to: Some(at("2026-02-01T00:00:00.000Z")), ..trusted("alice", KeyUse::Decision) };
    let verified = verify(&envelope_by("alice"), &TrustSet::new([ended]).unwrap()).unwrap();
    assert!(!verified.signers()[0].by.is_valid_at(at("2026-11-22T06:00:00.000Z")));
}

/// The same envelope, judged by another implementation.
fn oracle(envelope: &[u8], seed: &str) -> Option<Vec<u8>> {
    let envelope = ::dsse::Envelope::from_json(envelope).ok()?;
    let verifier = ::dsse::Ed25519Verifier::from_bytes(key(seed).public_key().as_bytes()).ok()?;
    ::dsse::verify(&envelope, &[&verifier], 1).ok().map(|verified| verified.payload)
}

proptest! {
    #[test]
    fn another_implementation_reads_ours_and_we_read_its(payload in prop::collection::vec(any::<u8>(), 0..300)) {
        let ours = Envelope::sign(payload.clone(), &key("alice")).unwrap().to_json();
        prop_assert_eq!(oracle(ours.as_bytes(), "alice"), Some(payload.clone()));
        let signer = ::dsse::Ed25519Signer::from_bytes(Digest::of(b"alice").as_bytes()).unwrap();
        let theirs = ::dsse::sign(IN_TOTO, &payload, &signer).unwrap().to_json().unwrap();
        let verified = Envelope::parse(&theirs).unwrap().verify(&alice_and_bob(), KeyUse::Decision).unwrap();
        prop_assert_eq!(verified.payload(), payload);
    }

    #[test]
    fn what_we_accept_after_a_change_the_other_accepts_too(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut envelope = envelope_by("alice").to_string().into_bytes();
        let at = at.index(envelope.len());
        envelope[at] = byte;
        let ours = Envelope::parse(&envelope).ok();
        let ours = ours.and_then(|envelope| envelope.verify(&trust(&[("alice", KeyUse::Decision)]), KeyUse::Decision).ok());
        if let Some(verified) = ours {
            prop_assert_eq!(verified.payload(), PAYLOAD);
            prop_assert_eq!(oracle(&envelope, "alice").unwrap(), PAYLOAD);
        }
    }
}
