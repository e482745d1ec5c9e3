//! Why an action of the desk did not happen, for two audiences: words for the person, the cause for the log.

use std::error::Error;
use std::fmt;

use serde::{Deserialize, Serialize};

/// What the page switches on. A code exists only if the page acts on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename = "AppErrorCode", rename_all = "kebab-case")]
pub enum RefusalCode {
    PinWrong,
    PinNeeded,
    PinLockedOut,
    PinWeak,
    KeyringLocked,
    KeyringMissing,
    Offline,
    GatewayRefused,
    InvitationInvalid,
    AddressUnreachable,
    FingerprintMismatch,
    ViewChanged,
    Expired,
    Withdrawn,
    Superseded,
    AlreadyDecided,
    NotCandidate,
    EvidenceMissing,
    ConfirmMismatch,
    ReasonMissing,
    CannotVerify,
    /// The person may not read this masked field.
    NotAllowed,
    RateLimited,
    /// The gateway gave a value that is not the signed one.
    RevealMismatch,
    LedgerBroken,
    NotFound,
    StorageFailed,
    AlreadySetUp,
    Internal,
}

/// A refused action.
///
/// There is no `Display`: the message is for the person, the cause is for the log, and the two never mix.
pub struct Refusal {
    /// What the page switches on.
    pub code: RefusalCode,
    /// What happened, what it means, what to do.
    pub message: String,
    /// The input that it is about.
    pub field: Option<String>,
    /// Names the answer in the gateway's log.
    pub request_id: Option<String>,
    cause: Option<Box<dyn Error + Send + Sync>>,
}

impl Refusal {
    /// A refusal that is nobody's fault and has no cause beyond its words.
    #[must_use]
    pub fn new(code: RefusalCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), field: None, request_id: None, cause: None }
    }

    /// With the input that it is about.
    #[must_use]
    pub fn at(mut self, field: &str) -> Self {
        self.field = Some(field.to_owned());
        self
    }

    /// With the request id of the gateway's answer.
    #[must_use]
    pub fn with_request(mut self, request_id: &str) -> Self {
        self.request_id = Some(request_id.to_owned()).filter(|id| !id.is_empty());
        self
    }

    /// With what caused it.
    #[must_use]
    pub fn because(mut self, cause: impl Error + Send + Sync + 'static) -> Self {
        self.cause = Some(Box::new(cause));
        self
    }

    /// The chain of causes, for the log.
    #[must_use]
    pub fn causes(&self) -> Vec<String> {
        let mut causes = Vec::new();
        let mut next: Option<&dyn Error> = self.cause.as_ref().map(|cause| -> &dyn Error { cause.as_ref() });
        while let Some(cause) = next {
            causes.push(cause.to_string());
            next = cause.source();
        }
        causes
    }
}

impl fmt::Debug for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refusal").field("code", &self.code).field("causes", &self.causes()).finish_non_exhaustive()
    }
}
