//! The root key in a file, under a passphrase. Source: FORMATS.md §1.3.
//!
//! XChaCha20-Poly1305 under Argon2id. The public half stands beside it in clear: it is no secret, and whoever pins it has to
//! be given it.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use anyhow::{Context as _, anyhow, bail, ensure};
use argon2::{Algorithm, Argon2, Params, Version};
use base64ct::{Base64UrlUnpadded, Encoding as _};
use chacha20poly1305::aead::{Aead as _, Payload};
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce};
use seamark_contracts::clock::Chance;
use seamark_contracts::strict_json::{self, Limits};
use seamark_ledger::key::{PublicKey, Signer as _, SigningKey};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

const FORMAT: &str = "seamark-root/v1";

/// A root file is short.
const MAX_BYTES: u64 = 4096;

/// What one guess costs: 256 MiB, three times over.
const COST: Cost = Cost { memory_kib: 256 * 1024, passes: 3 };

/// The most that a file may ask this computer to pay.
const MAX_COST: Cost = Cost { memory_kib: 4 * 1024 * 1024, passes: 64 };

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Cost {
    memory_kib: u32,
    passes: u32,
}

/// The file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RootFile {
    format: String,
    pub keyid: String,
    /// The public half, base64url without padding.
    pub key: String,
    cost: Cost,
    salt: String,
    nonce: String,
    sealed: String,
}

impl RootFile {
    /// Seals a seed under a passphrase.
    ///
    /// # Errors
    /// When this computer has too little memory.
    pub fn seal(seed: &[u8; 32], passphrase: &str, chance: &dyn Chance) -> anyhow::Result<Self> {
        let public = SigningKey::from_seed(seed).public_key();
        let (mut salt, mut nonce) = ([0u8; 16], [0u8; 24]);
        chance.fill(&mut salt);
        chance.fill(&mut nonce);
        let keyid = public.id().to_string();
        let cipher = XChaCha20Poly1305::new(derive(passphrase, &salt, COST)?.as_ref().into());
        let named = associated(&keyid);
        let payload = Payload { msg: seed, aad: named.as_bytes() };
        let sealed = cipher
            .encrypt(XNonce::from_slice(&nonce), payload)
            .map_err(|_| anyhow!("seal the root key: the cipher refused"))?;
        Ok(Self {
            format: FORMAT.to_owned(),
            keyid,
            key: Base64UrlUnpadded::encode_string(public.as_bytes()),
            cost: COST,
            salt: Base64UrlUnpadded::encode_string(&salt),
            nonce: Base64UrlUnpadded::encode_string(&nonce),
            sealed: Base64UrlUnpadded::encode_string(&sealed),
        })
    }

    /// Opens it again.
    ///
    /// # Errors
    /// When the passphrase is wrong or the file damaged: the two cannot be told apart.
    pub fn open(&self, passphrase: &str) -> anyhow::Result<SigningKey> {
        ensure!(
            self.cost.memory_kib <= MAX_COST.memory_kib && self.cost.passes <= MAX_COST.passes,
            "open the root key: the file asks for more memory or time than any that this program writes"
        );
        let (salt, nonce) = (bytes::<16>(&self.salt)?, bytes::<24>(&self.nonce)?);
        let sealed = bytes::<48>(&self.sealed)?;
        let cipher = XChaCha20Poly1305::new(derive(passphrase, &salt, self.cost)?.as_ref().into());
        let named = associated(&self.keyid);
        let payload = Payload { msg: &sealed, aad: named.as_bytes() };
        let opened = cipher.decrypt(XNonce::from_slice(&nonce), payload).map(Zeroizing::new);
        let wrong = || anyhow!("open the root key: the passphrase is wrong, or the file is damaged");
        let seed: [u8; 32] = opened.map_err(|_| wrong())?.as_slice().try_into().map_err(|_| wrong())?;
        let key = SigningKey::from_seed(&Zeroizing::new(seed));
        ensure!(key.public_key() == self.public()?, "open the root key: the file names another key than it holds");
        Ok(key)
    }

    /// The public half.
    ///
    /// # Errors
    /// When the file names none.
    pub fn public(&self) -> anyhow::Result<PublicKey> {
        let key = parse_key(&self.key)?;
        ensure!(key.id().to_string() == self.keyid, "read the root file: its key id is not that of its key");
        Ok(key)
    }

