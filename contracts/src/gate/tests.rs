use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::handoff::{RuleKind, RuleResult};

fn variables() -> Variables {
    let Value::Object(members) = json!({
        "payload": {
            "amount": "120.50", "total": "120.500", "currency": "EUR", "n": 3, "flag": true, "nothing": null,
            "card": { "number": "4012888888881881" }, "list": [1, 2, 3], "names": ["a", "b"], "long": "x".repeat(4_000),
            "many": (0..2_000).collect::<Vec<_>>(), "twenty": "12345678901234567890.01"
        },
        "tool_outputs": { "order": { "total": "120.50", "items": ["A", "B"] } },
        "constraints": [{ "id": "c1", "origin": "policy", "text": "no cash" }],
        "source": { "agent": "urn:seamark:agent:desk", "version": "2.1.0" },
        "destination": { "agent": "urn:seamark:agent:exec", "version": "*" },
        "task_state": { "completed": [], "inProgress": [], "skipped": [], "deferred": [] }
    }) else {
        unreachable!()
    };
    Variables::from_members(members)
}

fn holds(source: &str) -> Result<bool, RuleFault> {
    Condition::compile(source, &RULE_VARIABLES).unwrap_or_else(|error| panic!("{source}: {error}")).holds(&variables())
}

fn fault(source: &str) -> EvaluationError {
    match holds(source) {
        Err(RuleFault::Evaluation(error)) => error,
        other => panic!("{source}: {other:?}"),
    }
}

#[test]
fn conditions_answer() {
    for source in [
        "payload.currency in ['EUR', \"USD\"]",
        "!(payload.currency in [])",
        "payload.n == 3 && payload.n + 1 > 3 && payload.n * 2 - 6 == 0 && 7 / 2 == 3 && 7 % 4 == 3 && -payload.n < 0",
        "has(payload.card.number) && !has(payload.card.expiry)",
        "payload.card.number.startsWith('4012') && payload.card.number.endsWith('1881')",
        "payload.card.number.substring(12) == '1881' && payload.card.number.substring(0, 4) == '4012'",
        "'ABC'.lowerAscii() == 'abc' && 'abc'.contains('b') && size('äöü') == 3",
        "payload.list.all(x, x > 0) && payload.list.exists(x, x == 2) && payload.list.exists_one(x, x == 3)",
        "payload.list.map(x, x * 2) == [2, 4, 6] && payload.list.filter(x, x > 1) == [2, 3]",
        "size(payload.list) == 3 && payload.list.size() == 3 && payload.list[2] == 3 && payload['n'] == 3",
        "tool_outputs.order.items[0] == 'A' && 'B' in tool_outputs.order.items && 'order' in tool_outputs",
        "constraints.exists(c, c.origin == 'policy')",
        "payload.nothing == null && payload.currency != null",
        "source.version == '2.1.0' && destination.version == '*' && task_state.skipped == []",
        "payload.flag ? true : false",
        "('@' + payload.names[0]) == '@a'",
        "'2026-11-22' < '2026-12-01'",
    ] {
        assert_eq!(holds(source), Ok(true), "{source}");
    }
}

#[test]
fn decimals_compare_exactly() {
    for source in [
        "decimal('0.1') + decimal('0.2') == decimal('0.3')",
        "decimal('0.1') + decimal('0.2') <= decimal('0.300000000000')",
        "decimal(payload.amount) == decimal(payload.total)",
        "decimal(payload.twenty) > decimal('12345678901234567890.00')",
        "decimal(payload.twenty) < decimal('12345678901234567890.02')",
        "decimal('99999999999999999999.99') - decimal('0.01') == decimal('99999999999999999999.98')",
        "decimal('-0') == decimal('0') && decimal('-1.5') < decimal('-1.49')",
        "decimal('50') * 3 == decimal('150.00') && 3 * decimal('0.1') == decimal('0.3')",
        "decimal(payload.n) == decimal('3')",
        "-decimal('2.5') < decimal('0')",
    ] {
        assert_eq!(holds(source), Ok(true), "{source}");
    }
    for text in
        ["", "-", ".5", "1.", "1e3", "+1", " 1", "1,000.00", "0x1", "١", "1.0000000000001", "1234567890123456789012345"]
    {
        let source = format!("decimal('{text}') == decimal('0')");
        assert_eq!(fault(&source), EvaluationError::Decimal(DecimalError), "{text}");
    }
    assert_eq!(
        fault("decimal('999999999999999999999999') * 9000000000000000 > decimal('0')"),
        EvaluationError::Overflow
    );
}

