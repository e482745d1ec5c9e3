//! Evidence bundles under attack: whatever is changed, left out or added, a bundle never proves more than the honest one.

use seamark_contracts::api::audit::AuditRecord;
use seamark_contracts::clock::Timestamp;
use seamark_contracts::decision::{DecisionKind, Window};
use seamark_contracts::outcome::{OutcomeCause, OutcomeKind};

use super::super::*;
use super::world::World;
use super::{resign, tamper};
use crate::bundle::{Bundle, FileKind, FileSet, Manifest};
use crate::entry::EntryType;
use crate::key::Signer as _;
use crate::testing::key;
use serde_json::{Value, json};

const PACKED: &str = "2026-11-22T07:00:00.000Z";

pub(super) fn packed_at() -> Timestamp {
    crate::testing::at(PACKED)
}

pub(super) fn pack(record: &AuditRecord) -> FileSet {
    Bundle::pack(record, packed_at()).unwrap()
}

/// A refund that was approved, executed and exported.
pub(super) fn good() -> (FileSet, Pinned) {
    let world = World::executed();
    let pinned = Pinned { audience: None, ..world.pinned() };
    (pack(&world.audit_record()), pinned)
}

/// What an attacker does after any change: the manifest is not signed.
fn seal(files: &mut FileSet) {
    let known: Option<Value> = files.remove(FileKind::Manifest).and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let id = known.and_then(|known| serde_json::from_value(known["handoff"].clone()).ok());
    let id = id.unwrap_or_else(|| World::open().handoff.predicate.handoff_id);
    let manifest = Manifest::of(files, id, packed_at());
    files.insert("manifest.json", manifest.to_bytes().unwrap()).unwrap();
}

/// Puts other bytes in the place of a file.
fn replace(files: &mut FileSet, kind: FileKind, bytes: Vec<u8>) {
    files.remove(kind);
    files.insert(&kind.to_string(), bytes).unwrap();
}

fn kinds(files: &FileSet) -> Vec<FileKind> {
    files.iter().map(|(kind, _, _)| kind).collect()
}

/// The one property of all attacks: not proved, or exactly what the honest bundle proves and nothing more.
#[track_caller]
fn assert_not_wider(name: &str, found: &BundleReport, honest: &BundleReport) {
    if found.verdict() == Verdict::Pass {
        assert_eq!(found.report, honest.report, "{name}");
        assert_eq!(found.proved, honest.proved, "{name}");
    }
}

fn flipped(bytes: &[u8], bit: usize) -> Vec<u8> {
    let mut changed = bytes.to_vec();
    changed[bit / 8] ^= 1 << (bit % 8);
    changed
}

/// Every bit of small files, and of large ones some, spread over all of it.
fn bits(n_bytes: usize, n_most: usize) -> impl Iterator<Item = usize> {
    let n_bits = n_bytes * 8;
    (0..n_bits).step_by((n_bits / n_most).max(1) | 1)
}

#[test]
fn a_whole_bundle_proves_everything_but_what_needs_somebody_outside() {
    let (files, pinned) = good();
    let found = check_bundle(&files, &pinned);
    assert_eq!(found.verdict(), Verdict::Pass, "{found:#?}");
    let unknown: Vec<_> =
        found.report.claims.iter().filter(|claim| claim.verdict != Verdict::Pass).map(|claim| claim.id).collect();
    assert_eq!(unknown, [ClaimId::Disclosures, ClaimId::Witnesses, ClaimId::Time]);
    assert_eq!(found.report.verdict(), Verdict::Unknown, "the worst claim is told too");
    assert!(found.report.claims.is_sorted_by_key(|claim| claim.id));
    let proved = found.proved;
    assert_eq!(proved.decisions.unwrap().len(), 1);
    assert_eq!(proved.executions.unwrap().len(), 1);
    assert_eq!(proved.outcome.unwrap().predicate.outcome, OutcomeKind::Approved);
    let text: String = files.iter().map(|(_, _, bytes)| String::from_utf8_lossy(bytes).into_owned()).collect();
    assert!(!text.contains("4012888888881881") && !text.contains("Oliveira"), "nothing hidden is in a bundle (D6)");
}

