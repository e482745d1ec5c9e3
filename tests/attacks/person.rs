//! A reviewer with a client of their own making: they can send whatever they like, signed with their enrolled key.

use base64ct::{Base64UrlUnpadded, Encoding as _};
use seamark_contracts::api::device::{EnrolmentAnswer, SessionAnswer};
use seamark_contracts::api::review::{DecisionAnswer, ReviewDocument};
use seamark_contracts::clock::make_nonce;
use seamark_contracts::contract::compiled::CompiledContract;
use seamark_contracts::decision::{
    ConfirmedValue, DecisionKind, DecisionPredicate, Escalation, Reason, Reviewer, SeenCheckpoint, UserVerification,
    VerificationMethod, ViewRef, Window,
};
use seamark_contracts::digest::Digest;
use seamark_contracts::handoff::HandoffPredicate;
use seamark_contracts::id::DecisionId;
use seamark_contracts::samples;
use seamark_contracts::view::View;
use seamark_contracts::view::render::{RenderInput, render};
use seamark_ledger::key::{Signer as _, SigningKey};
use seamark_ledger::statement;
use serde_json::{Value, json};

use crate::stage::{Reply, Stage, payload_of, statement_of};

pub struct Person {
    pub device_key: SigningKey,
    pub decision_key: SigningKey,
    pub answer: EnrolmentAnswer,
    pub token: String,
}

/// A decision that is not signed yet.
pub struct Draft {
    pub predicate: DecisionPredicate,
    pub handoff: Value,
    pub view: String,
}

fn key(name: &str) -> SigningKey {
    SigningKey::from_seed(Digest::of(name.as_bytes()).as_bytes())
}

fn key_text(key: &SigningKey) -> String {
    Base64UrlUnpadded::encode_string(key.public_key().as_bytes())
}

fn sign_text(key: &SigningKey, message: &str) -> String {
    Base64UrlUnpadded::encode_string(key.sign(message.as_bytes()).unwrap().as_bytes())
}

/// The predicate of a handoff's envelope.
pub fn predicate_of(handoff: &Value) -> HandoffPredicate {
    serde_json::from_value(statement_of(handoff)["predicate"].clone()).unwrap()
}

impl Person {
    pub async fn enrol(stage: &Stage, name: &str, device: &str, code: &str) -> Self {
        let (device_key, decision_key) = (key(&format!("{name} {device}")), key(&format!("{name} {device} decides")));
        let message = format!("seamark-enrolment/v1\n{code}\n{}\n{}", key_text(&device_key), key_text(&decision_key));
        let body = json!({
            "code": code, "deviceName": device, "deviceKey": key_text(&device_key), "decisionKey": key_text(&decision_key),
            "proof": sign_text(&device_key, &message), "decisionProof": sign_text(&decision_key, &message),
        });
        let reply = stage.send("POST", "/v1/enrolments", None, serde_json::to_vec(&body).unwrap()).await;
        let mut this = Self { device_key, decision_key, answer: reply.ok(), token: String::new() };
        this.token = this.session(stage).await.ok::<SessionAnswer>().token;
        this
    }

    /// Asks for a new session.
    pub async fn session(&self, stage: &Stage) -> Reply {
        let keyid = self.device_key.public_key().id().to_string();
        let body = serde_json::to_vec(&json!({ "keyid": keyid })).unwrap();
        let asked = stage.send("POST", "/v1/sessions/challenges", None, body).await;
        let Some(challenge) = asked.body["challenge"].as_str() else { return asked };
        let message = format!("seamark-session/v1\n{}\n{challenge}", stage.trust.ledger_origin);
        let body = json!({ "keyid": keyid, "challenge": challenge, "proof": sign_text(&self.device_key, &message) });
        stage.send("POST", "/v1/sessions", None, serde_json::to_vec(&body).unwrap()).await
    }

    pub async fn review(&self, stage: &Stage, id: impl std::fmt::Display) -> ReviewDocument {
        stage.get(&format!("/v1/reviews/{id}"), &self.token).await.ok()
    }

