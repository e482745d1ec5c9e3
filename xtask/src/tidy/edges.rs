//! Who may depend on whom.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde_json::Value;

use super::Finding;
use crate::workspace;

/// One row of the dependency table.
struct Row {
    member: &'static str,
    /// Members it may depend on, in every kind of dependency.
    ours: &'static [&'static str],
    /// Crates it must not name itself; a trailing `*` stands for any ending, a leading one for any beginning.
    never: &'static [&'static str],
    /// True when `never` holds for everything it pulls in, too.
    is_whole_graph: bool,
}

/// What has to do with the world outside the process.
const WORLD: &[&str] = &["tokio", "reqwest", "sqlx*", "hyper*", "axum*", "tauri*", "*keyring*"];

const TABLE: &[Row] = &[
    Row { member: "seamark-contracts", ours: &[], never: WORLD, is_whole_graph: true },
    Row { member: "seamark-ledger", ours: &["seamark-contracts"], never: WORLD, is_whole_graph: true },
    Row {
        member: "seamark-report",
        ours: &["seamark-contracts", "seamark-ledger"],
        never: WORLD,
        is_whole_graph: true,
    },
    Row {
        member: "seamark-gateway",
        ours: &["seamark-contracts", "seamark-ledger"],
        never: &["tauri*", "*keyring*"],
        is_whole_graph: false,
    },
    Row {
        member: "seamark-desk",
        ours: &["seamark-contracts", "seamark-ledger", "seamark-report"],
        never: &["tauri*", "axum*"],
        is_whole_graph: false,
    },
    Row {
        member: "seamark-agent",
        ours: &["seamark-contracts", "seamark-ledger"],
        never: &["tauri*", "axum*", "sqlx*", "*keyring*"],
        is_whole_graph: false,
    },
    Row {
        member: "seamark-app",
        ours: &["seamark-agent", "seamark-contracts", "seamark-desk", "seamark-gateway"],
        never: &["sqlx*", "reqwest", "ed25519-dalek"],
        is_whole_graph: false,
    },
    Row {
        member: "seamark-cli",
        ours: &["seamark-agent", "seamark-contracts", "seamark-gateway", "seamark-ledger", "seamark-report"],
        never: &["tauri*"],
        is_whole_graph: false,
    },
    Row {
        member: "seamark-tests",
        ours: &[
            "seamark-agent",
            "seamark-app",
            "seamark-cli",
            "seamark-contracts",
            "seamark-desk",
            "seamark-gateway",
            "seamark-ledger",
        ],
        never: &[],
        is_whole_graph: false,
    },
    // Built with a fuzzer's flags too, so it stays as small as what it tries.
    Row { member: "seamark-fuzz", ours: &["seamark-contracts", "seamark-ledger"], never: WORLD, is_whole_graph: true },
    Row { member: "seamark-empty-window", ours: &[], never: &["sqlx*", "reqwest"], is_whole_graph: false },
    Row { member: "xtask", ours: &[], never: &["tauri*", "sqlx*", "tokio"], is_whole_graph: false },
];

/// What cargo says, as far as this rule needs it.
#[derive(Debug, Default)]
pub(crate) struct Graph {
    members: Vec<Member>,
    /// Package id to name.
    names: BTreeMap<String, String>,
    /// Package id to the ids it was resolved to.
    resolved: BTreeMap<String, Vec<String>>,
}

#[derive(Debug)]
struct Member {
    id: String,
    name: String,
    /// Where its manifest is, from the root.
    manifest: String,
    /// Names of what its manifest asks for, normal, dev and build alike.
    asks_for: BTreeSet<String>,
}

