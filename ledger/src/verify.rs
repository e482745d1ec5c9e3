//! The checks that anyone can run: a destination before it acts, an auditor afterwards, a gateway and a desk on the way.
//!
//! Everything is judged against what the verifier itself has pinned and against signed bytes; what the presenter says
//! around them counts for nothing. The same functions judge a decision when it is recorded and when it is audited.
//! Source: FORMATS.md §11 and §12.

use base64ct::{Base64UrlUnpadded, Encoding as _};
use std::collections::BTreeSet;
use std::fmt;

use seamark_contracts::api::ledger::Trust;
use seamark_contracts::clock::Timestamp;
use seamark_contracts::handoff::ContractRef;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::checkpoint::{Vkey, VkeyError, VkeyKind};
use crate::key::{PublicKey, PublicKeyError};
use crate::timestamp::TsaPinError;

mod attempts;
mod bundle;
mod decision;
mod delivery;
mod handoff;
mod outcome;
mod outside;
mod record;
mod recorded;
mod reveals;
mod time;
mod trust_file;
mod view;

pub use bundle::{BundleReport, ProvedDecision, ProvedRecord, check_archive, check_bundle};
pub use decision::{DecisionFault, check_decision, holds_until, judge_reviewer};
pub use delivery::{ApprovedAction, check_delivery, verify_delivery};
pub use handoff::{HandoffFault, ledger_ref, verify_handoff};
pub use outcome::{
    Ballot, Close, FormError, OutcomeFault, OutcomeParts, Recount, check_outcome, form_outcome, recount,
};
pub use outside::{MAX_WITNESSES, Outside, WitnessPinError};
pub use record::check_record;
pub use reveals::ProvedReveal;
pub use trust_file::PinnedTrust;
pub use view::{ShownView, ViewFault, check_view};

/// What a verifier trusts, from its own configuration and never from what it verifies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pinned {
    /// The organisation's root: signs directories and nothing else.
    pub root_key: PublicKey,
    /// The ledger's key; its name is the origin of the ledger.
    pub ledger_vkey: Vkey,
    /// The verifier's own identity as destination; absent for an auditor, who is none.
    pub audience: Option<String>,
    /// Names of contracts whose handoffs this destination accepts without a person, when their gate asks for none.
    pub ungated: BTreeSet<String>,
    /// Who outside of gateway and desks it relies on.
    pub outside: Outside,
    /// The contracts that a destination accepts, each with its digest, which fixes policy and texts too; absent: whatever a
    /// gateway published.
    pub contracts: Option<Vec<ContractRef>>,
    /// The verifier's clock.
    pub now: Timestamp,
}

/// Why trust cannot be pinned.
#[derive(Debug, Error)]
pub enum PinError {
    #[error("root key is not 32 bytes in base64url without padding")]
    RootEncoding,
    #[error("read the root key")]
    RootKey(#[source] PublicKeyError),
    #[error("root key id is not that of the root key")]
    RootKeyId,
    #[error("read the ledger's key")]
    Ledger(#[source] VkeyError),
    #[error("the ledger's key is one that signs checkpoints of the ledger's origin")]
    Origin,
    #[error("use the pinned authorities for time")]
    Time(#[from] TsaPinError),
    #[error("use the pinned witnesses")]
    Witnesses(#[from] WitnessPinError),
}

impl Pinned {
    /// What `GET /v1/trust` says, once it was compared over a channel that is trusted.
    ///
    /// # Errors
    /// [`PinError`] when a key cannot be read, or key, key id and origin do not belong together.
    pub fn from_trust(trust: &Trust, audience: Option<String>, now: Timestamp) -> Result<Self, PinError> {
        let root = Base64UrlUnpadded::decode_vec(&trust.root_key).map_err(|_| PinError::RootEncoding)?;
        let root_key = PublicKey::parse(&root).map_err(PinError::RootKey)?;
        if root_key.id().to_string() != trust.root_keyid {
            return Err(PinError::RootKeyId);
        }
        let ledger_vkey = Vkey::parse(&trust.ledger_vkey).map_err(PinError::Ledger)?;
        if ledger_vkey.kind() != VkeyKind::Log || ledger_vkey.name() != trust.ledger_origin {
            return Err(PinError::Origin);
        }
        let outside = Outside::default();
        Ok(Self { root_key, ledger_vkey, audience, ungated: BTreeSet::new(), contracts: None, outside, now })
    }

    /// The same, and handoffs of these contracts are accepted without a person when their gate asks for none.
    #[must_use]
    pub fn accepting_ungated(mut self, contracts: impl IntoIterator<Item = String>) -> Self {
        self.ungated.extend(contracts);
        self
    }

    /// The same, and handoffs under any other contract than these are refused, whoever published it.
    #[must_use]
    pub fn accepting_contracts(mut self, contracts: impl IntoIterator<Item = ContractRef>) -> Self {
        self.contracts = Some(contracts.into_iter().collect());
        self
    }
}

/// How a claim came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    Pass,
    /// Not shown to be so; it never authorises.
    Unknown,
    Fail,
}

/// What is claimed. Source: FORMATS.md §11.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClaimId {
    /// The files of a bundle are those of its manifest and agree with one another.
    Bundle,
    /// The directory is signed by the pinned root and valid now.
    Directory,
    /// A gateway of the directory admitted exactly this handoff.
    Handoff,
    /// The contract's bytes are those that the handoff pins.
    Contract,
    /// Every mask follows from its value.
    Masks,
    /// The hidden values are at hand and belong to the signed handoff.
    Disclosures,
    /// Each view is what the signed bytes and the contract make of it.
    View,
    /// Each decision is a person's own, over exactly this handoff.
    Decision,
    /// The outcome follows from the decisions.
    Outcome,
    /// It is meant for this destination.
    Audience,
    /// It may be acted on at this moment.
    Window,
    /// The ledger's head is signed by the pinned key.
    Checkpoint,
    /// Pinned witnesses saw the ledger's head.
    Witnesses,
    /// Everything is in the ledger, in the right order.
    Inclusion,
    /// The ledger begins with the head that the outcome names.
    OutcomeLedger,
    /// The ledger begins with what each reviewer had seen of it.
    ReviewerWitness,
    /// Each view was in the ledger before it was signed.
    PresentedBeforeSigning,
    /// Who read a masked field was let to, and it was recorded before.
    Reveals,
    /// What was done is what was approved, once.
    Execution,
    /// An authority outside vouches for the time.
    Time,
}

impl ClaimId {
    /// As in reports: lowercase words with hyphens.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bundle => "bundle",
            Self::Directory => "directory",
            Self::Handoff => "handoff",
            Self::Contract => "contract",
            Self::Masks => "masks",
            Self::Disclosures => "disclosures",
            Self::View => "view",
            Self::Decision => "decision",
            Self::Outcome => "outcome",
            Self::Audience => "audience",
            Self::Window => "window",
            Self::Checkpoint => "checkpoint",
            Self::Witnesses => "witnesses",
            Self::Inclusion => "inclusion",
            Self::OutcomeLedger => "outcome-ledger",
            Self::ReviewerWitness => "reviewer-witness",
            Self::PresentedBeforeSigning => "presented-before-signing",
            Self::Reveals => "reveals",
            Self::Execution => "execution",
            Self::Time => "time",
        }
    }

