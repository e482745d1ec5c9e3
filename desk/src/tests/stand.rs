//! A stand for tests: a gateway of a few lines over real HTTP, which can be told to fail, to lie and to fork its ledger.
//! What it hands out is really signed. The real gateway meets the real desk in the workspace's own tests.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use base64ct::{Base64UrlUnpadded, Encoding as _};
use seamark_contracts::admission::{AdmissionContext, judge, parse_submission};
use seamark_contracts::api::agent::OutcomeSummary;
use seamark_contracts::api::device::{ChallengeAnswer, EnrolmentAnswer, EnrolmentRequest, Person, SessionAnswer};
use seamark_contracts::api::ledger::{ConsistencyProof, LedgerPosition, RecordedEntry, Trust};
use seamark_contracts::api::reveal::{CopiedAnswer, RevealAnswer, RevealRequest};
use seamark_contracts::api::review::{
    DecisionAnswer, DecisionRequest, DecisionSummary, PresentedRequest, ReviewDocument, ReviewPage, ReviewState,
};
use seamark_contracts::clock::Clock as _;
use seamark_contracts::clock::{FixedClock, SeededChance, Timestamp, make_nonce};
use seamark_contracts::contract::compiled::CompiledContract;
use seamark_contracts::decision::{DecisionKind, DecisionPredicate};
use seamark_contracts::digest::Digest;
use seamark_contracts::id::{AgentUrn, DecisionId, OutcomeId, ReviewId, UserUrn};
use seamark_contracts::mask;
use seamark_contracts::outcome::{NotCounted, OutcomeCause, OutcomeKind};
use seamark_contracts::problem::{ErrorCode, Problem};
use seamark_contracts::samples;
use seamark_ledger::checkpoint::{Checkpoint, Head, Vkey, VkeyKind};
use seamark_ledger::directory::{DirectoryKey, DirectoryPredicate, DirectorySubject, NextRoot, SubjectKind};
use seamark_ledger::dsse::Envelope;
use seamark_ledger::key::{KeyUse, Signer as _, SigningKey};
use seamark_ledger::statement;
use seamark_ledger::tree::{Hash, leaf_hash, node_hash};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

pub(crate) const ORIGIN: &str = "ledger.acme.example";
pub(crate) const START: &str = "2026-11-22T06:00:00.000Z";

pub(crate) fn key(name: &str) -> SigningKey {
    SigningKey::from_seed(Digest::of(name.as_bytes()).as_bytes())
}

/// What the stand knows and how it behaves.
pub(crate) struct State {
    pub reviews: BTreeMap<String, ReviewDocument>,
    pub entries: Vec<String>,
    /// Each decision that arrived, by its id, as it was answered.
    pub decided: BTreeMap<String, DecisionAnswer>,
    pub n_decision_calls: usize,
    /// Answers to the next calls that hand in a decision, before the stand works again.
    pub next_decisions: Vec<ErrorCode>,
    /// Nothing is answered at all.
    pub is_down: bool,
    /// Whoever shows credentials is told that they have ended, in these words.
    pub ended: Option<&'static str>,
    pub roles: Vec<String>,
    /// Disclosures of each review.
    pub disclosures: BTreeMap<String, Vec<String>>,
    /// Each request to read a masked field, as it came.
    pub reveals: Vec<RevealRequest>,
    /// What is answered to the next one instead.
    pub next_reveal: Option<NextReveal>,
    pub n_copied: usize,
    /// Views that arrived.
    pub presented: Vec<String>,
    /// Decision key of the desk that enrolled.
    pub enrolled: Option<seamark_ledger::key::PublicKey>,
    /// Whether the root has signed that key.
    pub is_signed: bool,
    /// Name of the root of now; `root` hands over to another one.
    pub root: &'static str,
    /// Whether the first root named the one of now; else that one is somebody's own.
    pub has_handed_over: bool,
}

