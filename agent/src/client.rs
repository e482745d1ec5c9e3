//! HTTP client of the gateway for agents: one method per request, typed errors, careful retries.
//!
//! A request is repeated only when repeating it changes nothing: reads, a submission (the same bytes give the same answer
//! for ever, invariant A1), an acknowledgement, a result (the same signed bytes). It is tried five times at most. Using an
//! attempt is repeated only after an answer that says that nothing was changed: after a lost one nobody can tell whether it
//! was used, and the safe reading is that it was.

use std::time::Duration;

use reqwest::{Method, StatusCode, Url};
use seamark_contracts::api::agent::{
    ConsumeAnswer, ConsumeRequest, Delivery, EnrolledKey, ExecutionKeyRequest, HandoffAnswer, ResultAnswer,
    WithdrawRequest,
};
use seamark_contracts::api::directory::AcceptedDirectory;
use seamark_contracts::api::ledger::Trust;
use seamark_contracts::handoff::ContractId;
use seamark_contracts::id::HandoffId;
use seamark_contracts::strict_json::{self, Limits};
use serde::de::DeserializeOwned;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

mod error;
mod transport;

pub use error::ClientError;
use transport::{Answer, Repeat, Transport};

/// Longest time that the gateway holds a request for an outcome. Source: openapi.json, `wait_s`.
const MAX_WAIT: Duration = Duration::from_secs(60);

/// An agent's key, as `seamark agent-key create` prints it. Never printed by this crate.
#[derive(Clone)]
pub struct AgentKey(Zeroizing<String>);

impl AgentKey {
    /// Takes the key's text, without surrounding white space.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(Zeroizing::new(text.trim().to_owned()))
    }

    // EXPOSE: only into the Authorization header.
    fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for AgentKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AgentKey(hidden)")
    }
}

/// What came of a submission.
#[derive(Clone, Debug, PartialEq)]
pub struct Submitted {
    pub answer: HandoffAnswer,
    /// False when the gateway had these very bytes already.
    pub is_new: bool,
}

/// What came of waiting for an outcome.
#[derive(Clone, Debug, PartialEq)]
pub enum Waited {
    /// The outcome, or the handoff passed without a gate. Verify it before acting on it: see [`crate::check`].
    Final(Box<Delivery>),
    /// Still open when the waiting time was over.
    Open(Box<HandoffAnswer>),
}

/// A gateway and the key with which to speak to it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Client {
    transport: Transport,
}

impl Client {
    /// A client of the gateway at `gateway`, an `https` address, or `http` on this computer.
    ///
    /// `key` may be absent for what needs no credentials: trust, directory, contracts.
    ///
    /// # Errors
    /// [`ClientError::Address`] when the address cannot be used; [`ClientError::Setup`] when TLS cannot be set up.
    pub fn new(gateway: &str, key: Option<AgentKey>) -> Result<Self, ClientError> {
        Ok(Self { transport: Transport::new(gateway, key)? })
    }

    /// The gateway's address, without a path.
    #[must_use]
    pub fn gateway(&self) -> &Url {
        self.transport.base()
    }

