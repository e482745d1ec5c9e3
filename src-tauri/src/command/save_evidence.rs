//! Saves the evidence of a record as a file.

use seamark_desk::Desk;
use seamark_desk::answer::SavedEvidence;
use tauri::State;

use crate::error::AppError;
use crate::view::ReviewRequest;

/// Where it is written is the app's choice: the page gives no path.
#[tauri::command]
#[specta::specta]
pub(crate) async fn save_evidence(desk: State<'_, Desk>, r: ReviewRequest) -> Result<SavedEvidence, AppError> {
    Ok(desk.save_evidence(&r.review_id).await?)
}
