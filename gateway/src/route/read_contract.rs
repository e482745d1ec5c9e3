//! `GET /v1/contracts/{name}/{version}`: a contract's canonical bytes.

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use seamark_contracts::contract::Contract;
use seamark_contracts::problem::ErrorCode;
use serde_json::json;

use super::{At, Endpoint};
use crate::db;
use crate::openapi::{Access, Operation};
use crate::problem::Failure;
use crate::state::Shared;

pub(crate) fn endpoint() -> Endpoint {
    let operation = Operation::new("readContract", "gateway", Access::Public, "One contract version")
        .says("The canonical bytes, exactly those that `contract.digest` of a handoff covers. They never change.")
        .path("name", "The contract's name.", json!({ "type": "string" }), json!("refund.issue"))
        .path("version", "An exact version.", json!({ "type": "string" }), json!("1.2.0"))
        .gives::<Contract>(StatusCode::OK, "The contract.")
        .fails(StatusCode::NOT_FOUND, ErrorCode::NotFound);
    Endpoint { method: "GET", path: "/v1/contracts/{name}/{version}", handler: get(handle), operation }
}

async fn handle(State(shared): State<Shared>, At((name, version)): At<(String, String)>) -> Result<Response, Failure> {
    let mut connection = shared.database.read().await?;
    let row = db::contract::find(&mut connection, &name, &version).await?.ok_or_else(|| Failure::not_found("contract version"))?;
    Ok(([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], row.canonical).into_response())
}
