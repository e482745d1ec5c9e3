//! Signed notes. Source: c2sp.org/signed-note.

use std::fmt;

use thiserror::Error;

use super::Vkey;
use crate::base64;

/// Largest note that is read, in bytes.
pub const MAX_NOTE_BYTES: usize = 64 * 1024;

/// Most signature lines that a note may have.
pub const MAX_NOTE_SIGNATURES: usize = 64;

/// What each signature line begins with: an em dash and a space.
const LINE_START: &str = "\u{2014} ";

/// A text with signature lines; none of them is verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<NoteSignature>,
}

/// One signature line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteSignature {
    name: String,
    hash: [u8; 4],
    bytes: Vec<u8>,
}

/// Why bytes are not a signed note.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum NoteError {
    #[error("note is longer than {MAX_NOTE_BYTES} bytes")]
    TooLarge,
    #[error("note is not UTF-8 without control characters")]
    Characters,
    #[error("no empty line stands between text and signatures")]
    NoSeparator,
    #[error("signature lines end with a newline")]
    NoFinalNewline,
    #[error("note has no signature")]
    NoSignature,
    #[error("note has more than {MAX_NOTE_SIGNATURES} signatures")]
    TooManySignatures,
    #[error("a signature line is an em dash, a name, and base64 of at least five bytes")]
    SignatureLine,
}

impl Note {
    pub(super) fn new(text: String, signature: NoteSignature) -> Self {
        Self { text, signatures: vec![signature] }
    }

    /// Adds a line; false when there are [`MAX_NOTE_SIGNATURES`] already.
    pub(super) fn add(&mut self, signature: NoteSignature) -> bool {
        let has_room = self.signatures.len() < MAX_NOTE_SIGNATURES;
        if has_room {
            self.signatures.push(signature);
        }
        has_room
    }

    /// Reads a note. Nothing is checked but its form.
    ///
    /// # Errors
    /// [`NoteError`]: too large, not UTF-8, a control character other than newline, no empty line before the
    /// signatures, no signature or more than 64, or a malformed line.
    pub fn parse(bytes: &[u8]) -> Result<Self, NoteError> {
        if bytes.len() > MAX_NOTE_BYTES {
            return Err(NoteError::TooLarge);
        }
        let note = std::str::from_utf8(bytes).map_err(|_| NoteError::Characters)?;
        if note.bytes().any(|byte| byte < 0x20 && byte != b'\n') {
            return Err(NoteError::Characters);
        }
        // The text ends with the newline before the last empty line.
        let (text, lines) = note.rsplit_once("\n\n").ok_or(NoteError::NoSeparator)?;
        if lines.is_empty() {
            return Err(NoteError::NoSignature);
        }
        let lines = lines.strip_suffix('\n').ok_or(NoteError::NoFinalNewline)?;
        let signatures = lines
            .split('\n')
            .take(MAX_NOTE_SIGNATURES + 1)
            .map(NoteSignature::parse)
            .collect::<Option<Vec<_>>>()
            .ok_or(NoteError::SignatureLine)?;
        if signatures.len() > MAX_NOTE_SIGNATURES {
            return Err(NoteError::TooManySignatures);
        }
        Ok(Self { text: format!("{text}\n"), signatures })
    }

    /// The text with its final newline: what is signed.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The lines in their order.
    #[must_use]
    pub fn signatures(&self) -> &[NoteSignature] {
        &self.signatures
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures.iter().try_for_each(|line| line.fmt(f))
    }
}

impl NoteSignature {
    /// The line of this key with these signature bytes.
    pub(super) fn new(vkey: &Vkey, bytes: Vec<u8>) -> Self {
        Self { name: vkey.name().to_owned(), hash: vkey.hash(), bytes }
    }

    fn parse(line: &str) -> Option<Self> {
        let (name, signature) = line.strip_prefix(LINE_START)?.split_once(' ')?;
        let signature = base64::decode(signature)?;
        let (hash, bytes) = signature.split_first_chunk::<4>()?;
        let is_line = is_key_name(name) && !bytes.is_empty();
        is_line.then(|| Self { name: name.to_owned(), hash: *hash, bytes: bytes.to_vec() })
    }

    /// Whether the line says that this key made it.
    #[must_use]
    pub fn is_of(&self, vkey: &Vkey) -> bool {
        self.name == vkey.name() && self.hash == vkey.hash()
    }

    /// The signature bytes after the key's hash, not verified.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What a cosignature line says about its time, in seconds since 1970-01-01T00:00:00Z; not verified.
    pub(crate) fn cosigned_at(&self) -> Option<u64> {
        self.bytes.first_chunk::<8>().map(|time| u64::from_be_bytes(*time))
    }
}

impl fmt::Display for NoteSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = self.hash.to_vec();
        bytes.extend_from_slice(&self.bytes);
        writeln!(f, "{LINE_START}{} {}", self.name, base64::encode(&bytes))
    }
}

/// Whether a key can have this name. Source: c2sp.org/signed-note, "Format".
pub(super) fn is_key_name(name: &str) -> bool {
    let is_allowed = |c: char| !c.is_whitespace() && !c.is_control() && c != '+';
    !name.is_empty() && name.len() <= 255 && name.chars().all(is_allowed)
}
