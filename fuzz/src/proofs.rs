//! Readers of what proves: envelopes, statements, entries, heads, archives and bundles.

use std::sync::OnceLock;

use seamark_contracts::api::ledger::ConsistencyProof;
use seamark_contracts::decision::DecisionPredicate;
use seamark_contracts::handoff::HandoffPredicate;
use seamark_contracts::outcome::{ExecutionPredicate, OutcomePredicate};
use seamark_contracts::strict_json::{self, Limits};
use seamark_ledger::bundle::{Bundle, FileKind, FileSet, Manifest};
use seamark_ledger::checkpoint::{Checkpoint, Vkey};
use seamark_ledger::directory::DirectoryPredicate;
use seamark_ledger::dsse::Envelope;
use seamark_ledger::entry::Entry;
use seamark_ledger::key::{KeyUse, Signer as _, SigningKey, TrustSet, TrustedKey};
use seamark_ledger::statement::{self, Predicate};
use seamark_ledger::tree::{Hash, verify_consistency};
use seamark_ledger::verify::{Verdict, check_bundle};

use crate::seeds;

/// An envelope that is read is written as one that reads the same, and is never signed by a key that nobody has.
pub(crate) fn envelope(bytes: &[u8]) {
    let Ok(read) = Envelope::parse(bytes) else { return };
    let envelope = read.unverified_value();
    // A signature that is none is kept as none, and cannot be written again.
    if envelope.unverified_signatures().iter().all(|signature| signature.signature.is_some()) {
        let again = Envelope::parse(envelope.to_json().as_bytes());
        let payload = again.map(|again| again.unverified_value().unverified_payload().to_vec());
        assert_eq!(payload.ok().as_deref(), Some(envelope.unverified_payload()));
    }
    assert!(read.verify(stranger().1, KeyUse::Decision).is_err());
}

/// A key that signs what the fuzzer makes up, and the set that trusts it for everything.
fn stranger() -> (&'static SigningKey, &'static TrustSet) {
    static STRANGER: OnceLock<(SigningKey, TrustSet)> = OnceLock::new();
    let (key, trust) = STRANGER.get_or_init(|| {
        let key = SigningKey::from_seed(&[7; 32]);
        let trusted = TrustedKey {
            key: key.public_key(),
            key_use: KeyUse::Handoff,
            subject: "urn:seamark:gateway:g".to_owned(),
            from: seamark_contracts::clock::Timestamp::from_ms(0),
            to: None,
        };
        (key, TrustSet::new([trusted]).unwrap_or_default())
    });
    (key, trust)
}

/// Any bytes signed by a trusted key: they are a statement of that kind, closed in both directions, or refused.
pub(crate) fn statement(bytes: &[u8]) {
    let (key, trust) = stranger();
    let Ok(envelope) = statement::sign(bytes.to_vec(), key) else { return };
    let envelope = envelope.to_value();
    let read = statement::verify::<HandoffPredicate>(&envelope, trust);
    if let Ok(read) = read {
        let again = statement::build_handoff(&read.predicate);
        let value = |bytes: &[u8]| strict_json::parse(bytes, &Limits::SIGNED).ok();
        assert!(again.is_ok_and(|again| value(&again) == value(bytes)), "not closed");
    }
    fn closed<P: Predicate>(bytes: &[u8]) {
        let Ok(value) = strict_json::parse(bytes, &Limits::SIGNED) else { return };
        let Some(predicate) = value.get("predicate") else { return };
        let _ = strict_json::from_value::<P>(predicate);
    }
    closed::<DecisionPredicate>(bytes);
    closed::<OutcomePredicate>(bytes);
    closed::<ExecutionPredicate>(bytes);
    closed::<DirectoryPredicate>(bytes);
}

/// An entry has one spelling.
pub(crate) fn entry(bytes: &[u8]) {
    if let Ok(entry) = Entry::parse(bytes) {
        assert_eq!(entry.to_bytes().ok().as_deref(), Some(bytes));
    }
}

/// A checkpoint has one spelling, and verifies under the pinned key only as it was signed.
pub(crate) fn checkpoint(bytes: &[u8]) {
    let Ok(read) = Checkpoint::parse(bytes) else { return };
    assert_eq!(read.unverified_value().to_string().as_bytes(), bytes);
    let Some(pinned) = seeds::pinned() else { return };
    if let Ok(head) = read.verify(&pinned.ledger_vkey) {
        assert!(seeds::signed_bodies().contains(&head.to_string()), "a head that was never signed");
    }
}

/// A key of a note has one spelling.
pub(crate) fn vkey(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(vkey) = Vkey::parse(text) {
        assert_eq!(vkey.to_string(), text);
    }
}

/// A consistency proof that somebody made up never leads from one root to another.
pub(crate) fn consistency(bytes: &[u8]) {
    let Ok(proofs) = strict_json::parse_typed::<Vec<ConsistencyProof>>(bytes, &Limits::SIGNED) else { return };
    for proof in proofs {
        let hashes: Result<Vec<Hash>, _> = proof.proof.iter().map(|hash| Hash::parse(hash)).collect();
        let Ok(hashes) = hashes else { continue };
        let (one, other) = (Hash::from_bytes([1; 32]), Hash::from_bytes([2; 32]));
        assert!(verify_consistency(proof.from, &one, proof.to, &other, &hashes).is_err());
    }
}

/// An archive has one spelling.
pub(crate) fn archive(bytes: &[u8]) {
    if let Ok(files) = FileSet::from_archive(bytes) {
        assert_eq!(files.to_archive(), bytes);
        let _ = Bundle::read(&files);
    }
}

/// The first byte names a file of the good bundle, the rest takes its place under a manifest that fits: never wider.
pub(crate) fn bundle_file(bytes: &[u8]) {
    let (Some((which, bytes)), Some(pinned)) = (bytes.split_first(), seeds::pinned()) else { return };
    let good = seeds::bundle();
    let kinds: Vec<FileKind> = good.iter().map(|(kind, _, _)| kind).collect();
    let Some(kind) = kinds.get(usize::from(*which) % kinds.len().max(1)) else { return };
    let mut files = good.clone();
    files.remove(*kind);
    if files.insert(&kind.to_string(), bytes.to_vec()).is_err() {
        return;
    }
    if *kind != FileKind::Manifest {
        files.remove(FileKind::Manifest);
        let Some((handoff, created_at)) = seeds::packed() else { return };
        let Ok(manifest) = Manifest::of(&files, handoff, created_at).to_bytes() else { return };
        if files.insert("manifest.json", manifest).is_err() {
            return;
        }
    }
    let found = check_bundle(&files, &pinned);
    if found.verdict() == Verdict::Pass {
        let honest = seeds::honest();
        assert!(found.report == honest.report && found.proved == honest.proved, "{kind} proves something else");
    }
}
