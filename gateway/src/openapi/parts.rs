//! Parts of the document that no endpoint gives or takes by itself: statements, webhook pushes, stream events.

use schemars::generate::SchemaGenerator;
use schemars::{JsonSchema, Schema};
use seamark_contracts::api::agent::CloudEvent;
use seamark_contracts::decision::DecisionPredicate;
use seamark_contracts::digest::Digest;
use seamark_contracts::handoff::HandoffPredicate;
use seamark_contracts::outcome::{ExecutionPredicate, OutcomePredicate};
use seamark_ledger::directory::DirectoryPredicate;
use seamark_ledger::entry::Entry;
use serde_json::{Map, Value, json};

/// What a statement is about.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used; statements are read by the ledger crate")]
struct StatementSubject {
    /// As in `urn:seamark:handoff:ID`.
    name: String,
    digest: Digest,
}

/// Data of `event: reset` of a stream: the given position is of no use; read the state, then go on from this one.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used; streams write it as JSON")]
pub(crate) struct StreamReset {
    /// Decimal.
    position: String,
}

fn statement<P: JsonSchema>(generator: &mut SchemaGenerator, kind: &str, subjects: (usize, usize)) -> Value {
    let subject = generator.subschema_for::<StatementSubject>();
    json!({
        "description": format!("in-toto Statement v1 of kind {kind}: what the bytes of its envelope hold. docs/FORMATS.md, section 3."),
        "type": "object",
        "additionalProperties": false,
        "required": ["_type", "predicateType", "subject", "predicate"],
        "properties": {
            "_type": { "const": "https://in-toto.io/Statement/v1" },
            "predicateType": { "const": format!("https://seamark.dev/attestation/{kind}/v1") },
            "subject": { "type": "array", "minItems": subjects.0, "maxItems": subjects.1, "items": subject },
            "predicate": generator.subschema_for::<P>(),
        },
    })
}

/// Statements and entries, by the names under which envelopes and texts refer to them.
pub(super) fn schemas(generator: &mut SchemaGenerator) -> Map<String, Value> {
    let entry: Schema = Entry::json_schema(generator);
    [
        ("HandoffStatement", statement::<HandoffPredicate>(generator, "handoff", (1, 1))),
        ("DecisionStatement", statement::<DecisionPredicate>(generator, "decision", (1, 1))),
        ("OutcomeStatement", statement::<OutcomePredicate>(generator, "outcome", (1, 1))),
        ("ExecutionStatement", statement::<ExecutionPredicate>(generator, "execution", (1, 2))),
        ("DirectoryStatement", statement::<DirectoryPredicate>(generator, "directory", (1, 1))),
        ("Entry", entry.to_value()),
    ]
    .into_iter()
    .map(|(name, schema)| (name.to_owned(), schema))
    .collect()
}

/// What the gateway sends to a webhook.
pub(super) fn webhooks(generator: &mut SchemaGenerator, examples: &Map<String, Value>) -> Value {
    let event = generator.subschema_for::<CloudEvent>();
    let example = examples.get("outcomeFormed.request").cloned().unwrap_or_default();
    let header = |name: &str, says: &str, example: Value| json!({ "name": name, "in": "header", "required": true, "description": says, "schema": { "type": "string" }, "example": example });
    let id = example.get("id").cloned().unwrap_or_default();
    json!({
        "outcomeFormed": {
            "post": {
                "operationId": "outcomeFormed",
                "tags": ["agents"],
                "summary": "An outcome was formed",
                "description": "Standard Webhooks 1.0, sent to each address of `POST /v1/webhooks`; the body is the same bytes at every \
                    try. It carries no proof: read `GET /v1/handoffs/{id}/outcome` and verify that. Headers and retries: \
                    docs/FORMATS.md, section 7.4.",
                "security": [],
                "parameters": [
                    header("webhook-id", "The outcome id; the same at every try.", id),
                    header("webhook-timestamp", "Seconds since 1970-01-01T00:00:00Z of this try, decimal.", json!("1795338041")),
                    header(
                        "webhook-signature",
                        "`v1,BASE64 v1a,BASE64` over `ID.TIMESTAMP.BODY`.",
                        json!("v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4= v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg=="),
                    ),
                ],
                "requestBody": {
                    "required": true,
                    "content": { "application/cloudevents+json": { "schema": event, "example": example } },
                },
                "responses": {
                    "2XX": { "description": "Taken. The push is not sent again." },
                    "410": { "description": "No more: the webhook is switched off." },
                    "default": { "description": "Anything else, a redirect too, or no answer within 15 seconds: tried again later." },
                },
            },
        },
    })
}

/// Takes `null` out of every schema: a member that is not there is absent, and `null` is refused (docs/FORMATS.md, section 2).
pub(super) fn without_null(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(without_null),
        Value::Object(members) => {
            if members.get("default") == Some(&Value::Null) {
                members.remove("default");
            }
            if let Some(Value::Array(types)) = members.get_mut("type") {
                types.retain(|name| name != "null");
                if let [only] = types.as_slice() {
                    let only = only.clone();
                    members.insert("type".to_owned(), only);
                }
            }
            if let Some(Value::Array(choices)) = members.get_mut("anyOf") {
                choices.retain(|choice| choice != &json!({ "type": "null" }));
                if let [Value::Object(only)] = choices.as_slice() {
                    let only = only.clone();
                    members.remove("anyOf");
                    for (name, value) in only {
                        members.entry(name).or_insert(value);
                    }
                }
            }
            members.values_mut().for_each(without_null);
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
