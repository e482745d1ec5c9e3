//! How a review ends. Every outcome is formed here, whatever led to it: a decision, a deadline, a withdrawal or a change of
//! content (one decision path, design README §4.6).
//!
//! The state machine of `contracts::review` says what follows from an event; this file records it. All of it happens in
//! the transaction of the event, so commit order and gateway time decide (invariant B6).

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::db::SqliteConnection;
use seamark_contracts::admission::reattempt;
use seamark_contracts::clock::{Timestamp, make_nonce};
use seamark_contracts::contract::compiled::CompiledContract;
use seamark_contracts::decision::{DecisionKind, DecisionPredicate, Escalation, Window};
use seamark_contracts::digest::Digest;
use seamark_contracts::handoff::{ContractId, EscalatedFrom, HandoffPredicate};
use seamark_contracts::id::{DecisionId, OutcomeId, ReviewId, UserUrn};
use seamark_contracts::outcome::{CountedDecision, NotCounted, OutcomeKind, OutcomePredicate, Quorum};
use seamark_contracts::review::{
    AttemptCause, Cast, Effect, Ending, Event as ReviewEvent, State, Terms, Withdrawer, step,
};
use seamark_ledger::entry::EntryType;
use seamark_ledger::key::Signer as _;
use serde_json::json;

use crate::db::attempt::AttemptRow;
use crate::db::decision::DecisionRow;
use crate::db::handoff::HandoffRow;
use crate::db::outbox::OutboxRow;
use crate::db::outcome::OutcomeRow;
use crate::db::{self, StorageError};
use crate::document::{self, word};
use crate::open::{Prepared, open_attempt};
use crate::recorded::{Change, Draft, Entered, Event, Object, Of, Plan};
use crate::sign;
use crate::state::Shared;

/// An attempt with everything about it that never changes.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) handoff: HandoffRow,
    pub(crate) ledger_ref: Digest,
    pub(crate) attempt: AttemptRow,
    pub(crate) predicate: HandoffPredicate,
    /// The signed statement.
    pub(crate) bytes: Vec<u8>,
    pub(crate) signature: Vec<u8>,
    /// Digest of the handoff statement.
    pub(crate) statement: Digest,
    pub(crate) compiled: Arc<CompiledContract>,
}

impl Case {
    /// The handoff, for entries.
    pub(crate) fn of(&self) -> Of {
        Of::Handoff { no: self.handoff.no, ledger_ref: self.ledger_ref }
    }
}

/// Reads what belongs to an attempt.
pub(crate) async fn load_case(
    shared: &Shared,
    connection: &mut SqliteConnection,
    attempt: AttemptRow,
) -> Result<Case, StorageError> {
    let no = attempt.no;
    let handoff = db::parsed(db::handoff::load(connection, attempt.handoff).await?, "attempt", "handoff", no)?;
    let statement = db::parsed(db::attempt::load_statement(connection, no).await?, "statement", "no", no)?;
    let id = ContractId { name: attempt.contract_name.clone(), version: attempt.contract_version.clone() };
    let compiled = db::parsed(shared.contract(connection, &id).await?, "attempt", "contract_name", no)?;
    Ok(Case {
        ledger_ref: db::parsed(Digest::parse_hex(&handoff.ledger_ref).ok(), "handoff", "ref", handoff.no)?,
        predicate: crate::admit::predicate_of(&statement.bytes, no)?,
        statement: Digest::from_bytes(db::bytes32(&attempt.statement_digest, "attempt", "statement_digest", no)?),
        bytes: statement.bytes,
        signature: statement.signature,
        handoff,
        attempt,
        compiled,
    })
}

