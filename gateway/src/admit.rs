//! Submissions and revisions: from the received bytes to an admitted handoff, a refusal, or the answer of the first time.
//!
//! Everything that costs time (parsing, judging, masking, signing) happens before the writer; inside the transaction only
//! the handoff id is taken.

use std::time::Duration;

use crate::db::SqliteConnection;
use axum::http::StatusCode;
use seamark_contracts::admission::{self, AdmissionContext, Admitted, CounterpartyName, EarlierHandoff};
use seamark_contracts::api::agent::{HandoffAnswer, HandoffStatus};
use seamark_contracts::clock::{Timestamp, make_nonce};
use seamark_contracts::contract::compiled::CompiledContract;
use seamark_contracts::digest::Digest;
use seamark_contracts::handoff::{ChainStatus, ContractId, HandoffPredicate, Submission};
use seamark_contracts::id::{AgentUrn, HandoffId, ReviewId};
use seamark_contracts::lookalike::Looks;
use seamark_contracts::problem::{ErrorCode, Violation};
use seamark_contracts::{mask, strict_json};
use seamark_ledger::entry::EntryType;
use serde_json::{Value, json};

use crate::auth::Agent;
use crate::crowd;
use crate::db::attempt::AttemptRow;
use crate::db::counterparty::CounterpartyRow;
use crate::db::handoff::{ArtifactRow, HandoffRow, PayloadRow};
use crate::db::refusal::RefusalRow;
use crate::db::{self, StorageError};
use crate::open::{Prepared, open_attempt};
use crate::operate::hex;
use crate::problem::Failure;
use crate::recorded::{Change, ContentRows, Draft, Object, Of, Plan, Position, TakenId};
use crate::sign;
use crate::state::{Shared, ledger_ref};
use crate::{directory, document};

mod revise;

pub(crate) use revise::revise;

/// How a submission was received.
#[derive(Debug)]
pub(crate) enum Received {
    /// It is new: 201.
    New(HandoffAnswer),
    /// The same bytes were there: 200.
    Known(HandoffAnswer),
}

/// What is kept of a content beside the signed statement.
#[derive(Clone)]
struct Content {
    raw: Vec<u8>,
    disclosures: String,
    artifacts: Vec<admission::StoredArtifact>,
    contract: String,
    counterparties: Vec<CounterpartyName>,
}

impl Content {
    fn rows(&self, no: i64) -> ContentRows {
        let payload = PayloadRow { no, raw: Some(self.raw.clone()), disclosures: Some(self.disclosures.clone()) };
        let mut rows: Vec<ArtifactRow> = Vec::new();
        for file in &self.artifacts {
            let digest = file.digest.as_bytes().to_vec();
            if rows.iter().all(|row| row.digest != digest) {
                rows.push(ArtifactRow {
                    content: no,
                    digest,
                    salt: Some(file.salt.to_vec()),
                    bytes: Some(file.bytes.clone()),
                });
            }
        }
        let counterparty = |name: &CounterpartyName| {
            let Looks { written, lowercase } = Looks::of(&name.value);
            let (path, value) = (name.path.clone(), name.value.clone());
            CounterpartyRow { content: no, path, contract: self.contract.clone(), value, written, lowercase }
        };
        let counterparties = self.counterparties.iter().map(counterparty).collect();
        ContentRows { payload, artifacts: rows, counterparties }
    }
}

// ---- a new handoff ----

struct Admit {
    agent: Agent,
    handoff_id: String,
    ledger_ref: Digest,
    correlation_id: String,
    source: String,
    prepared: Prepared,
    content: Content,
}

/// What became of a new handoff.
enum Admission {
    Done(Box<(HandoffRow, AttemptRow, Position)>),
    /// The submitter's id was taken in the meantime.
    IdTaken,
    /// Another submitter has the id, and destinations could not tell the two handoffs apart.
    IdOfAnother,
}

impl Change for Admit {
    type Done = Admission;

    fn handoff_id(&self) -> Option<&str> {
        Some(&self.handoff_id)
    }

