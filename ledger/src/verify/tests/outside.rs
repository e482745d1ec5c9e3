//! Outside witnesses before a verifier: who counts, how often, and what counts for nothing.

use super::super::*;
use super::bundle::pack;
use super::world::{ORIGIN, World};
use crate::checkpoint::{Checkpoint, Head};
use crate::testing::key;
use crate::witness::cosignature_line;
use seamark_contracts::api::audit::AuditRecord;

const W1: &str = "witness.example/w1";
const W2: &str = "witness.example/w2";

fn vkey(name: &str, seed: &str) -> String {
    use crate::key::Signer as _;
    Vkey::new(name, VkeyKind::CosignatureV1, key(seed).public_key()).unwrap().to_string()
}

/// Two pinned witnesses.
fn relying(world: &World, quorum: u32) -> Pinned {
    let outside = Outside::of_witnesses(&[vkey(W1, "w1"), vkey(W2, "w2")], Some(quorum)).unwrap();
    Pinned { outside, audience: None, ..world.pinned() }
}

/// The line of a witness over a checkpoint, as of a time of the world.
fn line(note: &str, name: &str, seed: &str, at: Timestamp) -> String {
    let head = Checkpoint::parse(note.as_bytes()).unwrap().verify(&world_vkey()).unwrap();
    cosignature_line(&head, name, u64::try_from(at.as_ms() / 1_000).unwrap(), &key(seed)).unwrap()
}

fn world_vkey() -> Vkey {
    use crate::key::Signer as _;
    Vkey::new(ORIGIN, VkeyKind::Log, key("ledger").public_key()).unwrap()
}

fn with_lines(record: &AuditRecord, lines: &[String]) -> AuditRecord {
    let mut record = record.clone();
    record.checkpoint.push_str(&lines.concat());
    record
}

#[track_caller]
fn verdicts(record: &AuditRecord, pinned: &Pinned) -> (Verdict, Verdict) {
    let found = check_bundle(&pack(record), pinned);
    assert_eq!(found.report.verdict_of(ClaimId::Checkpoint), Some(Verdict::Pass));
    (found.report.verdict_of(ClaimId::Witnesses).unwrap(), found.verdict())
}

#[test]
fn a_head_that_enough_pinned_witnesses_cosigned_passes_and_fewer_leave_it_unknown() {
    let world = World::executed();
    let record = world.audit_record();
    let one = line(&record.checkpoint, W1, "w1", world.now);
    let two = line(&record.checkpoint, W2, "w2", world.now);
    let both = with_lines(&record, &[one.clone(), two]);
    let single = with_lines(&record, &[one]);
    assert_eq!(verdicts(&both, &relying(&world, 2)), (Verdict::Pass, Verdict::Pass));
    assert_eq!(verdicts(&single, &relying(&world, 1)), (Verdict::Pass, Verdict::Pass));
    assert_eq!(verdicts(&single, &relying(&world, 2)), (Verdict::Unknown, Verdict::Unknown));
    assert_eq!(verdicts(&record, &relying(&world, 1)), (Verdict::Unknown, Verdict::Unknown));
    let frame = crate::bundle::ReportFrame {
        as_of: world.now,
        root_keyid: String::new(),
        ledger_origin: ORIGIN.to_owned(),
        manifest: None,
    };
    let page = crate::bundle::html_report(&check_bundle(&pack(&record), &relying(&world, 1)), &frame);
    assert!(page.contains("Not shown to be so: Outside witnesses."), "what the verifier asked for is not optional");
    // Who pins no witness requires none, and lines of whomever change nothing.
    let nobody = Pinned { audience: None, ..world.pinned() };
    assert_eq!(verdicts(&both, &nobody), (Verdict::Unknown, Verdict::Pass));
    assert_eq!(verdicts(&record, &nobody), (Verdict::Unknown, Verdict::Pass));
}

/// Attack A17: one witness that signs twice, or is given twice, is one witness.
#[test]
fn attack_a17_one_witness_does_not_count_twice() {
    let mut world = World::executed();
    let record = world.audit_record();
    let first = line(&record.checkpoint, W1, "w1", world.now);
    world.later(1_000);
    let second = line(&record.checkpoint, W1, "w1", world.now);
    let twice = with_lines(&record, &[first.clone(), second, first]);
    assert_eq!(verdicts(&twice, &relying(&world, 2)).0, Verdict::Unknown);
    assert_eq!(verdicts(&twice, &relying(&world, 1)).0, Verdict::Pass);
    // A stranger's line, and one under a pinned name with another key, are nobody's.
    let stranger = line(&record.checkpoint, "witness.example/w3", "w3", world.now);
    let namesake = line(&record.checkpoint, W2, "w3", world.now);
    assert_eq!(verdicts(&with_lines(&record, &[stranger, namesake]), &relying(&world, 1)).0, Verdict::Unknown);
    let pin = |witnesses: &[String], quorum| Outside::of_witnesses(witnesses, quorum).unwrap_err();
    let (one, two) = (vkey(W1, "w1"), vkey(W2, "w2"));
    assert_eq!(pin(&[one.clone(), one.clone()], None), WitnessPinError::Twice(W1.to_owned()));
    assert_eq!(pin(&[one.clone(), vkey(W2, "w1")], None), WitnessPinError::Twice(W2.to_owned()));
    assert_eq!(pin(&[one.clone(), vkey(W1, "w2")], None), WitnessPinError::Twice(W1.to_owned()));
    for quorum in [0, 3] {
        assert_eq!(pin(&[one.clone(), two.clone()], Some(quorum)), WitnessPinError::Quorum { quorum, witnesses: 2 });
    }
    assert!(matches!(pin(&[], Some(1)), WitnessPinError::Quorum { .. }), "a quorum of nobody is never reached");
    assert_eq!(pin(&[world_vkey().to_string()], None), WitnessPinError::Kind(ORIGIN.to_owned()));
    assert!(matches!(pin(&["w".to_owned()], None), WitnessPinError::Vkey(_)));
    assert_eq!(pin(&vec![one.clone(); 33], None), WitnessPinError::TooMany);
    let all = Outside::of_witnesses(&[one, two], None).unwrap();
    assert_eq!(all, Outside::of_witnesses(&[vkey(W1, "w1"), vkey(W2, "w2")], Some(2)).unwrap(), "all, when not said");
}

