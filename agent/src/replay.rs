//! Replays recorded agent runs: every consequential call becomes a handoff, with its run as chain and evidence.
//!
//! Nothing is invented: the intent is the user's first message, the evidence is what the tools had answered before the
//! call, the narrative is the agent's last words, the parent is the consequential call before it. Ids and times follow
//! from the recording, so that replaying a file twice changes nothing (invariant A1).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use seamark_contracts::api::agent::HandoffStatus;
use seamark_contracts::canonical::CanonicalError;
use seamark_contracts::id::HandoffId;
use serde::Serialize;
use thiserror::Error;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::client::{Client, ClientError};
use lookup::Lookups;

mod lookup;
mod payload;
mod run;
mod submission;

pub use run::RunError;
use run::{Event, Run};
use submission::Origin;

/// Runs that are replayed at once. Within a run one handoff follows the other.
const N_AT_ONCE: usize = 4;

/// What a replay came to. `submitted = admitted + refused`; `passed` are those of the admitted that needed no person.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ReplayTotals {
    pub submitted: u64,
    pub admitted: u64,
    pub refused: u64,
    pub passed: u64,
}

/// What happens on the way.
#[derive(Clone, Debug)]
pub enum ReplayEvent {
    /// The gateway has it.
    Admitted { run: String, call_id: String, tool: String, handoff_id: HandoffId, status: HandoffStatus },
    /// The gateway refused it, or no contract is known for the tool.
    Refused { run: String, call_id: String, tool: String, reason: String },
    /// A line of the file is no run; counted nowhere, because nobody knows what stood in it.
    Unreadable { line: usize, reason: String },
}

/// Why a replay ended early.
#[derive(Debug, Error)]
pub enum ReplayError {
    #[error("speak to the gateway")]
    Client(#[from] ClientError),
    #[error("write a submission as JSON")]
    Write(#[from] CanonicalError),
}

/// Submits every consequential call of every run in `text`, one run a line. `progress` hears of each.
///
/// # Errors
/// [`ReplayError`] when the gateway cannot be reached or does not let this key submit. Refusals are no errors.
pub async fn replay(
    client: &Client,
    text: &str,
    progress: impl Fn(ReplayEvent) + Send + Sync + 'static,
) -> Result<ReplayTotals, ReplayError> {
    let teller = Arc::new(Teller { progress: Box::new(progress), totals: Mutex::new(ReplayTotals::default()) });
    let places = Arc::new(Semaphore::new(N_AT_ONCE));
    let mut under_way: JoinSet<Result<(), ReplayError>> = JoinSet::new();
    let mut seen = Seen::default();
    for (nth, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let run = match run::parse_run(line) {
            Ok(run) => run,
            Err(error) => {
                let cause = std::error::Error::source(&error).map(|source| format!(": {source}")).unwrap_or_default();
                (teller.progress)(ReplayEvent::Unreadable {
                    line: nth + 1,
                    reason: format!("could not {error}{cause}"),
                });
                continue;
            }
        };
        let correlation_id = submission::correlation_of(&run, seen.nth_of_id(&run));
        let Ok(place) = places.clone().acquire_owned().await else { break };
        let (client, teller) = (client.clone(), teller.clone());
        under_way.spawn(async move {
            let replayed = replay_run(&client, &run, &correlation_id, &teller).await;
            drop(place);
            replayed
        });
        while let Some(done) = under_way.try_join_next() {
            done.unwrap_or(Ok(()))?;
        }
    }
    while let Some(done) = under_way.join_next().await {
        done.unwrap_or(Ok(()))?;
    }
    Ok(teller.totals())
}

/// Tells runs apart that have the same id but different content.
#[derive(Default)]
struct Seen(HashMap<String, Vec<seamark_contracts::digest::Digest>>);

impl Seen {
    fn nth_of_id(&mut self, run: &Run) -> usize {
        let digests = self.0.entry(run.id.clone()).or_default();
        if let Some(nth) = digests.iter().position(|digest| *digest == run.digest) {
            return nth;
        }
        digests.push(run.digest);
        digests.len() - 1
    }
}

async fn replay_run(client: &Client, run: &Run, correlation_id: &str, teller: &Teller) -> Result<(), ReplayError> {
    let mut parent = None;
    for (at, event) in run.events.iter().enumerate() {
        let Event::Called(call) = event else { continue };
        if !payload::is_consequential(call) {
            continue;
        }
        let refused = |reason: String| ReplayEvent::Refused {
            run: run.id.clone(),
            call_id: call.call_id.clone(),
            tool: call.tool.clone(),
            reason,
        };
        let lookups = Lookups::before(run, at, call);
        let mapped = match payload::map_call(call, &lookups) {
            Ok(mapped) => mapped,
            Err(error) => {
                teller.tell(refused(error.to_string()));
                continue;
            }
        };
        let (handoff_id, body) = submission::make_submission(&Origin {
            run,
            correlation_id,
            at,
            call,
            lookups: &lookups,
            mapped: &mapped,
            parent,
        })?;
        match client.submit(&body).await {
            Ok(submitted) if submitted.answer.status == HandoffStatus::Refused => {
                teller.tell(refused("the gateway refused it earlier".to_owned()));
            }
            Ok(submitted) => {
                parent = Some(handoff_id);
                teller.tell(ReplayEvent::Admitted {
                    run: run.id.clone(),
                    call_id: call.call_id.clone(),
                    tool: call.tool.clone(),
                    handoff_id,
                    status: submitted.answer.status,
                });
            }
            Err(error) if error.is_refusal() => teller.tell(refused(error.to_string())),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

struct Teller {
    progress: Box<dyn Fn(ReplayEvent) + Send + Sync>,
    totals: Mutex<ReplayTotals>,
}

impl Teller {
    fn tell(&self, event: ReplayEvent) {
        {
            let mut totals = self.totals.lock().unwrap_or_else(PoisonError::into_inner);
            match &event {
                ReplayEvent::Admitted { status, .. } => {
                    totals.submitted += 1;
                    totals.admitted += 1;
                    totals.passed += u64::from(*status == HandoffStatus::Passed);
                }
                ReplayEvent::Refused { .. } => {
                    totals.submitted += 1;
                    totals.refused += 1;
                }
                ReplayEvent::Unreadable { .. } => {}
            }
        }
        (self.progress)(event);
    }

    fn totals(&self) -> ReplayTotals {
        *self.totals.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
