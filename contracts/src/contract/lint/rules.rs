//! Rules, the gate's condition and the tier.

use std::collections::BTreeSet;

use super::{Lint, capitalised};
use crate::contract::Rule;
use crate::gate::{Condition, Conditions, GATE_VARIABLES, RULE_VARIABLES};
use crate::id::is_name;
use crate::pointer;

/// Most rules of one kind.
const MAX_RULES: usize = 40;
const TIERS: [&str; 5] = ["T0", "T1", "T2", "T3", "T4"];
const WATCH_FIELDS: [&str; 2] = ["any", "failed"];
const PARTY_FIELDS: [&str; 4] = ["agent", "version", "onBehalfOf", "run"];
const TASK_FIELDS: [&str; 4] = ["completed", "inProgress", "skipped", "deferred"];

impl Lint<'_> {
    pub(super) fn rules(&mut self) -> Option<Conditions> {
        let contract = self.contract;
        let mut ids = BTreeSet::new();
        let must = self.list("/must", &contract.must, &mut ids);
        let watch = self.list("/watch", &contract.watch, &mut ids);
        let when = self.condition("/gate/when", &contract.gate.when, &GATE_VARIABLES);
        let tier = self.condition("/gate/tier", &contract.gate.tier, &GATE_VARIABLES);
        if let Some(answers) = tier.as_ref().and_then(Condition::possible_answers) {
            for answer in answers.iter().filter(|answer| !TIERS.contains(&answer.as_str())) {
                let cause = format!("{answer:?} is no tier");
                self.error("tier", "/gate/tier", cause, "Answer with \"T0\", \"T1\", \"T2\", \"T3\" or \"T4\"");
            }
        }
        if when.as_ref().is_some_and(|when| when.possible_answers().is_some()) {
            let mend = "Write a condition that is true or false, as in watch.any";
            self.error("condition", "/gate/when", "the gate's condition answers with a text", mend);
        }
        Some(Conditions { must: must?, watch: watch?, when: when?, tier: tier? })
    }

    fn list<'r>(
        &mut self,
        path: &str,
        rules: &'r [Rule],
        ids: &mut BTreeSet<&'r str>,
    ) -> Option<Vec<(String, Condition)>> {
        if rules.len() > MAX_RULES {
            let mend = "Keep those that somebody would act on";
            self.error("size", path, format!("there are more than {MAX_RULES} rules"), mend);
        }
        let mut compiled = Some(Vec::new());
        for (index, rule) in rules.iter().enumerate() {
            let at = pointer::element(path, index);
            if !is_name(&rule.id) {
                let mend = "Write lowercase words with hyphens, as in currency-known";
                self.error("name", format!("{at}/id"), format!("{:?} is no rule id", rule.id), mend);
            } else if !ids.insert(&rule.id) {
                let cause = format!("rule id {} stands twice", rule.id);
                self.error(
                    "duplicate",
                    format!("{at}/id"),
                    cause,
                    "Give each rule an id of its own, must and watch together",
                );
            }
            let condition = self.condition(&format!("{at}/rule"), &rule.rule, &RULE_VARIABLES);
            compiled = compiled.zip(condition).map(|(mut list, condition)| {
                list.push((rule.id.clone(), condition));
                list
            });
        }
        compiled
    }

    fn condition(&mut self, path: &str, source: &str, known: &[&str]) -> Option<Condition> {
        match Condition::compile(source, known) {
            Ok(condition) => {
                for field in condition.paths() {
                    self.condition_field(path, field, &condition);
                }
                Some(condition)
            }
            Err(error) => {
                let mend = "See the part on conditions in docs/CONTRACTS.md";
                self.error("condition", path, capitalised(&error.to_string()), mend);
                None
            }
        }
    }

    /// A field that a condition reads has to exist; one that may be absent should be asked for first.
    fn condition_field(&mut self, path: &str, field: &[String], condition: &Condition) {
        let names: Vec<&str> = field.iter().map(String::as_str).collect();
        let shown = names.join(".");
        let (is_known, may_be_absent) = match names.as_slice() {
            ["watch", rest @ ..] => (rest.len() == 1 && rest.iter().all(|name| WATCH_FIELDS.contains(name)), false),
            ["source" | "destination", name] => (PARTY_FIELDS.contains(name), matches!(*name, "onBehalfOf" | "run")),
            ["task_state", name] => (TASK_FIELDS.contains(name), false),
            [_] => (true, false),
            ["payload", rest @ ..] => match self.schema.as_ref().map(|schema| schema.knows(rest)) {
                None => return,
                Some(kind) => (kind.is_some(), kind.is_some_and(|kind| !kind.is_required)),
            },
            ["tool_outputs", id, rest @ ..] => {
                let Some(schema) = self.tool_outputs.get(*id) else {
                    if !self.contract.tool_outputs.contains_key(*id) {
                        let cause =
                            format!("the condition reads tool output {id}, which tool_outputs does not describe");
                        self.error("unknown-output", path, cause, "Describe it there, or correct the name");
                    }
                    return;
                };
                let kind = schema.knows(rest);
                let is_carried =
                    self.contract.carry.iter().any(|entry| entry.strip_prefix("tool_outputs.") == Some(id));
                let is_optional = kind.as_ref().is_some_and(|kind| !kind.is_required);
                (kind.is_some(), is_optional || !is_carried)
            }
            _ => (false, false),
        };
        if !is_known {
            let cause = format!("the condition reads {shown}, which does not exist");
            self.error("unknown-field", path, cause, "Correct the name, or describe the field in the schema");
            return;
        }
        let is_asked = condition.tested().iter().any(|tested| field.starts_with(tested) || tested.starts_with(field));
        if may_be_absent && !is_asked {
            let cause = format!("the condition reads {shown}, which a handoff may lack; then it counts as broken");
            let mend = format!("Ask for it first, as in !has({shown}) || ..., or require the field");
            self.warning("absent-field", path, cause, mend);
        }
    }
}
