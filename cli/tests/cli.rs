//! The command line as programs and people meet it: names, exit codes, answers, messages.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests stand outside of test functions"
)]

#[path = "support/org.rs"]
mod org;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use base64ct::{Base64UrlUnpadded, Encoding as _};
use seamark_ledger::key::{Signer as _, SigningKey};
use serde_json::{Value, json};

use org::Org;

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
        "org",
        "init",
        "serve",
        "contract",
        "agent-key",
        "execution-key",
        "invite",
        "person",
        "device",
        "handoff",
        "replay",
        "demo",
        "ledger",
        "evidence",
        "witness",
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
    let early = run(&["contract", "publish", path(&samples()), "--data-dir", dir]);
    let err = text(&early.stderr);
    assert!(early.status.code() == Some(3) && err.contains("seamark org create") && !data_dir.exists(), "{err}");
    let org = Org::with(&data_dir);
    let published = json(&["contract", "publish", path(&samples()), "--data-dir", dir, "--json"], 0);
    assert!(published["published"].as_array().unwrap().iter().all(|published| published["isNew"] == true));
    let gateway = Served::on(&data_dir);
    let again = json(&["contract", "publish", path(&samples()), "--data-dir", dir, "--json"], 0);
    assert!(
        again["published"].as_array().unwrap().iter().all(|published| published["isNew"] == false),
        "beside a running gateway"
    );
    let key =
        json(&["agent-key", "create", "--data-dir", dir, "--agent", "tester", "--acts-for", "*", "--json"], 0)["key"]
            .as_str()
            .unwrap()
            .to_owned();
    let invited = json(&["invite", "--data-dir", dir, "--person", "Alice Example", "--role", "reviewer", "--json"], 0);
    assert!(invited["code"].as_str().unwrap().starts_with("smi_"));
    let reach = ["--gateway", gateway.address.as_str(), "--key", key.as_str(), "--json"];
    let with = |args: &[&str], code| json(&[args, &reach[..]].concat(), code);

    let example = samples().join("refund.issue/examples/other-card.json");
    assert_eq!(org.sign(&["--gateway", &gateway.address])["accepted"]["version"], 1);
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

    check_demo(&gateway, &key, folder.path(), &org);
    let sound = json(&["ledger", "fsck", "--data-dir", dir, "--json"], 0);
    assert_eq!(sound["findings"], json!([]));
    gateway.stop();
}

#[test]
fn a_damaged_database_is_a_finding_and_not_a_failure() {
    let folder = tempfile::tempdir().unwrap();
    let dir = path(folder.path());
    Org::with(folder.path());
    json(&["invite", "--data-dir", dir, "--person", "Alice", "--role", "reviewer", "--json"], 0);
    assert_eq!(json(&["ledger", "fsck", "--data-dir", dir, "--json"], 0)["findings"], json!([]));
    std::fs::remove_file(folder.path().join("keys/ledger.key")).unwrap();
    std::fs::write(folder.path().join("gateway.sqlite3"), "no database").unwrap();
    let report = json(&["ledger", "fsck", "--data-dir", dir, "--json"], 1);
    let tables: Vec<_> = report["findings"].as_array().unwrap().iter().map(|found| found["table"].as_str()).collect();
    assert_eq!(tables, [Some("keys"), Some("database")], "{report}");
    assert!(!folder.path().join("keys/ledger.key").exists());
}

