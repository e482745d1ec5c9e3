//! `cargo xtask test`: everything that must be true before a change is done.
//!
//! Steps go on after a failure, so that one run tells everything; only what needs a failed step's product is given up,
//! and counted as failed. The last line is always `N passed, N failed`.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

use anyhow::Result;
use serde_json::Value;

use crate::need::Purpose;
use crate::report::{Outcome, Report};
use crate::session::Session;
use crate::workspace::{TESTS_PACKAGE, TestTarget};
use crate::{count, exec, r#gen, page, provide, tidy, workspace};

/// Longest a step may take: a cold build on two slow cores, and far too long for anything that hangs.
const BUILD_LIMIT: Duration = Duration::from_secs(40 * 60);

/// Longest the slow suites may run, once built.
const SUITE_LIMIT: Duration = Duration::from_secs(25 * 60);

/// The suites that need a session or other people's programs, and therefore steps of their own.
const WINDOW: &str = "window";
const INTEROP: &str = "interop";

/// Every program and every test in one build. A build of fewer packages would give the shared libraries another set of
/// features and compile them all again; on two slow cores that is the difference between half an hour and an hour.
const EVERYTHING: &[&str] = &["build", "--workspace", "--lib", "--bins", "--tests"];

/// Sets up and runs all tests; `quick` leaves out windows and other people's clients.
///
/// # Errors
/// None that is not also counted: whatever goes wrong ends in a failed step.
pub(crate) fn test(quick: bool, yes: bool) -> Result<ExitCode> {
    let mut report = Report::new(if quick { 14 } else { 16 });
    let purpose = if quick { Purpose::QuickTest } else { Purpose::FullTest };
    let mut is_set_up = false;
    report.step("Set-up", || {
        provide::provide(purpose, yes)?;
        is_set_up = true;
        Ok(Outcome::passed())
    });
    if is_set_up {
        let mut bench = Workbench::new(workspace::root());
        bench.repository(&mut report);
        bench.page(&mut report);
        bench.rust(&mut report);
        if !quick {
            bench.slow(&mut report);
        }
    }
    Ok(if report.end() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Where the steps work, and which products of earlier steps are there.
struct Workbench {
    root: PathBuf,
    logs: PathBuf,
    metadata: Result<Value>,
    has_page_packages: bool,
    has_page: bool,
    has_programs: bool,
}

impl Workbench {
    fn new(root: PathBuf) -> Self {
        let metadata = workspace::metadata(&root);
        let target = metadata.as_ref().map_or_else(|_| root.join("target"), |m| workspace::target_directory(m, &root));
        Self {
            root,
            logs: target.join("xtask"),
            metadata,
            has_page_packages: false,
            has_page: false,
            has_programs: false,
        }
    }

    fn repository(&self, report: &mut Report) {
        report.step("Formatting", || self.one("fmt", exec::cargo(&self.root).args(["fmt", "--all", "--check"])));
        report.step("Repository rules", || {
            let verdict = tidy::check(&self.root)?;
            Ok(if verdict.n_failures == 0 {
                Outcome::passed()
            } else {
                Outcome::failed("see `cargo xtask tidy`", verdict.text)
            })
        });
    }

    fn page(&mut self, report: &mut Report) {
        let root = self.root.clone();
        report.step("Page: packages", || {
            page::ensure_there(&root)?;
            let outcome = if page::has_packages(&root) {
                Outcome::passed()
            } else {
                self.one("page-packages", &mut page::fetch_packages(&root))?
            };
            self.has_page_packages = outcome.failed == 0;
            Ok(outcome)
        });
        for (name, log, arguments) in
            [("Page: types", "page-types", ["run", "check"]), ("Page: lint", "page-lint", ["run", "lint"])]
        {
            report.step(name, || {
                self.need_packages()?;
                self.one(log, &mut page::npm(&root, &arguments))
            });
        }
        report.step("Page: tests", || {
            self.need_packages()?;
            let finished = self.logged("page-tests", &mut page::npm(&root, &["test"]), BUILD_LIMIT)?;
            let counted = count::vitest(&finished.output);
            Ok(Outcome::of_many(finished, counted, false))
        });
        report.step("Page: build", || {
            self.need_packages()?;
            let outcome = if page::is_built(&root) {
                Outcome::passed()
            } else {
                self.one("page-build", &mut page::build(&root))?
            };
            self.has_page = outcome.failed == 0;
            Ok(outcome)
        });
    }

    fn rust(&mut self, report: &mut Report) {
        report.step("Clippy", || {
            let arguments = ["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"];
            self.one("clippy", exec::cargo(&self.root).args(arguments))
        });
        report.step("Programs and tests: build", || {
            // Not given up without the page: clearer to see the command line build and the app say what it lacks.
            let outcome = self.one("build", exec::cargo(&self.root).args(EVERYTHING))?;
            self.has_programs = outcome.failed == 0;
            Ok(outcome)
        });
        report.step("Rust tests", || {
            let mut command = self.fast_tests()?;
            command.args(["--", "--skip", r#gen::TEST_PREFIX]);
            self.many("rust-tests", &mut command, false)
        });
        report.step("Doc tests", || {
            let arguments = ["test", "--workspace", "--no-fail-fast", "--doc"];
            self.many("doc-tests", exec::cargo(&self.root).args(arguments), true)
        });
        report.step("Generated files", || {
            let mut command = self.fast_tests()?;
            command.arg(r#gen::TEST_PREFIX).env_remove("SEAMARK_GEN");
            self.many("generated", &mut command, false)
        });
        report.step("Documentation", || {
            let mut command = exec::cargo(&self.root);
            command.args(["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings");
            self.one("doc", &mut command)
        });
    }

    fn slow(&self, report: &mut Report) {
        report.step("Window tests", || {
            anyhow::ensure!(self.has_page, "not run: the page was not built");
            self.suite(WINDOW)
        });
        report.step("Interop tests", || self.suite(INTEROP));
    }

    /// One of the slow suites. It was built with everything else, so its time limit is for running only.
    fn suite(&self, name: &str) -> Result<Outcome> {
        anyhow::ensure!(self.has_programs, "not run: the programs under test were not built");
        let target = TestTarget { package: TESTS_PACKAGE.to_owned(), name: name.to_owned() };
        anyhow::ensure!(
            workspace::test_targets(self.metadata()?).contains(&target),
            "{TESTS_PACKAGE} has no test called `{name}` yet"
        );
        let mut inner = exec::cargo(&self.root);
        inner.args(["test", "--workspace", "--test", name]);
        let session = Session::open()?;
        let mut command = if name == WINDOW {
            // One at a time: the windows share one display, and a focused window is part of what is tested.
            inner.args(["--", "--test-threads=1"]);
            session.wrap(&self.root, &inner)
        } else {
            inner
        };
        let finished = self.logged(name, &mut command, SUITE_LIMIT)?;
        let counted = count::cargo_test(&finished.output);
        Ok(Outcome::of_many(finished, counted, false))
    }

    /// `cargo test` of everything but the slow suites and doc tests.
    fn fast_tests(&self) -> Result<Command> {
        let mut command = exec::cargo(&self.root);
        command.args(["test", "--workspace", "--no-fail-fast", "--lib", "--bins"]);
        for target in workspace::test_targets(self.metadata()?) {
            if !is_slow(&target) {
                command.args(["--test", &target.name]);
            }
        }
        Ok(command)
    }

    fn metadata(&self) -> Result<&Value> {
        self.metadata.as_ref().map_err(|error| anyhow::anyhow!("{error:#}"))
    }

    fn need_packages(&self) -> Result<()> {
        anyhow::ensure!(self.has_page_packages, "not run: the page's packages are missing");
        Ok(())
    }

    fn one(&self, log: &str, command: &mut Command) -> Result<Outcome> {
        Ok(Outcome::of_one(self.logged(log, command, BUILD_LIMIT)?))
    }

    fn many(&self, log: &str, command: &mut Command, may_be_empty: bool) -> Result<Outcome> {
        let finished = self.logged(log, command, BUILD_LIMIT)?;
        let counted = count::cargo_test(&finished.output);
        Ok(Outcome::of_many(finished, counted, may_be_empty))
    }

    fn logged(&self, log: &str, command: &mut Command, limit: Duration) -> Result<exec::Finished> {
        let path: &Path = &self.logs.join(format!("{log}.log"));
        exec::logged(command, path, limit)
    }
}

fn is_slow(target: &TestTarget) -> bool {
    target.package == TESTS_PACKAGE && [WINDOW, INTEROP].contains(&target.name.as_str())
}
