//! Evidence bundles before two verifiers that share no code: ours, and one in Python, written from docs/FORMATS.md alone.
//!
//! Compared is every claim but `view`, since the Python one renders no views (FORMATS.md §11.2, step 5).
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests stand outside of test functions")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use base64ct::Encoding as _;
use seamark_contracts::canonical;
use seamark_contracts::clock::Timestamp;
use seamark_contracts::digest::Digest;
use seamark_contracts::id::HandoffId;
use seamark_ledger::bundle::{Bundle, FileKind, FileSet, Manifest};
use seamark_ledger::checkpoint::{Checkpoint, Vkey, VkeyKind};
use seamark_ledger::dsse::Envelope;
use seamark_ledger::key::{Signer as _, SigningKey};
use seamark_ledger::statement;
use seamark_ledger::timestamp;
use seamark_ledger::verify::{ClaimId, Pinned, PinnedTrust, Verdict, check_archive};
use seamark_ledger::witness::cosignature_line;
use seamark_tests::gateway::output;
use seamark_tests::programs::{built, root};
use serde_json::Value;

/// As of when the vector is judged.
const AS_OF: &str = "2026-11-22T07:00:00.000Z";

/// Claims by name, without `view`.
pub type Claims = BTreeMap<String, String>;

fn vectors() -> PathBuf {
    root().join("ledger/vectors/evidence")
}

fn as_of() -> Timestamp {
    Timestamp::parse(AS_OF).unwrap()
}

pub fn pinned(trust: &Path, now: Timestamp) -> Result<Pinned> {
    let trust: PinnedTrust = serde_json::from_slice(&std::fs::read(trust)?)?;
    Ok(trust.pin(None, now)?)
}

pub fn by_rust(archive: &[u8], pinned: &Pinned) -> Claims {
    let word = |verdict| match verdict {
        Verdict::Pass => "pass",
        Verdict::Unknown => "unknown",
        Verdict::Fail => "fail",
    };
    let claims = check_archive(archive, pinned).report.claims;
    let others = claims.into_iter().filter(|claim| claim.id != ClaimId::View);
    others.map(|claim| (claim.id.to_string(), word(claim.verdict).to_owned())).collect()
}

/// What the Python verifier says about each bundle, with its sentences.
fn by_python(trust: &Path, now: Timestamp, bundles: &[PathBuf]) -> Result<Vec<(Claims, Value)>> {
    let mut verifier = Command::new(super::python());
    verifier.arg(root().join("tests/interop/seamark_bundle.py")).arg(trust).arg(now.to_string()).args(bundles);
    let printed = output(quiet(verifier))?;
    let lines = printed.lines().map(|line| {
        let answer: Value = serde_json::from_str(line)?;
        let mut claims: Claims = serde_json::from_value(answer["claims"].clone())?;
        claims.remove("view");
        Ok((claims, answer["why"].clone()))
    });
    lines.collect()
}

fn quiet(mut verifier: Command) -> Command {
    verifier.env("PYTHONDONTWRITEBYTECODE", "1");
    verifier
}

/// Bundles by what was done to them.
struct Cases {
    handoff: HandoffId,
    archives: Vec<(String, Vec<u8>)>,
}

impl Cases {
    fn add(&mut self, name: String, files: &FileSet) {
        self.archives.push((name, files.to_archive()));
    }

    /// The same with a manifest that lists what is there now.
    fn add_sealed(&mut self, name: &str, files: &FileSet) {
        let mut sealed = files.clone();
        sealed.remove(FileKind::Manifest);
        let manifest = Manifest::of(&sealed, self.handoff, as_of());
        sealed.insert("manifest.json", manifest.to_bytes().unwrap()).unwrap();
        self.add(format!("{name}, sealed"), &sealed);
    }
}

fn with(files: &FileSet, kind: FileKind, bytes: Vec<u8>) -> FileSet {
    let mut changed = files.clone();
    changed.remove(kind);
    changed.insert(&kind.to_string(), bytes).unwrap();
    changed
}

