//! Evidence bundles at the command line: exported, verified, damaged, and checked by hand.
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests stand outside of test functions")]

#[path = "support/org.rs"]
mod org;

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use seamark_ledger::bundle::{FileKind, FileSet, README};
use serde_json::Value;

use org::Org;

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
    files_of("refund.seamark.zip")
}

fn files_of(name: &str) -> FileSet {
    FileSet::from_archive(&std::fs::read(vector(name)).unwrap()).unwrap()
}

/// The files under a manifest that lists them as they are now: it is not signed, so anybody can write one.
fn sealed(mut changed: FileSet) -> FileSet {
    let known: seamark_ledger::bundle::Manifest =
        serde_json::from_slice(&changed.remove(FileKind::Manifest).unwrap()).unwrap();
    let manifest = seamark_ledger::bundle::Manifest::of(&changed, known.handoff, known.created_at);
    changed.insert("manifest.json", manifest.to_bytes().unwrap()).unwrap();
    changed
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
    let org = Org::with(&data_dir);
    printed(&["contract", "publish", path(&samples), "--data-dir", dir, "--json"], 0);
    let key = json(&["agent-key", "create", "--data-dir", dir, "--agent", "tester", "--acts-for", "*", "--json"], 0);
    let gateway = Served::on(dir);
    org.sign(&["--gateway", &gateway.1]);
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

    // Erased beside the running gateway; a bundle made afterwards says so and proves as much.
    let erase = |id: &str, code| printed(&["erase", id, "--reason", "request 118", "--data-dir", dir], code);
    assert!(erase(&id, 0).contains("What was signed stays"));
    assert!(erase(&id, 0).starts_with("Nothing was left"));
    let waiting = with(&["handoff", "submit", path(&samples.join("offer.send/examples/within-budget.json"))], 0);
    erase(waiting["handoffId"].as_str().unwrap(), 1);
    let erased = folder.path().join("erased.seamark.zip");
    let after = json(&["evidence", "export", &id, "--data-dir", dir, "--out", path(&erased), "--json"], 0);
    assert_eq!(after["verdict"], "PASS");
    assert!(after["claims"].to_string().contains("erased on request"), "{after}");
    let classes = json(&["retention", "list", "--data-dir", dir, "--json"], 0);
    assert!(
        classes.as_array().unwrap().iter().any(|class| class["contract"] == "offer.send@1.0.0" && class["kept"] == 1)
    );
    assert_eq!(json(&["retention", "apply", "--data-dir", dir, "--json"], 0)["erased"], 0);

    let trust = folder.path().join("trust.json");
    std::fs::write(&trust, printed(&["evidence", "trust", "--data-dir", dir], 0)).unwrap();
    drop(gateway);
    std::fs::remove_dir_all(&data_dir).unwrap();
    let found = json(&["evidence", "verify", path(&bundle), "--trust", path(&trust), "--json"], 0);
    assert_eq!((&found["verdict"], &found["outcome"]), (&"PASS".into(), &"withdrawn".into()), "{found}");
    assert_eq!(found["handoffId"].as_str(), Some(id.as_str()));
    if let Some(keys) = keys_by_hand(&trust) {
        let files = FileSet::from_archive(&std::fs::read(&bundle).unwrap()).unwrap();
        let (code, told) = checked_by_hand(&files, &keys);
        assert!(code == Some(2) && told.ends_with("the bundle has 0. No approval is shown.\n"), "{told}");
    }
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
    let pdf = folder.path().join("report.PDF");
    verify(&bundle, &["--report", path(&pdf)], 0);
    assert!(std::fs::read(&pdf).unwrap().starts_with(b"%PDF-"), "the ending says as what a report is written");

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
    std::fs::write(here("invoice.pdf"), b"%PDF-1.7\n1 0 obj <</Creator (Somebody)>> endobj").unwrap();
    let kept = [&bundle, &trust, &here("notes.txt"), &here("invoice.pdf")];
    let before = kept.map(|file| std::fs::read(file).unwrap());

    assert!(with_report(&bundle, &trust, &bundle, 3).contains("it is the bundle"));
    assert!(with_report(&bundle, &trust, &here("unpacked/../refund.seamark.zip"), 3).contains("it is the bundle"));
    assert!(with_report(&bundle, &trust, &here("link.html"), 3).contains("it is the bundle"));
    assert!(with_report(&bundle, &trust, &trust, 3).contains("the pinned keys"));
    for inside in ["unpacked/report.html", "unpacked/views/0001.json", "unpacked/trust/new.html"] {
        assert!(with_report(&unpacked, &trust, &here(inside), 3).contains("it lies in the bundle"), "{inside}");
    }
    assert!(with_report(&bundle, &trust, &here("notes.txt"), 3).contains("no report of Seamark"));
    assert!(with_report(&bundle, &trust, folder.path(), 3).contains("no report of Seamark"));
    assert!(with_report(&bundle, &trust, &here("invoice.pdf"), 3).contains("no report of Seamark"));
    for name in ["new.txt", "new.zip", "report"] {
        let told = with_report(&bundle, &trust, &here(name), 3);
        assert!(told.contains("let it end in .html or .pdf") && !here(name).exists(), "{told}");
    }
    let after = kept.map(|file| std::fs::read(file).unwrap());
    assert!(before == after, "every file is as it was");

    // A report is replaced whole, and nothing is left beside it.
    for name in ["report.html", "report.pdf"] {
        with_report(&unpacked, &trust, &here(name), 0);
        let first = std::fs::read(here(name)).unwrap();
        std::fs::write(here(name), [&first[..], b"older and longer"].concat()).unwrap();
        with_report(&unpacked, &trust, &here(name), 0);
        assert!(std::fs::read(here(name)).unwrap() == first);
    }
    let mut names: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|found| found.unwrap().file_name()).collect();
    names.sort();
    let wanted = [
        "invoice.pdf",
        "link.html",
        "notes.txt",
        "refund.seamark.zip",
        "report.html",
        "report.pdf",
        "trust.json",
        "unpacked",
    ];
    assert_eq!(names, wanted);
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

