//! Sessions of devices. No part of the record.

use sqlx::SqliteConnection;

use super::{Ephemeral, StorageError};

/// A session.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct SessionRow {
    /// SHA-256 of the token's text.
    pub(crate) token: Vec<u8>,
    /// Key id of the device key that opened it.
    pub(crate) keyid: String,
    /// Urn of the person.
    pub(crate) person: String,
    pub(crate) expires_ms: i64,
}

/// Opens a session.
pub(crate) async fn insert_session(write: &mut Ephemeral<'_>, row: &SessionRow) -> Result<(), StorageError> {
    sqlx::query("INSERT INTO session (token, keyid, person, expires_ms) VALUES (?, ?, ?, ?)")
        .bind(&row.token)
        .bind(&row.keyid)
        .bind(&row.person)
        .bind(row.expires_ms)
        .execute(&mut *write.connection)
        .await?;
    Ok(())
}

/// The session with this hash.
pub(crate) async fn find_session(
    connection: &mut SqliteConnection,
    token: &[u8],
) -> Result<Option<SessionRow>, StorageError> {
    Ok(sqlx::query_as("SELECT token, keyid, person, expires_ms FROM session WHERE token = ?")
        .bind(token)
        .fetch_optional(connection)
        .await?)
}

/// The latest end of a kept session for each device key that has one: key id and milliseconds.
pub(crate) async fn last_sessions(connection: &mut SqliteConnection) -> Result<Vec<(String, i64)>, StorageError> {
    Ok(sqlx::query_as("SELECT keyid, MAX(expires_ms) FROM session GROUP BY keyid").fetch_all(connection).await?)
}

/// Removes what has expired.
pub(crate) async fn prune(write: &mut Ephemeral<'_>, now_ms: i64) -> Result<(), StorageError> {
    sqlx::query("DELETE FROM session WHERE expires_ms <= ?").bind(now_ms).execute(&mut *write.connection).await?;
    Ok(())
}
