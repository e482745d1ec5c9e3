//! The attacks that a verifier has to notice, each as one change to a whole and honest refund.

use seamark_contracts::api::agent::Delivery;
use seamark_contracts::decision::DecisionKind;

use super::*;
use crate::key::Signer as _;
use crate::statement;
use crate::testing::{at, key};
use base64ct::Base64;
use serde_json::{Value, json};
use world::World;

mod anew;
mod audit;
mod bundle;
mod bundle_files;
mod decisions;
mod deliveries;
mod endings;
mod omissions;
mod outside;
mod reveals;
mod time;
mod world;

/// Changes the payload of an envelope and leaves its signatures as they are.
fn tamper(envelope: &mut Value, change: impl FnOnce(&mut Value)) {
    let payload = Base64::decode_vec(envelope["payload"].as_str().unwrap()).unwrap();
    let mut statement: Value = serde_json::from_slice(&payload).unwrap();
    change(&mut statement);
    envelope["payload"] = json!(Base64::encode_string(&serde_json::to_vec(&statement).unwrap()));
}

/// The same payload under another key.
fn resign(envelope: &Value, name: &str) -> Value {
    let payload = Base64::decode_vec(envelope["payload"].as_str().unwrap()).unwrap();
    statement::sign(payload, &key(name)).unwrap().to_value()
}

fn verdicts(report: &Report) -> Vec<(ClaimId, Verdict)> {
    report.claims.iter().map(|claim| (claim.id, claim.verdict)).collect()
}

/// One change must make exactly this claim the first that does not pass, and nothing may be authorised.
fn check_attack(name: &str, delivery: &Delivery, pinned: &Pinned, id: ClaimId, verdict: Verdict) {
    let report = verify_delivery(delivery, pinned).expect_err(name);
    assert_eq!(report.verdict_of(id), Some(verdict), "{name}: {report:#?}");
    assert_eq!(report, check_delivery(delivery, pinned), "{name}");
    assert_ne!(report.verdict(), Verdict::Pass, "{name}");
}

#[test]
fn an_honest_delivery_authorises_exactly_the_reconstructed_payload() {
    let world = World::approved();
    let (delivery, pinned) = (world.delivery(), world.pinned());
    let report = check_delivery(&delivery, &pinned);
    assert_eq!(report.verdict(), Verdict::Pass, "{report:#?}");
    let ids: Vec<_> = report.claims.iter().map(|claim| claim.id.as_str()).collect();
    let expected = [
        "directory",
        "handoff",
        "contract",
        "masks",
        "decision",
        "outcome",
        "audience",
        "window",
        "checkpoint",
        "inclusion",
    ];
    assert_eq!(ids, expected);
    let action = verify_delivery(&delivery, &pinned).unwrap();
    assert_eq!(action.payload["card"]["number"], "4012888888881881");
    assert_eq!(action.payload["customer"]["name"], "Marta Oliveira");
    assert_eq!(action.tool_outputs[0]["result"]["structuredContent"]["ship_to"], "Hafenstrasse 12, 20359 Hamburg");
    assert_eq!((action.decisions.len(), action.audience.as_str()), (1, world::AUDIENCE));
    assert_eq!(action.disclosures.len(), delivery.disclosures.len());
    assert!(!format!("{action:?}").contains("4012"), "nothing hidden is printed");
    let text = serde_json::to_string(&report).unwrap();
    assert!(!text.contains("4012888888881881") && !text.contains("Oliveira"), "{text}");
}

#[test]
fn a_delivery_survives_its_bytes() {
    let delivery = World::approved().delivery();
    let bytes = serde_json::to_vec(&delivery).unwrap();
    let limits = seamark_contracts::strict_json::Limits::SIGNED.with_max_bytes(8 << 20);
    let again: Delivery = seamark_contracts::strict_json::parse_typed(&bytes, &limits).unwrap();
    assert_eq!(again, delivery);
}