#[test]
fn a_decimal_is_never_compared_with_a_bare_number() {
    for source in
        ["decimal(payload.amount) > 100", "100 < decimal(payload.amount)", "decimal(payload.amount) * 2 == -3"]
    {
        assert_eq!(Condition::compile(source, &RULE_VARIABLES).err(), Some(ConditionError::BareNumber), "{source}");
    }
    assert!(matches!(fault("decimal(payload.amount) > payload.n"), EvaluationError::Types { .. }), "at run time too");
}

#[test]
fn what_is_no_part_of_the_language_does_not_compile() {
    let compile = |source: &str| Condition::compile(source, &RULE_VARIABLES).map(|_| ());
    for source in [
        "payload.amount == 1.5",
        "b'x' == b'x'",
        "3u == 3u",
        "{'a': 1} == {}",
        "payload.matches('a')",
        "now() > 0",
        "size(1, 2) == 1",
        "payload.list.sort() == []",
        "duration('1h') > duration('1m')",
        "google.Type{a: 1} == 1",
    ] {
        let error = compile(source).expect_err(source);
        let is_named = matches!(error, ConditionError::Unsupported { .. } | ConditionError::UnknownVariable { .. });
        assert!(is_named, "{source}: {error}");
    }
    for source in ["", "   ", "payload.", "payload.amount ==", "\"", "a ? b", "payload..x", "(payload", "payload)"] {
        assert!(compile(source).is_err(), "{source}");
    }
    assert!(
        matches!(compile("watch.any"), Err(ConditionError::UnknownVariable { .. })),
        "a rule does not know the others"
    );
    assert!(matches!(compile("payload.list.all(x, y)"), Err(ConditionError::UnknownVariable { .. })));
    assert!(matches!(compile("payload.list.all(x, true) && x"), Err(ConditionError::UnknownVariable { .. })));
}

#[test]
fn invariant_a6_hostile_conditions_are_bounded() {
    let compile = |source: &str| Condition::compile(source, &RULE_VARIABLES).map(|_| ());
    assert_eq!(compile(&"a".repeat(MAX_CHARACTERS + 1)), Err(ConditionError::TooLong));
    assert_eq!(compile(&format!("{}1{}", "(".repeat(200), ")".repeat(200))), Err(ConditionError::TooDeep));
    assert_eq!(compile(&format!("1{} == 1", "+1".repeat(400))), Err(ConditionError::TooDeep));
    let nested = "payload.list.all(a, payload.list.all(b, payload.list.all(c, true)))";
    assert_eq!(compile(nested), Err(ConditionError::TooDeep));
    for source in [
        format!("{}true", "!".repeat(900)),
        format!("{}1 == 1", "-".repeat(900)),
        format!("payload{}", ".a".repeat(450)),
        "true ? ".repeat(120),
        "[".repeat(900),
        "payload[".repeat(100),
    ] {
        // Whatever it says, it says it soon and without a crash.
        let _ = Condition::compile(&source, &RULE_VARIABLES).map(|condition| condition.holds(&variables()));
    }
}

