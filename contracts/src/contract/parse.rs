//! Reads a contract document, YAML or JSON, and knows on which line everything stands.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use serde_saphyr::granit_parser::{Event, Parser};
use serde_saphyr::options::{DuplicateKeyPolicy, MergeKeyPolicy, Options};

use super::Contract;
use crate::pointer;
use crate::strict_json::{self, Limits};

/// Most bytes of a contract document.
pub const MAX_BYTES: usize = 128 * 1024;
/// Most levels of mappings and lists.
pub const MAX_DEPTH: usize = 32;

/// Most anchors; each may be used four times on average.
pub const MAX_ANCHORS: usize = 16;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The contract cannot be published.
    Error,
    /// It can, but somebody should look.
    Warning,
}

/// One thing that is wrong with a contract, for the person who wrote it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub severity: Severity,
    /// The file; empty when the contract did not come from one.
    pub file: String,
    /// Line in the file, from 1, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// JSON Pointer into the contract, as in `/gate/tier`; empty for the whole.
    pub path: String,
    /// A short code that programs switch on, as in `condition`.
    pub code: &'static str,
    /// What is wrong.
    pub cause: String,
    /// What to write instead.
    pub mend: String,
}

impl Finding {
    /// An error at `path`.
    #[must_use]
    pub fn error(
        code: &'static str,
        path: impl Into<String>,
        cause: impl Into<String>,
        mend: impl Into<String>,
    ) -> Self {
        let (path, cause, mend) = (path.into(), cause.into(), mend.into());
        Self { severity: Severity::Error, file: String::new(), line: None, path, code, cause, mend }
    }

    /// A warning at `path`.
    #[must_use]
    pub fn warning(
        code: &'static str,
        path: impl Into<String>,
        cause: impl Into<String>,
        mend: impl Into<String>,
    ) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, path, cause, mend) }
    }

    /// The same finding with its file, and with its line as far as `lines` knows it.
    #[must_use]
    pub fn located(mut self, file: &str, lines: &Lines) -> Self {
        self.line = self.line.or_else(|| lines.of(&self.path));
        file.clone_into(&mut self.file);
        self
    }
}

impl std::fmt::Display for Finding {
    /// `FILE:LINE: error at /path: cause. Mend.`
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if !self.file.is_empty() {
            write!(f, "{}:", self.file)?;
        }
        if let Some(line) = self.line {
            write!(f, "{line}:")?;
        }
        if !self.file.is_empty() || self.line.is_some() {
            write!(f, " ")?;
        }
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        let path = if self.path.is_empty() { "the document" } else { self.path.as_str() };
        write!(f, "{severity} at {path}: {}. {}.", self.cause, self.mend)
    }
}

/// Where every part of a document stands.
#[derive(Clone, Debug, Default)]
pub struct Lines(BTreeMap<String, u64>);

impl Lines {
    /// The line of the value at `path`, or of the nearest part around it.
    #[must_use]
    pub fn of(&self, path: &str) -> Option<u64> {
        let mut path = path;
        loop {
            if let Some(line) = self.0.get(path) {
                return Some(*line);
            }
            path = path.rsplit_once('/')?.0;
        }
    }
}

/// A contract as written, before anybody has looked whether it makes sense.
#[derive(Clone, Debug)]
pub struct ParsedContract {
    pub contract: Contract,
    pub lines: Lines,
}

/// Reads a contract. A document that begins with `{` is JSON and passes the strict gate of [`strict_json`]; any other is
/// YAML 1.2, without merge keys, tags and duplicate keys; an anchor saves writing a schema twice.
///
/// # Errors
/// One [`Finding`], at the first place that cannot be read.
pub fn parse(bytes: &[u8]) -> Result<ParsedContract, Box<Finding>> {
    if bytes.len() > MAX_BYTES {
        let cause = format!("the document has {} bytes; {MAX_BYTES} are the most", bytes.len());
        return Err(Box::new(Finding::error("size", "", cause, "Split it: one contract is one kind of handoff")));
    }
    let text = std::str::from_utf8(bytes)
        .map_err(|_| Box::new(Finding::error("encoding", "", "the document is not UTF-8", "Save it as UTF-8")))?;
    let is_json = text.trim_start().starts_with('{');
    let value = if is_json { parse_json(text)? } else { parse_yaml(text)? };
    let lines = lines_of(text);
    let contract = strict_json::from_value(&value).map_err(|error| {
        let path = error.pointer().map(|pointer| pointer.as_str().to_owned()).unwrap_or_default();
        let cause = std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
        let mend = "Compare it with contracts/schema/contract.v1.json or docs/CONTRACTS.md";
        Box::new(Finding { line: lines.of(&path), ..Finding::error("shape", path, cause, mend) })
    })?;
    Ok(ParsedContract { contract, lines })
}

