use std::collections::BTreeMap;

use seamark_contracts::handoff::{HandoffPredicate, Submission};
use seamark_contracts::problem::Violation;
use serde_json::{Value, json};

use super::*;
use crate::testing::Admission;

/// Every consequential call of a line, as the gateway would judge it.
fn admit(line: &str, admission: &mut Admission) -> Vec<(Submission, Result<HandoffPredicate, Vec<Violation>>)> {
    let run = run::parse_run(line).unwrap();
    let correlation_id = submission::correlation_of(&run, 0);
    let mut parent = None;
    let mut judged = Vec::new();
    for (at, event) in run.events.iter().enumerate() {
        let Event::Called(call) = event else { continue };
        if !payload::is_consequential(call) {
            continue;
        }
        let lookups = Lookups::before(&run, at, call);
        let mapped = payload::map_call(call, &lookups).unwrap();
        let origin =
            Origin { run: &run, correlation_id: &correlation_id, at, call, lookups: &lookups, mapped: &mapped, parent };
        let (id, body) = submission::make_submission(&origin).unwrap();
        let again = submission::make_submission(&origin).unwrap();
        assert_eq!((id, &body), (again.0, &again.1), "the same call gives the same bytes");
        let result = admission.submit(&body);
        if result.is_ok() {
            parent = Some(id);
        }
        judged.push((serde_json::from_slice(&body).unwrap(), result));
    }
    judged
}

fn check_admitted(line: &str, n_calls: usize) -> Vec<(Submission, HandoffPredicate)> {
    let judged = admit(line, &mut Admission::new());
    assert_eq!(judged.len(), n_calls);
    judged
        .into_iter()
        .map(|(submission, result)| (submission, result.unwrap_or_else(|violations| panic!("{violations:#?}"))))
        .collect()
}

fn user_details() -> Value {
    json!({"name": {"first_name": "Nora", "last_name": "Certificate"}, "email": "nora@mail.example", "dob": "1990-01-01", "membership": "gold",
        "address": {"city": "Explicit"},
        "payment_methods": {"certificate_77": {"source": "certificate", "amount": 100, "id": "certificate_77"}, "credit_card_9": {"source": "credit_card", "id": "credit_card_9"}}})
}

fn full_run() -> Value {
    json!({"run": "made-up-1", "agent": "airline-agent", "steps": [
        {"role": "user", "text": "Please cancel ABC123. My name is Nora."},
        {"role": "assistant", "calls": [{"call_id": "1", "tool": "get_user_details", "arguments": {"user_id": "nora_x_1"}}]},
        {"role": "tool", "tool": "get_user_details", "call_id": "1", "output": user_details()},
        {"role": "assistant", "calls": [{"call_id": "2", "tool": "get_reservation_details", "arguments": {"reservation_id": "ABC123"}}]},
        {"role": "tool", "tool": "get_reservation_details", "call_id": "2", "output": {"reservation_id": "ABC123", "user_id": "nora_x_1", "cabin": "business", "passengers": [{"first_name": "Nora", "last_name": "Certificate", "dob": "1990-01-01"}]}},
        {"role": "assistant", "calls": [{"call_id": "3", "tool": "get_reservation_details", "arguments": {"reservation_id": "ZZZ999"}}]},
        {"role": "tool", "tool": "get_reservation_details", "call_id": "3", "output": {"reservation_id": "ZZZ999", "user_id": "nora_x_1"}},
        {"role": "assistant", "text": "I will cancel it, Nora.", "calls": [{"call_id": "4", "tool": "cancel_reservation", "arguments": {"reservation_id": "ABC123"}, "consequential": true}]},
        {"role": "tool", "tool": "cancel_reservation", "call_id": "4", "text": "Error: not now"},
        {"role": "assistant", "calls": [{"call_id": "4", "tool": "send_certificate", "arguments": {"user_id": "nora_x_1", "amount": 50}, "consequential": true}]},
        {"role": "tool", "tool": "send_certificate", "call_id": "4", "text": "Certificate certificate_12 added to nora_x_1 with amount 50."},
        {"role": "assistant", "calls": [{"call_id": "5", "tool": "transfer_to_human_agents", "arguments": {"summary": "Nora wants more."}, "consequential": true}]}]})
}

#[test]
fn a_run_becomes_a_chain_with_intent_evidence_and_masks() {
    let admitted = check_admitted(&full_run().to_string(), 3);
    let (first, predicate) = &admitted[0];
    assert_eq!(first.correlation_id, "made-up-1");
    assert_eq!(first.intent.text, "Please cancel ABC123. My name is Nora.");
    assert_eq!(first.narrative.as_ref().unwrap().text, "I will cancel it, Nora.");
    let ids: Vec<&str> = first.tool_outputs.iter().map(|output| output.id.as_str()).collect();
    assert_eq!(ids, ["user", "reservation", "get_reservation_details"]);
    assert_eq!(first.task_state.completed.len(), 3);
    let signed = serde_json::to_string(predicate).unwrap();
    for hidden in ["Nora", "Certificate\"", "nora@mail.example", "1990-01-01", "certificate_77"] {
        assert!(!signed.contains(hidden), "{hidden} is readable in {signed}");
    }
    assert!(first.parent.is_none());
    for pair in admitted.windows(2) {
        assert_eq!(pair[1].0.parent.as_ref().unwrap().handoff_id, pair[0].0.handoff_id);
        assert!(pair[0].0.submitted_at < pair[1].0.submitted_at);
        assert!(pair[1].0.tool_outputs.len() > pair[0].0.tool_outputs.len());
    }
    let compensation = &admitted[1].0;
    assert_eq!(compensation.contract.name, "compensation.grant");
    assert_eq!(compensation.payload["n_passengers"], Value::Null, "the last lookup has no passengers");
    assert_eq!(compensation.payload["reservation_id"], "ZZZ999");
    assert_eq!(admitted[2].0.contract.name, "human.transfer");
    assert!(
        admitted[2].0.tool_outputs.iter().any(|output| output.id == "cancel_reservation" && output.result.is_error)
    );
}