    /// Reads a file.
    ///
    /// # Errors
    /// When it is not there or is none.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let shown = path.display();
        let mut text = Vec::new();
        let file = File::open(path).with_context(|| format!("read the root file {shown}"))?;
        file.take(MAX_BYTES).read_to_end(&mut text).with_context(|| format!("read the root file {shown}"))?;
        let limits = Limits::SIGNED.with_max_bytes(4096);
        let file: Self =
            strict_json::parse_typed(&text, &limits).with_context(|| format!("read {shown} as a root file"))?;
        if file.format != FORMAT {
            bail!("read {shown}: it is of the form {:?}, and this program reads {FORMAT}", file.format);
        }
        file.public()?;
        Ok(file)
    }

    /// Writes it durably, readable by this account alone, and never over another file.
    ///
    /// # Errors
    /// When there is a file already, or it cannot be written.
    pub fn write(&self, path: &Path) -> anyhow::Result<()> {
        let shown = path.display();
        let text = serde_json::to_string_pretty(self).context("write the root file")?;
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).with_context(|| {
            format!("make {shown}; a file that is there is never replaced, because it may be the only copy of a root")
        })?;
        let written = writeln!(file, "{text}").and_then(|()| file.sync_all());
        written.with_context(|| format!("write {shown}"))?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder).and_then(|folder| folder.sync_all()).with_context(|| format!("keep {shown}"))
    }
}

/// A public key as people hand it around.
///
/// # Errors
/// When it is none.
pub fn parse_key(text: &str) -> anyhow::Result<PublicKey> {
    let bytes = Base64UrlUnpadded::decode_vec(text.trim()).ok();
    let key = bytes.and_then(|bytes| PublicKey::parse(&bytes).ok());
    key.with_context(|| {
        format!("read the root key {text:?}: it has 43 characters, as `seamark org create` printed them")
    })
}

fn associated(keyid: &str) -> String {
    format!("{FORMAT}\n{keyid}")
}

fn bytes<const N: usize>(text: &str) -> anyhow::Result<[u8; N]> {
    let bytes = Base64UrlUnpadded::decode_vec(text).ok().and_then(|bytes| bytes.try_into().ok());
    bytes.context("open the root key: the file is damaged")
}

fn derive(passphrase: &str, salt: &[u8; 16], cost: Cost) -> anyhow::Result<Zeroizing<[u8; 32]>> {
    let params = Params::new(cost.memory_kib, cost.passes, 1, Some(32))
        .map_err(|_| anyhow!("open the root key: the file is damaged"))?;
    let mut key = Zeroizing::new([0u8; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(passphrase.as_bytes(), salt, key.as_mut())
        .map_err(|_| anyhow!("work out the key of the root file: this computer has too little memory free"))?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use seamark_contracts::clock::SeededChance;

    use super::*;

    #[test]
    fn a16_only_its_passphrase_opens_a_root_file_and_no_other_key_id_fits_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("root");
        let sealed = RootFile::seal(&[7; 32], "several words nobody joins", &SeededChance::new(1)).unwrap();
        sealed.write(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let before = std::fs::read(&path).unwrap();
        assert!(sealed.write(&path).is_err(), "a root is never replaced");
        assert_eq!(std::fs::read(&path).unwrap(), before);

        let read = RootFile::read(&path).unwrap();
        let key = read.open("several words nobody joins").unwrap();
        assert_eq!(key.public_key(), SigningKey::from_seed(&[7; 32]).public_key());
        assert!(read.open("several words nobody joined").is_err());
        let other = SigningKey::from_seed(&[8; 32]).public_key();
        let renamed = RootFile {
            keyid: other.id().to_string(),
            key: Base64UrlUnpadded::encode_string(other.as_bytes()),
            ..read.clone()
        };
        assert!(renamed.open("several words nobody joins").is_err());
        let costly = RootFile { cost: Cost { memory_kib: u32::MAX, passes: 1 }, ..read };
        assert!(costly.open("several words nobody joins").is_err());
        assert!(!String::from_utf8(before).unwrap().contains(&Base64UrlUnpadded::encode_string(&[7; 32])));
    }
}
