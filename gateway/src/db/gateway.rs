//! Who this gateway is: one row, written once.

use sqlx::SqliteConnection;

use super::{StorageError, Write};

/// The gateway's identity.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct GatewayRow {
    pub(crate) org: String,
    /// Origin of the ledger's checkpoints.
    pub(crate) origin: String,
    /// Opaque id that stands as `actor` where the gateway itself or its operator acts.
    pub(crate) instance: String,
}

/// The identity, when there is one already.
pub(crate) async fn find(connection: &mut SqliteConnection) -> Result<Option<GatewayRow>, StorageError> {
    Ok(sqlx::query_as("SELECT org, origin, instance FROM gateway WHERE id = 1").fetch_optional(connection).await?)
}

/// Writes the identity.
pub(crate) async fn insert(write: &mut Write<'_>, row: &GatewayRow) -> Result<(), StorageError> {
    sqlx::query("INSERT INTO gateway (id, org, origin, instance) VALUES (1, ?, ?, ?)")
        .bind(&row.org)
        .bind(&row.origin)
        .bind(&row.instance)
        .execute(&mut *write.connection)
        .await?;
    Ok(())
}
