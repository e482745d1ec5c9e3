//! Signed heads of the ledger.
//!
//! A checkpoint is a C2SP signed note over three lines: origin, size, root. The log's key is named like the origin.
//! Witnesses add lines of their own. Source: FORMATS.md §9, c2sp.org/tlog-checkpoint, c2sp.org/tlog-cosignature.

use std::fmt;

use thiserror::Error;

use crate::key::{SignError, Signature, Signer};
use crate::tree::{Hash, MAX_SIZE, empty_root};
use crate::verified::{Unverified, Verified};

mod note;
mod vkey;

pub use note::{MAX_NOTE_BYTES, MAX_NOTE_SIGNATURES, Note, NoteError, NoteSignature};
pub use vkey::{Vkey, VkeyError, VkeyKind};

/// A head of a ledger: that its first `size` entries have this root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    origin: String,
    size: u64,
    root: Hash,
}

/// Why there is no such head.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum HeadError {
    #[error("origin is no key name: 1 to 255 bytes without spaces, plus signs and control characters")]
    Origin,
    #[error("checkpoint body has exactly three lines: origin, size, root")]
    Lines,
    #[error("size is a decimal number up to {MAX_SIZE} without leading zeroes")]
    Size,
    #[error("root is 32 bytes in standard base64")]
    Root,
    #[error("an empty ledger has the root of the empty tree")]
    EmptyRoot,
}

impl Head {
    /// A head.
    ///
    /// # Errors
    /// [`HeadError`]: the origin cannot be the name of a key, the size is beyond [`MAX_SIZE`], or it is 0 with another
    /// root than that of the empty tree.
    pub fn new(origin: &str, size: u64, root: Hash) -> Result<Self, HeadError> {
        if !is_origin(origin) {
            return Err(HeadError::Origin);
        }
        if size > MAX_SIZE {
            return Err(HeadError::Size);
        }
        if size == 0 && root != empty_root() {
            return Err(HeadError::EmptyRoot);
        }
        Ok(Self { origin: origin.to_owned(), size, root })
    }

    /// Reads `origin\nsize\nbase64(root)\n`, with no line more. Source: c2sp.org/tlog-checkpoint, "Note text".
    ///
    /// # Errors
    /// [`HeadError`] when it is not exactly so.
    pub fn parse(body: &str) -> Result<Self, HeadError> {
        let lines = body.strip_suffix('\n').ok_or(HeadError::Lines)?;
        let mut lines = lines.split('\n');
        let (Some(origin), Some(size), Some(root), None) = (lines.next(), lines.next(), lines.next(), lines.next())
        else {
            return Err(HeadError::Lines);
        };
        let size = parse_decimal(size).filter(|size| *size <= MAX_SIZE).ok_or(HeadError::Size)?;
        Self::new(origin, size, Hash::parse(root).map_err(|_| HeadError::Root)?)
    }

    /// Which ledger; the name of its key.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// How many entries.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Root of the tree over them.
    #[must_use]
    pub const fn root(&self) -> Hash {
        self.root
    }
}

/// The body of a checkpoint: what the log signs.
impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n{}\n{}", self.origin, self.size, self.root)
    }
}

/// Whether a ledger can have this name: it is also the name of its key.
pub(crate) fn is_origin(origin: &str) -> bool {
    note::is_key_name(origin)
}

/// A decimal number in its one spelling.
pub(crate) fn parse_decimal(text: &str) -> Option<u64> {
    let is_canonical = text == "0" || text.starts_with(|digit: char| ('1'..='9').contains(&digit));
    let is_digits = text.bytes().all(|byte| byte.is_ascii_digit());
    if is_canonical && is_digits { text.parse().ok() } else { None }
}

/// A head with its signatures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    head: Head,
    note: Note,
}

