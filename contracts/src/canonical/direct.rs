//! Canonical bytes straight out of a serialisable value, without a JSON tree between: every admission and every ledger
//! entry passes here. It knows the plain cases only and gives up on all others; then the tree decides, with an exact error.

use serde::Serialize;
use serde::ser::{
    Impossible, SerializeMap, SerializeSeq, SerializeStruct, SerializeTuple, SerializeTupleStruct, Serializer,
};
use std::ops::Range;

use super::{MAX_DEPTH, write_text};
use crate::strict_json::{MAX_SAFE_INTEGER, has_noncharacter};

/// The canonical bytes; `None` when the value is not one of the plain cases.
pub(super) fn bytes_of<T: Serialize + ?Sized>(value: &T) -> Option<Vec<u8>> {
    let mut writer =
        Writer { out: Vec::with_capacity(1024), depth: 0, members: Vec::with_capacity(64), spare: Vec::new() };
    value.serialize(&mut writer).ok()?;
    Some(writer.out)
}

/// The value is none of the plain cases.
#[derive(Debug)]
struct GaveUp;

impl std::fmt::Display for GaveUp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("not a plain case")
    }
}

impl std::error::Error for GaveUp {}

impl serde::ser::Error for GaveUp {
    fn custom<T: std::fmt::Display>(_: T) -> Self {
        Self
    }
}

/// A written member: its name without the quotes, and all of it.
#[derive(Clone)]
struct Member {
    name: Range<usize>,
    whole: Range<usize>,
}

struct Writer {
    out: Vec<u8>,
    depth: usize,
    /// Members of the objects that are open.
    members: Vec<Member>,
    spare: Vec<u8>,
}

impl Writer {
    fn text(&mut self, text: &str) -> Result<(), GaveUp> {
        if has_noncharacter(text) {
            return Err(GaveUp);
        }
        write_text(text, &mut self.out);
        Ok(())
    }

    fn integer(&mut self, integer: i64) -> Result<(), GaveUp> {
        if integer.unsigned_abs() > MAX_SAFE_INTEGER.unsigned_abs() {
            return Err(GaveUp);
        }
        if integer < 0 {
            self.out.push(b'-');
        }
        let mut digits = [0u8; 20];
        let mut rest = integer.unsigned_abs();
        let mut n_digits = 0;
        for place in digits.iter_mut().rev() {
            *place = b'0' + u8::try_from(rest % 10).map_err(|_| GaveUp)?;
            rest /= 10;
            n_digits += 1;
            if rest == 0 {
                break;
            }
        }
        self.out.extend_from_slice(digits.get(digits.len() - n_digits..).ok_or(GaveUp)?);
        Ok(())
    }

    fn open(&mut self, bracket: u8) -> Result<(), GaveUp> {
        if self.depth >= MAX_DEPTH {
            return Err(GaveUp);
        }
        self.depth += 1;
        self.out.push(bracket);
        Ok(())
    }

    /// Puts the members of the object that began at `start` into order and closes it.
    fn close_object(&mut self, start: usize, first: usize) -> Result<(), GaveUp> {
        let Self { out, members, spare, .. } = self;
        let own = members.get_mut(first..).ok_or(GaveUp)?;
        let name = |member: &Member| out.get(member.name.clone()).unwrap_or_default();
        if !own.is_sorted_by(|one, next| name(one) < name(next)) {
            own.sort_unstable_by(|one, other| name(one).cmp(name(other)));
            if own.windows(2).any(|pair| matches!(pair, [one, next] if name(one) == name(next))) {
                return Err(GaveUp);
            }
            spare.clear();
            for member in own.iter() {
                spare.extend_from_slice(out.get(member.whole.clone()).unwrap_or_default());
                spare.push(b',');
            }
            spare.pop();
            out.truncate(start);
            out.extend_from_slice(spare);
        }
        members.truncate(first);
        out.push(b'}');
        self.depth -= 1;
        Ok(())
    }
}

/// An open array or object.
struct Open<'w> {
    writer: &'w mut Writer,
    /// Where the first member or element begins.
    start: usize,
    /// Its first place among the members.
    first: usize,
    /// Where the member's name that was just written stands, with its quotes.
    name: Range<usize>,
    is_first: bool,
}

impl<'w> Open<'w> {
    fn new(writer: &'w mut Writer, bracket: u8) -> Result<Self, GaveUp> {
        writer.open(bracket)?;
        let (start, first) = (writer.out.len(), writer.members.len());
        Ok(Self { writer, start, first, name: 0..0, is_first: true })
    }

