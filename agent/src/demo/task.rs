//! One task from its first handoff to its last result.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use seamark_contracts::api::agent::{Delivery, HandoffAnswer, HandoffStatus};
use seamark_contracts::canonical;
use seamark_contracts::clock::Timestamp;
use seamark_contracts::id::{AgentUrn, HandoffId};
use seamark_contracts::outcome::ExecutionPhase;
use seamark_contracts::problem::ErrorCode;
use seamark_ledger::verify::Verdict;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::cases::{Case, CaseHandoff, Placement};
use super::event::{DemoEvent, Totals};
use super::staff::Staff;
use crate::client::{Client, ClientError, Waited};
use crate::derived::Derived;
use crate::execute::{ExecuteError, Execution};

/// One long-poll; the gateway allows up to a minute.
const POLL: Duration = Duration::from_secs(30);
/// Pause before trying again what a gateway out of reach did not answer.
const TROUBLE_PAUSE: Duration = Duration::from_secs(5);

/// What has to be done.
#[derive(Debug)]
pub(super) struct Task {
    pub number: u64,
    /// When it began; the handoffs' times and ids follow from it.
    pub at: Timestamp,
    /// Tells this demo's ids from those of another.
    pub run: String,
    /// Absent only when there are no cases at all.
    pub case: Option<Case>,
}

/// Those who do it.
pub(super) struct Pipeline {
    client: Client,
    staff: Staff,
    stop: CancellationToken,
    progress: Box<dyn Fn(DemoEvent) + Send + Sync>,
    totals: Mutex<Totals>,
}

/// One handoff on its way.
#[derive(Clone, Debug)]
struct Sent {
    case: String,
    id: HandoffId,
    destination: AgentUrn,
    act_fails: Option<String>,
}

impl Pipeline {
    pub(super) fn new(
        client: Client,
        staff: Staff,
        stop: CancellationToken,
        progress: Box<dyn Fn(DemoEvent) + Send + Sync>,
    ) -> Self {
        Self { client, staff, stop, progress, totals: Mutex::new(Totals::default()) }
    }

    pub(super) fn totals(&self) -> Totals {
        *self.totals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, event: DemoEvent) {
        self.totals.lock().unwrap_or_else(PoisonError::into_inner).count(&event);
        (self.progress)(event);
    }

    /// Submits every handoff of the task and sees each through to its end. True when nothing is left to do.
    pub(super) async fn see_through(self: Arc<Self>, task: Task) -> bool {
        let Some(case) = &task.case else { return true };
        let mut parent = None;
        let mut waiting = JoinSet::new();
        let mut is_over = true;
        for (nth, handoff) in case.handoffs.iter().enumerate() {
            match self.hand_over(&task, case, nth, handoff, parent).await {
                Handed::Over(sent) => {
                    parent = Some(sent.id);
                    let pipeline = self.clone();
                    waiting.spawn(async move { pipeline.follow(sent).await });
                }
                Handed::Refused => break,
                Handed::Not => {
                    is_over = false;
                    break;
                }
            }
        }
        while let Some(followed) = waiting.join_next().await {
            is_over &= followed.unwrap_or(false);
        }
        is_over
    }

    async fn hand_over(
        &self,
        task: &Task,
        case: &Case,
        nth: usize,
        handoff: &CaseHandoff,
        parent: Option<HandoffId>,
    ) -> Handed {
        let (run, number) = (&task.run, task.number);
        let chance = Derived::from_words(&["handoff", run, &number.to_string(), &nth.to_string()]);
        // The nonce of the run is base64url, so the id stays within visible ASCII.
        let correlation_id = format!("demo-{run}-{number}");
        let at = task.at.plus_ms(i64::try_from(nth).unwrap_or(0));
        let submission = handoff.place(&Placement { correlation_id: &correlation_id, parent, at, chance: &chance });
        let (id, contract) = (submission.handoff_id, submission.contract.to_string());
        let case = case.id.clone();
        // Canonical, so that another build of this program sends the same bytes after a restart.
        let Ok(body) = canonical::bytes_of(&submission) else { return Handed::Refused };
        let answer = self.patiently(&case, || self.client.submit(&body)).await;
        let refused = |reason: String| DemoEvent::Refused {
            case: case.clone(),
            handoff_id: id,
            contract: contract.clone(),
            reason,
        };
        let status = match answer {
            None => return Handed::Not,
            Some(Ok(submitted)) => submitted.answer.status,
            Some(Err(error)) if error.is_refusal() => {
                self.tell(refused(error.to_string()));
                return Handed::Refused;
            }
            Some(Err(error)) => {
                self.tell(DemoEvent::Trouble { case, text: format!("it could not be handed over: {error}") });
                return Handed::Not;
            }
        };
        match status {
            HandoffStatus::Refused => {
                self.tell(refused("refused earlier".to_owned()));
                return Handed::Refused;
            }
            HandoffStatus::Passed => self.tell(DemoEvent::Passed { case: case.clone(), handoff_id: id, contract }),
            _ => self.tell(DemoEvent::Open { case: case.clone(), handoff_id: id, contract }),
        }
        Handed::Over(Sent { case, id, destination: submission.destination.agent, act_fails: handoff.act_fails.clone() })
    }

