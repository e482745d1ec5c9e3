//! A gateway as an operator runs it: the program `seamark serve` with its own data folder.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::programs::{self, built};
use crate::root::{self, RootHolder};

/// A running gateway, and somebody elsewhere who holds its organisation's root and signs whatever it proposes. Dropping it ends the process at once, as a power cut would.
#[derive(Debug)]
pub struct GatewayProcess {
    child: Child,
    data_dir: PathBuf,
    port: u16,
    _root: RootHolder,
}

impl GatewayProcess {
    /// Starts one in `data_dir` on a free port and waits until it says that it is ready.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start(data_dir: &Path) -> Result<Self> {
        Self::start_on(data_dir, free_port()?)
    }

    /// The same on a given port, to come back after a stop.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start_on(data_dir: &Path, port: u16) -> Result<Self> {
        let mut child = Command::new(built("seamark")?)
            // Tests and benches submit more than people could answer.
            .args(["serve", "--listen", &format!("127.0.0.1:{port}"), "--max-open-reviews", "1000000"])
            .args(["--root-key", &root::public_key(), "--data-dir"])
            .arg(data_dir)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .context("starting seamark serve")?;
        let stdout = child.stdout.take().context("the gateway's output")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).context("waiting for the ready line")?;
        if !line.contains(&format!("http://127.0.0.1:{port}")) {
            let _ = child.kill();
            bail!("the gateway did not get ready; it said: {line:?}");
        }
        let root = RootHolder::of(&format!("http://127.0.0.1:{port}"))?;
        Ok(Self { child, data_dir: data_dir.to_owned(), port, _root: root })
    }

    /// `http://127.0.0.1:PORT`
    #[must_use]
    pub fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The port, for starting again on it.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Ends it with SIGKILL and waits until it is gone.
    pub fn kill(mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Publishes every contract under `folder`.
    ///
    /// # Errors
    /// When the command fails.
    pub fn publish(&self, folder: &Path) -> Result<()> {
        let mut command = Command::new(built("seamark")?);
        command.args(["contract", "publish"]).arg(folder).arg("--data-dir").arg(&self.data_dir);
        output(command).map(drop)
    }

    /// Publishes the contracts that the project ships.
    ///
    /// # Errors
    /// When the command fails.
    pub fn publish_samples(&self) -> Result<()> {
        self.publish(&programs::root().join("contracts/samples"))
    }

    /// A key for the agent `name`, good for all contracts, that acts as every destination too.
    ///
    /// # Errors
    /// When the command fails.
    pub fn agent_key(&self, name: &str) -> Result<String> {
        let mut command = Command::new(built("seamark")?);
        command
            .args(["agent-key", "create", "--agent", name, "--acts-for", "*", "--json", "--data-dir"])
            .arg(&self.data_dir);
        field(&output(command)?, "key")
    }

    /// An invitation for `person` with `role`.
    ///
    /// # Errors
    /// When the command fails.
    pub fn invite(&self, person: &str, role: &str) -> Result<String> {
        self.invite_as(person, &[role])
    }

    /// The same with several roles.
    ///
    /// # Errors
    /// When it exits with another code than 0.
    pub fn invite_as(&self, person: &str, roles: &[&str]) -> Result<String> {
        let mut command = Command::new(built("seamark")?);
        command.args(["invite", "--person", person, "--json", "--data-dir"]).arg(&self.data_dir);
        for role in roles {
            command.args(["--role", role]);
        }
        field(&output(command)?, "code")
    }

    /// What an operator's command beside this gateway answers, as JSON. `args` is without data folder and `--json`.
    ///
    /// # Errors
    /// When it exits with another code than 0.
    pub fn operate(&self, args: &[&str]) -> Result<Value> {
        operate_on(&self.data_dir, args)
    }

    /// What `seamark ledger fsck` says; an error when it found anything.
    ///
    /// # Errors
    /// When it exits with another code than 0.
    pub fn fsck(data_dir: &Path) -> Result<Value> {
        let mut command = Command::new(built("seamark")?);
        command.args(["ledger", "fsck", "--json", "--data-dir"]).arg(data_dir);
        Ok(serde_json::from_str(&output(command)?)?)
    }
}

impl Drop for GatewayProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What an operator's command on a data folder answers, whether a gateway runs on it or not.
///
/// # Errors
/// When it exits with another code than 0.
pub fn operate_on(data_dir: &Path, args: &[&str]) -> Result<Value> {
    let mut command = Command::new(built("seamark")?);
    command.args(args).args(["--json", "--data-dir"]).arg(data_dir);
    Ok(serde_json::from_str(&output(command)?)?)
}

/// A loopback port that nobody listens on now.
///
/// # Errors
/// When the system has none.
pub fn free_port() -> Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0)).context("finding a free port")?.local_addr()?.port())
}

/// Runs a command to its end and returns its standard output.
///
/// # Errors
/// When it exits with another code than 0; the text has what it wrote.
pub fn output(mut command: Command) -> Result<String> {
    let done = command.stdin(Stdio::null()).output().with_context(|| format!("running {command:?}"))?;
    let stdout = String::from_utf8_lossy(&done.stdout).into_owned();
    if !done.status.success() {
        bail!("{command:?} ended with {}: {stdout}{}", done.status, String::from_utf8_lossy(&done.stderr));
    }
    Ok(stdout)
}

fn field(json: &str, name: &str) -> Result<String> {
    let value: Value = serde_json::from_str(json).with_context(|| format!("reading {json:?}"))?;
    Ok(value.get(name).and_then(Value::as_str).with_context(|| format!("no {name} in {json}"))?.to_owned())
}
