//! The OpenAPI 3.1 document, out of the same types and the same table of endpoints that serve the requests.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use axum::http::StatusCode;
use schemars::generate::{SchemaGenerator, SchemaSettings};
use schemars::{JsonSchema, Schema};
use seamark_contracts::problem::{ErrorCode, Problem};
use serde_json::{Map, Value, json};

use crate::problem::{code_text, title};

/// Who may call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    Public,
    Agent,
    Device,
}

/// Where a parameter stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Path,
    Query,
    Header,
}

/// A parameter; its values are strings or numbers.
#[derive(Clone, Debug)]
pub(crate) struct Param {
    pub(crate) name: &'static str,
    pub(crate) place: Place,
    pub(crate) is_required: bool,
    pub(crate) schema: Value,
    pub(crate) says: &'static str,
    pub(crate) example: Value,
}

type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// A body. Its example is one that a gateway really took or gave; see [`EXAMPLES`].
#[derive(Clone, Debug)]
pub(crate) struct Content {
    pub(crate) media: &'static str,
    schema: Option<SchemaOf>,
}

impl Content {
    /// JSON of a type.
    fn json<T: JsonSchema>() -> Self {
        Self { media: "application/json", schema: Some(|generator| generator.subschema_for::<T>()) }
    }
}

/// Bodies by `OPERATION.request` and `OPERATION.STATUS`, recorded by the test `recorded_examples_are_current`.
pub(crate) static EXAMPLES: LazyLock<Map<String, Value>> =
    LazyLock::new(|| serde_json::from_str(include_str!("../examples.json")).unwrap_or_default());

/// A DSSE envelope: `payload` is the statement's bytes in standard base64. See docs/FORMATS.md, section 3.
#[derive(Clone, Debug, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used; envelopes are read by the ledger crate")]
pub(crate) struct Envelope {
    payload: String,
    /// Always `application/vnd.in-toto+json`.
    payload_type: String,
    signatures: Vec<EnvelopeSignature>,
}

/// One signature of an envelope.
#[derive(Clone, Debug, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used; envelopes are read by the ledger crate")]
pub(crate) struct EnvelopeSignature {
    /// A hint: which key signed.
    keyid: Option<String>,
    /// Ed25519, 64 bytes, standard base64.
    sig: String,
}

/// One answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    says: &'static str,
    pub(crate) content: Option<Content>,
}

/// What an endpoint promises.
#[derive(Clone, Debug)]
pub(crate) struct Operation {
    pub(crate) id: &'static str,
    tag: &'static str,
    summary: &'static str,
    says: &'static str,
    pub(crate) access: Access,
    pub(crate) params: Vec<Param>,
    pub(crate) request: Option<Content>,
    pub(crate) answers: Vec<Answer>,
    problems: Vec<(StatusCode, ErrorCode)>,
}

impl Operation {
    /// An operation with the problems that every one has.
    pub(crate) fn new(id: &'static str, tag: &'static str, access: Access, summary: &'static str) -> Self {
        let mut problems = vec![
            (StatusCode::INTERNAL_SERVER_ERROR, ErrorCode::Internal),
            (StatusCode::SERVICE_UNAVAILABLE, ErrorCode::Unavailable),
        ];
        if access != Access::Public {
            problems.push((StatusCode::UNAUTHORIZED, ErrorCode::Unauthenticated));
            problems.push((StatusCode::TOO_MANY_REQUESTS, ErrorCode::Unavailable));
        }
        Self { id, tag, summary, says: "", access, params: Vec::new(), request: None, answers: Vec::new(), problems }
    }

    /// What a caller has to know beyond the summary.
    pub(crate) fn says(mut self, text: &'static str) -> Self {
        self.says = text;
        self
    }

    fn param(
        mut self,
        name: &'static str,
        place: Place,
        is_required: bool,
        says: &'static str,
        schema: Value,
        example: Value,
    ) -> Self {
        self.params.push(Param { name, place, is_required, schema, says, example });
        self
    }

    /// A part of the path.
    pub(crate) fn path(self, name: &'static str, says: &'static str, schema: Value, example: Value) -> Self {
        self.param(name, Place::Path, true, says, schema, example)
    }

    /// An optional parameter after the question mark.
    pub(crate) fn query(self, name: &'static str, says: &'static str, schema: Value, example: Value) -> Self {
        self.param(name, Place::Query, false, says, schema, example)
    }