impl Graph {
    /// Reads the answer of `cargo metadata`. What is missing in it is left out: cargo's form is stable.
    pub(crate) fn parse(metadata: &Value) -> Self {
        let ids = workspace::members(metadata);
        let root = metadata["workspace_root"].as_str().unwrap_or_default();
        let mut graph = Self::default();
        for package in array(&metadata["packages"]) {
            let (id, name) = (text(&package["id"]), text(&package["name"]));
            if ids.contains(id.as_str()) {
                let manifest = text(&package["manifest_path"]);
                graph.members.push(Member {
                    id: id.clone(),
                    name: name.clone(),
                    manifest: manifest.strip_prefix(root).unwrap_or(&manifest).trim_start_matches('/').to_owned(),
                    asks_for: array(&package["dependencies"]).map(|dependency| text(&dependency["name"])).collect(),
                });
            }
            graph.names.insert(id, name);
        }
        for node in metadata.pointer("/resolve/nodes").into_iter().flat_map(array) {
            let to = array(&node["deps"]).map(|dep| text(&dep["pkg"])).collect();
            graph.resolved.insert(text(&node["id"]), to);
        }
        graph
    }

    /// The shortest way from a package to one whose name `is_banned`, as names.
    fn way(&self, from: &str, is_banned: impl Fn(&str) -> bool) -> Option<Vec<&str>> {
        let mut came_from: BTreeMap<&str, &str> = BTreeMap::new();
        let mut open = VecDeque::from([from]);
        while let Some(id) = open.pop_front() {
            let name = self.names.get(id).map_or("", String::as_str);
            if id != from && is_banned(name) {
                let mut way = vec![name];
                let mut at = id;
                while let Some(&before) = came_from.get(at) {
                    way.push(self.names.get(before).map_or("", String::as_str));
                    at = before;
                }
                way.reverse();
                return Some(way);
            }
            for next in self.resolved.get(id).into_iter().flatten() {
                if next != from && !came_from.contains_key(next.as_str()) {
                    came_from.insert(next, id);
                    open.push_back(next);
                }
            }
        }
        None
    }
}

