//! The only way to change anything: rows, ledger entries and stream events in one transaction (invariant D1).
//!
//! A use case is a [`Change`]. Inside the transaction it gets a [`Plan`], which can read and nothing else. Writing needs a
//! `Write` handle; only [`Entered`] gives one, and [`Plan::record`], which puts a ledger entry into the transaction, is
//! the only maker of an [`Entered`]. So a mutating path without an entry does not compile:
//!
//! ```compile_fail,E0308
//! use seamark_gateway::recorded::{Entered, Plan};
//! fn write_rows(_: &mut Entered<'_>) {}
//! fn forgets_the_entry(plan: &mut Plan<'_>) {
//!     write_rows(plan);
//! }
//! ```
//!
//! Does not know: HTTP, what the entries mean.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;

use crate::db::SqliteConnection;
use seamark_contracts::api::ledger::LedgerPosition;
use seamark_contracts::canonical;
use seamark_contracts::clock::{Chance, Clock, Timestamp, make_nonce};
use seamark_contracts::decision::SeenCheckpoint;
use seamark_contracts::digest::Digest;
use seamark_ledger::entry::{Entry, EntryError, EntryType, Version};
use seamark_ledger::tree::{Frontier, Hash, StoredNode, leaf_hash};
use serde_json::{Map, Value};
use thiserror::Error;

use crate::db::attempt::{AttemptRow, StatementRow};
use crate::db::counterparty::CounterpartyRow;
use crate::db::handoff::{ArtifactRow, HandoffRow, PayloadRow};
use crate::db::ledger::{BodyRow, CheckpointRow, EntryRow, HeadRow, TileRow};
use crate::db::stream::StreamRow;
use crate::db::{self, Ephemeral, StorageError, Write};

/// Leaves in one tile.
pub(crate) const TILE: u64 = 256;