#[test]
fn the_program_prints_the_text_for_checking_by_hand_to_the_byte() {
    assert_eq!(printed(&["evidence", "readme"], 0), README);
    let answer = json(&["evidence", "readme", "--json"], 0);
    let formats = include_str!("../../docs/FORMATS.md");
    assert!(formats.contains(answer["sha256"].as_str().unwrap()), "FORMATS.md names the same text");
    assert_eq!(answer["text"], README);
    let help = printed(&["evidence", "verify", "--help"], 0);
    assert!(help.contains("can enrol keys in anybody's name"), "{help}");
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

/// Keys for the script out of a file of pinned keys; nothing where there is no openssl to run it with.
fn keys_by_hand(trust: &Path) -> Option<(String, String)> {
    let output = Command::new("openssl").arg("version").output().ok()?;
    let has_openssl = text(&output.stdout).split_whitespace().nth(1).is_some_and(|version| version >= "3");
    let trust: Value = serde_json::from_slice(&std::fs::read(trust).unwrap()).unwrap();
    let key = |name: &str| trust.get(name).unwrap().as_str().unwrap().to_owned();
    has_openssl.then(|| (key("rootKey"), key("ledgerVkey")))
}

/// How the script ends in a folder of these files: its exit code, and what it printed.
fn checked_by_hand(files: &FileSet, keys: &(String, String)) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().unwrap();
    unpack(files, folder.path());
    let output = by_hand(folder.path(), &keys.0, &keys.1);
    (output.status.code(), text(&output.stdout))
}

