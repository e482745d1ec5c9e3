//! Masks what was revealed.

use seamark_desk::Desk;
use tauri::State;

use crate::error::AppError;
use crate::view::MaskRequest;

/// One field, or every field of a review that is left.
#[tauri::command]
#[specta::specta]
pub(crate) async fn mask_again(desk: State<'_, Desk>, r: MaskRequest) -> Result<(), AppError> {
    desk.mask_again(&r.review_id, r.path.as_deref());
    Ok(())
}
