//! Reads recorded agent runs, one JSON object a line, and takes them as they come.
//!
//! A recording is no interface: fields may be missing, numbers fractional, outputs of any shape. What can be understood is
//! kept; what the JSON profile (FORMATS.md §2) does not allow is rewritten the same way every time, so that replaying a
//! file twice gives the same bytes.

use seamark_contracts::canonical;
use seamark_contracts::digest::Digest;
use seamark_contracts::strict_json::{self, Limits, MAX_SAFE_INTEGER};
use serde_json::{Map, Value};
use thiserror::Error;

/// Largest line that is read.
const MAX_LINE_BYTES: usize = 8 * 1024 * 1024;
/// Depth below which a value is kept as text: it will stand a few levels deeper in the submission.
const MAX_DEPTH: usize = 48;
/// Longest member name that is kept.
const MAX_NAME_CHARS: usize = 60;

/// Why a line is no run.
#[derive(Debug, Error)]
pub enum RunError {
    #[error("read it as JSON")]
    NotJson(#[source] serde_json::Error),
    #[error("find an object with a list `steps` in it")]
    NoSteps,
    #[error("read a line of more than {max} bytes")]
    TooLong { max: usize },
}

/// One recorded run.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// As recorded; `run` when the recording has no id.
    pub id: String,
    /// Digest of the recording, which tells runs apart that have the same id.
    pub digest: Digest,
    /// What the user said first, verbatim; absent when nothing was recorded.
    pub intent: Option<String>,
    /// In order.
    pub events: Vec<Event>,
}

/// One thing that happened in a run.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The agent said something.
    Said { text: String },
    /// The agent called a tool.
    Called(Call),
    /// A tool answered; `call` is the position among the events of the call that it answers, if one fits.
    Answered { call: Option<usize>, tool: String, output: Output },
}

/// A tool call.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// As recorded; may be empty, and may occur again in the same run.
    pub call_id: String,
    /// How many calls with this id came before in the run.
    pub occurrence: usize,
    pub tool: String,
    /// As recorded; an object in all but odd cases.
    pub arguments: Value,
    /// What the recording says; absent when it says nothing.
    pub is_consequential: Option<bool>,
}

/// What a tool answered.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    Object(Map<String, Value>),
    Text(String),
}

/// Reads one line.
///
/// # Errors
/// [`RunError`] when it is no JSON, no run, or longer than 8 MiB.
pub fn parse_run(line: &str) -> Result<Run, RunError> {
    if line.len() > MAX_LINE_BYTES {
        return Err(RunError::TooLong { max: MAX_LINE_BYTES });
    }
    let mut root = match read_value(line)? {
        Value::Object(root) => root,
        _ => return Err(RunError::NoSteps),
    };
    // Over the meaning, not the white space: the same run written by another tool is the same run.
    let digest = canonical::digest(&Value::Object(root.clone())).unwrap_or_else(|_| Digest::of(line.trim().as_bytes()));
    let Some(Value::Array(steps)) = root.remove("steps") else { return Err(RunError::NoSteps) };
    let mut reader = Reader::default();
    for step in steps {
        reader.read_step(step);
    }
    Ok(Run {
        id: root.remove("run").map(text_of).filter(|id| !id.trim().is_empty()).unwrap_or_else(|| "run".to_owned()),
        digest,
        intent: reader.intent,
        events: reader.events,
    })
}

fn read_value(line: &str) -> Result<Value, RunError> {
    // The gate keeps the text of fractional numbers. What it refuses is read by a more patient parser.
    let limits = Limits::SIGNED.with_max_bytes(MAX_LINE_BYTES);
    let value = match strict_json::parse_submitted(line.as_bytes(), &limits) {
        Ok(parsed) => parsed.value,
        Err(_) => serde_json::from_str(line).map_err(RunError::NotJson)?,
    };
    Ok(tame(value, 0))
}