/// How the stand answers a request to read a masked field, when not truly.
pub(crate) enum NextReveal {
    Problem(u16, ErrorCode),
    /// The disclosure of another field.
    Of(&'static str),
    Forged(String),
    /// Recorded, and no answer.
    Lost,
}

/// The stand.
pub(crate) struct Stand {
    pub address: String,
    pub clock: Arc<FixedClock>,
    pub chance: SeededChance,
    pub contract: CompiledContract,
    pub state: Mutex<State>,
    /// The rights of those who listen changed.
    pub rights_changed: tokio::sync::broadcast::Sender<()>,
}

/// Whose root key an invitation names: the stand's own one, or another.
pub(crate) fn code_of(root: &str) -> String {
    let keyid = key(root).public_key().id().to_string();
    format!("smi_AbCdEfGhIjKlMnOpQrStUv_{}", keyid.get(..16).unwrap())
}

impl Stand {
    pub(crate) async fn start(clock: Arc<FixedClock>) -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let sample = samples::ALL.iter().find(|sample| sample.name == "refund.issue").unwrap();
        let state = State {
            reviews: BTreeMap::new(),
            entries: (0..3).map(|n| format!("{{\"n\":{n}}}")).collect(),
            decided: BTreeMap::new(),
            n_decision_calls: 0,
            next_decisions: Vec::new(),
            is_down: false,
            ended: None,
            roles: vec!["reviewer".to_owned()],
            disclosures: BTreeMap::new(),
            reveals: Vec::new(),
            next_reveal: None,
            n_copied: 0,
            presented: Vec::new(),
            enrolled: None,
            is_signed: true,
            root: "root",
            has_handed_over: true,
        };
        let stand = Arc::new(Self {
            address: format!("http://{}", listener.local_addr().unwrap()),
            clock,
            chance: SeededChance::new(99),
            contract: CompiledContract::from_document(sample.contract.as_bytes()).unwrap(),
            state: Mutex::new(state),
            rights_changed: tokio::sync::broadcast::channel(4).0,
        });
        let serving = Arc::clone(&stand);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let stand = Arc::clone(&serving);
                tokio::spawn(async move { stand.serve(stream).await });
            }
        });
        stand
    }

    pub(crate) fn with<T>(&self, use_it: impl FnOnce(&mut State) -> T) -> T {
        use_it(&mut self.state.lock().unwrap())
    }

    // ---- what it hands out ----

    pub(crate) fn trust(&self) -> Trust {
        let root = self.with(|state| key(state.root).public_key());
        Trust {
            org: "acme".to_owned(),
            root_keyid: root.id().to_string(),
            root_key: Base64UrlUnpadded::encode_string(root.as_bytes()),
            ledger_origin: ORIGIN.to_owned(),
            ledger_vkey: Vkey::new(ORIGIN, VkeyKind::Log, key("ledger").public_key()).unwrap().to_string(),
        }
    }

    fn directory(&self) -> Value {
        let (root, enrolled) = self.with(|state| (state.root, state.enrolled.filter(|_| state.is_signed)));
        self.directory_of(root, enrolled, None)
    }

    /// With which the first root named the one of now.
    fn handover(&self) -> Value {
        let (next, by) = self.with(|state| {
            let by = if state.has_handed_over { "root" } else { "somebody" };
            (key(state.root).public_key(), by)
        });
        self.directory_of(by, None, Some(NextRoot::new(&next)))
    }

    fn directory_of(
        &self,
        root: &str,
        enrolled: Option<seamark_ledger::key::PublicKey>,
        next_root: Option<NextRoot>,
    ) -> Value {
        let from = Timestamp::parse("2026-01-01T00:00:00.000Z").unwrap();
        let gateway = "urn:seamark:gateway:stand";
        let person = self.person();
        let ana = person.id.to_string();
        let mut keys = vec![DirectoryKey::new(&key("handoff").public_key(), KeyUse::Handoff, gateway, from, None)];
        keys.extend(enrolled.map(|key| DirectoryKey::new(&key, KeyUse::Decision, &ana, from, None)));
        let subject = |id: &str, kind, name: &str| DirectorySubject {
            id: id.to_owned(),
            kind,
            name: name.to_owned(),
            owners: Vec::new(),
            roles: Vec::new(),
        };
        let predicate = DirectoryPredicate {
            org: "acme".to_owned(),
            version: 1,
            valid_from: from,
            valid_to: from.plus_ms(2 * 365 * 86_400_000),
            subjects: vec![
                subject(gateway, SubjectKind::Gateway, "Stand"),
                subject(&ana, SubjectKind::Person, &person.name),
            ],
            keys,
            next_root,
        };
        envelope(statement::build_directory(&predicate, None).unwrap(), root)
    }

    /// An open review of an example of `refund.issue`, as `change` leaves its submission.
    pub(crate) fn make_review(&self, example: &str, change: impl FnOnce(&mut Value)) -> ReviewDocument {
        let sample = samples::ALL.iter().find(|sample| sample.name == "refund.issue").unwrap();
        let path = format!("examples/{example}.json");
        let (_, text) = sample.examples.iter().find(|(name, _)| *name == path).unwrap();
        let mut body: Value = serde_json::from_str(text).unwrap();
        change(&mut body);
        let (submission, decimals) = parse_submission(body.to_string().as_bytes()).unwrap();
        let context = AdmissionContext {
            submitter: AgentUrn::from_name("order-desk").unwrap(),
            now: self.clock.now(),
            chance: &self.chance,
            revision: 1,
            attempt: make_nonce(&self.chance),
            supersedes: None,
            parent: None,
            chain: Vec::new(),
            known: Vec::new(),
        };
        let admitted = judge(&submission, &decimals, &self.contract, &context).unwrap();
        let expires_at = admitted.predicate.request.as_ref().unwrap().expires_at;
        let review_id = ReviewId::make(self.clock.now(), &self.chance);
        self.with(|state| state.disclosures.insert(review_id.to_string(), admitted.disclosures.clone()));
        ReviewDocument {
            review_id,
            handoff_id: admitted.predicate.handoff_id,
            version: 1,
            contract: admitted.predicate.contract.clone(),
            handoff: envelope(statement::build_handoff(&admitted.predicate).unwrap(), "handoff"),
            state: ReviewState::Open,
            decisions: Vec::new(),
            outcome: None,
            delivered_at: None,
            result: None,
            superseded_by: None,
            opened_at: self.clock.now(),
            expires_at,
        }
    }

    /// Makes a review and has it.
    pub(crate) fn add_review(&self, example: &str) -> ReviewDocument {
        let document = self.make_review(example, |_| {});
        self.put(document.clone());
        document
    }

    pub(crate) fn put(&self, document: ReviewDocument) {
        self.with(|state| state.reviews.insert(document.review_id.to_string(), document));
    }

    /// Ends a review.
    pub(crate) fn close(
        &self,
        review_id: ReviewId,
        kind: OutcomeKind,
        cause: OutcomeCause,
        superseded_by: Option<ReviewId>,
    ) -> ReviewDocument {
        self.with(|state| {
            let document = state.reviews.get_mut(&review_id.to_string()).unwrap();
            document.version += 1;
            document.state = match kind {
                OutcomeKind::Approved => ReviewState::Approved,
                OutcomeKind::Rejected => ReviewState::Rejected,
                OutcomeKind::Expired => ReviewState::Expired,
                OutcomeKind::Withdrawn => ReviewState::Withdrawn,
                OutcomeKind::Superseded => ReviewState::Superseded,
            };
            document.outcome = Some(OutcomeSummary {
                outcome_id: OutcomeId::make(self.clock.now(), &self.chance),
                outcome: kind,
                cause,
                formed_at: self.clock.now(),
            });
            document.superseded_by = superseded_by;
            document.clone()
        })
    }

    /// A counted decision of another reviewer.
    pub(crate) fn somebody_elses(&self, decision: DecisionKind) -> DecisionSummary {
        DecisionSummary {
            decision_id: DecisionId::make(self.clock.now(), &self.chance),
            decision,
            reviewer: UserUrn::from_name("bo-example").unwrap(),
            reviewer_name: "Bo Example".to_owned(),
            decided_at: self.clock.now(),
            recorded_at: self.clock.now(),
            recorded: self.record("another reviewer's"),
            counted: true,
            why: None,
        }
    }

    /// Other entries than those that were shown before, as many as there are.
    pub(crate) fn fork(&self) {
        self.with(|state| state.entries = (0..state.entries.len()).map(|n| format!("{{\"other\":{n}}}")).collect());
    }

    fn checkpoint(&self) -> String {
        let leaves = self.leaves();
        let head = Head::new(ORIGIN, leaves.len() as u64, root_of(&leaves)).unwrap();
        Checkpoint::sign(head, &key("ledger")).unwrap().to_string()
    }

    fn leaves(&self) -> Vec<Hash> {
        self.with(|state| state.entries.iter().map(|entry| leaf_hash(entry.as_bytes())).collect())
    }

    fn record(&self, text: &str) -> LedgerPosition {
        self.with(|state| {
            let entry = json!({ "object": text }).to_string();
            state.entries.push(entry.clone());
            LedgerPosition { seq: state.entries.len() as u64 - 1, leaf: leaf_hash(entry.as_bytes()).to_string() }
        })
    }

    // ---- what it answers ----

    async fn serve(&self, mut stream: TcpStream) {
        while let Some((method, path, body)) = read_request(&mut stream).await {
            if self.with(|state| state.is_down) {
                return;
            }
            let ended = self.with(|state| state.ended).filter(|_| {
                ["/v1/sessions", "/v1/me", "/v1/reviews", "/v1/audit"].iter().any(|path_of| path.starts_with(path_of))
                    && !path.ends_with("/challenges")
            });
            if ended.is_none() && path.starts_with("/v1/reviews/stream") {
                return self.stream(stream).await;
            }
            let (status, body) = match ended {
                Some(detail) => problem_of(403, ErrorCode::AccessEnded, detail),
                None => self.answer(&method, &path, &body),
            };
            if status == 0 {
                return;
            }
            let head = format!(
                "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
                body.len()
            );
            if stream.write_all(head.as_bytes()).await.is_err() || stream.write_all(body.as_bytes()).await.is_err() {
                return;
            }
        }
    }

    /// Every review once, then a heartbeat, then silence until the desk goes or everybody is told that something changed.
    async fn stream(&self, mut stream: TcpStream) {
        let mut rights_changed = self.rights_changed.subscribe();
        let reviews: Vec<ReviewDocument> = self.with(|state| state.reviews.values().cloned().collect());
        let mut text = "HTTP/1.1 200 X\r\ncontent-type: text/event-stream\r\n\r\n: hello\n\n".to_owned();
        for (n, review) in reviews.iter().enumerate() {
            text.push_str(&format!("event: review\nid: {n}\ndata: {}\n\n", to_text(review)));
        }
        let _ = stream.write_all(text.as_bytes()).await;
        let mut nothing = [0u8; 1];
        tokio::select! {
            _ = stream.read(&mut nothing) => {}
            // As the gateway does: it ends the stream of a device that has ended, and tells one with other roles to look anew.
            _ = rights_changed.recv() => if self.with(|state| state.ended).is_none() {
                let _ = stream.write_all(b"event: reset\nid: 9\ndata: {\"position\":\"9\"}\n\n").await;
                let _ = stream.read(&mut nothing).await;
            },
        }
    }

    fn answer(&self, method: &str, path: &str, body: &[u8]) -> (u16, String) {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        let number = |name: &str| -> u64 {
            query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=')?.parse().ok()).unwrap()
        };
        match (method, parts.as_slice()) {
            ("GET", ["v1", "trust"]) => ok(&self.trust()),
            ("GET", ["v1", "directory"]) => ok(&self.directory()),
            ("GET", ["v1", "directory", "handovers", _]) => ok(&self.handover()),
            ("GET", ["v1", "contracts", ..]) => (200, String::from_utf8(self.contract.canonical.clone()).unwrap()),
            ("GET", ["v1", "ledger", "checkpoint"]) => (200, self.checkpoint()),
            ("GET", ["v1", "ledger", "proofs", "consistency"]) => {
                let (from, to) = (number("from"), number("to"));
                let leaves = self.leaves();
                let proof = consistency(from as usize, &leaves[..to as usize], true);
                ok(&ConsistencyProof { from, to, proof: proof.iter().map(ToString::to_string).collect() })
            }
            ("GET", ["v1", "ledger", "proofs", "inclusion"]) => {
                let (seq, size) = (number("seq"), number("size"));
                let proof = inclusion(seq as usize, &self.leaves()[..size as usize]);
                let entry = self.with(|state| state.entries[seq as usize].clone());
                ok(&RecordedEntry { seq, entry, proof: proof.iter().map(ToString::to_string).collect(), size })
            }
            ("POST", ["v1", "enrolments"]) => self.enrol(body),
            ("POST", ["v1", "sessions", "challenges"]) => {
                ok(&ChallengeAnswer { challenge: "c".to_owned(), expires_at: self.clock.now().plus_ms(120_000) })
            }
            ("POST", ["v1", "sessions"]) => ok(&SessionAnswer {
                token: "token".to_owned(),
                expires_at: self.clock.now().plus_ms(3_600_000),
                person: self.person(),
                now: self.clock.now(),
            }),
            ("GET", ["v1", "me"]) => ok(&self.person()),
            ("GET", ["v1", "reviews"]) => ok(&ReviewPage {
                reviews: self.with(|state| state.reviews.values().cloned().collect()),
                next: None,
                position: "0".to_owned(),
            }),
            ("GET", ["v1", "reviews", id]) => match self.with(|state| state.reviews.get(*id).cloned()) {
                Some(document) => ok(&document),
                None => problem(404, ErrorCode::NotFound),
            },
            ("POST", ["v1", "reviews", _, "presented"]) => {
                let request: PresentedRequest = serde_json::from_slice(body).unwrap();
                self.with(|state| state.presented.push(request.view));
                problem(404, ErrorCode::NotFound)
            }
            ("POST", ["v1", "reviews", id, "reveals"]) => self.reveal(id, body),
            ("POST", ["v1", "reviews", _, "reveals", _, "copied"]) => {
                self.with(|state| state.n_copied += 1);
                ok(&CopiedAnswer { recorded: self.record("copied") })
            }
            ("POST", ["v1", "reviews", id, "decisions"]) => self.decide(id, body),
            _ => problem(404, ErrorCode::NotFound),
        }
    }

    fn reveal(&self, review_id: &str, body: &[u8]) -> (u16, String) {
        let request: RevealRequest = serde_json::from_slice(body).unwrap();
        let next = self.with(|state| {
            state.reveals.push(request.clone());
            state.next_reveal.take()
        });
        let (document, disclosures) =
            self.with(|state| (state.reviews[review_id].clone(), state.disclosures[review_id].clone()));
        let envelope = Envelope::from_value(&document.handoff).unwrap();
        let statement: Value = serde_json::from_slice(envelope.unverified_value().unverified_payload()).unwrap();
        let of = |path: &str| {
            mask::find_disclosure(&statement["predicate"], path, &disclosures).map(|(found, _)| found.to_owned())
        };
        let disclosure = match next {
            Some(NextReveal::Problem(status, code)) => return problem(status, code),
            Some(NextReveal::Lost) => return (0, String::new()),
            Some(NextReveal::Of(path)) => of(path).unwrap(),
            Some(NextReveal::Forged(disclosure)) => disclosure,
            None => of(&request.path).unwrap(),
        };
        ok(&RevealAnswer {
            reveal_id: request.reveal_id,
            path: request.path,
            disclosure,
            recorded: self.record("revealed"),
            recorded_at: self.clock.now(),
        })
    }

    fn person(&self) -> Person {
        let roles = self.with(|state| state.roles.clone());
        Person { id: UserUrn::from_name("ana").unwrap(), name: "Ana Example".to_owned(), roles }
    }

    fn enrol(&self, body: &[u8]) -> (u16, String) {
        let request: EnrolmentRequest = serde_json::from_slice(body).unwrap();
        let keyid = |text: &str| {
            let bytes = Base64UrlUnpadded::decode_vec(text).unwrap();
            seamark_ledger::key::PublicKey::parse(&bytes).unwrap().id().to_string()
        };
        let bytes = Base64UrlUnpadded::decode_vec(&request.decision_key).unwrap();
        self.with(|state| state.enrolled = seamark_ledger::key::PublicKey::parse(&bytes).ok());
        let recorded = self.record("enrolled");
        ok(&EnrolmentAnswer {
            person: self.person(),
            device_keyid: keyid(&request.device_key),
            decision_keyid: keyid(&request.decision_key),
            trust: self.trust(),
            recorded,
        })
    }

    fn decide(&self, review_id: &str, body: &[u8]) -> (u16, String) {
        let failure = self.with(|state| {
            state.n_decision_calls += 1;
            (!state.next_decisions.is_empty()).then(|| state.next_decisions.remove(0))
        });
        if let Some(code) = failure {
            return problem(if code == ErrorCode::Unavailable { 503 } else { 422 }, code);
        }
        let request: DecisionRequest = serde_json::from_slice(body).unwrap();
        let decision = read_decision(&request.envelope);
        let id = decision.decision_id.to_string();
        if let Some(known) = self.with(|state| state.decided.get(&id).cloned()) {
            return ok(&known);
        }
        let recorded = self.record(&id);
        let is_late = self.with(|state| state.reviews[review_id].state != ReviewState::Open);
        let summary = DecisionSummary {
            decision_id: decision.decision_id,
            decision: decision.decision,
            reviewer: decision.reviewer.id,
            reviewer_name: decision.reviewer.name,
            decided_at: decision.decided_at,
            recorded_at: self.clock.now(),
            recorded,
            counted: !is_late,
            why: is_late.then_some(NotCounted::Late),
        };
        self.with(|state| state.reviews.get_mut(review_id).unwrap().decisions.push(summary.clone()));
        let document = if is_late {
            self.with(|state| state.reviews[review_id].clone())
        } else {
            let (kind, cause) = match decision.decision {
                DecisionKind::Approve => (OutcomeKind::Approved, OutcomeCause::PolicyMet),
                DecisionKind::Reject => (OutcomeKind::Rejected, OutcomeCause::Veto),
                DecisionKind::Escalate => (OutcomeKind::Superseded, OutcomeCause::NewAttempt),
            };
            self.close(ReviewId::parse(review_id).unwrap(), kind, cause, None)
        };
        let answer = DecisionAnswer { decision: summary, review: document };
        self.with(|state| state.decided.insert(id, answer.clone()));
        ok(&answer)
    }
}