/// Everything that is done to the good bundle.
fn cases(good: &[u8]) -> Vec<(String, Vec<u8>)> {
    let files = FileSet::from_archive(good).unwrap();
    let handoff = Bundle::read(&files).unwrap().handoff_id;
    let mut cases = Cases { handoff, archives: vec![("untouched".to_owned(), good.to_vec())] };
    let all: Vec<FileKind> = files.iter().map(|(kind, _, _)| kind).collect();
    for (kind, path, bytes) in files.iter() {
        for part in 1..12 {
            let bit = bytes.len() * 8 * part / 12 + part;
            let mut flipped = bytes.to_vec();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let changed = with(&files, kind, flipped);
            if part % 4 == 0 {
                cases.add(format!("{path}, bit {bit}"), &changed);
            }
            cases.add_sealed(&format!("{path}, bit {bit}"), &changed);
        }
        let mut without = files.clone();
        without.remove(kind);
        cases.add(format!("without {path}"), &without);
        cases.add_sealed(&format!("without {path}"), &without);
    }
    for (n, one) in all.iter().enumerate() {
        for other in all.iter().skip(n + 1) {
            let (first, second) = (files.get(*one).unwrap(), files.get(*other).unwrap());
            if first.len() <= other.max_bytes() && second.len() <= one.max_bytes() {
                let swapped = with(&with(&files, *one, second.to_vec()), *other, first.to_vec());
                cases.add_sealed(&format!("{one} and {other}"), &swapped);
            }
        }
    }
    add_logs(&mut cases, &files);
    add_cut(&mut cases, &files);
    add_forged(&mut cases, &files);
    for part in 0..40 {
        let bit = good.len() * 8 * part / 40 + 3;
        let mut flipped = good.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        cases.archives.push((format!("archive, bit {bit}"), flipped));
    }
    cases.archives
}

/// Files that end too early or too late.
fn add_cut(cases: &mut Cases, files: &FileSet) {
    for (kind, path, bytes) in files.iter().filter(|(kind, _, _)| *kind != FileKind::Manifest) {
        for n in [0, 1, bytes.len() / 2, bytes.len() - 1] {
            cases.add_sealed(&format!("{path} cut to {n}"), &with(files, kind, bytes[..n].to_vec()));
        }
        if bytes.len() < kind.max_bytes() {
            cases.add_sealed(&format!("{path} and a space"), &with(files, kind, [bytes, b" "].concat()));
        }
    }
}

/// What a gateway signs anew with its own right keys. Those of the vectors are made of their names.
fn add_forged(cases: &mut Cases, files: &FileSet) {
    let changes: [(FileKind, &str, &str, Value); 11] = [
        (FileKind::Handoff, "handoff", "/predicate/payload/amount", "9999.00".into()),
        (FileKind::Handoff, "handoff", "/predicate/destination/audience", "https://elsewhere.example".into()),
        (FileKind::Handoff, "handoff", "/predicate/gate/tier", "T0".into()),
        (FileKind::Handoff, "handoff", "/predicate/attempt", "AAAAAAAAAAAAAAAAAAAAAA".into()),
        (FileKind::Outcome, "outcome", "/predicate/outcome", "rejected".into()),
        (FileKind::Outcome, "outcome", "/predicate/window/expiresAt", "2027-11-22T07:00:00.000Z".into()),
        (FileKind::Outcome, "outcome", "/predicate/quorum/reached", 2.into()),
        (FileKind::Outcome, "outcome", "/predicate/decisions", Value::Array(Vec::new())),
        (FileKind::Decision(1), "outcome", "/predicate/decision", "approve".into()),
        (FileKind::Decision(1), "handoff", "/predicate/decision", "reject".into()),
        (FileKind::Execution(1), "outcome", "/predicate/result", "executed".into()),
    ];
    for (kind, signer, pointer, value) in changes {
        let envelope: Value = serde_json::from_slice(files.get(kind).unwrap()).unwrap();
        let read = Envelope::from_value(&envelope).unwrap();
        let mut statement: Value = serde_json::from_slice(read.unverified_value().unverified_payload()).unwrap();
        *statement.pointer_mut(pointer).unwrap() = value;
        let key = SigningKey::from_seed(Digest::of(signer.as_bytes()).as_bytes());
        let forged = statement::sign(canonical::to_bytes(&statement).unwrap(), &key).unwrap();
        let bytes = canonical::to_bytes(&forged.to_value()).unwrap();
        cases.add_sealed(&format!("{kind} {pointer} by {signer}"), &with(files, kind, bytes));
    }
}