#[test]
fn a_reject_is_proved_and_authorises_nothing() {
    let mut world = World::open();
    world.decide("alice", DecisionKind::Reject);
    world.conclude(None);
    let report = verify_delivery(&world.delivery(), &world.pinned()).unwrap_err();
    assert_eq!(report.verdict_of(ClaimId::Outcome), Some(Verdict::Pass), "{report:#?}");
    assert_eq!(report.verdict_of(ClaimId::Window), Some(Verdict::Fail));
}

#[test]
fn each_change_to_a_delivery_is_noticed_where_it_was_made() {
    let world = World::approved();
    let (good, pinned) = (world.delivery(), world.pinned());
    let attack = |name: &str, change: &dyn Fn(&mut Delivery), id: ClaimId, verdict: Verdict| {
        let mut delivery = good.clone();
        change(&mut delivery);
        assert_ne!(delivery, good, "{name}");
        check_attack(name, &delivery, &pinned, id, verdict);
    };
    use ClaimId as C;
    use Verdict::{Fail, Unknown};
    attack(
        "amount changed",
        &|d| tamper(&mut d.handoff, |s| s["predicate"]["payload"]["amount"] = json!("999.00")),
        C::Handoff,
        Fail,
    );
    attack("handoff signed by the outcome key", &|d| d.handoff = resign(&d.handoff, "outcome"), C::Handoff, Fail);
    attack("handoff signed by a reviewer", &|d| d.handoff = resign(&d.handoff, "alice"), C::Handoff, Fail);
    attack("other format", &|d| d.format = "seamark-delivery/v2".to_owned(), C::Handoff, Fail);
    attack(
        "decision flipped",
        &|d| tamper(&mut d.decisions[0], |s| s["predicate"]["decision"] = json!("reject")),
        C::Decision,
        Fail,
    );
    attack(
        "decision signed by the gateway",
        &|d| d.decisions[0] = resign(&d.decisions[0], "outcome"),
        C::Decision,
        Fail,
    );
    attack(
        "decision signed by a device key",
        &|d| d.decisions[0] = resign(&d.decisions[0], "alice-device"),
        C::Decision,
        Fail,
    );
    attack(
        "decision signed by another person",
        &|d| d.decisions[0] = resign(&d.decisions[0], "bob"),
        C::Decision,
        Fail,
    );
    attack(
        "decision left out",
        &|d| {
            d.decisions.clear();
            d.views.clear();
        },
        C::Outcome,
        Fail,
    );
    attack("decision without view", &|d| d.views.clear(), C::Decision, Fail);
    attack(
        "decision twice",
        &|d| {
            d.decisions.push(d.decisions[0].clone());
            d.views.push(d.views[0].clone());
        },
        C::Decision,
        Fail,
    );
    attack("contract left out", &|d| d.contract.clear(), C::Contract, Fail);
    attack("contract changed", &|d| d.contract = d.contract.replace("PT4H", "PT9H"), C::Contract, Fail);
    attack("view replaced", &|d| d.views[0]["ask"] = json!("Refund EUR 1.00?"), C::Decision, Fail);
    attack(
        "outcome changed",
        &|d| {
            tamper(d.outcome.as_mut().unwrap(), |s| {
                s["predicate"]["window"]["expiresAt"] = json!("2027-01-01T00:00:00.000Z")
            })
        },
        C::Outcome,
        Fail,
    );
    attack(
        "outcome signed by the handoff key",
        &|d| d.outcome = d.outcome.as_ref().map(|o| resign(o, "handoff")),
        C::Outcome,
        Fail,
    );
    attack("outcome left out", &|d| d.outcome = None, C::Outcome, Fail);
    attack(
        "disclosure withheld",
        &|d| {
            d.disclosures.pop();
        },
        C::Masks,
        Unknown,
    );
    attack("all disclosures withheld", &|d| d.disclosures.clear(), C::Masks, Unknown);
    attack("disclosure twice", &|d| d.disclosures.push(d.disclosures[0].clone()), C::Masks, Fail);
    attack("disclosure of nothing", &|d| d.disclosures.push(String::new()), C::Masks, Fail);
    attack("disclosure changed", &|d| d.disclosures[0].push('A'), C::Masks, Fail);
    attack("directory signed by the gateway", &|d| d.directory = resign(&d.directory, "handoff"), C::Directory, Fail);
    attack(
        "directory changed",
        &|d| tamper(&mut d.directory, |s| s["predicate"]["version"] = json!(4)),
        C::Directory,
        Fail,
    );
    attack("receipts left out", &|d| d.proofs.clear(), C::Inclusion, Unknown);
    attack(
        "first receipt left out",
        &|d| {
            d.proofs.remove(0);
        },
        C::Inclusion,
        Fail,
    );
    attack(
        "receipt in the middle left out",
        &|d| {
            d.proofs.remove(1);
        },
        C::Inclusion,
        Fail,
    );
    attack(
        "last receipt left out",
        &|d| {
            d.proofs.pop();
        },
        C::Inclusion,
        Fail,
    );
    attack("receipts swapped", &|d| d.proofs.swap(1, 2), C::Inclusion, Fail);
    attack(
        "entry edited",
        &|d| d.proofs[2].entry = d.proofs[2].entry.replace("2026-11-22T06", "2026-11-22T05"),
        C::Inclusion,
        Fail,
    );
    attack("entry at another place", &|d| d.proofs[2].seq += 1, C::Inclusion, Fail);
    attack("empty path", &|d| d.proofs[2].proof.clear(), C::Inclusion, Fail);
    attack(
        "longer path",
        &|d| {
            let hash = d.proofs[2].proof[0].clone();
            d.proofs[2].proof.push(hash);
        },
        C::Inclusion,
        Fail,
    );
    attack("hash of 31 bytes", &|d| d.proofs[2].proof[0] = Base64::encode_string(&[0; 31]), C::Inclusion, Fail);
    attack("proof for another head", &|d| d.proofs[2].size -= 1, C::Inclusion, Fail);
    attack("head of another size", &|d| d.checkpoint = d.checkpoint.replacen("\n7\n", "\n8\n", 1), C::Checkpoint, Fail);
    attack("no head", &|d| d.checkpoint.clear(), C::Checkpoint, Fail);
}

