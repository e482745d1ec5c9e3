//! Simulated agents without any model: they hand over, wait, execute what verifies, report, and go on.
//!
//! Everything follows from the seed, the time and the shipped cases; the agents speak to the gateway only over HTTP, as a
//! stranger's agents do. They never decide anything: that is what the people are for.
//!
//! Where several handoffs go on at once:
//! ```text
//! run ──▶ task 0: submit ▸ wait ▸ acknowledge ▸ verify ▸ use the attempt ▸ act ▸ report
//!     ──▶ task 1: submit ▸ submit its child ▸ wait ▸ …
//!     at most `max_open` tasks at a time; each task's place is freed when its last handoff is over
//! ```

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use seamark_contracts::clock::{Chance, Clock, make_nonce};
use thiserror::Error;
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::check::CheckError;
use crate::client::{Client, ClientError};
use crate::derived::Derived;
use crate::execute::ExecuteError;

pub mod cases;
mod event;
mod journal;
mod plan;
mod staff;
mod task;

pub use event::{DemoEvent, Totals};
use journal::Journal;
pub use journal::JournalError;
use plan::Plan;
use staff::Staff;
use task::{Pipeline, Task};

/// What the demo is to do.
#[derive(Clone, Debug)]
pub struct DemoOptions {
    /// Where to hand over, with a key that is good for every sample contract.
    pub client: Client,
    /// The same seed gives the same tasks in the same order.
    pub seed: u64,
    /// How many tasks; without end when absent.
    pub count: Option<u64>,
    /// How many tasks may be under way at once.
    pub max_open: NonZeroUsize,
    /// Mean time between two tasks. The first begins at once.
    pub pace: Duration,
    /// How many tasks begin at once, one after another without a pause.
    pub n_at_once: u64,
    /// Where to remember what was begun, so that a restart goes on with it; absent: nowhere.
    pub memory: Option<PathBuf>,
    /// Ends the demo; what is under way stays open at the gateway.
    pub stop: CancellationToken,
    pub clock: Arc<dyn Clock>,
    pub chance: Arc<dyn Chance>,
}

impl DemoOptions {
    /// A demo at a believable pace that goes on until it is stopped.
    #[must_use]
    pub fn new(
        client: Client,
        seed: u64,
        stop: CancellationToken,
        clock: Arc<dyn Clock>,
        chance: Arc<dyn Chance>,
    ) -> Self {
        Self {
            client,
            seed,
            count: None,
            max_open: const { NonZeroUsize::new(12).unwrap() },
            pace: Duration::from_secs(20),
            n_at_once: 4,
            memory: None,
            stop,
            clock,
            chance,
        }
    }
}

/// Why the demo ended early.
#[derive(Debug, Error)]
pub enum DemoError {
    #[error("speak to the gateway")]
    Client(#[from] ClientError),
    #[error("pin the gateway's keys")]
    Pin(#[from] CheckError),
    #[error("give the simulated executors their keys")]
    Executor(#[from] ExecuteError),
    #[error("use the shipped cases")]
    Cases(#[from] cases::CasesError),
    #[error("find the sample contract {name} for which there are cases")]
    NoContract { name: String },
    #[error("remember what was begun")]
    Journal(#[from] JournalError),
}

/// Runs the simulated agents until `count` tasks are over or `stop` is cancelled. `progress` hears of every step.
///
/// Handoffs that are under way when it is stopped stay open at the gateway; with [`DemoOptions::memory`] the next run
/// goes on waiting for them. A gateway that cannot be reached for a while only delays.
///
/// # Errors
/// [`DemoError`] when it cannot begin, or can no longer remember what it begins.
pub async fn run(
    options: DemoOptions,
    progress: impl Fn(DemoEvent) + Send + Sync + 'static,
) -> Result<Totals, DemoError> {
    let mut journal = Journal::open(options.memory.clone(), make_nonce(options.chance.as_ref()), options.seed).await?;
    let plan = Plan::new(cases::read_cases()?, options.seed);
    let staff = Staff::hire(&options.client, plan.cases(), &mut journal, &options.chance, &options.clock).await?;
    let places = Arc::new(Semaphore::new(options.max_open.get()));
    let run = journal.memory().run.clone();
    let pipeline = Arc::new(Pipeline::new(options.client.clone(), staff, options.stop.clone(), Box::new(progress)));
    let mut under_way = JoinSet::new();
    let journal = Arc::new(Mutex::new(journal));

    let remembered = journal.lock().await.memory().clone();
    // What an earlier run began is open at the gateway already, so it needs no free place to be seen through.
    for (number, at) in remembered.begun {
        let place = places.clone().try_acquire_owned().ok();
        let task = Task { number, at, run: run.clone(), case: plan.case(number) };
        under_way.spawn(see_through(task, place, pipeline.clone(), journal.clone()));
    }
    let end = options.count.map_or(u64::MAX, |count| remembered.next.saturating_add(count));
    for (nth, number) in (0_u64..).zip(remembered.next..end) {
        let Some(Ok(place)) = options.stop.run_until_cancelled(places.clone().acquire_owned()).await else { break };
        if nth >= options.n_at_once {
            let pause = jittered(options.pace, &Derived::from_words(&["pace", &run, &number.to_string()]));
            if options.stop.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
                break;
            }
        }
        // ORDER: the moment is written down before the first byte is sent, so that a restart sends the same bytes.
        let at = options.clock.now();
        journal.lock().await.change(|memory| memory.begin(number, at)).await?;
        let task = Task { number, at, run: run.clone(), case: plan.case(number) };
        under_way.spawn(see_through(task, Some(place), pipeline.clone(), journal.clone()));
        while under_way.try_join_next().is_some() {}
    }
    while under_way.join_next().await.is_some() {}
    Ok(pipeline.totals())
}

async fn see_through(
    task: Task,
    place: Option<OwnedSemaphorePermit>,
    pipeline: Arc<Pipeline>,
    journal: Arc<Mutex<Journal>>,
) {
    let number = task.number;
    if pipeline.see_through(task).await
        && let Err(error) = journal.lock().await.change(|memory| memory.finish(number)).await
    {
        // The next start sends the same bytes again and finds that nothing is left to do.
        tracing::warn!(%error, number, "the demo could not note that a task is over");
    }
    drop(place);
}

/// Between half and one and a half times the mean.
fn jittered(mean: Duration, derived: &Derived) -> Duration {
    let mean_ms = u64::try_from(mean.as_millis()).unwrap_or(u64::MAX / 2);
    Duration::from_millis(mean_ms / 2 + derived.below(mean_ms.saturating_add(1)))
}
