//! The PDF of a report: that it says what the HTML says, whole, and holds nothing that acts.
#![expect(clippy::unwrap_used, reason = "helpers of tests stand outside of test functions")]

use lopdf::Object;
use proptest::prelude::*;
use seamark_contracts::api::ledger::Trust;
use seamark_contracts::clock::Timestamp;
use seamark_contracts::digest::Digest;
use seamark_ledger::bundle::{Block, Cell, Document, ReportFrame, Shown, html_report, report_document};
use seamark_ledger::verify::{BundleReport, Pinned, Verdict, check_archive};
use seamark_report::{is_pdf_report, pdf_report};

const REFUND: &[u8] = include_bytes!("../../ledger/vectors/evidence/refund.seamark.zip");
const REJECTED: &[u8] = include_bytes!("../../ledger/vectors/evidence/rejected.seamark.zip");
const TRUST: &[u8] = include_bytes!("../../ledger/vectors/evidence/trust.json");

fn as_of() -> Timestamp {
    Timestamp::parse("2026-11-22T07:00:00.000Z").unwrap()
}

fn checked(archive: &[u8]) -> (BundleReport, ReportFrame) {
    let trust: Trust = serde_json::from_slice(TRUST).unwrap();
    let pinned = Pinned::from_trust(&trust, None, as_of()).unwrap();
    let frame = ReportFrame {
        as_of: as_of(),
        root_keyid: trust.root_keyid.clone(),
        ledger_origin: trust.ledger_origin.clone(),
        manifest: Some(Digest::of(b"manifest")),
    };
    (check_archive(archive, &pinned), frame)
}

fn document(blocks: Vec<Block>) -> Document {
    Document {
        title: Shown::new("Evidence of a decision"),
        verdict: Verdict::Unknown,
        verdict_word: Shown::new("Not proved"),
        handoff: None,
        as_of: as_of(),
        blocks,
    }
}

/// The text of each page as a program reads it, without white space: where lines break is no matter.
fn pages(pdf: &[u8]) -> Vec<String> {
    let file = lopdf::Document::load_mem(pdf).unwrap();
    let numbers = file.get_pages().into_keys();
    numbers.map(|number| squeezed(&file.extract_text(&[number]).unwrap())).collect()
}

fn squeezed(text: &str) -> String {
    text.chars().filter(|character| !character.is_whitespace()).collect()
}

/// The text of the report alone, without what each page repeats.
fn body(pdf: &[u8]) -> String {
    let pages = pages(pdf);
    let n_pages = pages.len();
    let bodies = (1..).zip(&pages).map(|(number, page)| {
        let header = ["provedProved", "provedNotproved", "provedContradicted"];
        let start = header.iter().find_map(|header| page.find(header).map(|at| at + header.len()));
        let start = start.or_else(|| {
            let words = ["Proved", "Notproved", "Contradicted"];
            words.iter().filter_map(|word| page.find(word).map(|at| at + word.len())).min()
        });
        let end = page.rfind("Judgedasof").unwrap();
        assert!(page.ends_with(&format!("page{number}of{n_pages}")), "{page}");
        page.get(start.unwrap()..end).unwrap().to_owned()
    });
    bodies.collect()
}

fn texts<'a>(blocks: &'a [Block], into: &mut Vec<&'a str>) {
    for block in blocks {
        match block {
            Block::Section { title, blocks } => {
                into.push(title.as_str());
                texts(blocks, into);
            }
            Block::Heading(text) | Block::Paragraph(text) | Block::Words(text) => into.push(text.as_str()),
            Block::Banner { word, sentence, .. } => into.extend([word.as_str(), sentence.as_str()]),
            Block::Pairs(pairs) => pairs.iter().for_each(|(name, cell)| into.extend([name.as_str(), cell.text()])),
            Block::Table { heads, rows } => {
                into.extend(heads.iter().map(Shown::as_str));
                into.extend(rows.iter().flatten().map(Cell::text));
            }
        }
    }
}

