//! A gateway, an agent and an open window of a reviewer who has just connected.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use seamark_contracts::clock::{Clock as _, Timestamp};
use seamark_contracts::id::HandoffId;
use seamark_desk::clock::{SystemChance, SystemClock};
use seamark_tests::gateway::GatewayProcess;
use seamark_tests::programs::root;
use seamark_tests::window::Window;
use serde_json::{Value, json};
use tempfile::TempDir;

/// The PIN of the reviewer in every scene.
pub const PIN: &str = "739182";

pub struct Scene {
    pub window: Window,
    pub gateway: GatewayProcess,
    pub key: String,
    pub folder: TempDir,
    http: reqwest::Client,
}

impl Scene {
    /// Starts a gateway with the shipped contracts and connects a new desk to it through the window.
    pub async fn open() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let gateway = GatewayProcess::start(&folder.path().join("gateway"))?;
        gateway.publish_samples()?;
        let key = gateway.agent_key("order-desk")?;
        let code = gateway.invite("robin-reviewer", "reviewer")?;
        let window = Window::open(&folder.path().join("desk")).await?;
        window.press("Connect to my team").await?;
        window.type_into("Address of the gateway", &gateway.address()).await?;
        window.type_into("Invitation code", &code).await?;
        window.type_into("Name of this computer", "Test computer").await?;
        window.type_into("Signing PIN", PIN).await?;
        window.type_into("Signing PIN again", PIN).await?;
        window.press("Connect").await?;
        window.sees("Nothing waits for you").await?;
        let http = reqwest::Client::builder().no_proxy().build()?;
        Ok(Self { window, gateway, key, folder, http })
    }

    /// One of the shipped example handoffs, with an id of its own.
    pub fn example(&self, contract: &str, name: &str) -> Result<Value> {
        let path = root().join(format!("contracts/samples/{contract}/examples/{name}.json"));
        let mut handoff: Value = serde_json::from_slice(&std::fs::read(path)?)?;
        set(&mut handoff, "/handoffId", json!(HandoffId::make(now(), &SystemChance)))?;
        Ok(handoff)
    }

    /// Submits a handoff that has to be gated; its id.
    pub async fn submit(&self, handoff: &Value) -> Result<String> {
        let answer = self.post("/v1/handoffs", handoff).await?;
        ensure!(text_of(&answer, "status")? == "open", "the handoff is not gated: {answer}");
        text_of(&answer, "handoffId")
    }

    /// Posts as the agent.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Value> {
        let url = format!("{}{path}", self.gateway.address());
        let answer = self.http.post(url).bearer_auth(&self.key).json(body).send().await?;
        let status = answer.status();
        let text = answer.text().await?;
        ensure!(status.is_success(), "{path} was answered {status}: {text}");
        Ok(serde_json::from_str(&text)?)
    }

    /// Waits for the outcome of a handoff, as its agent; acknowledges and returns the delivery.
    pub async fn outcome(&self, id: &str) -> Result<Value> {
        let url = format!("{}/v1/handoffs/{id}/outcome?wait_s=30", self.gateway.address());
        let answer = self.http.get(url).bearer_auth(&self.key).send().await?;
        ensure!(answer.status() == 200, "no outcome: {}", answer.status());
        let delivery = answer.json().await?;
        self.post(&format!("/v1/handoffs/{id}/outcome/ack"), &json!({})).await?;
        Ok(delivery)
    }

    /// `approved`, `rejected`, ... of a handoff.
    pub async fn status(&self, id: &str) -> Result<String> {
        let url = format!("{}/v1/handoffs/{id}", self.gateway.address());
        let answer: Value = self.http.get(url).bearer_auth(&self.key).send().await?.json().await?;
        text_of(&answer, "status")
    }

    /// Ends the window and checks the gateway's database.
    pub async fn close(self) -> Result<()> {
        let data_dir = self.folder.path().join("gateway");
        self.window.close().await?;
        drop(self.gateway);
        GatewayProcess::fsck(&data_dir).map(drop)
    }

    /// The desk's folder, for opening it again.
    pub fn desk_dir(&self) -> std::path::PathBuf {
        self.folder.path().join("desk")
    }
}

fn text_of(answer: &Value, name: &str) -> Result<String> {
    Ok(answer.get(name).and_then(Value::as_str).with_context(|| format!("no {name} in {answer}"))?.to_owned())
}

/// Replaces what stands at `pointer`, which must exist.
pub fn set(value: &mut Value, pointer: &str, new: Value) -> Result<()> {
    *value.pointer_mut(pointer).with_context(|| format!("nothing at {pointer}"))? = new;
    Ok(())
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

fn now() -> Timestamp {
    SystemClock.now()
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
