//! Asks the keyring again.

use std::sync::Arc;

use seamark_desk::Desk;
use seamark_desk::answer::AppState;
use tauri::State;

use crate::embedded::Local;
use crate::error::AppError;

/// After the person unlocked it. The gateway on this computer needs it as well.
#[tauri::command]
#[specta::specta]
pub(crate) async fn retry_keyring(desk: State<'_, Desk>, local: State<'_, Arc<Local>>) -> Result<AppState, AppError> {
    local.resume_unlocked(&desk).await;
    Ok(desk.retry_keyring().await?)
}