#[test]
fn an_archive_gives_back_its_files_and_is_always_the_same() {
    let (files, pinned) = good();
    let archive = files.to_archive();
    assert_eq!(FileSet::from_archive(&archive).unwrap(), files);
    assert_eq!(files.to_archive(), archive);
    assert_eq!(check_archive(&archive, &pinned), check_bundle(&files, &pinned));
}

#[test]
fn a_bundle_is_judged_years_later() {
    let (files, mut pinned) = good();
    pinned.now = pinned.now.plus_ms(30 * 24 * 3_600_000);
    assert_eq!(check_bundle(&files, &pinned).verdict(), Verdict::Pass);
    pinned.now = pinned.now.plus_ms(10 * 365 * 24 * 3_600_000);
    let late = check_bundle(&files, &pinned);
    assert_eq!(late.report.verdict_of(ClaimId::Directory), Some(Verdict::Fail), "its directory has run out");
}

#[test]
fn a_rejected_handoff_is_proved_too() {
    let mut world = World::open();
    world.decide("alice", DecisionKind::Reject);
    world.conclude(None);
    let found = check_bundle(&pack(&world.audit_record()), &world.pinned());
    assert_eq!(found.verdict(), Verdict::Pass, "{found:#?}");
    assert_eq!(found.proved.outcome.unwrap().predicate.outcome, OutcomeKind::Rejected);
}

#[test]
fn an_open_review_is_unknown_and_proves_no_outcome() {
    let mut world = World::open();
    world.decide("alice", DecisionKind::Approve);
    let found = check_bundle(&pack(&world.audit_record()), &world.pinned());
    assert_eq!(found.verdict(), Verdict::Unknown, "{found:#?}");
    assert!(found.proved.outcome.is_none());
}

/// Attack A30: a file whose bytes are others.
#[test]
fn attack_a30_no_flipped_bit_of_a_file_goes_unnoticed() {
    let (files, pinned) = good();
    let honest = check_bundle(&files, &pinned);
    let manifest = String::from_utf8(files.get(FileKind::Manifest).unwrap().to_vec()).unwrap();
    let created = manifest.find(PACKED).unwrap() * 8..(manifest.find(PACKED).unwrap() + PACKED.len()) * 8;
    for (kind, path, bytes) in files.iter() {
        let n_most = if bytes.len() <= 1024 { usize::MAX } else { 1_000 };
        for bit in bits(bytes.len(), n_most) {
            let mut changed = files.clone();
            replace(&mut changed, kind, flipped(bytes, bit));
            let found = check_bundle(&changed, &pinned);
            assert_not_wider(&format!("{path}, bit {bit}"), &found, &honest);
            // When it was packed is the packer's own word; no claim rests on it.
            let is_free = kind == FileKind::Manifest && created.contains(&bit);
            assert!(is_free || found.verdict() != Verdict::Pass, "{path}, bit {bit}");
        }
    }
}

/// The same where the attacker writes a new manifest.
#[test]
fn attack_a30_no_flipped_bit_under_a_new_manifest_proves_more() {
    let (files, pinned) = good();
    let honest = check_bundle(&files, &pinned);
    let mut n_same = 0;
    for (kind, path, bytes) in files.iter().filter(|(kind, _, _)| *kind != FileKind::Manifest) {
        for bit in bits(bytes.len(), 60) {
            let mut changed = files.clone();
            replace(&mut changed, kind, flipped(bytes, bit));
            seal(&mut changed);
            let found = check_bundle(&changed, &pinned);
            assert_not_wider(&format!("{path}, bit {bit}"), &found, &honest);
            if found.verdict() == Verdict::Pass {
                // A key id beside a signature is a hint; nothing else may change.
                let hint =
                    path.ends_with(".dsse.json") && String::from_utf8_lossy(bytes).find("\"keyid\"").unwrap() < bit / 8;
                assert!(hint, "{path}, bit {bit}");
                n_same += 1;
            }
        }
    }
    assert!(n_same < 20, "{n_same} changed bits made no difference");
}

