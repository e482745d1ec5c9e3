//! Locks signing.

use seamark_desk::Desk;
use seamark_desk::answer::AppState;
use tauri::State;

use crate::error::AppError;

/// Forgets the opened key.
#[tauri::command]
#[specta::specta]
pub(crate) async fn lock(desk: State<'_, Desk>) -> Result<AppState, AppError> {
    Ok(desk.lock().await?)
}
