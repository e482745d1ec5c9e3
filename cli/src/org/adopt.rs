//! `seamark org adopt`: takes the root out of a gateway's folder that an earlier version made.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use clap::Args;
use seamark_gateway::{KeeperError, RootChoice, RootKeeper};
use seamark_ledger::fingerprint;
use serde::Serialize;
use zeroize::Zeroizing;

use super::passphrase::PassphraseFrom;
use super::root_file::RootFile;
use crate::options::DataDir;
use crate::place;
use crate::report::{Ending, Printer, note};

/// Move the root key that an earlier version kept in the gateway's folder into a file of yours
#[derive(Args, Debug)]
#[command(after_help = "\
Stop the gateway first. The key is sealed under a passphrase in the new file, the folder notes which root it has, and the key
file goes away. Then take the new file off this computer. Copies of the old key in backups of the folder stay what they are:
destroy them, or hand over to a new root (`seamark org rotate`).

Examples:
  seamark org adopt --data-dir /var/lib/seamark --out /media/usb/acme.root")]
pub struct Adopt {
    #[command(flatten)]
    data: DataDir,
    /// The file to make
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    passphrase: PassphraseFrom,
}

#[derive(Debug)]
struct IntoFile {
    out: PathBuf,
    passphrase: Hidden,
}

struct Hidden(Zeroizing<String>);

impl std::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hidden(..)")
    }
}

impl RootKeeper for IntoFile {
    fn read(&self, _keyid: &str) -> Result<Zeroizing<[u8; 32]>, KeeperError> {
        Err(KeeperError::Missing(None))
    }

    fn keep(&self, _keyid: &str, seed: &[u8; 32]) -> Result<(), KeeperError> {
        let kept = RootFile::seal(seed, &self.passphrase.0, place::chance().as_ref())
            .and_then(|file| file.write(&self.out).map(|()| file))
            // What was written opens again before anything is taken away.
            .and_then(|_| RootFile::read(&self.out)?.open(&self.passphrase.0));
        kept.map(drop).map_err(|error| KeeperError::Kept(error.into()))
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Adopted {
    keyid: String,
    root_key: String,
    fingerprint: String,
}

impl Adopt {
    pub(super) async fn run(self, printer: Printer) -> anyhow::Result<Ending> {
        place::check_existing(&self.data.data_dir)?;
        let file = self.data.data_dir.join("keys/root.key");
        ensure!(file.exists(), "move the root key: there is none in {}; nothing is to be done", file.display());
        let passphrase = Hidden(self.passphrase.ask_new()?);
        let keeper = Arc::new(IntoFile { out: self.out.clone(), passphrase });
        let mut config = place::config(&self.data.data_dir, place::DEFAULT_ORG);
        config.root = RootChoice::Kept(keeper);
        let gateway = seamark_gateway::open(config, place::clock(), place::chance())
            .await
            .with_context(|| format!("move the root key out of {}", self.data.data_dir.display()))?;
        gateway.close().await;
        let adopted = RootFile::read(&self.out)?;
        let fingerprint = fingerprint::of_key(&adopted.public()?.id());
        if !printer.is_json {
            note(&format!("The root is in {} now. Take it off this computer.", self.out.display()));
        }
        let adopted = Adopted { keyid: adopted.keyid, root_key: adopted.key, fingerprint };
        printer.answer(&adopted, || adopted.root_key.clone())?;
        Ok(Ending::Done)
    }
}