#[test]
fn the_core_of_a_bundle_can_be_checked_with_openssl_and_sha256sum_alone() {
    let Some(keys) = keys_by_hand(&vector("trust.json")) else { return };
    let (code, told) = checked_by_hand(&files(), &keys);
    assert_eq!(code, Some(0), "{told}");
    let shown = "Decision 0001 of 1: APPROVED, by Bob Example (urn:seamark:user:bob).\n\
                 Signed meaning: I approve exactly this action.\n\
                 Whether it counts, how many are needed and what the outcome is was not checked by hand.\n";
    assert!(told.ends_with(shown), "{told}");

    // Under other keys, and with any file of the core changed under a manifest that lists the change.
    let other = "A".repeat(42) + "E";
    assert_ne!(checked_by_hand(&files(), &(other, keys.1.clone())).0, Some(0));
    let (name, rest) = keys.1.split_once('+').unwrap();
    assert_ne!(checked_by_hand(&files(), &(keys.0.clone(), format!("{name}x+{rest}"))).0, Some(0));
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
        let (code, told) = checked_by_hand(&changed, &keys);
        assert_ne!(code, Some(0), "{kind} changed: {told}");
        let (code, told) = checked_by_hand(&sealed(changed), &keys);
        assert!(code != Some(0) && !told.contains("APPROVED"), "{kind} changed, under a new manifest: {told}");
    }
}

#[test]
fn a_rejection_checked_by_hand_does_not_read_like_an_approval() {
    let Some(keys) = keys_by_hand(&vector("trust.json")) else { return };
    let (code, told) = checked_by_hand(&files_of("rejected.seamark.zip"), &keys);
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("Decision 0001 of 1: REJECTED, which is no approval, by Bob Example"), "{told}");
    assert!(told.contains("I reject this action") && !told.contains("APPROVED"), "{told}");
}

/// Attack A18: only the first signature is looked at, and junk behind it changes nothing.
#[test]
fn by_hand_the_first_signature_counts_whatever_is_appended() {
    let Some(keys) = keys_by_hand(&vector("trust.json")) else { return };
    let with = |order: &dyn Fn(&mut Vec<Value>)| {
        let mut changed = files();
        let mut envelope: Value = serde_json::from_slice(&changed.remove(FileKind::Decision(1)).unwrap()).unwrap();
        order(envelope["signatures"].as_array_mut().unwrap());
        let bytes = seamark_contracts::canonical::to_bytes(&envelope).unwrap();
        changed.insert("decisions/0001.dsse.json", bytes).unwrap();
        checked_by_hand(&sealed(changed), &keys)
    };
    let junk = || serde_json::json!({"keyid": "0".repeat(64), "sig": "AAAA"});
    let (code, told) = with(&|signatures| signatures.push(junk()));
    assert!(code == Some(0) && told.contains("APPROVED"), "{told}");
    let (code, told) = with(&|signatures| signatures.push(serde_json::json!({"sig": "AAAA"})));
    assert!(code == Some(0) && told.contains("APPROVED"), "{told}");
    let (code, told) = with(&|signatures| signatures[0] = junk());
    assert!(code != Some(0) && !told.contains("APPROVED"), "{told}");
}

#[test]
fn by_hand_the_files_are_exactly_those_of_the_manifest() {
    let Some(keys) = keys_by_hand(&vector("trust.json")) else { return };
    let run = |change: &dyn Fn(&Path)| {
        let folder = tempfile::tempdir().unwrap();
        unpack(&files(), folder.path());
        change(folder.path());
        let output = by_hand(folder.path(), &keys.0, &keys.1);
        (output.status.code(), text(&output.stdout))
    };
    let (code, told) = run(&|folder| std::fs::write(folder.join("decisions/0002.dsse.json"), "{}").unwrap());
    assert!(code == Some(1) && told.contains("the files here and those of the manifest"), "{told}");
    let (code, told) = run(&|folder| std::fs::remove_file(folder.join("outcome/outcome.dsse.json")).unwrap());
    assert!(code == Some(1) && told.contains("the files here and those of the manifest"), "{told}");
    let (code, told) = run(&|folder| std::os::unix::fs::symlink("manifest.json", folder.join("link")).unwrap());
    assert!(code == Some(1) && told.contains("neither file nor folder"), "{told}");
}
