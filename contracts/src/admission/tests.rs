use std::collections::{BTreeMap, BTreeSet};

use base64ct::{Base64UrlUnpadded, Encoding as _};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::clock::SeededChance;
use crate::handoff::{ConstraintOrigin, Tier, Verdict};
use crate::id::UserUrn;
use crate::mask::{check_masks, reconstruct};

const PAN: &str = "4111111111114242";

pub(crate) fn contract() -> CompiledContract {
    CompiledContract::from_document(include_bytes!("tests/contract.yaml")).unwrap()
}

/// A good submission.
pub(crate) fn submission() -> Value {
    json!({
        "handoffId": "0199a1c2-5b7e-7c3d-9a10-2f4b6c8d0e12",
        "correlationId": "case-8841",
        "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "source": {"agent": "urn:seamark:agent:order-desk", "version": "2.3.1", "onBehalfOf": "urn:seamark:user:mia", "run": "run-1"},
        "destination": {"agent": "urn:seamark:agent:refund-executor", "version": "3.0.1"},
        "contract": {"name": "refund.try", "version": "1.2.0"},
        "taskState": {"completed": [{"id": "s1", "title": "Look the order up"}], "inProgress": [], "skipped": [{"id": "s2", "title": "Call", "reason": "no phone"}], "deferred": []},
        "intent": {"at": "2026-11-22T05:58:00.000Z", "text": "I am Anna Berg, pay 1280 back to 4111 1111 1111 4242."},
        "constraints": [{"id": "c1", "origin": "user", "text": "original card only"}],
        "toolOutputs": [
            {"id": "order_lookup", "tool": "orders.get", "step": "s1", "at": "2026-11-22T05:59:10.000Z", "args": {"email": "anna.berg@example.com"},
             "result": {"isError": false, "content": [{"type": "text", "text": "Order of Anna Berg"}],
                        "structuredContent": {"total": "1500.00", "items": ["kettle"], "paid_with": PAN, "loyalty": "gold-canary"}}},
            {"id": "look-2", "tool": "crm.dump", "at": "2026-11-22T05:59:11.000Z", "args": {"q": "canary-query"}, "result": {"isError": false, "structuredContent": {"ssn": "canary-ssn"}}}
        ],
        "payload": {
            "order_id": "41-0977", "amount": "1280.00", "currency": "EUR", "note": "Call Anna Berg first", "tags": ["kettle"], "aliases": ["Berganna", "AB-canary"],
            "card": {"number": PAN, "iban": "DE89370400440532013000"},
            "customer": {"id": "C-1", "name": "Anna Berg", "email": "anna.berg@example.com", "born": "1990-04-05", "remark": "Anna Berg is kind", "tier": "gold", "extra": {"k": "canary-extra"}}
        },
        "evaluations": [{"step": "s1", "evaluator": "order-match", "version": "1.4", "result": "pass", "score": "0.98"}],
        "artifacts": [{"name": "invoice.pdf", "mediaType": "application/pdf", "content": "JVBERi0="}],
        "narrative": {"text": "Anna Berg (anna.berg@example.com) is waiting."},
        "submittedAt": "2026-11-22T05:59:59.910Z"
    })
}

pub(crate) fn now() -> Timestamp {
    Timestamp::parse("2026-11-22T06:00:00.000Z").unwrap()
}

pub(crate) fn judged(
    body: &Value,
    parent: Option<EarlierHandoff>,
    chain: Vec<EarlierHandoff>,
) -> Result<Admitted, Vec<Violation>> {
    judged_among(body, &contract(), parent, chain, Vec::new())
}

/// Judged against a contract, with names that are known.
pub(crate) fn judged_by(
    body: &Value,
    compiled: &CompiledContract,
    known: Vec<CounterpartyName>,
) -> Result<Admitted, Vec<Violation>> {
    judged_among(body, compiled, None, Vec::new(), known)
}

