//! Searching among concluded reviews. The whole search is one condition, so that neither its reach nor the count depends on
//! where a page begins.

use sqlx::sqlite::SqliteArguments;
use sqlx::{Arguments as _, AssertSqlSafe, SqliteConnection};

use super::StorageError;
use super::attempt::{AttemptRow, SELECT};

/// Which concluded reviews are asked for. Every part that is given must hold.
#[derive(Clone, Debug, Default)]
pub(crate) struct Past {
    /// One of these may decide it; absent asks for the reviews of all.
    pub(crate) roles: Option<Vec<String>>,
    /// Lowercase; part of an id, a correlation id, a name of contract or agent, or of a person who decided.
    pub(crate) words: Option<String>,
    /// Urns of the persons whose printed name holds the words: SQL folds the case of ASCII only.
    pub(crate) persons: Vec<String>,
    pub(crate) outcome: Option<String>,
    pub(crate) contract: Option<String>,
    /// Urn of somebody who decided.
    pub(crate) person: Option<String>,
    /// Closed at or after.
    pub(crate) from_ms: Option<i64>,
    /// Closed before.
    pub(crate) to_ms: Option<i64>,
}

/// A condition that is being put together: its text, and what is bound to it.
#[derive(Default)]
struct Condition {
    text: String,
    bound: SqliteArguments,
}

impl Condition {
    fn bind(&mut self, value: impl Into<Value>) -> Result<(), StorageError> {
        let added = match value.into() {
            Value::Text(text) => self.bound.add(text),
            Value::Number(number) => self.bound.add(number),
        };
        added.map_err(|error| StorageError::Database(sqlx::Error::Encode(error)))
    }

    fn and(&mut self, text: &str, values: impl IntoIterator<Item = Value>) -> Result<(), StorageError> {
        self.text.push_str(" AND ");
        self.text.push_str(text);
        values.into_iter().try_for_each(|value| self.bind(value))
    }
}

enum Value {
    Text(String),
    Number(i64),
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

/// A pattern for `LIKE ... ESCAPE '!'` that finds `text` anywhere.
fn anywhere(text: &str) -> String {
    let escaped: String =
        text.chars().flat_map(|c| matches!(c, '%' | '_' | '!').then_some('!').into_iter().chain([c])).collect();
    format!("%{escaped}%")
}

impl Past {
    fn condition(&self) -> Result<Condition, StorageError> {
        let mut all =
            Condition { text: "review_id IS NOT NULL AND state <> 'open'".to_owned(), ..Condition::default() };
        if let Some(roles) = &self.roles {
            // The candidates are a JSON array of names, which hold no quotation mark.
            let one = vec!["candidates LIKE ? ESCAPE '!'"; roles.len()].join(" OR ");
            let text = if roles.is_empty() { "1 = 0".to_owned() } else { format!("({one})") };
            all.and(&text, roles.iter().map(|role| Value::Text(anywhere(&format!("\"{role}\"")))))?;
        }
        let equal = [("state = ?", &self.outcome), ("contract_name = ?", &self.contract)];
        for (text, value) in equal {
            if let Some(value) = value {
                all.and(text, [value.as_str().into()])?;
            }
        }
        for (text, ms) in [("closed_ms >= ?", self.from_ms), ("closed_ms < ?", self.to_ms)] {
            if let Some(ms) = ms {
                all.and(text, [ms.into()])?;
            }
        }
        if let Some(person) = &self.person {
            let text = "EXISTS (SELECT 1 FROM decision d WHERE d.attempt = attempt.no AND d.person = ?)";
            all.and(text, [person.as_str().into()])?;
        }
        if let Some(words) = &self.words {
            let of_handoff = "EXISTS (SELECT 1 FROM handoff h WHERE h.no = attempt.handoff AND (h.handoff_id LIKE ? ESCAPE '!' \
                 OR LOWER(h.correlation_id) LIKE ? ESCAPE '!' OR h.source LIKE ? ESCAPE '!' OR h.destination LIKE ? ESCAPE '!'))";
            let named = vec!["?"; self.persons.len()].join(", ");
            let of_decision = format!(
                "EXISTS (SELECT 1 FROM decision d WHERE d.attempt = attempt.no AND (d.decision_id LIKE ? ESCAPE '!' \
                 OR d.person LIKE ? ESCAPE '!' OR d.person IN ({named})))"
            );
            let text = format!(
                "(review_id LIKE ? ESCAPE '!' OR contract_name LIKE ? ESCAPE '!' OR {of_handoff} OR {of_decision})"
            );
            let values =
                (0..8).map(|_| Value::Text(anywhere(words))).chain(self.persons.iter().map(|id| id.as_str().into()));
            all.and(&text, values)?;
        }
        Ok(all)
    }

    /// How many there are, counted up to `most`.
    pub(crate) async fn count(&self, connection: &mut SqliteConnection, most: i64) -> Result<i64, StorageError> {
        let mut condition = self.condition()?;
        condition.bind(most)?;
        let sql = format!("SELECT COUNT(*) FROM (SELECT 1 FROM attempt WHERE {} LIMIT ?) AS found", condition.text);
        Ok(sqlx::query_scalar_with(AssertSqlSafe(sql), condition.bound).fetch_one(connection).await?)
    }

    /// Those before position `before`, newest first.
    pub(crate) async fn list(
        &self,
        connection: &mut SqliteConnection,
        before: i64,
        limit: i64,
    ) -> Result<Vec<AttemptRow>, StorageError> {
        let mut condition = self.condition()?;
        condition.and("no < ?", [before.into()])?;
        condition.bind(limit)?;
        let sql = format!("{SELECT} WHERE {} ORDER BY no DESC LIMIT ?", condition.text);
        Ok(sqlx::query_as_with(AssertSqlSafe(sql), condition.bound).fetch_all(connection).await?)
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_pattern_takes_every_character_as_itself() {
        assert_eq!(super::anywhere("50%_!"), "%50!%!_!!%");
    }
}
