//! Code that decides about signed or stored bytes does not change silently: others verify those bytes with nothing but
//! `docs/FORMATS.md` in hand.
//!
//! `xtask/formats.lock` holds a digest of each such file, comments, blank lines and tests left out, and of the document.
//! A changed file fails until it is recorded with `cargo xtask tidy --bless`, which puts the lock file into the change
//! and so before the eyes of whoever reviews it. Recording is needed after a described change too: otherwise the next,
//! undescribed one would pass for part of it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use super::{Finding, Text};

/// Where the digests are kept.
pub(crate) const LOCK: &str = "xtask/formats.lock";

const DOCUMENT: &str = "docs/FORMATS.md";

const SOURCES: &[&str] =
    &["contracts/src/mask.rs", "ledger/src/checkpoint.rs", "ledger/src/entry.rs", "ledger/src/statement.rs"];

/// Compares the sources with the lock.
pub(crate) fn check(texts: &[Text]) -> Vec<Finding> {
    let locked = texts.iter().find(|file| file.path == LOCK).map(|file| read(&file.text)).unwrap_or_default();
    let now = digests(texts);
    let same = |path: &str| locked.get(path) == now.get(path);
    let is_described = !same(DOCUMENT);
    SOURCES
        .iter()
        .filter(|path| !same(path))
        .map(|path| {
            let message = if is_described {
                format!("changed, and so did {DOCUMENT}: record both with `cargo xtask tidy --bless`")
            } else {
                format!(
                    "changed without {DOCUMENT}: describe the change there; if no signed or stored byte changes, say so in the commit. Then record it with `cargo xtask tidy --bless`"
                )
            };
            Finding::failure(path, 0, message)
        })
        .collect()
}

/// The lock file for the present texts.
pub(crate) fn lock(texts: &[Text]) -> String {
    let mut text = String::from("# Written by `cargo xtask tidy --bless`; xtask/src/tidy/formats.rs says why.\n");
    for (path, digest) in digests(texts) {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{digest}  {path}");
    }
    text
}

fn read(lock: &str) -> BTreeMap<&str, String> {
    lock.lines().filter_map(|line| line.split_once("  ")).map(|(digest, path)| (path, digest.to_owned())).collect()
}

fn digests(texts: &[Text]) -> BTreeMap<&str, String> {
    texts
        .iter()
        .filter_map(|file| {
            let path = file.path.as_str();
            if path == DOCUMENT {
                Some((path, digest(&file.text)))
            } else if SOURCES.contains(&path) {
                Some((path, digest(&essence(&file.text))))
            } else {
                None
            }
        })
        .collect()
}

/// SHA-256, 64 lowercase hex digits.
fn digest(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// A Rust text without comments of whole lines, blank lines, indentation, and the test module at its end.
fn essence(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let tests_at = lines.iter().rposition(|line| *line == "#[cfg(test)]").filter(|at| {
        lines.iter().skip(at + 1).find(|line| !line.starts_with("#[")).is_some_and(|line| line.starts_with("mod "))
    });
    lines
        .into_iter()
        .take(tests_at.unwrap_or(usize::MAX))
        .filter(|line| !line.is_empty() && !line.starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n")
}

#[cfg(test)]
mod tests {
    use super::super::tree;
    use super::*;

    const ENTRY: &str = "ledger/src/entry.rs";

    /// A tree whose lock was written when the entry was `before`.
    fn after(before: (&str, &str), now: (&str, &str)) -> Vec<Finding> {
        let then = lock(&tree(&[(ENTRY, before.0), (DOCUMENT, before.1)]));
        check(&tree(&[(ENTRY, now.0), (DOCUMENT, now.1), (LOCK, &then)]))
    }

    #[test]
    fn comments_tests_and_layout_may_change() {
        let before = ("//! Old words.\nfn leaf() {\n    1\n}\n", "doc");
        let now = ("//! New words.\n\nfn leaf() {\n  1\n}\n\n#[cfg(test)]\nmod tests { fn t() {} }\n", "doc");
        assert_eq!(after(before, now), []);
        assert_eq!(after(("fn a() {}", "doc"), ("fn a() {}", "better words")), []);
    }

    #[test]
    fn changed_code_is_found_and_the_message_depends_on_the_document() {
        let silent = after(("fn a() {}", "doc"), ("fn b() {}", "doc"));
        assert!(silent[0].message.contains("changed without docs/FORMATS.md"));
        let described = after(("fn a() {}", "doc"), ("fn b() {}", "new doc"));
        assert!(described[0].message.contains("record both"));
    }

    #[test]
    fn an_unrecorded_file_is_found() {
        assert_eq!(check(&tree(&[(ENTRY, "fn a() {}")])).len(), 1);
        assert_eq!(check(&tree(&[])), []);
    }

    #[test]
    fn code_behind_a_lone_test_attribute_still_counts() {
        assert!(essence("#[cfg(test)]\nfn helper() {}\nfn real() {}").contains("real"));
    }
}
