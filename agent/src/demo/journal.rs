//! What the demo remembers, so that a restart goes on with the same handoffs instead of forgetting them.
//!
//! A placement is written down before it is submitted: after a crash the same bytes go out again, which changes nothing
//! (invariant A1). Written whole to a new file that then takes the old one's place.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use seamark_contracts::clock::Timestamp;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Why the memory cannot be used.
#[derive(Debug, Error)]
pub enum JournalError {
    #[error("read the demo's memory {path}")]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("understand the demo's memory {path}; delete the file to begin anew")]
    Damaged {
        path: PathBuf,
        #[source]
        source: serde_json::Error,
    },
    #[error("write the demo's memory {path}")]
    Write {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

/// What is remembered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Memory {
    /// Tells this demo's handoffs from those of another one with the same seed.
    pub run: String,
    pub seed: u64,
    /// Number of the next task.
    pub next: u64,
    /// When each task began that is not over yet, by its number.
    pub begun: BTreeMap<u64, Timestamp>,
    /// Seeds of the simulated executors' signing keys, base64url, by agent name. They sign nothing but demo results.
    pub executors: BTreeMap<String, String>,
}

impl Memory {
    /// A task begins.
    pub fn begin(&mut self, number: u64, at: Timestamp) {
        self.begun.insert(number, at);
        self.next = self.next.max(number.saturating_add(1));
    }

    /// A task is over.
    pub fn finish(&mut self, number: u64) {
        self.begun.remove(&number);
    }
}

/// The memory, and where it is kept.
#[derive(Debug)]
pub struct Journal {
    path: Option<PathBuf>,
    memory: Memory,
}

impl Journal {
    /// Opens the memory at `path`, or begins one with `run` and `seed`. Without a path nothing is kept.
    ///
    /// A memory of another seed is not continued: a new one begins in its place.
    ///
    /// # Errors
    /// [`JournalError`] when the file cannot be read or understood.
    pub async fn open(path: Option<PathBuf>, run: String, seed: u64) -> Result<Self, JournalError> {
        let new = Memory { run, seed, next: 0, begun: BTreeMap::new(), executors: BTreeMap::new() };
        let kept = match &path {
            Some(path) => read(path).await?,
            None => None,
        };
        let memory = kept.filter(|memory| memory.seed == seed).unwrap_or(new);
        Ok(Self { path, memory })
    }

    /// What is remembered.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Changes the memory and writes it down before it returns.
    ///
    /// # Errors
    /// [`JournalError::Write`]; the change then stands in memory only.
    pub async fn change(&mut self, change: impl FnOnce(&mut Memory)) -> Result<(), JournalError> {
        change(&mut self.memory);
        match &self.path {
            Some(path) => write(path, &self.memory).await,
            None => Ok(()),
        }
    }
}

async fn read(path: &Path) -> Result<Option<Memory>, JournalError> {
    match tokio::fs::read(path).await {
        Ok(bytes) => serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|source| JournalError::Damaged { path: path.to_owned(), source }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(JournalError::Read { path: path.to_owned(), source }),
    }
}

async fn write(path: &Path, memory: &Memory) -> Result<(), JournalError> {
    let failed = |source| JournalError::Write { path: path.to_owned(), source };
    let bytes = serde_json::to_vec(memory).map_err(|error| failed(io::Error::other(error)))?;
    let new = path.with_extension("new");
    let mut options = tokio::fs::OpenOptions::new();
    options.create(true).truncate(true).write(true);
    #[cfg(unix)]
    options.mode(0o600);
    let mut file = options.open(&new).await.map_err(failed)?;
    tokio::io::AsyncWriteExt::write_all(&mut file, &bytes).await.map_err(failed)?;
    // ORDER: the new file is on disk before it takes the old one's place.
    file.sync_all().await.map_err(failed)?;
    tokio::fs::rename(&new, path).await.map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_memory_survives_and_belongs_to_its_seed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("demo.json");
        let mut journal = Journal::open(Some(path.clone()), "first".to_owned(), 7).await.unwrap();
        journal.change(|memory| memory.begin(0, Timestamp::from_ms(1))).await.unwrap();
        let same = Journal::open(Some(path.clone()), "second".to_owned(), 7).await.unwrap();
        assert_eq!(same.memory(), journal.memory());
        journal.change(|memory| memory.begin(1, Timestamp::from_ms(2))).await.unwrap();
        journal.change(|memory| memory.finish(0)).await.unwrap();
        let later = Journal::open(Some(path.clone()), "second".to_owned(), 7).await.unwrap();
        assert_eq!((later.memory().next, later.memory().begun.keys().copied().collect::<Vec<_>>()), (2, vec![1]));
        let other = Journal::open(Some(path.clone()), "third".to_owned(), 8).await.unwrap();
        assert_eq!((other.memory().run.as_str(), other.memory().begun.len()), ("third", 0));
        std::fs::write(&path, "{").unwrap();
        assert!(matches!(Journal::open(Some(path), "x".to_owned(), 7).await, Err(JournalError::Damaged { .. })));
    }
}
