//! The OpenAPI document: complete, current, true.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use axum::body::Body;
use axum::http::{Request, StatusCode};
use futures_util::StreamExt as _;
use seamark_contracts::api::agent::{Delivery, HandoffAnswer, WebhookAnswer};
use seamark_contracts::clock::Clock as _;
use seamark_contracts::decision::DecisionKind;
use seamark_contracts::digest::Digest;
use seamark_contracts::id::AgentUrn;
use seamark_contracts::outcome::{ExecutionPredicate, ExecutionResult};
use seamark_ledger::statement;
use serde_json::{Map, Value, json};
use tower::ServiceExt as _;

use crate::openapi;
use crate::openapi::problems::example_name;
use crate::route;
use crate::testing::{World, execution_key, payload_of};

mod problems;

/// The first bytes of a stream, as its example.
async fn note_stream(world: &World, path: &str, token: &str, n_chunks: usize) {
    let request = Request::get(path).header("authorization", format!("Bearer {token}")).header("last-event-id", "1");
    let response = world.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let chunks: Vec<_> = response.into_body().into_data_stream().take(n_chunks).collect().await;
    let text: String = chunks.into_iter().map(|chunk| String::from_utf8(chunk.unwrap().to_vec()).unwrap()).collect();
    world.note_example("GET", path, "200", Some(Value::from(text)));
}

/// The push of the first outcome, as the example of what webhooks get.
async fn note_push(world: &World) {
    let mut connection = world.gateway.shared.database.read().await.unwrap();
    let now_ms = world.clock.now().as_ms();
    let due = crate::db::outbox::list_due(&mut connection, now_ms, now_ms, 1).await.unwrap();
    let body: Value = serde_json::from_slice(&due[0].body).unwrap();
    world.examples.lock().unwrap().insert("outcomeFormed.request".to_owned(), body);
}