/// `POST` with a JSON body over a connection of its own; status and body.
fn post(address: &str, path: &str, body: &Value) -> (u16, Value) {
    let host = address.strip_prefix("http://").unwrap();
    let mut stream = std::net::TcpStream::connect(host).unwrap();
    let body = body.to_string();
    write!(
        stream,
        "POST {path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), serde_json::from_str(body).unwrap())
}

/// Enrols a device whose keys come from these two names; its answer.
fn enrol(gateway: &Served, code: &str, names: [&str; 2]) -> (u16, Value) {
    let keys =
        names.map(|name| SigningKey::from_seed(seamark_contracts::digest::Digest::of(name.as_bytes()).as_bytes()));
    let public = keys.each_ref().map(|key| Base64UrlUnpadded::encode_string(key.public_key().as_bytes()));
    let text = format!("seamark-enrolment/v1\n{code}\n{}\n{}", public[0], public[1]);
    let proof = keys.map(|key| Base64UrlUnpadded::encode_string(key.sign(text.as_bytes()).unwrap().as_bytes()));
    let body = json!({
        "code": code, "deviceName": "Laptop", "deviceKey": public[0], "decisionKey": public[1],
        "proof": proof[0], "decisionProof": proof[1],
    });
    post(&gateway.address, "/v1/enrolments", &body)
}

/// A command that is refused: exit code 1, nothing on standard output, these words on standard error.
fn refused(args: &[&str], words: &[&str]) {
    let output = run(args);
    let err = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{args:?}: {err}");
    assert!(output.stdout.is_empty(), "{args:?}");
    assert!(words.iter().all(|word| err.contains(word)), "{args:?}: {err}");
}

#[test]
fn b10_what_was_given_is_listed_and_ended_beside_a_running_gateway() {
    let folder = tempfile::tempdir().unwrap();
    let dir = path(folder.path());
    let org = Org::with(folder.path());
    json(&["contract", "publish", path(&samples()), "--data-dir", dir, "--json"], 0);
    let gateway = Served::on(folder.path());
    org.sign(&["--gateway", &gateway.address]);
    let on = |args: &[&str], code| json(&[args, &["--data-dir", dir, "--json"][..]].concat(), code);
    let key = on(&["agent-key", "create", "--agent", "tester", "--contract", "refund.issue"], 0);
    let key = key["key"].as_str().unwrap();
    let example = samples().join("refund.issue/examples/other-card.json");
    let submit = || {
        let args = ["handoff", "submit", path(&example), "--gateway", &gateway.address, "--key", key, "--json"];
        let output = run(&args);
        let answer: Value = serde_json::from_str(text(&output.stdout).lines().last().unwrap()).unwrap();
        (output.status.code(), answer)
    };
    assert_eq!(submit().0, Some(0), "the gateway has just seen the key");
    let listed = on(&["agent-key", "list"], 0);
    let listed = &listed[0];
    assert_eq!(
        (listed["agent"].as_str(), &listed["contracts"]),
        (Some("urn:seamark:agent:tester"), &json!(["refund.issue"]))
    );
    let id = listed["id"].as_str().unwrap();
    let done = on(&["agent-key", "end", id], 0);
    assert_eq!((&done["isNew"], &done["id"]), (&json!(true), &json!(id)));
    // Another process ended it: the gateway hears of it within two seconds, and each try takes a while.
    let begun = std::time::Instant::now();
    while submit().0 == Some(0) {
        assert!(begun.elapsed() < std::time::Duration::from_secs(10), "the gateway does not hear of the end");
    }
    let (code, answer) = submit();
    assert_eq!((code, &answer["code"]), (Some(1), &json!("access-ended")));
    let again = on(&["agent-key", "end", key], 0);
    assert_eq!((&again["isNew"], &again["endedAt"]), (&json!(false), &done["endedAt"]), "by its text, and no error");
    refused(&["agent-key", "end", "ak_0", "--data-dir", dir], &["\"ak_0\"", "nothing was changed", "agent-key list"]);

    let code = on(&["invite", "--person", "Alice Example", "--role", "reviewer"], 0);
    let code = code["code"].as_str().unwrap();
    let (status, enrolled) = enrol(&gateway, code, ["device", "decision"]);
    assert_eq!(status, 200, "{enrolled}");
    let devices = on(&["device", "list"], 0);
    let device = &devices[0];
    assert_eq!((&device["id"], &device["decisionKeyid"]), (&enrolled["deviceKeyid"], &enrolled["decisionKeyid"]));
    assert_eq!((&device["name"], &device["personName"]), (&json!("Laptop"), &json!("Alice Example")));
    let short = device["id"].as_str().unwrap().get(..8).unwrap();
    assert_eq!(on(&["device", "end", short], 0)["isNew"], true);
    let text_again = text(&run(&["device", "end", short, "--data-dir", dir]).stdout);
    assert!(text_again.contains("had ended before, at") && text_again.contains("Nothing was changed"), "{text_again}");
    refused(&["device", "end", "0000000", "--data-dir", dir], &["device list"]);

    assert_eq!(on(&["person", "role", "give", "alice-example", "lead"], 0)["roles"], json!(["reviewer", "lead"]));
    let taken = on(&["person", "role", "take", "Alice Example", "lead"], 0);
    assert_eq!((&taken["hasRole"], &taken["isNew"]), (&json!(false), &json!(true)));
    assert_eq!(on(&["person", "role", "take", "Alice Example", "lead"], 0)["isNew"], false);
    refused(&["person", "role", "take", "Alice Example", "clerk", "--data-dir", dir], &["never had", "reviewer"]);
    assert_eq!(on(&["person", "end", "urn:seamark:user:alice-example"], 0)["with"], json!(["role reviewer"]));
    let persons = on(&["person", "list"], 0);
    assert!(persons[0]["endedAt"].is_string() && persons[0]["devices"][0]["endedAt"].is_string(), "{persons}");
    refused(&["person", "role", "give", "alice-example", "lead", "--data-dir", dir], &["has ended", "invite"]);
    refused(&["person", "end", "Bob", "--data-dir", dir], &["there is no person \"Bob\""]);
    assert_eq!(on(&["execution-key", "list"], 0), json!([]));
    refused(&["execution-key", "end", "00000000", "--data-dir", dir], &["execution-key list"]);
    assert_eq!(on(&["ledger", "fsck"], 0)["findings"], json!([]));
    gateway.stop();

    // A mistyped folder is no gateway, and does not become one.
    let nowhere = folder.path().join("nowhere");
    let output = run(&["person", "list", "--data-dir", path(&nowhere)]);
    assert_eq!(output.status.code(), Some(3));
    assert!(!nowhere.exists());
}

/// The process that ends a key is killed as soon as it begins to write: the key has ended or it has not, nothing between.
#[test]
fn b10_a_kill_around_the_commit_leaves_a_key_ended_or_not() {
    let folder = tempfile::tempdir().unwrap();
    let dir = path(folder.path());
    let on = |args: &[&str]| json(&[args, &["--data-dir", dir, "--json"][..]].concat(), 0);
    Org::with(folder.path());
    let journal = folder.path().join("gateway.sqlite3-wal");
    for round in 0..6 {
        on(&["agent-key", "create", "--agent", "tester"]);
        let keys = on(&["agent-key", "list"]);
        let id = keys[round]["id"].as_str().unwrap().to_owned();
        let args = ["agent-key", "end", &id, "--data-dir", dir, "--json"];
        let mut child = seamark().args(args).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let has_begun = || std::fs::metadata(&journal).is_ok_and(|journal| journal.len() > 0);
        while !has_begun() && child.try_wait().unwrap().is_none() {
            std::hint::spin_loop();
        }
        // Gone already when it was faster.
        let _ = child.kill();
        let output = child.wait_with_output().unwrap();
        let said = !output.stdout.is_empty();
        let has_ended = on(&["agent-key", "list"])[round]["endedAt"].is_string();
        assert!(has_ended || !said, "what was answered is on disk");
        assert_eq!(on(&["ledger", "fsck"])["findings"], json!([]));
        assert_eq!(on(&["agent-key", "end", &id])["isNew"], !has_ended, "and the same command finishes it");
        assert_eq!(on(&["ledger", "fsck"])["findings"], json!([]));
    }
}

/// Runs the demo until something was executed and something waits, then stops it and starts it again.
fn check_demo(gateway: &Served, key: &str, folder: &Path, org: &Org) {
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
        if event["event"] == "trouble" {
            // Nothing is done under keys that the root has not signed; then it goes on.
            assert!(event["text"].as_str().unwrap().contains("has not signed"), "{event}");
            org.sign(&["--gateway", &gateway.address]);
        }
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
