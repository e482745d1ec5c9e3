//! Evidence bundles at the command line: exported, verified, damaged, and checked by hand.
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests stand outside of test functions")]

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use seamark_ledger::bundle::{FileKind, FileSet, README};
use serde_json::Value;

/// As of when the vector is judged.
const AS_OF: &str = "2026-11-22T07:00:00.000Z";

fn seamark(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_seamark"));
    for name in ["SEAMARK_DATA_DIR", "SEAMARK_GATEWAY", "SEAMARK_KEY", "SEAMARK_TRUST", "SEAMARK_LOG", "SEAMARK_ORG"] {
        command.env_remove(name);
    }
    command.args(args).stdin(Stdio::null()).output().unwrap()
}

/// What a command printed, after checking its exit code.
fn printed(args: &[&str], code: i32) -> String {
    let output = seamark(args);
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{args:?}\n{out}\n{err}");
    if code == 3 { err } else { out }
}

fn json(args: &[&str], code: i32) -> Value {
    let out = printed(args, code);
    serde_json::from_str(out.lines().last().unwrap_or_default())
        .unwrap_or_else(|error| panic!("{args:?}: {error}: {out}"))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn vector(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../ledger/vectors/evidence").join(name)
}

fn files() -> FileSet {
    FileSet::from_archive(&std::fs::read(vector("refund.seamark.zip")).unwrap()).unwrap()
}

/// Writes the files as a folder.
fn unpack(files: &FileSet, folder: &Path) {
    for (_, name, bytes) in files.iter() {
        let file = folder.join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, bytes).unwrap();
    }
}

fn verdict_of(answer: &Value, id: &str) -> String {
    let claims = answer["claims"].as_array().unwrap();
    let found = claims.iter().find(|claim| claim["id"] == id).unwrap_or_else(|| panic!("{id}: {answer}"));
    found["verdict"].as_str().unwrap().to_owned()
}

/// A running gateway that ends with the test.
struct Served(Child, String);

