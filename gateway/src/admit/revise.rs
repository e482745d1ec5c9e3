//! Revisions: the submitter changes the content of an open handoff. The old attempt ends superseded, a new one begins.

use axum::http::StatusCode;
use seamark_contracts::handoff::Submission;
use seamark_contracts::id::HandoffId;
use seamark_contracts::outcome::OutcomeCause;
use seamark_contracts::problem::ErrorCode;
use seamark_contracts::review;
use seamark_ledger::entry::EntryType;

use super::{CHAIN_ROWS, Content, Context, Received, check_scope, contended, judge, prepare, read, refuse};
use crate::auth::Agent;
use crate::conclude::{self, Case};
use crate::db::attempt::AttemptRow;
use crate::db::handoff::HandoffRow;
use crate::db::{self, StorageError};
use crate::document;
use crate::open::{Prepared, open_attempt};
use crate::problem::Failure;
use crate::recorded::{Change, Draft, Object, Plan, Position};
use crate::state::Shared;

struct Revise {
    agent: Agent,
    shared: Shared,
    case: Case,
    prepared: Prepared,
    content: Content,
}

/// What became of a revision.
enum Revised {
    Done(Box<(AttemptRow, Position)>),
    /// The attempt that it was to replace has an outcome.
    TooLate,
    /// Another attempt has taken its place meanwhile.
    Raced,
}

impl Change for Revise {
    type Done = Revised;

    async fn apply(&mut self, plan: &mut Plan<'_>) -> Result<Revised, StorageError> {
        let connection = plan.reader().await?;
        let newest = db::parsed(
            db::attempt::newest(connection, self.case.handoff.no).await?,
            "handoff",
            "no",
            self.case.handoff.no,
        )?;
        if newest.no != self.case.attempt.no {
            return Ok(Revised::Raced);
        }
        let now = plan.now();
        let state = conclude::load_state(plan, &self.case, &newest).await?;
        let (_, effects) = review::step(state, review::Event::Supersede, now);
        let is_superseded = effects.iter().any(|effect| {
            matches!(effect, review::Effect::Conclude { ending, .. } if ending.cause == OutcomeCause::NewRevision)
        });
        if !is_superseded {
            // The deadline has passed: what follows from it is recorded, and the revision comes too late.
            conclude::enact(plan, &self.shared, &self.case, effects, None).await?;
            return Ok(Revised::TooLate);
        }
        let of = self.case.of();
        let draft = Draft {
            kind: EntryType::HandoffSuperseded,
            actor: self.agent.key_id.to_string(),
            of: of.clone(),
            object: Object::Digest(self.prepared.signed.digest),
            sigs: vec![self.prepared.signed.signature.digest()],
        };
        plan.record(draft).await?;
        for effect in effects {
            if let review::Effect::Conclude { ending, quorum } = effect {
                conclude::conclude(plan, &self.shared, &self.case, ending, quorum, Some(self.prepared.signed.digest))
                    .await?;
            }
        }
        let received = self.prepared.received(&self.agent.key_id, of);
        let mut entered = plan.record(received).await?;
        let content = self.content.rows(entered.position().no);
        entered.admit_content(content);
        let (attempt, position) =
            open_attempt(&mut entered, &self.prepared, self.case.handoff.no, self.case.ledger_ref, &self.agent.key_id)
                .await?;
        conclude::close(&mut entered, self.case.attempt.no, "superseded", Some(attempt.no)).await?;
        Ok(Revised::Done(Box::new((attempt, position))))
    }
}

/// Takes a changed content for an open handoff: the old attempt ends superseded, a new one begins.
pub(crate) async fn revise(
    shared: &Shared,
    agent: &Agent,
    handoff_id: HandoffId,
    bytes: &[u8],
) -> Result<Received, Failure> {
    let body_mac = shared.keys.intake.mac("submission", &[bytes]);
    let (submission, decimals) = match read(bytes) {
        Ok(read) => read,
        Err(failure) => return Err(refuse(shared, agent, bytes, body_mac, failure).await),
    };
    check_scope(agent, &submission)?;
    if submission.handoff_id != handoff_id {
        return Err(Failure::invalid("/handoffId", "the id in the body is not the one in the address"));
    }
    for _ in 0..3 {
        let mut connection = shared.database.read().await?;
        let found = db::handoff::find(&mut connection, agent.urn.as_str(), &handoff_id.to_string()).await?;
        let handoff = found.ok_or_else(|| Failure::not_found("handoff"))?;
        let attempts = db::attempt::list(&mut connection, handoff.no).await?;
        let newest = db::parsed(attempts.last().cloned(), "handoff", "no", handoff.no)?;
        if attempts.iter().any(|attempt| attempt.body_mac == body_mac) {
            return Ok(Received::Known(document::answer(&mut connection, &handoff, &newest, true).await?));
        }
        check_same_seam(&handoff, &submission)?;
        if newest.state != "open" {
            return Err(too_late());
        }
        let case = conclude::load_case(shared, &mut connection, newest).await?;
        let (submitter, task) = (agent.urn.as_str(), &submission.correlation_id);
        let context = Context {
            revision: case.predicate.revision + 1,
            supersedes: Some(case.statement),
            except: Some(handoff.no),
            chain: db::handoff::list_chain(&mut connection, task, submitter, CHAIN_ROWS).await?,
        };
        let judged = judge(shared, &mut connection, agent, &submission, &decimals, context).await?;
        drop(connection);
        let (admitted, counterparties) = match judged {
            Ok(admitted) => admitted,
            Err(failure) => return Err(refuse(shared, agent, bytes, body_mac, failure).await),
        };
        let (prepared, content) = prepare(shared, admitted, counterparties, bytes, body_mac)?;
        let change = Revise { agent: agent.clone(), shared: shared.clone(), case, prepared, content };
        match shared.recorder.record(change).await? {
            Revised::Done(done) => {
                let (attempt, position) = *done;
                return Ok(Received::New(document::answer_of(&handoff, &attempt, None, None, position.to_wire())?));
            }
            Revised::TooLate => return Err(too_late()),
            Revised::Raced => {}
        }
    }
    Err(contended())
}

fn too_late() -> Failure {
    Failure::new(
        StatusCode::CONFLICT,
        ErrorCode::OutcomeExists,
        "This handoff is not open any more, so its content stays as it is. Read its outcome, and submit a new handoff for a new content.",
    )
}

/// A revision changes the content, never who hands over to whom.
fn check_same_seam(handoff: &HandoffRow, submission: &Submission) -> Result<(), Failure> {
    let fields = [
        ("/contract/name", handoff.contract == submission.contract.name),
        ("/source/agent", handoff.source == submission.source.agent.as_str()),
        ("/destination/agent", handoff.destination == submission.destination.agent.as_str()),
        ("/correlationId", handoff.correlation_id == submission.correlation_id),
    ];
    match fields.iter().find(|(_, is_same)| !is_same) {
        Some((pointer, _)) => Err(Failure::invalid(
            pointer,
            "a revision keeps contract name, source, destination and correlation id; submit a new handoff instead",
        )),
        None => Ok(()),
    }
}
