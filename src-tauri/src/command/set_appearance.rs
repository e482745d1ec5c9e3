//! Changes how the window looks.

use seamark_desk::Desk;
use seamark_desk::answer::AppState;
use tauri::{State, WebviewWindow};

use crate::error::AppError;
use crate::view::AppearanceRequest;
use crate::window;

/// Theme and density are the page's to draw; zoom is the web engine's, so that nothing is left out.
#[tauri::command]
#[specta::specta]
pub(crate) async fn set_appearance(
    desk: State<'_, Desk>,
    window: WebviewWindow,
    r: AppearanceRequest,
) -> Result<AppState, AppError> {
    let state = desk.set_appearance(r.theme, r.zoom, r.density).await?;
    window::zoom(&window, &state);
    Ok(state)
}
