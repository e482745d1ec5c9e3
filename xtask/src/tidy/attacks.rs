//! Every test that `docs/THREATS.md` names for an attack is there.

use std::collections::HashSet;

use super::{Finding, Text};

const PAGE: &str = "docs/THREATS.md";
const HEADING: &str = "## Attacks and their tests";

/// Looks at the last column of the table under the heading: what stands there in backticks is the name of a test, a
/// function in Rust or a title in the page's tests.
pub(crate) fn check(texts: &[Text]) -> Vec<Finding> {
    let Some(page) = texts.iter().find(|file| file.path == PAGE) else { return Vec::new() };
    let known = tests(texts);
    let lines = page.text.lines().enumerate().skip_while(|(_, line)| *line != HEADING).skip(1);
    let rows = lines.take_while(|(_, line)| !line.starts_with("## ")).filter(|(_, line)| line.starts_with("| A"));
    let mut findings = Vec::new();
    for (index, row) in rows {
        let tests = row.trim_end_matches(['|', ' ']).rsplit('|').next().unwrap_or_default();
        for name in tests.split('`').skip(1).step_by(2).filter(|name| !known.contains(name)) {
            let message = format!("names the test {name}, which is nowhere: give the name that it has, or write it");
            findings.push(Finding::failure(PAGE, index + 1, message));
        }
    }
    findings
}

fn tests(texts: &[Text]) -> HashSet<&str> {
    let mut names = HashSet::new();
    for file in texts {
        if file.path.ends_with(".rs") {
            let functions = file.text.split("fn ").skip(1);
            names.extend(functions.filter_map(|rest| rest.split_once('(')).map(|(name, _)| name));
        } else if file.path.starts_with("ui/tests/") {
            names.extend(file.text.split('"').skip(1).step_by(2));
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::super::{places, tree};
    use super::*;

    #[test]
    fn a_test_that_is_nowhere_is_found() {
        let rust = ("ledger/src/tests.rs", "#[test]\nfn a_mask_that_lies() {}");
        let page = ("ui/tests/a.test.ts", "it(\"takes no click\", () => {});");
        let table = |tests: &str| {
            format!("# Threats\n\n## Attacks and their tests\n\n| A8 | a mask lies | recomputed | {tests} |\n")
        };
        let good = table("`a_mask_that_lies`, `takes no click`");
        assert_eq!(check(&tree(&[rust, page, (PAGE, &good)])), []);
        let bad = table("`a_mask_that_lies`, `a_mask_that_lied`");
        assert_eq!(places(&check(&tree(&[rust, page, (PAGE, &bad)]))), ["docs/THREATS.md:5"]);
        let elsewhere = "## Other\n\n| A8 | x | y | `nowhere` |\n";
        assert_eq!(check(&tree(&[rust, (PAGE, elsewhere)])), []);
    }
}
