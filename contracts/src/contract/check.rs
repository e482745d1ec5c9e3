//! `seamark contract check` and `seamark contract test`, as pure functions over files that somebody else has read.

use std::collections::BTreeMap;

use serde::Serialize;

use super::compiled::CompiledContract;
use super::lint;
use super::parse::{Finding, Lines, Severity, parse};
use crate::admission::{self, AdmissionContext, EarlierHandoff};
use crate::clock::{SeededChance, make_nonce};
use crate::digest::Digest;
use crate::handoff::{ChainStatus, Submission};
use crate::problem::Violation;

/// One file below the folder that is checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// Relative to the folder, with `/` between its parts.
    pub path: String,
    pub bytes: Vec<u8>,
}

/// What one contract file holds.
#[derive(Debug)]
pub struct CheckedContract {
    pub file: String,
    /// In the document's order.
    pub findings: Vec<Finding>,
    /// Present when there is no error among the findings.
    pub compiled: Option<CompiledContract>,
}

/// What one example handoff showed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ExampleResult {
    pub contract: String,
    pub file: String,
    /// What the contract expects: `accepted`, or `refused at POINTER`.
    pub expected: String,
    pub passed: bool,
    /// What happened, in words.
    pub detail: String,
    /// Why it was refused; empty when it was admitted.
    pub violations: Vec<Violation>,
    /// Whether a person would be asked, and at which tier; absent when it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gate: Option<crate::handoff::GateResult>,
}

/// Whether a file with this path is a contract: its name is `contract` with the ending of YAML or JSON.
#[must_use]
pub fn is_contract_file(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    matches!(name, "contract.yaml" | "contract.yml" | "contract.json")
}

/// Checks every contract among `files`: reads it, lints it, and looks whether its example files are there.
///
/// An empty answer means that no file is a contract; whoever asked should say so.
#[must_use]
pub fn check_files(files: &[SourceFile]) -> Vec<CheckedContract> {
    let mut checked = Vec::new();
    let mut seen: BTreeMap<String, String> = BTreeMap::new();
    for file in files.iter().filter(|file| is_contract_file(&file.path)) {
        checked.push(check_file(file, files, &mut seen));
    }
    checked
}

fn check_file(file: &SourceFile, files: &[SourceFile], seen: &mut BTreeMap<String, String>) -> CheckedContract {
    let parsed = match parse(&file.bytes) {
        Ok(parsed) => parsed,
        Err(finding) => {
            let findings = vec![finding.located(&file.path, &Lines::default())];
            return CheckedContract { file: file.path.clone(), findings, compiled: None };
        }
    };
    let mut findings = lint::findings(&parsed.contract);
    findings.extend(example_files(&parsed.contract, &file.path, files));
    let label = format!("{}@{}", parsed.contract.name, parsed.contract.version);
    if let Some(other) = seen.insert(label.clone(), file.path.clone()) {
        let cause = format!("{other} has {label} too");
        findings.push(Finding::error("duplicate", "/version", cause, "Give the newer one a higher version"));
    }
    let is_clean = findings.iter().all(|finding| finding.severity == Severity::Warning);
    let mut compiled = None;
    if is_clean {
        match CompiledContract::compile(parsed.contract) {
            Ok(contract) => compiled = Some(contract),
            Err(more) => findings.extend(more),
        }
    }
    let findings = findings.into_iter().map(|finding| finding.located(&file.path, &parsed.lines)).collect();
    CheckedContract { file: file.path.clone(), findings, compiled }
}

/// Example files that are named and not there.
fn example_files(contract: &super::Contract, contract_file: &str, files: &[SourceFile]) -> Vec<Finding> {
    let accepted = contract.examples.accepted.iter().enumerate();
    let accepted = accepted.map(|(index, file)| (format!("/examples/accepted/{index}"), file));
    let refused = contract.examples.refused.iter().enumerate();
    let refused = refused.map(|(index, example)| (format!("/examples/refused/{index}/file"), &example.file));
    let missing = accepted.chain(refused).filter(|(_, file)| find(contract_file, file, files).is_none());
    missing
        .map(|(at, file)| {
            let mend = format!("Write it to {}, or leave it out", beside(contract_file, file));
            Finding::error("examples", at, format!("example {file} is not there"), mend)
        })
        .collect()
}

