//! Which places of a submission are hidden, and how.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{check, violation};
use crate::contract::compiled::CompiledContract;
use crate::handoff::{MaskKind, Submission};
use crate::mask::{Secrets, shown};
use crate::money::Decimal;
use crate::pointer;
use crate::problem::Violation;
use crate::schema::{PayloadSchema, PlannedMask};

/// Shortest hidden value whose occurrence elsewhere is acted upon, in characters.
const MIN_REPEATED_CHARS: usize = 5;
/// Digits from which on a value may be the number of somebody: a phone, a card, a document, a date of birth.
const MIN_IDENTIFYING_DIGITS: usize = 6;
/// Each round hides at least one more place; in practice the second finds nothing.
const MAX_ROUNDS: usize = 16;

pub(super) struct Plan {
    /// Sorted, none within another.
    pub(super) masks: Vec<PlannedMask>,
    /// The values that they hide.
    pub(super) secrets: Secrets,
    /// Those of them that nothing may repeat: what the contract itself masks, and of what is hidden only because nobody
    /// described it, what looks like an address or a number of somebody.
    personal: Secrets,
    /// Paths that are hidden only because nobody described them.
    undescribed: BTreeSet<String>,
    /// A tool's answer has not the form that the contract describes.
    pub(super) has_mismatch: bool,
}

/// Plans the masks; what cannot be hidden properly is added to `violations`.
pub(super) fn make(
    submission: &Submission,
    root: &Value,
    compiled: &CompiledContract,
    violations: &mut Vec<Violation>,
) -> Plan {
    let mut undescribed = BTreeSet::new();
    let mut masks = payload(submission, compiled, &mut undescribed);
    let has_mismatch = tool_outputs(submission, compiled, &mut masks, &mut undescribed, violations);
    let texts = &compiled.contract.text;
    if texts.intent != MaskKind::Clear {
        masks.push(PlannedMask { path: "/intent/text".to_owned(), kind: of_text(texts.intent) });
        // Whoever knows the nonce could test guesses of the text against the digest.
        masks.push(full("/intent/nonce"));
    }
    if submission.narrative.is_some() && texts.narrative != MaskKind::Clear {
        masks.push(PlannedMask { path: "/narrative/text".to_owned(), kind: of_text(texts.narrative) });
    }
    // The only kind that not every value has a mask of.
    for mask in masks.iter_mut().filter(|mask| mask.kind == MaskKind::PanBin6Last4) {
        let value = root.pointer(&mask.path).unwrap_or(&Value::Null);
        if shown(mask.kind, value, &Secrets::default()).is_err() {
            let message = "the contract masks this as a card number; it must have 13 to 19 digits and nothing else";
            violations.push(violation("mask", mask.path.clone(), message));
            mask.kind = MaskKind::Full;
        }
    }
    masks.sort_unstable();
    let mut plan = Plan { masks, secrets: Secrets::default(), personal: Secrets::default(), undescribed, has_mismatch };
    plan.find_secrets(root);
    plan.hide_repetitions(submission, root, compiled, violations);
    plan.refuse_repetitions(submission, compiled, violations);
    plan
}

fn full(path: impl Into<String>) -> PlannedMask {
    PlannedMask { path: path.into(), kind: MaskKind::Full }
}

/// Kinds that make sense for running text.
fn of_text(kind: MaskKind) -> MaskKind {
    match kind {
        MaskKind::Scrub | MaskKind::Clear => kind,
        _ => MaskKind::Full,
    }
}

/// The masks of a described value, and which of them nobody asked for.
fn planned(schema: &PayloadSchema, value: &Value, base: &str, undescribed: &mut BTreeSet<String>) -> Vec<PlannedMask> {
    let mut masks = schema.masks_for(value, base);
    // A clear field stays in the statement; it has no commitment.
    masks.retain(|mask| mask.kind != MaskKind::Clear);
    for mask in &masks {
        let steps: Vec<String> = pointer::steps(mask.path.get(base.len()..).unwrap_or_default()).collect();
        let steps: Vec<&str> = steps.iter().map(String::as_str).collect();
        if schema.knows(&steps).is_none_or(|field| field.mask.is_none()) {
            undescribed.insert(mask.path.clone());
        }
    }
    masks
}

fn payload(
    submission: &Submission,
    compiled: &CompiledContract,
    undescribed: &mut BTreeSet<String>,
) -> Vec<PlannedMask> {
    let mut masks = planned(&compiled.schema, &submission.payload, "/payload", undescribed);
    if masks.iter().any(|mask| mask.path == "/payload") {
        // The payload itself has to stay, so each of its members is hidden.
        let members = submission.payload.as_object().into_iter().flatten();
        masks = members.map(|(name, _)| full(pointer::member("/payload", name))).collect();
    }
    masks
}

