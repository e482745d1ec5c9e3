//! Bounds of a submission, and how its JSON Schema tells them. `admission` checks the same constants.
//!
//! Steps, constraints and evaluations stand in statements and views too, where made-visible characters lengthen a text; so
//! their bounds belong to the submission and not to the types.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Value, json};

use super::{Constraint, Evaluation, OpenStep, Step};
use crate::text::{MAX_ID_CHARS, MAX_PARAGRAPH_CHARS, MAX_TITLE_CHARS};

/// Steps of the four lists of the task state together.
pub const MAX_STEPS: usize = 200;
pub const MAX_CONSTRAINTS: usize = 100;
pub const MAX_TOOL_OUTPUTS: usize = 100;
/// Parts of one tool's answer.
pub const MAX_CONTENT_PARTS: usize = 50;
pub const MAX_EVALUATIONS: usize = 50;
pub const MAX_ARTIFACTS: usize = 10;
pub const MAX_FILE_NAME_CHARS: usize = 120;
/// Characters of the source's own name of its run.
pub const MAX_RUN_CHARS: usize = 200;

/// The decimal of FORMATS.md §2.
const DECIMAL: &str = r"^-?(0|[1-9][0-9]*)(\.[0-9]+)?$";

/// The schema of `T` with more keywords for some of its members.
fn with_bounds<T: JsonSchema>(generator: &mut SchemaGenerator, bounds: &[(&str, Value)]) -> Value {
    let mut schema = T::json_schema(generator).to_value();
    for (name, keywords) in bounds {
        let member = schema.pointer_mut(&format!("/properties/{name}")).and_then(Value::as_object_mut);
        if let (Some(member), Some(keywords)) = (member, keywords.as_object()) {
            member.extend(keywords.clone());
        }
    }
    schema
}

fn chars(max: usize) -> Value {
    json!({ "minLength": 1, "maxLength": max })
}

fn list(items: Value, max_items: usize) -> Schema {
    schemars::json_schema!({ "type": "array", "maxItems": max_items, "items": items })
}

/// `constraints` of a submission.
pub(super) fn constraints(generator: &mut SchemaGenerator) -> Schema {
    let bounds = [("id", chars(MAX_ID_CHARS)), ("text", chars(MAX_PARAGRAPH_CHARS))];
    list(with_bounds::<Constraint>(generator, &bounds), MAX_CONSTRAINTS)
}

/// `evaluations` of a submission.
pub(super) fn evaluations(generator: &mut SchemaGenerator) -> Schema {
    let bounds = [
        ("step", chars(MAX_ID_CHARS)),
        ("evaluator", chars(MAX_ID_CHARS)),
        ("version", chars(MAX_ID_CHARS)),
        ("score", json!({ "pattern": DECIMAL, "maxLength": crate::money::MAX_DECIMAL_CHARS })),
        ("detail", chars(MAX_PARAGRAPH_CHARS)),
    ];
    list(with_bounds::<Evaluation>(generator, &bounds), MAX_EVALUATIONS)
}

/// `taskState` of a submission.
pub(super) fn task_state(generator: &mut SchemaGenerator) -> Schema {
    let step = [("id", chars(MAX_ID_CHARS)), ("title", chars(MAX_TITLE_CHARS))];
    let [id, title] = step.clone();
    let done = list(with_bounds::<Step>(generator, &step), MAX_STEPS).to_value();
    let open_step = with_bounds::<OpenStep>(generator, &[id, title, ("reason", chars(MAX_PARAGRAPH_CHARS))]);
    let left = list(open_step, MAX_STEPS).to_value();
    schemars::json_schema!({
        "type": "object",
        "description": "Where the task stands. Every list is present, `[]` when empty; at most 200 steps in all.",
        "additionalProperties": false,
        "required": ["completed", "inProgress", "skipped", "deferred"],
        "properties": { "completed": done, "inProgress": done, "skipped": left, "deferred": left },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    /// What the schema refuses is what admission refuses.
    #[test]
    fn a_text_that_is_too_long_breaks_the_schema() {
        let schema: Value = serde_json::from_str(&crate::contract::generated::submission_schema()).unwrap();
        let validator = jsonschema::validator_for(&schema).unwrap();
        let sample = samples::find("refund.issue").unwrap();
        let (_, text) = sample.examples.iter().find(|(file, _)| *file == "examples/returned-goods.json").unwrap();
        let good: Value = serde_json::from_str(text).unwrap();
        assert!(validator.is_valid(&good));
        let long = |n: usize| json!("x".repeat(n));
        for (pointer, bad) in [
            ("/correlationId", long(MAX_ID_CHARS + 1)),
            ("/intent/text", long(crate::text::MAX_TEXT_CHARS + 1)),
            ("/constraints/0/text", long(MAX_PARAGRAPH_CHARS + 1)),
            ("/constraints/0/id", json!("")),
            ("/taskState/completed/0/title", long(MAX_TITLE_CHARS + 1)),
            ("/toolOutputs/0/id", json!("Not An Id")),
            ("/payload", json!([])),
        ] {
            let mut changed = good.clone();
            *changed.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer}")) = bad;
            assert!(!validator.is_valid(&changed), "{pointer}");
        }
    }
}
