//! Conditions: the CEL expressions of a contract, and the verdict over a handoff that they lead to.
//!
//! A condition is bounded in length, nesting and steps ([`MAX_STEPS`]) and total: it reads the handoff and nothing else, no
//! clock, no network. Whatever cannot be evaluated counts against the handoff: a `must` refuses it, a `watch` flags it, the
//! gate's condition gates it, the tier is the highest (fail closed, invariant A4).
//!
//! The language is a part of CEL: `&& || ! ?: == != < <= > >= + - * / % in [] has()`, the macros `all exists exists_one map
//! filter`, `size() contains() startsWith() endsWith() substring() lowerAscii()`, and `decimal()`, which compares exactly.
//! Source: docs/CONTRACTS.md, "Conditions".

use std::collections::BTreeSet;

use cel::IdedExpr as Expression;
use serde_json::{Map, Value};
use thiserror::Error;

use crate::handoff::{GateResult, RuleKind, RuleOutcome, RuleResult, Submission, Tier};

mod check;
mod decimal;
mod evaluate;
#[cfg(test)]
mod tests;
mod value;

pub use check::{ConditionError, MAX_CHARACTERS, MAX_NESTING};
pub use decimal::DecimalError;
pub use evaluate::{EvaluationError, MAX_STEPS};

/// Variables that a rule may read.
pub const RULE_VARIABLES: [&str; 6] = ["payload", "tool_outputs", "constraints", "source", "destination", "task_state"];
/// Variables that the gate's condition and tier may read: those of a rule, and `watch` with `any` and `failed`.
pub const GATE_VARIABLES: [&str; 7] =
    ["payload", "tool_outputs", "constraints", "source", "destination", "task_state", "watch"];

/// A parsed condition.
#[derive(Debug)]
pub struct Condition {
    expression: Expression,
    summary: check::Summary,
}

/// Why a condition does not hold although it could be evaluated, or has no usable answer.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum RuleFault {
    #[error("evaluate the condition")]
    Evaluation(#[from] EvaluationError),
    #[error("condition answers with {kind} instead of {wanted}")]
    Answer { kind: &'static str, wanted: &'static str },
}

impl Condition {
    /// Parses a condition that reads only the variables `known`.
    ///
    /// # Errors
    /// [`ConditionError`] when it is too large, is not CEL, uses something that is not part of the language here, or reads
    /// an unknown variable.
    pub fn compile(source: &str, known: &[&str]) -> Result<Self, ConditionError> {
        check::check_size(source)?;
        let parser = cel::parser::Parser::new().max_recursion_depth(u16::try_from(MAX_NESTING).unwrap_or(u16::MAX));
        let expression = parser.parse(source).map_err(|errors| {
            let first = errors.errors.first();
            let message = first.map_or_else(|| "cannot be parsed".to_owned(), |error| error.msg.clone());
            let column = first.map_or(1, |error| usize::try_from(error.pos.1).unwrap_or(1));
            ConditionError::Syntax { message, column }
        })?;
        let summary = check::summarise(&expression, known)?;
        Ok(Self { expression, summary })
    }

    /// Whether the condition holds.
    ///
    /// # Errors
    /// [`RuleFault`] when it cannot be evaluated or does not answer with true or false.
    pub fn holds(&self, variables: &Variables) -> Result<bool, RuleFault> {
        match evaluate::Evaluation::new(&variables.0).run(&self.expression)? {
            value::Val::Bool(answer) => Ok(answer),
            other => Err(RuleFault::Answer { kind: other.kind(), wanted: "true or false" }),
        }
    }

    /// The text that it answers with.
    ///
    /// # Errors
    /// [`RuleFault`] when it cannot be evaluated or does not answer with a text.
    pub fn text(&self, variables: &Variables) -> Result<String, RuleFault> {
        match evaluate::Evaluation::new(&variables.0).run(&self.expression)? {
            value::Val::Text(answer) => Ok(answer.into_owned()),
            other => Err(RuleFault::Answer { kind: other.kind(), wanted: "a text" }),
        }
    }

    /// The fields that it reads, in order of first use, as in `["payload", "card", "number"]`.
    #[must_use]
    pub fn paths(&self) -> &[Vec<String>] {
        &self.summary.paths
    }

    /// The fields that it asks for with `has(...)` before it reads them.
    #[must_use]
    pub fn tested(&self) -> &[Vec<String>] {
        &self.summary.tested
    }

    /// Every text that it can answer with, when all of its answers are literal texts.
    #[must_use]
    pub fn possible_answers(&self) -> Option<&BTreeSet<String>> {
        self.summary.answers.as_ref()
    }