#[test]
fn attack_a30_no_file_can_be_left_out() {
    let (files, pinned) = good();
    for kind in kinds(&files) {
        let mut without = files.clone();
        without.remove(kind).unwrap();
        let found = check_bundle(&without, &pinned);
        assert_eq!(found.report.verdict_of(ClaimId::Bundle), Some(Verdict::Fail), "{kind}");
        seal(&mut without);
        if kind != FileKind::Manifest {
            assert_ne!(check_bundle(&without, &pinned).verdict(), Verdict::Pass, "{kind}, under a new manifest");
        }
    }
}

#[test]
fn attack_a30_no_two_files_can_change_places() {
    let (files, pinned) = good();
    let all = kinds(&files);
    for (n, one) in all.iter().enumerate() {
        for other in all.iter().skip(n + 1) {
            let (Some(first), Some(second)) = (files.get(*one), files.get(*other)) else { continue };
            if first.len() > other.max_bytes() || second.len() > one.max_bytes() {
                continue;
            }
            let mut swapped = files.clone();
            let (first, second) = (first.to_vec(), second.to_vec());
            replace(&mut swapped, *one, second);
            replace(&mut swapped, *other, first);
            assert_ne!(check_bundle(&swapped, &pinned).verdict(), Verdict::Pass, "{one} and {other}");
            if *one != FileKind::Manifest && *other != FileKind::Manifest {
                seal(&mut swapped);
                assert_ne!(check_bundle(&swapped, &pinned).verdict(), Verdict::Pass, "{one} and {other}, sealed");
            }
        }
    }
}

/// A record as an attacker changes it, packed anew.
#[track_caller]
fn attack(name: &str, record: &AuditRecord, pinned: &Pinned, id: ClaimId, verdict: Verdict) {
    let found = check_bundle(&pack(record), pinned);
    assert_eq!(found.report.verdict_of(id), Some(verdict), "{name}: {:#?}", found.report);
    assert_ne!(found.verdict(), Verdict::Pass, "{name}");
}

#[test]
fn attack_a17_entries_dropped_reordered_or_cut_are_found() {
    let world = World::executed();
    let (good, pinned) = (world.audit_record(), world.pinned());
    let n = good.entries.len();
    for at in 0..n {
        let mut record = good.clone();
        record.entries.remove(at);
        assert_ne!(check_bundle(&pack(&record), &pinned).verdict(), Verdict::Pass, "entry {at} dropped");
        let mut record = good.clone();
        record.entries.truncate(at);
        assert_ne!(check_bundle(&pack(&record), &pinned).verdict(), Verdict::Pass, "cut before entry {at}");
        let mut record = good.clone();
        record.entries.drain(..=at);
        assert_ne!(check_bundle(&pack(&record), &pinned).verdict(), Verdict::Pass, "begun after entry {at}");
        for other in at + 1..n {
            let mut record = good.clone();
            let (one, next) = (record.entries[at].clone(), record.entries[other].clone());
            record.entries[at] = seamark_contracts::api::ledger::RecordedEntry { seq: one.seq, ..next.clone() };
            record.entries[other] = seamark_contracts::api::ledger::RecordedEntry { seq: next.seq, ..one };
            let found = check_bundle(&pack(&record), &pinned);
            assert_ne!(found.verdict(), Verdict::Pass, "entries {at} and {other} changed places");
        }
    }
    let mut without = good;
    without.consistency.clear();
    attack("consistency left out", &without, &pinned, ClaimId::ReviewerWitness, Verdict::Unknown);
}

