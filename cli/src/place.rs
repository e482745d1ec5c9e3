//! Opening a gateway's data folder from the command line.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use seamark_contracts::clock::{Chance, Clock};
use seamark_gateway::{Config, Gateway, Outside, RootChoice};
use seamark_ledger::key::PublicKey;

use crate::report::{Printer, note};

/// The organisation's name when nobody gives one.
pub const DEFAULT_ORG: &str = "local";

/// The system's clock.
pub fn clock() -> Arc<dyn Clock> {
    Arc::new(seamark_gateway::clock::SystemClock)
}

/// The system's randomness.
pub fn chance() -> Arc<dyn Chance> {
    Arc::new(seamark_gateway::clock::SystemChance)
}

/// A configuration for the folder `data_dir`.
pub fn config(data_dir: &Path, org: &str) -> Config {
    Config {
        data_dir: data_dir.to_owned(),
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        root: RootChoice::Known,
        org: org.to_owned(),
        allow_loopback_webhooks: false,
        outside: Outside::default(),
        reveals: None,
    }
}

/// The same under a root that the folder may not know yet.
pub fn config_under(data_dir: &Path, org: &str, root: PublicKey) -> Config {
    Config { root: RootChoice::Outside(Box::new(root)), ..config(data_dir, org) }
}

/// Closes the folder, and tells people when something in it waits for the root.
///
/// # Errors
/// When that cannot be read.
pub async fn close(gateway: Gateway, printer: Printer) -> anyhow::Result<()> {
    let waiting = gateway.proposed_version().await.context("read what waits for the root")?;
    gateway.close().await;
    if waiting.is_some() && !printer.is_json {
        note("For verifiers this counts when the organisation's root has signed it: seamark org sign.");
    }
    Ok(())
}

/// Opens the folder beside a gateway that may be running on it.
///
/// # Errors
/// When the database or the keys cannot be used.
pub async fn open(data_dir: &Path) -> anyhow::Result<Gateway> {
    seamark_gateway::open(config(data_dir, DEFAULT_ORG), clock(), chance())
        .await
        .with_context(|| format!("open the gateway's data folder {}", data_dir.display()))
}

/// Whether a gateway was made in a folder.
///
/// # Errors
/// When there is none.
pub fn check_existing(data_dir: &Path) -> anyhow::Result<()> {
    let is_there = data_dir.join("gateway.sqlite3").is_file();
    ensure!(is_there, "find a gateway in {}: there is no gateway.sqlite3", data_dir.display());
    Ok(())
}

/// The same for a folder in which there is a gateway already: nothing is made where somebody mistyped a path.
///
/// # Errors
/// When there is none, or the database or the keys cannot be used.
pub async fn open_existing(data_dir: &Path) -> anyhow::Result<Gateway> {
    check_existing(data_dir)?;
    open(data_dir).await
}
