//! `seamark org review`: what a signature would change, in words.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use seamark_contracts::digest::Digest;
use seamark_ledger::directory::{Difference, Directory, DirectoryKey, DirectorySubject, Proposal, SubjectKind};
use seamark_ledger::fingerprint;
use seamark_ledger::key::{KeyUse, PublicKey};
use serde::Serialize;

use super::exchange::Exchange;
use super::root_file::{RootFile, parse_key};
use crate::report::{Ending, Printer};

/// Show what the gateway proposes to sign, person by person and key by key
#[derive(Args, Debug)]
#[command(after_help = "\
Verifies the directory that is signed under your root, compares the proposal with it, and refuses one that takes away or
changes what is signed. Have each new person's fingerprint read to you by that person, face to face or by a voice you know:
their desk shows it. A key whose fingerprint nobody can read to you may be the gateway operator's own.

Examples:
  seamark org review --key acme.root --gateway https://seamark.acme.example
  seamark org review --root-key KEY --proposal proposal.json --current directory.json --json")]
pub struct Review {
    /// The root file; its public half is enough, so no passphrase is asked
    #[arg(long, value_name = "FILE", required_unless_present = "root_key")]
    key: Option<PathBuf>,
    /// Instead of the file: the root's public key
    #[arg(long, value_name = "KEY", conflicts_with = "key")]
    root_key: Option<String>,
    #[command(flatten)]
    exchange: Exchange,
}

/// One change in words.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    pub text: String,
    /// Urn of whom it is about.
    pub subject: String,
    /// Of a key that is new or ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keyid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// Whether somebody has to read the fingerprint out before it is signed.
    pub is_to_confirm: bool,
    #[serde(skip)]
    pub name: String,
}

/// A proposal that may be signed, in words.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Reviewed {
    pub org: String,
    pub version: u64,
    /// Of the statement to sign.
    pub digest: Digest,
    pub changes: Vec<Change>,
}

impl Reviewed {
    /// Compares a proposal with what is signed.
    ///
    /// # Errors
    /// When no gateway may propose this.
    pub fn of(proposal: &Proposal, current: Option<&Directory>, root: &PublicKey) -> anyhow::Result<Self> {
        let found = proposal.differences(current, root).context(
            "accept what the gateway proposes. Nothing was signed, and it should not be: ask its operator why",
        )?;
        Ok(Self {
            org: proposal.predicate.org.clone(),
            version: proposal.predicate.version,
            digest: proposal.digest,
            changes: found.iter().map(|one| change(one, root)).collect::<Result<_, _>>()?,
        })
    }

    /// For people.
    pub fn lines(&self) -> String {
        let mut lines = vec![format!("Directory {} of {}, statement {}", self.version, self.org, self.digest.to_hex())];
        if self.changes.is_empty() {
            lines.push("  changes nothing about persons, agents or keys".to_owned());
        }
        for change in &self.changes {
            lines.push(format!("  {}", change.text));
            if let Some(fingerprint) = &change.fingerprint {
                let read_out = if change.is_to_confirm { ", to be read out by them" } else { "" };
                lines.push(format!("      fingerprint {fingerprint}{read_out}"));
            }
        }
        lines.join("\n")
    }
}

fn change(one: &Difference, root: &PublicKey) -> anyhow::Result<Change> {
    let plain = |subject: &DirectorySubject, text: String| Change {
        text,
        subject: subject.id.clone(),
        keyid: None,
        fingerprint: None,
        is_to_confirm: false,
        name: subject.name.clone(),
    };
    Ok(match one {
        Difference::SubjectAdded(subject) => plain(subject, format!("new: {}", who(subject))),
        Difference::RoleGiven { subject, role } => {
            plain(subject, format!("{} gets the role {} from {} on", who(subject), role.role, role.from))
        }
        Difference::RoleTaken { subject, role } => {
            let at = role.to.map(|to| to.to_string()).unwrap_or_default();
            plain(subject, format!("{} loses the role {} at {at}", who(subject), role.role))
        }
        Difference::OwnersChanged(subject) => {
            let owners = if subject.owners.is_empty() { "nobody".to_owned() } else { subject.owners.join(", ") };
            plain(subject, format!("{} is answered for by {owners}", who(subject)))
        }
        Difference::KeyAdded { subject, key } => {
            let print = fingerprint_of(key, root)?;
            let text = format!("{} gets {} from {} on", who(subject), key_words(key), key.from);
            Change {
                keyid: Some(key.keyid.clone()),
                fingerprint: Some(print),
                is_to_confirm: one.new_decision_key().is_some(),
                ..plain(subject, text)
            }
        }
        Difference::KeyEnded { subject, key } => {
            let at = key.to.map(|to| to.to_string()).unwrap_or_default();
            let text = format!("{} of {} ends at {at}", key_words(key), who(subject));
            Change {
                keyid: Some(key.keyid.clone()),
                fingerprint: Some(fingerprint_of(key, root)?),
                ..plain(subject, text)
            }
        }
    })
}

fn fingerprint_of(key: &DirectoryKey, root: &PublicKey) -> anyhow::Result<String> {
    let public = key.parse().context("read a key of the proposal")?;
    Ok(match key.key_use {
        KeyUse::Decision => fingerprint::of_enrolment(&root.id(), &key.subject, &public.id()),
        _ => fingerprint::of_key(&public.id()),
    })
}

/// Names come from the gateway: nothing in them may move the cursor of whoever reads them.
fn who(subject: &DirectorySubject) -> String {
    let kind = match subject.kind {
        SubjectKind::Person => "the person",
        SubjectKind::Agent => "the agent",
        SubjectKind::Gateway => "the gateway",
        SubjectKind::Executor => "the executor",
    };
    format!("{kind} {:?} ({})", subject.name, subject.id.escape_debug())
}

fn key_words(key: &DirectoryKey) -> String {
    let what = match key.key_use {
        KeyUse::Decision => "a key to decide with",
        KeyUse::Execution => "a key to report executions with",
        KeyUse::Handoff => "the key that signs handoffs",
        KeyUse::Outcome => "the key that signs outcomes",
        KeyUse::Directory | KeyUse::Device | KeyUse::Ledger => "a key of another use",
    };
    format!("{what} ({})", key.keyid.get(..16).unwrap_or_default())
}

impl Review {
    pub(super) async fn run(self, printer: Printer) -> anyhow::Result<Ending> {
        let root = match (&self.key, &self.root_key) {
            (Some(path), _) => RootFile::read(path)?.public()?,
            (None, Some(key)) => parse_key(key)?,
            (None, None) => anyhow::bail!("find the root: give --key or --root-key"),
        };
        let found = self.exchange.find(&root).await?;
        let Some(proposal) = found.proposal else {
            printer.answer(&serde_json::json!({ "changes": [] }), || {
                "Nothing waits for the root's signature.".to_owned()
            })?;
            return Ok(Ending::Done);
        };
        let reviewed = Reviewed::of(&proposal, found.current.as_ref(), &root)?;
        printer.answer(&reviewed, || reviewed.lines())?;
        Ok(Ending::Done)
    }
}
