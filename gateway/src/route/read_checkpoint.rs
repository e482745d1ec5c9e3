//! `GET /v1/ledger/checkpoint`: the newest signed head.

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use seamark_contracts::problem::ErrorCode;

use super::Endpoint;
use crate::openapi::{Access, Operation};
use crate::problem::Failure;
use crate::state::Shared;

pub(crate) fn endpoint() -> Endpoint {
    let operation = Operation::new("readCheckpoint", "ledger", Access::Public, "The newest signed head of the ledger")
        .says("A C2SP signed note. Each commit of the gateway fixes the root of its size first, so there is one checkpoint per size, for ever; lines of outside witnesses may be added to it.")
        .gives_text("text/plain", "The checkpoint.")
        .fails(StatusCode::NOT_FOUND, ErrorCode::NotFound);
    Endpoint { method: "GET", path: "/v1/ledger/checkpoint", handler: get(handle), operation }
}

async fn handle(State(shared): State<Shared>) -> Result<Response, Failure> {
    let mut connection = shared.database.read().await?;
    let newest = shared.newest_checkpoint(&mut connection).await.map_err(Failure::internal)?;
    let (row, _) = newest.ok_or_else(|| Failure::not_found("checkpoint"))?;
    let note = shared.witnessed_checkpoint(&mut connection, &row).await.map_err(Failure::internal)?;
    Ok(([(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"))], note).into_response())
}