fn parse_json(text: &str) -> Result<Value, Box<Finding>> {
    let limits = Limits { max_depth: MAX_DEPTH, ..Limits::SIGNED.with_max_bytes(MAX_BYTES) };
    strict_json::parse(text.as_bytes(), &limits).map_err(|error| {
        let path = error.pointer.as_ref().map(|pointer| pointer.as_str().to_owned()).unwrap_or_default();
        let before = text.as_bytes().iter().take(error.offset).filter(|byte| **byte == b'\n').count();
        let line = u64::try_from(before).ok().map(|before| before.saturating_add(1));
        let mend = "Contracts are I-JSON: no duplicate names, decimals as strings";
        Box::new(Finding { line, ..Finding::error("json", path, error.reason.to_string(), mend) })
    })
}

fn parse_yaml(text: &str) -> Result<Value, Box<Finding>> {
    serde_saphyr::from_str_with_options(text, yaml_options()).map_err(|error| {
        let line = error.location().map(|location| location.line());
        let message = error.without_snippet().render();
        let cause = message.lines().next().unwrap_or("the document is not YAML").trim_end_matches('.').to_owned();
        let mend = "Contracts are plain YAML: two spaces a level, each key once, no merge keys and no tags; quote what \
                    holds a colon, a brace or a number that is meant as text";
        Box::new(Finding { line, ..Finding::error("yaml", "", cause, mend) })
    })
}

fn yaml_options() -> Options {
    let budget = serde_saphyr::budget! {
        max_depth: MAX_DEPTH,
        flow_nesting_limit: MAX_DEPTH,
        max_events: 40_000,
        max_nodes: 20_000,
        max_total_scalar_bytes: MAX_BYTES,
        max_documents: 1,
        max_anchors: MAX_ANCHORS,
        max_aliases: 4 * MAX_ANCHORS,
        max_recorded_anchor_events: 2_000,
        max_merge_keys: 0,
    };
    serde_saphyr::options! {
        budget: budget,
        duplicate_keys: DuplicateKeyPolicy::Error,
        merge_keys: MergeKeyPolicy::Error,
        strict_booleans: true,
        reject_unsupported_tags: true,
        underscored_numbers_as_strings: true,
        leading_zero_numbers_as_strings: true,
    }
}

/// What the next event of the document is.
enum Open {
    /// In a mapping, before a key.
    Key { base: String },
    /// In a mapping, before the value of a key.
    Value { base: String, path: String },
    /// In a list, before the element at `next`.
    Item { base: String, next: usize },
}

/// Where every key and list element of a YAML (or JSON) document stands. Best effort: stops at the first fault.
fn lines_of(text: &str) -> Lines {
    let mut lines = BTreeMap::new();
    let mut open: Vec<Open> = Vec::new();
    for event in Parser::new_from_str(text) {
        let Ok((event, span)) = event else { break };
        let line = u64::try_from(span.start.line()).unwrap_or(u64::MAX);
        match event {
            Event::Scalar(text, ..) => {
                if let Some(Open::Key { base }) = open.last_mut() {
                    let path = pointer::member(base, &text);
                    lines.entry(path.clone()).or_insert(line);
                    let base = std::mem::take(base);
                    open.pop();
                    open.push(Open::Value { base, path });
                } else {
                    begin(&mut open, &mut lines, line);
                }
            }
            Event::Alias(_) => {
                begin(&mut open, &mut lines, line);
            }
            Event::MappingStart(..) => {
                let base = begin(&mut open, &mut lines, line);
                open.push(Open::Key { base });
            }
            Event::SequenceStart(..) => {
                let base = begin(&mut open, &mut lines, line);
                open.push(Open::Item { base, next: 0 });
            }
            Event::MappingEnd | Event::SequenceEnd => {
                open.pop();
            }
            _ => {}
        }
    }
    Lines(lines)
}