fn array(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Holds every member against its row.
pub(crate) fn check(graph: &Graph) -> Vec<Finding> {
    let ours: BTreeSet<&str> = graph.members.iter().map(|m| m.name.as_str()).collect();
    let mut findings = Vec::new();
    for member in &graph.members {
        let Some(row) = TABLE.iter().find(|row| row.member == member.name) else {
            findings.push(Finding::failure(
                &member.manifest,
                0,
                format!(
                    "`{}` has no row in the dependency table: an ADR in docs/adr decides what it may depend on, then xtask/src/tidy/edges.rs gets the row",
                    member.name
                ),
            ));
            continue;
        };
        for name in &member.asks_for {
            // A crate may name itself, to switch its own features on for its tests.
            let is_stranger =
                ours.contains(name.as_str()) && !row.ours.contains(&name.as_str()) && *name != member.name;
            if is_stranger {
                findings.push(Finding::failure(&member.manifest, 0, stranger(row, name)));
            }
            if !row.is_whole_graph && row.never.iter().any(|pattern| matches(pattern, name)) {
                findings.push(Finding::failure(&member.manifest, 0, banned(row, name)));
            }
        }
        if row.is_whole_graph {
            for pattern in row.never {
                if let Some(way) = graph.way(&member.id, |name| matches(pattern, name)) {
                    findings.push(Finding::failure(
                        &member.manifest,
                        0,
                        format!(
                            "`{}` must stay pure, but pulls in {}: what touches the world belongs to gateway, desk or agent",
                            row.member,
                            way.join(" -> ")
                        ),
                    ));
                }
            }
        }
    }
    findings
}

fn stranger(row: &Row, name: &str) -> String {
    let may = if row.ours.is_empty() { "no other member".to_owned() } else { format!("only {}", row.ours.join(", ")) };
    format!(
        "`{}` may depend on {may}, not on `{name}` (tests that need both sides live in tests/); another arrow needs an ADR",
        row.member
    )
}

fn banned(row: &Row, name: &str) -> String {
    let home = match row.member {
        "seamark-gateway" => "windows and keyrings belong to src-tauri and desk",
        "seamark-desk" => "windows belong to src-tauri, serving belongs to gateway",
        "seamark-agent" => "an agent only speaks HTTP; storage and serving belong to gateway",
        "seamark-app" => "the app is wiring; storage, network and signing belong to desk, gateway and agent",
        "seamark-cli" => "windows belong to src-tauri",
        _ => "keep developers' commands small",
    };
    format!("`{}` must not depend on `{name}`: {home}", row.member)
}

/// True when `name` is what `pattern` means, with `*` at either end for anything.
fn matches(pattern: &str, name: &str) -> bool {
    match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (Some(_), Some(_)) => name.contains(pattern.trim_matches('*')),
        (Some(ending), None) => name.ends_with(ending),
        (None, Some(beginning)) => name.starts_with(beginning),
        (None, None) => name == pattern,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Members by name with what they ask for; strangers by name with what they resolve to.
    fn graph(members: &[(&str, &[&str])], others: &[(&str, &[&str])]) -> Graph {
        let packages: Vec<_> = members
            .iter()
            .chain(others)
            .map(|(name, deps)| {
                let dependencies: Vec<_> = deps.iter().map(|d| json!({"name": d})).collect();
                json!({"id": name, "name": name, "manifest_path": format!("/r/{name}/Cargo.toml"),
                       "dependencies": dependencies})
            })
            .collect();
        let nodes: Vec<_> = members
            .iter()
            .chain(others)
            .map(|(name, deps)| {
                let deps: Vec<_> = deps.iter().map(|d| json!({"pkg": d})).collect();
                json!({"id": name, "deps": deps})
            })
            .collect();
        let ids: Vec<_> = members.iter().map(|(name, _)| name).collect();
        Graph::parse(&json!({"workspace_root": "/r", "workspace_members": ids,
            "packages": packages, "resolve": {"nodes": nodes}}))
    }

    fn messages(graph: &Graph) -> Vec<String> {
        check(graph).into_iter().map(|f| f.message).collect()
    }

    #[test]
    fn the_table_as_drawn_is_clean() {
        let right = graph(
            &[
                ("seamark-contracts", &["serde"]),
                ("seamark-ledger", &["seamark-contracts"]),
                ("seamark-gateway", &["seamark-ledger", "axum", "sqlx"]),
                ("seamark-desk", &["seamark-ledger", "keyring-core", "seamark-desk"]),
                ("seamark-tests", &["seamark-gateway", "seamark-desk", "sqlx"]),
            ],
            &[("serde", &[]), ("axum", &["tokio"]), ("tokio", &[])],
        );
        assert_eq!(messages(&right), Vec::<String>::new());
    }

    #[test]
    fn a_wrong_arrow_between_members_is_found() {
        let wrong = graph(&[("seamark-desk", &["seamark-gateway"]), ("seamark-gateway", &[])], &[]);
        let found = check(&wrong);
        assert_eq!(found[0].path, "seamark-desk/Cargo.toml");
        assert!(found[0].message.contains("not on `seamark-gateway`"));
    }

    #[test]
    fn a_banned_crate_is_found_with_its_home() {
        let wrong =
            graph(&[("seamark-app", &["reqwest"]), ("seamark-gateway", &["zbus-secret-service-keyring-store"])], &[]);
        assert!(messages(&wrong)[0].contains("the app is wiring"));
        assert!(messages(&wrong)[1].contains("windows and keyrings"));
    }

    #[test]
    fn pure_members_are_judged_by_all_they_pull_in() {
        let wrong = graph(
            &[("seamark-contracts", &["jsonschema"])],
            &[("jsonschema", &["reqwest"]), ("reqwest", &["tokio"]), ("tokio", &[])],
        );
        let found = messages(&wrong);
        assert_eq!(found.len(), 2);
        assert!(found[0].contains("seamark-contracts -> jsonschema -> reqwest -> tokio"));
    }

    #[test]
    fn a_member_without_a_row_is_found() {
        assert!(messages(&graph(&[("seamark-new", &[])], &[]))[0].contains("no row"));
    }
}
