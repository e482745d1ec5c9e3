//! A gateway as a whole: opened on a data folder, served on an address, stopped.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use base64ct::{Base64UrlUnpadded, Encoding as _};
use seamark_contracts::api::ledger::Trust;
use seamark_contracts::clock::{Chance, Clock};
use seamark_contracts::id::HandoffId;
use seamark_ledger::checkpoint::{Vkey, VkeyKind};
use seamark_ledger::entry::EntryType;
use seamark_ledger::key::{PublicKey, Signer as _};
use seamark_ledger::tree::Frontier;
use thiserror::Error;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::auth::Doorkeeper;
use crate::challenge::Challenges;
use crate::config::{Config, Limits};
use crate::crowd::Crowd;
use crate::db::gateway::GatewayRow;
use crate::db::{self, Database, SqliteConnection, StorageError};
use crate::end::{self, EndError, Ended, Office, RoleChanged};
use crate::erase::{self, EraseError, Erased, RetentionInfo};
use crate::fsck::{self, FsckReport};
use crate::holders::{self, AgentKeyInfo, DeviceInfo, ExecutionKeyInfo, PersonInfo};
use crate::keys::{KeyError, Keys};
use crate::operate::{self, Genesis, OperateError, Published, Serving, hex};
use crate::recorded::{LedgerFault, Surroundings, to_u64};
use crate::root::{self, Known, Resolved, RootChoice, RootError};
use crate::scope::KeyScope;
use crate::sequencer::{RecordError, Writer};
use crate::sse::{self, Hub};
use crate::state::{App, Shared};
use crate::tiles::Tiles;
use crate::{deliver, directory, outside, route, serve, stamp, sweep};

