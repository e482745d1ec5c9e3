//! A person's answer: presented views and signed decisions.
//!
//! The signature and everything that it binds is checked before the writer; whether the review still waits, and whether
//! the key still holds, is decided inside the transaction (invariants B6, B9, B10).

use crate::db::SqliteConnection;
use axum::http::StatusCode;
use seamark_contracts::clock::Timestamp;
use seamark_contracts::digest::Digest;
use seamark_contracts::problem::{ErrorCode, Problem};
use seamark_contracts::review::{Effect, Eligibility, Event as ReviewEvent, step};
use seamark_ledger::dsse::Envelope;
use seamark_ledger::entry::EntryType;
use seamark_ledger::key::{KeyId, KeyUse};
use seamark_ledger::statement::{DecisionStatement, HandoffStatement};
use seamark_ledger::verified::Verified;
use seamark_ledger::verify::{self, DecisionFault, check_decision, judge_reviewer, verify_handoff};
use serde_json::{Value, json};

use crate::auth::{Device, Gone};
use crate::conclude::{self, Case, Verdict};
use crate::db::attempt::AttemptRow;
use crate::db::decision::{DecisionRow, PresentedRow};
use crate::db::{self, StorageError};
use crate::problem::{Failure, code_text};
use crate::recorded::{Change, Draft, Object, Plan, Position};
use crate::state::Shared;
use crate::{directory, document};

/// Views that one person may be shown in one attempt.
const MAX_VIEWS: i64 = 200;

/// The attempt behind a review, when this person may see it (invariant F2).
pub(crate) async fn find_visible(
    connection: &mut SqliteConnection,
    device: &Device,
    review_id: &str,
) -> Result<AttemptRow, Failure> {
    let found = db::attempt::find_review(connection, review_id).await?;
    match found {
        Some(attempt) if may_see(device, &attempt)? => Ok(attempt),
        _ => Err(Failure::not_found("review")),
    }
}

/// Whether one of the person's roles is among the candidates.
pub(crate) fn may_see(device: &Device, attempt: &AttemptRow) -> Result<bool, StorageError> {
    let roles: Vec<String> =
        db::parsed(serde_json::from_str(&attempt.candidates).ok(), "attempt", "candidates", attempt.no)?;
    Ok(roles.iter().any(|role| device.person.roles.contains(role)))
}

// ---- views ----

/// The verified handoff statement of a case, as the desk verifies it too.
pub(crate) fn verified_handoff(
    shared: &Shared,
    case: &Case,
    trusted: &directory::Trusted,
) -> Result<Verified<HandoffStatement>, Failure> {
    let envelope = document::envelope(&case.bytes, &case.signature, &shared.keys.handoff);
    verify_handoff(&envelope, &trusted.keys, shared.now()).map_err(Failure::internal)
}

/// Reads a view and checks that it is what the statement and its contract say (invariant B11).
pub(crate) fn check_view(
    handoff: &Verified<HandoffStatement>,
    case: &Case,
    view: &str,
) -> Result<(Digest, Vec<String>), Failure> {
    let shown = verify::check_view(view.as_bytes(), handoff, &case.compiled).map_err(|error| {
        let text = crate::problem::chain(&error);
        Failure::invalid("/view", format!("{text}. Load the review again, render it anew, and send exactly the canonical bytes whose digest is signed"))
    })?;
    Ok((Digest::of(view.as_bytes()), shown.view.disclosed))
}

/// Whether every one of these digests was revealed to this device in this attempt. A view says what its person read, so it
/// may name nothing else (invariant F1).
async fn were_revealed(
    plan: &mut Plan<'_>,
    attempt: i64,
    keyid: &str,
    disclosed: &[String],
) -> Result<bool, StorageError> {
    if disclosed.is_empty() {
        return Ok(true);
    }
    let revealed = db::reveal::list_digests(plan.reader().await?, attempt, keyid).await?;
    Ok(disclosed.iter().all(|digest| revealed.contains(digest)))
}