/// Why the ledger cannot take an entry. Each stops all writing until a person has looked (house.md §5.7).
#[derive(Debug, Error)]
pub enum LedgerFault {
    #[error("the head does not fit the stored frontier")]
    Head(#[from] seamark_ledger::tree::FrontierError),
    #[error("write the canonical bytes of an event")]
    Canonical(#[from] canonical::CanonicalError),
    #[error("write the entry")]
    Entry(#[from] EntryError),
    #[error("position {0} is beyond what the database counts")]
    Position(u64),
    #[error("the gateway's key refused to sign")]
    Sign(#[from] seamark_ledger::key::SignError),
    #[error("build the statement")]
    Statement(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// One use case that changes something. It may run more than once, each time in a transaction of which nothing else was
/// kept, so it must not use itself up.
pub trait Change: Send + 'static {
    /// What it reports when its transaction is committed.
    type Done: Send + 'static;

    /// The handoff id that it is about to take. The ids of a whole group are looked up at once.
    fn handoff_id(&self) -> Option<&str> {
        None
    }

    /// Reads, judges, records and writes. Business refusals are part of `Done`; an error undoes everything.
    fn apply(&mut self, plan: &mut Plan<'_>) -> impl Future<Output = Result<Self::Done, StorageError>> + Send;
}

/// Which handoff an entry belongs to.
#[derive(Clone, Debug)]
pub enum Of {
    /// None.
    Gateway,
    /// One that comes into being with this entry: its row's `no` is the entry's position.
    New { ledger_ref: Digest },
    /// One that is there.
    Handoff { no: i64, ledger_ref: Digest },
}

/// What an entry points at.
#[derive(Clone, Debug)]
pub enum Object {
    /// A statement, a view or a contract.
    Digest(Digest),
    /// An event of its own: these members, `v`, `type` and a nonce, kept beside the entry.
    Event(Map<String, Value>),
}

/// An entry to be recorded.
#[derive(Clone, Debug)]
pub struct Draft {
    pub kind: EntryType,
    /// Key id, or an opaque service id.
    pub actor: String,
    pub of: Of,
    pub object: Object,
    /// SHA-256 of the raw signatures.
    pub sigs: Vec<Digest>,
}

/// What a change means to those who follow along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    Passed,
    Opened,
    Decided,
    Concluded,
    Delivered,
    Executed,
    /// Persons, roles or keys changed; concerns no review.
    Directory,
}

impl Event {
    /// As stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "handoff.passed",
            Self::Opened => "review.opened",
            Self::Decided => "review.decided",
            Self::Concluded => "outcome.formed",
            Self::Delivered => "outcome.delivered",
            Self::Executed => "execution.reported",
            Self::Directory => "directory.changed",
        }
    }
}

/// What a transaction needs from outside.
#[derive(Clone, Debug)]
pub(crate) struct Surroundings {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) chance: Arc<dyn Chance>,
    pub(crate) origin: Arc<str>,
}

/// Where the ledger stands after a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    pub size: u64,
    pub root: Hash,
    pub at: Timestamp,
    pub stream_pos: i64,
}

/// Rows of admitted handoffs, collected to be inserted many at a time.
#[derive(Debug, Default)]
struct Admissions {
    handoffs: Vec<HandoffRow>,
    attempts: Vec<AttemptRow>,
    statements: Vec<StatementRow>,
    payloads: Vec<PayloadRow>,
    artifacts: Vec<ArtifactRow>,
    counterparties: Vec<CounterpartyRow>,
}

/// The rows of one content.
#[derive(Debug)]
pub(crate) struct ContentRows {
    pub(crate) payload: PayloadRow,
    pub(crate) artifacts: Vec<ArtifactRow>,
    pub(crate) counterparties: Vec<CounterpartyRow>,
}

/// One transaction, shared by the changes of one group.
#[derive(Debug)]
pub(crate) struct Group {
    connection: SqliteConnection,
    around: Surroundings,
    from_size: u64,
    frontier: Frontier,
    at: Timestamp,
    stream_pos: i64,
    entries: Vec<EntryRow>,
    bodies: Vec<BodyRow>,
    stream: Vec<StreamRow>,
    /// Roots of whole tiles, and of tiles of tiles.
    upper: Vec<StoredNode>,
    last_leaf: HashMap<i64, Hash>,
    admissions: Admissions,
    /// Who holds the handoff ids that the group asks for, in the database and in the group itself: submitter and
    /// destination of each.
    holders: HashMap<String, Vec<(String, String)>>,
    has_written: bool,
}

impl Group {
    /// Reads the head in the transaction that has begun on `connection`.
    pub(crate) async fn begun(
        mut connection: SqliteConnection,
        around: Surroundings,
    ) -> (Result<Group, StorageError>, Option<SqliteConnection>) {
        match read_head(&mut connection).await {
            Ok((frontier, last, stream_pos)) => {
                let clock = around.clock.now();
                // Gateway time never goes back, whatever the wall clock does (invariant H1).
                let at = last.map_or(clock, |last| last.max(clock));
                let group = Self {
                    connection,
                    around,
                    from_size: frontier.size(),
                    frontier,
                    at,
                    stream_pos,
                    entries: Vec::new(),
                    bodies: Vec::new(),
                    stream: Vec::new(),
                    upper: Vec::new(),
                    last_leaf: HashMap::new(),
                    admissions: Admissions::default(),
                    holders: HashMap::new(),
                    has_written: false,
                };
                (Ok(group), None)
            }
            Err(error) => (Err(error), Some(connection)),
        }
    }

    /// Looks up who holds these handoff ids.
    pub(crate) async fn look_up(&mut self, handoff_ids: &[&str]) -> Result<(), StorageError> {
        if handoff_ids.is_empty() {
            return Ok(());
        }
        self.holders.extend(handoff_ids.iter().map(|id| ((*id).to_owned(), Vec::new())));
        for row in db::handoff::list_holders(&mut self.connection, handoff_ids).await? {
            self.holders.entry(row.handoff_id).or_default().push((row.submitter, row.destination));
        }
        Ok(())
    }

    /// What a change gets of the transaction.
    pub(crate) fn plan(&mut self) -> Plan<'_> {
        Plan { group: self }
    }

    /// Writes what was collected. `None` when no entry was recorded. The transaction stays open.
    pub(crate) async fn write(&mut self) -> Result<Option<Committed>, StorageError> {
        if self.entries.is_empty() {
            return Ok(None);
        }
        self.flush_admissions().await?;
        let size = self.frontier.size();
        let root = self.frontier.root();
        let tiles = self.complete_tiles().await?;
        let mut write = Write::beside_an_entry(&mut self.connection);
        db::ledger::insert_entries(&mut write, &self.entries).await?;
        db::ledger::insert_bodies(&mut write, &self.bodies).await?;
        db::ledger::upsert_tiles(&mut write, &tiles).await?;
        db::ledger::insert_stream(&mut write, &self.stream).await?;
        let head = HeadRow {
            size: to_i64(size)?,
            frontier: self.frontier.to_bytes(),
            at_ms: self.at.as_ms(),
            stream_pos: self.stream_pos,
        };
        db::ledger::move_head(&mut write, to_i64(self.from_size)?, &head).await?;
        // ORDER: (size, root) is fixed in the transaction that reaches the size; only then may it be signed (D4).
        let checkpoint = CheckpointRow { size: head.size, root: root.as_bytes().to_vec(), at_ms: head.at_ms };
        db::ledger::insert_checkpoint(&mut write, &checkpoint).await?;
        Ok(Some(Committed { size, root, at: self.at, stream_pos: self.stream_pos }))
    }

