//! What a demo tells on its way.

use seamark_contracts::id::HandoffId;
use seamark_contracts::outcome::{ExecutionPhase, OutcomeKind};
use serde::Serialize;

/// One step of one handoff.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum DemoEvent {
    /// Handed over; a person is asked.
    Open { case: String, handoff_id: HandoffId, contract: String },
    /// Handed over; no person is needed.
    Passed { case: String, handoff_id: HandoffId, contract: String },
    /// Refused by the gateway, as this case means to be or not.
    Refused { case: String, handoff_id: HandoffId, contract: String, reason: String },
    /// The outcome has arrived.
    Concluded { case: String, handoff_id: HandoffId, outcome: OutcomeKind },
    /// Verified, done and reported.
    Executed { case: String, handoff_id: HandoffId },
    /// Not done, and reported so.
    Failed { case: String, handoff_id: HandoffId, phase: ExecutionPhase, code: String },
    /// Something is in the way; the agents go on.
    Trouble { case: String, text: String },
}

/// What a demo came to, counted in handoffs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    pub submitted: u64,
    pub admitted: u64,
    pub refused: u64,
    pub passed: u64,
    pub approved: u64,
    /// Rejected, expired, withdrawn or superseded.
    pub declined: u64,
    pub executed: u64,
    pub failed: u64,
}

impl Totals {
    /// Counts one step.
    pub fn count(&mut self, event: &DemoEvent) {
        match event {
            DemoEvent::Open { .. } => {
                self.submitted += 1;
                self.admitted += 1;
            }
            DemoEvent::Passed { .. } => {
                self.submitted += 1;
                self.admitted += 1;
                self.passed += 1;
            }
            DemoEvent::Refused { .. } => {
                self.submitted += 1;
                self.refused += 1;
            }
            DemoEvent::Concluded { outcome: OutcomeKind::Approved, .. } => self.approved += 1,
            DemoEvent::Concluded { .. } => self.declined += 1,
            DemoEvent::Executed { .. } => self.executed += 1,
            DemoEvent::Failed { .. } => self.failed += 1,
            DemoEvent::Trouble { .. } => {}
        }
    }
}
