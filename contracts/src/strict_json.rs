//! The gate that outside JSON passes before any other code sees it.
//!
//! Two parsers that disagree about one document are an attack, so whatever could be read in two ways is refused: duplicate
//! names, lone surrogates, numbers that a double cannot hold, a byte order mark. What is left is I-JSON (RFC 7493) without
//! floating point numbers, within bounds. Source: FORMATS.md §2, invariant A6.

use std::fmt;

use serde::de::DeserializeOwned;
use serde_json::Value;
use thiserror::Error;

mod number;
mod parser;
mod pointer;
mod scan;

pub use pointer::{Pointer, PointerError};
pub(crate) use scan::has_noncharacter;

/// The largest integer that every JSON implementation reads exactly, 2^53 - 1. Source: RFC 7493 §2.2.
pub const MAX_SAFE_INTEGER: i64 = 9_007_199_254_740_991;

/// How large a document may be. Each bound is inclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the whole document.
    pub max_bytes: usize,
    /// Objects and arrays around a value, itself included.
    pub max_depth: usize,
    /// Members of one object.
    pub max_members: usize,
    /// Elements of one array.
    pub max_items: usize,
    /// UTF-8 bytes of one member name, after unescaping.
    pub max_name_bytes: usize,
    /// UTF-8 bytes of one string, after unescaping.
    pub max_string_bytes: usize,
    /// Fractional numbers that [`parse_submitted`] turns into text.
    pub max_decimals: usize,
}

impl Limits {
    /// What may be signed, hashed or put in the ledger: 256 KiB, 64 levels.
    pub const SIGNED: Self = Self {
        max_bytes: 256 * 1024,
        max_depth: 64,
        max_members: 4_096,
        max_items: 16_384,
        max_name_bytes: 256,
        max_string_bytes: 128 * 1024,
        max_decimals: 4_096,
    };

    /// An envelope around such a document: its payload is one base64 string, a third longer.
    pub const ENVELOPE: Self =
        Self { max_bytes: 384 * 1024, max_depth: 4, max_string_bytes: 352 * 1024, ..Self::SIGNED };

    /// The same bounds with another size in bytes; strings may then fill the document.
    #[must_use]
    pub const fn with_max_bytes(mut self, max_bytes: usize) -> Self {
        self.max_bytes = max_bytes;
        self.max_string_bytes = max_bytes;
        self
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::SIGNED
    }
}

/// A submitted document after its fractional numbers became text.
#[derive(Clone, Debug, PartialEq)]
pub struct Parsed {
    /// The document; it holds no number but safe integers.
    pub value: Value,
    /// Where a number token with fraction or exponent became its own text, in document order.
    pub decimals: Vec<Pointer>,
}

/// Which numbers are let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Signed,
    Submitted,
}

/// What is wrong with a document.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Reason {
    #[error("document is longer than {max} bytes")]
    TooLarge { max: usize },
    #[error("document is not UTF-8")]
    NotUtf8,
    #[error("document begins with a byte order mark")]
    ByteOrderMark,
    #[error("document ends too early")]
    EndsEarly,
    #[error("document goes on after its value")]
    Trailing,
    #[error("expected {expected}")]
    Expected { expected: &'static str },
    #[error("more than {max} levels of objects and arrays")]
    TooDeep { max: usize },
    #[error("object has more than {max} members")]
    TooManyMembers { max: usize },
    #[error("array has more than {max} elements")]
    TooManyItems { max: usize },
    #[error("member name is longer than {max} bytes")]
    NameTooLong { max: usize },
    #[error("string is longer than {max} bytes")]
    StringTooLong { max: usize },
    #[error("member name stands twice in one object")]
    DuplicateName,
    #[error("control character in a string must be escaped")]
    ControlCharacter,
    #[error("unknown escape in a string")]
    BadEscape,
    #[error("lone surrogate in a string")]
    LoneSurrogate,
    #[error("string holds a code point that Unicode reserves as a noncharacter")]
    Noncharacter,
    #[error("number is not written as JSON numbers are")]
    BadNumber,
    #[error("number with fraction or exponent: write decimals as strings")]
    Fractional,
    #[error("number is longer than {max} characters")]
    NumberTooLong { max: usize },
    #[error("integer is beyond 2^53 - 1: write it as a string")]
    UnsafeInteger,
    #[error("more than {max} fractional numbers")]
    TooManyDecimals { max: usize },
    #[error("fractional number lies too deep to be pointed at: its pointer is longer than {max} bytes")]
    PointerTooLong { max: usize },
}

