//! `seamark evidence export`: one attempt of a handoff as a file that proves it.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use seamark_contracts::digest::Digest;
use seamark_contracts::id::{AgentUrn, HandoffId};
use seamark_gateway::WhichAttempt;
use seamark_ledger::bundle::Bundle;
use seamark_ledger::verify::{Pinned, Verdict, check_bundle};
use serde::Serialize;

use super::{ClaimLine, claim_lines, describe_claims, verdict_word};
use crate::options::DataDir;
use crate::place;
use crate::report::{Ending, Printer};

/// Write the evidence of a handoff's decision into one file
#[derive(Args, Debug)]
#[command(after_help = "\
Takes everything recorded about the newest attempt of the handoff out of the gateway's folder: the signed handoff with its
masks, contract, views, decisions, outcome, executions, ledger entries with proofs, directory. Hidden values are not part of
it. Works beside a running gateway and, but for --timestamps, changes nothing. The file is then verified under the gateway's own keys; exit code 1
when a claim fails, and the file is kept, since that too is evidence. An existing file is not overwritten.

An escalation or a new revision begins a new attempt; each has a bundle of its own, with --attempt 1 for the first.

Examples:
  seamark evidence export 0199a1c2-5b7e-7c3d-9a10-2f4b6c8d0e12 --data-dir ./gateway --out refund.seamark.zip
  seamark evidence export $ID --data-dir ./gateway --attempt 1 --out first.seamark.zip --json")]
pub struct Export {
    /// The handoff's id
    #[arg(value_name = "HANDOFF_ID", value_parser = parse_id)]
    id: HandoffId,
    #[command(flatten)]
    data: DataDir,
    /// The file to write, by custom ending in .seamark.zip
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Which attempt, counted from 1; the newest when not given
    #[arg(long, value_name = "NUMBER")]
    attempt: Option<u32>,
    /// Have the ledger's head stamped now by this time-stamping authority (RFC 3161), so that the evidence has a time
    #[arg(long, value_name = "URL")]
    timestamps: Option<String>,
    /// The agent that submitted it, where several agents used the same id
    #[arg(long, value_parser = parse_agent, value_name = "NAME")]
    submitter: Option<AgentUrn>,
}

fn parse_id(text: &str) -> Result<HandoffId, String> {
    HandoffId::parse(text).map_err(|error| error.to_string())
}

fn parse_agent(text: &str) -> Result<AgentUrn, String> {
    AgentUrn::from_name(text).map_err(|error| error.to_string())
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    handoff_id: HandoffId,
    attempt: u32,
    n_attempts: u32,
    file: PathBuf,
    size: usize,
    sha256: String,
    /// Under the gateway's own keys.
    verdict: &'static str,
    claims: Vec<ClaimLine>,
}

impl Export {
    pub(super) async fn run(self, printer: Printer) -> anyhow::Result<Ending> {
        let gateway = place::open_existing(&self.data.data_dir).await?;
        if let Some(url) = &self.timestamps {
            let stamped = gateway.stamp(url).await;
            if let Err(error) = stamped {
                gateway.close().await;
                return Err(error).context("have the ledger's head stamped");
            }
        }
        let which = WhichAttempt { handoff_id: self.id, submitter: self.submitter, attempt: self.attempt };
        let found = gateway.record(&which).await;
        let trust = gateway.trust();
        gateway.close().await;
        let found = found.context("export the evidence")?;
        let now = place::clock().now();
        let files = Bundle::pack(&found.record, now).context("pack the evidence")?;
        let archive = files.to_archive();
        write_new(&self.out, &archive)?;
        let pinned = Pinned::from_trust(&trust, None, now).context("use the gateway's own keys")?;
        let checked = check_bundle(&files, &pinned);
        let answer = Answer {
            handoff_id: self.id,
            attempt: found.attempt,
            n_attempts: found.n_attempts,
            file: self.out,
            size: archive.len(),
            sha256: Digest::of(&archive).to_hex(),
            verdict: verdict_word(checked.verdict()),
            claims: claim_lines(&checked.report.claims),
        };
        printer.answer(&answer, || describe(&answer))?;
        Ok(if checked.verdict() == Verdict::Fail { Ending::Negative } else { Ending::Done })
    }
}

fn write_new(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let writing = || format!("write {}; an existing file is not overwritten, so choose another --out", path.display());
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).open(path).with_context(writing)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).with_context(|| format!("write {}", path.display()))
}

fn describe(answer: &Answer) -> String {
    let mut lines = describe_claims(&answer.claims);
    lines.push(format!(
        "Attempt {} of {} is in {}: {} bytes, SHA-256 {}. Under this gateway's own keys it is {}.",
        answer.attempt,
        answer.n_attempts,
        answer.file.display(),
        answer.size,
        answer.sha256,
        answer.verdict
    ));
    lines.join("\n")
}
