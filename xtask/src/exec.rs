//! Starting other programs: with their output on the terminal, or kept in a log until it is needed.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// How often a silent long step says that it is alive.
const HEARTBEAT: Duration = Duration::from_secs(30);

/// How often a running child is looked at.
const POLL: Duration = Duration::from_millis(50);

/// The same cargo that runs us, in the root of the clone.
pub(crate) fn cargo(root: &Path) -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    tool(program, root)
}

/// A program that does not see xtask's own package variables.
///
/// `cargo run` sets `CARGO_PKG_NAME` and friends for us. Some build scripts ask to be run again when those change, so a
/// nested cargo that inherited them would rebuild crates for no reason, each time the other way round.
pub(crate) fn tool(program: impl AsRef<OsStr>, directory: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(directory);
    for (name, _) in std::env::vars_os() {
        let name_text = name.to_string_lossy();
        if ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_"]
            .iter()
            .any(|prefix| name_text.starts_with(prefix))
        {
            command.env_remove(&name);
        }
    }
    command
}

/// Runs with the output on the terminal, for steps whose own progress is worth seeing.
///
/// # Errors
/// The program is not there, or ended with another code than 0.
pub(crate) fn shown(command: &mut Command) -> Result<()> {
    let name = display(command);
    let status = command.status().with_context(|| format!("start `{name}`"))?;
    anyhow::ensure!(status.success(), "`{name}` failed ({status})");
    Ok(())
}

/// How a logged program ended.
#[derive(Debug)]
pub(crate) struct Finished {
    /// Code 0 and inside its time.
    pub(crate) is_success: bool,
    /// Everything it wrote, both streams in the order of writing.
    pub(crate) output: String,
    /// Why it did not succeed, in words; empty on success.
    pub(crate) reason: String,
    /// Where the output is kept.
    pub(crate) log: String,
}

/// Runs with both streams kept in `log`, no standard input and a time limit, saying every half minute what it is at.
///
/// # Errors
/// The program is not there, or the log could not be written.
pub(crate) fn logged(command: &mut Command, log: &Path, limit: Duration) -> Result<Finished> {
    let name = display(command);
    if let Some(directory) = log.parent() {
        fs::create_dir_all(directory).with_context(|| format!("create {}", directory.display()))?;
    }
    let file = File::create(log).with_context(|| format!("create {}", log.display()))?;
    let second = file.try_clone().context("share the log file")?;
    let mut child =
        command.stdin(Stdio::null()).stdout(file).stderr(second).spawn().with_context(|| format!("start `{name}`"))?;
    let started = Instant::now();
    let mut next_word = HEARTBEAT;
    let mut is_late = false;
    let status = loop {
        if let Some(status) = child.try_wait().with_context(|| format!("wait for `{name}`"))? {
            break status;
        }
        let elapsed = started.elapsed();
        if elapsed >= limit && !is_late {
            is_late = true;
            end_with_descendants(child.id());
        }
        if elapsed >= next_word {
            next_word += HEARTBEAT;
            println!("      after {}: {}", human(elapsed), last_line(log));
        }
        std::thread::sleep(POLL);
    };
    let output = String::from_utf8_lossy(&fs::read(log).unwrap_or_default()).into_owned();
    Ok(Finished {
        is_success: status.success() && !is_late,
        output,
        reason: reason(&name, status, is_late, limit),
        log: log.display().to_string(),
    })
}

fn reason(name: &str, status: ExitStatus, is_late: bool, limit: Duration) -> String {
    if is_late {
        format!("`{name}` took longer than {} and was ended", human(limit))
    } else if status.success() {
        String::new()
    } else {
        format!("`{name}` failed ({status})")
    }
}

/// Ends a child that hangs, and everything it started: a leftover X server or browser would hold the next run up.
fn end_with_descendants(child: u32) {
    let mut ids: Vec<String> = descendants(child, &parents()).iter().map(u32::to_string).collect();
    ids.push(child.to_string());
    // A process may have ended on its own meanwhile; then there is nothing left to do for it.
    let _ = Command::new("kill").arg("-KILL").args(&ids).status();
}

/// Process id to parent's id, of all processes (Linux; elsewhere empty).
fn parents() -> BTreeMap<u32, u32> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Ok(id) = entry.file_name().to_string_lossy().parse::<u32>() else {
            continue;
        };
        let Ok(stat) = fs::read_to_string(entry.path().join("stat")) else {
            continue;
        };
        // The name in parentheses may itself hold spaces and parentheses: the fields start after the last one.
        let parent = stat
            .rsplit_once(')')
            .and_then(|(_, rest)| rest.split_whitespace().nth(1))
            .and_then(|text| text.parse::<u32>().ok());
        if let Some(parent) = parent {
            found.insert(id, parent);
        }
    }
    found
}

fn descendants(of: u32, parents: &BTreeMap<u32, u32>) -> BTreeSet<u32> {
    let mut found = BTreeSet::new();
    let mut open = vec![of];
    while let Some(parent) = open.pop() {
        for (child, _) in parents.iter().filter(|(_, p)| **p == parent) {
            if found.insert(*child) {
                open.push(*child);
            }
        }
    }
    found
}

fn last_line(log: &Path) -> String {
    let text = String::from_utf8_lossy(&fs::read(log).unwrap_or_default()).into_owned();
    let line = text.lines().rev().map(str::trim).find(|line| !line.is_empty()).unwrap_or("no output yet");
    line.chars().take(100).collect()
}

/// A command as a person would type it, without the folder of the program.
pub(crate) fn display(command: &Command) -> String {
    let program = Path::new(command.get_program())
        .file_name()
        .unwrap_or_else(|| command.get_program())
        .to_string_lossy()
        .into_owned();
    std::iter::once(program)
        .chain(command.get_args().map(|a| a.to_string_lossy().into_owned()))
        .collect::<Vec<_>>()
        .join(" ")
}

/// A duration for people: tenths of a second when short, minutes when long.
pub(crate) fn human(duration: Duration) -> String {
    let seconds = duration.as_secs();
    if seconds < 10 {
        format!("{:.1} s", duration.as_secs_f64())
    } else if seconds < 60 {
        format!("{seconds} s")
    } else {
        format!("{} min {} s", seconds / 60, seconds % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_well() {
        assert_eq!(human(Duration::from_millis(840)), "0.8 s");
        assert_eq!(human(Duration::from_secs(59)), "59 s");
        assert_eq!(human(Duration::from_secs(133)), "2 min 13 s");
    }

    #[test]
    fn descendants_are_followed_over_generations() {
        let parents = BTreeMap::from([(2, 1), (3, 2), (4, 3), (5, 1)]);
        assert_eq!(descendants(2, &parents), BTreeSet::from([3, 4]));
    }

    #[test]
    fn a_hanging_program_is_ended_with_its_children() {
        let log = std::env::temp_dir().join(format!("xtask-hang-{}.log", std::process::id()));
        let mut command = tool("sh", Path::new("/"));
        command.args(["-c", "echo started; sleep 60 & wait"]);
        let finished = logged(&mut command, &log, Duration::from_millis(300)).unwrap();
        assert!(!finished.is_success);
        assert_eq!(finished.output, "started\n");
        assert!(finished.reason.contains("took longer than 0.3 s"));
        fs::remove_file(log).unwrap();
    }
}