/// A document that the gate refuses.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub struct StrictJsonError {
    /// What is wrong.
    #[source]
    pub reason: Reason,
    /// Byte offset into the document, from 0, at or just before the fault.
    pub offset: usize,
    /// The value that is at fault; absent when it cannot be named.
    pub pointer: Option<Pointer>,
}

impl fmt::Display for StrictJsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "refused JSON at byte {}", self.offset)?;
        match &self.pointer {
            Some(pointer) if !pointer.is_root() => write!(f, " in {pointer}"),
            _ => Ok(()),
        }
    }
}

/// A document that passes the gate but has not the shape that was asked for, or one that does not pass.
#[derive(Debug, Error)]
pub enum TypedJsonError {
    #[error("refused by the JSON gate")]
    Gate(#[from] StrictJsonError),
    /// `source` says what was expected; `pointer` names the field.
    #[error("unexpected value at {pointer:?}")]
    Shape {
        /// The field at fault; the root when the whole has the wrong shape.
        pointer: Pointer,
        #[source]
        source: serde_json::Error,
    },
}

impl TypedJsonError {
    /// The field at fault, where it is known.
    #[must_use]
    pub fn pointer(&self) -> Option<&Pointer> {
        match self {
            Self::Gate(error) => error.pointer.as_ref(),
            Self::Shape { pointer, .. } => Some(pointer),
        }
    }
}

/// Reads a document that is signed, hashed or in the ledger: numbers are safe integers, everything else is refused.
///
/// `-0` reads as `0`. The value equals what any conforming I-JSON parser reads.
///
/// # Errors
/// [`StrictJsonError`] with the first [`Reason`] found, its byte offset and, where known, the JSON Pointer.
pub fn parse(bytes: &[u8], limits: &Limits) -> Result<Value, StrictJsonError> {
    parser::run(bytes, limits, Mode::Signed).map(|parsed| parsed.value)
}

/// Reads a submitted document: as [`parse`], but a number with fraction or exponent becomes a string of its own text, and
/// its place is reported.
///
/// # Errors
/// As [`parse`], and [`Reason::TooManyDecimals`], [`Reason::NumberTooLong`] or [`Reason::PointerTooLong`].
pub fn parse_submitted(bytes: &[u8], limits: &Limits) -> Result<Parsed, StrictJsonError> {
    parser::run(bytes, limits, Mode::Submitted)
}

/// Reads a document as [`parse`] does and then into `T`.
///
/// # Errors
/// [`TypedJsonError::Gate`] when the gate refuses, [`TypedJsonError::Shape`] with the field when `T` does.
pub fn parse_typed<T: DeserializeOwned>(bytes: &[u8], limits: &Limits) -> Result<T, TypedJsonError> {
    let value = parse(bytes, limits)?;
    match serde_json::from_value(value) {
        Ok(typed) => Ok(typed),
        // Reading twice keeps the path bookkeeping out of the good case, which is the hot one.
        Err(_) => from_value(&parse(bytes, limits)?),
    }
}

/// Reads a value that has passed the gate into `T`.
///
/// # Errors
/// [`TypedJsonError::Shape`] with the field at fault.
pub fn from_value<T: DeserializeOwned>(value: &Value) -> Result<T, TypedJsonError> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let pointer = pointer_of(error.path());
        TypedJsonError::Shape { pointer, source: error.into_inner() }
    })
}

/// The pointer to the deepest place that serde can name.
fn pointer_of(path: &serde_path_to_error::Path) -> Pointer {
    use serde_path_to_error::Segment;
    let mut pointer = Pointer::root();
    for segment in path {
        match segment {
            Segment::Seq { index } => pointer.push_index(*index),
            Segment::Map { key } => pointer.push_name(key),
            // A variant is chosen by a value, it is no place in the document.
            Segment::Enum { .. } => {}
            Segment::Unknown => break,
        }
    }
    pointer
}

#[cfg(test)]
pub(crate) mod tests;
