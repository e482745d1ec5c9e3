//! Whoever holds the root of a gateway in a test: signs whatever is proposed, as soon as it is.

use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context as _, Result};
use seamark_agent::client::{Client, ClientError};
use seamark_contracts::problem::ErrorCode;
use seamark_gateway::RootChoice;
use seamark_ledger::directory::NextRoot;
use seamark_ledger::key::{Signer as _, SigningKey};
use seamark_ledger::statement;
use tokio_util::sync::CancellationToken;

/// How often the holder looks whether anything is to be signed.
const PAUSE: Duration = Duration::from_millis(200);

/// How long the first directory may take.
const PATIENCE: Duration = Duration::from_secs(30);

fn key() -> SigningKey {
    SigningKey::from_seed(b"the root of every tested gateway")
}

/// The public half, for `--root-key`.
#[must_use]
pub fn public_key() -> String {
    NextRoot::new(&key().public_key()).key
}

/// The same root held by the gateway's own process, for one in this process.
#[must_use]
pub fn held() -> RootChoice {
    RootChoice::Held(Arc::new(key()))
}

/// A holder at work; ends when it is dropped.
#[derive(Debug)]
pub struct RootHolder {
    stop: CancellationToken,
    work: Option<JoinHandle<()>>,
}

impl RootHolder {
    /// Begins to sign for the gateway at `address`, and waits until it has a directory.
    ///
    /// # Errors
    /// When it has none in time.
    pub fn of(address: &str) -> Result<Self> {
        let client = Client::new(address, None)?;
        let stop = CancellationToken::new();
        let (ready, is_ready) = mpsc::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let work = std::thread::spawn({
            let stop = stop.clone();
            move || runtime.block_on(sign_on(client, stop, ready))
        });
        let this = Self { stop, work: Some(work) };
        is_ready.recv_timeout(PATIENCE).context("waiting for the first signed directory")?;
        Ok(this)
    }
}

impl Drop for RootHolder {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(work) = self.work.take() {
            // It only signed; there is nothing to learn from how it ended.
            let _ = work.join();
        }
    }
}

async fn sign_on(client: Client, stop: CancellationToken, ready: mpsc::Sender<()>) {
    let signing = async {
        loop {
            // A gateway that was killed is back some time, or the test is over.
            if let Ok(is_current) = sign_once(&client).await
                && is_current
            {
                // Nobody waits any more once the test began.
                let _ = ready.send(());
            }
            tokio::time::sleep(PAUSE).await;
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = signing => {}
    }
}

/// Signs what waits. True when there was nothing, or it was taken over.
async fn sign_once(client: &Client) -> Result<bool, ClientError> {
    let bytes = match client.directory_proposal().await {
        Ok(bytes) => bytes,
        Err(error) if error.code() == Some(ErrorCode::NotFound) => return Ok(true),
        Err(error) => return Err(error),
    };
    let Ok(envelope) = statement::sign(bytes, &key()) else { return Ok(false) };
    match client.send_directory(envelope.to_json().as_bytes()).await {
        Ok(_) => Ok(true),
        Err(error) if error.code() == Some(ErrorCode::DirectoryStale) => Ok(false),
        Err(error) => Err(error),
    }
}