/// Attack A17: a cosignature that was made for another size, or for another ledger.
#[test]
fn attack_a17_a_replayed_cosignature_fails_the_claim() {
    let world = World::executed();
    let record = world.audit_record();
    let good = line(&record.checkpoint, W1, "w1", world.now);
    let smaller = World::approved().checkpoint();
    let replayed = line(&smaller, W2, "w2", world.now);
    assert_eq!(
        verdicts(&with_lines(&record, &[good.clone(), replayed]), &relying(&world, 1)),
        (Verdict::Fail, Verdict::Fail)
    );
    let head = Checkpoint::parse(record.checkpoint.as_bytes()).unwrap().unverified_value().unverified_head().clone();
    let elsewhere = Head::new("ledger.other.example", head.size(), head.root()).unwrap();
    let elsewhere = Checkpoint::cosignature(&elsewhere, W2, 1_795_000_000, &key("w2")).unwrap();
    assert_eq!(verdicts(&with_lines(&record, &[good.clone(), elsewhere]), &relying(&world, 1)).0, Verdict::Fail);
    // A good line of the same witness beside it does not heal it.
    let healed = line(&record.checkpoint, W2, "w2", world.now);
    let bad = line(&smaller, W2, "w2", world.now);
    assert_eq!(verdicts(&with_lines(&record, &[good, healed, bad]), &relying(&world, 1)).0, Verdict::Fail);
}

/// Attack A28: a time that has not come is no time at which a head was seen.
#[test]
fn attack_a28_a_cosignature_of_the_future_does_not_count() {
    let world = World::executed();
    let record = world.audit_record();
    let in_time = with_lines(&record, &[line(&record.checkpoint, W1, "w1", world.now.plus_ms(119_000))]);
    assert_eq!(verdicts(&in_time, &relying(&world, 1)).0, Verdict::Pass);
    let future = with_lines(&record, &[line(&record.checkpoint, W1, "w1", world.now.plus_ms(122_000))]);
    assert_eq!(verdicts(&future, &relying(&world, 1)).0, Verdict::Unknown);
    let far = Checkpoint::parse(record.checkpoint.as_bytes()).unwrap();
    let far = far.unverified_value().unverified_head();
    let far = Checkpoint::cosignature(far, W1, i64::MAX.unsigned_abs(), &key("w1")).unwrap();
    assert_eq!(verdicts(&with_lines(&record, &[far]), &relying(&world, 1)).0, Verdict::Unknown);
}

/// Attack A17: a destination that asks for it acts on nothing that the ledger could still take back.
#[test]
fn attack_a17_log_before_act_needs_a_cosigned_checkpoint() {
    let world = World::approved();
    let mut delivery = world.delivery();
    let mut pinned = relying(&world, 1);
    pinned.audience = world.pinned().audience;
    assert!(verify_delivery(&delivery, &pinned).is_ok(), "who does not ask for it needs no witness");
    pinned.outside = pinned.outside.before_acting();
    let report = verify_delivery(&delivery, &pinned).unwrap_err();
    assert_eq!(report.verdict_of(ClaimId::Witnesses), Some(Verdict::Unknown));
    let line = line(&delivery.checkpoint, W1, "w1", world.now);
    delivery.checkpoint.push_str(&line);
    assert!(verify_delivery(&delivery, &pinned).is_ok());
    // Somebody who asks for it and pins nobody never acts.
    pinned.outside = Outside::default().before_acting();
    let report = verify_delivery(&delivery, &pinned).unwrap_err();
    assert_eq!(report.verdict_of(ClaimId::Witnesses), Some(Verdict::Unknown));
}

#[test]
fn a_verifiers_file_is_what_the_gateway_answered_and_what_only_the_verifier_adds() {
    let world = World::approved();
    let written = serde_json::json!({
        "org": "shop", "rootKeyid": world.pinned().root_key.id().to_string(),
        "rootKey": base64ct::Base64UrlUnpadded::encode_string(world.pinned().root_key.as_bytes()),
        "ledgerOrigin": ORIGIN, "ledgerVkey": world_vkey().to_string(),
    });
    let trust: seamark_contracts::api::ledger::Trust = serde_json::from_value(written.clone()).unwrap();
    let file = PinnedTrust::from(trust.clone());
    assert_eq!(serde_json::to_value(&file).unwrap(), written, "what a gateway answered is such a file");
    assert_eq!(file.trust(), trust);
    let mut more = written;
    more["witnesses"] = serde_json::json!([vkey(W1, "w1")]);
    more["witnessQuorum"] = serde_json::json!(1);
    let file: PinnedTrust = serde_json::from_value(more.clone()).unwrap();
    assert_eq!(file.pin(None, world.now).unwrap().outside, Outside::of_witnesses(&[vkey(W1, "w1")], Some(1)).unwrap());
    more["witnessQuorum"] = serde_json::json!(2);
    let file: PinnedTrust = serde_json::from_value(more.clone()).unwrap();
    assert!(matches!(file.pin(None, world.now), Err(PinError::Witnesses(WitnessPinError::Quorum { .. }))));
    more["witness"] = serde_json::json!("w");
    assert!(serde_json::from_value::<PinnedTrust>(more).is_err());
}
