//! `seamark evidence verify`: what an auditor runs, offline and under keys of their own.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use base64ct::{Base64, Encoding as _};
use clap::Args;
use seamark_contracts::clock::Timestamp;
use seamark_contracts::digest::Digest;
use seamark_contracts::strict_json::{self, Limits};
use seamark_ledger::bundle::{FileKind, FileSet, ReportFrame};
use seamark_ledger::timestamp;
use seamark_ledger::verify::{BundleReport, Pinned, PinnedTrust, Verdict, check_archive, check_bundle};
use serde::Serialize;

use super::page::{self, Form};
use super::source::{self, Source};
use super::{ClaimLine, claim_lines, describe_claims, verdict_word};
use crate::place;
use crate::report::{Ending, Printer};

/// Verify an evidence bundle, without any server
#[derive(Args, Debug)]
#[command(after_help = "\
Checks files, signatures, people and roles, what was shown, the count of the decisions, the ledger and the execution, and
prints each claim as PASS, FAIL or UNKNOWN. Nothing is sent or asked anywhere. Exit code 0 only when every required claim
passes; 1 otherwise. The claims witnesses, time and, where fields are hidden, disclosures need somebody outside of gateway
and desks; without one of your choice they are UNKNOWN and not required.

--trust is the keys that you pinned: the answer of GET /v1/trust, or of `seamark evidence trust`, with its rootKeyid
compared over a channel you trust. You may add `witnesses`, a list of vkeys of witnesses that you chose, and `witnessQuorum`,
how many of them have to have cosigned the ledger's head (all when absent); the claim witnesses is then required. So is the
claim time with --tsa-root, or `tsaRoots`: certificates in DER as base64. What a bundle says about whom to trust counts for nothing. Who holds the organisation's
root key can enrol keys in anybody's name, and in this version that is the gateway's operator.

BUNDLE is the file that `evidence export` wrote, or the folder that it was unpacked into. --report writes PDF or HTML, by the
ending of FILE. It never replaces a file that is no report, and is refused in a bundle's folder.

Examples:
  seamark evidence verify refund.seamark.zip --trust trust.json
  seamark evidence verify refund.seamark.zip --trust trust.json --report report.pdf --json
  seamark evidence verify ./unpacked --trust trust.json --at 2026-11-22T07:00:00.000Z")]
