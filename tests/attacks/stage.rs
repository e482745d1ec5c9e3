//! A gateway over HTTP in this process, everybody around it, and one clock for all that stands still.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base64ct::{Base64, Encoding as _};
use seamark_agent::client::{AgentKey, Client, Waited};
use seamark_agent::destination::{Accepted, Destination};
use seamark_agent::execute::{ActFailure, Execution, Executor};
use seamark_contracts::api::agent::{Delivery, HandoffAnswer};
use seamark_contracts::api::audit::AuditRecord;
use seamark_contracts::api::ledger::Trust;
use seamark_contracts::clock::{Clock, FixedClock, SeededChance, Timestamp};
use seamark_contracts::contract::CompiledContract;
use seamark_contracts::digest::Digest;
use seamark_contracts::id::{AgentUrn, HandoffId};
use seamark_contracts::samples;
use seamark_desk::keys::{KdfCost, Keyring, KeyringError};
use seamark_desk::{DeskOptions, EnrolRequest};
use seamark_gateway::{ActsFor, Config, Gateway, KeyScope, Limits, open_with};
use seamark_ledger::bundle::{Bundle, FileSet};
use seamark_ledger::dsse::Envelope;
use seamark_ledger::key::SigningKey;
use seamark_ledger::statement;
use seamark_ledger::verify::Pinned;
use seamark_tests::desk::{PIN, TestDesk};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};
use zeroize::Zeroizing;

use crate::person::Person;

const NOW: &str = "2026-11-22T09:00:00.000Z";
pub const AUDIENCE: &str = "https://refunds.shop.example/execute";
/// Longer than anything here takes on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The gateway and what belongs to its operator.
pub struct Stage {
    pub folder: TempDir,
    pub clock: Arc<FixedClock>,
    pub chance: Arc<SeededChance>,
    pub trust: Trust,
    pub address: String,
    /// The operator's commands: another handle on the same folder, as the command line has.
    pub office: Gateway,
    http: reqwest::Client,
    shutdown: DropGuard,
    server: JoinHandle<()>,
}

/// An answer of the gateway.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub retry_after: Option<String>,
    pub body: Value,
}

impl Reply {
    /// The code of a problem; empty when it is none.
    pub fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }

    #[track_caller]
    pub fn ok<T: serde::de::DeserializeOwned>(self) -> T {
        assert!(self.status < 300, "{} {}", self.status, self.body);
        serde_json::from_value(self.body).unwrap()
    }
}

impl Stage {
    pub async fn open() -> Self {
        Self::with(Limits::default()).await
    }

    pub async fn with(limits: Limits) -> Self {
        let clock = Arc::new(FixedClock::new(Timestamp::parse(NOW).unwrap()));
        let stage = Self::start(tempfile::tempdir().unwrap(), 0, 1, clock, limits).await;
        for sample in &samples::ALL {
            stage.office.publish_contract(sample.contract).await.unwrap();
        }
        stage
    }

    /// Serves a folder on a port.
    pub async fn start(folder: TempDir, port: u16, seed: u64, clock: Arc<FixedClock>, limits: Limits) -> Self {
        let chance = Arc::new(SeededChance::new(seed));
        let config = Config {
            data_dir: folder.path().join("gateway"),
            listen: SocketAddr::from(([127, 0, 0, 1], port)),
            org: "Acme Example".to_owned(),
            allow_loopback_webhooks: true,
            outside: Default::default(),
            root: seamark_tests::root::held(),
            reveals: None,
        };
        let gateway = open_with(config.clone(), limits, clock.clone(), chance.clone()).await.unwrap();
        let office = open_with(config, limits, clock.clone(), Arc::new(SeededChance::new(seed + 1000))).await.unwrap();
        let trust = gateway.trust();
        let (shutdown, (ready, bound)) = (CancellationToken::new(), oneshot::channel());
        let server = tokio::spawn({
            let shutdown = shutdown.clone();
            async move {
                gateway.serve(shutdown, |address| ready.send(address).unwrap()).await.unwrap();
            }
        });
        let address = format!("http://{}", bound.await.unwrap());
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { folder, clock, chance, trust, address, office, http, shutdown: shutdown.drop_guard(), server }
    }

