use super::*;
use crate::directory::DirectoryPredicate;
use crate::testing::{at, key, trust};
use seamark_contracts::clock::SeededChance;
use seamark_contracts::id::AgentUrn;
use seamark_contracts::outcome::{ExecutionPhase, ExecutionResult};
use serde_json::json;

fn execution() -> ExecutionPredicate {
    ExecutionPredicate {
        result: ExecutionResult::Executed,
        phase: None,
        code: None,
        attempt: "2W8Z9-1AnKqNLT2fKbej5g".to_owned(),
        decisions: vec![Digest::of(b"decision")],
        disclosures: Vec::new(),
        executed_at: at("2026-11-22T06:05:00.000Z"),
        executor: AgentUrn::from_name("payer").unwrap(),
    }
}

fn ids() -> (HandoffId, OutcomeId) {
    let (now, chance) = (at("2026-11-22T06:00:00.000Z"), SeededChance::new(1));
    (HandoffId::make(now, &chance), OutcomeId::make(now, &chance))
}

fn built() -> Value {
    let (handoff, outcome) = ids();
    let (handoff, outcome) = ((handoff, Digest::of(b"handoff")), (outcome, Digest::of(b"outcome")));
    serde_json::from_slice(&build_execution(&execution(), handoff, Some(outcome)).unwrap()).unwrap()
}

fn verify_signed(statement: &Value, by: &str) -> Result<Verified<ExecutionStatement>, StatementError> {
    let envelope = sign(statement.to_string().into_bytes(), &key(by)).unwrap().to_value();
    verify::<ExecutionPredicate>(&envelope, &trust(&[("payer", KeyUse::Execution), ("gateway", KeyUse::Outcome)]))
}