#[test]
fn invariant_a6_hostile_evaluations_run_out_of_steps() {
    for source in [
        "payload.many.all(a, payload.many.all(b, true))",
        "payload.many.map(a, a) == payload.many",
        "payload.many.all(a, payload.long.contains('y') || true)",
        "payload.many.exists(a, payload.many.exists(b, a + b < 0)) || true",
        "true || payload.many.all(a, payload.many.all(b, true))",
    ] {
        match holds(source) {
            Err(RuleFault::Evaluation(EvaluationError::TooCostly)) => {}
            // The deciding side stands first and is cheap.
            Ok(true) if source.starts_with("true ||") => {}
            other => panic!("{source}: {other:?}"),
        }
    }
}

#[test]
fn values_of_different_kinds_are_an_error_and_not_silently_unequal() {
    for source in [
        "payload.n == '3'",
        "payload.n != '3'",
        "payload.currency in [1, 2]",
        "payload.currency < 3",
        "payload.card == 'x'",
        "payload.flag == 'true'",
        "payload.amount == decimal('120.50')",
        "'a' + 1 == 'a1'",
        "payload.currency ? true : false",
        "payload.currency && true",
        "!payload.n",
        "size(payload.n) == 1",
    ] {
        assert!(matches!(fault(source), EvaluationError::Types { .. } | EvaluationError::Type { .. }), "{source}");
    }
    assert_eq!(holds("payload.currency"), Err(RuleFault::Answer { kind: "a text", wanted: "true or false" }));
}

#[test]
fn what_is_not_there_is_an_error_unless_it_was_asked_for() {
    assert_eq!(fault("payload.missing == 1"), EvaluationError::NoSuchField { name: "missing".to_owned() });
    assert_eq!(fault("payload.list[9] == 1"), EvaluationError::NoSuchElement);
    assert_eq!(fault("payload.list[-1] == 1"), EvaluationError::NoSuchElement);
    assert_eq!(fault("1 / 0 == 1"), EvaluationError::DivisionByZero);
    assert_eq!(fault("9223372036854775807 + payload.n > 0"), EvaluationError::Overflow);
    assert_eq!(holds("has(payload.missing) && payload.missing == 1"), Ok(false));
    assert_eq!(holds("!has(payload.missing) || payload.missing == 1"), Ok(true));
}

fn conditions(must: &str, watch: &str, when: &str, tier: &str) -> Conditions {
    let rule = |source| Condition::compile(source, &RULE_VARIABLES).unwrap();
    let gate = |source| Condition::compile(source, &GATE_VARIABLES).unwrap();
    Conditions {
        must: vec![("m".to_owned(), rule(must))],
        watch: vec![("w".to_owned(), rule(watch))],
        when: gate(when),
        tier: gate(tier),
    }
}

#[test]
fn invariant_a4_a_broken_condition_counts_against_the_handoff() {
    let broken = "payload.missing == 1";
    for (must, watch, when, tier, rules, required, expected_tier, reasons) in [
        ("true", "true", "false", "'T1'", [RuleResult::Pass, RuleResult::Pass], false, Tier::T1, vec![]),
        (broken, "true", "false", "'T1'", [RuleResult::Error, RuleResult::Pass], false, Tier::T1, vec![]),
        ("false", "true", "false", "'T1'", [RuleResult::Fail, RuleResult::Pass], false, Tier::T1, vec![]),
        (
            "true",
            broken,
            "watch.any",
            "'T1'",
            [RuleResult::Pass, RuleResult::Error],
            true,
            Tier::T1,
            vec!["gate.when", "watch.w"],
        ),
        (
            "true",
            "false",
            "'w' in watch.failed",
            "'T2'",
            [RuleResult::Pass, RuleResult::Fail],
            true,
            Tier::T2,
            vec!["gate.when", "watch.w"],
        ),
        ("true", "true", broken, "'T1'", [RuleResult::Pass, RuleResult::Pass], true, Tier::T1, vec!["gate.broken"]),
        (
            "true",
            "true",
            "payload.currency",
            "'T1'",
            [RuleResult::Pass, RuleResult::Pass],
            true,
            Tier::T1,
            vec!["gate.broken"],
        ),
        (
            "true",
            "true",
            "true",
            broken,
            [RuleResult::Pass, RuleResult::Pass],
            true,
            Tier::T4,
            vec!["gate.when", "tier.broken"],
        ),
        (
            "true",
            "true",
            "true",
            "'T9'",
            [RuleResult::Pass, RuleResult::Pass],
            true,
            Tier::T4,
            vec!["gate.when", "tier.broken"],
        ),
        (
            "true",
            "true",
            "true",
            "payload.missing",
            [RuleResult::Pass, RuleResult::Pass],
            true,
            Tier::T4,
            vec!["gate.when", "tier.broken"],
        ),
    ] {
        let judged = conditions(must, watch, when, tier).judge(variables());
        let results: Vec<_> = judged.rules.iter().map(|rule| (rule.kind, rule.result)).collect();
        assert_eq!(results, [(RuleKind::Must, rules[0]), (RuleKind::Watch, rules[1])]);
        assert_eq!((judged.gate.required, judged.gate.tier), (required, expected_tier), "{must} {watch} {when} {tier}");
        assert_eq!(judged.gate.reasons, reasons, "{must} {watch} {when} {tier}");
    }
}