/// Everything that the interface offers, once.
async fn record() -> Map<String, Value> {
    let world = World::new().await;
    let key = world.agent("order-desk").await;
    let none = || Vec::new();
    for path in ["/healthz", "/v1/trust", "/v1/directory", "/v1/contracts", "/v1/contracts/refund.issue/1.2.0"] {
        world.send("GET", path, None, none()).await;
    }
    world.note_example(
        "GET",
        "/openapi.json",
        "200",
        Some(json!({ "openapi": "3.1.0", "info": { "title": "Seamark gateway" } })),
    );
    let alice = world.reviewer("Alice Example", &["reviewer", "compliance"]).await;
    world.get("/v1/me", &alice.token).await;

    let webhook: WebhookAnswer =
        world.post("/v1/webhooks", &key, &json!({ "url": "https://agents.example.com/outcomes" })).await.ok();

    // A handoff all the way.
    let submission = world.submission("refund.issue", "returned-goods");
    let handoff: HandoffAnswer = world.post("/v1/handoffs", &key, &submission).await.ok();
    world.post("/v1/handoffs", &key, &submission).await;
    let path = format!("/v1/handoffs/{}", handoff.handoff_id);
    world.get(&path, &key).await;
    world.get(&format!("{path}/outcome?wait_s=0"), &key).await;
    let review = alice.reviews(&world).await.remove(0);
    alice.review(&world, review.review_id).await;
    let view = alice.view(&world, &review);
    let shown = json!({ "view": String::from_utf8(view.to_bytes().unwrap()).unwrap(), "openedAt": world.clock.now() });
    world.post(&format!("/v1/reviews/{}/presented", review.review_id), &alice.token, &shown).await;
    let email = json!({
        "revealId": "0199a1c5-3b1f-7a2e-9c43-5d7e9fa1b345", "path": "/payload/customer/email",
        "purpose": { "code": "contact-person", "text": "The customer asked to be called back" }
    });
    let reveals = format!("/v1/reviews/{}/reveals", review.review_id);
    world.post(&reveals, &alice.token, &email).await;
    world.post(&format!("{reveals}/0199a1c5-3b1f-7a2e-9c43-5d7e9fa1b345/copied"), &alice.token, &Value::Null).await;
    world.clock.advance_ms(41_200);
    let decision = alice.draft_on(&world, &review, DecisionKind::Approve, view).await.sign(&alice.decision_key);
    alice.send(&world, &review, &decision).await;
    let delivery: Delivery = world.get(&format!("{path}/outcome?wait_s=30"), &key).await.ok();
    world.post(&format!("{path}/outcome/ack"), &key, &Value::Null).await;
    world.post(&format!("{path}/attempt"), &key, &json!({ "attempt": handoff.attempt })).await;
    let executor = execution_key(&world, &key, "refund-executor").await;
    let now: HandoffAnswer = world.get(&path, &key).await.ok();
    let predicate = ExecutionPredicate {
        result: ExecutionResult::Executed,
        phase: None,
        code: None,
        attempt: handoff.attempt.clone().unwrap(),
        decisions: delivery.decisions.iter().map(|decision| Digest::of(&payload_of(decision))).collect(),
        disclosures: Vec::new(),
        executed_at: world.clock.now(),
        executor: AgentUrn::from_name("refund-executor").unwrap(),
    };
    let outcome = (now.outcome.unwrap().outcome_id, Digest::of(&payload_of(&delivery.outcome.unwrap())));
    let bytes = statement::build_execution(&predicate, (handoff.handoff_id, handoff.statement.unwrap()), Some(outcome))
        .unwrap();
    let envelope: Value = serde_json::from_str(&statement::sign(bytes, &executor).unwrap().to_json()).unwrap();
    world.post(&format!("{path}/result"), &key, &envelope).await;

    // Change and withdraw.
    let second = world.submission("refund.issue", "partial-refund");
    let handoff: HandoffAnswer = world.post("/v1/handoffs", &key, &second).await.ok();
    let path = format!("/v1/handoffs/{}", handoff.handoff_id);
    let mut changed = second.clone();
    changed["intent"]["text"] = json!("The chair is on its way back. I keep the desk, please.");
    assert_eq!(world.post(&format!("{path}/revisions"), &key, &changed).await.status, StatusCode::CREATED);
    world.post(&format!("{path}/revisions"), &key, &changed).await;
    world.post(&format!("{path}/withdraw"), &key, &json!({ "reason": "The customer called back." })).await;

    // Followers, files, looking back, verifying.
    world.get("/v1/webhooks", &key).await;
    note_push(&world).await;
    world.send("DELETE", &format!("/v1/webhooks/{}", webhook.webhook_id), Some(&key), none()).await;
    note_stream(&world, "/v1/events", &key, 3).await;
    note_stream(&world, "/v1/reviews/stream", &alice.token, 2).await;
    let file = Value::from("16 random bytes and the bytes of the file");
    world.note_example("GET", "/v1/reviews/x/artifacts/y", "200", Some(file));
    world.get("/v1/audit/reviews?limit=1", &alice.token).await;
    world.get(&format!("/v1/audit/reviews/{}", review.review_id), &alice.token).await;
    world.send("GET", "/v1/ledger/checkpoint", None, none()).await;
    world.send("GET", "/v1/ledger/entries?from=0&limit=3", None, none()).await;
    world.send("GET", "/v1/ledger/proofs/inclusion?seq=0&size=3", None, none()).await;
    world.send("GET", "/v1/ledger/proofs/consistency?from=1&to=3", None, none()).await;
    world.assert_sound().await;
    let mut examples = world.examples.into_inner().unwrap();
    for (name, example) in problems::record_root().await {
        examples.entry(name).or_insert(example);
    }
    examples
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Compares a generated file, or writes it when SEAMARK_GEN is 1.
fn check_generated(path: &Path, value: &Value) {
    let text = format!("{}\n", serde_json::to_string_pretty(value).unwrap());
    if std::env::var("SEAMARK_GEN").is_ok_and(|gen_| gen_ == "1") {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, &text).unwrap();
    }
    let found = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        found == text,
        "{} is not current: run SEAMARK_GEN=1 cargo test -p seamark-gateway generated_openapi",
        path.display()
    );
}

type Operations = [(&'static str, &'static str, openapi::Operation)];

