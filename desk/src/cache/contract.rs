//! Contracts by digest.

use seamark_contracts::digest::Digest;

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

    /// Names of the contracts that this desk has met, by name.
    ///
    /// # Errors
    /// [`StoreError::Query`]
    pub async fn contract_names(&self) -> Result<Vec<String>, StoreError> {
        Ok(sqlx::query_scalar("SELECT DISTINCT name FROM contract ORDER BY name").fetch_all(&self.pool).await?)
    }
}
