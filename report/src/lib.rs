//! The readable report of a verified bundle as PDF: the same [`Document`] that the HTML is written from, on A4.
//!
//! What comes out depends on the document alone: no clock, no chance, no font of the machine. It is a tagged PDF/A-2a and
//! PDF/UA-1 whose texts can be selected and searched, and it holds no link, no script, no form and no attachment (attacks
//! A3 and A31). Texts may be in any script: a character that no embedded font has is spelled as `[U+5C71]`, and letters that
//! are written from right to left move nothing but themselves (attack A4). Nothing is cut. Source: FORMATS.md §10.5, ADR 5.

use seamark_ledger::bundle::Document;

mod boxes;
mod draw;
mod fonts;
mod layout;
mod line;
mod structure;
mod table;
mod text;

/// Names the writer in every file that [`pdf_report`] makes.
const CREATOR: &str = "Seamark evidence report";

/// Whether this is a file that [`pdf_report`] wrote, so that a newer one may take its place.
#[must_use]
pub fn is_pdf_report(file: &[u8]) -> bool {
    let mark = format!("<xmp:CreatorTool>{CREATOR}</xmp:CreatorTool>");
    file.starts_with(b"%PDF-") && file.windows(mark.len()).any(|part| part == mark.as_bytes())
}

/// Why there is no PDF.
#[derive(Debug, thiserror::Error)]
pub enum PdfError {
    /// What was laid out breaks a rule of PDF/A-2a or PDF/UA-1.
    #[error("the report cannot be written as PDF: {0}; write it as HTML")]
    Rules(String),
}

/// Writes `document` as a complete PDF: equal documents make equal bytes.
///
/// # Errors
/// When the result would break the rules of PDF/A-2a or PDF/UA-1; nothing else is written instead.
pub fn pdf_report(document: &Document) -> Result<Vec<u8>, PdfError> {
    let fonts = fonts::Fonts::load();
    let made = layout::Layout::of(document, &fonts);
    draw::draw(document, &fonts, made)
}
