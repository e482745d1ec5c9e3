//! `seamark serve`: runs a gateway until it is told to stop.

use std::net::SocketAddr;

use anyhow::Context as _;
use clap::Args;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::options::DataDir;
use crate::org::parse_key;
use crate::place;
use crate::report::{Ending, Printer};

/// Run a gateway
#[derive(Args, Debug)]
#[command(after_help = "\
Prints one line with the address on standard output when it is ready; logs go to standard error and never hold payload.
Database and keys are created on first use, under the root whose public key is given; the root itself is never here
(`seamark org`). Stop it with Ctrl-C or SIGTERM: it finishes what it has begun.

Examples:
  seamark serve --data-dir ./gateway --listen 127.0.0.1:7600
  seamark serve --data-dir ./gateway --witness https://witness.example 'witness.example/w1+3f1c2a07+BAfM...'
  seamark serve --data-dir ./gateway --root-key \"$(seamark org show --key acme.root)\"
  SEAMARK_LOG=debug seamark serve --data-dir ./gateway --listen 127.0.0.1:0")]
pub struct Serve {
    #[command(flatten)]
    data: DataDir,
    /// Address and port to listen on; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:7600", value_name = "ADDRESS:PORT")]
    listen: SocketAddr,
    /// On first use: the root's public key, as `seamark org create` printed it
    #[arg(long, env = "SEAMARK_ROOT_KEY", value_name = "KEY")]
    root_key: Option<String>,
    /// Name of the organisation, written into the directory on first use
    #[arg(long, env = "SEAMARK_ORG", default_value = place::DEFAULT_ORG, value_name = "NAME")]
    org: String,
    /// Most reviews of one agent that may wait for people at once; further handoffs that need a person are answered 429
    #[arg(long, default_value_t = seamark_gateway::Limits::default().max_open_reviews, value_name = "NUMBER")]
    max_open_reviews: usize,
    /// An outside witness that is shown each newest head of the ledger: its address and its vkey; may be given more than once
    #[arg(long = "witness", num_args = 2, value_names = ["URL", "VKEY"])]
    witnesses: Vec<String>,
    /// A time-stamping authority (RFC 3161) that stamps the ledger's head, once a day and for evidence
    #[arg(long, value_name = "URL")]
    timestamps: Option<String>,
    /// Let webhooks point to this computer
    #[arg(long)]
    allow_loopback_webhooks: bool,
    /// How many masked fields one person may ask for within ten minutes; 0 reveals none
    #[arg(long, default_value_t = 20, value_name = "NUMBER")]
    reveals: u32,
}

impl Serve {
    /// Serves until SIGTERM or SIGINT.
    ///
    /// # Errors
    /// When storage or port cannot be used.
    pub async fn run(self, printer: Printer) -> anyhow::Result<Ending> {
        let stop = CancellationToken::new();
        stop_on_signals(&stop)?;
        let mut config = match &self.root_key {
            Some(key) => place::config_under(&self.data.data_dir, &self.org, parse_key(key)?),
            None => place::config(&self.data.data_dir, &self.org),
        };
        config.listen = self.listen;
        config.allow_loopback_webhooks = self.allow_loopback_webhooks;
        config.reveals = Some(self.reveals);
        for pair in self.witnesses.chunks(2) {
            if let [url, vkey] = pair {
                config.outside.add_witness(url, vkey).context("use the witness")?;
            }
        }
        if let Some(url) = &self.timestamps {
            config.outside.set_timestamps(url).context("use the time-stamping authority")?;
        }
        let limits = seamark_gateway::Limits { max_open_reviews: self.max_open_reviews, ..Default::default() };
        let gateway = seamark_gateway::open_with(config, limits, place::clock(), place::chance())
            .await
            .with_context(|| format!("open the gateway in {}", self.data.data_dir.display()))?;
        if !gateway.has_signed_directory().await.context("read the directory")? {
            tracing::warn!(
                "the organisation's root has signed no directory yet, so no handoff is taken; run `seamark org sign` where the root is"
            );
        } else if gateway.proposed_version().await.context("read the proposal")?.is_some() {
            tracing::info!("changes wait for the organisation's root: `seamark org sign`");
        }
        let ready = move |address: SocketAddr| {
            // A closed standard output is no reason to stop serving.
            if let Err(error) = printer.line(&format!("seamark gateway listening on http://{address}")) {
                tracing::warn!(%error, "the ready line could not be printed");
            }
        };
        gateway.serve(stop, ready).await.with_context(|| format!("serve on {}", self.listen))?;
        Ok(Ending::Done)
    }
}

/// Cancels `stop` at the first SIGTERM or SIGINT.
pub fn stop_on_signals(stop: &CancellationToken) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("listen for SIGINT")?;
    let stop = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping");
        stop.cancel();
    });
    Ok(())
}
