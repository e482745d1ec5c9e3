//! What all actions of the desk share: its folder, its state in memory, and the ways in which they tell each other.

use std::collections::HashMap;
use std::fs::{File, TryLockError};
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use seamark_contracts::api::device::Person;
use seamark_contracts::clock::{Chance, Clock, Timestamp};
use seamark_ledger::key::PublicKey;
use thiserror::Error;
use tokio::sync::{Notify, broadcast};

use crate::account::{self, Account, AccountError};
use crate::answer::{DeskEvent, LinkState};
use crate::audit::AuditWindow;
use crate::cache::{Counts, EndedAccess, KeptHead, Store, StoreError};
use crate::check::Checker;
use crate::client::{CallError, Client, Device};
use crate::keys::{KdfCost, Keyring, Seed};
use crate::refusal::{Refusal, RefusalCode};
use crate::reveal::Held;
use crate::review::Shown;
use crate::words::{Calendar, LocalFault, LocalGateway};

/// What a desk is given.
#[derive(Clone, Debug)]
pub struct DeskOptions {
    /// The desk's own folder; created when it is not there.
    pub data_dir: PathBuf,
    /// Where evidence is written that a person asks for; created then.
    pub export_dir: PathBuf,
    pub clock: Arc<dyn Clock>,
    pub chance: Arc<dyn Chance>,
    pub keyring: Arc<dyn Keyring>,
    /// What one guess at the PIN costs, for a key that is made now.
    pub kdf_cost: KdfCost,
    /// IANA name.
    pub time_zone: String,
    /// BCP 47, valid: the page gives it to `Intl`.
    pub locale: String,
    /// Of the app, for the page.
    pub version: String,
}

