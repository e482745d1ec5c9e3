//! What an operator sets, and the fixed bounds that protect the gateway (invariants A6, G2).

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// What an operator sets.
#[derive(Clone, Debug)]
pub struct Config {
    /// Folder of database and keys; made when it is not there.
    pub data_dir: PathBuf,
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Name of the organisation, 1 to 100 characters; fixed at the first start.
    pub org: String,
    /// Whether webhooks may go to loopback addresses, over plain `http` too. Other private addresses stay refused.
    pub allow_loopback_webhooks: bool,
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
            max_streams: 4_096,
            max_stream_lag: 1_024,
            max_connections: 8_192,
            body_timeout: Duration::from_secs(30),
        }
    }
}
