//! A30: evidence is left out, changed by a bit, put elsewhere, or forged, by whoever packs it.
//!
//! "Wider" is any verdict of a claim that is better than in the honest report, and a bundle that passes with anything else
//! proved than the honest one proves.

use std::io::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};

use seamark_contracts::api::ledger::Trust;
use seamark_contracts::clock::Timestamp;
use seamark_contracts::digest::Digest;
use seamark_contracts::id::HandoffId;
use seamark_ledger::bundle::{Bundle, FileKind, FileSet, Manifest};
use seamark_ledger::key::SigningKey;
use seamark_ledger::statement;
use seamark_ledger::verify::{BundleReport, ClaimId, Pinned, Verdict, check_archive, check_bundle};
use serde_json::Value;

pub const REFUND: &[u8] = include_bytes!("../../ledger/vectors/evidence/refund.seamark.zip");
const TRUST: &str = include_str!("../../ledger/vectors/evidence/trust.json");
const AS_OF: &str = "2026-11-22T07:00:00.000Z";

/// Of all flips one in so many is made in the test command; `SEAMARK_ALL_FLIPS=1` makes all of them.
const EVERY: usize = 16;

pub fn pinned() -> Pinned {
    let trust: Trust = serde_json::from_str(TRUST).unwrap();
    Pinned::from_trust(&trust, None, Timestamp::parse(AS_OF).unwrap()).unwrap()
}

struct Honest {
    files: FileSet,
    pinned: Pinned,
    report: BundleReport,
    handoff: HandoffId,
    created_at: Timestamp,
}

impl Honest {
    fn read() -> Self {
        let (files, pinned) = (FileSet::from_archive(REFUND).unwrap(), pinned());
        let report = check_bundle(&files, &pinned);
        assert_eq!(report.verdict(), Verdict::Pass, "{report:#?}");
        let read = Bundle::read(&files).unwrap();
        Self { handoff: read.handoff_id, created_at: read.created_at, files, pinned, report }
    }

    /// Whether this is no more than the honest bundle shows.
    fn is_no_wider(&self, found: &BundleReport) -> bool {
        let is_better = |claim: &seamark_ledger::verify::Claim| {
            // `Verdict` is ordered from the best to the worst.
            self.report.report.verdict_of(claim.id).is_none_or(|honest| claim.verdict < honest)
        };
        if found.report.claims.iter().any(is_better) {
            return false;
        }
        found.verdict() != Verdict::Pass || found.proved == self.report.proved
    }

    #[track_caller]
    fn check(&self, name: &str, files: &FileSet) -> Verdict {
        let found = check_bundle(files, &self.pinned);
        assert!(self.is_no_wider(&found), "{name}: {:#?}", found.report);
        found.verdict()
    }

    fn with(&self, kind: FileKind, bytes: Vec<u8>) -> FileSet {
        let mut files = self.files.clone();
        replace(&mut files, kind, bytes);
        files
    }

    /// What the manifest says of these files, as whoever packs them writes it.
    fn seal(&self, files: &mut FileSet) {
        let manifest = Manifest::of(files, self.handoff, self.created_at);
        replace(files, FileKind::Manifest, manifest.to_bytes().unwrap());
    }

    /// Without the seal and with it; the verdicts.
    #[track_caller]
    fn both(&self, name: &str, mut files: FileSet) -> [Verdict; 2] {
        let plain = self.check(name, &files);
        self.seal(&mut files);
        [plain, self.check(name, &files)]
    }
}

fn replace(files: &mut FileSet, kind: FileKind, bytes: Vec<u8>) {
    files.remove(kind);
    files.insert(&kind.to_string(), bytes).unwrap();
}

fn flipped(bytes: &[u8], bit: usize) -> Vec<u8> {
    let mut changed = bytes.to_vec();
    changed[bit / 8] ^= 1 << (bit % 8);
    changed
}

/// One flip: which file (none: the archive), which bit, and whether the manifest is written anew.
type Flip = (Option<FileKind>, usize, bool);

fn flips(honest: &Honest) -> Vec<Flip> {
    let mut all: Vec<Flip> = Vec::new();
    for (kind, _, bytes) in honest.files.iter() {
        for bit in 0..bytes.len() * 8 {
            all.push((Some(kind), bit, false));
            if kind != FileKind::Manifest {
                all.push((Some(kind), bit, true));
            }
        }
    }
    // The archive has every file's bytes again; its own are the headers.
    all.extend((0..REFUND.len() * 8).map(|bit| (None, bit, false)));
    all
}

fn try_flip(honest: &Honest, (kind, bit, is_sealed): Flip) -> BundleReport {
    let Some(kind) = kind else { return check_archive(&flipped(REFUND, bit), &honest.pinned) };
    let mut files = honest.with(kind, flipped(honest.files.get(kind).unwrap(), bit));
    if is_sealed {
        honest.seal(&mut files);
    }
    check_bundle(&files, &honest.pinned)
}

