//! Trusted time: an authority outside stamps the ledger's head, once a day and when evidence is asked for.
//!
//! What is kept is a token after RFC 3161 over the text of a checkpoint. The gateway checks that it is one and over the right
//! head; whether its authority is to be trusted is each verifier's own question. Source: FORMATS.md §9.2, §9.3 and §10.1.

use std::time::Duration;

use base64ct::{Base64, Encoding as _};
use reqwest::header::CONTENT_TYPE;
use seamark_contracts::api::audit::CheckpointTimestamp;
use seamark_contracts::clock::Timestamp;
use seamark_contracts::digest::Digest;
use seamark_ledger::checkpoint::Checkpoint;
use seamark_ledger::entry::EntryType;
use seamark_ledger::timestamp::{self, MAX_TOKEN_BYTES, QUERY_MEDIA_TYPE, TimestampFault};
use serde_json::json;
use thiserror::Error;
use url::Url;

use crate::config::{OutsideError, parse_url};
use crate::db::ledger::CheckpointRow;
use crate::db::outside::TimestampRow;
use crate::db::{self, SqliteConnection, StorageError};
use crate::gateway::Gateway;
use crate::operate::event;
use crate::outside::{client, read_bounded};
use crate::recorded::{Change, Plan};
use crate::sequencer::RecordError;
use crate::state::{App, Shared, SignCheckpointError};

/// How long an authority may take.
const TIMEOUT: Duration = Duration::from_secs(20);
/// How old the newest token may become.
const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// How often it is looked whether one is due; also the least time between two tokens.
const EVERY: Duration = Duration::from_secs(60);

