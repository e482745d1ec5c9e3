//! What an operator ends beside a running gateway, as the person at the desk meets it (invariants B10, F4).

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, ensure};
use seamark_desk::answer::{LinkState, OutboxKind};
use seamark_tests::desk::{PIN, TestDesk, approval};
use seamark_tests::gateway::GatewayProcess;
use serde_json::Value;

use crate::agent::Agent;

const PATIENCE: Duration = Duration::from_secs(60);

/// A gateway, an agent with two handoffs that wait, and the desk of somebody who holds them.
struct Place {
    folder: tempfile::TempDir,
    gateway: GatewayProcess,
    agent: Agent,
    ids: Vec<String>,
    robin: TestDesk,
}

impl Place {
    async fn begin() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let gateway = GatewayProcess::start(&folder.path().join("gateway"))?;
        gateway.publish_samples()?;
        let agent = Agent::of(&gateway)?;
        let robin = TestDesk::enrolled(&folder.path().join("robin"), &gateway, "robin-reviewer", "reviewer").await?;
        let mut ids = Vec::new();
        for _ in 0..2 {
            ids.push(agent.submit(&agent.example("refund.issue", "returned-goods")?).await?);
        }
        robin.holds(2, PATIENCE).await?;
        Ok(Self { folder, gateway, agent, ids, robin })
    }

    /// The id of the only device so far.
    fn device(&self) -> Result<String> {
        let listed = self.gateway.operate(&["device", "list"])?;
        let id = listed.pointer("/0/id").and_then(Value::as_str);
        Ok(id.context("a device")?.to_owned())
    }

    fn data_dir(&self) -> std::path::PathBuf {
        self.folder.path().join("gateway")
    }
}

async fn first_review(desk: &TestDesk) -> Result<String> {
    let page = desk.desk.inbox_rows("mine", "", 0, 1).await.map_err(|refusal| anyhow!("{refusal:?}"))?;
    Ok(page.rows.first().context("a review")?.review_id.clone())
}

fn holds(dir: &Path, text: &str) -> Result<bool> {
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_file() && std::fs::read(&path)?.windows(text.len()).any(|window| window == text.as_bytes()) {
            return Ok(true);
        }
    }
    Ok(false)
}

#[tokio::test(flavor = "multi_thread")]
async fn b10_an_ended_device_is_shut_out_while_its_pane_is_open_and_nobody_else_is() -> Result<()> {
    let place = Place::begin().await?;
    let sam = TestDesk::enrolled(&place.folder.path().join("sam"), &place.gateway, "sam-reviewer", "reviewer").await?;
    sam.holds(2, PATIENCE).await?;
    let pane = place.robin.read(&first_review(&place.robin).await?).await?;
    place.robin.desk.unlock(PIN).await.map_err(|refusal| anyhow!("{refusal:?}"))?;

    place.gateway.operate(&["device", "end", &place.device()?])?;
    let state = place.robin.says(PATIENCE, |state| state.connection.state == LinkState::Refused).await?;
    let help = state.connection.help.unwrap_or_default();
    ensure!(state.connection.text == "Your access to this gateway has ended", "{}", state.connection.text);
    ensure!(help.contains("ended this device") && help.contains("were removed"), "{help}");
    ensure!(place.robin.total().await? == 0, "copies are still listed");
    let refused = place.robin.desk.decide(&approval(&pane)).await;
    ensure!(refused.as_ref().is_err_and(|refusal| refusal.message.contains("ended this device")), "{refused:?}");
    place.robin.close().await?;
    ensure!(!holds(&place.folder.path().join("robin"), &pane.review_id)?, "a copy is left on the disk");

    let review = sam.read(&first_review(&sam).await?).await?;
    sam.desk.unlock(PIN).await.map_err(|refusal| anyhow!("{refusal:?}"))?;
    sam.desk.decide(&approval(&review)).await.map_err(|refusal| anyhow!("{refusal:?}"))?;
    ensure!(sam.sends_all(PATIENCE).await?.len() == 1, "others go on");
    sam.close().await?;
    drop(place.gateway);
    GatewayProcess::fsck(&place.folder.path().join("gateway")).map(drop)
}

/// Signed while the gateway was away, ended before it came back: it is kept, shown as not accepted, and counts nowhere.
#[tokio::test(flavor = "multi_thread")]
async fn b10_what_was_saved_offline_before_the_end_never_counts() -> Result<()> {
    let mut place = Place::begin().await?;
    let pane = place.robin.read(&first_review(&place.robin).await?).await?;
    place.robin.desk.unlock(PIN).await.map_err(|refusal| anyhow!("{refusal:?}"))?;
    let device = place.device()?;
    let (port, data_dir) = (place.gateway.port(), place.data_dir());
    place.gateway.kill();
    place.robin.desk.decide(&approval(&pane)).await.map_err(|refusal| anyhow!("{refusal:?}"))?;
    // The operator's command needs no gateway that runs.
    seamark_tests::gateway::operate_on(&data_dir, &["device", "end", &device])?;
    place.gateway = GatewayProcess::start_on(&data_dir, port)?;
    let state = place.robin.says(PATIENCE, |state| state.outbox.waiting == 0).await?;
    ensure!(state.connection.text == "Your access to this gateway has ended", "{}", state.connection.text);
    let rows = place.robin.desk.outbox_rows().await.map_err(|refusal| anyhow!("{refusal:?}"))?;
    let row = rows.first().context("the saved decision")?;
    ensure!(row.state == OutboxKind::Parked && row.text.contains("ended this device"), "{row:?}");
    for id in &place.ids {
        ensure!(place.agent.status(id).await? == "open", "{id} was decided by a device that had ended");
    }
    place.robin.close().await?;
    drop(place.gateway);
    GatewayProcess::fsck(&data_dir).map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn f4_a_taken_role_empties_the_desk_and_a_given_one_fills_it() -> Result<()> {
    let place = Place::begin().await?;
    place.robin.read(&first_review(&place.robin).await?).await?;
    place.gateway.operate(&["person", "role", "take", "robin-reviewer", "reviewer"])?;
    let is_connected = |state: &seamark_desk::answer::AppState| state.connection.state == LinkState::Connected;
    place.robin.says(PATIENCE, |state| is_connected(state) && state.counts.open == 0).await?;
    ensure!(place.robin.total().await? == 0, "copies are still listed");
    place.gateway.operate(&["person", "role", "give", "robin-reviewer", "reviewer"])?;
    place.robin.says(PATIENCE, |state| is_connected(state) && state.counts.mine == 2).await?;
    place.robin.close().await?;
    drop(place.gateway);
    GatewayProcess::fsck(&place.folder.path().join("gateway")).map(drop)
}
