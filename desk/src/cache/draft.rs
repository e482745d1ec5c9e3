//! Unfinished texts, so that nothing typed is lost.

use super::{Store, StoreError};

impl Store {
    /// The unfinished text of a review; empty when there is none.
    ///
    /// # Errors
    /// [`StoreError::Query`]
    pub async fn draft(&self, review_id: &str) -> Result<String, StoreError> {
        let text: Option<String> = sqlx::query_scalar("SELECT text FROM draft WHERE review_id = ?")
            .bind(review_id)
            .fetch_optional(&self.pool)
            .await?;
        Ok(text.unwrap_or_default())
    }

    /// Keeps the unfinished text; an empty one is forgotten.
    ///
    /// # Errors
    /// [`StoreError::Query`]
    pub async fn save_draft(&self, review_id: &str, text: &str) -> Result<(), StoreError> {
        let query = if text.is_empty() {
            sqlx::query("DELETE FROM draft WHERE review_id = ?1")
        } else {
            sqlx::query(
                "INSERT INTO draft (review_id, text) VALUES (?1, ?2) ON CONFLICT (review_id) DO UPDATE SET text = excluded.text",
            )
        };
        let query = query.bind(review_id);
        if text.is_empty() {
            query.execute(&self.pool).await?
        } else {
            query.bind(text).execute(&self.pool).await?
        };
        Ok(())
    }
}