/// Every problem that was answered is described, and every one described has an example of its own kind.
fn check_problems(operations: &Operations, examples: &Map<String, Value>, document: &Value) {
    let schema = json!({ "components": document["components"], "$ref": "#/components/schemas/Problem" });
    let validator = jsonschema::validator_for(&schema).unwrap();
    let (mut described, mut borrowed) = (BTreeSet::new(), BTreeSet::new());
    for (method, path, operation) in operations {
        for (status, code) in &operation.problems {
            let (status, code_text) = (status.as_u16(), crate::problem::code_text(*code));
            let name = example_name(operation.id, status, *code);
            let response = &document["paths"][path][method.to_lowercase()]["responses"][status.to_string()];
            let example = &response["content"]["application/problem+json"]["examples"][&code_text]["value"];
            assert!(validator.is_valid(example), "{name}: {example}");
            assert_eq!((&example["status"], &example["code"]), (&json!(status), &json!(code_text)), "{name}");
            if !examples.contains_key(&name) && !matches!(status, 408 | 429 | 500 | 503) {
                borrowed.insert(name.clone());
            }
            described.insert(name);
        }
    }
    let problems =
        examples.iter().filter(|(_, example)| example["type"].as_str().is_some_and(|kind| kind.contains("/problems/")));
    let undescribed: Vec<&String> = problems.map(|(name, _)| name).filter(|name| !described.contains(*name)).collect();
    assert!(undescribed.is_empty(), "answered and not in the document: {undescribed:?}");
    // A gateway that runs has a checkpoint.
    assert_eq!(
        borrowed.iter().map(String::as_str).collect::<Vec<_>>(),
        ["enrolDevice.403.forbidden", "readCheckpoint.404.not-found"],
        "described without an example of its own"
    );
}

/// Envelopes and texts of the examples hold what their schemas say, and every reference leads somewhere.
fn check_embedded(document: &Value) {
    use base64ct::{Base64, Encoding as _};
    fn walk(value: &Value, visit: &mut dyn FnMut(&Value)) {
        visit(value);
        match value {
            Value::Array(items) => items.iter().for_each(|item| walk(item, visit)),
            Value::Object(members) => members.values().for_each(|member| walk(member, visit)),
            _ => {}
        }
    }
    let mut statements: BTreeSet<String> = BTreeSet::new();
    walk(document, &mut |value| {
        if let Some(reference) = value.get("$ref").and_then(Value::as_str) {
            assert!(document.pointer(&reference[1..]).is_some(), "{reference} leads nowhere");
        }
        let embedded = match value.get("payloadType").and_then(Value::as_str) {
            Some(_) => {
                let Ok(bytes) = Base64::decode_vec(value["payload"].as_str().unwrap()) else { return };
                let statement: Value = serde_json::from_slice(&bytes).unwrap();
                let kind = statement["predicateType"].as_str().unwrap().split('/').nth(4).unwrap().to_owned();
                let name = format!("{}{}Statement", kind[..1].to_uppercase(), &kind[1..]);
                statements.insert(name.clone());
                Some((name, statement))
            }
            None => {
                let entry = value.get("entry").and_then(Value::as_str);
                let view = value.get("view").and_then(Value::as_str);
                entry
                    .map(|text| ("Entry", text))
                    .or(view.map(|text| ("View", text)))
                    .and_then(|(name, text)| serde_json::from_str(text).ok().map(|value| (name.to_owned(), value)))
            }
        };
        let Some((name, embedded)) = embedded else { return };
        let schema = json!({ "components": document["components"], "$ref": format!("#/components/schemas/{name}") });
        let validator = jsonschema::validator_for(&schema).unwrap();
        let faults: Vec<String> =
            validator.iter_errors(&embedded).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert!(faults.is_empty(), "{name}: {faults:#?}");
    });
    let all = ["DecisionStatement", "DirectoryStatement", "ExecutionStatement", "HandoffStatement", "OutcomeStatement"];
    assert_eq!(statements.iter().map(String::as_str).collect::<Vec<_>>(), all);
}

