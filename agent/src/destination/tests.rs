//! The gate over deliveries of a whole and honest refund, and of a gateway that lies (`ledger/vectors/deliveries.json`).

use std::collections::BTreeMap;
use std::sync::Barrier;

use seamark_contracts::outcome::{ExecutionPhase, ExecutionResult};
use serde_json::{Value, json};

use super::*;

#[derive(Deserialize)]
struct Vectors {
    trust: PinnedTrust,
    agent: AgentUrn,
    audience: String,
    contract: ContractRef,
    now: Timestamp,
    deliveries: BTreeMap<String, Delivery>,
}

impl Vectors {
    fn load() -> Self {
        serde_json::from_str(include_str!("../../../ledger/vectors/deliveries.json")).unwrap()
    }

    fn itself(&self) -> Destination {
        let contracts = vec![Accepted { contract: self.contract.clone(), ungated: false }];
        let (agent, audience, trust) = (self.agent.clone(), self.audience.clone(), self.trust.clone());
        Destination { agent, audience, trust, contracts, log_before_act: false }
    }

    fn look(&self, itself: &Destination, delivery: &Delivery, now: Timestamp) -> Looked {
        look(itself, None, None, delivery, now).unwrap()
    }

    /// Exactly this step is the first that does not pass, and nothing may be done.
    #[track_caller]
    fn refused(&self, itself: &Destination, delivery: &Delivery, now: Timestamp, step: Step, verdict: Verdict) {
        let looked = self.look(itself, delivery, now);
        let failing = looked.steps.iter().find(|result| result.step == step).unwrap();
        assert_eq!(failing.verdict, verdict, "{:#?}", looked.steps);
        let others = looked.steps.iter().filter(|result| result.verdict == Verdict::Fail && result.step != step);
        assert_eq!(others.count(), 0, "{:#?}", looked.steps);
        assert!(looked.action.is_none());
    }
}

fn used(attempt: &str, holder: Holder) -> Used {
    Used {
        attempt: attempt.to_owned(),
        handoff_id: HandoffId::parse("0199a1c2-5b7e-7c3d-9a10-2f4b6c8d0e12").unwrap(),
        handoff: seamark_contracts::digest::Digest::of(b"handoff"),
        outcome: None,
        decisions: Vec::new(),
        disclosures: Vec::new(),
        used_at: Timestamp::parse("2026-11-22T06:00:00.000Z").unwrap(),
        holder,
    }
}

fn ended(code: &str) -> Ended {
    let (phase, code) = (Some(ExecutionPhase::Unknown), Some(code.to_owned()));
    Ended { result: ExecutionResult::Failed, phase, code, report: "{}".to_owned() }
}

#[test]
fn the_six_steps_before_the_use_pass_for_an_honest_delivery_and_give_the_payload() {
    let vectors = Vectors::load();
    let looked = vectors.look(&vectors.itself(), &vectors.deliveries["approved"], vectors.now);
    let numbers: Vec<u8> = looked.steps.iter().map(|result| result.step.number()).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5, 6]);
    assert!(looked.steps.iter().all(|result| result.verdict == Verdict::Pass), "{:#?}", looked.steps);
    let action = looked.action.unwrap();
    assert!(action.payload["card"]["number"].as_str().unwrap().len() >= 13, "the hidden value is in its place");
    assert!(!format!("{action:?} {:?}", looked.steps).contains(action.payload["card"]["number"].as_str().unwrap()));
}

/// Attack A12, and the same for an agent that is not the destination.
#[test]
fn attack_a12_what_is_for_another_destination_is_not_acted_on_here() {
    let vectors = Vectors::load();
    let delivery = &vectors.deliveries["approved"];
    let elsewhere = Destination { audience: "https://elsewhere.example".to_owned(), ..vectors.itself() };
    vectors.refused(&elsewhere, delivery, vectors.now, Step::Audience, Verdict::Fail);
    let other = Destination { agent: AgentUrn::from_name("offer-sender").unwrap(), ..vectors.itself() };
    vectors.refused(&other, delivery, vectors.now, Step::Attempt, Verdict::Fail);
}

/// Attack A14.
#[test]
fn attack_a14_a_destination_acts_under_the_contracts_that_it_lists_and_no_other() {
    let vectors = Vectors::load();
    let easier = seamark_contracts::digest::Digest::of(b"an easier gate");
    let contract = ContractRef { digest: easier, ..vectors.contract.clone() };
    for contracts in [Vec::new(), vec![Accepted { contract, ungated: true }]] {
        let itself = Destination { contracts, ..vectors.itself() };
        vectors.refused(&itself, &vectors.deliveries["approved"], vectors.now, Step::Proof, Verdict::Fail);
    }
    let passed = &vectors.deliveries["passed"];
    vectors.refused(&vectors.itself(), passed, vectors.now, Step::Proof, Verdict::Fail);
    let contracts = vec![Accepted { contract: vectors.contract.clone(), ungated: true }];
    let itself = Destination { contracts, ..vectors.itself() };
    assert!(vectors.look(&itself, passed, vectors.now).action.is_some(), "it accepts that without a person");
}

/// Attack A8.
#[test]
fn attack_a8_a_mask_that_lied_to_the_reviewer_and_a_withheld_value_stop_the_gate() {
    let vectors = Vectors::load();
    let lying = &vectors.deliveries["lying-mask"];
    vectors.refused(&vectors.itself(), lying, vectors.now, Step::Masks, Verdict::Fail);
    let mut withheld = vectors.deliveries["approved"].clone();
    withheld.disclosures.pop();
    vectors.refused(&vectors.itself(), &withheld, vectors.now, Step::Masks, Verdict::Unknown);
}

