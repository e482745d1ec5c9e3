use serde_json::json;

use super::*;

fn compile(schema: Value) -> PayloadSchema {
    PayloadSchema::compile(&schema).unwrap()
}

fn planned(schema: Value, value: Value) -> Vec<(String, MaskKind)> {
    compile(schema).masks_for(&value, "/payload").into_iter().map(|mask| (mask.path, mask.kind)).collect()
}

fn faults(schema: Value) -> Vec<String> {
    PayloadSchema::compile(&schema)
        .map_or_else(|faults| faults.into_iter().map(|fault| fault.pointer).collect(), |_| Vec::new())
}

fn refund() -> Value {
    json!({
        "type": "object", "additionalProperties": false, "required": ["amount", "card"],
        "properties": {
            "amount": {"type": "string", "format": "decimal"},
            "card": {
                "type": "object", "additionalProperties": false, "required": ["number"],
                "properties": {"number": {"type": "string", "mask": "pan-bin6-last4"}, "name": {"type": "string", "mask": "full"}}
            },
            "items": {"type": "array", "items": {"type": "object", "properties": {"sku": {"type": "string"}, "note": {"type": "string", "mask": "scrub"}}}}
        }
    })
}

#[test]
fn every_violation_is_listed_at_its_own_place() {
    let schema = compile(refund());
    let value = json!({"amount": "12,00", "card": {"name": 7, "extra": 1}, "more": true});
    let mut found: Vec<String> = schema.validate(&value, "/payload").into_iter().map(|one| one.pointer).collect();
    found.sort();
    assert_eq!(
        found,
        ["/payload/amount", "/payload/card/extra", "/payload/card/name", "/payload/card/number", "/payload/more"]
    );
    assert_eq!(schema.validate(&json!({"amount": "12.00", "card": {"number": "x"}}), ""), []);
}

#[test]
fn no_message_repeats_a_value() {
    let schema = compile(json!({"type": "object", "properties": {
        "a": {"type": "string", "pattern": "^x$"}, "b": {"type": "string", "maxLength": 3}, "c": {"type": "integer"},
        "d": {"enum": ["e", "f"]}, "g": {"anyOf": [{"type": "integer"}, {"type": "null"}]}, "h": {"type": "string", "format": "email"},
        "i": {"type": "integer", "minimum": 999_999}, "j": {"not": {"type": "string"}}, "k": {"contains": {"const": 1}}
    }}));
    let secret = "CANARY-4111";
    let value = json!({"a": secret, "b": secret, "c": secret, "d": secret, "g": secret, "h": secret, "i": 4111, "j": secret, "k": [secret]});
    let found = schema.validate(&value, "");
    assert_eq!(found.len(), 9);
    assert!(found.iter().all(|one| !one.message.contains("4111")), "{found:?}");
}

#[test]
fn masks_are_found_where_the_value_has_them() {
    let value = json!({"amount": "1", "card": {"number": "4111111111111111"}, "items": [{"sku": "a", "note": "n"}, {"sku": "b"}]});
    assert_eq!(
        planned(refund(), value),
        [
            ("/payload/card/number".to_owned(), MaskKind::PanBin6Last4),
            ("/payload/items/0/note".to_owned(), MaskKind::Scrub)
        ]
    );
}

#[test]
fn what_is_not_described_is_hidden_whole() {
    let schema = json!({"type": "object", "properties": {
        "known": {"type": "string"}, "loose": {"type": "object"}, "any": true, "list": {"type": "array"},
        "map": {"type": "object", "additionalProperties": {"type": "object", "properties": {"brand": {"type": "string"}}}}
    }});
    let value = json!({"known": "k", "new": {"a": 1}, "loose": {"x": "y"}, "any": 3, "list": [1],
        "map": {"card_1": {"brand": "visa", "number": "4111"}}, "empty": {}});
    let paths: Vec<String> = planned(schema, value)
        .into_iter()
        .map(|(path, kind)| {
            assert_eq!(kind, MaskKind::Full);
            path
        })
        .collect();
    assert_eq!(
        paths,
        ["/payload/empty", "/payload/list", "/payload/loose", "/payload/map/card_1/number", "/payload/new"]
    );
    assert_eq!(planned(json!({}), json!({"a": 1})), [("/payload".to_owned(), MaskKind::Full)]);
}

#[test]
fn masks_of_all_branches_count_whether_or_not_they_match() {
    let schema = json!({"type": "object", "$defs": {"secret": {"type": "string", "mask": "last4"}},
        "oneOf": [
            {"properties": {"a": {"type": "string", "mask": "full"}, "b": {"type": "string"}, "d": {"type": "string", "mask": "clear"}}, "required": ["a"]},
            {"properties": {"a": {"type": "string"}, "b": {"$ref": "#/$defs/secret"}, "c": {"type": "string", "mask": "full"}, "d": {"type": "string", "mask": "full"}}, "required": ["b"]}
        ],
        "properties": {"c": {"type": "string", "mask": "last4"}}});
    assert_eq!(
        planned(schema, json!({"a": "1", "b": "2", "c": "3", "d": "4"})),
        [
            ("/payload/a".to_owned(), MaskKind::Full),
            ("/payload/b".to_owned(), MaskKind::Last4),
            ("/payload/c".to_owned(), MaskKind::Full),
            ("/payload/d".to_owned(), MaskKind::Full)
        ]
    );
}