fn judged_among(
    body: &Value,
    compiled: &CompiledContract,
    parent: Option<EarlierHandoff>,
    chain: Vec<EarlierHandoff>,
    known: Vec<CounterpartyName>,
) -> Result<Admitted, Vec<Violation>> {
    let chance = SeededChance::new(3);
    let ctx = AdmissionContext {
        submitter: AgentUrn::from_name("order-desk").unwrap(),
        now: now(),
        chance: &chance,
        revision: 1,
        attempt: make_nonce(&chance),
        supersedes: None,
        parent,
        chain,
        known,
    };
    let (submission, decimals) = parse_submission(&serde_json::to_vec(body).unwrap())?;
    judge(&submission, &decimals, compiled, &ctx)
}

pub(crate) fn admitted(body: &Value) -> Admitted {
    judged(body, None, Vec::new()).unwrap()
}

/// The submission with one place changed; `null` removes it.
fn changed(at: &str, value: Value) -> Value {
    let mut body = submission();
    let (parent, last) = crate::pointer::split_last(at).unwrap();
    match body.pointer_mut(parent).unwrap() {
        Value::Object(members) if value.is_null() => drop(members.remove(&last)),
        Value::Object(members) => drop(members.insert(last, value)),
        Value::Array(elements) => elements.insert(last.parse().unwrap(), value),
        other => panic!("{other}"),
    }
    body
}

fn refused(body: &Value) -> Vec<(String, String)> {
    let violations = judged(body, None, Vec::new()).unwrap_err();
    violations.into_iter().map(|one| (one.rule, one.pointer)).collect()
}

fn earlier(text: &str, constraints: &[&str]) -> EarlierHandoff {
    let constraint =
        |text: &&str| Constraint { id: "c".to_owned(), origin: ConstraintOrigin::User, text: (*text).to_owned() };
    EarlierHandoff {
        handoff_id: HandoffId::make(now(), &SeededChance::new(text.len() as u64)),
        digest: Digest::of(text.as_bytes()),
        contract: ContractId { name: "intake.start".to_owned(), version: "1.0.0".to_owned() },
        source: AgentUrn::from_name("intake").unwrap(),
        destination: AgentUrn::from_name("order-desk").unwrap(),
        at: now(),
        status: ChainStatus::Passed,
        intent_nonce: "nonce-of-the-parent".to_owned(),
        intent_text: text.to_owned(),
        constraints: constraints.iter().map(constraint).collect(),
    }
}

#[test]
fn a_good_submission_is_admitted_with_its_gate() {
    let Admitted { predicate, disclosures, artifacts, .. } = admitted(&submission());
    assert_eq!(predicate.gate.reasons, ["gate.when"]);
    assert_eq!(predicate.gate.tier, Tier::T2);
    let request = predicate.request.as_ref().unwrap();
    assert_eq!(request.expires_at, now().plus_ms(4 * 3_600_000));
    assert_eq!(request.candidates, ["reviewer", "refund-reviewer"]);
    assert_eq!(predicate.destination.audience, "https://refunds.shop.example/execute");
    assert_eq!(
        predicate.comparisons.iter().map(|one| (one.index, one.verdict)).collect::<Vec<_>>(),
        [(0, Verdict::Equal), (1, Verdict::Equal)]
    );
    assert_eq!(disclosures.len(), predicate.masks.len());
    assert_eq!(artifacts[0].digest, predicate.artifacts[0].digest);
    assert_eq!(Digest::of(&[artifacts[0].salt.as_slice(), b"%PDF-"].concat()), artifacts[0].digest);
    let small = changed("/payload/amount", json!("12.00"));
    let passed = admitted(&small).predicate;
    assert!(!passed.gate.required && passed.request.is_none() && passed.gate.reasons.is_empty());
}

