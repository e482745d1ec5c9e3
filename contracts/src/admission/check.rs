//! Everything about a submission that is not its payload: parties, versions, bounds, ids, files.

use std::collections::BTreeSet;

use base64ct::{Base64, Encoding as _};
use semver::{Version, VersionReq};
use serde_json::Value;

use super::{Artifact, MAX_ARTIFACT_BYTES, StoredArtifact, violation};
use crate::clock::Chance;
use crate::contract::compiled::CompiledContract;
use crate::digest::Digest;
use crate::handoff::bounds::{
    MAX_ARTIFACTS, MAX_CONSTRAINTS, MAX_CONTENT_PARTS, MAX_EVALUATIONS, MAX_FILE_NAME_CHARS, MAX_RUN_CHARS, MAX_STEPS,
    MAX_TOOL_OUTPUTS,
};
use crate::handoff::{ContentPart, Submission};
use crate::id::{self, AgentUrn};
use crate::mask;
use crate::money::Decimal;
use crate::problem::Violation;
use crate::text::{MAX_ID_CHARS, MAX_PARAGRAPH_CHARS, MAX_TEXT_CHARS, MAX_TITLE_CHARS, length_fault};

/// What serde says about a body of the wrong shape, without the value it found.
pub(super) fn shape(at: &str, message: &str) -> Violation {
    let quoted = |prefix: &str| message.strip_prefix(prefix)?.split_once('`').map(|(name, _)| name);
    if let Some(name) = quoted("missing field `") {
        return violation("field", crate::pointer::member(at, name), "is missing");
    }
    if let Some(name) = quoted("unknown field `") {
        let is_named = crate::pointer::split_last(at).is_some_and(|(_, last)| last == name);
        let pointer = if is_named { at.to_owned() } else { crate::pointer::member(at, name) };
        return violation("field", pointer, "is not a member of a submission; leave it out");
    }
    let message = match message.split_once(", expected ") {
        Some((_, wanted)) => format!("must be {wanted}"),
        None if message.starts_with("invalid ") => "is not of the form that is expected here".to_owned(),
        None => message.to_owned(),
    };
    violation("field", at, message)
}

struct Check {
    found: Vec<Violation>,
}

/// Parties, versions, bounds and ids.
pub(super) fn envelope(submission: &Submission, compiled: &CompiledContract, has_parent: bool) -> Vec<Violation> {
    let mut check = Check { found: Vec::new() };
    check.parties(submission, compiled);
    check.reference(submission, has_parent);
    check.task(submission);
    check.tool_outputs(submission, compiled);
    check.evaluations(submission);
    if let Some(narrative) = &submission.narrative {
        check.length("/narrative/text", &narrative.text, MAX_TEXT_CHARS);
    }
    match &submission.payload {
        Value::Object(_) => check.names("/payload", &submission.payload),
        _ => check.field("/payload", "must be an object"),
    }
    check.found
}

impl Check {
    fn field(&mut self, pointer: impl Into<String>, message: impl Into<String>) {
        self.found.push(violation("field", pointer, message));
    }

    fn length(&mut self, pointer: &str, words: &str, max_chars: usize) {
        if let Some(fault) = length_fault(words, 1, max_chars) {
            self.field(pointer, fault);
        }
    }

    fn count(&mut self, pointer: &str, n_found: usize, n_allowed: usize) {
        if n_found > n_allowed {
            self.found.push(violation(
                "size",
                pointer,
                format!("has {n_found} elements; at most {n_allowed} are allowed"),
            ));
        }
    }

    fn names(&mut self, base: &str, value: &Value) {
        if let Some(pointer) = mask::find_reserved_name(value, base) {
            self.field(pointer, "the member names _sd, _sd_alg and ... are reserved");
        }
    }

    fn parties(&mut self, submission: &Submission, compiled: &CompiledContract) {
        let contract = &compiled.contract;
        if submission.contract != compiled.id() {
            self.found.push(violation("version", "/contract", format!("was judged against {}", compiled.id())));
        }
        self.agent("/source/agent", &submission.source.agent, &contract.source.agent, "source");
        self.agent("/destination/agent", &submission.destination.agent, &contract.destination.agent, "destination");
        self.version("/source/version", &submission.source.version, &compiled.source_versions);
        if submission.destination.version != "*" {
            self.version("/destination/version", &submission.destination.version, &compiled.destination_versions);
        }
        if let Some(run) = &submission.source.run {
            self.length("/source/run", run, MAX_RUN_CHARS);
        }
        if submission.fallback_owner.as_deref().is_some_and(|owner| !id::is_name(owner)) {
            self.field("/fallbackOwner", "must be the name of a role or team, as in refund-managers");
        }
    }

    fn agent(&mut self, pointer: &str, given: &AgentUrn, wanted: &str, party: &str) {
        if given.name() != wanted {
            self.field(pointer, format!("the contract's {party} is urn:seamark:agent:{wanted}"));
        }
    }

