//! `POST /v1/enrolments`: a person's device comes with an invitation and two keys.

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use seamark_contracts::api::device::{EnrolmentAnswer, EnrolmentRequest};
use seamark_contracts::problem::ErrorCode;

use super::{Body, Endpoint, Json};
use crate::enrol;
use crate::openapi::{Access, Operation};
use crate::problem::Failure;
use crate::state::Shared;

pub(crate) fn endpoint() -> Endpoint {
    let operation = Operation::new("enrolDevice", "reviewers", Access::Public, "Enrol a device")
        .says(
            "The code ends with the first 16 digits of the root key id: compare them with `trust.rootKeyid` before pinning it. The \
             same request again gets the same answer; another one with a used code is refused.",
        )
        .takes::<EnrolmentRequest>()
        .gives::<EnrolmentAnswer>(StatusCode::OK, "Enrolled.")
        .fails(StatusCode::FORBIDDEN, ErrorCode::InvitationInvalid)
        .fails(StatusCode::FORBIDDEN, ErrorCode::Forbidden);
    Endpoint { method: "POST", path: "/v1/enrolments", handler: post(handle), operation }
}

async fn handle(State(shared): State<Shared>, Body(request): Body<EnrolmentRequest>) -> Result<Json<EnrolmentAnswer>, Failure> {
    enrol::enrol(&shared, &request).await.map(Json)
}
