//! `seamark destination`: the gate before whatever acts, for destinations in any language.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use base64ct::{Base64UrlUnpadded, Encoding as _};
use clap::{Args, Subcommand};
use seamark_agent::destination::{Attempts, Destination as Settings};
use seamark_agent::execute::Executor;
use seamark_ledger::key::SigningKey;

use crate::options::Reach;
use crate::place;
use crate::report::{Ending, Printer};

mod after;
mod gate;
mod init;

/// The destination's settings in its folder.
const SETTINGS: &str = "destination.json";
/// The key under which it signs what it did: 32 bytes in base64url.
const KEY: &str = "execution.key";
/// What became of every attempt.
const ATTEMPTS: &str = "attempts";

/// Act on an approval exactly once: verify, use the attempt, act, report
#[derive(Args, Debug)]
pub struct Destination {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    Init(init::Init),
    Gate(gate::Gate),
    Report(after::Report),
    Recover(after::Recover),
}

impl Destination {
    /// # Errors
    /// When the folder or the gateway cannot be used.
    pub async fn run(self, printer: Printer) -> anyhow::Result<Ending> {
        match self.command {
            Command::Init(command) => command.run(printer).await,
            Command::Gate(command) => command.run(printer).await,
            Command::Report(command) => command.run(printer).await,
            Command::Recover(command) => command.run(printer).await,
        }
    }
}

/// A destination's folder.
#[derive(Args, Clone, Debug)]
struct Folder {
    /// The destination's folder, as `seamark destination init` made it
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
}

impl Folder {
    /// The destination with its key named at the gateway and its own memory of attempts.
    async fn executor(&self, reach: &Reach) -> anyhow::Result<Executor> {
        let settings = Settings::read(&self.folder.join(SETTINGS))?;
        let attempts = Attempts::open(&self.folder.join(ATTEMPTS))?;
        let key = read_key(&self.folder.join(KEY))?;
        let executor = Executor::enrol(reach.client()?, settings, key, place::clock()).await;
        Ok(executor.context("name the execution key at the gateway")?.keeping(attempts))
    }
}

fn read_key(path: &Path) -> anyhow::Result<SigningKey> {
    use std::os::unix::fs::PermissionsExt as _;

    let file = std::fs::File::open(path).with_context(|| format!("open {}", path.display()))?;
    let mode = file.metadata().with_context(|| format!("look at {}", path.display()))?.permissions().mode();
    ensure!(mode & 0o077 == 0, "use {}: others can read it; run chmod 600 on it", path.display());
    let mut text = String::new();
    file.take(200).read_to_string(&mut text).with_context(|| format!("read {}", path.display()))?;
    let mut seed = [0; 32];
    let decoded = Base64UrlUnpadded::decode(text.trim(), &mut seed);
    let is_whole = decoded.is_ok_and(|bytes| bytes.len() == 32);
    ensure!(is_whole, "use {}: it holds no key; put the file back from a backup", path.display());
    Ok(SigningKey::from_seed(&seed))
}

/// Writes a file that must not be there yet and that its owner alone may read, down to the disk.
fn write_new(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;

    let mut options = std::fs::OpenOptions::new();
    let written = options.create_new(true).write(true).mode(0o600).open(path).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    written.with_context(|| format!("write {}", path.display()))
}
