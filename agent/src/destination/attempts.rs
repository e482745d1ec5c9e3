//! The destination's own memory of attempts: each is used once, whatever the gateway says and whoever else runs here.
//!
//! One file for each fact, written once and never changed, named by the SHA-256 of the attempt:
//!
//! ```text
//! HEX.used.json   before the act        (crash before: free)
//! HEX.ended.json  after the act         (crash before: used, nobody knows whether it was done)
//! HEX.sent        the gateway has the report
//! ```
//! A fact is written beside its name, brought to the disk, and then linked to its name, which fails when the name is
//! there: of any number of threads and processes one wins, and no crash leaves half a file under the name. Files rather
//! than a database, since uniqueness of a name and a flush of the folder are all that is needed, and agents carry no SQL.
//! Whoever acts holds a lock on its `used` file, which the system takes away when the process ends in whatever way.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use seamark_contracts::clock::Timestamp;
use seamark_contracts::digest::Digest;
use seamark_contracts::id::{HandoffId, OutcomeId};
use seamark_contracts::outcome::{ExecutionPhase, ExecutionResult};
use seamark_contracts::strict_json::{self, Limits, TypedJsonError};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Why the memory cannot be used. Then nothing is done.
#[derive(Debug, Error)]
pub enum AttemptsError {
    #[error("use the attempts' folder at {path}")]
    File {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("understand {path}; restore it from a backup, or look what was done and report it by hand")]
    Damaged {
        path: PathBuf,
        #[source]
        source: TypedJsonError,
    },
    #[error("write down an attempt as JSON")]
    Write(#[from] serde_json::Error),
}

/// Who ends an attempt that is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Holder {
    /// The process that used it. Once that is gone nobody knows whether it acted.
    Process,
    /// Whoever the payload was handed to: they say what they did.
    Caller,
}

/// An attempt that is used, with what a report needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Used {
    pub attempt: String,
    pub handoff_id: HandoffId,
    /// Digest of the handoff statement.
    pub handoff: Digest,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<(OutcomeId, Digest)>,
    /// Digests of the decisions that count.
    pub decisions: Vec<Digest>,
    /// Digests of the disclosures used.
    pub disclosures: Vec<String>,
    pub used_at: Timestamp,
    pub holder: Holder,
}

/// What came of a used attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Ended {
    pub result: ExecutionResult,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<ExecutionPhase>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The signed report, as it is sent until the gateway has it.
    pub report: String,
}

/// Where an attempt stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    Free,
    /// Used, with no end written down. `is_held`: the process that used it runs still.
    Used {
        used: Used,
        is_held: bool,
    },
    Ended {
        used: Used,
        ended: Ended,
        is_sent: bool,
    },
}

/// An attempt that this process has used. While this lives, others see that it is being acted on.
#[derive(Debug)]
pub struct Held {
    _lock: File,
}

/// A folder with what became of every attempt. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Attempts {
    folder: PathBuf,
}

/// Tells files that are being written apart within a process.
static N_WRITTEN: AtomicU64 = AtomicU64::new(0);

impl Attempts {
    /// The memory in `folder`, which is made when it is not there.
    ///
    /// # Errors
    /// [`AttemptsError::File`].
    pub fn open(folder: &Path) -> Result<Self, AttemptsError> {
        std::fs::create_dir_all(folder).map_err(|source| AttemptsError::File { path: folder.to_owned(), source })?;
        let attempts = Self { folder: folder.to_owned() };
        attempts.flush_folder()?;
        Ok(attempts)
    }

    /// Uses an attempt, on the disk when this returns. `None`: it was used before.
    ///
    /// # Errors
    /// [`AttemptsError`]; then nothing may be done. The attempt may be used or not.
    pub fn use_once(&self, used: &Used) -> Result<Option<Held>, AttemptsError> {
        let path = self.path(&used.attempt, "used.json");
        self.write_once(&path, &serde_json::to_vec(used)?).map(|lock| lock.map(|lock| Held { _lock: lock }))
    }

    /// Writes down what came of it. The first one stays: `false` when there was one.
    ///
    /// # Errors
    /// [`AttemptsError`].
    pub fn end(&self, attempt: &str, ended: &Ended) -> Result<bool, AttemptsError> {
        let path = self.path(attempt, "ended.json");
        Ok(self.write_once(&path, &serde_json::to_vec(ended)?)?.is_some())
    }

