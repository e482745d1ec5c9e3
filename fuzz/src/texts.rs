//! Readers of short texts: templates, conditions, masks, numbers, times and names.

use std::borrow::Cow;

use seamark_contracts::clock::Timestamp;
use seamark_contracts::contract::period;
use seamark_contracts::digest::Digest;
use seamark_contracts::gate::{Condition, GATE_VARIABLES, Variables};
use seamark_contracts::handoff::MaskKind;
use seamark_contracts::id::{AgentUrn, HandoffId, UserUrn};
use seamark_contracts::mask::{Secrets, shown};
use seamark_contracts::money::Decimal;
use seamark_contracts::strict_json::Pointer;
use seamark_contracts::template::{FieldText, Template};
use seamark_contracts::text;
use seamark_ledger::key::{KeyId, PublicKey, Signature};
use seamark_ledger::tree::Hash;
use serde_json::{Value, json};

/// A condition is refused, or evaluated to an answer or a fault, in bounded time.
pub(crate) fn condition(bytes: &[u8]) {
    let Ok(source) = std::str::from_utf8(bytes) else { return };
    let Ok(condition) = Condition::compile(source, &GATE_VARIABLES) else { return };
    let Value::Object(members) = variables() else { return };
    let variables = Variables::from_members(members);
    let again = (condition.holds(&variables), condition.text(&variables));
    // An answer is a boolean, a text, or something else; never two of them.
    assert!(again.0.is_err() || again.1.is_err(), "{source:?} answers twice");
    assert_eq!(condition.holds(&variables), again.0, "a condition is a function of its variables");
}

fn variables() -> Value {
    json!({
        "payload": {"amount": "1280.00", "count": 3, "items": [{"id": "a", "price": "7.5"}, {"id": "b"}], "text": "Zoë",
            "when": "2026-11-22T09:00:00Z", "day": "2026-11-22", "none": null, "yes": true},
        "tool_outputs": {"orders": {"total": "1280.00", "lines": [1, 2, 3]}},
        "constraints": [{"id": "c1", "text": "not above 2000"}],
        "source": {"agent": "urn:seamark:agent:a", "version": "1.0.0"},
        "destination": {"agent": "urn:seamark:agent:b", "version": "*"},
        "task_state": {"completed": [], "inProgress": []},
        "watch": {"any": true, "failed": ["w1"]},
    })
}

/// What a template prints has nothing invisible in it, whatever its fields hold.
pub(crate) fn template(bytes: &[u8]) {
    let Ok(source) = std::str::from_utf8(bytes) else { return };
    let Ok(template) = Template::parse(source) else { return };
    let values = [
        json!("1280.50"),
        json!("2026-11-22T09:00:00Z"),
        json!("PT1H30M"),
        json!(["a", 2, null]),
        json!({"a": "\u{202e}x"}),
        json!(-7),
        json!(null),
        json!("a\u{0}b\u{200b}"),
        json!(source),
    ];
    for (n, value) in values.iter().enumerate() {
        let rendered = template.fill(&|path| match (n + path.pointer().len()) % 4 {
            0 => FieldText::Absent,
            1 => FieldText::Masked("•••4242".to_owned()),
            _ => FieldText::Clear(Cow::Borrowed(value)),
        });
        assert!(!text::has_oddity(&rendered.text), "{source:?} prints {:?}", rendered.text);
    }
}

/// Visible text has nothing that cannot be seen, and making it visible again changes nothing.
pub(crate) fn visible(bytes: &[u8]) {
    let source = String::from_utf8_lossy(bytes);
    let line = text::visible(&source);
    assert!(!text::has_oddity(&line), "{line:?}");
    assert_eq!(text::visible(&line), line);
    let running = text::visible_text(&source);
    assert_eq!(text::visible_text(&running), running);
    assert!(running.chars().all(|character| matches!(character, '\n' | '\t') || text::oddity_of(character).is_none()));
    let _ = text::oddities(&source);
}

/// A mask never fails but for what is no card number, and no scrubbed text still has a long secret in it.
pub(crate) fn masks(bytes: &[u8]) {
    let source = String::from_utf8_lossy(bytes);
    let (secret, text) = source.split_once('\n').unwrap_or((&source, ""));
    let root = json!({"payload": {"secret": secret, "text": text}});
    let secrets =
        Secrets::of(&root, [("/payload/secret", MaskKind::Full), ("/payload/text", MaskKind::Scrub)].into_iter());
    let value = Value::String(text.to_owned());
    for kind in [MaskKind::Full, MaskKind::Last4, MaskKind::EmailDomain, MaskKind::DateYear, MaskKind::Scrub] {
        let shown = shown(kind, &value, &secrets);
        assert!(matches!(shown, Ok(Some(_))), "{kind:?} of {text:?}");
    }
    let _ = shown(MaskKind::PanBin6Last4, &value, &secrets);
    let scrubbed = secrets.scrub(text);
    let secret = secret.trim();
    // Below eight characters a secret may stand within a longer word.
    let is_long = secret.chars().count() >= 8 && secret.chars().any(|character| !character.is_ascii_digit());
    assert!(!is_long || secret.contains('•') || !scrubbed.contains(secret), "{secret:?} is left in {scrubbed:?}");
}

/// What is read is written the same.
pub(crate) fn words(bytes: &[u8]) {
    let Ok(word) = std::str::from_utf8(bytes) else {
        let _ = (PublicKey::parse(bytes), Signature::parse(bytes));
        return;
    };
    let same =
        |written: Option<String>| assert!(written.is_none_or(|written| written == word), "{word:?} is not read back");
    same(Timestamp::parse(word).ok().map(|time| time.to_string()));
    same(HandoffId::parse(word).ok().map(|id| id.to_string()));
    same(AgentUrn::parse(word).ok().map(|urn| urn.to_string()));
    same(UserUrn::parse(word).ok().map(|urn| urn.to_string()));
    same(Digest::parse_hex(word).ok().map(|digest| digest.to_string()));
    same(KeyId::parse(word).ok().map(|id| id.to_string()));
    same(Hash::parse(word).ok().map(|hash| hash.to_string()));
    same(Pointer::parse(word).ok().map(|pointer| pointer.to_string()));
    if let Ok(decimal) = Decimal::parse(word) {
        assert!(decimal == decimal.clone() && !decimal.format(2).is_empty());
    }
    assert!(period::deadline_ms(word).map_or(true, |ms| ms >= 0));
    let _ = (period::retention_days(word), PublicKey::parse(bytes));
}
