//! The destination's gate: an outcome is verified here, against trust that the destination itself pinned, before anything
//! is done. Source: FORMATS.md §12.
//!
//! The gateway delivers; it is not believed. What it says about its own keys counts only until the destination has pinned
//! them, which happens once, over a channel that somebody trusts.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use seamark_contracts::api::agent::{Delivery, HandoffAnswer};
use seamark_contracts::clock::Timestamp;
use seamark_contracts::id::HandoffId;
use seamark_contracts::strict_json::{self, Limits, TypedJsonError};
use seamark_ledger::verify::{self, PinError, Pinned, PinnedTrust};
use thiserror::Error;

use crate::client::{Client, ClientError, Waited};

/// Why nothing could be checked. What was checked and found wrong is a report, not an error.
#[derive(Debug, Error)]
pub enum CheckError {
    #[error("get what has to be checked")]
    Client(#[from] ClientError),
    #[error("read the pinned trust in {path}")]
    ReadTrust {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error(
        "understand the pinned trust in {path}; it has to be what /v1/trust answered when it was pinned, and may have witnesses, witnessQuorum and tsaRoots beside it"
    )]
    DamagedTrust {
        path: PathBuf,
        #[source]
        source: TypedJsonError,
    },
    #[error("pin the trust in {path}")]
    WriteTrust {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("use the keys that are pinned")]
    Keys(#[from] PinError),
}

/// Where the verifier's trust comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Anchor {
    /// Pinned earlier, kept by the verifier.
    Pinned(PinnedTrust),
    /// Pinned just now: the file did not exist before.
    PinnedNow(PinnedTrust),
    /// The gateway's own word, kept nowhere. Shows that everything fits together, not that this is the right gateway.
    Unpinned(PinnedTrust),
}

impl Anchor {
    /// The keys, wherever they come from.
    #[must_use]
    pub fn trust(&self) -> &PinnedTrust {
        match self {
            Self::Pinned(trust) | Self::PinnedNow(trust) | Self::Unpinned(trust) => trust,
        }
    }

    /// As what a verifier works with. `audience` is the destination's own identity, absent when it is not checked;
    /// `ungated` names the contracts whose handoffs it accepts without a person.
    ///
    /// # Errors
    /// [`CheckError::Keys`] when a pinned key is no key.
    pub fn pinned(
        &self,
        audience: Option<String>,
        ungated: impl IntoIterator<Item = String>,
        now: Timestamp,
    ) -> Result<Pinned, CheckError> {
        Ok(self.trust().pin(audience, now)?.accepting_ungated(ungated))
    }
}

/// The trust in `file`; when the file does not exist yet, the gateway's, which is then pinned there.
///
/// # Errors
/// [`CheckError`] when the gateway does not answer or the file cannot be read, understood or written.
pub async fn pin(client: &Client, file: Option<&Path>) -> Result<Anchor, CheckError> {
    let Some(path) = file else { return Ok(Anchor::Unpinned(client.trust().await?.into())) };
    match tokio::fs::read(path).await {
        Ok(bytes) => strict_json::parse_typed(&bytes, &Limits::SIGNED)
            .map(Anchor::Pinned)
            .map_err(|source| CheckError::DamagedTrust { path: path.to_owned(), source }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let trust = PinnedTrust::from(client.trust().await?);
            write_new(path, &trust).await.map_err(|source| CheckError::WriteTrust { path: path.to_owned(), source })?;
            Ok(Anchor::PinnedNow(trust))
        }
        Err(source) => Err(CheckError::ReadTrust { path: path.to_owned(), source }),
    }
}

async fn write_new(path: &Path, trust: &PinnedTrust) -> io::Result<()> {
    let bytes = serde_json::to_vec_pretty(trust).map_err(io::Error::other)?;
    // A pin that appeared in between is not overwritten.
    let mut file = tokio::fs::OpenOptions::new().create_new(true).write(true).open(path).await?;
    tokio::io::AsyncWriteExt::write_all(&mut file, &bytes).await?;
    file.sync_all().await
}

/// What was found about a handoff.
#[derive(Debug)]
pub enum Checked {
    /// There is no outcome yet, so there is nothing to verify.
    Open(Box<HandoffAnswer>),
    /// The delivery, and what the verifier says about it.
    Delivered { delivery: Box<Delivery>, report: verify::Report },
}

/// Waits until `wait` for the delivery of `id` and verifies it. Uses nothing up.
///
/// # Errors
/// [`CheckError::Client`] when the gateway does not answer or says no.
pub async fn check(client: &Client, id: HandoffId, wait: Duration, pinned: &Pinned) -> Result<Checked, CheckError> {
    let waited = if pinned.outside.is_log_before_act() {
        client.cosigned_outcome(id, wait).await?
    } else {
        client.outcome(id, wait).await?
    };
    match waited {
        Waited::Open(answer) => Ok(Checked::Open(answer)),
        Waited::Final(delivery) => {
            let report = verify::check_delivery(&delivery, pinned);
            Ok(Checked::Delivered { delivery, report })
        }
    }
}