    async fn apply(&mut self, plan: &mut Plan<'_>) -> Result<Self::Done, StorageError> {
        let submitter = self.agent.urn.as_str();
        let destination = self.prepared.predicate.destination.agent.as_str();
        match plan.takes_id(submitter, destination, &self.handoff_id).await? {
            TakenId::Free => {}
            TakenId::Before => return Ok(Admission::IdTaken),
            TakenId::ByAnother => return Ok(Admission::IdOfAnother),
        }
        let actor = &self.agent.key_id;
        let received = self.prepared.received(actor, Of::New { ledger_ref: self.ledger_ref });
        let mut entered = plan.record(received).await?;
        let handoff = HandoffRow {
            no: entered.position().no,
            handoff_id: self.handoff_id.clone(),
            submitter: submitter.to_owned(),
            ledger_ref: self.ledger_ref.to_hex(),
            contract: self.prepared.predicate.contract.name.clone(),
            source: self.source.clone(),
            destination: destination.to_owned(),
            correlation_id: self.correlation_id.clone(),
            created_ms: entered.now().as_ms(),
        };
        entered.admit_handoff(handoff.clone());
        entered.admit_content(self.content.rows(handoff.no));
        let (attempt, position) =
            open_attempt(&mut entered, &self.prepared, handoff.no, self.ledger_ref, actor).await?;
        Ok(Admission::Done(Box::new((handoff, attempt, position))))
    }
}

/// Takes a submission.
pub(crate) async fn submit(shared: &Shared, agent: &Agent, bytes: &[u8]) -> Result<Received, Failure> {
    directory::need_signed(shared).await?;
    let body_mac = shared.keys.intake.mac("submission", &[bytes]);
    let (submission, decimals) = match read(bytes) {
        Ok(read) => read,
        Err(failure) => return Err(refuse(shared, agent, bytes, body_mac, failure).await),
    };
    check_scope(agent, &submission)?;
    // The id may be taken between looking and writing; then one more look answers.
    for _ in 0..3 {
        let mut connection = shared.database.read().await?;
        let (found, chain) = db::handoff::find_with_chain(
            &mut connection,
            agent.urn.as_str(),
            &submission.handoff_id.to_string(),
            &submission.correlation_id,
        )
        .await?;
        if let Some(handoff) = found {
            let known = answer_known(&mut connection, handoff, body_mac).await?;
            drop(connection);
            return match known {
                Known::Same(answer) => Ok(Received::Known(answer)),
                Known::Other { handoff, stored } => {
                    let problem = reused(&stored);
                    Err(keep_refusal(
                        shared,
                        agent,
                        bytes,
                        body_mac,
                        Some(&handoff),
                        Some(submission.handoff_id),
                        problem,
                    )
                    .await)
                }
            };
        }
        let context = Context { revision: 1, supersedes: None, except: None, chain };
        let judged = judge(shared, &mut connection, agent, &submission, &decimals, context).await?;
        drop(connection);
        let (admitted, counterparties) = match judged {
            Ok(admitted) => admitted,
            Err(failure) => return Err(refuse(shared, agent, bytes, body_mac, failure).await),
        };
        let place = match admitted.predicate.request {
            Some(_) => Some(crowd::take_place(shared, agent).await?),
            None => None,
        };
        let ledger_ref = ledger_ref(&agent.urn, &submission.handoff_id).map_err(Failure::internal)?;
        let (prepared, content) = prepare(shared, admitted, counterparties, bytes, body_mac)?;
        let change = Admit {
            agent: agent.clone(),
            handoff_id: submission.handoff_id.to_string(),
            ledger_ref,
            correlation_id: submission.correlation_id.clone(),
            source: submission.source.agent.as_str().to_owned(),
            prepared,
            content,
        };
        let recorded = shared.recorder.record(change).await;
        drop(place);
        match recorded? {
            Admission::Done(done) => {
                let (handoff, attempt, position) = *done;
                return Ok(Received::New(document::answer_of(&handoff, &attempt, None, None, position.to_wire())?));
            }
            Admission::IdTaken => {}
            Admission::IdOfAnother => return Err(refuse(shared, agent, bytes, body_mac, used_by_another()).await),
        }
    }
    Err(contended())
}

fn contended() -> Failure {
    let detail = "The same handoff is being changed by somebody else right now. Send the same request again.";
    Failure::unavailable(StatusCode::SERVICE_UNAVAILABLE, Duration::from_secs(1), detail)
}

/// Reads the bytes, or says what is wrong with them.
fn read(bytes: &[u8]) -> Result<(Submission, Vec<String>), Failure> {
    admission::parse_submission(bytes).map_err(|violations| {
        let rule = violations.first().map(|violation| violation.rule.clone()).unwrap_or_default();
        match rule.as_str() {
            "json" => Failure::new(
                StatusCode::BAD_REQUEST,
                ErrorCode::MalformedJson,
                "The body cannot be read without doubt; the violation says where. Send JSON in UTF-8 as docs/FORMATS.md, section 2, describes it.",
            ),
            "size" => Failure::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                ErrorCode::TooLarge,
                "The submission is too large. Send less, or large tool outputs as artifacts.",
            ),
            _ => invalid(),
        }
        .with_violations(violations)
    })
}