#[test]
fn every_mask_is_as_the_contract_asks() {
    let predicate = admitted(&submission()).predicate;
    let shown: BTreeMap<&str, &str> =
        predicate.masks.iter().map(|mask| (mask.path.as_str(), mask.shown.as_deref().unwrap())).collect();
    let expected = BTreeMap::from([
        ("/intent/nonce", "•••"),
        ("/intent/text", "I am •••, pay 1280 back to •••."),
        ("/narrative/text", "••• (•••) is waiting."),
        ("/payload/aliases/0", "•••"),
        ("/payload/aliases/1", "•••"),
        ("/payload/card/iban", "••••••••••••••••••3000"),
        ("/payload/card/number", "411111••••••4242"),
        ("/payload/customer/born", "1990-••-••"),
        ("/payload/customer/email", "a•••@example.com"),
        ("/payload/customer/extra", "•••"),
        ("/payload/customer/name", "•••"),
        ("/payload/customer/remark", "••• is kind"),
        ("/payload/note", "Call ••• first"),
        ("/toolOutputs/0/args", "•••"),
        ("/toolOutputs/0/result/content/0/text", "•••"),
        ("/toolOutputs/0/result/structuredContent/loyalty", "•••"),
        ("/toolOutputs/0/result/structuredContent/paid_with", "411111••••••4242"),
        ("/toolOutputs/1/args", "•••"),
        ("/toolOutputs/1/result", "•••"),
    ]);
    assert_eq!(shown, expected);
    assert_eq!(predicate.payload["customer"]["tier"], "gold");
}

