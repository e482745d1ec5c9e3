//! `GET /v1/trust`: what a verifier pins, once, over a channel it trusts.

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use seamark_contracts::api::ledger::Trust;

use super::{Endpoint, Json};
use crate::openapi::{Access, Operation};
use crate::problem::Failure;
use crate::state::Shared;

pub(crate) fn endpoint() -> Endpoint {
    let operation = Operation::new("readTrust", "gateway", Access::Public, "What a verifier pins")
        .says("Root key and ledger key. Compare the root key id over another channel before pinning it; everything else is verified against it.")
        .gives::<Trust>(StatusCode::OK, "The keys.");
    Endpoint { method: "GET", path: "/v1/trust", handler: get(handle), operation }
}

async fn handle(State(shared): State<Shared>) -> Result<Json<Trust>, Failure> {
    let mut connection = shared.database.read().await?;
    Ok(Json(shared.trust(&mut connection).await?))
}
