//! SQL has two homes, one per database.

use super::{Finding, Text, code_lines};

/// Files and folders that may speak to sqlx. The tests may, because they tamper with databases and measure raw ones.
const HOMES: &[&str] =
    &["gateway/src/db.rs", "gateway/src/db/", "desk/src/cache.rs", "desk/src/cache/", "tests/", "xtask/"];

/// Folders of migrations.
const MIGRATIONS: &[&str] =
    &["gateway/migrations/sqlite/", "gateway/migrations/postgres/", "desk/migrations/", "tests/"];

/// Looks for sqlx in Rust texts and for stray `.sql` files.
pub(crate) fn check(texts: &[Text]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in texts {
        let lives_in = |homes: &[&str]| homes.iter().any(|home| file.path.starts_with(home));
        if file.path.ends_with(".sql") && !lives_in(MIGRATIONS) {
            findings.push(Finding::failure(
                &file.path,
                0,
                "SQL files are migrations: they live in gateway/migrations/sqlite, gateway/migrations/postgres (same names) or desk/migrations",
            ));
        }
        if !file.path.ends_with(".rs") || lives_in(HOMES) {
            continue;
        }
        for (line, code) in code_lines(&file.text) {
            if code.contains("sqlx::") || code.trim_start().starts_with("use sqlx") {
                findings.push(Finding::failure(
                    &file.path,
                    line,
                    "speaks to sqlx: queries, rows, pools and their errors live in gateway/src/db and desk/src/cache; offer a typed function there",
                ));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::{places, tree};
    use super::*;

    #[test]
    fn sql_at_home_is_fine() {
        let right = tree(&[
            ("gateway/src/db/review.rs", "sqlx::query(\"SELECT 1\")"),
            ("desk/src/cache.rs", "use sqlx::SqlitePool;"),
            ("gateway/src/admit.rs", "/// Not sqlx::Error, because ...\nlet x = db.review();"),
            ("gateway/migrations/sqlite/0001_start.sql", "CREATE TABLE t (a);"),
        ]);
        assert_eq!(check(&right), []);
    }

    #[test]
    fn sql_elsewhere_is_found() {
        let wrong = tree(&[
            ("gateway/src/admit.rs", "//! Admits.\nlet row = sqlx::query(\"SELECT 1\");"),
            ("src-tauri/src/lib.rs", "use sqlx;"),
            ("gateway/src/db.sql", "SELECT 1;"),
        ]);
        assert_eq!(
            places(&check(&wrong)),
            ["gateway/src/admit.rs:2", "src-tauri/src/lib.rs:1", "gateway/src/db.sql:0"]
        );
    }
}
