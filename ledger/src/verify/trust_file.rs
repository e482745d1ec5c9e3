//! What a verifier keeps in a file of its own: the gateway's keys as it pinned them, and whom it relies on besides.

use seamark_contracts::api::ledger::Trust;
use seamark_contracts::clock::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Outside, PinError, Pinned};
use crate::timestamp::TsaRoots;

/// The pinned trust of a verifier: what `GET /v1/trust` answered, compared over another channel, and members that only the
/// verifier itself adds. A gateway never answers those, since it would choose its own witnesses. Source: FORMATS.md §1.1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PinnedTrust {
    /// Name of the organisation.
    pub org: String,
    /// Key id of the root.
    pub root_keyid: String,
    /// The root: Ed25519, 32 bytes, base64url without padding.
    pub root_key: String,
    /// Origin of the ledger's checkpoints.
    pub ledger_origin: String,
    /// The ledger's key as C2SP vkey.
    pub ledger_vkey: String,
    /// Outside witnesses, as vkeys of kind 4.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub witnesses: Vec<String>,
    /// How many of them have to have cosigned; all when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub witness_quorum: Option<u32>,
    /// Certificates of the time-stamping authorities, in DER as standard base64.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tsa_roots: Vec<String>,
}

impl From<Trust> for PinnedTrust {
    fn from(trust: Trust) -> Self {
        let Trust { org, root_keyid, root_key, ledger_origin, ledger_vkey } = trust;
        Self {
            org,
            root_keyid,
            root_key,
            ledger_origin,
            ledger_vkey,
            witnesses: Vec::new(),
            witness_quorum: None,
            tsa_roots: Vec::new(),
        }
    }
}

impl PinnedTrust {
    /// What the gateway itself answered.
    #[must_use]
    pub fn trust(&self) -> Trust {
        Trust {
            org: self.org.clone(),
            root_keyid: self.root_keyid.clone(),
            root_key: self.root_key.clone(),
            ledger_origin: self.ledger_origin.clone(),
            ledger_vkey: self.ledger_vkey.clone(),
        }
    }

    /// As what a verifier works with. `audience` is the verifier's own identity as destination, absent for an auditor.
    ///
    /// # Errors
    /// [`PinError`] when something in it is no key, or does not belong together.
    pub fn pin(&self, audience: Option<String>, now: Timestamp) -> Result<Pinned, PinError> {
        let outside = Outside::of_witnesses(&self.witnesses, self.witness_quorum)?;
        let outside = outside.with_time(TsaRoots::parse(&self.tsa_roots)?);
        Ok(Pinned { outside, ..Pinned::from_trust(&self.trust(), audience, now)? })
    }
}
