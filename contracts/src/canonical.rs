//! Canonical bytes (RFC 8785) for documents of our profile. Only to produce: a verifier hashes the bytes it received.

use serde::Serialize;
use serde_json::Value;
use thiserror::Error;

use crate::digest::Digest;
use crate::strict_json::{MAX_SAFE_INTEGER, Pointer, has_noncharacter};

mod direct;

/// Deepest document that is written, in objects and arrays around a value. Source: FORMATS.md §2.
const MAX_DEPTH: usize = 64;

/// Why a value has no canonical bytes here.
#[derive(Debug, Error)]
pub enum CanonicalError {
    #[error("number at {pointer:?} is no integer: write decimals as strings")]
    Fractional { pointer: Pointer },
    #[error("integer at {pointer:?} is beyond 2^53 - 1: write it as a string")]
    UnsafeInteger { pointer: Pointer },
    #[error("string or name at {pointer:?} holds a code point that Unicode reserves as a noncharacter")]
    Noncharacter { pointer: Pointer },
    #[error("more than {max} levels of objects and arrays", max = MAX_DEPTH)]
    TooDeep,
    #[error("turn the value into JSON")]
    Serialize(#[source] serde_json::Error),
}

/// The canonical bytes of a JSON value: RFC 8785, UTF-8, no white space, names sorted by UTF-16 code units.
///
/// # Errors
/// [`CanonicalError`] when the value holds what FORMATS.md §2 refuses: a number that is no integer or is beyond
/// 2^53 - 1, a Unicode noncharacter, or more than 64 levels. Bytes that come out of here pass
/// [`crate::strict_json::parse`] as far as its size bounds allow, and read back as the same value.
pub fn to_bytes(value: &Value) -> Result<Vec<u8>, CanonicalError> {
    check_profile(value, &mut Vec::new())?;
    let mut bytes = Vec::with_capacity(1024);
    write(value, &mut bytes);
    Ok(bytes)
}

/// Writes a value that fits the profile, so its numbers are safe integers. Every admission and every signature passes
/// here several times, which is why it does not go through a serialiser.
fn write(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Number(number) => out.extend_from_slice(number.to_string().as_bytes()),
        Value::String(text) => write_text(text, out),
        Value::Array(items) => {
            out.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write(item, out);
            }
            out.push(b']');
        }
        Value::Object(members) => {
            let mut sorted: Vec<(&String, &Value)> = members.iter().collect();
            sorted.sort_unstable_by(|(first, _), (second, _)| compare_names(first, second));
            out.push(b'{');
            for (index, (name, member)) in sorted.into_iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write_text(name, out);
                out.push(b':');
                write(member, out);
            }
            out.push(b'}');
        }
    }
}

/// By UTF-16 code units, which differ from bytes only beyond the basic plane. Source: RFC 8785 §3.2.3.
fn compare_names(first: &str, second: &str) -> std::cmp::Ordering {
    if first.is_ascii() && second.is_ascii() {
        first.cmp(second)
    } else {
        first.encode_utf16().cmp(second.encode_utf16())
    }
}

/// Source: RFC 8785 §3.2.2.2.
fn write_text(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let mut rest = text.as_bytes();
    while let Some(at) = rest.iter().position(|byte| *byte < 0x20 || matches!(byte, b'"' | b'\\')) {
        let (plain, tail) = rest.split_at(at);
        out.extend_from_slice(plain);
        let Some((byte, tail)) = tail.split_first() else { break };
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            0x08 => out.extend_from_slice(b"\\b"),
            b'\t' => out.extend_from_slice(b"\\t"),
            b'\n' => out.extend_from_slice(b"\\n"),
            0x0c => out.extend_from_slice(b"\\f"),
            b'\r' => out.extend_from_slice(b"\\r"),
            control => out.extend_from_slice(format!("\\u{control:04x}").as_bytes()),
        }
        rest = tail;
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

/// The canonical bytes of anything that serialises to JSON. As [`to_bytes`].
///
/// # Errors
/// As [`to_bytes`], and [`CanonicalError::Serialize`] when `value` does not serialise.
pub fn bytes_of<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, CanonicalError> {
    match direct::bytes_of(value) {
        Some(bytes) => Ok(bytes),
        None => to_bytes(&serde_json::to_value(value).map_err(CanonicalError::Serialize)?),
    }
}

/// SHA-256 of the canonical bytes.
///
/// # Errors
/// As [`to_bytes`].
pub fn digest(value: &Value) -> Result<Digest, CanonicalError> {
    to_bytes(value).map(|bytes| Digest::of(&bytes))
}

/// SHA-256 of the canonical bytes, 64 lowercase hexadecimal digits.
///
/// # Errors
/// As [`to_bytes`].
pub fn digest_hex(value: &Value) -> Result<String, CanonicalError> {
    digest(value).map(Digest::to_hex)
}

/// One step down, kept until an error needs the whole path.
enum Step<'v> {
    Name(&'v str),
    Index(usize),
}

fn check_profile<'v>(value: &'v Value, path: &mut Vec<Step<'v>>) -> Result<(), CanonicalError> {
    match value {
        Value::Null | Value::Bool(_) => return Ok(()),
        Value::String(text) => return check_text(text, path),
        Value::Number(number) => return check_number(number, path),
        Value::Array(_) | Value::Object(_) if path.len() >= MAX_DEPTH => return Err(CanonicalError::TooDeep),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                path.push(Step::Index(index));
                check_profile(item, path)?;
                path.pop();
            }
        }
        Value::Object(members) => {
            for (name, member) in members {
                path.push(Step::Name(name));
                check_text(name, path)?;
                check_profile(member, path)?;
                path.pop();
            }
        }
    }
    Ok(())
}

fn check_number(number: &serde_json::Number, path: &[Step<'_>]) -> Result<(), CanonicalError> {
    match (number.as_i64(), number.is_f64()) {
        (Some(integer), _) if integer.unsigned_abs() <= MAX_SAFE_INTEGER.unsigned_abs() => Ok(()),
        (_, true) => Err(CanonicalError::Fractional { pointer: pointer_of(path) }),
        (_, false) => Err(CanonicalError::UnsafeInteger { pointer: pointer_of(path) }),
    }
}

fn check_text(text: &str, path: &[Step<'_>]) -> Result<(), CanonicalError> {
    if has_noncharacter(text) { Err(CanonicalError::Noncharacter { pointer: pointer_of(path) }) } else { Ok(()) }
}

fn pointer_of(path: &[Step<'_>]) -> Pointer {
    let mut pointer = Pointer::root();
    for step in path {
        match step {
            Step::Name(name) => pointer.push_name(name),
            Step::Index(index) => pointer.push_index(*index),
        }
    }
    pointer
}

#[cfg(test)]
mod tests;
