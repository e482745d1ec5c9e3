//! `GET /v1/ledger/proofs/inclusion`: that an entry is in a tree.

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use seamark_contracts::api::ledger::RecordedEntry;
use seamark_contracts::problem::ErrorCode;
use serde::Deserialize;
use serde_json::json;

use super::{Asked, Endpoint, Json};
use crate::db;
use crate::document::DocumentError;
use crate::openapi::{Access, Operation};
use crate::problem::Failure;
use crate::recorded::{to_i64, to_u64};
use crate::state::Shared;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Question {
    seq: u64,
    size: Option<u64>,
}

pub(crate) fn endpoint() -> Endpoint {
    let operation = Operation::new("proveInclusion", "ledger", Access::Public, "Prove that an entry is in the ledger")
        .needs("seq", "Index of the entry.", json!({ "type": "integer", "minimum": 0 }), json!(0))
        .query("size", "Size of the tree; the newest when absent.", json!({ "type": "integer", "minimum": 1 }), json!(3))
        .gives::<RecordedEntry>(StatusCode::OK, "The entry with its proof (RFC 9162, section 2.1.3).")
        .fails(StatusCode::NOT_FOUND, ErrorCode::NotFound)
        .fails(StatusCode::UNPROCESSABLE_ENTITY, ErrorCode::InvalidRequest);
    Endpoint { method: "GET", path: "/v1/ledger/proofs/inclusion", handler: get(handle), operation }
}

async fn handle(State(shared): State<Shared>, Asked(question): Asked<Question>) -> Result<Json<RecordedEntry>, Failure> {
    let mut connection = shared.database.read().await?;
    let head = db::ledger::head(&mut connection).await?.map_or(0, |head| head.size);
    let head = to_u64(head, "ledger_head", "size")?;
    let size = question.size.unwrap_or(head);
    if size > head || question.seq >= size {
        return Err(Failure::not_found("entry in a tree of this size"));
    }
    let entry = db::ledger::load_entry(&mut connection, to_i64(question.seq)?).await?;
    let entry = entry.ok_or_else(|| Failure::not_found("entry"))?;
    let recorded = shared.tiles.recorded(&mut connection, &entry, size).await.map_err(DocumentError::from)?;
    Ok(Json(recorded))
}
