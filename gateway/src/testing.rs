//! A gateway in process for tests: a real database in a temporary folder, a clock that stands still, seeded chance.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use base64ct::{Base64UrlUnpadded, Encoding as _};
use http_body_util::BodyExt as _;
use seamark_contracts::api::agent::HandoffAnswer;
use seamark_contracts::api::device::{EnrolmentAnswer, SessionAnswer};
use seamark_contracts::api::ledger::Trust;
use seamark_contracts::api::review::{DecisionAnswer, ReviewDocument, ReviewPage};
use seamark_contracts::clock::{Chance, Clock, FixedClock, SeededChance, Timestamp, make_nonce};
use seamark_contracts::contract::compiled::CompiledContract;
use seamark_contracts::decision::{
    ConfirmedValue, DecisionKind, DecisionPredicate, Escalation, Reason, Reviewer as Signer, SeenCheckpoint,
    UserVerification, VerificationMethod, ViewRef, Window,
};
use seamark_contracts::digest::Digest;
use seamark_contracts::handoff::HandoffPredicate;
use seamark_contracts::id::{AgentUrn, DecisionId, HandoffId};
use seamark_contracts::problem::Problem;
use seamark_contracts::samples;
use seamark_contracts::view::View;
use seamark_contracts::view::render::{RenderInput, render};
use seamark_ledger::directory::NextRoot;
use seamark_ledger::key::{Signer as _, SigningKey};
use seamark_ledger::statement;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use tokio::task::JoinSet;
use tower::ServiceExt as _;
use zeroize::Zeroizing;

use crate::config::{Config, Limits};
use crate::gateway::{Gateway, open_with};
use crate::root::{KeeperError, RootChoice, RootKeeper};
use crate::scope::{ActsFor, KeyScope};

pub(crate) const NOW: &str = "2026-11-22T09:00:00.000Z";

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) bytes: Vec<u8>,
}

impl Reply {
    #[track_caller]
    pub(crate) fn json<T: DeserializeOwned>(&self) -> T {
        serde_json::from_slice(&self.bytes).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    #[track_caller]
    pub(crate) fn ok<T: DeserializeOwned>(&self) -> T {
        assert!(self.status.is_success(), "{} {}", self.status, self.text());
        self.json()
    }

    /// Status and code of a problem.
    #[track_caller]
    pub(crate) fn problem(&self) -> (u16, String) {
        let problem: Problem = self.json();
        assert_eq!(problem.status, self.status.as_u16());
        assert!(!problem.request_id.is_empty() && !problem.detail.is_empty());
        (problem.status, crate::problem::code_text(problem.code))
    }
}

/// A gateway with what a test needs around it.
pub(crate) struct World {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) gateway: Gateway,
    pub(crate) router: Router,
    pub(crate) clock: Arc<FixedClock>,
    pub(crate) chance: Arc<SeededChance>,
    /// Bodies by `OPERATION.request` and `OPERATION.STATUS`, the first of each.
    pub(crate) examples: Mutex<Map<String, Value>>,
    root: RootChoice,
    _tasks: JoinSet<()>,
}

impl World {
    /// From here on this process does not notice what another one on its folder does.
    pub(crate) async fn deafen(&mut self) {
        self._tasks.shutdown().await;
    }
}

pub(crate) fn config(folder: &std::path::Path) -> Config {
    Config {
        data_dir: folder.to_owned(),
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        root: RootChoice::Held(Arc::new(key("root"))),
        org: "Acme Example".to_owned(),
        allow_loopback_webhooks: true,
        outside: crate::config::Outside::default(),
        reveals: None,
    }
}

/// Of a key that plays every part.
pub(crate) fn orchestrator() -> KeyScope {
    KeyScope { acts_for: ActsFor::Every, ..KeyScope::default() }
}

/// The key of a name.
pub(crate) fn key(name: &str) -> SigningKey {
    SigningKey::from_seed(Digest::of(name.as_bytes()).as_bytes())
}

pub(crate) fn key_text(key: &SigningKey) -> String {
    Base64UrlUnpadded::encode_string(key.public_key().as_bytes())
}

pub(crate) fn sign_text(key: &SigningKey, message: &str) -> String {
    Base64UrlUnpadded::encode_string(key.sign(message.as_bytes()).unwrap().as_bytes())
}

impl World {
    /// A gateway with the sample contracts.
    pub(crate) async fn new() -> Self {
        Self::with(Limits::default()).await
    }