/// Why a gateway did not open.
#[derive(Debug, Error)]
pub enum OpenError {
    #[error("use the data folder {path}")]
    Folder {
        path: std::path::PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("open the keys")]
    Keys(#[from] KeyError),
    #[error("find the organisation's root")]
    Root(#[from] RootError),
    #[error("open the database")]
    Storage(#[from] StorageError),
    #[error("start the writer")]
    Writer(#[source] std::io::Error),
    #[error("write the beginning of the ledger")]
    Record(#[from] RecordError),
    #[error(
        "the database belongs to other keys: its origin is {database}, the keys' is {keys}; restore the keys folder that belongs to it"
    )]
    OtherKeys { database: String, keys: String },
    #[error("the organisation's name needs at least one letter or digit and at most 100 characters")]
    Org,
    #[error("make the client for webhooks")]
    Http(#[from] reqwest::Error),
}

/// Why a gateway did not serve.
#[derive(Debug, Error)]
pub enum ServeError {
    #[error("listen on {address}")]
    Listen {
        address: SocketAddr,
        #[source]
        source: std::io::Error,
    },
    #[error("note in the ledger that the gateway serves")]
    Record(#[from] RecordError),
}

/// An open gateway.
#[derive(Debug)]
pub struct Gateway {
    pub(crate) shared: Shared,
    /// Resolves when the writer has ended.
    writer: oneshot::Receiver<()>,
}

/// Opens the gateway in a data folder; makes database and keys on first use.
///
/// # Errors
/// [`OpenError`].
pub async fn open(config: Config, clock: Arc<dyn Clock>, chance: Arc<dyn Chance>) -> Result<Gateway, OpenError> {
    let standard = Limits::default();
    let limits = Limits { reveals: config.reveals.unwrap_or(standard.reveals), ..standard };
    open_with(config, limits, clock, chance).await
}

/// As [`open`], with other bounds than the usual ones.
///
/// # Errors
/// [`OpenError`].
pub async fn open_with(
    config: Config,
    limits: Limits,
    clock: Arc<dyn Clock>,
    chance: Arc<dyn Chance>,
) -> Result<Gateway, OpenError> {
    let org = operate::slug(&config.org).ok_or(OpenError::Org)?;
    let folder = config.data_dir.clone();
    let fault = |source| OpenError::Folder { path: folder.clone(), source };
    if matches!(config.root, RootChoice::Known) && !folder.join("gateway.sqlite3").exists() {
        // Before anything is made: no gateway comes into being without somebody to answer for its people and keys.
        return Err(RootError::None.into());
    }
    // What is kept here is for one account: a folder that is made is closed to others, whatever the umask says.
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder).map_err(fault)?;
    // Two processes may open a fresh folder at once: keys and tables are made by one of them.
    let lock = std::fs::OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(folder.join("open.lock"))
        .map_err(fault)?;
    let lock = tokio::task::spawn_blocking(move || lock.lock().map(|()| lock)).await;
    let lock = lock.map_err(std::io::Error::other).and_then(|locked| locked).map_err(fault)?;

    let path = folder.join("gateway.sqlite3");
    let is_new = !path.exists();
    // In a folder that was there before, the files are closed to others.
    close_to_others(&path).map_err(fault)?;
    let keys = Keys::open(&folder.join("keys"), is_new, chance.as_ref())?;
    let database = Database::open(&path, limits.n_readers).await?;
    let origin = keys.origin();
    let known = db::gateway::find(&mut *database.read().await?).await?;
    let root = find_root(&config, &database, known.is_some(), &chance).await?;
    let identity = match known {
        Some(known) if known.origin != origin => {
            return Err(OpenError::OtherKeys { database: known.origin, keys: origin });
        }
        Some(known) => known,
        None => {
            let mut instance = [0u8; 8];
            chance.fill(&mut instance);
            GatewayRow { org, origin: origin.clone(), instance: format!("gw-{}", hex(&instance)) }
        }
    };
    let around = Surroundings { clock: Arc::clone(&clock), chance: Arc::clone(&chance), origin: origin.into() };
    let (writer, recorder) =
        Writer::open(database.clone(), around, limits.max_queued_changes, limits.max_group).await?;
    let writer = writer.start().map_err(OpenError::Writer)?;
    let identity = recorder.record(Genesis { identity, keys: keys.clone(), root: root.clone() }).await?;
    root.remove_earlier_file()?;
    directory::sign_what_waits(&recorder, &identity, &root.root).await?;
    drop(lock);
    let position = check_head(&database).await?;

    let app = App {
        hub: Hub::new(limits.max_stream_lag, position),
        http: deliver::client(config.allow_loopback_webhooks)?,
        config,
        limits,
        database,
        recorder,
        keys,
        identity,
        clock,
        doorkeeper: Doorkeeper::default(),
        challenges: Challenges::new(chance.as_ref()),
        crowd: Crowd::default(),
        chance,
        tiles: Tiles::default(),
        stop: CancellationToken::new(),
        contracts: RwLock::new(HashMap::new()),
        trusted: RwLock::new(None),
        cosigned: tokio::sync::watch::Sender::new(0),
        stamp_wanted: tokio::sync::Notify::new(),
        root: root.root,
        first_root: root.public,
        is_signed: AtomicBool::new(false),
    };
    Ok(Gateway { shared: Shared(Arc::new(app)), writer })
}

/// The root under which this folder works. Its keeper may ask a person, so it is not asked on a thread that others need.
async fn find_root(
    config: &Config,
    database: &Database,
    is_begun: bool,
    chance: &Arc<dyn Chance>,
) -> Result<Resolved, OpenError> {
    let row = db::directory::newest_root(&mut *database.read().await?).await?;
    let key = row.map(|row| db::parsed(PublicKey::parse(&row.public_key).ok(), "root", "public_key", row.no));
    let known = Known { root: key.transpose()?, is_begun };
    let (choice, keys, chance) = (config.root.clone(), config.data_dir.join("keys"), Arc::clone(chance));
    let found = tokio::task::spawn_blocking(move || root::resolve(&choice, known, &keys, chance.as_ref())).await;
    let fault = |source| OpenError::Folder { path: config.data_dir.clone(), source };
    Ok(found.map_err(std::io::Error::other).map_err(fault)??)
}

/// Makes the database's file, or takes the rights of others from it and from those beside it. SQLite gives the files that
/// it makes the rights of the first.
fn close_to_others(path: &Path) -> std::io::Result<()> {
    std::fs::OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path)?;
    for end in ["", "-wal", "-shm"] {
        let mut file = path.as_os_str().to_owned();
        file.push(end);
        match std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            done => done?,
        }
    }
    Ok(())
}

/// Checks at the start that the head, the newest entry and the newest fixed root belong together; the whole is the
/// re-check's. Returns where the stream ends.
async fn check_head(database: &Database) -> Result<i64, StorageError> {
    let mut connection = database.read().await?;
    let head = db::parsed(db::ledger::head(&mut connection).await?, "ledger_head", "size", 1)?;
    let size = to_u64(head.size, "ledger_head", "size")?;
    let frontier = Frontier::from_bytes(size, &head.frontier).map_err(LedgerFault::from)?;
    let newest = db::ledger::newest_checkpoint(&mut connection).await?;
    let newest = newest.filter(|row| row.size == head.size && row.root == frontier.root().as_bytes());
    db::parsed(newest, "ledger_checkpoint", "root", head.size)?;
    let entries = db::ledger::list_entries(&mut connection, head.size - 1, 2).await?;
    let is_last = entries.len() == 1;
    db::parsed(is_last.then_some(()), "ledger_entry", "seq", head.size)?;
    Ok(head.stream_pos)
}

impl App {
    /// What a verifier pins now.
    pub(crate) async fn trust(&self, connection: &mut SqliteConnection) -> Result<Trust, StorageError> {
        Ok(self.trust_under(&directory::root_key(connection).await?))
    }

    fn trust_under(&self, root: &PublicKey) -> Trust {
        // The origin is made of a fixed text and hex digits, so it is a name.
        let vkey = Vkey::new(&self.identity.origin, VkeyKind::Log, self.keys.ledger.public_key());
        Trust {
            org: self.identity.org.clone(),
            root_keyid: root.id().to_string(),
            root_key: Base64UrlUnpadded::encode_string(root.as_bytes()),
            ledger_origin: self.identity.origin.clone(),
            ledger_vkey: vkey.map(|vkey| vkey.to_string()).unwrap_or_default(),
        }
    }
}

impl Gateway {
    /// The router, for a server of one's own or a test. The background tasks are not part of it.
    pub fn router(&self) -> axum::Router {
        route::router(self.shared.clone())
    }

    /// What a verifier pinned when this gateway was opened. A root that took the place of that one since is in `GET /v1/trust`.
    pub fn trust(&self) -> Trust {
        self.shared.trust_under(&self.shared.first_root)
    }

    /// Whether the organisation's root has signed any directory of this gateway. Until it has, nothing can be handed over.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn has_signed_directory(&self) -> Result<bool, StorageError> {
        directory::is_signed(&self.shared).await
    }

    /// The number of the directory that waits for the root's signature.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn proposed_version(&self) -> Result<Option<i64>, StorageError> {
        let proposal = db::directory::proposal(&mut *self.shared.database.read().await?).await?;
        Ok(proposal.map(|row| row.version))
    }

