use super::*;
use crate::contract::{CompiledContract, parse};
use crate::samples;

fn refund() -> &'static str {
    samples::find("refund.issue").unwrap().contract
}

#[test]
fn every_sample_is_without_findings() {
    for sample in samples::ALL {
        let parsed = parse(sample.contract.as_bytes()).unwrap_or_else(|finding| panic!("{}: {finding}", sample.name));
        let findings: Vec<String> = findings(&parsed.contract)
            .into_iter()
            .map(|finding| finding.located(sample.name, &parsed.lines).to_string())
            .collect();
        assert!(findings.is_empty(), "{}", findings.join("\n"));
        let compiled = CompiledContract::compile(parsed.contract).unwrap();
        assert_eq!(compiled.contract.name, sample.name);
        let again = CompiledContract::from_document(&compiled.canonical).unwrap();
        assert_eq!(again.digest, compiled.digest, "the canonical bytes are the same contract");
    }
}

/// Replaces `from` (which must be there) and returns the findings as `code path` lines.
fn check(from: &str, to: &str) -> Vec<String> {
    assert!(refund().contains(from), "{from:?} is not in the sample");
    let text = refund().replacen(from, to, 1);
    let parsed = parse(text.as_bytes()).unwrap_or_else(|finding| panic!("{finding}\n{to}"));
    let found = findings(&parsed.contract);
    for finding in &found {
        assert!(!finding.cause.is_empty() && !finding.mend.is_empty(), "{finding}");
        let located = finding.clone().located("contract.yaml", &parsed.lines);
        assert!(located.line.is_some(), "{located}");
    }
    found.into_iter().map(|finding| format!("{} {}", finding.code, finding.path)).collect()
}