    /// Whether there is anything to commit.
    pub(crate) fn has_written(&self) -> bool {
        self.has_written
    }

    /// The connection, with the transaction still open on it.
    pub(crate) fn into_connection(self) -> SqliteConnection {
        self.connection
    }

    async fn flush_admissions(&mut self) -> Result<(), StorageError> {
        if self.admissions.attempts.is_empty() {
            return Ok(());
        }
        let rows = std::mem::take(&mut self.admissions);
        let mut write = Write::beside_an_entry(&mut self.connection);
        db::handoff::insert(&mut write, &rows.handoffs).await?;
        db::attempt::insert(&mut write, &rows.attempts).await?;
        db::attempt::insert_statements(&mut write, &rows.statements).await?;
        db::handoff::insert_payloads(&mut write, &rows.payloads).await?;
        db::handoff::insert_artifacts(&mut write, &rows.artifacts).await?;
        db::counterparty::insert(&mut write, &rows.counterparties).await?;
        for attempt in rows.attempts.iter().filter(|attempt| attempt.state == "passed") {
            if rows.counterparties.iter().any(|row| row.content == attempt.content) {
                db::counterparty::make_known(&mut write, attempt.content).await?;
            }
        }
        Ok(())
    }

    /// Leaf tiles that this group filled, and the tiles above them as far as they have grown.
    async fn complete_tiles(&mut self) -> Result<Vec<TileRow>, StorageError> {
        let mut tiles: Vec<TileRow> = Vec::new();
        for idx in self.from_size / TILE..self.frontier.size() / TILE {
            let (begin, end, from) = (to_i64(idx * TILE)?, to_i64((idx + 1) * TILE)?, to_i64(self.from_size)?);
            let mut hashes: Vec<u8> = Vec::with_capacity(8192);
            if begin < from {
                for leaf in db::ledger::list_leaves(&mut self.connection, begin, from).await? {
                    hashes.extend_from_slice(&leaf);
                }
            }
            for entry in self.entries.iter().filter(|entry| entry.seq >= begin && entry.seq < end) {
                hashes.extend_from_slice(&entry.leaf);
            }
            tiles.push(TileRow { level: 0, idx: to_i64(idx)?, hashes });
        }
        for node in std::mem::take(&mut self.upper) {
            let (level, idx) = (i64::from(node.id.level / 8), to_i64(node.id.index / TILE)?);
            let hash = node.hash.as_bytes();
            if let Some(tile) = tiles.iter_mut().find(|tile| tile.level == level && tile.idx == idx) {
                tile.hashes.extend_from_slice(hash);
                continue;
            }
            let known = db::ledger::find_tile(&mut self.connection, level, idx).await?;
            let mut hashes = known.map(|tile| tile.hashes).unwrap_or_default();
            hashes.extend_from_slice(hash);
            tiles.push(TileRow { level, idx, hashes });
        }
        Ok(tiles)
    }

