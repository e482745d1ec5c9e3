//! A person's answer: presented views and signed decisions.
//!
//! The signature and everything that it binds is checked before the writer; whether the review still waits, and whether
//! the key still holds, is decided inside the transaction (invariants B6, B9, B10).

use axum::http::StatusCode;
use seamark_contracts::clock::Timestamp;
use seamark_contracts::decision::DecisionPredicate;
use seamark_contracts::digest::Digest;
use seamark_contracts::outcome::NotCounted;
use seamark_contracts::problem::ErrorCode;
use seamark_contracts::review::{Effect, Eligibility, Event as ReviewEvent, step};
use seamark_contracts::strict_json::{self, Limits};
use seamark_contracts::view::View;
use seamark_ledger::dsse::Envelope;
use seamark_ledger::entry::EntryType;
use seamark_ledger::statement::{self, DecisionStatement};
use seamark_ledger::verified::Verified;
use serde_json::{Value, json};
use sqlx::SqliteConnection;

use crate::auth::Device;
use crate::conclude::{self, Case, Verdict};
use crate::db::attempt::AttemptRow;
use crate::db::decision::{DecisionRow, PresentedRow};
use crate::db::{self, StorageError};
use crate::directory;
use crate::problem::{Failure, code_text};
use crate::recorded::{Change, Draft, Object, Plan, Position};
use crate::state::Shared;

/// Clocks of desk and gateway may differ by so much.
const MAX_SKEW_MS: i64 = 120_000;
/// Views that one person may be shown in one attempt.
const MAX_VIEWS: i64 = 200;

/// The attempt behind a review, when this person may see it (invariant F2).
pub(crate) async fn find_visible(connection: &mut SqliteConnection, device: &Device, review_id: &str) -> Result<AttemptRow, Failure> {
    let found = db::attempt::find_review(connection, review_id).await?;
    match found {
        Some(attempt) if may_see(device, &attempt)? => Ok(attempt),
        _ => Err(Failure::not_found("review")),
    }
}

/// Whether one of the person's roles is among the candidates.
pub(crate) fn may_see(device: &Device, attempt: &AttemptRow) -> Result<bool, StorageError> {
    let roles: Vec<String> = db::parsed(serde_json::from_str(&attempt.candidates).ok(), "attempt", "candidates", attempt.no)?;
    Ok(roles.iter().any(|role| device.person.roles.contains(role)))
}

// ---- views ----

/// Reads a view and checks that it is one of this attempt.
pub(crate) fn check_view(case: &Case, view: &str) -> Result<Digest, Failure> {
    let bytes = view.as_bytes();
    let parsed: View = strict_json::parse_typed(bytes, &Limits::SIGNED.with_max_bytes(crate::route::LARGE)).map_err(|error| {
        let place = error.pointer().map(|pointer| format!("/view{}", pointer.as_str())).unwrap_or_else(|| "/view".to_owned());
        Failure::invalid(&place, "the view is not one of docs/FORMATS.md, section 6").because(error)
    })?;
    let canonical = seamark_contracts::canonical::bytes_of(&parsed).map_err(Failure::internal)?;
    if canonical != bytes {
        return Err(Failure::invalid("/view", "the view is not in canonical form (RFC 8785); send exactly the bytes whose digest is signed"));
    }
    if parsed.handoff != case.statement || parsed.handoff_id != case.predicate.handoff_id {
        return Err(Failure::invalid("/view/handoff", "the view is of another statement; load the review again and render it anew"));
    }
    Ok(Digest::of(bytes))
}

/// A view is on screen.
#[derive(Debug)]
pub(crate) struct Present {
    pub(crate) case: Case,
    pub(crate) device: Device,
    pub(crate) digest: Digest,
    pub(crate) view: Vec<u8>,
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
}

impl Change for Present {
    type Done = Presented;

    async fn apply(&mut self, plan: &mut Plan<'_>) -> Result<Presented, StorageError> {
        let (no, person) = (self.case.attempt.no, self.device.person.id.as_str());
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
        let view = ShownView { digest: self.digest, view: &self.view, opened_at: self.opened_at };
        record_presented(plan, &self.case, &self.device, view).await.map(Presented::Done)
    }
}

struct ShownView<'v> {
    digest: Digest,
    view: &'v [u8],
    opened_at: Timestamp,
}

async fn record_presented(plan: &mut Plan<'_>, case: &Case, device: &Device, shown: ShownView<'_>) -> Result<Position, StorageError> {
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
        "expired" => (ErrorCode::Expired, "Nobody answered before the deadline. Load the review again to see its outcome."),
        "withdrawn" => (ErrorCode::Withdrawn, "The source took the handoff back. Nothing is to be decided."),
        "superseded" => (ErrorCode::Superseded, "The handoff was changed or handed on. Load the review that took its place."),
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
    pub(crate) opened_at: Timestamp,
}

