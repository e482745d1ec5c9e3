//! `GET /v1/directory`: the newest directory, signed by the root key.

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use seamark_contracts::api::embedded::DirectoryEnvelope;
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
        .fails(StatusCode::NOT_FOUND, seamark_contracts::problem::ErrorCode::NotFound);
    Endpoint { method: "GET", path: "/v1/directory", handler: get(handle), operation }
}

async fn handle(State(shared): State<Shared>) -> Result<Json<Value>, Failure> {
    let mut connection = shared.database.read().await?;
    let row = db::directory::newest(&mut connection).await?.ok_or_else(|| Failure::not_found("directory"))?;
    Ok(Json(document::directory(&shared, &row)))
}
