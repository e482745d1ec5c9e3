//! Problems in the document: which answer has which codes, each with an example that a gateway really gave.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::http::StatusCode;
use seamark_contracts::problem::ErrorCode;
use serde_json::{Map, Value, json};

use crate::problem::{Failure, code_text, title};
use crate::sequencer::RecordError;

/// The request id of every example.
const REQUEST_ID: &str = "req_4mHq0c1YQ0m3vK2u";

/// Where the example of a problem is kept among the recorded ones.
pub(crate) fn example_name(operation: &str, status: u16, code: ErrorCode) -> String {
    format!("{operation}.{status}.{}", code_text(code))
}

/// A problem as an example: its request id is the same everywhere.
pub(crate) fn as_example(mut problem: Value) -> Value {
    if let Some(members) = problem.as_object_mut() {
        members.insert("requestId".to_owned(), json!(REQUEST_ID));
    }
    problem
}

/// What cannot be brought about by one request of a test: the gateway's own words for it.
fn constructed(status: StatusCode, code: ErrorCode) -> Option<Value> {
    let failure = match (status, code) {
        (StatusCode::INTERNAL_SERVER_ERROR, ErrorCode::Internal) => {
            Failure::internal(std::io::Error::from(std::io::ErrorKind::Other))
        }
        (StatusCode::SERVICE_UNAVAILABLE, ErrorCode::Unavailable) => RecordError::Busy.into(),
        (StatusCode::TOO_MANY_REQUESTS, ErrorCode::Unavailable) => crate::auth::too_often(Duration::from_millis(50)),
        (StatusCode::REQUEST_TIMEOUT, ErrorCode::MalformedJson) => crate::route::too_slow(),
        (StatusCode::NOT_FOUND, ErrorCode::NotFound) => Failure::not_found("item with this id"),
        (StatusCode::METHOD_NOT_ALLOWED, ErrorCode::InvalidRequest) => crate::route::other_method(),
        _ => return None,
    };
    serde_json::to_value(failure.problem()).ok()
}

/// The example of a problem: the one recorded of this operation, else the gateway's own words, else one of another operation.
fn example(operation: &str, status: u16, code: ErrorCode, examples: &Map<String, Value>) -> Value {
    let ending = example_name("", status, code);
    let recorded = examples.get(&example_name(operation, status, code)).cloned();
    let own = || StatusCode::from_u16(status).ok().and_then(|status| constructed(status, code));
    let of_another = || examples.iter().find(|(name, _)| name.ends_with(&ending)).map(|(_, value)| value.clone());
    as_example(recorded.or_else(own).or_else(of_another).unwrap_or_default())
}

/// One response per status, with an example for each code under it.
pub(super) fn describe(
    operation: &str,
    problems: &[(StatusCode, ErrorCode)],
    schema: &Value,
    examples: &Map<String, Value>,
) -> Vec<(String, Value)> {
    let statuses: BTreeSet<u16> = problems.iter().map(|(status, _)| status.as_u16()).collect();
    let one = |status: u16| {
        let mut codes: Vec<ErrorCode> =
            problems.iter().filter(|(at, _)| at.as_u16() == status).map(|(_, code)| *code).collect();
        codes.sort_by_key(|code| code_text(*code));
        codes.dedup();
        let titles: Vec<&str> = codes.iter().map(|code| title(*code)).collect();
        let shown = |code: &ErrorCode| {
            let value = example(operation, status, *code, examples);
            (code_text(*code), json!({ "summary": title(*code), "value": value }))
        };
        let shown: Map<String, Value> = codes.iter().map(shown).collect();
        let mut response = json!({
            "description": format!("{}.", titles.join(". ")),
            "content": { "application/problem+json": { "schema": schema, "examples": shown } },
        });
        let is_retried = codes.contains(&ErrorCode::Unavailable);
        if let Some(members) = response.as_object_mut().filter(|_| is_retried) {
            let retry = json!({ "description": "Seconds to wait.", "required": true, "schema": { "type": "integer", "minimum": 1 } });
            members.insert("headers".to_owned(), json!({ "Retry-After": retry }));
        }
        (status.to_string(), response)
    };
    statuses.into_iter().map(one).collect()
}

/// What an address that is not in the document answers, and a method that an address does not have.
pub(super) fn fallbacks(schema: &Value) -> Value {
    let answer = |status: StatusCode, code, says: &str| {
        let example = as_example(constructed(status, code).unwrap_or_default());
        json!({
            "description": says,
            "content": { "application/problem+json": { "schema": schema, "example": example } },
        })
    };
    let mut other_method = answer(
        StatusCode::METHOD_NOT_ALLOWED,
        ErrorCode::InvalidRequest,
        "405. The address has no such method; `Allow` lists those that it has.",
    );
    if let Some(members) = other_method.as_object_mut() {
        let allow = json!({ "description": "The methods that there are.", "schema": { "type": "string" } });
        members.insert("headers".to_owned(), json!({ "Allow": allow }));
    }
    json!({
        "UnknownAddress": answer(
            StatusCode::NOT_FOUND,
            ErrorCode::NotFound,
            "404. Any address that this document does not have.",
        ),
        "OtherMethod": other_method,
    })
}