/// A view is on screen.
#[derive(Debug)]
pub(crate) struct Present {
    pub(crate) case: Case,
    pub(crate) device: Device,
    pub(crate) digest: Digest,
    pub(crate) view: Vec<u8>,
    /// Digests of revealed fields that the view names.
    pub(crate) disclosed: Vec<String>,
    pub(crate) opened_at: Timestamp,
}

/// What became of a presented view.
#[derive(Debug)]
pub(crate) enum Presented {
    Done(Position),
    /// It was presented before, at this position.
    Before(i64),
    /// The review is not open any more; its state.
    Closed(String),
    TooMany,
    /// The device has ended meanwhile.
    Gone(Gone),
    /// The person has none of the roles any more: the review is not theirs to see.
    NotSeen,
    /// The view names a field as revealed that was not revealed to this device.
    NotRevealed,
}

/// What a person has at the moment of a transaction. What was read before it may have ended meanwhile (invariant B10).
pub(crate) enum Standing {
    Holds(Vec<String>),
    Gone(Gone),
}

/// Reads it for the holder of a key.
pub(crate) async fn standing(plan: &mut Plan<'_>, keyid: &str) -> Result<Standing, StorageError> {
    let connection = plan.reader().await?;
    let key = db::parsed(db::person::find_key(connection, keyid).await?, "signing_key", "keyid", keyid)?;
    let person = db::parsed(db::person::find(connection, &key.subject).await?, "signing_key", "subject", key.no)?;
    match key.ended() {
        Some(since) => Ok(Standing::Gone(Gone::of_device(since, &person))),
        None => Ok(Standing::Holds(crate::auth::to_person(&person)?.roles)),
    }
}

impl Change for Present {
    type Done = Presented;

    async fn apply(&mut self, plan: &mut Plan<'_>) -> Result<Presented, StorageError> {
        let (no, person) = (self.case.attempt.no, self.device.person.id.as_str());
        let roles = match standing(plan, &self.device.decision_keyid).await? {
            Standing::Holds(roles) => roles,
            Standing::Gone(gone) => return Ok(Presented::Gone(gone)),
        };
        let request = db::parsed(self.case.predicate.request.as_ref(), "statement", "bytes", no)?;
        if !request.candidates.iter().any(|role| roles.contains(role)) {
            return Ok(Presented::NotSeen);
        }
        let connection = plan.reader().await?;
        if let Some(row) = db::decision::find_presented(connection, no, person, self.digest.as_bytes()).await? {
            return Ok(Presented::Before(row.no));
        }
        if db::decision::count_presented(connection, no, person).await? >= MAX_VIEWS {
            return Ok(Presented::TooMany);
        }
        let fresh = conclude::reload(plan, &self.case).await?;
        if fresh.state != "open" {
            return Ok(Presented::Closed(fresh.state));
        }
        if !were_revealed(plan, no, &self.device.decision_keyid, &self.disclosed).await? {
            return Ok(Presented::NotRevealed);
        }
        let view = ShownView { digest: self.digest, view: &self.view, opened_at: self.opened_at };
        record_presented(plan, &self.case, &self.device, view).await.map(Presented::Done)
    }
}

struct ShownView<'v> {
    digest: Digest,
    view: &'v [u8],
    opened_at: Timestamp,
}

async fn record_presented(
    plan: &mut Plan<'_>,
    case: &Case,
    device: &Device,
    shown: ShownView<'_>,
) -> Result<Position, StorageError> {
    let draft = Draft {
        kind: EntryType::HandoffPresented,
        actor: device.decision_keyid.clone(),
        of: case.of(),
        object: Object::Digest(shown.digest),
        sigs: Vec::new(),
    };
    let mut entered = plan.record(draft).await?;
    let position = entered.position();
    let row = PresentedRow {
        no: position.no,
        attempt: case.attempt.no,
        person: device.person.id.as_str().to_owned(),
        digest: shown.digest.as_bytes().to_vec(),
        view: shown.view.to_vec(),
        opened_ms: shown.opened_at.as_ms(),
    };
    db::decision::insert_presented(&mut entered.write().await?, &row).await?;
    Ok(position)
}