/// Why bytes are not a checkpoint.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum CheckpointError {
    #[error("read the signed note")]
    Note(#[from] NoteError),
    #[error("read the body of the checkpoint")]
    Head(#[from] HeadError),
}

/// Why a checkpoint does not verify.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum CheckpointVerifyError {
    #[error("key {0} is for another kind of signature")]
    WrongKind(String),
    #[error("checkpoint is of {found}, not of {expected}")]
    OtherOrigin { found: String, expected: String },
    #[error("checkpoint has no line of key {0}")]
    NotSigned(String),
    #[error("signature of key {0} does not verify")]
    BadSignature(String),
}

/// That a witness saw this head and that it extends all heads it saw before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cosignature {
    /// Name of the witness, as in its vkey.
    pub witness: String,
    /// When it signed, the first time, in seconds since 1970-01-01T00:00:00Z, by its own clock.
    pub at_s: u64,
}

impl Checkpoint {
    /// Signs a head as the log whose key is named like its origin.
    ///
    /// The caller has made sure that no other root was ever signed for this size (invariant D4).
    ///
    /// # Errors
    /// [`SignError`] when the holder of the key refuses.
    pub fn sign(head: Head, signer: &dyn Signer) -> Result<Self, SignError> {
        let vkey = Vkey::for_log(&head, signer.public_key());
        let body = head.to_string();
        let signature = signer.sign(body.as_bytes())?;
        let line = NoteSignature::new(&vkey, signature.as_bytes().to_vec());
        Ok(Self { head, note: Note::new(body, line) })
    }

    /// Reads a checkpoint of at most 64 KiB. Nothing is checked but its form.
    ///
    /// # Errors
    /// [`CheckpointError`] when it is no signed note, or its body is no head.
    pub fn parse(bytes: &[u8]) -> Result<Unverified<Self>, CheckpointError> {
        let note = Note::parse(bytes)?;
        let head = Head::parse(note.text())?;
        Ok(Unverified::new(Self { head, note }))
    }

    /// The head, with no promise about it.
    #[must_use]
    pub const fn unverified_head(&self) -> &Head {
        &self.head
    }

    /// Adds a witness's line. Source: c2sp.org/tlog-cosignature, "Ed25519 signed message".
    ///
    /// `witness` is the name of the witness, `at_s` the time in seconds since 1970-01-01T00:00:00Z. The caller has
    /// checked that the head extends the one it cosigned before.
    ///
    /// # Errors
    /// [`CosignError`]: the name is no key name, the note has its most lines already, or the key's holder refuses.
    pub fn cosign(&mut self, witness: &str, at_s: u64, signer: &dyn Signer) -> Result<(), CosignError> {
        let line = cosign(&self.head, witness, at_s, signer)?;
        if self.note.add(line) { Ok(()) } else { Err(CosignError::TooManyLines) }
    }

    /// A witness's line over a head, with its line feed: what a witness answers.
    pub(crate) fn cosignature(
        head: &Head,
        witness: &str,
        at_s: u64,
        signer: &dyn Signer,
    ) -> Result<String, CosignError> {
        Ok(cosign(head, witness, at_s, signer)?.to_string())
    }

    /// The lines that say that this key made them, none of them verified.
    pub(crate) fn lines_of(&self, vkey: &Vkey) -> impl Iterator<Item = &NoteSignature> {
        self.note.signatures().iter().filter(|line| line.is_of(vkey))
    }
}

/// Why a checkpoint was not cosigned.
#[derive(Debug, Error)]
pub enum CosignError {
    #[error("witness has no valid name")]
    Name,
    #[error("checkpoint has {MAX_NOTE_SIGNATURES} signatures already")]
    TooManyLines,
    #[error("cosign the checkpoint")]
    Sign(#[from] SignError),
}

/// The checkpoint as text: what is stored and sent.
impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.note.fmt(f)
    }
}

