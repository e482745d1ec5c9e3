//! `POST /v1/webhooks`: where outcomes are pushed to.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use seamark_contracts::api::agent::{WebhookAnswer, WebhookRequest};
use seamark_ledger::entry::EntryType;
use serde_json::json;

use super::{Body, Endpoint, Json};
use crate::auth::Agent;
use crate::db::outbox::WebhookRow;
use crate::db::{self, StorageError};
use crate::deliver;
use crate::openapi::{Access, Operation};
use crate::operate::{event, hex};
use crate::problem::Failure;
use crate::recorded::{Change, Plan};
use crate::state::{App, Shared};

/// Webhooks that one agent may have.
const MAX_WEBHOOKS: usize = 20;

pub(crate) fn endpoint() -> Endpoint {
    let operation = Operation::new("createWebhook", "agents", Access::Agent, "Push outcomes to an address")
        .says(
            "Standard Webhooks: `webhook-id` is the outcome id and the same at every try, the body is a CloudEvent. `v1` signs with \
             the secret that is shown here once, `v1a` with the gateway's Ed25519 key. Tries go on for 75 hours; 410 switches the \
             webhook off. Outcomes of handoffs that this agent submits or executes are pushed, from now on.",
        )
        .takes::<WebhookRequest>()
        .gives::<WebhookAnswer>(StatusCode::CREATED, "Created.");
    Endpoint { method: "POST", path: "/v1/webhooks", handler: post(handle), operation }
}

/// A webhook as its owner sees it.
pub(crate) fn answer(app: &App, row: &WebhookRow, secret: Option<String>) -> WebhookAnswer {
    WebhookAnswer {
        webhook_id: row.id.clone(),
        url: row.url.clone(),
        secret,
        public_key: deliver::public_key_text(&app.keys),
        is_enabled: row.is_enabled,
    }
}

struct Create {
    row: WebhookRow,
}

impl Change for Create {
    /// `None`: the agent has too many.
    type Done = Option<WebhookRow>;

    async fn apply(&mut self, plan: &mut Plan<'_>) -> Result<Option<WebhookRow>, StorageError> {
        if db::outbox::list_webhooks(plan.reader().await?, &self.row.agent).await?.len() >= MAX_WEBHOOKS {
            return Ok(None);
        }
        let body = json!({ "what": "webhook-created", "webhook": self.row.id });
        let mut entered = plan.record(event(EntryType::ConfigChanged, &self.row.key_id, body)).await?;
        let row = WebhookRow { no: entered.position().no, created_ms: entered.now().as_ms(), ..self.row.clone() };
        db::outbox::insert_webhook(&mut entered.write().await?, &row).await?;
        Ok(Some(row))
    }
}

async fn handle(State(shared): State<Shared>, agent: Agent, Body(request): Body<WebhookRequest>) -> Result<Response, Failure> {
    let url = deliver::check_target(&request.url, shared.config.allow_loopback_webhooks)
        .map_err(|error| Failure::invalid("/url", error.to_string()))?;
    if request.url.len() > 2_000 {
        return Err(Failure::invalid("/url", "a URL has at most 2000 bytes"));
    }
    let mut random = [0u8; 12];
    shared.chance.fill(&mut random);
    let row = WebhookRow {
        no: 0,
        id: format!("wh_{}", hex(&random)),
        agent: agent.urn.as_str().to_owned(),
        key_id: agent.key_id.to_string(),
        url: url.to_string(),
        is_enabled: true,
        created_ms: 0,
    };
    let row = shared.recorder.record(Create { row }).await?;
    let row = row.ok_or_else(|| Failure::invalid("/url", "this agent has 20 webhooks already; delete one first"))?;
    let secret = deliver::secret_text(&shared.keys, &row.id);
    Ok((StatusCode::CREATED, Json(answer(&shared, &row, Some(secret)))).into_response())
}
