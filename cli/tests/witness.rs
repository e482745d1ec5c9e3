//! An outside witness as its operator and ledgers meet it.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests stand outside of test functions")]

#[path = "support/org.rs"]
mod org;

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use seamark_ledger::checkpoint::{Checkpoint, Head, Vkey, VkeyKind};
use seamark_ledger::key::{Signer as _, SigningKey};
use seamark_ledger::tree::{Frontier, Hash, NodeId, leaf_hash, plan_consistency};
use seamark_ledger::witness::{AddCheckpoint, take_cosignature};

use org::Org;

const ORIGIN: &str = "ledger.shop.example";
const NAME: &str = "witness.example/w1";
const FAR: u64 = 1 << 40;

fn seamark(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_seamark"));
    for name in ["SEAMARK_WITNESS_DATA", "SEAMARK_LOG"] {
        command.env_remove(name);
    }
    command.args(args).stdin(Stdio::null());
    command
}

fn run(args: &[&str], code: i32) -> Output {
    let output = seamark(args).output().unwrap();
    assert_eq!(output.status.code(), Some(code), "{args:?}\n{}", String::from_utf8_lossy(&output.stderr));
    output
}

fn line(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap().trim_end().to_owned()
}

/// A running witness that ends with the test.
struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn start(data: &str) -> Self {
        Self::run(&["witness", "run", "--data", data, "--listen", "127.0.0.1:0"])
    }

    fn run(args: &[&str]) -> Self {
        let mut child = seamark(args).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut ready = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut ready).unwrap();
        let address = ready.trim_end().rsplit_once("http://").unwrap().1.to_owned();
        Self { child, address }
    }

    /// Status, head and body of an answer.
    fn ask(&self, body: &str) -> (u16, String, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let length = body.len();
        write!(
            stream,
            "POST /add-checkpoint HTTP/1.1\r\nhost: witness\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head[9..12].parse().unwrap(), head.to_lowercase(), body.to_owned())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// A ledger whose entries are its name and their index.
struct Ledger {
    key: SigningKey,
    nodes: HashMap<NodeId, Hash>,
    roots: Vec<Hash>,
}

impl Ledger {
    fn new(name: &str) -> Self {
        let mut frontier = Frontier::default();
        let mut ledger =
            Self { key: SigningKey::from_seed(&[3; 32]), nodes: HashMap::new(), roots: vec![frontier.root()] };
        for index in 0..20 {
            let stored = frontier.append(leaf_hash(format!("{name}{index}").as_bytes())).unwrap();
            ledger.nodes.extend(stored.iter().map(|node| (node.id, node.hash)));
            ledger.roots.push(frontier.root());
        }
        ledger
    }

    fn vkey(&self) -> String {
        Vkey::new(ORIGIN, VkeyKind::Log, self.key.public_key()).unwrap().to_string()
    }

    fn note(&self, size: u64) -> String {
        let head = Head::new(ORIGIN, size, self.roots[usize::try_from(size).unwrap()]).unwrap();
        Checkpoint::sign(head, &self.key).unwrap().to_string()
    }

    fn ask(&self, old: u64, size: u64) -> String {
        let proof = match old {
            0 => Vec::new(),
            old => plan_consistency(old, size).unwrap().assemble(|id| self.nodes.get(&id).copied()).unwrap(),
        };
        AddCheckpoint::write(old, &proof, &self.note(size))
    }
}

/// A folder with a witness that knows the ledger, and its vkey.
fn witness(folder: &Path, ledger: &Ledger) -> (String, Vkey) {
    let data = folder.join("witness").to_str().unwrap().to_owned();
    let vkey = line(&run(&["witness", "init", "--data", &data, "--name", NAME], 0));
    run(&["witness", "log", "add", "--data", &data, &ledger.vkey()], 0);
    (data, Vkey::parse(&vkey).unwrap())
}

#[test]
fn a_witness_has_a_key_of_its_own_that_is_never_replaced_and_knows_one_key_for_each_ledger() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = Ledger::new("a");
    let (data, vkey) = witness(folder.path(), &ledger);
    assert_eq!((vkey.kind(), vkey.name()), (VkeyKind::CosignatureV1, NAME));
    let mode = std::fs::metadata(Path::new(&data).join("witness.key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    run(&["witness", "init", "--data", &data, "--name", NAME], 3);
    run(&["witness", "init", "--data", folder.path().join("other").to_str().unwrap(), "--name", "a b"], 3);
    run(&["witness", "log", "add", "--data", &data, &ledger.vkey()], 0);
    let other = Vkey::new(ORIGIN, VkeyKind::Log, SigningKey::from_seed(&[4; 32]).public_key()).unwrap().to_string();
    let refused = run(&["witness", "log", "add", "--data", &data, &other], 3);
    assert!(String::from_utf8(refused.stderr).unwrap().contains("another key"));
    run(&["witness", "log", "add", "--data", &data, &vkey.to_string()], 3);
    run(&["witness", "run", "--data", folder.path().to_str().unwrap()], 3);
}

/// Attack A17: what was cosigned is kept before the cosignature leaves, so it holds across a crash.
#[test]
fn attack_a17_a_witness_answers_as_the_specification_says_and_forgets_nothing_when_it_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let (ledger, forked) = (Ledger::new("a"), Ledger::new("b"));
    let (data, vkey) = witness(folder.path(), &ledger);
    let server = Server::start(&data);
    for (old, size) in [(0, 3), (3, 3), (3, 9)] {
        let (status, _, line) = server.ask(&ledger.ask(old, size));
        assert_eq!(status, 200, "{line}");
        take_cosignature(&ledger.note(size), &line, &vkey, FAR).unwrap();
    }
    run(&["witness", "run", "--data", &data, "--listen", "127.0.0.1:0"], 3);
    drop(server);

    let server = Server::start(&data);
    for body in [ledger.ask(0, 3), ledger.ask(3, 9), forked.ask(0, 9), forked.ask(9, 9)] {
        let (status, head, body) = server.ask(&body);
        assert_eq!((status, body.as_str()), (409, "9\n"));
        assert!(head.contains("content-type: text/x.tlog.size"), "{head}");
    }
    assert_eq!(server.ask(&forked.ask(9, 12)).0, 422);
    assert_eq!(server.ask("old x").0, 400);
    assert_eq!(server.ask(&"a".repeat(100_000)).0, 400);
    let elsewhere = ledger.ask(9, 12).replace(ORIGIN, "ledger.other.example");
    assert_eq!(server.ask(&elsewhere).0, 404);
    let other_root = ledger.note(12).replace(&ledger.roots[12].to_string(), &forked.roots[12].to_string());
    assert_eq!(server.ask(&AddCheckpoint::write(9, &[], &other_root)).0, 403);
    assert_eq!(server.ask(&ledger.ask(9, 12)).0, 200);
    let listed = line(&run(&["witness", "log", "list", "--data", &data, "--json"], 0));
    assert!(listed.contains("\"size\":12"), "{listed}");
}

/// The two programs together: a gateway shows its ledger to a witness, and says so.
#[test]
fn a_gateway_gets_its_heads_cosigned_by_a_witness_and_a_forgotten_ledger_is_an_alarm() {
    let folder = tempfile::tempdir().unwrap();
    let (data, gateway) = (folder.path().join("witness"), folder.path().join("gateway"));
    let (data, gateway) = (data.to_str().unwrap(), gateway.to_str().unwrap());
    let vkey = line(&run(&["witness", "init", "--data", data, "--name", NAME], 0));
    let org = Org::with(Path::new(gateway));
    run(&["agent-key", "create", "--data-dir", gateway, "--agent", "order-desk"], 0);
    let trust: serde_json::Value =
        serde_json::from_slice(&run(&["evidence", "trust", "--data-dir", gateway], 0).stdout).unwrap();
    run(&["witness", "log", "add", "--data", data, trust["ledgerVkey"].as_str().unwrap()], 0);
    let witness = Server::start(data);
    let url = format!("http://{}", witness.address);
    let serve = ["serve", "--data-dir", gateway, "--listen", "127.0.0.1:0", "--witness", &url, &vkey];
    let serving = Server::run(&serve);
    org.sign(&["--gateway", &format!("http://{}", serving.address)]);
    let status = |is_wanted: &dyn Fn(&serde_json::Value) -> bool| {
        // Each look is a process of its own, which takes longer than a witness.
        (0..400).any(|_| {
            let output = seamark(&["ledger", "status", "--data-dir", gateway, "--json"]).output().unwrap();
            is_wanted(&serde_json::from_slice(&output.stdout).unwrap())
        })
    };
    assert!(status(&|state| state["witnesses"][0]["size"] == state["size"]), "every head was cosigned");
    drop(serving);

    // The ledger is put back to an older copy: another one goes on under the same key.
    let copy = folder.path().join("copy");
    let stopped = |from: &Path, to: &Path| {
        run(&["ledger", "fsck", "--data-dir", from.to_str().unwrap()], 0);
        copy_folder(from, to);
    };
    stopped(Path::new(gateway), &copy);
    let serving = Server::run(&serve);
    run(&["agent-key", "create", "--data-dir", gateway, "--agent", "another"], 0);
    assert!(status(&|state| state["witnesses"][0]["size"] == state["size"]));
    drop(serving);
    std::fs::remove_dir_all(gateway).unwrap();
    copy_folder(&copy, Path::new(gateway));
    let serving = Server::run(&serve);
    assert!(status(&|state| state["witnesses"][0]["alarms"][0]["cause"].is_string()), "the witness remembers");
    run(&["ledger", "status", "--data-dir", gateway], 1);
    drop((serving, witness));
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for found in std::fs::read_dir(from).unwrap() {
        let found = found.unwrap();
        let target = to.join(found.file_name());
        if found.file_type().unwrap().is_dir() {
            copy_folder(&found.path(), &target);
        } else {
            std::fs::copy(found.path(), &target).unwrap();
        }
    }
}
