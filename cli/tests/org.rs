//! The organisation's root at the command line: made, shown, signed with, handed over, and moved out of an old folder (A16).
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests stand outside of test functions")]

#[path = "support/org.rs"]
mod org;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use base64ct::{Base64, Base64UrlUnpadded, Encoding as _};
use seamark_contracts::digest::Digest;
use seamark_ledger::fingerprint;
use seamark_ledger::key::{PublicKey, Signer as _, SigningKey};
use serde_json::{Value, json};

use org::Org;

/// A gateway in its own process.
struct Served {
    child: Child,
    address: String,
}

impl Served {
    fn on(data_dir: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_seamark"))
            .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(data_dir)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        Self { child, address: line.split_whitespace().last().unwrap().to_owned() }
    }

    /// A request over a connection of its own; status and body.
    fn send(&self, method: &str, path: &str, body: &[u8]) -> (u16, Vec<u8>) {
        let host = self.address.strip_prefix("http://").unwrap();
        let mut stream = std::net::TcpStream::connect(host).unwrap();
        let length = body.len();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n"
        )
        .unwrap();
        stream.write_all(body).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let end = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
        let status = String::from_utf8_lossy(&answer[9..12]).parse().unwrap();
        (status, answer[end + 4..].to_vec())
    }

    fn get(&self, path: &str) -> (u16, Vec<u8>) {
        self.send("GET", path, b"")
    }

    fn keyid_of_root(&self) -> String {
        let trust: Value = serde_json::from_slice(&self.get("/v1/trust").1).unwrap();
        trust["rootKeyid"].as_str().unwrap().to_owned()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn key(name: &str) -> SigningKey {
    SigningKey::from_seed(Digest::of(name.as_bytes()).as_bytes())
}

fn operate(data_dir: &Path, args: &[&str]) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_seamark"))
        .args(args)
        .args(["--json", "--data-dir"])
        .arg(data_dir)
        .output()
        .unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Invites a person and enrols a device whose keys come from its name; the fingerprint that the desk shows.
fn enrol(gateway: &Served, data_dir: &Path, person: &str, device: &str) -> String {
    let invited = operate(data_dir, &["invite", "--person", person, "--role", "reviewer"]);
    let code = invited["code"].as_str().unwrap();
    let keys = [key(&format!("{device}/device")), key(&format!("{device}/decision"))];
    let public = keys.each_ref().map(|key| Base64UrlUnpadded::encode_string(key.public_key().as_bytes()));
    let text = format!("seamark-enrolment/v1\n{code}\n{}\n{}", public[0], public[1]);
    let proof =
        keys.each_ref().map(|key| Base64UrlUnpadded::encode_string(key.sign(text.as_bytes()).unwrap().as_bytes()));
    let body = json!({
        "code": code, "deviceName": "Laptop", "deviceKey": public[0], "decisionKey": public[1],
        "proof": proof[0], "decisionProof": proof[1],
    });
    let (status, answer) = gateway.send("POST", "/v1/enrolments", body.to_string().as_bytes());
    assert_eq!(status, 200);
    let answer: Value = serde_json::from_slice(&answer).unwrap();
    let root = Base64UrlUnpadded::decode_vec(answer["trust"]["rootKey"].as_str().unwrap()).unwrap();
    let root = PublicKey::parse(&root).unwrap().id();
    fingerprint::of_enrolment(&root, answer["person"]["id"].as_str().unwrap(), &keys[1].public_key().id())
}

/// A command that does nothing: exit code 3, and these words on standard error.
fn refused(mut command: Command, words: &[&str]) {
    let output = command.output().unwrap();
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stdout));
    assert!(words.iter().all(|word| err.contains(word)), "{command:?}: {err}");
}

