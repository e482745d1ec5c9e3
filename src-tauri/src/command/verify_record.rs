//! Checks every claim of a record.

use seamark_desk::Desk;
use seamark_desk::answer::Claim;
use tauri::State;

use crate::error::AppError;
use crate::view::ReviewRequest;

/// Fetches it anew; a claim that fails is an answer, not an error.
#[tauri::command]
#[specta::specta]
pub(crate) async fn verify_record(desk: State<'_, Desk>, r: ReviewRequest) -> Result<Vec<Claim>, AppError> {
    Ok(desk.verify_record(&r.review_id).await?)
}
