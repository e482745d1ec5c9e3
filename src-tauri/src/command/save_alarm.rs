//! Saves what proves a ledger alarm as a file.

use seamark_desk::Desk;
use seamark_desk::answer::SavedAlarm;
use tauri::State;

use crate::error::AppError;

/// Where it is written is the app's choice: the page gives no path.
#[tauri::command]
#[specta::specta]
pub(crate) async fn save_alarm(desk: State<'_, Desk>) -> Result<SavedAlarm, AppError> {
    Ok(desk.save_alarm().await?)
}