    fn version(&mut self, pointer: &str, given: &str, accepted: &VersionReq) {
        let message = match Version::parse(given) {
            Ok(version) if given.len() <= MAX_ID_CHARS && accepted.matches(&version) => return,
            Ok(_) => format!("is not among the versions that the contract accepts: {accepted}"),
            Err(_) => "must be a semantic version, as in 2.3.1".to_owned(),
        };
        self.found.push(violation("version", pointer, message));
    }

    fn reference(&mut self, submission: &Submission, has_parent: bool) {
        let correlation = &submission.correlation_id;
        self.length("/correlationId", correlation, MAX_ID_CHARS);
        if !correlation.chars().all(|character| character.is_ascii_graphic()) {
            self.field("/correlationId", "must have visible ASCII characters only");
        }
        if submission.parent.is_some() && !has_parent {
            self.field("/parent/handoffId", "no such handoff with this correlation id was submitted with this key");
        }
        if submission.traceparent.as_deref().is_some_and(|header| !is_traceparent(header)) {
            self.field(
                "/traceparent",
                "must be a W3C traceparent, as in 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            );
        }
    }

    fn task(&mut self, submission: &Submission) {
        let state = &submission.task_state;
        let done = state.completed.iter().map(|step| ("completed", &step.id, &step.title, None));
        let doing = state.in_progress.iter().map(|step| ("inProgress", &step.id, &step.title, None));
        let open = |list, steps: &'static str| (list, steps);
        let (skipped, deferred) = (open(&state.skipped, "skipped"), open(&state.deferred, "deferred"));
        let left = [skipped, deferred]
            .into_iter()
            .flat_map(|(steps, list)| steps.iter().map(move |step| (list, &step.id, &step.title, Some(&step.reason))));
        let mut seen = BTreeSet::new();
        let mut position = (String::new(), 0_usize);
        let mut n_steps = 0_usize;
        for (list, id, title, reason) in done.chain(doing).chain(left) {
            position =
                if position.0 == list { (position.0, position.1.saturating_add(1)) } else { (list.to_owned(), 0) };
            n_steps = n_steps.saturating_add(1);
            let at = format!("/taskState/{list}/{}", position.1);
            self.length(&format!("{at}/id"), id, MAX_ID_CHARS);
            self.length(&format!("{at}/title"), title, MAX_TITLE_CHARS);
            if let Some(reason) = reason {
                self.length(&format!("{at}/reason"), reason, MAX_PARAGRAPH_CHARS);
            }
            if !seen.insert(id) {
                self.field(format!("{at}/id"), "stands twice; each step has an id of its own");
            }
        }
        self.count("/taskState", n_steps, MAX_STEPS);
        self.length("/intent/text", &submission.intent.text, MAX_TEXT_CHARS);
        self.count("/constraints", submission.constraints.len(), MAX_CONSTRAINTS);
        let mut seen = BTreeSet::new();
        for (index, constraint) in submission.constraints.iter().enumerate() {
            let at = format!("/constraints/{index}");
            self.length(&format!("{at}/id"), &constraint.id, MAX_ID_CHARS);
            self.length(&format!("{at}/text"), &constraint.text, MAX_PARAGRAPH_CHARS);
            if !seen.insert(&constraint.id) {
                self.field(format!("{at}/id"), "stands twice; each constraint has an id of its own");
            }
        }
    }

    fn tool_outputs(&mut self, submission: &Submission, compiled: &CompiledContract) {
        self.count("/toolOutputs", submission.tool_outputs.len(), MAX_TOOL_OUTPUTS);
        let is_id = |id: &str| {
            let is_allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-');
            !id.is_empty() && id.len() <= MAX_ID_CHARS && id.chars().all(is_allowed)
        };
        let mut seen = BTreeSet::new();
        for (index, output) in submission.tool_outputs.iter().enumerate() {
            let at = format!("/toolOutputs/{index}");
            if !is_id(&output.id) {
                self.field(format!("{at}/id"), "must have 1 to 100 characters of a-z, 0-9, underscore and hyphen");
            }
            if !seen.insert(&output.id) {
                self.field(format!("{at}/id"), "stands twice; each tool output has an id of its own");
            }
            self.length(&format!("{at}/tool"), &output.tool, MAX_TITLE_CHARS);
            if let Some(step) = &output.step {
                self.length(&format!("{at}/step"), step, MAX_ID_CHARS);
            }
            self.count(&format!("{at}/result/content"), output.result.content.len(), MAX_CONTENT_PARTS);
            let structured = &output.result.structured_content;
            for (member, value) in [("args", &output.args), ("result/structuredContent", structured)] {
                let here = format!("{at}/{member}");
                match value {
                    Some(value @ Value::Object(_)) => self.names(&here, value),
                    Some(_) => self.field(here, "must be an object"),
                    None => {}
                }
            }
            for (part, ContentPart::Text { text }) in output.result.content.iter().enumerate() {
                if text.len() > crate::strict_json::Limits::SIGNED.max_string_bytes {
                    let message = "is too long; send large outputs as artifacts";
                    self.found.push(violation("size", format!("{at}/result/content/{part}/text"), message));
                }
            }
        }
        for entry in &compiled.contract.carry {
            if let Some(key) = entry.strip_prefix("tool_outputs.")
                && !submission.tool_outputs.iter().any(|output| is_output(output, key, compiled))
            {
                let message = format!("the contract carries {entry}, which is not among the tool outputs");
                self.found.push(violation("carry", "/toolOutputs", message));
            }
        }
    }

    fn evaluations(&mut self, submission: &Submission) {
        self.count("/evaluations", submission.evaluations.len(), MAX_EVALUATIONS);
        for (index, evaluation) in submission.evaluations.iter().enumerate() {
            let at = format!("/evaluations/{index}");
            self.length(&format!("{at}/step"), &evaluation.step, MAX_ID_CHARS);
            self.length(&format!("{at}/evaluator"), &evaluation.evaluator, MAX_ID_CHARS);
            self.length(&format!("{at}/version"), &evaluation.version, MAX_ID_CHARS);
            if evaluation.score.as_deref().is_some_and(|score| Decimal::parse(score).is_err()) {
                self.field(format!("{at}/score"), "must be a decimal written as text, as in \"0.98\"");
            }
            if let Some(detail) = &evaluation.detail {
                self.length(&format!("{at}/detail"), detail, MAX_PARAGRAPH_CHARS);
            }
        }
    }
}

/// Whether an output is the one that a contract calls `tool_outputs.KEY`: by its id, or by the spec that describes it.
pub(super) fn is_output(output: &crate::handoff::ToolOutput, key: &str, compiled: &CompiledContract) -> bool {
    let described = || compiled.tool_output(&output.id, &output.tool).map(|(spec, _)| spec);
    let named = || compiled.contract.tool_outputs.get(key);
    output.id == key || described().zip(named()).is_some_and(|(one, other)| std::ptr::eq(one, other))
}

/// Source: W3C Trace Context §3.2.2.
fn is_traceparent(header: &str) -> bool {
    let is_hex = |part: &str, length: usize| {
        part.len() == length && part.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    };
    let is_zero = |part: &str| part.bytes().all(|byte| byte == b'0');
    let mut parts = header.split('-');
    match (parts.next(), parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some("00"), Some(trace), Some(span), Some(flags), None) => {
            is_hex(trace, 32) && is_hex(span, 16) && is_hex(flags, 2) && !is_zero(trace) && !is_zero(span)
        }
        _ => false,
    }
}