#[test]
fn a_condition_says_what_it_reads() {
    let source =
        "has(payload.card.expiry) && payload.card.number == 'x' && tool_outputs.order.items.all(i, i != 'a~b')";
    let condition = Condition::compile(source, &RULE_VARIABLES).unwrap();
    let paths: Vec<String> = condition.paths().iter().map(|path| path.join(".")).collect();
    assert_eq!(paths, ["payload.card.expiry", "payload.card.number", "tool_outputs.order.items"]);
    assert_eq!(condition.tested().concat().join("."), "payload.card.expiry");
    assert_eq!(condition.pointer(), "/payload/card/expiry");
    let tier = Condition::compile("payload.n > 1 ? 'T3' : payload.flag ? 'T2' : 'T1'", &GATE_VARIABLES).unwrap();
    assert_eq!(tier.possible_answers().map(|all| all.iter().cloned().collect::<String>()), Some("T1T2T3".to_owned()));
    let open = Condition::compile("payload.currency", &GATE_VARIABLES).unwrap();
    assert_eq!(open.possible_answers(), None);
}

// ---- against the interpreter of the cel crate ----

fn to_cel(value: &Value) -> cel::Value {
    match value {
        Value::Null => cel::Value::Null,
        Value::Bool(bool) => cel::Value::from(*bool),
        Value::Number(number) => cel::Value::from(number.as_i64().unwrap()),
        Value::String(text) => cel::Value::from(text.clone()),
        Value::Array(items) => cel::Value::from(items.iter().map(to_cel).collect::<Vec<_>>()),
        Value::Object(members) => {
            let members: std::collections::HashMap<String, cel::Value> =
                members.iter().map(|(name, value)| (name.clone(), to_cel(value))).collect();
            cel::Value::from(members)
        }
    }
}

fn cel_answer(source: &str) -> Option<bool> {
    let mut env = cel::Env::stdlib();
    env.add_extension(cel::extensions::strings).unwrap();
    let env = std::sync::Arc::new(env);
    let program = env.compile(source).ok()?;
    let mut context = cel::Context::with_env(env);
    for (name, value) in variables().0 {
        context.add_variable_from_value(name, to_cel(&value));
    }
    match program.execute(&context) {
        Ok(cel::Value::Bool(answer)) => Some(answer),
        _ => None,
    }
}