    /// A few words for people.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Bundle => "Files",
            Self::Directory => "Keys and roles",
            Self::Handoff => "Handoff",
            Self::Contract => "Contract",
            Self::Masks => "Hidden fields",
            Self::Disclosures => "Hidden values",
            Self::View => "What was shown",
            Self::Decision => "Decisions",
            Self::Outcome => "Outcome",
            Self::Audience => "Destination",
            Self::Window => "Time window",
            Self::Checkpoint => "Ledger head",
            Self::Witnesses => "Outside witnesses",
            Self::Inclusion => "Ledger entries",
            Self::OutcomeLedger => "Ledger since the outcome",
            Self::ReviewerWitness => "Ledger since the decision",
            Self::PresentedBeforeSigning => "Shown before signed",
            Self::Reveals => "Revealed fields",
            Self::Execution => "Execution",
            Self::Time => "Outside time",
        }
    }
}

impl fmt::Display for ClaimId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One claim and how it came out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    pub id: ClaimId,
    pub verdict: Verdict,
    /// What was found, as a sentence; never a hidden value.
    pub sentence: String,
}

/// What a verifier found, claim by claim in a fixed order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    pub claims: Vec<Claim>,
}

impl Report {
    /// The worst of all claims; unknown when there is none.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        self.claims.iter().map(|claim| claim.verdict).max().unwrap_or(Verdict::Unknown)
    }

    /// How one claim came out; absent when it was not made.
    #[must_use]
    pub fn verdict_of(&self, id: ClaimId) -> Option<Verdict> {
        self.claims.iter().find(|claim| claim.id == id).map(|claim| claim.verdict)
    }

    /// Adds a claim and hands on what it proved; later claims use nothing else.
    fn settle<T>(&mut self, id: ClaimId, finding: Finding<T>) -> Option<T> {
        let (verdict, sentence, proved) = match finding {
            Finding::Pass(proved, sentence) => (Verdict::Pass, sentence, Some(proved)),
            Finding::Unknown(sentence) => (Verdict::Unknown, sentence, None),
            Finding::Fail(sentence) => (Verdict::Fail, sentence, None),
        };
        self.claims.push(Claim { id, verdict, sentence });
        proved
    }

    /// Puts the claims into the order of [`ClaimId`].
    fn sorted(mut self) -> Self {
        self.claims.sort_by_key(|claim| claim.id);
        self
    }
}

/// How one claim came out, with what it proved.
enum Finding<T> {
    Pass(T, String),
    Unknown(String),
    Fail(String),
}

impl<T> Finding<T> {
    /// A failure with everything that led to it.
    fn fail(error: &dyn std::error::Error) -> Self {
        Self::Fail(sentence_of(error))
    }

    /// Not looked at, because something that it builds on did not hold.
    fn without(other: ClaimId) -> Self {
        Self::Unknown(format!("Not checked, because the claim {other} did not pass."))
    }
}

/// An error and its sources as one sentence.
fn sentence_of(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    let mut letters = text.chars();
    let begin = letters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    format!("{begin}{}.", letters.as_str())
}

/// `1 decision`, `2 decisions`.
fn counted(n: usize, one: &str, many: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{n} {many}") }
}

#[cfg(test)]
mod tests;
