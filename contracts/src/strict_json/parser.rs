//! The parser: one loop and an explicit stack, so that depth costs memory and never the thread's stack.

use serde_json::map::{Entry, Map};
use serde_json::{Number as JsonNumber, Value};

use super::number::{self, Number};
use super::pointer::Pointer;
use super::scan::Scanner;
use super::{Limits, Mode, Parsed, Reason, StrictJsonError};

/// Longest pointer that is reported, in bytes.
const MAX_POINTER_BYTES: usize = 1_024;

/// An object or array that is not closed yet.
enum Frame {
    Object {
        members: Map<String, Value>,
        /// The member whose value is being read.
        name: Option<String>,
        /// Where that name began.
        name_at: usize,
    },
    Array(Vec<Value>),
}

/// What stands at the beginning of a value.
enum Begun {
    /// The whole value was read.
    Whole(Value),
    /// A container was opened and its first value comes next.
    Opened,
}

struct Parser<'d> {
    scanner: Scanner<'d>,
    limits: &'d Limits,
    mode: Mode,
    stack: Vec<Frame>,
    decimals: Vec<Pointer>,
}

/// Parses one whole document.
pub(super) fn run(bytes: &[u8], limits: &Limits, mode: Mode) -> Result<Parsed, StrictJsonError> {
    let text = open_text(bytes, limits)?;
    let mut parser = Parser { scanner: Scanner::new(text), limits, mode, stack: Vec::new(), decimals: Vec::new() };
    match parser.document() {
        Ok(value) => Ok(Parsed { value, decimals: parser.decimals }),
        Err(reason) => {
            let pointer = parser.pointer();
            Err(StrictJsonError { reason, offset: parser.scanner.offset(), pointer })
        }
    }
}

/// Checks what can be checked before parsing.
fn open_text<'d>(bytes: &'d [u8], limits: &Limits) -> Result<&'d str, StrictJsonError> {
    let fault = |reason, offset| StrictJsonError { reason, offset, pointer: None };
    if bytes.len() > limits.max_bytes {
        return Err(fault(Reason::TooLarge { max: limits.max_bytes }, limits.max_bytes));
    }
    if bytes.starts_with(b"\xef\xbb\xbf") {
        return Err(fault(Reason::ByteOrderMark, 0));
    }
    std::str::from_utf8(bytes).map_err(|error| fault(Reason::NotUtf8, error.valid_up_to()))
}

