//! Turns one consequential call of a recorded run into a submission. The same recording gives the same bytes.

use std::collections::HashSet;

use seamark_contracts::canonical::{self, CanonicalError};
use seamark_contracts::clock::Timestamp;
use seamark_contracts::handoff::{
    Constraint, ConstraintOrigin, ContentPart, OpenStep, Step, Submission, SubmittedDestination, SubmittedIntent,
    SubmittedNarrative, SubmittedParent, SubmittedSource, TaskState, ToolOutput, ToolResult,
};
use seamark_contracts::id::HandoffId;
use seamark_contracts::strict_json::{self, Limits};
use seamark_contracts::text::{MAX_ID_CHARS, MAX_TEXT_CHARS, MAX_TITLE_CHARS};
use serde_json::Value;

use super::lookup::Lookups;
use super::payload::Mapped;
use super::run::{Call, Event, Output, Run};
use crate::derived::Derived;

/// Recordings carry no times. The clock of every replayed run begins at the moment that the agents were told it was:
/// 2024-05-15 15:00 in New York.
const BEGINNING: &str = "2024-05-15T19:00:00.000Z";
/// Between two events of a run.
const STEP_MS: i64 = 20_000;
/// Largest submission that is sent. The gateway takes 4 MiB and signs at most 256,000 bytes of it, files aside.
pub(super) const MAX_BODY_BYTES: usize = 240 * 1024;
/// A tool output from this size on is a large one.
const LARGE_BYTES: usize = 4 * 1024;
/// Longest list of steps or tool outputs.
const MAX_LIST: usize = 90;
/// What the recorded agents were told. The contracts ask that the policy's limits travel along.
const POLICY: &str = "Nothing is done without an explicit yes to exactly this, and only as the airline's policy allows";
/// Shortest value of a tool output that may not be repeated in readable text. Source: contracts/src/admission.rs.
const SECRET_CHARS: usize = 5;

/// What a submission is made from.
#[derive(Clone, Debug)]
pub(super) struct Origin<'a> {
    pub run: &'a Run,
    pub correlation_id: &'a str,
    /// Position of the call among the run's events.
    pub at: usize,
    pub call: &'a Call,
    pub lookups: &'a Lookups<'a>,
    pub mapped: &'a Mapped,
    pub parent: Option<HandoffId>,
}

/// The submission and its bytes, at most 240 KiB unless the call's own arguments are larger.
pub(super) fn make_submission(origin: &Origin<'_>) -> Result<(HandoffId, Vec<u8>), CanonicalError> {
    let Origin { run, call, mapped, .. } = origin;
    let moment = moment_of(origin.at);
    let occurrence = call.occurrence.to_string();
    let words =
        ["seamark-replay/v1", &run.id, &run.digest.to_hex(), &call.call_id, &occurrence, &origin.at.to_string()];
    let handoff_id = HandoffId::make(moment, &Derived::from_words(&words));
    let history = History::before(run, origin.at, origin.lookups);
    let mut task_state = TaskState {
        completed: history.completed,
        in_progress: vec![Step { id: step_id(origin.at), title: title_of(&call.tool) }],
        skipped: Vec::new(),
        deferred: Vec::new(),
    };
    let intent = match &run.intent {
        Some(text) => {
            if text.chars().count() > MAX_TEXT_CHARS {
                task_state.skipped.push(left_out(
                    "intent",
                    "The rest of the first message",
                    "it has more than 8,000 characters",
                ));
            }
            cut(text, MAX_TEXT_CHARS)
        }
        None => {
            task_state.skipped.push(left_out("intent", "The first message", "the recording has none"));
            "(not recorded)".to_owned()
        }
    };
    let mut submission = Submission {
        handoff_id,
        correlation_id: origin.correlation_id.to_owned(),
        parent: origin.parent.map(|handoff_id| SubmittedParent { handoff_id }),
        traceparent: None,
        source: SubmittedSource {
            agent: mapped.source.clone(),
            version: mapped.source_version.clone(),
            on_behalf_of: None,
            run: Some(cut(&run.id, 200)),
        },
        destination: SubmittedDestination { agent: mapped.destination.clone(), version: "*".to_owned() },
        contract: mapped.contract.clone(),
        fallback_owner: None,
        task_state,
        intent: SubmittedIntent { author: None, at: moment_of(0), text: intent },
        constraints: vec![Constraint {
            id: "policy".to_owned(),
            origin: ConstraintOrigin::Policy,
            text: POLICY.to_owned(),
        }],
        tool_outputs: history.outputs,
        payload: mapped.payload.clone(),
        evaluations: Vec::new(),
        artifacts: Vec::new(),
        narrative: history.said.map(|text| SubmittedNarrative { text: cut(&text, MAX_TEXT_CHARS) }),
        submitted_at: moment,
    };
    keep_readable_text_clean(&mut submission);
    let body = fit(&mut submission)?;
    Ok((handoff_id, body))
}

