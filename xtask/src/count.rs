//! How many tests a test runner says it ran.

/// What a runner reported.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) ignored: u64,
}

/// Adds up the lines `test result: ok. 3 passed; 0 failed; 1 ignored; ...` of every test binary.
pub(crate) fn cargo_test(output: &str) -> Count {
    let mut count = Count::default();
    for line in output.lines() {
        if let Some((_, rest)) = line.split_once("test result:") {
            count.passed += number_before(rest, "passed");
            count.failed += number_before(rest, "failed");
            count.ignored += number_before(rest, "ignored");
        }
    }
    count
}

/// Reads vitest's summary line `Tests  1 failed | 12 passed | 2 skipped (15)`.
pub(crate) fn vitest(output: &str) -> Count {
    let mut count = Count::default();
    for line in output.lines() {
        let plain = without_colours(line);
        if let Some(rest) = plain.trim().strip_prefix("Tests ") {
            count.passed += number_before(rest, "passed");
            count.failed += number_before(rest, "failed");
            count.ignored += number_before(rest, "skipped") + number_before(rest, "todo");
        }
    }
    count
}

/// The number that stands right before `word`; 0 when the word is absent.
fn number_before(text: &str, word: &str) -> u64 {
    let mut previous = "";
    for token in text.split([' ', ';', '|', '(', ')']).filter(|t| !t.is_empty()) {
        if token == word {
            return previous.parse().unwrap_or(0);
        }
        previous = token;
    }
    0
}

/// Drops terminal colour sequences (`ESC [ ... letter`).
fn without_colours(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        if character == '\u{1b}' {
            for inside in characters.by_ref() {
                if inside.is_ascii_alphabetic() {
                    break;
                }
            }
        } else {
            plain.push(character);
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_results_are_added_up() {
        let output = "test a ... ok\n\
            test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s\n\
            test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out\n";
        let expected = Count { passed: 4, failed: 2, ignored: 1 };
        assert_eq!(cargo_test(output), expected);
    }

    #[test]
    fn vitest_counts_tests_and_not_files() {
        let output = " Test Files  1 failed | 3 passed (4)\n\u{1b}[2m      Tests \u{1b}[22m 1 failed | 12 passed | 2 skipped (15)\n";
        let expected = Count { passed: 12, failed: 1, ignored: 2 };
        assert_eq!(vitest(output), expected);
    }

    #[test]
    fn no_summary_counts_nothing() {
        assert_eq!(cargo_test("error: could not compile"), Count::default());
        assert_eq!(vitest("No test files found"), Count::default());
    }
}
