//! `cargo xtask bench`: the numbers that have a budget.

use std::process::ExitCode;

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
        let build = ["build", "--release"];
        exec::shown(exec::cargo(&root).args(build).args(["-p", "seamark-app", "-p", "seamark-cli"]))?;
        exec::shown(exec::cargo(&root).args(build).args(["-p", workspace::TESTS_PACKAGE, "--bin", "bench"]))
    })?;
    report.must("Measuring", || {
        let session = Session::open()?;
        let mut inner = exec::cargo(&root);
        inner
            .args(["run", "--quiet", "--release", "-p", workspace::TESTS_PACKAGE])
            .args(["--bin", "bench", "--"])
            .args(bench_arguments);
        exec::shown(&mut session.wrap(&root, &inner))
    })?;
    Ok(ExitCode::SUCCESS)
}