/// The predicate inside an envelope, unverified.
pub(crate) fn read_decision(envelope: &Value) -> DecisionPredicate {
    let envelope = Envelope::from_value(envelope).unwrap();
    let statement: Value = serde_json::from_slice(envelope.unverified_value().unverified_payload()).unwrap();
    serde_json::from_value(statement["predicate"].clone()).unwrap()
}

fn envelope(bytes: Vec<u8>, signer: &str) -> Value {
    serde_json::from_str(&Envelope::sign(bytes, &key(signer)).unwrap().to_json()).unwrap()
}

fn to_text(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap()
}

fn ok(value: &impl Serialize) -> (u16, String) {
    (200, to_text(value))
}

fn problem(status: u16, code: ErrorCode) -> (u16, String) {
    problem_of(status, code, "As the test wants.")
}

fn problem_of(status: u16, code: ErrorCode, detail: &str) -> (u16, String) {
    let problem = Problem {
        kind: "https://seamark.dev/problems/x".to_owned(),
        code,
        title: "No".to_owned(),
        status,
        detail: detail.to_owned(),
        violations: Vec::new(),
        request_id: "req_1".to_owned(),
        retry_after_ms: None,
        stored_digest: None,
    };
    (status, to_text(&problem))
}

async fn read_request(stream: &mut TcpStream) -> Option<(String, String, Vec<u8>)> {
    let mut bytes = Vec::new();
    let head_end = loop {
        let mut chunk = [0u8; 4096];
        match stream.read(&mut chunk).await {
            Ok(0) | Err(_) => return None,
            Ok(n) => bytes.extend_from_slice(&chunk[..n]),
        }
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break at + 4;
        }
    };
    let head = String::from_utf8(bytes[..head_end].to_vec()).unwrap();
    let mut first = head.lines().next()?.split(' ');
    let (method, path) = (first.next()?.to_owned(), first.next()?.to_owned());
    let length = head
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .map_or(0, |(_, value)| value.trim().parse().unwrap());
    let mut body = bytes[head_end..].to_vec();
    while body.len() < length {
        let mut chunk = [0u8; 4096];
        match stream.read(&mut chunk).await {
            Ok(0) | Err(_) => return None,
            Ok(n) => body.extend_from_slice(&chunk[..n]),
        }
    }
    Some((method, path, body))
}