/// The review as the state machine sees it, read inside the transaction. `fresh` is the attempt as it is now.
pub(crate) async fn load_state(plan: &mut Plan<'_>, case: &Case, fresh: &AttemptRow) -> Result<State, StorageError> {
    let no = case.attempt.no;
    let request = db::parsed(case.predicate.request.as_ref(), "statement", "bytes", no)?;
    let escalates_to = case.compiled.contract.owner.escalation.first().cloned();
    let terms =
        Terms { quorum: request.quorum, expires_at: request.expires_at, on_timeout: request.on_timeout, escalates_to };
    let connection = plan.reader().await?;
    // No contract may ask for more than one person yet, so an open attempt holds no approval that could lapse with its
    // signer (`State::lapse`, FORMATS.md §7.2). Verifiers count so already.
    let mut cast = BTreeMap::new();
    for row in db::decision::list(connection, no).await? {
        let id = db::parsed(DecisionId::parse(&row.decision_id).ok(), "decision", "decision_id", row.no)?;
        let person = db::parsed(UserUrn::parse(&row.person).ok(), "decision", "person", row.no)?;
        let decision = db::parsed(word(&row.kind), "decision", "kind", row.no)?;
        cast.insert(id, Cast { person, decision, not_counted: not_counted(&row)? });
    }
    let ending = if fresh.state == "open" {
        None
    } else {
        let outcome = db::parsed(db::outcome::find(connection, no).await?, "outcome", "attempt", no)?;
        let kind = db::parsed(word(&outcome.kind), "outcome", "kind", outcome.no)?;
        let cause = db::parsed(word(&outcome.cause), "outcome", "cause", outcome.no)?;
        Some(Ending { outcome: kind, cause, at: Timestamp::from_ms(outcome.formed_ms) })
    };
    Ok(State { terms, cast, ending })
}

fn not_counted(row: &DecisionRow) -> Result<Option<NotCounted>, StorageError> {
    row.why.as_deref().map(|why| db::parsed(word(why), "decision", "why", row.no)).transpose()
}

/// A verified decision that is to be recorded.
#[derive(Clone, Debug)]
pub(crate) struct Verdict {
    pub(crate) decision_id: DecisionId,
    pub(crate) person: UserUrn,
    pub(crate) person_name: String,
    /// In which the person decides.
    pub(crate) role: String,
    pub(crate) kind: DecisionKind,
    /// Of the statement.
    pub(crate) digest: Digest,
    /// SHA-256 of the signature.
    pub(crate) sig: Digest,
    pub(crate) keyid: String,
    /// DSSE envelope as received.
    pub(crate) envelope: String,
    pub(crate) view: Vec<u8>,
    pub(crate) decided_at: Timestamp,
    pub(crate) escalation: Option<Escalation>,
}

/// Records what the state machine says. `verdict` is the decision that led to it, if one did.
pub(crate) async fn enact(
    plan: &mut Plan<'_>,
    shared: &Shared,
    case: &Case,
    effects: Vec<Effect>,
    verdict: Option<&Verdict>,
) -> Result<(), StorageError> {
    // The outcome `superseded` names the statement that takes the place, so that one is signed first.
    let next = effects.iter().find_map(|effect| match effect {
        Effect::OpenAttempt { to, by } => Some((to.clone(), *by)),
        _ => None,
    });
    let next = match next {
        Some((to, by)) => Some(prepare_next(shared, case, to, by, verdict, plan.now())?),
        None => None,
    };
    for effect in effects {
        match effect {
            Effect::Record { not_counted, .. } => {
                record_decision(plan, case, verdict, EntryType::DecisionRecorded, not_counted).await?
            }
            Effect::RecordLate { .. } => {
                record_decision(plan, case, verdict, EntryType::DecisionLate, Some(NotCounted::Late)).await?;
            }
            Effect::Conclude { ending, quorum } => {
                let superseded_by = next.as_ref().map(|next| next.signed.digest);
                let mut entered = conclude(plan, shared, case, ending, quorum, superseded_by).await?;
                if next.is_none() {
                    close(&mut entered, case.attempt.no, kind_text(ending.outcome), None).await?;
                }
            }
            Effect::OpenAttempt { .. } => {
                if let Some(next) = &next {
                    escalate(plan, shared, case, next).await?;
                }
            }
            Effect::Repeat { .. } | Effect::TooLate => {}
        }
    }
    Ok(())
}

/// The word of an outcome.
pub(crate) fn kind_text(kind: OutcomeKind) -> &'static str {
    match kind {
        OutcomeKind::Approved => "approved",
        OutcomeKind::Rejected => "rejected",
        OutcomeKind::Expired => "expired",
        OutcomeKind::Withdrawn => "withdrawn",
        OutcomeKind::Superseded => "superseded",
    }
}

fn text_of<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

