//! `seamark evidence trust`: what a verifier pins.

use anyhow::Context as _;
use clap::Args;

use crate::options::DataDir;
use crate::place;
use crate::report::{Ending, Printer, note};

/// Print the keys under which this gateway's evidence is verified
#[derive(Args, Debug)]
#[command(after_help = "\
Prints what GET /v1/trust answers, out of the data folder: the file for --trust of `evidence verify`. Hand it over by a
channel that both sides trust, and let them compare rootKeyid by another one. Works beside a running gateway.

Examples:
  seamark evidence trust --data-dir ./gateway > trust.json
  seamark evidence verify refund.seamark.zip --trust trust.json")]
pub struct WriteTrust {
    #[command(flatten)]
    data: DataDir,
}

impl WriteTrust {
    pub(super) async fn run(self, printer: Printer) -> anyhow::Result<Ending> {
        let gateway = place::open_existing(&self.data.data_dir).await?;
        let trust = gateway.trust();
        gateway.close().await;
        let pretty = serde_json::to_string_pretty(&trust).context("write the trust as JSON")?;
        printer.answer(&trust, || pretty)?;
        if !printer.is_json {
            note(&format!("Compare this root key by another channel: {}", trust.root_keyid));
        }
        Ok(Ending::Done)
    }
}
