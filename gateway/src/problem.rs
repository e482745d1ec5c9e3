//! Errors with two audiences: an RFC 9457 problem for the caller, the cause for the operator's log.
//!
//! A [`Failure`] has no `Display`, so the private half cannot slip into an answer. The outermost layer gives it the
//! request id under which the log has the cause.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use seamark_contracts::problem::{ErrorCode, Problem, Violation};
use seamark_contracts::strict_json::TypedJsonError;

use crate::db::StorageError;
use crate::sequencer::RecordError;

/// A refused or failed request.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    problem: Box<Problem>,
    cause: Option<Arc<dyn Error + Send + Sync>>,
}

/// The code as the wire spells it, as in `handoff-id-reused`.
pub(crate) fn code_text(code: ErrorCode) -> String {
    serde_json::to_value(code).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

/// What happened in a few words; the same for every problem of a code.
pub(crate) fn title(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::MalformedJson => "The body is not JSON as Seamark reads it",
        ErrorCode::TooLarge => "The body is too large",
        ErrorCode::InvalidHandoff => "The handoff breaks its contract",
        ErrorCode::UnknownContract => "This contract version is not published here",
        ErrorCode::HandoffIdReused => "The handoff id belongs to another handoff",
        ErrorCode::Unauthenticated => "Credentials are missing or not valid",
        ErrorCode::AccessEnded => "This access has ended",
        ErrorCode::Forbidden => "These credentials do not allow this",
        ErrorCode::NotFound => "Not found",
        ErrorCode::InvalidRequest => "A parameter or field is wrong",
        ErrorCode::InvitationInvalid => "The invitation cannot be used",
        ErrorCode::AlreadyDecided => "The review has its outcome",
        ErrorCode::Expired => "The deadline has passed",
        ErrorCode::Withdrawn => "The handoff was withdrawn",
        ErrorCode::Superseded => "The handoff was replaced",
        ErrorCode::DecisionInvalid => "The signed statement is not as it has to be",
        ErrorCode::NotCandidate => "This person may not decide this review",
        ErrorCode::EnrolmentPending => "The organisation has not signed this yet",
        ErrorCode::DirectoryStale => "Another directory is proposed now",
        ErrorCode::AttemptConsumed => "The attempt has been used",
        ErrorCode::OutcomeExists => "There is an outcome already",
        ErrorCode::Unavailable => "The gateway is busy",
        ErrorCode::Internal => "The gateway failed",
    }
}

impl Failure {
    /// A problem. `detail` says what it means and what to do next.
    pub(crate) fn new(status: StatusCode, code: ErrorCode, detail: impl Into<String>) -> Self {
        let problem = Problem {
            kind: format!("https://seamark.dev/problems/{}", code_text(code)),
            code,
            title: title(code).to_owned(),
            status: status.as_u16(),
            detail: detail.into(),
            violations: Vec::new(),
            request_id: String::new(),
            retry_after_ms: None,
            stored_digest: None,
        };
        Self { problem: Box::new(problem), cause: None }
    }

    /// With every violated rule.
    pub(crate) fn with_violations(mut self, violations: Vec<Violation>) -> Self {
        self.problem.violations = violations;
        self
    }

    /// With the keyed digest of what holds the id.
    pub(crate) fn with_stored_digest(mut self, digest: String) -> Self {
        self.problem.stored_digest = Some(digest);
        self
    }

    /// With the cause, for the log only.
    pub(crate) fn because(mut self, cause: impl Error + Send + Sync + 'static) -> Self {
        self.cause = Some(Arc::new(cause));
        self
    }

    /// Try again later.
    pub(crate) fn unavailable(status: StatusCode, wait: Duration, detail: impl Into<String>) -> Self {
        let mut failure = Self::new(status, ErrorCode::Unavailable, detail);
        failure.problem.retry_after_ms = Some(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
        failure
    }

    /// A fault of the gateway.
    pub(crate) fn internal(cause: impl Error + Send + Sync + 'static) -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            ErrorCode::Internal,
            "Nothing is known to have changed. Send the same request again; if it fails again, give the request id to the operator.",
        )
        .because(cause)
    }

