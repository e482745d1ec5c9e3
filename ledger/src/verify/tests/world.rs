//! A whole refund, from the submission to the report of its execution, in one place: every test changes one thing in it.

use seamark_contracts::admission::{AdmissionContext, judge, parse_submission, reattempt};
use seamark_contracts::api::agent::Delivery;
use seamark_contracts::api::audit::AuditRecord;
use seamark_contracts::api::ledger::{ConsistencyProof, RecordedEntry};
use seamark_contracts::api::reveal::RecordedBody;
use seamark_contracts::api::review::{ReviewDocument, ReviewState};
use seamark_contracts::clock::{SeededChance, Timestamp, make_nonce};
use seamark_contracts::contract::CompiledContract;
use seamark_contracts::decision::{
    ConfirmedValue, DecisionKind, DecisionPredicate, Escalation, Reason, Reviewer, SeenCheckpoint, UserVerification,
    VerificationMethod, ViewRef, Window,
};
use seamark_contracts::digest::Digest;
use seamark_contracts::handoff::{EscalatedFrom, HandoffPredicate};
use seamark_contracts::id::{AgentUrn, DecisionId, OutcomeId, ReviewId, UserUrn};
use seamark_contracts::outcome::{ExecutionPredicate, ExecutionResult, OutcomePredicate};
use seamark_contracts::samples;
use seamark_contracts::view::render::{RenderInput, render};
use seamark_contracts::{canonical, mask};
use serde_json::{Value, json};
use std::collections::HashMap;

use super::super::*;
use crate::checkpoint::{Checkpoint, Head};
use crate::directory::{DirectoryKey, DirectoryPredicate, DirectoryRole, DirectorySubject, SubjectKind};
use crate::entry::{Entry, EntryType, Version, leaf_digest};
use crate::key::{KeyUse, Signature, Signer, SigningKey, TrustSet};
use crate::statement::{self, DecisionStatement, HandoffStatement, OutcomeStatement};
use crate::testing::{at, key};
use crate::tree::{Frontier, Hash, NodeId, leaf_hash, plan_consistency, plan_inclusion};
use crate::verified::Verified;

pub(super) const ORIGIN: &str = "ledger.acme.example";
pub(super) const AUDIENCE: &str = "https://refunds.shop.example/execute";
const RENDERER: &str = concat!("seamark-desk/", env!("CARGO_PKG_VERSION"));

/// A signed decision with the view that it was made on.
#[derive(Clone)]
pub(super) struct Signed {
    pub(super) envelope: Value,
    pub(super) view: Vec<u8>,
    pub(super) statement: Verified<DecisionStatement>,
    pub(super) recorded_at: Timestamp,
}

pub(super) struct World {
    pub(super) now: Timestamp,
    pub(super) chance: SeededChance,
    pub(super) contract: CompiledContract,
    pub(super) directory: DirectoryPredicate,
    pub(super) handoff: Verified<HandoffStatement>,
    pub(super) handoff_envelope: Value,
    pub(super) disclosures: Vec<String>,
    pub(super) decisions: Vec<Signed>,
    pub(super) outcome: Option<(Verified<OutcomeStatement>, Value)>,
    pub(super) executions: Vec<Value>,
    /// Digests that views name as revealed.
    pub(super) disclosed: Vec<String>,
    pub(super) bodies: Vec<RecordedBody>,
    entries: Vec<Entry>,
    bytes: Vec<Vec<u8>>,
    frontier: Frontier,
    nodes: HashMap<NodeId, Hash>,
}

pub(super) fn urn(person: &str) -> String {
    format!("urn:seamark:user:{person}")
}

