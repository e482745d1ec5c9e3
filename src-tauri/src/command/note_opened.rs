//! The person opened evidence.

use seamark_desk::Desk;
use tauri::State;

use crate::error::AppError;
use crate::view::NoteOpenedRequest;

/// What was opened is part of what is signed.
#[tauri::command]
#[specta::specta]
pub(crate) async fn note_opened(desk: State<'_, Desk>, r: NoteOpenedRequest) -> Result<(), AppError> {
    Ok(desk.note_opened(&r.review_id, &r.evidence_id)?)
}
