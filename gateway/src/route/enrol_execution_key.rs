//! `POST /v1/execution-keys`: a destination names the key with which it signs what it did.

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use seamark_contracts::api::agent::{EnrolledKey, ExecutionKeyRequest};
use seamark_contracts::problem::ErrorCode;

use super::{Body, Endpoint, Json};
use crate::auth::Agent;
use crate::execute;
use crate::openapi::{Access, Operation};
use crate::problem::Failure;
use crate::state::Shared;

pub(crate) fn endpoint() -> Endpoint {
    let operation = Operation::new("enrolExecutionKey", "agents", Access::Agent, "Name an execution key")
        .says("For a key that acts as that agent. The directory then lists it for ever. The same key again gets the same answer; one agent has at most 16.")
        .takes::<ExecutionKeyRequest>()
        .gives::<EnrolledKey>(StatusCode::OK, "Listed.")
        .fails(StatusCode::FORBIDDEN, ErrorCode::Forbidden);
    Endpoint { method: "POST", path: "/v1/execution-keys", handler: post(handle), operation }
}

async fn handle(
    State(shared): State<Shared>,
    agent: Agent,
    Body(request): Body<ExecutionKeyRequest>,
) -> Result<Json<EnrolledKey>, Failure> {
    execute::enrol_key(&shared, &agent, &request).await.map(Json)
}
