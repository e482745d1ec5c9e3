use super::*;
use proptest::prelude::*;
use serde::Deserialize;
use serde_json::json;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Case {
    name: String,
    mode: String,
    input: Option<String>,
    input_hex: Option<String>,
    canonical: Option<String>,
    decimals: Option<Vec<String>>,
    reason: Option<String>,
    offset: Option<usize>,
    pointer: Option<String>,
}

fn cases() -> Vec<Case> {
    let file: Value = serde_json::from_str(include_str!("../../vectors/strict-json.json")).unwrap();
    serde_json::from_value(file["cases"].clone()).unwrap()
}

fn input_of(case: &Case) -> Vec<u8> {
    match (&case.input, &case.input_hex) {
        (Some(text), None) => text.clone().into_bytes(),
        (None, Some(hex)) => hex
            .as_bytes()
            .chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect(),
        _ => panic!("{}: exactly one input", case.name),
    }
}

fn read(case: &Case) -> Result<Parsed, StrictJsonError> {
    let bytes = input_of(case);
    match case.mode.as_str() {
        "signed" => parse(&bytes, &Limits::SIGNED).map(|value| Parsed { value, decimals: Vec::new() }),
        "submitted" => parse_submitted(&bytes, &Limits::SIGNED),
        other => panic!("{}: mode {other}", case.name),
    }
}

/// `DuplicateName` of `DuplicateName { .. }`.
fn variant_name(reason: &Reason) -> String {
    format!("{reason:?}").chars().take_while(|c| c.is_alphanumeric()).collect()
}

#[test]
fn every_vector_reads_or_is_refused_as_written() {
    let cases = cases();
    assert!(cases.len() > 100);
    for case in &cases {
        let name = &case.name;
        match (read(case), &case.canonical, &case.reason) {
            (Ok(parsed), Some(canonical), None) => {
                let bytes = crate::canonical::to_bytes(&parsed.value).unwrap();
                assert_eq!(String::from_utf8(bytes).unwrap(), *canonical, "{name}");
                let found: Vec<_> = parsed.decimals.iter().map(Pointer::as_str).collect();
                assert_eq!(found, case.decimals.clone().unwrap_or_default(), "{name}");
            }
            (Err(error), None, Some(reason)) => {
                assert_eq!(variant_name(&error.reason), *reason, "{name}: {error:?}");
                assert_eq!(case.offset.unwrap_or(error.offset), error.offset, "{name}: {error:?}");
                let found = error.pointer.as_ref().map(Pointer::as_str);
                assert_eq!(case.pointer.as_deref().or(found), found, "{name}: {error:?}");
            }
            (result, ..) => panic!("{name}: {result:?}"),
        }
    }
}

#[test]
fn what_is_refused_in_signed_bytes_is_never_read_differently_when_submitted() {
    for case in cases().iter().filter(|case| case.mode == "signed") {
        let bytes = input_of(case);
        if let (Ok(signed), Ok(submitted)) = (parse(&bytes, &Limits::SIGNED), parse_submitted(&bytes, &Limits::SIGNED))
        {
            assert_eq!(submitted, Parsed { value: signed, decimals: Vec::new() }, "{}", case.name);
        }
    }
}

