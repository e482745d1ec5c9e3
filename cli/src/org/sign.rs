//! `seamark org sign`: signs what was reviewed.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::PathBuf;

use anyhow::{Context as _, bail, ensure};
use clap::Args;
use seamark_contracts::api::directory::AcceptedDirectory;
use seamark_ledger::fingerprint;
use seamark_ledger::statement;
use serde::Serialize;

use super::exchange::Exchange;
use super::passphrase::{self, PassphraseFrom};
use super::review::{Change, Reviewed};
use super::root_file::RootFile;
use crate::report::{Ending, Printer, note};

/// Sign what the gateway proposes
#[derive(Args, Debug)]
#[command(after_help = "\
Shows what `seamark org review` shows, and signs nothing before the fingerprint of each new person's key was typed as that
person read it out: at the question, or with --confirm, once for each. Then the gateway gets the signed directory, or the
file of --out does, for POST /v1/directory. Where nobody is at a terminal to be asked, give --statement as well, or whatever
the gateway proposes beside new persons' keys, such as a role, is signed unread. If something changed at the gateway meanwhile it says so: review and sign again.

Examples:
  seamark org sign --key acme.root --gateway https://seamark.acme.example
  seamark org sign --key acme.root --gateway https://seamark.acme.example --confirm \"1f0c 77a2 90be 4d11 03ac 5e8f 2b6d 9c40\"
  seamark org sign --key acme.root --proposal proposal.json --current directory.json --out signed.json")]
pub struct Sign {
    /// The root file
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    #[command(flatten)]
    passphrase: PassphraseFrom,
    #[command(flatten)]
    exchange: Exchange,
    /// A fingerprint that a new person read out; may be given more than once
    #[arg(long = "confirm", value_name = "FINGERPRINT")]
    confirmed: Vec<String>,
    /// The statement that was reviewed, as `seamark org review` prints it; any other is not signed
    #[arg(long, value_name = "DIGEST")]
    statement: Option<String>,
    /// Write the signed directory here and send it nowhere
    #[arg(long, value_name = "FILE", required_unless_present = "gateway")]
    out: Option<PathBuf>,
}

/// What came of it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Signed<'a> {
    #[serde(flatten)]
    reviewed: &'a Reviewed,
    /// Absent when it was written into a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    accepted: Option<AcceptedDirectory>,
}

impl Sign {
    pub(super) async fn run(self, printer: Printer) -> anyhow::Result<Ending> {
        let file = RootFile::read(&self.key)?;
        let root = file.public()?;
        let found = self.exchange.find(&root).await?;
        let Some(proposal) = found.proposal else {
            let none = serde_json::json!({ "changes": [] });
            printer.answer(&none, || "Nothing waits for the root's signature.".to_owned())?;
            return Ok(Ending::Done);
        };
        let reviewed = Reviewed::of(&proposal, found.current.as_ref(), &root)?;
        printer.progress(&reviewed.lines())?;
        self.confirm(&reviewed)?;
        let key = file.open(&self.passphrase.ask(&self.key)?)?;
        let envelope = statement::sign(proposal.bytes().to_vec(), &key).context("sign the directory")?.to_json();
        let accepted = match (&self.out, self.exchange.client()?) {
            (Some(path), _) => {
                let mut out = OpenOptions::new().write(true).create_new(true).open(path);
                let written = out.as_mut().map_err(|error| std::io::Error::from(error.kind()));
                let written = written.and_then(|out| out.write_all(envelope.as_bytes()));
                written.with_context(|| format!("write {}; a file that is there is not replaced", path.display()))?;
                None
            }
            (None, Some(client)) => {
                Some(client.send_directory(envelope.as_bytes()).await.context("send the signed directory")?)
            }
            (None, None) => bail!("send the signed directory: give --gateway or --out"),
        };
        let signed = Signed { reviewed: &reviewed, accepted };
        printer.answer(&signed, || match &self.out {
            Some(path) => format!("Signed. Send {} to the gateway: POST /v1/directory.", path.display()),
            None => format!("Signed. Directory {} is the newest one now.", reviewed.version),
        })?;
        Ok(Ending::Done)
    }

    /// Each new person's fingerprint was typed, by hand or beforehand, and nothing else was.
    fn confirm(&self, reviewed: &Reviewed) -> anyhow::Result<()> {
        let changes: &[Change] = &reviewed.changes;
        let mut given: Vec<&String> = self.confirmed.iter().collect();
        let mut missing = Vec::new();
        for change in changes.iter().filter(|change| change.is_to_confirm) {
            let print = change.fingerprint.as_deref().unwrap_or_default();
            match given.iter().position(|typed| fingerprint::is_typed(print, typed)) {
                Some(at) => drop(given.swap_remove(at)),
                None => missing.push((change, print)),
            }
        }
        if let Some(strange) = given.first() {
            bail!(
                "confirm {strange:?}: the proposal lists no new key with this fingerprint. Nothing was signed. Either it was \
                 misheard, or the gateway proposes another key than the one that was read to you: then do not sign"
            );
        }
        if let Some(statement) = &self.statement {
            ensure!(
                *statement == reviewed.digest.to_hex(),
                "sign: the gateway proposes another statement now than the one that was reviewed. Nothing was signed; review again"
            );
        }
        if !passphrase::has_person() {
            let names: Vec<String> = missing.iter().map(|(change, _)| format!("{:?}", change.name)).collect();
            ensure!(
                missing.is_empty(),
                "confirm the new keys of {}. Nothing was signed. Have each fingerprint read out, and give it with --confirm",
                names.join(", ")
            );
            return Ok(());
        }
        for (change, print) in missing {
            let question = format!("Fingerprint as {:?} reads it to you (nothing: do not sign):", change.name);
            let typed = passphrase::ask(&question)?;
            ensure!(
                fingerprint::is_typed(print, &typed),
                "confirm the new key of {:?}: what was typed is not its fingerprint. Nothing was signed. If they read it right, \
                 the gateway proposes another key than theirs: do not sign, and tell somebody",
                change.name
            );
        }
        if self.statement.is_none() {
            let answer = passphrase::ask("Sign all of this? Type yes:")?;
            ensure!(answer == "yes", "sign: it was not confirmed. Nothing was signed");
        }
        note("Every new key was confirmed.");
        Ok(())
    }
}