    /// Serves until `shutdown` is cancelled; then lets requests finish, notes the stop in the ledger and closes the
    /// database. `on_ready` gets the address when requests are accepted.
    ///
    /// # Errors
    /// [`ServeError`].
    pub async fn serve(self, shutdown: CancellationToken, on_ready: impl FnOnce(SocketAddr)) -> Result<(), ServeError> {
        self.serve_shared(shutdown, on_ready).await?;
        self.close().await;
        Ok(())
    }

    /// The same without closing the database.
    pub(crate) async fn serve_shared(
        &self,
        shutdown: CancellationToken,
        on_ready: impl FnOnce(SocketAddr),
    ) -> Result<(), ServeError> {
        let address = self.shared.config.listen;
        let fault = |source| ServeError::Listen { address, source };
        let listener = tokio::net::TcpListener::bind(address).await.map_err(fault)?;
        let bound = listener.local_addr().map_err(fault)?;
        self.note(EntryType::LedgerStarted).await?;
        let tasks = self.start_tasks();
        on_ready(bound);
        // Streams and long polls end at once when it stops; their clients resume.
        let (stop, max_connections) = (self.shared.stop.clone(), self.shared.limits.max_connections);
        serve::serve_bounded(listener, self.router(), max_connections, shutdown, || stop.cancel()).await;
        self.shared.stop.cancel();
        finish_tasks(tasks).await;
        self.note(EntryType::LedgerStopped).await?;
        Ok(())
    }

