//! The system's clipboard, for the one thing that is copied in Rust: a revealed value whose copy was recorded.

use seamark_desk::reveal::RevealedValue;
use tauri::AppHandle;

use crate::error::{AppError, AppErrorCode};

/// Says so before anything is recorded, where nothing can be copied.
pub(crate) fn ensure() -> Result<(), AppError> {
    if cfg!(target_os = "linux") { Ok(()) } else { Err(not_copied()) }
}

/// Puts the value on the clipboard. It stays there until something else is copied or Seamark is closed.
#[cfg(target_os = "linux")]
pub(crate) fn put(app: &AppHandle, value: RevealedValue) -> Result<(), AppError> {
    // The toolkit's clipboard belongs to the thread of the window.
    app.run_on_main_thread(move || {
        gtk::Clipboard::get(&gtk::gdk::SELECTION_CLIPBOARD).set_text(value.expose());
    })
    .map_err(|error| {
        tracing::warn!(%error, "a value was not copied");
        not_copied()
    })
}

/// This version has no way to the clipboard of other systems.
#[cfg(not(target_os = "linux"))]
pub(crate) fn put(_: &AppHandle, _: RevealedValue) -> Result<(), AppError> {
    Err(not_copied())
}

fn not_copied() -> AppError {
    let message =
        "Seamark could not reach the clipboard, so the value was not copied. It can be read for as long as it stands.";
    AppError::new(AppErrorCode::Internal, message)
}
