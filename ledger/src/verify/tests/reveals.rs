//! Reveals: a masked field that somebody read is in the record, whole and in order, or the record does not hold.

use seamark_contracts::api::audit::AuditRecord;
use seamark_contracts::decision::DecisionKind;
use serde_json::{Value, json};

use super::super::*;
use super::bundle::pack;
use super::world::{World, urn};
use crate::bundle::{FileKind, ReportFrame, html_report};
use crate::entry::EntryType;
use crate::key::Signer as _;
use crate::testing::{at, key};

const EMAIL: &str = "/payload/customer/email";

/// Dora reads a field, copies it and approves.
pub(in super::super) fn revealed() -> World {
    let mut world = World::open().with_dora();
    world.reveal("dora", EMAIL, |_| {});
    world.later(5_000);
    world.copy("dora", |_| {});
    world.decide("dora", DecisionKind::Approve);
    world.conclude(None);
    world.execute(|_| {});
    world
}

fn check(world: &World) -> Report {
    check_record(&world.audit_record(), &world.pinned())
}

fn claim(report: &Report) -> (Verdict, String) {
    let claim = report.claims.iter().find(|claim| claim.id == ClaimId::Reveals).unwrap();
    (claim.verdict, claim.sentence.clone())
}

/// After a reveal with this body, and a decision by the same person on a view that names it.
fn after(change: impl FnOnce(&mut Value)) -> (Verdict, String) {
    let mut world = World::open().with_dora();
    world.reveal("dora", EMAIL, change);
    world.decide("dora", DecisionKind::Approve);
    world.conclude(None);
    claim(&check(&world))
}

#[test]
fn a_record_says_who_read_which_field_for_which_purpose() {
    let world = revealed();
    let report = check(&world);
    assert_eq!(report.verdict(), Verdict::Pass, "{report:#?}");
    assert_eq!(
        claim(&report).1,
        "1 masked field was revealed, and recorded before the value left the gateway; 1 value was copied."
    );
    let found = check_bundle(&pack(&world.audit_record()), &Pinned { audience: None, ..world.pinned() });
    assert_eq!(found.verdict(), Verdict::Pass, "{:#?}", found.report);
    let reveal = &found.proved.reveals.unwrap()[0];
    assert_eq!((reveal.person.as_str(), reveal.name.as_str()), (urn("dora").as_str(), "Dora Example"));
    assert_eq!((reveal.path.as_str(), reveal.purpose.text.as_str()), (EMAIL, "<b>call back</b>"));
    assert_eq!(reveal.copied_at, Some(reveal.at.plus_ms(5_000)));
    let delivery = check_delivery(&world.delivery(), &world.pinned());
    assert_eq!(delivery.verdict_of(ClaimId::Decision), Some(Verdict::Pass), "{delivery:#?}");
    assert_eq!(claim(&check(&World::executed())).1, "No masked field was revealed.");
}

#[test]
fn a_report_prints_who_read_what_and_nothing_that_was_read() {
    let world = revealed();
    let found = check_bundle(&pack(&world.audit_record()), &Pinned { audience: None, ..world.pinned() });
    let frame = ReportFrame {
        as_of: at("2026-11-22T07:00:00.000Z"),
        root_keyid: key("root").public_key().id().to_string(),
        ledger_origin: super::world::ORIGIN.to_owned(),
        manifest: None,
    };
    let report = html_report(&found, &frame);
    for text in ["What was revealed", "Dora Example", EMAIL, "Contact the person", "&lt;b&gt;call back&lt;/b&gt;"] {
        assert!(report.contains(text), "{text}");
    }
    let raw = seamark_contracts::mask::reconstruct(
        &serde_json::to_value(&world.handoff.predicate).unwrap(),
        &world.disclosures,
    );
    let raw = raw.unwrap();
    let email = raw.pointer(EMAIL).and_then(Value::as_str).unwrap();
    assert!(!report.contains(email));
    assert!(!serde_json::to_string(&world.audit_record()).unwrap().contains(email));
}

