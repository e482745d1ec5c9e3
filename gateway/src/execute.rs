//! What destinations do: use an attempt up, name their keys, report what was done.

use crate::db::SqliteConnection;
use axum::http::StatusCode;
use base64ct::{Base64UrlUnpadded, Encoding as _};
use seamark_contracts::api::agent::{EnrolledKey, ExecutionKeyRequest, ResultAnswer};
use seamark_contracts::clock::Timestamp;
use seamark_contracts::decision::Window;
use seamark_contracts::digest::Digest;
use seamark_contracts::id::{AgentUrn, HandoffId};
use seamark_contracts::outcome::{ExecutionPredicate, ExecutionResult, OutcomePredicate};
use seamark_contracts::problem::ErrorCode;
use seamark_ledger::dsse::Envelope;
use seamark_ledger::entry::EntryType;
use seamark_ledger::key::{KeyId, KeyUse, PublicKey, Signature, TrustSet};
use seamark_ledger::statement::{self, ExecutionStatement};
use seamark_ledger::verified::Verified;
use serde_json::{Value, json};

use crate::auth::Agent;
use crate::conclude::{self, Case};
use crate::db::gateway::GatewayRow;
use crate::db::outcome::{ExecutionRow, OutcomeRow};
use crate::db::person::SigningKeyRow;
use crate::db::{self, StorageError};
use crate::directory::{self, Brings};
use crate::document;
use crate::operate::event;
use crate::problem::Failure;
use crate::recorded::{Change, Draft, Event, Object, Plan, Position};
use crate::root::Root;
use crate::state::Shared;

/// Execution keys that one agent may have at a time. Keys stay in the directory for ever, so there must be an end.
pub(crate) const MAX_EXECUTION_KEYS: usize = 16;
/// Clocks of destination and gateway may differ by so much.
const MAX_SKEW_MS: i64 = 120_000;

// ---- attempts ----

/// The destination uses the attempt up.
#[derive(Debug)]
pub(crate) struct Consume {
    pub(crate) case: Case,
    pub(crate) actor: String,
}

/// What became of it.
#[derive(Debug)]
pub(crate) enum Consumed {
    Done(Position),
    Before,
    /// It is not approved.
    NotAllowed,
    /// It is approved for another time.
    Outside {
        window: Window,
        now: Timestamp,
    },
}

impl Change for Consume {
    type Done = Consumed;

    async fn apply(&mut self, plan: &mut Plan<'_>) -> Result<Consumed, StorageError> {
        let fresh = conclude::reload(plan, &self.case).await?;
        if fresh.consumed_no.is_some() {
            return Ok(Consumed::Before);
        }
        if !matches!(fresh.state.as_str(), "approved" | "passed") {
            return Ok(Consumed::NotAllowed);
        }
        let now = plan.now();
        if let Some(outcome) = db::outcome::find(plan.reader().await?, fresh.no).await? {
            let says = outcome_of(&outcome)?;
            let window = db::parsed(says.window, "outcome", "statement", outcome.no)?;
            // As the destination judges it: the reviewer's clock set the beginning, ours keeps the end.
            if now.plus_ms(MAX_SKEW_MS) < window.not_before || now >= window.expires_at {
                return Ok(Consumed::Outside { window, now });
            }
        }
        // A report that nothing was done stands for good, so nothing may be done after it.
        if db::outcome::find_execution(plan.reader().await?, fresh.no).await?.is_some() {
            return Ok(Consumed::NotAllowed);
        }
        let mut members = serde_json::Map::new();
        members.insert("attempt".to_owned(), json!(fresh.attempt));
        let draft = Draft {
            kind: EntryType::AttemptConsumed,
            actor: self.actor.clone(),
            of: self.case.of(),
            object: Object::Event(members),
            sigs: Vec::new(),
        };
        let mut entered = plan.record(draft).await?;
        let position = entered.position();
        db::attempt::set_consumed(&mut entered.write().await?, fresh.no, position.no).await?;
        Ok(Consumed::Done(position))
    }
}

/// The predicate of a recorded outcome.
fn outcome_of(row: &OutcomeRow) -> Result<OutcomePredicate, StorageError> {
    #[derive(serde::Deserialize)]
    struct Statement {
        predicate: OutcomePredicate,
    }
    let statement: Option<Statement> = serde_json::from_slice(&row.statement).ok();
    Ok(db::parsed(statement, "outcome", "statement", row.no)?.predicate)
}

// ---- execution keys ----

struct EnrolKey {
    row: SigningKeyRow,
    identity: GatewayRow,
    root: Root,
    actor: String,
}

