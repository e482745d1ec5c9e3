//! Filling the holes that `need.rs` found, as far as the user gives leave.

use std::io::{BufRead, IsTerminal, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use crate::exec;
use crate::need::{Fix, Machine, Purpose, missing};

/// What may be done about what is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Leave {
    Install,
    AskFirst,
    OnlyTell,
}

fn leave(fixes_need_root: bool, is_root: bool, has_sudo: bool, yes: bool, can_ask: bool) -> Leave {
    if is_root {
        Leave::Install
    } else if fixes_need_root && !has_sudo {
        Leave::OnlyTell
    } else if yes {
        Leave::Install
    } else if can_ask {
        Leave::AskFirst
    } else {
        Leave::OnlyTell
    }
}

/// Fills every hole it may fill: as root at once, else with sudo after asking. `yes` (or `CI=true`) answers yes.
///
/// # Errors
/// Something is still missing; the text says what, and the exact line to run.
pub(crate) fn provide(purpose: Purpose, yes: bool) -> Result<()> {
    let machine = ThisComputer;
    let found = missing(&machine, purpose);
    if found.is_nothing() {
        return Ok(());
    }
    let is_root = is_root();
    println!("{}", found.told(is_root));
    anyhow::ensure!(!found.fixes.is_empty(), "install what is missing, then run this again");
    let is_ci = std::env::var_os("CI").is_some_and(|value| value == "true");
    let can_ask = std::io::stdin().is_terminal();
    let fixes_need_root = found.fixes.iter().any(|fix| fix.needs_root);
    let may = match leave(fixes_need_root, is_root, machine.has_program("sudo"), yes || is_ci, can_ask) {
        Leave::Install => true,
        Leave::AskFirst => said_yes("Install it now? [y/N] ")?,
        Leave::OnlyTell => false,
    };
    anyhow::ensure!(may, "nothing was installed; run the line above, then this again");
    for fix in &found.fixes {
        apply(fix, is_root, can_ask)?;
    }
    let still = missing(&machine, purpose);
    anyhow::ensure!(still.is_nothing(), "installing did not help:\n{}", still.told(is_root));
    Ok(())
}

fn apply(fix: &Fix, is_root: bool, can_ask: bool) -> Result<()> {
    let mut argv = Vec::new();
    if fix.needs_root && !is_root {
        argv.push("sudo".to_owned());
        if !can_ask {
            // Without a terminal sudo could only hang on its password prompt.
            argv.push("--non-interactive".to_owned());
        }
    }
    if fix.needs_root {
        argv.extend(["env".to_owned(), "DEBIAN_FRONTEND=noninteractive".to_owned()]);
    }
    argv.extend(fix.argv.iter().cloned());
    println!("      {}", argv.join(" "));
    let (program, arguments) = argv.split_first().context("an empty command to run")?;
    exec::shown(&mut {
        let mut command = exec::tool(program, Path::new("/"));
        command.args(arguments);
        command
    })
}

fn said_yes(question: &str) -> Result<bool> {
    print!("{question}");
    std::io::stdout().flush().context("show the question")?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer).context("read the answer")?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// The owner of our own process, without unsafe code: `id` is everywhere.
pub(crate) fn is_root() -> bool {
    ThisComputer.ask("id", &["-u"]).is_some_and(|text| text.trim() == "0")
}

/// The computer that xtask runs on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ThisComputer;

impl Machine for ThisComputer {
    fn package_installed(&self, package: &str) -> Option<bool> {
        let answer = Command::new("dpkg-query")
            .args(["--show", "--showformat", "${db:Status-Abbrev}", package])
            .stderr(Stdio::null())
            .output()
            .ok()?;
        Some(String::from_utf8_lossy(&answer.stdout).starts_with("ii"))
    }

    fn has_program(&self, name: &str) -> bool {
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&path).any(|directory| directory.join(name).is_file())
    }

    fn has_library(&self, pkg_config_name: &str) -> bool {
        self.ask("pkg-config", &["--exists", pkg_config_name]).is_some()
    }

    fn has_file(&self, path: &str) -> bool {
        Path::new(path).exists()
    }

    fn ask(&self, program: &str, arguments: &[&str]) -> Option<String> {
        let answer = Command::new(program).args(arguments).stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
        answer.status.success().then(|| String::from_utf8_lossy(&answer.stdout).into_owned())
    }

    fn os_release(&self) -> String {
        std::fs::read_to_string("/etc/os-release").unwrap_or_default()
    }

    fn is_linux(&self) -> bool {
        cfg!(target_os = "linux")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_installs_and_nobody_else_does_without_a_yes() {
        let (needs_root, sudo) = (true, true);
        assert_eq!(leave(needs_root, true, false, false, false), Leave::Install);
        assert_eq!(leave(needs_root, false, sudo, false, true), Leave::AskFirst);
        assert_eq!(leave(needs_root, false, sudo, true, false), Leave::Install);
        assert_eq!(leave(needs_root, false, sudo, false, false), Leave::OnlyTell);
        assert_eq!(leave(needs_root, false, false, true, true), Leave::OnlyTell);
        assert_eq!(leave(false, false, false, true, false), Leave::Install);
    }
}
