//! The window of Seamark: wiring between the page, the desk and, when it runs on this computer, the gateway.
//!
//! Invariants kept here:
//! * The page calls named commands only, each with its own permission; none takes bytes to sign, keys, paths or URLs of
//!   files, and none returns a secret. See `build.rs`, `capabilities/main.json`, `command`.
//! * One window, which shows the built-in page and can go nowhere else (`window`).
//! * One window per data folder: the desk holds a lock on it.
//!
//! Does not know: rules of any kind, how anything is stored, signed or sent.

mod bindings;
mod clipboard;
mod command;
mod embedded;
mod error;
mod event;
pub mod graphics;
pub mod locale;
pub mod log;
pub mod options;
mod view;
mod window;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use seamark_desk::answer::DeskEvent;
use seamark_desk::clock::{SystemChance, SystemClock, system_time_zone};
use seamark_desk::keys::{KdfCost, SecretService};
use seamark_desk::{Desk, DeskOptions, OpenError};
use tauri::App;
use tauri::async_runtime::block_on;
use thiserror::Error;
use tokio::sync::broadcast::Receiver;
use tokio_util::sync::CancellationToken;

use embedded::Local;
use options::Options;

/// How long an orderly end may take. Whatever is cut off then is as safe as after a crash.
const FAREWELL: Duration = Duration::from_secs(10);

/// Why the window did not open.
#[derive(Debug, Error)]
pub enum RunError {
    #[error(transparent)]
    NoDataFolder(#[from] options::NoDataFolder),
    #[error(transparent)]
    NoDisplay(#[from] graphics::NoDisplay),
    #[error("make the folder {path}", path = .path.display())]
    Folder { path: PathBuf, source: io::Error },
    #[error(
        "Seamark is already open with the folder {path}.
  Use that window, close it first, or open a second Seamark beside it with --data-dir DIR.",
        path = .0.display()
    )]
    AlreadyOpen(PathBuf),
    #[error("open what Seamark keeps in {path}", path = .path.display())]
    Desk { path: PathBuf, source: OpenError },
    #[error("open the window")]
    Window(#[from] tauri::Error),
}

/// Opens the window and returns when it was closed and everything behind it has stopped.
///
/// # Errors
/// [`RunError`] when it did not open.
pub fn run(options: &Options) -> Result<(), RunError> {
    let data_dir = options.data_dir()?;
    graphics::ensure_display()?;
    options::make_private(&data_dir).map_err(|source| RunError::Folder { path: data_dir.clone(), source })?;
    let options = desk_options(data_dir.clone());
    let keyring = Arc::clone(&options.keyring);
    let desk = block_on(Desk::open(options)).map_err(|error| match error {
        OpenError::InUse { path } => RunError::AlreadyOpen(path),
        source => RunError::Desk { path: data_dir.clone(), source },
    })?;
    let local = Arc::new(Local::new(data_dir, keyring));
    // Before the window asks for the first time.
    embedded::announce(&desk);
    let bindings = bindings::builder();
    let heard = desk.events();
    let app = tauri::Builder::default()
        .manage(desk.clone())
        .manage(Arc::clone(&local))
        .invoke_handler(bindings.invoke_handler())
        .setup({
            let desk = desk.clone();
            move |app| {
                bindings.mount_events(app);
                Ok(begin(app, desk, heard)?)
            }
        })
        .build(tauri::generate_context!())?;
    let stop = CancellationToken::new();
    let behind = tauri::async_runtime::spawn({
        let stop = stop.clone();
        async move {
            // The desk tells the window meanwhile that its gateway starts, and why when it does not.
            tokio::join!(local.resume(&desk), desk.run(stop));
            local.stop_demo().await;
            local.stop().await;
        }
    });
    app.run_return(|_, _| {});
    stop.cancel();
    if block_on(async { tokio::time::timeout(FAREWELL, behind).await }).is_err() {
        tracing::warn!("not everything stopped in time");
    }
    Ok(())
}

/// Opens the window as it looked last, and connects it to what happens.
fn begin(app: &App, desk: Desk, heard: Receiver<DeskEvent>) -> tauri::Result<()> {
    let window = window::open(app)?;
    // Whoever looks away from the window leaves nothing in clear on it, whatever the page does.
    window.on_window_event({
        let desk = desk.clone();
        move |event| {
            if let tauri::WindowEvent::Focused(false) = event {
                desk.mask_all();
            }
        }
    });
    if let Ok(state) = block_on(desk.app_state()) {
        window::zoom(&window, &state);
    }
    tauri::async_runtime::spawn(event::pass_on(desk, heard, app.handle().clone()));
    tauri::async_runtime::spawn(window::close_when_asked(app.handle().clone()));
    Ok(())
}

fn desk_options(data_dir: PathBuf) -> DeskOptions {
    DeskOptions {
        export_dir: options::export_dir(&data_dir),
        data_dir,
        clock: Arc::new(SystemClock),
        chance: Arc::new(SystemChance),
        keyring: Arc::new(SecretService),
        kdf_cost: KdfCost::default(),
        time_zone: system_time_zone(),
        locale: locale::locale(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    }
}