    pub(crate) async fn with(limits: Limits) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let world = Self::open(folder, limits, 1, Timestamp::parse(NOW).unwrap()).await;
        for sample in &samples::ALL {
            world.gateway.publish_contract(sample.contract).await.unwrap();
        }
        world
    }

    /// A gateway for others: somebody else holds its root, and has signed nothing yet.
    pub(crate) async fn outside() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = RootChoice::Outside(Box::new(key("root").public_key()));
        let world = Self::open_under(root, folder, Limits::default(), 1, Timestamp::parse(NOW).unwrap()).await;
        for sample in &samples::ALL {
            world.gateway.publish_contract(sample.contract).await.unwrap();
        }
        world
    }

    pub(crate) async fn open(folder: tempfile::TempDir, limits: Limits, seed: u64, now: Timestamp) -> Self {
        let root = config(folder.path()).root;
        Self::open_under(root, folder, limits, seed, now).await
    }

    async fn open_under(
        root: RootChoice,
        folder: tempfile::TempDir,
        limits: Limits,
        seed: u64,
        now: Timestamp,
    ) -> Self {
        let clock = Arc::new(FixedClock::new(now));
        let chance = Arc::new(SeededChance::new(seed));
        let config = Config { root: root.clone(), ..config(folder.path()) };
        let gateway = open_with(config, limits, clock.clone(), chance.clone()).await.unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(crate::sse::run(gateway.shared.clone()));
        let router = gateway.router();
        Self { folder, gateway, router, clock, chance, examples: Mutex::default(), root, _tasks: tasks }
    }

    /// Closes the database and opens it again, as after a crash of everything but the disk.
    pub(crate) async fn reopen(self, seed: u64) -> Self {
        let now = self.clock.now();
        let Self { folder, gateway, router, root, _tasks, .. } = self;
        drop(router);
        drop(_tasks);
        gateway.close().await;
        let root = if matches!(root, RootChoice::Outside(_)) { RootChoice::Known } else { root };
        Self::open_under(root, folder, Limits::default(), seed, now).await
    }

    pub(crate) async fn send(&self, method: &str, path: &str, token: Option<&str>, body: Vec<u8>) -> Reply {
        let mut request = Request::builder().method(Method::from_bytes(method.as_bytes()).unwrap()).uri(path);
        let sent: Option<Value> = serde_json::from_slice(&body).ok();
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let request = request.body(Body::from(body)).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let bytes = response.into_body().collect().await.unwrap().to_bytes().to_vec();
        if status.is_success() {
            let given = serde_json::from_slice(&bytes).unwrap_or_else(|_| Value::from(String::from_utf8_lossy(&bytes)));
            self.note_example(method, path, "request", sent);
            self.note_example(method, path, status.as_str(), Some(given));
        } else if let Ok(problem) = serde_json::from_slice::<Problem>(&bytes) {
            let part = format!("{}.{}", status.as_str(), crate::problem::code_text(problem.code));
            let example = crate::openapi::problems::as_example(serde_json::to_value(problem).unwrap());
            self.note_example(method, path, &part, Some(example));
        }
        Reply { status, bytes }
    }

    /// Keeps a body as the example of its operation, unless there is one.
    pub(crate) fn note_example(&self, method: &str, path: &str, part: &str, body: Option<Value>) {
        let (Some(id), Some(body)) = (operation_id(method, path), body) else { return };
        self.examples.lock().unwrap().entry(format!("{id}.{part}")).or_insert(body);
    }

    pub(crate) async fn get(&self, path: &str, token: &str) -> Reply {
        self.send("GET", path, Some(token), Vec::new()).await
    }

    pub(crate) async fn post(&self, path: &str, token: &str, body: &Value) -> Reply {
        let body = if body.is_null() { Vec::new() } else { serde_json::to_vec(body).unwrap() };
        self.send("POST", path, Some(token), body).await
    }

    pub(crate) async fn agent(&self, name: &str) -> String {
        self.gateway.create_scoped_key(name, orchestrator()).await.unwrap()
    }

    /// A sample's example under a new handoff id.
    pub(crate) fn submission(&self, contract: &str, example: &str) -> Value {
        let sample = samples::find(contract).unwrap();
        let path = format!("examples/{example}.json");
        let (_, text) = sample.examples.iter().find(|(name, _)| **name == path).unwrap();
        let mut value: Value = serde_json::from_str(text).unwrap();
        value["handoffId"] = json!(HandoffId::make(self.clock.now(), self.chance.as_ref()));
        value
    }

    /// Submits a handoff that needs a person.
    pub(crate) async fn gated(&self, key: &str) -> HandoffAnswer {
        let submission = self.submission("refund.issue", "returned-goods");
        let reply = self.post("/v1/handoffs", key, &submission).await;
        assert_eq!(reply.status, StatusCode::CREATED, "{}", reply.text());
        reply.json()
    }

    pub(crate) async fn reviewer(&self, name: &str, roles: &[&str]) -> Reviewer {
        let roles: Vec<String> = roles.iter().map(|role| (*role).to_owned()).collect();
        let code = self.gateway.invite(name, &roles).await.unwrap();
        self.enrol(name, "desk", &code).await
    }

    pub(crate) async fn enrol(&self, name: &str, device: &str, code: &str) -> Reviewer {
        let (device_key, decision_key) =
            (key(&format!("{name}/{device}/device")), key(&format!("{name}/{device}/decision")));
        let body = enrolment(code, &device_key, &decision_key);
        let reply = self.send("POST", "/v1/enrolments", None, serde_json::to_vec(&body).unwrap()).await;
        let answer: EnrolmentAnswer = reply.ok();
        let session = self.session(&device_key, &answer.trust).await;
        Reviewer { device_key, decision_key, answer, token: session.token }
    }

    pub(crate) async fn session(&self, device_key: &SigningKey, trust: &Trust) -> SessionAnswer {
        let keyid = device_key.public_key().id().to_string();
        let body = serde_json::to_vec(&json!({ "keyid": keyid })).unwrap();
        let challenge: Value = self.send("POST", "/v1/sessions/challenges", None, body).await.ok();
        let challenge = challenge["challenge"].as_str().unwrap();
        let message = format!("seamark-session/v1\n{}\n{challenge}", trust.ledger_origin);
        let body = json!({ "keyid": keyid, "challenge": challenge, "proof": sign_text(device_key, &message) });
        self.send("POST", "/v1/sessions", None, serde_json::to_vec(&body).unwrap()).await.ok()
    }

    /// The bytes that the root is asked to sign.
    pub(crate) async fn proposal(&self) -> Vec<u8> {
        let reply = self.send("GET", "/v1/directory/proposal", None, Vec::new()).await;
        assert!(reply.status.is_success(), "{}", reply.text());
        reply.bytes
    }

    pub(crate) async fn send_directory(&self, envelope: &Value) -> Reply {
        self.send("POST", "/v1/directory", None, serde_json::to_vec(envelope).unwrap()).await
    }

    /// Whoever holds the root signs what is proposed.
    pub(crate) async fn sign_directory(&self) {
        let envelope = signed(self.proposal().await, "root");
        let reply = self.send_directory(&envelope).await;
        assert!(reply.status.is_success(), "{}", reply.text());
    }

    /// The same, when anything waits.
    pub(crate) async fn settle(&self) {
        if self.gateway.proposed_version().await.unwrap().is_some() {
            self.sign_directory().await;
        }
    }

    /// A root names the one that takes its place, which then signs as well.
    pub(crate) async fn hand_over(&self, from: &str, to: &str) {
        let newest: Value = self.send("GET", "/v1/directory", None, Vec::new()).await.ok();
        let newest = payload_of(&newest);
        let reply = self.send("GET", "/v1/directory/proposal", None, Vec::new()).await;
        let base = if reply.status.is_success() { reply.bytes } else { newest.clone() };
        let mut predicate = crate::directory::parse(&base).unwrap();
        predicate.version = crate::directory::parse(&newest).unwrap().version + 1;
        predicate.valid_from = self.clock.now();
        predicate.next_root = Some(NextRoot::new(&key(to).public_key()));
        let bytes = statement::build_directory(&predicate, Some(Digest::of(&newest))).unwrap();
        let reply = self.send_directory(&signed(bytes, from)).await;
        assert!(reply.status.is_success(), "{}", reply.text());
        let reply = self.send_directory(&signed(self.proposal().await, to)).await;
        assert!(reply.status.is_success(), "{}", reply.text());
    }

    /// The newest head as a desk remembers it.
    pub(crate) async fn seen(&self) -> SeenCheckpoint {
        let note = self.send("GET", "/v1/ledger/checkpoint", None, Vec::new()).await.text();
        let mut lines = note.lines();
        let mut line = || lines.next().unwrap().to_owned();
        SeenCheckpoint { origin: line(), size: line().parse().unwrap(), root: line() }
    }

    /// Nothing is wrong with the database.
    pub(crate) async fn assert_sound(&self) {
        let report = self.gateway.fsck().await;
        assert!(report.is_sound(), "{report:#?}");
    }
}

