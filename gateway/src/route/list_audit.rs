//! `GET /v1/audit/reviews`: concluded reviews.

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use seamark_contracts::api::audit::AuditPage;
use seamark_contracts::problem::ErrorCode;
use serde::Deserialize;
use serde_json::json;

use super::{Asked, Endpoint, Json};
use crate::audit;
use crate::auth::Device;
use crate::openapi::{Access, Operation};
use crate::problem::Failure;
use crate::state::Shared;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Question {
    q: Option<String>,
    outcome: Option<String>,
    contract: Option<String>,
    person: Option<String>,
    from: Option<String>,
    to: Option<String>,
    after: Option<i64>,
    limit: Option<usize>,
}

pub(crate) fn endpoint() -> Endpoint {
    let text = || json!({ "type": "string" });
    let operation = Operation::new("listAudit", "audit", Access::Device, "Concluded reviews, newest first")
        .says("Those that this person's roles may decide; all of them for the role auditor.")
        .query("q", "Part of an id, a correlation id, a contract's or person's name.", text(), json!("c-8841"))
        .query("outcome", "approved, rejected, expired, withdrawn or superseded.", text(), json!("approved"))
        .query("contract", "A contract's name.", text(), json!("refund.issue"))
        .query("person", "Who decided: a urn.", text(), json!("urn:seamark:user:alice"))
        .query("from", "Closed at or after.", json!({ "type": "string", "format": "date-time" }), json!("2026-11-01T00:00:00.000Z"))
        .query("to", "Closed before.", json!({ "type": "string", "format": "date-time" }), json!("2027-01-01T00:00:00.000Z"))
        .query("after", "`next` of the page before.", text(), json!("17"))
        .query("limit", "Most reviews of the page.", json!({ "type": "integer", "minimum": 1, "maximum": 100, "default": 50 }), json!(20))
        .gives::<AuditPage>(StatusCode::OK, "A page.")
        .fails(StatusCode::UNPROCESSABLE_ENTITY, ErrorCode::InvalidRequest);
    Endpoint { method: "GET", path: "/v1/audit/reviews", handler: get(handle), operation }
}

async fn handle(State(shared): State<Shared>, device: Device, Asked(question): Asked<Question>) -> Result<Json<AuditPage>, Failure> {
    let time = |text: Option<String>, name: &str| match text {
        None => Ok(None),
        Some(text) => seamark_contracts::clock::Timestamp::parse(&text)
            .map(Some)
            .map_err(|error| Failure::invalid("", format!("{name}: {error}"))),
    };
    let filter = audit::Filter {
        words: question.q.map(|q| q.to_lowercase()),
        outcome: question.outcome,
        contract: question.contract,
        person: question.person,
        from: time(question.from, "from")?,
        to: time(question.to, "to")?,
    };
    audit::list(&shared, &device, &filter, question.after, question.limit.unwrap_or(50)).await.map(Json)
}
