//! What a reviewer should know about the texts of a handoff.

use std::collections::BTreeSet;

use serde_json::Value;

use super::super::Warning;
use super::super::fields::Masks;
use crate::pointer;
use crate::text;

/// Most warnings that are listed; the last then says that there are more.
const MAX_WARNINGS: usize = 200;

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
