//! What an operator sets, and the fixed bounds that protect the gateway (invariants A6, G2).

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::root::RootChoice;
use seamark_ledger::checkpoint::{Vkey, VkeyError, VkeyKind};
use thiserror::Error;
use url::Url;

/// What an operator sets.
#[derive(Clone, Debug)]
pub struct Config {
    /// Folder of database and keys; made when it is not there.
    pub data_dir: PathBuf,
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Who signs the directory.
    pub root: RootChoice,
    /// Name of the organisation, 1 to 100 characters; fixed at the first start.
    pub org: String,
    /// Whether webhooks may go to loopback addresses, over plain `http` too. Other private addresses stay refused.
    pub allow_loopback_webhooks: bool,
    /// Who outside vouches for the ledger.
    pub outside: Outside,
    /// Masked fields that one person may ask for within ten minutes; absent: [`Limits::reveals`].
    pub reveals: Option<u32>,
}

/// Most witnesses of one gateway.
const MAX_WITNESSES: usize = 16;

/// Who outside vouches for the ledger; nobody by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outside {
    /// Witnesses that are shown each newest checkpoint.
    pub witnesses: Vec<Witness>,
    /// The address of a time-stamping authority (RFC 3161) that stamps a head each day.
    pub timestamps: Option<Url>,
}

/// An outside witness.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Witness {
    /// The address below which it takes `add-checkpoint`.
    pub url: Url,
    /// Its key, of kind 4: only lines under this key are kept.
    pub vkey: Vkey,
}

/// Why something outside cannot be used.
#[derive(Debug, Error)]
pub enum OutsideError {
    #[error("{0:?} is no http or https address")]
    Url(String),
    #[error("read the key of the witness at {url}")]
    Vkey {
        url: Url,
        #[source]
        source: VkeyError,
    },
    #[error("{0} is no witness's key: it is what `seamark witness init` printed, or another of kind 4")]
    Kind(String),
    #[error("witness {0} is given twice")]
    Twice(String),
    #[error("a gateway has at most {MAX_WITNESSES} witnesses")]
    TooMany,
}

/// Reads the address of a service outside.
pub(crate) fn parse_url(text: &str) -> Result<Url, OutsideError> {
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    url.ok_or_else(|| OutsideError::Url(text.to_owned()))
}

impl Outside {
    /// Names the time-stamping authority by its address.
    ///
    /// # Errors
    /// [`OutsideError::Url`].
    pub fn set_timestamps(&mut self, url: &str) -> Result<(), OutsideError> {
        self.timestamps = Some(parse_url(url)?);
        Ok(())
    }

    /// Adds a witness by its address and vkey.
    ///
    /// # Errors
    /// [`OutsideError`].
    pub fn add_witness(&mut self, url: &str, vkey: &str) -> Result<(), OutsideError> {
        let url = parse_url(url)?;
        let vkey = Vkey::parse(vkey).map_err(|source| OutsideError::Vkey { url: url.clone(), source })?;
        if vkey.kind() != VkeyKind::CosignatureV1 {
            return Err(OutsideError::Kind(vkey.name().to_owned()));
        }
        let is_known = |known: &Witness| known.vkey.name() == vkey.name() || known.vkey.key() == vkey.key();
        if self.witnesses.iter().any(is_known) {
            return Err(OutsideError::Twice(vkey.name().to_owned()));
        }
        if self.witnesses.len() >= MAX_WITNESSES {
            return Err(OutsideError::TooMany);
        }
        self.witnesses.push(Witness { url, vkey });
        Ok(())
    }
}

/// Bounds of one gateway process. The defaults suit one machine.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Changes that wait for the writer; more are answered 503.
    pub max_queued_changes: usize,
    /// Changes that share one commit.
    pub max_group: usize,
    /// Connections that only read.
    pub n_readers: u32,
    /// Requests of one agent key or session per second, as a lasting rate.
    pub requests_per_s: u32,
    /// Requests that may come at once above that rate.
    pub burst: u32,
    /// Requests without credentials of one peer address per second, as a lasting rate.
    pub public_per_s: u32,
    /// Such requests that may come at once above that rate.
    pub public_burst: u32,
    /// Reviews of one submitting agent that may be open at once; more are answered 429 (attack A20).
    pub max_open_reviews: usize,
    /// Masked fields that one person may ask for within [`Self::reveals_per`], refused requests included. Counted in the
    /// database, so a restart gives nobody more.
    pub reveals: u32,
    /// How long a request for a masked field counts.
    pub reveals_per: Duration,
    /// Open event streams; more are answered 503.
    pub max_streams: usize,
    /// Events that a stream may lag behind before it is closed (invariant E3).
    pub max_stream_lag: usize,
    /// Connections served at once; more wait in the listen queue.
    pub max_connections: usize,
    /// How long the body of a request may take to arrive.
    pub body_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_queued_changes: 4_096,
            max_group: 256,
            n_readers: 4,
            requests_per_s: 20_000,
            burst: 40_000,
            public_per_s: 1_000,
            public_burst: 4_000,
            max_open_reviews: 1_000,
            reveals: 20,
            reveals_per: Duration::from_secs(600),
            max_streams: 4_096,
            max_stream_lag: 1_024,
            max_connections: 8_192,
            body_timeout: Duration::from_secs(30),
        }
    }
}
