//! What the app notes for the person who looks for a fault: to standard error, never with a payload.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

/// What is noted unless `RUST_LOG` says otherwise. What we write carries ids and codes, never what is under review; of
/// other people's crates only warnings, for they may print what they are given.
const DEFAULT: &str = "warn,seamark_app=info,seamark_desk=info,seamark_gateway=info,seamark_agent=info";

/// Begins noting. A second call changes nothing.
pub fn start() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(DEFAULT));
    let is_terminal = std::io::stderr().is_terminal();
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(is_terminal);
    // A test or an embedder may have begun already; then its choice stands.
    drop(lines.try_init());
}
