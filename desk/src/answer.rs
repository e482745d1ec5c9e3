//! What the desk answers its window: final texts and plain values, nothing that still has to be worked out.
//!
//! Times are given in the wire spelling where the page formats them itself, and as text where they are part of a sentence.
//! Counts that may grow beyond 2^53 are decimal strings.

use seamark_contracts::decision::DecisionKind;
use seamark_contracts::handoff::Tier;
use seamark_contracts::view::View;
use serde::{Deserialize, Serialize};

use crate::refusal::RefusalCode;

/// Declares a type that goes to the page.
macro_rules! answer {
    ($(#[$meta:meta])* pub struct $name:ident { $($body:tt)* }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[cfg_attr(feature = "specta", derive(specta::Type))]
        #[serde(rename_all = "camelCase")]
        pub struct $name { $($body)* }
    };
    ($(#[$meta:meta])* pub enum $name:ident { $($body:tt)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[cfg_attr(feature = "specta", derive(specta::Type))]
        #[serde(rename_all = "kebab-case")]
        pub enum $name { $($body)* }
    };
}

mod ledger;

pub use ledger::{AlarmView, HeadView, LedgerView, SavedAlarm};
pub mod reveal;

pub use reveal::{PurposeChoice, RecordReveal, RevealFieldRequest, RevealState, Revealed, RevealedField};

answer! {
    /// How far setting up has come. `Waiting`: enrolled, and the organisation has not signed this device's key yet.
    pub enum Stage { FirstRun, SettingUp, Waiting, Ready }
}

answer! {
    /// Who this desk is.
    pub struct AccountState {
        pub org: String,
        pub person_name: String,
        pub person_id: String,
        pub roles: Vec<String>,
        pub gateway: String,
        pub is_local: bool,
        /// Key id of the decision key.
        pub keyid: String,
    }
}

answer! {
    /// A key that waits for the organisation's signature.
    pub struct EnrolmentState {
        /// Eight groups of four digits, for the person to read out.
        pub fingerprint: String,
    }
}

answer! {
    /// A root that took the place of the pinned one, which named it. It is not pinned before the person says so.
    pub struct NewRootState {
        /// Eight groups of four digits, to be compared with what somebody else says.
        pub fingerprint: String,
    }
}

answer! {
    /// Whether the gateway can be reached.
    pub enum LinkState { Connecting, Connected, Offline, Refused }
}

answer! {
    /// The connection, in words.
    pub struct ConnectionState {
        pub state: LinkState,
        /// Milliseconds since 1970-01-01T00:00:00Z, decimal.
        pub since_ms: String,
        /// When what is shown was last known to be current.
        pub last_sync_at: Option<String>,
        pub retry_in_s: Option<u32>,
        /// A phrase for the status line, without a full stop.
        pub text: String,
        /// What it means and what to do, when there is anything to say.
        pub help: Option<String>,
        /// Gateway time minus this computer's.
        pub clock_skew_ms: i32,
    }
}

answer! {
    /// Whether this desk can sign.
    pub enum SigningKind { None, Locked, Unlocked, KeyringLocked, KeyringMissing }
}

answer! {
    /// The signing key's state, in words.
    pub struct SigningState {
        pub state: SigningKind,
        pub unlocked_until: Option<String>,
        /// One sentence.
        pub text: String,
        /// What it means and what to do, when there is anything to say.
        pub help: Option<String>,
    }
}

answer! {
    /// What this desk knows of the ledger.
    pub enum LedgerKind { Unknown, Verified, Broken }
}

answer! {
    /// The ledger as this desk verified it, in words.
    pub struct LedgerState {
        pub state: LedgerKind,
        /// Entries under the last verified head, decimal.
        pub size: String,
        pub text: String,
    }
}

answer! {
    /// Own decisions on their way.
    pub struct OutboxState {
        pub waiting: u32,
        pub delivered_today: u32,
    }
}

answer! {
    /// Numbers for the rail.
    pub struct CountState {
        pub open: u32,
        pub mine: u32,
        pub expiring: u32,
    }
}

answer! {
    /// Colours.
    pub enum Theme { System, Light, Dark, Contrast }
}

answer! {
    /// Height of rows.
    pub enum Density { Comfortable, Compact, Dense }
}

answer! {
    /// How the window looks.
    pub struct AppearanceState {
        pub theme: Theme,
        /// A factor, 0.8 to 2.0.
        #[cfg_attr(feature = "specta", specta(type = u32))]
        pub zoom: f64,
        pub density: Density,
    }
}

answer! {
    /// Everything around the screens.
    pub struct AppState {
        pub stage: Stage,
        pub account: Option<AccountState>,
        pub enrolment: Option<EnrolmentState>,
        pub new_root: Option<NewRootState>,
        pub connection: ConnectionState,
        pub signing: SigningState,
        pub ledger: LedgerState,
        pub outbox: OutboxState,
        pub counts: CountState,
        pub appearance: AppearanceState,
        pub version: String,
        /// Gateway time.
        pub now: String,
        /// IANA name.
        pub time_zone: String,
        /// BCP 47, valid.
        pub locale: String,
    }
}

answer! {
    /// How pressing a deadline is.
    pub enum Urgency { None, Soon, Late }
}

answer! {
    /// A heading of the list.
    pub struct Group {
        pub id: String,
        pub label: String,
    }
}

answer! {
    /// Where a review stands.
    pub enum ReviewKind { Open, Approved, Rejected, Expired, Withdrawn, Superseded }
}

answer! {
    /// A row of the inbox.
    pub struct InboxRow {
        pub review_id: String,
        pub line: String,
        pub context: String,
        pub source: String,
        pub tier: Tier,
        pub tier_word: String,
        pub marks: Vec<String>,
        pub group: Group,
        pub expires_at: String,
        pub expires_text: String,
        pub urgency: Urgency,
        pub contract: String,
        pub state: ReviewKind,
        pub state_text: Option<String>,
        pub seen: bool,
        pub opened_at: String,
    }
}

answer! {
    /// Something to choose, with its count.
    pub struct Choice {
        pub id: String,
        pub label: String,
        pub count: u32,
    }
}

answer! {
    /// A window into the inbox.
    pub struct InboxPage {
        pub rows: Vec<InboxRow>,
        pub total: u32,
        pub offset: u32,
        /// Grows with every change of the list.
        pub version: u32,
        pub filters: Vec<Choice>,
        /// In words, when what is shown was not confirmed for a minute.
        pub stale: Option<String>,
    }
}

answer! {
    /// The four acknowledgements of a decision. Absent: not yet.
    pub struct Acks {
        pub saved_at: Option<String>,
        pub recorded_at: Option<String>,
        pub counted_at: Option<String>,
        /// Why it does not count, in words.
        pub not_counted: Option<String>,
        pub delivered_at: Option<String>,
        /// What the destination reported, in words.
        pub executed: Option<String>,
    }
}

answer! {
    /// How the open review stands, in words.
    pub struct ReviewStateView {
        pub kind: ReviewKind,
        /// What happened.
        pub text: String,
        /// What it means and what to do; empty while it is open.
        pub meaning: String,
        pub by: Option<String>,
        pub at: Option<String>,
        pub superseded_by: Option<String>,
        /// Of the decision made here.
        pub acks: Option<Acks>,
        pub result: Option<String>,
    }
}

answer! {
    /// Why an answer cannot be given now, by answer; an empty list means that it can.
    pub struct Blockers {
        pub approve: Vec<String>,
        pub reject: Vec<String>,
        pub escalate: Vec<String>,
    }
}

answer! {
    /// Evidence that has to be opened before approving.
    pub struct RequiredEvidence {
        pub id: String,
        pub title: String,
        pub opened: bool,
    }
}

answer! {
    /// The deadline and what it leads to.
    pub struct Deadline {
        pub expires_at: String,
        pub text: String,
        pub urgency: Urgency,
        pub consequence: String,
    }
}

answer! {
    /// Who would sign.
    pub struct Signer {
        pub name: String,
        pub role: String,
        pub keyid: String,
    }
}

answer! {
    /// One open review.
    pub struct ReviewPane {
        pub review_id: String,
        /// Hex; to be sent back with the decision.
        pub view_digest: String,
        /// Short form of the statement's digest: eight hexadecimal digits and three words.
        pub fingerprint: String,
        pub view: View,
        pub state: ReviewStateView,
        pub can_decide: Blockers,
        pub required_evidence: Vec<RequiredEvidence>,
        pub deadline: Deadline,
        pub contract_title: String,
        pub draft: String,
        pub opened_at: String,
        pub signer: Signer,
        pub reveal: RevealState,
        pub verify_error: Option<String>,
    }
}

answer! {
    /// What happened to a review that may be on screen.
    pub enum ReviewChangeKind { Changed, Expired, Decided, Withdrawn, Delivered, Executed }
}

answer! {
    /// One shown value before and after.
    pub struct Difference {
        pub label: String,
        pub before: String,
        pub after: String,
    }
}

answer! {
    /// A change of a review, in words.
    pub struct ReviewChange {
        pub kind: ReviewChangeKind,
        /// What happened.
        pub text: String,
        /// What it means and what to do; empty when it only goes on.
        pub meaning: String,
        pub new_review_id: Option<String>,
        pub diff: Vec<Difference>,
    }
}

answer! {
    /// A reason code and free words.
    pub struct ReasonInput {
        pub code: String,
        pub text: String,
    }
}

answer! {
    /// To whom, and what is asked.
    pub struct EscalationInput {
        pub to: String,
        pub question: String,
    }
}

answer! {
    /// A critical value that the reviewer typed or picked.
    pub struct ConfirmedInput {
        pub fact: String,
        pub value: String,
    }
}

/// A decision as the page asks for it. It names what was on screen; what is signed is built here.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DecideRequest {
    pub review_id: String,
    pub view_digest: String,
    pub decision: DecisionKind,
    pub reason: ReasonInput,
    pub escalation: Option<EscalationInput>,
    pub confirmed: Vec<ConfirmedInput>,
    pub pin: Option<String>,
}

impl std::fmt::Debug for DecideRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The PIN is never printed.
        f.debug_struct("DecideRequest")
            .field("review_id", &self.review_id)
            .field("view_digest", &self.view_digest)
            .field("decision", &self.decision)
            .finish_non_exhaustive()
    }
}

