//! `seamark handoff`: what an agent developer does by hand.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use seamark_agent::client::Waited;
use seamark_contracts::api::agent::{HandoffAnswer, HandoffStatus};
use seamark_contracts::id::HandoffId;

use crate::duration::parse_duration;
use crate::options::Reach;
use crate::report::{Ending, Printer};

mod check;

/// Largest submission that is read from a file; the gateway takes less.
const MAX_FILE_BYTES: u64 = 4 * 1024 * 1024;

/// Submit handoffs, wait for them, verify them
#[derive(Args, Debug)]
pub struct Handoff {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    Submit(Submit),
    Get(Get),
    Wait(Wait),
    Withdraw(Withdraw),
    Check(check::Check),
}

/// Submit a handoff and print where it stands
#[derive(Args, Debug)]
#[command(after_help = "\
Submitting the same bytes again changes nothing and prints the current state. A handoff that breaks its contract is
refused with every reason and its place; the exit code is then 1.

Examples:
  seamark handoff submit refund.json --gateway http://127.0.0.1:7600 --key smk_... --json
  make-refund | seamark handoff submit -")]
struct Submit {
    /// File with the submission as JSON, or - for standard input
    file: PathBuf,
    #[command(flatten)]
    reach: Reach,
}

/// Print where a handoff stands
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  seamark handoff get 0199a1c2-5b7e-7c3d-9a10-2f4b6c8d0e12 --json")]
struct Get {
    #[command(flatten)]
    which: Which,
}

/// Wait for the outcome of a handoff
#[derive(Args, Debug)]
#[command(after_help = "\
Prints where the handoff stands at the end. Exit code 0: approved, or passed without a person. 1: rejected, expired,
withdrawn. 4: still open when the time was over. An outcome alone authorises nothing: run `seamark handoff check` before
acting. Printing a final outcome acknowledges it, so that the reviewer sees it as delivered.

Examples:
  seamark handoff wait 0199a1c2-5b7e-7c3d-9a10-2f4b6c8d0e12 --timeout 30s --json
  seamark handoff wait $ID --timeout 2h && seamark handoff check $ID")]
struct Wait {
    #[command(flatten)]
    which: Which,
    /// How long to wait, as in 500ms, 30s, 5m, 2h
    #[arg(long, default_value = "30s", value_parser = parse_duration, value_name = "TIME")]
    timeout: Duration,
    /// Only look, do not acknowledge
    #[arg(long)]
    no_ack: bool,
}

/// Take an open handoff back
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  seamark handoff withdraw 0199a1c2-5b7e-7c3d-9a10-2f4b6c8d0e12 --reason \"the customer changed their mind\"")]
struct Withdraw {
    #[command(flatten)]
    which: Which,
    /// Why; reviewers see it
    #[arg(long, default_value = "taken back by the submitter", value_name = "TEXT")]
    reason: String,
}

/// Which handoff, where.
#[derive(Args, Clone, Debug)]
struct Which {
    /// The handoff's id
    #[arg(value_parser = |text: &str| HandoffId::parse(text))]
    id: HandoffId,
    #[command(flatten)]
    reach: Reach,
}

impl Handoff {
    /// # Errors
    /// When file or gateway cannot be used, or the gateway says no.
    pub async fn run(self, printer: Printer) -> anyhow::Result<Ending> {
        match self.command {
            Command::Submit(command) => command.run(printer).await,
            Command::Get(command) => command.run(printer).await,
            Command::Wait(command) => command.run(printer).await,
            Command::Withdraw(command) => command.run(printer).await,
            Command::Check(command) => command.run(printer).await,
        }
    }
}

impl Submit {
    async fn run(self, printer: Printer) -> anyhow::Result<Ending> {
        let body = read_body(&self.file)?;
        let submitted = self.reach.client()?.submit(&body).await.context("submit the handoff")?;
        print_answer(printer, &submitted.answer)?;
        Ok(if submitted.answer.status == HandoffStatus::Refused { Ending::Negative } else { Ending::Done })
    }
}