/// What nobody can notice: the log goes on, and nothing says how far. It proves no more than before.
#[test]
fn an_entry_after_all_that_is_proved_can_be_left_out_and_proves_nothing_new() {
    let mut world = World::executed();
    let digest = crate::testing::key("ack").public_key().id().to_string();
    world.record(EntryType::DeliveryAcknowledged, &digest, seamark_contracts::digest::Digest::of(b"body"), &[]);
    let (whole, pinned) = (world.audit_record(), world.pinned());
    let mut cut = whole.clone();
    cut.entries.pop();
    let (whole, cut) = (check_bundle(&pack(&whole), &pinned), check_bundle(&pack(&cut), &pinned));
    assert_eq!((whole.verdict(), cut.verdict()), (Verdict::Pass, Verdict::Pass));
    assert_eq!((&whole.proved.decisions, &whole.proved.executions), (&cut.proved.decisions, &cut.proved.executions));
    assert!(cut.proved.entries.unwrap().len() < whole.proved.entries.unwrap().len());
}

#[test]
fn attack_a15_a_gateway_that_forges_with_its_own_keys_is_found() {
    // The gateway's outcome key signs an approval, and everything is in its ledger; only no person decided.
    let mut honest = World::open();
    honest.decide("alice", DecisionKind::Approve);
    let mut approved = honest.form(None).unwrap();
    let mut forged = World::open();
    approved.decisions.clear();
    approved.ledger = forged.head();
    approved.formed_at = forged.now;
    approved.window = Some(Window { not_before: forged.now, expires_at: forged.now.plus_ms(900_000), max_uses: 1 });
    forged.conclude_as(&approved, &key("outcome"));
    forged.execute(|_| {});
    attack("approved by nobody", &forged.audit_record(), &forged.pinned(), ClaimId::Outcome, Verdict::Fail);

    let world = World::executed();
    let (good, pinned) = (world.audit_record(), world.pinned());
    for signer in ["outcome", "handoff", "alice-device", "bob", "ledger", "root"] {
        let mut record = good.clone();
        record.decisions[0] = resign(&record.decisions[0], signer);
        attack(signer, &record, &pinned, ClaimId::Decision, Verdict::Fail);
    }
}

#[test]
fn attacks_on_what_was_decided_are_found() {
    let world = World::executed();
    let (good, pinned) = (world.audit_record(), world.pinned());
    let with = |name: &str, change: &dyn Fn(&mut AuditRecord), id: ClaimId, verdict: Verdict| {
        let mut record = good.clone();
        change(&mut record);
        attack(name, &record, &pinned, id, verdict);
    };
    use ClaimId as C;
    use Verdict::{Fail, Unknown};
    let amount: &dyn Fn(&mut AuditRecord) =
        &|r| tamper(&mut r.review.handoff, |s| s["predicate"]["payload"]["amount"] = json!("999.00"));
    with("A7: amount swapped after the approval", amount, C::Handoff, Fail);
    with("A2: view replaced", &|r| r.views[0] = r.views[0].replacen("Refund", "Repay", 1), C::View, Fail);
    let flip: &dyn Fn(&mut AuditRecord) =
        &|r| tamper(&mut r.decisions[0], |s| s["predicate"]["decision"] = json!("reject"));
    with("decision flipped", flip, C::Decision, Fail);
    with("A16: directory by the gateway", &|r| r.directory = resign(&r.directory, "handoff"), C::Directory, Fail);
    with("A14: other contract", &|r| r.contract = r.contract.replace("PT4H", "PT9H"), C::Contract, Fail);
    with("outcome left out", &|r| r.outcome = None, C::Outcome, Unknown);
    let omit: &dyn Fn(&mut AuditRecord) = &|r| {
        r.decisions.clear();
        r.views.clear();
    };
    with("outcome without its decisions", omit, C::Outcome, Fail);
    with("execution left out", &|r| r.executions.clear(), C::Execution, Fail);
    with("executed twice", &|r| r.executions.push(r.executions[0].clone()), C::Execution, Fail);
    with("A12: executed by another", &|r| r.executions[0] = resign(&r.executions[0], "outcome"), C::Execution, Fail);
    with("A17: no entry", &|r| r.entries.clear(), C::Inclusion, Unknown);
}