/// R10: every name, time, meaning, claim and fact of the report, in the order in which the HTML has them.
#[test]
fn the_pdf_says_everything_that_the_html_says_in_the_same_order() {
    for archive in [REFUND, REJECTED] {
        let (found, frame) = checked(archive);
        let document = report_document(&found, &frame);
        let html = html_report(&found, &frame);
        let mut wanted = Vec::new();
        texts(&document.blocks, &mut wanted);
        assert!(wanted.len() > 150 && wanted.contains(&"Printed name") && wanted.contains(&"Claim by claim"));
        let body = body(&pdf_report(&document).unwrap());
        let mut rest = body.as_str();
        for text in wanted {
            let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
            let escaped = escaped.replace('"', "&quot;").replace('\'', "&#39;");
            assert!(html.contains(&escaped), "{text}");
            let text = squeezed(text);
            let at = rest.find(&text).unwrap_or_else(|| panic!("{text}\nis not in\n{rest}"));
            rest = &rest[at + text.len()..];
        }
    }
}

#[test]
fn every_page_names_handoff_verdict_and_its_number() {
    let (found, frame) = checked(REFUND);
    let document = report_document(&found, &frame);
    let id = document.handoff.clone().unwrap();
    let pages = pages(&pdf_report(&document).unwrap());
    assert!(pages.len() > 2);
    for (number, page) in (1..).zip(&pages) {
        let word = squeezed(document.verdict_word.as_str());
        assert!(page.starts_with(&format!("Evidenceofadecisionhandoff{}{word}", id.as_str())), "{page}");
        assert!(page.ends_with(&format!("page{number}of{}", pages.len())), "{page}");
    }
}

#[test]
fn equal_reports_are_equal_to_the_byte() {
    let made = || {
        let (found, frame) = checked(REFUND);
        pdf_report(&report_document(&found, &frame)).unwrap()
    };
    assert!(made() == made());
}

fn long_words(n: usize) -> String {
    (0..n).map(|number| format!("w{number:05}")).collect::<Vec<_>>().join(" ")
}

/// Nothing is cut: a value goes on over as many pages as it needs, in every kind of place.
#[test]
fn a_long_value_is_complete_over_pages() {
    let text = long_words(6_000);
    let unbroken = text.replace(' ', "");
    let said = |text: &str| Cell::Said(Shown::new(text));
    let places = [
        Block::Words(Shown::new(&text)),
        Block::Paragraph(Shown::new(&text)),
        Block::Banner { verdict: Verdict::Fail, word: Shown::new("x"), sentence: Shown::new(&text) },
        Block::Pairs(vec![(Shown::new("Name"), said(&text)), (Shown::new("After"), said("end"))]),
        Block::Table { heads: vec![Shown::new("Head")], rows: vec![vec![said(&text)], vec![said(&unbroken)]] },
        Block::Table {
            heads: vec![Shown::new("Head"), Shown::new("Head")],
            rows: vec![vec![said("a"), said(&unbroken)]],
        },
    ];
    for place in places {
        let pdf = pdf_report(&document(vec![place.clone()])).unwrap();
        let pages = pages(&pdf);
        assert!(pages.len() > 5, "{}", pages.len());
        let body = body(&pdf).replace("Head", "").replace("Name", "");
        assert!(body.contains(&unbroken), "{place:?}");
    }
}

/// A table goes on under its heads, and a row that fits on a page is on one page.
#[test]
fn a_table_repeats_its_heads_and_keeps_its_rows_whole() {
    let lines = (0..12).map(|line| format!("line{line}")).collect::<Vec<_>>().join("\n");
    let rows = (0..30).map(|row| vec![Cell::Word(Shown::new(&format!("row{row:02}"))), Cell::Said(Shown::new(&lines))]);
    let table = Block::Table { heads: vec![Shown::new("First"), Shown::new("Second")], rows: rows.collect() };
    let pages = pages(&pdf_report(&document(vec![table])).unwrap());
    assert!(pages.len() >= 8);
    for page in &pages {
        assert_eq!(page.matches("FirstSecondrow").count(), 1, "{page}");
        assert_eq!(page.matches("row").count(), page.matches("line11").count(), "{page}");
        assert_eq!(page.matches("row").count(), page.matches("line0").count(), "{page}");
    }
}

#[test]
fn what_no_font_has_is_spelled_in_the_file() {
    let cell = Cell::Said(Shown::new("山田 paid \u{202e}100\u{200b} שלום नमस्ते"));
    let body = body(&pdf_report(&document(vec![Block::Pairs(vec![(Shown::new("Said"), cell)])])).unwrap());
    assert!(body.contains("[U+5C71][U+7530]paid[U+202E]100[U+200B]"), "{body}");
}

