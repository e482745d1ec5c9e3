//! What the page hears of masked fields that were read. Never a value: that comes by itself, as a text to show.

use seamark_contracts::reveal::PurposeCode;
use serde::{Deserialize, Serialize};

use super::ReviewPane;

answer! {
    /// One purpose to choose.
    pub struct PurposeChoice {
        pub code: PurposeCode,
        pub text: String,
    }
}

answer! {
    /// Which masked fields of a review this person may read, and which stand on screen.
    pub struct RevealState {
        /// Paths of masks, in document order; empty for whoever may read none.
        pub paths: Vec<String>,
        pub purposes: Vec<PurposeChoice>,
        /// Why none can be read now, in words; absent when one can.
        pub blocker: Option<String>,
        /// Those that stand on screen now.
        pub shown: Vec<RevealedField>,
    }
}

answer! {
    /// A masked field that stands on screen for a while.
    pub struct RevealedField {
        pub path: String,
        /// Milliseconds after which it is masked again.
        pub remaining_ms: u32,
        pub is_copied: bool,
    }
}

answer! {
    /// A field was revealed: what is on screen now is another view.
    pub struct Revealed {
        pub field: RevealedField,
        pub pane: ReviewPane,
    }
}

answer! {
    /// One reveal of a record.
    pub struct RecordReveal {
        pub by: String,
        pub person_id: String,
        /// Path of the mask.
        pub path: String,
        /// The same as words.
        pub field: String,
        pub purpose: String,
        /// The person's own words; may be empty.
        pub text: String,
        pub at: String,
        pub copied_at: Option<String>,
        /// Index in the ledger, decimal.
        pub position: String,
    }
}

/// A request to read one masked field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RevealFieldRequest {
    pub review_id: String,
    /// Path of the mask.
    pub path: String,
    pub purpose: PurposeCode,
    /// One line in the person's own words; needed with the purpose `other`.
    pub text: String,
}
