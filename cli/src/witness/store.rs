//! A witness's folder: `witness.key` (32 bytes in base64, mode 0600), `witness.vkey`, `logs` (a vkey a line), and in `heads`
//! one file for each ledger with the last head that was cosigned.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use seamark_contracts::clock::Chance;
use seamark_contracts::digest::Digest;
use seamark_contracts::strict_json::{self, Limits};
use seamark_gateway::keyfile;
use seamark_ledger::checkpoint::{Vkey, VkeyKind};
use seamark_ledger::key::{Signer as _, SigningKey};
use seamark_ledger::witness::RememberedHead;

/// Most ledgers of one witness.
const MAX_LOGS: usize = 10_000;

/// The folder, not opened: what is in it is read when it is asked for.
#[derive(Clone, Debug)]
pub(super) struct Store {
    folder: PathBuf,
}

/// What signs, and under which name.
#[derive(Debug)]
pub(super) struct Itself {
    pub(super) vkey: Vkey,
    pub(super) key: SigningKey,
}

impl Store {
    pub(super) fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// Makes the folder and the key in it.
    ///
    /// # Errors
    /// When the name is none, the disk does not take it, or there is a witness already: its key is never replaced.
    pub(super) fn init(&self, name: &str, chance: &dyn Chance) -> anyhow::Result<Vkey> {
        let heads = self.folder.join("heads");
        let making = || format!("make the witness's folder {}", self.folder.display());
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&heads).with_context(making)?;
        let (key, vkey) = (self.folder.join("witness.key"), self.folder.join("witness.vkey"));
        for path in [&key, &vkey] {
            ensure!(!path.exists(), "make a witness in {}: there is one, with a key of its own", self.folder.display());
        }
        // The name is judged before a key is made for it.
        let probe = SigningKey::from_seed(&[7; 32]).public_key();
        Vkey::new(name, VkeyKind::CosignatureV1, probe).context("name the witness")?;
        let seed = keyfile::open_seed(&key, Some(chance)).context("make the witness's key")?;
        let named = Vkey::new(name, VkeyKind::CosignatureV1, SigningKey::from_seed(&seed).public_key())
            .context("name the witness")?;
        keyfile::write_durably(&vkey, &format!("{named}\n")).with_context(|| format!("write {}", vkey.display()))?;
        Ok(named)
    }

    /// Key and name.
    ///
    /// # Errors
    /// When there is no witness in the folder, or name and key do not belong together.
    pub(super) fn itself(&self) -> anyhow::Result<Itself> {
        let path = self.folder.join("witness.vkey");
        let text = fs::read_to_string(&path)
            .with_context(|| format!("read {}; `seamark witness init` makes a witness", path.display()))?;
        let vkey = Vkey::parse(text.trim_end()).with_context(|| format!("understand {}", path.display()))?;
        let seed = keyfile::open_seed(&self.folder.join("witness.key"), None).context("read the witness's key")?;
        let key = SigningKey::from_seed(&seed);
        let is_own = vkey.kind() == VkeyKind::CosignatureV1 && *vkey.key() == key.public_key();
        ensure!(is_own, "use the witness in {}: witness.vkey is not of witness.key", self.folder.display());
        Ok(Itself { vkey, key })
    }

    /// The ledgers that are cosigned, in the order in which they were added.
    ///
    /// # Errors
    /// When the list cannot be read or understood.
    pub(super) fn logs(&self) -> anyhow::Result<Vec<Vkey>> {
        let path = self.folder.join("logs");
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error).with_context(|| format!("read {}", path.display())),
        };
        let logs: Result<Vec<Vkey>, _> = text.lines().map(Vkey::parse).collect();
        logs.with_context(|| format!("understand {}", path.display()))
    }

    /// Adds a ledger; false when it is there already.
    ///
    /// # Errors
    /// When the key is no ledger's, or another key is known for a ledger of this name: a ledger has one key for ever.
    pub(super) fn add_log(&self, log: &Vkey) -> anyhow::Result<bool> {
        ensure!(
            log.kind() == VkeyKind::Log,
            "add {}: it is no ledger's key (ledgerVkey of the trust), but another kind",
            log.name()
        );
        let mut logs = self.logs()?;
        if let Some(known) = logs.iter().find(|known| known.name() == log.name()) {
            if known == log {
                return Ok(false);
            }
            bail!("add {}: another key is known for this ledger, {known}", log.name());
        }
        ensure!(logs.len() < MAX_LOGS, "add {}: a witness knows at most {MAX_LOGS} ledgers", log.name());
        logs.push(log.clone());
        let text: String = logs.iter().map(|log| format!("{log}\n")).collect();
        let path = self.folder.join("logs");
        keyfile::write_durably(&path, &text).with_context(|| format!("write {}", path.display()))?;
        Ok(true)
    }

    fn head_path(&self, origin: &str) -> PathBuf {
        // A name may have characters that no file name has.
        self.folder.join("heads").join(format!("{}.json", Digest::of(origin.as_bytes()).to_hex()))
    }

    /// The last head of a ledger that was cosigned; nothing when none was.
    ///
    /// # Errors
    /// When it is there and cannot be read: then nothing is cosigned, since nobody knows what was.
    pub(super) fn last(&self, origin: &str) -> anyhow::Result<Option<RememberedHead>> {
        let path = self.head_path(origin);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(|| format!("read {}", path.display())),
        };
        let head: RememberedHead = strict_json::parse_typed(&bytes, &Limits::SIGNED)
            .with_context(|| format!("understand {}", path.display()))?;
        ensure!(head.origin == origin, "use {}: it is of another ledger", path.display());
        Ok(Some(head))
    }

    /// Keeps the head that is about to be cosigned; on the disk when this returns.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub(super) fn keep(&self, head: &RememberedHead) -> anyhow::Result<()> {
        let path = self.head_path(&head.origin);
        let text = serde_json::to_string(head)?;
        keyfile::write_durably(&path, &text).with_context(|| format!("write {}", path.display()))
    }

    /// Takes the folder for one server. It is given back when the file is dropped.
    ///
    /// # Errors
    /// When another one has it: two writers could cosign two ledgers of one name.
    pub(super) fn lock(&self) -> anyhow::Result<fs::File> {
        let path = self.folder.join("run.lock");
        let file = fs::OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        let file = file.with_context(|| format!("open {}", path.display()))?;
        ensure!(file.try_lock().is_ok(), "run the witness in {}: it runs already", self.folder.display());
        Ok(file)
    }
}
