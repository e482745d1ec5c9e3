//! `seamark destination init`: what a destination pins, once.

use std::collections::BTreeSet;

use anyhow::{Context as _, ensure};
use base64ct::{Base64UrlUnpadded, Encoding as _};
use clap::Args;
use seamark_agent::client::Client;
use seamark_agent::destination::{Accepted, Destination as Settings};
use seamark_contracts::contract::CompiledContract;
use seamark_contracts::handoff::ContractId;
use seamark_contracts::id::AgentUrn;
use seamark_ledger::verify::PinnedTrust;
use serde::Serialize;

use super::{ATTEMPTS, Folder, KEY, SETTINGS, write_new};
use crate::place;
use crate::report::{Ending, Printer, note};

/// Make a destination's folder: settings with pinned keys and contracts, an execution key, a memory of attempts
#[derive(Args, Debug)]
#[command(after_help = "\
Pins what the gateway says now: compare the root key with your operator's, and read each contract before you accept it.
From then on only the file destination.json counts; edit it to accept another version. --ungated accepts a contract's
handoffs without a person when their gate asks for none. Keep the folder on one disk: it remembers which attempts were
used, and a copy of it forgets what is used later.

Examples:
  seamark destination init ./refunds --agent refund-executor --audience https://refunds.shop.example/execute \\
    --contract refund.issue@1.2.0 --ungated refund.issue --gateway http://127.0.0.1:7600")]
pub struct Init {
    #[command(flatten)]
    folder: Folder,
    /// The agent that acts, as contracts name it
    #[arg(long, value_name = "NAME")]
    agent: String,
    /// The destination's own identity, which approvals have to name
    #[arg(long, value_name = "URL")]
    audience: String,
    /// A contract to accept, as in refund.issue@1.2.0; may be given more than once
    #[arg(long = "contract", value_name = "NAME@VERSION", required = true, value_parser = parse_contract)]
    contracts: Vec<ContractId>,
    /// The name of an accepted contract whose handoffs are acted on without a person; may be given more than once
    #[arg(long = "ungated", value_name = "NAME")]
    ungated: Vec<String>,
    /// The vkey of an outside witness to rely on; may be given more than once
    #[arg(long = "witness", value_name = "VKEY")]
    witnesses: Vec<String>,
    /// Act only on what these witnesses have seen in the ledger; all of them, unless the settings say how many
    #[arg(long, requires = "witnesses")]
    log_before_act: bool,
    /// The gateway's address, as in http://127.0.0.1:7600
    #[arg(long, env = "SEAMARK_GATEWAY", value_name = "URL")]
    gateway: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Made {
    agent: AgentUrn,
    audience: String,
    root_keyid: String,
    contracts: Vec<Accepted>,
}

fn parse_contract(text: &str) -> Result<ContractId, &'static str> {
    let (name, version) = text.split_once('@').ok_or("write it as NAME@VERSION, as in refund.issue@1.2.0")?;
    Ok(ContractId { name: name.to_owned(), version: version.to_owned() })
}

impl Init {
    pub(super) async fn run(self, printer: Printer) -> anyhow::Result<Ending> {
        let agent =
            AgentUrn::from_name(&self.agent).with_context(|| format!("understand the agent {:?}", self.agent))?;
        let client = Client::new(&self.gateway, None)?;
        let contracts = self.pin_contracts(&client, &agent).await?;
        let trust = client.trust().await.context("read what the gateway is trusted for")?;
        let trust = PinnedTrust { witnesses: self.witnesses, ..trust.into() };
        trust.pin(None, place::clock().now()).context("use the pinned witnesses")?;
        let log_before_act = self.log_before_act;
        let settings = Settings { agent, audience: self.audience, trust, contracts, log_before_act };
        let folder = &self.folder.folder;
        std::fs::create_dir_all(folder.join(ATTEMPTS)).with_context(|| format!("make {}", folder.display()))?;
        write_new(&folder.join(SETTINGS), &settings.to_json()?)?;
        let mut seed = [0; 32];
        place::chance().fill(&mut seed);
        write_new(&folder.join(KEY), Base64UrlUnpadded::encode_string(&seed).as_bytes())?;
        note(&format!("Pinned now: compare this root key with your operator's: {}", settings.trust.root_keyid));
        let Settings { agent, audience, trust, contracts, .. } = settings;
        let made = Made { agent, audience, root_keyid: trust.root_keyid, contracts };
        printer.answer(&made, || format!("{} is a destination in {}.", made.agent, folder.display()))?;
        Ok(Ending::Done)
    }

    async fn pin_contracts(&self, client: &Client, agent: &AgentUrn) -> anyhow::Result<Vec<Accepted>> {
        let names: BTreeSet<&str> = self.contracts.iter().map(|contract| contract.name.as_str()).collect();
        let unknown = self.ungated.iter().find(|name| !names.contains(name.as_str()));
        ensure!(
            unknown.is_none(),
            "accept {} without a person: it is not given with --contract",
            unknown.map_or("", |name| name)
        );
        let mut accepted = Vec::new();
        for id in &self.contracts {
            let bytes = client.contract(id).await.with_context(|| format!("read the contract {id}"))?;
            let text = String::from_utf8(bytes).with_context(|| format!("read the contract {id}"))?;
            let compiled = CompiledContract::from_document(text.as_bytes());
            let compiled = compiled.map_err(|_| anyhow::anyhow!("this version of Seamark does not know its form"));
            let compiled = compiled.with_context(|| format!("understand the contract {id}"))?;
            let named = &compiled.contract.destination.agent;
            ensure!(compiled.id() == *id, "accept {id}: the gateway gave {} instead", compiled.id());
            ensure!(named == agent.name(), "accept {id}: its destination is {named}, and this is {}", agent.name());
            accepted.push(Accepted { contract: compiled.reference(), ungated: self.ungated.contains(&id.name) });
        }
        Ok(accepted)
    }
}