async fn record_decision(
    plan: &mut Plan<'_>,
    case: &Case,
    verdict: Option<&Verdict>,
    kind: EntryType,
    why: Option<NotCounted>,
) -> Result<(), StorageError> {
    let verdict = db::parsed(verdict, "decision", "decision_id", case.attempt.no)?;
    let draft = Draft {
        kind,
        actor: verdict.keyid.clone(),
        of: case.of(),
        object: Object::Digest(verdict.digest),
        sigs: vec![verdict.sig],
    };
    let mut entered = plan.record(draft).await?;
    let position = entered.position();
    let row = DecisionRow {
        no: position.no,
        decision_id: verdict.decision_id.to_string(),
        attempt: case.attempt.no,
        person: verdict.person.as_str().to_owned(),
        person_name: verdict.person_name.clone(),
        kind: text_of(&verdict.kind),
        digest: verdict.digest.as_bytes().to_vec(),
        envelope: verdict.envelope.clone(),
        view: verdict.view.clone(),
        decided_ms: verdict.decided_at.as_ms(),
        recorded_ms: entered.now().as_ms(),
        leaf: position.leaf.as_bytes().to_vec(),
        counted: why.is_none(),
        why: why.as_ref().map(text_of),
    };
    let mut write = entered.write().await?;
    db::decision::insert(&mut write, &row).await?;
    db::attempt::touch(&mut write, case.attempt.no).await?;
    entered.tell(Event::Decided, Some(case.attempt.no));
    Ok(())
}

/// Forms the outcome, records it, and puts it beside its pushes (invariants B2, C1). The caller closes the attempt.
pub(crate) async fn conclude<'p>(
    plan: &'p mut Plan<'_>,
    shared: &Shared,
    case: &Case,
    ending: Ending,
    quorum: Quorum,
    superseded_by: Option<Digest>,
) -> Result<Entered<'p>, StorageError> {
    let no = case.attempt.no;
    let request = db::parsed(case.predicate.request.as_ref(), "statement", "bytes", no)?;
    let decisions = db::decision::list(plan.reader().await?, no).await?;
    let listed = decisions.iter().map(counted_decision).collect::<Result<Vec<_>, _>>()?;
    let window = match ending.outcome {
        OutcomeKind::Approved => Some(intersect(&decisions)?),
        _ => None,
    };
    let key = &shared.keys.outcome;
    let predicate = OutcomePredicate {
        outcome_id: OutcomeId::make(plan.now(), plan.chance().as_ref()),
        handoff_id: case.predicate.handoff_id,
        revision: case.predicate.revision,
        attempt: case.predicate.attempt.clone(),
        audience: case.predicate.destination.audience.clone(),
        correlation_id: case.predicate.correlation_id.clone(),
        outcome: ending.outcome,
        cause: ending.cause,
        contract: case.predicate.contract.clone(),
        policy: request.policy.clone(),
        quorum,
        decisions: listed,
        window,
        superseded_by,
        ledger: plan.head(),
        formed_by: key.public_key().id().to_string(),
        formed_at: ending.at,
    };
    let signed = sign::outcome(&predicate, case.statement, key)?;
    let draft = Draft {
        kind: EntryType::OutcomeFormed,
        actor: predicate.formed_by.clone(),
        of: case.of(),
        object: Object::Digest(signed.digest),
        sigs: vec![signed.signature.digest()],
    };
    let mut entered = plan.record(draft).await?;
    let stream_pos = entered.tell(Event::Concluded, Some(no));
    let row = OutcomeRow {
        no: entered.position().no,
        outcome_id: predicate.outcome_id.to_string(),
        attempt: no,
        kind: text_of(&ending.outcome),
        cause: text_of(&ending.cause),
        digest: signed.digest.as_bytes().to_vec(),
        statement: signed.bytes,
        signature: signed.signature.as_bytes().to_vec(),
        formed_ms: ending.at.as_ms(),
        stream_pos,
    };
    let mut write = entered.write().await?;
    db::outcome::insert(&mut write, &row).await?;
    if ending.outcome == OutcomeKind::Approved {
        db::counterparty::make_known(&mut write, case.attempt.content).await?;
    }
    push(&mut entered, shared, case, &row, &predicate.outcome_id).await?;
    Ok(entered)
}

/// Ends the attempt's review.
pub(crate) async fn close(
    entered: &mut Entered<'_>,
    no: i64,
    state: &str,
    superseded_by: Option<i64>,
) -> Result<(), StorageError> {
    let closed_ms = entered.now().as_ms();
    db::attempt::close(&mut entered.write().await?, no, state, closed_ms, superseded_by).await
}

