//! `GET /v1/reviews/{id}/artifacts/{sha256}`: a file that came with a handoff.

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use seamark_contracts::digest::Digest;
use seamark_contracts::id::ReviewId;
use seamark_contracts::problem::ErrorCode;
use serde_json::json;

use super::{At, Endpoint, review_param};
use crate::auth::Device;
use crate::db;
use crate::decide::find_visible;
use crate::openapi::{Access, Operation};
use crate::problem::Failure;
use crate::state::Shared;

pub(crate) fn endpoint() -> Endpoint {
    let operation = Operation::new("readArtifact", "reviewers", Access::Device, "A file of a handoff")
        .says("16 random bytes, then the file; SHA-256 over both is the digest in the signed statement.");
    let hex = "5b1f0f6f4e5d1f6a7f1f4b8d3c0f5f5d1e7a5a8e2c9f4e3b6d7c8a9b0c1d2e3f";
    let operation = review_param(operation)
        .path("sha256", "The artifact's digest, 64 hex digits.", json!({ "type": "string", "pattern": "^[0-9a-f]{64}$" }), json!(hex))
        .gives_text("application/octet-stream", "Salt and file.")
        .fails(StatusCode::NOT_FOUND, ErrorCode::NotFound);
    Endpoint { method: "GET", path: "/v1/reviews/{id}/artifacts/{sha256}", handler: get(handle), operation }
}

async fn handle(State(shared): State<Shared>, device: Device, At((id, sha256)): At<(ReviewId, String)>) -> Result<Response, Failure> {
    let digest = Digest::parse_hex(&sha256).map_err(|_| Failure::not_found("artifact"))?;
    let mut connection = shared.database.read().await?;
    let attempt = find_visible(&mut connection, &device, &id.to_string()).await?;
    let row = db::handoff::find_artifact(&mut connection, attempt.content, digest.as_bytes()).await?;
    let (Some(salt), Some(bytes)) = row.map_or((None, None), |row| (row.salt, row.bytes)) else {
        return Err(Failure::not_found("artifact"));
    };
    let content_type = [(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"))];
    Ok((content_type, [salt, bytes].concat()).into_response())
}
