//! Decides a review.

use seamark_desk::Desk;
use seamark_desk::answer::{DecideRequest, DecisionProgress};
use tauri::State;

use crate::error::{AppError, AppErrorCode};
use crate::view::is_within_bounds;

/// The page names what was on screen; what is signed is built by the desk, one decision at a time.
#[tauri::command]
#[specta::specta]
pub(crate) async fn decide(desk: State<'_, Desk>, r: DecideRequest) -> Result<DecisionProgress, AppError> {
    if !is_within_bounds(&r) {
        let message = "What you wrote is too long to be signed. Nothing was signed. Shorten it and decide again.";
        return Err(AppError::new(AppErrorCode::ReasonMissing, message).at("text"));
    }
    Ok(desk.decide(&r).await?)
}