#[test]
fn each_change_to_what_stands_beside_a_reveal_is_noticed() {
    let fails = |name: &str, change: &dyn Fn(&mut Value)| {
        let (verdict, sentence) = after(change);
        assert_eq!(verdict, Verdict::Fail, "{name}: {sentence}");
        assert!(!sentence.contains("body of another form") || name.starts_with("form"), "{name}: {sentence}");
    };
    assert_eq!(after(|_| {}).0, Verdict::Pass);
    fails("another field", &|body| body["path"] = json!("/payload/customer/name"));
    fails("no field", &|body| body["path"] = json!("/payload/amount"));
    fails("another value", &|body| body["disclosure"] = json!("A".repeat(43)));
    fails("another statement", &|body| body["statement"] = json!({ "sha256": "00".repeat(32) }));
    fails("another person", &|body| body["person"] = json!(urn("alice")));
    fails("another device", &|body| body["device"] = json!(key("alice").public_key().id().to_string()));
    fails("no purpose", &|body| body["purpose"] = json!({ "code": "other", "text": "" }));
    fails("form: purpose", &|body| body["purpose"]["code"] = json!("curious"));
    fails("form: version", &|body| body["v"] = json!(2));
    fails("form: type", &|body| body["type"] = json!("disclosure.copied"));
    fails("form: more", &|body| body["value"] = json!("x"));
}

#[test]
fn whoever_had_no_right_to_read_is_found() {
    for person in ["alice", "carol"] {
        let mut world = World::open().with_dora();
        world.reveal(person, EMAIL, |_| {});
        world.disclosed.clear();
        world.decide("dora", DecisionKind::Approve);
        world.conclude(None);
        let (verdict, sentence) = claim(&check(&world));
        assert!(verdict == Verdict::Fail && sentence.contains("had no right"), "{person}: {sentence}");
    }
    let mut world = World::open().with_dora();
    world.decide("dora", DecisionKind::Approve);
    world.conclude(None);
    world.reveal("dora", EMAIL, |_| {});
    assert!(claim(&check(&world)).1.contains("came after the outcome"), "F4");
}

#[test]
fn a_view_names_only_what_was_revealed_to_its_signer_before() {
    // Nothing was revealed at all: every verifier sees it, also without what stands beside entries.
    let mut world = World::open().with_dora();
    let signed = serde_json::to_value(&world.handoff.predicate).unwrap();
    let (_, digest) = seamark_contracts::mask::find_disclosure(&signed, EMAIL, &world.disclosures).unwrap();
    world.disclosed = vec![digest.clone()];
    world.decide("dora", DecisionKind::Approve);
    world.conclude(None);
    assert_eq!(check(&world).verdict_of(ClaimId::Decision), Some(Verdict::Fail));
    assert_eq!(check_delivery(&world.delivery(), &world.pinned()).verdict_of(ClaimId::Decision), Some(Verdict::Fail));
    // It was revealed to somebody else.
    let mut world = World::open().with_dora();
    world.reveal("dora", EMAIL, |_| {});
    world.decide("alice", DecisionKind::Approve);
    world.conclude(None);
    assert_eq!(check(&world).verdict_of(ClaimId::Decision), Some(Verdict::Fail));
    // A digest that no mask of the contract's stands for, one that comes twice, and a wrong order.
    let other = seamark_contracts::mask::digests_at(&signed, "/intent/text")[0].to_owned();
    for disclosed in [vec![other], vec![digest.clone(), digest.clone()], vec!["A".repeat(43)]] {
        let mut world = World::open().with_dora();
        world.disclosed = disclosed;
        let (predicate, view) = world.draft("dora", DecisionKind::Approve);
        let envelope = world.sign_decision(&predicate, &key("dora"));
        assert!(matches!(world.judge(&envelope, &view), Err(DecisionFault::View(ViewFault::Forged("disclosed")))));
    }
}

