//! `cargo xtask tidy`: the rules of the house that no compiler knows.
//!
//! Each rule is a pure function from the repository's texts (or cargo's word on its graph) to findings, so each is
//! tried on small wrong trees. A finding says what is wrong **and** where the code belongs.

mod attacks;
mod commands;
mod edges;
mod formats;
mod html;
mod migrations;
mod paths;
mod sizes;
mod sql;
mod tiers;

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::{exec, workspace};

/// A text file of the repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Text {
    /// From the root, with forward slashes.
    pub(crate) path: String,
    pub(crate) text: String,
}

/// How much a finding weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Weight {
    /// Said, and nothing more.
    Warning,
    /// The command fails.
    Failure,
}

/// One thing that is not as the house wants it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) weight: Weight,
    pub(crate) path: String,
    /// From 1; 0 when it is about the whole file.
    pub(crate) line: usize,
    /// What is wrong and where it belongs.
    pub(crate) message: String,
}

impl Finding {
    fn failure(path: &str, line: usize, message: impl Into<String>) -> Self {
        Self { weight: Weight::Failure, path: path.to_owned(), line, message: message.into() }
    }

    fn warning(path: &str, line: usize, message: impl Into<String>) -> Self {
        Self { weight: Weight::Warning, ..Self::failure(path, line, message) }
    }

    fn told(&self) -> String {
        let weight = match self.weight {
            Weight::Warning => "warning",
            Weight::Failure => "failure",
        };
        let place = match self.line {
            0 => self.path.clone(),
            line => format!("{}:{line}", self.path),
        };
        format!("{weight}: {place}: {}", self.message)
    }
}

/// What all rules together found.
#[derive(Debug)]
pub(crate) struct Verdict {
    pub(crate) n_failures: usize,
    pub(crate) text: String,
}

/// Checks the repository and prints what it found; with `bless` records the format code first.
///
/// # Errors
/// The repository could not be read.
pub(crate) fn run(bless: bool) -> Result<ExitCode> {
    let root = workspace::root();
    if bless {
        let lock = formats::lock(&texts(&root)?);
        let path = root.join(formats::LOCK);
        fs::write(&path, lock).with_context(|| format!("write {}", path.display()))?;
        println!("wrote {}", formats::LOCK);
    }
    let verdict = check(&root)?;
    println!("{}", verdict.text);
    Ok(if verdict.n_failures == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs every rule.
///
/// # Errors
/// git or cargo could not tell what there is.
pub(crate) fn check(root: &Path) -> Result<Verdict> {
    let texts = texts(root)?;
    let graph = edges::Graph::parse(&workspace::metadata(root)?);
    let machine_paths = paths::of_this_computer(root);
    let mut findings: Vec<Finding> = [
        edges::check(&graph),
        tiers::check(&texts),
        sql::check(&texts),
        migrations::check(&texts),
        commands::check(&texts),
        html::check(&texts),
        sizes::check(&texts),
        paths::check(&texts, &machine_paths),
        formats::check(&texts),
        attacks::check(&texts),
    ]
    .into_iter()
    .flatten()
    .collect();
    findings.sort_by(|a, b| (b.weight, &a.path, a.line).cmp(&(a.weight, &b.path, b.line)));
    let n_failures = findings.iter().filter(|finding| finding.weight == Weight::Failure).count();
    let mut lines: Vec<String> = findings.iter().map(Finding::told).collect();
    lines.push(format!("tidy: {} files, {n_failures} failures, {} warnings", texts.len(), findings.len() - n_failures));
    Ok(Verdict { n_failures, text: lines.join("\n") })
}

/// Every text that is in the repository or about to be: tracked files, and new ones that are not ignored.
fn texts(root: &Path) -> Result<Vec<Text>> {
    let listing = exec::tool("git", root)
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .output()
        .context("start git ls-files")?;
    anyhow::ensure!(listing.status.success(), "git ls-files failed: {}", String::from_utf8_lossy(&listing.stderr));
    let mut texts = Vec::new();
    for path in String::from_utf8_lossy(&listing.stdout).split('\0') {
        // A listed file may be deleted already, a picture is no text: both are no concern of any rule.
        if let (false, Ok(text)) = (path.is_empty(), fs::read_to_string(root.join(path))) {
            texts.push(Text { path: path.to_owned(), text });
        }
    }
    Ok(texts)
}

/// The lines of a Rust text that are no comment, with their numbers from 1.
fn code_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .map(|(index, line)| (index + 1, line))
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
}

#[cfg(test)]
fn tree(files: &[(&str, &str)]) -> Vec<Text> {
    files.iter().map(|(path, text)| Text { path: (*path).to_owned(), text: (*text).to_owned() }).collect()
}

/// The failures as `path:line`, for short comparisons.
#[cfg(test)]
fn places(findings: &[Finding]) -> Vec<String> {
    findings.iter().map(|finding| format!("{}:{}", finding.path, finding.line)).collect()
}
