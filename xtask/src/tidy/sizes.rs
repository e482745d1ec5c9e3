//! A file that cannot be read in one sitting is two files.

use super::{Finding, Text};

/// Files that may be long, each with its reason. A new one needs a better reason than "it grew".
const EXCEPTIONS: &[(&str, &str)] = &[("ui/src/host/bindings.ts", "generated")];

/// From where on a file is too long, in lines.
struct Limit {
    warns_above: usize,
    fails_above: usize,
    advice: &'static str,
}

const RUST: Limit = Limit {
    warns_above: 600,
    fails_above: 1000,
    advice: "move one idea to a module of its own beside it (foo.rs beside foo/)",
};

const PAGE: Limit = Limit {
    warns_above: 300,
    fails_above: 500,
    advice: "move markup to a component, logic to a .ts file beside it or to ui/src/lib",
};

/// Counts lines.
pub(crate) fn check(texts: &[Text]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in texts {
        let path = file.path.as_str();
        let Some(limit) = limit(path) else {
            continue;
        };
        if EXCEPTIONS.iter().any(|(exception, _)| *exception == path) {
            continue;
        }
        let n_lines = file.text.lines().count();
        if n_lines > limit.fails_above {
            let message = format!("has {n_lines} lines, more than {}: {}", limit.fails_above, limit.advice);
            findings.push(Finding::failure(path, 0, message));
        } else if n_lines > limit.warns_above {
            let message = format!("has {n_lines} lines and fails above {}: {}", limit.fails_above, limit.advice);
            findings.push(Finding::warning(path, 0, message));
        }
    }
    findings
}

fn limit(path: &str) -> Option<Limit> {
    if path.ends_with(".rs") {
        Some(RUST)
    } else if path.starts_with("ui/") && (path.ends_with(".ts") || path.ends_with(".svelte")) {
        Some(PAGE)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Weight, tree};
    use super::*;

    #[test]
    fn long_files_warn_and_longer_ones_fail() {
        let lines = |n: usize| "x\n".repeat(n);
        let judged = |path: &str, n: usize| check(&tree(&[(path, &lines(n))])).first().map(|finding| finding.weight);
        assert_eq!(judged("desk/src/lib.rs", 600), None);
        assert_eq!(judged("desk/src/lib.rs", 601), Some(Weight::Warning));
        assert_eq!(judged("desk/src/lib.rs", 1001), Some(Weight::Failure));
        assert_eq!(judged("ui/src/a.svelte", 300), None);
        assert_eq!(judged("ui/src/a.svelte", 301), Some(Weight::Warning));
        assert_eq!(judged("ui/src/a.ts", 501), Some(Weight::Failure));
        assert_eq!(judged("ui/src/host/bindings.ts", 5000), None);
        assert_eq!(judged("docs/FORMATS.md", 5000), None);
    }
}
