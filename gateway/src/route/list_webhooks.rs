//! `GET /v1/webhooks`: this agent's webhooks.

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use seamark_contracts::api::agent::WebhookList;

use super::{Endpoint, Json};
use crate::auth::Agent;
use crate::db;
use crate::openapi::{Access, Operation};
use crate::problem::Failure;
use crate::state::Shared;

pub(crate) fn endpoint() -> Endpoint {
    let operation = Operation::new("listWebhooks", "agents", Access::Agent, "Webhooks of this agent")
        .gives::<WebhookList>(StatusCode::OK, "Without their secrets.");
    Endpoint { method: "GET", path: "/v1/webhooks", handler: get(handle), operation }
}

async fn handle(State(shared): State<Shared>, agent: Agent) -> Result<Json<WebhookList>, Failure> {
    let mut connection = shared.database.read().await?;
    let rows = db::outbox::list_webhooks(&mut connection, agent.urn.as_str()).await?;
    let webhooks = rows.iter().map(|row| super::create_webhook::answer(&shared, row, None)).collect();
    Ok(Json(WebhookList { webhooks }))
}
