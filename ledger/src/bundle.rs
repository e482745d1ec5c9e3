//! Evidence bundles: everything that proves one attempt of a handoff, as a set of files that anyone can keep and check.
//!
//! A bundle is a closed set of files: each has a path of a known shape, a bounded size, one spelling, and a line in the
//! manifest. Nothing in it is signed as a whole and nothing needs to be: the manifest finds damage, and what proves are the
//! signatures and the Merkle log inside, judged under keys that the verifier pinned ([`crate::verify::check_bundle`]).
//!
//! Source: FORMATS.md §10.

use seamark_contracts::api::audit::AuditRecord;
use seamark_contracts::api::ledger::{ConsistencyProof, RecordedEntry};
use seamark_contracts::api::reveal::RecordedBody;
use seamark_contracts::clock::Timestamp;
use seamark_contracts::digest::Digest;
use seamark_contracts::id::HandoffId;
use serde_json::Value;

mod archive;
mod build;
mod files;
mod manifest;
mod path;
mod proof;
mod read;
mod report;

pub use archive::ArchiveError;
pub use build::BuildError;
pub use files::{FileError, FileSet};
pub use manifest::{Manifest, ManifestFile};
pub use path::FileKind;
pub use read::BundleFault;
pub use report::{Block, Cell, Document, ReportFrame, Shown, html_report, report_document};

/// The value of a manifest's `format`.
pub const BUNDLE_FORMAT: &str = "seamark-evidence/v1";

/// How an archive's name ends.
pub const BUNDLE_EXTENSION: &str = ".seamark.zip";

/// The explanation in every bundle. Its text is part of the format: a file for people inside of evidence would otherwise be
/// a place in which whoever packs a bundle could write to whoever checks it.
pub const README: &str = include_str!("bundle/README.txt");

/// A bundle that was read: its files agree with its manifest and with one another. Nothing is known about signatures.
#[derive(Clone, Debug, PartialEq)]
pub struct Bundle {
    /// From the manifest; what the statements say is another question.
    pub handoff_id: HandoffId,
    /// When it was packed, by the clock of whoever packed it. No claim rests on it.
    pub created_at: Timestamp,
    /// DSSE envelope.
    pub handoff: Value,
    /// The contract's bytes, as text.
    pub contract: String,
    /// DSSE envelopes, in ledger order.
    pub decisions: Vec<Value>,
    /// Bytes of the views, as text; the one with a decision's number is the one that it names.
    pub views: Vec<String>,
    /// DSSE envelope.
    pub outcome: Option<Value>,
    /// DSSE envelopes.
    pub executions: Vec<Value>,
    /// By ascending index.
    pub entries: Vec<RecordedEntry>,
    /// Bodies of entries about reveals, by ascending index.
    pub bodies: Vec<RecordedBody>,
    /// C2SP signed note.
    pub checkpoint: String,
    pub consistency: Vec<ConsistencyProof>,
    /// DSSE envelope.
    pub directory: Value,
    /// Over the text of `checkpoint`.
    pub timestamp: Option<BundleTimestamp>,
}

/// A time-stamp with the certificates that came with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BundleTimestamp {
    /// The authority's answer, in DER.
    pub token: Vec<u8>,
    /// Certificates, in DER.
    pub chain: Vec<Vec<u8>>,
}

impl Bundle {
    /// Reads the files of a bundle.
    ///
    /// # Errors
    /// [`BundleFault`]: the files are not those of the manifest, one of them is not of its form or not in its one spelling,
    /// or two of them contradict one another.
    pub fn read(files: &FileSet) -> Result<Self, BundleFault> {
        read::read(files)
    }

    /// The files of a bundle out of everything that a gateway recorded about one review.
    ///
    /// Nothing is verified here: whoever packs evidence packs it as it is, and whoever checks it finds what is wrong.
    /// `created_at` is what the manifest says.
    ///
    /// # Errors
    /// [`BuildError`] when the record does not fit into a bundle.
    pub fn pack(record: &AuditRecord, created_at: Timestamp) -> Result<FileSet, BuildError> {
        build::pack(record, created_at)
    }
}

/// SHA-256 of [`README`].
fn readme_digest() -> Digest {
    Digest::of(README.as_bytes())
}