    fn separate(&mut self) {
        if !std::mem::take(&mut self.is_first) {
            self.writer.out.push(b',');
        }
    }

    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), GaveUp> {
        self.separate();
        value.serialize(&mut *self.writer)
    }

    fn close_array(self) -> Result<(), GaveUp> {
        self.writer.out.push(b']');
        self.writer.depth -= 1;
        Ok(())
    }

    fn name(&mut self, name: &str) -> Result<(), GaveUp> {
        self.separate();
        let begin = self.writer.out.len();
        self.writer.out.push(b'"');
        self.writer.out.extend_from_slice(name.as_bytes());
        self.writer.out.push(b'"');
        self.written_name(begin)
    }

    /// Goes on after the name that was written from `begin` on.
    fn written_name(&mut self, begin: usize) -> Result<(), GaveUp> {
        let written = self.writer.out.get(begin..).unwrap_or_default();
        let name = written.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")).ok_or(GaveUp)?;
        // Only such names sort as their written bytes do.
        if !name.iter().all(|byte| matches!(byte, b' '..=b'~') && *byte != b'"' && *byte != b'\\') {
            return Err(GaveUp);
        }
        self.name = begin..self.writer.out.len();
        self.writer.out.push(b':');
        Ok(())
    }

    fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), GaveUp> {
        value.serialize(&mut *self.writer)?;
        let whole = self.name.start..self.writer.out.len();
        self.writer.members.push(Member { name: self.name.start + 1..self.name.end - 1, whole });
        Ok(())
    }

    fn member<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Result<(), GaveUp> {
        self.name(name)?;
        self.value(value)
    }

    fn close_object(self) -> Result<(), GaveUp> {
        self.writer.close_object(self.start, self.first)
    }
}

macro_rules! integers {
    ($($method:ident $kind:ty),+) => {
        $(fn $method(self, value: $kind) -> Result<(), GaveUp> {
            self.integer(i64::try_from(value).map_err(|_| GaveUp)?)
        })+
    };
}

impl<'w> Serializer for &'w mut Writer {
    type Ok = ();
    type Error = GaveUp;
    type SerializeSeq = Open<'w>;
    type SerializeTuple = Open<'w>;
    type SerializeTupleStruct = Open<'w>;
    type SerializeTupleVariant = Impossible<(), GaveUp>;
    type SerializeMap = Open<'w>;
    type SerializeStruct = Open<'w>;
    type SerializeStructVariant = Impossible<(), GaveUp>;

    integers!(serialize_i8 i8, serialize_i16 i16, serialize_i32 i32, serialize_i64 i64);
    integers!(serialize_u8 u8, serialize_u16 u16, serialize_u32 u32, serialize_u64 u64);

    fn serialize_bool(self, value: bool) -> Result<(), GaveUp> {
        self.out.extend_from_slice(if value { b"true" } else { b"false" });
        Ok(())
    }

    fn serialize_f32(self, _: f32) -> Result<(), GaveUp> {
        Err(GaveUp)
    }

    fn serialize_f64(self, _: f64) -> Result<(), GaveUp> {
        Err(GaveUp)
    }

    fn serialize_char(self, value: char) -> Result<(), GaveUp> {
        self.text(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Result<(), GaveUp> {
        self.text(value)
    }

    fn serialize_bytes(self, _: &[u8]) -> Result<(), GaveUp> {
        Err(GaveUp)
    }

    fn serialize_none(self) -> Result<(), GaveUp> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), GaveUp> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), GaveUp> {
        self.out.extend_from_slice(b"null");
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), GaveUp> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<(), GaveUp> {
        self.text(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<(), GaveUp> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<(), GaveUp> {
        Err(GaveUp)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Open<'w>, GaveUp> {
        Open::new(self, b'[')
    }

    fn serialize_tuple(self, _: usize) -> Result<Open<'w>, GaveUp> {
        Open::new(self, b'[')
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Open<'w>, GaveUp> {
        Open::new(self, b'[')
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, GaveUp> {
        Err(GaveUp)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Open<'w>, GaveUp> {
        Open::new(self, b'{')
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Open<'w>, GaveUp> {
        Open::new(self, b'{')
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, GaveUp> {
        Err(GaveUp)
    }
}

impl SerializeSeq for Open<'_> {
    type Ok = ();
    type Error = GaveUp;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), GaveUp> {
        self.element(value)
    }

    fn end(self) -> Result<(), GaveUp> {
        self.close_array()
    }
}

impl SerializeTuple for Open<'_> {
    type Ok = ();
    type Error = GaveUp;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), GaveUp> {
        self.element(value)
    }

    fn end(self) -> Result<(), GaveUp> {
        self.close_array()
    }
}

impl SerializeTupleStruct for Open<'_> {
    type Ok = ();
    type Error = GaveUp;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), GaveUp> {
        self.element(value)
    }

    fn end(self) -> Result<(), GaveUp> {
        self.close_array()
    }
}

impl SerializeMap for Open<'_> {
    type Ok = ();
    type Error = GaveUp;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), GaveUp> {
        self.separate();
        let begin = self.writer.out.len();
        key.serialize(&mut *self.writer)?;
        self.written_name(begin)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), GaveUp> {
        self.value(value)
    }

    fn end(self) -> Result<(), GaveUp> {
        self.close_object()
    }
}

impl SerializeStruct for Open<'_> {
    type Ok = ();
    type Error = GaveUp;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), GaveUp> {
        self.member(name, value)
    }

    fn end(self) -> Result<(), GaveUp> {
        self.close_object()
    }
}
