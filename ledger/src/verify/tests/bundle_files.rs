//! Bundles as bytes: archives that say two things at once, files that are no part of a bundle, the vectors.

use super::super::*;
use super::bundle::{good, pack, packed_at};
use super::world::World;
use crate::bundle::{ArchiveError, Bundle, FileError, FileKind, FileSet, Manifest, README};
use proptest::prelude::*;
use seamark_contracts::decision::DecisionKind;
use seamark_contracts::digest::Digest;
use serde_json::{Value, json};

mod report;

const FORMATS: &str = include_str!("../../../../docs/FORMATS.md");

fn form(bytes: &[u8]) -> ArchiveError {
    FileSet::from_archive(bytes).unwrap_err()
}

/// `bytes` with every occurrence of `from` replaced; both have the same length.
fn renamed(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut changed = bytes.to_vec();
    let places: Vec<usize> =
        bytes.windows(from.len()).enumerate().filter(|(_, part)| *part == from.as_bytes()).map(|(at, _)| at).collect();
    assert!(!places.is_empty());
    for place in places {
        changed[place..place + to.len()].copy_from_slice(to.as_bytes());
    }
    changed
}

#[test]
fn attack_a31_no_flipped_bit_of_an_archive_is_read() {
    let (files, _) = good();
    let archive = files.to_archive();
    let n_bits = archive.len() * 8;
    let end = n_bits - 22 * 8..n_bits;
    let first = 0..46 * 8;
    let spread = (0..n_bits).step_by((n_bits / 1_500) | 1);
    for bit in first.chain(end).chain(spread) {
        let mut changed = archive.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert!(FileSet::from_archive(&changed).is_err(), "bit {bit}");
    }
}

#[test]
fn attack_a31_an_archive_has_one_spelling() {
    let (files, _) = good();
    let archive = files.to_archive();
    assert_eq!(form(b""), ArchiveError::Form { at: 0 });
    assert_eq!(form(&[b"x", archive.as_slice()].concat()), ArchiveError::Form { at: 0 });
    assert_eq!(form(&[archive.as_slice(), b"x"].concat()), ArchiveError::Spelling);
    assert!(FileSet::from_archive(&archive[..archive.len() - 1]).is_err());
    let mut comment = [archive.as_slice(), b"hello"].concat();
    let at = archive.len() - 2;
    comment[at] = 5;
    assert_eq!(form(&comment), ArchiveError::Spelling);
    // The list at the end says another name than the file itself.
    let place = archive.windows(10).rposition(|part| part == b"README.txt").unwrap();
    let mut other = archive.clone();
    other[place..place + 10].copy_from_slice(b"README.TXT");
    assert_eq!(form(&other), ArchiveError::Spelling);
    // Twice the same file; a size that is none; two archives in one.
    let local = archive.windows(4).skip(1).position(|part| part == b"PK\x03\x04").unwrap() + 1;
    let twice = [&archive[..local], archive.as_slice()].concat();
    assert_eq!(form(&twice), ArchiveError::File(FileError::Twice { path: "README.txt".to_owned() }));
    let mut bomb = archive.clone();
    bomb[22..26].copy_from_slice(&u32::MAX.to_le_bytes());
    assert_eq!(form(&bomb), ArchiveError::Form { at: 0 });
    let mut deflated = archive.clone();
    deflated[8] = 8;
    assert_eq!(form(&deflated), ArchiveError::Form { at: 0 });
    assert_eq!(form(&[archive.as_slice(), &archive].concat()), ArchiveError::Spelling);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Pieces of an archive cut out, doubled and moved: nothing but the archive itself is read, and nothing panics.
    #[test]
    fn attack_a31_no_cut_and_spliced_archive_is_read(
        from in any::<prop::sample::Index>(), to in any::<prop::sample::Index>(), into in any::<prop::sample::Index>(), keeps in any::<bool>(),
    ) {
        static ARCHIVE: std::sync::OnceLock<Vec<u8>> = std::sync::OnceLock::new();
        let archive = ARCHIVE.get_or_init(|| good().0.to_archive());
        let (one, other) = (from.index(archive.len()), to.index(archive.len()));
        let piece = &archive[one.min(other)..one.max(other)];
        let mut spliced = archive.clone();
        if !keeps {
            spliced.drain(one.min(other)..one.max(other));
        }
        let at = into.index(spliced.len() + 1);
        spliced.splice(at..at, piece.iter().copied());
        let is_read = FileSet::from_archive(&spliced).is_ok();
        prop_assert_eq!(is_read, spliced == *archive);
    }
}

