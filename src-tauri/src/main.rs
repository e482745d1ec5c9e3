//! `seamark-app`: the window.

#![cfg_attr(not(debug_assertions), windows_subsystem = "windows")]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program that cannot start says so where it was started")]

use std::process::ExitCode;

use seamark_app::options::{self, Wanted};
use seamark_app::{StartError, run};
use seamark_desk::OpenError;

/// The arguments are of no use, as in most programs.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn")),
        )
        .init();
    let options = match options::read(std::env::args_os().skip(1)) {
        Ok(Wanted::Run(options)) => options,
        Ok(Wanted::Help) => {
            print!("{}", options::HELP);
            return ExitCode::SUCCESS;
        }
        Ok(Wanted::Version) => {
            println!("seamark-app {}", env!("CARGO_PKG_VERSION"));
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("seamark-app: {error}");
            return ExitCode::from(USAGE);
        }
    };
    #[cfg(target_os = "linux")]
    {
        options::start_anew_if_needed(&options);
        if let Some(message) = options::missing_display() {
            eprint!("{message}");
            return ExitCode::FAILURE;
        }
    }
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(StartError::Desk(OpenError::InUse { path })) => {
            eprintln!(
                "seamark-app: Seamark is open already with the folder {}.\nUse that window, or start a second desk with \
                 another folder: seamark-app --data-dir DIR",
                path.display()
            );
            ExitCode::FAILURE
        }
        Err(error) => {
            eprint!("seamark-app: {error}");
            let mut cause = std::error::Error::source(&error);
            while let Some(next) = cause {
                eprint!(": {next}");
                cause = next.source();
            }
            eprintln!();
            ExitCode::FAILURE
        }
    }
}
