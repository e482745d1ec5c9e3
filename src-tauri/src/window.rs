//! The one window: what it may load, and how it is dressed.

use seamark_desk::answer::{AppearanceState, Theme};
use tauri::webview::NewWindowResponse;
use tauri::{App, Theme as NativeTheme, Url, WebviewWindow, WebviewWindowBuilder};

/// Opens the window that the configuration describes. It shows the embedded page and nothing else, ever.
///
/// # Errors
/// Whatever the web engine reports; also when the configuration names no window.
pub fn open(app: &App) -> tauri::Result<WebviewWindow> {
    let config = app.config().app.windows.first().ok_or(tauri::Error::WindowNotFound)?;
    WebviewWindowBuilder::from_config(app, config)?
        .on_navigation(is_own_page)
        .on_new_window(|_, _| NewWindowResponse::Deny)
        .build()
}

fn is_own_page(url: &Url) -> bool {
    let is_ours = url.scheme() == "tauri" && url.host_str() == Some("localhost");
    // On Windows and Android the page has this address instead.
    is_ours || (matches!(url.scheme(), "http" | "https") && url.host_str() == Some("tauri.localhost"))
}

/// Applies zoom and theme, as far as they are the window's own.
pub fn dress(window: &WebviewWindow, appearance: &AppearanceState) {
    let theme = match appearance.theme {
        Theme::System => None,
        Theme::Light | Theme::Contrast => Some(NativeTheme::Light),
        Theme::Dark => Some(NativeTheme::Dark),
    };
    if let Err(error) = window.set_theme(theme).and_then(|()| window.set_zoom(appearance.zoom)) {
        tracing::warn!(%error, "the window does not take its zoom or theme");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_embedded_page_is_loaded() {
        assert!(is_own_page(&Url::parse("tauri://localhost/index.html#/inbox").unwrap()));
        for foreign in ["https://example.com/", "http://localhost/", "file:///etc/passwd", "tauri://elsewhere/", "data:text/html,x"] {
            assert!(!is_own_page(&Url::parse(foreign).unwrap()), "{foreign}");
        }
    }
}