fn counted_decision(row: &DecisionRow) -> Result<CountedDecision, StorageError> {
    Ok(CountedDecision {
        digest: Digest::from_bytes(db::bytes32(&row.digest, "decision", "digest", row.no)?),
        decision: db::parsed(word(&row.kind), "decision", "kind", row.no)?,
        reviewer: db::parsed(UserUrn::parse(&row.person).ok(), "decision", "person", row.no)?,
        counted: row.counted,
        why: not_counted(row)?,
    })
}

/// The predicate of a recorded decision.
pub(crate) fn decision_of(row: &DecisionRow) -> Result<DecisionPredicate, StorageError> {
    #[derive(serde::Deserialize)]
    struct Statement {
        predicate: DecisionPredicate,
    }
    let envelope = seamark_ledger::dsse::Envelope::parse(row.envelope.as_bytes()).ok();
    let payload =
        envelope.and_then(|envelope| serde_json::from_slice(envelope.unverified_value().unverified_payload()).ok());
    let statement: Statement = db::parsed(payload, "decision", "envelope", row.no)?;
    Ok(statement.predicate)
}

/// When all the approvals that count allow the action.
fn intersect(decisions: &[DecisionRow]) -> Result<Window, StorageError> {
    let mut window: Option<Window> = None;
    for row in decisions.iter().filter(|row| row.counted && row.kind == "approve") {
        let allowed = db::parsed(decision_of(row)?.constraints, "decision", "envelope", row.no)?;
        window = Some(match window {
            None => allowed,
            Some(known) => Window {
                not_before: known.not_before.max(allowed.not_before),
                expires_at: known.expires_at.min(allowed.expires_at),
                max_uses: 1,
            },
        });
    }
    db::parsed(window, "decision", "attempt", decisions.first().map_or(0, |row| row.attempt))
}

/// Puts the outcome into the outbox of every webhook that follows this handoff.
async fn push(
    entered: &mut Entered<'_>,
    shared: &Shared,
    case: &Case,
    outcome: &OutcomeRow,
    outcome_id: &OutcomeId,
) -> Result<(), StorageError> {
    let connection = entered.reader().await?;
    let mut webhooks = Vec::new();
    for row in db::outbox::list_enabled(connection, &case.handoff.submitter, &case.handoff.destination).await? {
        let contracts: Vec<String> =
            db::parsed(serde_json::from_str(&row.contracts).ok(), "agent_key", "contracts", row.webhook.no)?;
        // The scope of the key that made a webhook is the webhook's (invariant F2).
        if contracts.is_empty() || contracts.contains(&case.handoff.contract) {
            webhooks.push(row.webhook);
        }
    }
    if webhooks.is_empty() {
        return Ok(());
    }
    let recorded = document::position_in(entered, case.attempt.no).await?;
    let closed = AttemptRow { state: outcome.kind.clone(), ..case.attempt.clone() };
    let data = document::answer_of(&case.handoff, &closed, Some(outcome), None, recorded)?;
    let event =
        document::outcome_event(shared, outcome.stream_pos, outcome_id, data, Timestamp::from_ms(outcome.formed_ms));
    let body = serde_json::to_vec(&event).unwrap_or_default();
    let next_ms = entered.now().as_ms();
    for webhook in webhooks {
        let row = OutboxRow {
            outcome: outcome.no,
            webhook: webhook.id,
            outcome_id: outcome.outcome_id.clone(),
            body: body.clone(),
            state: "waiting".to_owned(),
            n_tries: 0,
            next_ms,
            fence: 0,
            claimed_ms: 0,
            last_error: None,
        };
        db::outbox::insert(&mut entered.write().await?, &row).await?;
    }
    Ok(())
}

// ---- escalation ----

/// Signs the attempt that somebody else is asked with. The content stays, and the old decisions never count in it.
fn prepare_next(
    shared: &Shared,
    case: &Case,
    to: String,
    by: AttemptCause,
    verdict: Option<&Verdict>,
    now: Timestamp,
) -> Result<Prepared, StorageError> {
    let request = db::parsed(case.predicate.request.as_ref(), "statement", "bytes", case.attempt.no)?;
    let (escalated, expires_at) = match by {
        AttemptCause::Person => {
            let question =
                verdict.and_then(|verdict| verdict.escalation.as_ref()).map(|escalation| escalation.question.clone());
            let by = verdict.map(|verdict| verdict.person.clone());
            (EscalatedFrom { by, to: to.clone(), question: question.unwrap_or_default() }, request.expires_at)
        }
        AttemptCause::Deadline => {
            let question = "Nobody answered before the deadline.".to_owned();
            (EscalatedFrom { by: None, to: to.clone(), question }, now.plus_ms(case.compiled.expires_after_ms))
        }
    };
    let attempt = make_nonce(shared.chance.as_ref());
    let predicate = reattempt(&case.predicate, attempt, case.statement, now, escalated, vec![to], expires_at);
    let signed = sign::handoff(&predicate, &shared.keys.handoff)?;
    let body_mac = db::bytes32(&case.attempt.body_mac, "attempt", "body_mac", case.attempt.no)?;
    let review_id = Some(ReviewId::make(now, shared.chance.as_ref()));
    Ok(Prepared { predicate, signed, review_id, body_mac, content: Some(case.attempt.content) })
}