enum Enrolled {
    Done(Position),
    /// The same key of the same subject is listed already, at this position.
    Before(i64),
    /// The key has another holder or use.
    Taken,
    /// The same key of the same subject, and it has ended.
    Ended(Timestamp),
    /// The agent has as many as it may have.
    TooMany,
}

impl Change for EnrolKey {
    type Done = Enrolled;

    async fn apply(&mut self, plan: &mut Plan<'_>) -> Result<Enrolled, StorageError> {
        if let Some(known) = db::person::find_key(plan.reader().await?, &self.row.keyid).await? {
            let is_same = known.purpose == self.row.purpose && known.subject == self.row.subject;
            return Ok(match known.ended() {
                _ if !is_same => Enrolled::Taken,
                Some(since) => Enrolled::Ended(since),
                None => Enrolled::Before(known.no),
            });
        }
        let known = db::person::list_keys_of(plan.reader().await?, &self.row.subject, &self.row.purpose).await?;
        if known.iter().filter(|key| key.ended().is_none()).count() >= MAX_EXECUTION_KEYS {
            return Ok(Enrolled::TooMany);
        }
        let body = json!({ "keyid": self.row.keyid, "use": self.row.purpose, "subject": self.row.subject });
        let mut entered = plan.record(event(EntryType::KeyEnrolled, &self.actor, body)).await?;
        let position = entered.position();
        let row = SigningKeyRow { no: position.no, from_ms: entered.now().as_ms(), ..self.row.clone() };
        db::person::insert_key(&mut entered.write().await?, &row).await?;
        directory::renew(&mut entered, &self.identity, &self.root, Brings::More).await?;
        Ok(Enrolled::Done(position))
    }
}

/// Lists a key under which a destination reports.
pub(crate) async fn enrol_key(
    shared: &Shared,
    agent: &Agent,
    request: &ExecutionKeyRequest,
) -> Result<EnrolledKey, Failure> {
    agent.check_acts_as(&request.agent)?;
    if !is_destination(shared, agent, &request.agent).await? {
        let detail = format!("No contract that this agent key is for names {} as destination.", request.agent);
        return Err(Failure::forbidden(detail));
    }
    let public = parse_key(&request.public_key, "/publicKey")?;
    let message = format!("seamark-execution-key/v1\n{}\n{}", request.agent, request.public_key);
    if !verifies(&public, message.as_bytes(), &request.proof) {
        return Err(Failure::invalid(
            "/proof",
            "the proof is no signature of this key over the text that docs/FORMATS.md gives",
        ));
    }
    let row = SigningKeyRow {
        no: 0,
        keyid: public.id().to_string(),
        public_key: public.as_bytes().to_vec(),
        purpose: directory::use_text(KeyUse::Execution).to_owned(),
        subject: request.agent.as_str().to_owned(),
        device_name: None,
        device: None,
        from_ms: 0,
        to_ms: None,
        ended_no: None,
    };
    let keyid = row.keyid.clone();
    let change =
        EnrolKey { row, identity: shared.identity.clone(), root: shared.root.clone(), actor: agent.key_id.to_string() };
    let recorded = match shared.recorder.record(change).await? {
        Enrolled::Done(position) => position.to_wire(),
        Enrolled::Before(no) => document::position(&mut *shared.database.read().await?, no).await?,
        Enrolled::Taken => {
            return Err(Failure::invalid("/publicKey", "this key is listed for somebody else; make another one"));
        }
        Enrolled::Ended(since) => {
            let message =
                format!("this key has ended at {since} and is never used again; nothing was changed. Make another one");
            return Err(Failure::invalid("/publicKey", message));
        }
        Enrolled::TooMany => {
            return Err(Failure::forbidden(format!(
                "{} has {MAX_EXECUTION_KEYS} execution keys, which is the most; nothing was changed. Keep a key and use it again: the same key \
                 gets the same answer, however often it is named. The operator can end a key that is not used any more.",
                request.agent
            )));
        }
    };
    Ok(EnrolledKey { keyid, recorded })
}

