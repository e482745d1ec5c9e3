//! Sets everything up on this computer.

use std::sync::Arc;

use seamark_desk::Desk;
use seamark_desk::answer::AppState;
use tauri::{AppHandle, State};

use crate::embedded::Local;
use crate::error::AppError;
use crate::view::TryLocallyRequest;

/// Gateway, sample contracts, this person's keys, simulated agents. Says at each step where it is.
#[tauri::command]
#[specta::specta]
pub(crate) async fn try_locally(
    desk: State<'_, Desk>,
    local: State<'_, Arc<Local>>,
    app: AppHandle,
    r: TryLocallyRequest,
) -> Result<AppState, AppError> {
    local.set_up(&desk, &app, r).await
}
