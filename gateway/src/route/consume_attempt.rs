//! `POST /v1/handoffs/{id}/attempt`: the destination uses an attempt, once, before it acts.

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use seamark_contracts::api::agent::{ConsumeAnswer, ConsumeRequest};
use seamark_contracts::id::HandoffId;
use seamark_contracts::problem::ErrorCode;

use super::{At, Body, Endpoint, Json, handoff_param};
use crate::auth::Agent;
use crate::conclude::load_case;
use crate::execute::{Consume, Consumed};
use crate::openapi::{Access, Operation};
use crate::problem::Failure;
use crate::state::Shared;

pub(crate) fn endpoint() -> Endpoint {
    let operation = Operation::new("consumeAttempt", "agents", Access::Agent, "Use an attempt up, before acting").says(
        "With a key that acts as the handoff's destination. Call it after the delivery verified and before the action. The first call gets 200; every later one is 409, also from the \
         same caller: whoever does not know whether it acted must not act again. Outside of the approval's window it is 409 `expired`.",
    );
    let operation = handoff_param(operation)
        .takes::<ConsumeRequest>()
        .gives::<ConsumeAnswer>(StatusCode::OK, "The attempt is this caller's.")
        .fails(StatusCode::FORBIDDEN, ErrorCode::Forbidden)
        .fails(StatusCode::NOT_FOUND, ErrorCode::NotFound)
        .fails(StatusCode::CONFLICT, ErrorCode::AttemptConsumed)
        .fails(StatusCode::CONFLICT, ErrorCode::Expired)
        .fails(StatusCode::CONFLICT, ErrorCode::InvalidRequest);
    Endpoint { method: "POST", path: "/v1/handoffs/{id}/attempt", handler: post(handle), operation }
}

async fn handle(
    State(shared): State<Shared>,
    agent: Agent,
    At(id): At<HandoffId>,
    Body(request): Body<ConsumeRequest>,
) -> Result<Json<ConsumeAnswer>, Failure> {
    let mut connection = shared.database.read().await?;
    let (_, attempt) = super::read_handoff::find(&mut connection, &agent, id).await?;
    if attempt.attempt != request.attempt {
        return Err(Failure::invalid(
            "/attempt",
            "this is not the newest attempt of the handoff; read its outcome again",
        ));
    }
    let case = load_case(&shared, &mut connection, attempt).await?;
    drop(connection);
    agent.check_acts_as(&case.predicate.destination.agent)?;
    match shared.recorder.record(Consume { case, actor: agent.key_id.to_string() }).await? {
        Consumed::Done(position) => Ok(Json(ConsumeAnswer { recorded: position.to_wire() })),
        Consumed::Before => {
            let detail = "This attempt was used before. Do not act on it again; if you do not know whether you acted, report failed with phase unknown.";
            Err(Failure::new(StatusCode::CONFLICT, ErrorCode::AttemptConsumed, detail))
        }
        Consumed::NotAllowed => {
            let detail = "This attempt authorises nothing: it waits for a person, or its outcome is not approved. Nothing may be done.";
            Err(Failure::new(StatusCode::CONFLICT, ErrorCode::InvalidRequest, detail))
        }
        Consumed::Outside { window, now } => {
            let detail = format!(
                "The approval holds from {} until {}, and it is {now}. Nothing may be done. If it is still wanted, submit it as a new \
                 handoff.",
                window.not_before, window.expires_at
            );
            Err(Failure::new(StatusCode::CONFLICT, ErrorCode::Expired, detail))
        }
    }
}