/// Adds the masks of tool outputs; whether one of them has not the form that its description has.
fn tool_outputs(
    submission: &Submission,
    compiled: &CompiledContract,
    masks: &mut Vec<PlannedMask>,
    undescribed: &mut BTreeSet<String>,
    violations: &mut Vec<Violation>,
) -> bool {
    let mut by_default = |masks: &mut Vec<PlannedMask>, mask: PlannedMask| {
        undescribed.insert(mask.path.clone());
        masks.push(mask);
    };
    let contract = &compiled.contract;
    let mut has_mismatch = false;
    let mut described = Vec::new();
    for (index, output) in submission.tool_outputs.iter().enumerate() {
        let at = pointer::element("/toolOutputs", index);
        let args_at = format!("{at}/args");
        let Some((spec, schema)) = compiled.tool_output(&output.id, &output.tool) else {
            by_default(masks, full(format!("{at}/result")));
            if output.args.is_some() {
                by_default(masks, full(args_at));
            }
            continue;
        };
        let kind = of_text(spec.text);
        if kind != MaskKind::Clear {
            for part in 0..output.result.content.len() {
                by_default(masks, PlannedMask { path: format!("{at}/result/content/{part}/text"), kind });
            }
            if output.args.is_some() {
                by_default(masks, PlannedMask { path: args_at, kind });
            }
        }
        let Some(structured) = &output.result.structured_content else { continue };
        let here = format!("{at}/result/structuredContent");
        let faults = schema.validate(structured, &here);
        if faults.is_empty() {
            described.push((schema, structured, here));
            continue;
        }
        // Its masks are written for another form, so all of it is hidden.
        by_default(masks, full(here));
        has_mismatch = has_mismatch || !output.result.is_error;
        let needed = contract.carry.iter().chain(&contract.review.evidence.required);
        let mut needed = needed.filter_map(|entry| entry.strip_prefix("tool_outputs."));
        if !output.result.is_error && needed.any(|key| check::is_output(output, key, compiled)) {
            violations.extend(faults);
        }
    }
    for (schema, structured, here) in described {
        masks.extend(planned(schema, structured, &here, undescribed));
    }
    has_mismatch
}

/// Whether a value can be somebody's address or number.
fn is_identifying(value: &str) -> bool {
    value.contains('@') || value.chars().filter(char::is_ascii_digit).count() >= MIN_IDENTIFYING_DIGITS
}

impl Plan {
    fn find_secrets(&mut self, root: &Value) {
        let masks = self.masks.iter().map(|mask| (mask.path.as_str(), mask.kind));
        let is_personal = |path: &str, value: &str| !self.undescribed.contains(path) || is_identifying(value);
        let (secrets, personal) = Secrets::with_wanted(root, masks, &is_personal);
        (self.personal, self.secrets) = (personal, secrets);
    }

    /// Hides readable texts of payload and tool outputs within which a hidden value is repeated.
    fn hide_repetitions(
        &mut self,
        submission: &Submission,
        root: &Value,
        compiled: &CompiledContract,
        violations: &mut Vec<Violation>,
    ) {
        for _ in 0..MAX_ROUNDS {
            let found = self.find_repetitions(submission, root, compiled);
            if found.iter().any(|mask| mask.path == "/payload") {
                let message = "a member name of the payload repeats a value that the contract masks";
                violations.push(violation("mask", "/payload", message));
                return;
            }
            if found.is_empty() {
                return;
            }
            for mask in found {
                self.masks.retain(|other| !pointer::is_within(&other.path, &mask.path));
                self.undescribed.insert(mask.path.clone());
                self.masks.push(mask);
            }
            self.masks.sort_unstable();
            self.find_secrets(root);
        }
    }

    fn find_repetitions(&self, submission: &Submission, root: &Value, compiled: &CompiledContract) -> Vec<PlannedMask> {
        let mut found = Vec::new();
        if self.secrets.is_empty() {
            return found;
        }
        let masked: BTreeSet<&str> = self.masks.iter().map(|mask| mask.path.as_str()).collect();
        let is_public = |name: &str| compiled.schema.names(name);
        let search =
            Search { secrets: &self.secrets, in_words: &self.personal, masked: &masked, is_public: &is_public };
        search.walk(&submission.payload, "/payload", &mut found);
        for (index, output) in submission.tool_outputs.iter().enumerate() {
            let at = pointer::element("/toolOutputs", index);
            if masked.contains(format!("{at}/result").as_str()) {
                continue;
            }
            let schema = compiled.tool_output(&output.id, &output.tool).map(|(_, schema)| schema);
            let is_public =
                |name: &str| matches!(name, "type" | "text") || schema.is_some_and(|schema| schema.names(name));
            let search = Search { is_public: &is_public, ..search };
            for part in ["args", "result/content", "result/structuredContent"] {
                let here = format!("{at}/{part}");
                if let Some(value) = root.pointer(&here) {
                    search.walk(value, &here, &mut found);
                }
            }
        }
        // Titles and reasons of steps have no other rule, so every hidden value goes.
        if let Some(state) = root.pointer("/taskState") {
            let is_public = |_: &str| true;
            let search = Search { in_words: &self.secrets, is_public: &is_public, ..search };
            search.walk(state, "/taskState", &mut found);
        }
        found
    }

