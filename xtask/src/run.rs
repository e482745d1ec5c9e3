//! `cargo xtask run`: from a clone to an open window.

use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};

use crate::need::{Machine, Purpose, missing};
use crate::provide::{self, ThisComputer};
use crate::report::Report;
use crate::{exec, page, workspace};

const NO_DISPLAY: &str = "\
There is no display to open a window on (neither DISPLAY nor WAYLAND_DISPLAY is set). To get one:
  in a desktop session        run this command in a terminal there
  over ssh                    ssh -X COMPUTER, or ssh -Y COMPUTER, then this command
  without any screen          sudo apt-get install -y xvfb xauth && xvfb-run -a cargo xtask run";

/// Sets up, builds and opens the window; ends with the app's own exit code.
///
/// # Errors
/// Something is missing and may not be installed, or a step failed.
pub(crate) fn run(yes: bool, app_arguments: &[String]) -> Result<ExitCode> {
    let root = workspace::root();
    if !has_display() {
        // Said before anything is installed or built: those minutes would be for nothing.
        let is_root = provide::is_root();
        let found = missing(&ThisComputer, Purpose::Run);
        if !found.is_nothing() {
            println!("{}\n", found.told(is_root));
        }
        if is_root {
            println!("{}", NO_DISPLAY.replace("sudo ", ""));
        } else {
            println!("{NO_DISPLAY}");
        }
        return Ok(ExitCode::FAILURE);
    }
    let mut report = Report::new(5);
    report.must("Looking at what this computer has", || provide::provide(Purpose::Run, yes))?;
    report.must("Fetching the page's packages", || fetch(&root))?;
    report.must("Building the page", || build_page(&root))?;
    let app = report.must("Building the app (minutes, the first time)", || build_app(&root))?;
    report.must("Opening the window", || open(&app, app_arguments))
}

fn has_display() -> bool {
    if !cfg!(target_os = "linux") {
        return true;
    }
    ["DISPLAY", "WAYLAND_DISPLAY"].iter().any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
}

/// Fetches the page's packages unless they are there.
///
/// # Errors
/// There is no page, or npm failed.
pub(crate) fn fetch(root: &Path) -> Result<()> {
    page::ensure_there(root)?;
    if page::has_packages(root) {
        return Ok(());
    }
    exec::shown(&mut page::fetch_packages(root))
}

/// Builds the page unless it is built.
///
/// # Errors
/// npm failed.
pub(crate) fn build_page(root: &Path) -> Result<()> {
    if page::is_built(root) {
        return Ok(());
    }
    exec::shown(&mut page::build(root))
}

fn build_app(root: &Path) -> Result<std::path::PathBuf> {
    exec::shown(exec::cargo(root).args(["build", "--release", "-p", "seamark-app"]))?;
    let metadata = workspace::metadata(root)?;
    Ok(workspace::target_directory(&metadata, root).join("release/seamark-app"))
}

fn open(app: &Path, app_arguments: &[String]) -> Result<ExitCode> {
    let mut command = if has_session_bus() {
        Command::new(app)
    } else {
        println!(
            "      There is no session bus here, so the app gets one of its own; the keyring may ask for a password."
        );
        let mut command = Command::new("dbus-run-session");
        command.arg("--").arg(app);
        command
    };
    let status = command.args(app_arguments).status().with_context(|| format!("start {}", app.display()))?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}

/// Without a session bus (a container, a bare X server) no keyring can be reached, and the app could not keep its key.
fn has_session_bus() -> bool {
    let at_the_usual_place =
        std::env::var_os("XDG_RUNTIME_DIR").is_some_and(|folder| Path::new(&folder).join("bus").exists());
    std::env::var_os("DBUS_SESSION_BUS_ADDRESS").is_some()
        || at_the_usual_place
        || !ThisComputer.has_program("dbus-run-session")
}