#[test]
fn what_does_not_matter_changes_nothing() {
    let world = World::approved();
    let mut delivery = world.delivery();
    let junk = json!({"keyid": "anything", "sig": Base64::encode_string(&[1; 64])});
    delivery.decisions[0]["signatures"].as_array_mut().unwrap().push(junk);
    delivery.handoff["signatures"][0]["keyid"] = json!("hint");
    delivery.disclosures.reverse();
    assert!(verify_delivery(&delivery, &world.pinned()).is_ok());
}

#[test]
fn the_verifiers_own_configuration_decides() {
    let world = World::approved();
    let delivery = world.delivery();
    let with = |name: &str, change: &dyn Fn(&mut Pinned), id: ClaimId| {
        let mut pinned = world.pinned();
        change(&mut pinned);
        check_attack(name, &delivery, &pinned, id, Verdict::Fail);
    };
    with("other root", &|p| p.root_key = key("other").public_key(), ClaimId::Directory);
    with(
        "other ledger key",
        &|p| p.ledger_vkey = Vkey::new(world::ORIGIN, VkeyKind::Log, key("x").public_key()).unwrap(),
        ClaimId::Checkpoint,
    );
    with(
        "other ledger",
        &|p| p.ledger_vkey = Vkey::new("other", VkeyKind::Log, key("ledger").public_key()).unwrap(),
        ClaimId::Checkpoint,
    );
    with("other destination", &|p| p.audience = Some("https://other.example".to_owned()), ClaimId::Audience);
    with("too late", &|p| p.now = p.now.plus_ms(900_000), ClaimId::Window);
    with("too early", &|p| p.now = p.now.plus_ms(-150_000), ClaimId::Window);
    with("directory not valid yet", &|p| p.now = at("2025-12-31T00:00:00.000Z"), ClaimId::Directory);
    with("directory ended", &|p| p.now = at("2027-01-02T00:00:00.000Z"), ClaimId::Directory);
    let nobody = Pinned { audience: None, ..world.pinned() };
    let report = check_delivery(&delivery, &nobody);
    assert_eq!((report.verdict(), report.verdict_of(ClaimId::Audience)), (Verdict::Pass, None));
}

