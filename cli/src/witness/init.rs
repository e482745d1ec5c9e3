//! `seamark witness init`: makes a witness with a key of its own.

use clap::Args;
use serde::Serialize;

use super::WitnessData;
use super::store::Store;
use crate::place;
use crate::report::{Ending, Printer, note};

/// Make a witness with a key of its own
#[derive(Args, Debug)]
#[command(after_help = "\
Prints the witness's vkey: what a gateway configures and a verifier pins. The key never leaves the folder; do not keep the
folder on the gateway's machine, or under the gateway's operator.

Examples:
  seamark witness init --data ./witness --name witness.example/w1")]
pub(super) struct Init {
    #[command(flatten)]
    data: WitnessData,
    /// Name of the witness, by custom an address without scheme; no spaces and no plus sign
    #[arg(long, value_name = "NAME")]
    name: String,
}

#[derive(Serialize)]
struct Answer {
    vkey: String,
}

impl Init {
    pub(super) fn run(self, printer: Printer) -> anyhow::Result<Ending> {
        let vkey = Store::new(&self.data.data).init(&self.name, place::chance().as_ref())?.to_string();
        let line = vkey.clone();
        printer.answer(&Answer { vkey }, || line)?;
        if !printer.is_json {
            note("Next: seamark witness log add, for each ledger that is to be cosigned.");
        }
        Ok(Ending::Done)
    }
}
