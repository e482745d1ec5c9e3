//! `GET /v1/ledger/proofs/consistency`: that the ledger only grew.

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use seamark_contracts::api::ledger::ConsistencyProof;
use seamark_contracts::problem::ErrorCode;
use serde::Deserialize;
use serde_json::json;

use super::{Asked, Endpoint, Json};
use crate::db;
use crate::document::DocumentError;
use crate::openapi::{Access, Operation};
use crate::problem::Failure;
use crate::recorded::to_u64;
use crate::state::Shared;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Question {
    from: u64,
    to: u64,
}

pub(crate) fn endpoint() -> Endpoint {
    let operation = Operation::new("proveConsistency", "ledger", Access::Public, "Prove that the ledger only grew")
        .needs("from", "The smaller size, at least 1.", json!({ "type": "integer", "minimum": 1 }), json!(1))
        .needs("to", "The larger size.", json!({ "type": "integer", "minimum": 1 }), json!(3))
        .gives::<ConsistencyProof>(StatusCode::OK, "The proof (RFC 9162, section 2.1.4).")
        .fails(StatusCode::NOT_FOUND, ErrorCode::NotFound)
        .fails(StatusCode::UNPROCESSABLE_ENTITY, ErrorCode::InvalidRequest);
    Endpoint { method: "GET", path: "/v1/ledger/proofs/consistency", handler: get(handle), operation }
}

async fn handle(State(shared): State<Shared>, Asked(question): Asked<Question>) -> Result<Json<ConsistencyProof>, Failure> {
    let Question { from, to } = question;
    let mut connection = shared.database.read().await?;
    let head = db::ledger::head(&mut connection).await?.map_or(0, |head| head.size);
    if from == 0 || from > to || to > to_u64(head, "ledger_head", "size")? {
        return Err(Failure::not_found("ledger of these sizes"));
    }
    let proof = shared.tiles.consistency(&mut connection, from, to).await.map_err(DocumentError::from)?;
    Ok(Json(ConsistencyProof { from, to, proof: proof.iter().map(ToString::to_string).collect() }))
}
