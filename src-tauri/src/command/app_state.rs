//! The state around the screens.

use seamark_desk::Desk;
use seamark_desk::answer::AppState;
use tauri::State;

use crate::error::AppError;

/// What the window asks first, and whenever it is not sure.
#[tauri::command]
#[specta::specta]
pub(crate) async fn app_state(desk: State<'_, Desk>) -> Result<AppState, AppError> {
    Ok(desk.app_state().await?)
}
