//! Destinations in Python, in Rust and by the program, against a running gateway: each acts once, and the evidence says so.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests stand outside of test functions")]

use std::path::Path;
use std::process::Command;

use seamark_contracts::clock::Timestamp;
use seamark_ledger::bundle::{Bundle, FileSet};
use seamark_ledger::verify::Pinned;
use seamark_tests::gateway::{GatewayProcess, output};
use seamark_tests::programs::{built, root};
use serde_json::Value;

use super::bundles::{by_rust, export, pinned};

const AUDIENCE: &str = "https://refunds.shop.example/execute";

fn key(gateway: &GatewayProcess, agent: &str, side: &str) -> String {
    let made = gateway.operate(&["agent-key", "create", "--agent", agent, "--for", side]).unwrap();
    made["key"].as_str().unwrap().to_owned()
}

/// The version of the shipped refund contract.
fn contract() -> String {
    let text = std::fs::read(root().join("contracts/samples/refund.issue/examples/returned-goods.json")).unwrap();
    let example: Value = serde_json::from_slice(&text).unwrap();
    format!("refund.issue@{}", example["contract"]["version"].as_str().unwrap())
}

fn init(gateway: &GatewayProcess, folder: &Path) {
    let mut init = Command::new(built("seamark").unwrap());
    init.args(["destination", "init"]).arg(folder).args(["--agent", "refund-executor", "--audience", AUDIENCE]);
    init.args(["--contract", &contract(), "--gateway", &gateway.address()]);
    output(init).unwrap();
}

/// Attacks A7, A8, A10, A12 and A14, each by what the sample has to refuse; then real refunds, a race and crashes.
#[test]
fn destinations_in_python_in_rust_and_by_the_program_act_once_and_the_evidence_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = folder.path().join("gateway");
    let gateway = GatewayProcess::start(&data_dir).unwrap();
    gateway.publish_samples().unwrap();
    let (source, destination) =
        (key(&gateway, "order-desk", "source"), key(&gateway, "refund-executor", "destination"));
    let code = gateway.invite("robin-reviewer", "reviewer").unwrap();
    let mut cases = Command::new(super::python());
    cases.arg(root().join("tests/interop/destination_cases.py")).args([
        gateway.address(),
        source,
        destination.clone(),
        code,
    ]);
    cases.arg(root().join("contracts/samples/refund.issue/examples/returned-goods.json"));
    cases.arg(root().join("ledger/vectors/deliveries.json")).arg(folder.path()).env("PYTHONDONTWRITEBYTECODE", "1");
    let ids: Value = serde_json::from_str(output(cases).unwrap().lines().last().unwrap()).unwrap();
    let id = |name: &str| ids[name].as_str().unwrap().to_owned();

    let (ours, theirs) = (folder.path().join("program"), folder.path().join("sample"));
    init(&gateway, &ours);
    init(&gateway, &theirs);
    let sample = |id: &str, crashes: bool| {
        let mut sample = Command::new(built("sample-destination").unwrap());
        sample.arg(&theirs).args([&gateway.address(), id]).env("SEAMARK_KEY", &destination);
        if crashes {
            sample.env("SAMPLE_CRASH", "1");
        }
        output(sample)
    };
    // Nothing is done before the root has signed the key under which it reports; whoever holds it here signs at once.
    let is_unsigned = |ended: &anyhow::Result<String>| {
        ended.as_ref().is_err_and(|error| format!("{error:?}").contains("has not signed this execution key"))
    };
    let crashed = (0..200).map(|_| sample(&id("sample"), true)).find(|ended| !is_unsigned(ended)).unwrap();
    assert!(crashed.is_err(), "it crashes between use and report");
    let again = sample(&id("sample"), false).unwrap();
    assert!(again.contains("recovered") && again.contains("attempt Fail") && !again.contains("refunded"), "{again}");

    let gate = || {
        let mut gate = Command::new(built("seamark").unwrap());
        gate.args(["destination", "gate"]).arg(&ours).args(["--handoff", &id("program"), "--json"]);
        gate.args(["--gateway", &gateway.address(), "--key", &destination, "--exec", "sh", "-c", "grep -q amount"]);
        output(gate)
    };
    let done = (0..200).map(|_| gate()).find(|ended| !is_unsigned(ended)).unwrap();
    let done: Value = serde_json::from_str(&done.unwrap()).unwrap();
    assert_eq!(done["state"], "executed", "{done}");
    drop(gateway);
    GatewayProcess::fsck(&data_dir).unwrap();

    for (name, says) in [
        ("acted", "executed"),
        ("raced", "executed"),
        ("crashed", "may or may not"),
        ("sample", "may or may not"),
        ("program", "executed"),
    ] {
        let place = folder.path().join(format!("evidence-{name}"));
        std::fs::create_dir_all(&place).unwrap();
        let (bundle, trust) = export(&data_dir, &place, &id(name)).unwrap();
        let archive = std::fs::read(&bundle).unwrap();
        let packed = Bundle::read(&FileSet::from_archive(&archive).unwrap()).unwrap().created_at;
        let begin = Timestamp::parse("2026-01-01T00:00:00.000Z").unwrap();
        let pinned = Pinned { now: packed, ..pinned(&trust, begin).unwrap() };
        let claims = by_rust(&archive, &pinned);
        assert_eq!(claims["execution"], "pass", "{name}: {claims:#?}");
        let report = seamark_ledger::verify::check_archive(&archive, &pinned).report;
        let told = report.claims.iter().find(|claim| claim.id.as_str() == "execution").unwrap();
        assert!(told.sentence.to_lowercase().contains(says), "{name}: {}", told.sentence);
    }
}