fn invalid() -> Failure {
    Failure::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        ErrorCode::InvalidHandoff,
        "Nobody was asked and nothing is passed on. Correct every place that the violations name and submit again, under the same handoff id if you like.",
    )
}

fn check_scope(agent: &Agent, submission: &Submission) -> Result<(), Failure> {
    agent.check_hands_over()?;
    if agent.may_use(&submission.contract.name) {
        return Ok(());
    }
    Err(Failure::forbidden(format!(
        "This agent key is not for the contract {}. Ask the operator for one that is.",
        submission.contract.name
    )))
}

enum Known {
    Same(HandoffAnswer),
    Other { handoff: HandoffRow, stored: Vec<u8> },
}

/// The handoff that holds this id (invariants A1 and A2).
async fn answer_known(
    connection: &mut SqliteConnection,
    handoff: HandoffRow,
    body_mac: [u8; 32],
) -> Result<Known, StorageError> {
    let attempts = db::attempt::list(connection, handoff.no).await?;
    let newest = db::parsed(attempts.last(), "handoff", "no", handoff.no)?;
    if attempts.iter().any(|attempt| attempt.body_mac == body_mac) {
        return Ok(Known::Same(document::answer(connection, &handoff, newest, true).await?));
    }
    let stored = newest.body_mac.clone();
    Ok(Known::Other { handoff, stored })
}

fn reused(stored: &[u8]) -> Failure {
    Failure::new(
        StatusCode::CONFLICT,
        ErrorCode::HandoffIdReused,
        "A handoff with this id and other content is there, and nothing was changed. Take a new id for a new handoff, or send a revision \
         to /v1/handoffs/{id}/revisions to change this one. The stored digest is HMAC-SHA256 of the stored bytes under a secret of the \
         gateway: equal bytes have equal digests, and it tells nothing else.",
    )
    .with_stored_digest(hex(stored))
}

/// Says nothing of whose it is, and carries no digest of it (invariant F2).
fn used_by_another() -> Failure {
    Failure::new(
        StatusCode::CONFLICT,
        ErrorCode::HandoffIdReused,
        "This handoff id cannot be used with this destination, because an id names one handoff for everybody who can read it. Nothing was \
         changed. Make a new id and submit again.",
    )
}

/// Which attempt is being made.
struct Context {
    revision: u32,
    supersedes: Option<Digest>,
    /// The handoff itself, which is no link of its own chain.
    except: Option<i64>,
    /// The last handoffs of the task, newest first.
    chain: Vec<HandoffRow>,
}

/// Rows of a chain that are read: one more than a statement lists, for the handoff itself may be among them.
const CHAIN_ROWS: i64 = 21;
const _: () = assert!(admission::MAX_CHAIN == 20);

type Judged = Result<(Admitted, Vec<CounterpartyName>), Failure>;

/// Judges a submission against its contract version.
async fn judge(
    shared: &Shared,
    connection: &mut SqliteConnection,
    agent: &Agent,
    submission: &Submission,
    decimals: &[String],
    context: Context,
) -> Result<Judged, Failure> {
    let Some(compiled) = shared.contract(connection, &submission.contract).await? else {
        let failure = Failure::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            ErrorCode::UnknownContract,
            format!(
                "{} is not published here, so nothing can be checked. See /v1/contracts for the versions that are.",
                submission.contract
            ),
        );
        let message = "no such contract version is published".to_owned();
        let violation = Violation { pointer: "/contract".to_owned(), rule: "version".to_owned(), message };
        return Ok(Err(failure.with_violations(vec![violation])));
    };
    let chain = load_chain(connection, &context).await?;
    let parent = match &submission.parent {
        Some(parent) => load_parent(connection, agent, submission, &parent.handoff_id).await?,
        None => None,
    };
    let counterparties = admission::counterparties(submission, &compiled);
    let known = load_known(connection, &compiled, &counterparties).await?;
    let ctx = AdmissionContext {
        submitter: agent.urn.clone(),
        now: shared.now(),
        chance: shared.chance.as_ref(),
        revision: context.revision,
        attempt: make_nonce(shared.chance.as_ref()),
        supersedes: context.supersedes,
        parent,
        chain,
        known,
    };
    Ok(match admission::judge(submission, decimals, &compiled, &ctx) {
        Ok(admitted) => Ok((admitted, counterparties)),
        Err(violations) => Err(invalid().with_violations(violations)),
    })
}