/// Rewrites what the JSON profile does not allow: fractional and unsafe numbers, reserved names, too deep nesting.
fn tame(value: Value, depth: usize) -> Value {
    match value {
        Value::Number(number) => match number.as_i64() {
            Some(integer) if integer.unsigned_abs() <= MAX_SAFE_INTEGER.unsigned_abs() => Value::Number(number),
            _ => Value::String(number.to_string()),
        },
        Value::String(text) => Value::String(without_noncharacters(&text)),
        nested @ (Value::Array(_) | Value::Object(_)) if depth >= MAX_DEPTH => {
            Value::String(without_noncharacters(&nested.to_string()))
        }
        Value::Array(items) => Value::Array(items.into_iter().map(|item| tame(item, depth + 1)).collect()),
        Value::Object(members) => {
            let mut kept = Map::new();
            for (name, member) in members {
                let mut name = tame_name(&name);
                while kept.contains_key(&name) {
                    name.push('_');
                }
                kept.insert(name, tame(member, depth + 1));
            }
            Value::Object(kept)
        }
        other => other,
    }
}

/// Names that mean something in a signed statement (FORMATS.md §4) get an underscore behind them.
fn tame_name(name: &str) -> String {
    let name: String = without_noncharacters(name).chars().take(MAX_NAME_CHARS).collect();
    if matches!(name.as_str(), "_sd" | "_sd_alg" | "...") { format!("{name}_") } else { name }
}

