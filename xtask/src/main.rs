//! `cargo xtask`: everything that is done to this repository, as code.
//!
//! A newcomer needs two of these commands: `run` opens the window, `test` proves the tree. Both do all the set-up
//! themselves. The others are for people who change the code.
//!
//! Invariants: a command either does what its name says or exits with code 1 and says what to do next; nothing is
//! installed without leave; the last line of `test` is always `N passed, N failed`.
//!
//! Does not know: anything about handoffs, reviews or the ledger. It depends on no other member of the workspace.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a developer's command talks on the terminal, there is no other reader"
)]

mod bench;
mod count;
mod exec;
mod r#gen;
mod need;
mod page;
mod provide;
mod report;
mod run;
mod session;
mod test;
mod tidy;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Set up, run, test and tend Seamark.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Set up this computer, build Seamark and open its window.
    #[command(after_help = "Example: cargo xtask run -- --data-dir /tmp/try-seamark")]
    Run {
        /// Answer yes to every question about installing packages.
        #[arg(long)]
        yes: bool,
        /// Arguments for the app itself, after `--`.
        #[arg(last = true)]
        app_arguments: Vec<String>,
    },
    /// Set up this computer for the tests and run all of them.
    Test {
        /// Leave out the real window and other people's clients, for the inner loop.
        #[arg(long)]
        quick: bool,
        /// Answer yes to every question about installing packages.
        #[arg(long)]
        yes: bool,
    },
    /// Measure against the budgets, in the release profile.
    Bench {
        /// Answer yes to every question about installing packages.
        #[arg(long)]
        yes: bool,
        /// Arguments for the bench itself, after `--`.
        #[arg(last = true)]
        bench_arguments: Vec<String>,
    },
    /// Write the committed generated files anew: bindings, schemas, openapi.json.
    Gen {
        /// Write nothing; fail when a committed file is not what the code would write.
        #[arg(long)]
        check: bool,
    },
    /// Check the rules of the house that the compiler cannot: who may know whom, where SQL lives, sizes.
    Tidy {
        /// Record the present format code as the one that docs/FORMATS.md describes.
        #[arg(long)]
        bless: bool,
    },
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Run { yes, app_arguments } => run::run(yes, &app_arguments),
        Command::Test { quick, yes } => test::test(quick, yes),
        Command::Bench { yes, bench_arguments } => bench::bench(yes, &bench_arguments),
        Command::Gen { check } => r#gen::generate(check),
        Command::Tidy { bless } => tidy::run(bless),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
