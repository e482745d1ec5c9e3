//! What an entry can be about. Source: FORMATS.md §9.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Declares each event with its wire name and collects them all.
macro_rules! entry_types {
    ($($(#[$doc:meta])* $name:ident = $wire:literal),+ $(,)?) => {
        /// What happened; on the wire `group.event`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        pub enum EntryType {
            $($(#[$doc])* #[serde(rename = $wire)] $name,)+
        }

        impl EntryType {
            /// Every event there is.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The wire name, as in `decision.recorded`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $wire),+
                }
            }
        }
    };
}

entry_types! {
    /// The ledger begins; always the entry with `seq` 0.
    LedgerGenesis = "ledger.genesis",
    LedgerStarted = "ledger.started",
    LedgerStopped = "ledger.stopped",
    LedgerViewed = "ledger.viewed",
    ExportCreated = "export.created",
    ErasurePerformed = "erasure.performed",
    RetentionApplied = "retention.applied",
    TimestampObtained = "timestamp.obtained",
    WitnessAlarm = "witness.alarm",
    ClockSkew = "clock.skew",
    ContractPublished = "contract.published",
    ContractDeprecated = "contract.deprecated",
    ContractRetired = "contract.retired",
    PolicyChanged = "policy.changed",
    DirectoryChanged = "directory.changed",
    ConfigChanged = "config.changed",
    KeyEnrolled = "key.enrolled",
    KeyRevoked = "key.revoked",
    AccessRefused = "access.refused",
    HandoffReceived = "handoff.received",
    /// Holds no hash of what was submitted: it could be guessed (FORMATS.md §2, D4).
    HandoffRefused = "handoff.refused",
    HandoffPassed = "handoff.passed",
    HandoffPresented = "handoff.presented",
    HandoffSuperseded = "handoff.superseded",
    HandoffWithdrawn = "handoff.withdrawn",
    HandoffDeadlettered = "handoff.deadlettered",
    HandoffReplayed = "handoff.replayed",
    AgentHeld = "agent.held",
    AgentResumed = "agent.resumed",
    AgentThrottled = "agent.throttled",
    ReviewOpened = "review.opened",
    ReviewAssigned = "review.assigned",
    ReviewClaimed = "review.claimed",
    ReviewReleased = "review.released",
    ReviewDelegated = "review.delegated",
    ReviewReassigned = "review.reassigned",
    ReviewEscalated = "review.escalated",
    /// Committed before the value leaves (invariant F1).
    DisclosureRevealed = "disclosure.revealed",
    /// A revealed value was put on the clipboard.
    DisclosureCopied = "disclosure.copied",
    EvidenceOpened = "evidence.opened",
    DecisionRecorded = "decision.recorded",
    DecisionLate = "decision.late",
    DecisionRefused = "decision.refused",
    OutcomeFormed = "outcome.formed",
    DeliveryAcknowledged = "delivery.acknowledged",
    DeliveryFailed = "delivery.failed",
    AttemptConsumed = "attempt.consumed",
    ExecutionReported = "execution.reported",
    DrillStarted = "drill.started",
    DrillConcluded = "drill.concluded",
    GateFlagged = "gate.flagged",
}