    /// Stops it and leaves its folder, clock and port.
    pub async fn stop(self) -> (TempDir, Arc<FixedClock>, u16) {
        let port = self.address.rsplit(':').next().unwrap().parse().unwrap();
        drop(self.shutdown);
        self.server.await.unwrap();
        self.office.close().await;
        (self.folder, self.clock, port)
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    // ---- requests as anybody can make them ----

    pub async fn send(&self, method: &str, path: &str, token: Option<&str>, body: Vec<u8>) -> Reply {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = self.http.request(method, format!("{}{path}", self.address)).body(body);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let answer = request.header("content-type", "application/json").send().await.unwrap();
        let status = answer.status().as_u16();
        let retry_after = answer.headers().get("retry-after").map(|value| value.to_str().unwrap().to_owned());
        let bytes = answer.bytes().await.unwrap();
        let body = serde_json::from_slice(&bytes).unwrap_or_else(|_| json!(String::from_utf8_lossy(&bytes)));
        Reply { status, retry_after, body }
    }

    pub async fn get(&self, path: &str, token: &str) -> Reply {
        self.send("GET", path, Some(token), Vec::new()).await
    }

    pub async fn post(&self, path: &str, token: &str, body: &Value) -> Reply {
        self.send("POST", path, Some(token), serde_json::to_vec(body).unwrap()).await
    }

    /// Every entry of the ledger, as whoever asks gets it.
    pub async fn entries(&self) -> Vec<Value> {
        let mut entries: Vec<Value> = Vec::new();
        loop {
            let path = format!("/v1/ledger/entries?from={}&limit=1000", entries.len());
            let page: Value = self.send("GET", &path, None, Vec::new()).await.ok();
            let texts = page["entries"].as_array().unwrap();
            entries.extend(texts.iter().map(|text| serde_json::from_str::<Value>(text.as_str().unwrap()).unwrap()));
            if page["next"].is_null() {
                return entries;
            }
        }
    }

    // ---- agents ----

    pub async fn agent(&self, name: &str) -> String {
        // One orchestrator stands for the source and for the destination.
        let scope = KeyScope { acts_for: ActsFor::Every, ..KeyScope::default() };
        self.office.create_scoped_key(name, scope).await.unwrap()
    }

    pub fn client(&self, key: &str) -> Client {
        Client::new(&self.address, Some(AgentKey::new(key))).unwrap()
    }

    /// An example of a sample contract under a new id.
    pub fn submission(&self, example: &str) -> Value {
        let sample = samples::find("refund.issue").unwrap();
        let path = format!("examples/{example}.json");
        let (_, text) = sample.examples.iter().find(|(name, _)| **name == path).unwrap();
        let mut value: Value = serde_json::from_str(text).unwrap();
        value["handoffId"] = json!(HandoffId::make(self.now(), self.chance.as_ref()));
        value
    }

    pub async fn submit(&self, key: &str, submission: &Value) -> HandoffAnswer {
        self.post("/v1/handoffs", key, submission).await.ok()
    }

    pub async fn gated(&self, key: &str) -> HandoffAnswer {
        self.submit(key, &self.submission("returned-goods")).await
    }

    pub async fn delivery(&self, key: &str, id: HandoffId) -> Delivery {
        match self.client(key).outcome(id, PATIENCE).await.unwrap() {
            Waited::Final(delivery) => *delivery,
            Waited::Open(answer) => panic!("no outcome comes: {answer:?}"),
        }
    }

    pub async fn executor(&self, key: &str, audience: &str) -> Executor {
        let itself = Destination {
            agent: AgentUrn::from_name("refund-executor").unwrap(),
            audience: audience.to_owned(),
            trust: self.trust.clone().into(),
            contracts: samples::ALL.iter().map(accepted).collect(),
            log_before_act: false,
        };
        let signing = SigningKey::from_seed(Digest::of(format!("executor {key}").as_bytes()).as_bytes());
        let clock: Arc<dyn Clock> = self.clock.clone();
        Executor::enrol(self.client(key), itself, signing, clock).await.unwrap()
    }

    /// What becomes of a delivery at the destination, and how much was paid, if anything.
    pub async fn pay(&self, executor: &Executor, id: HandoffId, delivery: &Delivery) -> (Execution, Option<String>) {
        let paid = Arc::new(std::sync::Mutex::new(None));
        let book = paid.clone();
        let act =
            async move |action: Arc<seamark_ledger::verified::Verified<seamark_ledger::verify::ApprovedAction>>| {
                *book.lock().unwrap() = action.payload["amount"].as_str().map(str::to_owned);
                Ok::<(), ActFailure>(())
            };
        let done = executor.execute(id, delivery, act).await.unwrap();
        let paid = paid.lock().unwrap().clone();
        (done, paid)
    }

    // ---- people ----

    pub async fn person(&self, name: &str) -> Person {
        let code = self.office.invite(name, &["reviewer".to_owned()]).await.unwrap();
        Person::enrol(self, name, "laptop", &code).await
    }

    /// A desk as the app has it, enrolled and listening.
    pub async fn desk(&self, folder: &Path, name: &str) -> (TestDesk, Arc<MemoryKeyring>) {
        let keyring = Arc::new(MemoryKeyring::default());
        let desk = TestDesk::open_with(self.desk_options(folder, keyring.clone())).await.unwrap();
        let request = EnrolRequest {
            address: self.address.clone(),
            code: self.office.invite(name, &["reviewer".to_owned()]).await.unwrap(),
            device_name: "Laptop".to_owned(),
            pin: PIN.to_owned(),
            is_local: false,
        };
        desk.desk.enrol(&request).await.unwrap();
        (desk, keyring)
    }

    pub fn desk_options(&self, folder: &Path, keyring: Arc<dyn Keyring>) -> DeskOptions {
        DeskOptions {
            data_dir: folder.to_owned(),
            export_dir: folder.join("evidence"),
            clock: self.clock.clone(),
            chance: Arc::new(seamark_desk::clock::SystemChance),
            keyring,
            // Guessing is no part of these attacks.
            kdf_cost: KdfCost { memory_kib: 64, passes: 1 },
            time_zone: "UTC".to_owned(),
            locale: "en".to_owned(),
            version: "test".to_owned(),
        }
    }

    // ---- auditors ----

    pub fn pinned(&self) -> Pinned {
        Pinned::from_trust(&self.trust, None, self.now()).unwrap()
    }

    pub async fn record(&self, person: &Person, review: impl std::fmt::Display) -> AuditRecord {
        self.get(&format!("/v1/audit/reviews/{review}"), &person.token).await.ok()
    }

    pub async fn bundle(&self, person: &Person, review: impl std::fmt::Display) -> FileSet {
        Bundle::pack(&self.record(person, review).await, self.now()).unwrap()
    }

    // ---- the operator, who reads the keys in the folder ----

    pub fn operators_key(&self, name: &str) -> SigningKey {
        let path = self.folder.path().join("gateway/keys").join(format!("{name}.key"));
        let text = std::fs::read_to_string(path).unwrap();
        SigningKey::from_seed(&Base64::decode_vec(text.trim()).unwrap().try_into().unwrap())
    }
}

/// The statement in an envelope, unverified.
pub fn statement_of(envelope: &Value) -> Value {
    serde_json::from_slice(&payload_of(envelope)).unwrap()
}

pub fn payload_of(envelope: &Value) -> Vec<u8> {
    Envelope::from_value(envelope).unwrap().unverified_value().unverified_payload().to_vec()
}

/// The statement changed and signed anew by whoever has this key.
pub fn signed_anew(envelope: &Value, key: &SigningKey, change: impl FnOnce(&mut Value)) -> Value {
    let mut statement = statement_of(envelope);
    change(&mut statement);
    let bytes = seamark_contracts::canonical::to_bytes(&statement).unwrap();
    statement::sign(bytes, key).unwrap().to_value()
}

/// A keyring of one login; a stolen disk does not have it.
#[derive(Debug, Default)]
pub struct MemoryKeyring(std::sync::Mutex<std::collections::BTreeMap<String, Vec<u8>>>);

impl Keyring for MemoryKeyring {
    fn read(&self, name: &str) -> Result<Zeroizing<Vec<u8>>, KeyringError> {
        self.0.lock().unwrap().get(name).cloned().map(Zeroizing::new).ok_or(KeyringError::Locked(None))
    }

    fn write(&self, name: &str, secret: &[u8]) -> Result<(), KeyringError> {
        self.0.lock().unwrap().insert(name.to_owned(), secret.to_vec());
        Ok(())
    }
}

/// A sample's contract as a destination pins it.
fn accepted(sample: &samples::Sample) -> Accepted {
    let compiled = CompiledContract::from_document(sample.contract.as_bytes()).unwrap();
    Accepted { contract: compiled.reference(), ungated: false }
}
