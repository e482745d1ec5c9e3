//! ZIP with stored entries and exactly one spelling.
//!
//! Programs for ZIP differ in what they make of duplicate names, of two lists of files that disagree, of bytes before,
//! between and behind. So what they could disagree about is not accepted: an archive is read, packed again, and has to be
//! the same bytes. Any program reads it; for the same reason none but this one is used to read it here. Source: APPNOTE 6.3.3
//! §4.3, FORMATS.md §10.3.

use thiserror::Error;

use super::files::{FileError, FileSet};

const LOCAL: [u8; 4] = *b"PK\x03\x04";
const CENTRAL: [u8; 4] = *b"PK\x01\x02";
const END: [u8; 4] = *b"PK\x05\x06";

/// Version 1.0, no flags, stored, midnight of 1980-01-01: the same in both headers.
const FIXED: [u8; 10] = [10, 0, 0, 0, 0, 0, 0, 0, 0x21, 0];

/// Why bytes are no archive of a bundle.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ArchiveError {
    #[error("it is no ZIP archive of stored files: at byte {at} there is something else")]
    Form { at: usize },
    #[error("take in a file of the archive")]
    File(#[from] FileError),
    #[error(
        "it is not to the byte what packing its files gives; it was damaged, or packed by another program: unpack it and check the folder"
    )]
    Spelling,
}

fn put16(out: &mut Vec<u8>, value: usize) {
    // Names and numbers of files are far below 2^16.
    out.extend_from_slice(&u16::try_from(value).unwrap_or(u16::MAX).to_le_bytes());
}

fn put32(out: &mut Vec<u8>, value: usize) {
    // A bundle is far below 2^32 bytes.
    out.extend_from_slice(&u32::try_from(value).unwrap_or(u32::MAX).to_le_bytes());
}

/// What both headers have in common, up to the length of the extra field.
fn put_common(out: &mut Vec<u8>, name: &str, bytes: &[u8]) {
    out.extend_from_slice(&FIXED);
    out.extend_from_slice(&crc32fast::hash(bytes).to_le_bytes());
    put32(out, bytes.len());
    put32(out, bytes.len());
    put16(out, name.len());
    put16(out, 0);
}

pub(super) fn pack(files: &FileSet) -> Vec<u8> {
    let mut out = Vec::new();
    let mut central = Vec::new();
    for (_, name, bytes) in files.iter() {
        let offset = out.len();
        out.extend_from_slice(&LOCAL);
        put_common(&mut out, &name, bytes);
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(bytes);
        central.extend_from_slice(&CENTRAL);
        central.extend_from_slice(&[10, 0]);
        put_common(&mut central, &name, bytes);
        // No comment, first disk, no attributes.
        central.extend_from_slice(&[0; 10]);
        put32(&mut central, offset);
        central.extend_from_slice(name.as_bytes());
    }
    let (begin, n_central) = (out.len(), central.len());
    out.append(&mut central);
    out.extend_from_slice(&END);
    out.extend_from_slice(&[0; 4]);
    put16(&mut out, files.len());
    put16(&mut out, files.len());
    put32(&mut out, n_central);
    put32(&mut out, begin);
    put16(&mut out, 0);
    out
}

/// Reads from the front, by the local headers alone; the list at the end is compared by packing again.
pub(super) fn unpack(bytes: &[u8]) -> Result<FileSet, ArchiveError> {
    let mut files = FileSet::default();
    let mut rest = bytes;
    while let Some(after) = rest.strip_prefix(&LOCAL) {
        let at = bytes.len() - rest.len();
        let form = ArchiveError::Form { at };
        let (name, content, next) = read_file(after).ok_or(form)?;
        files.insert(name, content.to_vec())?;
        rest = next;
    }
    if !rest.starts_with(&CENTRAL) {
        return Err(ArchiveError::Form { at: bytes.len() - rest.len() });
    }
    if pack(&files) == bytes { Ok(files) } else { Err(ArchiveError::Spelling) }
}

/// Name and content behind the signature of a local header, and what follows.
fn read_file(header: &[u8]) -> Option<(&str, &[u8], &[u8])> {
    let (header, rest) = header.split_at_checked(26)?;
    if !header.starts_with(&FIXED) {
        return None;
    }
    let n_bytes = u32::from_le_bytes(header.get(18..22)?.try_into().ok()?);
    let n_name = u16::from_le_bytes(header.get(22..24)?.try_into().ok()?);
    let (name, rest) = rest.split_at_checked(usize::from(n_name))?;
    let (content, rest) = rest.split_at_checked(usize::try_from(n_bytes).ok()?)?;
    Some((std::str::from_utf8(name).ok()?, content, rest))
}
