//! A gateway, an agent and an open window of a reviewer who has just connected.

use std::path::{Path, PathBuf};

use anyhow::Result;
use seamark_tests::gateway::GatewayProcess;
use seamark_tests::programs::root;
use seamark_tests::window::Window;
use tempfile::TempDir;

use crate::agent::Agent;

/// The PIN of the reviewer in every scene.
pub const PIN: &str = "739182";

pub struct Scene {
    pub window: Window,
    pub gateway: GatewayProcess,
    pub agent: Agent,
    pub folder: TempDir,
}

impl Scene {
    /// Starts a gateway with the shipped contracts and connects a new desk to it through the window.
    pub async fn open() -> Result<Self> {
        Self::open_as(&["reviewer"]).await
    }

    /// The same for a reviewer with these roles.
    pub async fn open_as(roles: &[&str]) -> Result<Self> {
        Self::open_with(&root().join("contracts/samples"), roles).await
    }

    /// The same with the contract for refunds changed: each `(from, to)` is replaced in its text.
    pub async fn open_changed(changes: &[(&str, &str)]) -> Result<Self> {
        let contracts = tempfile::tempdir()?;
        let sample = root().join("contracts/samples/refund.issue");
        let examples = contracts.path().join("examples");
        std::fs::create_dir(&examples)?;
        for example in std::fs::read_dir(sample.join("examples"))? {
            let example = example?;
            std::fs::copy(example.path(), examples.join(example.file_name()))?;
        }
        let mut text = std::fs::read_to_string(sample.join("contract.yaml"))?;
        for (from, to) in changes {
            anyhow::ensure!(text.contains(from), "the contract does not say {from:?} any more");
            text = text.replace(from, to);
        }
        std::fs::write(contracts.path().join("contract.yaml"), text)?;
        Self::open_with(contracts.path(), &["reviewer"]).await
    }

    async fn open_with(contracts: &Path, roles: &[&str]) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let gateway = GatewayProcess::start(&folder.path().join("gateway"))?;
        gateway.publish(contracts)?;
        let agent = Agent::of(&gateway)?;
        let code = gateway.invite_as("robin-reviewer", roles)?;
        let window = Window::open(&folder.path().join("desk")).await?;
        window.press("Connect to my team").await?;
        window.type_into("Address of the gateway", &gateway.address()).await?;
        window.type_into("Invitation code", &code).await?;
        window.type_into("Name of this computer", "Test computer").await?;
        window.type_into("Signing PIN", PIN).await?;
        window.type_into("Signing PIN again", PIN).await?;
        window.press("Connect").await?;
        window.sees("Nothing waits for you").await?;
        Ok(Self { window, gateway, agent, folder })
    }

    /// Submits a shipped example of a refund and opens it in the window; the handoff's id.
    pub async fn open_refund(&self, example: &str, words: &str) -> Result<String> {
        let id = self.agent.submit(&self.agent.example("refund.issue", example)?).await?;
        open_handoff(&self.window, words).await?;
        Ok(id)
    }

    /// Ends the window and checks the gateway's database.
    pub async fn close(self) -> Result<()> {
        let data_dir = self.folder.path().join("gateway");
        self.window.close().await?;
        drop(self.gateway);
        GatewayProcess::fsck(&data_dir).map(drop)
    }

    /// The desk's folder, for opening it again.
    pub fn desk_dir(&self) -> PathBuf {
        self.folder.path().join("desk")
    }
}

/// Opens the first handoff of the list by its words, and reads what has to be read.
pub async fn open_handoff(window: &Window, words: &str) -> Result<()> {
    window.press_row(words).await?;
    window.sees("What happens").await?;
    while window.is_on_screen("Open the next").await? {
        window.press("Open the next").await?;
        window.settle().await;
    }
    Ok(())
}

/// Whether a folder holds a file whose bytes contain `needle`.
pub fn folder_contains(folder: &Path, needle: &str) -> Result<bool> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let found = if path.is_dir() {
            folder_contains(&path, needle)?
        } else {
            std::fs::read(&path)?.windows(needle.len()).any(|window| window == needle.as_bytes())
        };
        if found {
            return Ok(true);
        }
    }
    Ok(false)
}