fn fault(change: impl FnOnce(&mut Value)) -> StatementFault {
    let mut statement = built();
    change(&mut statement);
    match verify_signed(&statement, "payer").unwrap_err() {
        StatementError::Content(fault) => fault,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_was_built_verifies_and_is_canonical() {
    let statement = built();
    let verified = verify_signed(&statement, "payer").unwrap();
    assert_eq!(verified.predicate, execution());
    assert_eq!(verified.digest, canonical::digest(&statement).unwrap());
    assert_eq!(verified.by.subject, "urn:seamark:user:payer");
    assert_eq!(statement["_type"], "https://in-toto.io/Statement/v1");
    assert_eq!(statement["predicateType"], "https://seamark.dev/attestation/execution/v1");
    let (handoff, outcome) = ids();
    assert_eq!(statement["subject"][0]["name"], format!("urn:seamark:handoff:{handoff}"));
    assert_eq!(statement["subject"][1]["name"], format!("urn:seamark:outcome:{outcome}"));
}

#[test]
fn bytes_are_verified_as_they_came_in_any_order_of_members() {
    let pretty: Value = built();
    let text = serde_json::to_string_pretty(&pretty).unwrap();
    let envelope = sign(text.clone().into_bytes(), &key("payer")).unwrap().to_value();
    let verified = verify::<ExecutionPredicate>(&envelope, &trust(&[("payer", KeyUse::Execution)])).unwrap();
    assert_eq!(verified.digest, Digest::of(text.as_bytes()));
}

#[test]
fn a_statement_of_another_kind_or_signer_is_refused() {
    assert!(matches!(verify_signed(&built(), "gateway"), Err(StatementError::Signature(_))));
    assert_eq!(
        fault(|s| s["predicateType"] = json!("https://seamark.dev/attestation/outcome/v1")),
        StatementFault::PredicateType
    );
    assert_eq!(
        fault(|s| s["predicateType"] = json!("https://seamark.dev/attestation/execution/v2")),
        StatementFault::PredicateType
    );
    assert_eq!(fault(|s| s["_type"] = json!("https://in-toto.io/Statement/v0.1")), StatementFault::StatementType);
    let trusted = trust(&[("payer", KeyUse::Execution)]);
    let envelope = sign(built().to_string().into_bytes(), &key("payer")).unwrap().to_value();
    assert!(matches!(verify::<DirectoryPredicate>(&envelope, &trusted), Err(StatementError::Signature(_))));
}

#[test]
fn the_schema_is_closed_and_absent_is_not_null() {
    for path in ["", "/predicate", "/subject/0", "/subject/0/digest"] {
        let mut statement = built();
        statement.pointer_mut(path).unwrap()["more"] = json!(1);
        assert!(matches!(verify_signed(&statement, "payer"), Err(StatementError::Json(_))), "{path}");
    }
    assert_eq!(fault(|s| s["predicate"]["code"] = Value::Null), StatementFault::NotClosed);
    assert_eq!(fault(|s| s["predicate"]["phase"] = Value::Null), StatementFault::NotClosed);
    let doubled = built().to_string().replacen("\"attempt\":", "\"attempt\":\"\",\"attempt\":", 1);
    let envelope = sign(doubled.into_bytes(), &key("payer")).unwrap().to_value();
    let refused = verify::<ExecutionPredicate>(&envelope, &trust(&[("payer", KeyUse::Execution)]));
    assert!(matches!(refused, Err(StatementError::Json(_))));
}

#[test]
fn the_subject_is_what_the_kind_says() {
    assert_eq!(fault(|s| s["subject"] = json!([])), StatementFault::Subject);
    assert_eq!(fault(|s| s["subject"].as_array_mut().unwrap().reverse()), StatementFault::Subject);
    assert_eq!(fault(|s| s["subject"][1]["name"] = json!("urn:seamark:handoff:x")), StatementFault::Subject);
    assert_eq!(
        fault(|s| {
            let one = s["subject"][1].clone();
            s["subject"].as_array_mut().unwrap().push(one);
        }),
        StatementFault::Subject
    );
    let mut passed = built();
    passed["subject"].as_array_mut().unwrap().pop();
    assert!(verify_signed(&passed, "payer").is_ok(), "a passed handoff has no outcome");
}

#[test]
fn fields_are_within_their_bounds() {
    let field = |change: fn(&mut ExecutionPredicate)| {
        let mut predicate = execution();
        change(&mut predicate);
        match build_execution(&predicate, (ids().0, Digest::of(b"handoff")), None).unwrap_err() {
            StatementError::Content(StatementFault::Field { field, .. }) => field,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(field(|did| did.attempt.push('A')), "attempt");
    assert_eq!(field(|did| did.phase = Some(ExecutionPhase::Gate)), "phase");
    assert_eq!(field(|did| did.result = ExecutionResult::Failed), "phase");
    assert_eq!(field(|did| did.code = Some("Not OK".to_owned())), "code");
    assert_eq!(field(|did| did.decisions = vec![Digest::of(b"x"); 1_001]), "decisions");
}

#[test]
fn a_handoff_around_its_canonical_predicate_is_the_whole_in_canonical_form() {
    use seamark_contracts::admission::{AdmissionContext, judge, parse_submission};
    use seamark_contracts::contract::CompiledContract;
    let sample = seamark_contracts::samples::find("refund.issue").unwrap();
    let contract = CompiledContract::from_document(sample.contract.as_bytes()).unwrap();
    let (_, text) = sample.examples.iter().find(|(path, _)| path.contains("partial-refund")).unwrap();
    let (submission, decimals) = parse_submission(text.as_bytes()).unwrap();
    let chance = SeededChance::new(7);
    let context = AdmissionContext {
        submitter: AgentUrn::from_name("order-desk").unwrap(),
        now: at("2026-11-22T06:00:00.000Z"),
        chance: &chance,
        revision: 1,
        attempt: "2W8Z9-1AnKqNLT2fKbej5g".to_owned(),
        supersedes: None,
        parent: None,
        chain: Vec::new(),
        known: Vec::new(),
    };
    let admitted = judge(&submission, &decimals, &contract, &context).unwrap();
    let bytes = build_admitted(&admitted.predicate, &admitted.canonical).unwrap();
    let whole: Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(canonical::to_bytes(&whole).unwrap(), bytes);
    assert_eq!(build_handoff(&admitted.predicate).unwrap(), bytes);
    assert_eq!(read::<HandoffPredicate>(&bytes).unwrap().1, admitted.predicate);
}
