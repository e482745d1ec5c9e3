//! Seamark on this computer alone: a gateway inside this app, and the simulated agents of the demo.
//!
//! The gateway is the same code that a team runs as a server, on loopback, in `gateway` below the app's folder. The desk
//! speaks to it over HTTP like to any other; nothing here takes a short cut around it.
//!
//! ```text
//! first run    gateway ▸ sample contracts ▸ invitation ▸ enrol the desk ▸ demo
//! later runs   gateway ▸ desk told of its address ▸ demo goes on
//! the end      demo ▸ desk ▸ gateway
//! ```

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use seamark_agent::client::{AgentKey, Client, ClientError};
use seamark_agent::demo::{self, DemoOptions};
use seamark_contracts::{contract, samples};
use seamark_desk::account::write_durably;
use seamark_desk::answer::AppState;
use seamark_desk::clock::{SystemChance, SystemClock};
use seamark_desk::keys::{Keyring, KeyringError, check_new_pin, root_entry};
use seamark_desk::refusal::Refusal;
use seamark_desk::words::{LocalFault, LocalGateway};
use seamark_desk::{Desk, EnrolRequest};
use seamark_gateway::embed::{self, EmbedError, Embedded};
use seamark_gateway::{KeeperError, OpenError, OperateError, RootError, RootKeeper};
use tauri::AppHandle;
use thiserror::Error;
use tokio::runtime::Handle;
use tokio::sync::Mutex;
use tokio::task::{JoinError, JoinHandle};
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use crate::error::{AppError, AppErrorCode};
use crate::event::{SetupProgress, tell};
use crate::view::TryLocallyRequest;

/// Under this name the simulated agents hand over.
const DEMO_AGENT: &str = "demo-orchestrator";

/// Which of the shipped cases come in which order.
const DEMO_SEED: u64 = 7;

/// Steps of [`Local::set_up`].
const N_STEPS: u32 = 5;

