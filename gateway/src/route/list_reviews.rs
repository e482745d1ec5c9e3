//! `GET /v1/reviews`: a snapshot of what this person may decide or saw end today.

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use seamark_contracts::api::review::ReviewPage;
use seamark_contracts::problem::ErrorCode;
use serde::Deserialize;
use serde_json::json;

use super::{Asked, Endpoint, Json};
use crate::auth::Device;
use crate::decide::may_see;
use crate::openapi::{Access, Operation};
use crate::problem::Failure;
use crate::state::Shared;
use crate::{db, document, sse};

const MAX_PAGE: usize = 200;
/// Closed reviews stay in the snapshot for a day.
const CLOSED_MS: i64 = 24 * 60 * 60 * 1000;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Page {
    after: Option<i64>,
    limit: Option<usize>,
}

pub(crate) fn endpoint() -> Endpoint {
    let operation = Operation::new("listReviews", "reviewers", Access::Device, "Reviews for this person")
        .says("Take all pages, then follow `/v1/reviews/stream` from the `position` of the first one.")
        .query("after", "`next` of the page before.", json!({ "type": "string" }), json!("17"))
        .query("limit", "Most reviews of the page.", json!({ "type": "integer", "minimum": 1, "maximum": 200, "default": 200 }), json!(50))
        .gives::<ReviewPage>(StatusCode::OK, "Open reviews, and those closed in the last 24 hours.")
        .fails(StatusCode::UNPROCESSABLE_ENTITY, ErrorCode::InvalidRequest);
    Endpoint { method: "GET", path: "/v1/reviews", handler: get(handle), operation }
}

async fn handle(State(shared): State<Shared>, device: Device, Asked(page): Asked<Page>) -> Result<Json<ReviewPage>, Failure> {
    let limit = page.limit.unwrap_or(MAX_PAGE).clamp(1, MAX_PAGE);
    let closed_after = shared.now().as_ms() - CLOSED_MS;
    let mut connection = shared.database.read().await?;
    // ORDER: the position first. What changes while the pages are read comes again by the stream.
    let position = sse::newest(&mut connection).await?.to_string();
    let mut last = page.after.unwrap_or(-1);
    let mut reviews = Vec::new();
    let batch = i64::try_from(MAX_PAGE).unwrap_or(i64::MAX);
    let next = 'pages: loop {
        let rows = db::attempt::list_current(&mut connection, last, closed_after, batch).await?;
        let is_last = rows.len() < MAX_PAGE;
        for row in rows {
            if reviews.len() == limit {
                break 'pages Some(last.to_string());
            }
            last = row.no;
            if may_see(&device, &row)?
                && let Some(document) = document::review(&shared, &mut connection, &row).await?
            {
                reviews.push(document);
            }
        }
        if is_last {
            break None;
        }
    };
    Ok(Json(ReviewPage { reviews, next, position }))
}