/// The problem of a review that is not open any more.
pub(crate) fn closed(state: &str) -> Failure {
    let (code, detail) = match state {
        "expired" => {
            (ErrorCode::Expired, "Nobody answered before the deadline. Load the review again to see its outcome.")
        }
        "withdrawn" => (ErrorCode::Withdrawn, "The source took the handoff back. Nothing is to be decided."),
        "superseded" => {
            (ErrorCode::Superseded, "The handoff was changed or handed on. Load the review that took its place.")
        }
        _ => (ErrorCode::AlreadyDecided, "Somebody decided before. Load the review again to see the outcome."),
    };
    Failure::new(StatusCode::CONFLICT, code, detail)
}

// ---- decisions ----

/// A decision whose signature and bindings were checked.
#[derive(Debug)]
pub(crate) struct Decide {
    pub(crate) shared: Shared,
    pub(crate) case: Case,
    pub(crate) device: Device,
    pub(crate) verdict: Verdict,
    /// Whoever asked for the action does not decide on it (invariant B4).
    pub(crate) eligibility: Eligibility,
    /// Digests of revealed fields that the decision names.
    pub(crate) disclosed: Vec<String>,
    pub(crate) opened_at: Timestamp,
    /// When what an approval authorises is over.
    pub(crate) until: Option<Timestamp>,
}

/// What became of a decision.
#[derive(Debug)]
pub(crate) enum Decided {
    /// It is recorded, now or before; counted or not.
    Recorded(Box<DecisionRow>),
    /// The id belongs to another decision.
    IdTaken,
    /// The device that sent it has ended.
    DeviceGone(Gone),
    /// The signing key has ended; it is another one than that of the device.
    KeyEnded,
    /// The person does not have the role any more in which it was signed.
    RoleEnded,
    /// It names a field as revealed that was not revealed to the device that signed it.
    NotRevealed,
    /// The review still waits, but the approval was under way for so long that nothing could act on it.
    ApprovalOver,
}

impl Change for Decide {
    type Done = Decided;

    async fn apply(&mut self, plan: &mut Plan<'_>) -> Result<Decided, StorageError> {
        let no = self.case.attempt.no;
        let now = plan.now();
        let person = self.verdict.person.as_str();
        let decision_id = self.verdict.decision_id.to_string();
        let connection = plan.reader().await?;
        if let Some(row) = db::decision::find(connection, &decision_id).await? {
            let is_same = row.attempt == no && row.digest == self.verdict.digest.as_bytes();
            return Ok(if is_same { Decided::Recorded(Box::new(row)) } else { Decided::IdTaken });
        }
        if let Some(row) = db::decision::find_of_person(connection, no, person).await? {
            return Ok(Decided::Recorded(Box::new(row)));
        }
        // One person may send with one device what another one signed: neither may have ended.
        for keyid in [&self.device.decision_keyid, &self.verdict.keyid] {
            match standing(plan, keyid).await? {
                Standing::Gone(gone) if *keyid == self.device.decision_keyid => return Ok(Decided::DeviceGone(gone)),
                Standing::Gone(_) => return Ok(Decided::KeyEnded),
                Standing::Holds(roles) if !roles.contains(&self.verdict.role) => return Ok(Decided::RoleEnded),
                Standing::Holds(_) => {}
            }
        }
        if !were_revealed(plan, no, &self.verdict.keyid, &self.disclosed).await? {
            return Ok(Decided::NotRevealed);
        }
        let shown = Digest::of(&self.verdict.view);
        let presented = db::decision::find_presented(plan.reader().await?, no, person, shown.as_bytes()).await?;
        let fresh = conclude::reload(plan, &self.case).await?;
        let still_waits = fresh.state == "open" && fresh.expires_ms.is_some_and(|end| now.as_ms() < end);
        if still_waits && self.until.is_some_and(|until| until <= now) {
            return Ok(Decided::ApprovalOver);
        }
        if presented.is_none() && fresh.state == "open" {
            // This request presents the view: what was signed was on screen before it was signed.
            let shown = ShownView {
                digest: Digest::of(&self.verdict.view),
                view: &self.verdict.view,
                opened_at: self.opened_at,
            };
            record_presented(plan, &self.case, &self.device, shown).await?;
        }
        let state = conclude::load_state(plan, &self.case, &fresh).await?;
        let event = ReviewEvent::Decide {
            id: self.verdict.decision_id,
            person: self.verdict.person.clone(),
            decision: self.verdict.kind,
            eligibility: self.eligibility,
            escalate_to: self.verdict.escalation.as_ref().map(|escalation| escalation.to.clone()),
        };
        let (_, effects): (_, Vec<Effect>) = step(state, event, now);
        conclude::enact(plan, &self.shared, &self.case, effects, Some(&self.verdict)).await?;
        let row = db::decision::find(plan.reader().await?, &decision_id).await?;
        Ok(Decided::Recorded(Box::new(db::parsed(row, "decision", "decision_id", no)?)))
    }
}