fn names_of(object: &Object, into: &mut Vec<String>) {
    match object {
        Object::Name(name) => into.push(String::from_utf8_lossy(name).into_owned()),
        Object::Array(items) => items.iter().for_each(|item| names_of(item, into)),
        Object::Dictionary(dictionary) => names_of_dictionary(dictionary, into),
        Object::Stream(stream) => names_of_dictionary(&stream.dict, into),
        _ => {}
    }
}

fn names_of_dictionary(dictionary: &lopdf::Dictionary, into: &mut Vec<String>) {
    for (key, value) in dictionary {
        into.push(String::from_utf8_lossy(key).into_owned());
        names_of(value, into);
    }
}

const HOSTILE: &str = "</dd><script>alert(1)</script> https://evil.example/ (mailto:x@evil.example) \
    ) Tj ET endstream endobj << /S /URI /URI (https://evil.example) >> /JS /Launch \u{202e}\u{2066} \u{1b}[31m a\u{301}\u{301}\u{301}\u{301}\u{301}";

/// Attacks A3 and A31: whatever a text says, the file has nothing that could be followed, run, filled in or taken out of it.
#[test]
fn attack_a3_a_hostile_text_makes_no_link_no_action_and_no_attachment() {
    let shown = || Shown::new(HOSTILE);
    let cells = || vec![Cell::Own(shown()), Cell::Word(shown()), Cell::Code(shown()), Cell::Said(shown())];
    let blocks = vec![
        Block::Words(shown()),
        Block::Banner { verdict: Verdict::Fail, word: shown(), sentence: shown() },
        Block::Pairs(cells().into_iter().map(|cell| (shown(), cell)).collect()),
        Block::Section { title: shown(), blocks: vec![Block::Heading(shown()), Block::Paragraph(shown())] },
        Block::Table { heads: vec![shown(), shown(), shown(), shown()], rows: vec![cells()] },
    ];
    let pdf = pdf_report(&Document { title: shown(), handoff: Some(shown()), ..document(blocks) }).unwrap();
    let file = lopdf::Document::load_mem(&pdf).unwrap();
    let mut names = Vec::new();
    file.objects.values().for_each(|object| names_of(object, &mut names));
    names_of_dictionary(&file.trailer, &mut names);
    assert!(names.iter().any(|name| name == "StructTreeRoot"), "{names:?}");
    for never in [
        "AA",
        "Action",
        "URI",
        "JS",
        "JavaScript",
        "Launch",
        "GoTo",
        "GoToR",
        "SubmitForm",
        "ImportData",
        "Annot",
        "Annots",
        "AcroForm",
        "XFA",
        "EmbeddedFile",
        "EmbeddedFiles",
        "Filespec",
        "AF",
        "OpenAction",
        "RichMedia",
        "Encrypt",
    ] {
        assert!(!names.iter().any(|name| name == never), "{never}");
    }
    let read: String = pages(&pdf).concat();
    assert!(read.contains("<script>alert(1)</script>") && read.contains("[U+202E][U+2066][U+001B][31m"), "{read}");
}

#[test]
fn a_report_is_known_from_other_files() {
    let pdf = pdf_report(&document(Vec::new())).unwrap();
    assert!(is_pdf_report(&pdf));
    let other = String::from_utf8_lossy(&pdf).replace("Seamark", "Another");
    assert!(!is_pdf_report(other.as_bytes()) && !is_pdf_report(b"%PDF-1.7\n") && !is_pdf_report(b""));
    assert!(!is_pdf_report(&[b"x", &pdf[..]].concat()));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]
    /// No text keeps a report from being made, or from keeping the rules of PDF/A and PDF/UA, which the writer checks.
    #[test]
    fn every_text_can_be_written(text in "\\PC{0,40}", odd in any::<Vec<char>>()) {
        let odd: String = odd.into_iter().collect();
        let cell = |text: &str| Cell::Said(Shown::new(text));
        let rows = vec![vec![cell(&text), Cell::Code(Shown::new(&odd))]];
        let made = pdf_report(&document(vec![
            Block::Table { heads: vec![Shown::new("a"), Shown::new(&text)], rows },
            Block::Section { title: Shown::new(&format!("x{odd}")), blocks: vec![Block::Words(Shown::new(&odd))] },
        ]));
        prop_assert!(made.is_ok(), "{:?}", made.err());
    }
}