fn directory() -> DirectoryPredicate {
    let begin = at("2026-01-01T00:00:00.000Z");
    let roles = |names: &[&str]| -> Vec<DirectoryRole> {
        names.iter().map(|role| DirectoryRole { role: (*role).to_owned(), from: begin, to: None }).collect()
    };
    let subject = |id: &str, kind, name: &str, names: &[&str]| DirectorySubject {
        id: id.to_owned(),
        kind,
        name: name.to_owned(),
        owners: Vec::new(),
        roles: roles(names),
    };
    let listed =
        |name: &str, key_use, subject: &str| DirectoryKey::new(&key(name).public_key(), key_use, subject, begin, None);
    let gateway = "urn:seamark:gateway:g1";
    DirectoryPredicate {
        org: "acme".to_owned(),
        version: 3,
        valid_from: begin,
        valid_to: at("2027-01-01T00:00:00.000Z"),
        subjects: vec![
            subject(gateway, SubjectKind::Gateway, "Gateway 1", &[]),
            subject(&urn("alice"), SubjectKind::Person, "Alice Example", &["reviewer"]),
            subject(&urn("bob"), SubjectKind::Person, "Bob Example", &["reviewer", "refund-managers"]),
            subject(&urn("carol"), SubjectKind::Person, "Carol Example", &["compliance"]),
            subject("urn:seamark:agent:order-desk", SubjectKind::Agent, "order-desk", &[]),
            subject("urn:seamark:agent:refund-executor", SubjectKind::Executor, "refund-executor", &[]),
        ],
        keys: vec![
            listed("handoff", KeyUse::Handoff, gateway),
            listed("outcome", KeyUse::Outcome, gateway),
            listed("alice", KeyUse::Decision, &urn("alice")),
            listed("alice-device", KeyUse::Device, &urn("alice")),
            listed("bob", KeyUse::Decision, &urn("bob")),
            listed("carol", KeyUse::Decision, &urn("carol")),
            listed("executor", KeyUse::Execution, "urn:seamark:agent:refund-executor"),
        ],
        next_root: None,
    }
}

fn admit(
    example: &str,
    now: Timestamp,
    chance: &SeededChance,
    contract: &CompiledContract,
) -> (HandoffPredicate, Vec<String>) {
    let sample = samples::find("refund.issue").unwrap();
    let (_, text) = sample.examples.iter().find(|(path, _)| path.contains(example)).unwrap();
    let (submission, decimals) = parse_submission(text.as_bytes()).unwrap();
    let context = AdmissionContext {
        submitter: AgentUrn::from_name("order-desk").unwrap(),
        now,
        chance,
        revision: 1,
        attempt: make_nonce(chance),
        supersedes: None,
        parent: None,
        chain: Vec::new(),
        known: Vec::new(),
    };
    let admitted = judge(&submission, &decimals, contract, &context).unwrap();
    (admitted.predicate, admitted.disclosures)
}

impl World {
    /// A refund that waits for a decision.
    pub(super) fn open() -> Self {
        Self::of("partial-refund", |_| {})
    }

    /// A handoff out of a sample's example, changed before it is signed.
    pub(super) fn of(example: &str, change: impl FnOnce(&mut HandoffPredicate)) -> Self {
        Self::behind(example, change, |_| {})
    }

    /// The same, behind entries that the ledger has of it before it came.
    pub(super) fn behind(
        example: &str,
        change: impl FnOnce(&mut HandoffPredicate),
        before: impl FnOnce(&mut Self),
    ) -> Self {
        let (now, chance) = (at("2026-11-22T06:00:00.000Z"), SeededChance::new(7));
        let contract =
            CompiledContract::from_document(samples::find("refund.issue").unwrap().contract.as_bytes()).unwrap();
        let (mut predicate, disclosures) = admit(example, now, &chance, &contract);
        change(&mut predicate);
        let directory = directory();
        let trust = crate::directory::trust_set(&directory).unwrap();
        let envelope =
            statement::sign(statement::build_handoff(&predicate).unwrap(), &key("handoff")).unwrap().to_value();
        let handoff = verify_handoff(&envelope, &trust, now).unwrap();
        let mut world = Self {
            now,
            chance,
            contract,
            directory,
            handoff,
            handoff_envelope: envelope,
            disclosures,
            decisions: Vec::new(),
            outcome: None,
            executions: Vec::new(),
            disclosed: Vec::new(),
            bodies: Vec::new(),
            entries: Vec::new(),
            bytes: Vec::new(),
            frontier: Frontier::default(),
            nodes: HashMap::new(),
        };
        world.other(EntryType::LedgerGenesis);
        before(&mut world);
        let (digest, signature) = (world.handoff.digest, world.handoff.signature);
        world.record(EntryType::HandoffReceived, "g1", digest, &[signature]);
        let kind =
            if world.handoff.predicate.request.is_some() { EntryType::ReviewOpened } else { EntryType::HandoffPassed };
        world.record(kind, "g1", digest, &[signature]);
        world.other(EntryType::KeyEnrolled);
        world
    }

