//! Connects to a team's gateway.

use seamark_desk::answer::AppState;
use seamark_desk::{Desk, EnrolRequest};
use tauri::State;

use crate::error::AppError;
use crate::view::ConnectRequest;

/// Enrols this device with an invitation.
#[tauri::command]
#[specta::specta]
pub(crate) async fn connect(desk: State<'_, Desk>, r: ConnectRequest) -> Result<AppState, AppError> {
    let ConnectRequest { address, code, device_name, pin } = r;
    Ok(desk.enrol(&EnrolRequest { address, code, device_name, pin, is_local: false }).await?)
}
