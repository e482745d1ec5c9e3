//! The destination's gate as processes of its own: races, crashes, and what it refuses.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests stand outside of test functions")]

#[path = "support/org.rs"]
mod org;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::{Value, json};

use org::Org;

const AUDIENCE: &str = "https://refunds.shop.example/execute";

fn seamark() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_seamark"));
    for name in ["SEAMARK_DATA_DIR", "SEAMARK_GATEWAY", "SEAMARK_KEY", "SEAMARK_TRUST", "SEAMARK_LOG", "SEAMARK_ORG"] {
        command.env_remove(name);
    }
    command
}

fn answer(output: &Output) -> (Option<i32>, Value) {
    let out = String::from_utf8_lossy(&output.stdout);
    let value = serde_json::from_str(out.lines().last().unwrap_or_default()).unwrap_or(Value::Null);
    (output.status.code(), value)
}

#[track_caller]
fn run(args: &[&str], code: i32) -> Value {
    let output = seamark().args(args).arg("--json").output().unwrap();
    let (found, value) = answer(&output);
    assert_eq!(found, Some(code), "{args:?}: {value} {}", String::from_utf8_lossy(&output.stderr));
    value
}

fn samples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../contracts/samples")
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A gateway, a key of each side, and a destination that accepts small refunds without a person.
struct World {
    org: Org,
    folder: tempfile::TempDir,
    gateway: Child,
    address: String,
    source: String,
    destination: String,
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = self.gateway.kill();
        let _ = self.gateway.wait();
    }
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data_dir = folder.path().join("gateway");
        let dir = path(&data_dir);
        let org = Org::with(&data_dir);
        run(&["contract", "publish", path(&samples()), "--data-dir", dir], 0);
        let key = |agent: &str, side: &str| {
            let made = run(&["agent-key", "create", "--data-dir", dir, "--agent", agent, "--for", side], 0);
            made["key"].as_str().unwrap().to_owned()
        };
        let (source, destination) = (key("order-desk", "source"), key("refund-executor", "destination"));
        let mut gateway = seamark()
            .args(["serve", "--data-dir", dir, "--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(gateway.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("seamark gateway listening on ").unwrap().to_owned();
        org.sign(&["--gateway", &address]);
        let world = Self { org, folder, gateway, address, source, destination };
        let version = world.example()["contract"]["version"].as_str().unwrap().to_owned();
        let (place, contract) = (world.place(), format!("refund.issue@{version}"));
        let init = ["destination", "init", path(&place), "--agent", "refund-executor", "--audience", AUDIENCE];
        run(
            &[&init[..], &["--contract", &contract, "--ungated", "refund.issue", "--gateway", &world.address]].concat(),
            0,
        );
        // Names the key under which it reports, so that the root can sign it.
        world.ask("recover", &[], 0);
        world.org.sign(&["--gateway", &world.address]);
        world
    }

    fn place(&self) -> PathBuf {
        self.folder.path().join("refunds")
    }

    fn example(&self) -> Value {
        serde_json::from_slice(&std::fs::read(samples().join("refund.issue/examples/small-passes.json")).unwrap())
            .unwrap()
    }

    /// A handoff that passed without a person.
    fn passed(&self, nth: usize) -> String {
        let mut body = self.example();
        let id = format!("0199a1c2-5b7e-7c3d-9a10-2f4b6c8d{nth:04}");
        body["handoffId"] = json!(id);
        let file = self.folder.path().join(format!("{nth}.json"));
        std::fs::write(&file, body.to_string()).unwrap();
        let args = ["handoff", "submit", path(&file), "--gateway", &self.address, "--key", &self.source];
        assert_eq!(run(&args, 0)["status"], "passed");
        id
    }

    fn command(&self, what: &str, more: &[&str]) -> Command {
        let mut command = seamark();
        command.args(["--json", "destination", what, path(&self.place())]);
        command.args(["--gateway", &self.address, "--key", &self.destination]).args(more);
        command.stderr(Stdio::null());
        command
    }

    #[track_caller]
    fn ask(&self, what: &str, more: &[&str], code: i32) -> Value {
        let (found, value) = answer(&self.command(what, more).output().unwrap());
        assert_eq!(found, Some(code), "{what} {more:?}: {value}");
        value
    }

    fn result(&self, id: &str) -> Value {
        run(&["handoff", "get", id, "--gateway", &self.address, "--key", &self.source], 0)["result"].clone()
    }

    fn assert_sound(&self) {
        let dir = self.folder.path().join("gateway");
        assert_eq!(run(&["ledger", "fsck", "--data-dir", path(&dir)], 0)["findings"], json!([]));
    }

    /// The delivery as the source got it.
    fn delivery(&self, id: &str) -> Vec<u8> {
        let host = self.address.strip_prefix("http://").unwrap();
        let mut stream = std::net::TcpStream::connect(host).unwrap();
        let key = &self.source;
        write!(stream, "GET /v1/handoffs/{id}/outcome HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {key}\r\nconnection: close\r\n\r\n").unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        let body = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
        bytes.split_off(body)
    }
}

fn step<'a>(answer: &'a Value, name: &str) -> &'a str {
    let steps = answer["steps"].as_array().unwrap();
    steps.iter().find(|step| step["step"] == name).map_or("none", |step| step["verdict"].as_str().unwrap())
}

fn lines(file: &Path) -> usize {
    std::fs::read_to_string(file).unwrap_or_default().lines().count()
}

