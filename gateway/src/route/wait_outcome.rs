//! `GET /v1/handoffs/{id}/outcome`: the outcome with everything that proves it, waiting for it if asked to.

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use seamark_contracts::api::agent::{Delivery, HandoffAnswer};
use seamark_contracts::id::HandoffId;
use seamark_contracts::problem::ErrorCode;
use serde::Deserialize;
use serde_json::json;
use tokio::time::Instant;

use super::{Asked, At, Endpoint, Json, handoff_param};
use crate::auth::{self, Agent};
use crate::db::SqliteConnection;
use crate::db::attempt::AttemptRow;
use crate::document::{self, DocumentError};
use crate::openapi::{Access, Operation};
use crate::problem::Failure;
use crate::state::Shared;

/// Longest wait, in seconds.
const MAX_WAIT_S: u64 = 60;
/// Another process may have changed the handoff; so the waiter looks by itself this often.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Question {
    #[serde(default)]
    wait_s: u64,
    #[serde(default)]
    cosigned: bool,
}

pub(crate) fn endpoint() -> Endpoint {
    let operation = Operation::new("waitOutcome", "agents", Access::Agent, "Read the outcome, or wait for it").says(
        "The body of 200 has the same content at every reading, but for checkpoint, proofs and directory with `cosigned`. Verify it before acting: an outcome alone authorises nothing. A \
         handoff that was escalated or changed has no outcome yet; this address always tells of its newest attempt.",
    );
    let operation = handoff_param(operation)
        .query("wait_s", "Seconds to wait for the outcome.", json!({ "type": "integer", "minimum": 0, "maximum": 60, "default": 0 }), json!(30))
        .query("cosigned", "Wait, as long as `wait_s` says, for a checkpoint that outside witnesses cosigned, and prove the delivery under it.", json!({ "type": "boolean", "default": false }), json!(true))
        .gives::<Delivery>(StatusCode::OK, "The outcome, or a handoff that passed without a gate.")
        .gives::<HandoffAnswer>(StatusCode::ACCEPTED, "No outcome yet. Ask again.")
        .fails(StatusCode::NOT_FOUND, ErrorCode::NotFound)
        .fails(StatusCode::UNPROCESSABLE_ENTITY, ErrorCode::InvalidRequest);
    Endpoint { method: "GET", path: "/v1/handoffs/{id}/outcome", handler: get(handle), operation }
}

async fn handle(
    State(shared): State<Shared>,
    agent: Agent,
    At(id): At<HandoffId>,
    Asked(question): Asked<Question>,
) -> Result<Response, Failure> {
    let deadline = Instant::now() + Duration::from_secs(question.wait_s.min(MAX_WAIT_S));
    let mut connection = shared.database.read().await?;
    let (handoff, mut attempt) = super::read_handoff::find(&mut connection, &agent, id).await?;
    loop {
        // ORDER: register before looking, so that a change between looking and waiting is not missed.
        let mut cosigned = shared.cosigned.subscribe();
        let waiter = shared.hub.wait_for(attempt.no);
        let changed = waiter.notified();
        tokio::pin!(changed);
        changed.as_mut().enable();
        attempt = super::read_handoff::find(&mut connection, &agent, id).await?.1;
        let is_over = Instant::now() >= deadline || shared.stop.is_cancelled();
        if let Some(delivery) = find_delivery(&shared, &mut connection, &attempt, question.cosigned, is_over).await? {
            return Ok(Json(delivery).into_response());
        }
        let now = Instant::now();
        if is_over {
            let answer = document::answer(&mut connection, &handoff, &attempt, true).await?;
            return Ok((StatusCode::ACCEPTED, Json(answer)).into_response());
        }
        // A waiter holds no connection.
        drop(connection);
        tokio::select! {
            () = &mut changed => {}
            _ = cosigned.changed(), if question.cosigned => {}
            () = shared.stop.cancelled() => {}
            () = tokio::time::sleep_until(deadline.min(now + LOOK_AGAIN)) => {}
        }
        // A minute is long: the key may have ended while this waited (invariant B10).
        if let Some(gone) = auth::agent_gone(&shared, &agent).await? {
            return Err(gone.failure());
        }
        connection = shared.database.read().await?;
    }
}

/// The delivery in the form that is asked for. Whoever wants cosignatures gets it without them only when the time is over.
async fn find_delivery(
    shared: &Shared,
    connection: &mut SqliteConnection,
    attempt: &AttemptRow,
    cosigned: bool,
    is_over: bool,
) -> Result<Option<Delivery>, DocumentError> {
    if cosigned && let Some(delivery) = document::cosigned_delivery(shared, connection, attempt).await? {
        return Ok(Some(delivery));
    }
    if cosigned && !is_over {
        return Ok(None);
    }
    document::delivery(shared, connection, attempt).await
}
