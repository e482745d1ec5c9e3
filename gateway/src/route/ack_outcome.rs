//! `POST /v1/handoffs/{id}/outcome/ack`: the orchestrator has the outcome.

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use seamark_contracts::api::agent::HandoffAnswer;
use seamark_contracts::id::HandoffId;
use seamark_contracts::problem::ErrorCode;

use super::{At, Endpoint, Json, handoff_param};
use crate::auth::Agent;
use crate::conclude::load_case;
use crate::deliver::Acknowledge;
use crate::openapi::{Access, Operation};
use crate::problem::Failure;
use crate::state::Shared;
use crate::{db, document};

pub(crate) fn endpoint() -> Endpoint {
    let operation = Operation::new("acknowledgeOutcome", "agents", Access::Agent, "Acknowledge the outcome")
        .says("The reviewer then sees Delivered. Repeating it changes nothing.");
    let operation = handoff_param(operation)
        .gives::<HandoffAnswer>(StatusCode::OK, "Acknowledged.")
        .fails(StatusCode::NOT_FOUND, ErrorCode::NotFound)
        .fails(StatusCode::CONFLICT, ErrorCode::InvalidRequest);
    Endpoint { method: "POST", path: "/v1/handoffs/{id}/outcome/ack", handler: post(handle), operation }
}

async fn handle(State(shared): State<Shared>, agent: Agent, At(id): At<HandoffId>) -> Result<Json<HandoffAnswer>, Failure> {
    let mut connection = shared.database.read().await?;
    let (handoff, attempt) = super::read_handoff::find(&mut connection, &agent, id).await?;
    if attempt.state == "open" {
        let detail = "There is no outcome yet that could be acknowledged. Wait for it at /v1/handoffs/{id}/outcome.";
        return Err(Failure::new(StatusCode::CONFLICT, ErrorCode::InvalidRequest, detail));
    }
    let no = attempt.no;
    let case = load_case(&shared, &mut connection, attempt).await?;
    drop(connection);
    shared.recorder.record(Acknowledge { case, actor: agent.key_id.to_string(), via: "ack" }).await?;
    let mut connection = shared.database.read().await?;
    let attempt = db::parsed(db::attempt::load(&mut connection, no).await?, "attempt", "no", no)?;
    Ok(Json(document::answer(&mut connection, &handoff, &attempt, true).await?))
}
