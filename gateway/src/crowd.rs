//! How many reviews one agent may have open at once, so that nobody floods the people who answer (attack A20).
//!
//! The count costs nothing until it matters: for each agent a number is kept that is never below the truth. What is taken
//! is added, what is answered is not subtracted; only when the number reaches the limit is the truth read.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use seamark_ledger::entry::EntryType;
use serde_json::json;

use crate::auth::Agent;
use crate::db::{self, StorageError};
use crate::operate::event;
use crate::problem::Failure;
use crate::recorded::{Change, Plan};
use crate::state::Shared;

/// How long after a count that found no place another one is made for the same agent.
const COUNT_AGAIN: Duration = Duration::from_secs(1);

/// The open reviews of each agent, as far as they are known.
#[derive(Debug, Default)]
pub(crate) struct Crowd {
    agents: Arc<Mutex<HashMap<String, Known>>>,
    /// One count at a time.
    counting: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Known {
    /// Open reviews at most; absent before the first count.
    at_most: Option<usize>,
    /// Places taken for reviews that are not committed yet.
    n_under_way: usize,
    /// Places ever taken.
    n_taken: usize,
    /// When a count last found no place.
    full_since: Option<Instant>,
    /// Whether the ledger has this flood already.
    is_throttled: bool,
}

/// A place for one more review, held until its transaction is over.
#[derive(Debug)]
pub(crate) struct Place {
    agents: Arc<Mutex<HashMap<String, Known>>>,
    agent: String,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut agents = self.agents.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = agents.get_mut(&self.agent) {
            known.n_under_way = known.n_under_way.saturating_sub(1);
        }
    }
}

impl Crowd {
    fn with<T>(&self, agent: &str, look: impl FnOnce(&mut Known) -> T) -> T {
        let mut agents = self.agents.lock().unwrap_or_else(PoisonError::into_inner);
        look(agents.entry(agent.to_owned()).or_default())
    }

    fn take(&self, agent: &str, max: usize) -> Option<Place> {
        self.with(agent, |known| {
            known.at_most = Some(known.at_most.filter(|at_most| *at_most < max)? + 1);
            known.n_under_way += 1;
            known.n_taken += 1;
            known.full_since = None;
            known.is_throttled = false;
            Some(Place { agents: Arc::clone(&self.agents), agent: agent.to_owned() })
        })
    }
}

/// A place for one more open review of this agent.
///
/// # Errors
/// 429 when it has as many as the operator allows; the first refusal of a flood is in the ledger. Faults of the storage.
pub(crate) async fn take_place(shared: &Shared, agent: &Agent) -> Result<Place, Failure> {
    let (urn, max) = (agent.urn.as_str(), shared.limits.max_open_reviews);
    if let Some(place) = shared.crowd.take(urn, max) {
        return Ok(place);
    }
    let one_at_a_time = shared.crowd.counting.lock().await;
    let is_counted =
        shared.crowd.with(urn, |known| known.full_since.is_some_and(|since| since.elapsed() < COUNT_AGAIN));
    if !is_counted {
        // ORDER: what is under way is read before the count. What commits in between is then counted twice, never not at all.
        let (before, n_taken) = shared.crowd.with(urn, |known| (known.n_under_way, known.n_taken));
        let n_open = db::attempt::count_open_of(&mut *shared.database.read().await?, urn).await?;
        shared.crowd.with(urn, |known| {
            known.at_most = Some(n_open.saturating_add(before).saturating_add(known.n_taken - n_taken));
        });
    }
    if let Some(place) = shared.crowd.take(urn, max) {
        return Ok(place);
    }
    let is_first = shared.crowd.with(urn, |known| {
        known.full_since.get_or_insert_with(Instant::now);
        if !is_counted {
            known.full_since = Some(Instant::now());
        }
        !std::mem::replace(&mut known.is_throttled, true)
    });
    drop(one_at_a_time);
    if is_first {
        shared.recorder.record(Throttled { agent: agent.clone(), max }).await?;
    }
    Err(Failure::unavailable(
        StatusCode::TOO_MANY_REQUESTS,
        COUNT_AGAIN,
        format!(
            "As many reviews of this agent as the operator allows, {max}, wait for people already. Nothing was changed. Send the \
             same handoff again when some of them are answered."
        ),
    ))
}

/// An agent that has as many open reviews as it may.
struct Throttled {
    agent: Agent,
    max: usize,
}

impl Change for Throttled {
    type Done = ();

    async fn apply(&mut self, plan: &mut Plan<'_>) -> Result<(), StorageError> {
        let body = json!({ "agent": self.agent.urn, "open": self.max });
        plan.record(event(EntryType::AgentThrottled, &self.agent.key_id, body)).await?;
        Ok(())
    }
}