#[test]
fn a16_nobody_is_signed_whose_fingerprint_was_not_read_out() {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = folder.path().join("gateway");
    let org = Org::with(&data_dir);
    let gateway = Served::on(&data_dir);
    let sign = ["sign", "--key", &org.root(), "--gateway", &gateway.address];
    assert_eq!(org.sign(&["--gateway", &gateway.address])["accepted"]["version"], 1, "the gateway's own keys");
    let nothing = org.sign(&["--gateway", &gateway.address]);
    assert_eq!(nothing, json!({ "changes": [] }));

    let alice = enrol(&gateway, &data_dir, "Alice Example", "laptop");
    refused(org.command(&sign), &["Alice Example", "Nothing was signed", "--confirm"]);
    let wrong = "0000 0000 0000 0000 0000 0000 0000 0000";
    refused(
        org.command(&[&sign[..], &["--confirm", wrong]].concat()),
        &["no new key with this fingerprint", "Nothing was signed"],
    );
    assert_eq!(gateway.get("/v1/directory/proposal").0, 200, "it still waits");

    // The operator's own device in Alice's name: she read out one fingerprint, and there are two keys.
    enrol(&gateway, &data_dir, "Alice Example", "operator");
    refused(org.command(&[&sign[..], &["--confirm", &alice]].concat()), &["Alice Example", "Nothing was signed"]);
    let devices = operate(&data_dir, &["device", "list"]);
    let operators = devices[1]["id"].as_str().unwrap();
    operate(&data_dir, &["device", "end", operators]);

    let mut review = Command::new(env!("CARGO_BIN_EXE_seamark"));
    review.args(["org", "review", "--key", &org.root(), "--gateway", &gateway.address]);
    let words = String::from_utf8(review.output().unwrap().stdout).unwrap();
    assert!(words.contains(&format!("fingerprint {alice}, to be read out")), "{words}");
    assert!(words.contains("new: the person \"Alice Example\"") && words.contains("gets the role reviewer"), "{words}");
    assert_eq!(words.matches("a key to decide with").count(), 1, "{words}");

    let signed = org.sign(&["--gateway", &gateway.address, "--confirm", &alice.replace(' ', "")]);
    assert_eq!(signed["accepted"]["version"], 2);
    assert_eq!(operate(&data_dir, &["ledger", "fsck"])["findings"], json!([]));
}

/// The root on a computer without any network: everything goes to and fro as files.
#[test]
fn a16_the_root_signs_files_and_another_root_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = folder.path().join("gateway");
    let org = Org::with(&data_dir);
    let gateway = Served::on(&data_dir);
    let file = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (proposal, current, signed) = (file("proposal.json"), file("directory.json"), file("signed.json"));
    std::fs::write(&proposal, gateway.get("/v1/directory/proposal").1).unwrap();
    org.sign(&["--proposal", &proposal, "--out", &signed]);
    refused(org.command(&["sign", "--key", &org.root(), "--proposal", &proposal, "--out", &signed]), &["not replaced"]);
    assert_eq!(gateway.send("POST", "/v1/directory", &std::fs::read(&signed).unwrap()).0, 200);

    operate(&data_dir, &["agent-key", "create", "--agent", "order-desk"]);
    std::fs::write(&proposal, gateway.get("/v1/directory/proposal").1).unwrap();
    std::fs::write(&current, gateway.get("/v1/directory").1).unwrap();
    let next = file("next.json");
    let skips = ["sign", "--key", &org.root(), "--proposal", &proposal, "--out", &next];
    refused(org.command(&skips), &["version 2", "is 1"]);
    let stranger = Org::with(&folder.path().join("another"));
    let foreign = ["sign", "--key", &stranger.root(), "--proposal", &proposal, "--current", &current, "--out", &next];
    refused(stranger.command(&foreign), &["another gateway's root", "Nothing was signed"]);
    org.sign(&["--proposal", &proposal, "--current", &current, "--out", &next]);
    operate(&data_dir, &["agent-key", "create", "--agent", "content-desk"]);
    let (status, stale) = gateway.send("POST", "/v1/directory", &std::fs::read(&next).unwrap());
    let stale: Value = serde_json::from_slice(&stale).unwrap();
    assert_eq!((status, stale["code"].as_str()), (409, Some("directory-stale")));
    assert_eq!(org.sign(&["--gateway", &gateway.address])["accepted"]["version"], 2, "signed again, it is taken");
}