impl Served {
    fn on(data_dir: &str) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_seamark"))
            .args(["serve", "--data-dir", data_dir, "--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.split_whitespace().last().unwrap().to_owned();
        Self(child, address)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn evidence_is_exported_beside_a_running_gateway_and_verified_without_it() {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = folder.path().join("gateway");
    let dir = path(&data_dir);
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../contracts/samples");
    printed(&["contract", "publish", path(&samples), "--data-dir", dir, "--json"], 0);
    let key = json(&["agent-key", "create", "--data-dir", dir, "--agent", "tester", "--json"], 0);
    let gateway = Served::on(dir);
    let reach = ["--gateway", gateway.1.as_str(), "--key", key["key"].as_str().unwrap(), "--json"];
    let with = |args: &[&str], code| json(&[args, &reach[..]].concat(), code);
    let example = samples.join("refund.issue/examples/other-card.json");
    let id = with(&["handoff", "submit", path(&example)], 0)["handoffId"].as_str().unwrap().to_owned();

    let (bundle, open) = (folder.path().join("refund.seamark.zip"), folder.path().join("open.seamark.zip"));
    let early = json(&["evidence", "export", &id, "--data-dir", dir, "--out", path(&open), "--json"], 0);
    assert_eq!((early["verdict"].as_str(), verdict_of(&early, "outcome")), (Some("UNKNOWN"), "UNKNOWN".to_owned()));

    assert_eq!(with(&["handoff", "withdraw", &id], 0)["status"], "withdrawn");
    let done = json(&["evidence", "export", &id, "--data-dir", dir, "--out", path(&bundle), "--json"], 0);
    assert_eq!(
        (&done["verdict"], &done["attempt"], &done["nAttempts"]),
        (&"PASS".into(), &1.into(), &1.into()),
        "{done}"
    );
    let again = printed(&["evidence", "export", &id, "--data-dir", dir, "--out", path(&bundle)], 3);
    assert!(again.contains("not overwritten"), "{again}");
    let late = printed(&["evidence", "export", &id, "--data-dir", dir, "--out", "x", "--attempt", "2"], 3);
    assert!(late.contains("there is no attempt 2"), "{late}");

    let trust = folder.path().join("trust.json");
    std::fs::write(&trust, printed(&["evidence", "trust", "--data-dir", dir], 0)).unwrap();
    drop(gateway);
    std::fs::remove_dir_all(&data_dir).unwrap();
    let found = json(&["evidence", "verify", path(&bundle), "--trust", path(&trust), "--json"], 0);
    assert_eq!((&found["verdict"], &found["outcome"]), (&"PASS".into(), &"withdrawn".into()), "{found}");
    assert_eq!(found["handoffId"].as_str(), Some(id.as_str()));
    let open = json(&["evidence", "verify", path(&open), "--trust", path(&trust), "--json"], 1);
    assert_eq!(open["verdict"], "UNKNOWN");
    // Under somebody else's keys the same bundle proves nothing.
    let other = json(&["evidence", "verify", path(&bundle), "--trust", path(&vector("trust.json")), "--json"], 1);
    assert_eq!((other["verdict"].as_str(), verdict_of(&other, "directory")), (Some("FAIL"), "FAIL".to_owned()));
    assert!(other.get("outcome").is_none() && other.get("handoffId").is_none(), "{other}");
}

#[test]
fn a_bundle_is_verified_as_archive_and_as_folder_and_makes_a_report() {
    let folder = tempfile::tempdir().unwrap();
    let (bundle, trust) = (vector("refund.seamark.zip"), vector("trust.json"));
    let report = folder.path().join("report.html");
    let under = ["--trust", path(&trust), "--at", AS_OF];
    let verify = |bundle: &Path, more: &[&str], code| {
        printed(&[&["evidence", "verify", path(bundle)], &under[..], more].concat(), code)
    };
    let told = verify(&bundle, &["--report", path(&report)], 0);
    assert!(told.contains("PROVED as of 2026-11-22T07:00:00.000Z") && told.contains("UNKNOWN witnesses"), "{told}");
    let report = std::fs::read_to_string(report).unwrap();
    assert!(report.contains("I approve exactly this action") && report.contains("Bob Example"), "{report}");

    let unpacked = folder.path().join("unpacked");
    unpack(&files(), &unpacked);
    verify(&unpacked, &[], 0);
    verify(&unpacked, &["--audience", "https://refunds.shop.example/execute"], 0);
    assert!(verify(&unpacked, &["--audience", "https://other.example"], 1).contains("CONTRADICTED"));
    std::fs::write(unpacked.join("notes.txt"), "mine").unwrap();
    let told = verify(&unpacked, &[], 1);
    assert!(told.contains("notes.txt") && told.contains("remove from the folder"), "{told}");
    std::fs::remove_file(unpacked.join("notes.txt")).unwrap();
    // Attack A31: what a link leads to is not looked at.
    let view = unpacked.join("views/0001.json");
    std::fs::rename(&view, folder.path().join("view.json")).unwrap();
    std::os::unix::fs::symlink(folder.path().join("view.json"), &view).unwrap();
    assert!(verify(&unpacked, &[], 1).contains("no plain file"));

    let mut bytes = std::fs::read(&bundle).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    let damaged = folder.path().join("damaged.seamark.zip");
    std::fs::write(&damaged, bytes).unwrap();
    let told = verify(&damaged, &[], 1);
    assert!(told.contains("FAIL    bundle") && told.contains("CONTRADICTED"), "{told}");
}

#[test]
fn what_cannot_be_used_ends_with_3_and_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let (bundle, trust) = (vector("refund.seamark.zip"), vector("trust.json"));
    let absent = folder.path().join("absent");
    let id = "0199a1c2-5b7e-7c3d-9a10-2f4b6c8d0e12";
    for (args, word) in [
        (&["evidence", "verify", path(&absent), "--trust", path(&trust)][..], "absent"),
        (&["evidence", "verify", path(&bundle), "--trust", path(&absent)], "pinned keys"),
        (&["evidence", "verify", path(&bundle), "--trust", path(&bundle)], "GET /v1/trust"),
        (&["evidence", "export", id, "--data-dir", path(folder.path()), "--out", "x"], "gateway.sqlite3"),
        (&["evidence", "trust", "--data-dir", path(folder.path())], "gateway.sqlite3"),
    ] {
        let told = printed(args, 3);
        assert!(told.contains(word), "{args:?}: {told}");
    }
    assert!(std::fs::read_dir(folder.path()).unwrap().next().is_none(), "looking for a gateway makes none");
    printed(&["evidence", "verify", path(&bundle), "--trust", path(&trust), "--at", "yesterday"], 2);
    printed(&["evidence", "verify", path(&bundle)], 2);
}

/// Runs `verify` on the vector with this report; gives what it says, after checking its exit code.
fn with_report(bundle: &Path, trust: &Path, report: &Path, code: i32) -> String {
    let args = ["evidence", "verify", path(bundle), "--trust", path(trust), "--at", AS_OF, "--report", path(report)];
    printed(&args, code)
}

#[test]
fn a_report_is_never_written_over_evidence() {
    let folder = tempfile::tempdir().unwrap();
    let here = |name: &str| folder.path().join(name);
    let (bundle, trust, unpacked) = (here("refund.seamark.zip"), here("trust.json"), here("unpacked"));
    std::fs::copy(vector("refund.seamark.zip"), &bundle).unwrap();
    std::fs::copy(vector("trust.json"), &trust).unwrap();
    unpack(&files(), &unpacked);
    std::os::unix::fs::symlink(&bundle, here("link.html")).unwrap();
    std::fs::write(here("notes.txt"), "mine").unwrap();
    let before = [&bundle, &trust, &here("notes.txt")].map(|file| std::fs::read(file).unwrap());

    assert!(with_report(&bundle, &trust, &bundle, 3).contains("it is the bundle"));
    assert!(with_report(&bundle, &trust, &here("unpacked/../refund.seamark.zip"), 3).contains("it is the bundle"));
    assert!(with_report(&bundle, &trust, &here("link.html"), 3).contains("it is the bundle"));
    assert!(with_report(&bundle, &trust, &trust, 3).contains("the pinned keys"));
    for inside in ["unpacked/report.html", "unpacked/views/0001.json", "unpacked/trust/new.html"] {
        assert!(with_report(&unpacked, &trust, &here(inside), 3).contains("it lies in the bundle"), "{inside}");
    }
    assert!(with_report(&bundle, &trust, &here("notes.txt"), 3).contains("no report of Seamark"));
    assert!(with_report(&bundle, &trust, folder.path(), 3).contains("no report of Seamark"));
    let after = [&bundle, &trust, &here("notes.txt")].map(|file| std::fs::read(file).unwrap());
    assert!(before == after, "every file is as it was");

    // A report is replaced whole, and nothing is left beside it.
    with_report(&unpacked, &trust, &here("report.html"), 0);
    let first = std::fs::read(here("report.html")).unwrap();
    std::fs::write(here("report.html"), [&first[..], b"older and longer"].concat()).unwrap();
    with_report(&unpacked, &trust, &here("report.html"), 0);
    assert!(std::fs::read(here("report.html")).unwrap() == first);
    let mut names: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|found| found.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["link.html", "notes.txt", "refund.seamark.zip", "report.html", "trust.json", "unpacked"]);
}

#[test]
fn nobody_judges_as_of_a_time_that_has_not_come() {
    let (bundle, trust) = (vector("refund.seamark.zip"), vector("trust.json"));
    let args = ["evidence", "verify", path(&bundle), "--trust", path(&trust), "--at", "2999-01-01T00:00:00.000Z"];
    let told = printed(&args, 3);
    assert!(told.contains("later than now") && told.contains("--at"), "{told}");
}

/// Attack A31: a pipe in the place of a file would be waited for without end.
#[test]
fn a_pipe_and_a_file_without_end_are_no_evidence_and_no_keys() {
    let folder = tempfile::tempdir().unwrap();
    let (bundle, trust) = (vector("refund.seamark.zip"), vector("trust.json"));
    let (pipe, large) = (folder.path().join("pipe"), folder.path().join("large"));
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    std::fs::File::create(&large).unwrap().set_len(100 * 1024 * 1024).unwrap();
    for (args, word) in [
        (&[path(&pipe), "--trust", path(&trust)], "no regular file"),
        (&[path(&bundle), "--trust", path(&pipe)], "no regular file"),
        (&[path(&bundle), "--trust", "/dev/zero"], "no regular file"),
        (&[path(&bundle), "--trust", path(&large)], "larger than 65536 bytes"),
        (&[path(&large), "--trust", path(&trust)], "larger than any bundle"),
    ] {
        let told = printed(&[&["evidence", "verify"], &args[..]].concat(), 3);
        assert!(told.contains(word), "{args:?}: {told}");
    }
}

/// The script of README.txt, run as it stands in a folder, under these keys.
fn by_hand(folder: &Path, root_key: &str, ledger_key: &str) -> Output {
    let lines = README.lines().filter_map(|line| line.strip_prefix("    "));
    let script: String = lines.flat_map(|line| [line, "\n"]).collect();
    Command::new("sh")
        .args(["-c", &script])
        .current_dir(folder)
        .env("ROOT_KEY", root_key)
        .env("LEDGER_KEY", ledger_key)
        .output()
        .unwrap()
}

#[test]
fn the_core_of_a_bundle_can_be_checked_with_openssl_and_sha256sum_alone() {
    let has_openssl = Command::new("openssl")
        .arg("version")
        .output()
        .is_ok_and(|output| text(&output.stdout).split_whitespace().nth(1).is_some_and(|version| version >= "3"));
    if !has_openssl {
        return;
    }
    let trust: Value = serde_json::from_slice(&std::fs::read(vector("trust.json")).unwrap()).unwrap();
    let (root, ledger) = (trust["rootKey"].as_str().unwrap(), trust["ledgerVkey"].as_str().unwrap());
    let folder = tempfile::tempdir().unwrap();
    unpack(&files(), folder.path());
    let good = by_hand(folder.path(), root, ledger);
    assert!(good.status.success() && text(&good.stdout).ends_with("The core of this bundle holds.\n"), "{good:?}");

    // Under other keys, and with any file of the core changed under a manifest that lists the change.
    let other = "A".repeat(42) + "E";
    assert!(!by_hand(folder.path(), &other, ledger).status.success());
    let (name, rest) = ledger.split_once('+').unwrap();
    assert!(!by_hand(folder.path(), root, &format!("{name}x+{rest}")).status.success());
    for kind in [
        FileKind::Directory(3),
        FileKind::Decision(1),
        FileKind::View(1),
        FileKind::Handoff,
        FileKind::Contract,
        FileKind::Checkpoint,
        FileKind::Entry(5),
        FileKind::Proof(5),
    ] {
        let mut changed = files();
        let mut bytes = changed.remove(kind).unwrap();
        let at = bytes.len() / 3;
        bytes[at] ^= 1;
        changed.insert(&kind.to_string(), bytes).unwrap();
        let folder = tempfile::tempdir().unwrap();
        unpack(&changed, folder.path());
        assert!(!by_hand(folder.path(), root, ledger).status.success(), "{kind} changed");
        let manifest = changed.remove(FileKind::Manifest).unwrap();
        let known: seamark_ledger::bundle::Manifest = serde_json::from_slice(&manifest).unwrap();
        let sealed = seamark_ledger::bundle::Manifest::of(&changed, known.handoff, known.created_at);
        std::fs::write(folder.path().join("manifest.json"), sealed.to_bytes().unwrap()).unwrap();
        let told = by_hand(folder.path(), root, ledger);
        assert!(!told.status.success(), "{kind} changed, under a new manifest: {}", text(&told.stdout));
    }
}
