//! `seamark contract`: check, test and publish contracts.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use clap::{Args, Subcommand};
use seamark_contracts::contract::check::{
    CheckedContract, ExampleResult, SourceFile, check_files, is_contract_file, test_files,
};
use seamark_contracts::contract::parse::{Finding, Severity};
use seamark_contracts::digest::Digest;
use seamark_gateway::OperateError;
use serde::Serialize;

use crate::options::DataDir;
use crate::place;
use crate::report::{Ending, Printer, note};

/// Largest file that is read.
const MAX_FILE_BYTES: u64 = 8 * 1024 * 1024;
/// Most files that are read below a folder.
const MAX_FILES: usize = 10_000;

/// Check, test and publish contracts
#[derive(Args, Debug)]
pub struct Contract {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    Check(Check),
    Test(Test),
    Publish(Publish),
}

/// Check every contract below a folder
#[derive(Args, Debug)]
#[command(after_help = "\
Reads every contract.yaml, contract.yml and contract.json below DIR. Each finding names file, line, path and cause, and
says what to write instead. Exit code 1 when there is an error; warnings alone do not count.

Examples:
  seamark contract check contracts/samples
  seamark contract check contracts/samples/refund.issue --json")]
struct Check {
    /// Folder with contracts, or one contract file
    dir: PathBuf,
}

/// Run the example handoffs of every contract below a folder
#[derive(Args, Debug)]
#[command(after_help = "\
Checks the contracts first. Then each example under `examples.accepted` has to be admitted, and each under
`examples.refused` refused at the place it names. No gateway is needed. Exit code 1 when one comes out otherwise.

Examples:
  seamark contract test contracts/samples
  seamark contract test contracts/samples/refund.issue --json")]
struct Test {
    /// Folder with contracts, or one contract file
    dir: PathBuf,
}

/// Publish every contract below a folder at a gateway
#[derive(Args, Debug)]
#[command(after_help = "\
Checks the contracts first and publishes none when one has an error. A published version never changes: publishing it
again as it is changes nothing, publishing other content under it is refused. Works while the gateway runs.

Examples:
  seamark contract publish contracts/samples --data-dir ./gateway")]
struct Publish {
    /// Folder with contracts, or one contract file
    dir: PathBuf,
    #[command(flatten)]
    data: DataDir,
}

#[derive(Serialize)]
struct CheckAnswer<'a> {
    ok: bool,
    contracts: Vec<ContractLine>,
    findings: Vec<&'a Finding>,
}

#[derive(Serialize)]
struct ContractLine {
    file: String,
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    contract: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<Digest>,
}

#[derive(Serialize)]
struct TestAnswer<'a> {
    ok: bool,
    passed: usize,
    failed: usize,
    results: &'a [ExampleResult],
    findings: Vec<&'a Finding>,
}

