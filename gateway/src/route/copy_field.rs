//! `POST /v1/reviews/{id}/reveals/{revealId}/copied`: a revealed value is about to be copied.

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use seamark_contracts::api::reveal::CopiedAnswer;
use seamark_contracts::id::{RevealId, ReviewId};
use seamark_contracts::problem::ErrorCode;
use serde_json::json;

use super::{At, Endpoint, Json, review_param};
use crate::auth::Device;
use crate::openapi::{Access, Operation};
use crate::problem::Failure;
use crate::state::Shared;
use crate::{document, reveal};

pub(crate) fn endpoint() -> Endpoint {
    let operation = Operation::new("copyField", "reviewers", Access::Device, "A revealed value is copied").says(
        "Send it before the value is put on the clipboard. Within a minute of the reveal, by the device that asked for it. Repeating it \
         gets the same answer.",
    );
    let schema = json!({ "type": "string", "format": "uuid" });
    let operation = review_param(operation)
        .path("revealId", "The id of the reveal.", schema, json!("0199a1c5-3b1f-7a2e-9c43-5d7e9fa1b345"))
        .gives::<CopiedAnswer>(StatusCode::OK, "Recorded.")
        .fails(StatusCode::NOT_FOUND, ErrorCode::NotFound);
    Endpoint { method: "POST", path: "/v1/reviews/{id}/reveals/{revealId}/copied", handler: post(handle), operation }
}

async fn handle(
    State(shared): State<Shared>,
    device: Device,
    At((id, reveal_id)): At<(ReviewId, RevealId)>,
) -> Result<Json<CopiedAnswer>, Failure> {
    let no = reveal::copied(&shared, &device, &id.to_string(), &reveal_id.to_string()).await?;
    let mut connection = shared.database.read().await?;
    Ok(Json(CopiedAnswer { recorded: document::position(&mut connection, no).await? }))
}
