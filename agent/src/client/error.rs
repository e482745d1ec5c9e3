//! What can go wrong between an agent and its gateway.

use seamark_contracts::problem::{ErrorCode, Problem};
use seamark_contracts::strict_json::TypedJsonError;
use thiserror::Error;

/// Why a request has no usable answer.
#[derive(Debug, Error)]
pub enum ClientError {
    /// The address is no address, or would send the key in clear over a network.
    #[error("use the gateway address {address:?}: {reason}")]
    Address { address: String, reason: &'static str },
    /// The TLS library or the key's text cannot be used.
    #[error("set up the connection: {reason}")]
    Setup { reason: String },
    /// A request could not be written as JSON.
    #[error("write the request as JSON")]
    Request(#[source] serde_json::Error),
    /// No answer came, after all retries. The request may or may not have arrived.
    #[error("reach the gateway at {gateway}; is it running, and is the address right")]
    Unreachable {
        gateway: String,
        #[source]
        source: reqwest::Error,
    },
    /// The gateway answered with a problem: it understood, and says no.
    #[error("{}", describe(.0))]
    Problem(Box<Problem>),
    /// The answer is larger than any the gateway gives.
    #[error("read an answer of more than {max_bytes} bytes; is this a Seamark gateway")]
    AnswerTooLarge { max_bytes: usize },
    /// The answer is not what the interface promises.
    #[error("understand the answer (HTTP status {status}); is this a Seamark gateway of the same version")]
    Answer {
        status: u16,
        #[source]
        source: TypedJsonError,
    },
    /// A status without a problem in its body, for example from a proxy in between.
    #[error("understand HTTP status {status}, which came without an explanation; is there a proxy in between")]
    Status { status: u16 },
}

impl ClientError {
    /// The problem's code, when the gateway gave one.
    #[must_use]
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Problem(problem) => Some(problem.code),
            _ => None,
        }
    }

    /// The gateway said that what was submitted is wrong, so that sending it again will not help.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        matches!(
            self.code(),
            Some(
                ErrorCode::MalformedJson
                    | ErrorCode::TooLarge
                    | ErrorCode::InvalidHandoff
                    | ErrorCode::UnknownContract
                    | ErrorCode::HandoffIdReused
                    | ErrorCode::InvalidRequest
            )
        )
    }
}

fn describe(problem: &Problem) -> String {
    let mut text = format!("{}: {}", problem.title, problem.detail);
    for violation in &problem.violations {
        let place = if violation.pointer.is_empty() { "(whole)" } else { &violation.pointer };
        text.push_str(&format!("\n  {place}: {} [{}]", violation.message, violation.rule));
    }
    text.push_str(&format!(" (request {})", problem.request_id));
    text
}