    /// A parameter after the question mark that has to be there.
    pub(crate) fn needs(self, name: &'static str, says: &'static str, schema: Value, example: Value) -> Self {
        self.param(name, Place::Query, true, says, schema, example)
    }

    /// An optional header.
    pub(crate) fn header(self, name: &'static str, says: &'static str, schema: Value, example: Value) -> Self {
        self.param(name, Place::Header, false, says, schema, example)
    }

    /// A JSON body.
    pub(crate) fn takes<T: JsonSchema>(mut self) -> Self {
        self.request = Some(Content::json::<T>());
        self.problems.push((StatusCode::BAD_REQUEST, ErrorCode::MalformedJson));
        self.problems.push((StatusCode::PAYLOAD_TOO_LARGE, ErrorCode::TooLarge));
        self.problems.push((StatusCode::UNPROCESSABLE_ENTITY, ErrorCode::InvalidRequest));
        self
    }

    /// A JSON answer.
    pub(crate) fn gives<T: JsonSchema>(mut self, status: StatusCode, says: &'static str) -> Self {
        self.answers.push(Answer { status, says, content: Some(Content::json::<T>()) });
        self
    }

    /// An answer that is no JSON.
    pub(crate) fn gives_text(mut self, media: &'static str, says: &'static str) -> Self {
        self.answers.push(Answer { status: StatusCode::OK, says, content: Some(Content { media, schema: None }) });
        self
    }

    /// An answer without a body.
    pub(crate) fn gives_nothing(mut self, says: &'static str) -> Self {
        self.answers.push(Answer { status: StatusCode::NO_CONTENT, says, content: None });
        self
    }

    /// A problem.
    pub(crate) fn fails(mut self, status: StatusCode, code: ErrorCode) -> Self {
        self.problems.push((status, code));
        self
    }
}

/// The whole document. `operations` are `(method, path, operation)`.
pub(crate) fn document(operations: &[(&'static str, &'static str, Operation)], examples: &Map<String, Value>) -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    let mut generator = settings.into_generator();
    let problem_schema = generator.subschema_for::<Problem>().to_value();
    let mut context = Context { generator, problem_schema, examples };
    let mut paths: Map<String, Value> = Map::new();
    for (method, path, operation) in operations {
        let item = paths.entry((*path).to_owned()).or_insert_with(|| json!({}));
        if let Some(members) = item.as_object_mut() {
            members.insert(method.to_lowercase(), describe(operation, &mut context));
        }
    }
    let schemas: Map<String, Value> = context.generator.take_definitions(true);
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Seamark gateway",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "Admits handoffs between agents, asks people, and delivers provable outcomes.",
            "description": INTRODUCTION,
            "license": { "name": "AGPL-3.0-only", "identifier": "AGPL-3.0-only" },
        },
        "servers": [{ "url": "http://127.0.0.1:7480", "description": "The address that `seamark serve` printed." }],
        "tags": [
            { "name": "agents", "description": "Submit handoffs, wait for outcomes, report what was done." },
            { "name": "reviewers", "description": "Enrol a device, follow reviews, decide." },
            { "name": "audit", "description": "Look back." },
            { "name": "ledger", "description": "Verify." },
            { "name": "gateway", "description": "What this gateway is." },
        ],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "agentKey": { "type": "http", "scheme": "bearer", "description": "An agent key, `smk_...`, from `seamark agent-key create`." },
                "session": { "type": "http", "scheme": "bearer", "description": "A session token, `sms_...`, from `POST /v1/sessions`." },
            },
        },
    })
}

const INTRODUCTION: &str = "Every body is JSON in UTF-8 without duplicate names, floating point numbers or integers beyond 2^53 - 1; \
     a fractional number in a submission becomes a string. Times are `YYYY-MM-DDTHH:MM:SS.sssZ`. Unknown fields are refused. Every \
     error is an RFC 9457 problem whose `code` programs switch on. What is signed, how it is hashed and how it is verified is in \
     docs/FORMATS.md; this document and that one are enough to write a client, a reviewer's desk and a verifier.";

struct Context<'e> {
    generator: SchemaGenerator,
    problem_schema: Value,
    examples: &'e Map<String, Value>,
}