/// Why a decision is refused: a code and what to do.
struct Fault(ErrorCode, String);

/// What is said of a key with an end.
const KEY_ENDED: &str = "The key that signed this has ended, so it does not count, whenever it was signed; what was recorded before the \
                         end stays. If the review still waits, decide anew on a device that has not ended.";

fn fault(detail: impl Into<String>) -> Fault {
    Fault(ErrorCode::DecisionInvalid, detail.into())
}

/// Takes a signed decision.
pub(crate) async fn decide(
    shared: &Shared,
    device: &Device,
    review_id: &str,
    envelope: &Value,
    view: &str,
) -> Result<DecisionRow, Failure> {
    let mut connection = shared.database.read().await?;
    let attempt = find_visible(&mut connection, device, review_id).await?;
    let trusted = directory::trusted(shared, &mut connection).await?;
    let case = conclude::load_case(shared, &mut connection, attempt).await?;
    drop(connection);
    let handoff = verified_handoff(shared, &case, &trusted)?;
    let checked = check_decision(envelope, &handoff, &case.compiled, &trusted.keys, view.as_bytes(), shared.now());
    let statement = match checked {
        Ok(statement) if statement.by.subject == device.person.id.as_str() => statement,
        Ok(_) => {
            let fault = fault("The signer is another person than the one whose session this is.");
            return Err(refuse(shared, device, case, fault).await);
        }
        Err(error) if is_unsigned(device, &case, &trusted, &error)? => {
            return Err(directory::pending("Your key or role", "Keep the decision and send it again later."));
        }
        Err(error) => return Err(refuse(shared, device, case, explain(&error)).await),
    };
    let eligibility = judge_reviewer(&statement.predicate, &case.predicate, &trusted.keys);
    let verdict = verdict_of(&statement, envelope, view)?;
    let change = Decide {
        shared: shared.clone(),
        case: case.clone(),
        device: device.clone(),
        verdict,
        eligibility,
        disclosed: statement.predicate.view.disclosed.clone(),
        opened_at: statement.predicate.view.opened_at,
        until: statement.predicate.constraints.as_ref().map(|window| window.expires_at),
    };
    match shared.recorder.record(change).await? {
        Decided::Recorded(row) => Ok(*row),
        Decided::IdTaken => {
            let fault = fault("Another decision has this decision id. Make a new id and sign again.");
            Err(refuse(shared, device, case, fault).await)
        }
        Decided::DeviceGone(gone) => {
            let failure = gone.failure();
            let Problem { code, detail, .. } = failure.problem().clone();
            Err(refuse(shared, device, case, Fault(code, detail)).await)
        }
        Decided::KeyEnded => Err(refuse(shared, device, case, fault(KEY_ENDED)).await),
        Decided::RoleEnded => {
            let detail = "The role in which this was signed was taken from you before the decision arrived, so it does not count. \
                          Load the reviews again: they are those that your roles let you see now.";
            Err(refuse(shared, device, case, Fault(ErrorCode::NotCandidate, detail.to_owned())).await)
        }
        Decided::NotRevealed => {
            let fault = fault(
                "The view names a field as revealed that was not revealed to the device that signed it. Load the review again and sign \
                 what it says now.",
            );
            Err(refuse(shared, device, case, fault).await)
        }
        Decided::ApprovalOver => {
            let fault = fault(
                "The time for which the approval was signed was over when it arrived, so nothing could act on it, and it was \
                 not counted. The review still waits: look at it again and decide anew.",
            );
            Err(refuse(shared, device, case, fault).await)
        }
    }
}

