//! `seamark org follow`: a verifier pins the root that took the place of the one it pinned.

use std::path::PathBuf;

use anyhow::{Context as _, bail, ensure};
use clap::Args;
use seamark_contracts::api::ledger::Trust;
use seamark_contracts::strict_json::{self, Limits};
use seamark_ledger::directory;
use seamark_ledger::fingerprint;
use seamark_ledger::key::PublicKey;

use super::exchange;
use super::passphrase;
use super::root_file::parse_key;
use crate::place;
use crate::report::{Ending, Printer, note};

/// Handovers in a row that are followed at once.
const MAX_STEPS: usize = 16;

/// Pin the root that took the place of the one that you pinned
#[derive(Args, Debug)]
#[command(after_help = "\
Checks that the root of your trust file named the new one itself, and prints a trust file with the new one once its
fingerprint was confirmed: compare it with whoever holds the root, by another channel. Nothing is followed without that.

Examples:
  seamark org follow --trust trust.json --gateway https://seamark.acme.example > trust-2027.json
  seamark org follow --trust trust.json --gateway https://seamark.acme.example --confirm \"0d1e 2f3a 4b5c 6d7e 8f90 a1b2 c3d4 e5f6\"")]
pub struct Follow {
    /// The trust file that you have
    #[arg(long, env = "SEAMARK_TRUST", value_name = "FILE")]
    trust: PathBuf,
    /// The gateway's address; no credentials are needed
    #[arg(long, env = "SEAMARK_GATEWAY", value_name = "URL")]
    gateway: String,
    /// The new root's fingerprint, as whoever holds it told you
    #[arg(long, value_name = "FINGERPRINT")]
    confirm: Option<String>,
}

impl Follow {
    pub(super) async fn run(self, printer: Printer) -> anyhow::Result<Ending> {
        let bytes = exchange::read(&self.trust)?;
        let pinned: Trust = strict_json::parse_typed(&bytes, &Limits::SIGNED).context("read the trust file")?;
        let client = exchange::client(&self.gateway)?;
        let offered = client.trust().await.context("get the gateway's trust")?;
        ensure!(
            (&offered.org, &offered.ledger_origin, &offered.ledger_vkey)
                == (&pinned.org, &pinned.ledger_origin, &pinned.ledger_vkey),
            "follow: this is another gateway than the one of the trust file, or its ledger has another key"
        );
        let (from, to) = (parse_key(&pinned.root_key)?, parse_key(&offered.root_key)?);
        ensure!(
            to.id().to_string() == offered.root_keyid,
            "follow: the gateway's root key has another id than it says"
        );
        ensure!(from != to, "follow: the gateway's root is the one that is pinned; there is nothing to follow");
        check_handovers(&client, from, &to).await?;
        confirm(&to, self.confirm.as_deref())?;
        let pretty = serde_json::to_string_pretty(&offered).context("write the trust as JSON")?;
        printer.answer(&offered, || pretty)?;
        Ok(Ending::Done)
    }
}

/// Each root from the pinned one on named the next.
async fn check_handovers(
    client: &seamark_agent::client::Client,
    pinned: PublicKey,
    to: &PublicKey,
) -> anyhow::Result<()> {
    let mut at = pinned;
    for _ in 0..MAX_STEPS {
        let envelope = client.handover(&at.id().to_string()).await.context("get the handover of the pinned root")?;
        let handover = directory::verify(&envelope, &at, place::clock().now())
            .context("verify the handover: the root that you pinned did not sign it, so do not follow")?;
        let next = handover.predicate.next_root.as_ref().context("follow: the handover names no root")?;
        at = next.parse().context("read the next root")?;
        if at == *to {
            return Ok(());
        }
    }
    bail!("follow: the handovers do not lead to the gateway's root");
}

fn confirm(root: &PublicKey, given: Option<&str>) -> anyhow::Result<()> {
    let print = fingerprint::of_key(&root.id());
    let typed = match given {
        Some(given) => given.to_owned(),
        None => {
            note(
                "The pinned root named a new one. Ask whoever holds it for its fingerprint, by another channel than this.",
            );
            ensure!(passphrase::has_person(), "confirm the new root: give its fingerprint with --confirm");
            passphrase::ask("Fingerprint as they told you:")?
        }
    };
    ensure!(
        fingerprint::is_typed(&print, &typed),
        "confirm the new root: this is not its fingerprint. Nothing was pinned. If you were told right, somebody else handed over"
    );
    Ok(())
}
