//! Unlocks signing.

use seamark_desk::Desk;
use seamark_desk::answer::AppState;
use tauri::State;

use crate::error::AppError;
use crate::view::UnlockRequest;

/// Opens the unlocked period; what needs the PIN afresh still asks for it.
#[tauri::command]
#[specta::specta]
pub(crate) async fn unlock(desk: State<'_, Desk>, r: UnlockRequest) -> Result<AppState, AppError> {
    Ok(desk.unlock(&r.pin).await?)
}
