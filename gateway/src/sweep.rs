//! What time alone brings about: deadlines, judged by gateway time (invariants B6, B7), erasing what was kept
//! long enough, and forgetting what has expired.

use std::time::Duration;

use seamark_contracts::clock::Timestamp;
use thiserror::Error;

use crate::conclude::{Expire, load_case};
use crate::db::{self, StorageError};
use crate::erase;
use crate::recorded::{Change, Plan};
use crate::sequencer::RecordError;
use crate::state::Shared;

/// How often deadlines are looked at.
const EVERY: Duration = Duration::from_millis(500);
const SWEEPS_PER_HOUR: u64 = 7_200;
/// Deadlines handled in one go.
const BATCH: i64 = 200;
/// Changes are kept for followers this long.
const STREAM_MS: i64 = 7 * 24 * 60 * 60 * 1000;

/// Why a sweep ended early; the next one goes on.
#[derive(Debug, Error)]
pub(crate) enum SweepError {
    #[error("read what is due")]
    Storage(#[from] StorageError),
    #[error("record a deadline")]
    Record(#[from] RecordError),
}

struct Prune;

impl Change for Prune {
    type Done = ();

    async fn apply(&mut self, plan: &mut Plan<'_>) -> Result<(), StorageError> {
        let now_ms = plan.now().as_ms();
        db::access::prune(&mut plan.ephemeral(), now_ms).await?;
        db::stream::prune(&mut plan.ephemeral(), now_ms - STREAM_MS).await
    }
}

/// Ends every review whose deadline is at or before `now`. Returns how many ended.
pub(crate) async fn run_once(shared: &Shared, now: Timestamp) -> Result<usize, SweepError> {
    let mut n_ended = 0;
    loop {
        let mut connection = shared.database.read().await?;
        let due = db::attempt::list_due(&mut connection, now.as_ms(), BATCH).await?;
        let mut cases = Vec::with_capacity(due.len());
        for attempt in due {
            cases.push(load_case(shared, &mut connection, attempt).await?);
        }
        drop(connection);
        // All of a batch wait together, so that they share a commit.
        let changes = cases.into_iter().map(|case| shared.recorder.record(Expire { shared: shared.clone(), case }));
        let mut n_here = 0;
        for done in futures_util::future::join_all(changes).await {
            n_here += usize::from(done?);
        }
        n_ended += n_here;
        if n_here == 0 {
            return Ok(n_ended);
        }
    }
}

/// Sweeps until the gateway stops.
pub(crate) async fn run(shared: Shared) {
    let mut n_sweeps = 0u64;
    loop {
        if let Err(error) = run_once(&shared, shared.now()).await {
            tracing::error!(cause = crate::problem::chain(&error), "deadlines could not be handled; trying again");
        }
        if n_sweeps.is_multiple_of(120)
            && let Err(error) = shared.recorder.record(Prune).await
        {
            tracing::warn!(cause = crate::problem::chain(&error), "expired sessions were not removed; trying again");
        }
        if n_sweeps.is_multiple_of(SWEEPS_PER_HOUR) {
            match erase::apply_retention(&shared, shared.now()).await {
                Ok(0) => {}
                Ok(n) => tracing::info!(n, "erased what was kept for as long as its contract says"),
                Err(error) => {
                    let cause = crate::problem::chain(&error);
                    tracing::error!(cause, "what is kept too long could not be erased; trying again");
                }
            }
        }
        n_sweeps += 1;
        tokio::select! {
            () = shared.stop.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}
