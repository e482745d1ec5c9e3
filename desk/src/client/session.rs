//! Sessions: the device proves that it holds its key; the gateway gives a short-lived token.

use base64ct::{Base64UrlUnpadded, Encoding as _};
use reqwest::Method;
use seamark_contracts::api::device::{ChallengeAnswer, ChallengeRequest, SessionAnswer, SessionRequest};
use seamark_contracts::clock::Timestamp;
use seamark_contracts::problem::{ErrorCode, Problem};
use seamark_ledger::key::{Signer as _, SigningKey};
use zeroize::Zeroizing;

use super::{CallError, Client};
use crate::keys::{KeyringError, Seed, device_entry};

/// Ends a session on this side so long before the gateway does.
const MARGIN_MS: i64 = 30_000;

/// This device at one gateway.
#[derive(Clone, Debug)]
pub struct Device {
    /// Key id of the device key.
    pub keyid: String,
    /// Origin of the gateway's ledger, as pinned: the session is for no other gateway.
    pub origin: String,
}

/// An open session.
#[derive(Clone)]
pub(super) struct Session {
    token: Zeroizing<String>,
    expires_at: Timestamp,
    /// What the gateway said when it opened.
    answer: OpenedSession,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Session(until {})", self.expires_at)
    }
}

/// What the gateway says about a new session.
#[derive(Clone, Debug)]
pub struct OpenedSession {
    pub person: seamark_contracts::api::device::Person,
    /// Gateway time minus this computer's time, in milliseconds.
    pub skew_ms: i64,
}

impl Client {
    /// Makes sure that there is a session and says what is known from opening it.
    ///
    /// # Errors
    /// [`CallError`]
    pub async fn open_session(&self) -> Result<OpenedSession, CallError> {
        let session = self.current_session().await?;
        Ok(session.answer)
    }

    pub(super) async fn token(&self) -> Result<Zeroizing<String>, CallError> {
        Ok(self.current_session().await?.token)
    }

    pub(super) async fn forget_session(&self, token: &str) {
        let mut kept = self.session.lock().await;
        // Another call may have renewed it meanwhile.
        if kept.as_ref().is_some_and(|session| session.token.as_str() == token) {
            *kept = None;
        }
    }

    async fn current_session(&self) -> Result<Session, CallError> {
        let mut kept = self.session.lock().await;
        if let Some(session) = kept.as_ref().filter(|session| session.expires_at > self.clock.now()) {
            return Ok(session.clone());
        }
        let session = self.new_session().await?;
        *kept = Some(session.clone());
        Ok(session)
    }

    async fn new_session(&self) -> Result<Session, CallError> {
        let Some(device) = self.device.clone() else {
            return Err(CallError::Problem(Box::new(not_enrolled())));
        };
        let key = self.device_key(&device.keyid).await?;
        let request = ChallengeRequest { keyid: device.keyid.clone() };
        let challenge: ChallengeAnswer =
            self.public(self.request(Method::POST, "/v1/sessions/challenges").json(&request), "a challenge").await?;
        let text = format!("seamark-session/v1\n{}\n{}", device.origin, challenge.challenge);
        let proof = key.sign(text.as_bytes()).map_err(|_| KeyringError::Malformed)?;
        let request = SessionRequest {
            keyid: device.keyid.clone(),
            challenge: challenge.challenge,
            proof: Base64UrlUnpadded::encode_string(proof.as_bytes()),
        };
        let answer: SessionAnswer =
            self.public(self.request(Method::POST, "/v1/sessions").json(&request), "a session").await?;
        let now = self.clock.now();
        // Measured at arrival: never ahead of the gateway, so that what is signed is never from its future.
        let skew_ms = answer.now.as_ms() - now.as_ms();
        Ok(Session {
            token: Zeroizing::new(answer.token),
            expires_at: answer.expires_at.plus_ms(-skew_ms - MARGIN_MS),
            answer: OpenedSession { person: answer.person, skew_ms },
        })
    }

    async fn device_key(&self, keyid: &str) -> Result<SigningKey, CallError> {
        let keyring = self.keyring.clone();
        let entry = device_entry(keyid);
        // The keyring may wait for the person to unlock it: not on a thread that others need.
        let secret = tokio::task::spawn_blocking(move || keyring.read(&entry))
            .await
            .map_err(|_| KeyringError::Locked(None))??;
        let seed = Seed::from_bytes(&secret).ok_or(KeyringError::Malformed)?;
        let key = SigningKey::from_seed(seed.expose());
        if key.public_key().id().to_string() == keyid { Ok(key) } else { Err(KeyringError::Malformed.into()) }
    }
}

fn not_enrolled() -> Problem {
    Problem {
        kind: "https://seamark.dev/problems/unauthenticated".to_owned(),
        code: ErrorCode::Unauthenticated,
        title: "This device is not enrolled".to_owned(),
        status: 401,
        detail: "Enrol this device at a gateway first.".to_owned(),
        violations: Vec::new(),
        request_id: String::new(),
        retry_after_ms: None,
        stored_digest: None,
    }
}