    /// Absent, or not for these credentials: the two look alike (invariant F2).
    pub(crate) fn not_found(what: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            ErrorCode::NotFound,
            format!("There is no {what} that these credentials may see. Check the id."),
        )
    }

    /// No usable credentials.
    pub(crate) fn unauthenticated(detail: &str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, ErrorCode::Unauthenticated, detail)
    }

    /// Credentials that do not allow it.
    pub(crate) fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, ErrorCode::Forbidden, detail)
    }

    fn directory_full() -> Self {
        Self::forbidden(
            "The gateway's directory of persons, agents and keys is as large as verifiers read, so nothing can be added to it. Nothing was \
             changed. Tell the operator of the gateway.",
        )
    }

    /// One wrong parameter or field.
    pub(crate) fn invalid(pointer: &str, message: impl Into<String>) -> Self {
        let message = message.into();
        let violation = Violation { pointer: pointer.to_owned(), rule: "field".to_owned(), message: message.clone() };
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, ErrorCode::InvalidRequest, message).with_violations(vec![violation])
    }

    /// What is sent, without a request id.
    pub(crate) fn problem(&self) -> &Problem {
        &self.problem
    }

    /// The answer, under a request id; the log gets the cause.
    pub(crate) fn answer(mut self, request_id: &str) -> Response {
        self.problem.request_id = request_id.to_owned();
        let code = code_text(self.problem.code);
        match &self.cause {
            Some(cause) if self.problem.status >= 500 => {
                tracing::error!(
                    request_id,
                    code,
                    status = self.problem.status,
                    cause = chain(cause.as_ref()),
                    "request failed"
                );
            }
            Some(cause) => {
                tracing::info!(
                    request_id,
                    code,
                    status = self.problem.status,
                    cause = chain(cause.as_ref()),
                    "request refused"
                );
            }
            None => tracing::info!(request_id, code, status = self.problem.status, "request refused"),
        }
        let body = serde_json::to_vec(&self.problem).unwrap_or_default();
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = StatusCode::from_u16(self.problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(wait_ms) = self.problem.retry_after_ms {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(wait_ms.div_ceil(1000)));
        }
        response
    }
}

/// Carries the failure to the outermost layer, which knows the request id.
impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::from_u16(self.problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        response.extensions_mut().insert(self);
        response
    }
}

/// An error with its sources, for the log.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text.push_str(": ");
        text.push_str(&source.to_string());
        next = source.source();
    }
    text
}

/// Each fault of storage is one of the gateway; a busy database is worth another try.
impl From<StorageError> for Failure {
    fn from(error: StorageError) -> Self {
        if error.is_busy() {
            let detail = "The database is busy with others. Nothing was changed; send the same request again.";
            return Self::unavailable(StatusCode::SERVICE_UNAVAILABLE, Duration::from_secs(1), detail).because(error);
        }
        if matches!(error, StorageError::DirectoryFull) {
            return Self::directory_full().because(error);
        }
        Self::internal(error)
    }
}

/// Why the writer did not write.
impl From<RecordError> for Failure {
    fn from(error: RecordError) -> Self {
        match &error {
            RecordError::Busy => {
                let detail =
                    "More changes wait than can be written now. Nothing was changed; send the same request again.";
                Self::unavailable(StatusCode::SERVICE_UNAVAILABLE, Duration::from_secs(1), detail).because(error)
            }
            RecordError::Stopped => {
                let detail = "The gateway is stopping. Send the same request again when it is back.";
                Self::unavailable(StatusCode::SERVICE_UNAVAILABLE, Duration::from_secs(5), detail).because(error)
            }
            RecordError::Storage(storage) if storage.is_busy() => {
                let detail = "The database is busy with others. Nothing was changed; send the same request again.";
                Self::unavailable(StatusCode::SERVICE_UNAVAILABLE, Duration::from_secs(1), detail).because(error)
            }
            RecordError::Storage(storage) if matches!(**storage, StorageError::DirectoryFull) => {
                Self::directory_full().because(error)
            }
            RecordError::Storage(_) => Self::internal(error),
        }
    }
}

/// A body that is no document of the expected shape.
pub(crate) fn malformed(error: TypedJsonError) -> Failure {
    let pointer = error.pointer().map(|pointer| pointer.as_str().to_owned()).unwrap_or_default();
    match error {
        TypedJsonError::Gate(gate) => {
            let message = gate.to_string();
            let violation = Violation { pointer, rule: "json".to_owned(), message: message.clone() };
            let detail = format!(
                "The body cannot be read without doubt: {message}. Send JSON in UTF-8 as docs/FORMATS.md, section 2, describes it."
            );
            Failure::new(StatusCode::BAD_REQUEST, ErrorCode::MalformedJson, detail).with_violations(vec![violation])
        }
        TypedJsonError::Shape { source, .. } => {
            let violation = Violation { pointer, rule: "schema".to_owned(), message: source.to_string() };
            let detail = "A field is missing, unknown or of another type; the violation names it.";
            Failure::new(StatusCode::UNPROCESSABLE_ENTITY, ErrorCode::InvalidRequest, detail)
                .with_violations(vec![violation])
        }
    }
}