    /// An approved refund, delivered and not executed yet.
    pub(super) fn approved() -> Self {
        let mut world = Self::open();
        world.decide("alice", DecisionKind::Approve);
        world.conclude(None);
        world
    }

    /// The whole way.
    pub(super) fn executed() -> Self {
        let mut world = Self::approved();
        world.execute(|_| {});
        world
    }

    pub(super) fn trust(&self) -> TrustSet {
        crate::directory::trust_set(&self.directory).unwrap()
    }

    pub(super) fn pinned(&self) -> Pinned {
        Pinned {
            root_key: key("root").public_key(),
            ledger_vkey: Vkey::new(ORIGIN, VkeyKind::Log, key("ledger").public_key()).unwrap(),
            audience: Some(AUDIENCE.to_owned()),
            ungated: BTreeSet::new(),
            outside: Outside::default(),
            contracts: None,
            now: self.now,
        }
    }

    pub(super) fn later(&mut self, ms: i64) {
        self.now = self.now.plus_ms(ms);
    }

    // ---- the ledger ----

    fn append(&mut self, entry: Entry) {
        let bytes = entry.to_bytes().unwrap();
        let stored = self.frontier.append(leaf_hash(&bytes)).unwrap();
        self.nodes.extend(stored.iter().map(|node| (node.id, node.hash)));
        self.entries.push(entry);
        self.bytes.push(bytes);
    }

    /// An event of this handoff.
    pub(super) fn record(&mut self, kind: EntryType, actor: &str, object: Digest, signatures: &[Signature]) {
        let signed = &self.handoff.predicate;
        let reference = ledger_ref(&signed.source.submitted_by, &signed.handoff_id).unwrap();
        let same = self.entries.iter().zip(&self.bytes).rev().find(|(entry, _)| entry.handoff == Some(reference));
        let prev = same.map(|(_, bytes)| leaf_digest(bytes));
        let entry = Entry {
            actor: actor.to_owned(),
            at: self.now,
            handoff: Some(reference),
            object,
            origin: ORIGIN.to_owned(),
            prev,
            seq: self.frontier.size(),
            sigs: signatures.iter().map(Signature::digest).collect(),
            kind,
            v: Version,
        };
        self.append(entry);
    }

    /// An event of the gateway.
    pub(super) fn other(&mut self, kind: EntryType) {
        let entry = Entry {
            actor: "g1".to_owned(),
            at: self.now,
            handoff: None,
            object: Digest::of(kind.as_str().as_bytes()),
            origin: ORIGIN.to_owned(),
            prev: None,
            seq: self.frontier.size(),
            sigs: Vec::new(),
            kind,
            v: Version,
        };
        self.append(entry);
    }

    pub(super) fn head(&self) -> SeenCheckpoint {
        let (size, root) = (self.frontier.size(), self.frontier.root().to_string());
        SeenCheckpoint { origin: ORIGIN.to_owned(), size, root }
    }

    pub(super) fn checkpoint(&self) -> String {
        let head = Head::new(ORIGIN, self.frontier.size(), self.frontier.root()).unwrap();
        Checkpoint::sign(head, &key("ledger")).unwrap().to_string()
    }

    fn recorded(&self) -> Vec<RecordedEntry> {
        let size = self.frontier.size();
        let of_handoff = self.entries.iter().zip(&self.bytes).filter(|(entry, _)| entry.handoff.is_some());
        of_handoff
            .map(|(entry, bytes)| {
                let plan = plan_inclusion(entry.seq, size).unwrap();
                let proof = plan.assemble(|id| self.nodes.get(&id).copied()).unwrap();
                let proof = proof.iter().map(Hash::to_string).collect();
                RecordedEntry { seq: entry.seq, entry: String::from_utf8(bytes.clone()).unwrap(), proof, size }
            })
            .collect()
    }

