//! Everything about one past review.

use seamark_desk::Desk;
use seamark_desk::answer::RecordView;
use tauri::State;

use crate::error::AppError;
use crate::view::ReviewRequest;

/// What was shown, who decided, where it stands in the ledger.
#[tauri::command]
#[specta::specta]
pub(crate) async fn audit_record(desk: State<'_, Desk>, r: ReviewRequest) -> Result<RecordView, AppError> {
    Ok(desk.audit_record(&r.review_id).await?)
}
