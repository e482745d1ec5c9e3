//! `POST /v1/handoffs`: an agent hands over.

use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use seamark_contracts::admission::MAX_SUBMISSION_BYTES;
use seamark_contracts::api::agent::HandoffAnswer;
use seamark_contracts::handoff::Submission;
use seamark_contracts::problem::ErrorCode;

use super::{Endpoint, Json, Received};
use crate::admit;
use crate::auth::Agent;
use crate::openapi::{Access, Operation};
use crate::problem::Failure;
use crate::state::Shared;

pub(crate) fn endpoint() -> Endpoint {
    let operation = Operation::new("submitHandoff", "agents", Access::Agent, "Submit a handoff")
        .says(
            "The same bytes under the same handoff id are the same handoff for ever: 201 the first time, 200 after that, with the \
             current status. Other bytes under that id are 409. What breaks its contract is 422 with every violation; one that has not the \
             shape of a Submission lists every member that is wrong. It is kept, nobody is asked, and its id stays free.",
        )
        .takes_document::<Submission>()
        .gives::<HandoffAnswer>(StatusCode::CREATED, "Admitted: `open` waits for a person, `passed` needs none.")
        .gives::<HandoffAnswer>(StatusCode::OK, "These bytes were submitted before.")
        .fails(StatusCode::FORBIDDEN, ErrorCode::Forbidden)
        .fails(StatusCode::CONFLICT, ErrorCode::HandoffIdReused)
        .fails(StatusCode::UNPROCESSABLE_ENTITY, ErrorCode::InvalidHandoff)
        .fails(StatusCode::UNPROCESSABLE_ENTITY, ErrorCode::UnknownContract);
    let handler = post(handle).layer(DefaultBodyLimit::max(MAX_SUBMISSION_BYTES));
    Endpoint { method: "POST", path: "/v1/handoffs", handler, operation }
}

async fn handle(
    State(shared): State<Shared>,
    agent: Agent,
    Received(bytes): Received<MAX_SUBMISSION_BYTES>,
) -> Result<Response, Failure> {
    Ok(answer(admit::submit(&shared, &agent, &bytes).await?))
}

/// 201 the first time, 200 after that.
pub(crate) fn answer(received: admit::Received) -> Response {
    match received {
        admit::Received::New(answer) => (StatusCode::CREATED, Json(answer)).into_response(),
        admit::Received::Known(answer) => Json(answer).into_response(),
    }
}