impl Unverified<Checkpoint> {
    /// Checks the log's own signature.
    ///
    /// # Errors
    /// [`CheckpointVerifyError`]: `log` is no log key, the checkpoint is of another origin, that key did not sign, or
    /// one of the lines under its name and id does not verify.
    pub fn verify(&self, log: &Vkey) -> Result<Verified<Head>, CheckpointVerifyError> {
        if log.kind() != VkeyKind::Log {
            return Err(CheckpointVerifyError::WrongKind(log.name().to_owned()));
        }
        let checkpoint = self.unverified_value();
        if checkpoint.head.origin != log.name() {
            let (found, expected) = (checkpoint.head.origin.clone(), log.name().to_owned());
            return Err(CheckpointVerifyError::OtherOrigin { found, expected });
        }
        let body = checkpoint.head.to_string();
        let n_lines = checkpoint.check_lines(log, |bytes| {
            Signature::parse(bytes).is_some_and(|signature| log.key().verifies(body.as_bytes(), &signature))
        })?;
        if n_lines == 0 {
            return Err(CheckpointVerifyError::NotSigned(log.name().to_owned()));
        }
        Ok(Verified::new(checkpoint.head.clone()))
    }

    /// Checks one witness's cosignature; nothing when that witness did not sign.
    ///
    /// The log's own signature is a separate question: see [`Unverified::<Checkpoint>::verify`].
    ///
    /// # Errors
    /// [`CheckpointVerifyError`]: `witness` is no witness key, or one of its lines does not verify.
    pub fn verify_cosignature(&self, witness: &Vkey) -> Result<Option<Verified<Cosignature>>, CheckpointVerifyError> {
        if witness.kind() != VkeyKind::CosignatureV1 {
            return Err(CheckpointVerifyError::WrongKind(witness.name().to_owned()));
        }
        let checkpoint = self.unverified_value();
        let mut earliest: Option<u64> = None;
        checkpoint.check_lines(witness, |bytes| {
            let at_s = check_cosignature(&checkpoint.head, witness, bytes);
            earliest = earliest.into_iter().chain(at_s).min();
            at_s.is_some()
        })?;
        let cosignature = |at_s| Verified::new(Cosignature { witness: witness.name().to_owned(), at_s });
        Ok(earliest.map(cosignature))
    }
}

impl Checkpoint {
    /// How many lines are of this key; each of them has to verify. Source: c2sp.org/signed-note, "Signatures".
    fn check_lines(
        &self,
        vkey: &Vkey,
        mut verifies: impl FnMut(&[u8]) -> bool,
    ) -> Result<usize, CheckpointVerifyError> {
        let mut n_lines = 0;
        for line in self.lines_of(vkey) {
            if !verifies(line.bytes()) {
                return Err(CheckpointVerifyError::BadSignature(vkey.name().to_owned()));
            }
            n_lines += 1;
        }
        Ok(n_lines)
    }
}

fn cosign(head: &Head, witness: &str, at_s: u64, signer: &dyn Signer) -> Result<NoteSignature, CosignError> {
    let vkey = Vkey::new(witness, VkeyKind::CosignatureV1, signer.public_key()).map_err(|_| CosignError::Name)?;
    let signature = signer.sign(&cosigned_message(head, at_s))?;
    let mut bytes = at_s.to_be_bytes().to_vec();
    bytes.extend_from_slice(signature.as_bytes());
    Ok(NoteSignature::new(&vkey, bytes))
}

/// When the witness signed; nothing when it did not.
fn check_cosignature(head: &Head, witness: &Vkey, bytes: &[u8]) -> Option<u64> {
    let (time, signature) = bytes.split_first_chunk::<8>()?;
    let at_s = u64::from_be_bytes(*time);
    let signature = Signature::parse(signature)?;
    let is_in_range = i64::try_from(at_s).is_ok();
    let verifies = witness.key().verifies(&cosigned_message(head, at_s), &signature);
    (is_in_range && verifies).then_some(at_s)
}

fn cosigned_message(head: &Head, at_s: u64) -> Vec<u8> {
    format!("cosignature/v1\ntime {at_s}\n{head}").into_bytes()
}

#[cfg(test)]
mod tests;