#[tokio::test]
async fn generated_openapi_is_current() {
    let mut examples = record().await;
    examples.extend(problems::record().await);
    let operations = route::operations();
    let document = openapi::document(&operations, &examples);
    let components = &document["components"];
    for (method, path, operation) in &operations {
        let described = &document["paths"][path][method.to_lowercase()];
        let mut bodies = vec![(&described["requestBody"]["content"], format!("{}.request", operation.id))];
        for answer in &operation.answers {
            let status = answer.status.as_str();
            bodies.push((&described["responses"][status]["content"], format!("{}.{status}", operation.id)));
        }
        for (content, name) in bodies {
            let Some(body) = content.as_object().and_then(|content| content.values().next()) else { continue };
            let example = &body["example"];
            assert!(!example.is_null(), "{name} has an example");
            let schema = json!({ "components": components, "allOf": [body["schema"]] });
            let validator = jsonschema::validator_for(&schema).unwrap_or_else(|error| panic!("{name}: {error}"));
            let faults: Vec<String> =
                validator.iter_errors(example).map(|error| format!("{}: {error}", error.instance_path())).collect();
            assert!(faults.is_empty(), "{name}: {faults:#?}");
        }
        for param in &operation.params {
            let validator = jsonschema::validator_for(&param.schema).unwrap();
            assert!(validator.is_valid(&param.example), "{}: example of {}", operation.id, param.name);
        }
    }
    check_problems(&operations, &examples, &document);
    check_embedded(&document);
    let unknown: Vec<&String> = examples
        .keys()
        .filter(|name| *name != "outcomeFormed.request")
        .filter(|name| operations.iter().all(|(_, _, operation)| !name.starts_with(&format!("{}.", operation.id))))
        .collect();
    assert!(unknown.is_empty(), "{unknown:?}");
    check_generated(&repository().join("gateway/examples.json"), &Value::Object(examples));
    check_generated(&repository().join("docs/openapi.json"), &document);
}

#[tokio::test]
async fn router_document_and_files_name_the_same_endpoints() {
    let world = World::new().await;
    let document: Value = world.send("GET", "/openapi.json", None, Vec::new()).await.ok();
    let mut documented = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            documented.insert((method.to_uppercase(), path.clone()));
        }
    }
    let declared: BTreeSet<_> =
        route::endpoints().iter().map(|endpoint| (endpoint.method.to_owned(), endpoint.path.to_owned())).collect();
    assert_eq!(documented, declared);
    // What is documented answers, with every other method it does not.
    let paths: BTreeSet<&String> = documented.iter().map(|(_, path)| path).collect();
    for path in paths {
        let address = path.replace("{id}", "0199a1c2-5b7e-7c3d-9a10-2f4b6c8d0e12").replace(['{', '}'], "");
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
            let reply = world.send(method, &address, None, Vec::new()).await;
            let is_documented = documented.contains(&(method.to_owned(), path.clone()));
            let is_served = reply.status != StatusCode::METHOD_NOT_ALLOWED;
            assert_eq!(is_served, is_documented, "{method} {path}: {}", reply.text());
        }
    }
    assert_eq!(world.send("GET", "/v1/unknown", None, Vec::new()).await.problem(), (404, "not-found".to_owned()));

    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/route");
    let files: BTreeSet<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    let named: BTreeSet<String> = route::FILES.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(files, named, "one endpoint per file, and each file in the table");
    let ids: BTreeSet<&str> = route::operations().iter().map(|(_, _, operation)| operation.id).collect();
    assert_eq!(ids.len(), declared.len(), "operation ids are unique");
}

#[tokio::test]
async fn every_address_but_the_public_ones_wants_credentials() {
    let world = World::new().await;
    for (method, path, operation) in route::operations() {
        let address = path.replace("{id}", "0199a1c2-5b7e-7c3d-9a10-2f4b6c8d0e12").replace(['{', '}'], "");
        let body = if method == "POST" { b"{}".to_vec() } else { Vec::new() };
        let reply = world.send(method, &address, None, body).await;
        let is_refused = reply.status == StatusCode::UNAUTHORIZED;
        assert_eq!(is_refused, operation.access != openapi::Access::Public, "{method} {path}: {}", reply.text());
    }
}