/// Signs what was admitted, ready to be recorded.
fn prepare(
    shared: &Shared,
    admitted: Admitted,
    counterparties: Vec<CounterpartyName>,
    raw: &[u8],
    body_mac: [u8; 32],
) -> Result<(Prepared, Content), Failure> {
    let Admitted { predicate, canonical, disclosures, artifacts } = admitted;
    let signed = sign::admitted(&predicate, &canonical, &shared.keys.handoff).map_err(Failure::internal)?;
    let review_id = predicate.request.as_ref().map(|_| ReviewId::make(predicate.created_at, shared.chance.as_ref()));
    let contract = predicate.contract.name.clone();
    let disclosures = json!(disclosures).to_string();
    let content = Content { raw: raw.to_vec(), disclosures, artifacts, contract, counterparties };
    Ok((Prepared { predicate, signed, review_id, body_mac, content: None }, content))
}

/// Known names that are those of a submission, or look like them.
async fn load_known(
    connection: &mut SqliteConnection,
    compiled: &CompiledContract,
    counterparties: &[CounterpartyName],
) -> Result<Vec<CounterpartyName>, StorageError> {
    let mut known = Vec::new();
    for name in counterparties {
        let looks = Looks::of(&name.value);
        let contract = &compiled.contract.name;
        let alike = db::counterparty::list_alike(
            connection,
            contract,
            &name.path,
            &name.value,
            &looks.written,
            &looks.lowercase,
        );
        known.extend(alike.await?.into_iter().map(|value| CounterpartyName { path: name.path.clone(), value }));
    }
    Ok(known)
}

// ---- earlier handoffs of the same task ----

async fn load_chain(connection: &mut SqliteConnection, context: &Context) -> Result<Vec<EarlierHandoff>, StorageError> {
    let rows = context.chain.iter().filter(|row| Some(row.no) != context.except);
    let mut chain = Vec::new();
    for row in rows.take(admission::MAX_CHAIN) {
        chain.push(load_earlier(connection, row).await?);
    }
    chain.reverse();
    Ok(chain)
}

async fn load_parent(
    connection: &mut SqliteConnection,
    agent: &Agent,
    submission: &Submission,
    parent: &HandoffId,
) -> Result<Option<EarlierHandoff>, StorageError> {
    let row = db::handoff::find(connection, agent.urn.as_str(), &parent.to_string()).await?;
    match row.filter(|row| row.correlation_id == submission.correlation_id) {
        Some(row) => Ok(Some(load_earlier(connection, &row).await?)),
        None => Ok(None),
    }
}

/// The predicate of a stored statement.
pub(crate) fn predicate_of(bytes: &[u8], no: i64) -> Result<HandoffPredicate, StorageError> {
    #[derive(serde::Deserialize)]
    struct Statement {
        predicate: HandoffPredicate,
    }
    let statement: Statement = db::parsed(serde_json::from_slice(bytes).ok(), "statement", "bytes", no)?;
    Ok(statement.predicate)
}

async fn load_earlier(connection: &mut SqliteConnection, row: &HandoffRow) -> Result<EarlierHandoff, StorageError> {
    let attempt = db::parsed(db::attempt::newest(connection, row.no).await?, "handoff", "no", row.no)?;
    let statement =
        db::parsed(db::attempt::load_statement(connection, attempt.no).await?, "statement", "no", attempt.no)?;
    let predicate = predicate_of(&statement.bytes, attempt.no)?;
    let disclosures = document::disclosures(connection, attempt.content).await?;
    let (intent_nonce, intent_text) = intent_of(&predicate, &disclosures);
    let status: ChainStatus = db::parsed(document::word(&attempt.state), "attempt", "state", attempt.no)?;
    Ok(EarlierHandoff {
        handoff_id: predicate.handoff_id,
        digest: Digest::from_bytes(db::bytes32(&attempt.statement_digest, "attempt", "statement_digest", attempt.no)?),
        contract: ContractId { name: attempt.contract_name, version: attempt.contract_version },
        source: predicate.source.agent,
        destination: predicate.destination.agent,
        at: Timestamp::from_ms(row.created_ms),
        status,
        intent_nonce,
        intent_text,
        constraints: predicate.constraints,
    })
}

