//! `POST /v1/handoffs/{id}/withdraw`: the submitter takes a handoff back.

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use seamark_contracts::api::agent::{HandoffAnswer, WithdrawRequest};
use seamark_contracts::id::HandoffId;
use seamark_contracts::problem::ErrorCode;

use super::{At, Body, Endpoint, Json, handoff_param};
use crate::auth::Agent;
use crate::conclude::{Withdraw, Withdrawn, load_case};
use crate::openapi::{Access, Operation};
use crate::problem::Failure;
use crate::state::Shared;
use crate::{db, document};

pub(crate) fn endpoint() -> Endpoint {
    let operation = Operation::new("withdrawHandoff", "agents", Access::Agent, "Withdraw a handoff")
        .says("Only while no outcome exists. Repeating it changes nothing.");
    let operation = handoff_param(operation)
        .takes::<WithdrawRequest>()
        .gives::<HandoffAnswer>(StatusCode::OK, "Withdrawn.")
        .fails(StatusCode::NOT_FOUND, ErrorCode::NotFound)
        .fails(StatusCode::FORBIDDEN, ErrorCode::Forbidden)
        .fails(StatusCode::CONFLICT, ErrorCode::OutcomeExists);
    Endpoint { method: "POST", path: "/v1/handoffs/{id}/withdraw", handler: post(handle), operation }
}

async fn handle(
    State(shared): State<Shared>,
    agent: Agent,
    At(id): At<HandoffId>,
    Body(request): Body<WithdrawRequest>,
) -> Result<Json<HandoffAnswer>, Failure> {
    if !(1..=500).contains(&request.reason.chars().count()) {
        return Err(Failure::invalid("/reason", "the reason has 1 to 500 characters"));
    }
    agent.check_hands_over()?;
    // An escalation may open a new attempt between reading and writing; then that one is withdrawn.
    for _ in 0..3 {
        let mut connection = shared.database.read().await?;
        let handoff = db::handoff::find(&mut connection, agent.urn.as_str(), &id.to_string()).await?;
        let handoff = handoff.ok_or_else(|| Failure::not_found("handoff of this agent"))?;
        let attempt = db::parsed(db::attempt::newest(&mut connection, handoff.no).await?, "handoff", "no", handoff.no)?;
        if !matches!(attempt.state.as_str(), "open" | "withdrawn") {
            return Err(too_late());
        }
        let no = attempt.no;
        let case = load_case(&shared, &mut connection, attempt).await?;
        drop(connection);
        let change =
            Withdraw { shared: shared.clone(), case, actor: agent.key_id.to_string(), reason: request.reason.clone() };
        if shared.recorder.record(change).await? != Withdrawn::TooLate {
            let mut connection = shared.database.read().await?;
            let attempt = db::parsed(db::attempt::load(&mut connection, no).await?, "attempt", "no", no)?;
            return Ok(Json(document::answer(&mut connection, &handoff, &attempt, true).await?));
        }
    }
    Err(too_late())
}

fn too_late() -> Failure {
    let detail = "The handoff has its outcome, or passed without a gate; it cannot be taken back any more. Read its outcome.";
    Failure::new(StatusCode::CONFLICT, ErrorCode::OutcomeExists, detail)
}
