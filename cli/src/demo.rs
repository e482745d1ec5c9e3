//! `seamark demo`: simulated agents without a model.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use seamark_agent::demo::{DemoEvent, DemoOptions};
use tokio_util::sync::CancellationToken;

use crate::duration::parse_duration;
use crate::options::Reach;
use crate::place;
use crate::report::{Ending, Printer, note};
use crate::serve::stop_on_signals;

/// Most tasks that a demo has under way at once when --count is given.
const MAX_OPEN: u64 = 500;

/// Let simulated agents hand over, wait, execute what verifies, and report
#[derive(Args, Debug)]
#[command(after_help = "\
There is no model inside: the same seed gives the same tasks in the same order. The gateway needs the sample contracts
(seamark contract publish contracts/samples --data-dir DIR) and a key that is good for all of them and plays the destinations
too (seamark agent-key create --agent demo --acts-for '*'). Without --count it
goes on until Ctrl-C; with --count it ends when every task is over, that is, decided or expired. The last line counts.

Examples:
  seamark demo --gateway http://127.0.0.1:7600 --key smk_... --seed 7 --count 20
  seamark demo --pace 1s --memory demo.json")]
pub struct Demo {
    #[command(flatten)]
    reach: Reach,
    /// The same seed gives the same tasks
    #[arg(long, default_value_t = 1, value_name = "N")]
    seed: u64,
    /// End after so many tasks
    #[arg(long, value_name = "N")]
    count: Option<u64>,
    /// Mean time between two tasks, as in 500ms, 10s
    #[arg(long, default_value = "2s", value_parser = parse_duration, value_name = "TIME")]
    pace: Duration,
    /// Tasks under way at once; 12, or as many as --count
    #[arg(long, value_name = "N")]
    max_open: Option<NonZeroUsize>,
    /// File in which to remember what was begun, so that the next start goes on with it
    #[arg(long, value_name = "FILE")]
    memory: Option<PathBuf>,
}

impl Demo {
    /// # Errors
    /// When the gateway cannot be used.
    pub async fn run(self, printer: Printer) -> anyhow::Result<Ending> {
        let stop = CancellationToken::new();
        stop_on_signals(&stop)?;
        let mut options = DemoOptions::new(self.reach.client()?, self.seed, stop, place::clock(), place::chance());
        options.count = self.count;
        options.pace = self.pace;
        options.memory = self.memory;
        let of_count =
            self.count.and_then(|count| usize::try_from(count.min(MAX_OPEN)).ok()).and_then(NonZeroUsize::new);
        options.max_open = self.max_open.or(of_count).unwrap_or(options.max_open);
        let totals = seamark_agent::demo::run(options, move |event| {
            if let DemoEvent::Trouble { case, text } = &event {
                note(&format!("{case}: {text}"));
            }
            let line =
                if printer.is_json { serde_json::to_string(&event).unwrap_or_default() } else { describe(&event) };
            // A closed standard output ends nothing: the agents go on.
            let _ = printer.line(&line);
        })
        .await
        .context("run the demo")?;
        printer.line(&serde_json::to_string(&totals)?)?;
        Ok(Ending::Done)
    }
}

fn describe(event: &DemoEvent) -> String {
    match event {
        DemoEvent::Open { case, handoff_id, contract } => format!("waits     {handoff_id}  {case} ({contract})"),
        DemoEvent::Passed { case, handoff_id, contract } => format!("passed    {handoff_id}  {case} ({contract})"),
        DemoEvent::Refused { case, handoff_id, reason, .. } => format!("refused   {handoff_id}  {case}: {reason}"),
        DemoEvent::Concluded { case, handoff_id, outcome } => {
            format!("{:<9} {handoff_id}  {case}", format!("{outcome:?}").to_lowercase())
        }
        DemoEvent::Executed { case, handoff_id } => format!("executed  {handoff_id}  {case}"),
        DemoEvent::Failed { case, handoff_id, phase, code } => {
            format!("failed    {handoff_id}  {case}: {code} ({})", format!("{phase:?}").to_lowercase())
        }
        DemoEvent::Trouble { case, text } => format!("trouble   {case}: {text}"),
    }
}
