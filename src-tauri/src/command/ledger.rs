//! The ledger as this desk knows it.

use seamark_desk::Desk;
use seamark_desk::answer::LedgerView;
use tauri::State;

use crate::error::AppError;

#[tauri::command]
#[specta::specta]
pub(crate) async fn ledger(desk: State<'_, Desk>) -> Result<LedgerView, AppError> {
    Ok(desk.ledger()?)
}
