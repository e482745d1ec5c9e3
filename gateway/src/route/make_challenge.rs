//! `POST /v1/sessions/challenges`: something new to sign, so that a session can be opened.

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use seamark_contracts::api::device::{ChallengeAnswer, ChallengeRequest};

use super::{Body, Endpoint, Json};
use crate::enrol;
use crate::openapi::{Access, Operation};
use crate::problem::Failure;
use crate::state::Shared;

pub(crate) fn endpoint() -> Endpoint {
    let operation = Operation::new("makeChallenge", "reviewers", Access::Public, "Ask for a challenge")
        .says("Works for every key id, known or not, so that nothing is learned from it.")
        .takes::<ChallengeRequest>()
        .gives::<ChallengeAnswer>(StatusCode::OK, "Sign it within two minutes.");
    Endpoint { method: "POST", path: "/v1/sessions/challenges", handler: post(handle), operation }
}

async fn handle(State(shared): State<Shared>, Body(request): Body<ChallengeRequest>) -> Result<Json<ChallengeAnswer>, Failure> {
    enrol::challenge(&shared, &request).map(Json)
}