/// Invariants F1 and D6: what leaves admission for a reviewer holds no masked value.
#[test]
fn no_masked_value_is_in_the_predicate() {
    let Admitted { predicate, disclosures, .. } = admitted(&submission());
    let text = serde_json::to_string(&predicate).unwrap();
    for secret in [PAN, "4111 1111", "Anna", "anna.berg", "DE8937", "1990-04-05", "canary", "Berganna"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    let masked = serde_json::to_value(&predicate).unwrap();
    let raw = reconstruct(&masked, &disclosures).unwrap();
    assert_eq!(check_masks(&masked, &predicate.masks, &raw), Ok(()));
    assert_eq!(raw["payload"], submission()["payload"]);
    assert_eq!(raw["toolOutputs"][1]["result"]["structuredContent"]["ssn"], "canary-ssn");
    let nonce = raw["intent"]["nonce"].as_str().unwrap();
    assert_eq!(
        raw["intent"]["digest"]["sha256"],
        intent_digest(nonce, submission()["intent"]["text"].as_str().unwrap()).to_hex()
    );
    assert!(!format!("{:?}", admitted(&submission())).contains("Anna"));
}

/// Every string of `value`, wherever it stands.
fn strings<'a>(value: &'a Value, into: &mut BTreeSet<&'a str>) {
    match value {
        Value::String(text) => drop(into.insert(text)),
        Value::Array(items) => items.iter().for_each(|item| strings(item, into)),
        Value::Object(members) => members.values().for_each(|member| strings(member, into)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Whoever guesses a hidden value right cannot tell it from what is published: no digest covers the value without a
/// salt. The best guess there is, the value itself, is hashed in every form in which it or its surroundings stand.
#[test]
fn attack_a9_a_right_guess_at_a_hidden_value_is_not_confirmed_by_any_digest() {
    let body = submission();
    let Admitted { predicate, disclosures, .. } = admitted(&body);
    let masked = serde_json::to_value(&predicate).unwrap();
    let raw = reconstruct(&masked, &disclosures).unwrap();
    let mut published = BTreeSet::new();
    strings(&masked, &mut published);
    let mut guesses: Vec<Vec<u8>> = Vec::new();
    for mask in &predicate.masks {
        let hidden = raw.pointer(&mask.path).unwrap();
        let name = mask.path.rsplit('/').next().unwrap();
        if let Value::String(text) = hidden {
            guesses.push(text.as_bytes().to_vec());
        }
        for form in [hidden.clone(), json!([hidden]), json!([name, hidden]), json!({ name: hidden })] {
            guesses.push(crate::canonical::to_bytes(&form).unwrap());
        }
        // The whole in which it stands, up to the root.
        let mut around = mask.path.as_str();
        while let Some((parent, _)) = around.rsplit_once('/') {
            guesses.push(crate::canonical::to_bytes(raw.pointer(parent).unwrap()).unwrap());
            around = parent;
        }
    }
    let text = body["intent"]["text"].as_str().unwrap();
    guesses.push(text.as_bytes().to_vec());
    guesses.push(crate::canonical::to_bytes(&body["payload"]).unwrap());
    assert!(guesses.len() > 100, "{} guesses", guesses.len());
    for guess in guesses {
        let digest = Digest::of(&guess);
        for spelled in [digest.to_hex(), Base64UrlUnpadded::encode_string(digest.as_bytes())] {
            assert!(!published.contains(spelled.as_str()), "{} is confirmed", String::from_utf8_lossy(&guess));
        }
    }
    // The same search finds a digest that does confirm its value: that of the salt together with it.
    let disclosure = Digest::of(disclosures[0].as_bytes());
    assert!(published.contains(Base64UrlUnpadded::encode_string(disclosure.as_bytes()).as_str()));
}

#[test]
fn all_violations_are_listed_with_their_places() {
    let mut body = submission();
    body["source"]["version"] = json!("3.0.0");
    body["destination"]["agent"] = json!("urn:seamark:agent:other");
    body["destination"]["version"] = json!("new");
    body["correlationId"] = json!("case 1");
    body["traceparent"] = json!("00-4BF92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    body["parent"] = json!({"handoffId": "0199a1c2-5b7e-7c3d-9a10-2f4b6c8d0e13"});
    body["taskState"]["deferred"] = json!([{"id": "s1", "title": "", "reason": "r"}]);
    body["constraints"] =
        json!([{"id": "c1", "origin": "user", "text": "call Anna Berg"}, {"id": "c1", "origin": "agent", "text": "x"}]);
    body["toolOutputs"][0]["id"] = json!("Order");
    body["toolOutputs"][1]["result"]["structuredContent"] = json!({"a": {"_sd": []}});
    body["payload"]["amount"] = json!("1,00");
    body["payload"]["currency"] = json!("XXX");
    body["payload"]["card"] = json!({"number": "4111", "cvv": "123"});
    body["evaluations"][0]["score"] = json!("high");
    body["artifacts"][0]["mediaType"] = json!("text/html");
    body["artifacts"][0]["name"] = json!("../x");
    let rule = |rule: &str, at: &str| (rule.to_owned(), at.to_owned());
    let mut found = refused(&body);
    found.sort();
    let mut expected = [
        rule("version", "/source/version"),
        rule("field", "/destination/agent"),
        rule("version", "/destination/version"),
        rule("field", "/correlationId"),
        rule("field", "/traceparent"),
        rule("field", "/parent/handoffId"),
        rule("field", "/taskState/deferred/0/id"),
        rule("field", "/taskState/deferred/0/title"),
        rule("mask", "/constraints/0/text"),
        rule("field", "/constraints/1/id"),
        rule("field", "/toolOutputs/0/id"),
        rule("field", "/toolOutputs/1/result/structuredContent/a/_sd"),
        rule("schema", "/payload/amount"),
        rule("schema", "/payload/card/cvv"),
        rule("mask", "/payload/card/number"),
        rule("must", "/payload/currency"),
        rule("field", "/evaluations/0/score"),
        rule("field", "/artifacts/0/mediaType"),
        rule("field", "/artifacts/0/name"),
    ];
    expected.sort();
    assert_eq!(found, expected);
}

#[test]
fn a_broken_rule_speaks_with_masks() {
    let body = changed("/payload/currency", json!("CHF"));
    let violations = judged(&body, None, Vec::new()).unwrap_err();
    assert_eq!(violations[0].message, "Refunds in CHF to 411111••••••4242 are not handled here.");
    assert_eq!((violations[0].rule.as_str(), violations[0].pointer.as_str()), ("must", "/payload/currency"));
}

#[test]
fn a_body_of_the_wrong_shape_is_refused_at_its_exact_place() {
    let cases = [
        (changed("/intent", Value::Null), "field", "/intent"),
        (changed("/intent/text", Value::Null), "field", "/intent/text"),
        (changed("/urgency", json!("high")), "field", "/urgency"),
        (changed("/source/secret", json!("x")), "field", "/source/secret"),
        (
            changed("/constraints/0", json!({"id": "c0", "origin": "canary-origin", "text": "t"})),
            "field",
            "/constraints/0/origin",
        ),
        (changed("/submittedAt", json!("canary-time")), "field", "/submittedAt"),
        (changed("/correlationId", json!(12)), "field", "/correlationId"),
        (changed("/payload", json!("canary-payload")), "field", "/payload"),
    ];
    for (body, rule, pointer) in cases {
        let violations = judged(&body, None, Vec::new()).unwrap_err();
        assert_eq!((violations[0].rule.as_str(), violations[0].pointer.as_str()), (rule, pointer), "{violations:?}");
        assert!(violations.iter().all(|one| !one.message.contains("canary")), "{violations:?}");
    }
    let gate = |bytes: &[u8]| parse_submission(bytes).unwrap_err().remove(0).rule;
    assert_eq!(gate(b"{\"a\":1,\"a\":2}"), "json");
    assert_eq!(gate(b"\xef\xbb\xbf{}"), "json");
    assert_eq!(gate(&vec![b' '; MAX_SUBMISSION_BYTES + 1]), "size");
}

#[test]
fn a_body_of_the_wrong_shape_gets_every_fault_at_once() {
    let mut body = submission();
    let members = body.as_object_mut().unwrap();
    members.remove("correlationId");
    members.remove("destination");
    members.insert("surprise".to_owned(), json!("canary-value"));
    members.insert("payload".to_owned(), json!({}));
    members.insert("constraints".to_owned(), json!("none"));
    let faults = parse_submission(&serde_json::to_vec(&body).unwrap()).unwrap_err();
    let pointers: Vec<&str> = faults.iter().map(|fault| fault.pointer.as_str()).collect();
    assert_eq!(pointers, ["/constraints", "/correlationId", "/destination", "/surprise"], "{faults:?}");
    assert!(faults.iter().all(|fault| fault.rule == "field" && !fault.message.contains("canary")), "{faults:?}");
}

#[test]
fn fractions_become_texts_and_are_listed() {
    let body = serde_json::to_string(&submission())
        .unwrap()
        .replace("\"1280.00\"", "1280.00")
        .replace("\"1500.00\"", "1500.00");
    let body = body.replace("\"ssn\":\"canary-ssn\"", "\"ssn\":1.5");
    let (submission, decimals) = parse_submission(body.as_bytes()).unwrap();
    assert_eq!(submission.payload["amount"], "1280.00");
    let mut sorted = decimals.clone();
    sorted.sort();
    assert_eq!(
        sorted,
        [
            "/payload/amount",
            "/toolOutputs/0/result/structuredContent/total",
            "/toolOutputs/1/result/structuredContent/ssn"
        ]
    );
    let chance = SeededChance::new(1);
    let ctx = AdmissionContext {
        submitter: AgentUrn::from_name("x").unwrap(),
        now: now(),
        chance: &chance,
        revision: 2,
        attempt: "a".to_owned(),
        supersedes: Some(Digest::of(b"")),
        parent: None,
        chain: Vec::new(),
        known: Vec::new(),
    };
    let predicate = judge(&submission, &decimals, &contract(), &ctx).unwrap().predicate;
    // The name of a member within a hidden place is hidden too.
    assert_eq!(predicate.decimals, ["/payload/amount", "/toolOutputs/0/result/structuredContent/total"]);
    assert_eq!((predicate.revision, predicate.source.submitted_by.name()), (2, "x"));
}

#[test]
fn an_answer_of_another_form_is_hidden_or_refused() {
    let needed = changed("/toolOutputs/0/result/structuredContent", json!({"items": "Anna Berg"}));
    assert_eq!(
        refused(&needed),
        [
            ("schema", "/toolOutputs/0/result/structuredContent/total"),
            ("schema", "/toolOutputs/0/result/structuredContent/items")
        ]
        .map(|(rule, at)| (rule.to_owned(), at.to_owned()))
    );
    let chat = json!({"id": "chats", "tool": "chat.search", "at": "2026-11-22T05:59:11.000Z", "result": {"isError": false, "content": [{"type": "text", "text": "Anna Berg asked"}], "structuredContent": {"n": "canary"}}});
    let predicate = admitted(&changed("/toolOutputs/2", chat)).predicate;
    assert_eq!(predicate.gate.reasons, ["gate.when", "evidence.mismatch"]);
    let mask = |path: &str| predicate.masks.iter().find(|mask| mask.path == path).and_then(|mask| mask.shown.clone());
    assert_eq!(mask("/toolOutputs/2/result/structuredContent").unwrap(), "•••");
    assert_eq!(mask("/toolOutputs/2/result/content/0/text").unwrap(), "••• asked");
}

#[test]
fn a_missing_tool_output_that_is_carried_is_a_violation() {
    let mut body = submission();
    body["toolOutputs"].as_array_mut().unwrap().remove(0);
    assert!(refused(&body).contains(&("carry".to_owned(), "/toolOutputs".to_owned())));
}

#[test]
fn what_was_lost_on_the_way_is_shown_and_gates() {
    let text = submission()["intent"]["text"].as_str().unwrap().to_owned();
    let same = earlier(&text, &["original card only"]);
    let kept = judged(&submission(), Some(same.clone()), vec![same.clone()]).unwrap().predicate;
    assert_eq!(kept.gate.reasons, ["gate.when"]);
    assert!(kept.chain[0].intent_kept && kept.chain[0].constraints_lost.is_empty());
    assert_eq!(kept.parent.unwrap().digest, same.digest);
    assert_eq!(kept.intent["digest"]["sha256"], intent_digest("nonce-of-the-parent", &text).to_hex());

    let first = earlier(&text, &["original card only", "ask Anna Berg before 10"]);
    let second =
        EarlierHandoff { at: now().plus_ms(1), ..earlier("other words", &["original card only", "in one sum"]) };
    let small = changed("/payload/amount", json!("12.00"));
    let lost = judged(&small, Some(second.clone()), vec![first, second]).unwrap().predicate;
    assert!(lost.gate.required);
    assert_eq!(lost.gate.reasons, ["carry.lost"]);
    let facts: Vec<(bool, Vec<String>)> =
        lost.chain.iter().map(|link| (link.intent_kept, link.constraints_lost.clone())).collect();
    assert_eq!(facts, [(true, vec!["ask ••• before 10".to_owned()]), (false, vec!["in one sum".to_owned()])]);
}

#[test]
fn a_chain_is_bounded_and_keeps_the_newest() {
    let chain: Vec<EarlierHandoff> =
        (0..30).map(|n| EarlierHandoff { at: now().plus_ms(n), ..earlier("words", &[]) }).collect();
    let links = judged(&submission(), None, chain).unwrap().predicate.chain;
    assert_eq!((links.len(), links[0].at), (MAX_CHAIN, now().plus_ms(10)));
}

#[test]
fn member_names_that_repeat_a_hidden_value_hide_their_object() {
    let body = changed("/payload/contacts", json!({"anna.berg@example.com": "mail", "other": "phone"}));
    let predicate = admitted(&body).predicate;
    assert!(predicate.masks.iter().any(|mask| mask.path == "/payload/contacts"));
    assert!(!serde_json::to_string(&predicate).unwrap().contains("anna.berg"));
    assert_eq!(
        refused(&changed("/payload/anna.berg@example.com", json!(1))),
        [("mask".to_owned(), "/payload".to_owned())]
    );
}

#[test]
fn what_would_be_signed_is_bounded() {
    let tags: Vec<String> = (0..16_000).map(|n| format!("tag number {n:08}")).collect();
    assert_eq!(refused(&changed("/payload/tags", json!(tags))), [("size".to_owned(), String::new())]);
    assert!(
        refused(&changed("/intent/text", json!("x".repeat(8_001))))
            .contains(&("field".to_owned(), "/intent/text".to_owned()))
    );
}

#[test]
fn a_new_attempt_keeps_content_and_commitments() {
    let Admitted { predicate, disclosures, .. } = admitted(&submission());
    let by = UserUrn::from_name("ruth").unwrap();
    let escalated =
        EscalatedFrom { by: Some(by), to: "managers".to_owned(), question: "More than the order?".to_owned() };
    let later = now().plus_ms(60_000);
    let old = predicate.request.clone().unwrap();
    let next = reattempt(
        &predicate,
        "second".to_owned(),
        Digest::of(b"old"),
        later,
        escalated.clone(),
        vec!["managers".to_owned()],
        old.expires_at,
    );
    assert_eq!((next.attempt.as_str(), next.supersedes, next.created_at), ("second", Some(Digest::of(b"old")), later));
    assert_eq!(next.gate.reasons, ["gate.when", "escalated"]);
    let request = next.request.clone().unwrap();
    assert_eq!((request.candidates, request.on_timeout), (vec!["managers".to_owned()], OnTimeout::Escalate));
    let masked = serde_json::to_value(&next).unwrap();
    assert_eq!(check_masks(&masked, &next.masks, &reconstruct(&masked, &disclosures).unwrap()), Ok(()));
    let by_deadline = EscalatedFrom { by: None, ..escalated };
    let last =
        reattempt(&next, "third".to_owned(), Digest::of(b"2"), later, by_deadline, vec!["managers".to_owned()], later);
    assert_eq!(last.request.unwrap().on_timeout, OnTimeout::Reject);
    assert_eq!(last.gate.reasons, ["gate.when", "escalated"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    /// The canary property: wherever else a masked value stands, no reader of predicate or view sees it.
    #[test]
    fn no_canary_comes_through(
        canary in "[a-z]{6,10}[ -]?[a-z0-9]{0,6}",
        short in "[a-z]{4}",
        before in "[A-Za-z .]{0,12}",
        after in "[A-Z0-9 .@]{0,12}",
        field in 0..5_usize,
        upper in any::<bool>(),
    ) {
        // Words that the contract or the fixture itself says are no canaries.
        let fixture = format!("{}{}", submission(), include_str!("tests/contract.yaml")).to_lowercase();
        prop_assume!(!fixture.contains(canary.trim()) && !fixture.contains(&short));
        let mut body = submission();
        let place = ["/payload/customer/name", "/payload/customer/extra/k", "/payload/aliases/0", "/toolOutputs/0/args/email", "/payload/card/iban"][field];
        let masked = if field == 4 { format!("{canary}0000") } else { canary.clone() };
        *body.pointer_mut(place).unwrap() = json!(masked);
        *body.pointer_mut("/payload/aliases/1").unwrap() = json!(short);
        let told = if upper { masked.to_uppercase() } else { masked.clone() };
        let words = format!("{before}{told}{after}, {short}. {masked}");
        for at in ["/intent/text", "/narrative/text", "/payload/note", "/payload/customer/remark"] {
            *body.pointer_mut(at).unwrap() = json!(words);
        }
        let Admitted { predicate, disclosures, .. } = admitted(&body);
        let view = crate::view::render::tests::rendered(&predicate);
        for text in [serde_json::to_string(&predicate).unwrap(), serde_json::to_string(&view).unwrap()] {
            let text = text.to_lowercase();
            prop_assert!(!text.contains(masked.trim()), "{} in {}", masked, text);
            prop_assert!(!text.contains(&format!(" {short}.")), "{} in {}", short, text);
        }
        let value = serde_json::to_value(&predicate).unwrap();
        let raw = reconstruct(&value, &disclosures).unwrap();
        prop_assert_eq!(check_masks(&value, &predicate.masks, &raw), Ok(()));
        prop_assert_eq!(&raw["payload"], &body["payload"]);
    }
}
