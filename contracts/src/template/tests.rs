use serde_json::json;

use super::*;

/// Fills a template from a payload; members whose name begins with `secret` are hidden.
fn filled(template: &str, payload: &Value) -> String {
    let resolve = |path: &FieldPath| match path {
        FieldPath::Payload(steps) if steps[0].starts_with("secret") => FieldText::Masked("•••".to_owned()),
        FieldPath::Payload(_) => {
            let pointer = path.pointer();
            let found = payload.pointer(pointer.strip_prefix("/payload").unwrap());
            found.map_or(FieldText::Absent, |value| FieldText::Clear(Cow::Borrowed(value)))
        }
        other => FieldText::Clear(Cow::Owned(Value::String(format!("<{other}>")))),
    };
    Template::parse(template).unwrap().render(&resolve)
}

#[test]
fn fields_are_filled_in() {
    let payload = json!({"amount": "1280.00", "currency": "EUR", "card": {"number": "1"}, "tags": ["a", "b", "c"], "one": ["x"], "none": [], "ok": true, "n": 12000});
    assert_eq!(filled("Refund {amount | money(currency)} to {secret}?", &payload), "Refund EUR 1,280.00 to •••?");
    assert_eq!(filled("{amount|money}, {amount}", &payload), "1,280.00, 1280.00");
    assert_eq!(filled("{tags} / {one | list} / {none | list} / {tags | count}", &payload), "a, b and c / x / none / 3");
    assert_eq!(
        filled("{payload.card.number} {tags.1} {ok} {n} {n | money(currency)}", &payload),
        "1 b yes 12000 EUR 12,000.00"
    );
    assert_eq!(
        filled("{source} to {destination} by {tool_outputs.look.a.0}", &payload),
        "<source> to <destination> by <tool_outputs.look.a.0>"
    );
    assert_eq!(filled("{{x}} {missing} {missing | money(currency)}", &payload), "{x} not given not given");
}

#[test]
fn dates_and_durations_are_put_into_words() {
    let payload = json!({"day": "2026-11-20", "at": "2026-11-20T16:02:59Z", "zone": "2026-11-20T23:02:59-05:00", "odd": "soon", "four": "PT4H", "mixed": "P1DT1H30M", "zero": "PT0S", "short": "PT0.5S"});
    assert_eq!(
        filled("{day | date}; {at | date}; {zone | date}; {odd | date}", &payload),
        "20 Nov 2026; 20 Nov 2026, 16:02 UTC; 21 Nov 2026, 04:02 UTC; soon"
    );
    assert_eq!(
        filled(
            "{four | duration}; {mixed | duration}; {zero | duration}; {short | duration}; {odd | duration}",
            &payload
        ),
        "4 hours; 1 day 1 hour 30 minutes; no time; PT0.5S; soon"
    );
}

#[test]
fn a_value_cannot_bring_fields_or_hidden_characters_with_it() {
    let payload = json!({"a": "{secret} \u{202e}x\ny"});
    assert_eq!(filled("{a}", &payload), "{secret} [U+202E]x[U+000A]y");
}

#[test]
fn a_mask_wins_over_every_formatter() {
    let payload = json!({"amount": "5", "secret": "EUR"});
    assert_eq!(
        filled("{secret | money(amount)} {secret | count} {amount | money(secret)}", &payload),
        "••• ••• ••• 5.00"
    );
    assert_eq!(filled("{amount | money(gone)}", &payload), "5.00 (currency not given)");
}

#[test]
fn every_path_that_is_read_is_listed() {
    let template = Template::parse("{amount | money(currency)} {tool_outputs.t.x} {source}").unwrap();
    let paths: Vec<String> = template.fields().map(ToString::to_string).collect();
    assert_eq!(paths, ["amount", "currency", "tool_outputs.t.x", "source"]);
    let pointers: Vec<String> = template.fields().map(FieldPath::pointer).collect();
    assert_eq!(pointers, ["/payload/amount", "/payload/currency", "/toolOutputs/t/x", ""]);
}

#[test]
fn faults_are_placed() {
    for (bad, at) in [
        ("a {b", 2),
        ("a } b", 2),
        ("{}", 0),
        ("{a..b}", 0),
        ("x{a | shout}", 1),
        ("{a | }", 0),
        ("{a | money(}", 0),
        ("{a b}", 0),
        ("{source.version}", 0),
        ("{tool_outputs}", 0),
        ("", 0),
        ("a\nb", 1),
        ("a\u{202e}", 1),
    ] {
        assert_eq!(Template::parse(bad).map_err(|fault| fault.at), Err(at), "{bad:?}");
    }
    assert!(Template::parse(&"x".repeat(MAX_TEMPLATE_CHARS + 1)).is_err());
}