/// Whether anybody would call it accepted: the bundle passes, and something else than a hint or the packer's own time is
/// another than in the honest one.
fn is_accepted(honest: &Honest, (kind, bit, _): Flip, found: &BundleReport) -> bool {
    if !honest.is_no_wider(found) {
        return true;
    }
    if found.verdict() != Verdict::Pass {
        return false;
    }
    let Some(kind) = kind else { return true };
    let text = String::from_utf8_lossy(honest.files.get(kind).unwrap());
    let within =
        |begin: &str, n: usize| text.find(begin).is_some_and(|at| (at..at + begin.len() + n).contains(&(bit / 8)));
    let is_hint = kind.to_string().ends_with(".dsse.json") && within("\"keyid\":\"", 64);
    let is_packers = kind == FileKind::Manifest && within("\"createdAt\":\"", 24);
    !is_hint && !is_packers
}

/// Every single bit: of each file, of each file under a manifest that fits, and of the archive.
#[test]
fn attack_a30_no_flipped_bit_anywhere_in_a_bundle_is_accepted() {
    let honest = Honest::read();
    let all = flips(&honest);
    assert!(all.len() >= 500_000, "{} flips", all.len());
    let is_whole = std::env::var_os("SEAMARK_ALL_FLIPS").is_some();
    let step = if is_whole { 1 } else { EVERY };
    let (next, n_tried) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let accepted = std::sync::Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    // Another bit in turn. A byte of a file has sixteen flips, eight of them sealed, so each byte is hit.
                    let Some(flip) = all.get(n * step + (n / 7) % step) else { break };
                    let found = try_flip(&honest, *flip);
                    n_tried.fetch_add(1, Ordering::Relaxed);
                    if is_accepted(&honest, *flip, &found) {
                        accepted.lock().unwrap().push(*flip);
                    }
                }
            });
        }
    });
    let accepted = accepted.into_inner().unwrap();
    assert!(accepted.is_empty(), "{} accepted: {:?}", accepted.len(), &accepted[..accepted.len().min(20)]);
    let told = format!("{} of {} flips tried, 0 accepted\n", n_tried.into_inner(), all.len());
    std::io::stderr().write_all(told.as_bytes()).unwrap();
}

#[test]
fn attack_a30_without_a_file_or_with_two_swapped_nothing_passes() {
    let honest = Honest::read();
    let kinds: Vec<FileKind> = honest.files.iter().map(|(kind, _, _)| kind).collect();
    for (n, one) in kinds.iter().enumerate() {
        let mut without = honest.files.clone();
        without.remove(*one);
        if *one != FileKind::Manifest {
            assert_eq!(honest.both(&format!("without {one}"), without).map(|v| v == Verdict::Pass), [false, false]);
        } else {
            assert_ne!(honest.check("without the manifest", &without), Verdict::Pass);
        }
        for other in kinds.iter().skip(n + 1) {
            let (first, second) = (honest.files.get(*one).unwrap(), honest.files.get(*other).unwrap());
            if first.len() > other.max_bytes() || second.len() > one.max_bytes() {
                continue;
            }
            let mut swapped = honest.with(*one, second.to_vec());
            replace(&mut swapped, *other, first.to_vec());
            assert_ne!(honest.check(&format!("{one} and {other}"), &swapped), Verdict::Pass);
            if ![*one, *other].contains(&FileKind::Manifest) {
                honest.seal(&mut swapped);
                assert_ne!(honest.check(&format!("{one} and {other}, sealed"), &swapped), Verdict::Pass);
            }
        }
    }
}

#[test]
fn attack_a30_truncated_emptied_or_lengthened_files_pass_nowhere() {
    let honest = Honest::read();
    for (kind, path, bytes) in honest.files.iter() {
        for n in [0, 1, bytes.len() / 2, bytes.len() - 1] {
            let cut = honest.with(kind, bytes[..n].to_vec());
            if kind == FileKind::Manifest {
                assert_ne!(honest.check(&path, &cut), Verdict::Pass);
            } else {
                assert!(!honest.both(&format!("{path} cut to {n}"), cut).contains(&Verdict::Pass), "{path} cut to {n}");
            }
        }
        if bytes.len() < kind.max_bytes() && kind != FileKind::Manifest {
            let longer = honest.with(kind, [bytes, b" "].concat());
            assert!(!honest.both(&path, longer).contains(&Verdict::Pass), "{path} and a space");
        }
    }
}

