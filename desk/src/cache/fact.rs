//! Single facts with a name each.

use std::collections::BTreeSet;

use seamark_contracts::clock::Timestamp;
use seamark_contracts::digest::Digest;
use seamark_ledger::alarm::{self, LedgerAlarm};
use seamark_ledger::witness::RememberedHead;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sqlx::SqliteConnection;

use super::{Store, StoreError};
use crate::keys::FailedPins;

/// Where the event stream is to be resumed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor(pub String);

/// The last ledger head that this desk verified (invariant D5).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeptHead {
    pub head: RememberedHead,
    /// The signed note, as received.
    pub checkpoint: String,
    pub verified_at: Timestamp,
}

/// An alarm as earlier builds kept it: without the head that was seen before.
#[derive(Deserialize)]
struct FirstAlarm {
    at: Timestamp,
    finding: String,
    checkpoint: String,
}

/// How the window looks on this device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Appearance {
    /// `system`, `light`, `dark` or `contrast`.
    pub theme: String,
    /// Per cent, 80 to 200.
    pub zoom: u32,
    /// `comfortable`, `compact` or `dense`.
    pub density: String,
}

impl Default for Appearance {
    fn default() -> Self {
        Self { theme: "system".to_owned(), zoom: 100, density: "comfortable".to_owned() }
    }
}

/// What was revealed of one statement.
#[derive(Serialize, Deserialize)]
struct Disclosed {
    statement: Digest,
    digests: Vec<String>,
}

/// Statements of which it is kept what was revealed: more than are open at once.
const MAX_DISCLOSED: usize = 500;

#[derive(Serialize, Deserialize)]
struct FailedPinsValue {
    failed: u32,
    last: Option<Timestamp>,
}

const CURSOR: &str = "cursor";
const HEAD: &str = "head";
const ALARM: &str = "ledger-alarm";
const FIRST_ALARM: &str = "alarm";
const FAILED_PINS: &str = "failed-pins";
const APPEARANCE: &str = "appearance";
const DIRECTORY: &str = "directory";
const DISCLOSED: &str = "disclosed";
const SKEW: &str = "clock-skew-ms";
const LAST_CURRENT: &str = "last-current";
const LISTED: &str = "listed";

pub(super) async fn put<T: Serialize>(
    connection: &mut SqliteConnection,
    name: &'static str,
    value: &T,
) -> Result<(), StoreError> {
    let text = serde_json::to_string(value).map_err(|_| impossible(name))?;
    sqlx::query("INSERT INTO fact (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value")
        .bind(name)
        .bind(text)
        .execute(connection)
        .await?;
    Ok(())
}

pub(super) async fn put_cursor(connection: &mut SqliteConnection, cursor: &Cursor) -> Result<(), StoreError> {
    put(connection, CURSOR, cursor).await
}

fn impossible(name: &'static str) -> StoreError {
    StoreError::Impossible { table: "fact", column: "value", key: name.to_owned() }
}

impl Store {
    pub(super) async fn fact<T: DeserializeOwned>(&self, name: &'static str) -> Result<Option<T>, StoreError> {
        let text: Option<String> =
            sqlx::query_scalar("SELECT value FROM fact WHERE name = ?").bind(name).fetch_optional(&self.pool).await?;
        text.map(|text| serde_json::from_str(&text).map_err(|_| impossible(name))).transpose()
    }

    async fn keep<T: Serialize>(&self, name: &'static str, value: &T) -> Result<(), StoreError> {
        put(&mut *self.pool.acquire().await?, name, value).await
    }

    pub(super) async fn forget(&self, name: &'static str) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM fact WHERE name = ?").bind(name).execute(&self.pool).await?;
        Ok(())
    }