#[test]
fn a_mask_that_lied_to_the_reviewer_is_refused_by_the_destination() {
    let mut world = World::of("partial-refund", |predicate| {
        let card = predicate.masks.iter_mut().find(|mask| mask.path == "/payload/card/number").unwrap();
        card.shown = Some("401288\u{2022}\u{2022}\u{2022}\u{2022}\u{2022}\u{2022}0000".to_owned());
    });
    world.decide("alice", DecisionKind::Approve);
    world.conclude(None);
    check_attack("mask lies", &world.delivery(), &world.pinned(), ClaimId::Masks, Verdict::Fail);
}

#[test]
fn changed_words_of_the_intent_are_found_by_their_digest() {
    let mut world = World::of("partial-refund", |predicate| {
        predicate.intent["digest"] = json!({"sha256": "0".repeat(64)});
    });
    world.decide("alice", DecisionKind::Approve);
    world.conclude(None);
    check_attack("intent", &world.delivery(), &world.pinned(), ClaimId::Masks, Verdict::Fail);
}

#[test]
fn a_handoff_that_passed_its_gate_needs_the_destinations_own_consent() {
    let world = World::of("small-passes", |_| {});
    let delivery = world.delivery();
    assert!(delivery.outcome.is_none());
    check_attack("passed", &delivery, &world.pinned(), ClaimId::Outcome, Verdict::Fail);
    let pinned = world.pinned().accepting_ungated(["refund.issue".to_owned()]);
    let action = verify_delivery(&delivery, &pinned).unwrap();
    assert!(action.outcome.is_none() && action.decisions.is_empty());
    let mut gated = World::open().delivery();
    gated.outcome = None;
    check_attack("gated without outcome", &gated, &pinned, ClaimId::Outcome, Verdict::Fail);
}

#[test]
fn an_outcome_that_does_not_follow_from_the_decisions_is_refused_although_it_is_signed() {
    let forged = |name: &str,
                  prepare: &dyn Fn(&mut World),
                  change: &dyn Fn(&mut seamark_contracts::outcome::OutcomePredicate)| {
        let mut world = World::open();
        world.decide("alice", DecisionKind::Approve);
        let mut predicate = world.form(None).unwrap();
        world.decisions.clear();
        let mut world = World::open();
        prepare(&mut world);
        if let Ok(own) = world.form(None) {
            predicate = own;
        } else {
            predicate.attempt.clone_from(&world.handoff.predicate.attempt);
            predicate.ledger = world.head();
            predicate.formed_at = world.now;
            predicate.decisions = world.form_counted();
        }
        change(&mut predicate);
        world.conclude_as(&predicate, &key("outcome"));
        check_attack(name, &world.delivery(), &world.pinned(), ClaimId::Outcome, Verdict::Fail);
    };
    let none: &dyn Fn(&mut seamark_contracts::outcome::OutcomePredicate) = &|_| {};
    forged("approved by nobody", &|_| {}, none);
    forged("approved over an escalation", &|world| world.decide("alice", DecisionKind::Escalate), &|says| {
        says.outcome = seamark_contracts::outcome::OutcomeKind::Approved;
        says.cause = seamark_contracts::outcome::OutcomeCause::PolicyMet;
        says.superseded_by = None;
        says.quorum.reached = 1;
        says.window = Some(seamark_contracts::decision::Window {
            not_before: says.formed_at,
            expires_at: says.formed_at.plus_ms(1_000),
            max_uses: 1,
        });
    });
    forged("approved over a reject", &|world| world.decide("alice", DecisionKind::Reject), &|says| {
        says.outcome = seamark_contracts::outcome::OutcomeKind::Approved;
        says.cause = seamark_contracts::outcome::OutcomeCause::PolicyMet;
        says.quorum.reached = 1;
        says.window = Some(seamark_contracts::decision::Window {
            not_before: says.formed_at,
            expires_at: says.formed_at.plus_ms(1_000),
            max_uses: 1,
        });
    });
    forged("wider window", &|world| world.decide("alice", DecisionKind::Approve), &|says| {
        let window = says.window.as_mut().unwrap();
        window.expires_at = window.expires_at.plus_ms(1);
    });
    forged("other audience", &|world| world.decide("alice", DecisionKind::Approve), &|says| {
        says.audience = "https://other.example".to_owned()
    });
    forged("other attempt", &|world| world.decide("alice", DecisionKind::Approve), &|says| {
        says.attempt = "AAAAAAAAAAAAAAAAAAAAAA".to_owned()
    });
    forged("omitted decision", &|world| world.decide("alice", DecisionKind::Approve), &|says| says.decisions.clear());
    forged("formed before its decision", &|world| world.decide("alice", DecisionKind::Approve), &|says| {
        says.formed_at = says.formed_at.plus_ms(-1)
    });
}

