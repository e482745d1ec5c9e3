//! The journal of decisions signed here, and the four acknowledgements in words.
//!
//! **Saved here**: signed and synced to this disk. **Recorded**: the gateway committed it with its ledger entry.
//! **Counted**: it contributes to the outcome, or the reason why not. **Delivered**: the orchestrator has the outcome.
//! None is shown before it is true, and none is mixed with another.

use seamark_contracts::clock::Timestamp;
use seamark_contracts::decision::DecisionKind;

use crate::answer::{Acks, DecisionProgress, DeskEvent, Failure, OutboxKind, OutboxRow};
use crate::cache::{JournalRow, Phase};
use crate::core::Inner;
use crate::refusal::{Refusal, RefusalCode};
use crate::words;

/// Most rows that the outbox shows.
const SHOWN_ROWS: u32 = 200;

pub(crate) fn acks(row: &JournalRow) -> Acks {
    let text = |at: Option<Timestamp>| at.map(|at| at.to_string());
    Acks {
        saved_at: Some(row.saved_at.to_string()),
        recorded_at: text(row.recorded_at),
        counted_at: text(row.counted_at),
        not_counted: row.not_counted.clone(),
        delivered_at: text(row.delivered_at),
        executed: row.executed.clone(),
    }
}

fn decision(row: &JournalRow) -> DecisionKind {
    // Written by this desk from the same three words; a damaged one is shown as what gives nothing away.
    words::decision_of(&row.decision).unwrap_or(DecisionKind::Escalate)
}

fn kind(row: &JournalRow) -> OutboxKind {
    match row.phase {
        Phase::Parked => OutboxKind::Parked,
        Phase::Waiting if row.n_tries > 0 => OutboxKind::Sending,
        Phase::Waiting => OutboxKind::Saved,
        Phase::Recorded if row.delivered_at.is_some() => OutboxKind::Delivered,
        Phase::Recorded if row.counted_at.is_some() => OutboxKind::Counted,
        Phase::Recorded if row.not_counted.is_some() => OutboxKind::NotCounted,
        Phase::Recorded => OutboxKind::Recorded,
    }
}

impl Inner {
    /// How far a decision has come, as one sentence.
    pub(crate) fn journal_text(&self, row: &JournalRow) -> String {
        match kind(row) {
            OutboxKind::Saved => "Saved here. Not sent yet.".to_owned(),
            OutboxKind::Sending => match &row.problem {
                Some(problem) => format!("Saved here. Sending did not work yet: {problem}"),
                None => "Saved here. Sending.".to_owned(),
            },
            OutboxKind::Recorded => "Recorded by the gateway.".to_owned(),
            OutboxKind::Counted if decision(row) == DecisionKind::Escalate => {
                "Recorded. The handoff was handed on; somebody else decides.".to_owned()
            }
            OutboxKind::Counted => "Counted. The outcome is on its way to the agent.".to_owned(),
            OutboxKind::Delivered => match &row.executed {
                Some(executed) => format!("Delivered. {executed}."),
                None => "Delivered to the agent.".to_owned(),
            },
            OutboxKind::NotCounted => {
                format!(
                    "Recorded, not counted: {}.",
                    row.not_counted.as_deref().unwrap_or("the gateway gave no reason")
                )
            }
            OutboxKind::Parked => format!(
                "Kept here and not sent again: {} It has no effect. Look at the handoff again, or tell whoever runs \
                 the gateway.",
                row.problem.as_deref().unwrap_or("it could not be sent.")
            ),
        }
    }

    pub(crate) async fn progress(&self, row: &JournalRow) -> Result<DecisionProgress, Refusal> {
        let failure = match row.phase {
            Phase::Parked => Some(Failure { code: RefusalCode::GatewayRefused, message: self.journal_text(row) }),
            Phase::Waiting | Phase::Recorded => None,
        };
        Ok(DecisionProgress {
            decision_id: row.decision_id.clone(),
            review_id: row.review_id.clone(),
            decision: decision(row),
            acks: acks(row),
            text: self.journal_text(row),
            failure,
            next_review_id: self.store.next_mine(&row.review_id).await?,
        })
    }

    /// Tells the window how far a decision has come.
    pub(crate) async fn tell_progress(&self, row: &JournalRow) {
        if let Ok(progress) = self.progress(row).await {
            self.tell(DeskEvent::DecisionProgress(progress));
        }
        self.changed.notify_one();
    }

    pub(crate) async fn outbox_rows(&self) -> Result<Vec<OutboxRow>, Refusal> {
        let now = self.local_now();
        let rows = self.store.newest_journal(SHOWN_ROWS).await?;
        let shown = rows.iter().map(|row| OutboxRow {
            decision_id: row.decision_id.clone(),
            review_id: row.review_id.clone(),
            line: row.line.clone(),
            decision: decision(row),
            state: kind(row),
            text: self.journal_text(row),
            acks: acks(row),
            next_try_text: row.next_try_at.filter(|_| row.phase == Phase::Waiting && row.n_tries > 0).map(|at| {
                let wait_ms = u64::try_from(at.as_ms() - now.as_ms()).unwrap_or(0);
                if wait_ms < 1000 {
                    "Trying again now".to_owned()
                } else {
                    format!("Next try in {}", words::span(wait_ms))
                }
            }),
        });
        Ok(shown.collect())
    }
}
