//! The steps of a long command on the terminal, and the sum at the end.

use std::time::Instant;

use anyhow::Result;

use crate::count::Count;
use crate::exec;

/// Longest output of a failed step that is shown whole; the log keeps the rest.
const SHOWN_LINES: usize = 300;

/// What a step came to.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) ignored: u64,
    /// Why it failed, in words.
    pub(crate) reason: String,
    /// What the step's program wrote; shown only when it failed.
    pub(crate) output: String,
    /// Where all of that is kept; empty when nowhere.
    pub(crate) log: String,
}

impl Outcome {
    /// A step that is one check.
    pub(crate) fn passed() -> Self {
        Self { passed: 1, ..Self::default() }
    }

    /// A step that failed, or could not be done.
    pub(crate) fn failed(reason: impl Into<String>, output: impl Into<String>) -> Self {
        Self { failed: 1, reason: reason.into(), output: output.into(), ..Self::default() }
    }

    /// A step that is one check, from how its program ended.
    pub(crate) fn of_one(finished: exec::Finished) -> Self {
        if finished.is_success { Self::passed() } else { Self::failed(finished.reason, finished.output) }
    }

    /// A step that is many tests. A runner that fails without naming a failed test (it did not compile, it crashed, it
    /// hung) still counts one failure, and so does one that found no test where there must be some.
    pub(crate) fn of_many(finished: exec::Finished, count: Count, may_be_empty: bool) -> Self {
        let mut outcome = Self {
            passed: count.passed,
            failed: count.failed,
            ignored: count.ignored,
            reason: finished.reason,
            output: finished.output,
            log: finished.log,
        };
        if !finished.is_success {
            outcome.failed = outcome.failed.max(1);
        } else if count.passed + count.failed == 0 {
            if may_be_empty {
                outcome.passed = 1;
            } else {
                outcome.failed = 1;
                "it ran no test at all".clone_into(&mut outcome.reason);
            }
        }
        outcome
    }
}

/// Counts steps and adds up their outcomes.
#[derive(Debug)]
pub(crate) struct Report {
    n_steps: usize,
    n_begun: usize,
    passed: u64,
    failed: u64,
    failed_steps: Vec<String>,
}

impl Report {
    /// A report on this many steps.
    pub(crate) fn new(n_steps: usize) -> Self {
        Self { n_steps, n_begun: 0, passed: 0, failed: 0, failed_steps: Vec::new() }
    }

    /// Runs one step whose failure ends the command.
    ///
    /// # Errors
    /// The step's own.
    pub(crate) fn must<T>(&mut self, name: &str, step: impl FnOnce() -> Result<T>) -> Result<T> {
        self.begin(name);
        let started = Instant::now();
        let done = step()?;
        println!("      done in {}", exec::human(started.elapsed()));
        Ok(done)
    }

    /// Runs one step and goes on whatever it comes to.
    pub(crate) fn step(&mut self, name: &str, step: impl FnOnce() -> Result<Outcome>) {
        self.begin(name);
        let started = Instant::now();
        let outcome = step().unwrap_or_else(|error| Outcome::failed(format!("{error:#}"), ""));
        let took = exec::human(started.elapsed());
        let ignored = match outcome.ignored {
            0 => String::new(),
            n => format!(", {n} ignored"),
        };
        self.passed += outcome.passed;
        self.failed += outcome.failed;
        if outcome.failed == 0 {
            println!("      ok, {} passed{ignored} ({took})", outcome.passed);
        } else {
            print!("{}", shown(&outcome.output));
            println!(
                "      FAILED, {} passed, {} failed{ignored} ({took}): {}",
                outcome.passed, outcome.failed, outcome.reason
            );
            if !outcome.log.is_empty() {
                println!("      whole output: {}", outcome.log);
            }
            self.failed_steps.push(name.to_owned());
        }
    }

    /// Prints the sum; its last line is `N passed, N failed`. True when nothing failed.
    pub(crate) fn end(&self) -> bool {
        println!();
        if !self.failed_steps.is_empty() {
            println!("Failed: {}", self.failed_steps.join(", "));
        }
        println!("{} passed, {} failed", self.passed, self.failed);
        self.failed == 0
    }

    fn begin(&mut self, name: &str) {
        self.n_begun += 1;
        println!("[{}/{}] {name} ...", self.n_begun, self.n_steps);
    }
}

/// The part of a failed step's output that helps: without what went well, and the end rather than the beginning.
fn shown(output: &str) -> String {
    let mut telling: Vec<&str> = output.lines().filter(|line| !is_noise(line)).collect();
    telling.dedup_by(|next, before| next.trim().is_empty() && before.trim().is_empty());
    let start = telling.len().saturating_sub(SHOWN_LINES);
    let mut text = String::new();
    if start > 0 {
        text.push_str("      | (beginning left out, the log has it)\n");
    }
    for line in telling.iter().skip(start) {
        text.push_str("      | ");
        text.push_str(line);
        text.push('\n');
    }
    text
}

fn is_noise(line: &str) -> bool {
    const BEGINNINGS: &[&str] = &[
        "Checking ",
        "Compiling ",
        "Documenting ",
        "Downloaded ",
        "Downloading ",
        "Finished ",
        "Running ",
        "running ",
        "test result: ok.",
    ];
    let trimmed = line.trim_start();
    BEGINNINGS.iter().any(|word| trimmed.starts_with(word))
        || (trimmed.starts_with("test ") && trimmed.ends_with("... ok"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finished(is_success: bool) -> exec::Finished {
        exec::Finished { is_success, output: String::new(), reason: String::new(), log: String::new() }
    }

    #[test]
    fn every_step_counts_at_least_one() {
        let none = Count::default();
        assert_eq!(Outcome::of_many(finished(false), none, true).failed, 1);
        assert_eq!(Outcome::of_many(finished(true), none, false).failed, 1);
        assert_eq!(Outcome::of_many(finished(true), none, true).passed, 1);
        let some = Count { passed: 3, failed: 0, ignored: 0 };
        let crashed = Outcome::of_many(finished(false), some, false);
        assert_eq!((crashed.passed, crashed.failed), (3, 1));
    }

    #[test]
    fn a_step_that_cannot_be_done_is_a_failure_and_the_rest_goes_on() {
        let mut report = Report::new(2);
        report.step("first", || anyhow::bail!("no such thing"));
        report.step("second", || Ok(Outcome::passed()));
        assert!(!report.end());
        assert_eq!((report.passed, report.failed), (1, 1));
    }

    #[test]
    fn what_went_well_is_left_out_of_a_failure() {
        let output = "   Compiling x v1\nrunning 2 tests\ntest a ... ok\ntest b ... FAILED\n";
        assert_eq!(shown(output), "      | test b ... FAILED\n");
    }
}
