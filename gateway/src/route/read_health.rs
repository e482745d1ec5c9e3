//! `GET /healthz`: whether the gateway can read its database.

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use schemars::JsonSchema;
use serde::Serialize;

use super::{Endpoint, Json};
use crate::db;
use crate::openapi::{Access, Operation};
use crate::problem::Failure;
use crate::state::Shared;

/// The gateway serves.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Health {
    /// Always `serving`.
    status: String,
    version: String,
    /// Entries in the ledger.
    ledger_size: u64,
}

pub(crate) fn endpoint() -> Endpoint {
    let operation = Operation::new("readHealth", "gateway", Access::Public, "Whether the gateway serves")
        .gives::<Health>(StatusCode::OK, "It serves.");
    Endpoint { method: "GET", path: "/healthz", handler: get(handle), operation }
}

async fn handle(State(shared): State<Shared>) -> Result<Json<Health>, Failure> {
    let mut connection = shared.database.read().await?;
    let size = db::ledger::head(&mut connection).await?.map_or(0, |head| head.size);
    let ledger_size = crate::recorded::to_u64(size, "ledger_head", "size")?;
    Ok(Json(Health { status: "serving".to_owned(), version: env!("CARGO_PKG_VERSION").to_owned(), ledger_size }))
}
