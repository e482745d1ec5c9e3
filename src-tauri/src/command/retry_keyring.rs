//! Asks the keyring again.

use seamark_desk::Desk;
use seamark_desk::answer::AppState;
use tauri::State;

use crate::error::AppError;

/// After the person unlocked it.
#[tauri::command]
#[specta::specta]
pub(crate) async fn retry_keyring(desk: State<'_, Desk>) -> Result<AppState, AppError> {
    Ok(desk.retry_keyring().await?)
}
