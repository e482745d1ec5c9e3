//! Devices: enrolment with an invitation, and sessions by challenge and signature.

use axum::http::StatusCode;
use seamark_contracts::api::device::{
    ChallengeAnswer, ChallengeRequest, EnrolmentAnswer, EnrolmentRequest, SessionAnswer, SessionRequest,
};
use seamark_contracts::clock::Timestamp;
use seamark_contracts::problem::ErrorCode;
use seamark_ledger::entry::EntryType;
use seamark_ledger::key::{KeyUse, PublicKey};
use serde_json::json;

use crate::auth::{self, Gone, hash_secret, make_secret, to_person};
use crate::db::access::SessionRow;
use crate::db::gateway::GatewayRow;
use crate::db::person::{PersonRow, SigningKeyRow};
use crate::db::{self, StorageError};
use crate::directory::{self, Brings};
use crate::document;
use crate::execute::{parse_key, verifies};
use crate::operate::event;
use crate::problem::Failure;
use crate::recorded::{Change, Plan};
use crate::root::Root;
use crate::state::Shared;

/// A session is good for twelve hours.
pub(crate) const SESSION_MS: i64 = 12 * 60 * 60 * 1000;

// ---- enrolment ----

struct Enrol {
    code: Vec<u8>,
    device_name: String,
    device: PublicKey,
    decision: PublicKey,
    identity: GatewayRow,
    root: Root,
}

enum Enrolled {
    /// The person, and where the decision key is recorded.
    Done(PersonRow, i64),
    /// The code is unknown, used or expired.
    Invalid,
    /// One of the keys is listed already.
    KeyTaken,
}

impl Change for Enrol {
    type Done = Enrolled;

    async fn apply(&mut self, plan: &mut Plan<'_>) -> Result<Enrolled, StorageError> {
        let now = plan.now();
        let (device, decision) = (self.device.id().to_string(), self.decision.id().to_string());
        let connection = plan.reader().await?;
        let Some(invitation) = db::person::find_invitation(connection, &self.code).await? else {
            return Ok(Enrolled::Invalid);
        };
        let person = db::person::find(connection, &invitation.person).await?;
        let person = db::parsed(person, "invitation", "person", invitation.no)?;
        let known_device = db::person::find_key(connection, &device).await?;
        let known = db::person::find_key(connection, &decision).await?;
        if invitation.used_ms.is_some() {
            // The answer was lost: the same keys of the same person get it again.
            let is_same = |known: &SigningKeyRow| {
                known.subject == person.id && known.device.as_ref() == Some(&device) && known.ended().is_none()
            };
            return Ok(match known {
                Some(known) if is_same(&known) => Enrolled::Done(person, known.no),
                _ => Enrolled::Invalid,
            });
        }
        if invitation.expires_ms <= now.as_ms() || invitation.ended_ms.is_some() {
            return Ok(Enrolled::Invalid);
        }
        if known.is_some() || known_device.is_some() {
            return Ok(Enrolled::KeyTaken);
        }
        let actor = self.identity.instance.clone();
        let mut decision_no = 0;
        for (key, key_use, beside) in
            [(&self.device, KeyUse::Device, &decision), (&self.decision, KeyUse::Decision, &device)]
        {
            let keyid = key.id().to_string();
            let body = json!({ "keyid": keyid, "use": directory::use_text(key_use), "subject": person.id, "invitation": invitation.no });
            let mut entered = plan.record(event(EntryType::KeyEnrolled, &actor, body)).await?;
            decision_no = entered.position().no;
            let row = SigningKeyRow {
                no: decision_no,
                keyid,
                public_key: key.as_bytes().to_vec(),
                purpose: directory::use_text(key_use).to_owned(),
                subject: person.id.clone(),
                device_name: Some(self.device_name.clone()),
                device: Some(beside.clone()),
                from_ms: now.as_ms(),
                to_ms: None,
                ended_no: None,
            };
            db::person::insert_key(&mut entered.write().await?, &row).await?;
        }
        let body = json!({ "what": "invitation-used", "invitation": invitation.no });
        let mut entered = plan.record(event(EntryType::ConfigChanged, &actor, body)).await?;
        db::person::use_invitation(&mut entered.write().await?, invitation.no, now.as_ms()).await?;
        directory::renew(&mut entered, &self.identity, &self.root, Brings::More).await?;
        Ok(Enrolled::Done(person, decision_no))
    }
}

