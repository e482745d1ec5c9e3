//! Where the repository is and what cargo says about it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::exec;

/// The package with the slow suites.
pub(crate) const TESTS_PACKAGE: &str = "seamark-tests";

/// The root of the clone, absolute. Cargo tells the running clone; the path of compilation is only the fallback,
/// because two clones may share a target directory.
pub(crate) fn root() -> PathBuf {
    let xtask =
        std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    xtask.parent().map_or_else(|| xtask.clone(), Path::to_path_buf)
}

/// `cargo metadata` of the workspace, resolved graph included.
///
/// # Errors
/// Cargo could not be run, refused a manifest, or answered with something that is no JSON.
pub(crate) fn metadata(root: &Path) -> Result<Value> {
    let answer =
        exec::cargo(root).args(["metadata", "--format-version", "1"]).output().context("start cargo metadata")?;
    anyhow::ensure!(answer.status.success(), "cargo metadata failed:\n{}", String::from_utf8_lossy(&answer.stderr));
    serde_json::from_slice(&answer.stdout).context("read the answer of cargo metadata")
}

/// Where cargo puts what it builds, which the user may have moved.
pub(crate) fn target_directory(metadata: &Value, root: &Path) -> PathBuf {
    metadata["target_directory"].as_str().map_or_else(|| root.join("target"), PathBuf::from)
}

/// One integration test of the workspace.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TestTarget {
    pub(crate) package: String,
    pub(crate) name: String,
}

/// Every integration test of every member.
pub(crate) fn test_targets(metadata: &Value) -> BTreeSet<TestTarget> {
    let members = members(metadata);
    let mut found = BTreeSet::new();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let Some(package_name) = package["name"].as_str() else {
            continue;
        };
        if !package["id"].as_str().is_some_and(|id| members.contains(id)) {
            continue;
        }
        for target in package["targets"].as_array().into_iter().flatten() {
            let is_test = target["kind"].as_array().is_some_and(|kinds| kinds.iter().any(|kind| kind == "test"));
            if let (true, Some(name)) = (is_test, target["name"].as_str()) {
                found.insert(TestTarget { package: package_name.to_owned(), name: name.to_owned() });
            }
        }
    }
    found
}

/// The package ids of the workspace's members.
pub(crate) fn members(metadata: &Value) -> BTreeSet<&str> {
    metadata["workspace_members"].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn finds_the_integration_tests_of_members_only() {
        let metadata = json!({
            "workspace_members": ["a-id"],
            "packages": [
                {"id": "a-id", "name": "a", "targets": [
                    {"name": "journey", "kind": ["test"]},
                    {"name": "a", "kind": ["lib"]}]},
                {"id": "other", "name": "other", "targets": [{"name": "theirs", "kind": ["test"]}]}]
        });
        let names: Vec<_> = test_targets(&metadata).into_iter().map(|t| t.name).collect();
        assert_eq!(names, ["journey"]);
    }
}
