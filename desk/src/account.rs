//! Who this desk is: the account that enrolment made, and what it pinned then.
//!
//! One JSON file, `desk.json`, written whole to a second file, synced and renamed over the first, so that a crash leaves
//! either the old account or the new one. It holds no secret.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use seamark_contracts::api::device::Person;
use seamark_contracts::api::ledger::Trust;
use seamark_contracts::clock::Timestamp;
use serde::{Deserialize, Serialize};
use thiserror::Error;

const FILE: &str = "desk.json";
const FORMAT: &str = "seamark-desk/v1";

/// What enrolment fixed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Account {
    /// Always `seamark-desk/v1`.
    pub format: String,
    /// The gateway's address, without a slash at the end.
    pub gateway: String,
    /// Whether the gateway is the one that this app started itself.
    pub is_local: bool,
    pub person: Person,
    pub device_name: String,
    pub device_keyid: String,
    pub decision_keyid: String,
    /// Pinned at enrolment: nothing that the gateway says later changes it.
    pub trust: Trust,
    pub enrolled_at: Timestamp,
}

impl Account {
    /// The format that this version writes and reads.
    #[must_use]
    pub fn format() -> String {
        FORMAT.to_owned()
    }
}

/// Why an account could not be read or written.
#[derive(Debug, Error)]
pub enum AccountError {
    #[error("read the account file {path}", path = .path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("the account file {path} is not one that this version understands", path = .path.display())]
    Malformed { path: PathBuf, source: serde_json::Error },
    #[error("the account file {path} has format {found}, this version reads {FORMAT}", path = .path.display())]
    Format { path: PathBuf, found: String },
    #[error("write the account file {path}", path = .path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("write the account as JSON")]
    Serialize(#[source] serde_json::Error),
}

/// Reads the account in `dir`; `None` when this desk was never enrolled.
///
/// # Errors
/// [`AccountError`] when there is a file and it cannot be read or understood. It is never replaced silently.
pub fn load(dir: &Path) -> Result<Option<Account>, AccountError> {
    let path = dir.join(FILE);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(AccountError::Read { path, source }),
    };
    let account: Account = match serde_json::from_str(&text) {
        Ok(account) => account,
        Err(source) => return Err(AccountError::Malformed { path, source }),
    };
    if account.format == FORMAT { Ok(Some(account)) } else { Err(AccountError::Format { path, found: account.format }) }
}

/// Writes the account durably: after this returns, a crash or a power loss keeps it.
///
/// # Errors
/// [`AccountError::Write`]; the earlier account, if any, is still there then.
pub fn save(dir: &Path, account: &Account) -> Result<(), AccountError> {
    let text = serde_json::to_vec_pretty(account).map_err(AccountError::Serialize)?;
    let path = dir.join(FILE);
    write_durably(&path, &text).map_err(|source| AccountError::Write { path, source })
}

/// Writes `bytes` to `path` so that a crash leaves the old file or the new one, readable by this user alone.
///
/// # Errors
/// Whatever the file system reports; the old file is still there then.
pub fn write_durably(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let dir = path.parent().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "a file has a folder"))?;
    let temporary = path.with_extension("new");
    // ORDER: content synced before the rename, the folder after it. Otherwise a power loss can leave an empty file.
    let mut file = private_file(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    File::open(dir)?.sync_all()
}

#[cfg(unix)]
fn private_file(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)
}

#[cfg(not(unix))]
fn private_file(path: &Path) -> io::Result<File> {
    fs::OpenOptions::new().write(true).create(true).truncate(true).open(path)
}

#[cfg(test)]
mod tests {
    use seamark_contracts::id::UserUrn;

    use super::*;

    fn account() -> Account {
        Account {
            format: Account::format(),
            gateway: "http://127.0.0.1:4120".to_owned(),
            is_local: true,
            person: Person {
                id: UserUrn::from_name("ana").unwrap(),
                name: "Ana Example".to_owned(),
                roles: vec!["reviewer".to_owned()],
            },
            device_name: "laptop".to_owned(),
            device_keyid: "aa".to_owned(),
            decision_keyid: "bb".to_owned(),
            trust: Trust {
                org: "Acme".to_owned(),
                root_keyid: "cc".to_owned(),
                root_key: "dd".to_owned(),
                ledger_origin: "ledger.acme.example".to_owned(),
                ledger_vkey: "vkey".to_owned(),
            },
            enrolled_at: Timestamp::from_ms(0),
        }
    }

    #[test]
    fn an_account_reads_back_and_no_account_is_no_error() {
        let dir = tempfile::tempdir().unwrap();
        assert!(load(dir.path()).unwrap().is_none());
        save(dir.path(), &account()).unwrap();
        assert_eq!(load(dir.path()).unwrap(), Some(account()));
        assert!(!dir.path().join("desk.new").exists(), "no half-written file stays");
    }

    #[test]
    fn a_damaged_account_is_reported_and_kept() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(FILE), "{\"format\":").unwrap();
        assert!(matches!(load(dir.path()), Err(AccountError::Malformed { .. })));
        assert_eq!(fs::read_to_string(dir.path().join(FILE)).unwrap(), "{\"format\":");
    }
}