    fn consistency(&self) -> Vec<ConsistencyProof> {
        let to = self.frontier.size();
        let seen = self.decisions.iter().map(|signed| signed.statement.predicate.seen_checkpoint.size);
        let named = self.outcome.iter().map(|(outcome, _)| outcome.predicate.ledger.size);
        let sizes: BTreeSet<u64> = seen.chain(named).collect();
        let prove = |from: u64| {
            let proof = plan_consistency(from, to).unwrap().assemble(|id| self.nodes.get(&id).copied()).unwrap();
            ConsistencyProof { from, to, proof: proof.iter().map(Hash::to_string).collect() }
        };
        sizes.into_iter().filter(|from| *from < to).map(prove).collect()
    }

    // ---- reveals ----

    /// Somebody who may decide and read masked fields.
    pub(super) fn with_dora(mut self) -> Self {
        let begin = self.directory.valid_from;
        let role = |role: &str| DirectoryRole { role: role.to_owned(), from: begin, to: None };
        self.directory.subjects.push(DirectorySubject {
            id: urn("dora"),
            kind: SubjectKind::Person,
            name: "Dora Example".to_owned(),
            owners: Vec::new(),
            roles: vec![role("reviewer"), role("compliance")],
        });
        let listed = DirectoryKey::new(&key("dora").public_key(), KeyUse::Decision, &urn("dora"), begin, None);
        self.directory.keys.push(listed);
        self
    }

    /// A person reads a masked field of this path; the body may be changed first.
    pub(super) fn reveal(&mut self, person: &str, path: &str, change: impl FnOnce(&mut Value)) {
        let signed = serde_json::to_value(&self.handoff.predicate).unwrap();
        let (_, digest) = mask::find_disclosure(&signed, path, &self.disclosures).unwrap();
        let keyid = key(person).public_key().id().to_string();
        let mut body = json!({
            "v": 1, "type": "disclosure.revealed", "nonce": make_nonce(&self.chance), "person": urn(person), "device": keyid,
            "path": path, "purpose": { "code": "contact-person", "text": "<b>call back</b>" }, "disclosure": digest,
            "statement": self.handoff.digest,
        });
        change(&mut body);
        self.event(EntryType::DisclosureRevealed, &keyid, &body);
        if !self.disclosed.contains(&digest) {
            self.disclosed.push(digest);
            self.disclosed.sort();
        }
    }

    /// What was read last is put on the clipboard.
    pub(super) fn copy(&mut self, person: &str, change: impl FnOnce(&mut Value)) {
        let keyid = key(person).public_key().id().to_string();
        let last = self.entries.iter().rev().find(|entry| entry.kind == EntryType::DisclosureRevealed).unwrap();
        let mut body = json!({
            "v": 1, "type": "disclosure.copied", "nonce": make_nonce(&self.chance), "person": urn(person), "device": keyid,
            "reveal": last.seq, "disclosure": self.disclosed.last().unwrap(),
        });
        change(&mut body);
        self.event(EntryType::DisclosureCopied, &keyid, &body);
    }

    /// An event of this handoff with a body that a record has.
    pub(super) fn event(&mut self, kind: EntryType, actor: &str, body: &Value) {
        let text = String::from_utf8(canonical::to_bytes(body).unwrap()).unwrap();
        self.bodies.push(RecordedBody { seq: self.frontier.size(), body: text.clone() });
        self.record(kind, actor, Digest::of(text.as_bytes()), &[]);
    }

    // ---- decisions ----

    pub(super) fn view(&mut self) -> (seamark_contracts::view::View, Vec<u8>) {
        let input = RenderInput {
            statement_digest: self.handoff.digest,
            predicate: &self.handoff.predicate,
            contract: &self.contract,
            nonce: make_nonce(&self.chance),
            renderer: RENDERER,
            disclosed: &self.disclosed,
        };
        let view = render(&input).unwrap();
        let bytes = view.to_bytes().unwrap();
        (view, bytes)
    }

