//! Acting on an approval, once.
//!
//! ```text
//!  1 verify the delivery against the pinned trust      nothing happened yet; refused = failed/gate
//!  2 see that the root has signed the reporting key    not yet: nothing happened, start again at 1 later
//!    use the attempt at the gateway                    crash before: nothing happened, start again at 1
//!  3 act on the reconstructed payload                  crash from here on: nobody knows whether it was done,
//!  4 sign and report what was done                     so the attempt is used and is never acted on again
//! ```
//! A restart finds the attempt used and reports `failed/unknown`, for a person to look into; it does not try again
//! (FORMATS.md §12). The act gets the attempt as idempotency key, so that a destination with a store of its own can find
//! out what happened.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use base64ct::{Base64UrlUnpadded, Encoding as _};
use seamark_contracts::api::agent::{Delivery, ExecutionKeyRequest, ResultAnswer};
use seamark_contracts::clock::Clock;
use seamark_contracts::digest::Digest;
use seamark_contracts::handoff::HandoffPredicate;
use seamark_contracts::id::{AgentUrn, HandoffId, OutcomeId};
use seamark_contracts::outcome::{ExecutionPhase, ExecutionPredicate, ExecutionResult, OutcomeKind, OutcomePredicate};
use seamark_contracts::problem::ErrorCode;
use seamark_contracts::strict_json::{self, Limits};
use seamark_ledger::directory::{self, DirectoryError};
use seamark_ledger::dsse::Envelope;
use seamark_ledger::key::{KeyUse, SignError, Signer, SigningKey};
use seamark_ledger::statement::{self, StatementError};
use seamark_ledger::verified::Verified;
use seamark_ledger::verify::{self, ApprovedAction, ClaimId, PinError, Pinned, PinnedTrust, Report, Verdict};
use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;

use crate::client::{Client, ClientError, Waited};

/// Code of a refusal at the gate.
const NOT_VERIFIED: &str = "not-verified";
/// Code of an attempt that was used before, by whom and to what end nobody knows.
const ATTEMPT_USED: &str = "attempt-used";

/// How long witnesses may take to cosign what a destination waits for, before it is left for another time.
const COSIGNING_WAIT: Duration = Duration::from_secs(10);

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
}

/// Why an act did not come about, as a short code of the destination's own (`a-z 0-9 -`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActFailure {
    pub code: String,
}

/// What became of a delivery.
#[derive(Clone, Debug, PartialEq)]
pub enum Execution {
    /// Done and reported.
    Executed { answer: ResultAnswer },
    /// Verified, but not done, or nobody knows whether it was; reported.
    Failed { phase: ExecutionPhase, code: String, answer: ResultAnswer },
    /// Not verified, so nothing was done. Reported as `failed/gate` when the delivery names what it is about.
    Refused { report: Report, answer: Option<ResultAnswer> },
    /// Everything else holds, and too few witnesses have cosigned the ledger so far. Nothing was done, used up or reported:
    /// it can be tried again until the window ends.
    Unwitnessed { report: Report },
    /// The outcome is not approved: there is nothing to do.
    Declined { outcome: OutcomeKind },
}

