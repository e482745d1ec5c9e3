//! The keyring of the private session that the window tests run in, locked and unlocked as a person would.

use std::io::Write as _;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};

/// A locked keyring; unlocked again at the latest when this is dropped, for the tests that come after.
#[derive(Debug)]
pub struct Locked(());

/// Locks every collection of the session's keyring.
///
/// # Errors
/// When the keyring does not answer.
pub fn lock() -> Result<Locked> {
    let service = "--dest=org.freedesktop.secrets";
    let done = Command::new("dbus-send")
        .args(["--session", "--print-reply", service, "/org/freedesktop/secrets"])
        .arg("org.freedesktop.Secret.Service.Lock")
        .arg("array:objpath:/org/freedesktop/secrets/collection/login")
        .output()
        .context("starting dbus-send")?;
    ensure!(done.status.success(), "the keyring was not locked: {}", String::from_utf8_lossy(&done.stderr));
    Ok(Locked(()))
}

impl Locked {
    /// Unlocks it.
    ///
    /// # Errors
    /// When the keyring refuses.
    pub fn unlock(self) -> Result<()> {
        unlock()
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        // The test has failed by then for a reason of its own.
        let _ = unlock();
    }
}

/// A daemon that runs takes no password from outside a login, so an unlocked one takes its place.
fn unlock() -> Result<()> {
    let mut child = Command::new("gnome-keyring-daemon")
        .args(["--replace", "--unlock", "--daemonize", "--components=secrets"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .context("starting gnome-keyring-daemon")?;
    // The password of the session that `cargo xtask test` makes; it is no secret.
    child.stdin.take().context("its input")?.write_all(b"test")?;
    let status = child.wait()?;
    ensure!(status.success(), "the keyring was not unlocked");
    Ok(())
}