/// Why there is no token.
#[derive(Debug, Error)]
pub enum StampError {
    #[error("use the address of the authority")]
    Address(#[from] OutsideError),
    #[error("reach the authority")]
    Http(#[from] reqwest::Error),
    #[error("the authority answered {0}")]
    Refused(u16),
    #[error("use the token of the authority")]
    Token(#[from] TimestampFault),
    #[error("read the ledger")]
    Storage(#[from] StorageError),
    #[error("record the token")]
    Record(#[from] RecordError),
    /// As a text: what is wrong lies inside of the gateway.
    #[error("sign the checkpoint: {0}")]
    Checkpoint(String),
}

impl From<SignCheckpointError> for StampError {
    fn from(error: SignCheckpointError) -> Self {
        Self::Checkpoint(crate::problem::chain(&error))
    }
}

struct Keep {
    size: i64,
    token: Vec<u8>,
    at: Timestamp,
    instance: String,
}

impl Change for Keep {
    type Done = ();

    async fn apply(&mut self, plan: &mut Plan<'_>) -> Result<(), StorageError> {
        let body = json!({ "size": self.size, "token": Digest::of(&self.token).to_hex(), "time": self.at });
        let mut entered = plan.record(event(EntryType::TimestampObtained, &self.instance, body)).await?;
        let (no, at_ms) = (entered.position().no, self.at.as_ms());
        let row = TimestampRow { no, size: self.size, token: self.token.clone(), at_ms };
        db::outside::insert_timestamp(&mut entered.write().await?, &row).await
    }
}

/// The text of a checkpoint without its lines, which is what is stamped.
fn body_of(app: &App, row: &CheckpointRow) -> Result<String, StampError> {
    let note = app.sign_checkpoint(row)?;
    let parsed = Checkpoint::parse(note.as_bytes()).map_err(|error| StampError::Checkpoint(error.to_string()))?;
    Ok(parsed.unverified_value().unverified_head().to_string())
}

/// The head that is stamped next: one that witnesses cosigned, if there is one since the last token, else the newest.
async fn next_head(connection: &mut SqliteConnection) -> Result<Option<CheckpointRow>, StorageError> {
    let newest = db::ledger::newest_checkpoint(connection).await?;
    let last = db::outside::newest_timestamp(connection).await?.map_or(0, |row| row.no);
    match db::outside::best_cosigned(connection, last).await? {
        Some(cosigned) => Ok(Some(cosigned)),
        None => Ok(newest),
    }
}

/// Has `row` stamped by the authority at `url`, and keeps the token.
async fn obtain(shared: &Shared, url: &Url, row: &CheckpointRow) -> Result<Timestamp, StampError> {
    let digest = Digest::of(body_of(shared, row)?.as_bytes());
    let request = client(url, TIMEOUT)?.post(url.clone()).header(CONTENT_TYPE, QUERY_MEDIA_TYPE);
    let answer = request.body(timestamp::query(&digest)).send().await?;
    if !answer.status().is_success() {
        return Err(StampError::Refused(answer.status().as_u16()));
    }
    let token = read_bounded(answer, MAX_TOKEN_BYTES + 1).await?;
    let at = timestamp::read(&token, &[], &digest)?.unverified_time();
    let instance = shared.identity.instance.clone();
    shared.recorder.record(Keep { size: row.size, token, at, instance }).await?;
    Ok(at)
}

/// One look: obtains a token when one is asked for or the newest is a day old.
///
/// # Errors
/// [`StampError`].
pub(crate) async fn run_once(shared: &Shared, url: &Url, is_wanted: bool) -> Result<Option<Timestamp>, StampError> {
    let mut connection = shared.database.read().await?;
    let newest = db::outside::newest_timestamp(&mut connection).await?;
    let is_due = newest.is_none_or(|row| row.at_ms.saturating_add(DAY_MS) <= shared.now().as_ms());
    if !is_due && !is_wanted {
        return Ok(None);
    }
    let Some(row) = next_head(&mut connection).await? else { return Ok(None) };
    drop(connection);
    obtain(shared, url, &row).await.map(Some)
}

/// Has heads stamped until the gateway stops.
pub(crate) async fn run(shared: Shared) {
    let Some(url) = shared.config.outside.timestamps.clone() else { return };
    let mut is_wanted = false;
    loop {
        match run_once(&shared, &url, is_wanted).await {
            Ok(Some(at)) => tracing::info!(%at, "an authority outside stamped the ledger's head"),
            Ok(None) => {}
            Err(error) => {
                let cause = crate::problem::chain(&error);
                tracing::warn!(cause, "the ledger's head was not stamped; it is tried again");
            }
        }
        tokio::select! {
            () = shared.stop.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
        // Whoever asked meanwhile left a permit, and only then is it ready at once.
        let asked = shared.stamp_wanted.notified();
        is_wanted = tokio::time::timeout(Duration::ZERO, asked).await.is_ok();
    }
}

/// The token over the checkpoint of a size, as it is given out.
pub(crate) async fn over(
    app: &App,
    connection: &mut SqliteConnection,
    head: &CheckpointRow,
) -> Result<Option<CheckpointTimestamp>, StorageError> {
    let Some(row) = db::outside::find_timestamp(connection, head.size).await? else { return Ok(None) };
    let body = body_of(app, head).ok();
    let token = body.and_then(|body| timestamp::read(&row.token, &[], &Digest::of(body.as_bytes())).ok());
    let token = db::parsed(token, "ledger_timestamp", "token", row.no)?;
    let chain = timestamp::write_pem(token.certificates());
    Ok(Some(CheckpointTimestamp { token: Base64::encode_string(&row.token), chain }))
}

impl Gateway {
    /// Has the newest head stamped by the authority at `url`, now. Returns what the token says.
    ///
    /// # Errors
    /// [`StampError`].
    pub async fn stamp(&self, url: &str) -> Result<Timestamp, StampError> {
        let url = parse_url(url)?;
        let mut connection = self.shared.database.read().await?;
        let newest = db::ledger::newest_checkpoint(&mut connection).await?;
        drop(connection);
        obtain(&self.shared, &url, &db::parsed(newest, "ledger_checkpoint", "size", 0)?).await
    }
}
