//! `GET /v1/directory`: the newest directory, signed by the root key.

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use seamark_contracts::api::embedded::DirectoryEnvelope;
use seamark_contracts::problem::ErrorCode;
use serde_json::Value;

use super::{Endpoint, Json};
use crate::openapi::{Access, Operation};
use crate::problem::Failure;
use crate::state::Shared;
use crate::{db, document};

pub(crate) fn endpoint() -> Endpoint {
    let operation = Operation::new("readDirectory", "gateway", Access::Public, "Persons, agents and keys, signed")
        .says("A DSSE envelope of a directory statement (docs/FORMATS.md, section 8). Verify it against the pinned root key.")
        .gives::<DirectoryEnvelope>(StatusCode::OK, "The newest directory.")
        .fails(StatusCode::NOT_FOUND, ErrorCode::NotFound);
    Endpoint { method: "GET", path: "/v1/directory", handler: get(handle), operation }
}

async fn handle(State(shared): State<Shared>) -> Result<Json<Value>, Failure> {
    let mut connection = shared.database.read().await?;
    let row = db::directory::newest(&mut connection).await?.ok_or_else(none)?;
    Ok(Json(document::directory(&row)?))
}

/// Nothing is signed yet.
pub(super) fn none() -> Failure {
    let detail = "The organisation has signed no directory of this gateway yet. Whoever holds its root runs `seamark org sign`.";
    Failure::new(StatusCode::NOT_FOUND, ErrorCode::NotFound, detail)
}
