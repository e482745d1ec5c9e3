//! `POST /v1/handoffs/{id}/result`: the destination says what it did, signed.

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use seamark_contracts::api::agent::ResultAnswer;
use seamark_contracts::api::embedded::ExecutionEnvelope;
use seamark_contracts::id::HandoffId;
use seamark_contracts::problem::ErrorCode;
use serde_json::Value;

use super::{At, Body, Endpoint, Json, LARGE, handoff_param};
use crate::auth::Agent;
use crate::execute;
use crate::openapi::{Access, Operation};
use crate::problem::Failure;
use crate::state::Shared;

pub(crate) fn endpoint() -> Endpoint {
    let operation = Operation::new("reportResult", "agents", Access::Agent, "Report what was done").says(
        "A DSSE envelope of an execution statement (docs/FORMATS.md, section 8), signed with an enrolled execution key. One report \
         per attempt; the same one again gets the same answer. Sent with a key that acts as the handoff's destination.",
    );
    let operation = handoff_param(operation)
        .takes_document::<ExecutionEnvelope>()
        .gives::<ResultAnswer>(StatusCode::OK, "Recorded; the reviewer sees it.")
        .fails(StatusCode::FORBIDDEN, ErrorCode::Forbidden)
        .fails(StatusCode::NOT_FOUND, ErrorCode::NotFound)
        .fails(StatusCode::FORBIDDEN, ErrorCode::EnrolmentPending)
        .fails(StatusCode::CONFLICT, ErrorCode::OutcomeExists)
        .fails(StatusCode::UNPROCESSABLE_ENTITY, ErrorCode::DecisionInvalid);
    Endpoint { method: "POST", path: "/v1/handoffs/{id}/result", handler: post(handle), operation }
}

async fn handle(
    State(shared): State<Shared>,
    agent: Agent,
    At(id): At<HandoffId>,
    Body(envelope): Body<Value, LARGE>,
) -> Result<Json<ResultAnswer>, Failure> {
    execute::report(&shared, &agent, id, &envelope).await.map(Json)
}