/// Why the gateway on this computer does not run.
#[derive(Debug, Error)]
pub(crate) enum LocalError {
    #[error("start the gateway on this computer")]
    Start(#[source] EmbedError),
    #[error("wait for the gateway on this computer")]
    Stopped(#[source] JoinError),
    #[error("use the gateway on this computer")]
    Operate(#[source] OperateError),
    #[error("keep the demo's agent key in {path}", path = .path.display())]
    Key { path: PathBuf, source: io::Error },
    #[error("prepare the demo's calls to the gateway")]
    Demo(#[source] ClientError),
}

/// The root of this computer's own organisation, in the keyring of whoever uses it. The gateway inside the app has it in memory
/// while it runs, and its folder never does.
#[derive(Debug)]
struct RootInKeyring(Arc<dyn Keyring>);

impl RootKeeper for RootInKeyring {
    fn read(&self, keyid: &str) -> Result<Zeroizing<[u8; 32]>, KeeperError> {
        let secret = self.0.read(&root_entry(keyid)).map_err(no_root)?;
        let seed: [u8; 32] = secret.as_slice().try_into().map_err(|_| no_root(KeyringError::Malformed))?;
        Ok(Zeroizing::new(seed))
    }

    fn keep(&self, keyid: &str, seed: &[u8; 32]) -> Result<(), KeeperError> {
        // Only what reads back is kept; until then the gateway signs nothing with it.
        self.0.write(&root_entry(keyid), seed).map_err(no_root)?;
        let kept = self.read(keyid)?;
        if *kept == *seed { Ok(()) } else { Err(no_root(KeyringError::Malformed)) }
    }
}

/// A keyring that finds nothing may only be locked, so that is what is said of it.
fn no_root(error: KeyringError) -> KeeperError {
    match error {
        KeyringError::Missing(_) => KeeperError::Missing(Some(error.into())),
        KeyringError::Locked(_) | KeyringError::Malformed => KeeperError::Locked(Some(error.into())),
    }
}

#[derive(Debug)]
struct Running {
    gateway: Embedded,
    demo: Option<JoinHandle<()>>,
}

/// What runs on this computer besides the desk: nothing, until it is asked for.
#[derive(Debug)]
pub(crate) struct Local {
    data_dir: PathBuf,
    root: Arc<RootInKeyring>,
    running: Mutex<Option<Running>>,
    stop_demo: CancellationToken,
}

impl Local {
    pub(crate) fn new(data_dir: PathBuf, keyring: Arc<dyn Keyring>) -> Self {
        let root = Arc::new(RootInKeyring(keyring));
        Self { data_dir, root, running: Mutex::new(None), stop_demo: CancellationToken::new() }
    }

    /// First run: everything that is needed to have a handoff waiting. What an earlier, broken try left is used again.
    pub(crate) async fn set_up(
        &self,
        desk: &Desk,
        app: &AppHandle,
        r: TryLocallyRequest,
    ) -> Result<AppState, AppError> {
        if desk.account().is_some() {
            let message = "This desk is set up already. Nothing was changed.";
            return Err(AppError::new(AppErrorCode::AlreadySetUp, message));
        }
        // Before anything is made: the person can mend these at once.
        check_new_pin(&r.pin).map_err(|weakness| AppError::from(Refusal::from(weakness)))?;
        if r.person_name.trim().is_empty() {
            let message = "Give the name under which you decide. It is printed beside every decision.";
            return Err(AppError::new(AppErrorCode::GatewayRefused, message).at("personName"));
        }
        desk.set_setting_up(true);
        let done = self.set_up_each(desk, app, r).await;
        desk.set_setting_up(false);
        done?;
        Ok(desk.app_state().await?)
    }

    async fn set_up_each(&self, desk: &Desk, app: &AppHandle, r: TryLocallyRequest) -> Result<(), AppError> {
        let at = |step: u32, text: &str| tell(&SetupProgress { step, of: N_STEPS, text: text.to_owned() }, app);
        let mut running = self.running.lock().await;
        at(1, "Starting a gateway on this computer");
        let local = match running.take() {
            Some(local) => running.insert(local),
            None => running.insert(self.start().await?),
        };
        at(2, "Publishing the sample contracts");
        local.gateway.publish_samples().await.map_err(LocalError::Operate)?;
        at(3, "Adding you as a reviewer");
        let code = local.gateway.invite(r.person_name.trim(), &sample_roles()).await.map_err(LocalError::Operate)?;
        at(4, "Making your keys and keeping them in the keyring");
        let address = local.gateway.address().to_owned();
        let device_name = "This computer".to_owned();
        desk.enrol(&EnrolRequest { address, code, device_name, pin: r.pin, is_local: true }).await?;
        at(5, "Starting the simulated agents");
        self.begin_demo(local).await?;
        Ok(())
    }

    /// Later runs: starts the gateway again if this desk uses the one on this computer, and the demo.
    pub(crate) async fn resume(&self, desk: &Desk) {
        if !announce(desk) {
            return;
        }
        if let Err(error) = self.try_resume(desk).await {
            log_chain("the gateway on this computer did not start", &error);
            desk.tell_local_gateway(LocalGateway::Failed(fault_of(&error)));
        }
    }

    /// After the person unlocked the keyring: starts the gateway if it did not start for want of it.
    pub(crate) async fn resume_unlocked(&self, desk: &Desk) {
        if self.running.lock().await.is_none() {
            self.resume(desk).await;
        }
    }

    async fn try_resume(&self, desk: &Desk) -> Result<(), LocalError> {
        let mut running = self.running.lock().await;
        let local = match running.take() {
            Some(local) => running.insert(local),
            None => running.insert(self.start().await?),
        };
        if let Err(refusal) = desk.move_local_gateway(local.gateway.address()).await {
            tracing::error!(code = ?refusal.code, cause = refusal.causes().join(": "), "the new address was not kept");
        }
        desk.tell_local_gateway(LocalGateway::Runs);
        // Without the simulated agents everything that waits can still be decided.
        if let Err(error) = self.begin_demo(local).await {
            log_chain("the simulated agents did not start", &error);
        }
        Ok(())
    }

    async fn start(&self) -> Result<Running, LocalError> {
        let dir = self.data_dir.join("gateway");
        let (runtime, root) = (Handle::current(), self.root.clone());
        // Opening reads and checks what is there: not on a thread that others need. (What migrates the database is also
        // not `Send` in the eyes of the compiler, so that it could not be awaited here.)
        let started = tokio::task::spawn_blocking(move || runtime.block_on(embed::start(&dir, root))).await;
        let gateway = started.map_err(LocalError::Stopped)?.map_err(LocalError::Start)?;
        tracing::info!(address = %gateway.address(), "the gateway on this computer is ready");
        Ok(Running { gateway, demo: None })
    }

    async fn begin_demo(&self, local: &mut Running) -> Result<(), LocalError> {
        if local.demo.is_some() {
            return Ok(());
        }
        let key = self.demo_key(&local.gateway).await?;
        let client = Client::new(local.gateway.address(), Some(key)).map_err(LocalError::Demo)?;
        let (clock, chance) = (Arc::new(SystemClock), Arc::new(SystemChance));
        let mut options = DemoOptions::new(client, DEMO_SEED, self.stop_demo.clone(), clock, chance);
        options.memory = Some(self.data_dir.join("demo/memory.json"));
        local.demo = Some(tokio::spawn(async move {
            let heard = |event| tracing::debug!(?event, "demo");
            if let Err(error) = demo::run(options, heard).await {
                log_chain("the simulated agents stopped", &error);
            }
        }));
        Ok(())
    }

    /// The demo's key at the gateway: the one of last time, or a new one. It lies beside the gateway's own keys' folder
    /// and opens nothing but that gateway.
    async fn demo_key(&self, gateway: &Embedded) -> Result<AgentKey, LocalError> {
        let path = self.data_dir.join("demo/agent.key");
        let failed = |source| LocalError::Key { path: path.clone(), source };
        match std::fs::read_to_string(&path) {
            Ok(key) => return Ok(AgentKey::new(&key)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
        }
        let key = gateway.agent_key(DEMO_AGENT).await.map_err(LocalError::Operate)?;
        std::fs::create_dir_all(self.data_dir.join("demo")).map_err(failed)?;
        write_durably(&path, key.as_bytes()).map_err(failed)?;
        Ok(AgentKey::new(&key))
    }

    /// Asks the simulated agents to stop; what they have under way stays open at the gateway.
    pub(crate) async fn stop_demo(&self) {
        self.stop_demo.cancel();
        if let Some(demo) = self.running.lock().await.as_mut().and_then(|local| local.demo.take()) {
            // It ended by itself or panicked; either way it is over.
            let _ = demo.await;
        }
    }

    /// Stops the gateway, if one runs here.
    pub(crate) async fn stop(&self) {
        if let Some(local) = self.running.lock().await.take() {
            local.gateway.stop().await;
        }
    }
}

/// Says that the gateway on this computer is about to start; false when this desk does not use it.
pub(crate) fn announce(desk: &Desk) -> bool {
    let is_local = desk.account().is_some_and(|account| account.is_local);
    if is_local {
        desk.tell_local_gateway(LocalGateway::Starting);
    }
    is_local
}

/// What the person can do something about.
fn fault_of(error: &LocalError) -> LocalFault {
    match error {
        LocalError::Start(EmbedError::Folder(_) | EmbedError::Open(OpenError::Folder { .. }))
        | LocalError::Key { .. } => LocalFault::Folder,
        LocalError::Start(EmbedError::Open(OpenError::Root(RootError::Keeper(KeeperError::Missing(_))))) => {
            LocalFault::KeyringMissing
        }
        LocalError::Start(EmbedError::Open(OpenError::Root(RootError::Keeper(_)))) => LocalFault::KeyringLocked,
        LocalError::Start(EmbedError::Open(_)) => LocalFault::Data,
        LocalError::Start(EmbedError::Serve(_)) => LocalFault::Port,
        LocalError::Start(EmbedError::Ended)
        | LocalError::Stopped(_)
        | LocalError::Operate(_)
        | LocalError::Demo(_) => LocalFault::Ended,
    }
}

impl From<LocalError> for AppError {
    fn from(error: LocalError) -> Self {
        log_chain("setting up on this computer stopped", &error);
        let code = match fault_of(&error) {
            LocalFault::KeyringMissing => Some(AppErrorCode::KeyringMissing),
            LocalFault::KeyringLocked => Some(AppErrorCode::KeyringLocked),
            _ => None,
        };
        if let Some(code) = code {
            let message = "Your keyring did not take or give the key under which this computer lists persons and keys, so nothing \
                           was set up. Unlock it, or start one, then try again.";
            return Self::new(code, message);
        }
        let message = "Seamark could not set itself up on this computer. Nothing was sent anywhere. Check that the disk is \
                       not full and that Seamark's folder may be written to, then try again.";
        Self::new(AppErrorCode::StorageFailed, message)
    }
}

fn log_chain(what: &str, error: &dyn std::error::Error) {
    let mut causes = vec![error.to_string()];
    let mut next = error.source();
    while let Some(cause) = next {
        causes.push(cause.to_string());
        next = cause.source();
    }
    tracing::error!(cause = causes.join(": "), "{what}");
}

/// Every role that decides or reads masked fields under a sample contract, and every one that it escalates to: whoever tries
/// Seamark alone is also the one who answers what they escalate.
fn sample_roles() -> Vec<String> {
    let contracts = samples::ALL.iter().filter_map(|sample| contract::parse(sample.contract.as_bytes()).ok());
    let roles = contracts.flat_map(|parsed| {
        let contract = parsed.contract;
        let readers = contract.gate.reveal.map(|reveal| reveal.roles).unwrap_or_default();
        contract.gate.decide.roles.into_iter().chain(contract.owner.escalation).chain(readers)
    });
    BTreeSet::from_iter(roles).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A gateway folder that is a file, one whose database is none, and what is said of each.
    #[tokio::test(flavor = "multi_thread")]
    async fn a_gateway_that_does_not_start_says_what_to_look_at() {
        let folder = tempfile::tempdir().unwrap();
        let keyring = Arc::new(TestKeyring::default());
        let local = Local::new(folder.path().to_owned(), keyring.clone());
        std::fs::write(folder.path().join("gateway"), "not a folder").unwrap();
        assert_eq!(fault_of(&local.start().await.unwrap_err()), LocalFault::Folder);
        std::fs::remove_file(folder.path().join("gateway")).unwrap();
        std::fs::create_dir(folder.path().join("gateway")).unwrap();
        std::fs::write(folder.path().join("gateway/gateway.sqlite3"), "not a database, but long enough to be read")
            .unwrap();
        assert_eq!(fault_of(&local.start().await.unwrap_err()), LocalFault::Data);
    }

    /// A keyring that can be locked: then it finds nothing, as a real one.
    #[derive(Debug, Default)]
    struct TestKeyring {
        entries: std::sync::Mutex<std::collections::BTreeMap<String, Vec<u8>>>,
        is_locked: std::sync::atomic::AtomicBool,
    }

    impl TestKeyring {
        fn set_locked(&self, is_locked: bool) {
            self.is_locked.store(is_locked, std::sync::atomic::Ordering::SeqCst);
        }

        fn check_open(&self) -> Result<(), KeyringError> {
            let is_locked = self.is_locked.load(std::sync::atomic::Ordering::SeqCst);
            if is_locked { Err(KeyringError::Locked(None)) } else { Ok(()) }
        }
    }

    impl Keyring for TestKeyring {
        fn read(&self, name: &str) -> Result<Zeroizing<Vec<u8>>, KeyringError> {
            self.check_open()?;
            let found = self.entries.lock().unwrap().get(name).cloned();
            found.map(Zeroizing::new).ok_or(KeyringError::Locked(None))
        }

        fn write(&self, name: &str, secret: &[u8]) -> Result<(), KeyringError> {
            self.check_open()?;
            self.entries.lock().unwrap().insert(name.to_owned(), secret.to_vec());
            Ok(())
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn f3_the_root_of_this_computer_is_in_the_keyring_and_a_locked_one_gets_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let keyring = Arc::new(TestKeyring::default());
        let local = Local::new(folder.path().to_owned(), keyring.clone());
        keyring.set_locked(true);
        assert_eq!(fault_of(&local.start().await.unwrap_err()), LocalFault::KeyringLocked);
        keyring.set_locked(false);
        let running = local.start().await.unwrap();
        assert!(running.gateway.invite("Ana", &sample_roles()).await.is_ok());
        running.gateway.stop().await;
        let names: Vec<String> = keyring.entries.lock().unwrap().keys().cloned().collect();
        assert!(names.len() == 1 && names[0].starts_with("root-"), "{names:?}");
        assert!(!folder.path().join("gateway/keys/root.key").exists());

        keyring.set_locked(true);
        let error = local.start().await.unwrap_err();
        assert_eq!(fault_of(&error), LocalFault::KeyringLocked);
        assert_eq!(AppError::from(error).code, AppErrorCode::KeyringLocked);
        keyring.set_locked(false);
        let lost = std::mem::take(&mut *keyring.entries.lock().unwrap());
        assert_eq!(fault_of(&local.start().await.unwrap_err()), LocalFault::KeyringLocked);
        assert!(keyring.entries.lock().unwrap().is_empty(), "no other root was made");
        *keyring.entries.lock().unwrap() = lost;
        local.start().await.unwrap().gateway.stop().await;
    }

    #[test]
    fn whoever_tries_it_alone_can_decide_everything() {
        let roles = sample_roles();
        for role in ["reviewer", "lead", "editor", "refund-reviewer", "service-leads", "compliance"] {
            assert!(roles.iter().any(|known| known == role), "{role} is missing in {roles:?}");
        }
    }
}
