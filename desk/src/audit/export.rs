//! The evidence of one record as a file, for whoever has neither this desk nor its gateway.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use seamark_contracts::digest::Digest;
use seamark_ledger::bundle::{BUNDLE_EXTENSION, Bundle};
use seamark_ledger::verify::{Verdict, check_bundle};

use crate::answer::{ClaimVerdict, SavedEvidence};
use crate::core::Inner;
use crate::refusal::{Refusal, RefusalCode};

/// How many files of one handoff a folder may hold before a name is no longer looked for.
const MAX_SAME_NAME: u32 = 1_000;

impl Inner {
    /// Fetches the record anew, packs it, checks the packed files under the pinned keys, and writes them into a new file.
    ///
    /// What fails is written too: that is evidence as well, and the answer says so.
    pub(crate) async fn save_evidence(&self, review_id: &str) -> Result<SavedEvidence, Refusal> {
        let enrolled = self.need_account()?;
        let record = self.fetch_record(&enrolled, review_id).await?;
        let pinned = super::record::pinned(&enrolled, self.now())?;
        let files = Bundle::pack(&record, self.now()).map_err(|error| {
            Refusal::new(
                RefusalCode::CannotVerify,
                "The gateway's record does not fit into an evidence file, so none was written. Use Verify to see what is \
                 wrong with it.",
            )
            .because(error)
        })?;
        let verdict = check_bundle(&files, &pinned).verdict();
        let archive = files.to_archive();
        let sha256 = Digest::of(&archive).to_hex();
        let folder = self.options.export_dir.clone();
        let name = format!("seamark-{}", record.review.handoff_id);
        let written = tokio::task::spawn_blocking(move || write_new(&folder, &name, BUNDLE_EXTENSION, &archive)).await;
        let path = written.map_err(io::Error::other).and_then(|written| written).map_err(|error| {
            let folder = self.options.export_dir.display();
            Refusal::new(
                RefusalCode::StorageFailed,
                format!(
                    "The evidence could not be written to {folder}. The record at the gateway is as it was. Check that the \
                     folder can be written to and the disk is not full, then try again."
                ),
            )
            .because(error)
        })?;
        let (verdict, sentence) = match verdict {
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
        assert!(write_new(&taken, "seamark-x", BUNDLE_EXTENSION, b"y").is_err());
        assert_eq!(fs::read(&taken).unwrap(), b"x");
    }
}
