use std::collections::{BTreeMap, BTreeSet};

use seamark_contracts::canonical;
use seamark_contracts::clock::Timestamp;

use super::*;
use crate::derived::Derived;
use crate::testing::Admission;

#[test]
fn there_are_many_cases_of_every_kind_and_contract() {
    let cases = read_cases().unwrap();
    assert!(cases.len() >= 60, "{} cases", cases.len());
    let ids: BTreeSet<&str> = cases.iter().map(|case| case.id.as_str()).collect();
    assert_eq!(ids.len(), cases.len(), "ids are unique");
    for kind in [Kind::Plain, Kind::Borderline, Kind::Wrong] {
        assert!(cases.iter().filter(|case| case.kind == kind).count() >= 15, "{kind:?}");
    }
    let contracts: BTreeSet<String> =
        cases.iter().flat_map(|case| &case.handoffs).map(|handoff| handoff.contract.name.clone()).collect();
    assert_eq!(contracts.len(), 6, "{contracts:?}");
    let intents: BTreeSet<&str> = cases.iter().map(|case| case.handoffs[0].intent.text.as_str()).collect();
    assert_eq!(intents.len(), cases.len(), "every customer speaks for themselves");
}

#[test]
fn every_handoff_goes_as_its_label_says() {
    let mut admission = Admission::new();
    let mut faults = Vec::new();
    let mut seen: BTreeMap<String, u32> = BTreeMap::new();
    for case in read_cases().unwrap() {
        let mut parent = None;
        for (nth, handoff) in case.handoffs.iter().enumerate() {
            let submission = handoff.place(&Placement {
                correlation_id: &format!("demo-{}", case.id),
                parent,
                at: Timestamp::parse("2026-11-22T12:00:00.000Z").unwrap(),
                chance: &Derived::from_words(&[&case.id, &nth.to_string()]),
            });
            parent = Some(submission.handoff_id);
            let came_to = match admission.submit(&canonical::bytes_of(&submission).unwrap()) {
                Ok(predicate) if predicate.gate.required => (Expected::Open, format!("{:?}", predicate.gate.reasons)),
                Ok(_) => (Expected::Passed, String::new()),
                Err(violations) => {
                    let named = handoff.refused_at.as_deref();
                    if handoff.expected == Expected::Refused
                        && !violations.iter().any(|violation| Some(violation.pointer.as_str()) == named)
                    {
                        faults.push(format!("{} {nth}: refused, but not at {named:?}: {violations:?}", case.id));
                    }
                    (Expected::Refused, format!("{violations:?}"))
                }
            };
            if came_to.0 != handoff.expected {
                faults.push(format!(
                    "{} {nth}: expected {:?}, came to {:?} {}",
                    case.id, handoff.expected, came_to.0, came_to.1
                ));
            }
            *seen.entry(format!("{:?}", came_to.0)).or_default() += 1;
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert_eq!(seen.len(), 3, "{seen:?}");
}

/// The point of the wrong ones: each can be told from what the gateway found out, or from what the view warns of.
#[test]
fn some_wrong_cases_fail_a_rule_and_some_only_a_person_can_tell() {
    let mut admission = Admission::new();
    let (mut flagged, mut quiet) = (0, 0);
    for case in read_cases().unwrap().into_iter().filter(|case| case.kind == Kind::Wrong && case.handoffs.len() == 1) {
        let submission = case.handoffs[0].place(&Placement {
            correlation_id: &case.id,
            parent: None,
            at: Timestamp::from_ms(1_795_000_000_000),
            chance: &Derived::from_words(&[&case.id]),
        });
        if let Ok(predicate) = admission.submit(&canonical::bytes_of(&submission).unwrap()) {
            let is_flagged = predicate.gate.reasons.iter().any(|reason| reason.starts_with("watch."));
            if is_flagged { flagged += 1 } else { quiet += 1 }
        }
    }
    assert!(flagged >= 10 && quiet >= 3, "{flagged} flagged, {quiet} quiet");
}

#[test]
fn a_placement_decides_every_byte() {
    let cases = read_cases().unwrap();
    let place = |seed: &str, ms| {
        let chance = Derived::from_words(&[seed]);
        let placement = Placement { correlation_id: "c", parent: None, at: Timestamp::from_ms(ms), chance: &chance };
        canonical::bytes_of(&cases[0].handoffs[0].place(&placement)).unwrap()
    };
    assert_eq!(place("a", 1_795_000_000_000), place("a", 1_795_000_000_000));
    assert_ne!(place("a", 1_795_000_000_000), place("b", 1_795_000_000_000));
    assert_ne!(place("a", 1_795_000_000_000), place("a", 1_795_000_000_001));
}