    /// JSON Pointer into the submission of the first payload field that it reads; empty when it reads none. A broken `must`
    /// is reported there.
    #[must_use]
    pub fn pointer(&self) -> String {
        let path = self.summary.paths.iter().find(|path| path.first().is_some_and(|root| root == "payload"));
        path.map_or_else(String::new, |path| {
            path.iter().map(|name| format!("/{}", name.replace('~', "~0").replace('/', "~1"))).collect()
        })
    }
}

/// What the conditions of one handoff may read.
#[derive(Clone, Debug)]
pub struct Variables(Map<String, Value>);

impl Variables {
    /// The variables of a submission: `payload`; `tool_outputs`, by id the structured content (absent when there is none,
    /// or when the tool reported an error); `constraints`, `source`, `destination`, `task_state` as submitted.
    #[must_use]
    pub fn of(submission: &Submission) -> Self {
        let outputs = submission.tool_outputs.iter().filter(|output| !output.result.is_error);
        let outputs = outputs.filter_map(|output| Some((output.id.clone(), output.result.structured_content.clone()?)));
        let json = |value: Result<Value, serde_json::Error>| value.unwrap_or(Value::Null);
        Self(Map::from_iter([
            ("payload".to_owned(), submission.payload.clone()),
            ("tool_outputs".to_owned(), Value::Object(outputs.collect())),
            ("constraints".to_owned(), json(serde_json::to_value(&submission.constraints))),
            ("source".to_owned(), json(serde_json::to_value(&submission.source))),
            ("destination".to_owned(), json(serde_json::to_value(&submission.destination))),
            ("task_state".to_owned(), json(serde_json::to_value(&submission.task_state))),
        ]))
    }

    /// Variables by name, for trying a condition out.
    #[must_use]
    pub fn from_members(members: Map<String, Value>) -> Self {
        Self(members)
    }

    fn with_watch(mut self, failed: &[String]) -> Self {
        let watch = serde_json::json!({ "any": !failed.is_empty(), "failed": failed });
        self.0.insert("watch".to_owned(), watch);
        self
    }
}

/// Every condition of a contract.
#[derive(Debug)]
pub struct Conditions {
    /// Id and condition, in the contract's order.
    pub must: Vec<(String, Condition)>,
    /// Id and condition, in the contract's order.
    pub watch: Vec<(String, Condition)>,
    pub when: Condition,
    pub tier: Condition,
}

/// What the conditions say about one handoff.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// `must` before `watch`, in the contract's order. A `must` that is not [`RuleResult::Pass`] refuses the handoff.
    pub rules: Vec<RuleOutcome>,
    pub gate: GateResult,
}

impl Conditions {
    /// Evaluates all of them. Total: what cannot be evaluated counts against the handoff.
    #[must_use]
    pub fn judge(&self, variables: Variables) -> Judgement {
        let evaluate = |rules: &[(String, Condition)], kind: RuleKind, variables: &Variables| -> Vec<RuleOutcome> {
            let outcome = |(id, condition): &(String, Condition)| {
                let result = match condition.holds(variables) {
                    Ok(true) => RuleResult::Pass,
                    Ok(false) => RuleResult::Fail,
                    Err(_) => RuleResult::Error,
                };
                RuleOutcome { id: id.clone(), kind, result }
            };
            rules.iter().map(outcome).collect()
        };
        let mut rules = evaluate(&self.must, RuleKind::Must, &variables);
        let watch = evaluate(&self.watch, RuleKind::Watch, &variables);
        let failed: Vec<String> =
            watch.iter().filter(|rule| rule.result != RuleResult::Pass).map(|rule| rule.id.clone()).collect();
        rules.extend(watch);
        let gate = self.gate(&variables.with_watch(&failed), &failed);
        Judgement { rules, gate }
    }

    fn gate(&self, variables: &Variables, failed: &[String]) -> GateResult {
        let mut reasons = Vec::new();
        let required = match self.when.holds(variables) {
            Ok(required) => {
                if required {
                    reasons.push("gate.when".to_owned());
                }
                required
            }
            Err(_) => {
                reasons.push("gate.broken".to_owned());
                true
            }
        };
        if required {
            reasons.extend(failed.iter().map(|id| format!("watch.{id}")));
        }
        let tier = match self.tier.text(variables).as_deref() {
            Ok("T0") => Tier::T0,
            Ok("T1") => Tier::T1,
            Ok("T2") => Tier::T2,
            Ok("T3") => Tier::T3,
            Ok("T4") => Tier::T4,
            Ok(_) | Err(_) => {
                reasons.push("tier.broken".to_owned());
                Tier::T4
            }
        };
        GateResult { required, tier, reasons }
    }
}
