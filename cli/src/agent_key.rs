//! `seamark agent-key`: credentials for agents.

use anyhow::{Context as _, ensure};
use clap::{Args, Subcommand, ValueEnum};
use seamark_contracts::id::AgentUrn;
use seamark_gateway::{ActsFor, AgentKeyInfo, KeyScope, KeySide};
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
Works while the gateway runs. Without --contract the key is good for every contract. A key acts as the destination that
bears its agent's name and as no other, so that whoever hands over is not who acts; --acts-for makes one key serve
further destinations, and --acts-for '*' all of them, for an orchestrator or a trial that plays every part.

Examples:
  seamark agent-key create --data-dir ./gateway --agent order-desk --for source --contract refund.issue
  seamark agent-key create --data-dir ./gateway --agent refund-executor --for destination --contract refund.issue
  seamark agent-key create --data-dir ./gateway --agent orchestrator --acts-for refund-executor --acts-for offer-sender
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
    /// The one side of a handoff that the key is for; both of its agent's when not given
    #[arg(long = "for", value_enum, value_name = "SIDE")]
    side: Option<Side>,
    /// A further agent as which the key may act when that is the destination, or '*' for every one; may be given more than
    /// once
    #[arg(long = "acts-for", value_name = "NAME")]
    acts_for: Vec<String>,
}

/// A side of a handoff.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Side {
    /// Submits, revises, withdraws; never acts
    Source,
    /// Uses attempts, names execution keys, reports; never submits
    Destination,
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
    let side = match key.side {
        Some(KeySide::Source) => ", as source alone",
        Some(KeySide::Destination) => ", as destination alone",
        None => "",
    };
    let acts_for = match key.acts_for.as_slice() {
        [] => String::new(),
        [every] if every == "*" => ", acts as every destination".to_owned(),
        agents => format!(", acts for {}", agents.join(", ")),
    };
    format!("{}  {} for {contracts}{side}{acts_for}, since {}{state}", key.id, key.agent, key.since)
}

impl Create {
    fn scope(&self) -> anyhow::Result<KeyScope> {
        let side = self.side.map(|side| match side {
            Side::Source => KeySide::Source,
            Side::Destination => KeySide::Destination,
        });
        ensure!(
            side != Some(KeySide::Source) || self.acts_for.is_empty(),
            "make a key that is for the source alone and acts for others: leave out --for or --acts-for"
        );
        let acts_for = if self.acts_for.iter().any(|name| name == "*") {
            ActsFor::Every
        } else {
            let agent =
                |name: &String| AgentUrn::from_name(name).with_context(|| format!("understand the agent {name:?}"));
            ActsFor::Named(self.acts_for.iter().map(agent).collect::<anyhow::Result<_>>()?)
        };
        Ok(KeyScope { contracts: self.contracts.clone(), side, acts_for })
    }

    async fn run(self, printer: Printer) -> anyhow::Result<()> {
        let scope = self.scope()?;
        let gateway = place::open(&self.data.data_dir).await?;
        let key = gateway
            .create_scoped_key(&self.agent, scope)
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