/// The operation that serves this address: the one with the fewest parameters in its path.
fn operation_id(method: &str, path: &str) -> Option<&'static str> {
    let asked: Vec<&str> = path.split('?').next()?.split('/').collect();
    let fits = |template: &str| {
        let parts: Vec<&str> = template.split('/').collect();
        parts.len() == asked.len()
            && parts.iter().zip(&asked).all(|(part, asked)| part.starts_with('{') || part == asked)
    };
    let mut found: Vec<_> =
        crate::route::operations().into_iter().filter(|(m, template, _)| *m == method && fits(template)).collect();
    found.sort_by_key(|(_, template, _)| template.matches('{').count());
    found.first().map(|(_, _, operation)| operation.id)
}

pub(crate) fn enrolment(code: &str, device_key: &SigningKey, decision_key: &SigningKey) -> Value {
    let message = format!("seamark-enrolment/v1\n{code}\n{}\n{}", key_text(device_key), key_text(decision_key));
    json!({
        "code": code,
        "deviceName": "Desk in the test",
        "deviceKey": key_text(device_key),
        "decisionKey": key_text(decision_key),
        "proof": sign_text(device_key, &message),
        "decisionProof": sign_text(decision_key, &message),
    })
}

/// A person at a device.
pub(crate) struct Reviewer {
    pub(crate) device_key: SigningKey,
    pub(crate) decision_key: SigningKey,
    pub(crate) answer: EnrolmentAnswer,
    pub(crate) token: String,
}