/// A value begins: its path, with the surrounding container moved on to what comes next.
fn begin(open: &mut Vec<Open>, lines: &mut BTreeMap<String, u64>, line: u64) -> String {
    let path = match open.pop() {
        None => String::new(),
        Some(Open::Item { base, next }) => {
            let path = pointer::element(&base, next);
            open.push(Open::Item { base, next: next.saturating_add(1) });
            path
        }
        Some(Open::Value { base, path }) => {
            open.push(Open::Key { base });
            path
        }
        // A key that is no scalar: the parser above has refused it already.
        Some(Open::Key { base }) => {
            open.push(Open::Key { base: base.clone() });
            base
        }
    };
    lines.entry(path.clone()).or_insert(line);
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_point_to_keys_and_elements() {
        let lines = lines_of("a: 1\nb:\n  - x\n  - c: 2\n    d: { e: 3,\n      f: 4 }\n");
        let of = |path: &str| lines.of(path);
        assert_eq!(
            [of("/a"), of("/b"), of("/b/0"), of("/b/1/c"), of("/b/1/d/e"), of("/b/1/d/f")],
            [Some(1), Some(2), Some(3), Some(4), Some(5), Some(6)]
        );
        assert_eq!(of("/b/1/d/unknown/deeper"), Some(5), "the nearest part around it");
    }

    /// Anchors of anchors: ten levels, each ten times the one before.
    fn laughs() -> String {
        let level = |n: usize| format!("a{n}: &a{n} [{}]\n", vec![format!("*a{}", n - 1); 10].join(", "));
        std::iter::once("a0: &a0 [x]\n".to_owned()).chain((1..10).map(level)).collect()
    }

    #[test]
    fn an_anchor_saves_writing_a_schema_twice() {
        let text = "a: &x { b: 1,\n  c: 2 }\nd:\n  e: *x\nf: 3\n";
        let lines = lines_of(text);
        assert_eq!([lines.of("/a/c"), lines.of("/d/e/c"), lines.of("/f")], [Some(2), Some(4), Some(5)]);
        let value: Value = parse_yaml(text).unwrap();
        assert_eq!(value.pointer("/d/e/c"), Some(&Value::from(2)));
    }

    #[test]
    fn yaml_that_could_be_read_in_two_ways_is_refused() {
        let deep = format!("a: {}1{}", "[".repeat(MAX_DEPTH + 4), "]".repeat(MAX_DEPTH + 4));
        let billion = laughs();
        let cases: [(&str, Option<u64>); 7] = [
            ("name: a\nname: b\n", Some(2)),
            ("a: 1\nb: *x\n", None),
            (&billion, None),
            ("a: { <<: { b: 1 } }\n", None),
            ("a: !secret 1\n", None),
            (&deep, None),
            ("a: [1,\n", None),
        ];
        for (text, line) in cases {
            let finding = parse(text.as_bytes()).unwrap_err();
            assert_eq!(finding.code, "yaml", "{text}: {finding}");
            if line.is_some() {
                assert_eq!(finding.line, line, "{text}: {finding}");
            }
        }
    }

    #[test]
    fn json_passes_the_strict_gate() {
        let finding = parse(b"{\n \"name\": \"a\",\n \"name\": \"b\"}").unwrap_err();
        assert_eq!((finding.code, finding.line), ("json", Some(3)));
    }

    #[test]
    fn an_unknown_key_is_named_with_its_line() {
        let finding = parse(b"seamark: contract/v1\nname: a\nowner:\n  modle: downstream\n").unwrap_err();
        assert_eq!(
            (finding.code, finding.path.as_str(), finding.line),
            ("shape", "/owner/modle", Some(4)),
            "{finding}"
        );
        assert!(finding.cause.contains("modle"), "{finding}");
    }

    #[test]
    fn what_is_too_large_is_not_read() {
        assert_eq!(parse(&vec![b' '; MAX_BYTES + 1]).unwrap_err().code, "size");
        assert_eq!(parse(b"\xff\xfe").unwrap_err().code, "encoding");
    }
}