    async fn append(&mut self, draft: Draft) -> Result<Position, StorageError> {
        let seq = self.frontier.size();
        let no = to_i64(seq)?;
        let (handoff, ledger_ref, prev) = match draft.of {
            Of::Gateway => (None, None, None),
            Of::New { ledger_ref } => (Some(no), Some(ledger_ref), None),
            Of::Handoff { no, ledger_ref } => (Some(no), Some(ledger_ref), self.last_leaf(no).await?),
        };
        let object = match draft.object {
            Object::Digest(digest) => digest,
            Object::Event(mut members) => {
                members.insert("v".to_owned(), Value::from(1));
                members.insert("type".to_owned(), Value::from(draft.kind.as_str()));
                members.insert("nonce".to_owned(), Value::from(make_nonce(self.around.chance.as_ref())));
                let bytes = canonical::to_bytes(&Value::Object(members)).map_err(LedgerFault::from)?;
                let digest = Digest::of(&bytes);
                self.bodies.push(BodyRow { seq: no, bytes });
                digest
            }
        };
        let entry = Entry {
            actor: draft.actor,
            at: self.at,
            handoff: ledger_ref,
            object,
            origin: self.around.origin.to_string(),
            prev: prev.map(|leaf| Digest::from_bytes(*leaf.as_bytes())),
            seq,
            sigs: draft.sigs,
            kind: draft.kind,
            v: Version,
        };
        let bytes = entry.to_bytes().map_err(LedgerFault::from)?;
        let leaf = leaf_hash(&bytes);
        let stored = self.frontier.append(leaf).map_err(LedgerFault::from)?;
        self.upper.extend(stored.into_iter().filter(|node| node.id.level > 0 && node.id.level.is_multiple_of(8)));
        if let Some(handoff) = handoff {
            self.last_leaf.insert(handoff, leaf);
        }
        self.entries.push(EntryRow {
            seq: no,
            handoff,
            kind: draft.kind.as_str().to_owned(),
            leaf: leaf.as_bytes().to_vec(),
            bytes,
        });
        self.has_written = true;
        Ok(Position { seq, no, leaf })
    }

    fn head(&self) -> SeenCheckpoint {
        SeenCheckpoint {
            origin: self.around.origin.to_string(),
            size: self.frontier.size(),
            root: self.frontier.root().to_string(),
        }
    }

    /// Leaf of an entry of this transaction that is not in the database yet.
    fn leaf_at(&self, no: i64) -> Option<Hash> {
        let entry = self.entries.iter().find(|entry| entry.seq == no)?;
        entry.leaf.as_slice().try_into().ok().map(Hash::from_bytes)
    }

    async fn last_leaf(&mut self, handoff: i64) -> Result<Option<Hash>, StorageError> {
        if let Some(leaf) = self.last_leaf.get(&handoff) {
            return Ok(Some(*leaf));
        }
        let Some(leaf) = db::ledger::last_leaf(&mut self.connection, handoff).await? else { return Ok(None) };
        Ok(Some(Hash::from_bytes(db::bytes32(&leaf, "ledger_entry", "leaf", handoff)?)))
    }
}

async fn read_head(connection: &mut SqliteConnection) -> Result<(Frontier, Option<Timestamp>, i64), StorageError> {
    let Some(head) = db::ledger::head(connection).await? else { return Ok((Frontier::default(), None, 0)) };
    let size = to_u64(head.size, "ledger_head", "size")?;
    let frontier = Frontier::from_bytes(size, &head.frontier).map_err(LedgerFault::from)?;
    Ok((frontier, Some(Timestamp::from_ms(head.at_ms)), head.stream_pos))
}

/// Where an entry stands.
#[derive(Clone, Copy, Debug)]
pub struct Position {
    /// Index in the ledger.
    pub seq: u64,
    /// The same number, as the database counts: key of the rows that the entry records.
    pub no: i64,
    pub leaf: Hash,
}

impl Position {
    /// As the API tells it.
    pub fn to_wire(self) -> LedgerPosition {
        LedgerPosition { seq: self.seq, leaf: self.leaf.to_string() }
    }
}

/// What a change may do before it has recorded anything: read.
#[derive(Debug)]
pub struct Plan<'g> {
    group: &'g mut Group,
}