/// Why a desk did not open.
#[derive(Debug, Error)]
pub enum OpenError {
    #[error("make the folder {path}", path = .path.display())]
    Folder { path: PathBuf, source: io::Error },
    /// Another desk has this folder open.
    #[error("another Seamark uses the folder {path}", path = .path.display())]
    InUse { path: PathBuf },
    #[error("open the desk's database")]
    Store(#[from] StoreError),
    #[error("read the account")]
    Account(#[from] AccountError),
    #[error("prepare calls to the gateway")]
    Client(#[from] CallError),
}

/// An account with the means to use it.
#[derive(Debug)]
pub(crate) struct Enrolled {
    pub account: Account,
    pub client: Client,
    /// As the gateway last said; roles can change.
    person: RwLock<Person>,
}

impl Enrolled {
    pub(crate) fn person(&self) -> Person {
        self.person.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set_person(&self, person: Person) {
        *self.person.write().unwrap_or_else(PoisonError::into_inner) = person;
    }
}

/// The connection.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    pub state: LinkState,
    pub since: Timestamp,
    pub retry_at: Option<Timestamp>,
    /// When what this desk holds was last known to be current.
    pub current_at: Option<Timestamp>,
    /// Gateway time minus this computer's.
    pub skew_ms: i64,
    /// Why it is refused, in words.
    pub refused: Option<String>,
}

/// Whether the keyring gave this desk's secrets when it was last asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyringHealth {
    NotAsked,
    Good,
    Locked,
    Missing,
}

/// An opened decision key, for one period.
#[derive(Debug)]
pub(crate) struct Unlocked {
    pub seed: Arc<Seed>,
    /// When the PIN was entered, by the gateway's time.
    pub verified_at: Timestamp,
    /// By this computer's clock.
    pub until: Timestamp,
}

#[derive(Debug)]
pub(crate) struct Signing {
    pub unlocked: Option<Unlocked>,
    pub keyring: KeyringHealth,
}

#[derive(Debug, Default)]
pub(crate) struct LedgerKnown {
    pub head: Option<KeptHead>,
    pub alarm: Option<seamark_ledger::alarm::LedgerAlarm>,
}

/// Counts as of one version of the list and one moment.
#[derive(Debug)]
pub(crate) struct CountsAt {
    pub version: u32,
    pub at: Timestamp,
    pub counts: Counts,
}

pub(crate) struct Inner {
    pub options: DeskOptions,
    pub calendar: Calendar,
    pub store: Store,
    pub checker: Checker,
    /// Held as long as the desk is open, so that no second one works on the same folder.
    _folder_lock: File,
    account: RwLock<Option<Arc<Enrolled>>>,
    link: Mutex<Link>,
    local_gateway: Mutex<LocalGateway>,
    signing: Mutex<Signing>,
    ledger: Mutex<LedgerKnown>,
    shown: Mutex<HashMap<String, Shown>>,
    held: Mutex<Vec<Held>>,
    ended: Mutex<Option<EndedAccess>>,
    counts: Mutex<Option<CountsAt>>,
    version: AtomicU32,
    is_setting_up: AtomicBool,
    /// Whether a verified directory lists this desk's key.
    is_listed: AtomicBool,
    /// The root that the pinned one named, as long as it is not pinned.
    next_root: Mutex<Option<PublicKey>>,
    /// One decision at a time (reference on trust, section 7).
    pub deciding: tokio::sync::Mutex<()>,
    /// One enrolment at a time.
    pub enrolling: tokio::sync::Mutex<crate::enrol::Enrolling>,
    pub audit: tokio::sync::Mutex<AuditWindow>,
    /// There is something to send.
    pub wake_outbox: Notify,
    /// Connect now, do not wait for the back-off.
    pub wake_link: Notify,
    /// Something around the screens changed.
    pub changed: Notify,
    events: broadcast::Sender<DeskEvent>,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inner").field("data_dir", &self.options.data_dir).finish_non_exhaustive()
    }
}

/// State behind a lock is plain values that are replaced whole, so a panic elsewhere leaves it usable.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Events that a slow window may leave unread before it is told to look anew.
const N_EVENTS: usize = 1024;

impl Inner {
    pub(crate) async fn open(options: DeskOptions) -> Result<Self, OpenError> {
        let dir = options.data_dir.clone();
        std::fs::create_dir_all(&dir).map_err(|source| OpenError::Folder { path: dir.clone(), source })?;
        let folder_lock = lock_folder(&dir)?;
        let store = Store::open(&dir.join("desk.sqlite3")).await?;
        let now = options.clock.now();
        let ledger = LedgerKnown { head: store.head().await?, alarm: store.alarm().await? };
        let link = Link {
            state: LinkState::Offline,
            since: now,
            retry_at: None,
            current_at: store.last_current().await?,
            skew_ms: store.clock_skew_ms().await?,
            refused: None,
        };
        let ended = store.ended_access().await?;
        let was_listed = store.was_listed().await?;
        let inner = Self {
            calendar: Calendar::new(&options.time_zone),
            checker: Checker::default(),
            store,
            _folder_lock: folder_lock,
            account: RwLock::new(None),
            link: Mutex::new(link),
            local_gateway: Mutex::new(LocalGateway::Runs),
            signing: Mutex::new(Signing { unlocked: None, keyring: KeyringHealth::NotAsked }),
            ledger: Mutex::new(ledger),
            shown: Mutex::new(HashMap::new()),
            held: Mutex::new(Vec::new()),
            ended: Mutex::new(ended),
            counts: Mutex::new(None),
            version: AtomicU32::new(1),
            is_setting_up: AtomicBool::new(false),
            is_listed: AtomicBool::new(was_listed),
            next_root: Mutex::new(None),
            deciding: tokio::sync::Mutex::new(()),
            enrolling: tokio::sync::Mutex::default(),
            audit: tokio::sync::Mutex::new(AuditWindow::default()),
            wake_outbox: Notify::new(),
            wake_link: Notify::new(),
            changed: Notify::new(),
            events: broadcast::channel(N_EVENTS).0,
            options,
        };
        if let Some(account) = account::load(&dir)? {
            inner.set_account(account)?;
        }
        if let Some(enrolled) = inner.enrolled() {
            // A desk of an earlier build kept the directory and not this.
            inner.note_listed(&enrolled).await?;
        }
        Ok(inner)
    }

    /// Takes over an account: from the file at start, or from an enrolment.
    pub(crate) fn set_account(&self, account: Account) -> Result<(), CallError> {
        let device = Device { keyid: account.device_keyid.clone(), origin: account.trust.ledger_origin.clone() };
        let client =
            Client::new(&account.gateway, Some(device), self.options.keyring.clone(), self.options.clock.clone())?;
        let person = RwLock::new(account.person.clone());
        let enrolled = Arc::new(Enrolled { account, client, person });
        *self.account.write().unwrap_or_else(PoisonError::into_inner) = Some(enrolled);
        self.wake_link.notify_one();
        self.changed.notify_one();
        Ok(())
    }

