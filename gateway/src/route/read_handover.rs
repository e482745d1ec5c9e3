//! `GET /v1/directory/handovers/{keyid}`: the directory with which a root named the one after it.

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use seamark_contracts::api::embedded::DirectoryEnvelope;
use seamark_contracts::problem::ErrorCode;
use seamark_ledger::key::PublicKey;
use serde_json::{Value, json};

use super::{At, Endpoint, Json};
use crate::openapi::{Access, Operation};
use crate::problem::Failure;
use crate::state::Shared;
use crate::{db, document};

pub(crate) fn endpoint() -> Endpoint {
    let schema = json!({ "type": "string", "pattern": "^[0-9a-f]{64}$" });
    let example = json!("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef");
    let operation = Operation::new("readHandover", "gateway", Access::Public, "How a root handed over")
        .says(
            "The directory, signed by the root with this key id, whose `nextRoot` took its place. It says who the successor is; \
             whether to pin that one is for a person to say (docs/FORMATS.md, section 8.2).",
        )
        .path("keyid", "Key id of the root that was pinned.", schema, example)
        .gives::<DirectoryEnvelope>(StatusCode::OK, "The directory.")
        .fails(StatusCode::NOT_FOUND, ErrorCode::NotFound);
    Endpoint { method: "GET", path: "/v1/directory/handovers/{keyid}", handler: get(handle), operation }
}

async fn handle(State(shared): State<Shared>, At(keyid): At<String>) -> Result<Json<Value>, Failure> {
    let mut connection = shared.database.read().await?;
    let roots = db::directory::list_roots(&mut connection).await?;
    let is_asked = |key: &[u8]| PublicKey::parse(key).is_ok_and(|key| key.id().to_string() == keyid);
    let after = roots.iter().skip_while(|row| !is_asked(&row.public_key)).nth(1);
    let none = || Failure::not_found("root with this key id that handed over");
    let row = db::directory::newest_within(&mut connection, after.ok_or_else(none)?.no + 1).await?.ok_or_else(none)?;
    Ok(Json(document::directory(&row)?))
}
