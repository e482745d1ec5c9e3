//! The outbox: saved decisions go to the gateway, again and again until they are recorded or refused for good.
//!
//! Sending twice is harmless: the gateway answers the same decision as the first time (B9). What it refuses for good is
//! parked: kept, shown with the reason, never deleted (B1).

use std::time::Duration;

use seamark_contracts::api::review::{DecisionAnswer, DecisionRequest};
use seamark_contracts::clock::Chance;
use seamark_contracts::problem::ErrorCode;
use tokio_util::sync::CancellationToken;

use crate::cache::{JournalRow, Phase, StoreError};
use crate::client::CallError;
use crate::core::{Enrolled, Inner};
use crate::refusal::Refusal;
use crate::words;

/// First and longest pause between tries. The longest keeps "progress within 30 s" (invariant G1).
const FIRST_PAUSE_MS: u64 = 500;
const LONGEST_PAUSE_MS: u64 = 20_000;

/// A pause that doubles with each failed try, up to `longest_ms`, with up to half of it taken off at random so that many
/// desks do not come at once.
pub(crate) fn pause_ms(n_failed: u32, first_ms: u64, longest_ms: u64, chance: &dyn Chance) -> u64 {
    let full = first_ms.saturating_mul(1 << n_failed.min(16)).min(longest_ms);
    let mut random = [0u8; 2];
    chance.fill(&mut random);
    full - full * u64::from(u16::from_be_bytes(random)) / u64::from(u16::MAX) / 2
}

impl Inner {
    /// Sends until `shutdown`.
    pub(crate) async fn run_outbox(&self, shutdown: &CancellationToken) {
        loop {
            let pause = match self.send_waiting().await {
                Ok(pause) => pause,
                Err(error) => {
                    tracing::error!(%error, "the outbox could not be read");
                    Some(Duration::from_millis(LONGEST_PAUSE_MS))
                }
            };
            let again = async {
                match pause {
                    Some(pause) => tokio::time::sleep(pause).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = self.wake_outbox.notified() => {}
                () = again => {}
            }
        }
    }

    /// Tries every waiting decision once, the oldest first. Answers when the next try is due; `None` when nothing waits.
    pub(crate) async fn send_waiting(&self) -> Result<Option<Duration>, StoreError> {
        let Some(enrolled) = self.enrolled() else { return Ok(None) };
        let mut longest_pause = None;
        for row in self.store.waiting_journal().await? {
            if let Some(pause_ms) = self.send_one(&enrolled, row).await? {
                longest_pause = longest_pause.max(Some(Duration::from_millis(pause_ms)));
            }
        }
        Ok(longest_pause)
    }

    /// One try. Answers the pause before the next one, when there has to be one.
    async fn send_one(&self, enrolled: &Enrolled, mut row: JournalRow) -> Result<Option<u64>, StoreError> {
        let Ok(envelope) = serde_json::from_str(&row.envelope) else {
            self.park(&mut row, "The saved decision is damaged and cannot be read.").await?;
            return Ok(None);
        };
        let request = DecisionRequest { envelope, view: row.view.clone() };
        match self.heed(enrolled.client.decide(&row.review_id, &request).await).await {
            Ok(answer) => {
                self.note_recorded(&mut row, answer).await?;
                Ok(None)
            }
            Err(error) if is_final(&error) => {
                let refusal = Refusal::from(error);
                self.park(&mut row, &refusal.message).await?;
                Ok(None)
            }
            Err(error) => {
                let pause = pause_ms(row.n_tries, FIRST_PAUSE_MS, LONGEST_PAUSE_MS, self.options.chance.as_ref());
                let pause = pause.max(error.retry_after_ms().unwrap_or(0).min(LONGEST_PAUSE_MS));
                row.n_tries = row.n_tries.saturating_add(1);
                row.next_try_at = Some(self.local_now().plus_ms(i64::try_from(pause).unwrap_or(0)));
                row.problem = Some(Refusal::from(error).message);
                self.store.update_journal(&row).await?;
                self.tell_progress(&row).await;
                Ok(Some(pause))
            }
        }
    }

    async fn note_recorded(&self, row: &mut JournalRow, answer: DecisionAnswer) -> Result<(), StoreError> {
        let decision = &answer.decision;
        if decision.decision_id.to_string() != row.decision_id {
            return self.park(row, "The gateway holds another decision of yours on this handoff.").await;
        }
        row.phase = Phase::Recorded;
        row.next_try_at = None;
        row.problem = None;
        row.recorded_at = Some(decision.recorded_at);
        row.seq = Some(decision.recorded.seq);
        row.leaf = Some(decision.recorded.leaf.clone());
        let is_handed_on = row.decision == "escalate"
            && decision.why.is_none_or(|why| why == seamark_contracts::outcome::NotCounted::Escalated);
        if decision.counted || is_handed_on {
            row.counted_at = Some(decision.recorded_at);
        } else {
            let why = decision.why.map_or("the gateway gave no reason", words::not_counted);
            row.not_counted = Some(why.to_owned());
        }
        self.store.update_journal(row).await?;
        if let Err(refusal) = self.apply(vec![answer.review], None).await {
            tracing::warn!(?refusal, "the review after a decision could not be kept; the stream brings it again");
        }
        // Applying may have added a delivery.
        if let Some(row) = self.store.journal_row(&row.decision_id).await? {
            self.tell_progress(&row).await;
        }
        Ok(())
    }

    async fn park(&self, row: &mut JournalRow, problem: &str) -> Result<(), StoreError> {
        row.phase = Phase::Parked;
        row.next_try_at = None;
        row.problem = Some(problem.to_owned());
        self.store.update_journal(row).await?;
        self.tell_progress(row).await;
        Ok(())
    }
}

/// Whether trying again can change nothing. Only the gateway's own word ends the tries: a proxy's page or a broken
/// connection does not.
fn is_final(error: &CallError) -> bool {
    match error.code() {
        Some(code) => !matches!(
            code,
            ErrorCode::Unavailable
                | ErrorCode::Internal
                | ErrorCode::Unauthenticated
                // The root signs sooner or later.
                | ErrorCode::EnrolmentPending
        ),
        None => matches!(error, CallError::Address(_)),
    }
}

#[cfg(test)]
mod tests {
    use seamark_contracts::clock::SeededChance;

    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_differ_between_desks() {
        let chance = SeededChance::new(3);
        for (n_failed, full) in [(0, 500), (1, 1000), (3, 4000), (6, 20_000), (60, 20_000)] {
            let pause = pause_ms(n_failed, FIRST_PAUSE_MS, LONGEST_PAUSE_MS, &chance);
            assert!((full / 2..=full).contains(&pause), "{n_failed}: {pause}");
        }
        let one = pause_ms(6, FIRST_PAUSE_MS, LONGEST_PAUSE_MS, &SeededChance::new(1));
        let other = pause_ms(6, FIRST_PAUSE_MS, LONGEST_PAUSE_MS, &SeededChance::new(2));
        assert_ne!(one, other);
    }
}
