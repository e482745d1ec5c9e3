use super::*;
use crate::testing::at;
use proptest::prelude::*;
use serde_json::{Value, json};

fn digest(name: &str) -> Digest {
    Digest::of(name.as_bytes())
}

fn entry() -> Entry {
    Entry {
        actor: digest("alice").to_hex(),
        at: at("2026-11-22T06:04:02.400Z"),
        handoff: Some(digest("handoff")),
        object: digest("decision"),
        origin: "ledger.acme.example".to_owned(),
        prev: Some(digest("before")),
        seq: 3,
        sigs: vec![digest("signature")],
        kind: EntryType::DecisionRecorded,
        v: Version,
    }
}

fn as_json(entry: &Entry) -> Value {
    serde_json::from_slice(&entry.to_bytes().unwrap()).unwrap()
}

fn parse(value: &Value) -> Result<Entry, EntryError> {
    Entry::parse(&canonical::to_bytes(value).unwrap())
}

#[test]
fn an_entry_has_the_bytes_of_the_format() {
    let expected = format!(
        concat!(
            r#"{{"actor":"{}","at":"2026-11-22T06:04:02.400Z","handoff":"{}","object":"{}","#,
            r#""origin":"ledger.acme.example","prev":"{}","seq":3,"sigs":["{}"],"type":"decision.recorded","v":1}}"#
        ),
        digest("alice"),
        digest("handoff"),
        digest("decision"),
        digest("before"),
        digest("signature")
    );
    assert_eq!(String::from_utf8(entry().to_bytes().unwrap()).unwrap(), expected);
    assert_eq!(Entry::parse(expected.as_bytes()).unwrap(), entry());
    assert_eq!(leaf_digest(expected.as_bytes()).as_bytes(), leaf_hash(expected.as_bytes()).as_bytes());
}

#[test]
fn optional_fields_are_absent_and_never_null() {
    let genesis = Entry { handoff: None, prev: None, sigs: Vec::new(), kind: EntryType::LedgerGenesis, ..entry() };
    let written = as_json(&genesis);
    assert!(written.get("handoff").is_none() && written.get("prev").is_none());
    assert_eq!(parse(&written).unwrap(), genesis);
    for field in ["handoff", "prev"] {
        let mut with_null = written.clone();
        with_null[field] = Value::Null;
        assert!(matches!(parse(&with_null), Err(EntryError::Json(_))), "{field}");
    }
}

#[test]
fn the_shape_is_closed() {
    for name in ["actor", "at", "object", "origin", "seq", "sigs", "type", "v"] {
        let mut without = as_json(&entry());
        without.as_object_mut().unwrap().remove(name);
        assert!(matches!(parse(&without), Err(EntryError::Json(_))), "{name}");
    }
    let with = |name: &str, value: Value| {
        let mut changed = as_json(&entry());
        changed[name] = value;
        parse(&changed)
    };
    for (name, value) in [
        ("more", json!(1)),
        ("v", json!(2)),
        ("v", json!("1")),
        ("type", json!("decision.made")),
        ("type", json!("DecisionRecorded")),
        ("seq", json!(-1)),
        ("seq", json!("3")),
        ("at", json!("2026-11-22T06:04:02Z")),
        ("object", json!("f80a")),
        ("object", json!({"sha256": digest("x").to_hex()})),
        ("prev", json!(digest("x").to_hex().to_uppercase())),
        ("sigs", json!([["x"]])),
    ] {
        assert!(matches!(with(name, value.clone()), Err(EntryError::Json(_))), "{name} {value}");
    }
    for (name, value) in [
        ("actor", json!("")),
        ("actor", json!("Alice")),
        ("actor", json!("a b")),
        ("origin", json!("a b")),
        ("seq", json!(9_007_199_254_740_991_u64)),
    ] {
        assert!(matches!(with(name, value.clone()), Err(EntryError::Field { .. })), "{name} {value}");
    }
    let mut orphan = as_json(&entry());
    orphan.as_object_mut().unwrap().remove("handoff");
    assert!(matches!(parse(&orphan), Err(EntryError::Field { field: "prev", .. })));
    assert!(with("sigs", json!(vec![digest("x").to_hex(); 16])).is_ok());
    assert!(with("sigs", json!(vec![digest("x").to_hex(); 17])).is_err());
}

#[test]
fn another_spelling_of_the_same_entry_is_refused() {
    let bytes = entry().to_bytes().unwrap();
    let text = String::from_utf8(bytes).unwrap();
    for spelling in [
        text.replace(",\"seq\"", ", \"seq\""),
        format!("{text}\n"),
        text.replace("actor", "\\u0061ctor"),
        text.replace("ledger.acme", "\\u006cedger.acme"),
    ] {
        assert_ne!(spelling, text);
        assert!(matches!(Entry::parse(spelling.as_bytes()), Err(EntryError::NotCanonical)), "{spelling}");
    }
}

#[test]
fn every_type_has_its_own_name_of_group_and_event() {
    let mut names: Vec<_> = EntryType::ALL.iter().map(|kind| kind.as_str()).collect();
    for kind in EntryType::ALL {
        assert_eq!(serde_json::to_value(kind).unwrap(), json!(kind.as_str()));
        assert_eq!(kind.as_str().split('.').count(), 2);
    }
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), EntryType::ALL.len());
    assert_eq!(names.len(), 51);
}

proptest! {
    #[test]
    fn every_changed_byte_is_refused_or_read_as_another_entry(place in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = entry().to_bytes().unwrap();
        let place = place.index(bytes.len());
        prop_assume!(bytes[place] != byte);
        bytes[place] = byte;
        if let Ok(changed) = Entry::parse(&bytes) {
            prop_assert_ne!(&changed, &entry());
            prop_assert_eq!(changed.to_bytes().unwrap(), bytes);
        }
    }
}
