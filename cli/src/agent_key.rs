//! `seamark agent-key`: credentials for agents.

use anyhow::Context as _;
use clap::{Args, Subcommand};
use seamark_gateway::AgentKeyInfo;
use serde::Serialize;

use crate::options::DataDir;
use crate::place;
use crate::report::{Ending, Printer, ended, lines, note};

/// Make keys for agents, list them, end one
#[derive(Args, Debug)]
pub struct AgentKey {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    Create(Create),
    List(List),
    End(End),
}

/// List agent keys, ended ones too; their texts are kept nowhere
#[derive(Args, Debug)]
#[command(after_help = "\
Works while the gateway runs.

Examples:
  seamark agent-key list --data-dir ./gateway
  seamark agent-key list --data-dir ./gateway --json")]
struct List {
    #[command(flatten)]
    data: DataDir,
}

/// End an agent key and the webhooks that were made with it
#[derive(Args, Debug)]
#[command(after_help = "\
Acts at once and for good; other keys of the same agent go on. Works while the gateway runs, which hears of it within two
seconds. Who finds a leaked key may give the key itself in place of its id. A key that has ended before is no error: exit
code 0, and the answer says since when. A key that is not there: exit code 1.

Examples:
  seamark agent-key end ak_0f1e2d3c4b5a69788796a5b4 --data-dir ./gateway
  seamark agent-key end \"$LEAKED_KEY\" --data-dir ./gateway --json")]
struct End {
    #[command(flatten)]
    data: DataDir,
    /// The id from `seamark agent-key list`, or the key itself
    #[arg(value_name = "ID")]
    id: String,
}

/// Make a key for an agent; it is shown once and stored only as a hash
#[derive(Args, Debug)]
#[command(after_help = "\
Works while the gateway runs. Without --contract the key is good for every contract.

Examples:
  seamark agent-key create --data-dir ./gateway --agent order-desk --contract refund.issue
  export SEAMARK_KEY=$(seamark agent-key create --data-dir ./gateway --agent order-desk)")]
struct Create {
    #[command(flatten)]
    data: DataDir,
    /// The agent's name, as in order-desk
    #[arg(long, value_name = "NAME")]
    agent: String,
    /// A contract that the key is good for; may be given more than once
    #[arg(long = "contract", value_name = "NAME")]
    contracts: Vec<String>,
}

#[derive(Serialize)]
struct Created {
    key: String,
}

impl AgentKey {
    /// # Errors
    /// When the data folder cannot be used, or a name is no name.
    pub async fn run(self, printer: Printer) -> anyhow::Result<Ending> {
        match self.command {
            Command::Create(create) => create.run(printer).await?,
            Command::List(list) => {
                let gateway = place::open_existing(&list.data.data_dir).await?;
                let keys = gateway.agent_keys().await.context("read the agent keys")?;
                gateway.close().await;
                printer.answer(&keys, || lines(keys.iter().map(line), "There is no agent key yet."))?;
            }
            Command::End(end) => {
                let gateway = place::open_existing(&end.data.data_dir).await?;
                let done = gateway.end_agent_key(&end.id).await;
                gateway.close().await;
                let done = done.context("end the agent key")?;
                printer.answer(&done, || ended("agent key", &done))?;
            }
        }
        Ok(Ending::Done)
    }
}

fn line(key: &AgentKeyInfo) -> String {
    let contracts = if key.contracts.is_empty() { "every contract".to_owned() } else { key.contracts.join(", ") };
    let state = key.ended_at.map(|at| format!(", ended {at}")).unwrap_or_default();
    format!("{}  {} for {contracts}, since {}{state}", key.id, key.agent, key.since)
}

impl Create {
    async fn run(self, printer: Printer) -> anyhow::Result<()> {
        let gateway = place::open(&self.data.data_dir).await?;
        let key = gateway
            .create_agent_key(&self.agent, &self.contracts)
            .await
            .with_context(|| format!("make a key for the agent {:?}", self.agent))?;
        place::close(gateway, printer).await?;
        if !printer.is_json {
            note("This key is shown once. Keep it where the agent's other secrets are.");
        }
        let created = Created { key };
        printer.answer(&created, || created.key.clone())
    }
}
