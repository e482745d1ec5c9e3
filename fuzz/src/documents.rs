//! Readers of JSON and YAML documents.

use eventsource_stream::Eventsource as _;
use futures_util::{FutureExt as _, StreamExt as _};
use seamark_contracts::api::agent::Delivery;
use seamark_contracts::api::ledger::Trust;
use seamark_contracts::api::review::ReviewDocument;
use seamark_contracts::clock::Timestamp;
use seamark_contracts::contract::compiled::CompiledContract;
use seamark_contracts::schema::PayloadSchema;
use seamark_contracts::strict_json::{self, Limits};
use seamark_contracts::view::View;
use seamark_contracts::{admission, canonical, mask};
use seamark_ledger::verify::{Pinned, Verdict, check_delivery};
use serde_json::Value;

use crate::seeds;

/// What the gate lets through, another reader reads as the same value, and its canonical form reads the same again.
pub(crate) fn strict_json(bytes: &[u8]) {
    if let Ok(value) = strict_json::parse(bytes, &Limits::SIGNED) {
        let other: Result<Value, _> = serde_json::from_slice(bytes);
        // `-0` is the one token that the two read differently: as 0 here, as a float there.
        assert!(other.is_ok_and(|other| other == value || bytes.windows(2).any(|pair| pair == b"-0")));
        if let Ok(written) = canonical::to_bytes(&value) {
            assert_eq!(strict_json::parse(&written, &Limits::SIGNED), Ok(value.clone()));
            assert_eq!(canonical::bytes_of(&value).ok(), Some(written));
        }
        let submitted = strict_json::parse_submitted(bytes, &Limits::SIGNED);
        assert!(submitted.is_ok_and(|parsed| parsed.value == value && parsed.decimals.is_empty()));
    } else if let Ok(parsed) = strict_json::parse_submitted(bytes, &Limits::SIGNED) {
        assert!(!parsed.decimals.is_empty(), "refused when signed and read when submitted");
        for pointer in parsed.decimals {
            assert!(parsed.value.pointer(&pointer.to_string()).is_some_and(Value::is_string), "{pointer}");
        }
    }
}

/// A submission is refused with reasons, or read.
pub(crate) fn submission(bytes: &[u8]) {
    if let Err(violations) = admission::parse_submission(bytes) {
        assert!(!violations.is_empty(), "refused without a reason");
    }
}

/// A contract that compiles compiles again from its canonical bytes, to the same digest.
pub(crate) fn contract_document(bytes: &[u8]) {
    match CompiledContract::from_document(bytes) {
        Ok(contract) => {
            let again = CompiledContract::from_document(&contract.canonical);
            assert_eq!(again.map(|again| again.digest).ok(), Some(contract.digest));
        }
        Err(findings) => assert!(!findings.is_empty(), "refused without a finding"),
    }
}

/// A line of a schema, then a line of a value.
pub(crate) fn schema(bytes: &[u8]) {
    let mut lines = bytes.splitn(2, |byte| *byte == b'\n');
    let (first, second) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let Ok(schema) = strict_json::parse(first, &Limits::SIGNED) else { return };
    let Ok(schema) = PayloadSchema::compile(&schema) else { return };
    let Ok(value) = strict_json::parse(second, &Limits::SIGNED) else { return };
    let violations = schema.validate(&value, "/payload");
    for planned in schema.masks_for(&value, "/payload") {
        let within = planned.path.strip_prefix("/payload");
        assert!(within.is_some_and(|within| value.pointer(within).is_some()), "{} is nowhere", planned.path);
    }
    assert_eq!(schema.validate(&value, "/payload").len(), violations.len());
}

/// A line of a predicate, then lines of disclosures: what is put together holds no digest of a disclosure that was given.
pub(crate) fn disclosures(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let mut lines = text.split('\n');
    let Ok(predicate) = strict_json::parse(lines.next().unwrap_or_default().as_bytes(), &Limits::SIGNED) else {
        return;
    };
    let given: Vec<String> = lines.filter(|line| !line.is_empty()).map(str::to_owned).collect();
    let Ok(whole) = mask::reconstruct(&predicate, &given) else { return };
    for root in mask::MASKABLE_ROOTS {
        let written = whole.pointer(root).map(Value::to_string).unwrap_or_default();
        assert!(!written.contains("\"_sd\":"), "a hidden place is left open: {written}");
    }
    let masks = predicate.get("masks").and_then(|masks| serde_json::from_value::<Vec<_>>(masks.clone()).ok());
    let _ = masks.map(|masks| mask::check_masks(&predicate, &masks, &whole));
}

/// A view is of the closed schema, and is written as it was read when it was canonical.
pub(crate) fn view(bytes: &[u8]) {
    let limits = Limits::SIGNED.with_max_bytes(1024 * 1024);
    let Ok(view) = strict_json::parse_typed::<View>(bytes, &limits) else { return };
    let written = view.to_bytes();
    let again = written.ok().and_then(|written| strict_json::parse_typed::<View>(&written, &limits).ok());
    assert_eq!(again.as_ref(), Some(&view));
}

/// What is to be pinned.
pub(crate) fn trust(bytes: &[u8]) {
    let Ok(trust) = strict_json::parse_typed::<Trust>(bytes, &Limits::SIGNED) else { return };
    if let Ok(pinned) = Pinned::from_trust(&trust, None, Timestamp::from_ms(0)) {
        assert_eq!(pinned.root_key.id().to_string(), trust.root_keyid);
        assert_eq!(pinned.ledger_vkey.name(), trust.ledger_origin);
    }
}

/// Nothing that anybody makes up is a delivery that passes: nobody here has the pinned keys.
pub(crate) fn delivery(bytes: &[u8]) {
    let limits = Limits::SIGNED.with_max_bytes(16 * 1024 * 1024);
    let Ok(delivery) = strict_json::parse_typed::<Delivery>(bytes, &limits) else { return };
    let Some(pinned) = seeds::pinned() else { return };
    assert_ne!(check_delivery(&delivery, &pinned).verdict(), Verdict::Pass);
}

/// An event stream as a desk reads it, in two pieces: the same events however it is cut.
pub(crate) fn event_stream(bytes: &[u8]) {
    // A byte order mark is refused before (desk/src/client/stream.rs): at one the crate's reader panics.
    if bytes.first() == Some(&0xef) {
        return;
    }
    let read = |pieces: Vec<Vec<u8>>| {
        let pieces = pieces.into_iter().map(Ok::<_, std::convert::Infallible>);
        let events = futures_util::stream::iter(pieces).eventsource();
        events.map(|event| event.ok()).collect::<Vec<_>>().now_or_never().unwrap_or_default()
    };
    let whole = read(vec![bytes.to_vec()]);
    let (head, tail) = bytes.split_at(bytes.len() / 2);
    // A character that is cut in two is the reader's to put together.
    let cut = read(vec![head.to_vec(), tail.to_vec()]);
    if std::str::from_utf8(bytes).is_ok() {
        assert_eq!(whole, cut);
    }
    for event in whole.into_iter().flatten().filter(|event| event.event == "review") {
        let _: Result<ReviewDocument, _> = serde_json::from_str(&event.data);
    }
}
