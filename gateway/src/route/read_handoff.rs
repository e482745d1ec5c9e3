//! `GET /v1/handoffs/{id}`: where a handoff stands.

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use seamark_contracts::api::agent::HandoffAnswer;
use seamark_contracts::id::HandoffId;
use seamark_contracts::problem::ErrorCode;
use crate::db::SqliteConnection;

use super::{At, Endpoint, Json, handoff_param};
use crate::admit;
use crate::auth::Agent;
use crate::db::attempt::AttemptRow;
use crate::db::handoff::HandoffRow;
use crate::openapi::{Access, Operation};
use crate::problem::Failure;
use crate::state::Shared;
use crate::{db, document};

pub(crate) fn endpoint() -> Endpoint {
    let operation = Operation::new("readHandoff", "agents", Access::Agent, "Where a handoff stands")
        .says("For the agent that submitted it and for its destination, or a key that acts for that one.");
    let operation = handoff_param(operation)
        .gives::<HandoffAnswer>(StatusCode::OK, "The newest attempt.")
        .fails(StatusCode::NOT_FOUND, ErrorCode::NotFound);
    Endpoint { method: "GET", path: "/v1/handoffs/{id}", handler: get(handle), operation }
}

/// The handoff that this agent may read, with its newest attempt. Of several with this id its own comes first; the attempt
/// in what is asked next says which was meant.
pub(crate) async fn find(connection: &mut SqliteConnection, agent: &Agent, id: HandoffId) -> Result<(HandoffRow, AttemptRow), Failure> {
    let mut found = db::handoff::find_readable(connection, agent.urn.as_str(), &id.to_string()).await?;
    for served in agent.scope.served() {
        if found.is_none() {
            found = db::handoff::find_for(connection, served.as_str(), &id.to_string()).await?;
        }
    }
    let handoff = found.filter(|handoff| agent.may_use(&handoff.contract)).ok_or_else(|| Failure::not_found("handoff"))?;
    let attempt = db::attempt::newest(connection, handoff.no).await?;
    let attempt = db::parsed(attempt, "handoff", "no", handoff.no)?;
    Ok((handoff, attempt))
}

async fn handle(State(shared): State<Shared>, agent: Agent, At(id): At<HandoffId>) -> Result<Json<HandoffAnswer>, Failure> {
    let mut connection = shared.database.read().await?;
    match find(&mut connection, &agent, id).await {
        Ok((handoff, attempt)) => Ok(Json(document::answer(&mut connection, &handoff, &attempt, true).await?)),
        Err(not_found) => match admit::refused_answer(&mut connection, &agent.urn, &id).await? {
            Some(refused) => Ok(Json(refused)),
            None => Err(not_found),
        },
    }
}
