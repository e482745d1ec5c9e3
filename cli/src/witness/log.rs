//! `seamark witness log`: which ledgers a witness cosigns.

use anyhow::Context as _;
use clap::{Args, Subcommand};
use seamark_ledger::checkpoint::Vkey;
use serde::Serialize;

use super::WitnessData;
use super::store::Store;
use crate::report::{Ending, Printer, lines};

/// Say which ledgers are cosigned
#[derive(Args, Debug)]
pub(super) struct Log {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    Add(Add),
    List(List),
}

/// Cosign one more ledger
#[derive(Args, Debug)]
#[command(after_help = "\
VKEY is `ledgerVkey` of the trust that a gateway answers at /v1/trust. Get it over a channel that you trust. It works beside
a running witness. A ledger has one key for ever: another one under the same name is refused.

Examples:
  seamark witness log add --data ./witness 'ledger.shop.example+5ba1a4d3+AU1V...'")]
struct Add {
    #[command(flatten)]
    data: WitnessData,
    /// The ledger's key
    #[arg(value_name = "VKEY")]
    vkey: String,
}

/// List the ledgers and the last head of each that was cosigned
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  seamark witness log list --data ./witness --json")]
struct List {
    #[command(flatten)]
    data: WitnessData,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Added {
    vkey: String,
    is_new: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Known {
    vkey: String,
    /// 0 while nothing was cosigned.
    size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    root: Option<String>,
}

impl Log {
    pub(super) fn run(self, printer: Printer) -> anyhow::Result<Ending> {
        match self.command {
            Command::Add(add) => add.run(printer),
            Command::List(list) => list.run(printer),
        }
    }
}

impl Add {
    fn run(self, printer: Printer) -> anyhow::Result<Ending> {
        let store = Store::new(&self.data.data);
        store.itself()?;
        let log = Vkey::parse(&self.vkey).context("read the ledger's key")?;
        let is_new = store.add_log(&log)?;
        printer.answer(&Added { vkey: log.to_string(), is_new }, || {
            let word = if is_new { "is cosigned from now on" } else { "was cosigned already" };
            format!("{} {word}.", log.name())
        })?;
        Ok(Ending::Done)
    }
}

impl List {
    fn run(self, printer: Printer) -> anyhow::Result<Ending> {
        let store = Store::new(&self.data.data);
        let mut known = Vec::new();
        for log in store.logs()? {
            let last = store.last(log.name())?;
            let (size, root) = (last.as_ref().map_or(0, |head| head.size), last.map(|head| head.root.to_string()));
            known.push(Known { vkey: log.to_string(), size, root });
        }
        printer.answer(&known, || {
            let line = |known: &Known| format!("{}  cosigned up to size {}", known.vkey, known.size);
            lines(known.iter().map(line), "No ledger is known; add one with `seamark witness log add`.")
        })?;
        Ok(Ending::Done)
    }
}
