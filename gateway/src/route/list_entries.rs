//! `GET /v1/ledger/entries`: the ledger, page by page.

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use seamark_contracts::api::ledger::EntryPage;
use seamark_contracts::problem::ErrorCode;
use serde::Deserialize;
use serde_json::json;

use super::{Asked, Endpoint, Json};
use crate::db;
use crate::openapi::{Access, Operation};
use crate::problem::Failure;
use crate::recorded::{to_i64, to_u64};
use crate::state::Shared;

const MAX_PAGE: u64 = 1_000;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Page {
    #[serde(default)]
    from: u64,
    limit: Option<u64>,
}

pub(crate) fn endpoint() -> Endpoint {
    let operation = Operation::new("listEntries", "ledger", Access::Public, "Entries of the ledger")
        .says("Entries hold no names and no payload. The leaf hash of an entry is SHA-256(0x00 and its bytes as UTF-8).")
        .query("from", "Index of the first entry.", json!({ "type": "integer", "minimum": 0, "default": 0 }), json!(0))
        .query("limit", "Most entries of the page.", json!({ "type": "integer", "minimum": 1, "maximum": 1000, "default": 1000 }), json!(3))
        .gives::<EntryPage>(StatusCode::OK, "Consecutive entries.")
        .fails(StatusCode::UNPROCESSABLE_ENTITY, ErrorCode::InvalidRequest);
    Endpoint { method: "GET", path: "/v1/ledger/entries", handler: get(handle), operation }
}

async fn handle(State(shared): State<Shared>, Asked(page): Asked<Page>) -> Result<Json<EntryPage>, Failure> {
    let limit = page.limit.unwrap_or(MAX_PAGE).clamp(1, MAX_PAGE);
    let mut connection = shared.database.read().await?;
    let Ok(from) = to_i64(page.from) else { return Ok(Json(EntryPage { entries: Vec::new(), next: None })) };
    let rows = db::ledger::list_entries(&mut connection, from, to_i64(limit)? + 1).await?;
    let mut entries = Vec::with_capacity(rows.len());
    let mut next = None;
    for row in rows {
        if entries.len() as u64 == limit {
            next = Some(to_u64(row.seq, "ledger_entry", "seq")?);
            break;
        }
        entries.push(db::parsed(String::from_utf8(row.bytes).ok(), "ledger_entry", "bytes", row.seq)?);
    }
    Ok(Json(EntryPage { entries, next }))
}
