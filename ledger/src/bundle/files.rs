//! The files of a bundle, within bounds.

use std::collections::BTreeMap;

use thiserror::Error;

use super::archive::{self, ArchiveError};
use super::path::FileKind;

/// Most files of a bundle, the manifest included: what one JSON object of the profile can list.
pub const MAX_FILES: usize = 4_096;

/// Most bytes of all files together.
pub const MAX_TOTAL_BYTES: usize = 64 * 1024 * 1024;

/// A set of files with paths that a bundle may have, each at most once, within the bounds of number and size.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileSet {
    files: BTreeMap<FileKind, Vec<u8>>,
    n_bytes: usize,
}

/// Why a file is not taken in.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum FileError {
    /// The path with control characters made visible, cut to 100 characters.
    #[error("{path:?} is no path of a bundle")]
    Path { path: String },
    #[error("{path} is there twice")]
    Twice { path: String },
    #[error("{path} has more than {max} bytes")]
    TooLarge { path: String, max: usize },
    #[error("a bundle has at most {MAX_FILES} files")]
    TooMany,
    #[error("the files of a bundle have at most {MAX_TOTAL_BYTES} bytes together")]
    TooMuch,
}

impl FileSet {
    /// Takes a file in.
    ///
    /// # Errors
    /// [`FileError`]; the set is as it was.
    pub fn insert(&mut self, path: &str, bytes: Vec<u8>) -> Result<FileKind, FileError> {
        let shown = || path.escape_default().to_string().chars().take(100).collect();
        let kind = FileKind::parse(path).ok_or_else(|| FileError::Path { path: shown() })?;
        self.put(kind, bytes)?;
        Ok(kind)
    }

    pub(super) fn put(&mut self, kind: FileKind, bytes: Vec<u8>) -> Result<(), FileError> {
        if self.files.contains_key(&kind) {
            return Err(FileError::Twice { path: kind.to_string() });
        }
        if bytes.len() > kind.max_bytes() {
            return Err(FileError::TooLarge { path: kind.to_string(), max: kind.max_bytes() });
        }
        if self.files.len() >= MAX_FILES {
            return Err(FileError::TooMany);
        }
        let n_bytes = self.n_bytes.saturating_add(bytes.len());
        if n_bytes > MAX_TOTAL_BYTES {
            return Err(FileError::TooMuch);
        }
        self.n_bytes = n_bytes;
        self.files.insert(kind, bytes);
        Ok(())
    }

    /// Takes a file out and gives its bytes; nothing when it is not there.
    pub fn remove(&mut self, kind: FileKind) -> Option<Vec<u8>> {
        let bytes = self.files.remove(&kind)?;
        self.n_bytes = self.n_bytes.saturating_sub(bytes.len());
        Some(bytes)
    }

    /// The bytes of a file; nothing when it is not there.
    #[must_use]
    pub fn get(&self, kind: FileKind) -> Option<&[u8]> {
        self.files.get(&kind).map(Vec::as_slice)
    }

    /// Every file, ascending by the bytes of its path.
    pub fn iter(&self) -> impl Iterator<Item = (FileKind, String, &[u8])> {
        let mut all: Vec<_> =
            self.files.iter().map(|(kind, bytes)| (*kind, kind.to_string(), bytes.as_slice())).collect();
        all.sort_by(|one, other| one.1.cmp(&other.1));
        all.into_iter()
    }

    /// How many files there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// The files as one archive: exactly the bytes of FORMATS.md §10.3, always the same for the same files.
    #[must_use]
    pub fn to_archive(&self) -> Vec<u8> {
        archive::pack(self)
    }

    /// Reads an archive.
    ///
    /// # Errors
    /// [`ArchiveError`] when it is not, to the byte, what packing its files gives, or a file is not taken in.
    pub fn from_archive(bytes: &[u8]) -> Result<Self, ArchiveError> {
        archive::unpack(bytes)
    }
}
