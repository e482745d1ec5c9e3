//! The app: a window around the desk. Wiring only.
//!
//! Invariants kept here:
//! * No command takes bytes to sign, key names, paths or addresses other than the one to enrol at; none returns secrets.
//! * Each command has a permission of its own, granted to the one window and to local content alone.
//! * The page is embedded; nothing else is ever loaded, and no other window opens.
//!
//! Does not know: signing, SQL, HTTP, what a handoff means.

mod bindings;
mod command;
mod embedded;
mod error;
mod event;
pub mod options;
mod view;
mod window;

use std::sync::Arc;
use std::time::Duration;

use seamark_desk::clock::{SystemChance, SystemClock, system_time_zone};
use seamark_desk::keys::{KdfCost, SecretService};
use seamark_desk::{Desk, DeskOptions, OpenError};
use tauri::{Manager as _, RunEvent};
use thiserror::Error;
use tokio_util::sync::CancellationToken;

use crate::embedded::LocalGateway;
use crate::options::Options;

/// What every command can use.
#[derive(Debug)]
pub struct App {
    desk: Desk,
    /// The gateway on this computer, when there is one.
    local: LocalGateway,
    shutdown: CancellationToken,
}

/// Why the app did not start.
#[derive(Debug, Error)]
pub enum StartError {
    #[error("open the desk")]
    Desk(#[from] OpenError),
    #[error("start the runtime")]
    Runtime(#[source] std::io::Error),
    #[error("open the window")]
    Window(#[from] tauri::Error),
}

/// So long the app waits at its end for what is under way; nothing is lost by not waiting.
const PATIENCE: Duration = Duration::from_secs(5);

/// Opens the desk and shows the window until it is closed.
///
/// # Errors
/// [`StartError`]
pub fn run(options: &Options) -> Result<(), StartError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(StartError::Runtime)?;
    tauri::async_runtime::set(runtime.handle().clone());
    let desk = runtime.block_on(Desk::open(DeskOptions {
        data_dir: options.data_dir.clone(),
        clock: Arc::new(SystemClock),
        chance: Arc::new(SystemChance),
        keyring: Arc::new(SecretService),
        kdf_cost: KdfCost::default(),
        time_zone: system_time_zone(),
        locale: options.locale.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    }))?;
    let shutdown = CancellationToken::new();
    let local = LocalGateway::new(&options.data_dir);
    let commands = bindings::builder();
    let app = tauri::Builder::default()
        .manage(App { desk: desk.clone(), local, shutdown: shutdown.clone() })
        .invoke_handler(commands.invoke_handler())
        .setup(move |app| {
            commands.mount_events(app);
            let window = window::open(app)?;
            let (handle, desk) = (app.handle().clone(), desk.clone());
            tauri::async_runtime::spawn(event::forward(desk.clone(), handle.clone()));
            tauri::async_runtime::spawn(async move {
                if let Ok(state) = desk.app_state().await {
                    window::dress(&window, &state.appearance);
                }
                let app = handle.state::<App>();
                embedded::resume(&app).await;
                desk.run(app.shutdown.clone()).await;
            });
            Ok(())
        })
        .build(tauri::generate_context!())?;
    app.run(move |handle, event| {
        if let RunEvent::Exit = event {
            shutdown.cancel();
            let app = handle.state::<App>();
            let stopping = tokio::time::timeout(PATIENCE, app.local.stop());
            if tauri::async_runtime::block_on(async { stopping.await }).is_err() {
                tracing::warn!("the gateway on this computer was still busy at the end; nothing is lost by it");
            }
        }
    });
    drop(runtime);
    Ok(())
}
