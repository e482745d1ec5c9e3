//! `seamark init`: makes a gateway's folder under an organisation's root.

use anyhow::Context as _;
use clap::Args;
use serde::Serialize;

use crate::options::DataDir;
use crate::org::parse_key;
use crate::place;
use crate::report::{Ending, Printer, note};

/// Make a gateway's data folder
#[derive(Args, Debug)]
#[command(after_help = "\
The gateway gets the public half of your organisation's root and never the private one. Prints the key id of that root. Giving
the same command again changes nothing; another root for the same folder is refused.

Examples:
  seamark init --data-dir ./gateway --root-key \"$(seamark org show --key acme.root)\" --org acme
  SEAMARK_ROOT_KEY=KEY seamark init --data-dir ./gateway --json")]
pub struct Init {
    #[command(flatten)]
    data: DataDir,
    /// The root's public key, as `seamark org create` printed it
    #[arg(long, env = "SEAMARK_ROOT_KEY", value_name = "KEY")]
    root_key: String,
    /// Name of the organisation, written into the directory
    #[arg(long, env = "SEAMARK_ORG", default_value = place::DEFAULT_ORG, value_name = "NAME")]
    org: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Made {
    org: String,
    root_keyid: String,
    ledger_origin: String,
}

impl Init {
    /// # Errors
    /// When the folder cannot be used, or belongs to another root.
    pub async fn run(self, printer: Printer) -> anyhow::Result<Ending> {
        let config = place::config_under(&self.data.data_dir, &self.org, parse_key(&self.root_key)?);
        let gateway = seamark_gateway::open(config, place::clock(), place::chance())
            .await
            .with_context(|| format!("make the gateway in {}", self.data.data_dir.display()))?;
        let trust = gateway.trust();
        gateway.close().await;
        if !printer.is_json {
            note("Next: seamark serve, then seamark org sign on the computer that has the root.");
        }
        let made = Made { org: trust.org, root_keyid: trust.root_keyid, ledger_origin: trust.ledger_origin };
        printer.answer(&made, || made.root_keyid.clone())?;
        Ok(Ending::Done)
    }
}