    /// Notes that the gateway has the report.
    ///
    /// # Errors
    /// [`AttemptsError`].
    pub fn note_sent(&self, attempt: &str) -> Result<(), AttemptsError> {
        self.write_once(&self.path(attempt, "sent"), b"").map(drop)
    }

    /// Where an attempt stands.
    ///
    /// # Errors
    /// [`AttemptsError`]; an attempt whose file cannot be read is not free.
    pub fn standing(&self, attempt: &str) -> Result<Standing, AttemptsError> {
        let path = self.path(attempt, "used.json");
        let Some((used, file)) = read::<Used>(&path)? else { return Ok(Standing::Free) };
        if let Some((ended, _)) = read::<Ended>(&self.path(attempt, "ended.json"))? {
            let is_sent = self.path(attempt, "sent").exists();
            return Ok(Standing::Ended { used, ended, is_sent });
        }
        // Only looking: the shared lock goes with `file`.
        let is_held = match file.try_lock_shared() {
            Ok(()) => false,
            Err(TryLockError::WouldBlock) => true,
            Err(TryLockError::Error(source)) => return Err(AttemptsError::File { path, source }),
        };
        Ok(Standing::Used { used, is_held })
    }

    /// Every attempt that was used here and whose report the gateway does not have yet.
    ///
    /// # Errors
    /// [`AttemptsError`].
    pub fn unsent(&self) -> Result<Vec<Standing>, AttemptsError> {
        let failed = |source| AttemptsError::File { path: self.folder.clone(), source };
        let mut found = Vec::new();
        for entry in std::fs::read_dir(&self.folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let Some(stem) = name.strip_suffix(".used.json") else { continue };
            if self.folder.join(format!("{stem}.sent")).exists() {
                continue;
            }
            if let Some((used, _)) = read::<Used>(&path)? {
                found.push(self.standing(&used.attempt)?);
            }
        }
        Ok(found)
    }

    fn path(&self, attempt: &str, what: &str) -> PathBuf {
        // An attempt tells upper from lower case, which not every file system does.
        self.folder.join(format!("{}.{what}", Digest::of(attempt.as_bytes()).to_hex()))
    }

    /// Brings `bytes` to the disk and only then under the name; the open and locked file when the name was free.
    fn write_once(&self, path: &Path, bytes: &[u8]) -> Result<Option<File>, AttemptsError> {
        let failed = |source| AttemptsError::File { path: path.to_owned(), source };
        if path.exists() {
            return Ok(None);
        }
        let (mut file, beside) = self.create_beside().map_err(failed)?;
        let written = file
            .write_all(bytes)
            .and_then(|()| file.sync_all())
            // Nobody else knows the file yet, so the lock is free: it is there before the name is.
            .and_then(|()| file.try_lock().map_err(io::Error::from))
            .and_then(|()| std::fs::hard_link(&beside, path));
        // Left over after a crash it is no more than a file that nobody reads.
        let _ = std::fs::remove_file(&beside);
        match written {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(None),
            Err(error) => return Err(failed(error)),
        }
        self.flush_folder()?;
        Ok(Some(file))
    }

    fn create_beside(&self) -> io::Result<(File, PathBuf)> {
        loop {
            let nth = N_WRITTEN.fetch_add(1, Ordering::Relaxed);
            let path = self.folder.join(format!(".{}-{nth}", std::process::id()));
            match OpenOptions::new().create_new(true).write(true).open(&path) {
                Ok(file) => return Ok((file, path)),
                // Of a process that crashed and had the same number.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// A name is on the disk once its folder is.
    fn flush_folder(&self) -> Result<(), AttemptsError> {
        let flushed = File::open(&self.folder).and_then(|folder| folder.sync_all());
        flushed.map_err(|source| AttemptsError::File { path: self.folder.clone(), source })
    }
}

fn read<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<Option<(T, File)>, AttemptsError> {
    let failed = |source| AttemptsError::File { path: path.to_owned(), source };
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let mut bytes = Vec::new();
    let limit = u64::try_from(Limits::SIGNED.max_bytes).unwrap_or(u64::MAX).saturating_add(1);
    (&mut file).take(limit).read_to_end(&mut bytes).map_err(failed)?;
    let value = strict_json::parse_typed(&bytes, &Limits::SIGNED)
        .map_err(|source| AttemptsError::Damaged { path: path.to_owned(), source })?;
    Ok(Some((value, file)))
}
