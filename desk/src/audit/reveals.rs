//! Who read which masked field, as a record tells it.

use std::collections::BTreeMap;

use seamark_contracts::api::audit::AuditRecord;
use seamark_contracts::digest::Digest;
use seamark_contracts::pointer;
use seamark_contracts::reveal::{CopiedBody, RevealedBody};
use seamark_contracts::text::visible_text;
use seamark_ledger::entry::{Entry, EntryType};
use seamark_ledger::key::TrustSet;

use crate::answer::RecordReveal;

/// The reveals whose bodies are those that the entries name, in ledger order. Whether they were allowed is the claim's
/// question.
pub(super) fn record_reveals(record: &AuditRecord, trust: &TrustSet) -> Vec<RecordReveal> {
    let entries = record.entries.iter().filter_map(|recorded| Entry::parse(recorded.entry.as_bytes()).ok());
    let entries: BTreeMap<u64, Entry> = entries.map(|entry| (entry.seq, entry)).collect();
    let mut reveals = Vec::new();
    for recorded in &record.bodies {
        let Some(entry) = entries.get(&recorded.seq) else { continue };
        if entry.object != Digest::of(recorded.body.as_bytes()) {
            continue;
        }
        match entry.kind {
            EntryType::DisclosureRevealed => {
                let Ok(body) = serde_json::from_str::<RevealedBody>(&recorded.body) else { continue };
                reveals.push(record_reveal(&body, entry, trust));
            }
            EntryType::DisclosureCopied => {
                let Ok(body) = serde_json::from_str::<CopiedBody>(&recorded.body) else { continue };
                let position = body.reveal.to_string();
                if let Some(reveal) = reveals.iter_mut().find(|reveal| reveal.position == position) {
                    reveal.copied_at = Some(entry.at.to_string());
                }
            }
            _ => {}
        }
    }
    reveals
}

fn record_reveal(body: &RevealedBody, entry: &Entry, trust: &TrustSet) -> RecordReveal {
    let name = trust.subject(body.person.as_str()).map(|person| person.name.clone());
    RecordReveal {
        by: name.unwrap_or_else(|| body.person.name().to_owned()),
        person_id: body.person.to_string(),
        path: body.path.clone(),
        field: field_words(&body.path),
        purpose: body.purpose.code.words().to_owned(),
        text: visible_text(&body.purpose.text),
        at: entry.at.to_string(),
        copied_at: None,
        position: entry.seq.to_string(),
    }
}

/// `/payload/customer/email` as `customer › email`.
fn field_words(path: &str) -> String {
    let steps: Vec<String> = pointer::steps(path).skip(1).filter(|step| step != "structuredContent").collect();
    visible_text(&steps.join(" \u{203a} "))
}
