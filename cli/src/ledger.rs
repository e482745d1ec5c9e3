//! `seamark ledger`: an independent look at what is stored.

use clap::{Args, Subcommand};

use crate::options::DataDir;
use crate::place;
use crate::report::{Ending, Printer};

/// Check the gateway's ledger and database
#[derive(Args, Debug)]
pub struct Ledger {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    Fsck(Fsck),
}

/// Re-check everything that is stored against the ledger
#[derive(Args, Debug)]
#[command(after_help = "\
Recomputes every leaf, root, signature and link from the stored bytes and compares them with the rows. Changes nothing,
works while the gateway runs. Exit code 1 when anything is found, a file that cannot be read as a gateway's database and
keys that are missing included.

Examples:
  seamark ledger fsck --data-dir ./gateway --json")]
struct Fsck {
    #[command(flatten)]
    data: DataDir,
}

impl Ledger {
    /// # Errors
    /// When the data folder cannot be used.
    pub async fn run(self, printer: Printer) -> anyhow::Result<Ending> {
        let Command::Fsck(fsck) = self.command;
        place::check_existing(&fsck.data.data_dir)?;
        let report = seamark_gateway::fsck::check_folder(&fsck.data.data_dir).await;
        printer.answer(&report, || {
            let mut lines: Vec<String> = report
                .findings
                .iter()
                .map(|found| format!("{} {}: {}", found.table, found.row, found.message))
                .collect();
            lines.push(format!(
                "{} entries, {} handoffs, {} decisions, {} outcomes, {} executions: {}",
                report.n_entries,
                report.n_handoffs,
                report.n_decisions,
                report.n_outcomes,
                report.n_executions,
                if report.is_sound() {
                    "all is as the ledger says".to_owned()
                } else {
                    format!("{} findings", report.findings.len())
                }
            ));
            lines.join("\n")
        })?;
        Ok(if report.is_sound() { Ending::Done } else { Ending::Negative })
    }
}
