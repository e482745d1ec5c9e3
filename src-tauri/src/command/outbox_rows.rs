//! The decisions made here and how far they have come.

use seamark_desk::Desk;
use seamark_desk::answer::OutboxRow;
use tauri::State;

use crate::error::AppError;

/// Newest first.
#[tauri::command]
#[specta::specta]
pub(crate) async fn outbox_rows(desk: State<'_, Desk>) -> Result<Vec<OutboxRow>, AppError> {
    Ok(desk.outbox_rows().await?)
}
