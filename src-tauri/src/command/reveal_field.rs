//! Reads one masked field.

use seamark_desk::Desk;
use seamark_desk::answer::{RevealFieldRequest, Revealed};
use tauri::State;

use crate::error::{AppError, AppErrorCode};
use crate::view::is_reveal_within_bounds;

/// Recorded before the value is here; the answer is the view that names it, without the value.
#[tauri::command]
#[specta::specta]
pub(crate) async fn reveal_field(desk: State<'_, Desk>, r: RevealFieldRequest) -> Result<Revealed, AppError> {
    if !is_reveal_within_bounds(&r) {
        return Err(AppError::new(AppErrorCode::ReasonMissing, "This is too long. Shorten it.").at("purpose"));
    }
    Ok(desk.reveal_field(&r).await?)
}
