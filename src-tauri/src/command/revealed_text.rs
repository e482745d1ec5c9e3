//! The text of a revealed field, as long as it stands.

use seamark_desk::Desk;
use tauri::State;

use crate::error::AppError;
use crate::view::FieldRequest;

/// The one way in which a revealed value reaches the page, to be shown.
#[tauri::command]
#[specta::specta]
pub(crate) async fn revealed_text(desk: State<'_, Desk>, r: FieldRequest) -> Result<String, AppError> {
    Ok(desk.revealed_text(&r.review_id, &r.path)?.to_string())
}
