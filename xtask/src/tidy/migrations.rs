//! Both databases go through the same migrations, by name.

use std::collections::BTreeSet;

use super::{Finding, Text};

const SQLITE: &str = "gateway/migrations/sqlite/";
const POSTGRES: &str = "gateway/migrations/postgres/";

/// Compares the names on both sides. While one side has none at all, the other stands alone.
pub(crate) fn check(texts: &[Text]) -> Vec<Finding> {
    let (sqlite, postgres) = (names(texts, SQLITE), names(texts, POSTGRES));
    if sqlite.is_empty() || postgres.is_empty() {
        return Vec::new();
    }
    let missing = |there: &BTreeSet<&str>, here: &BTreeSet<&str>, from: &str, to: &str| {
        there
            .difference(here)
            .map(|name| {
                Finding::failure(
                    &format!("{from}{name}"),
                    0,
                    format!("has no twin: write {to}{name}, even if it only says why there is nothing to do"),
                )
            })
            .collect::<Vec<_>>()
    };
    let mut findings = missing(&sqlite, &postgres, SQLITE, POSTGRES);
    findings.extend(missing(&postgres, &sqlite, POSTGRES, SQLITE));
    findings
}

fn names<'a>(texts: &'a [Text], folder: &str) -> BTreeSet<&'a str> {
    texts.iter().filter_map(|file| file.path.strip_prefix(folder)).filter(|name| name.ends_with(".sql")).collect()
}

#[cfg(test)]
mod tests {
    use super::super::{places, tree};
    use super::*;

    #[test]
    fn a_migration_without_its_twin_is_found() {
        let start = ("gateway/migrations/sqlite/0001_start.sql", "");
        let more = ("gateway/migrations/sqlite/0002_more.sql", "");
        assert_eq!(check(&tree(&[start, more])), []);
        let twin = ("gateway/migrations/postgres/0001_start.sql", "");
        assert_eq!(places(&check(&tree(&[start, more, twin]))), ["gateway/migrations/sqlite/0002_more.sql:0"]);
    }
}