/// Leaves out tool outputs until the submission is small enough, the oldest large ones first, and says so.
fn fit(submission: &mut Submission) -> Result<Vec<u8>, CanonicalError> {
    let mut at = 0;
    while let Some(output) = submission.tool_outputs.get(at) {
        // One value may be too large for the profile although the whole is not.
        let is_fit = strict_json::parse(&canonical::bytes_of(output)?, &Limits::SIGNED).is_ok();
        if is_fit { at += 1 } else { leave_out(submission, at) }
    }
    while submission.tool_outputs.len() > MAX_LIST {
        leave_out(submission, 0);
    }
    loop {
        let body = canonical::bytes_of(submission)?;
        if body.len() <= MAX_BODY_BYTES || submission.tool_outputs.is_empty() {
            return Ok(body);
        }
        let is_large = |output: &ToolOutput| canonical::bytes_of(output).is_ok_and(|bytes| bytes.len() >= LARGE_BYTES);
        let oldest_large = submission.tool_outputs.iter().position(is_large).unwrap_or(0);
        leave_out(submission, oldest_large);
    }
}

fn leave_out(submission: &mut Submission, at: usize) {
    let output = submission.tool_outputs.remove(at);
    if submission.task_state.skipped.len() < MAX_LIST {
        let id = format!("left-out-{}", output.id);
        submission.task_state.skipped.push(left_out(
            &id,
            "A tool's answer",
            "left out so that the handoff stays below its size limit",
        ));
    }
}

/// A value that is hidden in a tool output or in the payload may not stand in text that nobody can hide.
///
/// What happens to repeat one, as a tool's name may, is replaced by neutral words. More is replaced than needed: which
/// values are hidden is the contract's affair.
fn keep_readable_text_clean(submission: &mut Submission) {
    let mut values = HashSet::new();
    for output in &submission.tool_outputs {
        output.args.iter().chain(&output.result.structured_content).for_each(|value| collect(value, &mut values));
        for ContentPart::Text { text } in &output.result.content {
            values.insert(text.trim().to_lowercase());
        }
    }
    // `action` is the contract's own word, and part of the tools' names.
    for (_, member) in submission.payload.as_object().into_iter().flatten().filter(|(name, _)| *name != "action") {
        collect(member, &mut values);
    }
    let repeats = |text: &str| {
        let text = text.to_lowercase();
        values.iter().any(|value| value.chars().count() >= SECRET_CHARS && text.contains(value.as_str()))
    };
    let state = &mut submission.task_state;
    for step in state.completed.iter_mut().chain(&mut state.in_progress).filter(|step| repeats(&step.title)) {
        step.title = "A tool call".to_owned();
    }
    submission.constraints.retain(|constraint| !repeats(&constraint.text));
    for (nth, output) in submission.tool_outputs.iter_mut().enumerate() {
        // The names of tools that have a contract, or are described in one, are known to everybody.
        if !super::payload::is_known_tool(&output.tool) && (repeats(&output.tool) || repeats(&output.id)) {
            output.tool = "tool".to_owned();
            output.id = format!("output-{nth}");
        }
    }
}

fn collect(value: &Value, values: &mut HashSet<String>) {
    match value {
        Value::String(text) => drop(values.insert(text.trim().to_lowercase())),
        Value::Array(items) => items.iter().for_each(|item| collect(item, values)),
        Value::Object(members) => members.values().for_each(|member| collect(member, values)),
        Value::Number(number) => drop(values.insert(number.to_string())),
        Value::Null | Value::Bool(_) => {}
    }
}

fn left_out(id: &str, title: &str, reason: &str) -> OpenStep {
    OpenStep { id: cut(id, MAX_ID_CHARS), title: title.to_owned(), reason: reason.to_owned() }
}