    /// Values that the contract masks may not stand where nothing can be hidden.
    ///
    /// The names of tools that the contract itself describes are its own words, whatever a value is like.
    fn refuse_repetitions(
        &self,
        submission: &Submission,
        compiled: &CompiledContract,
        violations: &mut Vec<Violation>,
    ) {
        let message = "repeats a value that the contract masks; say it without the value";
        let mut refuse = |pointer: String, words: &str| {
            if self.personal.occur_in(words, MIN_REPEATED_CHARS) {
                violations.push(violation("mask", pointer, message));
            }
        };
        refuse("/correlationId".to_owned(), &submission.correlation_id);
        refuse("/source/run".to_owned(), submission.source.run.as_deref().unwrap_or_default());
        let state = &submission.task_state;
        let plain = [("completed", &state.completed), ("inProgress", &state.in_progress)];
        for (list, steps) in plain {
            for (index, step) in steps.iter().enumerate() {
                refuse(format!("/taskState/{list}/{index}/id"), &step.id);
                refuse(format!("/taskState/{list}/{index}/title"), &step.title);
            }
        }
        for (list, steps) in [("skipped", &state.skipped), ("deferred", &state.deferred)] {
            for (index, step) in steps.iter().enumerate() {
                refuse(format!("/taskState/{list}/{index}/id"), &step.id);
                refuse(format!("/taskState/{list}/{index}/title"), &step.title);
                refuse(format!("/taskState/{list}/{index}/reason"), &step.reason);
            }
        }
        for (index, constraint) in submission.constraints.iter().enumerate() {
            refuse(format!("/constraints/{index}/id"), &constraint.id);
            refuse(format!("/constraints/{index}/text"), &constraint.text);
        }
        for (index, output) in submission.tool_outputs.iter().enumerate() {
            if !is_described(numbered(&output.id), compiled) {
                refuse(format!("/toolOutputs/{index}/id"), &output.id);
            }
            if !is_described(&output.tool, compiled) {
                refuse(format!("/toolOutputs/{index}/tool"), &output.tool);
            }
            refuse(format!("/toolOutputs/{index}/step"), output.step.as_deref().unwrap_or_default());
        }
        for (index, evaluation) in submission.evaluations.iter().enumerate() {
            refuse(format!("/evaluations/{index}/step"), &evaluation.step);
            refuse(format!("/evaluations/{index}/evaluator"), &evaluation.evaluator);
            refuse(format!("/evaluations/{index}/version"), &evaluation.version);
            refuse(format!("/evaluations/{index}/detail"), evaluation.detail.as_deref().unwrap_or_default());
        }
        for (index, artifact) in submission.artifacts.iter().enumerate() {
            refuse(format!("/artifacts/{index}/name"), &artifact.name);
        }
    }
}

/// Whether the contract describes a tool output under this id or of this tool.
fn is_described(name: &str, compiled: &CompiledContract) -> bool {
    let described = &compiled.contract.tool_outputs;
    described.contains_key(name) || described.values().any(|spec| spec.tool.as_deref() == Some(name))
}

/// `orders_get` of `orders_get_2`: an id that is a name with its number.
fn numbered(id: &str) -> &str {
    match id.rsplit_once('_') {
        Some((name, number)) if number.len() <= 3 && number.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => id,
    }
}

/// Looks for hidden values in what stays readable.
#[derive(Clone, Copy)]
struct Search<'s> {
    /// For running text.
    secrets: &'s Secrets,
    /// For names and single words, which a hidden ordinary word may well be a part of, as `economy` of `basic_economy`.
    in_words: &'s Secrets,
    masked: &'s BTreeSet<&'s str>,
    /// Whether the contract itself spells this member name.
    is_public: &'s dyn Fn(&str) -> bool,
}

impl Search<'_> {
    fn walk(&self, value: &Value, at: &str, found: &mut Vec<PlannedMask>) {
        if self.masked.contains(at) {
            return;
        }
        match value {
            // An amount that has the digits of a postal code in it is still an amount.
            Value::String(words) if Decimal::parse(words).is_err() => {
                let secrets = if words.contains(char::is_whitespace) { self.secrets } else { self.in_words };
                if secrets.occur_in(words, MIN_REPEATED_CHARS) {
                    found.push(PlannedMask { path: at.to_owned(), kind: MaskKind::Scrub });
                }
            }
            Value::Array(elements) => {
                for (index, element) in elements.iter().enumerate() {
                    self.walk(element, &pointer::element(at, index), found);
                }
            }
            Value::Object(members) => {
                // A name is readable in its object, or in the path of its mask, so the whole object has to go.
                let repeats =
                    |name: &String| !(self.is_public)(name) && self.in_words.occur_in(name, MIN_REPEATED_CHARS);
                if members.keys().any(repeats) {
                    found.push(full(at));
                    return;
                }
                for (name, member) in members {
                    self.walk(member, &pointer::member(at, name), found);
                }
            }
            Value::String(_) | Value::Number(_) | Value::Bool(_) | Value::Null => {}
        }
    }
}
