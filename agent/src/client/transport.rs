//! One request, its retries and its bounded answer.

use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Method, StatusCode, Url};
use seamark_contracts::problem::{ErrorCode, Problem};
use seamark_contracts::strict_json::{self, Limits};

use super::{AgentKey, ClientError};

/// Largest answer that is read. A delivery holds one statement, its disclosures, decisions, views and proofs.
pub(super) const MAX_ANSWER_BYTES: usize = 8 * 1024 * 1024;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long an answer may take beyond the time that the gateway was asked to wait.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// Pauses before the second and later tries; after the last one the error is the caller's.
const PAUSES_MS: [u64; 4] = [100, 300, 1_000, 2_000];
/// The longest pause that a gateway may ask for.
const MAX_PAUSE_MS: u64 = 10_000;

/// Whether a request may be sent again when its answer is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Repeat {
    Safe,
    Never,
}

/// A successful answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub status: StatusCode,
    pub bytes: Vec<u8>,
}

#[derive(Clone, Debug)]
pub(super) struct Transport {
    http: reqwest::Client,
    base: Url,
    authorization: Option<HeaderValue>,
}

impl Transport {
    /// What the requests carry; none for what needs no credentials.
    pub(super) fn credentials(&self) -> Option<&[u8]> {
        self.authorization.as_ref().map(HeaderValue::as_bytes)
    }

    pub(super) fn new(gateway: &str, key: Option<AgentKey>) -> Result<Self, ClientError> {
        let base = parse_address(gateway)?;
        let mut builder = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            // A redirect would carry the key to an address that nobody named.
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("seamark-agent/", env!("CARGO_PKG_VERSION")));
        if is_loopback(&base) {
            builder = builder.no_proxy();
        }
        let http = builder.build().map_err(|error| ClientError::Setup { reason: error.to_string() })?;
        let authorization = key.map(|key| authorization(&key)).transpose()?;
        Ok(Self { http, base, authorization })
    }

    pub(super) fn base(&self) -> &Url {
        &self.base
    }

    pub(super) async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&[u8]>,
        repeat: Repeat,
    ) -> Result<Answer, ClientError> {
        self.send_patiently(method, path, body, repeat, Duration::ZERO).await
    }

    /// As `send`, where the gateway may hold the request for `patience` before it answers.
    pub(super) async fn send_patiently(
        &self,
        method: Method,
        path: &str,
        body: Option<&[u8]>,
        repeat: Repeat,
        patience: Duration,
    ) -> Result<Answer, ClientError> {
        let mut n_tries = 0;
        loop {
            let error = match self.send_once(&method, path, body, patience).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            n_tries += 1;
            let Some(pause) = pause_after(n_tries, &error, repeat) else { return Err(error) };
            tracing::debug!(path, ?pause, "no usable answer yet, trying again");
            tokio::time::sleep(pause).await;
        }
    }

    async fn send_once(
        &self,
        method: &Method,
        path: &str,
        body: Option<&[u8]>,
        patience: Duration,
    ) -> Result<Answer, ClientError> {
        let url = self.base.join(path).map_err(|_| ClientError::Address {
            address: path.to_owned(),
            reason: "the path cannot be joined to it",
        })?;
        let mut request = self.http.request(method.clone(), url).timeout(patience + ANSWER_TIMEOUT);
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization.clone());
        }
        if let Some(body) = body {
            request = request.header(CONTENT_TYPE, "application/json").body(body.to_vec());
        }
        let mut response = request.send().await.map_err(|error| self.unreachable(error))?;
        let status = response.status();
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.unreachable(error))? {
            if bytes.len() + chunk.len() > MAX_ANSWER_BYTES {
                return Err(ClientError::AnswerTooLarge { max_bytes: MAX_ANSWER_BYTES });
            }
            bytes.extend_from_slice(&chunk);
        }
        if status.is_success() {
            return Ok(Answer { status, bytes });
        }
        match strict_json::parse_typed::<Problem>(&bytes, &Limits::SIGNED) {
            Ok(problem) => Err(ClientError::Problem(Box::new(problem))),
            Err(_) => Err(ClientError::Status { status: status.as_u16() }),
        }
    }

    fn unreachable(&self, error: reqwest::Error) -> ClientError {
        ClientError::Unreachable {
            gateway: self.base.as_str().trim_end_matches('/').to_owned(),
            source: error.without_url(),
        }
    }
}

/// How long to wait after this many tries before the next one; `None` when there is none. At most five tries, and at most
/// ten seconds between two.
fn pause_after(n_tries: usize, error: &ClientError, repeat: Repeat) -> Option<Duration> {
    let pause_ms = PAUSES_MS.get(n_tries.checked_sub(1)?).copied().filter(|_| may_repeat(error, repeat))?;
    Some(Duration::from_millis(asked_pause_ms(error).unwrap_or(pause_ms)))
}

