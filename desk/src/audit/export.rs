//! The evidence of one record as a file, for whoever has neither this desk nor its gateway.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use seamark_contracts::digest::Digest;
use seamark_contracts::id::HandoffId;
use seamark_ledger::bundle::{BUNDLE_EXTENSION, Bundle, FileKind, FileSet, ReportFrame, report_document};
use seamark_ledger::verify::{BundleReport, Verdict, check_bundle};
use seamark_report::pdf_report;

use crate::answer::{ClaimVerdict, SavedEvidence};
use crate::core::Inner;
use crate::refusal::{Refusal, RefusalCode};

/// How many files of one handoff a folder may hold before a name is no longer looked for.
const MAX_SAME_NAME: u32 = 1_000;

/// Ending of a report's name.
const REPORT_EXTENSION: &str = ".pdf";

/// The evidence of one record, packed and checked as anybody else would check it.
struct Packed {
    handoff_id: HandoffId,
    files: FileSet,
    found: BundleReport,
    frame: ReportFrame,
}

impl Inner {
    /// Fetches the record anew, packs it, checks the packed files under the pinned keys, and writes them into a new file.
    ///
    /// What fails is written too: that is evidence as well, and the answer says so.
    pub(crate) async fn save_evidence(&self, review_id: &str) -> Result<SavedEvidence, Refusal> {
        let packed = self.pack(review_id).await?;
        let (verdict, sentence) = match packed.found.verdict() {
            Verdict::Pass => (
                ClaimVerdict::Pass,
                "Every claim in it that needs nobody outside holds under the keys that this desk pinned.",
            ),
            Verdict::Unknown => (
                ClaimVerdict::Unknown,
                "Not everything that it should prove is proven yet; Verify says what is missing. It can be saved again later.",
            ),
            Verdict::Fail => (
                ClaimVerdict::Fail,
                "A claim in it fails, so do not rely on what it says. Keep it: that it fails is evidence too.",
            ),
        };
        let write = move || Ok(packed.files.to_archive());
        self.save("evidence", packed.handoff_id, BUNDLE_EXTENSION, write, verdict, sentence).await
    }

    /// The same up to the check, and then what it proved as a report for people, in PDF.
    pub(crate) async fn save_report(&self, review_id: &str) -> Result<SavedEvidence, Refusal> {
        let Packed { handoff_id, found, frame, .. } = self.pack(review_id).await?;
        let (verdict, sentence) = match found.verdict() {
            Verdict::Pass => {
                (ClaimVerdict::Pass, "It says what is proven. It is to be read; the proof is the evidence file.")
            }
            Verdict::Unknown => (
                ClaimVerdict::Unknown,
                "Not everything is proven yet, and it says what is missing. It is to be read; the proof is the evidence file.",
            ),
            Verdict::Fail => (ClaimVerdict::Fail, "A claim fails, and it says which. Do not rely on this record."),
        };
        let write = move || pdf_report(&report_document(&found, &frame)).map_err(io::Error::other);
        self.save("report", handoff_id, REPORT_EXTENSION, write, verdict, sentence).await
    }

    async fn pack(&self, review_id: &str) -> Result<Packed, Refusal> {
        let enrolled = self.need_account()?;
        let record = self.fetch_record(&enrolled, review_id).await?;
        let now = self.now();
        let pinned = super::record::pinned(&enrolled, now)?;
        let files = Bundle::pack(&record, now).map_err(|error| {
            Refusal::new(
                RefusalCode::CannotVerify,
                "The gateway's record does not fit into an evidence file, so none was written. Use Verify to see what is \
                 wrong with it.",
            )
            .because(error)
        })?;
        let trust = &enrolled.account.trust;
        let frame = ReportFrame {
            as_of: now,
            root_keyid: trust.root_keyid.clone(),
            ledger_origin: trust.ledger_origin.clone(),
            manifest: files.get(FileKind::Manifest).map(Digest::of),
        };
        let found = check_bundle(&files, &pinned);
        Ok(Packed { handoff_id: record.review.handoff_id, files, found, frame })
    }

    /// Makes a file's bytes and writes them into the folder of exports, both off the threads that wait for others.
    async fn save(
        &self,
        what: &str,
        handoff_id: HandoffId,
        extension: &'static str,
        make: impl FnOnce() -> io::Result<Vec<u8>> + Send + 'static,
        verdict: ClaimVerdict,
        sentence: &str,
    ) -> Result<SavedEvidence, Refusal> {
        let folder = self.options.export_dir.clone();
        let name = format!("seamark-{handoff_id}");
        let written = tokio::task::spawn_blocking(move || {
            let bytes = make()?;
            let sha256 = Digest::of(&bytes).to_hex();
            write_new(&folder, &name, extension, &bytes).map(|path| (path, sha256))
        });
        let written = written.await.map_err(io::Error::other).and_then(|written| written);
        let (path, sha256) = written.map_err(|error| {
            let folder = self.options.export_dir.display();
            Refusal::new(
                RefusalCode::StorageFailed,
                format!(
                    "The {what} could not be written to {folder}. The record at the gateway is as it was. Check that the \
                     folder can be written to and the disk is not full, then try again."
                ),
            )
            .because(error)
        })?;
        Ok(SavedEvidence { path: path.display().to_string(), sha256, verdict, sentence: sentence.to_owned() })
    }
}

/// Writes `bytes` into a file that was not there, readable by this user alone. A name that is taken gets a number.
pub(crate) fn write_new(folder: &Path, name: &str, extension: &str, bytes: &[u8]) -> io::Result<PathBuf> {
    fs::create_dir_all(folder)?;
    for number in 1..=MAX_SAME_NAME {
        let numbered = if number == 1 { String::new() } else { format!("-{number}") };
        let path = folder.join(format!("{name}{numbered}{extension}"));
        match new_private_file(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
            Ok(mut file) => {
                let written = file.write_all(bytes).and_then(|()| file.sync_all());
                if written.is_err() {
                    // Half of a file is no evidence; that it cannot be removed either adds nothing to the first error.
                    fs::remove_file(&path).ok();
                }
                return written.map(|()| path);
            }
        }
    }
    Err(io::Error::new(io::ErrorKind::AlreadyExists, "too many files of this handoff are there"))
}

fn new_private_file(path: &Path) -> io::Result<File> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_there_is_never_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("made");
        let names: Vec<_> = (0..3).map(|n| write_new(&inner, "seamark-x", BUNDLE_EXTENSION, &[n]).unwrap()).collect();
        let name = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
        assert_eq!(
            names.iter().map(name).collect::<Vec<_>>(),
            ["seamark-x.seamark.zip", "seamark-x-2.seamark.zip", "seamark-x-3.seamark.zip"]
        );
        for (n, path) in (0..).zip(&names) {
            assert_eq!(fs::read(path).unwrap(), [n]);
        }
    }

    #[test]
    fn a_folder_that_is_a_file_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let taken = folder.path().join("taken");
        fs::write(&taken, b"x").unwrap();
        assert!(write_new(&taken, "seamark-x", REPORT_EXTENSION, b"y").is_err());
        assert_eq!(fs::read(&taken).unwrap(), b"x");
    }
}