/// Logs that were cut, and a checkpoint that nobody signed.
fn add_logs(cases: &mut Cases, files: &FileSet) {
    let entries: Vec<u64> = files
        .iter()
        .filter_map(|(kind, _, _)| if let FileKind::Entry(seq) = kind { Some(seq) } else { None })
        .collect();
    for from in 0..entries.len() {
        for to in from + 1..=entries.len() {
            let mut cut = files.clone();
            for seq in &entries[from..to] {
                cut.remove(FileKind::Entry(*seq));
                cut.remove(FileKind::Proof(*seq));
            }
            cases.add_sealed(&format!("entries {from} to {to} left out"), &cut);
        }
    }
    let note = String::from_utf8(files.get(FileKind::Checkpoint).unwrap().to_vec()).unwrap();
    let size = note.lines().nth(1).unwrap();
    let other = note.replacen(size, &format!("{size}0"), 1);
    let mut forged = with(files, FileKind::Checkpoint, other.clone().into_bytes());
    for seq in entries {
        let proof = String::from_utf8(files.get(FileKind::Proof(seq)).unwrap().to_vec()).unwrap();
        forged = with(&forged, FileKind::Proof(seq), proof.replace(&note, &other).into_bytes());
    }
    cases.add_sealed("a larger checkpoint", &forged);
}

/// Invariant D7.
#[test]
fn a_python_verifier_agrees_on_a_bundle_and_on_everything_that_is_done_to_it() {
    for (name, n_most) in [("refund", 20), ("revealed", 30)] {
        agree_on(name, n_most);
    }
}

fn agree_on(name: &str, n_most: usize) {
    let trust = vectors().join("trust.json");
    let good = std::fs::read(vectors().join(format!("{name}.seamark.zip"))).unwrap();
    let cases = cases(&good);
    let folder = tempfile::tempdir().unwrap();
    let paths: Vec<PathBuf> = (0..cases.len()).map(|n| folder.path().join(format!("{n}.seamark.zip"))).collect();
    for (path, (_, archive)) in paths.iter().zip(&cases) {
        std::fs::write(path, archive).unwrap();
    }
    let python = by_python(&trust, as_of(), &paths).unwrap();
    assert_eq!(python.len(), cases.len());
    let pinned = pinned(&trust, as_of()).unwrap();
    let mut n_passed = 0;
    for ((name, archive), (claims, why)) in cases.iter().zip(&python) {
        assert_eq!(claims, &by_rust(archive, &pinned), "{name}: {why}");
        let is_open = |(id, verdict): (&String, &String)| {
            verdict != "pass" && !["disclosures", "witnesses", "time"].contains(&id.as_str())
        };
        n_passed += usize::from(!claims.iter().any(is_open));
    }
    // The untouched one, those in which only a hint or the time of packing changed, and those whose view alone is at fault.
    assert!(n_passed < n_most && cases.len() > 500, "{name}: {n_passed} of {} pass", cases.len());
}