fn without_noncharacters(text: &str) -> String {
    let is_noncharacter = |c: char| (0xFDD0..=0xFDEF).contains(&u32::from(c)) || u32::from(c) & 0xFFFE == 0xFFFE;
    text.chars().map(|c| if is_noncharacter(c) { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

/// A value as text: strings as they are, everything else as JSON.
pub(super) fn text_of(value: Value) -> String {
    match value {
        Value::String(text) => text,
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

#[derive(Default)]
struct Reader {
    intent: Option<String>,
    events: Vec<Event>,
    /// Positions of calls that have no answer yet.
    unanswered: Vec<usize>,
}

impl Reader {
    fn read_step(&mut self, step: Value) {
        let Value::Object(mut step) = step else { return };
        let role = step.remove("role").map(text_of).unwrap_or_default();
        let said = step.remove("text");
        if role == "tool" {
            self.read_answer(&mut step, said);
            return;
        }
        if let Some(text) = said.map(text_of).filter(|text| !text.trim().is_empty()) {
            match role.as_str() {
                "user" if self.intent.is_none() => self.intent = Some(text),
                "assistant" => self.events.push(Event::Said { text }),
                _ => {}
            }
        }
        if let Some(Value::Array(calls)) = step.remove("calls") {
            for call in calls {
                self.read_call(call);
            }
        }
    }

    fn read_call(&mut self, call: Value) {
        let Value::Object(mut call) = call else { return };
        let call_id = call.remove("call_id").or_else(|| call.remove("id")).map(text_of).unwrap_or_default();
        let occurrence = self.calls().filter(|earlier| earlier.call_id == call_id).count();
        let tool = call.remove("tool").or_else(|| call.remove("name")).map(text_of).unwrap_or_default();
        let is_consequential = match call.remove("consequential") {
            Some(Value::Bool(flag)) => Some(flag),
            _ => None,
        };
        let arguments = match call.remove("arguments") {
            // Some recordings keep the arguments as the text that the model wrote.
            Some(Value::String(text)) => match read_value(&text) {
                Ok(Value::Object(members)) => Value::Object(members),
                _ => Value::String(text),
            },
            Some(other) => other,
            None => Value::Object(Map::new()),
        };
        self.unanswered.push(self.events.len());
        self.events.push(Event::Called(Call { call_id, occurrence, tool, arguments, is_consequential }));
    }

    fn read_answer(&mut self, step: &mut Map<String, Value>, said: Option<Value>) {
        let call_id = step.remove("call_id").map(text_of).unwrap_or_default();
        let tool = step.remove("tool").map(text_of).unwrap_or_default();
        // By id, the oldest unanswered first; a recording without ids answers in order.
        let by_id = self
            .unanswered
            .iter()
            .position(|&at| self.call(at).is_some_and(|call| !call_id.is_empty() && call.call_id == call_id));
        let by_tool = || {
            self.unanswered
                .iter()
                .position(|&at| self.call(at).is_some_and(|call| call_id.is_empty() && call.tool == tool))
        };
        let call = by_id.or_else(by_tool).map(|place| self.unanswered.remove(place));
        let tool = match call.and_then(|at| self.call(at)) {
            Some(call) if tool.is_empty() => call.tool.clone(),
            _ => tool,
        };
        let output = match step.remove("output").or(said) {
            Some(Value::Object(members)) => Output::Object(members),
            // SPEC: MCP wants an object, and puts anything else under `result`.
            Some(other @ (Value::Array(_) | Value::Number(_) | Value::Bool(_))) => {
                Output::Object(Map::from_iter([("result".to_owned(), other)]))
            }
            Some(other) => Output::Text(text_of(other)),
            None => Output::Text(String::new()),
        };
        self.events.push(Event::Answered { call, tool, output });
    }

    fn calls(&self) -> impl Iterator<Item = &Call> {
        self.events.iter().filter_map(|event| match event {
            Event::Called(call) => Some(call),
            _ => None,
        })
    }

    fn call(&self, at: usize) -> Option<&Call> {
        match self.events.get(at) {
            Some(Event::Called(call)) => Some(call),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_find_their_calls_even_when_an_id_occurs_twice() {
        let line = r#"{"run":"r1","steps":[
            {"role":"user","text":"Hello"},
            {"role":"assistant","calls":[{"call_id":"c","tool":"a","arguments":{}}]},
            {"role":"tool","tool":"a","call_id":"c","output":{"x":1}},
            {"role":"assistant","text":"Now b.","calls":[{"call_id":"c","tool":"b","arguments":{},"consequential":true}]},
            {"role":"tool","tool":"b","call_id":"c","text":"Error: no"}]}"#;
        let run = parse_run(line).unwrap();
        assert_eq!(run.intent.as_deref(), Some("Hello"));
        let answered: Vec<_> = run
            .events
            .iter()
            .filter_map(|event| match event {
                Event::Answered { call, tool, .. } => Some((*call, tool.as_str())),
                _ => None,
            })
            .collect();
        assert_eq!(answered, [(Some(0), "a"), (Some(3), "b")]);
        let occurrences: Vec<_> = run
            .events
            .iter()
            .filter_map(|event| match event {
                Event::Called(call) => Some(call.occurrence),
                _ => None,
            })
            .collect();
        assert_eq!(occurrences, [0, 1]);
    }

    #[test]
    fn odd_recordings_are_read_as_far_as_they_go() {
        let line = r#"{"steps":[7,{"role":"user"},{"role":"assistant","calls":[{"arguments":"{\"a\":1.50}"},{"tool":"t","arguments":[1]},"x"]},
            {"role":"tool","output":[1,2.5]},{"role":"tool","tool":"t"}]}"#;
        let run = parse_run(line).unwrap();
        assert_eq!((run.id.as_str(), run.intent.as_deref()), ("run", None));
        let Some(Event::Called(first)) = run.events.first() else { panic!("no call") };
        assert_eq!(first.arguments, serde_json::json!({"a": "1.50"}));
        assert!(
            matches!(&run.events[2], Event::Answered { call: Some(0), output: Output::Object(members), .. } if members["result"] == serde_json::json!([1, "2.5"]))
        );
        assert!(
            matches!(&run.events[3], Event::Answered { call: Some(1), output: Output::Text(text), .. } if text.is_empty())
        );
    }

    #[test]
    fn what_the_profile_refuses_is_rewritten() {
        let deep = format!("{}1{}", "[".repeat(60), "]".repeat(60));
        let line = format!(
            r#"{{"run":"x","run":"y","steps":[{{"role":"tool","output":{{"_sd":[],"big":123456789012345678901,"deep":{deep}}}}}]}}"#
        );
        let run = parse_run(&line).unwrap();
        assert_eq!(run.id, "y");
        let Event::Answered { output: Output::Object(output), .. } = &run.events[0] else { panic!("no object") };
        assert!(output.contains_key("_sd_") && !output.contains_key("_sd"));
        let text = serde_json::to_string(output).unwrap();
        assert!(strict_json::parse(text.as_bytes(), &Limits::SIGNED).is_ok(), "{text}");
    }

    #[test]
    fn lines_that_are_no_runs_say_so() {
        assert!(matches!(parse_run("not json"), Err(RunError::NotJson(_))));
        assert!(matches!(parse_run("[]"), Err(RunError::NoSteps)));
        assert!(matches!(parse_run(r#"{"run":"x"}"#), Err(RunError::NoSteps)));
    }
}
