use super::*;
use crate::strict_json::{Limits, parse};
use proptest::prelude::*;
use serde_json::json;

#[test]
fn every_vector_gives_its_bytes_or_is_refused() {
    let file: Value = serde_json::from_str(include_str!("../../vectors/canonical.json")).unwrap();
    for case in file["cases"].as_array().unwrap() {
        let input: Value = serde_json::from_str(case["input"].as_str().unwrap()).unwrap();
        if case["refused"] == true {
            assert!(to_bytes(&input).is_err(), "{case}");
            continue;
        }
        // serde_json reads -0 as a float, the gate as the integer that it is.
        let input = parse(case["input"].as_str().unwrap().as_bytes(), &Limits::SIGNED).unwrap();
        assert_eq!(
            String::from_utf8(to_bytes(&input).unwrap()).unwrap(),
            case["canonical"].as_str().unwrap(),
            "{case}"
        );
        assert_eq!(digest_hex(&input).unwrap(), case["sha256"].as_str().unwrap(), "{case}");
    }
}

#[test]
fn the_official_examples_of_rfc_8785_come_out_or_are_outside_of_the_profile() {
    let file: Value = serde_json::from_str(include_str!("../../vectors/rfc8785.json")).unwrap();
    let mut n_ours = 0;
    for case in file["cases"].as_array().unwrap() {
        let (input, output) = (case["input"].as_str().unwrap(), case["output"].as_str().unwrap());
        let loosely: Value = serde_json::from_str(input).unwrap();
        assert_eq!(serde_jcs::to_string(&loosely).unwrap(), output, "the oracle, {case}");
        assert_eq!(serde_json_canonicalizer::to_string(&loosely).unwrap(), output, "the other oracle, {case}");
        match parse(input.as_bytes(), &Limits::SIGNED) {
            Ok(value) => {
                assert_eq!(String::from_utf8(to_bytes(&value).unwrap()).unwrap(), output, "{case}");
                n_ours += 1;
            }
            Err(error) => assert_eq!(error.reason, crate::strict_json::Reason::Fractional, "{case}"),
        }
    }
    assert_eq!(n_ours, 4, "all but the two with fractions");
}

#[test]
fn what_the_profile_refuses_names_its_place() {
    let message = |value: Value| to_bytes(&value).unwrap_err().to_string();
    assert_eq!(message(json!({"a": [0, 1.5]})), "number at \"/a/1\" is no integer: write decimals as strings");
    assert_eq!(
        message(json!({"a": 9_007_199_254_740_992_u64})),
        "integer at \"/a\" is beyond 2^53 - 1: write it as a string"
    );
    assert_eq!(message(json!({"a": i64::MIN})), "integer at \"/a\" is beyond 2^53 - 1: write it as a string");
    assert!(message(json!({"a": "\u{ffff}"})).contains("noncharacter"));
    assert!(message(json!({"\u{fdd0}": 1})).contains("noncharacter"));
}

#[test]
fn depth_is_bounded_as_the_gate_bounds_it() {
    let nested = |levels: usize| (0..levels).fold(json!(0), |inner, _| json!([inner]));
    let deepest = to_bytes(&nested(64)).unwrap();
    assert!(parse(&deepest, &Limits::SIGNED).is_ok());
    assert!(matches!(to_bytes(&nested(65)), Err(CanonicalError::TooDeep)));
}

#[test]
fn every_single_character_is_written_as_others_write_it() {
    for character in
        (0..=0x10_ffffu32).filter_map(char::from_u32).filter(|c| !has_noncharacter(c.encode_utf8(&mut [0; 4])))
    {
        let value = json!({ format!("a{character}"): character.to_string(), "a\u{e000}": 0 });
        if character < '\u{3000}' || u32::from(character) % 97 == 0 {
            assert_eq!(to_bytes(&value).unwrap(), serde_json_canonicalizer::to_vec(&value).unwrap(), "{character:?}");
        }
    }
}

#[test]
fn what_is_written_straight_is_what_the_tree_gives() {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Sample<'s> {
        zulu: u64,
        alpha: Option<i32>,
        #[serde(rename = "_type")]
        kind: char,
        inner: Vec<(bool, &'s str)>,
        by_name: std::collections::BTreeMap<&'s str, Inner>,
    }
    #[derive(Serialize)]
    struct Inner {
        b: i64,
        a: (),
    }
    let inner = |b| Inner { b, a: () };
    let mut sample = Sample {
        zulu: 9_007_199_254_740_991,
        alpha: None,
        kind: '"',
        inner: vec![(true, "a\u{1}\\"), (false, "")],
        by_name: [("b", inner(-1)), ("a", inner(0)), ("", inner(-9_007_199_254_740_991))].into_iter().collect(),
    };
    let tree = |sample: &Sample<'_>| to_bytes(&serde_json::to_value(sample).unwrap()).unwrap();
    assert_eq!(direct::bytes_of(&sample).unwrap(), tree(&sample));
    // Names that do not sort as they are written are left to the tree.
    sample.by_name.insert("\u{e000}", inner(1));
    sample.by_name.insert("\u{10000}", inner(2));
    assert_eq!(direct::bytes_of(&sample), None);
    assert_eq!(bytes_of(&sample).unwrap(), tree(&sample));
    for refused in [json!(1.5), json!(u64::MAX), json!({"a": "\u{ffff}"}), json!({"\u{fdd0}": 1})] {
        assert_eq!(direct::bytes_of(&refused), None);
        assert!(bytes_of(&refused).is_err());
    }
    let nested = |levels: usize| (0..levels).fold(json!(0), |inner, _| json!({ "a": inner }));
    assert!(direct::bytes_of(&nested(64)).is_some());
    assert!(direct::bytes_of(&nested(65)).is_none());
}

proptest! {
    #[test]
    fn a_tree_is_written_straight_as_any_other_way(value in crate::strict_json::tests::any_value()) {
        let bytes = to_bytes(&value).unwrap();
        prop_assert_eq!(bytes_of(&value).unwrap(), bytes.clone());
        if let Some(straight) = direct::bytes_of(&value) {
            prop_assert_eq!(straight, bytes);
        }
    }

    #[test]
    fn agrees_with_two_other_implementations(value in crate::strict_json::tests::any_value()) {
        let bytes = to_bytes(&value).unwrap();
        prop_assert_eq!(&bytes, &serde_jcs::to_vec(&value).unwrap());
        prop_assert_eq!(&bytes, &serde_json_canonicalizer::to_vec(&value).unwrap());
    }

    #[test]
    fn reads_back_as_the_same_value_and_the_same_bytes(value in crate::strict_json::tests::any_value()) {
        let bytes = to_bytes(&value).unwrap();
        let again = parse(&bytes, &Limits::SIGNED).unwrap();
        prop_assert_eq!(&again, &value);
        prop_assert_eq!(to_bytes(&again).unwrap(), bytes);
    }
}