/// Lines of witnesses by what is done to them, under a checkpoint with all its proofs.
fn witnessed(files: &FileSet, trust: &PinnedTrust) -> Cases {
    let note = String::from_utf8(files.get(FileKind::Checkpoint).unwrap().to_vec()).unwrap();
    let head = Checkpoint::parse(note.as_bytes()).unwrap().verify(&Vkey::parse(&trust.ledger_vkey).unwrap()).unwrap();
    let at_s = u64::try_from(as_of().as_ms() / 1_000).unwrap();
    let line = |n: u8, at_s| cosignature_line(&head, &name(n), at_s, &witness_key(n)).unwrap();
    let (one, two, three) = (line(1, at_s - 60), line(2, at_s), line(3, at_s));
    let far = line(2, at_s + 121);
    let replaced = |lines: &str| {
        let changed = format!("{note}{lines}");
        let mut all = with(files, FileKind::Checkpoint, changed.clone().into_bytes());
        for (kind, _, proof) in files.iter().filter(|(kind, _, _)| matches!(kind, FileKind::Proof(_))) {
            let proof = String::from_utf8(proof.to_vec()).unwrap();
            all = with(&all, kind, proof.replace(&note, &changed).into_bytes());
        }
        all
    };
    let handoff = Bundle::read(files).unwrap().handoff_id;
    let mut cases = Cases { handoff, archives: Vec::new() };
    for (what, lines) in [
        ("none", String::new()),
        ("one of two", one.clone()),
        ("both", format!("{one}{two}")),
        ("one twice", format!("{one}{one}")),
        ("a stranger", format!("{one}{three}")),
        ("the future", format!("{one}{far}")),
        ("the future and now", format!("{one}{far}{two}")),
        ("a namesake", format!("{one}{}", cosignature_line(&head, &name(2), at_s, &witness_key(3)).unwrap())),
        ("no form", format!("{one}{}", two.replace('\u{2014}', "-"))),
        ("no base64", format!("{one}{}", two.trim_end().to_owned() + "=\n")),
        ("no line feed", format!("{one}{}", two.trim_end())),
        ("too many", one.repeat(64)),
    ] {
        cases.add_sealed(what, &replaced(&lines));
    }
    for bit in 0..two.len() * 8 {
        let mut flipped = two.clone().into_bytes();
        flipped[bit / 8] ^= 1 << (bit % 8);
        if let Ok(flipped) = String::from_utf8(flipped) {
            cases.add_sealed(&format!("both, bit {bit}"), &replaced(&format!("{one}{flipped}")));
        }
    }
    cases
}

fn name(n: u8) -> String {
    format!("witness.example/w{n}")
}

fn witness_key(n: u8) -> SigningKey {
    SigningKey::from_seed(&[n; 32])
}

