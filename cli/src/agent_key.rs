//! `seamark agent-key`: credentials for agents.

use anyhow::Context as _;
use clap::{Args, Subcommand};
use serde::Serialize;

use crate::options::DataDir;
use crate::place;
use crate::report::{Ending, Printer, note};

/// Make keys for agents
#[derive(Args, Debug)]
pub struct AgentKey {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    Create(Create),
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
        let Command::Create(create) = self.command;
        let gateway = place::open(&create.data.data_dir).await?;
        let key = gateway
            .create_agent_key(&create.agent, &create.contracts)
            .await
            .with_context(|| format!("make a key for the agent {:?}", create.agent))?;
        gateway.close().await;
        if !printer.is_json {
            note("This key is shown once. Keep it where the agent's other secrets are.");
        }
        let created = Created { key };
        printer.answer(&created, || created.key.clone())?;
        Ok(Ending::Done)
    }
}
