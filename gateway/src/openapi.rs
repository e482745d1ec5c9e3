//! The OpenAPI 3.1 document, out of the same types and the same table of endpoints that serve the requests.

use std::sync::LazyLock;

use axum::http::StatusCode;
use schemars::generate::{SchemaGenerator, SchemaSettings};
use schemars::{JsonSchema, Schema};
use seamark_contracts::problem::{ErrorCode, Problem};
use serde_json::{Map, Value, json};

mod parts;
pub(crate) mod problems;

pub(crate) use parts::StreamReset;

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

pub(crate) type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// A body. Its example is one that a gateway really took or gave; see [`EXAMPLES`].
#[derive(Clone, Debug)]
pub(crate) struct Content {
    pub(crate) media: &'static str,
    schema: Option<SchemaOf>,
    /// Of a stream: the data of each event by its name.
    events: Vec<(&'static str, SchemaOf)>,
}

/// The schema of a type, as a component.
pub(crate) fn schema_of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

impl Content {
    /// JSON of a type.
    fn json<T: JsonSchema>() -> Self {
        Self { media: "application/json", schema: Some(schema_of::<T>), events: Vec::new() }
    }
}

/// Bodies by `OPERATION.request` and `OPERATION.STATUS`, recorded by the test `recorded_examples_are_current`.
pub(crate) static EXAMPLES: LazyLock<Map<String, Value>> =
    LazyLock::new(|| serde_json::from_str(include_str!("../examples.json")).unwrap_or_default());

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
    pub(crate) problems: Vec<(StatusCode, ErrorCode)>,
}

