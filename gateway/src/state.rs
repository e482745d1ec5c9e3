//! What every request can reach.

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, PoisonError, RwLock};

use crate::db::SqliteConnection;
use seamark_contracts::canonical;
use seamark_contracts::clock::{Chance, Clock, Timestamp};
use seamark_contracts::contract::compiled::CompiledContract;
use seamark_contracts::digest::Digest;
use seamark_contracts::handoff::ContractId;
use seamark_contracts::id::{AgentUrn, HandoffId};
use seamark_ledger::checkpoint::{Checkpoint, Head, HeadError};
use seamark_ledger::key::{PublicKey, SignError};
use seamark_ledger::tree::Hash;
use serde_json::json;
use thiserror::Error;
use tokio_util::sync::CancellationToken;

use crate::auth::Doorkeeper;
use crate::challenge::Challenges;
use crate::config::{Config, Limits};
use crate::crowd::Crowd;
use crate::db::gateway::GatewayRow;
use crate::db::ledger::CheckpointRow;
use crate::db::{self, Database, StorageError};
use crate::directory::Remembered;
use crate::keys::Keys;
use crate::recorded::to_u64;
use crate::root::Root;
use crate::sequencer::Recorder;
use crate::sse::Hub;
use crate::tiles::Tiles;

/// Contracts kept compiled.
const MAX_COMPILED: usize = 512;

/// Everything of one running gateway.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) config: Config,
    pub(crate) limits: Limits,
    pub(crate) database: Database,
    pub(crate) recorder: Recorder,
    pub(crate) keys: Keys,
    pub(crate) identity: GatewayRow,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) chance: Arc<dyn Chance>,
    pub(crate) doorkeeper: Doorkeeper,
    pub(crate) challenges: Challenges,
    pub(crate) crowd: Crowd,
    pub(crate) tiles: Tiles,
    pub(crate) hub: Hub,
    pub(crate) http: reqwest::Client,
    pub(crate) stop: CancellationToken,
    pub(crate) contracts: RwLock<HashMap<(String, String), Arc<CompiledContract>>>,
    pub(crate) trusted: Remembered,
    /// The newest size that a witness cosigned in this process, for those who wait for one.
    pub(crate) cosigned: tokio::sync::watch::Sender<u64>,
    /// Evidence was asked for that no time-stamp covers yet.
    pub(crate) stamp_wanted: tokio::sync::Notify,
    /// Who signs the directory.
    pub(crate) root: Root,
    /// The root that signed it when this process began; later ones are in the database.
    pub(crate) first_root: PublicKey,
    /// Whether some directory is signed, once that is known. It stays so.
    pub(crate) is_signed: AtomicBool,
}

/// The handle that handlers get.
#[derive(Clone, Debug)]
pub(crate) struct Shared(pub(crate) Arc<App>);

impl Deref for Shared {
    type Target = App;

    fn deref(&self) -> &App {
        &self.0
    }
}

/// Why a checkpoint cannot be signed.
#[derive(Debug, Error)]
pub(crate) enum SignCheckpointError {
    #[error("read the head")]
    Storage(#[from] StorageError),
    #[error("the stored head is none")]
    Head(#[from] HeadError),
    #[error("sign the checkpoint")]
    Sign(#[from] SignError),
}

impl App {
    /// Gateway time.
    pub(crate) fn now(&self) -> Timestamp {
        self.recorder.now(self.clock.as_ref())
    }

    /// A published contract, compiled once; `None` when that version is not published.
    ///
    /// The connection is the caller's: who waits for a second one while holding the first can wait for ever.
    pub(crate) async fn contract(
        &self,
        connection: &mut SqliteConnection,
        id: &ContractId,
    ) -> Result<Option<Arc<CompiledContract>>, StorageError> {
        let key = (id.name.clone(), id.version.clone());
        if let Some(known) = self.contracts.read().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Ok(Some(Arc::clone(known)));
        }
        let Some(row) = db::contract::find(connection, &id.name, &id.version).await? else { return Ok(None) };
        let digest = Digest::from_bytes(db::bytes32(&row.digest, "contract", "digest", row.no)?);
        let compiled =
            serde_json::from_slice(&row.canonical).ok().and_then(|contract| CompiledContract::compile(contract).ok());
        let compiled = db::parsed(compiled, "contract", "canonical", row.no)?;
        if compiled.digest != digest {
            // A contract version that changed is never used (invariant A5).
            return Err(StorageError::Impossible { table: "contract", column: "digest", row: row.no.to_string() });
        }
        let compiled = Arc::new(compiled);
        let mut cache = self.contracts.write().unwrap_or_else(PoisonError::into_inner);
        if cache.len() >= MAX_COMPILED {
            cache.clear();
        }
        cache.insert(key, Arc::clone(&compiled));
        Ok(Some(compiled))
    }

    /// The signed note over a fixed (size, root). Ed25519 has one signature per message and key, so the same head always
    /// gives the same note.
    pub(crate) fn sign_checkpoint(&self, row: &CheckpointRow) -> Result<String, SignCheckpointError> {
        let root = Hash::from_bytes(db::bytes32(&row.root, "ledger_checkpoint", "root", row.size)?);
        let head = Head::new(&self.identity.origin, to_u64(row.size, "ledger_checkpoint", "size")?, root)?;
        Ok(Checkpoint::sign(head, self.keys.ledger.as_ref())?.to_string())
    }

    /// The same with the lines of the witnesses that cosigned it.
    pub(crate) async fn witnessed_checkpoint(
        &self,
        connection: &mut SqliteConnection,
        row: &CheckpointRow,
    ) -> Result<String, SignCheckpointError> {
        let mut note = self.sign_checkpoint(row)?;
        for line in db::outside::list_lines(connection, row.size).await? {
            note.push_str(&line);
        }
        Ok(note)
    }

    /// The newest head, signed by the ledger alone.
    pub(crate) async fn newest_checkpoint(
        &self,
        connection: &mut SqliteConnection,
    ) -> Result<Option<(CheckpointRow, String)>, SignCheckpointError> {
        let Some(row) = db::ledger::newest_checkpoint(connection).await? else { return Ok(None) };
        let note = self.sign_checkpoint(&row)?;
        Ok(Some((row, note)))
    }
}

/// What stands for a handoff in the ledger: SHA-256 of the canonical bytes of `[submitter, handoff id]`.
pub(crate) fn ledger_ref(submitter: &AgentUrn, handoff_id: &HandoffId) -> Result<Digest, canonical::CanonicalError> {
    canonical::digest(&json!([submitter.as_str(), handoff_id.to_string()]))
}
