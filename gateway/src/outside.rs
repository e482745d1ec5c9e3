//! Outside witnesses: each newest checkpoint is shown to them, and what they sign is kept beside it.
//!
//! One task for each witness, beside everything else: no commit waits for a witness. A witness that contradicts the ledger
//! (it cosigned a longer one, another root, or refuses the proof) is an alarm: recorded once, told in the log and by
//! `seamark ledger status`, and open until the witness cosigns a head that holds the alarm itself.
//! Source: FORMATS.md §9.2 to §9.4, c2sp.org/tlog-witness.

use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::CONTENT_TYPE;
use seamark_contracts::clock::Timestamp;
use seamark_ledger::checkpoint::Vkey;
use seamark_ledger::entry::EntryType;
use seamark_ledger::witness::{
    ADD_CHECKPOINT_PATH, AddCheckpoint, AnswerError, SIZE_MEDIA_TYPE, parse_size, take_cosignature,
};
use serde::Serialize;
use serde_json::json;
use thiserror::Error;
use url::Url;

use crate::config::Witness;
use crate::db::ledger::CheckpointRow;
use crate::db::outside::{AlarmRow, CosignatureRow};
use crate::db::{self, StorageError};
use crate::gateway::Gateway;
use crate::operate::event;
use crate::recorded::{Change, Plan, to_i64, to_u64};
use crate::sequencer::RecordError;
use crate::state::{Shared, SignCheckpointError};
use crate::tiles::ProofFault;

/// How long a witness may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Largest answer that is read: far more than the lines of one witness.
const MAX_ANSWER: usize = 16 * 1024;
/// Requests of one submission: the first may teach the size that the witness knows.
const MAX_ROUNDS: usize = 3;
/// Pause between two submissions that succeed, so that a busy gateway does not ask for every commit.
const PACE: Duration = Duration::from_millis(500);
/// Another process may have committed; so the task looks by itself this often.
const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// Pauses after failures; the last one stays.
const BACK_OFF_S: [u64; 7] = [1, 2, 5, 15, 30, 60, 300];
/// How far the clock of a witness may run ahead.
const MAX_AHEAD_S: i64 = 120;

/// How a witness contradicts the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// It cosigned more entries than there are.
    LongerLedger,
    /// It cosigned another root for the same entries.
    OtherRoot,
    /// What it cosigned last is not how this ledger begins.
    RefusedProof,
}

impl Cause {
    const fn as_str(self) -> &'static str {
        match self {
            Self::LongerLedger => "longer-ledger",
            Self::OtherRoot => "other-root",
            Self::RefusedProof => "refused-proof",
        }
    }
}

