//! The destination's gate: what has to hold before anything is done, judged by the destination's own settings.
//!
//! ```text
//! 1 proof     signatures, contract, decisions, outcome, against what this destination has pinned
//! 2 audience  it is meant for this destination
//! 3 attempt   it is this destination's to act on, and was not used here
//! 4 window    it may be done now, by this destination's own clock
//! 5 masks     every hidden value is there, and every mask follows from it
//! 6 log       everything stands in the ledger, in order
//! 7 use       the attempt is taken, on this disk and at the gateway    ── from here on: used, for good
//! 8 act       on the reconstructed payload and nothing else
//! 9 report    signed, kept here, sent
//! ```
//! Fail closed: a step that did not pass, whatever the reason, ends the walk. Source: FORMATS.md §12.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use seamark_contracts::api::agent::Delivery;
use seamark_contracts::clock::Timestamp;
use seamark_contracts::handoff::ContractRef;
use seamark_contracts::id::{AgentUrn, HandoffId};
use seamark_contracts::strict_json::{self, Limits, TypedJsonError};
use seamark_ledger::verified::Verified;
use seamark_ledger::verify::{self, ApprovedAction, PinError, Pinned, PinnedTrust, Report, Verdict};
use serde::{Deserialize, Serialize};
use thiserror::Error;

mod attempts;
mod steps;

pub use attempts::{Attempts, AttemptsError, Ended, Held, Holder, Standing, Used};
pub use steps::{Step, StepResult};

/// The value of a destination file's `format`.
pub const DESTINATION_FORMAT: &str = "seamark-destination/v1";

/// Why the settings of a destination cannot be used.
#[derive(Debug, Error)]
pub enum SettingsError {
    #[error("read the destination's settings in {path}")]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("understand the destination's settings in {path}")]
    Damaged {
        path: PathBuf,
        #[source]
        source: TypedJsonError,
    },
    #[error("use {path}: its format is another than {DESTINATION_FORMAT}")]
    Format { path: PathBuf },
    /// Nothing would ever be done.
    #[error("use {path}: logBeforeAct waits for outside witnesses, and its trust pins none")]
    LogBeforeAct { path: PathBuf },
}

/// A contract that a destination accepts. Its digest fixes its policy and its texts too.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accepted {
    pub contract: ContractRef,
    /// Its handoffs are accepted without a person, when their gate asks for none.
    #[serde(default)]
    pub ungated: bool,
}

/// What a destination knows about itself, from its own settings and never from a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// The agent that acts.
    pub agent: AgentUrn,
    /// The identity that approvals have to name.
    pub audience: String,
    /// The gateway's keys, as pinned, and the outside witnesses that this destination relies on.
    pub trust: PinnedTrust,
    /// The contracts whose handoffs are acted on; one that a gateway published and that is not here is refused (attack A14).
    pub contracts: Vec<Accepted>,
    /// Whether only a delivery is acted on whose checkpoint enough of these witnesses cosigned: what the ledger could still
    /// take back is then no ground to act.
    pub log_before_act: bool,
}

/// The file of a [`Destination`]. Closed: what is not known here is refused, since it could be a limit.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Written {
    format: String,
    agent: AgentUrn,
    audience: String,
    trust: PinnedTrust,
    contracts: Vec<Accepted>,
    /// Act only on what witnesses have seen in the ledger.
    #[serde(default)]
    log_before_act: bool,
}

impl Destination {
    /// Reads the settings in `path`.
    ///
    /// # Errors
    /// [`SettingsError`]: not there, not of this form, or asking for what this version cannot do.
    pub fn read(path: &Path) -> Result<Self, SettingsError> {
        let failed = |source| SettingsError::Read { path: path.to_owned(), source };
        let mut bytes = Vec::new();
        let limit = u64::try_from(Limits::SIGNED.max_bytes).unwrap_or(u64::MAX).saturating_add(1);
        std::fs::File::open(path).map_err(failed)?.take(limit).read_to_end(&mut bytes).map_err(failed)?;
        let written: Written = strict_json::parse_typed(&bytes, &Limits::SIGNED)
            .map_err(|source| SettingsError::Damaged { path: path.to_owned(), source })?;
        if written.format != DESTINATION_FORMAT {
            return Err(SettingsError::Format { path: path.to_owned() });
        }
        if written.log_before_act && written.trust.witnesses.is_empty() {
            return Err(SettingsError::LogBeforeAct { path: path.to_owned() });
        }
        let Written { agent, audience, trust, contracts, log_before_act, .. } = written;
        Ok(Self { agent, audience, trust, contracts, log_before_act })
    }

    /// The settings as the bytes of their file.
    ///
    /// # Errors
    /// [`serde_json::Error`] when they cannot be written as JSON.
    pub fn to_json(&self) -> Result<Vec<u8>, serde_json::Error> {
        let Self { agent, audience, trust, contracts, log_before_act } = self.clone();
        let format = DESTINATION_FORMAT.to_owned();
        serde_json::to_vec_pretty(&Written { format, agent, audience, trust, contracts, log_before_act })
    }

    /// As what a verifier works with.
    ///
    /// # Errors
    /// [`PinError`] when a pinned key is no key.
    pub fn pinned(&self, now: Timestamp) -> Result<Pinned, PinError> {
        let ungated = self.contracts.iter().filter(|accepted| accepted.ungated);
        let pinned = self.trust.pin(Some(self.audience.clone()), now)?;
        let outside = pinned.outside.clone();
        let outside = if self.log_before_act { outside.before_acting() } else { outside };
        Ok(Pinned { outside, ..pinned }
            .accepting_ungated(ungated.map(|accepted| accepted.contract.name.clone()))
            .accepting_contracts(self.contracts.iter().map(|accepted| accepted.contract.clone())))
    }
}

/// What the steps before the use found. Nothing is used up by looking.
#[derive(Debug)]
pub struct Looked {
    /// The first six steps, in order.
    pub steps: Vec<StepResult>,
    /// What they rest on, claim by claim.
    pub report: Report,
    /// What may be done; present exactly when every step passed.
    pub action: Option<Arc<Verified<ApprovedAction>>>,
}

/// Steps 1 to 6 over `delivery`, and what this disk knows of its attempt. `id` is the handoff that was asked for; absent
/// when whatever was delivered is meant.
///
/// # Errors
/// [`PinError`] when the destination's own pinned keys are none.
pub fn look(
    itself: &Destination,
    attempts: Option<&Attempts>,
    id: Option<HandoffId>,
    delivery: &Delivery,
    now: Timestamp,
) -> Result<Looked, PinError> {
    let pinned = itself.pinned(now)?;
    let report = verify::check_delivery(delivery, &pinned);
    let action = verify::verify_delivery(delivery, &pinned).ok();
    let attempt = steps::judge_attempt(itself, attempts, id, action.as_ref().map(Verified::get));
    let steps = steps::of_report(&report, attempt);
    let is_open = steps.iter().all(|step| step.verdict == Verdict::Pass);
    Ok(Looked { steps, report, action: action.filter(|_| is_open).map(Arc::new) })
}

#[cfg(test)]
mod tests;