#[test]
fn a_schema_that_refers_to_itself_is_walked_as_deep_as_the_value() {
    let schema = json!({"$ref": "#/$defs/tree", "$defs": {"tree": {"type": "object", "properties": {
        "name": {"type": "string", "mask": "full"}, "children": {"type": "array", "items": {"$ref": "#/$defs/tree"}}}}}});
    let value = json!({"name": "a", "children": [{"name": "b", "children": [{"name": "c"}]}]});
    let paths: Vec<String> = planned(schema, value).into_iter().map(|(path, _)| path).collect();
    assert_eq!(paths, ["/payload/children/0/children/0/name", "/payload/children/0/name", "/payload/name"]);
    let circle = json!({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"allOf": [{"$ref": "#/$defs/a"}], "properties": {"x": {"type": "string"}}}}});
    let mut found = Vec::new();
    assert!(Graph::build(&circle, &mut found).names("x"));
}

#[test]
fn a_field_is_known_with_its_mask_and_shape() {
    let schema = compile(refund());
    assert_eq!(schema.knows(&["amount"]), Some(FieldKind { mask: None, is_required: true, shape: Shape::Decimal }));
    assert_eq!(
        schema.knows(&["card", "number"]),
        Some(FieldKind { mask: Some(MaskKind::PanBin6Last4), is_required: true, shape: Shape::String })
    );
    assert_eq!(schema.knows(&["card", "name"]).map(|kind| kind.is_required), Some(false));
    assert_eq!(schema.knows(&["items", "0", "sku"]).map(|kind| kind.shape), Some(Shape::String));
    assert_eq!(schema.knows(&["card", "cvv"]), None);
    assert_eq!(schema.knows(&["amount", "x"]), None);
    let maybe = compile(
        json!({"type": "object", "properties": {"a": {"type": "string"}}, "anyOf": [{"required": ["a"]}, {"maxProperties": 0}]}),
    );
    assert_eq!(maybe.knows(&["a"]).map(|kind| kind.is_required), Some(false));
}

#[test]
fn faults_of_a_schema_are_found_and_placed() {
    assert_eq!(
        faults(json!({"type": "object", "properties": {"a": {"type": "string", "mask": "first4"}}})),
        ["/properties/a/mask"]
    );
    assert_eq!(faults(json!({"properties": {"a": {"type": "integer", "mask": "last4"}}})), ["/properties/a/mask"]);
    assert_eq!(faults(json!({"properties": {"a": {"type": "string", "maks": "full"}}})), ["/properties/a/maks"]);
    assert_eq!(faults(json!({"properties": {"a": {"type": "number"}}})), ["/properties/a/type"]);
    assert_eq!(
        faults(json!({"properties": {"a": {"$ref": "https://example.com/schema.json"}}})),
        ["/properties/a/$ref"]
    );
    assert_eq!(faults(json!({"properties": {"a": {"$ref": "#/$defs/none"}}})).len(), 1);
    assert_eq!(
        faults(json!({"properties": {"a": {"not": {"type": "string", "mask": "full"}}}})),
        ["/properties/a/not/mask"]
    );
    assert_eq!(faults(json!({"properties": {"a": {"type": "string", "pattern": "(?=x)"}}})).len(), 1);
    assert_eq!(faults(json!({"properties": {"a": {"type": "string", "format": "decimals"}}})).len(), 1);
    assert_eq!(faults(json!({"properties": {"a": {"type": "strin"}}})).len(), 1);
    assert_eq!(
        faults(json!({"patternProperties": {"^x": {"type": "string", "mask": "full"}}})),
        ["/patternProperties"]
    );
    assert_eq!(faults(json!({"type": "object", "mask": "clear", "properties": {"a": {"type": "string"}}})).len(), 1);
    assert_eq!(
        faults(json!({"type": "object", "properties": {"mask": {"type": "string"}, "type": {"type": "string"}}})).len(),
        0
    );
    assert_eq!(faults(json!([])).len(), 1);
}

#[test]
fn deep_schemas_and_documents_are_bounded() {
    let mut schema = json!({"type": "string"});
    for _ in 0..80 {
        schema = json!({"type": "object", "properties": {"a": schema}});
    }
    assert!(!faults(schema).is_empty());
}

#[test]
fn a_pattern_takes_linear_time() {
    let schema = compile(json!({"type": "string", "pattern": "^(a+)+$"}));
    let value = Value::String(format!("{}b", "a".repeat(100_000)));
    assert_eq!(schema.validate(&value, "").len(), 1);
}
