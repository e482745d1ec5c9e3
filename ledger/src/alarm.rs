//! What a desk saw when the ledger contradicted itself, as a file that others can judge.
//!
//! Two heads that the ledger's key signed and that cannot both be true prove a fork to anybody. Everything else is what one
//! desk says it was shown: worth asking about, and no proof. Source: FORMATS.md §9.6.

use seamark_contracts::clock::Timestamp;
use seamark_contracts::strict_json::{self, Limits, TypedJsonError};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::checkpoint::{Checkpoint, Head, MAX_NOTE_BYTES, Vkey};
use crate::tree::{Hash, verify_consistency};
use crate::verified::Verified;

/// The only format.
pub const FORMAT: &str = "seamark-ledger-alarm/v1";
/// Bytes of one file: two notes and a proof.
pub const MAX_ALARM_BYTES: usize = 256 * 1024;

/// What a desk kept when it stopped approving.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LedgerAlarm {
    pub format: Format,
    /// When it was found, by the desk's idea of gateway time.
    pub found_at: Timestamp,
    /// A sentence of the desk.
    pub finding: String,
    /// The signed note of the last head that the desk had verified; absent when there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<String>,
    /// When the desk had verified it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept_at: Option<Timestamp>,
    /// The note that it was shown then, as received.
    pub shown: String,
    /// The consistency proof that came with it, standard base64; empty when none was needed.
    pub proof: Vec<String>,
}

/// [`FORMAT`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Format {
    #[default]
    #[serde(rename = "seamark-ledger-alarm/v1")]
    V1,
}

/// What an alarm file shows to somebody who pinned the ledger's key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// The ledger's key signed two roots for one size: there are two ledgers under it. Whoever holds the key made both, on
    /// purpose or by going on from an older copy of the gateway.
    Forked { size: u64, kept: Hash, shown: Hash },
    /// The key signed both heads and the smaller one was shown later, says the desk. A gateway that was put back from a
    /// backup does that, and so does one that hides entries.
    Shrank { kept: u64, shown: u64 },
    /// The key signed both heads, and what the gateway gave does not lead from one to the other. It has to give a proof that
    /// does; if it cannot, it rewrote what was seen.
    Unproven { kept: u64, shown: u64 },
    /// What was shown is no head that the pinned key signed: anybody could have put it there.
    NotSigned,
    /// Both heads agree; what was wrong is in the finding alone.
    Consistent,
}

/// Why a file is no alarm.
#[derive(Debug, Error)]
pub enum AlarmError {
    #[error("not the JSON of a ledger alarm")]
    Json(#[from] TypedJsonError),
    #[error("the head that the desk kept is none that the pinned key signed, so nothing can be judged under this key")]
    Kept,
}

impl LedgerAlarm {
    /// Reads a file.
    ///
    /// # Errors
    /// [`AlarmError::Json`].
    pub fn parse(bytes: &[u8]) -> Result<Self, AlarmError> {
        let limits = Limits::SIGNED.with_max_bytes(MAX_ALARM_BYTES);
        Ok(strict_json::parse_typed(bytes, &limits)?)
    }

    /// The file.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Strings and times always have a JSON form.
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }

    /// What it shows, judged under the pinned key of the ledger.
    ///
    /// # Errors
    /// [`AlarmError::Kept`].
    pub fn judge(&self, vkey: &Vkey) -> Result<Judgement, AlarmError> {
        let shown = signed(&self.shown, vkey);
        let Some(kept) = &self.kept else {
            return Ok(if shown.is_some() { Judgement::Consistent } else { Judgement::NotSigned });
        };
        let kept = signed(kept, vkey).ok_or(AlarmError::Kept)?;
        let Some(shown) = shown else { return Ok(Judgement::NotSigned) };
        let (from, to) = (kept.size(), shown.size());
        if from == to && kept.root() != shown.root() {
            return Ok(Judgement::Forked { size: from, kept: kept.root(), shown: shown.root() });
        }
        if to < from {
            return Ok(Judgement::Shrank { kept: from, shown: to });
        }
        let proof: Result<Vec<Hash>, _> = self.proof.iter().map(|hash| Hash::parse(hash)).collect();
        let leads = proof.is_ok_and(|proof| verify_consistency(from, &kept.root(), to, &shown.root(), &proof).is_ok());
        Ok(if leads { Judgement::Consistent } else { Judgement::Unproven { kept: from, shown: to } })
    }
}

impl Judgement {
    /// Whether it is shown to anybody that there are two ledgers under the key.
    #[must_use]
    pub fn is_proven(&self) -> bool {
        matches!(self, Self::Forked { .. })
    }