pub struct Verify {
    /// The bundle: an archive, or the folder that it was unpacked into
    #[arg(value_name = "BUNDLE")]
    bundle: PathBuf,
    /// File with the pinned keys
    #[arg(long, env = "SEAMARK_TRUST", value_name = "FILE")]
    trust: PathBuf,
    /// Certificate of a time-stamping authority that you trust, in PEM or DER, beside `tsaRoots` of --trust; may be given more
    /// than once
    #[arg(long = "tsa-root", value_name = "FILE")]
    tsa_roots: Vec<PathBuf>,
    /// The destination that the handoff has to be meant for; not compared when not given
    #[arg(long, value_name = "URL")]
    audience: Option<String>,
    /// Judge as of this earlier time instead of now, as in 2026-11-22T07:00:00.000Z: for bundles whose directory has run out
    #[arg(long, value_parser = parse_time, value_name = "TIME")]
    at: Option<Timestamp>,
    /// Write a report for people here, to read and print: a .pdf or a .html; an older report is replaced
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

/// Largest file of pinned keys, in bytes.
const MAX_TRUST: u64 = 64 * 1024;

fn parse_time(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse(text).map_err(|error| format!("{error}; write it as 2026-11-22T07:00:00.000Z"))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    /// `PASS`, `FAIL` or `UNKNOWN`: of the required claims.
    verdict: &'static str,
    as_of: Timestamp,
    /// Only of a handoff that was proved.
    #[serde(skip_serializing_if = "Option::is_none")]
    handoff_id: Option<String>,
    /// Only one that was proved.
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<seamark_contracts::outcome::OutcomeKind>,
    claims: Vec<ClaimLine>,
}

impl Verify {
    pub(super) fn run(self, printer: Printer) -> anyhow::Result<Ending> {
        let now = place::clock().now();
        let as_of = self.at.unwrap_or(now);
        // What has run out or ended by then is not known now.
        ensure!(
            as_of <= now,
            "judge as of {as_of}: this is later than now, {now}, and nobody knows yet what will hold then; give an earlier \
             --at, or none"
        );
        let mut report = None;
        if let Some(path) = self.report.as_deref() {
            page::check_place(path, &self.bundle, &self.trust)?;
            report = Some((path, Form::of(path)?));
        }
        let mut trust = read_trust(&self.trust)?;
        for path in &self.tsa_roots {
            trust.tsa_roots.extend(read_certificates(path)?);
        }
        let pinned =
            trust.pin(self.audience, as_of).with_context(|| format!("use the keys of {}", self.trust.display()))?;
        let (found, files) = check(source::read(&self.bundle)?, &pinned);
        if let Some((path, form)) = report {
            let manifest = files.as_ref().and_then(|files| files.get(FileKind::Manifest)).map(Digest::of);
            let frame = ReportFrame {
                as_of,
                root_keyid: trust.root_keyid.clone(),
                ledger_origin: trust.ledger_origin.clone(),
                manifest,
            };
            page::write(path, &form.write(&found, &frame)?)?;
        }
        let answer = Answer {
            verdict: verdict_word(found.verdict()),
            as_of,
            handoff_id: found.proved.handoff.as_ref().map(|handoff| handoff.predicate.handoff_id.to_string()),
            outcome: found.proved.outcome.as_ref().map(|outcome| outcome.predicate.outcome),
            claims: claim_lines(&found.report.claims),
        };
        printer.answer(&answer, || describe(&answer, &found))?;
        Ok(if found.verdict() == Verdict::Pass { Ending::Done } else { Ending::Negative })
    }
}

pub(super) fn read_trust(path: &Path) -> anyhow::Result<PinnedTrust> {
    let reading = || format!("read the pinned keys in {}", path.display());
    let Some(bytes) = source::read_file(path, MAX_TRUST).with_context(reading)? else {
        bail!("read the pinned keys in {}: the file is larger than {MAX_TRUST} bytes", path.display());
    };
    strict_json::parse_typed(&bytes, &Limits::SIGNED).with_context(|| {
        format!("understand the pinned keys in {}; the file has to be what GET /v1/trust answers, and may have witnesses, witnessQuorum and tsaRoots beside it", path.display())
    })
}

/// Certificates in PEM or DER, as standard base64.
fn read_certificates(path: &Path) -> anyhow::Result<Vec<String>> {
    let reading = || format!("read the certificate in {}", path.display());
    let Some(bytes) = source::read_file(path, MAX_TRUST).with_context(reading)? else {
        bail!("read the certificate in {}: the file is larger than {MAX_TRUST} bytes", path.display());
    };
    let found = match std::str::from_utf8(&bytes) {
        Ok(text) => timestamp::find_pem(text).unwrap_or_default(),
        Err(_) => vec![bytes],
    };
    ensure!(!found.is_empty(), "read the certificate in {}: there is none in PEM or DER", path.display());
    Ok(found.iter().map(|one| Base64::encode_string(one)).collect())
}

fn check(source: Source, pinned: &Pinned) -> (BundleReport, Option<FileSet>) {
    match source {
        Source::Archive(bytes) => (check_archive(&bytes, pinned), FileSet::from_archive(&bytes).ok()),
        Source::Folder(files) => (check_bundle(&files, pinned), Some(files)),
        Source::NoBundle(what) => (BundleReport::no_bundle(&what), None),
    }
}

fn describe(answer: &Answer, found: &BundleReport) -> String {
    let mut lines = describe_claims(&answer.claims);
    let as_of = answer.as_of;
    lines.push(match found.verdict() {
        Verdict::Pass => {
            let (id, outcome) = (answer.handoff_id.as_deref().unwrap_or_default(), outcome_word(answer));
            format!("PROVED as of {as_of}: handoff {id} is {outcome}, with everything that this needs.")
        }
        Verdict::Unknown => {
            format!("NOT PROVED as of {as_of}: a required claim is unknown. Nothing is shown to be wrong.")
        }
        Verdict::Fail => format!("CONTRADICTED as of {as_of}: a claim fails. Do not rely on this bundle."),
    });
    lines.join("\n")
}

fn outcome_word(answer: &Answer) -> String {
    let word = answer.outcome.and_then(|outcome| serde_json::to_value(outcome).ok());
    word.and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_default()
}
