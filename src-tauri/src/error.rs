//! What a command answers when it does not do what it was asked to.

use seamark_desk::refusal::{Refusal, RefusalCode};
use serde::Serialize;
use specta::Type;

/// What the page switches on. A code exists only if the page acts on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Type)]
#[serde(rename_all = "kebab-case")]
pub enum AppErrorCode {
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
    LedgerBroken,
    NotFound,
    StorageFailed,
    AlreadySetUp,
    Internal,
}

impl From<RefusalCode> for AppErrorCode {
    fn from(code: RefusalCode) -> Self {
        match code {
            RefusalCode::PinWrong => Self::PinWrong,
            RefusalCode::PinNeeded => Self::PinNeeded,
            RefusalCode::PinLockedOut => Self::PinLockedOut,
            RefusalCode::PinWeak => Self::PinWeak,
            RefusalCode::KeyringLocked => Self::KeyringLocked,
            RefusalCode::KeyringMissing => Self::KeyringMissing,
            RefusalCode::Offline => Self::Offline,
            RefusalCode::GatewayRefused => Self::GatewayRefused,
            RefusalCode::InvitationInvalid => Self::InvitationInvalid,
            RefusalCode::AddressUnreachable => Self::AddressUnreachable,
            RefusalCode::FingerprintMismatch => Self::FingerprintMismatch,
            RefusalCode::ViewChanged => Self::ViewChanged,
            RefusalCode::Expired => Self::Expired,
            RefusalCode::Withdrawn => Self::Withdrawn,
            RefusalCode::Superseded => Self::Superseded,
            RefusalCode::AlreadyDecided => Self::AlreadyDecided,
            RefusalCode::NotCandidate => Self::NotCandidate,
            RefusalCode::EvidenceMissing => Self::EvidenceMissing,
            RefusalCode::ConfirmMismatch => Self::ConfirmMismatch,
            RefusalCode::ReasonMissing => Self::ReasonMissing,
            RefusalCode::CannotVerify => Self::CannotVerify,
            RefusalCode::LedgerBroken => Self::LedgerBroken,
            RefusalCode::NotFound => Self::NotFound,
            RefusalCode::StorageFailed => Self::StorageFailed,
            RefusalCode::AlreadySetUp => Self::AlreadySetUp,
            RefusalCode::Internal => Self::Internal,
        }
    }
}

/// A refused action, as the page hears of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct AppError {
    pub code: AppErrorCode,
    /// For the person: what happened, what it means, what to do.
    pub message: String,
    /// Names the gateway's answer, for whoever reads its log.
    pub request_id: Option<String>,
    /// The input that it is about, as the page names it.
    pub field: Option<String>,
}

impl AppError {
    pub(crate) fn new(code: AppErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), request_id: None, field: None }
    }

    /// With the input that it is about.
    pub(crate) fn at(mut self, field: &str) -> Self {
        self.field = Some(field.to_owned());
        self
    }
}

impl From<Refusal> for AppError {
    /// The causes stop here: they are for the log, the page gets the words.
    fn from(refusal: Refusal) -> Self {
        let causes = refusal.causes();
        if !causes.is_empty() {
            tracing::warn!(code = ?refusal.code, request_id = refusal.request_id, cause = causes.join(": "), "refused");
        }
        Self {
            code: refusal.code.into(),
            message: refusal.message,
            request_id: refusal.request_id,
            field: refusal.field,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_gets_words_and_never_causes() {
        let cause = std::io::Error::other("/home/someone/secret");
        let refusal =
            Refusal::new(RefusalCode::StorageFailed, "The disk is full.").at("pin").with_request("r1").because(cause);
        let json = serde_json::to_value(AppError::from(refusal)).unwrap();
        let expected = serde_json::json!({
            "code": "storage-failed", "message": "The disk is full.", "requestId": "r1", "field": "pin"
        });
        assert_eq!(json, expected);
    }

    #[test]
    fn both_sides_spell_a_code_alike() {
        let codes =
            [RefusalCode::PinLockedOut, RefusalCode::KeyringMissing, RefusalCode::AlreadySetUp, RefusalCode::Internal];
        for code in codes {
            let ours = serde_json::to_value(AppErrorCode::from(code)).unwrap();
            assert_eq!(ours, serde_json::to_value(code).unwrap());
        }
    }
}