/// Attack A17, invariant D7: who relies on witnesses counts the same lines, whatever is done to them.
#[test]
fn a_python_verifier_agrees_on_the_lines_of_witnesses() {
    let good = std::fs::read(vectors().join("refund.seamark.zip")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut trust: PinnedTrust = serde_json::from_slice(&std::fs::read(vectors().join("trust.json")).unwrap()).unwrap();
    let cases = witnessed(&FileSet::from_archive(&good).unwrap(), &trust).archives;
    let paths: Vec<PathBuf> = (0..cases.len()).map(|n| folder.path().join(format!("{n}.seamark.zip"))).collect();
    for (path, (_, archive)) in paths.iter().zip(&cases) {
        std::fs::write(path, archive).unwrap();
    }
    let vkey = |n| Vkey::new(&name(n), VkeyKind::CosignatureV1, witness_key(n).public_key()).unwrap().to_string();
    trust.witnesses = vec![vkey(1), vkey(2)];
    for (quorum, n_expected) in [(None, 2), (Some(1), 7)] {
        trust.witness_quorum = quorum;
        let file = folder.path().join("trust.json");
        std::fs::write(&file, serde_json::to_vec(&trust).unwrap()).unwrap();
        let python = by_python(&file, as_of(), &paths).unwrap();
        let pinned = pinned(&file, as_of()).unwrap();
        let mut passed = Vec::new();
        for ((name, archive), (claims, why)) in cases.iter().zip(&python) {
            assert_eq!(claims, &by_rust(archive, &pinned), "{name}: {why}");
            if claims.get("witnesses").is_some_and(|one| one == "pass") {
                passed.push(name.clone());
            }
        }
        passed.retain(|name| !name.contains("bit"));
        assert_eq!(passed.len(), n_expected, "{passed:?}");
    }
}

/// A root and a signer under it, with `openssl`; the folder of both.
fn make_authority(folder: &Path) {
    let config = "[tsa]\ndefault_tsa = one\n[one]\nserial = ./serial\nsigner_digest = sha256\ndefault_policy = 1.2.3.4.1\n\
                  digests = sha256\ness_cert_id_alg = sha256\n";
    let usage = "extendedKeyUsage = critical,timeStamping\n";
    std::fs::create_dir(folder).unwrap();
    for (name, text) in [("tsa.cnf", config), ("serial", "01\n"), ("signer.ext", usage)] {
        std::fs::write(folder.join(name), text).unwrap();
    }
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
    openssl(folder, &format!("req -x509 {key} -subj /CN=Root -keyout root.key -out root.pem -days 3650"));
    openssl(folder, &format!("req -new {key} -subj /CN=Signer -keyout signer.key -out signer.csr"));
    let sign = "x509 -req -in signer.csr -CA root.pem -CAkey root.key -CAcreateserial -days 3650 -extfile signer.ext -out signer.pem";
    openssl(folder, sign);
}

fn openssl(folder: &Path, args: &str) {
    let mut command = Command::new("openssl");
    command.current_dir(folder).args(args.split(' '));
    output(command).unwrap();
}

/// A token over these bytes.
fn stamp(folder: &Path, body: &[u8]) -> Vec<u8> {
    std::fs::write(folder.join("query.tsq"), timestamp::query(&Digest::of(body))).unwrap();
    let reply = "ts -reply -config tsa.cnf -section one -queryfile query.tsq -signer signer.pem -inkey signer.key -out reply.tsr";
    openssl(folder, reply);
    std::fs::read(folder.join("reply.tsr")).unwrap()
}

/// Attack A28, invariant D7: a verifier that reads tokens with OpenSSL takes the same ones.
#[test]
fn a_python_verifier_agrees_on_time_stamps() {
    let good = std::fs::read(vectors().join("refund.seamark.zip")).unwrap();
    let files = FileSet::from_archive(&good).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (tsa, stranger) = (folder.path().join("tsa"), folder.path().join("stranger"));
    make_authority(&tsa);
    make_authority(&stranger);
    let note = String::from_utf8(files.get(FileKind::Checkpoint).unwrap().to_vec()).unwrap();
    let body = format!("{}\n", note.split_once("\n\n").unwrap().0);
    let token = stamp(&tsa, body.as_bytes());
    let read = timestamp::read(&token, &[], &Digest::of(body.as_bytes())).unwrap();
    let chain = timestamp::write_pem(read.certificates());
    let with_token = |token: &[u8], chain: &str| {
        with(&with(&files, FileKind::TimeStamp, token.to_vec()), FileKind::TsaChain, chain.as_bytes().to_vec())
    };
    let mut cases = Cases { handoff: Bundle::read(&files).unwrap().handoff_id, archives: Vec::new() };
    cases.add_sealed("good", &with_token(&token, &chain));
    cases.add_sealed("none", &files);
    cases.add_sealed("no certificates", &with(&files, FileKind::TimeStamp, token.clone()));
    cases.add_sealed("certificates alone", &with(&files, FileKind::TsaChain, chain.clone().into_bytes()));
    cases.add_sealed("another head", &with_token(&stamp(&tsa, b"other"), &chain));
    cases.add_sealed("a stranger's", &with_token(&stamp(&stranger, body.as_bytes()), &chain));
    cases.add_sealed("more beside", &with_token(&[token.as_slice(), b"\0"].concat(), &chain));
    cases.add_sealed("text beside", &with_token(&token, &format!("{chain}\n")));
    for part in 0..160 {
        let bit = token.len() * 8 * part / 160 + part % 8;
        let mut flipped = token.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        cases.add_sealed(&format!("bit {bit}"), &with_token(&flipped, &chain));
    }
    let paths: Vec<PathBuf> =
        (0..cases.archives.len()).map(|n| folder.path().join(format!("{n}.seamark.zip"))).collect();
    for (path, (_, archive)) in paths.iter().zip(&cases.archives) {
        std::fs::write(path, archive).unwrap();
    }
    let mut trust: PinnedTrust = serde_json::from_slice(&std::fs::read(vectors().join("trust.json")).unwrap()).unwrap();
    let root = timestamp::find_pem(&std::fs::read_to_string(tsa.join("root.pem")).unwrap()).unwrap();
    trust.tsa_roots = root.iter().map(|one| base64ct::Base64::encode_string(one)).collect();
    let file = folder.path().join("trust.json");
    std::fs::write(&file, serde_json::to_vec(&trust).unwrap()).unwrap();
    // Judged by the authority's clock, and as of before it.
    for (now, expected) in [(read.unverified_time().plus_ms(1_000), "pass"), (as_of(), "unknown")] {
        let python = by_python(&file, now, &paths).unwrap();
        let pinned = pinned(&file, now).unwrap();
        for ((name, archive), (claims, why)) in cases.archives.iter().zip(&python) {
            let mut ours = by_rust(archive, &pinned);
            // Of a flipped bit in a token OpenSSL overlooks some that we refuse. Never the other way round.
            if name.starts_with("bit ") && ours["time"] == "fail" {
                ours.insert("time".to_owned(), claims["time"].clone());
            }
            assert_eq!(claims, &ours, "{name}: {why}");
        }
        assert_eq!(python[0].0["time"], expected);
        assert_eq!(python[4].0["time"], "fail");
        assert_eq!(python[5].0["time"], "fail");
    }
}

/// Records that leave out what the ledger has, and honest ones of an escalated handoff: `vectors/evidence/forged/`.
#[test]
fn a_python_verifier_agrees_on_what_a_record_leaves_out() {
    let trust = vectors().join("trust.json");
    let now = Timestamp::parse("2026-11-23T00:00:00.000Z").unwrap();
    let listed = std::fs::read_dir(vectors().join("forged")).unwrap();
    let mut paths: Vec<PathBuf> = listed.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(paths.len() >= 8, "{paths:?}");
    // Also as of a time before everything that they hold.
    for (now, n_expected) in [(now, 2), (Timestamp::parse("2026-11-22T06:00:00.000Z").unwrap(), 0)] {
        let python = by_python(&trust, now, &paths).unwrap();
        let pinned = pinned(&trust, now).unwrap();
        let mut n_held = 0;
        for (path, (claims, why)) in paths.iter().zip(&python) {
            assert_eq!(claims, &by_rust(&std::fs::read(path).unwrap(), &pinned), "{}: {why}", path.display());
            n_held += usize::from(
                ["inclusion", "execution"].iter().all(|id| claims.get(*id).is_some_and(|one| one == "pass")),
            );
        }
        assert_eq!(n_held, n_expected);
    }
}

/// A bundle of a real refund, exported with the program from the gateway that a graph in Python refunded through.
#[test]
fn a_python_verifier_agrees_on_an_exported_refund() {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = folder.path().join("gateway");
    let done = super::run_graph_in(&data_dir, "approve").unwrap();
    let (bundle, trust) = export(&data_dir, folder.path(), done["handoffId"].as_str().unwrap()).unwrap();
    let pinned = pinned(&trust, Timestamp::parse("2026-01-01T00:00:00.000Z").unwrap()).unwrap();
    // Judged as of when it was packed: the test itself has no clock.
    let archive = std::fs::read(&bundle).unwrap();
    let packed = Bundle::read(&FileSet::from_archive(&archive).unwrap()).unwrap().created_at;
    let ours = by_rust(&archive, &Pinned { now: packed, ..pinned });
    let python = by_python(&trust, packed, &[bundle]).unwrap();
    assert_eq!(python[0].0, ours, "{}", python[0].1);
    for id in ["decision", "outcome", "inclusion", "reviewer-witness", "execution"] {
        assert_eq!(ours[id], "pass", "{ours:#?}");
    }
}

/// Exports a handoff and the trust with the program.
pub fn export(data_dir: &Path, folder: &Path, id: &str) -> Result<(PathBuf, PathBuf)> {
    let (bundle, trust) = (folder.join("refund.seamark.zip"), folder.join("trust.json"));
    let mut command = Command::new(built("seamark")?);
    command.args(["evidence", "export", id, "--json", "--data-dir"]).arg(data_dir).arg("--out").arg(&bundle);
    output(command).context("export the evidence")?;
    let mut command = Command::new(built("seamark")?);
    command.args(["evidence", "trust", "--data-dir"]).arg(data_dir);
    std::fs::write(&trust, output(command)?)?;
    Ok((bundle, trust))
}
