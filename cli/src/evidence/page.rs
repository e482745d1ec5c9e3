//! Writing the report without writing over evidence.

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use seamark_ledger::bundle::{ReportFrame, html_report, report_document};
use seamark_ledger::verify::BundleReport;
use seamark_report::{is_pdf_report, pdf_report};

/// How every report in HTML begins; of other files in HTML none is replaced by one.
const BEGINNING: &[u8] = b"<!doctype html>\n<html lang=\"en\">";
/// Largest file that is looked at to see whether it is a report in PDF, in bytes. A larger one is not replaced.
const MAX_PDF: u64 = 256 * 1024 * 1024;

/// What a report is written as, by the ending of its file's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Html,
    Pdf,
}

impl Form {
    /// # Errors
    /// When the name ends in neither `.html` nor `.pdf`.
    pub(super) fn of(path: &Path) -> anyhow::Result<Self> {
        let ending = path.extension().and_then(|ending| ending.to_str()).map(str::to_ascii_lowercase);
        match ending.as_deref() {
            Some("html") => Ok(Self::Html),
            Some("pdf") => Ok(Self::Pdf),
            _ => bail!(
                "write the report {}: a report is written as HTML or as PDF, and the name says as which; let it end in .html \
                 or .pdf",
                path.display()
            ),
        }
    }

    /// The whole file.
    ///
    /// # Errors
    /// When the report breaks a rule of PDF/A.
    pub(super) fn write(self, found: &BundleReport, frame: &ReportFrame) -> anyhow::Result<Vec<u8>> {
        match self {
            Self::Html => Ok(html_report(found, frame).into_bytes()),
            Self::Pdf => Ok(pdf_report(&report_document(found, frame))?),
        }
    }
}

/// Checks that a report may be written to `path`, before anything is verified.
///
/// # Errors
/// When it is the bundle, lies in the bundle's folder, is the file of pinned keys, or is a file that is no report.
pub(super) fn check_place(path: &Path, bundle: &Path, trust: &Path) -> anyhow::Result<()> {
    let at = real_place(path)?;
    let name = path.display();
    for (evidence, what) in [(bundle, "the bundle"), (trust, "the file with the pinned keys")] {
        // What cannot be found is told where it is read.
        let Ok(evidence) = fs::canonicalize(evidence) else { continue };
        ensure!(at != evidence, "write the report {name}: it is {what}; choose another --report");
        let is_inside = evidence.is_dir() && at.starts_with(&evidence);
        ensure!(
            !is_inside,
            "write the report {name}: it lies in {what}, which must not change; choose another --report"
        );
    }
    match fs::symlink_metadata(&at) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error).with_context(|| format!("write the report {name}")),
        Ok(meta) if meta.is_file() && is_report(&at)? => Ok(()),
        Ok(_) => {
            bail!("write the report {name}: there is something that is no report of Seamark; choose another --report")
        }
    }
}

/// Where `path` leads: what is there, or what would be made in its folder.
fn real_place(path: &Path) -> anyhow::Result<PathBuf> {
    if let Ok(found) = fs::canonicalize(path) {
        return Ok(found);
    }
    let writing = || format!("write the report {}", path.display());
    let name = path.file_name().with_context(writing)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Ok(fs::canonicalize(folder).with_context(writing)?.join(name))
}

fn is_report(path: &Path) -> anyhow::Result<bool> {
    let file = fs::File::open(path)?;
    let mut bytes = Vec::new();
    let limit = u64::try_from(BEGINNING.len())?;
    (&file).take(limit).read_to_end(&mut bytes)?;
    if bytes == BEGINNING || !bytes.starts_with(b"%PDF-") {
        return Ok(bytes == BEGINNING);
    }
    file.take(MAX_PDF).read_to_end(&mut bytes)?;
    Ok(is_pdf_report(&bytes))
}

/// Writes the report beside its place and then puts it there, so that a report is there whole or as it was before.
///
/// # Errors
/// When the disk does not take it.
pub(super) fn write(path: &Path, report: &[u8]) -> anyhow::Result<()> {
    let writing = || format!("write the report {}", path.display());
    let at = real_place(path)?;
    let mut name = at.file_name().with_context(writing)?.to_os_string();
    name.push(format!(".{}.part", std::process::id()));
    let part = at.with_file_name(name);
    let written = write_new(&part, report).and_then(|()| fs::rename(&part, &at));
    if written.is_err() {
        // Nothing can be done about one that stays.
        let _ = fs::remove_file(&part);
    }
    written.with_context(writing)
}

fn write_new(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = fs::OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}
