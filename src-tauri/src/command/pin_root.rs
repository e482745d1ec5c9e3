//! Pins the organisation's new root.

use seamark_desk::Desk;
use seamark_desk::answer::AppState;
use tauri::State;

use crate::error::AppError;
use crate::view::PinRootRequest;

/// Once the person typed the fingerprint that they were told.
#[tauri::command]
#[specta::specta]
pub(crate) async fn pin_root(desk: State<'_, Desk>, r: PinRootRequest) -> Result<AppState, AppError> {
    Ok(desk.pin_root(&r.fingerprint).await?)
}