impl Operation {
    /// An operation with the problems that every one has.
    pub(crate) fn new(id: &'static str, tag: &'static str, access: Access, summary: &'static str) -> Self {
        let mut problems = vec![
            (StatusCode::INTERNAL_SERVER_ERROR, ErrorCode::Internal),
            (StatusCode::SERVICE_UNAVAILABLE, ErrorCode::Unavailable),
            (StatusCode::TOO_MANY_REQUESTS, ErrorCode::Unavailable),
        ];
        if access != Access::Public {
            problems.push((StatusCode::UNAUTHORIZED, ErrorCode::Unauthenticated));
            problems.push((StatusCode::FORBIDDEN, ErrorCode::AccessEnded));
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
    pub(crate) fn path(mut self, name: &'static str, says: &'static str, schema: Value, example: Value) -> Self {
        self.problems.push((StatusCode::NOT_FOUND, ErrorCode::NotFound));
        self.param(name, Place::Path, true, says, schema, example)
    }

    /// An optional parameter after the question mark. Wrong and unknown ones are refused.
    pub(crate) fn query(mut self, name: &'static str, says: &'static str, schema: Value, example: Value) -> Self {
        self.problems.push((StatusCode::UNPROCESSABLE_ENTITY, ErrorCode::InvalidRequest));
        self.param(name, Place::Query, false, says, schema, example)
    }

    /// A parameter after the question mark that has to be there.
    pub(crate) fn needs(mut self, name: &'static str, says: &'static str, schema: Value, example: Value) -> Self {
        self.problems.push((StatusCode::UNPROCESSABLE_ENTITY, ErrorCode::InvalidRequest));
        self.param(name, Place::Query, true, says, schema, example)
    }

    /// An optional header.
    pub(crate) fn header(self, name: &'static str, says: &'static str, schema: Value, example: Value) -> Self {
        self.param(name, Place::Header, false, says, schema, example)
    }

    /// A JSON body whose shape the endpoint refuses as an invalid request.
    pub(crate) fn takes<T: JsonSchema>(self) -> Self {
        self.takes_document::<T>().fails(StatusCode::UNPROCESSABLE_ENTITY, ErrorCode::InvalidRequest)
    }

    /// A JSON body whose shape the endpoint judges itself.
    pub(crate) fn takes_document<T: JsonSchema>(mut self) -> Self {
        self.request = Some(Content::json::<T>());
        self.problems.push((StatusCode::BAD_REQUEST, ErrorCode::MalformedJson));
        self.problems.push((StatusCode::REQUEST_TIMEOUT, ErrorCode::MalformedJson));
        self.problems.push((StatusCode::PAYLOAD_TOO_LARGE, ErrorCode::TooLarge));
        self
    }

    /// A JSON answer.
    pub(crate) fn gives<T: JsonSchema>(mut self, status: StatusCode, says: &'static str) -> Self {
        self.answers.push(Answer { status, says, content: Some(Content::json::<T>()) });
        self
    }

    /// An answer that is no JSON.
    pub(crate) fn gives_text(mut self, media: &'static str, says: &'static str) -> Self {
        let content = Content { media, schema: None, events: Vec::new() };
        self.answers.push(Answer { status: StatusCode::OK, says, content: Some(content) });
        self
    }

    /// A stream of server-sent events, `(name, data)`.
    pub(crate) fn gives_events(mut self, says: &'static str, events: Vec<(&'static str, SchemaOf)>) -> Self {
        let content = Content { media: "text/event-stream", schema: None, events };
        self.answers.push(Answer { status: StatusCode::OK, says, content: Some(content) });
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
    let webhooks = parts::webhooks(&mut context.generator, examples);
    let mut schemas = parts::schemas(&mut context.generator);
    schemas.extend(context.generator.take_definitions(true));
    let responses = problems::fallbacks(&context.problem_schema);
    let mut schemas = Value::Object(schemas);
    parts::without_null(&mut schemas);
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Seamark gateway",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "Admits handoffs between agents, asks people, and delivers provable outcomes.",
            "description": INTRODUCTION,
            "license": { "name": "Apache License 2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "http://127.0.0.1:7600", "description": "Where `seamark serve` listens unless told otherwise; it prints its address." }],
        "tags": [
            { "name": "agents", "description": "Submit handoffs, wait for outcomes, report what was done." },
            { "name": "reviewers", "description": "Enrol a device, follow reviews, decide." },
            { "name": "audit", "description": "Look back." },
            { "name": "ledger", "description": "Verify." },
            { "name": "gateway", "description": "What this gateway is." },
        ],
        "paths": paths,
        "webhooks": webhooks,
        "components": {
            "schemas": schemas,
            "responses": responses,
            "securitySchemes": {
                "agentKey": { "type": "http", "scheme": "bearer", "description": "An agent key, `smk_...`, from `seamark agent-key create`." },
                "session": { "type": "http", "scheme": "bearer", "description": "A session token, `sms_...`, from `POST /v1/sessions`." },
            },
        },
    })
}

const INTRODUCTION: &str = "Every body is JSON in UTF-8 without duplicate names, floating point numbers or integers beyond 2^53 - 1; \
     a fractional number in a submission becomes a string. Times are `YYYY-MM-DDTHH:MM:SS.sssZ`. Unknown fields and parameters are \
     refused; what is absent is left out and never `null`. Every error is an RFC 9457 problem whose `code` programs switch on; its \
     `requestId`, which is also the header `X-Request-Id` of every answer, names it in the gateway's log. An address that is not in \
     this document answers 404 `not-found`, a method that an address does not have 405 `invalid-request` with `Allow`. A text with \
     `contentSchema` holds the document that it names: envelopes hold statements, proofs hold ledger entries. What is signed, how it \
     is hashed and how it is verified is in docs/FORMATS.md; this document and that one are enough to write an agent, a reviewer's \
     desk and a verifier.";

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
    let described = problems::describe(operation.id, &operation.problems, &context.problem_schema, context.examples);
    for (status, response) in described {
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
    let mut described = json!({ "schema": schema, "example": example });
    if let Some(members) = described.as_object_mut().filter(|_| !content.events.is_empty()) {
        let events = content.events.iter();
        let events: Map<String, Value> =
            events.map(|(name, data)| ((*name).to_owned(), data(&mut context.generator).to_value())).collect();
        members.insert("x-event-data".to_owned(), Value::Object(events));
    }
    json!({ content.media: described })
}
