//! Who holds the organisation's root: somebody else, or, on a gateway of one person's own, that person's keyring.
//!
//! The data folder never holds it. A gateway for others knows the public half alone, and what it proposes counts when the
//! holder has signed it ([`crate::directory`]). The gateway inside the app gets the private half from the person's keyring
//! when it starts and has it in memory only.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use seamark_contracts::clock::Chance;
use seamark_ledger::key::{KeyId, PublicKey, Signer as _, SigningKey};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::keys::{self, KeyError};

/// File of the root's private key in a folder that an earlier build made, below `keys`.
const EARLIER_FILE: &str = "root.key";

/// Why a keeper of the root gave or kept nothing.
#[derive(Debug, Error)]
pub enum KeeperError {
    /// It is locked, or does not hold the key: the two cannot be told apart, so no other key is made in its place.
    #[error("the keeper of the root key is locked or does not hold it")]
    Locked(#[source] Option<Box<dyn std::error::Error + Send + Sync>>),
    /// There is no keeper.
    #[error("the keeper of the root key is not there")]
    Missing(#[source] Option<Box<dyn std::error::Error + Send + Sync>>),
    /// It was asked to keep a key and could not.
    #[error("the keeper of the root key could not keep it")]
    Kept(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Where the root key of a gateway lies, outside of its data folder. Calls may block while a person is asked.
pub trait RootKeeper: Send + Sync + std::fmt::Debug {
    /// The seed of the root with this key id.
    ///
    /// # Errors
    /// [`KeeperError`]; also when it is not there.
    fn read(&self, keyid: &str) -> Result<Zeroizing<[u8; 32]>, KeeperError>;

    /// Keeps a seed durably, so that [`Self::read`] gives it from now on.
    ///
    /// # Errors
    /// [`KeeperError`] when it is not certain that it is kept.
    fn keep(&self, keyid: &str, seed: &[u8; 32]) -> Result<(), KeeperError>;
}

/// Who is to sign the directory, as whoever opens a gateway says.
#[derive(Clone, Debug, Default)]
pub enum RootChoice {
    /// Whoever holds the root that the folder knows already.
    #[default]
    Known,
    /// The holder of this key, who is elsewhere.
    Outside(Box<PublicKey>),
    /// This process, with a key that a keeper outside of the folder has. Made and kept there when the folder is new.
    Kept(Arc<dyn RootKeeper>),
    /// This process, with this key.
    Held(Arc<SigningKey>),
}

/// Who signs the directory.
#[derive(Clone, Debug)]
pub(crate) enum Root {
    /// This process, at once. In memory only.
    Held(Arc<SigningKey>),
    /// Somebody else, who is shown each change.
    Outside,
}

/// Why a gateway has no root to work under.
#[derive(Debug, Error)]
pub enum RootError {
    #[error(
        "this gateway has no organisation root yet, and makes none itself; make one with `seamark org create`, then name its public key: `seamark init --data-dir DIR --root-key KEY`"
    )]
    None,
    #[error("the folder belongs to the root {known} and not to {given}")]
    Other { known: KeyId, given: KeyId },
    #[error(
        "{path} is the organisation's root key, kept here by an earlier version; a gateway must not hold it. Move it into your organisation's keeping: `seamark org adopt --data-dir DIR --out FILE`"
    )]
    InFolder { path: PathBuf },
    #[error(
        "{path} is missing, and the directory was signed with it; restore it from the backup, then run `seamark org adopt`"
    )]
    Lost { path: PathBuf },
    #[error("ask the keeper of the root key")]
    Keeper(#[from] KeeperError),
    #[error("read the root key of an earlier version")]
    Key(#[source] KeyError),
}

/// The root under which a gateway opens.
#[derive(Clone, Debug)]
pub(crate) struct Resolved {
    pub(crate) root: Root,
    pub(crate) public: PublicKey,
    /// File of an earlier version that goes away once the folder knows its root.
    pub(crate) to_remove: Option<PathBuf>,
}

/// What a folder knows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known {
    pub(crate) root: Option<PublicKey>,
    /// Whether it has a ledger already.
    pub(crate) is_begun: bool,
}

/// Finds the root for a folder whose keys lie in `keys_folder`.
pub(crate) fn resolve(
    choice: &RootChoice,
    known: Known,
    keys_folder: &Path,
    chance: &dyn Chance,
) -> Result<Resolved, RootError> {
    let earlier = keys_folder.join(EARLIER_FILE);
    let has_earlier = earlier.exists();
    let resolved = match choice {
        RootChoice::Kept(keeper) => {
            let key = kept(keeper.as_ref(), known, has_earlier.then_some(&*earlier), &earlier, chance)?;
            let public = key.public_key();
            Resolved { root: Root::Held(Arc::new(key)), public, to_remove: has_earlier.then_some(earlier) }
        }
        _ if has_earlier => return Err(RootError::InFolder { path: earlier }),
        _ if known.is_begun && known.root.is_none() => return Err(RootError::Lost { path: earlier }),
        RootChoice::Held(key) => {
            let public = key.public_key();
            Resolved { root: Root::Held(Arc::clone(key)), public, to_remove: None }
        }
        RootChoice::Outside(public) => Resolved { root: Root::Outside, public: **public, to_remove: None },
        RootChoice::Known => {
            Resolved { root: Root::Outside, public: known.root.ok_or(RootError::None)?, to_remove: None }
        }
    };
    match known.root {
        Some(known) if known != resolved.public => {
            Err(RootError::Other { known: known.id(), given: resolved.public.id() })
        }
        _ => Ok(resolved),
    }
}

/// The key out of its keeping. A folder that is new gets a new one, which is kept before anything is signed with it; a
/// folder that has a root never does, whatever the keeper says (invariant F3).
fn kept(
    keeper: &dyn RootKeeper,
    known: Known,
    earlier: Option<&Path>,
    expected: &Path,
    chance: &dyn Chance,
) -> Result<SigningKey, RootError> {
    let seed = match (earlier, known.root) {
        (Some(path), _) => {
            let seed = keys::read_seed(path).map_err(RootError::Key)?;
            let id = SigningKey::from_seed(&seed).public_key().id();
            if let Some(known) = known.root.filter(|known| known.id() != id) {
                return Err(RootError::Other { known: known.id(), given: id });
            }
            keeper.keep(&id.to_string(), &seed)?;
            seed
        }
        (None, Some(root)) => keeper.read(&root.id().to_string())?,
        (None, None) if known.is_begun => return Err(RootError::Lost { path: expected.to_owned() }),
        (None, None) => {
            let mut seed = Zeroizing::new([0u8; 32]);
            chance.fill(seed.as_mut());
            keeper.keep(&SigningKey::from_seed(&seed).public_key().id().to_string(), &seed)?;
            seed
        }
    };
    Ok(SigningKey::from_seed(&seed))
}

impl Resolved {
    /// ORDER: after the keeper has the key and the folder's database names it, and not before.
    pub(crate) fn remove_earlier_file(&self) -> Result<(), RootError> {
        let Some(path) = &self.to_remove else { return Ok(()) };
        let fault = |source| RootError::Key(KeyError::File { path: path.clone(), source });
        match fs::remove_file(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            done => done.map_err(fault)?,
        }
        if let Some(folder) = path.parent() {
            fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(fault)?;
        }
        tracing::warn!(path = %path.display(), "the organisation's root key was moved out of the gateway's folder");
        Ok(())
    }
}
