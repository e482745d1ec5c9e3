//! Good inputs, out of the vectors and samples that the project ships.

use std::sync::OnceLock;

use seamark_contracts::api::ledger::Trust;
use seamark_contracts::clock::{SeededChance, Timestamp};
use seamark_contracts::handoff::MaskKind;
use seamark_contracts::id::HandoffId;
use seamark_contracts::samples;
use seamark_contracts::strict_json::{self, Limits};
use seamark_contracts::{mask, schema::PlannedMask};
use seamark_ledger::bundle::{Bundle, FileKind, FileSet};
use seamark_ledger::checkpoint::Checkpoint;
use seamark_ledger::dsse::Envelope;
use seamark_ledger::verify::{BundleReport, Pinned, check_bundle};
use serde_json::{Value, json};

const REFUND: &[u8] = include_bytes!("../../ledger/vectors/evidence/refund.seamark.zip");
const REJECTED: &[u8] = include_bytes!("../../ledger/vectors/evidence/rejected.seamark.zip");
const TRUST: &str = include_str!("../../ledger/vectors/evidence/trust.json");
const CHECKPOINTS: &str = include_str!("../../ledger/vectors/checkpoint.json");
const STRICT: &str = include_str!("../../contracts/vectors/strict-json.json");
const CANONICAL: &str = include_str!("../../contracts/vectors/canonical.json");

/// The files of the refund's bundle.
pub(crate) fn bundle() -> &'static FileSet {
    static FILES: OnceLock<FileSet> = OnceLock::new();
    FILES.get_or_init(|| FileSet::from_archive(REFUND).unwrap_or_default())
}

/// Whose bundle it is and when it was packed.
pub(crate) fn packed() -> Option<(HandoffId, Timestamp)> {
    static PACKED: OnceLock<Option<(HandoffId, Timestamp)>> = OnceLock::new();
    *PACKED.get_or_init(|| Bundle::read(bundle()).ok().map(|read| (read.handoff_id, read.created_at)))
}

/// What a verifier of the vectors pins.
pub(crate) fn pinned() -> Option<Pinned> {
    static PINNED: OnceLock<Option<Pinned>> = OnceLock::new();
    let pinned = PINNED.get_or_init(|| {
        let trust: Trust = serde_json::from_str(TRUST).ok()?;
        Pinned::from_trust(&trust, None, Timestamp::parse("2026-11-22T07:00:00.000Z").ok()?).ok()
    });
    pinned.clone()
}

/// What the untouched bundle proves.
pub(crate) fn honest() -> &'static BundleReport {
    static HONEST: OnceLock<BundleReport> = OnceLock::new();
    HONEST.get_or_init(|| match pinned() {
        Some(pinned) => check_bundle(bundle(), &pinned),
        None => BundleReport::no_bundle("the vectors are not there"),
    })
}

/// The texts that the vectors' ledger key has signed.
pub(crate) fn signed_bodies() -> &'static [String] {
    static BODIES: OnceLock<Vec<String>> = OnceLock::new();
    BODIES.get_or_init(|| {
        let notes = checkpoints();
        let heads = notes.iter().filter_map(|note| Checkpoint::parse(note).ok());
        heads.map(|note| note.unverified_value().unverified_head().to_string()).collect()
    })
}

fn files_of(archive: &[u8], pick: fn(FileKind) -> bool) -> Vec<Vec<u8>> {
    let files = FileSet::from_archive(archive).unwrap_or_default();
    let picked = files.iter().filter(|(kind, _, _)| pick(*kind));
    picked.map(|(_, _, bytes)| bytes.to_vec()).collect()
}

fn files(pick: fn(FileKind) -> bool) -> Vec<Vec<u8>> {
    [files_of(REFUND, pick), files_of(REJECTED, pick)].concat()
}

pub(crate) fn archives() -> Vec<Vec<u8>> {
    let mut small = FileSet::default();
    for (path, text) in [("README.txt", "read me"), ("log/entries/00000001.json", "{}"), ("manifest.json", "[]")] {
        let _ = small.insert(path, text.as_bytes().to_vec());
    }
    vec![FileSet::default().to_archive(), small.to_archive(), REJECTED.to_vec()]
}

pub(crate) fn bundle_files() -> Vec<Vec<u8>> {
    let numbered = bundle().iter().zip(0u8..);
    numbered.map(|((_, _, bytes), n)| [&[n], bytes].concat()).collect()
}

