//! A report for people, made from what a verification proved and from nothing else.
//!
//! What it says is a [`Document`] of headings, paragraphs and tables; how it looks is up to a writer of it: the one for HTML
//! is here, the one for PDF is the crate `seamark-report`. The HTML is one page without script, without anything from
//! elsewhere, and good to print on A4. Every text that came out of the bundle is written as text, with control and invisible
//! characters as codes, and in a cell of its own. Source: FORMATS.md §10.5, R2 and R10 of 21 CFR 11.10(b) and 11.50: name,
//! time and meaning stand beside every signature.

use seamark_contracts::clock::Timestamp;
use seamark_contracts::digest::Digest;

use crate::verify::{BundleReport, Claim, Verdict};

mod document;
mod html;
mod sections;
mod shown;
mod signatures;
mod summary;

pub use document::{Block, Cell, Document, Shown};
use document::{Page, own, said, short};

/// What the verifier itself knows: what it checked, when, and under which keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportFrame {
    /// The time as of which everything was judged.
    pub as_of: Timestamp,
    /// Key id of the pinned root.
    pub root_keyid: String,
    /// Origin of the pinned ledger.
    pub ledger_origin: String,
    /// SHA-256 of the bundle's manifest, which names every byte of the bundle; absent when there was none.
    pub manifest: Option<Digest>,
}

/// Writes the report as a complete HTML document, UTF-8.
#[must_use]
pub fn html_report(found: &BundleReport, frame: &ReportFrame) -> String {
    html::write(&report_document(found, frame))
}

/// Everything that the report says, for any writer of it.
#[must_use]
pub fn report_document(found: &BundleReport, frame: &ReportFrame) -> Document {
    let verdict = found.verdict();
    let handoff = found.proved.handoff.as_ref().map(|handoff| Shown::new(&handoff.predicate.handoff_id.to_string()));
    Document {
        title: Shown::new("Evidence of a decision"),
        verdict,
        verdict_word: Shown::new(verdict_word(verdict)),
        handoff,
        as_of: frame.as_of,
        blocks: blocks(found, frame, verdict),
    }
}

fn verdict_word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "Proved",
        Verdict::Unknown => "Not proved",
        Verdict::Fail => "Contradicted",
    }
}

fn blocks(found: &BundleReport, frame: &ReportFrame, verdict: Verdict) -> Vec<Block> {
    let mut page = Page::default();
    banner(&mut page, found, verdict);
    summary::summary(&mut page, &found.proved, frame);
    signatures::signatures(&mut page, &found.proved);
    shown::shown(&mut page, &found.proved);
    sections::masked(&mut page, &found.proved);
    sections::revealed(&mut page, &found.proved);
    sections::followed(&mut page, &found.proved);
    sections::executed(&mut page, &found.proved);
    sections::ledger(&mut page, &found.proved);
    claims(&mut page, found);
    page.section("What this report is", |page| {
        page.paragraph(
            "The program that checked the bundle wrote this page from what it proved; text that the bundle brought along is \
             shown only where its proof holds. The page itself is not signed: check the bundle again rather than this paper.",
        );
        page.paragraph(
            "Times are those of the gateway and of people's devices. A signature proves that a key was used on exactly these \
             bytes; it does not prove that a person understood them. Entries of the ledger after the last one listed are not \
             part of the bundle.",
        );
        page.paragraph(
            "Everything here is judged under the keys that the verifier pinned. Who holds the organisation's root key can \
             enrol keys in anybody's name: that is somebody of the organisation, and not the gateway, unless one person runs it \
             for themselves alone. A report cannot tell which.",
        );
    });
    page.into_blocks()
}

fn banner(page: &mut Page, found: &BundleReport, verdict: Verdict) {
    let claims = &found.report.claims;
    let titles = |is_outside_wanted: bool| {
        let is_wanted =
            |claim: &&Claim| claim.verdict == Verdict::Unknown && found.is_optional(claim.id) == is_outside_wanted;
        claims.iter().filter(is_wanted).map(|claim| claim.id.title()).collect::<Vec<_>>().join("; ")
    };
    let sentence = match verdict {
        Verdict::Pass => "Every required claim passed.".to_owned(),
        Verdict::Unknown => match titles(false) {
            none if none.is_empty() => "A required claim could not be made.".to_owned(),
            open => format!("Not shown to be so: {open}."),
        },
        Verdict::Fail => "Something is wrong with this bundle. Do not rely on it.".to_owned(),
    };
    page.banner(verdict, verdict_word(verdict), &sentence);
    for claim in claims.iter().filter(|claim| claim.verdict == Verdict::Fail) {
        page.banner(Verdict::Fail, claim.id.title(), &claim.sentence);
    }
    let apart = titles(true);
    if !apart.is_empty() {
        page.paragraph(&format!("Not shown, and not required: {apart}."));
    }
}

fn claims(page: &mut Page, found: &BundleReport) {
    page.section("Claim by claim", |page| {
        let rows = found.report.claims.iter().map(|claim| {
            let word = match claim.verdict {
                Verdict::Pass => "PASS",
                Verdict::Unknown => "UNKNOWN",
                Verdict::Fail => "FAIL",
            };
            vec![own(claim.id.title()), short(word), said(claim.sentence.clone())]
        });
        page.table(&["Claim", "Result", "What was found"], rows);
    });
}
