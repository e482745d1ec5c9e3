//! Texts from fields, without logic. Source: docs/CONTRACTS.md.
//!
//! A template is plain text with fields in braces: `Refund {amount | money(currency)} to {card.number}`. A field is
//! * `amount`, `card.number`, `passengers.0.name`: a member of the payload (`payload.amount` is the same);
//! * `tool_outputs.order_lookup.items`: a member of the structured content of the tool output with that id;
//! * `source`, `destination`: an agent with its version.
//!
//! After `|` stands one of the formatters `money`, `money(CURRENCY-FIELD)`, `date`, `duration`, `count`, `list`. `{{` and
//! `}}` stand for single braces. A hidden field prints its mask and an absent one `not given`, whatever the formatter.

use std::borrow::Cow;

use serde_json::Value;
use thiserror::Error;

use crate::pointer;
use crate::text;

mod format;

/// Characters of one template.
pub const MAX_TEMPLATE_CHARS: usize = 2_000;

/// What an absent optional field prints.
pub const NOT_GIVEN: &str = "not given";

/// A parsed template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Field(Field),
}

/// One field of a template with its formatter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    pub path: FieldPath,
    pub format: Format,
}

/// Which value a field is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FieldPath {
    /// Member names or positions from the payload; at least one.
    Payload(Vec<String>),
    /// Member names or positions from the structured content of the tool output with this id; none for all of it.
    ToolOutput { id: String, steps: Vec<String> },
    /// The source agent with its version.
    Source,
    /// The destination agent with its version.
    Destination,
}

impl FieldPath {
    /// Reads a path as it stands in a template.
    ///
    /// # Errors
    /// A sentence that says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut steps = text.split('.').map(str::to_owned).collect::<Vec<_>>();
        let is_step = |step: &String| {
            !step.is_empty() && step.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
        };
        if !steps.iter().all(is_step) {
            return Err("a field is names joined by dots, each of letters, digits, _ and -".to_owned());
        }
        let root = steps.first().map_or("", String::as_str);
        match (root, steps.len()) {
            ("source", 1) => Ok(Self::Source),
            ("destination", 1) => Ok(Self::Destination),
            ("source" | "destination", _) => {
                Err(format!("{root} has no parts; for a payload member write payload.{root}"))
            }
            ("payload" | "tool_outputs", 1) => Err(format!("{root} alone is no field; name a part of it")),
            ("payload", _) => Ok(Self::Payload(steps.split_off(1))),
            ("tool_outputs", _) => {
                let rest = steps.split_off(2);
                Ok(Self::ToolOutput { id: steps.pop().unwrap_or_default(), steps: rest })
            }
            _ => Ok(Self::Payload(steps)),
        }
    }

    /// JSON Pointer as contracts write it: `/payload/amount`, `/toolOutputs/order_lookup/items`; empty for an agent.
    #[must_use]
    pub fn pointer(&self) -> String {
        let join = |base: String, steps: &[String]| steps.iter().fold(base, |at, step| pointer::member(&at, step));
        match self {
            Self::Payload(steps) => join("/payload".to_owned(), steps),
            Self::ToolOutput { id, steps } => join(pointer::member("/toolOutputs", id), steps),
            Self::Source | Self::Destination => String::new(),
        }
    }
}

/// As it stands in a template.
impl std::fmt::Display for FieldPath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Payload(steps) => f.write_str(&steps.join(".")),
            Self::ToolOutput { id, steps } if steps.is_empty() => write!(f, "tool_outputs.{id}"),
            Self::ToolOutput { id, steps } => write!(f, "tool_outputs.{id}.{}", steps.join(".")),
            Self::Source => f.write_str("source"),
            Self::Destination => f.write_str("destination"),
        }
    }
}

/// How a value is put into words. A value that does not have the form a formatter is for prints as without one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Format {
    /// Text as it is, numbers in digits, yes or no, lists as `a, b and c`.
    Plain,
    /// `EUR 1,280.00`, or `1,280.00` without a currency field.
    Money { currency: Option<FieldPath> },
    /// `20 Nov 2026`, `20 Nov 2026, 16:02 UTC`.
    Date,
    /// `1 hour 30 minutes`, from ISO 8601.
    Duration,
    /// Number of elements or members.
    Count,
    /// `a, b and c`.
    List,
}

/// What a template cannot be.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{message}")]
pub struct TemplateFault {
    /// Character of the template, from 0.
    pub at: usize,
    /// What is wrong and what would be right.
    pub message: String,
}