impl Get {
    async fn run(self, printer: Printer) -> anyhow::Result<Ending> {
        let answer = self.which.reach.client()?.handoff(self.which.id).await.context("look the handoff up")?;
        print_answer(printer, &answer)?;
        Ok(Ending::Done)
    }
}

impl Wait {
    async fn run(self, printer: Printer) -> anyhow::Result<Ending> {
        let client = self.which.reach.client()?;
        let id = self.which.id;
        let answer = match client.outcome(id, self.timeout).await.context("wait for the outcome")? {
            Waited::Open(answer) => *answer,
            Waited::Final(_) => {
                if !self.no_ack {
                    client.acknowledge(id).await.context("acknowledge the outcome")?;
                }
                client.handoff(id).await.context("look the handoff up")?
            }
        };
        print_answer(printer, &answer)?;
        Ok(match answer.status {
            HandoffStatus::Approved | HandoffStatus::Passed => Ending::Done,
            HandoffStatus::Open => Ending::StillOpen,
            HandoffStatus::Refused
            | HandoffStatus::Rejected
            | HandoffStatus::Expired
            | HandoffStatus::Withdrawn
            | HandoffStatus::Superseded => Ending::Negative,
        })
    }
}

impl Withdraw {
    async fn run(self, printer: Printer) -> anyhow::Result<Ending> {
        let answer =
            self.which.reach.client()?.withdraw(self.which.id, &self.reason).await.context("withdraw the handoff")?;
        print_answer(printer, &answer)?;
        Ok(if answer.status == HandoffStatus::Withdrawn { Ending::Done } else { Ending::Negative })
    }
}

fn read_body(file: &Path) -> anyhow::Result<Vec<u8>> {
    let mut body = Vec::new();
    if file == Path::new("-") {
        std::io::stdin().lock().take(MAX_FILE_BYTES).read_to_end(&mut body).context("read standard input")?;
    } else {
        let opened = std::fs::File::open(file).with_context(|| format!("open {}", file.display()))?;
        opened.take(MAX_FILE_BYTES).read_to_end(&mut body).with_context(|| format!("read {}", file.display()))?;
    }
    Ok(body)
}

fn print_answer(printer: Printer, answer: &HandoffAnswer) -> anyhow::Result<()> {
    printer.answer(answer, || describe(answer))
}

/// A status as the interface spells it.
pub fn word(status: HandoffStatus) -> &'static str {
    match status {
        HandoffStatus::Open => "open",
        HandoffStatus::Passed => "passed",
        HandoffStatus::Refused => "refused",
        HandoffStatus::Approved => "approved",
        HandoffStatus::Rejected => "rejected",
        HandoffStatus::Expired => "expired",
        HandoffStatus::Withdrawn => "withdrawn",
        HandoffStatus::Superseded => "superseded",
    }
}

fn describe(answer: &HandoffAnswer) -> String {
    let mut lines = vec![
        format!("handoff   {}", answer.handoff_id),
        format!("status    {}", word(answer.status)),
        format!("contract  {}", answer.contract),
        format!("task      {}", answer.correlation_id),
    ];
    if let Some(review_id) = answer.review_id {
        lines.push(format!("review    {review_id}"));
    }
    if let Some(expires_at) = answer.expires_at {
        lines.push(format!("expires   {expires_at}"));
    }
    if let Some(outcome) = &answer.outcome {
        lines.push(format!("outcome   {} at {}", outcome.outcome_id, outcome.formed_at));
    }
    if let Some(result) = &answer.result {
        let how = match result.result {
            seamark_contracts::outcome::ExecutionResult::Executed => "executed",
            seamark_contracts::outcome::ExecutionResult::Failed => "failed",
        };
        lines.push(format!("result    {how} at {} by {}", result.executed_at, result.executor.name()));
    }
    lines.push(format!("ledger    entry {}", answer.recorded.seq));
    lines.join("\n")
}
