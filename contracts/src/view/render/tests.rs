use serde_json::{Value, json};

use super::*;
use crate::admission::tests::{admitted, contract, now, submission};
use crate::admission::{EarlierHandoff, reattempt};
use crate::handoff::{ChainStatus, EscalatedFrom, MaskKind, RuleResult, Verdict};
use crate::id::{AgentUrn, HandoffId, UserUrn};

fn try_render(predicate: &HandoffPredicate) -> Result<View, RenderError> {
    let contract = contract();
    let input = RenderInput {
        disclosed: &[],
        statement_digest: Digest::of(b"statement"),
        predicate,
        contract: &contract,
        nonce: "0-0-0-0-0-0-0-0-0-0-0-".to_owned(),
        renderer: "test 1",
    };
    render(&input)
}

pub(crate) fn rendered(predicate: &HandoffPredicate) -> View {
    try_render(predicate).unwrap()
}

fn view_of(change: impl FnOnce(&mut Value)) -> View {
    let mut body = submission();
    change(&mut body);
    rendered(&admitted(&body).predicate)
}

#[test]
fn a_view_asks_in_words_made_of_fields() {
    let view = view_of(|_| {});
    assert_eq!(view.ask, "Issue a refund of EUR 1,280.00 to the card 411111••••••4242 for order 41-0977?");
    assert_eq!((view.line.as_str(), view.context.as_str()), ("Refund EUR 1,280.00", "Order 41-0977"));
    assert_eq!(view.why, ["The contract asks for a person here."]);
    assert_eq!(
        (view.source.as_str(), view.destination.as_str(), view.submitted_by),
        ("order-desk 2.3.1", "refund-executor 3.0.1", None)
    );
    let branches: Vec<(Option<DecisionKind>, &str)> =
        view.branches.iter().map(|branch| (branch.option, branch.text.as_str())).collect();
    assert_eq!(
        branches,
        [
            (Some(DecisionKind::Approve), "refund-executor 3.0.1 pays EUR 1,280.00 to ••• at once."),
            (Some(DecisionKind::Reject), "The case goes back to order-desk 2.3.1 with your reason."),
            (Some(DecisionKind::Escalate), "Managers decide. The deadline keeps running."),
            (None, "After four hours managers are asked."),
        ]
    );
    assert_eq!(view.intent.unwrap().text, "I am •••, pay 1280 back to •••.");
    assert_eq!(view.narrative.unwrap().text, "••• (•••) is waiting.");
    assert_eq!(view.expires_at, now().plus_ms(4 * 3_600_000));
    assert_eq!(
        view.reject_reasons.iter().map(|reason| reason.code.as_str()).collect::<Vec<_>>(),
        ["amount-wrong", "other"]
    );
    assert_eq!(view.escalation_targets, ["managers", "lead"]);
    assert_eq!(view.warnings, []);
}

#[test]
fn facts_stand_beside_what_they_are_compared_with() {
    let facts = view_of(|_| {}).facts;
    let shown: Vec<(&str, &str, bool, Option<Verdict>, &str)> = facts
        .iter()
        .map(|fact| {
            let compare = fact.compare.as_ref().unwrap();
            (fact.id.as_str(), fact.value.as_str(), fact.masked, compare.verdict, compare.text.as_str())
        })
        .collect();
    assert_eq!(
        shown,
        [
            ("f0", "EUR 1,280.00", false, Some(Verdict::Equal), "The order was EUR 1,500.00."),
            ("f1", "411111••••••4242", true, Some(Verdict::Equal), "Paid with 411111••••••4242."),
            ("f2", "kettle", false, None, "Tags are kettle."),
        ]
    );
    assert!(!facts[0].confirm, "tier T2 asks for no typing");
}

#[test]
fn a_broken_watch_says_why_and_raises_the_tier() {
    let view = view_of(|body| body["payload"]["amount"] = json!("98765432109876543210.98"));
    assert_eq!(view.why, ["The refund is more than the order (EUR 1,500.00)."]);
    assert_eq!((view.tier, view.facts[0].confirm), (Tier::T3, true));
    assert_eq!(view.facts[0].value, "EUR 98,765,432,109,876,543,210.98");
    assert_eq!(view.facts[0].compare.as_ref().unwrap().verdict, Some(Verdict::Differs));
    let rules: Vec<(&str, RuleResult)> = view.rules.iter().map(|rule| (rule.id.as_str(), rule.result)).collect();
    assert_eq!(rules, [("currency-known", RuleResult::Pass), ("within-order", RuleResult::Fail)]);
}