answer! {
    /// Why a decision did not arrive.
    pub struct Failure {
        pub code: RefusalCode,
        pub message: String,
    }
}

answer! {
    /// How far a decision has come.
    pub struct DecisionProgress {
        pub decision_id: String,
        pub review_id: String,
        pub decision: DecisionKind,
        pub acks: Acks,
        pub text: String,
        pub failure: Option<Failure>,
        pub next_review_id: Option<String>,
    }
}

answer! {
    /// Where a row of the outbox stands.
    pub enum OutboxKind { Saved, Sending, Recorded, Counted, Delivered, NotCounted, Parked }
}

answer! {
    /// One own decision.
    pub struct OutboxRow {
        pub decision_id: String,
        pub review_id: String,
        pub line: String,
        pub decision: DecisionKind,
        pub state: OutboxKind,
        pub text: String,
        pub acks: Acks,
        pub next_try_text: Option<String>,
    }
}

answer! {
    /// A concluded review.
    pub struct AuditRow {
        pub review_id: String,
        pub line: String,
        pub outcome: ReviewKind,
        pub cause: String,
        pub by: String,
        pub decided_at: String,
        pub contract: String,
        pub tier: Tier,
        pub result: Option<String>,
    }
}

answer! {
    /// What to narrow the audit list by.
    pub struct AuditFilters {
        pub outcomes: Vec<Choice>,
        pub contracts: Vec<Choice>,
    }
}