fn describe(operation: &Operation, context: &mut Context<'_>) -> Value {
    let mut members = Map::new();
    members.insert("operationId".to_owned(), json!(operation.id));
    members.insert("tags".to_owned(), json!([operation.tag]));
    members.insert("summary".to_owned(), json!(operation.summary));
    if !operation.says.is_empty() {
        members.insert("description".to_owned(), json!(operation.says));
    }
    let security = match operation.access {
        Access::Public => json!([]),
        Access::Agent => json!([{ "agentKey": [] }]),
        Access::Device => json!([{ "session": [] }]),
    };
    members.insert("security".to_owned(), security);
    if !operation.params.is_empty() {
        let params: Vec<Value> = operation.params.iter().map(describe_param).collect();
        members.insert("parameters".to_owned(), Value::Array(params));
    }
    if let Some(request) = &operation.request {
        let content = describe_content(request, operation.id, "request", context);
        members.insert("requestBody".to_owned(), json!({ "required": true, "content": content }));
    }
    let mut responses = Map::new();
    for answer in &operation.answers {
        let mut response = json!({ "description": answer.says });
        if let (Some(content), Some(response)) = (&answer.content, response.as_object_mut()) {
            let content = describe_content(content, operation.id, answer.status.as_str(), context);
            response.insert("content".to_owned(), content);
        }
        responses.insert(answer.status.as_str().to_owned(), response);
    }
    for (status, response) in describe_problems(&operation.problems, &context.problem_schema) {
        responses.insert(status, response);
    }
    members.insert("responses".to_owned(), Value::Object(responses));
    Value::Object(members)
}

fn describe_param(param: &Param) -> Value {
    let place = match param.place {
        Place::Path => "path",
        Place::Query => "query",
        Place::Header => "header",
    };
    json!({
        "name": param.name,
        "in": place,
        "required": param.is_required,
        "description": param.says,
        "schema": param.schema,
        "example": param.example,
    })
}

fn describe_content(content: &Content, id: &str, part: &str, context: &mut Context<'_>) -> Value {
    let schema = match content.schema {
        Some(schema) => schema(&mut context.generator).to_value(),
        None => json!({ "type": "string" }),
    };
    let example = context.examples.get(&format!("{id}.{part}")).cloned().unwrap_or_default();
    json!({ content.media: { "schema": schema, "example": example } })
}

/// One response per status, with an example for each code under it.
fn describe_problems(problems: &[(StatusCode, ErrorCode)], schema: &Value) -> Vec<(String, Value)> {
    let statuses: BTreeSet<u16> = problems.iter().map(|(status, _)| status.as_u16()).collect();
    let one = |status: u16| {
        let mut codes: Vec<ErrorCode> =
            problems.iter().filter(|(at, _)| at.as_u16() == status).map(|(_, code)| *code).collect();
        codes.sort_by_key(|code| code_text(*code));
        codes.dedup();
        let titles: Vec<&str> = codes.iter().map(|code| title(*code)).collect();
        let example = |code: &ErrorCode| (code_text(*code), json!({ "value": example_problem(status, *code) }));
        let examples: Map<String, Value> = codes.iter().map(example).collect();
        let content = json!({ "application/problem+json": { "schema": schema, "examples": examples } });
        (status.to_string(), json!({ "description": format!("{}.", titles.join(". ")), "content": content }))
    };
    statuses.into_iter().map(one).collect()
}

fn example_problem(status: u16, code: ErrorCode) -> Value {
    let mut problem = json!({
        "type": format!("https://seamark.dev/problems/{}", code_text(code)),
        "code": code_text(code),
        "title": title(code),
        "status": status,
        "detail": "What it means and what to do next, in a sentence or two.",
        "requestId": "req_4mHq0c1YQ0m3vK2u",
    });
    let Some(members) = problem.as_object_mut() else { return problem };
    match code {
        ErrorCode::InvalidHandoff => {
            let message = "a decimal number written as a string is expected";
            members.insert(
                "violations".to_owned(),
                json!([{ "pointer": "/payload/amount", "rule": "schema", "message": message }]),
            );
        }
        ErrorCode::Unavailable => {
            members.insert("retryAfterMs".to_owned(), json!(1000));
        }
        ErrorCode::HandoffIdReused => {
            let digest = "5b1f0f6f4e5d1f6a7f1f4b8d3c0f5f5d1e7a5a8e2c9f4e3b6d7c8a9b0c1d2e3f";
            members.insert("storedDigest".to_owned(), json!(digest));
        }
        _ => {}
    }
    problem
}