    /// Starts what happens without a request: streams, deadlines, deliveries, witnesses, time-stamps.
    pub(crate) fn start_tasks(&self) -> JoinSet<()> {
        let mut tasks = JoinSet::new();
        tasks.spawn(sse::run(self.shared.clone()));
        tasks.spawn(sweep::run(self.shared.clone()));
        tasks.spawn(deliver::run(self.shared.clone()));
        tasks.spawn(outside::run(self.shared.clone()));
        tasks.spawn(stamp::run(self.shared.clone()));
        tasks
    }

    async fn note(&self, kind: EntryType) -> Result<(), RecordError> {
        self.shared.recorder.record(Serving { kind, instance: self.shared.identity.instance.clone() }).await
    }

    /// Closes the database. What was answered is on disk already.
    pub async fn close(self) {
        let Self { shared, writer } = self;
        shared.stop.cancel();
        shared.database.readers.close().await;
        drop(shared);
        // A connection that still holds the state keeps the writer; it has nothing left to write.
        if tokio::time::timeout(Duration::from_secs(5), writer).await.is_err() {
            tracing::warn!("the writer was still in use when the gateway stopped; nothing is lost by it");
        }
    }

    /// Re-checks the whole database, independently of the code that wrote it.
    pub async fn fsck(&self) -> FsckReport {
        fsck::run(&self.shared).await
    }

    /// Publishes a contract document, YAML or JSON.
    ///
    /// # Errors
    /// [`OperateError`].
    pub async fn publish_contract(&self, source: &str) -> Result<Published, OperateError> {
        operate::publish_contract(&self.shared.recorder, &self.shared.identity.instance, source).await
    }

    /// Makes an agent key for these contracts (all when empty), which acts as nobody but its own agent, and returns its
    /// text, which is shown once.
    ///
    /// # Errors
    /// [`OperateError`].
    pub async fn create_agent_key(&self, agent: &str, contracts: &[String]) -> Result<String, OperateError> {
        self.create_scoped_key(agent, KeyScope { contracts: contracts.to_vec(), ..KeyScope::default() }).await
    }

    /// Makes an agent key with this scope and returns its text, which is shown once.
    ///
    /// # Errors
    /// [`OperateError`].
    pub async fn create_scoped_key(&self, agent: &str, scope: KeyScope) -> Result<String, OperateError> {
        let app = &self.shared;
        operate::create_agent_key(&app.recorder, &app.identity, &app.root, app.chance.as_ref(), agent, scope).await
    }

    /// Invites a person and returns the code, usable once within seven days.
    ///
    /// # Errors
    /// [`OperateError`].
    pub async fn invite(&self, person: &str, roles: &[String]) -> Result<String, OperateError> {
        let app = &self.shared;
        let public = directory::root_key(&mut *app.database.read().await.map_err(OperateError::Storage)?).await?;
        let root = (&app.root, &public);
        operate::invite(&app.recorder, &app.identity, root, app.chance.as_ref(), person, roles).await
    }

    fn office(&self) -> Office {
        Office { identity: self.shared.identity.clone(), root: self.shared.root.clone() }
    }

    /// Forgets what was remembered of everybody's rights, so that a change counts from here on in this process. Another
    /// process on the same folder hears of it within two seconds.
    fn rights_changed<T>(&self, changed: T) -> T {
        self.shared.doorkeeper.forget();
        changed
    }