async fn escalate(plan: &mut Plan<'_>, shared: &Shared, case: &Case, next: &Prepared) -> Result<(), StorageError> {
    let actor = shared.identity.instance.clone();
    let mut members = serde_json::Map::new();
    if let Some(escalated) = &next.predicate.escalated {
        members.insert("to".to_owned(), json!(escalated.to));
        members.insert("cause".to_owned(), json!(if escalated.by.is_some() { "person" } else { "deadline" }));
    }
    members.insert("statement".to_owned(), json!(next.signed.digest));
    let draft = Draft {
        kind: EntryType::ReviewEscalated,
        actor: actor.clone(),
        of: case.of(),
        object: Object::Event(members),
        sigs: Vec::new(),
    };
    let mut entered = plan.record(draft).await?;
    entered.also(next.received(&actor, case.of())).await?;
    let (opened, _) = open_attempt(&mut entered, next, case.handoff.no, case.ledger_ref, &actor).await?;
    close(&mut entered, case.attempt.no, "superseded", Some(opened.no)).await
}

// ---- deadline and withdrawal ----

/// The deadline of a review may have passed.
#[derive(Debug)]
pub(crate) struct Expire {
    pub(crate) shared: Shared,
    pub(crate) case: Case,
}

impl Change for Expire {
    /// Whether something followed from it.
    type Done = bool;

    async fn apply(&mut self, plan: &mut Plan<'_>) -> Result<bool, StorageError> {
        let fresh = reload(plan, &self.case).await?;
        if fresh.state != "open" {
            return Ok(false);
        }
        let state = load_state(plan, &self.case, &fresh).await?;
        let (_, effects) = step(state, ReviewEvent::Deadline, plan.now());
        let has_effect = !effects.is_empty();
        enact(plan, &self.shared, &self.case, effects, None).await?;
        Ok(has_effect)
    }
}

/// The attempt as it is now.
pub(crate) async fn reload(plan: &mut Plan<'_>, case: &Case) -> Result<AttemptRow, StorageError> {
    let row = db::attempt::load(plan.reader().await?, case.attempt.no).await?;
    db::parsed(row, "attempt", "no", case.attempt.no)
}

/// The source takes the handoff back.
#[derive(Debug)]
pub(crate) struct Withdraw {
    pub(crate) shared: Shared,
    pub(crate) case: Case,
    pub(crate) actor: String,
    pub(crate) reason: String,
}

/// What became of a withdrawal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Withdrawn {
    Done,
    /// It was withdrawn before.
    Before,
    /// It has another outcome, or another attempt.
    TooLate,
}

impl Change for Withdraw {
    type Done = Withdrawn;

    async fn apply(&mut self, plan: &mut Plan<'_>) -> Result<Withdrawn, StorageError> {
        let fresh = reload(plan, &self.case).await?;
        match fresh.state.as_str() {
            "open" => {}
            "withdrawn" => return Ok(Withdrawn::Before),
            _ => return Ok(Withdrawn::TooLate),
        }
        let state = load_state(plan, &self.case, &fresh).await?;
        let (_, effects) = step(state, ReviewEvent::Withdraw(Withdrawer::Source), plan.now());
        if effects.contains(&Effect::TooLate) {
            enact(plan, &self.shared, &self.case, effects, None).await?;
            return Ok(Withdrawn::TooLate);
        }
        let mut members = serde_json::Map::new();
        members.insert("reason".to_owned(), json!(self.reason));
        let draft = Draft {
            kind: EntryType::HandoffWithdrawn,
            actor: self.actor.clone(),
            of: self.case.of(),
            object: Object::Event(members),
            sigs: Vec::new(),
        };
        plan.record(draft).await?;
        enact(plan, &self.shared, &self.case, effects, None).await?;
        Ok(Withdrawn::Done)
    }
}
