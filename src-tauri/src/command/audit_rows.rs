//! A window into past reviews.

use seamark_desk::Desk;
use seamark_desk::answer::AuditPage;
use tauri::State;

use crate::error::AppError;
use crate::view::AuditRequest;

/// Newest first.
#[tauri::command]
#[specta::specta]
pub(crate) async fn audit_rows(desk: State<'_, Desk>, r: AuditRequest) -> Result<AuditPage, AppError> {
    Ok(desk.audit_rows(&r.query, r.outcome.as_deref(), r.contract.as_deref(), r.offset, r.limit).await?)
}
