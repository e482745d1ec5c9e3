//! What the page sends. What it gets are the desk's own answers ([`seamark_desk::answer`]): final texts that only have to
//! be passed on.
//!
//! Every text from the page has a longest length: the page is ours, but what runs in it is not taken on trust.

use seamark_desk::answer::{
    ConfirmedInput, DecideRequest, Density, EscalationInput, ReasonInput, RevealFieldRequest, Theme,
};
use serde::{Deserialize, Deserializer, de};
use specta::Type;

/// Longest id, digest, PIN, name of a fact or a contract, in bytes.
const ID: usize = 200;
/// Longest line that a person types: a name, an address, a search.
const LINE: usize = 2_000;
/// Longest text that a person types.
const TEXT: usize = 20_000;

/// A text of at most `MAX` bytes.
fn text<'de, const MAX: usize, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let text = String::deserialize(from)?;
    if text.len() <= MAX { Ok(text) } else { Err(de::Error::custom(format!("a text is longer than {MAX} bytes"))) }
}

/// A text of at most `MAX` bytes, or none.
fn maybe_text<'de, const MAX: usize, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let text = Option::<String>::deserialize(from)?;
    match text {
        Some(text) if text.len() > MAX => Err(de::Error::custom(format!("a text is longer than {MAX} bytes"))),
        other => Ok(other),
    }
}

/// Declares what a command takes. Closed, and never printed: a PIN or an unfinished reason may be in it.
macro_rules! request {
    ($(#[$meta:meta])* pub struct $name:ident { $($body:tt)* }) => {
        $(#[$meta])*
        #[derive(Deserialize, Type)]
        #[serde(rename_all = "camelCase", deny_unknown_fields)]
        pub struct $name { $($body)* }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(stringify!($name))
            }
        }
    };
}

request! {
    /// Sets everything up on this computer.
    pub struct TryLocallyRequest {
        #[serde(deserialize_with = "text::<LINE, _>")]
        #[specta(type = String)]
        pub person_name: String,
        #[serde(deserialize_with = "text::<ID, _>")]
        #[specta(type = String)]
        pub pin: String,
    }
}

request! {
    /// Enrols this device at a team's gateway.
    pub struct ConnectRequest {
        #[serde(deserialize_with = "text::<LINE, _>")]
        #[specta(type = String)]
        pub address: String,
        #[serde(deserialize_with = "text::<ID, _>")]
        #[specta(type = String)]
        pub code: String,
        #[serde(deserialize_with = "text::<LINE, _>")]
        #[specta(type = String)]
        pub device_name: String,
        #[serde(deserialize_with = "text::<ID, _>")]
        #[specta(type = String)]
        pub pin: String,
    }
}

request! {
    /// A window into the inbox.
    pub struct InboxRequest {
        /// `mine`, `all`, `expiring`, or a contract's name.
        #[serde(deserialize_with = "text::<ID, _>")]
        #[specta(type = String)]
        pub filter: String,
        #[serde(deserialize_with = "text::<LINE, _>")]
        #[specta(type = String)]
        pub query: String,
        pub offset: u32,
        /// At most 500 rows are answered.
        pub limit: u32,
    }
}

request! {
    /// One review.
    pub struct ReviewRequest {
        #[serde(deserialize_with = "text::<ID, _>")]
        #[specta(type = String)]
        pub review_id: String,
    }
}

request! {
    /// Evidence that the person opened.
    pub struct NoteOpenedRequest {
        #[serde(deserialize_with = "text::<ID, _>")]
        #[specta(type = String)]
        pub review_id: String,
        #[serde(deserialize_with = "text::<ID, _>")]
        #[specta(type = String)]
        pub evidence_id: String,
    }
}

request! {
    /// Another signing PIN.
    pub struct ChangePinRequest {
        #[serde(deserialize_with = "text::<ID, _>")]
        #[specta(type = String)]
        pub pin: String,
        #[serde(deserialize_with = "text::<ID, _>")]
        #[specta(type = String)]
        pub new_pin: String,
    }
}

request! {
    /// The fingerprint of a new root, as the person typed it.
    pub struct PinRootRequest {
        #[serde(deserialize_with = "text::<ID, _>")]
        #[specta(type = String)]
        pub fingerprint: String,
    }
}

request! {
    /// The signing PIN.
    pub struct UnlockRequest {
        #[serde(deserialize_with = "text::<ID, _>")]
        #[specta(type = String)]
        pub pin: String,
    }
}

request! {
    /// A window into past reviews.
    pub struct AuditRequest {
        #[serde(deserialize_with = "text::<LINE, _>")]
        #[specta(type = String)]
        pub query: String,
        #[serde(deserialize_with = "maybe_text::<ID, _>")]
        #[specta(type = Option<String>)]
        pub outcome: Option<String>,
        #[serde(deserialize_with = "maybe_text::<ID, _>")]
        #[specta(type = Option<String>)]
        pub contract: Option<String>,
        pub offset: u32,
        /// At most 500 rows are answered.
        pub limit: u32,
    }
}