impl Plan<'_> {
    /// Gateway time of this transaction.
    pub fn now(&self) -> Timestamp {
        self.group.at
    }

    /// Randomness.
    pub(crate) fn chance(&self) -> Arc<dyn Chance> {
        Arc::clone(&self.group.around.chance)
    }

    /// For reading, inside the transaction.
    pub(crate) async fn reader(&mut self) -> Result<&mut SqliteConnection, StorageError> {
        self.group.flush_admissions().await?;
        Ok(&mut self.group.connection)
    }

    /// Puts an entry into the transaction, and with it gives the right to write what the entry records.
    ///
    /// # Errors
    /// [`StorageError`], which undoes the transaction.
    pub async fn record(&mut self, draft: Draft) -> Result<Entered<'_>, StorageError> {
        let position = self.group.append(draft).await?;
        Ok(Entered { group: self.group, position })
    }

    /// The ledger's head with everything recorded so far in it.
    pub(crate) fn head(&self) -> SeenCheckpoint {
        self.group.head()
    }

    /// For rows that are no part of the record.
    pub(crate) fn ephemeral(&mut self) -> Ephemeral<'_> {
        self.group.has_written = true;
        Ephemeral::without_an_entry(&mut self.group.connection)
    }

    /// Takes a handoff id for a submitter, if it is still free in the database and among the changes before this one.
    ///
    /// An id is also not free when another submitter has it and somebody could read both handoffs, as the destination of
    /// both or as submitter of the one and destination of the other: for them one id must name one handoff.
    pub(crate) async fn takes_id(
        &mut self,
        submitter: &str,
        destination: &str,
        handoff_id: &str,
    ) -> Result<TakenId, StorageError> {
        if !self.group.holders.contains_key(handoff_id) {
            self.group.look_up(&[handoff_id]).await?;
        }
        let holders = self.group.holders.entry(handoff_id.to_owned()).or_default();
        if holders.iter().any(|(theirs, _)| theirs == submitter) {
            return Ok(TakenId::Before);
        }
        let is_rival = |(theirs, to): &(String, String)| to == destination || theirs == destination || to == submitter;
        if holders.iter().any(is_rival) {
            return Ok(TakenId::ByAnother);
        }
        holders.push((submitter.to_owned(), destination.to_owned()));
        Ok(TakenId::Free)
    }
}

/// Whether a handoff id can be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TakenId {
    Free,
    /// The submitter has it already.
    Before,
    /// Another submitter has it, and somebody could not tell the two apart.
    ByAnother,
}

/// An entry stands in the transaction: what it records may be written.
#[derive(Debug)]
pub struct Entered<'g> {
    group: &'g mut Group,
    position: Position,
}

impl Entered<'_> {
    /// Where the newest entry of this change stands.
    pub fn position(&self) -> Position {
        self.position
    }

    /// Gateway time of this transaction.
    pub fn now(&self) -> Timestamp {
        self.group.at
    }

    /// Puts one more entry into the transaction.
    ///
    /// # Errors
    /// [`StorageError`], which undoes the transaction.
    pub async fn also(&mut self, draft: Draft) -> Result<Position, StorageError> {
        self.position = self.group.append(draft).await?;
        Ok(self.position)
    }

    /// For writing.
    pub(crate) async fn write(&mut self) -> Result<Write<'_>, StorageError> {
        self.group.flush_admissions().await?;
        Ok(Write::beside_an_entry(&mut self.group.connection))
    }

    /// For reading, inside the transaction.
    pub(crate) async fn reader(&mut self) -> Result<&mut SqliteConnection, StorageError> {
        self.group.flush_admissions().await?;
        Ok(&mut self.group.connection)
    }

    /// Leaf of an entry of this transaction.
    pub(crate) fn leaf_at(&self, no: i64) -> Option<Hash> {
        self.group.leaf_at(no)
    }

    /// Adds the rows of a handoff's first attempt. They reach the database together with those of other changes.
    pub(crate) fn admit_handoff(&mut self, row: HandoffRow) {
        self.group.admissions.handoffs.push(row);
    }

    /// Adds the rows of an attempt.
    pub(crate) fn admit(&mut self, attempt: AttemptRow, statement: StatementRow) {
        self.group.admissions.attempts.push(attempt);
        self.group.admissions.statements.push(statement);
    }

    /// Adds the rows of a content.
    pub(crate) fn admit_content(&mut self, rows: ContentRows) {
        self.group.admissions.payloads.push(rows.payload);
        self.group.admissions.artifacts.extend(rows.artifacts);
        self.group.admissions.counterparties.extend(rows.counterparties);
    }

    /// Tells those who follow along. Returns the change's position in the stream.
    pub(crate) fn tell(&mut self, event: Event, attempt: Option<i64>) -> i64 {
        self.group.stream_pos += 1;
        let (pos, seq, at_ms) = (self.group.stream_pos, self.position.no, self.group.at.as_ms());
        self.group.stream.push(StreamRow { pos, attempt, kind: event.as_str().to_owned(), seq, at_ms });
        pos
    }
}

/// A position as the database counts.
pub(crate) fn to_i64(position: u64) -> Result<i64, StorageError> {
    i64::try_from(position).map_err(|_| LedgerFault::Position(position).into())
}

/// A count of the database as a position.
pub(crate) fn to_u64(count: i64, table: &'static str, column: &'static str) -> Result<u64, StorageError> {
    u64::try_from(count).map_err(|_| StorageError::Impossible { table, column, row: count.to_string() })
}
