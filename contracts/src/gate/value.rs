//! The values that a condition works on: the submitted JSON, borrowed, and what is computed from it.

use std::borrow::Cow;
use std::rc::Rc;

use serde_json::Value;

use super::decimal::Decimal;

/// One value during an evaluation.
#[derive(Clone, Debug)]
pub(super) enum Val<'v> {
    Null,
    Bool(bool),
    Int(i64),
    Text(Cow<'v, str>),
    Decimal(Decimal),
    /// A list of the handoff.
    Json(&'v [Value]),
    /// A list that the condition made. Shared, so that copying it costs nothing.
    List(Rc<Vec<Val<'v>>>),
    Map(&'v serde_json::Map<String, Value>),
}

impl<'v> Val<'v> {
    /// The value as conditions see it; `None` for a number that is no 64-bit integer, which the JSON gate lets nobody send.
    pub(super) fn of(value: &'v Value) -> Option<Self> {
        Some(match value {
            Value::Null => Self::Null,
            Value::Bool(bool) => Self::Bool(*bool),
            Value::Number(number) => Self::Int(number.as_i64()?),
            Value::String(text) => Self::Text(Cow::Borrowed(text)),
            Value::Array(items) => Self::Json(items),
            Value::Object(members) => Self::Map(members),
        })
    }

    /// What kind of value it is, for messages. Never the value itself: it may be masked.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a truth value",
            Self::Int(_) => "an integer",
            Self::Text(_) => "a text",
            Self::Decimal(_) => "a decimal",
            Self::Json(_) | Self::List(_) => "a list",
            Self::Map(_) => "an object",
        }
    }

    /// Elements of a list, or `None` when it is none.
    pub(super) fn items(&self) -> Option<Vec<Self>> {
        match self {
            Self::Json(items) => items.iter().map(Self::of).collect(),
            Self::List(items) => Some(items.as_ref().clone()),
            _ => None,
        }
    }

    /// Number of characters, elements or members.
    pub(super) fn size(&self) -> Option<usize> {
        match self {
            Self::Text(text) => Some(text.chars().count()),
            Self::Json(items) => Some(items.len()),
            Self::List(items) => Some(items.len()),
            Self::Map(members) => Some(members.len()),
            _ => None,
        }
    }

    /// How much work it is to walk over the whole value, in steps.
    pub(super) fn weight(&self) -> u64 {
        match self {
            Self::Text(text) => text_weight(text.len()),
            Self::Json(items) => items.iter().map(json_weight).sum::<u64>().saturating_add(1),
            Self::List(items) => items.iter().map(Self::weight).sum::<u64>().saturating_add(1),
            Self::Map(members) => members.values().map(json_weight).sum::<u64>().saturating_add(1),
            _ => 1,
        }
    }
}

/// Steps for walking over `bytes` bytes of text.
pub(super) fn text_weight(bytes: usize) -> u64 {
    u64::try_from(bytes / 32).unwrap_or(u64::MAX).saturating_add(1)
}

fn json_weight(value: &Value) -> u64 {
    match value {
        Value::String(text) => text_weight(text.len()),
        Value::Array(items) => items.iter().map(json_weight).sum::<u64>().saturating_add(1),
        Value::Object(members) => members.values().map(json_weight).sum::<u64>().saturating_add(1),
        _ => 1,
    }
}
