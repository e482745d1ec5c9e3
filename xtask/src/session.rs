//! A desktop session of one's own for real-window tests: display, message bus and unlocked keyring, all private.
//!
//! Nothing of the user's own session is reachable from inside: another HOME, another bus, another display. So the tests
//! can neither read nor spoil a real keyring, and they run the same in a container without any session.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{self, Command};

use anyhow::{Context, Result};

use crate::exec;

/// From this version on WebKitGTK draws nothing into Xvfb unless compositing is off (seen with 2.52.3 of Debian 13,
/// not with 2.50).
const BLANK_FROM: (u32, u32) = (2, 52);

/// The password is no secret: the keyring it opens is made and thrown away with the session. `exec` hands the exit code
/// of the tests on.
const INSIDE: &str = r#"printf test | gnome-keyring-daemon --unlock --components=secrets >/dev/null; exec "$@""#;

/// A private session. Its folder is removed when it is dropped.
#[derive(Debug)]
pub(crate) struct Session {
    folder: PathBuf,
}

impl Session {
    /// Makes the private folders.
    ///
    /// # Errors
    /// They could not be made.
    pub(crate) fn open() -> Result<Self> {
        // Short, because the sockets inside must fit in 108 bytes.
        let folder = std::env::temp_dir().join(format!("seamark-session-{}", process::id()));
        let session = Self { folder };
        for name in ["home", "run", "data", "config", "cache"] {
            let path = session.folder.join(name);
            fs::create_dir_all(&path).with_context(|| format!("create {}", path.display()))?;
        }
        only_for_owner(&session.folder.join("run"))?;
        Ok(session)
    }

    /// `inner` as it runs inside the session.
    pub(crate) fn wrap(&self, root: &Path, inner: &Command) -> Command {
        let mut command = exec::tool("dbus-run-session", root);
        command
            .args(["--", "xvfb-run", "-a", "-s", "-screen 0 1440x900x24"])
            .args(["sh", "-c", INSIDE, "sh"])
            .arg(inner.get_program())
            .args(inner.get_args());
        // rustup and cargo look for themselves in HOME, which is about to change.
        for (name, folder) in [("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup")] {
            if let Some(home) = tool_home(name, folder) {
                command.env(name, home);
            }
        }
        command
            .env("HOME", self.folder.join("home"))
            .env("XDG_RUNTIME_DIR", self.folder.join("run"))
            .env("XDG_DATA_HOME", self.folder.join("data"))
            .env("XDG_CONFIG_HOME", self.folder.join("config"))
            .env("XDG_CACHE_HOME", self.folder.join("cache"))
            .env("LANG", "C.UTF-8")
            .env("TZ", "UTC")
            .env("GDK_BACKEND", "x11")
            .env("LIBGL_ALWAYS_SOFTWARE", "1")
            .env("WEBKIT_DISABLE_DMABUF_RENDERER", "0")
            .env("TAURI_WEBVIEW_AUTOMATION", "true");
        for name in [
            "LC_ALL",
            "LANGUAGE",
            "DISPLAY",
            "WAYLAND_DISPLAY",
            "DBUS_SESSION_BUS_ADDRESS",
            "GNOME_KEYRING_CONTROL",
            "GTK_THEME",
            "NO_AT_BRIDGE",
        ] {
            command.env_remove(name);
        }
        if web_engine().is_some_and(|version| version >= BLANK_FROM) {
            command.env("WEBKIT_DISABLE_COMPOSITING_MODE", "1");
        }
        command
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // A leftover folder in the system's temporary place harms nobody.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn tool_home(name: &str, folder: &str) -> Option<OsString> {
    std::env::var_os(name).or_else(|| {
        let home = std::env::var_os("HOME")?;
        Some(Path::new(&home).join(folder).into_os_string())
    })
}

/// Programs refuse a runtime folder that others may enter.
fn only_for_owner(path: &Path) -> Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(path, fs::Permissions::from_mode(0o700))
            .with_context(|| format!("close {} to others", path.display()))?;
    }
    Ok(())
}

/// Version of the installed web engine, first two numbers.
fn web_engine() -> Option<(u32, u32)> {
    let answer = Command::new("pkg-config").args(["--modversion", "webkit2gtk-4.1"]).output().ok()?;
    two_numbers(&String::from_utf8_lossy(&answer.stdout))
}

fn two_numbers(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.trim().split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_by_number() {
        assert!(two_numbers("2.52.3").unwrap() >= BLANK_FROM);
        assert!(two_numbers("2.50.6\n").unwrap() < BLANK_FROM);
        assert!(two_numbers("2.6").unwrap() < BLANK_FROM);
        assert_eq!(two_numbers(""), None);
    }

    #[test]
    fn nothing_of_the_users_session_is_left() {
        let session = Session::open().unwrap();
        let command = session.wrap(Path::new("/"), &Command::new("true"));
        let removed: Vec<_> =
            command.get_envs().filter(|(_, value)| value.is_none()).map(|(name, _)| name.to_owned()).collect();
        assert!(removed.contains(&"DBUS_SESSION_BUS_ADDRESS".into()));
        assert!(removed.contains(&"WAYLAND_DISPLAY".into()));
        let folder = session.folder.clone();
        assert!(folder.join("run").is_dir());
        drop(session);
        assert!(!folder.exists());
    }
}