#[test]
fn two_persons_are_two_persons_and_one_person_is_one() {
    let two = |predicate: &mut seamark_contracts::handoff::HandoffPredicate| {
        predicate.request.as_mut().unwrap().quorum = 2;
    };
    let mut world = World::of("partial-refund", two);
    world.decide("alice", DecisionKind::Approve);
    assert_eq!(world.form(None), Err(FormError::Open));
    world.decide("alice", DecisionKind::Approve);
    assert_eq!(world.form(None), Err(FormError::Open));
    world.decide("bob", DecisionKind::Approve);
    world.conclude(None);
    let (outcome, _) = world.outcome.clone().unwrap();
    let counted: Vec<bool> = outcome.predicate.decisions.iter().map(|decision| decision.counted).collect();
    assert_eq!(counted, [true, false, true]);
    assert_eq!(outcome.predicate.quorum.reached, 2);
    // Both approved at different times; the window is what both allow.
    let window = outcome.predicate.window.clone().unwrap();
    assert_eq!(window.not_before, world.decisions[2].statement.predicate.decided_at);
    assert_eq!(window.expires_at, world.decisions[0].statement.predicate.decided_at.plus_ms(900_000));
    assert!(verify_delivery(&world.delivery(), &world.pinned()).is_ok());
}

#[test]
fn whoever_asked_for_it_contributes_nothing() {
    use seamark_contracts::id::UserUrn;
    let mut asked = World::of("partial-refund", |predicate| {
        predicate.source.on_behalf_of = Some(UserUrn::from_name("alice").unwrap());
    });
    asked.decide("alice", DecisionKind::Approve);
    assert_eq!(asked.form(None), Err(FormError::Open));
    let mut said = World::of("partial-refund", |predicate| predicate.intent["author"] = json!(world::urn("alice")));
    said.decide("alice", DecisionKind::Approve);
    assert_eq!(said.form(None), Err(FormError::Open));
    let mut owned = World::open();
    owned.directory.subjects.iter_mut().for_each(|subject| subject.owners = vec![world::urn("alice")]);
    owned.decide("alice", DecisionKind::Approve);
    assert_eq!(owned.form(None), Err(FormError::Open));
    owned.decide("bob", DecisionKind::Approve);
    assert!(owned.form(None).is_ok());
}

