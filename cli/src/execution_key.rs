//! `seamark execution-key`: the keys under which destinations report what they did.

use anyhow::Context as _;
use clap::{Args, Subcommand};
use seamark_gateway::ExecutionKeyInfo;

use crate::options::DataDir;
use crate::place;
use crate::report::{Ending, Printer, ended, lines};

/// List the keys under which destinations report, and end one
#[derive(Args, Debug)]
pub struct ExecutionKey {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    List(List),
    End(End),
}

/// List execution keys, ended ones too
#[derive(Args, Debug)]
#[command(after_help = "\
Works while the gateway runs.

Examples:
  seamark execution-key list --data-dir ./gateway
  seamark execution-key list --data-dir ./gateway --json")]
struct List {
    #[command(flatten)]
    data: DataDir,
}

/// End an execution key; its agent may name another one in its place
#[derive(Args, Debug)]
#[command(after_help = "\
Acts at once and for good: reports that arrive later under this key are refused, whatever time they give. Name the new key
first and end the old one when nothing is under way under it. Works while the gateway runs. A key that has ended before is
no error: exit code 0, and the answer says since when. An id that is not there: exit code 1.

Examples:
  seamark execution-key end 5f0c7a9b --data-dir ./gateway
  seamark execution-key end 5f0c7a9b --data-dir ./gateway --json")]
struct End {
    #[command(flatten)]
    data: DataDir,
    /// The id from `seamark execution-key list`, or its first eight digits or more
    #[arg(value_name = "ID")]
    id: String,
}

impl ExecutionKey {
    /// # Errors
    /// When the data folder cannot be used, or there is no such key.
    pub async fn run(self, printer: Printer) -> anyhow::Result<Ending> {
        match self.command {
            Command::List(list) => {
                let gateway = place::open_existing(&list.data.data_dir).await?;
                let keys = gateway.execution_keys().await.context("read the execution keys")?;
                gateway.close().await;
                printer.answer(&keys, || lines(keys.iter().map(line), "No agent has named an execution key yet."))?;
            }
            Command::End(end) => {
                let gateway = place::open_existing(&end.data.data_dir).await?;
                let done = gateway.end_execution_key(&end.id).await;
                place::close(gateway, printer).await?;
                let done = done.with_context(|| format!("end the execution key {:?}", end.id))?;
                printer.answer(&done, || ended("execution key", &done))?;
            }
        }
        Ok(Ending::Done)
    }
}

fn line(key: &ExecutionKeyInfo) -> String {
    let state = key.ended_at.map(|at| format!(", ended {at}")).unwrap_or_default();
    format!("{}  {}, named by {}, since {}{state}", key.id, key.agent, key.named_by, key.since)
}
