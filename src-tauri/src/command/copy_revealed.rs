//! Copies a revealed field.

use seamark_desk::Desk;
use tauri::{AppHandle, State};

use crate::clipboard;
use crate::error::AppError;
use crate::view::FieldRequest;

/// Recorded first, then put on the clipboard by Rust: the page cannot.
#[tauri::command]
#[specta::specta]
pub(crate) async fn copy_revealed(desk: State<'_, Desk>, app: AppHandle, r: FieldRequest) -> Result<(), AppError> {
    clipboard::ensure()?;
    clipboard::put(&app, desk.copy_revealed(&r.review_id, &r.path).await?)
}