// ---- the tree, in the recursive form of RFC 9162 §2.1, independent of the code under test ----

fn split(n: usize) -> usize {
    n.next_power_of_two() / 2
}

fn root_of(leaves: &[Hash]) -> Hash {
    match leaves {
        [leaf] => *leaf,
        _ => {
            let k = split(leaves.len());
            node_hash(&root_of(&leaves[..k]), &root_of(&leaves[k..]))
        }
    }
}

fn inclusion(index: usize, leaves: &[Hash]) -> Vec<Hash> {
    if leaves.len() <= 1 {
        return Vec::new();
    }
    let k = split(leaves.len());
    let (mut proof, beside) = if index < k {
        (inclusion(index, &leaves[..k]), root_of(&leaves[k..]))
    } else {
        (inclusion(index - k, &leaves[k..]), root_of(&leaves[..k]))
    };
    proof.push(beside);
    proof
}

fn consistency(from: usize, leaves: &[Hash], is_whole: bool) -> Vec<Hash> {
    if from == leaves.len() {
        return if is_whole { Vec::new() } else { vec![root_of(leaves)] };
    }
    let k = split(leaves.len());
    let (mut proof, beside) = if from <= k {
        (consistency(from, &leaves[..k], is_whole), root_of(&leaves[k..]))
    } else {
        (consistency(from - k, &leaves[k..], false), root_of(&leaves[..k]))
    };
    proof.push(beside);
    proof
}
