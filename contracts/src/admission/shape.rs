//! Everything about a body that is no submission, by the published schema of one.

use std::sync::OnceLock;

use jsonschema::{Draft, Validator};
use serde_json::Value;

use crate::problem::Violation;
use crate::schema;

/// The schema that developers are given; a test keeps it current with the types.
const SCHEMA: &str = include_str!("../../schema/submission.v1.json");

/// Every place where `body` is no submission, `first` among them: what reading it stumbled over, which is known for sure.
pub(super) fn violations(body: &Value, first: Violation) -> Vec<Violation> {
    let mut all = vec![first];
    for violation in validator().map(|validator| schema::explain_all(validator, body, "")).unwrap_or_default() {
        // Two tongues for one fault at one place help nobody.
        if all.iter().all(|known| known.pointer != violation.pointer) {
            all.push(Violation { rule: "field".to_owned(), ..violation });
        }
    }
    all.sort_by(|one, other| one.pointer.cmp(&other.pointer));
    all
}

fn validator() -> Option<&'static Validator> {
    static COMPILED: OnceLock<Option<Validator>> = OnceLock::new();
    let compile = || {
        let schema: Value = serde_json::from_str(SCHEMA).ok()?;
        jsonschema::options().with_draft(Draft::Draft202012).offline().build(&schema).ok()
    };
    COMPILED.get_or_init(compile).as_ref()
}