/// Attack A10, with processes in place of threads, and one that is killed while its program acts.
#[test]
fn attack_a10_of_many_processes_one_acts_and_a_crash_is_reported_as_unknown() {
    let world = World::new();
    let (id, done) = (world.passed(1), world.folder.path().join("done"));
    let act = format!("echo \"$SEAMARK_IDEMPOTENCY_KEY\" >> {}", path(&done));
    let racers: Vec<Child> = (0..8)
        .map(|_| {
            let mut command = world.command("gate", &["--handoff", &id, "--exec", "sh", "-c", &act]);
            command.stdout(Stdio::piped()).spawn().unwrap()
        })
        .collect();
    let ended: Vec<_> = racers.into_iter().map(|racer| answer(&racer.wait_with_output().unwrap())).collect();
    assert_eq!(
        ended.iter().filter(|(code, answer)| *code == Some(0) && answer["state"] == "executed").count(),
        1,
        "{ended:?}"
    );
    assert_eq!(ended.iter().filter(|(code, _)| *code == Some(1)).count(), 7, "{ended:?}");
    assert_eq!(lines(&done), 1);
    assert_eq!(world.result(&id)["result"], "executed");

    let (id, begun, stop) = (world.passed(2), world.folder.path().join("begun"), world.folder.path().join("stop"));
    let act = format!("echo x >> {}; while [ ! -e {} ]; do sleep 0.1; done", path(&begun), path(&stop));
    let mut gate =
        world.command("gate", &["--handoff", &id, "--exec", "sh", "-c", &act]).stdout(Stdio::null()).spawn().unwrap();
    while lines(&begun) == 0 {
        assert_eq!(gate.try_wait().unwrap(), None, "it ended before it acted");
        std::thread::yield_now();
    }
    assert_eq!(world.ask("recover", &[], 0), json!([]), "what is under way is left alone");
    gate.kill().unwrap();
    gate.wait().unwrap();
    let again = world.ask("gate", &["--handoff", &id, "--exec", "sh", "-c", &act], 1);
    assert_eq!(step(&again, "attempt"), "FAIL", "{again}");
    let recovered = world.ask("recover", &[], 0);
    assert_eq!((&recovered[0]["phase"], &recovered[0]["isSent"]), (&json!("unknown"), &json!(true)), "{recovered}");
    assert_eq!(world.ask("recover", &[], 0), json!([]));
    assert_eq!(world.result(&id)["result"], "failed");
    assert_eq!(lines(&begun), 1, "and it was never acted on again");
    std::fs::write(&stop, "").unwrap();
    world.assert_sound();
}

#[test]
fn a_payload_is_handed_over_once_and_what_became_of_it_is_reported_once() {
    let world = World::new();
    let id = world.passed(1);
    let looked = world.ask("gate", &["--handoff", &id, "--look"], 0);
    assert_eq!((looked["state"].as_str(), &looked["payload"]), (Some("may-act"), &Value::Null));
    let file = world.folder.path().join("delivery.json");
    std::fs::write(&file, world.delivery(&id)).unwrap();
    let given = world.ask("gate", &["--delivery", path(&file)], 0);
    assert!(given["payload"]["card"]["number"].as_str().unwrap().len() >= 13, "{given}");
    let attempt = given["idempotencyKey"].as_str().unwrap();
    assert_eq!(world.ask("gate", &["--delivery", path(&file)], 1)["payload"], Value::Null);
    assert_eq!(world.ask("recover", &[], 0), json!([]), "it is the caller's to report on");
    assert_eq!(world.ask("report", &["--attempt", attempt, "--executed"], 0)["isSent"], true);
    assert_eq!(world.ask("report", &["--attempt", attempt, "--executed"], 0)["isSent"], true, "the same again");
    world.ask("report", &["--attempt", attempt, "--failed", "too-late"], 1);
    assert_eq!(world.result(&id)["result"], "executed");

    let id = world.passed(2);
    for (exit, phase, code) in [("exit 3", "action", "exit-3"), ("exit 3", "", ""), ("exit 0", "", "")] {
        let failed = world.ask("gate", &["--handoff", &id, "--exec", "sh", "-c", exit], 1);
        assert_eq!(failed["phase"].as_str().unwrap_or_default(), phase, "{failed}");
        assert_eq!(failed["code"].as_str().unwrap_or_default(), code, "{failed}");
    }
    let id = world.passed(3);
    let unknown = world.ask("gate", &["--handoff", &id, "--exec", "sh", "-c", "exit 75"], 1);
    assert_eq!(unknown["phase"], "unknown", "{unknown}");
    world.assert_sound();
}

#[test]
fn attack_a12_a14_only_the_destinations_own_settings_and_key_let_anything_through() {
    let world = World::new();
    let id = world.passed(1);
    let settings = world.place().join("destination.json");
    let good: Value = serde_json::from_slice(&std::fs::read(&settings).unwrap()).unwrap();
    let with = |pointer: &str, value: Value| {
        let mut changed = good.clone();
        *changed.pointer_mut(pointer).unwrap() = value;
        std::fs::write(&settings, changed.to_string()).unwrap();
        world.ask("gate", &["--handoff", &id, "--exec", "false"], 1)
    };
    let digest = json!({ "sha256": "0".repeat(64) });
    assert_eq!(step(&with("/contracts/0/contract/digest", digest), "proof"), "FAIL");
    assert_eq!(step(&with("/contracts/0/ungated", json!(false)), "proof"), "FAIL");
    assert_eq!(step(&with("/audience", json!("https://elsewhere.example")), "audience"), "FAIL");
    std::fs::write(&settings, good.to_string()).unwrap();
    let reach = ["--gateway", &world.address, "--key", &world.source, "--handoff", &id, "--exec", "true"];
    let place = world.place();
    let output = seamark().args(["--json", "destination", "gate", path(&place)]).args(reach).output().unwrap();
    assert_eq!(answer(&output).1["code"], "forbidden", "a source's key does not act");
    world.assert_sound();
}
