//! `GET /v1/directory/proposal`: what the root is asked to sign.

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use seamark_contracts::api::embedded::ProposedDirectory;
use seamark_contracts::problem::ErrorCode;

use super::Endpoint;
use crate::db;
use crate::openapi::{Access, Operation};
use crate::problem::Failure;
use crate::state::Shared;

pub(crate) fn endpoint() -> Endpoint {
    let operation = Operation::new("readProposal", "gateway", Access::Public, "The directory that waits for the root's signature")
        .says(
            "The exact bytes to sign. Believe nothing of them: whoever signs compares them with the directory that is signed, and \
             has every new person's fingerprint read out (docs/FORMATS.md, sections 1.2 and 8.2). `seamark org review` does this.",
        )
        .gives::<ProposedDirectory>(StatusCode::OK, "The canonical bytes of the statement.")
        .fails(StatusCode::NOT_FOUND, ErrorCode::NotFound);
    Endpoint { method: "GET", path: "/v1/directory/proposal", handler: get(handle), operation }
}

async fn handle(State(shared): State<Shared>) -> Result<Response, Failure> {
    let mut connection = shared.database.read().await?;
    let none = || {
        let detail = "Nothing waits for the root's signature: the newest directory holds everything.";
        Failure::new(StatusCode::NOT_FOUND, ErrorCode::NotFound, detail)
    };
    let row = db::directory::proposal(&mut connection).await?.ok_or_else(none)?;
    Ok(([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], row.statement).into_response())
}
