//! A desk or a gateway that is killed at any moment loses no decision that it acknowledged (invariants B1, B2, B6, C1).

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use seamark_contracts::clock::{Chance as _, SeededChance};
use seamark_tests::desk::TestDesk;
use seamark_tests::gateway::GatewayProcess;
use seamark_tests::programs::built;
use serde_json::Value;

use crate::agent::Agent;

/// How often the desk is killed in one run.
const N_KILLS: usize = 8;
/// Handoffs that arrive between two kills.
const N_HANDOFFS: usize = 5;
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_random_moments_the_desk_keeps_every_decision_it_said_was_saved() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (data_dir, desk_dir) = (folder.path().join("gateway"), folder.path().join("desk"));
    let (mut gateway, agent) = begin(&data_dir, &desk_dir).await?;
    let moments = SeededChance::new(11);
    let mut acknowledged = Vec::new();
    for n in 0..N_KILLS {
        for _ in 0..N_HANDOFFS {
            agent.submit(&agent.example("refund.issue", "returned-goods")?).await?;
        }
        let mut random = [0u8; 2];
        moments.fill(&mut random);
        let n_decisions = usize::from(random[0]) % N_HANDOFFS;
        let life = Duration::from_millis(u64::from(random[1]) * 2);
        let desk = DecidingDesk::start(&desk_dir)?;
        acknowledged.extend(desk.decides(n_decisions)?);
        // Every third time the gateway dies first: what is decided then is saved here and nowhere else.
        if n % 3 == 2 {
            let port = gateway.port();
            gateway.kill();
            acknowledged.extend(desk.kill_after(life).await?);
            gateway = GatewayProcess::start_on(&data_dir, port)?;
        } else {
            acknowledged.extend(desk.kill_after(life).await?);
        }
    }
    ensure!(acknowledged.len() > N_KILLS, "too little was decided to prove anything: {}", acknowledged.len());
    let desk = TestDesk::open(&desk_dir).await?;
    let counted: BTreeSet<String> = desk.sends_all(PATIENCE).await?.into_iter().collect();
    let lost: Vec<_> = acknowledged.iter().filter(|id| !counted.contains(*id)).collect();
    ensure!(lost.is_empty(), "decisions were said to be saved and are gone: {lost:?}");
    desk.close().await?;
    drop(gateway);
    // It recomputes every outcome from the recorded decisions: none counted twice, none missing.
    GatewayProcess::fsck(&data_dir).map(drop)
}

/// A gateway with the shipped contracts, an agent, and a folder with a desk that is enrolled and closed.
async fn begin(data_dir: &Path, desk_dir: &Path) -> Result<(GatewayProcess, Agent)> {
    let gateway = GatewayProcess::start(data_dir)?;
    gateway.publish_samples()?;
    let agent = Agent::of(&gateway)?;
    TestDesk::enrolled(desk_dir, &gateway, "robin-reviewer", "reviewer").await?.close().await?;
    Ok((gateway, agent))
}

struct DecidingDesk {
    child: Child,
    lines: Receiver<String>,
}

impl DecidingDesk {
    /// Starts it and waits until it can sign.
    fn start(folder: &Path) -> Result<Self> {
        let mut child = Command::new(built("deciding-desk")?)
            .arg(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .context("starting deciding-desk")?;
        let output = BufReader::new(child.stdout.take().context("its output")?);
        let (said, lines) = mpsc::channel();
        std::thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| said.send(line)));
        let desk = Self { child, lines };
        ensure!(desk.lines.recv_timeout(PATIENCE)? == "ready", "the desk did not get ready");
        Ok(desk)
    }

    /// Waits until it acknowledged so many more decisions.
    fn decides(&self, n_decisions: usize) -> Result<Vec<String>> {
        (0..n_decisions).map(|_| self.lines.recv_timeout(PATIENCE).context("the desk decides nothing")).collect()
    }

    /// Kills it after `life`; what else it acknowledged until then.
    async fn kill_after(mut self, life: Duration) -> Result<Vec<String>> {
        // The moment of death is what this test varies; nothing is waited for.
        tokio::time::sleep(life).await;
        self.child.kill()?;
        self.child.wait()?;
        Ok(self.lines.iter().collect())
    }
}

impl Drop for DecidingDesk {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the agent was given, by handoff: the outcome's envelope.
type Given = BTreeMap<String, Value>;

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_random_moments_the_gateway_keeps_every_decision_and_changes_no_outcome() -> Result<()> {
    // Invariants B1, B2, B6, C1: what was answered stays true, and a decision whose answer was lost arrives once.
    let folder = tempfile::tempdir()?;
    let (data_dir, desk_dir) = (folder.path().join("gateway"), folder.path().join("desk"));
    let (mut gateway, agent) = begin(&data_dir, &desk_dir).await?;
    let desk = DecidingDesk::start(&desk_dir)?;
    let moments = SeededChance::new(13);
    let mut given = Given::new();
    for _ in 0..N_KILLS {
        let mut ids = Vec::new();
        for _ in 0..N_HANDOFFS {
            ids.push(agent.submit(&agent.example("refund.issue", "returned-goods")?).await?);
        }
        let mut random = [0u8; 1];
        moments.fill(&mut random);
        let life = Duration::from_millis(u64::from(random[0]) * 4);
        // The moment of death is what this test varies; the agent asks until then.
        let asked = tokio::time::timeout(life, take_outcomes(&agent, &ids, &mut given)).await;
        ensure!(!matches!(asked, Ok(Err(_))), "an outcome was refused: {asked:?}");
        let port = gateway.port();
        gateway.kill();
        GatewayProcess::fsck(&data_dir).context("after a kill")?;
        gateway = GatewayProcess::start_on(&data_dir, port)?;
        take_outcomes(&agent, &ids, &mut given).await?;
    }
    ensure!(given.len() == N_KILLS * N_HANDOFFS, "only {} outcomes were given", given.len());
    for (id, before) in &given {
        ensure!(agent.outcome(id).await?.get("outcome") == Some(before), "the outcome of {id} is another one now");
        ensure!(agent.status(id).await? == "approved", "{id} is no longer approved");
    }
    let acknowledged = desk.kill_after(Duration::ZERO).await?;
    let desk = TestDesk::open(&desk_dir).await?;
    let counted: BTreeSet<String> = desk.sends_all(PATIENCE).await?.into_iter().collect();
    ensure!(acknowledged.iter().all(|id| counted.contains(id)), "a saved decision is gone");
    ensure!(counted.len() == given.len(), "{} decisions for {} outcomes", counted.len(), given.len());
    desk.close().await?;
    drop(gateway);
    GatewayProcess::fsck(&data_dir).map(drop)
}

/// Waits for each outcome that was not given yet; one that was given before must be the same.
async fn take_outcomes(agent: &Agent, ids: &[String], given: &mut Given) -> Result<()> {
    for id in ids {
        let outcome = agent.outcome(id).await?.get("outcome").cloned().context("a delivery without outcome")?;
        let before = given.insert(id.clone(), outcome.clone());
        ensure!(before.is_none_or(|before| before == outcome), "the outcome of {id} changed");
    }
    Ok(())
}