    pub fn view(&self, stage: &Stage, handoff: &Value) -> View {
        let predicate = predicate_of(handoff);
        let sample = samples::find(&predicate.contract.name).unwrap();
        let contract = CompiledContract::from_document(sample.contract.as_bytes()).unwrap();
        let input = RenderInput {
            statement_digest: Digest::of(&payload_of(handoff)),
            predicate: &predicate,
            contract: &contract,
            nonce: make_nonce(stage.chance.as_ref()),
            renderer: "a-client 1",
            disclosed: &[],
        };
        render(&input).unwrap()
    }

    /// A decision as a careful person makes it.
    pub async fn draft(&self, stage: &Stage, review: &ReviewDocument, kind: DecisionKind) -> Draft {
        let handoff = review.handoff.clone();
        let (predicate, view) = (predicate_of(&handoff), self.view(stage, &handoff));
        let (request, now) = (predicate.request.clone().unwrap(), stage.now());
        let note = stage.send("GET", "/v1/ledger/checkpoint", None, Vec::new()).await.body;
        let head: Vec<&str> = note.as_str().unwrap().lines().collect();
        let bytes = view.to_bytes().unwrap();
        let code = if kind == DecisionKind::Reject { view.reject_reasons[0].code.clone() } else { "none".to_owned() };
        let to = view.escalation_targets[0].clone();
        let decision = DecisionPredicate {
            decision_id: DecisionId::make(now, stage.chance.as_ref()),
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
            reviewer: Reviewer {
                id: self.answer.person.id.clone(),
                name: self.answer.person.name.clone(),
                role: self.answer.person.roles[0].clone(),
                keyid: self.decision_key.public_key().id().to_string(),
            },
            view: ViewRef {
                digest: Digest::of(&bytes),
                disclosed: Vec::new(),
                opened_at: now,
                dwell_ms: 40_000,
                opened: view.evidence.iter().map(|evidence| evidence.id.clone()).collect(),
            },
            auth: UserVerification { method: VerificationMethod::Pin, at: now },
            reason: Reason { code, text: String::new() },
            escalation: (kind == DecisionKind::Escalate)
                .then(|| Escalation { to, question: "May this be done?".to_owned() }),
            confirmed: (view.facts.iter().filter(|fact| fact.confirm))
                .map(|fact| ConfirmedValue { fact: fact.id.clone(), value: fact.value.clone() })
                .collect(),
            seen_checkpoint: SeenCheckpoint {
                origin: head[0].to_owned(),
                size: head[1].parse().unwrap(),
                root: head[2].to_owned(),
            },
            decided_at: now,
        };
        Draft { predicate: decision, handoff, view: String::from_utf8(bytes).unwrap() }
    }

    /// Sends a signed decision to a review.
    pub async fn send(&self, stage: &Stage, review: impl std::fmt::Display, request: &Value) -> Reply {
        stage.post(&format!("/v1/reviews/{review}/decisions"), &self.token, request).await
    }

    pub async fn decide(&self, stage: &Stage, review: &ReviewDocument, kind: DecisionKind) -> DecisionAnswer {
        let request = self.draft(stage, review, kind).await.sign(&self.decision_key);
        self.send(stage, review.review_id, &request).await.ok()
    }

    /// Reads a review and approves it.
    pub async fn approve(&self, stage: &Stage, id: impl std::fmt::Display) -> DecisionAnswer {
        let review = self.review(stage, id).await;
        self.decide(stage, &review, DecisionKind::Approve).await
    }
}

impl Draft {
    pub fn sign(&self, key: &SigningKey) -> Value {
        let (id, digest) = (predicate_of(&self.handoff).handoff_id, Digest::of(&payload_of(&self.handoff)));
        let bytes = statement::build_decision(&self.predicate, id, digest).unwrap();
        json!({ "envelope": statement::sign(bytes, key).unwrap().to_value(), "view": self.view })
    }
}