/// Whether a contract within the key's scope has this destination. A key's own agent needs none: it may come later.
async fn is_destination(shared: &Shared, agent: &Agent, destination: &AgentUrn) -> Result<bool, StorageError> {
    if agent.urn == *destination {
        return Ok(true);
    }
    let mut connection = shared.database.read().await?;
    for row in db::contract::list(&mut connection).await?.iter().filter(|row| agent.may_use(&row.name)) {
        let contract: Value = db::parsed(serde_json::from_slice(&row.canonical).ok(), "contract", "canonical", row.no)?;
        if contract.pointer("/destination/agent").and_then(Value::as_str) == Some(destination.name()) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// An Ed25519 public key as requests carry it.
pub(crate) fn parse_key(text: &str, pointer: &str) -> Result<PublicKey, Failure> {
    let bytes = Base64UrlUnpadded::decode_vec(text)
        .map_err(|_| Failure::invalid(pointer, "a key is 32 bytes in base64url without padding"))?;
    PublicKey::parse(&bytes).map_err(|error| Failure::invalid(pointer, error.to_string()))
}

/// Whether a signature as requests carry it is one of this key over `message`.
pub(crate) fn verifies(key: &PublicKey, message: &[u8], proof: &str) -> bool {
    let signature = Base64UrlUnpadded::decode_vec(proof).ok().and_then(|bytes| Signature::parse(&bytes));
    signature.is_some_and(|signature| key.verifies(message, &signature))
}

// ---- reports ----

struct Report {
    case: Case,
    row: ExecutionRow,
    keyid: String,
    sig: Digest,
    needs_consumed: bool,
}

enum Reported {
    Done(ExecutionRow, Position),
    Before(ExecutionRow),
    /// Another report is there.
    Other,
    /// It says executed, and the attempt was never used up.
    NotConsumed,
    /// The signing key has ended.
    KeyEnded(Timestamp),
}

impl Change for Report {
    type Done = Reported;

    async fn apply(&mut self, plan: &mut Plan<'_>) -> Result<Reported, StorageError> {
        let no = self.case.attempt.no;
        if let Some(known) = db::outcome::find_execution(plan.reader().await?, no).await? {
            return Ok(if known.digest == self.row.digest { Reported::Before(known) } else { Reported::Other });
        }
        // `executedAt` is what the signer says. An end acts on what arrives after it, whatever is written there (B10).
        let key = db::person::find_key(plan.reader().await?, &self.keyid).await?;
        if let Some(since) = db::parsed(key, "signing_key", "keyid", &self.keyid)?.ended() {
            return Ok(Reported::KeyEnded(since));
        }
        let fresh = conclude::reload(plan, &self.case).await?;
        if self.needs_consumed && fresh.consumed_no.is_none() {
            return Ok(Reported::NotConsumed);
        }
        let draft = Draft {
            kind: EntryType::ExecutionReported,
            actor: self.keyid.clone(),
            of: self.case.of(),
            object: Object::Digest(Digest::from_bytes(db::bytes32(&self.row.digest, "execution", "digest", no)?)),
            sigs: vec![self.sig],
        };
        let mut entered = plan.record(draft).await?;
        let position = entered.position();
        let row = ExecutionRow { no: position.no, ..self.row.clone() };
        let mut write = entered.write().await?;
        db::outcome::insert_execution(&mut write, &row).await?;
        db::attempt::touch(&mut write, no).await?;
        entered.tell(Event::Executed, Some(no));
        Ok(Reported::Done(row, position))
    }
}

fn refused(detail: impl Into<String>) -> Failure {
    Failure::new(StatusCode::UNPROCESSABLE_ENTITY, ErrorCode::DecisionInvalid, detail)
}

/// Whether the envelope names a key that was named here and that the root has not signed yet.
async fn is_unsigned(
    connection: &mut SqliteConnection,
    envelope: &Value,
    trusted: &TrustSet,
) -> Result<bool, StorageError> {
    let Ok(envelope) = Envelope::from_value(envelope) else { return Ok(false) };
    for signature in envelope.unverified_value().unverified_signatures() {
        let Some(id) = signature.hint.as_ref().and_then(|hint| KeyId::parse(hint).ok()) else { continue };
        let known = db::person::find_key(connection, &id.to_string()).await?;
        let is_open =
            |key: &SigningKeyRow| key.purpose == directory::use_text(KeyUse::Execution) && key.ended().is_none();
        if known.is_some_and(|key| is_open(&key)) && !trusted.has_key(&id) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Takes a signed report.
pub(crate) async fn report(
    shared: &Shared,
    agent: &Agent,
    id: HandoffId,
    envelope: &Value,
) -> Result<ResultAnswer, Failure> {
    let mut connection = shared.database.read().await?;
    let (handoff, _) = crate::route::read_handoff::find(&mut connection, agent, id).await?;
    let trusted = directory::trusted(shared, &mut connection).await?;
    let statement = match statement::verify::<ExecutionPredicate>(envelope, &trusted.keys) {
        Ok(statement) => statement,
        Err(_) if is_unsigned(&mut connection, envelope, &trusted.keys).await? => {
            return Err(directory::pending("The execution key", "Send the same report again later."));
        }
        Err(error) => {
            let text = crate::problem::chain(&error);
            return Err(refused(format!(
                "The envelope holds no execution that counts here: {text}. Sign with a key named at /v1/execution-keys."
            )));
        }
    };
    let attempts = db::attempt::list(&mut connection, handoff.no).await?;
    let attempt = attempts.into_iter().find(|attempt| attempt.attempt == statement.predicate.attempt);
    let attempt = attempt.ok_or_else(|| refused("The signed attempt is none of this handoff."))?;
    let outcome = db::outcome::find(&mut connection, attempt.no).await?;
    let case = conclude::load_case(shared, &mut connection, attempt).await?;
    agent.check_acts_as(&case.predicate.destination.agent)?;
    check_report(&case, outcome.as_ref(), &statement, shared.now().plus_ms(MAX_SKEW_MS))?;
    drop(connection);
    let predicate = &statement.predicate;
    let text = |value: Value| value.as_str().map(str::to_owned);
    let row = ExecutionRow {
        no: 0,
        attempt: case.attempt.no,
        digest: statement.digest.as_bytes().to_vec(),
        envelope: Envelope::from_value(envelope).map_err(Failure::internal)?.unverified_value().to_json(),
        result: text(json!(predicate.result)).unwrap_or_default(),
        phase: predicate.phase.and_then(|phase| text(json!(phase))),
        code: predicate.code.clone(),
        executor: predicate.executor.as_str().to_owned(),
        executed_ms: predicate.executed_at.as_ms(),
    };
    let change = Report {
        case,
        row,
        keyid: statement.by.key.id().to_string(),
        sig: statement.signature.digest(),
        needs_consumed: predicate.result == ExecutionResult::Executed,
    };
    match shared.recorder.record(change).await? {
        Reported::Done(row, position) => {
            Ok(ResultAnswer { result: document::result_summary(&row)?, recorded: position.to_wire() })
        }
        Reported::Before(row) => before(&mut *shared.database.read().await?, &row).await,
        Reported::Other => {
            let detail = "Another report of this attempt is recorded; it stays as it is.";
            Err(Failure::new(StatusCode::CONFLICT, ErrorCode::OutcomeExists, detail))
        }
        Reported::KeyEnded(since) => Err(refused(format!(
            "The signing key has ended at {since}, so it reports nothing any more, whatever executedAt says. Name another key at \
             /v1/execution-keys and report under that one, with phase unknown when the action lies before it.",
        ))),
        Reported::NotConsumed => Err(refused(
            "It says executed, but the attempt was never used up. Call /v1/handoffs/{id}/attempt before acting, every time.",
        )),
    }
}

async fn before(connection: &mut SqliteConnection, row: &ExecutionRow) -> Result<ResultAnswer, Failure> {
    let recorded = document::position(connection, row.no).await?;
    Ok(ResultAnswer { result: document::result_summary(row)?, recorded })
}

fn check_report(
    case: &Case,
    outcome: Option<&OutcomeRow>,
    statement: &Verified<ExecutionStatement>,
    latest: Timestamp,
) -> Result<(), Failure> {
    let predicate = &statement.predicate;
    let mut wanted = vec![case.statement];
    if let Some(row) = outcome {
        wanted.push(Digest::from_bytes(db::bytes32(&row.digest, "outcome", "digest", row.no)?));
    }
    let subjects: Vec<Digest> = statement.subject.iter().map(|subject| subject.digest).collect();
    let is_closed = outcome.is_some() || case.attempt.state == "passed";
    let may_act = matches!(case.attempt.state.as_str(), "approved" | "passed");
    let checks = [
        (is_closed, "There is no outcome yet that could have been executed."),
        (subjects == wanted, "The subjects are not the handoff statement and its outcome statement, in this order."),
        (statement.by.subject == predicate.executor.as_str(), "The executor is not the holder of the signing key."),
        (predicate.executor == case.predicate.destination.agent, "The executor is not the destination of the handoff."),
        (statement.check_key_window(predicate.executed_at).is_ok(), "The signing key was not valid at executedAt."),
        (predicate.executed_at <= latest, "executedAt is ahead of the gateway's time. Check the clock."),
        (may_act || predicate.result == ExecutionResult::Failed, "It says executed, but nothing was approved."),
    ];
    match checks.iter().find(|(holds, _)| !holds) {
        Some((_, detail)) => Err(refused(*detail)),
        None => Ok(()),
    }
}