    /// What a person signs who does everything right, with the view.
    pub(super) fn draft(&mut self, person: &str, kind: DecisionKind) -> (DecisionPredicate, Vec<u8>) {
        let (view, bytes) = self.view();
        let signer = key(person).public_key().id().to_string();
        self.record(EntryType::HandoffPresented, &signer, Digest::of(&bytes), &[]);
        let opened_at = self.now;
        self.later(40_000);
        let listed = self.directory.subjects.iter().find(|subject| subject.id == urn(person));
        let (name, role) = listed.map_or_else(
            || (person.to_owned(), "reviewer".to_owned()),
            |subject| (subject.name.clone(), subject.roles[0].role.clone()),
        );
        let signed = &self.handoff.predicate;
        let request = signed.request.as_ref().unwrap();
        let escalates = kind == DecisionKind::Escalate;
        let predicate = DecisionPredicate {
            decision_id: DecisionId::make(self.now, &self.chance),
            decision: kind,
            meaning: kind.meaning().to_owned(),
            attempt: signed.attempt.clone(),
            audience: signed.destination.audience.clone(),
            constraints: (kind == DecisionKind::Approve).then(|| Window {
                not_before: self.now,
                expires_at: self.now.plus_ms(900_000),
                max_uses: 1,
            }),
            contract: signed.contract.clone(),
            policy: request.policy.clone(),
            reviewer: Reviewer { id: UserUrn::parse(&urn(person)).unwrap(), name, role, keyid: signer },
            view: ViewRef {
                digest: Digest::of(&bytes),
                disclosed: view.disclosed.clone(),
                opened_at,
                dwell_ms: 40_000,
                opened: view.evidence.iter().map(|evidence| evidence.id.clone()).collect(),
            },
            auth: UserVerification { method: VerificationMethod::Pin, at: self.now },
            reason: Reason {
                code: if kind == DecisionKind::Reject { "other" } else { "none" }.to_owned(),
                text: String::new(),
            },
            escalation: escalates
                .then(|| Escalation { to: "refund-managers".to_owned(), question: "Is this one of yours?".to_owned() }),
            confirmed: view
                .facts
                .iter()
                .filter(|fact| fact.confirm)
                .map(|fact| ConfirmedValue { fact: fact.id.clone(), value: fact.value.clone() })
                .collect(),
            seen_checkpoint: self.head(),
            decided_at: self.now,
        };
        (predicate, bytes)
    }

    /// Signs a decision without any check.
    pub(super) fn sign_decision(&self, predicate: &DecisionPredicate, signer: &SigningKey) -> Value {
        let bytes =
            statement::build_decision(predicate, self.handoff.predicate.handoff_id, self.handoff.digest).unwrap();
        statement::sign(bytes, signer).unwrap().to_value()
    }

    pub(super) fn decide(&mut self, person: &str, kind: DecisionKind) {
        let (predicate, view) = self.draft(person, kind);
        self.cast(&predicate, view, &key(person), EntryType::DecisionRecorded);
    }

    /// Checks a decision as it is recorded now.
    pub(super) fn judge(&self, envelope: &Value, view: &[u8]) -> Result<Verified<DecisionStatement>, DecisionFault> {
        check_decision(envelope, &self.handoff, &self.contract, &self.trust(), view, self.now)
    }

    /// Checks, records and keeps a decision.
    pub(super) fn cast(&mut self, predicate: &DecisionPredicate, view: Vec<u8>, signer: &SigningKey, kind: EntryType) {
        let envelope = self.sign_decision(predicate, signer);
        let statement = self.judge(&envelope, &view).unwrap();
        let signature = statement.signature;
        self.record(kind, &predicate.reviewer.keyid, statement.digest, &[signature]);
        self.decisions.push(Signed { envelope, view, statement, recorded_at: self.now });
    }