pub(crate) fn checkpoints() -> Vec<Vec<u8>> {
    let mut all = files(|kind| kind == FileKind::Checkpoint);
    let vectors: Value = serde_json::from_str(CHECKPOINTS).unwrap_or_default();
    let mut open = vec![vectors];
    while let Some(value) = open.pop() {
        match value {
            Value::String(text) if text.contains('\n') => all.push(text.into_bytes()),
            Value::Array(values) => open.extend(values),
            Value::Object(members) => open.extend(members.into_iter().map(|(_, value)| value)),
            _ => {}
        }
    }
    all
}

pub(crate) fn vkeys() -> Vec<Vec<u8>> {
    let trust: Value = serde_json::from_str(TRUST).unwrap_or_default();
    trust.get("ledgerVkey").and_then(Value::as_str).map(|vkey| vkey.as_bytes().to_vec()).into_iter().collect()
}

pub(crate) fn consistency() -> Vec<Vec<u8>> {
    files(|kind| kind == FileKind::Consistency)
}

pub(crate) fn entries() -> Vec<Vec<u8>> {
    files(|kind| matches!(kind, FileKind::Entry(_)))
}

pub(crate) fn envelopes() -> Vec<Vec<u8>> {
    files(|kind| kind.to_string().ends_with(".dsse.json"))
}

pub(crate) fn statements() -> Vec<Vec<u8>> {
    let envelopes = envelopes();
    let read = envelopes.iter().filter_map(|bytes| Envelope::parse(bytes).ok());
    read.map(|envelope| envelope.unverified_value().unverified_payload().to_vec()).collect()
}

pub(crate) fn views() -> Vec<Vec<u8>> {
    files(|kind| matches!(kind, FileKind::View(_)))
}

pub(crate) fn trust() -> Vec<Vec<u8>> {
    vec![TRUST.as_bytes().to_vec()]
}

pub(crate) fn contracts() -> Vec<Vec<u8>> {
    samples::ALL.iter().map(|sample| sample.contract.as_bytes().to_vec()).collect()
}

pub(crate) fn submissions() -> Vec<Vec<u8>> {
    let examples = samples::ALL.iter().flat_map(|sample| sample.examples.iter());
    examples.map(|(_, text)| text.as_bytes().to_vec()).collect()
}

/// Every document there is, small ones first.
pub(crate) fn documents() -> Vec<Vec<u8>> {
    let small: [&[u8]; 6] =
        [b"{}", b"[1,-2,true,null,\"a\\u00e9\"]", b"{\"a\":{\"b\":[{}]}}", b"1.50", b"\"\\ud83d\\ude00\"", b"-0"];
    let mut all: Vec<Vec<u8>> = small.iter().map(|bytes| bytes.to_vec()).collect();
    all.extend([STRICT, CANONICAL].map(|text| text.as_bytes().to_vec()));
    all.extend(entries().into_iter().take(2));
    all
}

pub(crate) fn schemas() -> Vec<Vec<u8>> {
    let schemas = samples::ALL.iter().filter_map(|sample| {
        let contract =
            seamark_contracts::contract::compiled::CompiledContract::from_document(sample.contract.as_bytes()).ok()?;
        let contract: Value = serde_json::from_slice(&contract.canonical).ok()?;
        let (_, example) = sample.examples.first()?;
        let example = strict_json::parse_submitted(example.as_bytes(), &Limits::SIGNED).ok()?.value;
        Some(format!("{}\n{}", contract.get("payload")?, example.get("payload")?).into_bytes())
    });
    schemas.collect()
}

pub(crate) fn disclosures() -> Vec<Vec<u8>> {
    let mut predicate = json!({
        "_sd_alg": "sha-256",
        "intent": {"text": "refund Zoë", "nonce": "AAAAAAAAAAAAAAAAAAAAAA"},
        "payload": {"card": {"number": "4111111111114242"}, "list": ["a", "b", {"c": 1}], "name": "Zoë"},
        "toolOutputs": [{"id": "t", "result": {"content": []}}],
        "masks": [],
    });
    let plan = [
        ("/payload/card/number", MaskKind::PanBin6Last4),
        ("/payload/list/1", MaskKind::Full),
        ("/payload/name", MaskKind::Last4),
    ];
    let plan = plan.map(|(path, kind)| PlannedMask { path: path.to_owned(), kind });
    let Ok((masks, disclosures)) = mask::hide(&mut predicate, &plan, &SeededChance::new(1)) else { return Vec::new() };
    if let (Some(place), Ok(masks)) = (predicate.get_mut("masks"), serde_json::to_value(&masks)) {
        *place = masks;
    }
    let lines: Vec<String> = std::iter::once(predicate.to_string()).chain(disclosures).collect();
    vec![lines.join("\n").into_bytes(), lines.first().cloned().unwrap_or_default().into_bytes()]
}

