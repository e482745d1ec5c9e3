//! `seamark destination gate`: nine steps, of which a program may be the eighth.

use std::ffi::OsString;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use seamark_agent::client::Waited;
use seamark_agent::destination::{Holder, StepResult};
use seamark_agent::execute::{ActFailure, Execution, Executor, Walked};
use seamark_contracts::api::agent::Delivery;
use seamark_contracts::id::HandoffId;
use seamark_contracts::outcome::{ExecutionPhase, ExecutionResult};
use seamark_contracts::strict_json::{self, Limits};
use seamark_ledger::verified::Verified;
use seamark_ledger::verify::{ApprovedAction, Verdict};
use serde::Serialize;
use serde_json::Value;
use tokio::io::AsyncWriteExt as _;

use super::Folder;
use crate::duration::parse_duration;
use crate::options::Reach;
use crate::report::{Ending, Printer};

/// Largest delivery; the client takes no larger answer either.
const MAX_DELIVERY_BYTES: usize = 8 * 1024 * 1024;
/// The exit code with which a program says that it does not know whether it acted.
const UNKNOWN_CODE: i32 = 75;

/// Verify a delivery, use its attempt, and hand the payload on, once
#[derive(Args, Debug)]
#[command(after_help = "\
Takes the steps proof, audience, attempt, window, masks, log, use; any that does not pass ends it, with exit code 1 and
nothing done. Then the attempt is used for good, in this folder and at the gateway.

Without --exec the payload and the idempotency key are printed, and whoever reads them acts and then says so with
`seamark destination report`. With --exec the program runs once, gets the payload as JSON on standard input and
SEAMARK_IDEMPOTENCY_KEY and SEAMARK_HANDOFF in its environment, and its end is signed and reported: exit code 0 done, 75
may or may not be done, any other tried and failed; ended by a signal: may or may not be done. What it prints goes to
standard error. Exit code 0 here means that it was done.

A refusal that stays (a mask that lies, a window that is over) is reported when the delivery came from the gateway
(--handoff), never of a file that anybody may have made.
After a crash run `seamark destination recover`.

Examples:
  seamark destination gate ./refunds --handoff 0199a1c2-5b7e-7c3d-9a10-2f4b6c8d0e12 --exec ./refund.sh
  seamark destination gate ./refunds --delivery - --json < delivery.json
  seamark destination gate ./refunds --handoff $ID --look")]
pub struct Gate {
    #[command(flatten)]
    folder: Folder,
    #[command(flatten)]
    reach: Reach,
    /// Read the delivery of this handoff from the gateway
    #[arg(long, value_name = "ID", value_parser = |text: &str| HandoffId::parse(text), required_unless_present = "delivery")]
    handoff: Option<HandoffId>,
    /// File with a delivery as the gateway gave it to whoever passed it on, or - for standard input
    #[arg(long, value_name = "FILE", conflicts_with = "handoff")]
    delivery: Option<PathBuf>,
    /// Wait so long for the outcome, as in 500ms, 30s, 5m
    #[arg(long, default_value = "0s", value_parser = parse_duration, value_name = "TIME")]
    timeout: Duration,
    /// Take the first six steps alone and use nothing up
    #[arg(long, conflicts_with = "exec")]
    look: bool,
    /// The program that acts, with its arguments; the last option
    #[arg(long, value_name = "PROGRAM", num_args = 1.., allow_hyphen_values = true)]
    exec: Option<Vec<OsString>>,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    /// `open`, `may-act`, `handed-over`, `executed`, `failed`, `unsent`, `refused`, `declined` or `used`.
    state: &'static str,
    steps: Vec<Line>,
    #[serde(skip_serializing_if = "Option::is_none")]
    idempotency_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    phase: Option<ExecutionPhase>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
}

#[derive(Debug, Serialize)]
struct Line {
    number: u8,
    step: &'static str,
    verdict: &'static str,
    sentence: String,
}

impl Gate {
    pub(super) async fn run(self, printer: Printer) -> anyhow::Result<Ending> {
        let executor = self.folder.executor(&self.reach).await?;
        let (executor, delivery) = match (&self.delivery, self.handoff) {
            (Some(file), _) => (executor.keeping_refusals(), read_delivery(file)?),
            (None, Some(id)) => {
                match self.reach.client()?.outcome(id, self.timeout).await.context("read the outcome")? {
                    Waited::Final(delivery) => (executor, *delivery),
                    Waited::Open(_) => {
                        let answer = Answer { state: "open", ..Answer::default() };
                        printer.answer(&answer, || "There is no outcome yet; nothing may be done.".to_owned())?;
                        return Ok(Ending::StillOpen);
                    }
                }
            }
            (None, None) => anyhow::bail!("choose a delivery: give --handoff or --delivery"),
        };
        let (answer, ending) = match &self.exec {
            _ if self.look => look(&executor, self.handoff, &delivery)?,
            None => hand_over(&executor, self.handoff, &delivery).await?,
            Some(program) => {
                let act = |action| run_once(program.clone(), action);
                ended(executor.walk(self.handoff, &delivery, act).await?)
            }
        };
        printer.answer(&answer, || describe(&answer))?;
        Ok(ending)
    }
}

fn look(executor: &Executor, id: Option<HandoffId>, delivery: &Delivery) -> anyhow::Result<(Answer, Ending)> {
    let looked = executor.look(id, delivery)?;
    let (state, ending) =
        if looked.action.is_some() { ("may-act", Ending::Done) } else { ("refused", Ending::Negative) };
    Ok((Answer { state, steps: looked.steps.iter().map(line).collect(), ..Answer::default() }, ending))
}

