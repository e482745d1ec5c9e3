//! The operating system's keyring behind a port.

use std::fmt;
use std::sync::Arc;

use base64ct::{Base64UrlUnpadded, Encoding as _};
use keyring_core::api::CredentialStoreApi as _;
use thiserror::Error;
use zeroize::Zeroizing;

/// Service name of every entry.
const SERVICE: &str = "dev.seamark.desk";

/// Where small secrets are kept. Calls may block for as long as the system asks the person to unlock.
pub trait Keyring: Send + Sync + fmt::Debug {
    /// The secret with this name.
    ///
    /// # Errors
    /// [`KeyringError::Locked`] also when there is no such entry: the two cannot be told apart.
    fn read(&self, name: &str) -> Result<Zeroizing<Vec<u8>>, KeyringError>;

    /// Keeps a secret under this name, replacing an earlier one.
    ///
    /// # Errors
    /// [`KeyringError`] when it was not kept.
    fn write(&self, name: &str, secret: &[u8]) -> Result<(), KeyringError>;
}

/// Why the keyring gave or took nothing.
#[derive(Debug, Error)]
pub enum KeyringError {
    /// There is no keyring service on this session.
    #[error("reach the keyring service of this session")]
    Missing(#[source] keyring_core::Error),
    /// It is locked, or does not hold the entry.
    #[error("read or write an entry of the keyring, which is locked or does not hold it")]
    Locked(#[source] Option<keyring_core::Error>),
    /// It holds something that this desk did not write.
    #[error("the keyring's entry is not one of this desk")]
    Malformed,
}

/// The Secret Service of a Linux desktop session (GNOME Keyring, KDE Wallet, KeePassXC).
#[derive(Clone, Copy, Debug, Default)]
pub struct SecretService;

impl SecretService {
    /// A new connection for each call: a daemon that was restarted or unlocked meanwhile is found again.
    fn entry(name: &str) -> Result<keyring_core::Entry, KeyringError> {
        let store: Arc<zbus_secret_service_keyring_store::Store> =
            zbus_secret_service_keyring_store::Store::new().map_err(KeyringError::Missing)?;
        let label = format!("Seamark ({name})");
        let modifiers = std::collections::HashMap::from([("label", label.as_str())]);
        store.build(SERVICE, name, Some(&modifiers)).map_err(KeyringError::Missing)
    }
}

fn sort_error(error: keyring_core::Error) -> KeyringError {
    match error {
        keyring_core::Error::NoDefaultStore | keyring_core::Error::NotSupportedByStore(_) => {
            KeyringError::Missing(error)
        }
        other => KeyringError::Locked(Some(other)),
    }
}

impl Keyring for SecretService {
    fn read(&self, name: &str) -> Result<Zeroizing<Vec<u8>>, KeyringError> {
        let text = Zeroizing::new(Self::entry(name)?.get_secret().map_err(sort_error)?);
        let text = std::str::from_utf8(&text).map_err(|_| KeyringError::Malformed)?;
        Base64UrlUnpadded::decode_vec(text).map(Zeroizing::new).map_err(|_| KeyringError::Malformed)
    }

    fn write(&self, name: &str, secret: &[u8]) -> Result<(), KeyringError> {
        // Text, because some keyrings keep only UTF-8.
        let text = Zeroizing::new(Base64UrlUnpadded::encode_string(secret));
        Self::entry(name)?.set_secret(text.as_bytes()).map_err(sort_error)?;
        // Some daemons answer a write before they are unlocked; only what reads back is kept.
        let kept = self.read(name)?;
        if kept.as_slice() == secret { Ok(()) } else { Err(KeyringError::Malformed) }
    }
}

/// A keyring in memory that can be locked and taken away. For tests.
#[cfg(any(test, feature = "test-keyring"))]
#[derive(Debug, Default)]
pub struct MemoryKeyring {
    entries: std::sync::Mutex<std::collections::BTreeMap<String, Vec<u8>>>,
    is_locked: std::sync::atomic::AtomicBool,
}

#[cfg(any(test, feature = "test-keyring"))]
impl MemoryKeyring {
    /// Locks or unlocks it. Locked, it finds and keeps nothing, as a real one.
    pub fn set_locked(&self, is_locked: bool) {
        self.is_locked.store(is_locked, std::sync::atomic::Ordering::SeqCst);
    }

    /// Number of entries ever kept.
    #[must_use]
    pub fn n_entries(&self) -> usize {
        self.entries.lock().expect("no test panics while it holds the keyring").len()
    }

    fn check_open(&self) -> Result<(), KeyringError> {
        let is_locked = self.is_locked.load(std::sync::atomic::Ordering::SeqCst);
        if is_locked { Err(KeyringError::Locked(None)) } else { Ok(()) }
    }
}

#[cfg(any(test, feature = "test-keyring"))]
impl Keyring for MemoryKeyring {
    fn read(&self, name: &str) -> Result<Zeroizing<Vec<u8>>, KeyringError> {
        self.check_open()?;
        let entries = self.entries.lock().expect("no test panics while it holds the keyring");
        entries.get(name).cloned().map(Zeroizing::new).ok_or(KeyringError::Locked(None))
    }

    fn write(&self, name: &str, secret: &[u8]) -> Result<(), KeyringError> {
        self.check_open()?;
        let mut entries = self.entries.lock().expect("no test panics while it holds the keyring");
        entries.insert(name.to_owned(), secret.to_vec());
        Ok(())
    }
}
