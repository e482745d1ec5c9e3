//! The gateway over HTTP: bounded answers, time limits, sessions by challenge and response.
//!
//! Every answer is untrusted: what matters in it is signed and verified elsewhere. Redirects are not followed.

mod session;
mod stream;

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use reqwest::{Method, RequestBuilder, Response, StatusCode, Url};
use seamark_contracts::api::audit::{AuditPage, AuditRecord};
use seamark_contracts::api::device::{EnrolmentAnswer, EnrolmentRequest, Person};
use seamark_contracts::api::ledger::{ConsistencyProof, RecordedEntry, Trust};
use seamark_contracts::api::reveal::{CopiedAnswer, RevealAnswer, RevealRequest};
use seamark_contracts::api::review::{
    DecisionAnswer, DecisionRequest, PresentedAnswer, PresentedRequest, ReviewDocument, ReviewPage,
};
use seamark_contracts::clock::Clock;
use seamark_contracts::digest::Digest;
use seamark_contracts::problem::{ErrorCode, Problem};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use thiserror::Error;

use crate::keys::{Keyring, KeyringError};

pub use session::Device;
use session::Session;
pub use stream::{ReviewEvent, ReviewEvents, StreamEnd};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const CALL_TIMEOUT: Duration = Duration::from_secs(30);

/// Largest answer that holds one thing, in bytes.
const MAX_ONE: usize = 4 * 1024 * 1024;
/// Largest answer that holds a page of things.
const MAX_PAGE: usize = 64 * 1024 * 1024;

/// Why a call brought nothing.
#[derive(Debug, Error)]
pub enum CallError {
    /// No answer: no network, no such host, refused, timed out.
    #[error("reach the gateway")]
    Unreachable(#[source] reqwest::Error),
    /// An answer that is not of the agreed form.
    #[error("the gateway's answer to {what} is not of the agreed form")]
    Malformed { what: String },
    /// An answer beyond the limit; nothing of it was used.
    #[error("the gateway's answer to {what} is larger than {max} bytes")]
    TooLarge { what: String, max: usize },
    /// The gateway says what is wrong.
    #[error("the gateway refuses: {}", .0.title)]
    Problem(Box<Problem>),
    /// This device's key is not to be had.
    #[error("read the device key")]
    Keyring(#[from] KeyringError),
    /// The address cannot be one of a gateway.
    #[error("the address {0} is not one of a gateway")]
    Address(String),
}

impl CallError {
    /// The gateway's code, when it gave one.
    #[must_use]
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Problem(problem) => Some(problem.code),
            _ => None,
        }
    }

    /// Whether the same call may succeed later without anyone doing anything.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::Malformed { .. } | Self::Keyring(_) => true,
            Self::Problem(problem) => {
                matches!(problem.code, ErrorCode::Unavailable | ErrorCode::Internal)
                    || problem.status >= 500
                    || problem.status == 429
            }
            Self::TooLarge { .. } | Self::Address(_) => false,
        }
    }

    /// How long the gateway asks to wait.
    #[must_use]
    pub fn retry_after_ms(&self) -> Option<u64> {
        match self {
            Self::Problem(problem) => problem.retry_after_ms,
            _ => None,
        }
    }
}

/// Reads an address as people type it: `https` unless it is this computer, no path, no slash at the end.
///
/// # Errors
/// [`CallError::Address`]
pub fn parse_address(text: &str) -> Result<String, CallError> {
    let refused = || CallError::Address(text.to_owned());
    let text = text.trim();
    let with_scheme = if text.contains("://") { text.to_owned() } else { format!("https://{text}") };
    let url = Url::parse(&with_scheme).map_err(|_| refused())?;
    let is_loopback = is_loopback(&url);
    let is_allowed = url.scheme() == "https" || (url.scheme() == "http" && is_loopback);
    let is_bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
    if is_allowed && is_bare && url.host_str().is_some() {
        Ok(url.as_str().trim_end_matches('/').to_owned())
    } else {
        Err(refused())
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host_str() {
        Some("localhost") => true,
        Some(host) => host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback()),
        None => false,
    }
}

