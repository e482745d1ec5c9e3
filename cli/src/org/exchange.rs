//! What goes to and fro between a gateway and whoever holds the root: over HTTP, or as files.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Args;
use seamark_agent::client::{Client, ClientError};
use seamark_contracts::problem::ErrorCode;
use seamark_contracts::strict_json;
use seamark_ledger::directory::{self, Directory, ENVELOPE_LIMITS, MAX_ENVELOPE_BYTES, Proposal};
use seamark_ledger::key::PublicKey;
use serde_json::Value;

use super::root_file::parse_key;
use crate::place;

/// Where proposal and directory come from.
#[derive(Args, Clone, Debug)]
pub struct Exchange {
    /// The gateway's address; no credentials are needed
    #[arg(long, env = "SEAMARK_GATEWAY", value_name = "URL", conflicts_with_all = ["proposal", "current"])]
    gateway: Option<String>,
    /// Instead of a gateway: a file with the answer of GET /v1/directory/proposal
    #[arg(long, value_name = "FILE")]
    proposal: Option<PathBuf>,
    /// With --proposal: a file with the answer of GET /v1/directory; absent only while nothing was ever signed
    #[arg(long, value_name = "FILE", requires = "proposal")]
    current: Option<PathBuf>,
    /// The root before this one, when it has only just handed over
    #[arg(long, value_name = "KEY")]
    old_root: Option<String>,
}

/// What is signed, and what is to be signed.
pub struct Found {
    pub current: Option<Directory>,
    /// Absent when nothing waits.
    pub proposal: Option<Proposal>,
}

impl Exchange {
    /// A client of the gateway, when there is one to talk to.
    pub fn client(&self) -> anyhow::Result<Option<Client>> {
        self.gateway.as_deref().map(client).transpose()
    }

    /// Gets both, and verifies what is signed under `root`.
    pub async fn find(&self, root: &PublicKey) -> anyhow::Result<Found> {
        let old = self.old_root.as_deref().map(parse_key).transpose()?;
        let (current, proposal) = match (self.client()?, &self.proposal) {
            (Some(client), _) => (current(&client).await?, proposal(&client).await?),
            (None, Some(path)) => {
                let current = self.current.as_deref().map(read).transpose()?;
                (current.map(|bytes| envelope(&bytes)).transpose()?, Some(read(path)?))
            }
            (None, None) => bail!("find the proposal: give --gateway, or --proposal with --current"),
        };
        let current = current.map(|envelope| verify(&envelope, root, old.as_ref())).transpose()?;
        let proposal = proposal.map(|bytes| Proposal::read(&bytes)).transpose().context("read the proposal")?;
        Ok(Found { current, proposal })
    }
}

/// A client without credentials.
pub fn client(gateway: &str) -> anyhow::Result<Client> {
    Client::new(gateway, None).with_context(|| format!("use the address {gateway}"))
}

/// What is there, or nothing.
fn absent<T>(answer: Result<T, ClientError>) -> Result<Option<T>, ClientError> {
    match answer {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.code() == Some(ErrorCode::NotFound) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The newest directory of a gateway, not verified.
pub async fn current(client: &Client) -> anyhow::Result<Option<Value>> {
    absent(client.directory().await).context("get the directory that is signed")
}

/// What a gateway proposes.
pub async fn proposal(client: &Client) -> anyhow::Result<Option<Vec<u8>>> {
    absent(client.directory_proposal().await).context("get the proposal")
}

/// Verifies the signed directory under the root, or under the one before it that named it.
pub fn verify(envelope: &Value, root: &PublicKey, old: Option<&PublicKey>) -> anyhow::Result<Directory> {
    let now = place::clock().now();
    match directory::verify(envelope, root, now) {
        Ok(directory) => Ok(directory.into_inner()),
        Err(error) => {
            let handover = old.and_then(|old| directory::verify(envelope, old, now).ok());
            let named = handover.filter(|handover| {
                let next = handover.predicate.next_root.as_ref().and_then(|next| next.parse().ok());
                next.is_some_and(|next| next == *root)
            });
            named.map(|handover| handover.into_inner()).ok_or(error).context(
                "verify the directory that is signed now. Nothing was signed. Either this is another gateway's root, or \
                 somebody gave out a directory of their own; right after a handover, name the root before with --old-root",
            )
        }
    }
}

/// A file, no larger than a directory.
pub fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = File::open(path).with_context(|| format!("read {}", path.display()))?;
    let most = u64::try_from(MAX_ENVELOPE_BYTES).unwrap_or(u64::MAX);
    file.take(most + 1).read_to_end(&mut bytes).with_context(|| format!("read {}", path.display()))?;
    if bytes.len() > MAX_ENVELOPE_BYTES {
        bail!("read {}: it is larger than any directory", path.display());
    }
    Ok(bytes)
}

/// An envelope in a file's bytes.
pub fn envelope(bytes: &[u8]) -> anyhow::Result<Value> {
    strict_json::parse_typed(bytes, &ENVELOPE_LIMITS).context("read the signed directory")
}
