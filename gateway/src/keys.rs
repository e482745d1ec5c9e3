//! The gateway's own keys, one use each, kept in the data folder. The organisation's root is none of them: see
//! [`crate::root`].

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hmac::{Hmac, KeyInit as _, Mac as _};
use seamark_contracts::clock::Chance;
use seamark_ledger::key::{Signer as _, SigningKey};
use sha2::Sha256;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::keyfile;

/// Why the keys are not there.
#[derive(Debug, Error)]
pub enum KeyError {
    #[error("read or write {path}")]
    File {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("{path} does not hold a key: 32 bytes in base64 are expected; restore the file from the backup")]
    Content { path: PathBuf },
    #[error("{path} can be read by others; run chmod 600 on it")]
    Permissions { path: PathBuf },
    #[error("{path} is missing while the database exists; restore the keys folder from the backup")]
    Missing { path: PathBuf },
}

/// A secret under which bytes are authenticated. It is never printed.
#[derive(Clone)]
pub(crate) struct Secret(Arc<[u8; 32]>);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl Secret {
    /// One that nobody else has and that ends with the process.
    pub(crate) fn make(chance: &dyn Chance) -> Self {
        let mut bytes = [0u8; 32];
        chance.fill(&mut bytes);
        Self(Arc::new(bytes))
    }

    /// HMAC-SHA256 of the parts, each preceded by its length, so that no two lists of parts look alike.
    pub(crate) fn mac(&self, purpose: &str, parts: &[&[u8]]) -> [u8; 32] {
        let mut mac = self.keyed();
        for part in std::iter::once(purpose.as_bytes()).chain(parts.iter().copied()) {
            mac.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }

    #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
    fn keyed(&self) -> Hmac<Sha256> {
        Hmac::<Sha256>::new_from_slice(self.0.as_slice()).expect("HMAC takes a key of any length")
    }
}

/// All keys of a gateway.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    /// Signs handoff statements.
    pub(crate) handoff: Arc<SigningKey>,
    /// Signs outcome statements.
    pub(crate) outcome: Arc<SigningKey>,
    /// Signs checkpoints.
    pub(crate) ledger: Arc<SigningKey>,
    /// Signs webhook pushes (Standard Webhooks `v1a`).
    pub(crate) webhook: Arc<SigningKey>,
    /// Digests of submissions are keyed with it, and webhook secrets are derived from it.
    pub(crate) intake: Secret,
}

impl Keys {
    /// Opens the keys in `folder`. When `may_make` they are made where they are missing, otherwise a missing key is an
    /// error: a key that is lost must not be replaced silently.
    ///
    /// # Errors
    /// [`KeyError`].
    pub(crate) fn open(folder: &Path, may_make: bool, chance: &dyn Chance) -> Result<Self, KeyError> {
        fs::create_dir_all(folder).map_err(|source| KeyError::File { path: folder.to_owned(), source })?;
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700))
            .map_err(|source| KeyError::File { path: folder.to_owned(), source })?;
        Self::from_seeds(|name| keyfile::open_seed(&folder.join(format!("{name}.key")), may_make.then_some(chance)))
    }

    /// Reads the keys in `folder` and changes nothing.
    ///
    /// # Errors
    /// [`KeyError`]; a key that is not there is an error.
    pub(crate) fn read(folder: &Path) -> Result<Self, KeyError> {
        Self::from_seeds(|name| keyfile::open_seed(&folder.join(format!("{name}.key")), None))
    }

    /// The ledger's origin, which its key determines.
    pub(crate) fn origin(&self) -> String {
        let keyid = self.ledger.public_key().id().to_string();
        format!("ledger.seamark.local/{}", keyid.get(..16).unwrap_or_default())
    }

    fn from_seeds(seed: impl Fn(&str) -> Result<[u8; 32], KeyError>) -> Result<Self, KeyError> {
        let key = |name: &str| Ok::<_, KeyError>(Arc::new(SigningKey::from_seed(&seed(name)?)));
        Ok(Self {
            handoff: key("handoff")?,
            outcome: key("outcome")?,
            ledger: key("ledger")?,
            webhook: key("webhook")?,
            intake: Secret(Arc::new(seed("intake")?)),
        })
    }
}

/// The seed in a key file that is closed to others.
///
/// # Errors
/// [`KeyError`]; a file that is not there is an error.
pub(crate) fn read_seed(path: &Path) -> Result<Zeroizing<[u8; 32]>, KeyError> {
    keyfile::open_seed(path, None).map(Zeroizing::new)
}
#[cfg(test)]
mod tests {
    use seamark_contracts::clock::SeededChance;

    use super::*;

    #[test]
    fn keys_are_made_once_and_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let made = Keys::open(folder.path(), true, &SeededChance::new(1)).unwrap();
        let read = Keys::open(folder.path(), false, &SeededChance::new(2)).unwrap();
        assert_eq!(made.handoff.public_key(), read.handoff.public_key());
        assert_ne!(made.handoff.public_key(), made.outcome.public_key());
        let mode = fs::metadata(folder.path().join("handoff.key")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_lost_open_or_broken_key_is_an_error_and_never_replaced() {
        let folder = tempfile::tempdir().unwrap();
        Keys::open(folder.path(), true, &SeededChance::new(1)).unwrap();
        let path = folder.path().join("outcome.key");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(Keys::open(folder.path(), false, &SeededChance::new(2)), Err(KeyError::Permissions { .. })));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&path, "short").unwrap();
        assert!(matches!(Keys::open(folder.path(), true, &SeededChance::new(2)), Err(KeyError::Content { .. })));
        fs::remove_file(&path).unwrap();
        assert!(matches!(Keys::open(folder.path(), false, &SeededChance::new(2)), Err(KeyError::Missing { .. })));
    }

    #[test]
    fn a_mac_depends_on_purpose_and_on_where_parts_end() {
        let folder = tempfile::tempdir().unwrap();
        let secret = Keys::open(folder.path(), true, &SeededChance::new(1)).unwrap().intake;
        let all = [
            secret.mac("a", &[b"bc"]),
            secret.mac("ab", &[b"c"]),
            secret.mac("a", &[b"b", b"c"]),
            secret.mac("a", &[]),
        ];
        for (n, one) in all.iter().enumerate() {
            assert!(all.iter().skip(n + 1).all(|other| other != one));
        }
    }
}