/// One gateway, and this device's session with it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    session: Arc<tokio::sync::Mutex<Option<Session>>>,
    device: Option<Arc<Device>>,
    keyring: Arc<dyn Keyring>,
    clock: Arc<dyn Clock>,
}

impl Client {
    /// A client for the gateway at `address`. Without a device only public calls succeed.
    ///
    /// # Errors
    /// [`CallError::Address`] and [`CallError::Unreachable`] when TLS cannot be set up on this computer.
    pub fn new(
        address: &str,
        device: Option<Device>,
        keyring: Arc<dyn Keyring>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, CallError> {
        let base = parse_address(address)?;
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("seamark-desk/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none());
        if Url::parse(&base).is_ok_and(|url| is_loopback(&url)) {
            builder = builder.no_proxy();
        }
        let http = builder.build().map_err(CallError::Unreachable)?;
        Ok(Self {
            http,
            base,
            session: Arc::new(tokio::sync::Mutex::new(None)),
            device: device.map(Arc::new),
            keyring,
            clock,
        })
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, self.url(path)).timeout(CALL_TIMEOUT)
    }

    fn query(&self, path: &str, parameters: &[(&str, String)]) -> Result<RequestBuilder, CallError> {
        let url =
            Url::parse_with_params(&self.url(path), parameters).map_err(|_| CallError::Address(self.base.clone()))?;
        Ok(self.http.request(Method::GET, url).timeout(CALL_TIMEOUT))
    }

    async fn public<T: DeserializeOwned>(&self, request: RequestBuilder, what: &str) -> Result<T, CallError> {
        let response = request.send().await.map_err(CallError::Unreachable)?;
        read_json(response, what, MAX_ONE).await
    }

    /// Sends with this device's session; opens a new one once when the gateway does not know it any more.
    async fn authorised(&self, request: RequestBuilder) -> Result<Response, CallError> {
        let again = request.try_clone();
        let token = self.token().await?;
        let response = request.bearer_auth(token.as_str()).send().await.map_err(CallError::Unreachable)?;
        match again {
            Some(again) if response.status() == StatusCode::UNAUTHORIZED => {
                self.forget_session(&token).await;
                let token = self.token().await?;
                again.bearer_auth(token.as_str()).send().await.map_err(CallError::Unreachable)
            }
            _ => Ok(response),
        }
    }

    async fn call<T: DeserializeOwned>(&self, request: RequestBuilder, what: &str, max: usize) -> Result<T, CallError> {
        read_json(self.authorised(request).await?, what, max).await
    }

    async fn send<B: Serialize, T: DeserializeOwned>(&self, path: &str, body: &B, what: &str) -> Result<T, CallError> {
        self.call(self.request(Method::POST, path).json(body), what, MAX_ONE).await
    }

    /// What there is to pin. Public.
    ///
    /// # Errors
    /// [`CallError`]
    pub async fn trust(&self) -> Result<Trust, CallError> {
        self.public(self.request(Method::GET, "/v1/trust"), "trust").await
    }

    /// The newest directory, a signed envelope. Public.
    ///
    /// # Errors
    /// [`CallError`]
    pub async fn directory(&self) -> Result<Value, CallError> {
        self.public(self.request(Method::GET, "/v1/directory"), "the directory").await
    }

    /// The directory with which the root `keyid` named the one after it. Public.
    ///
    /// # Errors
    /// [`CallError`]
    pub async fn handover(&self, keyid: &str) -> Result<Value, CallError> {
        self.public(self.request(Method::GET, &format!("/v1/directory/handovers/{keyid}")), "the handover").await
    }

    /// A contract's canonical bytes. Public; the caller compares the digest.
    ///
    /// # Errors
    /// [`CallError`]
    pub async fn contract(&self, name: &str, version: &str) -> Result<Vec<u8>, CallError> {
        let response = self
            .request(Method::GET, &format!("/v1/contracts/{name}/{version}"))
            .send()
            .await
            .map_err(CallError::Unreachable)?;
        read_success(response, "a contract", MAX_ONE).await
    }

    /// Makes this device known. Public; the code authorises it.
    ///
    /// # Errors
    /// [`CallError`]
    pub async fn enrol(&self, request: &EnrolmentRequest) -> Result<EnrolmentAnswer, CallError> {
        self.public(self.request(Method::POST, "/v1/enrolments").json(request), "the enrolment").await
    }

    /// The ledger's newest checkpoint, a signed note. Public.
    ///
    /// # Errors
    /// [`CallError`]
    pub async fn checkpoint(&self) -> Result<String, CallError> {
        let response =
            self.request(Method::GET, "/v1/ledger/checkpoint").send().await.map_err(CallError::Unreachable)?;
        let bytes = read_success(response, "the checkpoint", 64 * 1024).await?;
        String::from_utf8(bytes).map_err(|_| CallError::Malformed { what: "the checkpoint".to_owned() })
    }

    /// Proof that the ledger of size `from` is the beginning of the one of size `to`. Public.
    ///
    /// # Errors
    /// [`CallError`]
    pub async fn consistency(&self, from: u64, to: u64) -> Result<ConsistencyProof, CallError> {
        let path = format!("/v1/ledger/proofs/consistency?from={from}&to={to}");
        self.public(self.request(Method::GET, &path), "a consistency proof").await
    }

    /// Proof that entry `seq` is in the ledger of size `size`. Public.
    ///
    /// # Errors
    /// [`CallError`]
    pub async fn inclusion(&self, seq: u64, size: u64) -> Result<RecordedEntry, CallError> {
        let path = format!("/v1/ledger/proofs/inclusion?seq={seq}&size={size}");
        self.public(self.request(Method::GET, &path), "an inclusion proof").await
    }

    /// The person behind this device's session as the gateway knows them now.
    ///
    /// # Errors
    /// [`CallError`]
    pub async fn me(&self) -> Result<Person, CallError> {
        self.call(self.request(Method::GET, "/v1/me"), "the person of this session", MAX_ONE).await
    }

    /// A page of the reviews that this person may see.
    ///
    /// # Errors
    /// [`CallError`]
    pub async fn reviews(&self, after: Option<&str>, limit: u32) -> Result<ReviewPage, CallError> {
        let mut parameters = vec![("limit", limit.to_string())];
        parameters.extend(after.map(|after| ("after", after.to_owned())));
        self.call(self.query("/v1/reviews", &parameters)?, "the reviews", MAX_PAGE).await
    }

    /// One review as it stands now.
    ///
    /// # Errors
    /// [`CallError`]
    pub async fn review(&self, review_id: &str) -> Result<ReviewDocument, CallError> {
        // Short: the person waits in front of the screen, and without an answer the desk is offline.
        let request = self.request(Method::GET, &format!("/v1/reviews/{review_id}")).timeout(Duration::from_secs(6));
        self.call(request, "a review", MAX_ONE).await
    }

    /// Records that this view was on screen.
    ///
    /// # Errors
    /// [`CallError`]
    pub async fn presented(&self, review_id: &str, request: &PresentedRequest) -> Result<PresentedAnswer, CallError> {
        self.send(&format!("/v1/reviews/{review_id}/presented"), request, "a presented view").await
    }

    /// Hands in a signed decision. Safe to repeat (invariant B9).
    ///
    /// # Errors
    /// [`CallError`]
    pub async fn decide(&self, review_id: &str, request: &DecisionRequest) -> Result<DecisionAnswer, CallError> {
        self.send(&format!("/v1/reviews/{review_id}/decisions"), request, "a decision").await
    }

    /// Reads one masked field. The same request again is the same reveal.
    ///
    /// # Errors
    /// [`CallError`]
    pub async fn reveal(&self, review_id: &str, request: &RevealRequest) -> Result<RevealAnswer, CallError> {
        self.send(&format!("/v1/reviews/{review_id}/reveals"), request, "a revealed field").await
    }

    /// Records that a revealed value is put on the clipboard. Safe to repeat.
    ///
    /// # Errors
    /// [`CallError`]
    pub async fn copied(&self, review_id: &str, reveal_id: &str) -> Result<CopiedAnswer, CallError> {
        let path = format!("/v1/reviews/{review_id}/reveals/{reveal_id}/copied");
        self.call(self.request(Method::POST, &path), "a copied field", MAX_ONE).await
    }

    /// An artifact as it is stored: 16 random bytes and the file; the caller compares the digest over both.
    ///
    /// # Errors
    /// [`CallError`]
    pub async fn artifact(&self, review_id: &str, digest: Digest) -> Result<Vec<u8>, CallError> {
        let request = self.request(Method::GET, &format!("/v1/reviews/{review_id}/artifacts/{digest}"));
        read_success(self.authorised(request).await?, "an artifact", MAX_PAGE).await
    }

    /// A page of concluded reviews, newest first.
    ///
    /// # Errors
    /// [`CallError`]
    pub async fn audit_page(&self, parameters: &[(&str, String)]) -> Result<AuditPage, CallError> {
        self.call(self.query("/v1/audit/reviews", parameters)?, "the past reviews", MAX_PAGE).await
    }

    /// Everything recorded about one review.
    ///
    /// # Errors
    /// [`CallError`]
    pub async fn audit_record(&self, review_id: &str) -> Result<AuditRecord, CallError> {
        self.call(self.request(Method::GET, &format!("/v1/audit/reviews/{review_id}")), "a record", MAX_PAGE).await
    }
}

async fn read_bounded(response: Response, what: &str, max: usize) -> Result<Vec<u8>, CallError> {
    let mut body = Vec::new();
    let mut chunks = response.bytes_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(CallError::Unreachable)?;
        if body.len() + chunk.len() > max {
            return Err(CallError::TooLarge { what: what.to_owned(), max });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// The body of a successful answer; the problem of any other.
async fn read_success(response: Response, what: &str, max: usize) -> Result<Vec<u8>, CallError> {
    let status = response.status();
    if status.is_success() {
        return read_bounded(response, what, max).await;
    }
    let retry_after_ms = response
        .headers()
        .get(reqwest::header::RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.parse::<u64>().ok())
        .map(|seconds| seconds.saturating_mul(1000));
    let body = read_bounded(response, what, MAX_ONE).await?;
    match serde_json::from_slice::<Problem>(&body) {
        Ok(problem) => Err(CallError::Problem(Box::new(problem))),
        // Something in between answered (a proxy, a gateway that starts): its status is all there is.
        Err(_) if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => {
            Err(CallError::Problem(Box::new(Problem {
                kind: "about:blank".to_owned(),
                code: ErrorCode::Unavailable,
                title: "The gateway is not available".to_owned(),
                status: status.as_u16(),
                detail: format!("Something on the way to the gateway answered with status {status}. Trying again."),
                violations: Vec::new(),
                request_id: String::new(),
                retry_after_ms,
                stored_digest: None,
            })))
        }
        Err(_) => Err(CallError::Malformed { what: what.to_owned() }),
    }
}

async fn read_json<T: DeserializeOwned>(response: Response, what: &str, max: usize) -> Result<T, CallError> {
    let body = read_success(response, what, max).await?;
    serde_json::from_slice(&body).map_err(|_| CallError::Malformed { what: what.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_https_unless_it_is_this_computer() {
        for (text, address) in [
            ("gate.example.com", "https://gate.example.com"),
            (" https://gate.example.com/ ", "https://gate.example.com"),
            ("http://127.0.0.1:4120", "http://127.0.0.1:4120"),
            ("http://localhost:4120/", "http://localhost:4120"),
            ("http://[::1]:4120", "http://[::1]:4120"),
        ] {
            assert_eq!(parse_address(text).unwrap(), address, "{text}");
        }
        for bad in ["http://gate.example.com", "ftp://x", "https://a/b", "https://u@a", "", "https://", "file:///etc"] {
            assert!(parse_address(bad).is_err(), "{bad}");
        }
    }
}
