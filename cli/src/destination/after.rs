//! `seamark destination report` and `recover`: what comes after the act, and after a crash.

use anyhow::Context as _;
use clap::Args;
use seamark_agent::execute::{ActFailure, Execution, Recovered};
use seamark_contracts::outcome::{ExecutionPhase, ExecutionResult};
use serde::Serialize;

use super::Folder;
use crate::options::Reach;
use crate::report::{Ending, Printer, lines};

/// Report what became of a payload that was handed over
#[derive(Args, Debug)]
#[command(after_help = "\
For what `seamark destination gate` printed without --exec. The report is signed, kept in the folder and sent; the same one
again changes nothing, and another one is refused. CODE is a short word of the destination's own: a-z, 0-9, hyphen.

Examples:
  seamark destination report ./refunds --attempt 2W8Z9-1AnKqNLT2fKbej5g --executed
  seamark destination report ./refunds --attempt 2W8Z9-1AnKqNLT2fKbej5g --failed card-declined
  seamark destination report ./refunds --attempt 2W8Z9-1AnKqNLT2fKbej5g --unknown no-answer --json")]
pub struct Report {
    #[command(flatten)]
    folder: Folder,
    #[command(flatten)]
    reach: Reach,
    /// The idempotency key that was printed
    #[arg(long, value_name = "KEY", allow_hyphen_values = true)]
    attempt: String,
    #[command(flatten)]
    what: What,
}

/// What became of it.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
struct What {
    /// It was done
    #[arg(long)]
    executed: bool,
    /// It was tried and failed
    #[arg(long, value_name = "CODE", value_parser = parse_code)]
    failed: Option<String>,
    /// It may or may not be done
    #[arg(long, value_name = "CODE", value_parser = parse_code)]
    unknown: Option<String>,
}

fn parse_code(text: &str) -> Result<String, &'static str> {
    let is_code = (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if is_code { Ok(text.to_owned()) } else { Err("a code has 1 to 64 of a-z, 0-9 and hyphen") }
}

/// After a crash: report as unknown what was under way, and send reports that did not arrive
#[derive(Args, Debug)]
#[command(after_help = "\
Never acts. An attempt whose process is gone is reported as failed, phase unknown: a person looks what was done. An attempt
that was handed to a caller (gate without --exec) is left to `seamark destination report`. Run it when the machine
starts, and whenever a report did not arrive. Exit code 1 when one does not arrive now either.

Examples:
  seamark destination recover ./refunds
  seamark destination recover ./refunds --json")]
pub struct Recover {
    #[command(flatten)]
    folder: Folder,
    #[command(flatten)]
    reach: Reach,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Reported {
    result: ExecutionResult,
    is_sent: bool,
}

impl Report {
    pub(super) async fn run(self, printer: Printer) -> anyhow::Result<Ending> {
        let executor = self.folder.executor(&self.reach).await?;
        let result = match self.what {
            What { failed: Some(code), .. } => Err(ActFailure::tried(code)),
            What { unknown: Some(code), .. } => Err(ActFailure { phase: ExecutionPhase::Unknown, code }),
            What { .. } => Ok(()),
        };
        let wanted = if result.is_ok() { ExecutionResult::Executed } else { ExecutionResult::Failed };
        let execution = executor.report(&self.attempt, result).await.context("report on the attempt")?;
        let is_sent = !matches!(execution, Execution::Unsent { .. });
        printer.answer(&Reported { result: wanted, is_sent }, || {
            if is_sent { "Signed and recorded.".to_owned() } else { "Signed and kept; not sent yet.".to_owned() }
        })?;
        Ok(if is_sent { Ending::Done } else { Ending::Failed })
    }
}

impl Recover {
    pub(super) async fn run(self, printer: Printer) -> anyhow::Result<Ending> {
        let executor = self.folder.executor(&self.reach).await?;
        let recovered = executor.recover().await.context("recover the attempts")?;
        printer.answer(&recovered, || lines(recovered.iter().map(describe), "Every attempt is reported."))?;
        let is_sent = recovered.iter().all(|one| one.is_sent);
        Ok(if is_sent { Ending::Done } else { Ending::Negative })
    }
}

fn describe(one: &Recovered) -> String {
    let what = match (one.result, one.phase) {
        (ExecutionResult::Executed, _) => "executed",
        (_, Some(ExecutionPhase::Gate)) => "nothing was done",
        (_, Some(ExecutionPhase::Unknown)) => "may or may not be done: look and see",
        (ExecutionResult::Failed, _) => "tried and failed",
    };
    let sent = one.problem.as_ref().map_or_else(|| "reported".to_owned(), |problem| format!("not reported: {problem}"));
    format!("{}  {what}, {sent}", one.handoff_id)
}