#[test]
fn a_reveal_that_the_signed_view_does_not_name_is_told() {
    let mut world = World::open().with_dora();
    world.reveal("dora", EMAIL, |_| {});
    world.disclosed.clear();
    world.decide("dora", DecisionKind::Approve);
    world.conclude(None);
    let (verdict, sentence) = claim(&check(&world));
    assert_eq!(verdict, Verdict::Pass);
    assert!(sentence.contains("of 1 reveal the view that was signed says nothing"), "{sentence}");
}

#[test]
fn attack_a30_what_stands_beside_a_reveal_cannot_be_left_out_or_exchanged() {
    let world = revealed();
    let (good, pinned) = (world.audit_record(), world.pinned());
    let verdict = |change: &dyn Fn(&mut AuditRecord)| {
        let mut record = good.clone();
        change(&mut record);
        claim(&check_record(&record, &pinned))
    };
    for index in 0..good.bodies.len() {
        let (left_out, sentence) = verdict(&|record| drop(record.bodies.remove(index)));
        assert_eq!(left_out, Verdict::Unknown, "{index}: {sentence}");
    }
    assert_eq!(verdict(&|record| record.bodies.clear()).0, Verdict::Unknown);
    assert_eq!(verdict(&|record| record.bodies.swap(0, 1)).0, Verdict::Pass, "their order says nothing");
    let fails: [&dyn Fn(&mut AuditRecord); 4] = [
        &|record| record.bodies[0].body = record.bodies[0].body.replace("call back", "call home"),
        &|record| record.bodies[0].seq += 1,
        &|record| record.bodies[0].seq = 0,
        &|record| record.bodies.push(record.bodies[0].clone()),
    ];
    for (index, change) in fails.into_iter().enumerate() {
        assert_eq!(verdict(change).0, Verdict::Fail, "{index}");
    }
    let files = pack(&good);
    let pinned = Pinned { audience: None, ..pinned };
    assert!(files.get(FileKind::Body(good.bodies[0].seq)).is_some());
    let mut without = good.clone();
    without.bodies.clear();
    assert_eq!(check_bundle(&pack(&without), &pinned).verdict(), Verdict::Unknown);
}

#[test]
fn a_copy_belongs_to_its_reveal() {
    let copied = |change: &dyn Fn(&mut Value)| {
        let mut world = World::open().with_dora();
        world.reveal("dora", EMAIL, |_| {});
        world.copy("dora", change);
        world.decide("dora", DecisionKind::Approve);
        world.conclude(None);
        claim(&check(&world)).0
    };
    assert_eq!(copied(&|_| {}), Verdict::Pass);
    assert_eq!(copied(&|body| body["reveal"] = json!(1)), Verdict::Fail);
    assert_eq!(copied(&|body| body["person"] = json!(urn("alice"))), Verdict::Fail);
    assert_eq!(copied(&|body| body["disclosure"] = json!("A".repeat(43))), Verdict::Fail);
    assert_eq!(copied(&|body| body["more"] = json!(1)), Verdict::Fail);
}

#[test]
fn refused_requests_are_told_of() {
    let mut world = World::open().with_dora();
    let keyid = key("alice").public_key().id().to_string();
    let body = json!({
        "v": 1, "type": "access.refused", "nonce": "AAAAAAAAAAAAAAAAAAAAAA", "person": urn("alice"), "device": keyid,
        "what": "reveal", "code": "forbidden", "path": EMAIL, "statement": world.handoff.digest,
    });
    world.event(EntryType::AccessRefused, &keyid, &body);
    world.decide("alice", DecisionKind::Approve);
    world.conclude(None);
    let (verdict, sentence) = claim(&check(&world));
    assert_eq!((verdict, sentence.as_str()), (Verdict::Pass, "No masked field was revealed; 1 request was refused."));
}
