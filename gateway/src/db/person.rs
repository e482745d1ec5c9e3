//! Persons, their invitations, and the keys of everybody who signs.

use seamark_contracts::clock::Timestamp;
use sqlx::{AssertSqlSafe, SqliteConnection};

use super::{StorageError, Write};

/// A person.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct PersonRow {
    pub(crate) no: i64,
    /// The urn.
    pub(crate) id: String,
    /// The printed name.
    pub(crate) name: String,
    /// JSON array of the directory's roles, each with the time from which it holds.
    pub(crate) roles: String,
    pub(crate) created_ms: i64,
    /// Set while the person has ended; a new invitation takes it away.
    pub(crate) ended_ms: Option<i64>,
}

/// An invitation, usable once.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct InvitationRow {
    pub(crate) no: i64,
    /// SHA-256 of the code's text.
    pub(crate) code: Vec<u8>,
    pub(crate) person: String,
    pub(crate) expires_ms: i64,
    pub(crate) used_ms: Option<i64>,
    /// It ended unused, with its person.
    pub(crate) ended_ms: Option<i64>,
}

/// A public key with what it may sign.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct SigningKeyRow {
    pub(crate) no: i64,
    pub(crate) keyid: String,
    /// 32 bytes.
    pub(crate) public_key: Vec<u8>,
    /// `handoff`, `outcome`, `decision`, `execution`, or `device` (opens sessions, signs no statement).
    pub(crate) purpose: String,
    /// Urn of the holder.
    pub(crate) subject: String,
    pub(crate) device_name: Option<String>,
    /// With `decision`: key id of the device key beside it. With `device`: key id of the decision key.
    pub(crate) device: Option<String>,
    pub(crate) from_ms: i64,
    /// First moment without it; absent while it has no end.
    pub(crate) to_ms: Option<i64>,
    /// Position of the entry that recorded the end.
    pub(crate) ended_no: Option<i64>,
}

impl SigningKeyRow {
    /// When it ended. Commit order decides and not the clock, so a key with an end is over at once, whatever the time.
    pub(crate) fn ended(&self) -> Option<Timestamp> {
        self.to_ms.map(Timestamp::from_ms)
    }
}

/// The columns of [`PersonRow`].
const PERSONS: &str = "SELECT no, id, name, roles, created_ms, ended_ms FROM person";

/// The columns of [`SigningKeyRow`].
const SIGNING_KEYS: &str =
    "SELECT no, keyid, public_key, purpose, subject, device_name, device, from_ms, to_ms, ended_no FROM signing_key";

/// One person.
pub(crate) async fn find(connection: &mut SqliteConnection, id: &str) -> Result<Option<PersonRow>, StorageError> {
    let text = format!("{PERSONS} WHERE id = ?");
    Ok(sqlx::query_as(AssertSqlSafe(text)).bind(id).fetch_optional(connection).await?)
}

/// Every person, in the order of invitation.
pub(crate) async fn list(connection: &mut SqliteConnection) -> Result<Vec<PersonRow>, StorageError> {
    let text = format!("{PERSONS} ORDER BY no");
    Ok(sqlx::query_as(AssertSqlSafe(text)).fetch_all(connection).await?)
}

/// Adds a person.
pub(crate) async fn insert(write: &mut Write<'_>, row: &PersonRow) -> Result<(), StorageError> {
    sqlx::query("INSERT INTO person (no, id, name, roles, created_ms, ended_ms) VALUES (?, ?, ?, ?, ?, ?)")
        .bind(row.no)
        .bind(&row.id)
        .bind(&row.name)
        .bind(&row.roles)
        .bind(row.created_ms)
        .bind(row.ended_ms)
        .execute(&mut *write.connection)
        .await?;
    Ok(())
}

/// Gives a person other roles. The printed name stays as it is.
pub(crate) async fn set_roles(write: &mut Write<'_>, id: &str, roles: &str) -> Result<(), StorageError> {
    sqlx::query("UPDATE person SET roles = ? WHERE id = ?")
        .bind(roles)
        .bind(id)
        .execute(&mut *write.connection)
        .await?;
    Ok(())
}

/// Marks a person as ended, or as back.
pub(crate) async fn set_ended(write: &mut Write<'_>, id: &str, ended_ms: Option<i64>) -> Result<(), StorageError> {
    sqlx::query("UPDATE person SET ended_ms = ? WHERE id = ?")
        .bind(ended_ms)
        .bind(id)
        .execute(&mut *write.connection)
        .await?;
    Ok(())
}