pub(crate) fn deliveries() -> Vec<Vec<u8>> {
    let Ok(read) = Bundle::read(bundle()) else { return Vec::new() };
    let views: Vec<Value> = read.views.iter().filter_map(|view| serde_json::from_str(view).ok()).collect();
    let delivery = json!({
        "format": "seamark-delivery/v1", "outcome": read.outcome, "handoff": read.handoff, "decisions": read.decisions,
        "views": views, "contract": read.contract, "directory": read.directory, "proofs": read.entries,
        "checkpoint": read.checkpoint, "disclosures": [],
    });
    vec![delivery.to_string().into_bytes()]
}

pub(crate) fn event_streams() -> Vec<Vec<u8>> {
    let texts = [
        ": hello\n\nevent: reset\nid: 9\ndata: {\"position\":\"9\"}\n\n",
        "event: review\r\nid: 1\r\ndata: {}\r\ndata: []\r\n\r\nretry: 5\n\n",
        "data\n\ndata:x\n\u{feff}id\n\n",
    ];
    texts.map(|text| text.as_bytes().to_vec()).to_vec()
}

/// Every text that stands at a member of this name in a sample contract.
fn texts_of(names: &[&str]) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    for sample in &samples::ALL {
        let contract =
            seamark_contracts::contract::compiled::CompiledContract::from_document(sample.contract.as_bytes());
        let value = contract.ok().and_then(|contract| serde_json::from_slice(&contract.canonical).ok());
        let mut open: Vec<(String, Value)> = value.into_iter().map(|value| (String::new(), value)).collect();
        while let Some((name, value)) = open.pop() {
            match value {
                Value::String(text) if names.contains(&name.as_str()) => found.push(text.into_bytes()),
                Value::Array(values) => open.extend(values.into_iter().map(|value| (name.clone(), value))),
                Value::Object(members) => open.extend(members),
                _ => {}
            }
        }
    }
    found.sort();
    found.dedup();
    found
}

pub(crate) fn templates() -> Vec<Vec<u8>> {
    texts_of(&["ask", "line", "context", "object", "approve", "reject", "escalate", "no_answer", "value", "says"])
}

pub(crate) fn conditions() -> Vec<Vec<u8>> {
    texts_of(&["when", "cel", "tier", "expr", "if"])
}

pub(crate) fn texts() -> Vec<Vec<u8>> {
    ["plain", "a\u{202e}b\u{200b}c", "Ваня and Vanya", "line\nbreak\ttab", "\u{e0041}\u{fe0f}\u{0}"]
        .map(|text| text.as_bytes().to_vec())
        .to_vec()
}

pub(crate) fn masks() -> Vec<Vec<u8>> {
    [
        "Zoë Oliveira\nplease pay zoë oliveira back",
        "4111 1111 1111 4242\ncard 4111-1111-1111-4242 ends",
        "a@b.example\nmail a@b.example, now",
        "2026-11-22\n2026-11-22T09:00:00Z",
        "12345678\n1 2 3 4 5 6 7 8",
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec()
}

pub(crate) fn words() -> Vec<Vec<u8>> {
    [
        "2026-11-22T09:00:00.000Z",
        "0199a1c2-5b7e-7c3d-9a10-2f4b6c8d0e12",
        "urn:seamark:agent:order-desk",
        "urn:seamark:user:ana",
        "-1280.50",
        "PT4H",
        "P7Y",
        "/payload/a~1b/0",
        "b1wwY2n0qkS3m5uVd8xR4eJp7cTzL9hGfA6oQyNi2Es=",
        "5e0c6d2a5e0c6d2a5e0c6d2a5e0c6d2a5e0c6d2a5e0c6d2a5e0c6d2a5e0c6d2a",
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec()
}
