//! `seamark org create` and `show`: a new root, and what others pin of one.

use std::path::PathBuf;

use clap::Args;
use seamark_ledger::fingerprint;
use serde::Serialize;
use zeroize::Zeroizing;

use super::passphrase::PassphraseFrom;
use super::root_file::RootFile;
use crate::place;
use crate::report::{Ending, Printer, note};

/// Make a root key in a new file, under a passphrase
#[derive(Args, Debug)]
#[command(after_help = "\
Do this once, on a computer that is not the gateway's, and keep two copies of the file and of the passphrase, apart from
each other. Whoever has both can enrol anybody; whoever has neither can enrol nobody any more. Prints the public key, which
`seamark init` and every verifier take. An existing file is never replaced.

Examples:
  seamark org create --out acme.root
  seamark org create --out acme.root --passphrase-file passphrase.txt --json")]
pub struct Create {
    /// The file to make
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    passphrase: PassphraseFrom,
}

/// Print the public half of a root
#[derive(Args, Debug)]
#[command(after_help = "\
Asks for no passphrase. With --check it does, and says whether it opens the key: do that once a year.

Examples:
  seamark org show --key acme.root
  seamark org show --key acme.root --check")]
pub struct Show {
    /// The root file
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Open the key as well
    #[arg(long)]
    check: bool,
    #[command(flatten)]
    passphrase: PassphraseFrom,
}

/// What others pin.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Public {
    keyid: String,
    root_key: String,
    fingerprint: String,
}

fn tell(printer: Printer, file: &RootFile) -> anyhow::Result<Ending> {
    let fingerprint = fingerprint::of_key(&file.public()?.id());
    if !printer.is_json {
        note(&format!("Key id:      {}\nFingerprint: {fingerprint}\nPublic key:", file.keyid));
    }
    let public = Public { keyid: file.keyid.clone(), root_key: file.key.clone(), fingerprint };
    printer.answer(&public, || public.root_key.clone())?;
    Ok(Ending::Done)
}

impl Create {
    pub(super) fn run(self, printer: Printer) -> anyhow::Result<Ending> {
        let passphrase = self.passphrase.ask_new()?;
        let chance = place::chance();
        let mut seed = Zeroizing::new([0u8; 32]);
        chance.fill(seed.as_mut());
        let file = RootFile::seal(&seed, &passphrase, chance.as_ref())?;
        file.write(&self.out)?;
        tell(printer, &file)
    }
}

impl Show {
    pub(super) fn run(self, printer: Printer) -> anyhow::Result<Ending> {
        let file = RootFile::read(&self.key)?;
        if self.check {
            file.open(&self.passphrase.ask(&self.key)?)?;
            note("The passphrase opens the key.");
        }
        tell(printer, &file)
    }
}
