//! A sample destination in Rust: refunds what a person has approved, exactly once.
//!
//! `sample-destination FOLDER GATEWAY HANDOFF_ID`, with its agent key in SEAMARK_KEY. FOLDER is made by
//! `seamark destination init`: destination.json is this destination's own word on whom it trusts and what it accepts.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use seamark_agent::client::{AgentKey, Client, Waited};
use seamark_agent::destination::{Attempts, Destination};
use seamark_agent::execute::{ActFailure, Executor};
use seamark_contracts::digest::Digest;
use seamark_contracts::id::HandoffId;
use seamark_gateway::clock::SystemClock;
use seamark_ledger::key::SigningKey;
use seamark_ledger::verified::Verified;
use seamark_ledger::verify::ApprovedAction;

#[tokio::main]
async fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let mut arg = |name: &str| args.next().with_context(|| format!("{name} is missing"));
    let (folder, gateway) = (PathBuf::from(arg("FOLDER")?), arg("GATEWAY")?);
    let id = HandoffId::parse(&arg("HANDOFF_ID")?)?;
    let client = Client::new(&gateway, Some(AgentKey::new(&std::env::var("SEAMARK_KEY")?)))?;

    let destination = Destination::read(&folder.join("destination.json"))?;
    let attempts = Attempts::open(&folder.join("attempts"))?;
    // A sample: its key follows from the file that `init` filled with random bytes.
    let key = SigningKey::from_seed(Digest::of(&std::fs::read(folder.join("execution.key"))?).as_bytes());
    let executor = Executor::enrol(client.clone(), destination, key, Arc::new(SystemClock)).await?.keeping(attempts);

    // What an earlier run left open is reported as unknown; it is not done again.
    for recovered in executor.recover().await? {
        tell(&format!("recovered {}", recovered.handoff_id))?;
    }
    let Waited::Final(delivery) = client.outcome(id, Duration::from_secs(30)).await? else {
        bail!("nobody has decided")
    };
    let walked = executor.walk(Some(id), &delivery, refund).await?;
    for result in &walked.steps {
        tell(&format!("{} {:?} {}", result.step.as_str(), result.verdict, result.sentence))?;
    }
    Ok(())
}

/// Steps 1 to 7 have passed. Act on `action.payload` and nothing else, and give the attempt along, so that the bank
/// recognises a second order of the same refund.
async fn refund(action: Arc<Verified<ApprovedAction>>) -> Result<(), ActFailure> {
    if std::env::var_os("SAMPLE_CRASH").is_some() {
        std::process::exit(9);
    }
    let amount = action.payload.get("amount").and_then(|amount| amount.as_str());
    let amount = amount.ok_or_else(|| ActFailure::tried("no-amount"))?;
    tell(&format!("refunded {amount} under {}", action.attempt)).map_err(|_| ActFailure::tried("no-output"))
}

fn tell(text: &str) -> Result<()> {
    use std::io::Write as _;

    Ok(writeln!(std::io::stdout(), "{text}")?)
}
