//! `GET /v1/events`: what happens to an agent's handoffs.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::get;
use seamark_contracts::api::agent::CloudEvent;
use seamark_contracts::problem::ErrorCode;
use serde::Deserialize;
use serde_json::json;

use super::{Asked, Endpoint};
use crate::auth::Agent;
use crate::openapi::{Access, Operation, SchemaOf, StreamReset, schema_of};
use crate::problem::Failure;
use crate::sse::{self, Listener};
use crate::state::Shared;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Question {
    after: Option<String>,
}

pub(crate) fn endpoint() -> Endpoint {
    let operation = Operation::new("streamEvents", "agents", Access::Agent, "What happens to this agent's handoffs").says(
        "Server-sent events; `data` is a CloudEvent, `event` its type: `dev.seamark.review.opened.v1`, `dev.seamark.handoff.passed.v1`, \
         `dev.seamark.outcome.formed.v1`, `dev.seamark.execution.reported.v1`. `id` is a position; resume with `Last-Event-ID` or \
         `after`, the header first. `event: reset` comes first when no position was given, or one that is of no use: read the handoffs \
         that you wait for one by one, then go on from the position in its data. An event has the handoff as it is when the event is \
         sent, so a replayed `review.opened` may already tell of an outcome. An event carries no proof; read the outcome and verify it.",
    );
    let operation = operation
        .header("Last-Event-ID", "Position to go on from.", json!({ "type": "string" }), json!("17"))
        .query("after", "The same, for clients that cannot set the header.", json!({ "type": "string" }), json!("17"))
        .gives_events("The stream. `x-event-data` has the schema of each event's `data`.", events())
        .fails(StatusCode::SERVICE_UNAVAILABLE, ErrorCode::Unavailable);
    Endpoint { method: "GET", path: "/v1/events", handler: get(handle), operation }
}

fn events() -> Vec<(&'static str, SchemaOf)> {
    let names = [
        "dev.seamark.review.opened.v1",
        "dev.seamark.handoff.passed.v1",
        "dev.seamark.outcome.formed.v1",
        "dev.seamark.execution.reported.v1",
    ];
    let mut events: Vec<(&'static str, SchemaOf)> = vec![("reset", schema_of::<StreamReset>)];
    events.extend(names.map(|name| (name, schema_of::<CloudEvent> as SchemaOf)));
    events
}

async fn handle(
    State(shared): State<Shared>,
    agent: Agent,
    headers: HeaderMap,
    Asked(question): Asked<Question>,
) -> Result<Response, Failure> {
    let last_event_id = headers.get("last-event-id").and_then(|value| value.to_str().ok()).map(str::to_owned);
    sse::respond(&shared, Listener::Agent(agent), last_event_id.or(question.after).as_deref()).await
}
