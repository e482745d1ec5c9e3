//! Making sure that the window draws, and that there is a display to draw on.

use std::ffi::OsString;
#[cfg(target_os = "linux")]
use std::os::unix::net::UnixStream;
#[cfg(target_os = "linux")]
use std::path::Path;

use thiserror::Error;

/// Zero-copy drawing leaves the window blank with some drivers and in virtual machines (tauri#8462).
const DMABUF: &str = "WEBKIT_DISABLE_DMABUF_RENDERER";

/// Compositing leaves it blank on a few more (tauri#15936).
const COMPOSITING: &str = "WEBKIT_DISABLE_COMPOSITING_MODE";

/// The variables that are still to be set; none that the user has set to whatever value.
fn missing(is_safe: bool, variable: impl Fn(&str) -> Option<OsString>) -> Vec<&'static str> {
    if !cfg!(target_os = "linux") {
        return Vec::new();
    }
    let wanted: &[&str] = if is_safe { &[DMABUF, COMPOSITING] } else { &[DMABUF] };
    wanted.iter().copied().filter(|name| variable(name).is_none()).collect()
}

/// Sets what the web engine has to find in the environment, by starting this program anew in the same process.
///
/// Returns when there is nothing to set, or when starting anew failed; the window may then stay blank.
pub fn settle(is_safe: bool) {
    let missing = missing(is_safe, |name| std::env::var_os(name));
    if !missing.is_empty() {
        start_anew(&missing);
    }
}

// Changing its own environment is unsafe in a program, because another thread may be reading it; giving a new one to
// `exec` is not. The process id stays, so whoever started us does not notice. The second time nothing is missing.
#[cfg(unix)]
#[expect(clippy::print_stderr, reason = "there is no window yet to say it in")]
fn start_anew(missing: &[&str]) {
    use std::os::unix::process::CommandExt as _;

    let Ok(program) = std::env::current_exe() else { return };
    let mut command = std::process::Command::new(program);
    let mut arguments = std::env::args_os();
    if let Some(name) = arguments.next() {
        command.arg0(name);
    }
    let error = command.args(arguments).envs(missing.iter().map(|name| (name, "1"))).exec();
    eprintln!("seamark-app: could not prepare the graphics ({error}). If the window stays blank, set {DMABUF}=1.");
}

#[cfg(not(unix))]
fn start_anew(_missing: &[&str]) {}

/// There is nothing to open a window on.
#[derive(Debug, Error)]
#[error(
    "there is no display to open the window on.
  On the computer itself: start it from a terminal inside the desktop.
  From another computer:  ssh -X, or a remote desktop.
  Without any screen:     install xvfb, then: dbus-run-session -- xvfb-run -a seamark-app"
)]
pub struct NoDisplay;

/// Looks for a display, before GTK does and panics.
///
/// # Errors
/// [`NoDisplay`] when the environment names none that answers.
pub fn ensure_display() -> Result<(), NoDisplay> {
    #[cfg(target_os = "linux")]
    if !has_display(|name| std::env::var_os(name).filter(|value| !value.is_empty())) {
        return Err(NoDisplay);
    }
    Ok(())
}

#[cfg(target_os = "linux")]
fn has_display(variable: impl Fn(&str) -> Option<OsString>) -> bool {
    let runtime = variable("XDG_RUNTIME_DIR").unwrap_or_else(|| "/".into());
    // An absolute name stays what it is when it is joined.
    let wayland = variable("WAYLAND_DISPLAY").map(|name| Path::new(&runtime).join(name));
    let x11 = variable("DISPLAY").map(|name| name.to_string_lossy().into_owned());
    wayland.is_some_and(|socket| UnixStream::connect(socket).is_ok()) || x11.is_some_and(|name| answers_x11(&name))
}

/// Whether an X server answers at `[host]:number[.screen]`. One on another computer is believed. Source: X(7).
#[cfg(target_os = "linux")]
fn answers_x11(display: &str) -> bool {
    use std::os::linux::net::SocketAddrExt as _;
    use std::os::unix::net::SocketAddr;

    let Some((host, number)) = display.rsplit_once(':') else { return false };
    if !matches!(host, "" | "unix") {
        return true;
    }
    let path = format!("/tmp/.X11-unix/X{}", number.split('.').next().unwrap_or_default());
    let is_there = UnixStream::connect(&path).is_ok();
    is_there || SocketAddr::from_abstract_name(&path).is_ok_and(|address| UnixStream::connect_addr(&address).is_ok())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_user_has_not_set_is_set() {
        assert_eq!(missing(false, |_| None), [DMABUF]);
        assert_eq!(missing(true, |_| None), [DMABUF, COMPOSITING]);
        assert_eq!(missing(true, |name| (name == DMABUF).then(|| "0".into())), [COMPOSITING]);
        assert!(missing(false, |_| Some("1".into())).is_empty(), "so the second start goes on");
    }

    #[test]
    fn a_display_counts_only_when_something_answers_there() {
        use std::os::unix::net::UnixListener;

        let folder = tempfile::tempdir().unwrap();
        let with = |display: Option<&str>, wayland: Option<&str>| {
            has_display(|name| match name {
                "DISPLAY" => display.map(OsString::from),
                "WAYLAND_DISPLAY" => wayland.map(OsString::from),
                "XDG_RUNTIME_DIR" => Some(folder.path().into()),
                _ => None,
            })
        };
        assert!(!with(None, None));
        assert!(!with(Some(":64999"), Some("wayland-7")), "named, but nobody is there");
        assert!(!with(Some("nonsense"), None));
        assert!(with(Some("localhost:10.0"), None), "another computer's is believed");
        let _listening = UnixListener::bind(folder.path().join("wayland-7")).unwrap();
        assert!(with(None, Some("wayland-7")));
        assert!(with(None, folder.path().join("wayland-7").to_str()));
    }
}