    /// Waits for the outcome, acknowledges it, and lets the destination act on it. True when nothing is left to do.
    async fn follow(&self, sent: Sent) -> bool {
        let Some(delivery) = self.wait(&sent).await else { return false };
        match self.patiently(&sent.case, || self.client.acknowledge(sent.id)).await {
            Some(Ok(())) => {}
            Some(Err(error)) => self.trouble(&sent, "the outcome could not be acknowledged", &error),
            None => return false,
        }
        let answer = match self.patiently(&sent.case, || self.client.handoff(sent.id)).await {
            Some(Ok(answer)) => answer,
            Some(Err(error)) => {
                self.trouble(&sent, "the handoff could not be looked up", &error);
                return false;
            }
            None => return false,
        };
        if let Some(outcome) = &answer.outcome {
            self.tell(DemoEvent::Concluded { case: sent.case.clone(), handoff_id: sent.id, outcome: outcome.outcome });
        }
        if answer.result.is_some() || !may_be_done(&answer) {
            return true;
        }
        self.execute(&sent, &delivery).await
    }

    async fn wait(&self, sent: &Sent) -> Option<Delivery> {
        loop {
            match self.patiently(&sent.case, || self.client.outcome(sent.id, POLL)).await? {
                Ok(Waited::Final(delivery)) => return Some(*delivery),
                Ok(Waited::Open(_)) => {}
                Err(error) => {
                    self.trouble(sent, "its outcome could not be fetched", &error);
                    return None;
                }
            }
        }
    }

    async fn execute(&self, sent: &Sent, delivery: &Delivery) -> bool {
        let Some(executor) = self.staff.executor(&sent.destination) else {
            self.tell(DemoEvent::Trouble {
                case: sent.case.clone(),
                text: format!("nobody executes for {}", sent.destination),
            });
            return true;
        };
        let mut is_told = false;
        let executed = loop {
            let act = |action| super::staff::act(action, sent.act_fails.clone());
            match executor.execute(sent.id, delivery, act).await {
                // Nothing was done or used up: whoever holds the organisation's root signs the key sooner or later.
                Err(error @ ExecuteError::KeyUnsigned) => {
                    if !is_told {
                        is_told = true;
                        let (case, text) = (sent.case.clone(), format!("{}; trying on", causes(&error)));
                        self.tell(DemoEvent::Trouble { case, text });
                    }
                    let pause = tokio::time::sleep(TROUBLE_PAUSE);
                    if self.stop.run_until_cancelled(pause).await.is_none() {
                        return false;
                    }
                }
                executed => break executed,
            }
        };
        match executed {
            Ok(Execution::Executed { .. }) => {
                self.tell(DemoEvent::Executed { case: sent.case.clone(), handoff_id: sent.id });
                true
            }
            Ok(Execution::Failed { phase, code, .. }) => {
                self.tell(DemoEvent::Failed { case: sent.case.clone(), handoff_id: sent.id, phase, code });
                true
            }
            Ok(Execution::Refused { report, .. }) => {
                let code = report
                    .claims
                    .iter()
                    .find(|claim| claim.verdict != Verdict::Pass)
                    .map_or("other-handoff", |claim| claim.id.as_str());
                self.tell(DemoEvent::Failed {
                    case: sent.case.clone(),
                    handoff_id: sent.id,
                    phase: ExecutionPhase::Gate,
                    code: code.to_owned(),
                });
                true
            }
            Ok(Execution::Declined { .. } | Execution::Used) => true,
            Ok(Execution::Unwitnessed { .. }) => {
                let text = "no outside witness has cosigned it yet, and this destination waits for that".to_owned();
                self.tell(DemoEvent::Trouble { case: sent.case.clone(), text });
                false
            }
            // Only a destination with a memory of its own keeps a report.
            Ok(Execution::Unsent { .. }) => false,
            Err(error) => {
                let causes = causes(&error);
                self.tell(DemoEvent::Trouble {
                    case: sent.case.clone(),
                    text: format!("it could not be executed: {causes}"),
                });
                false
            }
        }
    }

    /// Repeats a request until the gateway answers; nothing when the demo is stopped meanwhile.
    async fn patiently<T, F: Future<Output = Result<T, ClientError>>>(
        &self,
        case: &str,
        request: impl Fn() -> F,
    ) -> Option<Result<T, ClientError>> {
        let mut is_told = false;
        loop {
            match self.stop.run_until_cancelled(request()).await? {
                Err(error) if is_passing(&error) => {
                    if !is_told {
                        is_told = true;
                        self.tell(DemoEvent::Trouble {
                            case: case.to_owned(),
                            text: format!("{}; trying on", causes(&error)),
                        });
                    }
                    self.stop.run_until_cancelled(tokio::time::sleep(TROUBLE_PAUSE)).await?;
                }
                answer => return Some(answer),
            }
        }
    }

    fn trouble(&self, sent: &Sent, what: &str, error: &ClientError) {
        self.tell(DemoEvent::Trouble { case: sent.case.clone(), text: format!("{what}: {}", causes(error)) });
    }
}

/// How far a handoff got.
enum Handed {
    Over(Sent),
    Refused,
    /// The demo was stopped, or the gateway said something that time may change.
    Not,
}

fn may_be_done(answer: &HandoffAnswer) -> bool {
    matches!(answer.status, HandoffStatus::Approved | HandoffStatus::Passed)
}

/// Whether waiting may help.
fn is_passing(error: &ClientError) -> bool {
    match error {
        ClientError::Unreachable { .. } => true,
        ClientError::Status { status } => *status >= 500 || *status == 429,
        ClientError::Problem(problem) => matches!(problem.code, ErrorCode::Unavailable | ErrorCode::Internal),
        _ => false,
    }
}

/// An error with its causes in one line.
fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
