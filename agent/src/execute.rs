//! Acting on an approval, once.
//!
//! The steps are those of [`crate::destination`]. What a crash leaves:
//! ```text
//!  1 to 6 look                   nothing happened yet; refused = failed/gate
//!  7 use, on the own disk        crash before: nothing happened, start again at 1
//!    use, at the gateway         crash from here on: nobody knows whether it was done,
//!  8 act                         so the attempt is used and is never acted on again
//!  9 sign, keep, send            a report that was kept is sent again
//! ```
//! [`Executor::recover`] finds the attempts of processes that are gone and reports them `failed/unknown`, for a person to
//! look into; nothing tries again (FORMATS.md §12). The act gets the attempt as idempotency key, so that whatever it
//! calls can find out what happened. Without a memory of its own ([`Executor::keeping`]) a destination relies on the gateway.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use base64ct::{Base64UrlUnpadded, Encoding as _};
use seamark_contracts::api::agent::{Delivery, ExecutionKeyRequest, ResultAnswer};
use seamark_contracts::clock::{Clock, Timestamp};
use seamark_contracts::digest::Digest;
use seamark_contracts::handoff::HandoffPredicate;
use seamark_contracts::id::{AgentUrn, HandoffId, OutcomeId};
use seamark_contracts::outcome::{ExecutionPhase, ExecutionPredicate, ExecutionResult, OutcomeKind, OutcomePredicate};
use seamark_contracts::problem::ErrorCode;
use seamark_contracts::strict_json::{self, Limits};
use seamark_ledger::directory::{self, DirectoryError, MAX_SKEW_MS};
use seamark_ledger::dsse::Envelope;
use seamark_ledger::key::{KeyUse, SignError, Signer, SigningKey};
use seamark_ledger::statement::{self, StatementError};
use seamark_ledger::verified::Verified;
use seamark_ledger::verify::{ApprovedAction, Claim, ClaimId, PinError, Report, Verdict};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

use crate::client::{Client, ClientError, Waited};
use crate::destination::{
    self, Attempts, AttemptsError, Destination, Ended, Held, Holder, Looked, Standing, Step, StepResult, Used,
};

/// How long witnesses may take to cosign what a destination waits for, before it is left for another time.
const COSIGNING_WAIT: Duration = Duration::from_secs(10);
/// Code of a refusal at the gate.
const NOT_VERIFIED: &str = "not-verified";
/// Code of an attempt that was used before, by whom and to what end nobody knows.
const ATTEMPT_USED: &str = "attempt-used";
/// Code of an attempt that was taken here and that the gateway did not give: nothing was done.
const NOT_GIVEN: &str = "attempt-not-given";
/// Code of an attempt whose process ended before it could say what it did.
const INTERRUPTED: &str = "interrupted";