/// What a destination knows about itself, from its own configuration and never from a delivery.
#[derive(Clone, Debug)]
pub struct Destination {
    pub agent: AgentUrn,
    /// The identity that approvals have to name.
    pub audience: String,
    /// The gateway's keys, as pinned, and the outside witnesses that this destination relies on.
    pub trust: PinnedTrust,
    /// Whether only a delivery is acted on whose checkpoint enough of these witnesses cosigned: what the ledger could still
    /// take back is then no ground to act.
    pub log_before_act: bool,
    /// Names of contracts whose handoffs are accepted without a person when their gate asks for none.
    pub ungated: BTreeSet<String>,
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
        Ok(Self { client, itself, key, clock, is_listed: AtomicBool::new(false) })
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
        let claimed = Claimed::read(delivery);
        if let Some(outcome) = claimed.as_ref().and_then(|claimed| claimed.declined) {
            return Ok(Execution::Declined { outcome });
        }
        let pinned = self.pinned()?;
        let mut verified = verify::verify_delivery(delivery, &pinned);
        if verified.as_ref().is_err_and(lacks_witnesses) {
            verified = match self.client.cosigned_outcome(id, COSIGNING_WAIT).await.map_err(ExecuteError::Witnessed)? {
                Waited::Final(cosigned) => verify::verify_delivery(&cosigned, &self.pinned()?),
                Waited::Open(_) => verified,
            };
        }
        let action = match verified {
            // The delivery of another handoff proves nothing about this one.
            Ok(action) if action.handoff_id == id => Arc::new(action),
            Ok(_) => {
                return self.refuse(id, claimed.filter(|claimed| claimed.handoff.0 == id), Report::default()).await;
            }
            Err(report) if lacks_witnesses(&report) => return Ok(Execution::Unwitnessed { report }),
            Err(report) => return self.refuse(id, claimed.filter(|claimed| claimed.handoff.0 == id), report).await,
        };
        let about = About { handoff: (id, action.handoff), outcome: action.outcome, attempt: action.attempt.clone() };
        self.need_listed(&pinned).await?;
        // ORDER: the attempt is used before the act. The other way round, a crash in between would act twice.
        match self.client.consume_attempt(id, &action.attempt).await {
            Ok(_) => {}
            Err(error) if error.code() == Some(ErrorCode::AttemptConsumed) => {
                let how = How::Failed(ExecutionPhase::Unknown, ATTEMPT_USED);
                let answer = self.report(about, how, Some(&action)).await?;
                return Ok(Execution::Failed { phase: ExecutionPhase::Unknown, code: ATTEMPT_USED.to_owned(), answer });
            }
            Err(error) => return Err(ExecuteError::Consume(error)),
        }
        match act(action.clone()).await {
            Ok(()) => Ok(Execution::Executed { answer: self.report(about, How::Executed, Some(&action)).await? }),
            Err(ActFailure { code }) => {
                let answer = self.report(about, How::Failed(ExecutionPhase::Action, &code), Some(&action)).await?;
                Ok(Execution::Failed { phase: ExecutionPhase::Action, code, answer })
            }
        }
    }

    fn pinned(&self) -> Result<Pinned, PinError> {
        let itself = &self.itself;
        let pinned = itself.trust.pin(Some(itself.audience.clone()), self.clock.now())?;
        let outside =
            if itself.log_before_act { pinned.outside.clone().before_acting() } else { pinned.outside.clone() };
        Ok(Pinned { outside, ..pinned }.accepting_ungated(itself.ungated.iter().cloned()))
    }

    /// The report is to be verifiable once something was done, so its key is looked for before.
    async fn need_listed(&self, pinned: &Pinned) -> Result<(), ExecuteError> {
        if self.is_listed.load(Ordering::Relaxed) {
            return Ok(());
        }
        let envelope = self.client.directory().await.map_err(ExecuteError::GetDirectory)?;
        let signed = directory::verify(&envelope, &pinned.root_key, pinned.now).map_err(ExecuteError::Directory)?;
        if signed.trust_set().find(&self.key.public_key().id(), KeyUse::Execution).is_none() {
            return Err(ExecuteError::KeyUnsigned);
        }
        self.is_listed.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Says that nothing was done because the delivery does not hold.
    async fn refuse(&self, id: HandoffId, claimed: Option<Claimed>, report: Report) -> Result<Execution, ExecuteError> {
        let Some(Claimed { handoff: (_, handoff), outcome, attempt, .. }) = claimed else {
            return Ok(Execution::Refused { report, answer: None });
        };
        let about = About { handoff: (id, handoff), outcome, attempt };
        let answer = self.report(about, How::Failed(ExecutionPhase::Gate, NOT_VERIFIED), None).await?;
        Ok(Execution::Refused { report, answer: Some(answer) })
    }

    async fn report(
        &self,
        about: About,
        how: How<'_>,
        action: Option<&ApprovedAction>,
    ) -> Result<ResultAnswer, ExecuteError> {
        let (result, phase, code) = match how {
            How::Executed => (ExecutionResult::Executed, None, None),
            How::Failed(phase, code) => (ExecutionResult::Failed, Some(phase), Some(code.to_owned())),
        };
        let predicate = ExecutionPredicate {
            result,
            phase,
            code,
            attempt: about.attempt,
            decisions: action.map(|action| action.decisions.clone()).unwrap_or_default(),
            disclosures: action.map(|action| action.disclosures.clone()).unwrap_or_default(),
            executed_at: self.clock.now(),
            executor: self.itself.agent.clone(),
        };
        let bytes = statement::build_execution(&predicate, about.handoff, about.outcome)?;
        let envelope = statement::sign(bytes, &self.key)?.to_json();
        self.client.report_result(about.handoff.0, envelope.as_bytes()).await.map_err(ExecuteError::Report)
    }
}

/// Whether nothing but cosignatures is missing.
fn lacks_witnesses(report: &Report) -> bool {
    let others = report.claims.iter().filter(|claim| claim.id != ClaimId::Witnesses);
    let is_only_gap = others.clone().count() > 0 && others.into_iter().all(|claim| claim.verdict == Verdict::Pass);
    is_only_gap && report.verdict_of(ClaimId::Witnesses) == Some(Verdict::Unknown)
}

/// What a report is about.
struct About {
    handoff: (HandoffId, Digest),
    outcome: Option<(OutcomeId, Digest)>,
    attempt: String,
}

/// What a report says.
enum How<'a> {
    Executed,
    Failed(ExecutionPhase, &'a str),
}

/// What a delivery says about itself before anything is verified: good for naming what is refused, and for nothing else.
struct Claimed {
    handoff: (HandoffId, Digest),
    outcome: Option<(OutcomeId, Digest)>,
    attempt: String,
    /// Present when the outcome says that nothing may be done.
    declined: Option<OutcomeKind>,
}

impl Claimed {
    fn read(delivery: &Delivery) -> Option<Self> {
        let (handoff, digest) = unverified::<HandoffPredicate>(&delivery.handoff)?;
        let outcome = match &delivery.outcome {
            Some(envelope) => Some(unverified::<OutcomePredicate>(envelope)?),
            None => None,
        };
        let kind = outcome.as_ref().map(|(outcome, _)| outcome.outcome);
        Some(Self {
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
