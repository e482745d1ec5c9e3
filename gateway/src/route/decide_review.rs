//! `POST /v1/reviews/{id}/decisions`: a person's signed answer.

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use seamark_contracts::api::review::{DecisionAnswer, DecisionRequest};
use seamark_contracts::id::ReviewId;
use seamark_contracts::problem::ErrorCode;

use super::{At, Body, Endpoint, Json, LARGE, review_param};
use crate::auth::Device;
use crate::decide;
use crate::openapi::{Access, Operation};
use crate::problem::Failure;
use crate::state::Shared;
use crate::{db, document};

pub(crate) fn endpoint() -> Endpoint {
    let operation = Operation::new("decideReview", "reviewers", Access::Device, "Decide").says(
        "A DSSE envelope of a decision statement (docs/FORMATS.md, section 6) with the view it names. A decision that comes late is \
         recorded and answered with `counted: false` and why. The same decision again, or another one of the same person, gets the \
         first one's answer.",
    );
    let operation = review_param(operation)
        .takes::<DecisionRequest>()
        .gives::<DecisionAnswer>(StatusCode::OK, "Recorded.")
        .fails(StatusCode::NOT_FOUND, ErrorCode::NotFound)
        .fails(StatusCode::FORBIDDEN, ErrorCode::NotCandidate)
        .fails(StatusCode::FORBIDDEN, ErrorCode::EnrolmentPending)
        .fails(StatusCode::UNPROCESSABLE_ENTITY, ErrorCode::DecisionInvalid);
    Endpoint { method: "POST", path: "/v1/reviews/{id}/decisions", handler: post(handle), operation }
}

async fn handle(
    State(shared): State<Shared>,
    device: Device,
    At(id): At<ReviewId>,
    Body(request): Body<DecisionRequest, LARGE>,
) -> Result<Json<DecisionAnswer>, Failure> {
    let row = decide::decide(&shared, &device, &id.to_string(), &request.envelope, &request.view).await?;
    let mut connection = shared.database.read().await?;
    let attempt = db::parsed(db::attempt::load(&mut connection, row.attempt).await?, "attempt", "no", row.attempt)?;
    let review = document::review(&shared, &mut connection, &attempt).await?;
    let review = review.ok_or_else(|| Failure::not_found("review"))?;
    Ok(Json(DecisionAnswer { decision: document::decision_summary(&row)?, review }))
}