/// Nonce and words of the intent; empty when they were erased, which then equals no other words.
fn intent_of(predicate: &HandoffPredicate, disclosures: &[String]) -> (String, String) {
    let whole = serde_json::to_value(predicate).ok().and_then(|value| mask::reconstruct(&value, disclosures).ok());
    let member = |name: &str| {
        let found = whole.as_ref().and_then(|value| value.pointer(&format!("/intent/{name}")));
        found.and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    (member("nonce"), member("text"))
}

// ---- refusals ----

struct Refuse {
    row: RefusalRow,
    actor: String,
    of: Of,
}

impl Change for Refuse {
    /// It is kept once for each code: the same bytes may be refused for another reason later.
    type Done = ();

    async fn apply(&mut self, plan: &mut Plan<'_>) -> Result<(), StorageError> {
        let row = &self.row;
        if db::refusal::is_kept(plan.reader().await?, &row.submitter, &row.body_mac, &row.code).await? {
            return Ok(());
        }
        let mut members = serde_json::Map::new();
        members.insert("code".to_owned(), Value::from(self.row.code.clone()));
        let draft = Draft {
            kind: EntryType::HandoffRefused,
            actor: self.actor.clone(),
            of: self.of.clone(),
            // No hash of the submission: it could be guessed (FORMATS.md §2, D4).
            object: Object::Event(members),
            sigs: Vec::new(),
        };
        let mut entered = plan.record(draft).await?;
        let row = RefusalRow { no: entered.position().no, created_ms: entered.now().as_ms(), ..self.row.clone() };
        db::refusal::insert(&mut entered.write().await?, &row).await
    }
}

async fn refuse(shared: &Shared, agent: &Agent, bytes: &[u8], body_mac: [u8; 32], failure: Failure) -> Failure {
    let handoff_id = claimed_id(bytes);
    keep_refusal(shared, agent, bytes, body_mac, None, handoff_id, failure).await
}

/// The handoff id of a body that is no submission, when it has one.
fn claimed_id(bytes: &[u8]) -> Option<HandoffId> {
    let parsed = strict_json::parse_submitted(bytes, &admission::SUBMISSION_LIMITS).ok()?;
    HandoffId::parse(parsed.value.get("handoffId")?.as_str()?).ok()
}

/// Keeps a refused submission and answers with its problem.
async fn keep_refusal(
    shared: &Shared,
    agent: &Agent,
    bytes: &[u8],
    body_mac: [u8; 32],
    handoff: Option<&HandoffRow>,
    handoff_id: Option<HandoffId>,
    failure: Failure,
) -> Failure {
    let of = match handoff {
        Some(row) => match Digest::parse_hex(&row.ledger_ref) {
            Ok(ledger_ref) => Of::Handoff { no: row.no, ledger_ref },
            Err(_) => Of::Gateway,
        },
        None => Of::Gateway,
    };
    let problem = failure.problem();
    let row = RefusalRow {
        no: 0,
        submitter: agent.urn.as_str().to_owned(),
        handoff_id: handoff_id.map(|id| id.to_string()),
        body_mac: body_mac.to_vec(),
        raw: Some(bytes.to_vec()),
        code: crate::problem::code_text(problem.code),
        status: i64::from(problem.status),
        problem: serde_json::to_string(problem).unwrap_or_default(),
        created_ms: 0,
    };
    match shared.recorder.record(Refuse { row, actor: agent.key_id.to_string(), of }).await {
        Ok(()) => failure,
        Err(error) => error.into(),
    }
}

/// A refused submission as `GET /v1/handoffs/{id}` tells it.
pub(crate) async fn refused_answer(
    connection: &mut SqliteConnection,
    agent: &AgentUrn,
    handoff_id: &HandoffId,
) -> Result<Option<HandoffAnswer>, StorageError> {
    let Some(row) = db::refusal::newest(connection, agent.as_str(), &handoff_id.to_string()).await? else {
        return Ok(None);
    };
    // What is wrong may be its shape, so it is read as far as it can be; what cannot be read is answered empty.
    let raw = row.raw.as_deref().unwrap_or_default();
    let body = strict_json::parse_submitted(raw, &admission::SUBMISSION_LIMITS).map(|parsed| parsed.value).ok();
    let text = |pointer: &str, max_chars: usize| {
        let found = body.as_ref().and_then(|body| body.pointer(pointer)).and_then(Value::as_str).unwrap_or_default();
        found.chars().take(max_chars).collect::<String>()
    };
    Ok(Some(HandoffAnswer {
        handoff_id: *handoff_id,
        status: HandoffStatus::Refused,
        contract: ContractId { name: text("/contract/name", 100), version: text("/contract/version", 100) },
        correlation_id: text("/correlationId", 200),
        revision: 1,
        attempt: None,
        statement: None,
        review_id: None,
        expires_at: None,
        outcome: None,
        result: None,
        recorded: document::position(connection, row.no).await?,
    }))
}
