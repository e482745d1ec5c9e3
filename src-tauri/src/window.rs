//! The one window.

use seamark_desk::answer::AppState;
use tauri::webview::NewWindowResponse;
use tauri::{App, AppHandle, Url, WebviewUrl, WebviewWindow, WebviewWindowBuilder};

/// Its name in `tauri.conf.json` and in the capability.
pub(crate) const LABEL: &str = "main";

/// Opens it. It shows the built-in page and can go nowhere else.
pub(crate) fn open(app: &App) -> tauri::Result<WebviewWindow> {
    let config = app.config().app.windows.iter().find(|window| window.label == LABEL);
    let builder = match config {
        Some(config) => WebviewWindowBuilder::from_config(app, config)?,
        None => WebviewWindowBuilder::new(app, LABEL, WebviewUrl::default()),
    };
    builder
        .devtools(cfg!(debug_assertions))
        .on_navigation(is_page)
        .on_new_window(|_, _| NewWindowResponse::Deny)
        .build()
}

/// Zooms as the person chose, all of the page alike.
pub(crate) fn zoom(window: &WebviewWindow, state: &AppState) {
    if let Err(error) = window.set_zoom(state.appearance.zoom) {
        tracing::warn!(%error, "the window was not zoomed");
    }
}

/// Closes the window in order when the system ends the session or somebody presses Ctrl-C.
pub(crate) async fn close_when_asked(app: AppHandle) {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};

        let Ok(mut asked) = signal(SignalKind::terminate()) else { return };
        tokio::select! {
            _ = asked.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
        app.exit(0);
    }
    #[cfg(not(unix))]
    if tokio::signal::ctrl_c().await.is_ok() {
        app.exit(0);
    }
}

/// Whether an address is the built-in page. Source: wry's custom protocol, `tauri://localhost`, on Windows
/// `http://tauri.localhost`.
fn is_page(address: &Url) -> bool {
    let is_ours = match address.scheme() {
        "tauri" => address.host_str() == Some("localhost"),
        "http" | "https" => cfg!(windows) && address.host_str() == Some("tauri.localhost"),
        _ => false,
    };
    is_ours && address.port().is_none() && address.username().is_empty() && address.password().is_none()
}

#[cfg(all(test, not(windows)))]
mod tests {
    use super::*;

    #[test]
    fn only_the_built_in_page_may_be_shown() {
        for (address, is_ours) in [
            ("tauri://localhost", true),
            ("tauri://localhost/index.html#/inbox", true),
            ("tauri://localhost.example.org/", false),
            ("tauri://localhost:81/", false),
            ("tauri://me@localhost/", false),
            ("http://tauri.localhost/", false),
            ("https://example.org/", false),
            ("file:///etc/passwd", false),
            ("data:text/html,hello", false),
            ("about:blank", false),
        ] {
            assert_eq!(is_page(&address.parse().unwrap()), is_ours, "{address}");
        }
    }
}
