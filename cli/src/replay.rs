//! `seamark replay`: recorded agent runs as gated handoffs.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use seamark_agent::replay::{ReplayEvent, replay};
use seamark_contracts::api::agent::HandoffStatus;

use crate::handoff::word;
use crate::options::Reach;
use crate::report::{Ending, Printer, note};

/// Submit every consequential call of recorded agent runs
#[derive(Args, Debug)]
#[command(after_help = "\
FILE holds one recorded run a line, as docs/CONTRACTS.md describes. Each call that books, changes, cancels, compensates
or hands over to a person becomes a handoff under booking.change, compensation.grant or human.transfer. Replaying a file
again changes nothing. The last line counts: submitted = admitted + refused; passed needed no person.
Exit code 1 when anything was refused or a line could not be read; the reasons are on standard error.

Examples:
  seamark replay airline-runs.jsonl --gateway http://127.0.0.1:7600 --key smk_... --json")]
pub struct Replay {
    /// File with recorded runs, one JSON object a line
    file: PathBuf,
    #[command(flatten)]
    reach: Reach,
}

impl Replay {
    /// # Errors
    /// When file or gateway cannot be used.
    pub async fn run(self, printer: Printer) -> anyhow::Result<Ending> {
        let text = std::fs::read_to_string(&self.file).with_context(|| format!("read {}", self.file.display()))?;
        let client = self.reach.client()?;
        let n_unreadable = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(0));
        let counter = n_unreadable.clone();
        let totals = replay(&client, &text, move |event| match event {
            ReplayEvent::Admitted { run, tool, handoff_id, status, .. } => {
                let how = if status == HandoffStatus::Passed { "passed" } else { word(status) };
                // A closed standard output ends nothing: the handoffs count, not the lines.
                let _ = printer.progress(&format!("{how:<9} {handoff_id}  {run}  {tool}"));
            }
            ReplayEvent::Refused { run, call_id, tool, reason } => {
                note(&format!("refused: {run} {call_id} {tool}: {reason}"))
            }
            ReplayEvent::Unreadable { line, reason } => {
                counter.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                note(&format!("line {line} is no recorded run: {reason}"));
            }
        })
        .await
        .with_context(|| format!("replay {}", self.file.display()))?;
        printer.line(&serde_json::to_string(&totals)?)?;
        let is_clean = totals.refused == 0 && n_unreadable.load(std::sync::atomic::Ordering::Relaxed) == 0;
        Ok(if is_clean { Ending::Done } else { Ending::Negative })
    }
}
