//! Faults of documents and schemas in words. No message repeats a value of the document, which may be sensitive.

use jsonschema::ValidationError;
use jsonschema::error::{TypeKind, ValidationErrorKind as Kind};

use super::{SchemaFault, join, join_member};
use crate::problem::Violation;
use crate::text;

/// A schema that does not compile.
pub(super) fn fault(error: &ValidationError<'_>) -> SchemaFault {
    let instance = error.instance_path().as_str();
    let pointer = if instance.is_empty() { error.schema_path().as_str() } else { instance };
    SchemaFault { pointer: pointer.to_owned(), message: text::visible(&error.to_string()) }
}

/// One or more violations of one keyword.
pub(super) fn violations(error: &ValidationError<'_>, base: &str) -> Vec<Violation> {
    let below = error.instance_path().as_str();
    let at = |pointer: String, message: String| Violation { pointer, rule: "schema".to_owned(), message };
    match error.kind() {
        Kind::Required { property } => {
            let name = property.as_str().unwrap_or_default();
            vec![at(join_member(base, below, name), "is missing; the contract requires it".to_owned())]
        }
        Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => unexpected
            .iter()
            .map(|name| at(join_member(base, below, name), "is not described by the contract; leave it out".to_owned()))
            .collect(),
        kind => vec![at(join(base, below), message(error, kind))],
    }
}

fn message(error: &ValidationError<'_>, kind: &Kind) -> String {
    match kind {
        Kind::Type { kind: TypeKind::Single(wanted) } => format!("must be of type {wanted}"),
        Kind::Type { kind: TypeKind::Multiple(wanted) } => {
            let names: Vec<String> = wanted.iter().map(|one| one.to_string()).collect();
            format!("must be one of the types {}", names.join(", "))
        }
        Kind::Format { format } if format == "decimal" => {
            "must be a decimal written as text, as in \"1280.00\"".to_owned()
        }
        Kind::Format { format } => format!("must be written in the format {format}"),
        Kind::Pattern { pattern } => format!("must match the pattern {pattern}"),
        Kind::MinLength { limit } => format!("must have at least {limit} characters"),
        Kind::MaxLength { limit } => format!("must have at most {limit} characters"),
        Kind::MinItems { limit } => format!("must have at least {limit} elements"),
        Kind::MaxItems { limit } => format!("must have at most {limit} elements"),
        Kind::Enum { options } => format!("must be one of {options}"),
        Kind::Constant { expected_value } => format!("must be {expected_value}"),
        Kind::UniqueItems => "must not have the same element twice".to_owned(),
        Kind::AnyOf { .. } => "fits none of the shapes that the contract allows here".to_owned(),
        Kind::OneOfNotValid { .. } => "fits none of the shapes that the contract allows here".to_owned(),
        Kind::OneOfMultipleValid { .. } => "fits several shapes of which the contract allows exactly one".to_owned(),
        Kind::FalseSchema => "is not allowed here".to_owned(),
        _ => text::visible(&error.masked_with("the value").to_string()),
    }
}
