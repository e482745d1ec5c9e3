//! What a command prints, and how it ends.
#![expect(clippy::print_stderr, reason = "a command line tells people what went wrong there")]

use std::io::Write as _;
use std::process::ExitCode;

use seamark_agent::client::ClientError;
use seamark_agent::execute::ExecuteError;
use seamark_contracts::problem::ErrorCode;
use seamark_gateway::{EndError, Ended, EraseError};
use serde::Serialize;

/// How a command ended. The numbers are part of the interface; see `seamark --help`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// 0: it was done, and the answer is yes.
    Done,
    /// 1: it was done, and the answer is no: refused, not authorised, rejected, findings.
    Negative,
    /// 3: it could not be done: gateway not reachable, storage not usable.
    Failed,
    /// 4: the time was over before there was an answer.
    StillOpen,
}

impl From<Ending> for ExitCode {
    fn from(ending: Ending) -> Self {
        match ending {
            Ending::Done => Self::from(0),
            Ending::Negative => Self::from(1),
            Ending::Failed => Self::from(3),
            Ending::StillOpen => Self::from(4),
        }
    }
}

/// Where answers go: JSON for programs, lines for people.
#[derive(Clone, Copy, Debug)]
pub struct Printer {
    pub is_json: bool,
}

impl Printer {
    /// Prints the answer: `value` as one line of JSON, or `lines` for people.
    ///
    /// # Errors
    /// When `value` cannot be written as JSON, or standard output is closed.
    pub fn answer<T: Serialize>(self, value: &T, lines: impl FnOnce() -> String) -> anyhow::Result<()> {
        let text = if self.is_json { serde_json::to_string(value)? } else { lines() };
        self.line(&text)
    }

    /// Prints a line that is the same for programs and people.
    ///
    /// # Errors
    /// When standard output is closed.
    pub fn line(self, text: &str) -> anyhow::Result<()> {
        let mut out = std::io::stdout().lock();
        out.write_all(text.as_bytes())?;
        if !text.ends_with('\n') {
            out.write_all(b"\n")?;
        }
        out.flush()?;
        Ok(())
    }

    /// Prints something on the way for people; programs get only the answer.
    ///
    /// # Errors
    /// When standard output is closed.
    pub fn progress(self, text: &str) -> anyhow::Result<()> {
        if self.is_json { Ok(()) } else { self.line(text) }
    }
}

/// Tells people something that is not the answer.
pub fn note(text: &str) {
    eprintln!("{text}");
}

/// One line for each item, or what to say when there is none.
pub fn lines(items: impl Iterator<Item = String>, none: &str) -> String {
    let all: Vec<String> = items.collect();
    if all.is_empty() { none.to_owned() } else { all.join("\n") }
}

/// What has ended, for people.
pub fn ended(what: &str, done: &Ended) -> String {
    let name = format!("The {what} {} ({})", done.id, done.name);
    if !done.is_new {
        return format!("{name} had ended before, at {}. Nothing was changed.", done.ended_at);
    }
    let mut text = format!("{name} has ended at {}.", done.ended_at);
    if !done.ended_with.is_empty() {
        text.push_str(&format!(" With it ended: {}.", done.ended_with.join(", ")));
    }
    text
}

/// Whether the gateway's folder was in order and the answer is no.
fn is_refusal(cause: &(dyn std::error::Error + 'static)) -> bool {
    let end = cause.downcast_ref::<EndError>().map(|error| !matches!(error, EndError::Record(_)));
    let erase = cause.downcast_ref::<EraseError>();
    let erase = erase.map(|error| !matches!(error, EraseError::Record(_) | EraseError::Storage(_)));
    let execute = cause.downcast_ref::<ExecuteError>().map(|error| matches!(error, ExecuteError::NotOpen));
    end.or(erase).or(execute).unwrap_or(false)
}

/// Tells why a command failed, with its causes, and chooses how it ends.
pub fn failure(printer: Printer, error: &anyhow::Error) -> Ending {
    let refusal = error.chain().find_map(|cause| cause.downcast_ref::<ClientError>());
    eprintln!("seamark: could not {error}");
    for cause in error.chain().skip(1) {
        eprintln!("  because: {cause}");
    }
    // Nothing was wrong with the gateway: it was asked for something that is not there or cannot be.
    if error.chain().any(is_refusal) {
        return Ending::Negative;
    }
    let problem = match refusal {
        Some(ClientError::Problem(problem)) => problem,
        _ => return Ending::Failed,
    };
    if printer.is_json
        && let Err(error) = printer.answer(problem, String::new)
    {
        eprintln!("seamark: could not print the answer: {error}");
        return Ending::Failed;
    }
    match problem.code {
        ErrorCode::Unavailable | ErrorCode::Internal => Ending::Failed,
        _ => Ending::Negative,
    }
}
