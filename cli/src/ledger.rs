//! `seamark ledger`: an independent look at what is stored.

use anyhow::Context as _;
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
    Status(Status),
}

/// Show what outside witnesses say about the ledger
#[derive(Args, Debug)]
#[command(after_help = "\
For each witness that ever answered: how many entries it has cosigned, and the alarms that are open. Exit code 1 when one is:
that witness cosigned a ledger which is not the one in this folder. Works beside a running gateway.

Examples:
  seamark ledger status --data-dir ./gateway --json")]
struct Status {
    #[command(flatten)]
    data: DataDir,
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
        match self.command {
            Command::Fsck(fsck) => fsck.run(printer).await,
            Command::Status(status) => status.run(printer).await,
        }
    }
}

impl Status {
    async fn run(self, printer: Printer) -> anyhow::Result<Ending> {
        let gateway = place::open_existing(&self.data.data_dir).await?;
        let state = gateway.outside_state().await;
        gateway.close().await;
        let state = state.context("read what witnesses say")?;
        printer.answer(&state, || {
            let size = state.size;
            let mut lines = vec![format!("The ledger has {size} entries.")];
            if state.witnesses.is_empty() {
                lines.push("No outside witness has cosigned it; see `seamark serve --witness`.".to_owned());
            }
            for witness in &state.witnesses {
                let name = witness.witness.split('+').next().unwrap_or_default();
                let at = witness.at.map_or_else(String::new, |at| format!(", at {at}"));
                lines.push(format!("{name}: cosigned {} entries{at}", witness.size));
                lines.extend(witness.alarms.iter().map(|alarm| {
                    let (cause, seen, seq, at) = (&alarm.cause, alarm.seen, alarm.seq, alarm.at);
                    format!("  ALARM {cause}: it says that it cosigned {seen} entries; ledger entry {seq}, {at}")
                }));
            }
            lines.join("\n")
        })?;
        Ok(if state.has_alarm() { Ending::Negative } else { Ending::Done })
    }
}

impl Fsck {
    async fn run(self, printer: Printer) -> anyhow::Result<Ending> {
        let fsck = self;
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