#[test]
fn each_fault_is_found_at_its_place() {
    let cases: &[(&str, &str, &str)] = &[
        ("seamark: contract/v1", "seamark: contract/v2", "format /seamark"),
        ("name: refund.issue", "name: Refund", "name /name"),
        ("version: 1.2.0", "version: \"1.2\"", "version /version"),
        ("title: Issue a refund", "title: \"\"", "text /title"),
        ("escalation: [refund-managers, lead]", "escalation: []", "escalation /owner/escalation"),
        ("escalation: [refund-managers, lead]", "escalation: [lead, lead]", "duplicate /owner/escalation/1"),
        ("contact: payments-platform@shop.example", "contact: ask around", "contact /owner/contact"),
        ("runbook: https://", "runbook: http://", "runbook /owner/runbook"),
        ("fallback_owner: refund-managers", "fallback_owner: Refund Managers", "name /fallback_owner"),
        ("\">=2.1, <3\"", "\"two or so\"", "version /source/versions"),
        ("agent: order-desk,", "agent: \"urn:seamark:agent:order-desk\",", "name /source/agent"),
        ("audience: \"https://refunds.shop.example/execute\"", "audience: refunds", "audience /destination/audience"),
        ("mask: email-domain", "mask: emial", "schema /payload/properties/customer/properties/email/mask"),
        (
            "amount:      { type: string, format: decimal",
            "amount:      { type: number",
            "schema /payload/properties/amount/type",
        ),
        (
            "pattern: \"^C-[0-9]{5}$\"",
            "$ref: \"https://elsewhere.example/id\"",
            "schema /payload/properties/customer/properties/id/$ref",
        ),
        ("currency in [\"EUR\"", "curency in [\"EUR\"", "unknown-field /must/0/rule"),
        ("decimal(payload.amount) > decimal(\"0\")'", "decimal(payload.amount) > 0'", "condition /must/1/rule"),
        ("decimal(payload.amount) > decimal(\"0\")'", "amount > decimal(\"0\")'", "condition /must/1/rule"),
        ("decimal(payload.amount) > decimal(\"0\")'", "decimal(payload.amount) >'", "condition /must/1/rule"),
        ("tool_outputs.order_lookup.order_id'", "tool_outputs.order_lokup.order_id'", "unknown-output /must/2/rule"),
        ("says: \"Refunds in {currency}", "says: \"Refunds in {curency}", "unknown-field /must/0/says"),
        ("id: amount-positive", "id: currency-known", "duplicate /must/1/id"),
        ("id: amount-positive", "id: Amount Positive", "name /must/1/id"),
        ("!has(tool_outputs.order_lookup.refunded) || ", "", "absent-field /watch/2/rule"),
        (
            "carry: [intent, constraints, tool_outputs.order_lookup]",
            "carry: [intent, moods, tool_outputs.order_lookup]",
            "carry /carry/1",
        ),
        (
            "carry: [intent, constraints, tool_outputs.order_lookup]",
            "carry: [tool_outputs.order_lookup, tool_outputs.x]",
            "unknown-output /carry/1",
        ),
        (
            "when: 'decimal(payload.amount) > decimal(\"100.00\") || watch.any'",
            "when: '\"yes\"'",
            "condition /gate/when",
        ),
        ("|| watch.any'", "|| watch.all'", "unknown-field /gate/when"),
        ("? \"T2\" : \"T1\"'", "? \"T2\" : \"low\"'", "tier /gate/tier"),
        ("roles: [reviewer, refund-reviewer]", "roles: []", "roles /gate/decide/roles"),
        ("quorum: 1", "quorum: 2", "quorum /gate/decide/quorum"),
        ("expires_after: PT4H", "expires_after: P40D", "deadline /gate/expires_after"),
        ("expires_after: PT4H", "expires_after: PT1S", "deadline /gate/expires_after"),
        ("expires_after: PT4H", "expires_after: 4 hours", "deadline /gate/expires_after"),
        (
            "fields: [/payload/customer/email]",
            "fields: [/payload/customer/mail]",
            "unknown-field /gate/reveal/fields/0",
        ),
        ("fields: [/payload/customer/email]", "fields: [/payload/order_id]", "reveal /gate/reveal/fields/0"),
        ("for order {order_id}?\"", "for order {order_id}.\"", "ask /review/ask"),
        ("for order {order_id}?\"", "for order {order}?\"", "unknown-field /review/ask"),
        ("context: \"Order {order_id}\"", "context: \"Order {order_id\"", "template /review/context"),
        ("context: \"Order {order_id}\"", "context: \"Order {order_id | shout}\"", "template /review/context"),
        ("context: \"Order {order_id}\"", "context: \"Order {order_id | count}\"", "formatter /review/context"),
        ("context: \"Order {order_id}\"", "context: \"{tool_outputs.crm.note}\"", "unknown-output /review/context"),
        ("      confirm: true\n", "", "confirm /review/compare"),
        (
            "      value: \"{card.number}\"\n",
            "      value: \"{card.number}\"\n      confirm: true\n",
            "confirm /review/compare/1/confirm",
        ),
        ("      path: /payload/amount\n", "", "compare /review/compare/0"),
        ("      path: /payload/amount\n", "      path: /payload/sum\n", "unknown-field /review/compare/0/path"),
        (
            "path: /toolOutputs/order_lookup/total,",
            "path: /toolOutputs/order_lookup/sum,",
            "unknown-field /review/compare/0/with/path",
        ),
        (
            "is: same, says: \"The order was paid",
            "is: same_or_less, says: \"The order was paid",
            "compare /review/compare/1/with/is",
        ),
        (
            "  evidence: {",
            "  counterparties: [/payload/amount]\n  evidence: {",
            "counterparty /review/counterparties/0",
        ),
        ("  evidence: {", "  counterparties: [/payload/sum]\n  evidence: {", "unknown-field /review/counterparties/0"),
        (
            "  evidence: {",
            "  counterparties: [/toolOutputs/order_lookup/order_id]\n  evidence: {",
            "unknown-field /review/counterparties/0",
        ),
        (
            "  evidence: {",
            "  counterparties: [/payload/order_id, /payload/order_id]\n  evidence: {",
            "duplicate /review/counterparties/1",
        ),
        ("label: Customer\n", "label: Amount\n", "duplicate /review/compare/2/label"),
        (
            "required: [tool_outputs.order_lookup] }",
            "required: [tool_outputs.return_scan] }",
            "evidence /review/evidence/required/0",
        ),
        (
            "required: [tool_outputs.order_lookup] }",
            "required: [tool_outputs.crm] }",
            "unknown-output /review/evidence/required/0",
        ),
        ("required: [tool_outputs.order_lookup] }", "required: [narrative] }", "evidence /review/evidence/required/0"),
        ("      - { code: other,           text: \"Another reason\" }\n", "", "reasons /review/reasons/reject"),
        ("code: wrong-payee,  ", "code: amount-wrong, ", "duplicate /review/reasons/reject/1/code"),
        ("retention: P7Y", "retention: for ever", "retention /retention"),
        ("retention: P7Y", "retention: P90D", "retention /retention"),
        ("- examples/small-passes.json", "- ../small-passes.json", "examples /examples/accepted/0"),
        ("at: /payload/amount }", "at: payload.amount }", "examples /examples/refused/0/at"),
        ("artifacts: [image/jpeg,", "artifacts: [jpeg,", "media-type /artifacts/0"),
    ];
    let mut faults = Vec::new();
    for (from, to, expected) in cases {
        let found = check(from, to);
        if found != [(*expected).to_owned()] {
            faults.push(format!("{from:?} -> {to:?}\n  expected {expected}\n  found {found:?}"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn some_faults_come_in_company() {
    let found = check("additionalProperties: false", "additionalProperties: true");
    assert_eq!(found, ["open-schema /payload"]);
    let found = check("  type: object\n", "  type: array\n");
    assert!(found.contains(&"schema /payload".to_owned()), "{found:?}");
}

#[test]
fn a_contract_with_an_error_does_not_compile_and_one_with_a_warning_does() {
    let broken = refund().replacen("quorum: 1", "quorum: 2", 1);
    let errors = CompiledContract::from_document(broken.as_bytes()).unwrap_err();
    assert_eq!(errors.len(), 1);
    assert!(errors[0].line.is_some());
    let odd = refund().replacen("additionalProperties: false", "additionalProperties: true", 1);
    assert!(CompiledContract::from_document(odd.as_bytes()).is_ok());
}

#[test]
fn a_tool_output_is_described_by_id_then_by_tool_and_never_by_another_tools_words() {
    let compiled =
        CompiledContract::from_document(samples::find("booking.change").unwrap().contract.as_bytes()).unwrap();
    let title = |id: &str, tool: &str| compiled.tool_output(id, tool).map(|(spec, _)| spec.title.as_str());
    assert_eq!(title("reservation", "get_reservation_details"), Some("The reservation in question"));
    assert_eq!(title("t7", "get_reservation_details"), Some("A reservation"));
    assert_eq!(title("reservation", "calculate"), Some("A calculation"));
    assert_eq!(title("t9", "unheard_of"), None);
    let refund = CompiledContract::from_document(refund().as_bytes()).unwrap();
    assert_eq!(refund.tool_output("t1", "orders.get").map(|(spec, _)| spec.title.as_str()), Some("The order"));
}
