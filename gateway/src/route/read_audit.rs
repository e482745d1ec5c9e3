//! `GET /v1/audit/reviews/{id}`: everything recorded about one review.

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use seamark_contracts::api::audit::AuditRecord;
use seamark_contracts::id::ReviewId;
use seamark_contracts::problem::ErrorCode;

use super::{At, Endpoint, Json, review_param};
use crate::audit;
use crate::auth::Device;
use crate::openapi::{Access, Operation};
use crate::problem::Failure;
use crate::state::Shared;

pub(crate) fn endpoint() -> Endpoint {
    let operation = review_param(Operation::new("readAudit", "audit", Access::Device, "Everything recorded about one review"))
        .says("Enough to verify it against the pinned keys: statements, views, entries with proofs, checkpoint, directory, contract.")
        .gives::<AuditRecord>(StatusCode::OK, "The record.")
        .fails(StatusCode::NOT_FOUND, ErrorCode::NotFound);
    Endpoint { method: "GET", path: "/v1/audit/reviews/{id}", handler: get(handle), operation }
}

async fn handle(State(shared): State<Shared>, device: Device, At(id): At<ReviewId>) -> Result<Json<AuditRecord>, Failure> {
    audit::read(&shared, &device, &id.to_string()).await.map(Json)
}
