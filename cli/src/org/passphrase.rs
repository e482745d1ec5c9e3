//! Asking for passphrases, and for what a person confirms.

use std::fs::File;
use std::io::{BufRead as _, BufReader, IsTerminal as _, Read as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use clap::Args;
use zeroize::Zeroizing;

use crate::report::note;

/// A root key outlives many computers: its passphrase has at least so many characters.
const MIN_CHARS: usize = 12;

/// Bytes of a passphrase file.
const MAX_BYTES: u64 = 4096;

/// Where the passphrase comes from.
#[derive(Args, Clone, Debug)]
pub struct PassphraseFrom {
    /// Take the passphrase from the first line of this file instead of asking
    #[arg(long, value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
}

impl PassphraseFrom {
    /// The passphrase of a root file that is there.
    pub fn ask(&self, of: &Path) -> anyhow::Result<Zeroizing<String>> {
        match &self.passphrase_file {
            Some(path) => first_line(path),
            None => prompt(&format!("Passphrase of {}: ", of.display())),
        }
    }

    /// A new one, typed twice.
    pub fn ask_new(&self) -> anyhow::Result<Zeroizing<String>> {
        let first = match &self.passphrase_file {
            Some(path) => first_line(path)?,
            None => {
                let first = prompt("New passphrase, at least 12 characters: ")?;
                let again = prompt("The same again: ")?;
                ensure!(first == again, "take the passphrase: the two were not the same");
                first
            }
        };
        ensure!(
            first.chars().count() >= MIN_CHARS,
            "take the passphrase: it has less than {MIN_CHARS} characters. Take several words that nobody would put together"
        );
        Ok(first)
    }
}

fn first_line(path: &Path) -> anyhow::Result<Zeroizing<String>> {
    let file = File::open(path).with_context(|| format!("read the passphrase in {}", path.display()))?;
    let mut line = Zeroizing::new(String::new());
    BufReader::new(file.take(MAX_BYTES))
        .read_line(&mut line)
        .with_context(|| format!("read the passphrase in {}", path.display()))?;
    Ok(Zeroizing::new(line.trim_end_matches(['\r', '\n']).to_owned()))
}

fn prompt(text: &str) -> anyhow::Result<Zeroizing<String>> {
    let typed = rpassword::prompt_password(text);
    typed.map(Zeroizing::new).context("ask for the passphrase on the terminal; without one give --passphrase-file")
}

/// Whether a person can be asked.
pub fn has_person() -> bool {
    std::io::stdin().is_terminal()
}

/// A line that a person types.
pub fn ask(question: &str) -> anyhow::Result<String> {
    note(question);
    let mut line = String::new();
    std::io::stdin().lock().take(MAX_BYTES).read_line(&mut line).context("read the answer")?;
    Ok(line.trim().to_owned())
}
