//! What a command answers when it does not do what it was asked to.

use seamark_desk::refusal::Refusal;
/// What the page switches on; each of the desk's codes is one that the page acts on.
pub(crate) use seamark_desk::refusal::RefusalCode as AppErrorCode;
use serde::Serialize;
use specta::Type;

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
        Self { code: refusal.code, message: refusal.message, request_id: refusal.request_id, field: refusal.field }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_gets_words_and_never_causes() {
        let cause = std::io::Error::other("a folder of somebody");
        let refusal =
            Refusal::new(AppErrorCode::StorageFailed, "The disk is full.").at("pin").with_request("r1").because(cause);
        let json = serde_json::to_value(AppError::from(refusal)).unwrap();
        let expected = serde_json::json!({
            "code": "storage-failed", "message": "The disk is full.", "requestId": "r1", "field": "pin"
        });
        assert_eq!(json, expected);
    }
}
