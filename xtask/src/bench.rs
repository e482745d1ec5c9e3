//! `cargo xtask bench`: the numbers that have a budget.

use std::process::{Command, ExitCode};

use anyhow::Result;

use crate::need::Purpose;
use crate::report::Report;
use crate::session::Session;
use crate::{exec, provide, run, workspace};

/// Sets up, builds in the release profile and runs the bench in a private session, for it also opens windows.
///
/// # Errors
/// Something is missing and may not be installed, a build failed, or the bench did.
pub(crate) fn bench(yes: bool, bench_arguments: &[String]) -> Result<ExitCode> {
    let root = workspace::root();
    let mut report = Report::new(5);
    report.must("Looking at what this computer has", || provide::provide(Purpose::FullTest, yes))?;
    report.must("Fetching the page's packages", || run::fetch(&root))?;
    report.must("Building the page", || run::build_page(&root))?;
    report.must("Building the app, the command line and the bench", || {
        // In one build: each build of other packages would compile the shared libraries again.
        let packages = ["seamark-app", "seamark-cli", "seamark-empty-window", workspace::TESTS_PACKAGE];
        let named = packages.iter().flat_map(|package| ["-p", package]);
        exec::shown(exec::cargo(&root).args(["build", "--release", "--bins"]).args(named))
    })?;
    report.must("Measuring", || {
        let metadata = workspace::metadata(&root)?;
        let session = Session::open()?;
        let mut inner = Command::new(workspace::target_directory(&metadata, &root).join("release/bench"));
        inner.args(bench_arguments);
        exec::shown(&mut session.wrap(&root, &inner))
    })?;
    Ok(ExitCode::SUCCESS)
}
