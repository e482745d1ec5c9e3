//! One hidden field by itself: its place in the signed document, its disclosure, its value. Source: FORMATS.md §4, §6.4.

use std::collections::BTreeSet;

use serde_json::Value;
use thiserror::Error;

use super::{DIGESTS, MASKABLE_ROOTS, RevealError, Secrets, disclosure_digest, hidden_element, kind, open};
use crate::handoff::Mask;
use crate::pointer;

/// Why a disclosure is not the one of a masked field.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum FieldError {
    #[error("read the disclosure")]
    Disclosure(#[source] RevealError),
    #[error("the signed document has no such digest at {path}")]
    NotSigned { path: String },
    #[error("the disclosure is of another member than {path}")]
    OtherMember { path: String },
    #[error("what is shown for {path} is not the mask of this value")]
    MaskLies { path: String },
}

/// One hidden value that belongs to its signed place.
///
/// No `Debug`, no `Serialize`: it goes where its holder puts it and nowhere else.
#[expect(missing_debug_implementations, reason = "a hidden value has none, so that no log can hold it (F1)")]
pub struct OpenedField {
    /// Of the disclosure.
    pub digest: String,
    pub value: Value,
}

/// The digests that stand where the field at `path` is hidden: those of its object, decoys included, or the one of its
/// element.
#[must_use]
pub fn digests_at<'d>(predicate: &'d Value, path: &str) -> Vec<&'d str> {
    let Some((parent, step)) = pointer::split_last(path) else { return Vec::new() };
    if !MASKABLE_ROOTS.iter().any(|root| pointer::is_within(parent, root)) {
        return Vec::new();
    }
    match predicate.pointer(parent) {
        Some(Value::Object(members)) => {
            members.get(DIGESTS).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
        }
        Some(Value::Array(elements)) => {
            let element = step.parse::<usize>().ok().and_then(|index| elements.get(index));
            element.and_then(hidden_element).into_iter().collect()
        }
        _ => Vec::new(),
    }
}

/// The disclosure of the field at `path`, with its digest.
#[must_use]
pub fn find_disclosure<'d>(predicate: &Value, path: &str, disclosures: &'d [String]) -> Option<(&'d str, String)> {
    let here: BTreeSet<&str> = digests_at(predicate, path).into_iter().collect();
    disclosures.iter().find_map(|disclosure| {
        let digest = disclosure_digest(disclosure);
        let is_it = here.contains(digest.as_str()) && value_of(path, disclosure, predicate).is_ok();
        is_it.then_some((disclosure.as_str(), digest))
    })
}

/// Opens the disclosure of one masked field: its digest has to stand at the field's place in the signed document, its name
/// has to be the field's, and its mask has to be what was shown.
///
/// The mask of a `scrub` field follows from every other hidden value and cannot be recomputed from one: it is refused.
///
/// # Errors
/// [`FieldError`]
pub fn open_field(predicate: &Value, mask: &Mask, disclosure: &str) -> Result<OpenedField, FieldError> {
    let path = mask.path.as_str();
    let value = value_of(path, disclosure, predicate)?;
    let digest = disclosure_digest(disclosure);
    if !digests_at(predicate, path).contains(&digest.as_str()) {
        return Err(FieldError::NotSigned { path: path.to_owned() });
    }
    let is_alone = !matches!(mask.kind, crate::handoff::MaskKind::Scrub);
    let nothing = Secrets::of(&Value::Null, std::iter::empty());
    if !is_alone || kind::shown(mask.kind, &value, &nothing) != Ok(mask.shown.clone()) {
        return Err(FieldError::MaskLies { path: path.to_owned() });
    }
    Ok(OpenedField { digest, value })
}

/// The value in a disclosure that is of the form and of the name that the place asks for.
fn value_of(path: &str, disclosure: &str, predicate: &Value) -> Result<Value, FieldError> {
    let other = || FieldError::OtherMember { path: path.to_owned() };
    let opened = open(&[disclosure.to_owned()]).map_err(FieldError::Disclosure)?;
    let opened = opened.into_values().next().ok_or_else(other)?;
    let (parent, step) = pointer::split_last(path).ok_or_else(other)?;
    let is_it = match (predicate.pointer(parent), &opened.name) {
        (Some(Value::Object(_)), Some(name)) => *name == step,
        (Some(Value::Array(_)), None) => true,
        _ => false,
    };
    if is_it { Ok(opened.value) } else { Err(other()) }
}