    /// What it means, in sentences.
    #[must_use]
    pub fn sentence(&self) -> String {
        match self {
            Self::Forked { size, kept, shown } => format!(
                "PROVED: the ledger's key signed two different roots for the same {size} entries ({kept} and {shown}), so there \
                 are two ledgers under it. A gateway that went on from an older copy makes that, and so does one that deceives; \
                 either way entries that were seen are not in the ledger any more."
            ),
            Self::Shrank { kept, shown } => format!(
                "Not proved by this file alone: the ledger's key signed a head of {kept} entries, and the desk says that it was \
                 shown one of {shown} entries later. A gateway that was put back from a backup does that, and so does one that \
                 hides entries. Ask for the entries {shown} to {}.",
                kept.saturating_sub(1)
            ),
            Self::Unproven { kept, shown } => format!(
                "Not proved by this file alone: the ledger's key signed heads of {kept} and of {shown} entries, and what the \
                 gateway gave does not lead from the first to the second. Ask it for a consistency proof between these sizes: if \
                 it has none, what was seen was rewritten."
            ),
            Self::NotSigned => {
                "Nothing is proved: what the desk was shown is no head that the pinned key signed, so anybody \
                                on the way could have put it there."
                    .to_owned()
            }
            Self::Consistent => {
                "The two heads agree. What was wrong concerns a single entry and is in the desk's own words \
                                 alone."
                    .to_owned()
            }
        }
    }
}

/// The head of a note, when the key signed it.
fn signed(note: &str, vkey: &Vkey) -> Option<Verified<Head>> {
    if note.len() > MAX_NOTE_BYTES {
        return None;
    }
    Checkpoint::parse(note.as_bytes()).ok()?.verify(vkey).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::VkeyKind;
    use crate::key::{Signer as _, SigningKey};
    use crate::tree::leaf_hash;

    const ORIGIN: &str = "ledger.example";

    fn key(seed: u8) -> SigningKey {
        SigningKey::from_seed(&[seed; 32])
    }

    fn vkey() -> Vkey {
        Vkey::new(ORIGIN, VkeyKind::Log, key(1).public_key()).unwrap()
    }

    fn note(size: u64, root: &str, by: u8) -> String {
        Checkpoint::sign(Head::new(ORIGIN, size, leaf_hash(root.as_bytes())).unwrap(), &key(by)).unwrap().to_string()
    }

    fn alarm(kept: Option<String>, shown: String) -> LedgerAlarm {
        let found_at = Timestamp::parse("2026-11-22T06:00:00.000Z").unwrap();
        let kept_at = kept.as_ref().map(|_| found_at);
        LedgerAlarm {
            format: Format::V1,
            found_at,
            finding: "a finding".to_owned(),
            kept,
            kept_at,
            shown,
            proof: Vec::new(),
        }
    }

    #[test]
    fn attack_a17_two_roots_for_one_size_are_proof_to_anybody() {
        let judged = alarm(Some(note(7, "a", 1)), note(7, "b", 1)).judge(&vkey()).unwrap();
        assert!(judged.is_proven() && judged.sentence().starts_with("PROVED"), "{judged:?}");
    }

    #[test]
    fn attack_a17_what_one_desk_says_is_not_called_proof() {
        let cases = [
            (note(7, "a", 1), note(5, "b", 1), Judgement::Shrank { kept: 7, shown: 5 }),
            (note(7, "a", 1), note(9, "b", 1), Judgement::Unproven { kept: 7, shown: 9 }),
            // Somebody else's key, and garbage: whoever sits on the wire can send these.
            (note(7, "a", 1), note(7, "b", 2), Judgement::NotSigned),
            (note(7, "a", 1), "nonsense".to_owned(), Judgement::NotSigned),
            (note(7, "a", 1), note(7, "a", 1), Judgement::Consistent),
        ];
        for (kept, shown, expected) in cases {
            let judged = alarm(Some(kept), shown).judge(&vkey()).unwrap();
            assert_eq!(judged, expected);
            assert!(!judged.is_proven() && !judged.sentence().starts_with("PROVED"));
        }
        assert_eq!(alarm(None, note(7, "a", 1)).judge(&vkey()).unwrap(), Judgement::Consistent);
        assert!(matches!(alarm(Some(note(7, "a", 2)), note(7, "b", 1)).judge(&vkey()), Err(AlarmError::Kept)));
    }

    #[test]
    fn the_file_is_closed_and_comes_back_as_it_was() {
        let made = alarm(Some(note(7, "a", 1)), note(7, "b", 1));
        assert_eq!(LedgerAlarm::parse(made.to_json().as_bytes()).unwrap(), made);
        for bad in
            ["{}", "[]", r#"{"format":"seamark-ledger-alarm/v2"}"#, &made.to_json().replace("\"finding\"", "\"found\"")]
        {
            assert!(LedgerAlarm::parse(bad.as_bytes()).is_err(), "{bad}");
        }
        let huge = alarm(None, "x".repeat(MAX_ALARM_BYTES)).to_json();
        assert!(LedgerAlarm::parse(huge.as_bytes()).is_err());
    }
}