request! {
    /// An artifact of a review.
    pub struct ArtifactRequest {
        #[serde(deserialize_with = "text::<ID, _>")]
        #[specta(type = String)]
        pub review_id: String,
        /// Hex.
        #[serde(deserialize_with = "text::<ID, _>")]
        #[specta(type = String)]
        pub digest: String,
    }
}

request! {
    /// A revealed field.
    pub struct FieldRequest {
        #[serde(deserialize_with = "text::<ID, _>")]
        #[specta(type = String)]
        pub review_id: String,
        /// Path of the mask.
        #[serde(deserialize_with = "text::<LINE, _>")]
        #[specta(type = String)]
        pub path: String,
    }
}

request! {
    /// What is to be masked again.
    pub struct MaskRequest {
        #[serde(deserialize_with = "text::<ID, _>")]
        #[specta(type = String)]
        pub review_id: String,
        /// One field; absent: all of the review.
        #[serde(deserialize_with = "maybe_text::<LINE, _>")]
        #[specta(type = Option<String>)]
        pub path: Option<String>,
    }
}

request! {
    /// An unfinished text.
    pub struct SaveDraftRequest {
        #[serde(deserialize_with = "text::<ID, _>")]
        #[specta(type = String)]
        pub review_id: String,
        #[serde(deserialize_with = "text::<TEXT, _>")]
        #[specta(type = String)]
        pub text: String,
    }
}

request! {
    /// How the window is to look.
    pub struct AppearanceRequest {
        pub theme: Theme,
        /// A factor, 0.8 to 2.0.
        #[specta(type = u32)]
        pub zoom: f64,
        pub density: Density,
    }
}

/// Whether every text of a decision is short enough; the desk's own type cannot say so while it is read.
pub(crate) fn is_within_bounds(request: &DecideRequest) -> bool {
    let DecideRequest { review_id, view_digest, decision: _, reason, escalation, confirmed, pin } = request;
    let ReasonInput { code, text } = reason;
    let is_id = |text: &String| text.len() <= ID;
    [review_id, view_digest, code].into_iter().all(is_id)
        && text.len() <= TEXT
        && escalation.as_ref().is_none_or(|EscalationInput { to, question }| is_id(to) && question.len() <= TEXT)
        && confirmed.len() <= 100
        && confirmed.iter().all(|ConfirmedInput { fact, value }| is_id(fact) && value.len() <= LINE)
        && pin.as_ref().is_none_or(is_id)
}

/// The same of a request to read a masked field.
pub(crate) fn is_reveal_within_bounds(request: &RevealFieldRequest) -> bool {
    let RevealFieldRequest { review_id, path, purpose: _, text } = request;
    review_id.len() <= ID && path.len() <= LINE && text.len() <= LINE
}

#[cfg(test)]
mod tests {
    use seamark_contracts::decision::DecisionKind;

    use super::*;

    #[test]
    fn requests_are_closed_and_their_texts_bounded() {
        let read = |json: &str| serde_json::from_str::<UnlockRequest>(json);
        assert_eq!(read(r#"{"pin":"271828"}"#).unwrap().pin, "271828");
        assert!(read(r#"{"pin":"271828","path":"/etc/passwd"}"#).is_err());
        assert!(read(&format!(r#"{{"pin":"{}"}}"#, "1".repeat(ID + 1))).is_err());
        let audit = |outcome: &str| {
            let json = format!(r#"{{"query":"","outcome":{outcome},"contract":null,"offset":0,"limit":1}}"#);
            serde_json::from_str::<AuditRequest>(&json)
        };
        assert_eq!(audit(r#""approved""#).unwrap().outcome.as_deref(), Some("approved"));
        assert_eq!(audit("null").unwrap().outcome, None);
        assert!(audit(&format!(r#""{}""#, "a".repeat(ID + 1))).is_err());
    }

    #[test]
    fn a_request_never_prints_what_was_typed() {
        let request = UnlockRequest { pin: "271828".to_owned() };
        assert_eq!(format!("{request:?}"), "UnlockRequest");
    }

    #[test]
    fn a_decision_with_an_endless_text_is_out_of_bounds() {
        let mut request = DecideRequest {
            review_id: "r".to_owned(),
            view_digest: "d".to_owned(),
            decision: DecisionKind::Reject,
            reason: ReasonInput { code: "other".to_owned(), text: "not ours".to_owned() },
            escalation: None,
            confirmed: Vec::new(),
            pin: None,
        };
        assert!(is_within_bounds(&request));
        request.reason.text = "x".repeat(TEXT + 1);
        assert!(!is_within_bounds(&request));
    }
}