/// Attack A7.
#[test]
fn attack_a7_a_handoff_swapped_after_the_approval_stops_the_gate() {
    let vectors = Vectors::load();
    let mut swapped = vectors.deliveries["approved"].clone();
    let other = &vectors.deliveries["lying-mask"];
    (swapped.handoff, swapped.disclosures) = (other.handoff.clone(), other.disclosures.clone());
    let looked = vectors.look(&vectors.itself(), &swapped, vectors.now);
    assert!(looked.action.is_none());
    assert_eq!(looked.steps[0].verdict, Verdict::Fail, "{:#?}", looked.steps);
    let id = HandoffId::parse("0199a1c2-5b7e-7c3d-9a10-2f4b6c8d0e12").unwrap();
    let looked = look(&vectors.itself(), None, Some(id), &vectors.deliveries["approved"], vectors.now).unwrap();
    assert!(looked.action.is_none(), "it is no answer to what was asked");
}

#[test]
fn what_was_rejected_or_is_too_late_stops_the_gate() {
    let vectors = Vectors::load();
    vectors.refused(&vectors.itself(), &vectors.deliveries["rejected"], vectors.now, Step::Window, Verdict::Fail);
    let late = vectors.now.plus_ms(900_000);
    vectors.refused(&vectors.itself(), &vectors.deliveries["approved"], late, Step::Window, Verdict::Fail);
}

/// Attack A10: whoever else runs here, and whatever the gateway says.
#[test]
fn attack_a10_of_a_hundred_threads_one_uses_the_attempt() {
    let folder = tempfile::tempdir().unwrap();
    let (attempts, barrier) = (Attempts::open(folder.path()).unwrap(), Barrier::new(100));
    let n_won = std::thread::scope(|scope| {
        let race = |_| {
            scope.spawn(|| {
                barrier.wait();
                attempts.use_once(&used("2W8Z9-1AnKqNLT2fKbej5g", Holder::Process)).unwrap().is_some()
            })
        };
        let racers: Vec<_> = (0..100).map(race).collect();
        racers.into_iter().filter_map(|racer| racer.join().ok()).filter(|won| *won).count()
    });
    assert_eq!(n_won, 1);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside the one fact");
}

#[test]
fn attack_a10_an_attempt_stays_used_after_a_crash_and_its_first_end_stays() {
    let folder = tempfile::tempdir().unwrap();
    let (attempt, upper) = ("aaaaaaaaaaaaaaaaaaaaaa", "AAAAAAAAAAAAAAAAAAAAAA");
    let attempts = Attempts::open(folder.path()).unwrap();
    let held = attempts.use_once(&used(attempt, Holder::Process)).unwrap().unwrap();
    let is_held = |wanted: bool| {
        let standing = Attempts::open(folder.path()).unwrap().standing(attempt).unwrap();
        assert_eq!(standing, Standing::Used { used: used(attempt, Holder::Process), is_held: wanted });
    };
    is_held(true);
    // What the system does when a process ends in whatever way.
    drop(held);
    is_held(false);
    assert!(attempts.use_once(&used(attempt, Holder::Caller)).unwrap().is_none());
    assert!(attempts.use_once(&used(upper, Holder::Process)).unwrap().is_some(), "upper case is another attempt");
    assert!(attempts.end(attempt, &ended("first")).unwrap());
    assert!(!attempts.end(attempt, &ended("second")).unwrap());
    assert_eq!(attempts.unsent().unwrap().len(), 2);
    attempts.note_sent(attempt).unwrap();
    let wanted = Standing::Ended { used: used(attempt, Holder::Process), ended: ended("first"), is_sent: true };
    assert_eq!(attempts.standing(attempt).unwrap(), wanted);
    assert_eq!(attempts.unsent().unwrap().len(), 1);
}

#[test]
fn an_attempt_whose_file_is_damaged_is_not_free_and_stops_the_gate() {
    let (vectors, folder) = (Vectors::load(), tempfile::tempdir().unwrap());
    let attempts = Attempts::open(folder.path()).unwrap();
    let (itself, delivery) = (vectors.itself(), &vectors.deliveries["approved"]);
    let look = || look(&itself, Some(&attempts), None, delivery, vectors.now).unwrap();
    let action = look().action.unwrap();
    drop(attempts.use_once(&used(&action.attempt, Holder::Process)).unwrap());
    assert_eq!(look().steps[2].verdict, Verdict::Fail);
    let path = std::fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap().path();
    std::fs::write(&path, "{").unwrap();
    let looked = look();
    assert!(looked.action.is_none());
    assert_eq!(looked.steps[2].verdict, Verdict::Unknown, "{:#?}", looked.steps);
    assert!(attempts.use_once(&used(&action.attempt, Holder::Process)).unwrap().is_none());
}

#[test]
fn settings_are_read_back_and_what_is_not_known_in_them_is_refused() {
    let (vectors, folder) = (Vectors::load(), tempfile::tempdir().unwrap());
    let path = folder.path().join("destination.json");
    let bytes = vectors.itself().to_json().unwrap();
    std::fs::write(&path, &bytes).unwrap();
    assert_eq!(Destination::read(&path).unwrap(), vectors.itself());
    let read_with = |member: &str, value: Value| {
        let mut settings: Value = serde_json::from_slice(&bytes).unwrap();
        settings[member] = value;
        std::fs::write(&path, settings.to_string()).unwrap();
        Destination::read(&path)
    };
    assert!(matches!(read_with("maxAmount", json!("100.00")), Err(SettingsError::Damaged { .. })));
    assert!(matches!(read_with("format", json!("seamark-destination/v2")), Err(SettingsError::Format { .. })));
    assert!(
        matches!(read_with("logBeforeAct", json!(true)), Err(SettingsError::LogBeforeAct { .. })),
        "without witnesses"
    );
}
