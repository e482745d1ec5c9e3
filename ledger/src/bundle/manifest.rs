//! The list of a bundle's files.

use std::collections::BTreeMap;

use seamark_contracts::canonical::{self, CanonicalError};
use seamark_contracts::clock::Timestamp;
use seamark_contracts::digest::Digest;
use seamark_contracts::id::HandoffId;
use serde::{Deserialize, Serialize};

use super::BUNDLE_FORMAT;
use super::files::FileSet;
use super::path::FileKind;

/// `manifest.json`. It is not signed: it finds damage, not forgery.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Manifest {
    /// [`BUNDLE_FORMAT`]
    pub format: String,
    pub handoff: HandoffId,
    /// When the bundle was packed, by the clock of whoever packed it.
    pub created_at: Timestamp,
    /// Every file but the manifest itself, by path.
    pub files: BTreeMap<String, ManifestFile>,
}

/// One file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ManifestFile {
    /// 64 lowercase hexadecimal digits.
    #[serde(with = "seamark_contracts::digest::hex")]
    pub sha256: Digest,
    /// Bytes.
    pub size: u64,
}

impl Manifest {
    /// The manifest of these files; one that is among them is not looked at.
    #[must_use]
    pub fn of(files: &FileSet, handoff: HandoffId, created_at: Timestamp) -> Self {
        let others = files.iter().filter(|(kind, _, _)| *kind != FileKind::Manifest);
        let line = |(_, path, bytes): (FileKind, String, &[u8])| {
            let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
            (path, ManifestFile { sha256: Digest::of(bytes), size })
        };
        Self { format: BUNDLE_FORMAT.to_owned(), handoff, created_at, files: others.map(line).collect() }
    }

    /// The canonical bytes.
    ///
    /// # Errors
    /// [`CanonicalError`] never comes for such texts and numbers; it is passed on instead of being hidden.
    pub fn to_bytes(&self) -> Result<Vec<u8>, CanonicalError> {
        canonical::bytes_of(self)
    }
}
