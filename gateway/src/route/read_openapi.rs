//! `GET /openapi.json`: this interface, for programs.

use std::sync::LazyLock;

use axum::body::Bytes;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::Endpoint;
use crate::openapi::{Access, Operation};

static DOCUMENT: LazyLock<Bytes> = LazyLock::new(|| Bytes::from(serde_json::to_vec(&super::openapi_document()).unwrap_or_default()));

pub(crate) fn endpoint() -> Endpoint {
    let operation = Operation::new("readOpenapi", "gateway", Access::Public, "This document")
        .gives::<serde_json::Value>(StatusCode::OK, "OpenAPI 3.1, complete.");
    Endpoint { method: "GET", path: "/openapi.json", handler: get(handle), operation }
}

async fn handle() -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], DOCUMENT.clone()).into_response()
}