#[derive(Serialize)]
struct PublishAnswer {
    published: Vec<PublishedLine>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PublishedLine {
    name: String,
    version: String,
    digest: Digest,
    is_new: bool,
}

impl Contract {
    /// # Errors
    /// When files or data folder cannot be used.
    pub async fn run(self, printer: Printer) -> anyhow::Result<Ending> {
        match self.command {
            Command::Check(command) => command.run(printer),
            Command::Test(command) => command.run(printer),
            Command::Publish(command) => command.run(printer).await,
        }
    }
}

impl Check {
    fn run(self, printer: Printer) -> anyhow::Result<Ending> {
        let checked = check_files(&read(&self.dir)?);
        print_check(printer, &checked)?;
        Ok(if is_sound(&checked) { Ending::Done } else { Ending::Negative })
    }
}

impl Test {
    fn run(self, printer: Printer) -> anyhow::Result<Ending> {
        let files = read(&self.dir)?;
        let checked = check_files(&files);
        let results = test_files(&checked, &files);
        let failed = results.iter().filter(|result| !result.passed).count();
        let ok = failed == 0 && is_sound(&checked);
        let findings = findings_of(&checked);
        let answer =
            TestAnswer { ok, passed: results.len().saturating_sub(failed), failed, results: &results, findings };
        printer.answer(&answer, || {
            let mut lines: Vec<String> = answer.findings.iter().map(|finding| finding_line(finding)).collect();
            for result in &results {
                let how = if result.passed { "ok    " } else { "FAILED" };
                lines.push(format!("{how} {}: expected {}, {}", result.file, result.expected, result.detail));
            }
            lines.push(format!("{} passed, {failed} failed", answer.passed));
            lines.join("\n")
        })?;
        Ok(if ok { Ending::Done } else { Ending::Negative })
    }
}

impl Publish {
    async fn run(self, printer: Printer) -> anyhow::Result<Ending> {
        let files = read(&self.dir)?;
        let checked = check_files(&files);
        if !is_sound(&checked) {
            note("Nothing was published, because of these errors:");
            print_check(printer, &checked)?;
            return Ok(Ending::Negative);
        }
        let gateway = place::open(&self.data.data_dir).await?;
        let mut answer = PublishAnswer { published: Vec::new() };
        for contract in &checked {
            let file = files
                .iter()
                .find(|file| file.path == contract.file)
                .with_context(|| format!("find {} again", contract.file))?;
            let source =
                std::str::from_utf8(&file.bytes).with_context(|| format!("read {} as UTF-8", contract.file))?;
            match gateway.publish_contract(source).await {
                Ok(published) => answer.published.push(PublishedLine {
                    name: published.id.name,
                    version: published.id.version,
                    digest: published.digest,
                    is_new: published.is_new,
                }),
                Err(error @ OperateError::VersionTaken(_)) => {
                    note(&format!("{}: {error}", contract.file));
                    gateway.close().await;
                    return Ok(Ending::Negative);
                }
                Err(error) => return Err(error).with_context(|| format!("publish {}", contract.file)),
            }
        }
        gateway.close().await;
        printer.answer(&answer, || {
            let line = |published: &PublishedLine| {
                let how = if published.is_new { "published" } else { "unchanged" };
                format!("{how} {}@{} sha256:{}", published.name, published.version, published.digest)
            };
            answer.published.iter().map(line).collect::<Vec<_>>().join("\n")
        })?;
        Ok(Ending::Done)
    }
}

fn is_sound(checked: &[CheckedContract]) -> bool {
    checked.iter().all(|contract| contract.compiled.is_some())
}

fn findings_of(checked: &[CheckedContract]) -> Vec<&Finding> {
    checked.iter().flat_map(|contract| &contract.findings).collect()
}

fn print_check(printer: Printer, checked: &[CheckedContract]) -> anyhow::Result<()> {
    let line = |contract: &CheckedContract| ContractLine {
        file: contract.file.clone(),
        ok: contract.compiled.is_some(),
        contract: contract.compiled.as_ref().map(|compiled| compiled.label()),
        digest: contract.compiled.as_ref().map(|compiled| compiled.digest),
    };
    let contracts = checked.iter().map(line).collect();
    let answer = CheckAnswer { ok: is_sound(checked), contracts, findings: findings_of(checked) };
    printer.answer(&answer, || {
        let mut lines: Vec<String> = answer.findings.iter().map(|finding| finding_line(finding)).collect();
        for contract in &answer.contracts {
            let how = if contract.ok { "ok    " } else { "FAILED" };
            lines.push(format!("{how} {} {}", contract.file, contract.contract.as_deref().unwrap_or_default()));
        }
        lines.join("\n")
    })
}

fn finding_line(finding: &Finding) -> String {
    let line = finding.line.map(|line| format!(":{line}")).unwrap_or_default();
    let severity = match finding.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let path = if finding.path.is_empty() { "the whole" } else { &finding.path };
    format!("{}{line}: {severity} at {path}: {}. {}. [{}]", finding.file, finding.cause, finding.mend, finding.code)
}

/// Every file below `dir` that may be a contract or an example.
fn read(dir: &Path) -> anyhow::Result<Vec<SourceFile>> {
    let metadata = std::fs::metadata(dir).with_context(|| format!("look into {}", dir.display()))?;
    let (root, only) = match (metadata.is_dir(), dir.parent()) {
        (true, _) => (dir, None),
        (false, Some(parent)) if parent.as_os_str().is_empty() => (Path::new("."), dir.file_name()),
        (false, parent) => (parent.unwrap_or(dir), dir.file_name()),
    };
    let mut files = Vec::new();
    collect(root, "", &mut files)?;
    if let Some(only) = only.and_then(|name| name.to_str()) {
        files.retain(|file| file.path == only || !is_contract_file(&file.path));
    }
    files.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    if !files.iter().any(|file| is_contract_file(&file.path)) {
        bail!("find a contract: there is no contract.yaml, contract.yml or contract.json in {}", dir.display());
    }
    Ok(files)
}

fn collect(folder: &Path, prefix: &str, files: &mut Vec<SourceFile>) -> anyhow::Result<()> {
    for entry in std::fs::read_dir(folder).with_context(|| format!("list {}", folder.display()))? {
        let entry = entry.with_context(|| format!("list {}", folder.display()))?;
        let name = entry.file_name();
        let Some(name) = name.to_str().filter(|name| !name.starts_with('.')) else { continue };
        let path = if prefix.is_empty() { name.to_owned() } else { format!("{prefix}/{name}") };
        // A link is neither a folder nor a file here, so nothing outside of the folder is read.
        let kind = entry.file_type().with_context(|| format!("look at {path}"))?;
        if kind.is_dir() {
            collect(&entry.path(), &path, files)?;
        } else if kind.is_file() && [".yaml", ".yml", ".json"].iter().any(|ending| name.ends_with(ending)) {
            let size = entry.metadata().with_context(|| format!("look at {path}"))?.len();
            ensure!(size <= MAX_FILE_BYTES, "read {path}: it has more than {MAX_FILE_BYTES} bytes");
            ensure!(
                files.len() < MAX_FILES,
                "read {}: there are more than {MAX_FILES} files below it",
                folder.display()
            );
            let bytes = std::fs::read(entry.path()).with_context(|| format!("read {path}"))?;
            files.push(SourceFile { path, bytes });
        }
    }
    Ok(())
}