/// The submitted files, each listed and to be stored.
pub(super) fn artifacts(
    submission: &Submission,
    compiled: &CompiledContract,
    chance: &dyn Chance,
    violations: &mut Vec<Violation>,
) -> Vec<(Artifact, StoredArtifact)> {
    let mut check = Check { found: Vec::new() };
    check.count("/artifacts", submission.artifacts.len(), MAX_ARTIFACTS);
    let mut seen = BTreeSet::new();
    let mut kept = Vec::new();
    for (index, artifact) in submission.artifacts.iter().take(MAX_ARTIFACTS).enumerate() {
        let at = format!("/artifacts/{index}");
        check.length(&format!("{at}/name"), &artifact.name, MAX_FILE_NAME_CHARS);
        if artifact.name.contains(['/', '\\']) || matches!(artifact.name.as_str(), "." | "..") {
            check.field(format!("{at}/name"), "must be a file name without a path");
        }
        if !seen.insert(&artifact.name) {
            check.field(format!("{at}/name"), "stands twice; each artifact has a name of its own");
        }
        if !compiled.contract.artifacts.contains(&artifact.media_type) {
            let allowed = compiled.contract.artifacts.join(", ");
            let allowed = if allowed.is_empty() { "none".to_owned() } else { allowed };
            check.field(format!("{at}/mediaType"), format!("the contract allows these media types: {allowed}"));
        }
        match Base64::decode_vec(&artifact.content) {
            Ok(bytes) if bytes.len() <= MAX_ARTIFACT_BYTES => {
                let mut salt = [0u8; 16];
                chance.fill(&mut salt);
                let digest = Digest::of(&[salt.as_slice(), bytes.as_slice()].concat());
                let listed = Artifact {
                    name: artifact.name.clone(),
                    media_type: artifact.media_type.clone(),
                    size: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
                    digest,
                    salted: true,
                };
                kept.push((listed, StoredArtifact { digest, salt, bytes }));
            }
            Ok(bytes) => {
                let message = format!("has {} bytes; at most {MAX_ARTIFACT_BYTES} are allowed", bytes.len());
                check.found.push(violation("size", format!("{at}/content"), message));
            }
            Err(_) => check.field(format!("{at}/content"), "must be standard base64 with padding"),
        }
    }
    violations.extend(check.found);
    kept
}
