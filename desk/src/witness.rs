//! This desk as a witness of the ledger (invariants D2, D3, D5).
//!
//! At every contact the newest checkpoint is fetched, its signature is verified under the key pinned at enrolment, and the
//! ledger is checked to begin with everything that this desk saw before. What this desk's own decisions were promised
//! ("recorded at position n") is checked by inclusion proofs. A contradiction is kept for ever and freezes approving; a
//! gateway that cannot be reached is no contradiction.

use seamark_contracts::api::ledger::RecordedEntry;
use seamark_contracts::clock::Timestamp;
use seamark_ledger::alarm::{Format, LedgerAlarm};
use seamark_ledger::checkpoint::{Checkpoint, Head, Vkey};
use seamark_ledger::tree::{Hash, leaf_hash, verify_inclusion};
use seamark_ledger::verified::Verified;
use seamark_ledger::witness::{RememberedHead, WitnessError, check_extends};
use thiserror::Error;

use crate::cache::{JournalRow, KeptHead, Store, StoreError};
use crate::client::{CallError, Client};

/// How a look at the ledger came out.
#[derive(Debug)]
pub enum Look {
    /// The ledger begins with what was seen before, and is remembered as it is now.
    Verified(KeptHead),
    /// There is nothing in it yet.
    Empty,
    /// It contradicts what was seen or promised. Kept; approving is frozen.
    Broken(LedgerAlarm),
}

/// Why there was no look.
#[derive(Debug, Error)]
pub enum LookError {
    #[error("fetch the ledger's head or a proof")]
    Call(#[from] CallError),
    #[error("remember the ledger's head")]
    Store(#[from] StoreError),
    #[error("the pinned key of the ledger is not one")]
    PinnedKey,
}

/// Looks at the ledger once.
///
/// # Errors
/// [`LookError`] when nothing could be learned. A contradiction is no error but [`Look::Broken`].
pub async fn look(client: &Client, store: &Store, vkey: &str, now: Timestamp) -> Result<Look, LookError> {
    let vkey = Vkey::parse(vkey).map_err(|_| LookError::PinnedKey)?;
    let checkpoint = client.checkpoint().await?;
    let Ok(unverified) = Checkpoint::parse(checkpoint.as_bytes()) else {
        return Err(CallError::Malformed { what: "the checkpoint".to_owned() }.into());
    };
    let head = match unverified.verify(&vkey) {
        Ok(head) => head,
        Err(error) => return alarm(store, now, error.to_string(), checkpoint, Vec::new()).await,
    };
    let kept = store.head().await?;
    let proof = match &kept {
        Some(kept) if kept.head.size < head.size() => client.consistency(kept.head.size, head.size()).await?.proof,
        _ => Vec::new(),
    };
    match judge(kept.as_ref().map(|kept| &kept.head), &head, &proof) {
        Ok(head) => {
            let kept = KeptHead { head, checkpoint, verified_at: now };
            store.keep_head(&kept).await?;
            Ok(Look::Verified(kept))
        }
        Err(WitnessError::Empty) => Ok(Look::Empty),
        Err(error) => alarm(store, now, error.to_string(), checkpoint, proof).await,
    }
}

/// Whether `head` may be remembered after `kept`.
fn judge(
    kept: Option<&RememberedHead>,
    head: &Verified<Head>,
    proof: &[String],
) -> Result<RememberedHead, WitnessError> {
    if let Some(kept) = kept {
        // A hash that cannot be read proves nothing; an empty place in its stead fails the length check.
        let proof: Vec<Hash> = proof.iter().filter_map(|hash| Hash::parse(hash).ok()).collect();
        check_extends(kept, head, &proof)?;
    }
    RememberedHead::first(head)
}

/// The first finding is the one that is kept: later ones follow from it.
async fn alarm(
    store: &Store,
    found_at: Timestamp,
    finding: String,
    shown: String,
    proof: Vec<String>,
) -> Result<Look, LookError> {
    if let Some(earlier) = store.alarm().await? {
        return Ok(Look::Broken(earlier));
    }
    let (kept, kept_at) = store.head().await?.map(|kept| (kept.checkpoint, kept.verified_at)).unzip();
    let alarm = LedgerAlarm { format: Format::V1, found_at, finding, kept, kept_at, shown, proof };
    store.keep_alarm(&alarm).await?;
    Ok(Look::Broken(alarm))
}

/// Checks that own decisions lie in the ledger where the gateway said they do.
///
/// # Errors
/// [`LookError`] when a proof could not be fetched; those decisions stay unproven and are tried again.
pub async fn prove_own_decisions(
    client: &Client,
    store: &Store,
    kept: &KeptHead,
    now: Timestamp,
) -> Result<Option<LedgerAlarm>, LookError> {
    for mut row in store.unproven_journal().await? {
        let Some(seq) = row.seq.filter(|seq| *seq < kept.head.size) else { continue };
        let entry = client.inclusion(seq, kept.head.size).await?;
        match check_own_entry(&row, &entry, &kept.head) {
            Ok(()) => {
                row.is_proven = true;
                store.update_journal(&row).await?;
            }
            Err(finding) => {
                return match alarm(store, now, finding.to_string(), kept.checkpoint.clone(), Vec::new()).await? {
                    Look::Broken(alarm) => Ok(Some(alarm)),
                    Look::Verified(_) | Look::Empty => Ok(None),
                };
            }
        }
    }
    Ok(None)
}

/// How a promised position turned out to be false.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
enum FalsePosition {
    #[error("the ledger holds another entry where this desk's decision was said to be recorded")]
    OtherEntry,
    #[error("this desk's decision is not in the ledger under the head that was shown")]
    NotIncluded,
}

fn check_own_entry(row: &JournalRow, entry: &RecordedEntry, head: &RememberedHead) -> Result<(), FalsePosition> {
    let leaf = leaf_hash(entry.entry.as_bytes());
    if row.leaf.as_deref() != Some(leaf.to_string().as_str()) || row.seq != Some(entry.seq) || entry.size != head.size {
        return Err(FalsePosition::OtherEntry);
    }
    let proof: Result<Vec<Hash>, _> = entry.proof.iter().map(|hash| Hash::parse(hash)).collect();
    let proof = proof.map_err(|_| FalsePosition::NotIncluded)?;
    verify_inclusion(&leaf, entry.seq, head.size, &proof, &head.root).map_err(|_| FalsePosition::NotIncluded)
}
