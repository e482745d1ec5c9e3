//! `seamark-app`: opens the window.

// A release build must not open a console beside its window.
#![cfg_attr(all(windows, not(debug_assertions)), windows_subsystem = "windows")]

use std::error::Error;
use std::process::ExitCode;

use clap::Parser as _;
use seamark_app::options::Options;
use seamark_app::{graphics, log, run};

fn main() -> ExitCode {
    let options = Options::parse();
    // ORDER: before any thread and before GTK. Both read the variables once, and changing them later is not safe.
    graphics::settle(options.safe_graphics);
    log::start();
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tell(&error);
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::print_stderr, reason = "there is no window to say it in")]
fn tell(error: &dyn Error) {
    eprintln!("seamark-app: {error}");
    let mut next = error.source();
    while let Some(cause) = next {
        eprintln!("  because: {cause}");
        next = cause.source();
    }
}
