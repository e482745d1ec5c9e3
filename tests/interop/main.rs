//! Other people's clients against a running gateway: a LangGraph graph and a reviewer, both in Python and written from
//! docs/FORMATS.md and the OpenAPI document alone. And a verifier of evidence bundles, which has to agree with ours.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use anyhow::Result;
use seamark_tests::gateway::{GatewayProcess, output};
use seamark_tests::programs::root;

mod bundles;
mod destinations;

/// A virtual environment with the pinned packages, made once and kept under `target/`.
fn python() -> &'static PathBuf {
    static PYTHON: OnceLock<PathBuf> = OnceLock::new();
    PYTHON.get_or_init(|| make_environment().expect("a Python environment with the packages of requirements.txt"))
}

fn make_environment() -> Result<PathBuf> {
    let folder = root().join("target/interop-venv");
    let requirements = root().join("tests/interop/requirements.txt");
    let wanted = std::fs::read_to_string(&requirements)?;
    let stamp = folder.join("installed.txt");
    if std::fs::read_to_string(&stamp).ok().as_deref() != Some(wanted.as_str()) {
        let mut venv = Command::new("python3");
        venv.args(["-m", "venv", "--clear"]).arg(&folder);
        output(venv)?;
        let mut pip = Command::new(folder.join("bin/pip"));
        pip.args(["install", "--quiet", "--disable-pip-version-check", "-r"]).arg(&requirements);
        output(pip)?;
        std::fs::write(&stamp, &wanted)?;
    }
    Ok(folder.join("bin/python"))
}

fn run_graph(mode: &str) -> Result<serde_json::Value> {
    run_graph_in(tempfile::tempdir()?.path(), mode)
}

/// Runs the graph against a gateway whose folder is left for what comes after.
fn run_graph_in(folder: &Path, mode: &str) -> Result<serde_json::Value> {
    let gateway = GatewayProcess::start(folder)?;
    gateway.publish_samples()?;
    let key = gateway.agent_key("order-desk")?;
    let code = gateway.invite("robin-reviewer", "reviewer")?;
    let second = gateway.invite("sasha-reviewer", "reviewer")?;
    let example = root().join("contracts/samples/refund.issue/examples/returned-goods.json");
    let mut graph = Command::new(python());
    graph.arg(root().join("tests/interop/refund_graph.py")).args([gateway.address(), key, code, second]);
    graph.arg(example).arg(mode).env("PYTHONDONTWRITEBYTECODE", "1");
    let printed = output(graph)?;
    drop(gateway);
    GatewayProcess::fsck(folder)?;
    Ok(serde_json::from_str(&printed)?)
}

#[test]
fn a_langgraph_graph_refunds_exactly_what_a_person_approved() {
    let done = run_graph("approve").unwrap();
    assert_eq!(done["refunded"], true, "{done}");
}

/// Invariants B4 and B8: a reject of the requester has no weight, also for a verifier that shares no code with ours.
#[test]
fn a_langgraph_graph_refunds_over_a_reject_that_does_not_count() {
    let done = run_graph("conflict").unwrap();
    assert_eq!(done["refunded"], true, "{done}");
}

#[test]
fn a_langgraph_graph_does_not_refund_what_a_person_rejected() {
    let done = run_graph("reject").unwrap();
    assert_eq!(done["refunded"], false, "{done}");
}

#[test]
fn a_langgraph_graph_does_not_refund_before_the_approval_holds() {
    let done = run_graph("later").unwrap();
    assert_eq!(done["refunded"], false, "{done}");
    assert!(done["refused"].as_str().unwrap().contains("does not hold yet"), "{done}");
}

#[test]
fn a_langgraph_graph_does_not_refund_on_a_forged_outcome() {
    let done = run_graph("forge").unwrap();
    assert_eq!(done["refunded"], false, "{done}");
    assert!(done["refused"].as_str().unwrap().contains("signature"), "{done}");
}
