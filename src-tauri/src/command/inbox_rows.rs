//! A window into the inbox.

use seamark_desk::Desk;
use seamark_desk::answer::InboxPage;
use tauri::State;

use crate::error::AppError;
use crate::view::InboxRequest;

/// Rows with everything that a row shows; the page computes nothing.
#[tauri::command]
#[specta::specta]
pub(crate) async fn inbox_rows(desk: State<'_, Desk>, r: InboxRequest) -> Result<InboxPage, AppError> {
    Ok(desk.inbox_rows(&r.filter, &r.query, r.offset, r.limit).await?)
}
