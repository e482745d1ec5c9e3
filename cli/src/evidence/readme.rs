//! `seamark evidence readme`: the text of every bundle, from the program instead of from a bundle.

use clap::Args;
use seamark_contracts::digest::Digest;
use seamark_ledger::bundle::README;
use serde::Serialize;

use crate::report::{Ending, Printer};

/// Print how a bundle is checked by hand
#[derive(Args, Debug)]
#[command(after_help = "\
Prints the README.txt of bundles as this program knows it. Take the script in it from here, not out of a bundle: whoever
packed a bundle could have packed another script.

Examples:
  seamark evidence readme
  seamark evidence readme | sed -n 's/^    //p' > check.sh")]
pub struct ShowReadme {}

#[derive(Serialize)]
struct Answer {
    sha256: String,
    text: &'static str,
}

impl ShowReadme {
    pub(super) fn run(self, printer: Printer) -> anyhow::Result<Ending> {
        let answer = Answer { sha256: Digest::of(README.as_bytes()).to_hex(), text: README };
        printer.answer(&answer, || README.to_owned())?;
        Ok(Ending::Done)
    }
}
