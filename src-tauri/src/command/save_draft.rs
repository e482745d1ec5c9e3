//! Keeps an unfinished text.

use seamark_desk::Desk;
use tauri::State;

use crate::error::AppError;
use crate::view::SaveDraftRequest;

/// An empty text is forgotten.
#[tauri::command]
#[specta::specta]
pub(crate) async fn save_draft(desk: State<'_, Desk>, r: SaveDraftRequest) -> Result<(), AppError> {
    Ok(desk.save_draft(&r.review_id, &r.text).await?)
}