#[test]
fn each_bound_holds_exactly() {
    let tight = Limits {
        max_bytes: 40,
        max_depth: 2,
        max_members: 2,
        max_items: 3,
        max_name_bytes: 2,
        max_string_bytes: 4,
        max_decimals: 2,
    };
    let submitted = |text: &str| parse_submitted(text.as_bytes(), &tight).map_err(|error| error.reason);
    for good in ["[1,2,3]", r#"{"aa":1,"b":2}"#, r#"["abcd"]"#, r#"["\u00e9\u00e9"]"#, "[1.5,2.5]", "[[]]"] {
        assert!(submitted(good).is_ok(), "{good}");
    }
    assert_eq!(submitted("[1,2,3,4]"), Err(Reason::TooManyItems { max: 3 }));
    assert_eq!(submitted(r#"{"a":1,"b":2,"c":3}"#), Err(Reason::TooManyMembers { max: 2 }));
    assert_eq!(submitted(r#"{"aaa":1}"#), Err(Reason::NameTooLong { max: 2 }));
    assert_eq!(submitted(r#"["abcde"]"#), Err(Reason::StringTooLong { max: 4 }));
    assert_eq!(submitted(r#"["abc\u00e9"]"#), Err(Reason::StringTooLong { max: 4 }));
    assert_eq!(submitted("[1.5,2.5,3.5]"), Err(Reason::TooManyDecimals { max: 2 }));
    assert_eq!(submitted("[[[]]]"), Err(Reason::TooDeep { max: 2 }));
    assert_eq!(submitted(&format!("1{}", " ".repeat(39))).map(|parsed| parsed.value), Ok(json!(1)));
    assert_eq!(submitted(&format!("1{}", " ".repeat(40))), Err(Reason::TooLarge { max: 40 }));
}

#[test]
fn long_pointers_cannot_multiply_memory() {
    let name = "n".repeat(200);
    let nested = format!("{}[1.5,1.5]{}", format!("{{\"{name}\":").repeat(6), "}".repeat(6));
    let error = parse_submitted(nested.as_bytes(), &Limits::SIGNED).unwrap_err();
    assert_eq!(error.reason, Reason::PointerTooLong { max: 1_024 });
    assert_eq!(error.pointer, None);
}

#[test]
fn a_wrong_shape_names_the_field() {
    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        n: u8,
    }
    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        list: Vec<Inner>,
    }
    let typed = |text: &str| parse_typed::<Outer>(text.as_bytes(), &Limits::SIGNED);
    assert_eq!(typed(r#"{"list":[{"n":1}]}"#).unwrap(), Outer { list: vec![Inner { n: 1 }] });
    let pointer_of = |text: &str| typed(text).unwrap_err().pointer().cloned().unwrap().as_str().to_owned();
    assert_eq!(pointer_of(r#"{"list":[{"n":1},{"n":300}]}"#), "/list/1/n");
    assert_eq!(pointer_of(r#"{"list":[{"n":1,"more":0}]}"#), "/list/0/more");
    assert_eq!(pointer_of(r#"{"list":[{"n":1}],"list":[]}"#), "/list");
    assert!(matches!(typed(r#"{"list":[],"list":[]}"#), Err(TypedJsonError::Gate(_))));
}

#[test]
fn errors_read_as_one_chain() {
    let error = parse(br#"{"a":[1,2.5]}"#, &Limits::SIGNED).unwrap_err();
    assert_eq!(error.to_string(), "refused JSON at byte 8 in /a/1");
    let source = std::error::Error::source(&error).unwrap();
    assert_eq!(source.to_string(), "number with fraction or exponent: write decimals as strings");
}

/// Any value of our profile.
pub(crate) fn any_value() -> impl Strategy<Value = Value> {
    let text = any::<String>().prop_filter("noncharacters are refused", |text| !has_noncharacter(text));
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        (-MAX_SAFE_INTEGER..=MAX_SAFE_INTEGER).prop_map(Value::from),
        text.clone().prop_map(Value::String),
    ];
    leaf.prop_recursive(5, 60, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::Array),
            prop::collection::btree_map(text.clone(), inner, 0..8)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn what_serde_writes_reads_back(value in any_value()) {
        let compact = serde_json::to_vec(&value).unwrap();
        let pretty = serde_json::to_vec_pretty(&value).unwrap();
        prop_assert_eq!(parse(&compact, &Limits::SIGNED).unwrap(), value.clone());
        prop_assert_eq!(parse(&pretty, &Limits::SIGNED).unwrap(), value);
    }

    #[test]
    fn any_bytes_give_an_answer_and_no_wider_one_than_serde_json(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(value) = parse(&bytes, &Limits::SIGNED) {
            prop_assert_eq!(serde_json::from_slice::<Value>(&bytes).unwrap(), value);
        }
    }

    #[test]
    fn near_json_gives_an_answer_and_no_wider_one_than_serde_json(text in r#"[\[\]{}",:0-9a-f\\u .eE+\-]{0,40}"#) {
        let ours = parse(text.as_bytes(), &Limits::SIGNED);
        let theirs = serde_json::from_str::<Value>(&text);
        match (ours, theirs) {
            // serde_json reads -0 as a float.
            (Ok(ours), Ok(theirs)) => prop_assert!(ours == theirs || text.contains("-0")),
            (Ok(ours), Err(error)) => prop_assert!(false, "only we read {ours}: {error}"),
            (Err(_), _) => {}
        }
    }

    #[test]
    fn a_cut_or_changed_byte_never_panics(value in any_value(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = serde_json::to_vec(&value).unwrap();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let _ = parse_submitted(&bytes, &Limits::SIGNED);
        bytes.truncate(at);
        let _ = parse_submitted(&bytes, &Limits::SIGNED);
    }
}
