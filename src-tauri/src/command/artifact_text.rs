//! The text of an artifact.

use seamark_desk::Desk;
use tauri::State;

use crate::error::AppError;
use crate::view::ArtifactRequest;

/// Checked against its digest, with the invisible made visible.
#[tauri::command]
#[specta::specta]
pub(crate) async fn artifact_text(desk: State<'_, Desk>, r: ArtifactRequest) -> Result<String, AppError> {
    Ok(desk.artifact_text(&r.review_id, &r.digest).await?)
}
