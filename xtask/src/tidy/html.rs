//! The page shows text, never markup that came from data.

use super::{Finding, Text};

/// Looks for Svelte's raw HTML.
pub(crate) fn check(texts: &[Text]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in texts.iter().filter(|file| file.path.ends_with(".svelte")) {
        for (index, line) in file.text.lines().enumerate() {
            if line.contains("{@html") {
                findings.push(Finding::failure(
                    &file.path,
                    index + 1,
                    "uses raw HTML: agent text is plain text; write markup as a component in ui/src/primitives",
                ));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::{places, tree};
    use super::*;

    #[test]
    fn raw_html_is_found() {
        let files = tree(&[("ui/src/a.svelte", "<p>{text}</p>\n{@html text}"), ("docs/b.md", "never {@html")]);
        assert_eq!(places(&check(&files)), ["ui/src/a.svelte:2"]);
    }
}
