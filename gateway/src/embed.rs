//! A gateway inside another program: loopback only, with the system's clock and randomness.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use seamark_contracts::samples;
use thiserror::Error;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::clock::{SystemChance, SystemClock};
use crate::config::{Config, Outside};
use crate::fsck::FsckReport;
use crate::gateway::{Gateway, OpenError, ServeError, open};
use crate::operate::OperateError;
use crate::root::{RootChoice, RootKeeper};
use crate::scope::{ActsFor, KeyScope};

/// File with the port of the last time, so that accounts that point at it stay valid.
const PORT_FILE: &str = "port";

/// Why the gateway did not start.
#[derive(Debug, Error)]
pub enum EmbedError {
    #[error("open the gateway")]
    Open(#[from] OpenError),
    #[error("serve the gateway")]
    Serve(#[from] ServeError),
    #[error("the gateway ended before it was ready")]
    Ended,
    #[error("use the data folder")]
    Folder(#[source] std::io::Error),
}

/// A running gateway.
#[derive(Debug)]
pub struct Embedded {
    gateway: Arc<Gateway>,
    address: String,
    shutdown: CancellationToken,
    server: JoinHandle<Result<(), ServeError>>,
}

/// Starts the gateway of a data folder on the loopback address: on the port of the last time when that is free, else on
/// another one. The organisation is the one person here: `keeper` has its root, outside of the folder.
///
/// # Errors
/// [`EmbedError`].
pub async fn start(data_dir: &Path, keeper: Arc<dyn RootKeeper>) -> Result<Embedded, EmbedError> {
    std::fs::create_dir_all(data_dir).map_err(EmbedError::Folder)?;
    let port_file = data_dir.join(PORT_FILE);
    let known: Option<u16> = std::fs::read_to_string(&port_file).ok().and_then(|text| text.trim().parse().ok());
    // Whether the port is free is known only by binding it; it is let go at once and bound again below.
    let is_free = |port: &u16| std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    let port = known.filter(is_free).unwrap_or(0);
    let config = Config {
        data_dir: data_dir.to_owned(),
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
        root: RootChoice::Kept(keeper),
        org: "this-computer".to_owned(),
        allow_loopback_webhooks: true,
        outside: Outside::default(),
        reveals: None,
    };
    let gateway = Arc::new(open(config, Arc::new(SystemClock), Arc::new(SystemChance)).await?);
    let shutdown = CancellationToken::new();
    let (ready, bound) = oneshot::channel();
    let server = {
        let (gateway, shutdown) = (Arc::clone(&gateway), shutdown.clone());
        tokio::spawn(async move {
            let on_ready = |address| {
                // Nobody waits only when the caller gave up; then the shutdown follows.
                let _: Result<(), SocketAddr> = ready.send(address);
            };
            gateway.serve_shared(shutdown, on_ready).await
        })
    };
    let Ok(address) = bound.await else {
        return match server.await {
            Ok(Err(error)) => Err(error.into()),
            _ => Err(EmbedError::Ended),
        };
    };
    if let Err(error) = std::fs::write(&port_file, format!("{}\n", address.port())) {
        tracing::warn!(%error, "the port could not be remembered; accounts on this computer may have to be connected again");
    }
    Ok(Embedded { gateway, address: format!("http://{address}"), shutdown, server })
}

impl Embedded {
    /// As in `http://127.0.0.1:40123`.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Publishes the sample contracts that are not published yet.
    ///
    /// # Errors
    /// [`OperateError`].
    pub async fn publish_samples(&self) -> Result<(), OperateError> {
        for sample in &samples::ALL {
            self.gateway.publish_contract(sample.contract).await?;
        }
        Ok(())
    }

    /// Makes an agent key for every contract that acts as every destination: on one's own computer the simulated agents
    /// play all parts.
    ///
    /// # Errors
    /// [`OperateError`].
    pub async fn agent_key(&self, agent: &str) -> Result<String, OperateError> {
        let scope = KeyScope { acts_for: ActsFor::Every, ..KeyScope::default() };
        self.gateway.create_scoped_key(agent, scope).await
    }

    /// Invites a person and returns the code.
    ///
    /// # Errors
    /// [`OperateError`].
    pub async fn invite(&self, person: &str, roles: &[String]) -> Result<String, OperateError> {
        self.gateway.invite(person, roles).await
    }

    /// Re-checks the database.
    pub async fn fsck(&self) -> FsckReport {
        self.gateway.fsck().await
    }

    /// Stops serving, lets requests finish and closes the database.
    pub async fn stop(self) {
        self.shutdown.cancel();
        match self.server.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!(cause = crate::problem::chain(&error), "the gateway stopped with an error")
            }
            Err(error) => tracing::warn!(%error, "the gateway's server ended abruptly; what was answered is on disk"),
        }
        if let Some(gateway) = Arc::into_inner(self.gateway) {
            gateway.close().await;
        }
    }
}