/// A decision before it is signed.
pub(crate) struct Draft {
    pub(crate) predicate: DecisionPredicate,
    pub(crate) handoff_id: HandoffId,
    pub(crate) statement: Digest,
    pub(crate) view: String,
}

impl Draft {
    /// The request, signed with this key.
    pub(crate) fn sign(&self, key: &SigningKey) -> Value {
        let bytes = statement::build_decision(&self.predicate, self.handoff_id, self.statement).unwrap();
        let envelope: Value = serde_json::from_str(&statement::sign(bytes, key).unwrap().to_json()).unwrap();
        json!({ "envelope": envelope, "view": self.view })
    }
}

/// The statement's bytes in an envelope.
pub(crate) fn payload_of(envelope: &Value) -> Vec<u8> {
    use base64ct::Base64;
    Base64::decode_vec(envelope["payload"].as_str().unwrap()).unwrap()
}

pub(crate) fn predicate_of(envelope: &Value) -> HandoffPredicate {
    let statement: Value = serde_json::from_slice(&payload_of(envelope)).unwrap();
    serde_json::from_value(statement["predicate"].clone()).unwrap()
}

impl Reviewer {
    pub(crate) async fn reviews(&self, world: &World) -> Vec<ReviewDocument> {
        let page: ReviewPage = world.get("/v1/reviews", &self.token).await.ok();
        page.reviews
    }

    pub(crate) async fn review(&self, world: &World, id: impl std::fmt::Display) -> ReviewDocument {
        world.get(&format!("/v1/reviews/{id}"), &self.token).await.ok()
    }

    pub(crate) fn view(&self, world: &World, review: &ReviewDocument) -> View {
        self.view_naming(world, review, &[])
    }

    /// The view of somebody to whom these fields were revealed.
    pub(crate) fn view_naming(&self, world: &World, review: &ReviewDocument, disclosed: &[String]) -> View {
        let sample = samples::find(&review.contract.name).unwrap();
        let contract = CompiledContract::from_document(sample.contract.as_bytes()).unwrap();
        let predicate = predicate_of(&review.handoff);
        let input = RenderInput {
            disclosed,
            statement_digest: Digest::of(&payload_of(&review.handoff)),
            predicate: &predicate,
            contract: &contract,
            nonce: make_nonce(world.chance.as_ref()),
            renderer: "test 1",
        };
        render(&input).unwrap()
    }

    /// A decision as a careful person makes it: everything required opened and confirmed.
    pub(crate) async fn draft(&self, world: &World, review: &ReviewDocument, kind: DecisionKind) -> Draft {
        self.draft_on(world, review, kind, self.view(world, review)).await
    }