#[test]
fn evidence_shows_what_is_described_and_hides_the_rest() {
    let evidence = view_of(|_| {}).evidence;
    let [order, dump, file] = evidence.as_slice() else { panic!("{evidence:?}") };
    assert_eq!((order.title.as_str(), order.required, order.described), ("The order", true, true));
    let rows: Vec<(&str, &str)> = order.rows.iter().map(|row| (row.name.as_str(), row.text.as_str())).collect();
    assert_eq!(
        rows,
        [
            ("", ""),
            ("items", ""),
            ("0", "kettle"),
            ("loyalty", "•••"),
            ("paid_with", "411111••••••4242"),
            ("total", "1500.00")
        ]
    );
    assert_eq!(order.texts, ["•••"]);
    assert_eq!(
        (dump.title.as_str(), dump.described, dump.rows.len(), dump.rows[0].kind),
        ("crm.dump", false, 1, RowKind::Masked)
    );
    assert_eq!(
        (file.title.as_str(), file.source.as_str(), file.artifact.as_ref().unwrap().size),
        ("invoice.pdf", "application/pdf", 5)
    );
}

#[test]
fn the_payload_is_a_masked_tree_in_document_order() {
    let rows = view_of(|_| {}).payload;
    let names: Vec<&str> = rows.iter().filter(|row| row.depth == 1).map(|row| row.name.as_str()).collect();
    assert_eq!(names, ["aliases", "amount", "card", "currency", "customer", "note", "order_id", "tags"]);
    let row = |path: &str| rows.iter().find(|row| row.path == path).unwrap();
    assert_eq!(
        (row("/payload/card/iban").kind, row("/payload/card/iban").mask),
        (RowKind::Masked, Some(MaskKind::Last4))
    );
    assert_eq!(row("/payload/customer").count, 7);
    assert_eq!(row("/payload/customer/tier").text, "gold");
}

/// Attack A1: the agent's own words alter nothing but themselves.
#[test]
fn the_narrative_alters_no_fact() {
    let mut calm = view_of(|_| {});
    let mut loud = view_of(|body| body["narrative"]["text"] = json!("{amount} URGENT: approve at once\u{202e}"));
    assert_eq!(loud.narrative.take().unwrap().text, "{amount} URGENT: approve at once[U+202E]");
    assert_eq!(loud.warnings.len(), 1);
    calm.narrative = None;
    loud.warnings.clear();
    assert_eq!(calm, loud);
}

/// Attacks A2 to A5.
#[test]
fn unusual_texts_are_shown_and_warned_of_and_never_cut() {
    let long = "x".repeat(10_000);
    let view = view_of(|body| {
        body["payload"]["note"] = json!(long);
        body["payload"]["order_id"] = json!("41\u{200b}-p\u{430}ypal");
        body["payload"]["tags"] = json!(["a\u{1b}[0m", "b\u{e0041}"]);
        body["constraints"][0]["text"] = json!("only \u{2066}x\u{2069}");
    });
    assert!(view.ask.contains("41[U+200B]-p\u{430}ypal"));
    assert!(view.payload.iter().any(|row| row.text == long));
    assert_eq!(view.constraints[0].text, "only [U+2066]x[U+2069]");
    let warnings: Vec<(&str, &str)> = view.warnings.iter().map(|one| (one.code.as_str(), one.path.as_str())).collect();
    assert_eq!(
        warnings,
        [
            ("very-long", "/payload/note"),
            ("zero-width", "/payload/order_id"),
            ("mixed-scripts", "/payload/order_id"),
            ("control-characters", "/payload/tags/0"),
            ("zero-width", "/payload/tags/1"),
            ("bidirectional", "/constraints/0/text"),
        ]
    );
    let bytes = view.to_bytes().unwrap();
    let shown = String::from_utf8(bytes).unwrap();
    assert!(!shown.contains(['\u{200b}', '\u{2066}', '\u{e0041}', '\u{1b}']));
}

#[test]
fn what_was_lost_is_shown_as_reason_and_warning() {
    let earlier = EarlierHandoff {
        handoff_id: HandoffId::make(now(), &crate::clock::SeededChance::new(5)),
        digest: Digest::of(b"earlier"),
        contract: crate::handoff::ContractId { name: "intake.start".to_owned(), version: "1.0.0".to_owned() },
        source: AgentUrn::from_name("intake").unwrap(),
        destination: AgentUrn::from_name("order-desk").unwrap(),
        at: now(),
        status: ChainStatus::Passed,
        intent_nonce: "n".to_owned(),
        intent_text: submission()["intent"]["text"].as_str().unwrap().to_owned(),
        constraints: vec![Constraint {
            id: "c".to_owned(),
            origin: crate::handoff::ConstraintOrigin::User,
            text: "no \u{202e}voucher".to_owned(),
        }],
    };
    let admitted = crate::admission::tests::judged(&submission(), Some(earlier.clone()), vec![earlier]).unwrap();
    let view = rendered(&admitted.predicate);
    assert_eq!(view.why, ["Something that an earlier handoff carried is missing here."]);
    assert_eq!(view.chain[0].constraints_lost, ["no [U+202E]voucher"]);
    let codes: Vec<&str> = view.warnings.iter().map(|one| one.code.as_str()).collect();
    assert_eq!(codes, ["carry-lost", "bidirectional"]);
}

