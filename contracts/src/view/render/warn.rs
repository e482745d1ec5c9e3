//! What a reviewer should know about the texts of a handoff.

use std::collections::BTreeSet;

use serde_json::Value;

use super::super::Warning;
use super::super::fields::{Fields, Masks};
use crate::handoff::Counterparty;
use crate::lookalike;
use crate::pointer;
use crate::text;

/// Most warnings that are listed; the last then says that there are more.
const MAX_WARNINGS: usize = 200;

/// Most characters of a look-alike that are spelled out.
const MAX_SPELLED: usize = 16;
const LIKE_EARLIER: &str =
    "This looks like a value that was approved or passed on here before, but is written with other characters.";

#[derive(Default)]
pub(super) struct Warnings {
    found: Vec<Warning>,
    seen: BTreeSet<(String, String)>,
}

impl Warnings {
    pub(super) fn add(&mut self, code: &str, path: &str, text: &str) {
        if self.seen.insert((path.to_owned(), code.to_owned())) {
            self.found.push(Warning { code: code.to_owned(), path: path.to_owned(), text: text.to_owned() });
        }
    }

    /// A name that is held against known ones.
    pub(super) fn counterparty(&mut self, one: &Counterparty, fields: &Fields<'_>) {
        if one.imitates() {
            let mut text = match (one.like_earlier, &one.like) {
                (true, _) => LIKE_EARLIER.to_owned(),
                (false, other) => format!(
                    "This looks like the value at {}, but is written with other characters.",
                    text::visible(other.as_deref().unwrap_or_default())
                ),
            };
            let value = one.path.strip_prefix("/payload").and_then(|below| fields.payload.pointer(below));
            // A hidden value is not in the payload, so nothing of it is spelled.
            let unusual = lookalike::unusual_characters(value.and_then(Value::as_str).unwrap_or_default(), MAX_SPELLED);
            if !unusual.is_empty() {
                text.push_str(&format!(" Its characters outside of ASCII: {}.", unusual.join(", ")));
            }
            self.add("look-alike", &one.path, &text);
        }
        if one.first {
            self.add("first-seen", &one.path, "No handoff with this value was approved or passed on here before.");
        }
    }

    /// One text that is shown.
    pub(super) fn text(&mut self, words: &str, path: &str) {
        for oddity in text::oddities(words) {
            self.add(oddity.code(), path, oddity.sentence());
        }
    }

    /// Every readable text and member name of a document.
    pub(super) fn examine(&mut self, value: &Value, at: &str, masks: &Masks<'_>) {
        if masks.contains_key(at) {
            return;
        }
        match value {
            Value::String(words) => self.text(words, at),
            Value::Array(elements) => {
                for (index, element) in elements.iter().enumerate() {
                    self.examine(element, &pointer::element(at, index), masks);
                }
            }
            Value::Object(members) => {
                let readable = members.iter().filter(|(name, _)| !matches!(name.as_str(), "_sd" | "..."));
                let mut readable: Vec<(&String, &Value)> = readable.collect();
                readable.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
                for (name, member) in readable {
                    let here = pointer::member(at, name);
                    self.text(name, &here);
                    self.examine(member, &here, masks);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    pub(super) fn done(mut self) -> Vec<Warning> {
        if self.found.len() > MAX_WARNINGS {
            self.found.truncate(MAX_WARNINGS);
            let text = "There are more unusual texts than are listed here.".to_owned();
            self.found.push(Warning { code: "more".to_owned(), path: String::new(), text });
        }
        self.found
    }
}
