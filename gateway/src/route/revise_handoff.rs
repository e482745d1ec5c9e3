//! `POST /v1/handoffs/{id}/revisions`: the submitter changes the content of an open handoff.

use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::post;
use seamark_contracts::admission::MAX_SUBMISSION_BYTES;
use seamark_contracts::api::agent::HandoffAnswer;
use seamark_contracts::handoff::Submission;
use seamark_contracts::id::HandoffId;
use seamark_contracts::problem::ErrorCode;

use super::{At, Endpoint, Received, handoff_param};
use crate::admit;
use crate::auth::Agent;
use crate::openapi::{Access, Operation};
use crate::problem::Failure;
use crate::state::Shared;

pub(crate) fn endpoint() -> Endpoint {
    let operation = Operation::new("reviseHandoff", "agents", Access::Agent, "Change an open handoff").says(
        "A full submission with the same handoff id. The open attempt ends superseded, and what was decided on it never counts for \
         the new one. The same bytes again change nothing.",
    );
    let operation = handoff_param(operation)
        .takes::<Submission>()
        .gives::<HandoffAnswer>(StatusCode::CREATED, "The new revision is admitted.")
        .gives::<HandoffAnswer>(StatusCode::OK, "These bytes were sent before.")
        .fails(StatusCode::FORBIDDEN, ErrorCode::Forbidden)
        .fails(StatusCode::NOT_FOUND, ErrorCode::NotFound)
        .fails(StatusCode::CONFLICT, ErrorCode::OutcomeExists)
        .fails(StatusCode::UNPROCESSABLE_ENTITY, ErrorCode::InvalidHandoff)
        .fails(StatusCode::UNPROCESSABLE_ENTITY, ErrorCode::UnknownContract);
    let handler = post(handle).layer(DefaultBodyLimit::max(MAX_SUBMISSION_BYTES));
    Endpoint { method: "POST", path: "/v1/handoffs/{id}/revisions", handler, operation }
}

async fn handle(
    State(shared): State<Shared>,
    agent: Agent,
    At(id): At<HandoffId>,
    Received(bytes): Received<MAX_SUBMISSION_BYTES>,
) -> Result<Response, Failure> {
    Ok(super::submit_handoff::answer(admit::revise(&shared, &agent, id, &bytes).await?))
}