    /// The same on a view that is on screen already.
    pub(crate) async fn draft_on(
        &self,
        world: &World,
        review: &ReviewDocument,
        kind: DecisionKind,
        view: View,
    ) -> Draft {
        let predicate = predicate_of(&review.handoff);
        let request = predicate.request.clone().unwrap();
        let now = world.clock.now();
        let bytes = view.to_bytes().unwrap();
        let person = &self.answer.person;
        let role = request.candidates.iter().find(|role| person.roles.contains(role)).unwrap_or(&request.candidates[0]);
        let confirmed = view.facts.iter().filter(|fact| fact.confirm);
        let escalation =
            Escalation { to: view.escalation_targets[0].clone(), question: "May this be done?".to_owned() };
        let code = match kind {
            DecisionKind::Reject => view.reject_reasons[0].code.clone(),
            _ => "none".to_owned(),
        };
        let decision = DecisionPredicate {
            decision_id: DecisionId::make(now, world.chance.as_ref()),
            decision: kind,
            meaning: kind.meaning().to_owned(),
            attempt: predicate.attempt.clone(),
            audience: predicate.destination.audience.clone(),
            constraints: (kind == DecisionKind::Approve).then(|| Window {
                not_before: now,
                expires_at: now.plus_ms(15 * 60_000),
                max_uses: 1,
            }),
            contract: predicate.contract.clone(),
            policy: request.policy.clone(),
            reviewer: Signer {
                id: person.id.clone(),
                name: person.name.clone(),
                role: role.clone(),
                keyid: self.decision_key.public_key().id().to_string(),
            },
            view: ViewRef {
                digest: Digest::of(&bytes),
                disclosed: view.disclosed.clone(),
                opened_at: now,
                dwell_ms: 41_200,
                opened: view.evidence.iter().map(|evidence| evidence.id.clone()).collect(),
            },
            auth: UserVerification { method: VerificationMethod::Pin, at: now },
            reason: Reason { code, text: String::new() },
            escalation: (kind == DecisionKind::Escalate).then_some(escalation),
            confirmed: confirmed
                .map(|fact| ConfirmedValue { fact: fact.id.clone(), value: fact.value.clone() })
                .collect(),
            seen_checkpoint: world.seen().await,
            decided_at: now,
        };
        Draft {
            predicate: decision,
            handoff_id: predicate.handoff_id,
            statement: Digest::of(&payload_of(&review.handoff)),
            view: String::from_utf8(bytes).unwrap(),
        }
    }

    pub(crate) async fn request(&self, world: &World, review: &ReviewDocument, kind: DecisionKind) -> Value {
        self.draft(world, review, kind).await.sign(&self.decision_key)
    }

    pub(crate) async fn send(&self, world: &World, review: &ReviewDocument, request: &Value) -> Reply {
        world.post(&format!("/v1/reviews/{}/decisions", review.review_id), &self.token, request).await
    }

    pub(crate) async fn decide(&self, world: &World, review: &ReviewDocument, kind: DecisionKind) -> DecisionAnswer {
        let request = self.request(world, review, kind).await;
        self.send(world, review, &request).await.ok()
    }
}

/// A statement's bytes under the key of a name.
pub(crate) fn signed(bytes: Vec<u8>, by: &str) -> Value {
    serde_json::from_str(&statement::sign(bytes, &key(by)).unwrap().to_json()).unwrap()
}

/// Names an execution key and gives it.
pub(crate) async fn execution_key(world: &World, token: &str, agent: &str) -> SigningKey {
    let signing = key(&format!("{agent}/execution"));
    let urn = AgentUrn::from_name(agent).unwrap();
    let public = key_text(&signing);
    let proof = sign_text(&signing, &format!("seamark-execution-key/v1\n{urn}\n{public}"));
    let body = json!({ "agent": urn, "publicKey": public, "proof": proof });
    let reply = world.post("/v1/execution-keys", token, &body).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text());
    signing
}

/// Bytes that look random enough for a test.
pub(crate) fn random_id(world: &World) -> HandoffId {
    let chance: &dyn Chance = world.chance.as_ref();
    HandoffId::make(world.clock.now(), chance)
}

/// A keyring that can be locked: then it finds nothing, as a real one.
#[derive(Debug, Default)]
pub(crate) struct Keyring {
    pub(crate) entries: Mutex<std::collections::BTreeMap<String, [u8; 32]>>,
    pub(crate) is_locked: std::sync::atomic::AtomicBool,
}

impl Keyring {
    fn check_open(&self) -> Result<(), KeeperError> {
        let is_locked = self.is_locked.load(std::sync::atomic::Ordering::SeqCst);
        if is_locked { Err(KeeperError::Locked(None)) } else { Ok(()) }
    }
}

impl RootKeeper for Keyring {
    fn read(&self, keyid: &str) -> Result<Zeroizing<[u8; 32]>, KeeperError> {
        self.check_open()?;
        self.entries.lock().unwrap().get(keyid).copied().map(Zeroizing::new).ok_or(KeeperError::Locked(None))
    }

    fn keep(&self, keyid: &str, seed: &[u8; 32]) -> Result<(), KeeperError> {
        self.check_open()?;
        self.entries.lock().unwrap().insert(keyid.to_owned(), *seed);
        Ok(())
    }
}
