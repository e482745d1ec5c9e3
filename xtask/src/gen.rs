//! `cargo xtask gen`: the committed files that code writes.
//!
//! Each is kept by a test called `generated_..._is_current` beside the code it comes from: it compares, and with
//! `SEAMARK_GEN=1` in the environment it writes instead. So a stale file fails the ordinary tests, and there is no second
//! program that could drift from the first.

use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::Result;

use crate::{exec, workspace};

/// The beginning of the name of every such test.
pub(crate) const TEST_PREFIX: &str = "generated_";

/// The variable that turns comparing into writing.
const WRITE_VARIABLE: &str = "SEAMARK_GEN";

/// The members that own generated files: schemas, the evidence vector, openapi.json, bindings.
const OWNERS: &[&str] = &["seamark-contracts", "seamark-ledger", "seamark-gateway", "seamark-app"];

/// Writes every generated file, or with `check` only compares.
///
/// # Errors
/// The owners do not build, or with `check` a file is not current.
pub(crate) fn generate(check: bool) -> Result<ExitCode> {
    let root = workspace::root();
    exec::shown(&mut command(&root, check))?;
    Ok(ExitCode::SUCCESS)
}

fn command(root: &Path, check: bool) -> Command {
    let mut command = exec::cargo(root);
    command.args(["test", "--quiet", "--no-fail-fast", "--lib", "--bins"]);
    for owner in OWNERS {
        command.args(["-p", owner]);
    }
    command.arg(TEST_PREFIX);
    if check {
        command.env_remove(WRITE_VARIABLE);
    } else {
        command.env(WRITE_VARIABLE, "1");
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checking_never_writes() {
        let writes = |check| {
            command(Path::new("/"), check).get_envs().any(|(name, value)| name == WRITE_VARIABLE && value.is_some())
        };
        assert!(!writes(true));
        assert!(writes(false));
    }
}