answer! {
    /// State of the ledger above the audit list.
    pub struct AuditBanner {
        pub state: LedgerKind,
        pub text: String,
    }
}

answer! {
    /// A window into the concluded reviews.
    pub struct AuditPage {
        pub rows: Vec<AuditRow>,
        pub total: u32,
        pub offset: u32,
        pub filters: AuditFilters,
        pub banner: AuditBanner,
    }
}

answer! {
    /// How a review ended.
    pub struct RecordOutcome {
        pub kind: ReviewKind,
        pub cause: String,
        pub at: String,
        pub text: String,
    }
}

answer! {
    /// One decision of a record, with what was signed.
    pub struct RecordDecision {
        pub decision_id: String,
        pub decision: DecisionKind,
        pub by: String,
        pub person_id: String,
        pub role: String,
        pub keyid: String,
        pub at: String,
        pub recorded_at: String,
        pub meaning: String,
        pub reason: String,
        pub question: Option<String>,
        pub dwell_text: String,
        pub opened: Vec<String>,
        pub counted: bool,
        pub why: Option<String>,
        /// Index in the ledger, decimal.
        pub position: String,
        pub leaf: String,
    }
}

answer! {
    /// When the orchestrator had the outcome.
    pub struct RecordDelivery {
        pub text: String,
        pub at: String,
    }
}

