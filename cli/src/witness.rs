//! `seamark witness`: somebody outside who watches that ledgers only grow, and signs what was seen of them.
//!
//! A witness has nothing of a gateway's: its own key, its own folder, and of each ledger the vkey and the last head that it
//! cosigned. Source: FORMATS.md §9.4, c2sp.org/tlog-witness.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::report::{Ending, Printer};

mod init;
mod log;
mod run;
mod store;

/// Run an outside witness of ledgers
#[derive(Args, Debug)]
pub struct Witness {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    Init(init::Init),
    Log(log::Log),
    Run(run::Run),
}

/// Where a witness keeps its key and what it has seen.
#[derive(Args, Clone, Debug)]
struct WitnessData {
    /// The witness's folder: its key, the ledgers that it knows, the last head of each
    #[arg(long, env = "SEAMARK_WITNESS_DATA", value_name = "DIR")]
    data: PathBuf,
}

impl Witness {
    /// # Errors
    /// When the folder or the address cannot be used.
    pub async fn run(self, printer: Printer) -> anyhow::Result<Ending> {
        match self.command {
            Command::Init(command) => command.run(printer),
            Command::Log(command) => command.run(printer),
            Command::Run(command) => command.run(printer).await,
        }
    }

    /// Whether it goes on until it is stopped.
    pub fn is_server(&self) -> bool {
        matches!(self.command, Command::Run(_))
    }
}