fn any_number() -> impl Strategy<Value = String> {
    prop_oneof![
        (-3i64..4).prop_map(|n| n.to_string()),
        Just("payload.n".to_owned()),
        Just("size(payload.list)".to_owned()),
        Just("payload.list[1]".to_owned()),
        Just("payload.missing".to_owned()),
        Just("size(payload.currency)".to_owned()),
    ]
    .prop_recursive(3, 12, 2, |inner| {
        (inner.clone(), prop_oneof!["[+]", "[-]", "[*]", "[/]", "[%]"], inner)
            .prop_map(|(a, op, b)| format!("({a} {op} {b})"))
    })
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("'EUR'".to_owned()),
        Just("'b'".to_owned()),
        Just("payload.currency".to_owned()),
        Just("payload.card.number".to_owned()),
        Just("payload.names[0]".to_owned()),
        Just("payload.nothing".to_owned()),
        (0u8..5, 0u8..5).prop_map(|(from, to)| format!("payload.currency.substring({from}, {to})")),
        Just("payload.currency.lowerAscii()".to_owned()),
    ]
}

fn any_truth() -> impl Strategy<Value = String> {
    let comparison = prop_oneof![Just("=="), Just("!="), Just("<"), Just("<="), Just(">"), Just(">=")];
    let leaf = prop_oneof![
        (any_number(), comparison.clone(), any_number()).prop_map(|(a, op, b)| format!("{a} {op} {b}")),
        (any_text(), comparison.clone(), any_text()).prop_map(|(a, op, b)| format!("{a} {op} {b}")),
        (any_number(), comparison, any_text()).prop_map(|(a, op, b)| format!("{a} {op} {b}")),
        (any_text(), prop_oneof![Just("contains"), Just("startsWith"), Just("endsWith")], any_text())
            .prop_map(|(a, method, b)| format!("{a}.{method}({b})")),
        any_text().prop_map(|text| format!("{text} in payload.names")),
        any_number().prop_map(|number| format!("{number} in payload.list")),
        any_number().prop_map(|number| format!("payload.list.filter(x, x > {number}) == [2, 3]")),
        any_number().prop_map(|number| format!("payload.list.map(x, x + {number}).exists(y, y == 4)")),
        Just("has(payload.missing)".to_owned()),
        Just("has(payload.card.number)".to_owned()),
        Just("payload.flag".to_owned()),
        Just("payload.nothing == null".to_owned()),
    ];
    leaf.prop_recursive(4, 24, 3, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} && {b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} || {b})")),
            inner.clone().prop_map(|a| format!("!({a})")),
            (inner.clone(), inner.clone(), inner.clone()).prop_map(|(a, b, c)| format!("({a} ? {b} : {c})")),
            inner.clone().prop_map(|a| format!("payload.list.all(x, x > 2 || {a})")),
            inner.prop_map(|a| format!("payload.list.exists(x, x > 2 && {a})")),
        ]
    })
}

proptest! {
    /// Where we answer, CEL answers the same; where CEL has no answer, we have none either.
    #[test]
    fn the_crates_own_interpreter_agrees(source in any_truth()) {
        if let Ok(condition) = Condition::compile(&source, &RULE_VARIABLES)
            && let Ok(answer) = condition.holds(&variables())
        {
            prop_assert_eq!(Some(answer), cel_answer(&source), "{}", source);
        }
    }

    #[test]
    fn no_text_makes_the_parser_fall_over(source in "[ -~]{0,60}") {
        let _ = Condition::compile(&source, &RULE_VARIABLES).map(|condition| condition.holds(&variables()));
    }

    #[test]
    fn decimals_order_as_scaled_integers(a in -10_000_000i64..10_000_000, b in -10_000_000i64..10_000_000) {
        let text = |n: i64| format!("{}{}.{:03}", if n < 0 { "-" } else { "" }, n.abs() / 1_000, n.abs() % 1_000);
        let source = format!("decimal('{}') < decimal('{}')", text(a), text(b));
        prop_assert_eq!(holds(&source), Ok(a < b));
        let sum = format!("decimal('{}') + decimal('{}') == decimal('{}')", text(a), text(b), text(a + b));
        prop_assert_eq!(holds(&sum), Ok(true));
    }
}
