//! Nothing in the repository may know whose computer it was written on, or which package mirror that one used.

use std::path::Path;

use super::{Finding, Text};

/// Beginnings of personal folders, in pieces so that this file does not find itself.
const HOMES: &[&str] =
    &[concat!("/ho", "me/"), concat!("/Us", "ers/"), concat!("/ro", "ot/"), concat!("C:\\Us", "ers\\")];

/// Folders of every system: a clone directly below one does not make the folder personal.
const COMMON: &[&str] = &["/", "/tmp", "/var", "/var/tmp", "/usr", "/opt", "/srv", "/mnt", "/src", "/app"];

/// The one place that Cargo's lock file may name; the page's leaves places out.
const CRATES: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// Settings that send a package manager to a mirror.
const MIRRORS: &[(&str, &[&str])] = &[
    (".cargo/config.toml", &["[source", "[registries", "[registry", "replace-with"]),
    (".npmrc", &["registry"]),
    ("pip.conf", &["index-url"]),
    ("requirements.txt", &["--index-url", "--extra-index-url"]),
    ("pyproject.toml", &["index-url"]),
];

/// The folders of this computer that no text should hold: the clone, and what surrounds it unless every system has it.
pub(crate) fn of_this_computer(root: &Path) -> Vec<String> {
    let mut found = vec![format!("{}/", root.display()), root.display().to_string()];
    if let Some(parent) = root.parent().map(|parent| parent.display().to_string())
        && !COMMON.contains(&parent.as_str())
    {
        found.push(format!("{parent}/"));
    }
    found.retain(|path| path.len() > 3);
    found
}

/// Looks for personal paths and for mirrors.
pub(crate) fn check(texts: &[Text], machine_paths: &[String]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in texts {
        let name = file.path.rsplit('/').next().unwrap_or_default();
        for (index, line) in file.text.lines().enumerate() {
            let line_number = index + 1;
            if has_personal_path(line, machine_paths) {
                findings.push(Finding::failure(
                    &file.path,
                    line_number,
                    "names a folder of one computer: derive it (a manifest's folder, the user's data folder), or write a relative path",
                ));
            }
            if is_foreign_lock(name, line) || is_mirror(&file.path, line) {
                findings.push(Finding::failure(
                    &file.path,
                    line_number,
                    "names a package mirror: which one to use is a setting of each computer, outside the repository",
                ));
            }
        }
    }
    findings
}

fn has_personal_path(line: &str, machine_paths: &[String]) -> bool {
    HOMES.iter().copied().chain(machine_paths.iter().map(String::as_str)).any(|beginning| {
        line.match_indices(beginning).any(|(at, _)| {
            let before = line.get(..at).and_then(|head| head.chars().next_back());
            let after = line.get(at + beginning.len()..).and_then(|tail| tail.chars().next());
            // Preceded by a letter it is the middle of some other path, a URL's say.
            let starts_a_path = !before.is_some_and(|c| c.is_alphanumeric() || "/._-*~".contains(c));
            // Followed by a name. `<you>`, `$USER` and the like are nobody's.
            let names_someone =
                after.is_none_or(|c| c.is_alphanumeric() || c == '.') || !beginning.ends_with(['/', '\\']);
            starts_a_path && names_someone
        })
    })
}

fn is_foreign_lock(name: &str, line: &str) -> bool {
    let value = |key: &str| {
        let rest = line.trim().strip_prefix(key)?;
        rest.split('"').nth(1)
    };
    match name {
        "Cargo.lock" => value("source =").is_some_and(|source| source != CRATES),
        "package-lock.json" => value("\"resolved\":").is_some_and(|url| url.starts_with("http")),
        _ => false,
    }
}

fn is_mirror(path: &str, line: &str) -> bool {
    MIRRORS.iter().any(|(file, words)| {
        let is_file = path == *file || path.ends_with(&format!("/{file}"));
        is_file && words.iter().any(|word| line.trim_start().starts_with(word))
    })
}

#[cfg(test)]
mod tests {
    use super::super::{places, tree};
    use super::*;

    fn home(rest: &str) -> String {
        format!("{}{rest}", HOMES[0])
    }

    #[test]
    fn personal_paths_are_found() {
        let quoted = format!("let data = \"{}\";", home("anna/data"));
        let clone = "see /builds/anna/seamark/docs".to_owned();
        let files = tree(&[("a.rs", &quoted), ("docs/b.md", &clone)]);
        let here = of_this_computer(Path::new("/builds/anna/seamark"));
        assert_eq!(places(&check(&files, &here)), ["a.rs:1", "docs/b.md:1"]);
    }

    #[test]
    fn other_peoples_words_are_not_paths() {
        let url = format!("https://example.org{}", home("page"));
        let placeholder = format!("for example {}", home("<you>/.local"));
        let files = tree(&[("a.md", &url), ("b.md", &placeholder), ("c.md", "/tmp/try, ~/.local/share")]);
        let here = of_this_computer(Path::new("/tmp/seamark"));
        assert_eq!(check(&files, &here), []);
    }

    #[test]
    fn mirrors_are_found() {
        let files = tree(&[
            (
                "Cargo.lock",
                "source = \"registry+https://github.com/rust-lang/crates.io-index\"\nsource = \"registry+https://mirror.example/index\"",
            ),
            ("ui/package-lock.json", "  \"resolved\": \"a.tgz\",\n  \"resolved\": \"http://mirror.example/a.tgz\","),
            ("ui/.npmrc", "fund=false\nregistry=http://mirror.example/"),
            (".cargo/config.toml", "[alias]\nxtask = \"run\"\n[source.crates-io]"),
        ]);
        assert_eq!(
            places(&check(&files, &[])),
            ["Cargo.lock:2", "ui/package-lock.json:2", "ui/.npmrc:2", ".cargo/config.toml:3"]
        );
    }
}