async fn hand_over(
    executor: &Executor,
    id: Option<HandoffId>,
    delivery: &Delivery,
) -> anyhow::Result<(Answer, Ending)> {
    let passage = match executor.pass(id, delivery, Holder::Caller).await? {
        Ok(passage) => passage,
        Err(walked) => return Ok(ended(walked)),
    };
    let answer = Answer {
        state: "handed-over",
        steps: passage.steps.iter().map(line).collect(),
        idempotency_key: Some(passage.action.attempt.clone()),
        payload: Some(passage.action.payload.clone()),
        ..Answer::default()
    };
    Ok((answer, Ending::Done))
}

fn ended(walked: Walked) -> (Answer, Ending) {
    let mut answer = Answer { steps: walked.steps.iter().map(line).collect(), ..Answer::default() };
    let ending;
    (answer.state, ending) = match walked.execution {
        Execution::Executed { .. } => ("executed", Ending::Done),
        Execution::Failed { phase, code, .. } => {
            (answer.phase, answer.code) = (Some(phase), Some(code));
            ("failed", Ending::Negative)
        }
        Execution::Unsent { result: ExecutionResult::Executed } => ("unsent", Ending::Done),
        Execution::Unsent { result: ExecutionResult::Failed } => ("unsent", Ending::Negative),
        Execution::Unwitnessed { .. } => ("unwitnessed", Ending::StillOpen),
        Execution::Refused { .. } => ("refused", Ending::Negative),
        Execution::Declined { .. } => ("declined", Ending::Negative),
        Execution::Used => ("used", Ending::Negative),
    };
    (answer, ending)
}

/// Runs the program once, with the payload on its standard input.
async fn run_once(program: Vec<OsString>, action: Arc<Verified<ApprovedAction>>) -> Result<(), ActFailure> {
    let Some((name, args)) = program.split_first() else { return Err(ActFailure::tried("no-program")) };
    let payload = serde_json::to_vec(&action.payload).map_err(|_| ActFailure::tried("payload-unreadable"))?;
    let mut child = tokio::process::Command::new(name)
        .args(args)
        .env("SEAMARK_IDEMPOTENCY_KEY", &action.attempt)
        .env("SEAMARK_HANDOFF", action.handoff_id.to_string())
        // It acts with rights of its own and needs none at the gateway.
        .env_remove("SEAMARK_KEY")
        .stdin(Stdio::piped())
        .stdout(Stdio::from(std::io::stderr()))
        .spawn()
        .map_err(|_| ActFailure::tried("not-started"))?;
    if let Some(mut stdin) = child.stdin.take() {
        // A program that does not read its input says by its exit code what it made of that.
        let _ = stdin.write_all(&payload).await;
    }
    let unknown = |code: &str| ActFailure { phase: ExecutionPhase::Unknown, code: code.to_owned() };
    let status = child.wait().await.map_err(|_| unknown("lost"))?;
    match status.code() {
        Some(0) => Ok(()),
        Some(UNKNOWN_CODE) => Err(unknown("program-does-not-know")),
        Some(code) => Err(ActFailure::tried(format!("exit-{code}"))),
        None => Err(unknown("ended-by-a-signal")),
    }
}

fn read_delivery(file: &Path) -> anyhow::Result<Delivery> {
    let limit = u64::try_from(MAX_DELIVERY_BYTES).unwrap_or(u64::MAX).saturating_add(1);
    let mut bytes = Vec::new();
    if file == Path::new("-") {
        std::io::stdin().lock().take(limit).read_to_end(&mut bytes).context("read standard input")?;
    } else {
        let opened = std::fs::File::open(file).with_context(|| format!("open {}", file.display()))?;
        opened.take(limit).read_to_end(&mut bytes).with_context(|| format!("read {}", file.display()))?;
    }
    strict_json::parse_typed(&bytes, &Limits::SIGNED.with_max_bytes(MAX_DELIVERY_BYTES))
        .context("understand the delivery")
}

fn line(result: &StepResult) -> Line {
    let verdict = match result.verdict {
        Verdict::Pass => "PASS",
        Verdict::Fail => "FAIL",
        Verdict::Unknown => "UNKNOWN",
    };
    Line { number: result.step.number(), step: result.step.as_str(), verdict, sentence: result.sentence.clone() }
}

fn describe(answer: &Answer) -> String {
    let line = |line: &Line| format!("{} {:<8}{:<9} {}", line.number, line.verdict, line.step, line.sentence);
    let mut lines: Vec<String> = answer.steps.iter().map(line).collect();
    lines.push(match answer.state {
        "may-act" => "It may be acted on. Nothing is used up.".to_owned(),
        "handed-over" => "The attempt is used. Act on exactly this, once, and report it.".to_owned(),
        "executed" => "Done and reported.".to_owned(),
        "unsent" => "Its report is kept and not sent yet: run seamark destination recover.".to_owned(),
        "failed" => format!("FAILED: {}.", answer.code.as_deref().unwrap_or_default()),
        _ => "NOT DONE: nothing may be done on this delivery.".to_owned(),
    });
    if let Some(key) = &answer.idempotency_key {
        lines.push(format!("idempotency key  {key}"));
    }
    if let Some(payload) = &answer.payload {
        lines.push(serde_json::to_string_pretty(payload).unwrap_or_default());
    }
    lines.join("\n")
}
