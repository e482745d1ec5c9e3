//! Counterparties: values that name who gets something, held against those that are known (attack A5). Source: FORMATS.md §5.1.

use serde_json::Value;

use super::violation;
use crate::contract::compiled::CompiledContract;
use crate::handoff::{Counterparty, Submission};
use crate::lookalike::{Looks, is_same};
use crate::pointer;
use crate::problem::Violation;
use crate::text::{self, MAX_PARAGRAPH_CHARS};

/// A value that names a counterparty, in a submission or in an earlier handoff.
#[derive(Clone, PartialEq, Eq)]
pub struct CounterpartyName {
    /// JSON Pointer from the predicate, as the contract's `review.counterparties` has it.
    pub path: String,
    /// The raw value, masked or not.
    pub value: String,
}

/// Prints no value.
impl std::fmt::Debug for CounterpartyName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CounterpartyName").field("path", &self.path).finish_non_exhaustive()
    }
}

/// The counterparties that a submission names, in the contract's order; those that are missing or no texts are left out.
#[must_use]
pub fn counterparties(submission: &Submission, compiled: &CompiledContract) -> Vec<CounterpartyName> {
    let named = |path: &String| {
        let value = submission.payload.pointer(path.strip_prefix("/payload")?)?.as_str()?;
        Some(CounterpartyName { path: path.clone(), value: value.to_owned() })
    };
    compiled.contract.review.counterparties.iter().filter_map(named).collect()
}

/// Names that are too long to be one.
pub(super) fn check(submission: &Submission, compiled: &CompiledContract, violations: &mut Vec<Violation>) {
    for name in counterparties(submission, compiled) {
        if let Some(fault) = text::length_fault(&name.value, 0, MAX_PARAGRAPH_CHARS) {
            violations.push(violation("counterparty", name.path, format!("names a counterparty and {fault}")));
        }
    }
}

/// Whether each counterparty is new, and whether it looks like another value that is known or stands in the same handoff.
///
/// `known` are names of the same contract at the same paths that were approved or passed on; more than needed does no harm.
pub(super) fn judge(
    submission: &Submission,
    compiled: &CompiledContract,
    known: &[CounterpartyName],
) -> Vec<Counterparty> {
    let named = counterparties(submission, compiled);
    if named.is_empty() {
        return Vec::new();
    }
    let mut here = Vec::new();
    collect(&submission.payload, "/payload", &mut here);
    for (index, output) in submission.tool_outputs.iter().enumerate() {
        if let Some(structured) = &output.result.structured_content {
            collect(structured, &format!("/toolOutputs/{index}/result/structuredContent"), &mut here);
        }
    }
    let judged = |it: CounterpartyName| {
        let looks = Looks::of(&it.value);
        let imitates = |other: &str| !is_same(&it.value, other) && looks.are_alike(&Looks::of(other));
        let mut known = known.iter().filter(|name| name.path == it.path);
        Counterparty {
            first: !known.clone().any(|name| is_same(&name.value, &it.value)),
            like_earlier: known.any(|name| imitates(&name.value)),
            like: here.iter().find(|(_, other)| imitates(other)).map(|(path, _)| path.clone()),
            path: it.path,
        }
    };
    named.into_iter().map(judged).collect()
}

/// Every text with its JSON Pointer, in document order.
fn collect<'v>(value: &'v Value, at: &str, into: &mut Vec<(String, &'v str)>) {
    match value {
        Value::String(text) => into.push((at.to_owned(), text)),
        Value::Array(elements) => {
            for (index, element) in elements.iter().enumerate() {
                collect(element, &pointer::element(at, index), into);
            }
        }
        Value::Object(members) => {
            for (name, member) in members {
                collect(member, &pointer::member(at, name), into);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::{judged_by, submission};
    use super::*;
    use crate::handoff::{HandoffPredicate, Tier};

    const NOTE: &str = "/payload/note";
    const NAME: &str = "/payload/customer/name";

    fn compiled() -> CompiledContract {
        let text = include_str!("tests/contract.yaml");
        let named = text.replacen(
            "  evidence: {",
            "  counterparties: [/payload/note, /payload/customer/name]\n  evidence: {",
            1,
        );
        CompiledContract::from_document(named.as_bytes()).unwrap()
    }

    fn judged(note: &str, known: &[(&str, &str)]) -> HandoffPredicate {
        let mut body = submission();
        body["payload"]["note"] = json!(note);
        let known =
            known.iter().map(|(path, value)| CounterpartyName { path: (*path).to_owned(), value: (*value).to_owned() });
        judged_by(&body, &compiled(), known.collect()).unwrap().predicate
    }

    #[test]
    fn a_known_name_is_known_and_a_new_one_is_new() {
        let predicate = judged("Fa\u{df}binder", &[(NOTE, "Fa\u{df}binder"), (NAME, "Anna Berg")]);
        let plain = |path: &str| Counterparty { path: path.to_owned(), first: false, like_earlier: false, like: None };
        assert_eq!(predicate.counterparties, [plain(NOTE), plain(NAME)]);
        assert_eq!(predicate.gate.reasons, ["gate.when"]);
        let predicate = judged("Cooper", &[(NAME, "Cooper")]);
        assert!(
            predicate.counterparties.iter().all(|one| one.first && !one.imitates()),
            "a name is known at its own place only"
        );
    }

    #[test]
    fn attack_a5_a_name_that_looks_like_a_known_one_needs_a_person_at_t3() {
        // Cyrillic throughout: no word of it mixes scripts.
        let predicate = judged("\u{455}\u{441}\u{43e}\u{440}\u{435}", &[(NOTE, "scope")]);
        let found = predicate.counterparties.first().unwrap();
        assert!(found.first && found.like_earlier && found.like.is_none());
        assert!(predicate.gate.required && predicate.gate.tier >= Tier::T3);
        assert_eq!(predicate.gate.reasons, ["gate.when", "counterparty.imitates"]);
    }

    #[test]
    fn attack_a5_a_name_that_looks_like_another_value_of_the_handoff_needs_a_person() {
        let predicate = judged("kettIe", &[]);
        assert_eq!(predicate.counterparties.first().unwrap().like.as_deref(), Some("/payload/tags/0"));
        assert_eq!(predicate.gate.tier, Tier::T3);
        // A hidden name is judged by its raw value, and nothing of it is said.
        let predicate = judged("Anna B\u{435}rg", &[(NAME, "\u{410}nna Berg")]);
        let hidden = predicate.counterparties.get(1).unwrap();
        assert!(hidden.like_earlier && hidden.like.as_deref() == Some(NOTE));
        assert!(!serde_json::to_string(&predicate.counterparties).unwrap().contains("nna"));
    }

    #[test]
    fn a_name_of_any_length_does_not_slip_through() {
        let mut body = submission();
        body["payload"]["note"] = json!("x".repeat(501));
        let refused = judged_by(&body, &compiled(), Vec::new()).unwrap_err();
        assert_eq!(refused.first().map(|one| (one.rule.as_str(), one.pointer.as_str())), Some(("counterparty", NOTE)));
    }
}