/// What happened in a run before a call.
#[derive(Debug, Default)]
struct History {
    completed: Vec<Step>,
    outputs: Vec<ToolOutput>,
    said: Option<String>,
}

impl History {
    fn before(run: &Run, call_at: usize, lookups: &Lookups<'_>) -> Self {
        let mut history = Self::default();
        let special = [("reservation", lookups.reservation), ("user", lookups.user)];
        let mut ids: HashSet<String> = special.iter().map(|(id, _)| (*id).to_owned()).collect();
        for (at, event) in run.events.iter().enumerate().take(call_at) {
            match event {
                Event::Said { text } => history.said = Some(text.clone()),
                Event::Called(call) => history.completed.push(Step { id: step_id(at), title: title_of(&call.tool) }),
                Event::Answered { call, tool, output } => {
                    let named = special.iter().find(|(_, found)| found.is_some_and(|found| found.at == at));
                    let id = named.map_or_else(|| unique_id(tool, &mut ids), |(id, _)| (*id).to_owned());
                    let called = call.and_then(|at| match run.events.get(at) {
                        Some(Event::Called(call)) => Some(call),
                        _ => None,
                    });
                    history.outputs.push(ToolOutput {
                        id,
                        tool: non_empty(&cut(tool, MAX_ID_CHARS)),
                        step: call.map(step_id),
                        at: moment_of(at),
                        args: called.map(|call| call.arguments.clone()).filter(Value::is_object),
                        result: result_of(output),
                    });
                }
            }
        }
        // The latest steps matter most when a run is very long.
        let too_many = history.completed.len().saturating_sub(MAX_LIST);
        history.completed.drain(..too_many);
        history
    }
}

fn result_of(output: &Output) -> ToolResult {
    match output {
        Output::Object(members) => ToolResult {
            is_error: members.contains_key("error"),
            content: Vec::new(),
            structured_content: Some(Value::Object(members.clone())),
        },
        Output::Text(text) if text.is_empty() => {
            ToolResult { is_error: false, content: Vec::new(), structured_content: None }
        }
        Output::Text(text) => ToolResult {
            is_error: text.trim_start().starts_with("Error"),
            content: vec![ContentPart::Text { text: text.clone() }],
            structured_content: None,
        },
    }
}

/// The tool's name as an id, with `_2` and so on from the second time.
fn unique_id(tool: &str, taken: &mut HashSet<String>) -> String {
    let name: String = tool
        .to_ascii_lowercase()
        .chars()
        .map(|c| if c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-') { c } else { '_' })
        .take(MAX_ID_CHARS - 8)
        .collect();
    let name = non_empty(&name);
    let mut id = name.clone();
    let mut nth = 2;
    while !taken.insert(id.clone()) {
        id = format!("{name}_{nth}");
        nth += 1;
    }
    id
}

fn non_empty(name: &str) -> String {
    if name.trim().is_empty() { "tool".to_owned() } else { name.to_owned() }
}

fn title_of(tool: &str) -> String {
    non_empty(&cut(tool, MAX_TITLE_CHARS))
}

fn step_id(at: usize) -> String {
    format!("e{at}")
}

fn moment_of(at: usize) -> Timestamp {
    let beginning = Timestamp::parse(BEGINNING).unwrap_or(Timestamp::from_ms(0));
    beginning.plus_ms(i64::try_from(at).unwrap_or(i64::MAX).saturating_mul(STEP_MS))
}

/// The first `max` characters.
fn cut(text: &str, max: usize) -> String {
    text.chars().take(max).collect()
}

/// A run's id as correlation id: visible ASCII, at most 100 characters. What does not fit is told apart by a digest.
pub(super) fn correlation_of(run: &Run, nth_of_this_id: usize) -> String {
    let suffix = if nth_of_this_id > 0 { format!("-{}", nth_of_this_id + 1) } else { String::new() };
    let is_plain = run.id.len() + suffix.len() <= MAX_ID_CHARS && run.id.bytes().all(|byte| byte.is_ascii_graphic());
    if is_plain {
        return format!("{}{suffix}", run.id);
    }
    let plain: String = run.id.chars().map(|c| if c.is_ascii_graphic() { c } else { '-' }).take(60).collect();
    let digest: String = seamark_contracts::digest::Digest::of(run.id.as_bytes()).to_hex().chars().take(12).collect();
    format!("{plain}-{digest}{suffix}")
}
