//! `seamark erase` and `seamark retention`: what is kept of payloads, and how it goes.

use anyhow::Context as _;
use clap::{Args, Subcommand};
use seamark_contracts::id::HandoffId;
use seamark_gateway::{Erased, RetentionInfo};
use serde::Serialize;

use crate::options::DataDir;
use crate::place;
use crate::report::{Ending, Printer, lines};

/// Erase the payload of one handoff, because somebody asked for it
#[derive(Args, Debug)]
#[command(after_help = "\
Erases the submitted bytes, the salts and hidden values, the files, and refused revisions of a handoff that has ended. What
was signed stays, and so does what the contract shows in clear and what people wrote: signatures, ledger and evidence
bundles verify as before, and bundles made from now on say that it was erased, when, and that nobody can compare hidden
values any more. It cannot be taken back. The reason stands in the ledger: name a case, never a person. Bundles hold no
hidden values, so old ones need no change; copies at the destination and in backups are not reached.

A handoff that waits, or that was approved and may still be acted upon, is not erased: exit code 1. One that was erased
before is no error. Works while the gateway runs.

Examples:
  seamark erase 0199a1c2-5b7e-7c3d-9a10-2f4b6c8d0e12 --reason \"request 2026-118\" --data-dir ./gateway
  seamark erase $ID --submitter order-desk --reason \"request 2026-118\" --data-dir ./gateway --json")]
pub struct Erase {
    /// The handoff's id
    #[arg(value_name = "HANDOFF_ID", value_parser = parse_id)]
    id: HandoffId,
    #[command(flatten)]
    data: DataDir,
    /// Why, in 1 to 500 characters, without personal data
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// The agent that submitted it, where several agents used the same id
    #[arg(long, value_name = "NAME")]
    submitter: Option<String>,
}

fn parse_id(text: &str) -> Result<HandoffId, String> {
    HandoffId::parse(text).map_err(|error| error.to_string())
}

impl Erase {
    /// # Errors
    /// When the data folder cannot be used, or the handoff may not be erased.
    pub async fn run(self, printer: Printer) -> anyhow::Result<Ending> {
        let gateway = place::open_existing(&self.data.data_dir).await?;
        let done = gateway.erase(self.id, self.submitter.as_deref(), &self.reason).await;
        gateway.close().await;
        let done = done.with_context(|| format!("erase the payload of {}", self.id))?;
        printer.answer(&done, || says(&done))?;
        Ok(Ending::Done)
    }
}

fn says(done: &Erased) -> String {
    if !done.is_new {
        return format!("Nothing was left of {} to erase since {}.", done.handoff_id, done.erased_at);
    }
    let journal = if done.is_journal_empty {
        ""
    } else {
        " Somebody was reading just now, so the database's journal holds the erased bytes until its next checkpoint; \
         `seamark retention apply` asks for one."
    };
    format!(
        "Erased of {}: {} with their hidden values, {}, {}. What was signed stays and verifies.{journal}",
        done.handoff_id,
        n(done.contents, "content"),
        n(done.files, "file"),
        n(done.refused, "refused revision"),
    )
}

fn n(count: i64, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// See how long payloads are kept, and erase what is due
#[derive(Args, Debug)]
pub struct Retention {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    List(List),
    Apply(Apply),
}

/// List every contract version with its retention and what is kept
#[derive(Args, Debug)]
#[command(after_help = "\
Counted from the end of a handoff: its last attempt decided, expired, withdrawn or passed on. Works while the gateway runs.

Examples:
  seamark retention list --data-dir ./gateway
  seamark retention list --data-dir ./gateway --json")]
struct List {
    #[command(flatten)]
    data: DataDir,
}

/// Erase everything whose retention is over, now
#[derive(Args, Debug)]
#[command(after_help = "\
A running gateway does so by itself, every hour. The bytes of refused submissions go after six months. Each erased handoff has
an entry retention.applied in the ledger.

Examples:
  seamark retention apply --data-dir ./gateway
  seamark retention apply --data-dir ./gateway --json")]
struct Apply {
    #[command(flatten)]
    data: DataDir,
}

#[derive(Serialize)]
struct Applied {
    erased: i64,
}

impl Retention {
    /// # Errors
    /// When the data folder cannot be used.
    pub async fn run(self, printer: Printer) -> anyhow::Result<Ending> {
        match self.command {
            Command::List(list) => {
                let gateway = place::open_existing(&list.data.data_dir).await?;
                let classes = gateway.retention().await.context("read what is kept");
                gateway.close().await;
                let classes = classes?;
                printer.answer(&classes, || lines(classes.iter().map(line), "No contract is published here."))?;
            }
            Command::Apply(apply) => {
                let gateway = place::open_existing(&apply.data.data_dir).await?;
                let erased = gateway.apply_retention().await.context("erase what is due");
                gateway.close().await;
                let erased = erased?;
                let says =
                    || format!("Erased because their time was over: {}.", n(erased, "handoff or refused submission"));
                printer.answer(&Applied { erased }, says)?;
            }
        }
        Ok(Ending::Done)
    }
}

fn line(class: &RetentionInfo) -> String {
    let RetentionInfo { contract, retention, days, kept, due } = class;
    format!("{contract}  {retention} ({days} days), {} kept, {due} due", n(*kept, "handoff"))
}