/// Enrols a device.
pub(crate) async fn enrol(shared: &Shared, request: &EnrolmentRequest) -> Result<EnrolmentAnswer, Failure> {
    let is_printable = !request.device_name.trim().is_empty() && !request.device_name.chars().any(char::is_control);
    if !is_printable || request.device_name.chars().count() > 60 {
        return Err(Failure::invalid("/deviceName", "a device name has 1 to 60 characters and no control characters"));
    }
    let device = parse_key(&request.device_key, "/deviceKey")?;
    let decision = parse_key(&request.decision_key, "/decisionKey")?;
    if device.id() == decision.id() {
        return Err(Failure::invalid("/decisionKey", "one key has one use: make another key for decisions"));
    }
    let message = format!("seamark-enrolment/v1\n{}\n{}\n{}", request.code, request.device_key, request.decision_key);
    for (key, proof, pointer) in
        [(&device, &request.proof, "/proof"), (&decision, &request.decision_proof, "/decisionProof")]
    {
        if !verifies(key, message.as_bytes(), proof) {
            return Err(Failure::invalid(
                pointer,
                "the proof is no signature of its key over the text that docs/FORMATS.md gives",
            ));
        }
    }
    let (device_keyid, decision_keyid) = (device.id().to_string(), decision.id().to_string());
    let change = Enrol {
        code: hash_secret(&request.code),
        device_name: request.device_name.trim().to_owned(),
        device,
        decision,
        identity: shared.identity.clone(),
        root: shared.root.clone(),
    };
    match shared.recorder.record(change).await? {
        Enrolled::Done(person, no) => {
            let mut connection = shared.database.read().await?;
            Ok(EnrolmentAnswer {
                person: to_person(&person)?,
                device_keyid,
                decision_keyid,
                trust: shared.trust(&mut connection).await?,
                recorded: document::position(&mut connection, no).await?,
            })
        }
        Enrolled::Invalid => Err(Failure::new(
            StatusCode::FORBIDDEN,
            ErrorCode::InvitationInvalid,
            "The code was used, has expired, has ended or never was. Ask the operator of the gateway for a new invitation.",
        )),
        Enrolled::KeyTaken => {
            Err(Failure::invalid("/deviceKey", "one of the keys is enrolled already; make new keys for this device"))
        }
    }
}

// ---- sessions ----

/// Makes a challenge for a device key.
pub(crate) fn challenge(shared: &Shared, request: &ChallengeRequest) -> Result<ChallengeAnswer, Failure> {
    if request.keyid.len() != 64 || !request.keyid.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(Failure::invalid("/keyid", "a key id has 64 hexadecimal digits"));
    }
    let (challenge, expires_at) = shared.challenges.make(&request.keyid, shared.now(), shared.chance.as_ref());
    Ok(ChallengeAnswer { challenge, expires_at })
}

struct OpenSession {
    keyid: String,
    token: Vec<u8>,
}

enum Opened {
    /// The person, and the session's end.
    Done(PersonRow, Timestamp),
    /// The key is no device's.
    NotGood,
    Ended(Gone),
}

impl Change for OpenSession {
    type Done = Opened;

    async fn apply(&mut self, plan: &mut Plan<'_>) -> Result<Self::Done, StorageError> {
        let now = plan.now();
        let connection = plan.reader().await?;
        let key = db::person::find_key(connection, &self.keyid).await?;
        let is_device = |key: &SigningKeyRow| key.purpose == directory::use_text(KeyUse::Device);
        let Some(key) = key.filter(is_device) else { return Ok(Opened::NotGood) };
        let person = db::parsed(db::person::find(connection, &key.subject).await?, "signing_key", "subject", key.no)?;
        if let Some(since) = key.ended() {
            return Ok(Opened::Ended(Gone::of_device(since, &person)));
        }
        let expires_at = now.plus_ms(SESSION_MS);
        let row = SessionRow {
            token: self.token.clone(),
            keyid: self.keyid.clone(),
            person: person.id.clone(),
            expires_ms: expires_at.as_ms(),
        };
        db::access::insert_session(&mut plan.ephemeral(), &row).await?;
        Ok(Opened::Done(person, expires_at))
    }
}

/// Opens a session for a device that holds its key.
pub(crate) async fn open_session(shared: &Shared, request: &SessionRequest) -> Result<SessionAnswer, Failure> {
    let refused = || {
        Failure::unauthenticated("Key, challenge or proof is not good. Ask for a new challenge, or enrol the device.")
    };
    let challenge = shared.challenges.read(&request.challenge, &request.keyid, shared.now()).ok_or_else(refused)?;
    let key = db::person::find_key(&mut *shared.database.read().await?, &request.keyid).await?;
    let key = key.and_then(|key| PublicKey::parse(&key.public_key).ok()).ok_or_else(refused)?;
    let message = format!("seamark-session/v1\n{}\n{}", shared.identity.origin, request.challenge);
    if !verifies(&key, message.as_bytes(), &request.proof) {
        return Err(refused());
    }
    if !shared.challenges.take(challenge, shared.now()) {
        return Err(refused());
    }
    auth::limit_sessions(shared, &request.keyid)?;
    let token = make_secret("sms_", shared.chance.as_ref());
    let change = OpenSession { keyid: request.keyid.clone(), token: hash_secret(&token) };
    match shared.recorder.record(change).await? {
        Opened::Done(person, expires_at) => {
            Ok(SessionAnswer { token, expires_at, person: to_person(&person)?, now: shared.now() })
        }
        Opened::NotGood => Err(refused()),
        // Only the holder of the key comes as far as this.
        Opened::Ended(gone) => Err(gone.failure()),
    }
}