#[test]
fn attack_a31_no_path_leads_out_of_a_bundle() {
    let (files, _) = good();
    let archive = files.to_archive();
    for name in ["../etc/pwd", "/EADME.txt", "README\\txt", "README.tx/", "readme.txt", "README.TXT", "README\0txt"] {
        let refused = form(&renamed(&archive, "README.txt", name));
        assert!(matches!(refused, ArchiveError::File(FileError::Path { .. })), "{name:?}: {refused:?}");
    }
    let bad = [
        "",
        ".",
        "..",
        "a",
        "manifest.json/",
        "/manifest.json",
        "./manifest.json",
        "log/../manifest.json",
        "views/1.json",
        "views/00001.json",
        "views/0000.json",
        "views/9999999.json",
        "views/+001.json",
        "log/entries/3.json",
        "log/entries/000000003.json",
        "log/entries/99999999999999999.json",
        "trust/directory-0.dsse.json",
        "trust/directory-07.dsse.json",
        "handoff/disclosures.visible.json",
        "bodies/x.json",
        "views/0001.json\n",
        "views\\0001.json",
        "Views/0001.json",
        "views/\u{0661}001.json",
    ];
    for path in bad {
        assert_eq!(FileKind::parse(path), None, "{path:?}");
    }
    let good = [
        "manifest.json",
        "views/0001.json",
        "views/9999.json",
        "log/entries/00000000.json",
        "log/entries/123456789.json",
        "log/proofs/00000003.tlog-proof",
        "trust/directory-12.dsse.json",
    ];
    for path in good {
        assert_eq!(FileKind::parse(path).unwrap().to_string(), path);
    }
}

#[test]
fn attack_a31_the_bounds_hold() {
    let mut files = FileSet::default();
    files.insert("log/entries/00000001.json", vec![0; 8 * 1024]).unwrap();
    let large = files.insert("log/entries/00000002.json", vec![0; 8 * 1024 + 1]).unwrap_err();
    assert!(matches!(large, FileError::TooLarge { max: 8192, .. }));
    let twice = files.insert("log/entries/00000001.json", Vec::new()).unwrap_err();
    assert!(matches!(twice, FileError::Twice { .. }));
    for seq in 2..4_097u32 {
        files.insert(&format!("log/entries/{seq:08}.json"), Vec::new()).unwrap();
    }
    assert_eq!(files.insert("README.txt", Vec::new()), Err(FileError::TooMany));
    let mut files = FileSet::default();
    for number in 1..=64 {
        files.insert(&format!("views/{number:04}.json"), vec![0; 1024 * 1024]).unwrap();
    }
    assert_eq!(files.insert("README.txt", vec![0]), Err(FileError::TooMuch));
}

