//! Who outside of gateway and desks a verifier relies on, and what they say of a ledger's head.
//!
//! A witness saw that the ledger only grew; several that are run by others make it hard to show two ledgers. Which witnesses
//! and how many is the verifier's own configuration. Source: FORMATS.md §1.1, §9.4 and §11.3.

use std::collections::BTreeSet;

use seamark_contracts::clock::Timestamp;
use thiserror::Error;

use super::{ClaimId, Finding, Pinned};
use crate::checkpoint::{Checkpoint, CheckpointVerifyError, Cosignature, Vkey, VkeyError, VkeyKind};
use crate::directory::MAX_SKEW_MS;
use crate::timestamp::TsaRoots;
use crate::verified::Verified;

/// Most witnesses that a verifier pins.
pub const MAX_WITNESSES: usize = 32;

/// Why witnesses cannot be pinned.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum WitnessPinError {
    #[error("read the key of a witness")]
    Vkey(#[from] VkeyError),
    #[error("{0} is no witness's key: its kind is another")]
    Kind(String),
    #[error("witness {0} is pinned twice, by name or by key: one witness counts once")]
    Twice(String),
    #[error(
        "a quorum of {quorum} cannot be reached with {witnesses} witnesses: it is 1 or more and at most their number"
    )]
    Quorum { quorum: u32, witnesses: usize },
    #[error("more than {MAX_WITNESSES} witnesses")]
    TooMany,
}

/// Who outside of gateway and desks a verifier relies on; nobody by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outside {
    witnesses: Vec<Vkey>,
    quorum: usize,
    is_log_before_act: bool,
    tsa_roots: TsaRoots,
}

impl Outside {
    /// These witnesses, given as vkeys of kind 4, of whom `quorum` have to have cosigned; all of them when absent.
    ///
    /// # Errors
    /// [`WitnessPinError`]: a text is no key of a witness, one name or one key stands twice, or the quorum cannot be reached.
    pub fn of_witnesses(witnesses: &[String], quorum: Option<u32>) -> Result<Self, WitnessPinError> {
        if witnesses.len() > MAX_WITNESSES {
            return Err(WitnessPinError::TooMany);
        }
        let (mut names, mut keys, mut pinned) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
        for text in witnesses {
            let vkey = Vkey::parse(text)?;
            let name = vkey.name().to_owned();
            if vkey.kind() != VkeyKind::CosignatureV1 {
                return Err(WitnessPinError::Kind(name));
            }
            // A message of a cosignature does not name its witness: under two names one key would vote twice.
            if !names.insert(name.clone()) || !keys.insert(*vkey.key().as_bytes()) {
                return Err(WitnessPinError::Twice(name));
            }
            pinned.push(vkey);
        }
        let n_witnesses = pinned.len();
        let unreachable = |quorum| WitnessPinError::Quorum { quorum, witnesses: n_witnesses };
        let quorum = match quorum {
            None => n_witnesses,
            Some(quorum) => {
                let wanted = usize::try_from(quorum).ok().filter(|wanted| (1..=n_witnesses).contains(wanted));
                wanted.ok_or_else(|| unreachable(quorum))?
            }
        };
        Ok(Self { witnesses: pinned, quorum, ..Self::default() })
    }

    /// The same, and a destination acts only on a delivery whose checkpoint these witnesses cosigned.
    #[must_use]
    pub fn before_acting(mut self) -> Self {
        self.is_log_before_act = true;
        self
    }

    /// The same, and these authorities for time.
    #[must_use]
    pub fn with_time(mut self, tsa_roots: TsaRoots) -> Self {
        self.tsa_roots = tsa_roots;
        self
    }

    /// Who is trusted for time.
    pub(super) fn tsa_roots(&self) -> &TsaRoots {
        &self.tsa_roots
    }

    /// Whether a delivery needs the claim `witnesses`.
    #[must_use]
    pub fn is_log_before_act(&self) -> bool {
        self.is_log_before_act
    }

    /// The claims that are required because the verifier itself relies on somebody for them.
    pub(super) fn required(&self) -> Vec<ClaimId> {
        let witnesses = (!self.witnesses.is_empty()).then_some(ClaimId::Witnesses);
        let time = (!self.tsa_roots.is_empty()).then_some(ClaimId::Time);
        witnesses.into_iter().chain(time).collect()
    }
}

/// Whether enough pinned witnesses cosigned the checkpoint. Its own signature is another claim.
pub(super) fn witnesses_finding(note: &str, pinned: &Pinned) -> Finding<()> {
    let Outside { witnesses, quorum, .. } = &pinned.outside;
    if witnesses.is_empty() {
        return Finding::Unknown(
            "No outside witness is pinned: that nobody was shown another ledger rests on the desks.".to_owned(),
        );
    }
    let checkpoint = match Checkpoint::parse(note.as_bytes()) {
        Ok(checkpoint) => checkpoint,
        Err(error) => return Finding::fail(&error),
    };
    let found: Result<Vec<_>, CheckpointVerifyError> =
        witnesses.iter().map(|witness| checkpoint.verify_cosignature(witness)).collect();
    let found = match found {
        Ok(found) => found,
        Err(error) => return Finding::fail(&error),
    };
    let n_pinned = witnesses.len();
    let (seen, later): (Vec<_>, Vec<_>) =
        found.into_iter().flatten().partition(|cosignature| moment(cosignature) <= pinned.now.plus_ms(MAX_SKEW_MS));
    let saw = |cosignature: &Verified<Cosignature>| format!("{} at {}", cosignature.witness, moment(cosignature));
    let names: Vec<String> = seen.iter().map(saw).collect();
    if seen.len() >= *quorum {
        let (n, names) = (seen.len(), names.join(", "));
        return Finding::Pass((), format!("{n} of {n_pinned} pinned witnesses saw this head: {names}."));
    }
    let mut sentence = format!("{} of {quorum} needed witnesses cosigned this head.", seen.len());
    if let Some(later) = later.first() {
        sentence.push_str(&format!(" That of {} is later than this is judged.", saw(later)));
    }
    Finding::Unknown(sentence)
}

/// When a witness signed; the last moment that a time can say when its clock is beyond that.
fn moment(cosignature: &Cosignature) -> Timestamp {
    Timestamp::from_ms(i64::try_from(cosignature.at_s).map_or(i64::MAX, |at_s| at_s.saturating_mul(1_000)))
}
