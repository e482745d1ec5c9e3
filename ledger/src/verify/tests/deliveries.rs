//! Deliveries for the tests of destinations, ours and other people's: one that holds, and those that a lying gateway makes
//! and signs with its own keys. What anybody on the way can do to them, those tests do themselves.

use base64ct::{Base64UrlUnpadded, Encoding as _};
use seamark_contracts::api::ledger::Trust;
use seamark_contracts::decision::DecisionKind;
use seamark_contracts::digest::Digest;
use serde_json::json;

use super::world::{AUDIENCE, ORIGIN, World};
use super::*;

fn lying_mask() -> World {
    let mut world = World::of("partial-refund", |predicate| {
        let card = predicate.masks.iter_mut().find(|mask| mask.path == "/payload/card/number").unwrap();
        card.shown = Some("401288\u{2022}\u{2022}\u{2022}\u{2022}\u{2022}\u{2022}0000".to_owned());
    });
    world.decide("alice", DecisionKind::Approve);
    world.conclude(None);
    world
}

fn rejected() -> World {
    let mut world = World::open();
    world.decide("alice", DecisionKind::Reject);
    world.conclude(None);
    world
}

#[test]
fn generated_deliveries_are_current() {
    let approved = World::approved();
    let pinned = approved.pinned();
    let root = key("root").public_key();
    let trust = Trust {
        org: "acme".to_owned(),
        root_keyid: root.id().to_string(),
        root_key: Base64UrlUnpadded::encode_string(root.as_bytes()),
        ledger_origin: ORIGIN.to_owned(),
        ledger_vkey: pinned.ledger_vkey.to_string(),
    };
    let document = json!({
        "trust": trust,
        "agent": "urn:seamark:agent:refund-executor",
        "audience": AUDIENCE,
        "contract": approved.contract.reference(),
        "now": approved.now,
        "deliveries": {
            "approved": approved.delivery(),
            "rejected": rejected().delivery(),
            "lying-mask": lying_mask().delivery(),
            "passed": World::of("small-passes", |_| {}).delivery(),
        },
    });
    let bytes = serde_json::to_vec_pretty(&document).unwrap();
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors/deliveries.json");
    if std::env::var("SEAMARK_GEN").is_ok_and(|gen_| gen_ == "1") {
        std::fs::write(&path, &bytes).unwrap();
    }
    let kept = std::fs::read(&path).unwrap();
    assert!(kept == bytes, "run SEAMARK_GEN=1 cargo test -p seamark-ledger generated_deliveries_are_current");
}

/// Attack A14: a contract that asks for less, published and signed for by the gateway itself.
#[test]
fn attack_a14_a_contract_that_the_destination_does_not_list_is_refused_whoever_published_it() {
    let world = World::approved();
    let listed = world.contract.reference();
    let pinned = world.pinned().accepting_contracts([listed.clone()]);
    assert!(verify_delivery(&world.delivery(), &pinned).is_ok());
    for other in [
        None,
        Some(ContractRef { digest: Digest::of(b"an easier gate"), ..listed.clone() }),
        Some(ContractRef { version: "9.0.0".to_owned(), ..listed.clone() }),
        Some(ContractRef { name: "offer.send".to_owned(), ..listed }),
    ] {
        let pinned = world.pinned().accepting_contracts(other);
        check_attack("not listed", &world.delivery(), &pinned, ClaimId::Contract, Verdict::Fail);
    }
}
