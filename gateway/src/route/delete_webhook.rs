//! `DELETE /v1/webhooks/{id}`: no more pushes to an address.

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::delete;
use seamark_contracts::problem::ErrorCode;
use seamark_ledger::entry::EntryType;
use serde_json::json;

use super::{At, Endpoint};
use crate::auth::Agent;
use crate::db::{self, StorageError};
use crate::openapi::{Access, Operation};
use crate::operate::event;
use crate::problem::Failure;
use crate::recorded::{Change, Plan};
use crate::state::Shared;

pub(crate) fn endpoint() -> Endpoint {
    let operation = Operation::new("deleteWebhook", "agents", Access::Agent, "Switch a webhook off")
        .says("What still waits for it is parked. Repeating it changes nothing.")
        .path("id", "The webhook's id.", json!({ "type": "string" }), json!("wh_0f1e2d3c4b5a69788796a5b4"))
        .gives_nothing("Off.")
        .fails(StatusCode::NOT_FOUND, ErrorCode::NotFound);
    Endpoint { method: "DELETE", path: "/v1/webhooks/{id}", handler: delete(handle), operation }
}

struct SwitchOff {
    id: String,
    actor: String,
}

impl Change for SwitchOff {
    type Done = ();

    async fn apply(&mut self, plan: &mut Plan<'_>) -> Result<(), StorageError> {
        let row = db::outbox::find_webhook(plan.reader().await?, &self.id).await?;
        if row.is_none_or(|row| !row.is_enabled) {
            return Ok(());
        }
        let body = json!({ "what": "webhook-disabled", "webhook": self.id });
        let mut entered = plan.record(event(EntryType::ConfigChanged, &self.actor, body)).await?;
        db::outbox::disable_webhook(&mut entered.write().await?, &self.id).await
    }
}

async fn handle(State(shared): State<Shared>, agent: Agent, At(id): At<String>) -> Result<StatusCode, Failure> {
    let row = db::outbox::find_webhook(&mut *shared.database.read().await?, &id).await?;
    if row.is_none_or(|row| row.agent != agent.urn.as_str()) {
        return Err(Failure::not_found("webhook"));
    }
    shared.recorder.record(SwitchOff { id, actor: agent.key_id.to_string() }).await?;
    Ok(StatusCode::NO_CONTENT)
}