    pub(crate) fn enrolled(&self) -> Option<Arc<Enrolled>> {
        self.account.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The account, for actions that need one.
    pub(crate) fn need_account(&self) -> Result<Arc<Enrolled>, Refusal> {
        self.enrolled().ok_or_else(|| {
            Refusal::new(RefusalCode::NotFound, "This desk is not set up yet. Connect it to a gateway first.")
        })
    }

    pub(crate) fn local_now(&self) -> Timestamp {
        self.options.clock.now()
    }

    /// The gateway's time, as far as this desk knows: deadlines and signed times are judged by it (invariant H1).
    pub(crate) fn now(&self) -> Timestamp {
        self.local_now().plus_ms(lock(&self.link).skew_ms)
    }

    pub(crate) fn link(&self) -> Link {
        lock(&self.link).clone()
    }

    pub(crate) fn change_link(&self, change: impl FnOnce(&mut Link)) {
        change(&mut lock(&self.link));
        self.changed.notify_one();
    }

    /// As [`Self::change_link`] without telling anybody: for what changes every few seconds.
    pub(crate) fn note_current(&self, at: Timestamp) {
        lock(&self.link).current_at = Some(at);
    }

    pub(crate) fn local_gateway(&self) -> LocalGateway {
        *lock(&self.local_gateway)
    }

    /// The app says how its own gateway is doing. Nobody is called while it does not run.
    pub(crate) fn note_local_gateway(&self, state: LocalGateway) {
        *lock(&self.local_gateway) = state;
        // The page offers to ask a keyring again where that is what is missing.
        match state {
            LocalGateway::Failed(LocalFault::KeyringLocked) => lock(&self.signing).keyring = KeyringHealth::Locked,
            LocalGateway::Failed(LocalFault::KeyringMissing) => lock(&self.signing).keyring = KeyringHealth::Missing,
            LocalGateway::Failed(_) | LocalGateway::Starting | LocalGateway::Runs => {}
        }
        self.wake_link.notify_one();
        self.changed.notify_one();
    }

    pub(crate) fn keyring_health(&self) -> KeyringHealth {
        lock(&self.signing).keyring
    }

    pub(crate) fn is_online(&self) -> bool {
        lock(&self.link).state == LinkState::Connected
    }

    pub(crate) fn with_signing<T>(&self, use_it: impl FnOnce(&mut Signing) -> T) -> T {
        use_it(&mut lock(&self.signing))
    }

    pub(crate) fn with_ledger<T>(&self, use_it: impl FnOnce(&mut LedgerKnown) -> T) -> T {
        use_it(&mut lock(&self.ledger))
    }

    pub(crate) fn with_shown<T>(&self, use_it: impl FnOnce(&mut HashMap<String, Shown>) -> T) -> T {
        use_it(&mut lock(&self.shown))
    }

    /// Values that were revealed. What is done with them here is short and prints nothing.
    pub(crate) fn with_held<T>(&self, use_it: impl FnOnce(&mut Vec<Held>) -> T) -> T {
        use_it(&mut lock(&self.held))
    }

    pub(crate) fn with_ended<T>(&self, use_it: impl FnOnce(&mut Option<EndedAccess>) -> T) -> T {
        use_it(&mut lock(&self.ended))
    }

    pub(crate) fn with_counts<T>(&self, use_it: impl FnOnce(&mut Option<CountsAt>) -> T) -> T {
        use_it(&mut lock(&self.counts))
    }

    /// Version of the list; grows with every change.
    pub(crate) fn version(&self) -> u32 {
        self.version.load(Ordering::SeqCst)
    }

    pub(crate) fn list_changed(&self) {
        self.version.fetch_add(1, Ordering::SeqCst);
        self.changed.notify_one();
    }

    pub(crate) fn set_setting_up(&self, is_setting_up: bool) {
        self.is_setting_up.store(is_setting_up, Ordering::SeqCst);
        self.changed.notify_one();
    }

    pub(crate) fn is_setting_up(&self) -> bool {
        self.is_setting_up.load(Ordering::SeqCst)
    }

    pub(crate) fn is_listed(&self) -> bool {
        self.is_listed.load(Ordering::SeqCst)
    }

    pub(crate) fn set_listed(&self, is_listed: bool) {
        self.is_listed.store(is_listed, Ordering::SeqCst);
        self.changed.notify_one();
    }

    pub(crate) fn next_root(&self) -> Option<PublicKey> {
        *lock(&self.next_root)
    }

    pub(crate) fn set_next_root(&self, next: Option<PublicKey>) {
        *lock(&self.next_root) = next;
        self.changed.notify_one();
    }

    pub(crate) fn tell(&self, event: DeskEvent) {
        // Nobody listening is no fault: the window asks when it opens.
        let _ = self.events.send(event);
    }

    pub(crate) fn listen(&self) -> broadcast::Receiver<DeskEvent> {
        self.events.subscribe()
    }
}

fn lock_folder(dir: &std::path::Path) -> Result<File, OpenError> {
    let path = dir.join("desk.lock");
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(|source| OpenError::Folder { path, source })?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse { path: dir.to_owned() }),
        Err(TryLockError::Error(source)) => Err(OpenError::Folder { path: dir.to_owned(), source }),
    }
}
