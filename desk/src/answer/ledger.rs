//! The ledger as this desk knows it.

use serde::{Deserialize, Serialize};

use super::LedgerKind;

answer! {
    /// A head that the ledger's key signed.
    pub struct HeadView {
        /// Entries, decimal.
        pub size: String,
        /// Standard base64.
        pub root: String,
        /// When this desk verified or was shown it.
        pub at: String,
    }
}

answer! {
    /// What this desk knows of the ledger, whole.
    pub struct LedgerView {
        pub state: LedgerKind,
        pub origin: String,
        /// The pinned key.
        pub vkey: String,
        /// The last head that was verified.
        pub kept: Option<HeadView>,
        pub alarm: Option<AlarmView>,
    }
}

answer! {
    /// How the ledger contradicts itself, and what that means.
    pub struct AlarmView {
        /// When it was found.
        pub at: String,
        /// What was found, a sentence.
        pub finding: String,
        /// What the two heads prove to others, in sentences.
        pub judgement: String,
        /// Whether they prove it to anybody.
        pub is_proven: bool,
        /// What this desk had seen.
        pub kept: Option<HeadView>,
        /// What it was shown then; absent when that is no head that the pinned key signed.
        pub shown: Option<HeadView>,
    }
}

answer! {
    /// A file for whoever looks into it.
    pub struct SavedAlarm {
        pub path: String,
        /// Of the file, 64 hex digits.
        pub sha256: String,
    }
}
