//! Contracts by digest.

use std::collections::BTreeMap;

use seamark_contracts::digest::Digest;
use sqlx::Row as _;

use super::{Store, StoreError};

impl Store {
    /// The contract's bytes; `None` when this desk has not fetched it yet.
    ///
    /// # Errors
    /// [`StoreError::Query`]
    pub async fn contract(&self, digest: Digest) -> Result<Option<Vec<u8>>, StoreError> {
        let bytes = sqlx::query_scalar("SELECT bytes FROM contract WHERE digest = ?")
            .bind(digest.to_hex())
            .fetch_optional(&self.pool)
            .await?;
        Ok(bytes)
    }

    /// Keeps a contract. The caller has compared the digest.
    ///
    /// # Errors
    /// [`StoreError::Query`]
    pub async fn keep_contract(
        &self,
        digest: Digest,
        name: &str,
        version: &str,
        bytes: &[u8],
    ) -> Result<(), StoreError> {
        sqlx::query("INSERT INTO contract (digest, name, version, bytes) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING")
            .bind(digest.to_hex())
            .bind(name)
            .bind(version)
            .bind(bytes)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Name and title of the contracts that this desk has met, by name; the title is that of the newest one met.
    ///
    /// # Errors
    /// [`StoreError::Query`]
    pub async fn contract_titles(&self) -> Result<BTreeMap<String, String>, StoreError> {
        let rows = sqlx::query(
            "SELECT name, json_extract(CAST(bytes AS TEXT), '$.title') AS title FROM contract ORDER BY name, version",
        )
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(|row| Ok((row.try_get("name")?, row.try_get("title")?))).collect()
    }
}
