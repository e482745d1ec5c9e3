//! Tokens of a document: white space, literals, strings.

use super::Reason;

/// A reading position in a document.
///
/// It stands only at character boundaries: it moves over whole ASCII bytes, or over whole runs between them.
#[derive(Debug)]
pub(super) struct Scanner<'d> {
    text: &'d str,
    at: usize,
}

impl<'d> Scanner<'d> {
    pub(super) const fn new(text: &'d str) -> Self {
        Self { text, at: 0 }
    }

    /// The same document, read from another byte offset on.
    pub(super) const fn moved_to(&self, at: usize) -> Self {
        Self { text: self.text, at }
    }

    /// Byte offset of the next byte.
    pub(super) const fn offset(&self) -> usize {
        self.at
    }

    /// The bytes not read yet.
    pub(super) fn rest(&self) -> &'d [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    pub(super) const fn skip(&mut self, n_bytes: usize) {
        self.at += n_bytes;
    }

    /// The text of the next `n_bytes`, read.
    pub(super) fn take(&mut self, n_bytes: usize) -> &'d str {
        let taken = self.text.get(self.at..self.at + n_bytes).unwrap_or_default();
        self.at += taken.len();
        taken
    }

    pub(super) fn skip_white_space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    /// Reads one literal such as `true`.
    pub(super) fn literal(&mut self, literal: &'static str) -> Result<(), Reason> {
        if self.rest().starts_with(literal.as_bytes()) {
            self.skip(literal.len());
            Ok(())
        } else {
            Err(Reason::Expected { expected: "a value" })
        }
    }

    /// Reads one string after its opening quote, up to and with the closing one.
    ///
    /// `too_long` tells which of the two bounds on strings was broken.
    pub(super) fn string(&mut self, max_bytes: usize, too_long: fn(usize) -> Reason) -> Result<String, Reason> {
        let mut string = String::new();
        loop {
            let n_plain = self.rest().iter().take_while(|byte| is_plain(**byte)).count();
            let run = self.take(n_plain);
            if string.len() + run.len() > max_bytes {
                return Err(too_long(max_bytes));
            }
            string.push_str(run);
            match self.peek() {
                None => return Err(Reason::EndsEarly),
                Some(b'"') => break,
                Some(b'\\') => string.push(self.escape()?),
                Some(_) => return Err(Reason::ControlCharacter),
            }
        }
        self.skip(1);
        // An escape may have gone over the bound after the run before it was checked.
        if string.len() > max_bytes {
            return Err(too_long(max_bytes));
        }
        if has_noncharacter(&string) { Err(Reason::Noncharacter) } else { Ok(string) }
    }

    /// Reads one escape sequence from its backslash.
    fn escape(&mut self) -> Result<char, Reason> {
        let [_, kind, ..] = self.rest() else { return Err(Reason::EndsEarly) };
        let plain = match kind {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.unicode_escape(),
            _ => return Err(Reason::BadEscape),
        };
        self.skip(2);
        Ok(plain)
    }

    /// Reads `\uXXXX`, or two of them that form a surrogate pair.
    fn unicode_escape(&mut self) -> Result<char, Reason> {
        let unit = code_unit(self.rest())?;
        if let Some(character) = char::from_u32(unit) {
            self.skip(6);
            return Ok(character);
        }
        let low = match self.rest().get(6..) {
            Some(after @ [b'\\', b'u', ..]) if unit < 0xdc00 => code_unit(after)?,
            _ => return Err(Reason::LoneSurrogate),
        };
        if !(0xdc00..=0xdfff).contains(&low) {
            return Err(Reason::LoneSurrogate);
        }
        let scalar = 0x1_0000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
        let character = char::from_u32(scalar).ok_or(Reason::LoneSurrogate)?;
        self.skip(12);
        Ok(character)
    }
}

/// The UTF-16 code unit of the `\uXXXX` with which `escape` begins.
fn code_unit(escape: &[u8]) -> Result<u32, Reason> {
    let digits = escape.get(2..6).ok_or(Reason::EndsEarly)?;
    digits.iter().try_fold(0, |unit, digit| {
        let value = char::from(*digit).to_digit(16).ok_or(Reason::BadEscape)?;
        Ok(unit << 4 | value)
    })
}

/// Whether a byte stands for itself inside a string.
const fn is_plain(byte: u8) -> bool {
    byte >= 0x20 && byte != b'"' && byte != b'\\'
}

/// U+FDD0 to U+FDEF and the last two code points of each plane. Source: RFC 7493 §2.1, Unicode 23.7.
pub(crate) fn has_noncharacter(string: &str) -> bool {
    let is_noncharacter = |c: char| matches!(u32::from(c), 0xfdd0..=0xfdef) || u32::from(c) & 0xfffe == 0xfffe;
    !string.is_ascii() && string.chars().any(is_noncharacter)
}