answer! {
    /// What the destination reported.
    pub struct RecordExecution {
        pub text: String,
        pub at: String,
        pub executor: String,
        pub keyid: String,
    }
}

answer! {
    /// One ledger entry, in short.
    pub struct RecordEntry {
        /// Decimal.
        pub seq: String,
        #[serde(rename = "type")]
        pub kind: String,
        pub at: String,
    }
}

answer! {
    /// Where a record lies in the ledger.
    pub struct RecordLedger {
        pub entries: Vec<RecordEntry>,
        /// Decimal.
        pub checkpoint_size: String,
        pub checkpoint_root: String,
    }
}

answer! {
    /// Everything about one concluded review.
    pub struct RecordView {
        pub review_id: String,
        pub view: View,
        pub title: String,
        pub outcome: RecordOutcome,
        pub decisions: Vec<RecordDecision>,
        pub reveals: Vec<RecordReveal>,
        pub acks: Acks,
        pub delivery: Option<RecordDelivery>,
        pub execution: Option<RecordExecution>,
        pub ledger: RecordLedger,
        pub statement_digest: String,
        pub view_digest: String,
        pub cli_line: String,
    }
}

answer! {
    /// How a claim came out.
    pub enum ClaimVerdict { Pass, Fail, Unknown }
}

answer! {
    /// One verified claim.
    pub struct Claim {
        pub id: String,
        pub verdict: ClaimVerdict,
        pub title: String,
        pub sentence: String,
    }
}

answer! {
    /// A file with the evidence of one record, or with the report of it.
    pub struct SavedEvidence {
        /// Where it lies.
        pub path: String,
        /// Of the file, 64 hex digits.
        pub sha256: String,
        /// Under the keys that this desk pinned.
        pub verdict: ClaimVerdict,
        pub sentence: String,
    }
}

/// What happens while the window is open.
#[derive(Clone, Debug, PartialEq)]
pub enum DeskEvent {
    /// Something around the screens changed.
    AppState(Box<AppState>),
    /// The list changed; `version` as in [`InboxPage`].
    InboxChanged { version: u32 },
    /// A review that was opened here changed.
    ReviewChanged { review_id: String, change: ReviewChange },
    /// An own decision came further.
    DecisionProgress(DecisionProgress),
    /// Every value of this review that was revealed is masked again.
    FieldsMasked { review_id: String },
}