    /// Where to resume the stream; `None` when a snapshot is needed.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn cursor(&self) -> Result<Option<Cursor>, StoreError> {
        self.fact(CURSOR).await
    }

    /// Makes the next contact take a snapshot.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn forget_cursor(&self) -> Result<(), StoreError> {
        self.forget(CURSOR).await
    }

    /// # Errors
    /// [`StoreError`]
    pub async fn head(&self) -> Result<Option<KeptHead>, StoreError> {
        self.fact(HEAD).await
    }

    /// # Errors
    /// [`StoreError`]
    pub async fn keep_head(&self, head: &KeptHead) -> Result<(), StoreError> {
        self.keep(HEAD, head).await
    }

    /// # Errors
    /// [`StoreError`]
    pub async fn alarm(&self) -> Result<Option<LedgerAlarm>, StoreError> {
        if let Some(alarm) = self.fact(ALARM).await? {
            return Ok(Some(alarm));
        }
        let first: Option<FirstAlarm> = self.fact(FIRST_ALARM).await?;
        Ok(first.map(|FirstAlarm { at: found_at, finding, checkpoint: shown }| LedgerAlarm {
            format: alarm::Format::V1,
            found_at,
            finding,
            kept: None,
            kept_at: None,
            shown,
            proof: Vec::new(),
        }))
    }

    /// # Errors
    /// [`StoreError`]
    pub async fn keep_alarm(&self, alarm: &LedgerAlarm) -> Result<(), StoreError> {
        self.keep(ALARM, alarm).await
    }

    /// # Errors
    /// [`StoreError`]
    pub async fn failed_pins(&self) -> Result<FailedPins, StoreError> {
        let value: Option<FailedPinsValue> = self.fact(FAILED_PINS).await?;
        Ok(value.map(|value| FailedPins { n_failed: value.failed, last_at: value.last }).unwrap_or_default())
    }

    /// # Errors
    /// [`StoreError`]
    pub async fn keep_failed_pins(&self, failed: FailedPins) -> Result<(), StoreError> {
        self.keep(FAILED_PINS, &FailedPinsValue { failed: failed.n_failed, last: failed.last_at }).await
    }

    /// # Errors
    /// [`StoreError`]
    pub async fn appearance(&self) -> Result<Appearance, StoreError> {
        Ok(self.fact(APPEARANCE).await?.unwrap_or_default())
    }

    /// # Errors
    /// [`StoreError`]
    pub async fn keep_appearance(&self, appearance: &Appearance) -> Result<(), StoreError> {
        self.keep(APPEARANCE, appearance).await
    }

    /// The newest directory envelope that verified, for working offline.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn directory(&self) -> Result<Option<serde_json::Value>, StoreError> {
        self.fact(DIRECTORY).await
    }

    /// # Errors
    /// [`StoreError`]
    pub async fn keep_directory(&self, envelope: &serde_json::Value) -> Result<(), StoreError> {
        self.keep(DIRECTORY, envelope).await
    }

    /// Digests of the fields that were revealed on this desk out of one handoff statement, ascending. Never a value: the
    /// digests are salted and stand in the statement.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn disclosed(&self, statement: Digest) -> Result<Vec<String>, StoreError> {
        let all: Vec<Disclosed> = self.fact(DISCLOSED).await?.unwrap_or_default();
        Ok(all.into_iter().find(|one| one.statement == statement).map(|one| one.digests).unwrap_or_default())
    }

    /// Adds one and gives all of that statement. Those of the statements that were read longest ago are forgotten.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn add_disclosed(&self, statement: Digest, digest: &str) -> Result<Vec<String>, StoreError> {
        let mut all: Vec<Disclosed> = self.fact(DISCLOSED).await?.unwrap_or_default();
        let place = all.iter().position(|one| one.statement == statement);
        let known = place.map(|place| all.remove(place).digests).unwrap_or_default();
        let digests: BTreeSet<String> = known.into_iter().chain([digest.to_owned()]).collect();
        let digests: Vec<String> = digests.into_iter().collect();
        all.push(Disclosed { statement, digests: digests.clone() });
        let n_over = all.len().saturating_sub(MAX_DISCLOSED);
        all.drain(..n_over);
        self.keep(DISCLOSED, &all).await?;
        Ok(digests)
    }

    /// Whether a verified directory was seen to list this desk's key.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn was_listed(&self) -> Result<bool, StoreError> {
        Ok(self.fact(LISTED).await?.unwrap_or(false))
    }

    /// # Errors
    /// [`StoreError`]
    pub async fn keep_listed(&self) -> Result<(), StoreError> {
        self.keep(LISTED, &true).await
    }

    /// Gateway time minus this computer's time, in milliseconds, as last measured.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn clock_skew_ms(&self) -> Result<i64, StoreError> {
        Ok(self.fact(SKEW).await?.unwrap_or_default())
    }

    /// # Errors
    /// [`StoreError`]
    pub async fn keep_clock_skew_ms(&self, skew_ms: i64) -> Result<(), StoreError> {
        self.keep(SKEW, &skew_ms).await
    }

    /// When this desk last knew that what it shows is current.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn last_current(&self) -> Result<Option<Timestamp>, StoreError> {
        self.fact(LAST_CURRENT).await
    }

    /// # Errors
    /// [`StoreError`]
    pub async fn keep_last_current(&self, at: Timestamp) -> Result<(), StoreError> {
        self.keep(LAST_CURRENT, &at).await
    }
}