/// The path of `name`, which a contract file names, in the folder that is checked.
fn beside(contract_file: &str, name: &str) -> String {
    match contract_file.rsplit_once('/') {
        Some((folder, _)) => format!("{folder}/{name}"),
        None => name.to_owned(),
    }
}

fn find<'f>(contract_file: &str, name: &str, files: &'f [SourceFile]) -> Option<&'f SourceFile> {
    let path = beside(contract_file, name);
    files.iter().find(|file| file.path == path)
}

/// Runs the examples of every contract among `checked` that compiled.
#[must_use]
pub fn test_files(checked: &[CheckedContract], files: &[SourceFile]) -> Vec<ExampleResult> {
    let mut results = Vec::new();
    for contract in checked {
        let Some(compiled) = &contract.compiled else { continue };
        let examples = &compiled.contract.examples;
        let accepted = examples.accepted.iter().map(|file| (file, None));
        let refused = examples.refused.iter().map(|example| (&example.file, Some(example.at.as_str())));
        for (name, refused_at) in accepted.chain(refused) {
            if let Some(file) = find(&contract.file, name, files) {
                results.push(test_example(compiled, file, refused_at));
            }
        }
    }
    results
}

/// Runs one example: it has to be admitted, or, with `refused_at`, refused with a violation at that pointer.
#[must_use]
pub fn test_example(compiled: &CompiledContract, file: &SourceFile, refused_at: Option<&str>) -> ExampleResult {
    let outcome = admission::parse_submission(&file.bytes)
        .and_then(|(submission, decimals)| admit(&submission, &decimals, compiled));
    let (violations, gate) = match outcome {
        Ok(gate) => (Vec::new(), Some(gate)),
        Err(violations) => (violations, None),
    };
    let (expected, passed) = match refused_at {
        None => ("accepted".to_owned(), gate.is_some()),
        Some(at) => (format!("refused at {at}"), violations.iter().any(|violation| violation.pointer == at)),
    };
    let detail = match (&gate, violations.first()) {
        (Some(gate), _) if gate.required => {
            format!("admitted; a person decides at tier {:?}: {}", gate.tier, gate.reasons.join(", "))
        }
        (Some(_), _) => "admitted; passes without a person".to_owned(),
        (None, Some(first)) => {
            let more = violations.len().saturating_sub(1);
            let more = if more == 0 { String::new() } else { format!(", and {more} more") };
            format!("refused at {:?}: {}{more}", first.pointer, first.message)
        }
        (None, None) => "refused".to_owned(),
    };
    let contract = compiled.label();
    ExampleResult { contract, file: file.path.clone(), expected, passed, detail, violations, gate }
}

/// Admits an example as the gateway would, with fixed randomness, at the time that it names itself.
fn admit(
    submission: &Submission,
    decimals: &[String],
    compiled: &CompiledContract,
) -> Result<crate::handoff::GateResult, Vec<Violation>> {
    let chance = SeededChance::new(0);
    let context = AdmissionContext {
        submitter: submission.source.agent.clone(),
        now: submission.submitted_at,
        chance: &chance,
        revision: 1,
        attempt: make_nonce(&chance),
        supersedes: None,
        parent: submission.parent.as_ref().map(|parent| EarlierHandoff {
            handoff_id: parent.handoff_id,
            digest: Digest::of(b"example"),
            contract: submission.contract.clone(),
            source: submission.source.agent.clone(),
            destination: submission.destination.agent.clone(),
            at: submission.submitted_at,
            status: ChainStatus::Approved,
            intent_nonce: make_nonce(&chance),
            intent_text: submission.intent.text.clone(),
            constraints: submission.constraints.clone(),
        }),
        chain: Vec::new(),
        known: Vec::new(),
    };
    admission::judge(submission, decimals, compiled, &context).map(|admitted| admitted.predicate.gate)
}

#[cfg(test)]
mod tests;