    /// 32 bytes that follow from this client's credentials and these words, the same every time and unknown to whoever
    /// lacks the credentials. `None` without credentials.
    pub(crate) fn derive_seed(&self, words: &[&str]) -> Option<Zeroizing<[u8; 32]>> {
        let credentials = self.transport.credentials()?;
        let mut hash = Sha256::new();
        for part in words.iter().map(|word| word.as_bytes()).chain([credentials]) {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        Some(Zeroizing::new(hash.finalize().into()))
    }

    /// Submits a handoff: `POST /v1/handoffs`. `body` is the submission's JSON, sent byte for byte. Retried.
    ///
    /// # Errors
    /// [`ClientError::Problem`] with the gateway's reasons when it refuses; otherwise as the variants say.
    pub async fn submit(&self, body: &[u8]) -> Result<Submitted, ClientError> {
        let answer = self.transport.send(Method::POST, "/v1/handoffs", Some(body), Repeat::Safe).await?;
        let is_new = answer.status == StatusCode::CREATED;
        Ok(Submitted { answer: answer.read()?, is_new })
    }

    /// Where a handoff stands: `GET /v1/handoffs/{id}`. Retried.
    ///
    /// # Errors
    /// As [`Client::submit`].
    pub async fn handoff(&self, id: HandoffId) -> Result<HandoffAnswer, ClientError> {
        self.get(&format!("/v1/handoffs/{id}")).await
    }

    /// Waits until `wait` for the outcome, by repeated long-polls of at most a minute each. Retried.
    ///
    /// # Errors
    /// As [`Client::submit`].
    pub async fn outcome(&self, id: HandoffId, wait: Duration) -> Result<Waited, ClientError> {
        self.wait_outcome(id, wait, "").await
    }

    /// The same, under the newest checkpoint that an outside witness cosigned, once there is one. When the time is over before
    /// that, the delivery comes as always, and its verification says that it is not witnessed.
    ///
    /// # Errors
    /// As [`Client::submit`].
    pub async fn cosigned_outcome(&self, id: HandoffId, wait: Duration) -> Result<Waited, ClientError> {
        self.wait_outcome(id, wait, "&cosigned=true").await
    }

    async fn wait_outcome(&self, id: HandoffId, wait: Duration, form: &str) -> Result<Waited, ClientError> {
        let started = tokio::time::Instant::now();
        loop {
            let left = wait.saturating_sub(started.elapsed());
            let step = left.min(MAX_WAIT);
            // A started second is waited for in full, so that a wait of half a second does wait.
            let wait_s = step.as_millis().div_ceil(1_000);
            let path = format!("/v1/handoffs/{id}/outcome?wait_s={wait_s}{form}");
            let answer = self.transport.send_patiently(Method::GET, &path, None, Repeat::Safe, step).await?;
            if answer.status != StatusCode::ACCEPTED {
                return Ok(Waited::Final(Box::new(answer.read()?)));
            }
            let open = answer.read()?;
            if started.elapsed() >= wait {
                return Ok(Waited::Open(Box::new(open)));
            }
        }
    }

    /// Says that the outcome has arrived and is kept: `POST /v1/handoffs/{id}/outcome/ack`. Retried.
    ///
    /// # Errors
    /// As [`Client::submit`].
    pub async fn acknowledge(&self, id: HandoffId) -> Result<(), ClientError> {
        self.transport.send(Method::POST, &format!("/v1/handoffs/{id}/outcome/ack"), None, Repeat::Safe).await?;
        Ok(())
    }

    /// Takes an open handoff back: `POST /v1/handoffs/{id}/withdraw`. Retried.
    ///
    /// # Errors
    /// As [`Client::submit`]; `outcome-exists` when it comes too late.
    pub async fn withdraw(&self, id: HandoffId, reason: &str) -> Result<HandoffAnswer, ClientError> {
        let body = to_json(&WithdrawRequest { reason: reason.to_owned() })?;
        self.transport
            .send(Method::POST, &format!("/v1/handoffs/{id}/withdraw"), Some(&body), Repeat::Safe)
            .await?
            .read()
    }

    /// Replaces an open handoff's content: `POST /v1/handoffs/{id}/revisions`, with the whole new submission. Retried.
    ///
    /// # Errors
    /// As [`Client::submit`]; `outcome-exists` when it comes too late.
    pub async fn revise(&self, id: HandoffId, body: &[u8]) -> Result<HandoffAnswer, ClientError> {
        self.transport
            .send(Method::POST, &format!("/v1/handoffs/{id}/revisions"), Some(body), Repeat::Safe)
            .await?
            .read()
    }

    /// Uses the attempt: `POST /v1/handoffs/{id}/attempt`. Never repeated by this client.
    ///
    /// # Errors
    /// As [`Client::submit`]; `attempt-consumed` when it was used before.
    pub async fn consume_attempt(&self, id: HandoffId, attempt: &str) -> Result<ConsumeAnswer, ClientError> {
        let body = to_json(&ConsumeRequest { attempt: attempt.to_owned() })?;
        self.transport
            .send(Method::POST, &format!("/v1/handoffs/{id}/attempt"), Some(&body), Repeat::Never)
            .await?
            .read()
    }

    /// Reports what was done: `POST /v1/handoffs/{id}/result`, with the DSSE envelope of an execution statement. Retried.
    ///
    /// # Errors
    /// As [`Client::submit`].
    pub async fn report_result(&self, id: HandoffId, envelope: &[u8]) -> Result<ResultAnswer, ClientError> {
        self.transport
            .send(Method::POST, &format!("/v1/handoffs/{id}/result"), Some(envelope), Repeat::Safe)
            .await?
            .read()
    }

    /// Names the key with which an executor signs: `POST /v1/execution-keys`. Retried.
    ///
    /// # Errors
    /// As [`Client::submit`].
    pub async fn enrol_execution_key(&self, request: &ExecutionKeyRequest) -> Result<EnrolledKey, ClientError> {
        let body = to_json(request)?;
        self.transport.send(Method::POST, "/v1/execution-keys", Some(&body), Repeat::Safe).await?.read()
    }

    /// What a verifier pins: `GET /v1/trust`. Retried.
    ///
    /// # Errors
    /// As [`Client::submit`].
    pub async fn trust(&self) -> Result<Trust, ClientError> {
        self.get("/v1/trust").await
    }

    /// The newest directory, as DSSE envelope: `GET /v1/directory`. Retried.
    ///
    /// # Errors
    /// As [`Client::submit`].
    pub async fn directory(&self) -> Result<Value, ClientError> {
        self.get("/v1/directory").await
    }

    /// The directory that waits for the root's signature, its exact bytes: `GET /v1/directory/proposal`. Retried.
    ///
    /// # Errors
    /// As [`Client::submit`]; `not-found` when nothing waits.
    pub async fn directory_proposal(&self) -> Result<Vec<u8>, ClientError> {
        Ok(self.transport.send(Method::GET, "/v1/directory/proposal", None, Repeat::Safe).await?.bytes)
    }

    /// Hands over a directory that the root signed: `POST /v1/directory`, with its DSSE envelope. Retried.
    ///
    /// # Errors
    /// As [`Client::submit`]; `directory-stale` when something else is proposed by now.
    pub async fn send_directory(&self, envelope: &[u8]) -> Result<AcceptedDirectory, ClientError> {
        self.transport.send(Method::POST, "/v1/directory", Some(envelope), Repeat::Safe).await?.read()
    }

    /// The directory with which the root `keyid` named the one after it: `GET /v1/directory/handovers/{keyid}`. Retried.
    ///
    /// # Errors
    /// As [`Client::submit`]; `not-found` when it handed over to nobody.
    pub async fn handover(&self, keyid: &str) -> Result<Value, ClientError> {
        self.get(&format!("/v1/directory/handovers/{keyid}")).await
    }

    /// The canonical bytes of a published contract: `GET /v1/contracts/{name}/{version}`. Retried.
    ///
    /// # Errors
    /// As [`Client::submit`].
    pub async fn contract(&self, contract: &ContractId) -> Result<Vec<u8>, ClientError> {
        let path = format!("/v1/contracts/{}/{}", contract.name, contract.version);
        Ok(self.transport.send(Method::GET, &path, None, Repeat::Safe).await?.bytes)
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        self.transport.send(Method::GET, path, None, Repeat::Safe).await?.read()
    }
}

fn to_json<T: serde::Serialize>(value: &T) -> Result<Vec<u8>, ClientError> {
    serde_json::to_vec(value).map_err(ClientError::Request)
}

impl Answer {
    fn read<T: DeserializeOwned>(&self) -> Result<T, ClientError> {
        let limits = Limits::SIGNED.with_max_bytes(transport::MAX_ANSWER_BYTES);
        strict_json::parse_typed(&self.bytes, &limits)
            .map_err(|source| ClientError::Answer { status: self.status.as_u16(), source })
    }
}
