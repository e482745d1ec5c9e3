//! `POST /v1/reviews/{id}/reveals`: one masked field, for a purpose.

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use seamark_contracts::api::reveal::{RevealAnswer, RevealRequest};
use seamark_contracts::id::ReviewId;
use seamark_contracts::problem::ErrorCode;

use super::{At, Body, Endpoint, Json, review_param};
use crate::auth::Device;
use crate::openapi::{Access, Operation};
use crate::problem::Failure;
use crate::reveal;
use crate::state::Shared;

pub(crate) fn endpoint() -> Endpoint {
    let operation = Operation::new("revealField", "reviewers", Access::Device, "Read one masked field").says(
        "The ledger entry is committed before the value leaves. For a person who may decide this review and has one of the roles of \
         the contract's `gate.reveal`, while the review is open; one field that `gate.reveal.fields` names. Whatever else is asked for \
         is refused alike and recorded. docs/FORMATS.md, section 6.4.",
    );
    let operation = review_param(operation)
        .takes::<RevealRequest>()
        .gives::<RevealAnswer>(StatusCode::OK, "Recorded; the disclosure of the field.")
        .fails(StatusCode::NOT_FOUND, ErrorCode::NotFound)
        .fails(StatusCode::FORBIDDEN, ErrorCode::Forbidden)
        .fails(StatusCode::CONFLICT, ErrorCode::AlreadyDecided)
        .fails(StatusCode::CONFLICT, ErrorCode::Expired)
        .fails(StatusCode::CONFLICT, ErrorCode::Withdrawn)
        .fails(StatusCode::CONFLICT, ErrorCode::Superseded);
    Endpoint { method: "POST", path: "/v1/reviews/{id}/reveals", handler: post(handle), operation }
}

async fn handle(
    State(shared): State<Shared>,
    device: Device,
    At(id): At<ReviewId>,
    Body(request): Body<RevealRequest>,
) -> Result<Response, Failure> {
    let answer = reveal::reveal(&shared, &device, &id.to_string(), request).await?;
    let mut response = Json(answer).into_response();
    // No cache on the way keeps it.
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}
