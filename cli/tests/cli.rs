//! The command line as programs and people meet it: names, exit codes, answers, messages.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests stand outside of test functions"
)]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::{Value, json};

fn seamark() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_seamark"));
    for name in ["SEAMARK_DATA_DIR", "SEAMARK_GATEWAY", "SEAMARK_KEY", "SEAMARK_TRUST", "SEAMARK_LOG", "SEAMARK_ORG"] {
        command.env_remove(name);
    }
    command
}

fn run(args: &[&str]) -> Output {
    seamark().args(args).output().unwrap()
}

/// What a command printed as JSON in its last line, after checking its exit code.
fn json(args: &[&str], code: i32) -> Value {
    let output = run(args);
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{args:?}\n{out}\n{err}");
    serde_json::from_str(out.lines().last().unwrap_or_default())
        .unwrap_or_else(|error| panic!("{args:?}: {error}: {out}\n{err}"))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn samples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../contracts/samples")
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn help_tells_the_exit_codes_and_shows_examples() {
    let output = run(&["--help"]);
    let help = text(&output.stdout);
    assert!(output.status.success());
    for word in [
        "Exit codes:",
        "SEAMARK_KEY",
        "serve",
        "contract",
        "agent-key",
        "invite",
        "handoff",
        "replay",
        "demo",
        "ledger",
        "evidence",
        "Examples",
    ] {
        assert!(help.contains(word), "{word}: {help}");
    }
    for command in [vec!["handoff", "wait"], vec!["contract", "publish"], vec!["replay"]] {
        let mut args = command.clone();
        args.push("--help");
        let output = run(&args);
        assert!(output.status.success() && text(&output.stdout).contains("Examples:"), "{command:?}");
    }
}

#[test]
fn wrong_usage_ends_with_2_and_says_what_is_missing() {
    for args in [
        &["launch"][..],
        &["handoff", "get", "not-an-id", "--gateway", "http://127.0.0.1:1", "--key", "k"],
        &["handoff", "get", "0199a1c2-5b7e-7c3d-9a10-2f4b6c8d0e12"],
        &[
            "handoff",
            "wait",
            "0199a1c2-5b7e-7c3d-9a10-2f4b6c8d0e12",
            "--timeout",
            "soon",
            "--gateway",
            "http://127.0.0.1:1",
            "--key",
            "k",
        ],
        &["serve", "--data-dir", "x", "--listen", "nowhere"],
        &["invite", "--data-dir", "x", "--person", "alice"],
    ] {
        let output = run(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty(), "{args:?}");
    }
}

#[test]
fn what_cannot_be_done_ends_with_3_and_says_why() {
    let nowhere = tempfile::tempdir().unwrap();
    let id = "0199a1c2-5b7e-7c3d-9a10-2f4b6c8d0e12";
    let absent = nowhere.path().join("absent");
    for (args, word) in [
        (&["handoff", "get", id, "--gateway", "http://gate.example.com", "--key", "k"][..], "https"),
        (&["handoff", "submit", path(&absent), "--gateway", "http://127.0.0.1:1", "--key", "k"], "open"),
        (&["replay", path(&absent), "--gateway", "http://127.0.0.1:1", "--key", "k"], "read"),
        (&["contract", "check", path(nowhere.path())], "contract.yaml"),
        (&["ledger", "fsck", "--data-dir", path(nowhere.path())], "gateway.sqlite3"),
    ] {
        let output = run(args);
        let err = text(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{args:?}: {err}");
        assert!(err.contains(word), "{args:?}: {err}");
    }
    assert!(std::fs::read_dir(nowhere.path()).unwrap().next().is_none(), "checking a folder makes nothing in it");
}

#[test]
fn the_samples_pass_check_and_test() {
    let checked = json(&["contract", "check", path(&samples()), "--json"], 0);
    assert_eq!(checked["ok"], true);
    assert!(checked["contracts"].as_array().unwrap().len() >= 6);
    let tested = json(&["contract", "test", path(&samples()), "--json"], 0);
    assert_eq!(tested["failed"], 0);
    assert!(tested["passed"].as_u64().unwrap() >= 30);
}

#[test]
fn a_broken_contract_is_named_with_file_line_and_path() {
    let folder = tempfile::tempdir().unwrap();
    let source = std::fs::read_to_string(samples().join("refund.issue/contract.yaml")).unwrap();
    let broken = source.replace("pan-bin6-last4", "half-of-it").replace("expires_after: PT4H", "expires_after: soon");
    std::fs::write(folder.path().join("contract.yaml"), broken).unwrap();
    let output = run(&["contract", "check", path(folder.path())]);
    let out = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{out}");
    assert!(out.contains("contract.yaml") && out.contains("error at /"), "{out}");
    let checked = json(&["contract", "check", path(folder.path()), "--json"], 1);
    assert_eq!(checked["ok"], false);
    assert!(
        checked["findings"]
            .as_array()
            .unwrap()
            .iter()
            .all(|finding| finding["file"] == "contract.yaml" && finding["cause"] != "")
    );
}

/// A gateway in its own process, killed when the test ends early.
struct Served {
    child: Child,
    address: String,
}

impl Served {
    fn on(data_dir: &Path) -> Self {
        let mut child = seamark()
            .args(["serve", "--data-dir", path(data_dir), "--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let address =
            line.trim().strip_prefix("seamark gateway listening on ").unwrap_or_else(|| panic!("{line:?}")).to_owned();
        Self { child, address }
    }

    fn stop(mut self) {
        terminate(&self.child);
        assert_eq!(self.child.wait().unwrap().code(), Some(0), "SIGTERM ends it gracefully");
        let mut rest = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "", "one line and nothing more");
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // Gone already when the test went well.
        let _ = self.child.kill();
    }
}

fn terminate(child: &Child) {
    let sent = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

fn runs_file(folder: &Path) -> PathBuf {
    let call = |id: &str, tool: &str, arguments: Value| json!({"role": "assistant", "calls": [{"call_id": id, "tool": tool, "arguments": arguments, "consequential": true}]});
    let runs = [
        json!({"run": "one", "steps": [{"role": "user", "text": "Cancel it."}, call("1", "cancel_reservation", json!({"reservation_id": "A1"})), call("2", "transfer_to_human_agents", json!({"summary": "Please help."}))]}),
        json!({"run": "two", "steps": [call("1", "send_certificate", json!({"user_id": "u", "amount": 100}))]}),
    ];
    let file = folder.join("runs.jsonl");
    std::fs::write(&file, runs.map(|run| run.to_string()).join("\n")).unwrap();
    file
}

#[test]
fn from_nothing_to_a_gated_handoff_and_back() {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = folder.path().join("gateway");
    let dir = path(&data_dir);
    let published = json(&["contract", "publish", path(&samples()), "--data-dir", dir, "--json"], 0);
    assert!(published["published"].as_array().unwrap().iter().all(|published| published["isNew"] == true));
    let gateway = Served::on(&data_dir);
    let again = json(&["contract", "publish", path(&samples()), "--data-dir", dir, "--json"], 0);
    assert!(
        again["published"].as_array().unwrap().iter().all(|published| published["isNew"] == false),
        "beside a running gateway"
    );
    let key = json(&["agent-key", "create", "--data-dir", dir, "--agent", "tester", "--json"], 0)["key"]
        .as_str()
        .unwrap()
        .to_owned();
    let invited = json(&["invite", "--data-dir", dir, "--person", "Alice Example", "--role", "reviewer", "--json"], 0);
    assert!(invited["code"].as_str().unwrap().starts_with("smi_"));
    let reach = ["--gateway", gateway.address.as_str(), "--key", key.as_str(), "--json"];
    let with = |args: &[&str], code| json(&[args, &reach[..]].concat(), code);

    let example = samples().join("refund.issue/examples/other-card.json");
    let submitted = with(&["handoff", "submit", path(&example)], 0);
    assert_eq!(submitted["status"], "open");
    let id = submitted["handoffId"].as_str().unwrap();
    assert_eq!(
        with(&["handoff", "submit", path(&example)], 0)["recorded"],
        submitted["recorded"],
        "the same bytes, the same answer"
    );
    assert_eq!(with(&["handoff", "wait", id, "--timeout", "0s"], 4)["status"], "open");
    assert_eq!(with(&["handoff", "check", id], 4)["authorised"], false);
    assert_eq!(with(&["handoff", "withdraw", id], 0)["status"], "withdrawn");
    assert_eq!(with(&["handoff", "wait", id], 1)["outcome"]["cause"], "source");
    let checked = with(&["handoff", "check", id], 1);
    assert_eq!(checked["authorised"], false);
    assert!(
        checked["claims"].as_array().unwrap().iter().any(|claim| claim["verdict"] == "FAIL" && claim["id"] == "window"),
        "{checked}"
    );

    let refused = with(&["handoff", "submit", path(&samples().join("refund.issue/examples/no-amount.json"))], 1);
    assert_eq!(
        (refused["code"].as_str(), refused["violations"][0]["pointer"].as_str()),
        (Some("invalid-handoff"), Some("/payload/amount"))
    );
    assert_eq!(
        json(&["handoff", "get", id, "--gateway", &gateway.address, "--key", "smk_wrong", "--json"], 1)["code"],
        "unauthenticated"
    );

    let small = samples().join("refund.issue/examples/small-passes.json");
    let passed = with(&["handoff", "submit", path(&small)], 0);
    let id = passed["handoffId"].as_str().unwrap();
    assert_eq!(passed["status"], "passed");
    assert_eq!(with(&["handoff", "check", id], 1)["authorised"], false, "nobody said that this destination accepts it");
    let trust = folder.path().join("trust.json");
    let pinning =
        ["--trust", path(&trust), "--ungated", "refund.issue", "--audience", "https://refunds.shop.example/execute"];
    let checked = with(&[&["handoff", "check", id, "--payload"], &pinning[..]].concat(), 0);
    assert_eq!((checked["authorised"].as_bool(), checked["trust"].as_str()), (Some(true), Some("pinned-now")));
    assert!(
        checked["payload"]["card"]["number"].as_str().is_some_and(|number| number.len() >= 13),
        "reconstructed: {checked}"
    );
    let consumed = with(&[&["handoff", "check", id, "--consume"], &pinning[..]].concat(), 0);
    assert_eq!(consumed["trust"], "pinned");
    assert!(consumed["consumed"]["seq"].is_u64());
    assert_eq!(with(&[&["handoff", "check", id, "--consume"], &pinning[..]].concat(), 1)["code"], "attempt-consumed");

    let runs = runs_file(folder.path());
    let totals = json!({"submitted": 3, "admitted": 3, "refused": 0, "passed": 0});
    assert_eq!(with(&["replay", path(&runs)], 0), totals);
    assert_eq!(with(&["replay", path(&runs)], 0), totals, "replaying again changes nothing");
    let mut more = std::fs::OpenOptions::new().append(true).open(&runs).unwrap();
    write!(more, "\nnot a run\n{}", json!({"run": "three", "steps": [{"role": "assistant", "calls": [{"call_id": "1", "tool": "launch_rocket", "arguments": {}, "consequential": true}]}]})).unwrap();
    assert_eq!(with(&["replay", path(&runs)], 1), json!({"submitted": 4, "admitted": 3, "refused": 1, "passed": 0}));

    check_demo(&gateway, &key, folder.path());
    let sound = json(&["ledger", "fsck", "--data-dir", dir, "--json"], 0);
    assert_eq!(sound["findings"], json!([]));
    gateway.stop();
}

#[test]
fn a_damaged_database_is_a_finding_and_not_a_failure() {
    let folder = tempfile::tempdir().unwrap();
    let dir = path(folder.path());
    json(&["invite", "--data-dir", dir, "--person", "Alice", "--role", "reviewer", "--json"], 0);
    assert_eq!(json(&["ledger", "fsck", "--data-dir", dir, "--json"], 0)["findings"], json!([]));
    std::fs::remove_file(folder.path().join("keys/ledger.key")).unwrap();
    std::fs::write(folder.path().join("gateway.sqlite3"), "no database").unwrap();
    let report = json(&["ledger", "fsck", "--data-dir", dir, "--json"], 1);
    let tables: Vec<_> = report["findings"].as_array().unwrap().iter().map(|found| found["table"].as_str()).collect();
    assert_eq!(tables, [Some("keys"), Some("database")], "{report}");
    assert!(!folder.path().join("keys/ledger.key").exists());
}

/// Runs the demo until something was executed and something waits, then stops it and starts it again.
fn check_demo(gateway: &Served, key: &str, folder: &Path) {
    let memory = folder.join("demo.json");
    let start = || {
        seamark()
            .args([
                "demo",
                "--gateway",
                &gateway.address,
                "--key",
                key,
                "--seed",
                "7",
                "--pace",
                "1ms",
                "--max-open",
                "60",
                "--json",
                "--memory",
                path(&memory),
            ])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    };
    let mut demo = start();
    let mut lines = BufReader::new(demo.stdout.take().unwrap())
        .lines()
        .map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap());
    let first = lines.next().unwrap();
    let (mut has_executed, mut has_open) = (first["event"] == "executed", first["event"] == "open");
    while !(has_executed && has_open) {
        let event = lines.next().expect("the demo goes on until it is stopped");
        assert_ne!(event["event"], "trouble", "{event}");
        has_executed |= event["event"] == "executed";
        has_open |= event["event"] == "open";
    }
    terminate(&demo);
    let totals = lines.last().unwrap();
    assert_eq!(demo.wait().unwrap().code(), Some(0));
    assert!(
        totals["executed"].as_u64().unwrap() >= 1 && totals["passed"].as_u64() >= totals["executed"].as_u64(),
        "{totals}"
    );

    let mut again = start();
    let mut lines = BufReader::new(again.stdout.take().unwrap())
        .lines()
        .map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap());
    let known = lines.find(|event| event["event"] == "open").unwrap();
    let id = known["handoffId"].as_str().unwrap();
    assert_eq!(
        json(&["handoff", "get", id, "--gateway", &gateway.address, "--key", key, "--json"], 0)["status"],
        "open"
    );
    terminate(&again);
    assert_eq!(again.wait().unwrap().code(), Some(0));
}
