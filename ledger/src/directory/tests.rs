use super::*;
use crate::key::Signer as _;
use crate::statement::{StatementFault, build_directory, sign};
use crate::testing::{at, key};
use serde_json::json;

const BEGIN: &str = "2026-01-01T00:00:00.000Z";
const ALICE: &str = "urn:seamark:user:alice";

fn predicate() -> DirectoryPredicate {
    let role = DirectoryRole { role: "reviewer".to_owned(), from: at(BEGIN), to: Some(at("2026-06-01T00:00:00.000Z")) };
    let (kind, name) = (SubjectKind::Person, "Alice Example".to_owned());
    DirectoryPredicate {
        org: "acme".to_owned(),
        version: 1,
        valid_from: at(BEGIN),
        valid_to: at("2027-01-01T00:00:00.000Z"),
        subjects: vec![DirectorySubject { id: ALICE.to_owned(), kind, name, owners: Vec::new(), roles: vec![role] }],
        keys: vec![DirectoryKey::new(&key("alice").public_key(), KeyUse::Decision, ALICE, at(BEGIN), None)],
        next_root: None,
    }
}

fn signed(predicate: &DirectoryPredicate, signer: &str) -> Value {
    sign(build_directory(predicate, None).unwrap(), &key(signer)).unwrap().to_value()
}

fn verify_at(envelope: &Value, now: &str) -> Result<Verified<Directory>, DirectoryError> {
    verify(envelope, &key("root").public_key(), at(now))
}

const NOW: &str = "2026-11-22T06:00:00.000Z";

#[test]
fn a_directory_of_the_root_says_who_has_which_key_and_role() {
    let directory = verify_at(&signed(&predicate(), "root"), NOW).unwrap();
    let trust = directory.trust_set();
    let id = key("alice").public_key().id();
    assert_eq!(trust.find(&id, KeyUse::Decision).unwrap().subject, ALICE);
    assert!(trust.find(&id, KeyUse::Handoff).is_none());
    let alice = trust.subject(ALICE).unwrap();
    assert!(alice.has_role("reviewer", at("2026-05-31T23:59:59.999Z")));
    assert!(!alice.has_role("reviewer", at("2026-06-01T00:00:00.000Z")));
    assert!(!alice.has_role("lead", at(BEGIN)));
}

#[test]
fn another_signer_or_time_is_refused() {
    for stranger in ["gateway", "alice"] {
        let refused = verify_at(&signed(&predicate(), stranger), NOW);
        assert!(matches!(refused, Err(DirectoryError::Statement(StatementError::Signature(_)))), "{stranger}");
    }
    let good = signed(&predicate(), "root");
    for outside in ["2025-12-31T23:57:00.000Z", "2027-01-01T00:03:00.000Z"] {
        assert!(matches!(verify_at(&good, outside), Err(DirectoryError::Window)), "{outside}");
    }
    assert!(verify_at(&good, "2025-12-31T23:58:30.000Z").is_ok(), "clocks may differ by two minutes");
}

#[test]
fn keys_and_subjects_have_to_fit() {
    let refused = |change: fn(&mut DirectoryPredicate)| {
        let mut changed = predicate();
        change(&mut changed);
        verify_at(&signed(&changed, "root"), NOW).unwrap_err()
    };
    assert!(matches!(
        refused(|d| d.keys[0].subject = "urn:seamark:user:bob".to_owned()),
        DirectoryError::Orphan { .. }
    ));
    assert!(matches!(refused(|d| d.keys[0].alg = "rsa".to_owned()), DirectoryError::Algorithm { .. }));
    assert!(matches!(refused(|d| d.keys[0].keyid = "0".repeat(64)), DirectoryError::OtherKeyId { .. }));
    assert!(matches!(refused(|d| d.keys[0].key = "AAAA".to_owned()), DirectoryError::Key { .. }));
    assert!(matches!(refused(|d| d.keys[0].key_use = KeyUse::Directory), DirectoryError::ListedRoot { .. }));
    assert!(matches!(refused(|d| d.keys[0].to = Some(at(BEGIN))), DirectoryError::Set(_)));
    assert!(matches!(refused(|d| d.keys.push(d.keys[0].clone())), DirectoryError::Set(_)));
    assert!(matches!(refused(|d| d.subjects.push(d.subjects[0].clone())), DirectoryError::Subjects { .. }));
}

