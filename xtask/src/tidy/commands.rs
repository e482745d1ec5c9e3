//! A Tauri command is written down in four places, or it is not one: its function, `build.rs`, the capability, the
//! bindings. Without the second, Tauri would let any page call it; without the third, none.

use std::collections::BTreeMap;

use super::{Finding, Text};

const BUILD: &str = "src-tauri/build.rs";
const CAPABILITIES: &str = "src-tauri/capabilities/";
const BINDINGS: &str = "ui/src/host/bindings.ts";

/// Compares the four places.
pub(crate) fn check(texts: &[Text]) -> Vec<Finding> {
    let commands = commands(texts);
    let declared = text_of(texts, BUILD).map(declared).unwrap_or_default();
    let permitted: Vec<(&str, String)> = texts
        .iter()
        .filter(|file| file.path.starts_with(CAPABILITIES))
        .flat_map(|file| quoted(&file.text).map(move |word| (file.path.as_str(), word.to_owned())))
        .filter_map(|(path, word)| Some((path, word.strip_prefix("allow-")?.replace('-', "_"))))
        .collect();
    let bindings = text_of(texts, BINDINGS).unwrap_or_default();
    let mut findings = Vec::new();
    for (name, (path, line)) in &commands {
        let mut fail = |message: String| findings.push(Finding::failure(path, *line, message));
        if !declared.contains(&name.as_str()) {
            fail(format!(
                "the command `{name}` is not in the list of {BUILD}: an undeclared command is not access-checked"
            ));
        }
        if !permitted.iter().any(|(_, allowed)| allowed == name) {
            fail(format!("the command `{name}` has no `allow-{}` in {CAPABILITIES}main.json", name.replace('_', "-")));
        }
        if !quoted(bindings).any(|word| word == name) {
            fail(format!("the command `{name}` is not in {BINDINGS}: run `cargo xtask gen`"));
        }
    }
    for name in declared {
        if !commands.contains_key(name) {
            findings.push(Finding::failure(
                BUILD,
                0,
                format!("declares `{name}`, but src-tauri/src/command has no such command"),
            ));
        }
    }
    for (path, name) in permitted {
        if !commands.contains_key(&name) {
            findings.push(Finding::failure(
                path,
                0,
                format!("permits `{name}`, but src-tauri/src/command has no such command"),
            ));
        }
    }
    findings
}

fn text_of<'a>(texts: &'a [Text], path: &str) -> Option<&'a str> {
    texts.iter().find(|file| file.path == path).map(|file| file.text.as_str())
}

/// Every function under `#[tauri::command]`, with its place.
fn commands(texts: &[Text]) -> BTreeMap<String, (&str, usize)> {
    let mut found = BTreeMap::new();
    for file in texts {
        if !file.path.starts_with("src-tauri/src/") || !file.path.ends_with(".rs") {
            continue;
        }
        let mut is_marked = false;
        for (line, code) in super::code_lines(&file.text) {
            let code = code.trim_start();
            is_marked |= code.starts_with("#[tauri::command");
            if let (true, Some((_, after))) = (is_marked, code.split_once("fn ")) {
                is_marked = false;
                let name: String = after.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
                found.insert(name, (file.path.as_str(), line));
            }
        }
    }
    found
}

/// The names in the list handed to `AppManifest::commands`, written there or in a constant called COMMANDS.
fn declared(build: &str) -> Vec<&str> {
    let list = build
        .split_once("const COMMANDS")
        .and_then(|(_, rest)| rest.split_once('='))
        .or_else(|| build.split_once(".commands("))
        .and_then(|(_, rest)| rest.split_once('['))
        .and_then(|(_, rest)| rest.split_once(']'))
        .map_or("", |(list, _)| list);
    quoted(list).collect()
}

/// The insides of double quotes. The texts at hand have none escaped.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('"').skip(1).step_by(2)
}

#[cfg(test)]
mod tests {
    use super::super::tree;
    use super::*;

    const COMMAND: (&str, &str) = (
        "src-tauri/src/command/list_reviews.rs",
        "/// #[tauri::command] in a comment is none: fn nothing\n#[tauri::command]\n#[specta::specta]\npub(crate) async fn list_reviews(desk: State<'_, Desk>) {}",
    );
    const BUILD_RS: (&str, &str) = (BUILD, "AppManifest::new().commands(&[\"list_reviews\"])");
    const CAPABILITY: (&str, &str) =
        ("src-tauri/capabilities/main.json", "{\"permissions\": [\"core:event:default\", \"allow-list-reviews\"]}");
    const BOUND: (&str, &str) = (BINDINGS, "invoke(\"list_reviews\")");

    #[test]
    fn a_command_in_all_four_places_is_fine() {
        assert_eq!(check(&tree(&[COMMAND, BUILD_RS, CAPABILITY, BOUND])), []);
    }

    #[test]
    fn each_missing_place_is_named() {
        let findings = check(&tree(&[COMMAND]));
        let messages: Vec<_> = findings.iter().map(|f| f.message.as_str()).collect();
        assert_eq!(messages.len(), 3);
        assert!(messages[0].contains("build.rs"));
        assert!(messages[1].contains("`allow-list-reviews` in src-tauri/capabilities/main.json"));
        assert!(messages[2].contains("cargo xtask gen"));
        assert_eq!(findings[0].line, 4);
    }

    #[test]
    fn a_permission_for_nothing_is_found() {
        let build = (BUILD, "const COMMANDS: &[&str] = &[\"list_reviews\", \"gone\"];\n.commands(COMMANDS)");
        let capability = (CAPABILITY.0, "[\"allow-list-reviews\", \"allow-gone\"]");
        let findings = check(&tree(&[COMMAND, build, capability, BOUND]));
        assert_eq!(findings.len(), 2);
        assert!(findings[0].message.contains("declares `gone`"));
        assert!(findings[1].message.contains("permits `gone`"));
    }
}