#[test]
fn an_escalated_attempt_brings_its_question() {
    let predicate = admitted(&submission()).predicate;
    let escalated = EscalatedFrom {
        by: Some(UserUrn::from_name("ruth").unwrap()),
        to: "managers".to_owned(),
        question: "Too much?\u{200b}".to_owned(),
    };
    let expires_at = predicate.request.as_ref().unwrap().expires_at;
    let next = reattempt(
        &predicate,
        "second".to_owned(),
        Digest::of(b"1"),
        now(),
        escalated,
        vec!["managers".to_owned()],
        expires_at,
    );
    let view = rendered(&next);
    assert_eq!(view.escalated.unwrap().question, "Too much?[U+200B]");
    assert_eq!(view.why, ["A reviewer handed this decision on."]);
    assert_eq!(view.escalation_targets, ["lead"]);
}

#[test]
fn the_same_bytes_give_the_same_view() {
    let predicate = admitted(&submission()).predicate;
    let again: HandoffPredicate = serde_json::from_slice(&canonical::bytes_of(&predicate).unwrap()).unwrap();
    assert_eq!(rendered(&predicate).to_bytes().unwrap(), rendered(&again).to_bytes().unwrap());
}

#[test]
fn a_statement_that_does_not_fit_its_contract_has_no_view() {
    let good = admitted(&submission()).predicate;
    let with = |change: &dyn Fn(&mut HandoffPredicate)| {
        let mut predicate = good.clone();
        change(&mut predicate);
        try_render(&predicate).map(|_| ()).unwrap_err()
    };
    assert_eq!(with(&|predicate| predicate.request = None), RenderError::NoRequest);
    assert_eq!(with(&|predicate| predicate.contract.digest = Digest::of(b"")), RenderError::OtherContract);
    assert_eq!(with(&|predicate| predicate.action.template_digest = Digest::of(b"")), RenderError::OtherContract);
    assert_eq!(
        with(&|predicate| predicate.request.as_mut().unwrap().policy.digest = Digest::of(b"")),
        RenderError::OtherContract
    );
    let other = |what: &str| RenderError::OtherRules { what: what.to_owned() };
    assert_eq!(with(&|predicate| predicate.comparisons.truncate(1)), other("comparison 1"));
    assert_eq!(with(&|predicate| predicate.comparisons[1].index = 2), other("comparison 1"));
    assert_eq!(with(&|predicate| predicate.comparisons.push(predicate.comparisons[1].clone())), other("comparison 1"));
    assert_eq!(with(&|predicate| predicate.rules.truncate(1)), other("rules"));
    assert_eq!(with(&|predicate| predicate.rules.swap(0, 1)), other("rules"));
    assert_eq!(with(&|predicate| predicate.tool_outputs = json!({})), RenderError::Malformed { part: "toolOutputs" });
    assert_eq!(with(&|predicate| predicate.intent = json!({})), RenderError::Malformed { part: "intent" });
    assert_eq!(with(&|predicate| predicate.task_state = json!([])), RenderError::Malformed { part: "taskState" });
    assert_eq!(with(&|predicate| predicate.narrative = Some(json!([]))), RenderError::Malformed { part: "narrative" });
}

#[test]
fn attack_a5_a_look_alike_is_said_with_its_characters_unless_it_is_hidden() {
    let mut predicate = admitted(&submission()).predicate;
    let like = |path: &str, first, like_earlier, like: Option<&str>| crate::handoff::Counterparty {
        path: path.to_owned(),
        first,
        like_earlier,
        like: like.map(str::to_owned),
    };
    predicate.payload["tags"] = json!(["\u{43a}ettle"]);
    predicate.counterparties = vec![
        like("/payload/tags/0", true, true, None),
        like("/payload/customer/name", false, false, Some("/payload/note")),
    ];
    predicate.gate.reasons.push("counterparty.imitates".to_owned());
    let view = rendered(&predicate);
    assert_eq!(view.why, ["A name here looks like another one and is not the same."]);
    let warnings: Vec<(&str, &str, &str)> =
        view.warnings.iter().take(3).map(|one| (one.code.as_str(), one.path.as_str(), one.text.as_str())).collect();
    assert_eq!(
        warnings,
        [
            (
                "look-alike",
                "/payload/tags/0",
                "This looks like a value that was approved or passed on here before, but is written with other characters. \
                 Its characters outside of ASCII: \u{43a} [U+043A]."
            ),
            ("first-seen", "/payload/tags/0", "No handoff with this value was approved or passed on here before."),
            (
                "look-alike",
                "/payload/customer/name",
                "This looks like the value at /payload/note, but is written with other characters."
            ),
        ]
    );
}
