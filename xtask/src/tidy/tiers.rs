//! The tiers of the page, and the two files that may know Tauri.

use super::{Finding, Text};

/// The only files that import Tauri; the second is generated.
const TAURI_FILES: &[&str] = &["ui/src/host/tauri.ts", "ui/src/host/bindings.ts"];

/// Where a file of the page stands.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Tier {
    Primitive,
    /// With the feature's name.
    Feature(String),
    Screen,
    /// The only route table; it knows every screen.
    Routes,
    Host,
    Lib,
    /// Messages, tokens, the entry: free.
    Other,
}

/// Looks at every import of the page.
pub(crate) fn check(texts: &[Text]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in texts {
        let Some(inside) = file.path.strip_prefix("ui/src/") else {
            continue;
        };
        if ![".ts", ".svelte", ".js"].iter().any(|ending| inside.ends_with(ending)) {
            continue;
        }
        let own = tier(inside);
        for (line, specifier) in imports(&file.text) {
            if specifier.starts_with("@tauri-apps/") && !TAURI_FILES.contains(&file.path.as_str()) {
                findings.push(Finding::failure(
                    &file.path,
                    line,
                    "imports Tauri: only ui/src/host/tauri.ts and the generated ui/src/host/bindings.ts do; ask the host from context (ui/src/host/host.ts)",
                ));
            }
            let target = resolve(inside, specifier);
            if let Some(message) = crossing(&own, &target) {
                findings.push(Finding::failure(&file.path, line, message));
            }
        }
    }
    findings
}

/// Why `own` must not import `target`, and what to do instead.
fn crossing(own: &Tier, target: &Tier) -> Option<String> {
    use Tier::{Feature, Host, Lib, Other, Primitive, Routes, Screen};
    match (own, target) {
        (Primitive, Feature(_) | Screen | Routes | Host) => Some(
            "a primitive knows no domain, no host and no router: pass what it needs as a prop, or move it to a feature"
                .to_owned(),
        ),
        (Feature(from), Feature(to)) if from != to => Some(format!(
            "the feature `{from}` imports the feature `{to}`: compose both in ui/src/screens, or move what they share to ui/src/primitives or ui/src/lib"
        )),
        (Feature(_), Screen) => {
            Some("a feature imports upwards: screens compose features; link by ui/src/paths.ts".to_owned())
        }
        (Lib | Host, Primitive | Feature(_) | Screen) => {
            Some("ui/src/lib and ui/src/host know no components: the component imports them".to_owned())
        }
        (Primitive | Feature(_) | Screen | Routes | Host | Lib | Other, _) => None,
    }
}

/// The tier of a path below `ui/src/`.
fn tier(path: &str) -> Tier {
    let mut parts = path.split('/');
    match (parts.next().unwrap_or_default(), parts.next()) {
        ("primitives", _) => Tier::Primitive,
        ("features", Some(name)) => Tier::Feature(name.to_owned()),
        ("screens", _) => Tier::Screen,
        ("host", Some(_)) => Tier::Host,
        ("lib", Some(_)) => Tier::Lib,
        ("routes.ts" | "routes", None) => Tier::Routes,
        _ => Tier::Other,
    }
}

/// The tier that `specifier` in the file `importer` (below `ui/src/`) means; packages are [`Tier::Other`].
fn resolve(importer: &str, specifier: &str) -> Tier {
    if !specifier.starts_with('.') {
        // An alias such as `$features/inbox` or `@/features/inbox`; a package never starts with one of our folders.
        let bare =
            specifier.trim_start_matches(['$', '@', '~', '#']).trim_start_matches('/').trim_start_matches("src/");
        return match tier(bare) {
            // `host` and `lib` are ordinary package names.
            Tier::Host | Tier::Lib => Tier::Other,
            found => found,
        };
    }
    let mut parts: Vec<&str> = importer.split('/').collect();
    parts.pop();
    for part in specifier.split('/') {
        match part {
            "." | "" => {}
            ".." => {
                parts.pop();
            }
            name => parts.push(name),
        }
    }
    tier(&parts.join("/"))
}

/// What a text imports, by any form of import, with line numbers from 1.
fn imports(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let mut rest = line;
        let mut before = String::new();
        while let Some(at) = rest.find(['"', '\'']) {
            let (head, tail) = rest.split_at(at);
            before.push_str(head);
            let quote = tail.chars().next().unwrap_or('"');
            let inside = tail.trim_start_matches(quote);
            let Some(end) = inside.find(quote) else {
                break;
            };
            let (specifier, after) = inside.split_at(end);
            let words = before.trim_end();
            if ["from", "import", "import(", "mock(", "require("].iter().any(|word| words.ends_with(word)) {
                found.push((index + 1, specifier));
            }
            before.push_str(specifier);
            rest = after.strip_prefix(quote).unwrap_or_default();
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::{places, tree};
    use super::*;

    #[test]
    fn arrows_that_point_down_are_fine() {
        let right = tree(&[
            ("ui/src/screens/Inbox.svelte", "import List from '../features/inbox/List.svelte';"),
            (
                "ui/src/features/inbox/List.svelte",
                "import B from \"../../primitives/Button.svelte\";\nimport { row } from './row.ts';\nimport { path } from '../../paths.ts';",
            ),
            ("ui/src/primitives/Button.svelte", "import { clsx } from 'clsx';"),
            ("ui/src/host/tauri.ts", "import { invoke } from '@tauri-apps/api/core';"),
            ("ui/src/routes.ts", "import Inbox from './screens/Inbox.svelte';"),
            ("ui/src/features/inbox/place.ts", "import type { Route } from '../../routes';"),
            ("ui/eslint.config.js", "patterns: ['@tauri-apps/*']"),
        ]);
        assert_eq!(check(&right), []);
    }

    #[test]
    fn each_crossing_is_found_with_its_line() {
        let wrong = tree(&[
            ("ui/src/features/inbox/a.ts", "\nimport { x } from '../review/x.ts';"),
            ("ui/src/features/inbox/b.ts", "export { x } from '$features/review/x';"),
            ("ui/src/features/inbox/c.ts", "const x = await import('../../screens/Review.svelte');"),
            ("ui/src/features/inbox/d.ts", "import S from '../../screens/Setup.svelte';"),
            ("ui/src/primitives/Button.svelte", "import { x } from '../features/inbox/x.ts';"),
            ("ui/src/primitives/Link.svelte", "import type { Host } from '../host/host.ts';"),
            ("ui/src/lib/time.ts", "import X from '../primitives/X.svelte';"),
        ]);
        assert_eq!(
            places(&check(&wrong)),
            [
                "ui/src/features/inbox/a.ts:2",
                "ui/src/features/inbox/b.ts:1",
                "ui/src/features/inbox/c.ts:1",
                "ui/src/features/inbox/d.ts:1",
                "ui/src/primitives/Button.svelte:1",
                "ui/src/primitives/Link.svelte:1",
                "ui/src/lib/time.ts:1",
            ]
        );
    }

    #[test]
    fn tauri_is_imported_by_two_files_only() {
        let wrong = tree(&[
            ("ui/src/screens/Inbox.svelte", "<script lang=\"ts\">\n  import { invoke } from \"@tauri-apps/api/core\";"),
            ("ui/src/host/fake.ts", "vi.mock('@tauri-apps/api');"),
        ]);
        assert_eq!(places(&check(&wrong)), ["ui/src/screens/Inbox.svelte:2", "ui/src/host/fake.ts:1"]);
    }
}