/// What became of a decision.
#[derive(Debug)]
pub(crate) enum Decided {
    /// It is recorded, now or before; counted or not.
    Recorded(Box<DecisionRow>),
    /// The id belongs to another decision.
    IdTaken,
    /// The key does not hold any more.
    KeyEnded,
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
        let key = db::person::find_key(connection, &self.verdict.keyid).await?;
        if key.is_none_or(|key| key.to_ms.is_some_and(|to| to <= now.as_ms())) {
            return Ok(Decided::KeyEnded);
        }
        let presented = db::decision::find_presented(connection, no, person, Digest::of(&self.verdict.view).as_bytes()).await?;
        let fresh = conclude::reload(plan, &self.case).await?;
        if presented.is_none() && fresh.state == "open" {
            // This request presents the view: what was signed was on screen before it was signed.
            let shown =
                ShownView { digest: Digest::of(&self.verdict.view), view: &self.verdict.view, opened_at: self.opened_at };
            record_presented(plan, &self.case, &self.device, shown).await?;
        }
        let state = conclude::load_state(plan, &self.case, &fresh).await?;
        let event = ReviewEvent::Decide {
            id: self.verdict.decision_id,
            person: self.verdict.person.clone(),
            decision: self.verdict.kind,
            eligibility: self.eligibility(),
            escalate_to: self.verdict.escalation.as_ref().map(|escalation| escalation.to.clone()),
        };
        let (_, effects): (_, Vec<Effect>) = step(state, event, now);
        conclude::enact(plan, &self.shared, &self.case, effects, Some(&self.verdict)).await?;
        let row = db::decision::find(plan.reader().await?, &decision_id).await?;
        Ok(Decided::Recorded(Box::new(db::parsed(row, "decision", "decision_id", no)?)))
    }
}

impl Decide {
    /// Whoever asked for the action does not decide on it (invariant B4).
    fn eligibility(&self) -> Eligibility {
        let is_requester = self.case.predicate.source.on_behalf_of.as_ref() == Some(&self.verdict.person);
        if is_requester { Eligibility::Not(NotCounted::Conflict) } else { Eligibility::Eligible }
    }
}

/// Why a decision is refused: a code and what to do.
struct Fault(ErrorCode, String);

fn fault(detail: impl Into<String>) -> Fault {
    Fault(ErrorCode::DecisionInvalid, detail.into())
}

/// Takes a signed decision.
pub(crate) async fn decide(shared: &Shared, device: &Device, review_id: &str, envelope: &Value, view: &str) -> Result<DecisionRow, Failure> {
    let mut connection = shared.database.read().await?;
    let attempt = find_visible(&mut connection, device, review_id).await?;
    let trusted = directory::trusted(shared, &mut connection).await?;
    let case = conclude::load_case(shared, &mut connection, attempt).await?;
    drop(connection);
    let view_digest = check_view(&case, view)?;
    let checked = match statement::verify::<DecisionPredicate>(envelope, &trusted.keys) {
        Ok(statement) => {
            let check = Check { case: &case, device, trusted: &trusted, view: view_digest, now: shared.now() };
            check.run(&statement).map(|()| statement)
        }
        Err(error) => {
            let text = crate::problem::chain(&error);
            Err(fault(format!("The envelope holds no decision that counts here: {text}. Sign again with the enrolled decision key.")))
        }
    };
    let statement = match checked {
        Ok(statement) => statement,
        Err(fault) => return Err(refuse(shared, device, case, fault).await),
    };
    let verdict = verdict_of(&statement, envelope, view)?;
    let opened_at = statement.predicate.view.opened_at;
    let change = Decide { shared: shared.clone(), case: case.clone(), device: device.clone(), verdict, opened_at };
    match shared.recorder.record(change).await? {
        Decided::Recorded(row) => Ok(*row),
        Decided::IdTaken => {
            let fault = fault("Another decision has this decision id. Make a new id and sign again.");
            Err(refuse(shared, device, case, fault).await)
        }
        Decided::KeyEnded => {
            let fault = fault("The signing key does not hold any more. Enrol this device again.");
            Err(refuse(shared, device, case, fault).await)
        }
    }
}

