//! Opens a review.

use seamark_desk::Desk;
use seamark_desk::answer::ReviewPane;
use tauri::State;

use crate::error::AppError;
use crate::view::ReviewRequest;

/// From here on the desk measures how long it is looked at.
#[tauri::command]
#[specta::specta]
pub(crate) async fn open_review(desk: State<'_, Desk>, r: ReviewRequest) -> Result<ReviewPane, AppError> {
    Ok(desk.open_review(&r.review_id).await?)
}