/// An answer that says "not now" changed nothing, so it may be repeated always; a lost answer only when repeating is safe.
fn may_repeat(error: &ClientError, repeat: Repeat) -> bool {
    match error {
        ClientError::Problem(problem) => match problem.code {
            ErrorCode::Unavailable => true,
            ErrorCode::Internal => repeat == Repeat::Safe,
            _ => false,
        },
        ClientError::Unreachable { source, .. } => repeat == Repeat::Safe || source.is_connect(),
        ClientError::Status { status } => repeat == Repeat::Safe && matches!(status, 429 | 502 | 503 | 504),
        _ => false,
    }
}

fn asked_pause_ms(error: &ClientError) -> Option<u64> {
    match error {
        ClientError::Problem(problem) => problem.retry_after_ms.map(|pause| pause.min(MAX_PAUSE_MS)),
        _ => None,
    }
}

fn authorization(key: &AgentKey) -> Result<HeaderValue, ClientError> {
    let mut value = HeaderValue::from_str(&format!("Bearer {}", key.expose())).map_err(|_| ClientError::Setup {
        reason: "the agent key holds characters that no key has; copy it again".to_owned(),
    })?;
    value.set_sensitive(true);
    Ok(value)
}

fn parse_address(address: &str) -> Result<Url, ClientError> {
    let refuse = |reason| ClientError::Address { address: address.to_owned(), reason };
    let mut url =
        Url::parse(address.trim()).map_err(|_| refuse("write it as http://127.0.0.1:PORT or https://HOST"))?;
    if url.host_str().is_none() || !matches!(url.scheme(), "http" | "https") {
        return Err(refuse("write it as http://127.0.0.1:PORT or https://HOST"));
    }
    if url.scheme() == "http" && !is_loopback(&url) {
        return Err(refuse("over a network the key would be readable on the way; use https"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refuse("it must not hold a user name or password; the key is given separately"));
    }
    if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
        return Err(refuse("leave out everything after host and port"));
    }
    url.set_path("/");
    Ok(url)
}

fn is_loopback(url: &Url) -> bool {
    match url.host_str() {
        Some("localhost") => true,
        Some(host) => {
            host.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_would_leak_the_key_is_refused() {
        for good in ["http://127.0.0.1:7600", "http://[::1]:7600/", "http://localhost:1", "https://gate.example.com"] {
            assert!(parse_address(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "127.0.0.1:7600",
            "ftp://127.0.0.1",
            "http://gate.example.com",
            "http://127.0.0.1.example.com",
            "https://user:secret@gate.example.com",
            "https://gate.example.com/v1",
            "https://gate.example.com/?a=b",
        ] {
            assert!(matches!(parse_address(bad), Err(ClientError::Address { .. })), "{bad}");
        }
    }

    #[test]
    fn an_attempt_is_never_repeated_after_an_unexplained_answer() {
        let status = ClientError::Status { status: 503 };
        assert!(may_repeat(&status, Repeat::Safe));
        assert!(!may_repeat(&status, Repeat::Never));
    }

    fn problem(code: ErrorCode, retry_after_ms: Option<u64>) -> ClientError {
        ClientError::Problem(Box::new(Problem {
            kind: "about:blank".to_owned(),
            code,
            title: String::new(),
            status: 500,
            detail: String::new(),
            violations: Vec::new(),
            request_id: "req_1".to_owned(),
            retry_after_ms,
            stored_digest: None,
        }))
    }

    /// Invariant G2: a gateway that fails is not asked for ever, and an attempt is used by one request only.
    #[test]
    fn a_gateway_that_keeps_failing_is_asked_five_times_with_growing_pauses() {
        let pauses = |error: &ClientError, repeat| -> Vec<u64> {
            (1..100).map_while(|n| pause_after(n, error, repeat)).map(|pause| pause.as_millis() as u64).collect()
        };
        let internal = problem(ErrorCode::Internal, None);
        assert_eq!(pauses(&internal, Repeat::Safe), PAUSES_MS);
        assert!(PAUSES_MS.is_sorted());
        assert!(pauses(&internal, Repeat::Never).is_empty());
        let busy = problem(ErrorCode::Unavailable, Some(3_600_000));
        assert_eq!(pauses(&busy, Repeat::Safe), [MAX_PAUSE_MS; 4], "however long it asks to wait");
        assert!(pauses(&problem(ErrorCode::InvalidHandoff, Some(1)), Repeat::Safe).is_empty());
        assert!(pauses(&ClientError::Status { status: 503 }, Repeat::Never).is_empty());
    }

    #[test]
    fn neither_key_nor_transport_print_the_secret() {
        let key = AgentKey::new(" smk_secret\n");
        assert_eq!(key.expose(), "smk_secret");
        let transport = Transport::new("http://127.0.0.1:1", Some(key.clone())).unwrap();
        for text in [format!("{key:?}"), format!("{transport:?}")] {
            assert!(!text.contains("smk_secret"), "{text}");
        }
    }
}
