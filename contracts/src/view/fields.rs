//! What the fields of a template hold for a reader: values as signed, masks where they are hidden.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::Value;

use super::tree;
use crate::handoff::Mask;
use crate::id::AgentUrn;
use crate::mask::HIDDEN;
use crate::pointer;
use crate::template::{FieldPath, FieldText};

/// The masks of a handoff by their path.
pub(crate) type Masks<'a> = BTreeMap<&'a str, &'a Mask>;

/// The masks by path.
pub(crate) fn by_path(masks: &[Mask]) -> Masks<'_> {
    masks.iter().map(|mask| (mask.path.as_str(), mask)).collect()
}

/// What is shown for a hidden place; a `clear` one without its disclosure is hidden like any other.
pub(crate) fn shown(mask: &Mask) -> &str {
    mask.shown.as_deref().unwrap_or(HIDDEN)
}

/// An agent with its version, as in `order-desk 2.3.1`; without `*`, which is no version.
pub(crate) fn agent_label(agent: &AgentUrn, version: &str) -> String {
    if version == "*" { agent.name().to_owned() } else { format!("{} {}", agent.name(), version) }
}

/// The maskable parts of a handoff as signed, with its masks.
pub(crate) struct Fields<'a> {
    pub(crate) payload: &'a Value,
    pub(crate) tool_outputs: &'a Value,
    pub(crate) masks: Masks<'a>,
    /// As in `order-desk 2.3.1`.
    pub(crate) source: String,
    /// As in `refund-executor 3.0.1`.
    pub(crate) destination: String,
}

impl<'a> Fields<'a> {
    /// What the field holds, as far as it may be read.
    pub(crate) fn resolve(&self, path: &FieldPath) -> FieldText<'a> {
        let words = |text: &str| FieldText::Clear(Cow::Owned(Value::String(text.to_owned())));
        match path {
            FieldPath::Source => words(&self.source),
            FieldPath::Destination => words(&self.destination),
            FieldPath::Payload(steps) => self.walk(Some(self.payload), "/payload".to_owned(), steps),
            FieldPath::ToolOutput { id, steps } => self.tool_output(id, steps),
        }
    }

    fn tool_output(&self, id: &str, steps: &[String]) -> FieldText<'a> {
        let outputs = self.tool_outputs.as_array().map_or(&[][..], Vec::as_slice);
        let found = outputs.iter().enumerate().find(|(_, output)| output.get("id").is_some_and(|found| found == id));
        let Some((index, output)) = found else { return FieldText::Absent };
        let at = pointer::element("/toolOutputs", index);
        // The answer of a tool that failed is no fact.
        if output.pointer("/result/isError").is_some_and(|is_error| is_error == true) {
            return FieldText::Absent;
        }
        let path: Vec<String> =
            ["result".to_owned(), "structuredContent".to_owned()].into_iter().chain(steps.iter().cloned()).collect();
        self.walk(Some(output), at, &path)
    }

    fn walk(&self, mut value: Option<&'a Value>, mut at: String, steps: &[String]) -> FieldText<'a> {
        for step in steps {
            if let Some(mask) = self.masks.get(at.as_str()) {
                return FieldText::Masked(shown(mask).to_owned());
            }
            value = match value {
                Some(Value::Object(members)) => members.get(step),
                Some(Value::Array(elements)) => step.parse::<usize>().ok().and_then(|index| elements.get(index)),
                _ => None,
            };
            pointer::push_member(&mut at, step);
        }
        match (self.masks.get(at.as_str()), value) {
            (Some(mask), _) => FieldText::Masked(shown(mask).to_owned()),
            (None, None) => FieldText::Absent,
            (None, Some(value @ (Value::Array(_) | Value::Object(_)))) => {
                FieldText::Clear(Cow::Owned(tree::with_masks_shown(value, &at, &self.masks)))
            }
            (None, Some(value)) => FieldText::Clear(Cow::Borrowed(value)),
        }
    }
}