/// Attack A11: approvals of two attempts do not add up.
#[test]
fn attack_a11_a_decision_of_another_attempt_is_none_of_this_one() {
    let mut first = World::open();
    let mut spliced = World::of("partial-refund", |predicate| predicate.attempt = "AAAAAAAAAAAAAAAAAAAAAA".to_owned());
    first.decide("alice", DecisionKind::Approve);
    first.conclude(None);
    spliced.adopt(first.decisions[0].clone());
    spliced.conclude(None);
    attack("spliced", &spliced.audit_record(), &spliced.pinned(), ClaimId::Decision, Verdict::Fail);
}

/// Attack A13: whoever asked for it does not approve it.
#[test]
fn attack_a13_an_approval_by_the_requester_counts_for_nothing() {
    use seamark_contracts::id::UserUrn;
    let mut asked = World::of("partial-refund", |predicate| {
        predicate.source.on_behalf_of = Some(UserUrn::from_name("alice").unwrap());
    });
    asked.decide("alice", DecisionKind::Approve);
    let mut other = World::open();
    other.decide("alice", DecisionKind::Approve);
    let mut says = other.form(None).unwrap();
    let own = &asked.handoff.predicate;
    (says.attempt, says.handoff_id, says.contract) = (own.attempt.clone(), own.handoff_id, own.contract.clone());
    (says.outcome, says.cause) = (OutcomeKind::Approved, OutcomeCause::PolicyMet);
    says.decisions[0].digest = asked.decisions[0].statement.digest;
    (says.ledger, says.formed_at) = (asked.head(), asked.now);
    asked.conclude_as(&says, &key("outcome"));
    attack("self-approval", &asked.audit_record(), &asked.pinned(), ClaimId::Outcome, Verdict::Fail);
}

/// Attack A12: a verifier with an audience of its own.
#[test]
fn attack_a12_a_bundle_for_another_audience_fails_where_one_is_pinned() {
    let (files, pinned) = good();
    let here = Pinned { audience: Some(super::world::AUDIENCE.to_owned()), ..pinned.clone() };
    assert_eq!(check_bundle(&files, &here).verdict(), Verdict::Pass);
    let there = Pinned { audience: Some("https://other.example".to_owned()), ..pinned };
    let found = check_bundle(&files, &there);
    assert_eq!(found.report.verdict_of(ClaimId::Audience), Some(Verdict::Fail));
    assert_eq!(found.verdict(), Verdict::Fail);
}

/// Attack A16: nothing in a bundle says whom to trust.
#[test]
fn attack_a16_other_pinned_keys_make_the_same_bundle_fail() {
    let (files, pinned) = good();
    let root = Pinned { root_key: key("other").public_key(), ..pinned.clone() };
    assert_eq!(check_bundle(&files, &root).report.verdict_of(ClaimId::Directory), Some(Verdict::Fail));
    let vkey = Vkey::new(super::world::ORIGIN, VkeyKind::Log, key("other").public_key()).unwrap();
    let ledger = Pinned { ledger_vkey: vkey, ..pinned };
    let found = check_bundle(&files, &ledger);
    assert_eq!(found.report.verdict_of(ClaimId::Checkpoint), Some(Verdict::Fail));
    assert_eq!(found.report.verdict_of(ClaimId::Inclusion), Some(Verdict::Unknown));
}

/// Attack A18: what is beside a signature that verifies changes nothing.
#[test]
fn attack_a18_a_junk_signature_and_another_hint_prove_exactly_the_same() {
    let world = World::executed();
    let (good, pinned) = (world.audit_record(), world.pinned());
    let honest = check_bundle(&pack(&good), &pinned);
    let mut junk = good.clone();
    junk.decisions[0]["signatures"].as_array_mut().unwrap().push(json!({"sig": "AAAA"}));
    let mut hint = good;
    hint.decisions[0]["signatures"][0]["keyid"] = json!("0".repeat(64));
    for record in [junk, hint] {
        let found = check_bundle(&pack(&record), &pinned);
        assert_eq!((&found.report.claims[1..], &found.proved), (&honest.report.claims[1..], &honest.proved));
    }
}
