//! `seamark evidence alarm`: what a desk that stopped approving can prove to others.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use seamark_contracts::clock::Timestamp;
use seamark_contracts::text::visible;
use seamark_ledger::alarm::{LedgerAlarm, MAX_ALARM_BYTES};
use seamark_ledger::checkpoint::Vkey;
use serde::Serialize;

use super::source;
use super::verify::read_trust;
use crate::report::{Ending, Printer};

/// Judge the alarm of a desk that found the ledger contradicting itself
#[derive(Args, Debug)]
#[command(after_help = "\
Takes the file that a desk saved and the trust that you pinned yourself, needs no gateway, and says what the two heads in it
prove to anybody and what is this desk's word alone. Exit code 0 when it proves that the ledger's key signed two ledgers, 1
when it does not, or is under another key.

Examples:
  seamark evidence alarm seamark-ledger.seamark-alarm.json --trust trust.json
  seamark evidence alarm seamark-ledger.seamark-alarm.json --trust trust.json --json")]
pub struct Alarm {
    /// The file that the desk saved
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// What you pinned, as `seamark evidence trust` prints it
    #[arg(long, value_name = "FILE", env = "SEAMARK_TRUST")]
    trust: PathBuf,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    is_proven: bool,
    found_at: Timestamp,
    finding: String,
    judgement: String,
}

impl Alarm {
    pub(super) fn run(&self, printer: Printer) -> anyhow::Result<Ending> {
        let trust = read_trust(&self.trust)?;
        let vkey = Vkey::parse(&trust.ledger_vkey)
            .with_context(|| format!("use the ledger's key in {}", self.trust.display()))?;
        let reading = || format!("read the alarm {}", self.file.display());
        let limit = u64::try_from(MAX_ALARM_BYTES).unwrap_or(u64::MAX);
        let bytes = source::read_file(&self.file, limit).with_context(reading)?;
        let bytes = bytes.context("it is larger than any alarm").with_context(reading)?;
        let alarm = LedgerAlarm::parse(&bytes).with_context(reading)?;
        let (is_proven, judgement) = match alarm.judge(&vkey) {
            Ok(judgement) => (judgement.is_proven(), judgement.sentence()),
            Err(error) => (false, format!("Nothing is proved: {error}.")),
        };
        let answer = Answer { is_proven, found_at: alarm.found_at, finding: visible(&alarm.finding), judgement };
        printer.answer(&answer, || {
            format!("The desk says that it found at {}: {}\n{}", answer.found_at, answer.finding, answer.judgement)
        })?;
        Ok(if is_proven { Ending::Done } else { Ending::Negative })
    }
}