/// Whether a decision fails only because the root has not signed yet what is recorded here: this device's key, or a role that
/// the review asks for.
fn is_unsigned(
    device: &Device,
    case: &Case,
    trusted: &directory::Trusted,
    error: &DecisionFault,
) -> Result<bool, Failure> {
    let id = KeyId::parse(&device.decision_keyid).map_err(Failure::internal)?;
    if matches!(error, DecisionFault::Statement(_)) {
        return Ok(trusted.keys.find(&id, KeyUse::Decision).is_none());
    }
    let candidates = case.predicate.request.as_ref().map(|request| request.candidates.as_slice()).unwrap_or_default();
    let signed = trusted.keys.subject(device.person.id.as_str());
    let has = |role: &&String| device.person.roles.contains(role);
    let is_signed = |role: &String| {
        signed.is_some_and(|subject| subject.roles.iter().any(|held| held.role == *role && held.to.is_none()))
    };
    Ok(matches!(error, DecisionFault::NotCandidate) && candidates.iter().filter(has).any(|role| !is_signed(role)))
}

fn verdict_of(statement: &Verified<DecisionStatement>, envelope: &Value, view: &str) -> Result<Verdict, Failure> {
    let predicate = &statement.predicate;
    // The envelope is kept in one spelling; it is never hashed.
    let text = Envelope::from_value(envelope).map_err(Failure::internal)?.unverified_value().to_json();
    Ok(Verdict {
        decision_id: predicate.decision_id,
        person: predicate.reviewer.id.clone(),
        person_name: predicate.reviewer.name.clone(),
        role: predicate.reviewer.role.clone(),
        kind: predicate.decision,
        digest: statement.digest,
        sig: statement.signature.digest(),
        keyid: statement.by.key.id().to_string(),
        envelope: text,
        view: view.as_bytes().to_vec(),
        decided_at: predicate.decided_at,
        escalation: predicate.escalation.clone(),
    })
}

/// What is wrong with a decision, and what to do about it.
fn explain(error: &DecisionFault) -> Fault {
    let text = crate::problem::chain(error);
    let (code, advice) = match error {
        DecisionFault::NotCandidate => {
            (ErrorCode::NotCandidate, "Sign in a role that the review asks for and that you have.")
        }
        DecisionFault::Key(_) => (ErrorCode::DecisionInvalid, KEY_ENDED),
        DecisionFault::Statement(_) | DecisionFault::Reviewer => (
            ErrorCode::DecisionInvalid,
            "Sign with the enrolled decision key of this device, under the name that /v1/me gives.",
        ),
        DecisionFault::Times(_) => (ErrorCode::DecisionInvalid, "Check the clock of this device and sign again."),
        _ => (ErrorCode::DecisionInvalid, "Load the review again and sign what it says now."),
    };
    Fault(code, format!("{text}. {advice}"))
}

/// A decision that could not be accepted; the ledger says so.
struct Refused {
    case: Case,
    device: Device,
    code: String,
}

impl Change for Refused {
    type Done = ();

    async fn apply(&mut self, plan: &mut Plan<'_>) -> Result<(), StorageError> {
        let mut members = serde_json::Map::new();
        members.insert("code".to_owned(), json!(self.code));
        let draft = Draft {
            kind: EntryType::DecisionRefused,
            actor: self.device.decision_keyid.clone(),
            of: self.case.of(),
            object: Object::Event(members),
            sigs: Vec::new(),
        };
        plan.record(draft).await?;
        Ok(())
    }
}

async fn refuse(shared: &Shared, device: &Device, case: Case, fault: Fault) -> Failure {
    let Fault(code, detail) = fault;
    let refused = Refused { case, device: device.clone(), code: code_text(code) };
    if let Err(error) = shared.recorder.record(refused).await {
        return error.into();
    }
    let is_forbidden = matches!(code, ErrorCode::NotCandidate | ErrorCode::AccessEnded);
    let status = if is_forbidden { StatusCode::FORBIDDEN } else { StatusCode::UNPROCESSABLE_ENTITY };
    Failure::new(status, code, detail)
}
