//! `POST /v1/directory`: the root has signed.

use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::routing::post;
use seamark_contracts::api::directory::AcceptedDirectory;
use seamark_contracts::api::embedded::DirectoryEnvelope;
use seamark_contracts::problem::ErrorCode;
use seamark_contracts::strict_json;
use seamark_ledger::directory::{ENVELOPE_LIMITS, MAX_ENVELOPE_BYTES};

use super::{Endpoint, Json, Received};
use crate::directory;
use crate::openapi::{Access, Operation};
use crate::problem::{Failure, malformed};
use crate::state::Shared;

pub(crate) fn endpoint() -> Endpoint {
    let operation = Operation::new("acceptDirectory", "gateway", Access::Public, "Send a signed directory")
        .says(
            "The root's signature is the only credential. The payload is the proposal of this moment byte for byte, or that with \
             `nextRoot` besides. The same directory again gets the same answer; any other one is 409, and nothing was taken over.",
        )
        .takes::<DirectoryEnvelope>()
        .gives::<AcceptedDirectory>(StatusCode::OK, "It is the newest directory.")
        .fails(StatusCode::FORBIDDEN, ErrorCode::Forbidden)
        .fails(StatusCode::CONFLICT, ErrorCode::DirectoryStale);
    let handler = post(handle).layer(DefaultBodyLimit::max(MAX_ENVELOPE_BYTES));
    Endpoint { method: "POST", path: "/v1/directory", handler, operation }
}

async fn handle(
    State(shared): State<Shared>,
    Received(bytes): Received<MAX_ENVELOPE_BYTES>,
) -> Result<Json<AcceptedDirectory>, Failure> {
    let envelope = strict_json::parse_typed(&bytes, &ENVELOPE_LIMITS).map_err(malformed)?;
    directory::accept(&shared, envelope).await.map(Json)
}