fn verdict_of(statement: &Verified<DecisionStatement>, envelope: &Value, view: &str) -> Result<Verdict, Failure> {
    let predicate = &statement.predicate;
    // The envelope is kept in one spelling; it is never hashed.
    let text = Envelope::from_value(envelope).map_err(Failure::internal)?.unverified_value().to_json();
    Ok(Verdict {
        decision_id: predicate.decision_id,
        person: predicate.reviewer.id.clone(),
        person_name: predicate.reviewer.name.clone(),
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

/// What a signed decision has to agree with.
struct Check<'c> {
    case: &'c Case,
    device: &'c Device,
    trusted: &'c directory::Trusted,
    view: Digest,
    now: Timestamp,
}

impl Check<'_> {
    fn run(&self, statement: &Verified<DecisionStatement>) -> Result<(), Fault> {
        let decision = &statement.predicate;
        let handoff = &self.case.predicate;
        let request = handoff.request.as_ref().ok_or_else(|| fault("This handoff asks nobody."))?;
        let subject = statement.subject.first().map(|subject| subject.digest);
        let bindings = [
            (subject == Some(self.case.statement), "subject", "the handoff statement of this review"),
            (decision.attempt == handoff.attempt, "attempt", "the attempt of this review"),
            (decision.audience == handoff.destination.audience, "audience", "the audience of the handoff"),
            (decision.contract == handoff.contract, "contract", "the contract of the handoff"),
            (decision.policy == request.policy, "policy", "the policy of the handoff"),
            (decision.view.digest == self.view, "view.digest", "SHA-256 of the view that was sent along"),
            (decision.meaning == decision.decision.meaning(), "meaning", "the meaning that belongs to this decision"),
            (request.options.contains(&decision.decision), "decision", "one of the options that are asked for"),
        ];
        if let Some((_, field, wanted)) = bindings.iter().find(|(holds, _, _)| !holds) {
            return Err(fault(format!("The signed {field} is not {wanted}. Load the review again and sign what it says now.")));
        }
        self.check_person(statement)?;
        self.check_times(decision)?;
        self.check_words(decision)
    }

    fn check_person(&self, statement: &Verified<DecisionStatement>) -> Result<(), Fault> {
        let reviewer = &statement.predicate.reviewer;
        if reviewer.id != self.device.person.id || statement.by.subject != reviewer.id.as_str() {
            return Err(fault("The signer is another person than the one whose session this is."));
        }
        statement.check_key_window(self.now).map_err(|_| fault("The signing key is not valid now. Enrol this device again."))?;
        let known = self.trusted.predicate.subjects.iter().find(|subject| subject.id == reviewer.id.as_str());
        let known = known.ok_or_else(|| fault("The directory does not know the signer."))?;
        if known.name != reviewer.name {
            return Err(fault("The signed name is not the one in the directory. Load /v1/me and sign again."));
        }
        let candidates = self.case.predicate.request.as_ref().map(|request| request.candidates.as_slice()).unwrap_or_default();
        if !candidates.contains(&reviewer.role) || !known.has_role(&reviewer.role, self.now) {
            let detail = format!("The role {} is not one in which this person may decide here.", reviewer.role);
            return Err(Fault(ErrorCode::NotCandidate, detail));
        }
        Ok(())
    }

    fn check_times(&self, decision: &DecisionPredicate) -> Result<(), Fault> {
        let latest = self.now.plus_ms(MAX_SKEW_MS);
        let created = self.case.predicate.created_at.plus_ms(-MAX_SKEW_MS);
        let (opened, verified, decided) = (decision.view.opened_at, decision.auth.at, decision.decided_at);
        let is_in_order = created <= opened && opened <= decided && verified <= decided && decided <= latest;
        if !is_in_order {
            return Err(fault("The signed times are out of order or ahead of the gateway's. Check the clock of this device."));
        }
        match &decision.constraints {
            Some(window) if window.not_before >= window.expires_at || window.max_uses != 1 => {
                Err(fault("The approval allows no time at all, or more than one use."))
            }
            _ => Ok(()),
        }
    }

    fn check_words(&self, decision: &DecisionPredicate) -> Result<(), Fault> {
        let contract = &self.case.compiled.contract;
        if let Some(escalation) = &decision.escalation {
            let targets = &contract.owner.escalation;
            if !targets.contains(&escalation.to) && escalation.to != self.case.predicate.fallback_owner {
                return Err(fault(format!("{} is nobody to whom this contract escalates.", escalation.to)));
            }
        }
        let is_reject = decision.decision == seamark_contracts::decision::DecisionKind::Reject;
        let known = contract.review.reasons.reject.iter().any(|reason| reason.code == decision.reason.code);
        if is_reject && !known && decision.reason.code != "other" {
            return Err(fault("The reason is not one of the contract's. Choose one, or other."));
        }
        Ok(())
    }
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
    let status = if code == ErrorCode::NotCandidate { StatusCode::FORBIDDEN } else { StatusCode::UNPROCESSABLE_ENTITY };
    Failure::new(status, code, detail)
}
