//! `GET /v1/me`: who this session is.

use axum::http::StatusCode;
use axum::routing::get;
use seamark_contracts::api::device::Person;

use super::{Endpoint, Json};
use crate::auth::Device;
use crate::openapi::{Access, Operation};

pub(crate) fn endpoint() -> Endpoint {
    let operation = Operation::new("readMe", "reviewers", Access::Device, "Who this session is")
        .gives::<Person>(StatusCode::OK, "The person as the directory has it.");
    Endpoint { method: "GET", path: "/v1/me", handler: get(handle), operation }
}

async fn handle(device: Device) -> Json<Person> {
    Json(device.person)
}
