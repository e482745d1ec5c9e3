//! `POST /v1/sessions`: a device proves that it holds its key.

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use seamark_contracts::api::device::{SessionAnswer, SessionRequest};
use seamark_contracts::problem::ErrorCode;

use super::{Body, Endpoint, Json};
use crate::enrol;
use crate::openapi::{Access, Operation};
use crate::problem::Failure;
use crate::state::Shared;

pub(crate) fn endpoint() -> Endpoint {
    let operation = Operation::new("openSession", "reviewers", Access::Public, "Open a session")
        .says("`proof` is the device key's Ed25519 signature over the ASCII text `seamark-session/v1`, a line feed, the ledger's origin (`/v1/trust`), a line feed and the challenge.")
        .takes::<SessionRequest>()
        .gives::<SessionAnswer>(StatusCode::OK, "Send the token as bearer token, for twelve hours.")
        .fails(StatusCode::UNAUTHORIZED, ErrorCode::Unauthenticated)
        .fails(StatusCode::FORBIDDEN, ErrorCode::AccessEnded);
    Endpoint { method: "POST", path: "/v1/sessions", handler: post(handle), operation }
}

async fn handle(State(shared): State<Shared>, Body(request): Body<SessionRequest>) -> Result<Json<SessionAnswer>, Failure> {
    enrol::open_session(&shared, &request).await.map(Json)
}
