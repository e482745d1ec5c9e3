//! `seamark`: for operators, agent developers and auditors.
//!
//! Does not know: reviewers' keys, the window, SQL. Each command is one file; this one chooses among them.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use report::{Ending, Printer};

/// A gateway makes and drops many small values for every request; the system's allocator takes a sixth of its time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

mod agent_key;
mod contract;
mod demo;
mod destination;
mod device;
mod duration;
mod erase;
mod evidence;
mod execution_key;
mod handoff;
mod init;
mod invite;
mod ledger;
mod options;
mod org;
mod person;
mod place;
mod replay;
mod report;
mod serve;
mod witness;

/// Seamark: human decisions on what AI agents hand over, with proof
#[derive(Parser, Debug)]
#[command(
    name = "seamark",
    version,
    arg_required_else_help = true,
    after_help = "\
Exit codes:
  0  done, and the answer is yes
  1  done, and the answer is no: refused, not authorised, rejected, not proved, findings
  2  wrong usage
  3  not done: gateway not reachable, storage or file not usable
  4  still open when the time was over

Environment:
  SEAMARK_DATA_DIR  instead of --data-dir
  SEAMARK_GATEWAY   instead of --gateway
  SEAMARK_KEY       instead of --key
  SEAMARK_TRUST     instead of --trust
  SEAMARK_ROOT_KEY  instead of --root-key
  SEAMARK_LOG       what is logged to standard error, as in info or seamark_gateway=debug

Examples, from nothing to a gated handoff:
  seamark org create --out acme.root
  seamark init --data-dir ./gateway --root-key \"$(seamark org show --key acme.root)\"
  seamark contract publish contracts/samples --data-dir ./gateway
  export SEAMARK_KEY=$(seamark agent-key create --data-dir ./gateway --agent order-desk)
  seamark serve --data-dir ./gateway --listen 127.0.0.1:7600 &
  export SEAMARK_GATEWAY=http://127.0.0.1:7600
  seamark org sign --key acme.root
  seamark handoff submit refund.json
  seamark handoff wait 0199a1c2-5b7e-7c3d-9a10-2f4b6c8d0e12 --timeout 10m
  seamark handoff check 0199a1c2-5b7e-7c3d-9a10-2f4b6c8d0e12

The side that acts:
  seamark destination init ./refunds --agent refund-executor --audience https://refunds.shop.example/execute \
    --contract refund.issue@1.2.0
  seamark destination gate ./refunds --handoff 0199a1c2-5b7e-7c3d-9a10-2f4b6c8d0e12 --exec ./refund.sh

Afterwards, for an auditor:
  seamark evidence export 0199a1c2-5b7e-7c3d-9a10-2f4b6c8d0e12 --data-dir ./gateway --out refund.seamark.zip
  seamark evidence trust --data-dir ./gateway > trust.json
  seamark evidence verify refund.seamark.zip --trust trust.json --report report.html

For somebody outside, who watches that the ledger only grows:
  seamark witness init --data ./witness --name witness.example/w1
  seamark witness log add --data ./witness VKEY
  seamark witness run --data ./witness --listen 127.0.0.1:7700"
)]
struct Cli {
    /// Print the answer as one line of JSON
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    Org(org::Org),
    Init(init::Init),
    Serve(serve::Serve),
    Contract(contract::Contract),
    AgentKey(agent_key::AgentKey),
    ExecutionKey(execution_key::ExecutionKey),
    Invite(invite::Invite),
    Person(person::Person),
    Device(device::Device),
    Handoff(handoff::Handoff),
    Destination(destination::Destination),
    Replay(replay::Replay),
    Demo(demo::Demo),
    Ledger(ledger::Ledger),
    Evidence(evidence::Evidence),
    Erase(erase::Erase),
    Retention(erase::Retention),
    Witness(witness::Witness),
}

impl Command {
    async fn run(self, printer: Printer) -> anyhow::Result<Ending> {
        match self {
            Self::Org(command) => command.run(printer).await,
            Self::Init(command) => command.run(printer).await,
            Self::Serve(command) => command.run(printer).await,
            Self::Contract(command) => command.run(printer).await,
            Self::AgentKey(command) => command.run(printer).await,
            Self::ExecutionKey(command) => command.run(printer).await,
            Self::Invite(command) => command.run(printer).await,
            Self::Person(command) => command.run(printer).await,
            Self::Device(command) => command.run(printer).await,
            Self::Handoff(command) => command.run(printer).await,
            Self::Destination(command) => command.run(printer).await,
            Self::Replay(command) => command.run(printer).await,
            Self::Demo(command) => command.run(printer).await,
            Self::Ledger(command) => command.run(printer).await,
            Self::Evidence(command) => command.run(printer).await,
            Self::Erase(command) => command.run(printer).await,
            Self::Retention(command) => command.run(printer).await,
            Self::Witness(command) => command.run(printer).await,
        }
    }

    /// What is logged when nobody says: a server tells what it does, a tool only what went wrong.
    fn default_log(&self) -> &'static str {
        match self {
            Self::Serve(_) => "info",
            Self::Witness(command) if command.is_server() => "info",
            _ => "warn",
        }
    }
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let log = tracing_subscriber::EnvFilter::try_from_env("SEAMARK_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(cli.command.default_log()));
    tracing_subscriber::fmt().with_env_filter(log).with_writer(std::io::stderr).with_target(true).init();
    let printer = Printer { is_json: cli.json };
    let ended = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(anyhow::Error::from)
        .and_then(|runtime| runtime.block_on(cli.command.run(printer)));
    match ended {
        Ok(ending) => ending.into(),
        Err(error) => report::failure(printer, &error).into(),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_well_formed_and_every_leaf_has_examples() {
        let mut cli = super::Cli::command();
        cli.build();
        cli.clone().debug_assert();
        let mut to_visit = vec![cli];
        while let Some(command) = to_visit.pop() {
            let children: Vec<_> =
                command.get_subcommands().filter(|child| child.get_name() != "help").cloned().collect();
            if children.is_empty() {
                let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
                assert!(after.contains("Examples:"), "{} has no examples", command.get_name());
            }
            to_visit.extend(children);
        }
    }
}
