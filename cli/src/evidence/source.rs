//! Reading a bundle from the disk: an archive, or the folder that it was unpacked into.

use std::fs;
use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, bail, ensure};
use seamark_ledger::bundle::{FileKind, FileSet};

/// Largest archive that is read, in bytes: all files of a bundle and their headers.
const MAX_ARCHIVE: u64 = 72 * 1024 * 1024;

/// Deepest folder of a bundle below its own.
const MAX_DEPTH: usize = 2;

/// Files and folders that are looked at before giving up.
const MAX_SEEN: usize = 10_000;

/// What was found on the disk.
pub(super) enum Source {
    /// An archive, not read yet: what is wrong with it is a finding.
    Archive(Vec<u8>),
    Folder(FileSet),
    /// A folder that holds something that no bundle has; what it is.
    NoBundle(String),
}

/// Reads the archive or folder at `path`.
///
/// # Errors
/// When the disk does not give it, or an archive is larger than any bundle.
pub(super) fn read(path: &Path) -> anyhow::Result<Source> {
    let reading = || format!("read the bundle {}", path.display());
    let meta = fs::metadata(path).with_context(reading)?;
    if meta.is_dir() {
        let mut folder = Folder { files: FileSet::default(), n_seen: 0, fault: None };
        folder.take(path, "", 0).with_context(reading)?;
        return Ok(match folder.fault {
            None => Source::Folder(folder.files),
            Some(fault) => Source::NoBundle(format!(
                "{fault}; remove from the folder what the bundle did not bring, or verify the archive itself"
            )),
        });
    }
    match read_file(path, MAX_ARCHIVE).with_context(reading)? {
        Some(bytes) => Ok(Source::Archive(bytes)),
        None => bail!("read the bundle {}: it is larger than any bundle, {MAX_ARCHIVE} bytes", path.display()),
    }
}

/// The bytes of a regular file; nothing when there are more than `max`.
///
/// # Errors
/// When it cannot be read, or is a pipe, a device or a folder: opening one of these may wait for ever.
pub(super) fn read_file(path: &Path, max: u64) -> anyhow::Result<Option<Vec<u8>>> {
    ensure!(fs::metadata(path)?.is_file(), "it is no regular file");
    Ok(read_bounded(path, max)?)
}

/// The bytes of a file; nothing when there are more than `max`.
fn read_bounded(path: &Path, max: u64) -> std::io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    fs::File::open(path)?.take(max + 1).read_to_end(&mut bytes)?;
    Ok((u64::try_from(bytes.len()).is_ok_and(|n| n <= max)).then_some(bytes))
}

struct Folder {
    files: FileSet,
    n_seen: usize,
    fault: Option<String>,
}

impl Folder {
    /// Takes in what lies in `folder`, whose path within the bundle is `inside`.
    fn take(&mut self, folder: &Path, inside: &str, depth: usize) -> std::io::Result<()> {
        for found in fs::read_dir(folder)? {
            let found = found?;
            self.n_seen += 1;
            if self.fault.is_some() || self.n_seen > MAX_SEEN {
                self.fault.get_or_insert_with(|| format!("more than {MAX_SEEN} files"));
                return Ok(());
            }
            let name = found.file_name().to_string_lossy().into_owned();
            let path = if inside.is_empty() { name } else { format!("{inside}/{name}") };
            // The link itself, not what it leads to.
            let kind = found.file_type()?;
            if kind.is_dir() && depth < MAX_DEPTH {
                self.take(&found.path(), &path, depth + 1)?;
            } else if kind.is_file() {
                self.take_file(&found.path(), &path)?;
            } else {
                self.fault = Some(format!("{path:?}, which is no plain file"));
            }
        }
        Ok(())
    }

    fn take_file(&mut self, file: &Path, path: &str) -> std::io::Result<()> {
        let max = FileKind::parse(path).map_or(0, FileKind::max_bytes);
        let read = read_bounded(file, u64::try_from(max).unwrap_or(u64::MAX))?;
        let taken = match read {
            // A path of no bundle, or too many bytes: the set says which.
            None => self.files.insert(path, vec![0; max + 1]),
            Some(bytes) => self.files.insert(path, bytes),
        };
        if let Err(error) = taken {
            self.fault = Some(error.to_string());
        }
        Ok(())
    }
}