#[test]
fn other_endings_are_proved_too() {
    use seamark_contracts::review::Withdrawer;
    let ended = |close: Close, later_ms: i64, prepare: &dyn Fn(&mut World)| {
        let mut world = World::open();
        world.later(later_ms);
        prepare(&mut world);
        world.conclude(Some(&close));
        let report = check_delivery(&world.delivery(), &world.pinned());
        assert_eq!(report.verdict_of(ClaimId::Outcome), Some(Verdict::Pass), "{close:?}: {report:#?}");
        report.verdict_of(ClaimId::Inclusion).unwrap()
    };
    let nothing: &dyn Fn(&mut World) = &|_| {};
    let withdraw: &dyn Fn(&mut World) = &|world| world.note_withdrawal();
    assert_eq!(ended(Close::Deadline { escalates: false }, 5 * 3_600_000, nothing), Verdict::Pass);
    let revise: &dyn Fn(&mut World) = &|world| world.note_revision();
    assert_eq!(ended(Close::NewRevision, 1_000, revise), Verdict::Pass);
    assert_eq!(ended(Close::NewRevision, 1_000, nothing), Verdict::Fail, "no entry says so");
    assert_eq!(ended(Close::Withdrawn(Withdrawer::Source), 1_000, withdraw), Verdict::Pass);
    assert_eq!(ended(Close::Withdrawn(Withdrawer::FallbackOwner), 1_000, nothing), Verdict::Fail, "no entry says so");
    let open = World::open();
    assert_eq!(open.form(Some(&Close::Deadline { escalates: false })), Err(FormError::Open), "before the deadline");
}

#[test]
fn trust_is_pinned_only_when_its_parts_belong_together() {
    use seamark_contracts::api::ledger::Trust;
    let root = key("root").public_key();
    let vkey = Vkey::new("ledger.acme.example", VkeyKind::Log, key("ledger").public_key()).unwrap();
    let good = Trust {
        org: "acme".to_owned(),
        root_keyid: root.id().to_string(),
        root_key: Base64UrlUnpadded::encode_string(root.as_bytes()),
        ledger_origin: "ledger.acme.example".to_owned(),
        ledger_vkey: vkey.to_string(),
    };
    let now = at("2026-11-22T06:00:00.000Z");
    let pinned = Pinned::from_trust(&good, None, now).unwrap();
    assert_eq!((pinned.root_key, pinned.ledger_vkey), (root, vkey));
    let with = |change: fn(&mut Trust)| {
        let mut trust = good.clone();
        change(&mut trust);
        Pinned::from_trust(&trust, None, now).unwrap_err()
    };
    assert!(matches!(with(|trust| trust.root_key.push('=')), PinError::RootEncoding));
    assert!(matches!(with(|trust| trust.root_key = "AAAA".to_owned()), PinError::RootKey(_)));
    assert!(matches!(with(|trust| trust.root_keyid = "0".repeat(64)), PinError::RootKeyId));
    assert!(matches!(with(|trust| trust.ledger_vkey.push('A')), PinError::Ledger(_)));
    assert!(matches!(with(|trust| trust.ledger_origin = "other".to_owned()), PinError::Origin));
}

#[test]
fn a_report_is_as_good_as_its_worst_claim() {
    let of = |verdicts: &[Verdict]| {
        let claim = |verdict: &Verdict| Claim { id: ClaimId::View, verdict: *verdict, sentence: String::new() };
        Report { claims: verdicts.iter().map(claim).collect() }.verdict()
    };
    assert_eq!(of(&[]), Verdict::Unknown);
    assert_eq!(of(&[Verdict::Pass, Verdict::Pass]), Verdict::Pass);
    assert_eq!(of(&[Verdict::Pass, Verdict::Unknown]), Verdict::Unknown);
    assert_eq!(of(&[Verdict::Unknown, Verdict::Fail, Verdict::Pass]), Verdict::Fail);
}

#[test]
fn claims_stand_in_a_fixed_order() {
    let report = check_delivery(&World::open().delivery(), &World::open().pinned());
    assert!(verdicts(&report).is_sorted_by_key(|(id, _)| *id));
}