#[test]
fn odd_runs_are_admitted_too() {
    let consequential = |tool: &str, arguments: Value| {
        json!({"run": format!("odd {tool}"), "steps": [{"role": "assistant", "calls": [{"call_id": "", "tool": tool, "arguments": arguments, "consequential": true}]}]}).to_string()
    };
    for tool in [
        "book_reservation",
        "cancel_reservation",
        "update_reservation_flights",
        "update_reservation_baggages",
        "update_reservation_passengers",
        "send_certificate",
        "transfer_to_human_agents",
    ] {
        for arguments in [
            json!({}),
            json!(null),
            json!([1, 2]),
            json!("not json"),
            json!({"reservation_id": 5, "user_id": {"a": "b"}, "amount": "lots", "flights": "all", "passengers": [1], "payment_methods": {}, "payment_id": [], "total_baggages": "2", "summary": 3}),
            json!({"amount": -2.75, "flights": [], "passengers": [], "payment_methods": [{}], "total_baggages": -1, "summary": "", "": ""}),
            json!({"amount": 1e300, "note": "x".repeat(100_000), "_sd": ["a"], "...": {"_sd_alg": 1}, "payment_methods": [{"payment_id": "certificate_1"}]}),
            json!({"user_id": "x".repeat(3_000), "cabin": "x".repeat(3_000), "summary": "\u{202e}\u{200b}\u{fdd0}".repeat(5_000)}),
        ] {
            check_admitted(&consequential(tool, arguments), 1);
        }
    }
}

#[test]
fn odd_histories_are_admitted_too() {
    let mut run = full_run();
    let steps = run["steps"].as_array_mut().unwrap();
    let odd_outputs = [
        json!({"role": "tool", "tool": "get_user_details", "call_id": "9", "output": {"name": "one text", "email": 5, "address": ["x"], "payment_methods": null, "extra": {"deep": [1.5, "secret value"]}}}),
        json!({"role": "tool", "tool": "get_reservation_details", "output": [[], {}]}),
        json!({"role": "tool", "tool": "", "output": 12.75}),
        json!({"role": "tool", "tool": "Ünknown Tool/1", "output": {"_sd": "x", "customer": "certificate"}}),
        json!({"role": "tool", "tool": "think", "text": ""}),
        json!({"role": "tool", "tool": "search_direct_flight", "output": {"result": "none"}}),
        json!({"role": "user", "text": ["not", "text"]}),
        json!({"role": "assistant", "text": "z".repeat(20_000)}),
    ];
    for odd in odd_outputs.into_iter().rev() {
        steps.insert(1, odd);
    }
    run["run"] = json!("Läufe / 7 \u{1f6eb}".repeat(20));
    let admitted = check_admitted(&run.to_string(), 3);
    assert!(admitted[0].0.correlation_id.is_ascii() && admitted[0].0.correlation_id.len() <= 100);
}

#[test]
fn too_much_evidence_is_left_out_and_said_so() {
    let mut run = full_run();
    let steps = run["steps"].as_array_mut().unwrap();
    for nth in 0..200 {
        let large = json!({"role": "tool", "tool": "search_direct_flight", "call_id": format!("s{nth}"), "output": [{"flight_number": format!("HAT{nth}"), "note": "n".repeat(8_000)}]});
        let call = json!({"role": "assistant", "calls": [{"call_id": format!("s{nth}"), "tool": "search_direct_flight", "arguments": {}}]});
        steps.insert(1, large);
        steps.insert(1, call);
    }
    let admitted = check_admitted(&run.to_string(), 3);
    for (submission, _) in &admitted {
        assert!(seamark_contracts::canonical::bytes_of(submission).unwrap().len() <= submission::MAX_BODY_BYTES);
        assert!(!submission.task_state.skipped.is_empty());
        assert!(
            submission.tool_outputs.iter().any(|output| output.id == "reservation" || output.id == "user"),
            "the newest stay"
        );
    }
}

#[test]
fn runs_and_calls_that_look_alike_get_ids_of_their_own() {
    let ids = |line: &str| {
        admit(line, &mut Admission::new()).into_iter().map(|(submission, _)| submission.handoff_id).collect::<Vec<_>>()
    };
    let call = json!({"role": "assistant", "calls": [{"call_id": "same", "tool": "cancel_reservation", "arguments": {"reservation_id": "A"}, "consequential": true}]});
    let twice = json!({"run": "r", "steps": [call, call]});
    let first = ids(&twice.to_string());
    assert_ne!(first[0], first[1]);
    let spaced = serde_json::to_string_pretty(&twice).unwrap().replace('\n', " ");
    assert_eq!(ids(&spaced), first, "white space is no difference");
    let other = json!({"run": "r", "reward": 1.0, "steps": [call, call]});
    assert_ne!(ids(&other.to_string()), first);
}

#[test]
fn runs_with_the_same_id_are_tasks_of_their_own() {
    let run = |text: &str| {
        run::parse_run(&json!({"run": "r", "steps": [{"role": "user", "text": text}]}).to_string()).unwrap()
    };
    let mut seen = Seen::default();
    let places: BTreeMap<&str, usize> = [("a", seen.nth_of_id(&run("a"))), ("b", seen.nth_of_id(&run("b")))].into();
    assert_eq!((places["a"], places["b"], seen.nth_of_id(&run("a"))), (0, 1, 0));
    assert_eq!(submission::correlation_of(&run("b"), 1), "r-2");
}