#[test]
fn attack_a30_entries_dropped_reordered_or_of_another_ledger_pass_nowhere() {
    let honest = Honest::read();
    let entries: Vec<u64> = honest
        .files
        .iter()
        .filter_map(|(kind, _, _)| if let FileKind::Entry(seq) = kind { Some(seq) } else { None })
        .collect();
    for from in 0..entries.len() {
        for to in from + 1..=entries.len() {
            let mut cut = honest.files.clone();
            for seq in &entries[from..to] {
                cut.remove(FileKind::Entry(*seq));
                cut.remove(FileKind::Proof(*seq));
            }
            assert!(!honest.both(&format!("entries {from} to {to} dropped"), cut).contains(&Verdict::Pass));
        }
        for other in from + 1..entries.len() {
            let (one, two) = (FileKind::Entry(entries[from]), FileKind::Entry(entries[other]));
            let mut swapped = honest.with(one, honest.files.get(two).unwrap().to_vec());
            replace(&mut swapped, two, honest.files.get(one).unwrap().to_vec());
            assert!(!honest.both(&format!("entries {from} and {other} swapped"), swapped).contains(&Verdict::Pass));
        }
    }
}

/// Keys of the vectors are derived from names, so that their gateway can be turned against them here.
fn vector_key(name: &str) -> SigningKey {
    SigningKey::from_seed(Digest::of(name.as_bytes()).as_bytes())
}

fn resigned(bytes: &[u8], signer: &str, change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let envelope: Value = serde_json::from_slice(bytes).unwrap();
    let mut statement = crate::stage::statement_of(&envelope);
    change(&mut statement);
    let bytes = seamark_contracts::canonical::to_bytes(&statement).unwrap();
    let envelope = statement::sign(bytes, &vector_key(signer)).unwrap();
    seamark_contracts::canonical::to_bytes(&envelope.to_value()).unwrap()
}

/// The gateway signs anew, with its own right keys, whatever it likes: without the person's key it proves nothing more.
#[test]
fn attack_a30_what_the_gateway_forges_with_its_own_keys_passes_nowhere() {
    let honest = Honest::read();
    let changes: Vec<(FileKind, &str, &str, Value)> = vec![
        (FileKind::Handoff, "handoff", "/predicate/payload/amount", "9999.00".into()),
        (FileKind::Handoff, "handoff", "/predicate/destination/audience", "https://elsewhere.example".into()),
        (FileKind::Handoff, "handoff", "/predicate/gate/tier", "T0".into()),
        (FileKind::Handoff, "handoff", "/predicate/attempt", "AAAAAAAAAAAAAAAAAAAAAA".into()),
        (FileKind::Outcome, "outcome", "/predicate/outcome", "rejected".into()),
        (FileKind::Outcome, "outcome", "/predicate/window/expiresAt", "2027-11-22T07:00:00.000Z".into()),
        (FileKind::Outcome, "outcome", "/predicate/quorum/reached", 2.into()),
        (FileKind::Outcome, "outcome", "/predicate/decisions", Value::Array(Vec::new())),
        (FileKind::Outcome, "outcome", "/predicate/formedAt", "2026-11-22T05:00:00.000Z".into()),
        (FileKind::Decision(1), "outcome", "/predicate/decision", "approve".into()),
        (FileKind::Decision(1), "handoff", "/predicate/decision", "approve".into()),
        (FileKind::Decision(1), "ledger", "/predicate/decision", "approve".into()),
        (FileKind::Execution(1), "outcome", "/predicate/result", "executed".into()),
        (FileKind::Execution(1), "handoff", "/predicate/executedAt", "2026-11-22T06:00:00.000Z".into()),
    ];
    for (kind, signer, pointer, value) in changes {
        let Some(bytes) = honest.files.get(kind) else { panic!("the vector has no {kind}") };
        let forged = resigned(bytes, signer, |statement| {
            *statement.pointer_mut(pointer).unwrap_or_else(|| panic!("{kind} has no {pointer}")) = value;
        });
        assert!(
            !honest.both(&format!("{kind} {pointer}"), honest.with(kind, forged)).contains(&Verdict::Pass),
            "{kind} {pointer}"
        );
    }
    // The same bytes, signed by a key of another use.
    for (kind, signer) in
        [(FileKind::Decision(1), "outcome"), (FileKind::Handoff, "outcome"), (FileKind::Outcome, "handoff")]
    {
        let forged = resigned(honest.files.get(kind).unwrap(), signer, |_| {});
        assert!(!honest.both(&format!("{kind} by {signer}"), honest.with(kind, forged)).contains(&Verdict::Pass));
    }
}

// What operator and witnesses forge together belongs here, as soon as a bundle carries cosignatures that a verifier counts.

#[test]
fn attack_a30_a_claim_without_its_evidence_is_unknown_and_authorises_nothing() {
    let honest = Honest::read();
    let mut files = honest.with(FileKind::Consistency, b"[]".to_vec());
    honest.seal(&mut files);
    let found = check_bundle(&files, &honest.pinned);
    assert_eq!(found.report.verdict_of(ClaimId::ReviewerWitness), Some(Verdict::Unknown), "{:#?}", found.report);
    assert_eq!(found.verdict(), Verdict::Unknown);
}
