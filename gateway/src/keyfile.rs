//! Files that hold one secret or one fact: read by this account alone, and replaced as a whole or not at all.

use std::fs;
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use base64ct::{Base64, Encoding as _};
use seamark_contracts::clock::Chance;

use crate::keys::KeyError;

/// The 32 bytes in a key file. Where it is missing they are made with `to_make`; without that a missing key is an error.
///
/// # Errors
/// [`KeyError`]: the file cannot be read or written, is no key, can be read by others, or is missing.
pub fn open_seed(path: &Path, to_make: Option<&dyn Chance>) -> Result<[u8; 32], KeyError> {
    let fault = |source| KeyError::File { path: path.to_owned(), source };
    match fs::File::open(path) {
        Ok(mut file) => {
            if file.metadata().map_err(fault)?.permissions().mode() & 0o077 != 0 {
                return Err(KeyError::Permissions { path: path.to_owned() });
            }
            let mut text = String::new();
            file.read_to_string(&mut text).map_err(fault)?;
            let bytes = Base64::decode_vec(text.trim_end()).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
            bytes.ok_or_else(|| KeyError::Content { path: path.to_owned() })
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let Some(chance) = to_make else { return Err(KeyError::Missing { path: path.to_owned() }) };
            let mut seed = [0u8; 32];
            chance.fill(&mut seed);
            write_durably(path, &format!("{}\n", Base64::encode_string(&seed))).map_err(fault)?;
            Ok(seed)
        }
        Err(error) => Err(fault(error)),
    }
}

/// Replaces a file as a whole and returns when that is on the disk; only this account can read it.
///
/// ORDER: a key is on disk, under its final name, before anything is signed with it.
///
/// # Errors
/// When the disk does not take it; then the file is as it was.
pub fn write_durably(path: &Path, text: &str) -> std::io::Result<()> {
    let fresh = path.with_extension("new");
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&fresh, path)?;
    if let Some(folder) = path.parent() {
        fs::File::open(folder)?.sync_all()?;
    }
    Ok(())
}