/// The invitation with this hash.
pub(crate) async fn find_invitation(
    connection: &mut SqliteConnection,
    code: &[u8],
) -> Result<Option<InvitationRow>, StorageError> {
    Ok(sqlx::query_as("SELECT no, code, person, expires_ms, used_ms, ended_ms FROM invitation WHERE code = ?")
        .bind(code)
        .fetch_optional(connection)
        .await?)
}

/// Adds an invitation.
pub(crate) async fn insert_invitation(write: &mut Write<'_>, row: &InvitationRow) -> Result<(), StorageError> {
    sqlx::query("INSERT INTO invitation (no, code, person, expires_ms, used_ms, ended_ms) VALUES (?, ?, ?, ?, ?, ?)")
        .bind(row.no)
        .bind(&row.code)
        .bind(&row.person)
        .bind(row.expires_ms)
        .bind(row.used_ms)
        .bind(row.ended_ms)
        .execute(&mut *write.connection)
        .await?;
    Ok(())
}

/// Uses an invitation up.
pub(crate) async fn use_invitation(write: &mut Write<'_>, no: i64, used_ms: i64) -> Result<(), StorageError> {
    sqlx::query("UPDATE invitation SET used_ms = ? WHERE no = ? AND used_ms IS NULL")
        .bind(used_ms)
        .bind(no)
        .execute(&mut *write.connection)
        .await?;
    Ok(())
}

/// Ends every unused invitation of a person.
pub(crate) async fn end_invitations(write: &mut Write<'_>, person: &str, ended_ms: i64) -> Result<(), StorageError> {
    sqlx::query("UPDATE invitation SET ended_ms = ? WHERE person = ? AND used_ms IS NULL AND ended_ms IS NULL")
        .bind(ended_ms)
        .bind(person)
        .execute(&mut *write.connection)
        .await?;
    Ok(())
}

/// How many invitations of a person can still be used at `now_ms`.
pub(crate) async fn count_invitations(
    connection: &mut SqliteConnection,
    person: &str,
    now_ms: i64,
) -> Result<i64, StorageError> {
    Ok(sqlx::query_scalar(
        "SELECT COUNT(*) FROM invitation WHERE person = ? AND used_ms IS NULL AND ended_ms IS NULL AND expires_ms > ?",
    )
    .bind(person)
    .bind(now_ms)
    .fetch_one(connection)
    .await?)
}

/// One key.
pub(crate) async fn find_key(
    connection: &mut SqliteConnection,
    keyid: &str,
) -> Result<Option<SigningKeyRow>, StorageError> {
    let text = format!("{SIGNING_KEYS} WHERE keyid = ?");
    Ok(sqlx::query_as(AssertSqlSafe(text)).bind(keyid).fetch_optional(connection).await?)
}

/// Every key, in the order of enrolment.
pub(crate) async fn list_keys(connection: &mut SqliteConnection) -> Result<Vec<SigningKeyRow>, StorageError> {
    let text = format!("{SIGNING_KEYS} ORDER BY no");
    Ok(sqlx::query_as(AssertSqlSafe(text)).fetch_all(connection).await?)
}

/// The keys of a holder for one use, in the order of enrolment.
pub(crate) async fn list_keys_of(
    connection: &mut SqliteConnection,
    subject: &str,
    purpose: &str,
) -> Result<Vec<SigningKeyRow>, StorageError> {
    let text = format!("{SIGNING_KEYS} WHERE subject = ? AND purpose = ? ORDER BY no");
    Ok(sqlx::query_as(AssertSqlSafe(text)).bind(subject).bind(purpose).fetch_all(connection).await?)
}

/// Adds a key.
pub(crate) async fn insert_key(write: &mut Write<'_>, row: &SigningKeyRow) -> Result<(), StorageError> {
    sqlx::query(
        "INSERT INTO signing_key (no, keyid, public_key, purpose, subject, device_name, device, from_ms, to_ms, ended_no) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(row.no)
    .bind(&row.keyid)
    .bind(&row.public_key)
    .bind(&row.purpose)
    .bind(&row.subject)
    .bind(&row.device_name)
    .bind(&row.device)
    .bind(row.from_ms)
    .bind(row.to_ms)
    .bind(row.ended_no)
    .execute(&mut *write.connection)
    .await?;
    Ok(())
}

/// Ends a key, once: an end that is there stays.
pub(crate) async fn end_key(write: &mut Write<'_>, keyid: &str, to_ms: i64, ended_no: i64) -> Result<(), StorageError> {
    sqlx::query("UPDATE signing_key SET to_ms = ?, ended_no = ? WHERE keyid = ? AND to_ms IS NULL")
        .bind(to_ms)
        .bind(ended_no)
        .bind(keyid)
        .execute(&mut *write.connection)
        .await?;
    Ok(())
}