/// Files that agree with a manifest and are still no bundle.
#[test]
fn what_is_not_of_its_form_fails_before_anything_else_is_looked_at() {
    let (files, pinned) = good();
    let id = Bundle::read(&files).unwrap().handoff_id;
    let refused = |name: &str, change: &dyn Fn(&mut FileSet)| {
        let mut changed = files.clone();
        change(&mut changed);
        changed.remove(FileKind::Manifest);
        let manifest = Manifest::of(&changed, id, packed_at());
        changed.insert("manifest.json", manifest.to_bytes().unwrap()).unwrap();
        let found = check_bundle(&changed, &pinned);
        assert_eq!(found.report.claims.len(), 1, "{name}: {:#?}", found.report);
        assert_eq!(found.verdict(), Verdict::Fail, "{name}");
    };
    let put = |files: &mut FileSet, kind: FileKind, bytes: Vec<u8>| {
        files.remove(kind);
        files.insert(&kind.to_string(), bytes).unwrap();
    };
    let spaced = |kind: FileKind| {
        move |files: &mut FileSet| {
            let mut bytes = files.get(kind).unwrap().to_vec();
            bytes.push(b'\n');
            put(files, kind, bytes);
        }
    };
    for kind in [FileKind::Handoff, FileKind::Outcome, FileKind::Decision(1), FileKind::Consistency, FileKind::Policy] {
        refused(&kind.to_string(), &spaced(kind));
    }
    refused("README with other words", &|files| {
        put(files, FileKind::Readme, README.replace("yours", "mine").into_bytes())
    });
    refused("numbers with a gap", &|files| {
        let bytes = files.remove(FileKind::View(1)).unwrap();
        put(files, FileKind::View(2), bytes);
    });
    refused("two directories", &|files| {
        let bytes = files.get(FileKind::Directory(3)).unwrap().to_vec();
        put(files, FileKind::Directory(4), bytes);
    });
    refused("a directory under another version", &|files| {
        let bytes = files.remove(FileKind::Directory(3)).unwrap();
        put(files, FileKind::Directory(4), bytes);
    });
    refused("a proof without its entry", &|files| {
        files.remove(FileKind::Entry(1)).unwrap();
    });
    refused("a proof under another checkpoint", &|files| {
        let text = String::from_utf8(files.get(FileKind::Proof(1)).unwrap().to_vec()).unwrap();
        put(files, FileKind::Proof(1), text.replace("ledger.acme", "ledger.acmf").into_bytes());
    });
    refused("a proof with an extra line", &|files| {
        let text = String::from_utf8(files.get(FileKind::Proof(1)).unwrap().to_vec()).unwrap();
        put(files, FileKind::Proof(1), text.replace("index 1\n", "extra AAAA\nindex 1\n").into_bytes());
    });
    refused("seventeen signatures", &|files| {
        let mut envelope: Value = serde_json::from_slice(files.get(FileKind::Decision(1)).unwrap()).unwrap();
        envelope["signatures"] = json!(vec![envelope["signatures"][0].clone(); 17]);
        put(files, FileKind::Decision(1), seamark_contracts::canonical::to_bytes(&envelope).unwrap());
    });
    // A manifest for another handoff, or of another format.
    let other = World::of("small-passes", |_| {}).handoff.predicate.handoff_id;
    let mut manifest = Manifest::of(&files, id, packed_at());
    for change in [|m: &mut Manifest, other| m.handoff = other, |m: &mut Manifest, _| m.format.push('0')] {
        let mut changed = files.clone();
        let mut told = manifest.clone();
        change(&mut told, other);
        put(&mut changed, FileKind::Manifest, told.to_bytes().unwrap());
        assert_eq!(check_bundle(&changed, &pinned).verdict(), Verdict::Fail);
    }
    manifest.files.insert("views/0009.json".to_owned(), manifest.files["README.txt"].clone());
    let mut changed = files.clone();
    put(&mut changed, FileKind::Manifest, manifest.to_bytes().unwrap());
    assert_eq!(check_bundle(&changed, &pinned).verdict(), Verdict::Fail, "a file that is not there");
}

/// What other verifiers are compared with: `vectors/evidence/`. Judged as of 2026-11-22T07:00:00.000Z.
#[test]
fn generated_evidence_vector_is_current() {
    let mut world = World::open();
    world.decide("bob", DecisionKind::Approve);
    world.conclude(None);
    world.execute(|_| {});
    let mut rejected = World::open();
    rejected.decide("bob", DecisionKind::Reject);
    rejected.conclude(None);
    let pinned = world.pinned();
    let trust = seamark_contracts::api::ledger::Trust {
        org: "acme".to_owned(),
        root_keyid: pinned.root_key.id().to_string(),
        root_key: Base64UrlUnpadded::encode_string(pinned.root_key.as_bytes()),
        ledger_origin: super::world::ORIGIN.to_owned(),
        ledger_vkey: pinned.ledger_vkey.to_string(),
    };
    let judged = Pinned { audience: None, now: packed_at(), ..pinned };
    let archive = |world: &World| {
        let files = pack(&world.audit_record());
        assert_eq!(check_bundle(&files, &judged).verdict(), Verdict::Pass);
        files.to_archive()
    };
    let wanted = [
        ("refund.seamark.zip", archive(&world)),
        ("rejected.seamark.zip", archive(&rejected)),
        ("revealed.seamark.zip", archive(&super::reveals::revealed())),
        ("trust.json", serde_json::to_vec_pretty(&trust).unwrap()),
    ];
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors/evidence");
    for (name, bytes) in wanted {
        if std::env::var("SEAMARK_GEN").is_ok_and(|gen_| gen_ == "1") {
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join(name), &bytes).unwrap();
        }
        let kept = std::fs::read(folder.join(name)).unwrap();
        let how = "SEAMARK_GEN=1 cargo test -p seamark-ledger generated_evidence_vector_is_current";
        assert!(kept == bytes, "{name} is another; run {how}");
    }
}

#[test]
fn the_formats_say_which_readme_belongs_to_the_format() {
    let digest = Digest::of(README.as_bytes()).to_hex();
    assert!(FORMATS.contains(&digest), "FORMATS.md has to name {digest}");
}
