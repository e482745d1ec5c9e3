//! Saves what the evidence of a record proves as a file to read.

use seamark_desk::Desk;
use seamark_desk::answer::SavedEvidence;
use tauri::State;

use crate::error::AppError;
use crate::view::ReviewRequest;

/// A PDF; where it is written is the app's choice.
#[tauri::command]
#[specta::specta]
pub(crate) async fn save_report(desk: State<'_, Desk>, r: ReviewRequest) -> Result<SavedEvidence, AppError> {
    Ok(desk.save_report(&r.review_id).await?)
}
