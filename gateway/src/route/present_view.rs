//! `POST /v1/reviews/{id}/presented`: a view is on screen.

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use seamark_contracts::api::review::{PresentedAnswer, PresentedRequest};
use seamark_contracts::id::ReviewId;
use seamark_contracts::problem::ErrorCode;

use super::{At, Body, Endpoint, Json, LARGE, review_param};
use crate::auth::Device;
use crate::conclude::load_case;
use crate::decide::{Present, Presented, check_view, closed, find_visible, verified_handoff};
use crate::openapi::{Access, Operation};
use crate::problem::Failure;
use crate::state::Shared;
use crate::{directory, document};

pub(crate) fn endpoint() -> Endpoint {
    let operation = Operation::new("presentView", "reviewers", Access::Device, "A view is on screen")
        .says("Send it when the person begins to look, so that the ledger can prove that the view was there before the signature. The same view again gets the same answer.");
    let operation = review_param(operation)
        .takes::<PresentedRequest>()
        .gives::<PresentedAnswer>(StatusCode::OK, "Recorded.")
        .fails(StatusCode::NOT_FOUND, ErrorCode::NotFound)
        .fails(StatusCode::CONFLICT, ErrorCode::AlreadyDecided)
        .fails(StatusCode::CONFLICT, ErrorCode::Expired)
        .fails(StatusCode::CONFLICT, ErrorCode::Withdrawn)
        .fails(StatusCode::CONFLICT, ErrorCode::Superseded);
    Endpoint { method: "POST", path: "/v1/reviews/{id}/presented", handler: post(handle), operation }
}

async fn handle(
    State(shared): State<Shared>,
    device: Device,
    At(id): At<ReviewId>,
    Body(request): Body<PresentedRequest, LARGE>,
) -> Result<Json<PresentedAnswer>, Failure> {
    let mut connection = shared.database.read().await?;
    let attempt = find_visible(&mut connection, &device, &id.to_string()).await?;
    let trusted = directory::trusted(&shared, &mut connection).await?;
    let case = load_case(&shared, &mut connection, attempt).await?;
    drop(connection);
    let (digest, disclosed) = check_view(&verified_handoff(&shared, &case, &trusted)?, &case, &request.view)?;
    let change = Present { case, device, digest, view: request.view.into_bytes(), disclosed, opened_at: request.opened_at };
    match shared.recorder.record(change).await? {
        Presented::Done(position) => Ok(Json(PresentedAnswer { digest, recorded: position.to_wire() })),
        Presented::Before(no) => {
            let mut connection = shared.database.read().await?;
            Ok(Json(PresentedAnswer { digest, recorded: document::position(&mut connection, no).await? }))
        }
        Presented::Gone(gone) => Err(gone.failure()),
        Presented::NotSeen => Err(Failure::not_found("review")),
        Presented::Closed(state) => Err(closed(&state)),
        Presented::NotRevealed => {
            Err(Failure::invalid("/view/disclosed", "the view names a field that was not revealed to this device"))
        }
        Presented::TooMany => Err(Failure::invalid("/view", "too many different views of this review were presented already")),
    }
}
