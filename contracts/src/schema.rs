//! JSON Schema 2020-12 with masks: what a payload or a tool's output looks like, and which of its fields are sensitive.
//!
//! A schema is compiled once. Nothing is ever fetched; patterns run in linear time. The keyword `mask` says how a field is
//! hidden; a field that the schema does not describe is hidden whole. Source: docs/CONTRACTS.md, FORMATS.md §4.

use std::sync::Arc;

use jsonschema::{Draft, PatternOptions, Validator};
use serde_json::Value;

use crate::handoff::MaskKind;
use crate::money::Decimal;
use crate::pointer;
use crate::problem::Violation;

mod explain;
mod graph;

use graph::Graph;

/// Violations that one document can have before the rest is left out.
pub const MAX_VIOLATIONS: usize = 100;
/// Bytes that one compiled pattern may take.
const MAX_PATTERN_BYTES: usize = 1 << 20;

/// A compiled schema. Cheap to clone.
#[derive(Clone)]
pub struct PayloadSchema {
    validator: Arc<Validator>,
    graph: Arc<Graph>,
}

impl std::fmt::Debug for PayloadSchema {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PayloadSchema").field("graph", &self.graph).finish_non_exhaustive()
    }
}

/// Why a schema cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaFault {
    /// JSON Pointer into the schema.
    pub pointer: String,
    /// What is wrong and what would be right.
    pub message: String,
}

/// A place to hide, and how.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PlannedMask {
    /// JSON Pointer, beginning with the base that was given.
    pub path: String,
    pub kind: MaskKind,
}

/// What a schema says about one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldKind {
    /// How it is hidden, by itself or with a field around it; absent when it is shown.
    pub mask: Option<MaskKind>,
    /// Whether every document has it.
    pub is_required: bool,
    pub shape: Shape,
}

/// What kind of value a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    String,
    /// A string with `format: decimal`.
    Decimal,
    /// A string with `format: date` or `date-time`.
    Date,
    /// A string with `format: duration`.
    Duration,
    Integer,
    Boolean,
    Array,
    Object,
    /// Anything else, or several of these.
    Any,
}

/// What a validator finds wrong with `value`, in words, each with its pointer under `base_pointer`. At most
/// [`MAX_VIOLATIONS`].
pub(crate) fn explain_all(validator: &Validator, value: &Value, base_pointer: &str) -> Vec<Violation> {
    let errors = validator.iter_errors(value);
    let mut violations: Vec<Violation> =
        errors.flat_map(|error| explain::violations(&error, base_pointer)).take(MAX_VIOLATIONS).collect();
    violations.dedup();
    violations
}

impl PayloadSchema {
    /// Compiles a schema.
    ///
    /// # Errors
    /// All faults found: an unknown keyword or format, a reference out of the document, a pattern that has no linear
    /// automaton, `type: number` (fractions travel as text with `format: decimal`), a mask where it can have no effect.
    pub fn compile(schema: &Value) -> Result<Self, Vec<SchemaFault>> {
        let mut faults = Vec::new();
        let graph = Graph::build(schema, &mut faults);
        if !faults.is_empty() {
            return Err(faults);
        }
        let validator = jsonschema::options()
            .with_draft(Draft::Draft202012)
            .with_pattern_options(
                PatternOptions::regex().size_limit(MAX_PATTERN_BYTES).dfa_size_limit(MAX_PATTERN_BYTES),
            )
            .should_validate_formats(true)
            .should_ignore_unknown_formats(false)
            .with_format("decimal", |text: &str| Decimal::parse(text).is_ok())
            .offline()
            .build(schema)
            .map_err(|error| vec![explain::fault(&error)])?;
        Ok(Self { validator: Arc::new(validator), graph: Arc::new(graph) })
    }

    /// What is wrong with `value`, each with its pointer under `base_pointer`; empty when it fits. At most
    /// [`MAX_VIOLATIONS`]. No message holds a value of the document.
    ///
    /// A missing member and an unexpected one are pointed at themselves, not at the object that lacks or has them.
    #[must_use]
    pub fn validate(&self, value: &Value, base_pointer: &str) -> Vec<Violation> {
        if self.validator.is_valid(value) { Vec::new() } else { explain_all(&self.validator, value, base_pointer) }
    }

    /// Which places of `value` are hidden, sorted by path; no place lies within another.
    ///
    /// Where several subschemas describe one field (`allOf`, `oneOf`, `if`, references) all their masks count, whether or
    /// not they match: `clear` gives way, two different other kinds become `full`. What no subschema describes is `full`.
    #[must_use]
    pub fn masks_for(&self, value: &Value, base: &str) -> Vec<PlannedMask> {
        let mut planned = Vec::new();
        self.graph.plan(value, self.graph.root(), &mut base.to_owned(), &mut planned);
        planned.sort_unstable();
        planned
    }

    /// What the schema says about the field at `path`, member names or positions from the root; nothing when it does not
    /// describe such a field.
    #[must_use]
    pub fn knows(&self, path: &[&str]) -> Option<FieldKind> {
        self.graph.knows(path)
    }

    /// Whether some subschema spells this member name. Such names are public with the contract.
    #[must_use]
    pub fn names(&self, member: &str) -> bool {
        self.graph.names(member)
    }

    /// Whether the root describes any member.
    #[must_use]
    pub fn describes_members(&self) -> bool {
        self.graph.describes_members()
    }
}

/// `base` and a pointer below it.
fn join(base: &str, below: &str) -> String {
    format!("{base}{below}")
}

/// `base`, a pointer below it, and a member there.
fn join_member(base: &str, below: &str, member: &str) -> String {
    pointer::member(&join(base, below), member)
}

#[cfg(test)]
mod tests;