    /// Records a decision that was signed elsewhere.
    pub(super) fn adopt(&mut self, mut signed: Signed) {
        let (keyid, signature) = (signed.statement.predicate.reviewer.keyid.clone(), signed.statement.signature);
        self.record(EntryType::DecisionRecorded, &keyid, signed.statement.digest, &[signature]);
        signed.recorded_at = self.now;
        self.decisions.push(signed);
    }

    pub(super) fn ballots<'w>(&'w self, trust: &TrustSet) -> Vec<Ballot<'w>> {
        let ballot = |signed: &'w Signed| Ballot {
            decision: &signed.statement,
            recorded_at: signed.recorded_at,
            eligibility: judge_reviewer(&signed.statement.predicate, &self.handoff.predicate, trust),
            until: holds_until(&signed.statement, trust, signed.recorded_at),
        };
        self.decisions.iter().map(ballot).collect()
    }

    pub(super) fn form(&self, close: Option<&Close>) -> Result<OutcomePredicate, FormError> {
        let escalated =
            self.decisions.iter().any(|signed| signed.statement.predicate.decision == DecisionKind::Escalate);
        let is_superseded =
            escalated || matches!(close, Some(Close::NewRevision | Close::Deadline { escalates: true }));
        let parts = OutcomeParts {
            outcome_id: OutcomeId::make(self.now, &self.chance),
            superseded_by: is_superseded.then(|| Digest::of(b"next")),
            ledger: self.head(),
            formed_by: key("outcome").public_key().id(),
            formed_at: self.now,
        };
        form_outcome(&self.handoff, &self.ballots(&self.trust()), close, parts)
    }

    /// The decisions so far, as an outcome would list them.
    pub(super) fn form_counted(&self) -> Vec<seamark_contracts::outcome::CountedDecision> {
        recount(&self.handoff, &self.ballots(&self.trust()), None, self.now).decisions
    }

    pub(super) fn note_withdrawal(&mut self) {
        self.record(EntryType::HandoffWithdrawn, "order-desk-key", Digest::of(b"withdrawal"), &[]);
    }

    /// The source changed the content; see [`Self::form`].
    pub(super) fn note_revision(&mut self) {
        self.record(EntryType::HandoffSuperseded, "order-desk-key", Digest::of(b"next"), &[]);
    }

    pub(super) fn conclude(&mut self, close: Option<&Close>) {
        let predicate = self.form(close).unwrap();
        self.conclude_as(&predicate, &key("outcome"));
    }

    /// Signs and records whatever outcome it is given.
    pub(super) fn conclude_as(&mut self, predicate: &OutcomePredicate, signer: &SigningKey) {
        let bytes = statement::build_outcome(predicate, self.handoff.digest).unwrap();
        let envelope = statement::sign(bytes, signer).unwrap().to_value();
        // Read back under a set that trusts the signer, so that forged outcomes can be recorded too.
        let mut directory = self.directory.clone();
        if directory.keys.iter().all(|listed| listed.keyid != signer.public_key().id().to_string()) {
            let gateway = "urn:seamark:gateway:g1";
            let begin = directory.valid_from;
            directory.keys.push(DirectoryKey::new(&signer.public_key(), KeyUse::Outcome, gateway, begin, None));
        }
        let trust = crate::directory::trust_set(&directory).unwrap();
        let outcome = statement::verify::<OutcomePredicate>(&envelope, &trust).unwrap();
        let (digest, signature) = (outcome.digest, outcome.signature);
        self.record(EntryType::OutcomeFormed, &predicate.formed_by, digest, &[signature]);
        self.outcome = Some((outcome, envelope));
    }

    // ---- execution ----

    pub(super) fn execute(&mut self, change: impl FnOnce(&mut ExecutionPredicate)) {
        let (outcome, _) = self.outcome.clone().unwrap();
        self.later(5_000);
        let signed = &self.handoff.predicate;
        let counting = outcome.predicate.decisions.iter().filter(|decision| decision.counted);
        let mut predicate = ExecutionPredicate {
            result: ExecutionResult::Executed,
            phase: None,
            code: None,
            attempt: signed.attempt.clone(),
            decisions: counting.map(|decision| decision.digest).collect(),
            disclosures: Vec::new(),
            executed_at: self.now,
            executor: signed.destination.agent.clone(),
        };
        change(&mut predicate);
        if predicate.result == ExecutionResult::Executed {
            self.use_up();
        }
        self.report(&predicate);
    }

    /// The destination uses the attempt at the gateway.
    pub(super) fn use_up(&mut self) {
        self.record(EntryType::AttemptConsumed, "refund-executor-key", Digest::of(b"use"), &[]);
    }

    /// Signs and records whatever report it is given.
    pub(super) fn report(&mut self, predicate: &ExecutionPredicate) {
        let (outcome, _) = self.outcome.clone().unwrap();
        let signed = &self.handoff.predicate;
        let outcome = (outcome.predicate.outcome_id, outcome.digest);
        let bytes =
            statement::build_execution(predicate, (signed.handoff_id, self.handoff.digest), Some(outcome)).unwrap();
        let envelope = statement::sign(bytes, &key("executor")).unwrap();
        let digest = envelope.unverified_digest();
        let signature = envelope.unverified_signatures()[0].signature.unwrap();
        let keyid = key("executor").public_key().id().to_string();
        self.record(EntryType::ExecutionReported, &keyid, digest, &[signature]);
        self.executions.push(envelope.to_value());
    }

    /// The same content asked anew, by escalation.
    pub(super) fn escalated(&self) -> HandoffPredicate {
        let escalated = EscalatedFrom { by: None, to: "refund-managers".to_owned(), question: "Late.".to_owned() };
        let request = self.handoff.predicate.request.as_ref().unwrap();
        let candidates = vec!["refund-managers".to_owned()];
        let attempt = make_nonce(&self.chance);
        reattempt(
            &self.handoff.predicate,
            attempt,
            self.handoff.digest,
            self.now,
            escalated,
            candidates,
            request.expires_at,
        )
    }

    // ---- what is handed over ----

    pub(super) fn directory_envelope(&self) -> Value {
        let bytes = statement::build_directory(&self.directory, Some(Digest::of(b"before"))).unwrap();
        statement::sign(bytes, &key("root")).unwrap().to_value()
    }

    pub(super) fn delivery(&self) -> Delivery {
        Delivery {
            format: "seamark-delivery/v1".to_owned(),
            outcome: self.outcome.as_ref().map(|(_, envelope)| envelope.clone()),
            handoff: self.handoff_envelope.clone(),
            decisions: self.decisions.iter().map(|signed| signed.envelope.clone()).collect(),
            views: self.decisions.iter().map(|signed| serde_json::from_slice(&signed.view).unwrap()).collect(),
            contract: String::from_utf8(self.contract.canonical.clone()).unwrap(),
            directory: self.directory_envelope(),
            proofs: self.recorded(),
            checkpoint: self.checkpoint(),
            disclosures: self.disclosures.clone(),
        }
    }

    pub(super) fn audit_record(&self) -> AuditRecord {
        let signed = &self.handoff.predicate;
        AuditRecord {
            review: ReviewDocument {
                review_id: ReviewId::make(self.now, &self.chance),
                handoff_id: signed.handoff_id,
                version: 1,
                handoff: self.handoff_envelope.clone(),
                contract: signed.contract.clone(),
                state: ReviewState::Approved,
                decisions: Vec::new(),
                outcome: None,
                delivered_at: None,
                result: None,
                superseded_by: None,
                opened_at: signed.created_at,
                expires_at: signed.request.as_ref().map_or(self.now, |request| request.expires_at),
            },
            decisions: self.decisions.iter().map(|signed| signed.envelope.clone()).collect(),
            views: self.decisions.iter().map(|signed| String::from_utf8(signed.view.clone()).unwrap()).collect(),
            outcome: self.outcome.as_ref().map(|(_, envelope)| envelope.clone()),
            executions: self.executions.clone(),
            entries: self.recorded(),
            timestamp: None,
            bodies: self.bodies.clone(),
            checkpoint: self.checkpoint(),
            consistency: self.consistency(),
            directory: self.directory_envelope(),
            contract: String::from_utf8(self.contract.canonical.clone()).unwrap(),
        }
    }
}