impl Parser<'_> {
    fn document(&mut self) -> Result<Value, Reason> {
        loop {
            self.scanner.skip_white_space();
            let Begun::Whole(mut value) = self.begin_value()? else { continue };
            // Closes as many containers as end here.
            loop {
                let Some(frame) = self.stack.last_mut() else {
                    return self.finish(value);
                };
                if let Err((at, reason)) = frame.attach(value) {
                    self.scanner = self.scanner.moved_to(at);
                    return Err(reason);
                }
                match self.after_value()? {
                    None => break,
                    Some(closed) => value = closed,
                }
            }
        }
    }

    /// Nothing but white space may follow the value.
    fn finish(&mut self, value: Value) -> Result<Value, Reason> {
        self.scanner.skip_white_space();
        if self.scanner.peek().is_none() { Ok(value) } else { Err(Reason::Trailing) }
    }

    fn begin_value(&mut self) -> Result<Begun, Reason> {
        let whole = match self.scanner.peek() {
            None => return Err(Reason::EndsEarly),
            Some(b'{') => return self.open_object(),
            Some(b'[') => return self.open_array(),
            Some(b'"') => {
                self.scanner.skip(1);
                Value::String(self.scanner.string(self.limits.max_string_bytes, |max| Reason::StringTooLong { max })?)
            }
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(b't') => self.scanner.literal("true").map(|()| Value::Bool(true))?,
            Some(b'f') => self.scanner.literal("false").map(|()| Value::Bool(false))?,
            Some(b'n') => self.scanner.literal("null").map(|()| Value::Null)?,
            Some(_) => return Err(Reason::Expected { expected: "a value" }),
        };
        Ok(Begun::Whole(whole))
    }

    fn number(&mut self) -> Result<Value, Reason> {
        let n_bytes = number::token_length(self.scanner.rest());
        let token = self.scanner.rest().get(..n_bytes).unwrap_or_default();
        match number::read(token, self.mode)? {
            Number::Integer(integer) => {
                self.scanner.skip(n_bytes);
                Ok(Value::Number(JsonNumber::from(integer)))
            }
            Number::Decimal => {
                self.note_decimal()?;
                Ok(Value::String(self.scanner.take(n_bytes).to_owned()))
            }
        }
    }

    fn note_decimal(&mut self) -> Result<(), Reason> {
        if self.decimals.len() >= self.limits.max_decimals {
            return Err(Reason::TooManyDecimals { max: self.limits.max_decimals });
        }
        let pointer = self.pointer().ok_or(Reason::PointerTooLong { max: MAX_POINTER_BYTES })?;
        self.decimals.push(pointer);
        Ok(())
    }

    fn open_object(&mut self) -> Result<Begun, Reason> {
        self.check_depth()?;
        self.scanner.skip(1);
        self.scanner.skip_white_space();
        if self.scanner.peek() == Some(b'}') {
            self.scanner.skip(1);
            return Ok(Begun::Whole(Value::Object(Map::new())));
        }
        let (name, name_at) = self.member_name()?;
        self.stack.push(Frame::Object { members: Map::new(), name: Some(name), name_at });
        Ok(Begun::Opened)
    }

    fn open_array(&mut self) -> Result<Begun, Reason> {
        self.check_depth()?;
        self.scanner.skip(1);
        self.scanner.skip_white_space();
        if self.scanner.peek() == Some(b']') {
            self.scanner.skip(1);
            return Ok(Begun::Whole(Value::Array(Vec::new())));
        }
        self.stack.push(Frame::Array(Vec::new()));
        Ok(Begun::Opened)
    }

    fn check_depth(&self) -> Result<(), Reason> {
        let max = self.limits.max_depth;
        if self.stack.len() < max { Ok(()) } else { Err(Reason::TooDeep { max }) }
    }

    /// Reads a member name and its colon; gives the name and where it began.
    fn member_name(&mut self) -> Result<(String, usize), Reason> {
        let name_at = self.scanner.offset();
        self.expect(b'"', "a member name")?;
        let name = self.scanner.string(self.limits.max_name_bytes, |max| Reason::NameTooLong { max })?;
        self.scanner.skip_white_space();
        self.expect(b':', "a colon")?;
        Ok((name, name_at))
    }

    fn expect(&mut self, byte: u8, expected: &'static str) -> Result<(), Reason> {
        match self.scanner.peek() {
            Some(found) if found == byte => {
                self.scanner.skip(1);
                Ok(())
            }
            Some(_) => Err(Reason::Expected { expected }),
            None => Err(Reason::EndsEarly),
        }
    }

    /// Reads what follows a member or element: a comma (then nothing is given), or the end of the container (then the
    /// container is).
    fn after_value(&mut self) -> Result<Option<Value>, Reason> {
        self.scanner.skip_white_space();
        let is_object = matches!(self.stack.last(), Some(Frame::Object { .. }));
        match (self.scanner.peek(), is_object) {
            (Some(b','), true) => self.next_member().map(|()| None),
            (Some(b','), false) => self.next_item().map(|()| None),
            (Some(b'}'), true) | (Some(b']'), false) => {
                self.scanner.skip(1);
                Ok(self.stack.pop().map(Frame::close))
            }
            (Some(_), true) => Err(Reason::Expected { expected: "a comma or the end of the object" }),
            (Some(_), false) => Err(Reason::Expected { expected: "a comma or the end of the array" }),
            (None, _) => Err(Reason::EndsEarly),
        }
    }

    fn next_member(&mut self) -> Result<(), Reason> {
        self.scanner.skip(1);
        self.scanner.skip_white_space();
        let (next_name, next_at) = self.member_name()?;
        let max = self.limits.max_members;
        match self.stack.last_mut() {
            Some(Frame::Object { members, name, name_at }) if members.len() < max => {
                *name = Some(next_name);
                *name_at = next_at;
                Ok(())
            }
            _ => Err(Reason::TooManyMembers { max }),
        }
    }

    fn next_item(&mut self) -> Result<(), Reason> {
        let max = self.limits.max_items;
        match self.stack.last() {
            Some(Frame::Array(items)) if items.len() < max => {
                self.scanner.skip(1);
                Ok(())
            }
            _ => Err(Reason::TooManyItems { max }),
        }
    }

    /// Where the parser stands; absent when the pointer would be too long.
    fn pointer(&self) -> Option<Pointer> {
        let mut pointer = Pointer::root();
        for frame in &self.stack {
            match frame {
                Frame::Object { name: Some(name), .. } => pointer.push_name(name),
                Frame::Object { name: None, .. } => {}
                Frame::Array(items) => pointer.push_index(items.len()),
            }
            if pointer.as_str().len() > MAX_POINTER_BYTES {
                return None;
            }
        }
        Some(pointer)
    }
}

impl Frame {
    /// Puts a finished value where it belongs; on failure says where the fault began.
    fn attach(&mut self, value: Value) -> Result<(), (usize, Reason)> {
        match self {
            Self::Array(items) => items.push(value),
            Self::Object { members, name, name_at } => match members.entry(name.take().unwrap_or_default()) {
                Entry::Vacant(place) => {
                    place.insert(value);
                }
                Entry::Occupied(place) => {
                    // The name is put back, for the pointer of the error.
                    *name = Some(place.key().clone());
                    return Err((*name_at, Reason::DuplicateName));
                }
            },
        }
        Ok(())
    }

    fn close(self) -> Value {
        match self {
            Self::Object { members, .. } => Value::Object(members),
            Self::Array(items) => Value::Array(items),
        }
    }
}