#[test]
fn a16_a_root_hands_over_and_a_verifier_follows_with_the_fingerprint_alone() {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = folder.path().join("gateway");
    let (org, next) = (Org::with(&data_dir), Org::with(&folder.path().join("unused")));
    let gateway = Served::on(&data_dir);
    org.sign(&["--gateway", &gateway.address]);
    let trust = folder.path().join("trust.json");
    std::fs::write(&trust, gateway.get("/v1/trust").1).unwrap();
    let before = gateway.keyid_of_root();

    let passphrase = folder.path().join("passphrase");
    std::fs::write(&passphrase, "several words nobody joins").unwrap();
    let passphrase = passphrase.to_str().unwrap();
    let rotate = [
        "rotate",
        "--key",
        &org.root(),
        "--new-key",
        &next.root(),
        "--new-passphrase-file",
        passphrase,
        "--gateway",
        &gateway.address,
    ];
    operate(&data_dir, &["agent-key", "create", "--agent", "order-desk"]);
    refused(org.command(&rotate), &["something waits for a signature"]);
    org.sign(&["--gateway", &gateway.address]);
    let output = org.command(&rotate).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let rotated: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (rotated["rootKeyid"].as_str().unwrap(), rotated["version"].as_u64()),
        (gateway.keyid_of_root().as_str(), Some(4))
    );
    assert_ne!(gateway.keyid_of_root(), before);
    refused(org.command(&rotate), &["verify the directory"]);
    refused(org.command(&["sign", "--key", &org.root(), "--gateway", &gateway.address]), &["Nothing was signed"]);
    operate(&data_dir, &["agent-key", "create", "--agent", "content-desk"]);
    assert_eq!(next.sign(&["--gateway", &gateway.address])["accepted"]["version"], 5);

    let follow = |confirm: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_seamark"));
        command.args(["org", "follow", "--json", "--gateway", &gateway.address, "--trust"]).arg(&trust).args(confirm);
        command.stdin(Stdio::null());
        command
    };
    refused(follow(&[]), &["--confirm"]);
    refused(follow(&["--confirm", "0000 0000 0000 0000 0000 0000 0000 0000"]), &["Nothing was pinned"]);
    let output = follow(&["--confirm", rotated["fingerprint"].as_str().unwrap()]).output().unwrap();
    let followed: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(followed["rootKeyid"], rotated["rootKeyid"]);
    assert_eq!(operate(&data_dir, &["ledger", "fsck"])["findings"], json!([]));
}

#[test]
fn a16_a_root_file_is_made_once_and_opens_with_its_passphrase_alone() {
    let folder = tempfile::tempdir().unwrap();
    let org = Org::with(&folder.path().join("gateway"));
    let before = std::fs::read(org.root()).unwrap();
    refused(org.command(&["create", "--out", &org.root()]), &["never replaced"]);
    assert_eq!(std::fs::read(org.root()).unwrap(), before);
    let short = folder.path().join("short");
    std::fs::write(&short, "short").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_seamark"));
    command.args(["org", "create", "--out"]).arg(folder.path().join("new.root")).arg("--passphrase-file").arg(&short);
    refused(command, &["12 characters"]);
    assert!(!folder.path().join("new.root").exists());
    let mut command = Command::new(env!("CARGO_BIN_EXE_seamark"));
    command.args(["org", "show", "--check", "--key", &org.root(), "--passphrase-file"]).arg(&short);
    refused(command, &["passphrase is wrong"]);
    let mut other = Command::new(env!("CARGO_BIN_EXE_seamark"));
    let stranger = Org::with(&folder.path().join("another"));
    let shown: Value =
        serde_json::from_slice(&stranger.command(&["show", "--key", &stranger.root()]).output().unwrap().stdout)
            .unwrap();
    other
        .args(["init", "--root-key", shown["rootKey"].as_str().unwrap(), "--data-dir"])
        .arg(folder.path().join("gateway"));
    refused(other, &["belongs to the root"]);
}

/// The gateway inside the app may be asked beside the app; what an earlier version kept in its folder comes out of it.
#[test]
fn a16_a_root_in_a_gateways_folder_is_refused_and_moved_out() {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = folder.path().join("gateway");
    let org = Org::with(&data_dir);
    let out = folder.path().join("moved.root");
    let adopt = ["adopt", "--data-dir", data_dir.to_str().unwrap(), "--out", out.to_str().unwrap()];
    refused(org.command(&adopt), &["there is none"]);
    // A file as earlier versions wrote it, of another root than the folder knows.
    let file = data_dir.join("keys/root.key");
    std::fs::write(&file, format!("{}\n", Base64::encode_string(&[7; 32]))).unwrap();
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let mut serve = Command::new(env!("CARGO_BIN_EXE_seamark"));
    serve.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(&data_dir);
    refused(serve, &["seamark org adopt"]);
    refused(org.command(&adopt), &["belongs to the root"]);
    assert!(file.exists(), "what is not kept elsewhere is not taken away");
}
