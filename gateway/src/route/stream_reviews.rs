//! `GET /v1/reviews/stream`: reviews as they change.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::get;
use seamark_contracts::api::review::ReviewDocument;
use seamark_contracts::problem::ErrorCode;
use serde_json::json;

use super::Endpoint;
use crate::auth::Device;
use crate::openapi::{Access, Operation, SchemaOf, StreamReset, schema_of};
use crate::problem::Failure;
use crate::sse::{self, Listener};
use crate::state::Shared;

pub(crate) fn endpoint() -> Endpoint {
    let operation = Operation::new("streamReviews", "reviewers", Access::Device, "Reviews as they change").says(
        "Server-sent events. `event: review` carries a ReviewDocument; its `id` is a position. Resume with `Last-Event-ID`, or begin \
         with the `position` of `GET /v1/reviews`. `event: reset` comes first when no position was given, or one that is of no use: \
         take a snapshot (all pages of `GET /v1/reviews`) and go on. A comment line comes every 15 seconds; a client that reads too slowly is disconnected and resumes.",
    );
    let events: Vec<(&'static str, SchemaOf)> =
        vec![("reset", schema_of::<StreamReset>), ("review", schema_of::<ReviewDocument>)];
    let operation = operation
        .header("Last-Event-ID", "Position to go on from.", json!({ "type": "string" }), json!("17"))
        .gives_events("The stream. `x-event-data` has the schema of each event's `data`.", events)
        .fails(StatusCode::SERVICE_UNAVAILABLE, ErrorCode::Unavailable);
    Endpoint { method: "GET", path: "/v1/reviews/stream", handler: get(handle), operation }
}

async fn handle(State(shared): State<Shared>, device: Device, headers: HeaderMap) -> Result<Response, Failure> {
    let last_event_id = headers.get("last-event-id").and_then(|value| value.to_str().ok()).map(str::to_owned);
    sse::respond(&shared, Listener::Desk(device), last_event_id.as_deref()).await
}
