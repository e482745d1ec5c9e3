//! Where the built programs are.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};

/// The program `name` of the same build as the running test, as in `target/debug/seamark`.
///
/// # Errors
/// When it has not been built; the text says how.
pub fn built(name: &str) -> Result<PathBuf> {
    let here = std::env::current_exe().context("finding the running test")?;
    let folder = here
        .ancestors()
        .find(|folder| folder.file_name().is_some_and(|last| last == "debug" || last == "release"))
        .context("the running test is not in a build folder")?;
    let program = folder.join(name);
    ensure!(program.exists(), "{} is not built; `cargo xtask test` builds it first", program.display());
    Ok(program)
}

/// The folder for what a run leaves to look at, as in `target/window`.
///
/// # Errors
/// When it cannot be made.
pub fn artefacts(kind: &str) -> Result<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target").join(kind);
    std::fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
    Ok(folder)
}

/// The repository's root.
#[must_use]
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}