/// One key, one use (FORMATS.md §1.1): whoever pins the root must never count a signature of it as a person's or gateway's.
#[test]
fn attack_the_root_listed_under_another_use_is_refused() {
    for key_use in [KeyUse::Decision, KeyUse::Handoff, KeyUse::Outcome, KeyUse::Execution, KeyUse::Ledger] {
        let mut listed = predicate();
        listed.keys.push(DirectoryKey::new(&key("root").public_key(), key_use, ALICE, at(BEGIN), None));
        let refused = verify_at(&signed(&listed, "root"), NOW);
        assert!(matches!(refused, Err(DirectoryError::ListedRoot { .. })), "{key_use:?}: {refused:?}");
    }
}

/// The old root names the new one; that alone changes nothing for whoever pinned the old one.
#[test]
fn a16_a_root_names_its_successor_and_neither_is_listed() {
    let naming = |next: NextRoot| DirectoryPredicate { next_root: Some(next), ..predicate() };
    let named = NextRoot::new(&key("root2").public_key());
    let directory = verify_at(&signed(&naming(named.clone()), "root"), NOW).unwrap();
    assert_eq!(directory.predicate.next_root.as_ref().unwrap().parse().unwrap(), key("root2").public_key());
    let by_the_new_one = verify_at(&signed(&predicate(), "root2"), NOW);
    assert!(matches!(by_the_new_one, Err(DirectoryError::Statement(StatementError::Signature(_)))));

    let itself = verify_at(&signed(&naming(NextRoot::new(&key("root").public_key())), "root"), NOW);
    assert!(matches!(itself, Err(DirectoryError::SameRoot)), "{itself:?}");
    let lying = NextRoot { keyid: "0".repeat(64), ..named };
    assert!(matches!(verify_at(&signed(&naming(lying), "root"), NOW), Err(DirectoryError::OtherKeyId { .. })));
    let listed = verify_at(&signed(&naming(NextRoot::new(&key("alice").public_key())), "root"), NOW);
    assert!(matches!(listed, Err(DirectoryError::ListedRoot { .. })), "{listed:?}");
}

#[test]
fn a_directory_that_is_none_is_not_signed() {
    let field = |change: fn(&mut DirectoryPredicate)| {
        let mut changed = predicate();
        change(&mut changed);
        match build_directory(&changed, None).unwrap_err() {
            StatementError::Content(StatementFault::Field { field, .. }) => field,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(field(|d| d.org = "Acme Inc".to_owned()), "org");
    assert_eq!(field(|d| d.version = 0), "version");
    assert_eq!(field(|d| d.valid_to = d.valid_from), "validTo");
    assert_eq!(field(|d| d.keys[0].keyid = "alice".to_owned()), "keyid");
}

#[test]
fn the_wire_form_is_that_of_the_format() {
    let envelope = signed(&predicate(), "root");
    let parsed = crate::dsse::Envelope::from_value(&envelope).unwrap();
    let statement: Value = serde_json::from_slice(parsed.unverified_value().unverified_payload()).unwrap();
    let zeros = "0".repeat(64);
    assert_eq!(statement["subject"], json!([{"name": "urn:seamark:directory:acme", "digest": {"sha256": zeros}}]));
    let key = &statement["predicate"]["keys"][0];
    assert_eq!((key["alg"].as_str(), key["use"].as_str()), (Some("ed25519"), Some("decision")));
    assert!(key.get("to").is_none());
    assert_eq!(statement["predicate"]["subjects"][0]["kind"], "person");
}

/// Every key and person stays listed, so a directory may grow larger than other statements; beyond its bound nothing is
/// written that nobody would read.
#[test]
fn a_directory_of_thousands_is_read_and_one_beyond_the_bound_is_not_written() {
    let many = |n: usize| {
        let mut predicate = predicate();
        let first = predicate.subjects[0].clone();
        predicate.subjects.extend((0..n).map(|i| DirectorySubject { id: format!("{ALICE}-{i:05}"), ..first.clone() }));
        predicate
    };
    let large = many(10_000);
    assert!(build_directory(&large, None).unwrap().len() > 1_500_000);
    assert_eq!(verify_at(&signed(&large, "root"), NOW).unwrap().predicate.subjects.len(), 10_001);
    let refused = build_directory(&many(14_000), None);
    assert!(matches!(refused, Err(StatementError::TooLarge { max_bytes: MAX_DIRECTORY_BYTES, .. })));
}
