//! Changes the signing PIN.

use seamark_desk::Desk;
use seamark_desk::answer::AppState;
use tauri::State;

use crate::error::AppError;
use crate::view::ChangePinRequest;

/// Gives the signing key another PIN, and locks it.
#[tauri::command]
#[specta::specta]
pub(crate) async fn change_pin(desk: State<'_, Desk>, r: ChangePinRequest) -> Result<AppState, AppError> {
    Ok(desk.change_pin(&r.pin, &r.new_pin).await?)
}
