//! `GET /v1/reviews/{id}`: one review.

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use seamark_contracts::api::review::ReviewDocument;
use seamark_contracts::id::ReviewId;
use seamark_contracts::problem::ErrorCode;

use super::{At, Endpoint, Json, review_param};
use crate::auth::Device;
use crate::decide::find_visible;
use crate::document;
use crate::openapi::{Access, Operation};
use crate::problem::Failure;
use crate::state::Shared;

pub(crate) fn endpoint() -> Endpoint {
    let operation = review_param(Operation::new("readReview", "reviewers", Access::Device, "One review"))
        .gives::<ReviewDocument>(StatusCode::OK, "As it is now.")
        .fails(StatusCode::NOT_FOUND, ErrorCode::NotFound);
    Endpoint { method: "GET", path: "/v1/reviews/{id}", handler: get(handle), operation }
}

async fn handle(State(shared): State<Shared>, device: Device, At(id): At<ReviewId>) -> Result<Json<ReviewDocument>, Failure> {
    let mut connection = shared.database.read().await?;
    let attempt = find_visible(&mut connection, &device, &id.to_string()).await?;
    let document = document::review(&shared, &mut connection, &attempt).await?;
    document.map(Json).ok_or_else(|| Failure::not_found("review"))
}