/// Why a checkpoint was not cosigned this time; it is tried again.
#[derive(Debug, Error)]
pub(crate) enum WitnessError {
    #[error("read the ledger")]
    Storage(#[from] StorageError),
    #[error("sign the checkpoint")]
    Checkpoint(#[from] SignCheckpointError),
    #[error("prove that the ledger only grew")]
    Proof(#[from] ProofFault),
    #[error("keep what the witness says")]
    Record(#[from] RecordError),
    #[error("reach the witness")]
    Http(#[from] reqwest::Error),
    #[error("the witness's address takes no path")]
    Address,
    #[error("understand the answer of the witness")]
    Answer(#[from] AnswerError),
    #[error("the witness answered {status}: {text}")]
    Refused { status: u16, text: String },
    #[error("the witness contradicts this ledger ({}): it cosigned {seen} entries, and there are {size}", .cause.as_str())]
    Contradicted { cause: Cause, seen: u64, size: u64 },
}

/// How a submission came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// The newest checkpoint has the witness's line.
    UpToDate,
    /// It has it now.
    Cosigned { size: u64 },
}

// ---- changes ----

/// A witness's line is no part of the record: it proves itself, and an entry for it would be a head to be cosigned again.
struct KeepLine {
    size: i64,
    witness: String,
    line: String,
}

impl Change for KeepLine {
    type Done = ();

    async fn apply(&mut self, plan: &mut Plan<'_>) -> Result<(), StorageError> {
        let (witness, line, kept_ms) = (self.witness.clone(), self.line.clone(), plan.now().as_ms());
        let row = CosignatureRow { size: self.size, witness, line, kept_ms };
        db::outside::keep_cosignature(&mut plan.ephemeral(), &row).await
    }
}

/// An alarm, unless the same one is open.
struct Raise {
    witness: String,
    cause: Cause,
    seen: u64,
    size: u64,
    instance: String,
}

impl Change for Raise {
    /// Whether it is a new one.
    type Done = bool;

    async fn apply(&mut self, plan: &mut Plan<'_>) -> Result<bool, StorageError> {
        let cause = self.cause.as_str();
        let open = db::outside::list_open_alarms(plan.reader().await?).await?;
        if open.iter().any(|alarm| alarm.witness == self.witness && alarm.cause == cause) {
            return Ok(false);
        }
        let body = json!({ "witness": self.witness, "cause": cause, "seen": self.seen, "size": self.size });
        let mut entered = plan.record(event(EntryType::WitnessAlarm, &self.instance, body)).await?;
        let (no, at_ms, seen_size) = (entered.position().no, entered.now().as_ms(), to_i64(self.seen)?);
        let row = AlarmRow { no, witness: self.witness.clone(), cause: cause.to_owned(), seen_size, at_ms };
        db::outside::insert_alarm(&mut entered.write().await?, &row).await?;
        Ok(true)
    }
}

// ---- the task ----

/// What is at hand for one witness.
#[derive(Debug)]
pub(crate) struct Follower {
    shared: Shared,
    http: reqwest::Client,
    url: Url,
    vkey: Vkey,
}

impl Follower {
    /// # Errors
    /// [`WitnessError`] when no client can be made, or the address takes no path.
    pub(crate) fn new(shared: &Shared, witness: &Witness) -> Result<Self, WitnessError> {
        let url = below(&witness.url, ADD_CHECKPOINT_PATH).ok_or(WitnessError::Address)?;
        Ok(Self { shared: shared.clone(), http: client(&url, TIMEOUT)?, url, vkey: witness.vkey.clone() })
    }

    /// Shows the witness the newest checkpoint, unless it has cosigned it.
    ///
    /// # Errors
    /// [`WitnessError`]; a contradiction was recorded.
    pub(crate) async fn run_once(&self) -> Result<Step, WitnessError> {
        let witness = self.vkey.to_string();
        let mut connection = self.shared.database.read().await?;
        let kept = db::outside::newest_of(&mut connection, &witness).await?;
        drop(connection);
        let mut old = kept.map_or(Ok(0), |row| to_u64(row.size, "ledger_cosignature", "size"))?;
        let mut is_told = false;
        for _ in 0..MAX_ROUNDS {
            let Some((row, note, body)) = self.prepare(old).await? else { return Ok(Step::UpToDate) };
            let size = to_u64(row.size, "ledger_checkpoint", "size")?;
            if old > size {
                // Where this ledger ends was read after the witness had answered.
                return self.contradicted(Cause::LongerLedger, old, size).await;
            }
            if old == size && !is_told {
                return Ok(Step::UpToDate);
            }
            let (status, media, text) = self.ask(body).await?;
            match status {
                StatusCode::OK => {
                    let latest_s = self.shared.clock.now().as_ms() / 1_000 + MAX_AHEAD_S;
                    let latest_s = u64::try_from(latest_s).unwrap_or_default();
                    let taken = take_cosignature(&note, &text, &self.vkey, latest_s)?;
                    self.shared.recorder.record(KeepLine { size: row.size, witness, line: taken.line }).await?;
                    self.shared.cosigned.send_replace(size);
                    return Ok(Step::Cosigned { size });
                }
                StatusCode::CONFLICT if media == SIZE_MEDIA_TYPE => match parse_size(&text) {
                    Some(seen) if seen == old && old == size => {
                        return self.contradicted(Cause::OtherRoot, seen, size).await;
                    }
                    Some(seen) if seen != old => (old, is_told) = (seen, true),
                    _ => return Err(refused(status, &text)),
                },
                StatusCode::UNPROCESSABLE_ENTITY => return self.contradicted(Cause::RefusedProof, old, size).await,
                _ => return Err(refused(status, &text)),
            }
        }
        Err(WitnessError::Refused { status: 409, text: "another size each time".to_owned() })
    }

    /// The newest checkpoint, its note and the request that builds on `old`. Nothing while the ledger is empty.
    async fn prepare(&self, old: u64) -> Result<Option<(CheckpointRow, String, String)>, WitnessError> {
        let mut connection = self.shared.database.read().await?;
        let Some((row, note)) = self.shared.newest_checkpoint(&mut connection).await? else { return Ok(None) };
        let size = to_u64(row.size, "ledger_checkpoint", "size")?;
        let proof = match old {
            0 => Vec::new(),
            old if old >= size => Vec::new(),
            old => self.shared.tiles.consistency(&mut connection, old, size).await?,
        };
        let body = AddCheckpoint::write(old, &proof, &note);
        Ok(Some((row, note, body)))
    }

    async fn ask(&self, body: String) -> Result<(StatusCode, String, String), WitnessError> {
        let answer = self.http.post(self.url.clone()).body(body).send().await?;
        let status = answer.status();
        let media = answer.headers().get(CONTENT_TYPE).and_then(|media| media.to_str().ok()).unwrap_or_default();
        let media = media.to_owned();
        let bytes = read_bounded(answer, MAX_ANSWER).await?;
        Ok((status, media, String::from_utf8_lossy(&bytes).into_owned()))
    }

    async fn contradicted<T>(&self, cause: Cause, seen: u64, size: u64) -> Result<T, WitnessError> {
        let (witness, instance) = (self.vkey.to_string(), self.shared.identity.instance.clone());
        if self.shared.recorder.record(Raise { witness, cause, seen, size, instance }).await? {
            let (witness, cause) = (self.vkey.name(), cause.as_str());
            tracing::error!(
                witness,
                cause,
                seen,
                size,
                "WITNESS ALARM: an outside witness contradicts this ledger; see `seamark ledger status`"
            );
        }
        Err(WitnessError::Contradicted { cause, seen, size })
    }

    /// Follows the ledger until the gateway stops.
    async fn follow(self) {
        let mut committed = self.shared.recorder.committed();
        let mut n_failures = 0usize;
        loop {
            committed.mark_unchanged();
            let pause = match self.run_once().await {
                Ok(Step::UpToDate) => {
                    n_failures = 0;
                    None
                }
                Ok(Step::Cosigned { size }) => {
                    tracing::debug!(witness = self.vkey.name(), size, "cosigned");
                    n_failures = 0;
                    Some(PACE)
                }
                Err(error) => {
                    let cause = crate::problem::chain(&error);
                    tracing::warn!(
                        witness = self.vkey.name(),
                        cause,
                        "the newest checkpoint was not cosigned; it is tried again"
                    );
                    let pause_s = BACK_OFF_S.get(n_failures).or(BACK_OFF_S.last()).copied().unwrap_or(60);
                    n_failures = n_failures.saturating_add(1);
                    Some(Duration::from_secs(pause_s))
                }
            };
            let next = async {
                match pause {
                    Some(pause) => tokio::time::sleep(pause).await,
                    // A commit, or what another process did meanwhile.
                    None => drop(tokio::time::timeout(LOOK_AGAIN, committed.changed()).await),
                }
            };
            tokio::select! {
                () = self.shared.stop.cancelled() => return,
                () = next => {}
            }
        }
    }
}

fn refused(status: StatusCode, text: &str) -> WitnessError {
    let text = text.chars().filter(|c| !c.is_control()).take(200).collect();
    WitnessError::Refused { status: status.as_u16(), text }
}

/// Follows the ledger with every configured witness until the gateway stops.
pub(crate) async fn run(shared: Shared) {
    let mut tasks = tokio::task::JoinSet::new();
    for witness in &shared.config.outside.witnesses {
        match Follower::new(&shared, witness) {
            Ok(follower) => {
                tasks.spawn(follower.follow());
            }
            Err(error) => {
                let cause = crate::problem::chain(&error);
                tracing::error!(witness = witness.vkey.name(), cause, "this witness cannot be asked");
            }
        }
    }
    while tasks.join_next().await.is_some() {}
}

/// The address of a service with a path below it.
fn below(url: &Url, path: &str) -> Option<Url> {
    let mut url = url.clone();
    url.path_segments_mut().ok()?.pop_if_empty().push(path);
    Some(url)
}

/// A client for what the operator configured: no redirects, and no proxy on this computer.
pub(crate) fn client(url: &Url, timeout: Duration) -> Result<reqwest::Client, reqwest::Error> {
    let is_here = match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    };
    let builder = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(timeout)
        .user_agent(concat!("seamark-gateway/", env!("CARGO_PKG_VERSION")));
    if is_here { builder.no_proxy() } else { builder }.build()
}

/// The body of an answer as far as `max` bytes; what comes after is not read.
pub(crate) async fn read_bounded(mut answer: reqwest::Response, max: usize) -> Result<Vec<u8>, reqwest::Error> {
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.chunk().await? {
        let room = max.saturating_sub(bytes.len());
        bytes.extend_from_slice(chunk.get(..room.min(chunk.len())).unwrap_or_default());
        if room <= chunk.len() {
            break;
        }
    }
    Ok(bytes)
}

// ---- for operators ----

/// Where a witness stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WitnessState {
    /// Its vkey.
    pub witness: String,
    /// Entries of the newest head that it cosigned; 0 for none.
    pub size: u64,
    /// When its line was kept, gateway time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// Alarms that are open: what contradicts, and the ledger entry that records it.
    pub alarms: Vec<OpenAlarm>,
}

/// A contradiction that no later cosignature of the witness has settled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OpenAlarm {
    /// `longer-ledger`, `other-root` or `refused-proof`.
    pub cause: String,
    /// What the witness says that it cosigned last.
    pub seen: u64,
    /// Ledger entry.
    pub seq: u64,
    pub at: Timestamp,
}

/// What is known outside of this ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OutsideState {
    /// Entries of the ledger.
    pub size: u64,
    pub witnesses: Vec<WitnessState>,
}

impl OutsideState {
    /// Whether a witness contradicts the ledger.
    #[must_use]
    pub fn has_alarm(&self) -> bool {
        self.witnesses.iter().any(|witness| !witness.alarms.is_empty())
    }
}

impl Gateway {
    /// What witnesses say about this ledger, as far as this gateway has heard.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn outside_state(&self) -> Result<OutsideState, StorageError> {
        let mut connection = self.shared.database.read().await?;
        let mut connection = db::snapshot(&mut connection).await?;
        let size = db::ledger::head(&mut connection).await?.map_or(0, |head| head.size);
        let mut witnesses: Vec<WitnessState> = Vec::new();
        for row in db::outside::list_newest(&mut connection).await? {
            let size = to_u64(row.size, "ledger_cosignature", "size")?;
            let at = Some(Timestamp::from_ms(row.kept_ms));
            witnesses.push(WitnessState { witness: row.witness, size, at, alarms: Vec::new() });
        }
        for row in db::outside::list_open_alarms(&mut connection).await? {
            let (seen, seq) =
                (to_u64(row.seen_size, "witness_alarm", "seen_size")?, to_u64(row.no, "witness_alarm", "no")?);
            let alarm = OpenAlarm { cause: row.cause, seen, seq, at: Timestamp::from_ms(row.at_ms) };
            match witnesses.iter_mut().find(|known| known.witness == row.witness) {
                Some(known) => known.alarms.push(alarm),
                None => {
                    let alarms = vec![alarm];
                    witnesses.push(WitnessState { witness: row.witness, size: 0, at: None, alarms });
                }
            }
        }
        Ok(OutsideState { size: to_u64(size, "ledger_head", "size")?, witnesses })
    }
}
