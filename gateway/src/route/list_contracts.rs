//! `GET /v1/contracts`: which contract versions are published.

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use schemars::JsonSchema;
use seamark_contracts::clock::Timestamp;
use seamark_contracts::digest::Digest;
use serde::Serialize;

use super::{Endpoint, Json};
use crate::db;
use crate::openapi::{Access, Operation};
use crate::problem::Failure;
use crate::state::Shared;

/// Every published contract version, in the order of publication.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ContractList {
    contracts: Vec<PublishedContract>,
}

/// One published version.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct PublishedContract {
    name: String,
    version: String,
    /// Digest of the canonical bytes.
    digest: Digest,
    published_at: Timestamp,
}

pub(crate) fn endpoint() -> Endpoint {
    let operation = Operation::new("listContracts", "gateway", Access::Public, "Published contracts")
        .gives::<ContractList>(StatusCode::OK, "Every version.");
    Endpoint { method: "GET", path: "/v1/contracts", handler: get(handle), operation }
}

async fn handle(State(shared): State<Shared>) -> Result<Json<ContractList>, Failure> {
    let mut connection = shared.database.read().await?;
    let mut contracts = Vec::new();
    for row in db::contract::list(&mut connection).await? {
        let digest = Digest::from_bytes(db::bytes32(&row.digest, "contract", "digest", row.no)?);
        let published_at = Timestamp::from_ms(row.published_ms);
        contracts.push(PublishedContract { name: row.name, version: row.version, digest, published_at });
    }
    Ok(Json(ContractList { contracts }))
}
