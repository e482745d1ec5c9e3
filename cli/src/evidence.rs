//! `seamark evidence`: everything that proves a decision, as a file; and checking such a file without any server.

use clap::{Args, Subcommand};
use seamark_ledger::verify::{Claim, Verdict};
use serde::Serialize;

use crate::report::{Ending, Printer};

mod alarm;
mod export;
mod page;
mod readme;
mod source;
mod trust;
mod verify;

/// Export and verify evidence of decisions
#[derive(Args, Debug)]
pub struct Evidence {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    Export(export::Export),
    Verify(verify::Verify),
    Alarm(alarm::Alarm),
    Trust(trust::WriteTrust),
    Readme(readme::ShowReadme),
}

impl Evidence {
    /// # Errors
    /// When the data folder or a file cannot be used.
    pub async fn run(self, printer: Printer) -> anyhow::Result<Ending> {
        match self.command {
            Command::Export(command) => command.run(printer).await,
            Command::Verify(command) => command.run(printer),
            Command::Alarm(command) => command.run(printer),
            Command::Trust(command) => command.run(printer).await,
            Command::Readme(command) => command.run(printer),
        }
    }
}

/// One claim, for programs.
#[derive(Serialize)]
struct ClaimLine {
    id: &'static str,
    verdict: &'static str,
    sentence: String,
}

fn verdict_word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "PASS",
        Verdict::Fail => "FAIL",
        Verdict::Unknown => "UNKNOWN",
    }
}

fn claim_lines(claims: &[Claim]) -> Vec<ClaimLine> {
    let line = |claim: &Claim| ClaimLine {
        id: claim.id.as_str(),
        verdict: verdict_word(claim.verdict),
        sentence: claim.sentence.clone(),
    };
    claims.iter().map(line).collect()
}

/// Claims for people, one a line. Sentences may hold text out of the bundle; control characters are shown as codes.
fn describe_claims(claims: &[ClaimLine]) -> Vec<String> {
    let sentence = |claim: &ClaimLine| seamark_contracts::text::visible(&claim.sentence);
    claims.iter().map(|claim| format!("{:<8}{:<25} {}", claim.verdict, claim.id, sentence(claim))).collect()
}