    /// Ends an agent key, given by its id or its own text, and the webhooks made with it (invariant B10).
    ///
    /// # Errors
    /// [`EndError`]; then nothing was changed.
    pub async fn end_agent_key(&self, id: &str) -> Result<Ended, EndError> {
        end::end_agent_key(&self.shared.recorder, self.office(), id).await.map(|ended| self.rights_changed(ended))
    }

    /// Ends a device, given by the key id of its device key or decision key, or their first eight digits or more.
    ///
    /// # Errors
    /// [`EndError`]; then nothing was changed.
    pub async fn end_device(&self, id: &str) -> Result<Ended, EndError> {
        end::end_device(&self.shared.recorder, self.office(), id).await.map(|ended| self.rights_changed(ended))
    }

    /// Ends a person, given by urn or printed name: every device, role and unused invitation.
    ///
    /// # Errors
    /// [`EndError`]; then nothing was changed.
    pub async fn end_person(&self, person: &str) -> Result<Ended, EndError> {
        end::end_person(&self.shared.recorder, self.office(), person).await.map(|ended| self.rights_changed(ended))
    }

    /// Gives a person a role, or takes it.
    ///
    /// # Errors
    /// [`EndError`]; then nothing was changed.
    pub async fn change_role(&self, person: &str, role: &str, is_given: bool) -> Result<RoleChanged, EndError> {
        let changed = end::change_role(&self.shared.recorder, self.office(), person, role, is_given).await;
        changed.map(|changed| self.rights_changed(changed))
    }

    /// Ends an execution key, given by its key id or its first eight digits or more.
    ///
    /// # Errors
    /// [`EndError`]; then nothing was changed.
    pub async fn end_execution_key(&self, id: &str) -> Result<Ended, EndError> {
        end::end_execution_key(&self.shared.recorder, self.office(), id).await.map(|ended| self.rights_changed(ended))
    }

    /// Erases submitted bytes, salts, hidden values and files of a handoff that has ended; what was signed stays. `submitter`
    /// (urn or name) is needed when several agents submitted a handoff of this id.
    ///
    /// # Errors
    /// [`EraseError`]; then nothing was changed.
    pub async fn erase(&self, id: HandoffId, submitter: Option<&str>, reason: &str) -> Result<Erased, EraseError> {
        erase::erase(&self.shared, id, submitter, reason).await
    }

    /// Erases everything whose retention is over. A running gateway does so by itself, every hour. Returns how many handoffs
    /// and refused submissions that were.
    ///
    /// # Errors
    /// [`EraseError`]; what was erased before it stays so.
    pub async fn apply_retention(&self) -> Result<i64, EraseError> {
        erase::apply_retention(&self.shared, self.shared.now()).await
    }

    /// How long each contract version keeps payloads, and how many it keeps.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn retention(&self) -> Result<Vec<RetentionInfo>, StorageError> {
        erase::retention(&self.shared, self.shared.now()).await
    }

    /// Every agent key, ended ones too.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn agent_keys(&self) -> Result<Vec<AgentKeyInfo>, StorageError> {
        holders::agent_keys(&mut *self.shared.database.read().await?).await
    }

    /// Every device, ended ones too.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn devices(&self) -> Result<Vec<DeviceInfo>, StorageError> {
        holders::devices(&mut *self.shared.database.read().await?).await
    }

    /// Every person, ended ones too.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn persons(&self) -> Result<Vec<PersonInfo>, StorageError> {
        holders::persons(&mut *self.shared.database.read().await?, self.shared.now()).await
    }

    /// Every execution key, ended ones too.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn execution_keys(&self) -> Result<Vec<ExecutionKeyInfo>, StorageError> {
        holders::execution_keys(&mut *self.shared.database.read().await?).await
    }
}

async fn finish_tasks(mut tasks: JoinSet<()>) {
    let all = async { while tasks.join_next().await.is_some() {} };
    if tokio::time::timeout(Duration::from_secs(5), all).await.is_err() {
        tasks.abort_all();
    }
}