/// What a field holds, as far as the reader may see it.
#[derive(Clone, Debug, PartialEq)]
pub enum FieldText<'v> {
    /// Readable.
    Clear(Cow<'v, Value>),
    /// Hidden; what is shown instead.
    Masked(String),
    /// Not there.
    Absent,
}

/// A filled template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// One line; nothing in it is invisible.
    pub text: String,
    /// Whether a mask is part of it.
    pub has_mask: bool,
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// [`TemplateFault`] at the first fault: an open brace, an unknown formatter, a name that is none, hidden characters.
    pub fn parse(template: &str) -> Result<Self, TemplateFault> {
        if let Some(message) = text::length_fault(template, 1, MAX_TEMPLATE_CHARS) {
            return Err(TemplateFault { at: 0, message: format!("the template {message}") });
        }
        if let Some(at) = template.chars().position(|character| text::oddity_of(character).is_some()) {
            let message = "a template has no line breaks, control or hidden characters".to_owned();
            return Err(TemplateFault { at, message });
        }
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut characters = template.chars().enumerate().peekable();
        while let Some((at, character)) = characters.next() {
            match character {
                '{' | '}' if characters.next_if(|(_, next)| *next == character).is_some() => plain.push(character),
                '{' => {
                    let mut inside = String::new();
                    let mut is_closed = false;
                    for (_, next) in characters.by_ref() {
                        if next == '}' {
                            is_closed = true;
                            break;
                        }
                        inside.push(next);
                    }
                    if !is_closed {
                        let message = "this brace is never closed; write {{ for a brace in the text".to_owned();
                        return Err(TemplateFault { at, message });
                    }
                    if !plain.is_empty() {
                        parts.push(Part::Text(std::mem::take(&mut plain)));
                    }
                    let field = parse_field(&inside).map_err(|message| TemplateFault { at, message })?;
                    parts.push(Part::Field(field));
                }
                '}' => {
                    let message = "this brace was never opened; write }} for a brace in the text".to_owned();
                    return Err(TemplateFault { at, message });
                }
                other => plain.push(other),
            }
        }
        if !plain.is_empty() {
            parts.push(Part::Text(plain));
        }
        Ok(Self { parts })
    }

    /// The fields with their formatters, in order.
    pub fn placeholders(&self) -> impl Iterator<Item = &Field> {
        self.parts.iter().filter_map(|part| match part {
            Part::Field(field) => Some(field),
            Part::Text(_) => None,
        })
    }

    /// Every path that is read, those of currencies included, in order.
    pub fn fields(&self) -> impl Iterator<Item = &FieldPath> {
        self.placeholders().flat_map(|field| {
            let currency = match &field.format {
                Format::Money { currency } => currency.as_ref(),
                _ => None,
            };
            std::iter::once(&field.path).chain(currency)
        })
    }

    /// The text with every field filled in by `resolve`.
    pub fn render<'v>(&self, resolve: &dyn Fn(&FieldPath) -> FieldText<'v>) -> String {
        self.fill(resolve).text
    }

    /// As [`Template::render`], and whether a mask is part of the text.
    pub fn fill<'v>(&self, resolve: &dyn Fn(&FieldPath) -> FieldText<'v>) -> Rendered {
        let mut rendered = Rendered { text: String::new(), has_mask: false };
        for part in &self.parts {
            match part {
                Part::Text(plain) => rendered.text.push_str(plain),
                Part::Field(field) => {
                    let value = resolve(&field.path);
                    rendered.has_mask = rendered.has_mask || matches!(value, FieldText::Masked(_));
                    rendered.text.push_str(&format::field(&value, &field.format, resolve));
                }
            }
        }
        rendered
    }
}

fn parse_field(inside: &str) -> Result<Field, String> {
    let (path, format) = match inside.split_once('|') {
        Some((path, format)) => (path, format.trim()),
        None => (inside, ""),
    };
    let has_bar = inside.contains('|');
    let path = FieldPath::parse(path.trim())?;
    let format = match format {
        "" if !has_bar => Format::Plain,
        "money" => Format::Money { currency: None },
        "date" => Format::Date,
        "duration" => Format::Duration,
        "count" => Format::Count,
        "list" => Format::List,
        other => match other.strip_prefix("money(").and_then(|rest| rest.strip_suffix(')')) {
            Some(currency) => Format::Money { currency: Some(FieldPath::parse(currency.trim())?) },
            None => {
                return Err(format!(
                    "{other:?} is no formatter; there are money, money(FIELD), date, duration, count and list"
                ));
            }
        },
    };
    Ok(Field { path, format })
}

#[cfg(test)]
mod tests;
