//! `seamark org rotate`: one root hands over to another.

use std::path::PathBuf;

use anyhow::{Context as _, bail, ensure};
use clap::Args;
use seamark_agent::client::Client;
use seamark_ledger::directory::{DirectoryPredicate, NextRoot, Proposal};
use seamark_ledger::fingerprint;
use seamark_ledger::key::{PublicKey, Signer as _, SigningKey};
use seamark_ledger::statement;
use serde::Serialize;

use super::exchange;
use super::passphrase::PassphraseFrom;
use super::review::Reviewed;
use super::root_file::RootFile;
use crate::place;
use crate::report::{Ending, Printer};

/// Hand over to a new root
#[derive(Args, Debug)]
#[command(after_help = "\
Make the new root first (`seamark org create`). The old one signs a directory that names it, the new one signs the next. From
then on the old one signs nothing. Nobody is led along by that: every desk shows its person the new fingerprint and goes on
when it was confirmed; auditors and destinations pin the new key (`seamark org follow`). Evidence that was exported before is
verified under the old key, so keep its public half. If this was cut off, give the same command again.

After a theft of the old root this is not enough: whoever has it can sign as well. Tell everybody the new fingerprint yourself.

Examples:
  seamark org rotate --key acme.root --new-key acme-2027.root --gateway https://seamark.acme.example")]
pub struct Rotate {
    /// The root file of now
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    #[command(flatten)]
    passphrase: PassphraseFrom,
    /// The root file of the new root
    #[arg(long, value_name = "FILE")]
    new_key: PathBuf,
    /// Take the new root's passphrase from the first line of this file instead of asking
    #[arg(long, value_name = "FILE")]
    new_passphrase_file: Option<PathBuf>,
    /// The gateway's address
    #[arg(long, env = "SEAMARK_GATEWAY", value_name = "URL")]
    gateway: String,
}

/// What came of it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Rotated {
    root_keyid: String,
    root_key: String,
    fingerprint: String,
    /// The first directory of the new root.
    version: u64,
}

impl Rotate {
    pub(super) async fn run(self, printer: Printer) -> anyhow::Result<Ending> {
        let (old_file, new_file) = (RootFile::read(&self.key)?, RootFile::read(&self.new_key)?);
        let (old, new) = (old_file.public()?, new_file.public()?);
        ensure!(old != new, "hand over: the two files hold the same root");
        let client = exchange::client(&self.gateway)?;
        let current = exchange::current(&client).await?.context("hand over: no directory is signed yet")?;
        let current = exchange::verify(&current, &old, None)?;
        let named =
            current.predicate.next_root.as_ref().map(NextRoot::parse).transpose().context("read the handover")?;
        match named {
            Some(named) if named == new => {}
            Some(named) => bail!("hand over: the old root has named {} already", named.id()),
            None => {
                ensure!(
                    exchange::proposal(&client).await?.is_none(),
                    "hand over: something waits for a signature. Review and sign it with the old root first"
                );
                let key = old_file.open(&self.passphrase.ask(&self.key)?)?;
                name_next(&client, &current.predicate, current.digest, &key, &new).await?;
            }
        }
        let passphrase = PassphraseFrom { passphrase_file: self.new_passphrase_file.clone() };
        let key = new_file.open(&passphrase.ask(&self.new_key)?)?;
        let version = sign_first(&client, &old, &key).await?;
        let id = new.id();
        let (root_keyid, fingerprint) = (id.to_string(), fingerprint::of_key(&id));
        let rotated = Rotated { root_keyid, root_key: new_file.key.clone(), fingerprint, version };
        printer.answer(&rotated, || {
            format!(
                "Handed over. Directory {} is the first of the root {}.\nFingerprint for everybody who pinned the old one: {}",
                rotated.version, rotated.root_keyid, rotated.fingerprint
            )
        })?;
        Ok(Ending::Done)
    }
}

/// The old root says which one comes after it; nothing else changes.
async fn name_next(
    client: &Client,
    current: &DirectoryPredicate,
    digest: seamark_contracts::digest::Digest,
    key: &SigningKey,
    next: &PublicKey,
) -> anyhow::Result<()> {
    let predicate = DirectoryPredicate {
        version: current.version + 1,
        valid_from: place::clock().now().max(current.valid_from),
        next_root: Some(NextRoot::new(next)),
        ..current.clone()
    };
    let bytes = statement::build_directory(&predicate, Some(digest)).context("write the handover")?;
    let envelope = statement::sign(bytes, key).context("sign the handover")?.to_json();
    client.send_directory(envelope.as_bytes()).await.context("send the handover")?;
    Ok(())
}

/// The new root signs what the old one signed last, and nothing besides.
async fn sign_first(client: &Client, old: &PublicKey, key: &SigningKey) -> anyhow::Result<u64> {
    let new = key.public_key();
    let current = exchange::current(client).await?.context("go on after the handover: there is no directory")?;
    let current = exchange::verify(&current, &new, Some(old))?;
    let proposal = exchange::proposal(client).await?.context("go on after the handover: nothing is proposed")?;
    let proposal = Proposal::read(&proposal).context("read the proposal")?;
    let reviewed = Reviewed::of(&proposal, Some(&current), &new)?;
    ensure!(
        reviewed.changes.is_empty(),
        "go on after the handover: something changed at the gateway meanwhile. The old root has handed over; now run `seamark org \
         sign` with the new root and --old-root"
    );
    let envelope = statement::sign(proposal.bytes().to_vec(), key).context("sign with the new root")?.to_json();
    client.send_directory(envelope.as_bytes()).await.context("send the new root's directory")?;
    Ok(reviewed.version)
}
