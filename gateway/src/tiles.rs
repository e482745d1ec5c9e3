//! Proofs out of stored tiles of hashes.
//!
//! A proof needs the hashes of complete subtrees. Those of a height that is a multiple of eight are stored, 256 to a
//! tile; the others are computed from one tile. Tiles that are full never change and are kept in a bounded cache.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::db::SqliteConnection;
use seamark_contracts::api::ledger::RecordedEntry;
use seamark_ledger::tree::{Hash, NodeId, PlanError, ProofPlan, node_hash, plan_consistency, plan_inclusion};
use thiserror::Error;

use crate::db::{self, StorageError};
use crate::recorded::{TILE, to_i64};

/// Full tiles kept in memory, 8 KiB each.
const MAX_CACHED: usize = 512;

/// Why there is no proof.
#[derive(Debug, Error)]
pub(crate) enum ProofFault {
    #[error("no such proof")]
    Plan(#[from] PlanError),
    #[error("read the tiles")]
    Storage(#[from] StorageError),
    #[error("the ledger's tiles lack the hash at level {level}, position {index}")]
    Hole { level: u8, index: u64 },
}

type TileKey = (u8, u64);

/// Reads proofs.
#[derive(Debug, Default)]
pub(crate) struct Tiles {
    full: Mutex<HashMap<TileKey, Arc<[Hash]>>>,
}

impl Tiles {
    /// The inclusion proof of entry `seq` under a tree of `size`.
    pub(crate) async fn inclusion(
        &self,
        connection: &mut SqliteConnection,
        seq: u64,
        size: u64,
    ) -> Result<Vec<Hash>, ProofFault> {
        self.assemble(connection, &plan_inclusion(seq, size)?, size).await
    }

    /// The consistency proof between two sizes.
    pub(crate) async fn consistency(
        &self,
        connection: &mut SqliteConnection,
        from: u64,
        to: u64,
    ) -> Result<Vec<Hash>, ProofFault> {
        self.assemble(connection, &plan_consistency(from, to)?, to).await
    }

    /// An entry with its proof, as the API tells it.
    pub(crate) async fn recorded(
        &self,
        connection: &mut SqliteConnection,
        entry: &db::ledger::EntryRow,
        size: u64,
    ) -> Result<RecordedEntry, ProofFault> {
        let seq = crate::recorded::to_u64(entry.seq, "ledger_entry", "seq")?;
        let proof = self.inclusion(connection, seq, size).await?;
        let text = String::from_utf8(entry.bytes.clone()).ok();
        let text = db::parsed(text, "ledger_entry", "bytes", entry.seq)?;
        Ok(RecordedEntry { seq, entry: text, proof: proof.iter().map(ToString::to_string).collect(), size })
    }

    async fn assemble(
        &self,
        connection: &mut SqliteConnection,
        plan: &ProofPlan,
        size: u64,
    ) -> Result<Vec<Hash>, ProofFault> {
        let mut found: HashMap<NodeId, Hash> = HashMap::new();
        for id in plan.nodes() {
            let hash = self.node(connection, id, size).await?;
            found.insert(id, hash);
        }
        Ok(plan.assemble(|id| found.get(&id).copied())?)
    }

    async fn node(&self, connection: &mut SqliteConnection, id: NodeId, size: u64) -> Result<Hash, ProofFault> {
        let (level, height) = (id.level / 8, id.level % 8);
        let first = id.index << height;
        let tile = self.tile(connection, (level, first / TILE), size).await?;
        let begin = usize::try_from(first % TILE).unwrap_or(usize::MAX);
        let hole = ProofFault::Hole { level: id.level, index: id.index };
        let Some(leaves) = tile.get(begin..).and_then(|rest| rest.get(..1usize << height)) else { return Err(hole) };
        subtree_root(leaves).ok_or(hole)
    }

    async fn tile(
        &self,
        connection: &mut SqliteConnection,
        key: TileKey,
        size: u64,
    ) -> Result<Arc<[Hash]>, ProofFault> {
        if let Some(tile) = self.full.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Ok(Arc::clone(tile));
        }
        let (level, idx) = key;
        let begin = idx * TILE;
        let bytes = match db::ledger::find_tile(connection, i64::from(level), to_i64(idx)?).await? {
            Some(row) => row.hashes,
            None if level == 0 => {
                db::ledger::list_leaves(connection, to_i64(begin)?, to_i64(size.min(begin + TILE))?).await?.concat()
            }
            None => Vec::new(),
        };
        let tile: Arc<[Hash]> = bytes.as_chunks::<32>().0.iter().copied().map(Hash::from_bytes).collect();
        if tile.len() as u64 == TILE {
            let mut full = self.full.lock().unwrap_or_else(PoisonError::into_inner);
            if full.len() >= MAX_CACHED {
                full.clear();
            }
            full.insert(key, Arc::clone(&tile));
        }
        Ok(tile)
    }
}

/// Root of a perfect subtree over `leaves`, whose number is a power of two.
fn subtree_root(leaves: &[Hash]) -> Option<Hash> {
    let mut row: Vec<Hash> = leaves.to_vec();
    while row.len() > 1 {
        row = row.as_chunks::<2>().0.iter().map(|[left, right]| node_hash(left, right)).collect();
    }
    row.first().copied()
}