/// Why an executor could not come to an end. Whether something was done is said by each variant.
#[derive(Debug, Error)]
pub enum ExecuteError {
    #[error("sign with the execution key")]
    Sign(#[from] SignError),
    #[error("write the execution statement")]
    Statement(#[from] StatementError),
    #[error("use the keys that are pinned")]
    Keys(#[from] PinError),
    /// Nothing was done.
    #[error("enrol the execution key")]
    Enrol(#[source] ClientError),
    /// Nothing was done.
    #[error("get the delivery under a cosigned checkpoint")]
    Witnessed(#[source] ClientError),
    /// Nothing was done, and nothing was used up: what is done under such a key nobody could verify. Execute again later.
    #[error(
        "the organisation has not signed this execution key yet; nothing was done. Whoever holds its root runs `seamark org sign`; then execute again"
    )]
    KeyUnsigned,
    /// Nothing was done.
    #[error("get the directory of keys")]
    GetDirectory(#[source] ClientError),
    /// Nothing was done.
    #[error("verify the directory of keys under the pinned root")]
    Directory(#[source] DirectoryError),
    /// Nothing was done here; the attempt may be used up.
    #[error("use the attempt")]
    Consume(#[source] ClientError),
    /// What the statement says was done; the report can be sent again.
    #[error("report the result")]
    Report(#[source] ClientError),
    /// Nothing more is done. What was done before is what the last report says.
    #[error("keep what became of the attempt")]
    Attempts(#[from] AttemptsError),
    /// Nothing was changed.
    #[error("report on an attempt that is not used here, is being acted on, or has been reported with another result")]
    NotOpen,
}

/// Why an act did not come about, as a short code of the destination's own (`a-z 0-9 -`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActFailure {
    /// `action`: it was tried and failed. `unknown`: it may or may not be done.
    pub phase: ExecutionPhase,
    pub code: String,
}

impl ActFailure {
    /// It was tried, and nothing came of it.
    #[must_use]
    pub fn tried(code: impl Into<String>) -> Self {
        Self { phase: ExecutionPhase::Action, code: code.into() }
    }
}

/// What became of a delivery.
#[derive(Clone, Debug, PartialEq)]
pub enum Execution {
    /// Done and reported.
    Executed { answer: ResultAnswer },
    /// Verified, but not done, or nobody knows whether it was; reported.
    Failed { phase: ExecutionPhase, code: String, answer: ResultAnswer },
    /// Done or failed, as its kept report says; the gateway does not have the report yet. [`Executor::recover`] sends it.
    Unsent { result: ExecutionResult },
    /// Not verified, so nothing was done. Reported as `failed/gate` when what it is about is proven and stays refused.
    Refused { report: Report, answer: Option<ResultAnswer> },
    /// Nothing is wrong with it, but not enough of the outside witnesses that this destination relies on have cosigned it yet.
    /// Nothing was done, used up or reported; execute again later.
    Unwitnessed { report: Report },
    /// The outcome is not approved: there is nothing to do.
    Declined { outcome: OutcomeKind },
    /// The attempt was used here before, by this process or another: nothing was done now.
    Used,
}

/// What became of a delivery, step by step.
#[derive(Clone, Debug)]
pub struct Walked {
    /// The steps that were taken, in order.
    pub steps: Vec<StepResult>,
    pub execution: Execution,
}

/// The attempt is this destination's: it may act now, once.
#[derive(Debug)]
pub struct Passage {
    /// The first seven steps.
    pub steps: Vec<StepResult>,
    /// Act on its payload and nothing else, with its attempt as idempotency key.
    pub action: Arc<Verified<ApprovedAction>>,
    used: Used,
    /// Others see that it is acted on while this lives.
    _held: Option<Held>,
}

/// An attempt that was left open by a process that is gone, or whose report did not arrive.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Recovered {
    pub attempt: String,
    pub handoff_id: HandoffId,
    pub result: ExecutionResult,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<ExecutionPhase>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The gateway has the report.
    pub is_sent: bool,
    /// Why it does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// A destination with the key under which it reports.
#[derive(Debug)]
pub struct Executor {
    client: Client,
    itself: Destination,
    key: SigningKey,
    clock: Arc<dyn Clock>,
    /// Whether the signed directory was seen to list the key. It stays listed.
    is_listed: AtomicBool,
    attempts: Option<Attempts>,
    reports_refusals: bool,
}

impl Executor {
    /// Names `key` at the gateway as the one with which the destination signs what it did.
    ///
    /// # Errors
    /// [`ExecuteError::Enrol`] when the gateway does not take the key, [`ExecuteError::Sign`] when it cannot sign.
    pub async fn enrol(
        client: Client,
        itself: Destination,
        key: SigningKey,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ExecuteError> {
        let agent = itself.agent.clone();
        let public_key = Base64UrlUnpadded::encode_string(key.public_key().as_bytes());
        // SPEC: the text that proves possession, contracts/src/api/agent.rs `ExecutionKeyRequest`.
        let proof = key.sign(format!("seamark-execution-key/v1\n{agent}\n{public_key}").as_bytes())?;
        let proof = Base64UrlUnpadded::encode_string(proof.as_bytes());
        let request = ExecutionKeyRequest { agent, public_key, proof };
        client.enrol_execution_key(&request).await.map_err(ExecuteError::Enrol)?;
        let is_listed = AtomicBool::new(false);
        Ok(Self { client, itself, key, clock, is_listed, attempts: None, reports_refusals: true })
    }

    /// The same, with a memory of its own: an attempt is used once even where the gateway lies or is another one.
    #[must_use]
    pub fn keeping(mut self, attempts: Attempts) -> Self {
        self.attempts = Some(attempts);
        self
    }

    /// The same, and refusals are told to the caller alone. For deliveries that anybody may bring: an attempt has one
    /// report, and whoever spoils a copy of a delivery must not use that up.
    #[must_use]
    pub fn keeping_refusals(mut self) -> Self {
        self.reports_refusals = false;
        self
    }

    /// Steps 1 to 6. Uses nothing up and tells nobody.
    ///
    /// # Errors
    /// [`ExecuteError::Keys`].
    pub fn look(&self, id: Option<HandoffId>, delivery: &Delivery) -> Result<Looked, ExecuteError> {
        Ok(destination::look(&self.itself, self.attempts.as_ref(), id, delivery, self.clock.now())?)
    }

    /// Verifies `delivery`, uses its attempt, lets `act` act on the reconstructed payload, and reports.
    ///
    /// `act` is called at most once, and only when everything verifies and the attempt was free.
    ///
    /// # Errors
    /// [`ExecuteError`]; each variant says whether something may have been done.
    pub async fn execute<F, Fut>(&self, id: HandoffId, delivery: &Delivery, act: F) -> Result<Execution, ExecuteError>
    where
        F: FnOnce(Arc<Verified<ApprovedAction>>) -> Fut + Send,
        Fut: Future<Output = Result<(), ActFailure>> + Send,
    {
        Ok(self.walk(Some(id), delivery, act).await?.execution)
    }

    /// The same, and how each step came out. Without `id`, whatever handoff was delivered is meant.
    ///
    /// # Errors
    /// As [`Executor::execute`].
    pub async fn walk<F, Fut>(&self, id: Option<HandoffId>, delivery: &Delivery, act: F) -> Result<Walked, ExecuteError>
    where
        F: FnOnce(Arc<Verified<ApprovedAction>>) -> Fut + Send,
        Fut: Future<Output = Result<(), ActFailure>> + Send,
    {
        let Passage { mut steps, action, used, _held } = match self.pass(id, delivery, Holder::Process).await? {
            Ok(passage) => passage,
            Err(walked) => return Ok(walked),
        };
        let how = match act(action).await {
            Ok(()) => How::Executed,
            Err(ActFailure { phase, code }) => How::Failed(phase, code),
        };
        steps.push(match &how {
            How::Executed => StepResult::pass(Step::Act, "It was done."),
            How::Failed(ExecutionPhase::Unknown, code) => {
                StepResult::unknown(Step::Act, format!("It may or may not have been done: {code}."))
            }
            How::Failed(_, code) => StepResult::fail(Step::Act, format!("It was tried and failed: {code}.")),
        });
        self.settle(&used, how, steps).await
    }

    /// Steps 1 to 7: whoever gets a passage acts, once, and says what it did. The inner error is a walk that ended.
    ///
    /// # Errors
    /// As [`Executor::execute`].
    pub async fn pass(
        &self,
        id: Option<HandoffId>,
        delivery: &Delivery,
        holder: Holder,
    ) -> Result<Result<Passage, Walked>, ExecuteError> {
        let Looked { mut steps, report, action } = self.look_twice(id, delivery).await?;
        let action = match action {
            Some(action) => action,
            // Nothing is wrong with it: it can be acted on later.
            None if lacks_witnesses(&report) => {
                return Ok(Err(Walked { steps, execution: Execution::Unwitnessed { report } }));
            }
            None => return Ok(Err(self.refuse(id, delivery, steps, report).await?)),
        };
        self.need_listed().await?;
        let used = used_of(&action, self.clock.now(), holder);
        // ORDER: both uses before the act. The other way round, a crash in between would act twice.
        let held = match &self.attempts {
            None => None,
            Some(attempts) => match attempts.use_once(&used)? {
                Some(held) => Some(held),
                None => {
                    steps.push(StepResult::fail(Step::Use, "The attempt was used here before; nothing was done now."));
                    return Ok(Err(Walked { steps, execution: Execution::Used }));
                }
            },
        };
        match self.client.consume_attempt(action.handoff_id, &action.attempt).await {
            Ok(answer) => {
                let sentence = format!("The attempt is this destination's, ledger entry {}.", answer.recorded.seq);
                steps.push(StepResult::pass(Step::Use, sentence));
                Ok(Ok(Passage { steps, action, used, _held: held }))
            }
            Err(error) if error.code() == Some(ErrorCode::AttemptConsumed) => {
                steps.push(StepResult::fail(
                    Step::Use,
                    "The attempt was used at the gateway before, by whom nobody knows.",
                ));
                let how = How::Failed(ExecutionPhase::Unknown, ATTEMPT_USED.to_owned());
                Ok(Err(self.settle(&used, how, steps).await?))
            }
            Err(error) => {
                // Nothing was done, and this attempt is over here: it could be used up at the gateway.
                if let Some(attempts) = &self.attempts {
                    let (_, ended) = self.sign(&used, How::Failed(ExecutionPhase::Gate, NOT_GIVEN.to_owned()))?;
                    attempts.end(&used.attempt, &ended)?;
                }
                Err(ExecuteError::Consume(error))
            }
        }
    }

    /// Steps 1 to 6, and when nothing but cosignatures is missing once more over the same delivery under a cosigned checkpoint.
    async fn look_twice(&self, id: Option<HandoffId>, delivery: &Delivery) -> Result<Looked, ExecuteError> {
        let looked = self.look(id, delivery)?;
        let claimed = Claimed::read(delivery).map(|claimed| claimed.handoff.0);
        let Some(meant) = id.or(claimed).filter(|_| lacks_witnesses(&looked.report)) else { return Ok(looked) };
        match self.client.cosigned_outcome(meant, COSIGNING_WAIT).await.map_err(ExecuteError::Witnessed)? {
            Waited::Final(cosigned) => self.look(id, &cosigned),
            Waited::Open(_) => Ok(looked),
        }
    }

    /// The report is to be verifiable once something was done, so its key is looked for before.
    async fn need_listed(&self) -> Result<(), ExecuteError> {
        if self.is_listed.load(Ordering::Relaxed) {
            return Ok(());
        }
        let pinned = self.itself.pinned(self.clock.now())?;
        let envelope = self.client.directory().await.map_err(ExecuteError::GetDirectory)?;
        let signed = directory::verify(&envelope, &pinned.root_key, pinned.now).map_err(ExecuteError::Directory)?;
        if signed.trust_set().find(&self.key.public_key().id(), KeyUse::Execution).is_none() {
            return Err(ExecuteError::KeyUnsigned);
        }
        self.is_listed.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Reports on an attempt whose payload was handed to a caller.
    ///
    /// # Errors
    /// [`ExecuteError::NotOpen`] when there is nothing to report on; otherwise as [`Executor::execute`].
    pub async fn report(&self, attempt: &str, result: Result<(), ActFailure>) -> Result<Execution, ExecuteError> {
        let attempts = self.attempts.as_ref().ok_or(ExecuteError::NotOpen)?;
        let how = match result {
            Ok(()) => How::Executed,
            Err(ActFailure { phase, code }) => How::Failed(phase, code),
        };
        match attempts.standing(attempt)? {
            Standing::Used { used, is_held: false } => Ok(self.settle(&used, how, Vec::new()).await?.execution),
            Standing::Ended { used, ended, .. } if ended.result == how.result() => {
                Ok(self.settle(&used, how, Vec::new()).await?.execution)
            }
            Standing::Free | Standing::Used { .. } | Standing::Ended { .. } => Err(ExecuteError::NotOpen),
        }
    }

    /// After a crash: reports `failed/unknown` on each attempt whose process is gone, and sends again what did not arrive.
    /// Never acts. An attempt that a caller has is left to the caller.
    ///
    /// # Errors
    /// [`ExecuteError`]; a report that the gateway does not take is told in its entry.
    pub async fn recover(&self) -> Result<Vec<Recovered>, ExecuteError> {
        let Some(attempts) = &self.attempts else { return Ok(Vec::new()) };
        let mut recovered = Vec::new();
        for standing in attempts.unsent()? {
            let used = match standing {
                Standing::Used { used, is_held: false } if used.holder == Holder::Process => used,
                Standing::Ended { used, is_sent: false, .. } => used,
                Standing::Free | Standing::Used { .. } | Standing::Ended { .. } => continue,
            };
            let ended = self.keep(&used, How::Failed(ExecutionPhase::Unknown, INTERRUPTED.to_owned()))?;
            let sent = self.send(&used, &ended).await;
            let problem = match sent {
                Ok(_) => None,
                Err(ExecuteError::Report(error)) => Some(error.to_string()),
                Err(error) => return Err(error),
            };
            let Ended { result, phase, code, .. } = ended;
            let Used { attempt, handoff_id, .. } = used;
            recovered.push(Recovered { attempt, handoff_id, result, phase, code, is_sent: problem.is_none(), problem });
        }
        Ok(recovered)
    }

    /// The delivery does not hold, so nothing is done.
    async fn refuse(
        &self,
        id: Option<HandoffId>,
        delivery: &Delivery,
        steps: Vec<StepResult>,
        report: Report,
    ) -> Result<Walked, ExecuteError> {
        let claimed = Claimed::read(delivery).filter(|claimed| id.is_none_or(|id| id == claimed.handoff.0));
        if let Some(outcome) = claimed.as_ref().and_then(|claimed| claimed.declined) {
            return Ok(Walked { steps, execution: Execution::Declined { outcome } });
        }
        let is_told = |claimed: &Claimed| self.reports_refusals && self.is_lasting(claimed, &report);
        let answer = match claimed.filter(is_told) {
            None => None,
            Some(Claimed { handoff: (handoff_id, handoff), outcome, attempt, .. }) => {
                let (decisions, disclosures) = (Vec::new(), Vec::new());
                let (used_at, holder) = (self.clock.now(), Holder::Process);
                let used = Used { attempt, handoff_id, handoff, outcome, decisions, disclosures, used_at, holder };
                let (envelope, _) = self.sign(&used, How::Failed(ExecutionPhase::Gate, NOT_VERIFIED.to_owned()))?;
                // It is refused, whether the gateway hears of it now or has heard of it before.
                self.client.report_result(handoff_id, envelope.as_bytes()).await.ok()
            }
        };
        Ok(Walked { steps, execution: Execution::Refused { report, answer } })
    }

    /// Whether a refusal is worth the one report of the attempt: it is this destination's, everything about it is proven, and
    /// what does not hold never will. Settings can be mended and a delivery can be read again; a lying mask and a window
    /// that is over stay.
    fn is_lasting(&self, claimed: &Claimed, report: &Report) -> bool {
        let is_early = claimed.not_before.is_some_and(|not_before| not_before > self.clock.now().plus_ms(MAX_SKEW_MS));
        let stays = |claim: &Claim| match (claim.id, claim.verdict) {
            (_, Verdict::Pass) | (ClaimId::Masks, Verdict::Fail) => true,
            (ClaimId::Window, Verdict::Fail) => !is_early,
            _ => false,
        };
        claimed.agent == self.itself.agent && report.verdict() == Verdict::Fail && report.claims.iter().all(stays)
    }

    /// Signs and keeps what came of it, and sends it.
    async fn settle(&self, used: &Used, how: How, mut steps: Vec<StepResult>) -> Result<Walked, ExecuteError> {
        let ended = self.keep(used, how)?;
        let (result, phase, code) = (ended.result, ended.phase, ended.code.clone().unwrap_or_default());
        let answer = match self.send(used, &ended).await {
            Ok(answer) => answer,
            Err(ExecuteError::Report(error)) if self.attempts.is_some() => {
                steps.push(StepResult::unknown(Step::Report, format!("Kept, and not sent yet: {error}.")));
                return Ok(Walked { steps, execution: Execution::Unsent { result } });
            }
            Err(error) => return Err(error),
        };
        let sentence = format!("Signed and recorded, ledger entry {}.", answer.recorded.seq);
        steps.push(StepResult::pass(Step::Report, sentence));
        let execution = match phase {
            None => Execution::Executed { answer },
            Some(phase) => Execution::Failed { phase, code, answer },
        };
        Ok(Walked { steps, execution })
    }

    /// Signs a report and keeps it; the one that was kept before, if there is one.
    fn keep(&self, used: &Used, how: How) -> Result<Ended, ExecuteError> {
        let Some(attempts) = &self.attempts else { return Ok(self.sign(used, how)?.1) };
        if let Standing::Ended { ended, .. } = attempts.standing(&used.attempt)? {
            return Ok(ended);
        }
        let (_, ended) = self.sign(used, how)?;
        if attempts.end(&used.attempt, &ended)? {
            return Ok(ended);
        }
        match attempts.standing(&used.attempt)? {
            Standing::Ended { ended, .. } => Ok(ended),
            Standing::Free | Standing::Used { .. } => Err(ExecuteError::NotOpen),
        }
    }

    async fn send(&self, used: &Used, ended: &Ended) -> Result<ResultAnswer, ExecuteError> {
        let sent = self.client.report_result(used.handoff_id, ended.report.as_bytes()).await;
        let answer = sent.map_err(ExecuteError::Report)?;
        if let Some(attempts) = &self.attempts {
            attempts.note_sent(&used.attempt)?;
        }
        Ok(answer)
    }

    /// The signed envelope, as text and as what is kept.
    fn sign(&self, used: &Used, how: How) -> Result<(String, Ended), ExecuteError> {
        let result = how.result();
        let (phase, code) = match how {
            How::Executed => (None, None),
            How::Failed(phase, code) => (Some(phase), Some(code)),
        };
        let predicate = ExecutionPredicate {
            result,
            phase,
            code: code.clone(),
            attempt: used.attempt.clone(),
            decisions: used.decisions.clone(),
            disclosures: used.disclosures.clone(),
            executed_at: self.clock.now(),
            executor: self.itself.agent.clone(),
        };
        let bytes = statement::build_execution(&predicate, (used.handoff_id, used.handoff), used.outcome)?;
        let report = statement::sign(bytes, &self.key)?.to_json();
        Ok((report.clone(), Ended { result, phase, code, report }))
    }
}

/// Whether nothing but cosignatures is missing.
fn lacks_witnesses(report: &Report) -> bool {
    let others = report.claims.iter().filter(|claim| claim.id != ClaimId::Witnesses);
    let is_only_gap = others.clone().count() > 0 && others.into_iter().all(|claim| claim.verdict == Verdict::Pass);
    is_only_gap && report.verdict_of(ClaimId::Witnesses) == Some(Verdict::Unknown)
}

fn used_of(action: &ApprovedAction, used_at: Timestamp, holder: Holder) -> Used {
    Used {
        attempt: action.attempt.clone(),
        handoff_id: action.handoff_id,
        handoff: action.handoff,
        outcome: action.outcome,
        decisions: action.decisions.clone(),
        disclosures: action.disclosures.clone(),
        used_at,
        holder,
    }
}

/// What a report says.
enum How {
    Executed,
    Failed(ExecutionPhase, String),
}

impl How {
    fn result(&self) -> ExecutionResult {
        match self {
            Self::Executed => ExecutionResult::Executed,
            Self::Failed(..) => ExecutionResult::Failed,
        }
    }
}

/// What a delivery says about itself before anything is verified: good for naming what is refused, and for nothing else.
struct Claimed {
    handoff: (HandoffId, Digest),
    outcome: Option<(OutcomeId, Digest)>,
    attempt: String,
    /// Whose it is to act on.
    agent: AgentUrn,
    /// Present when the outcome says that nothing may be done.
    declined: Option<OutcomeKind>,
    /// From when on the approval holds.
    not_before: Option<Timestamp>,
}

impl Claimed {
    fn read(delivery: &Delivery) -> Option<Self> {
        let (handoff, digest) = unverified::<HandoffPredicate>(&delivery.handoff)?;
        let outcome = match &delivery.outcome {
            Some(envelope) => Some(unverified::<OutcomePredicate>(envelope)?),
            None => None,
        };
        let kind = outcome.as_ref().map(|(outcome, _)| outcome.outcome);
        let window = outcome.as_ref().and_then(|(outcome, _)| outcome.window.as_ref());
        Some(Self {
            not_before: window.map(|window| window.not_before),
            agent: handoff.destination.agent,
            handoff: (handoff.handoff_id, digest),
            outcome: outcome.map(|(outcome, digest)| (outcome.outcome_id, digest)),
            attempt: handoff.attempt,
            declined: kind.filter(|kind| *kind != OutcomeKind::Approved),
        })
    }
}

fn unverified<P: for<'de> Deserialize<'de>>(envelope: &Value) -> Option<(P, Digest)> {
    #[derive(Deserialize)]
    struct Statement<P> {
        predicate: P,
    }
    let envelope = Envelope::from_value(envelope).ok()?;
    let envelope = envelope.unverified_value();
    let written: Statement<P> = strict_json::parse_typed(envelope.unverified_payload(), &Limits::SIGNED).ok()?;
    Some((written.predicate, envelope.unverified_digest()))
}
