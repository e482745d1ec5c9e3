//! An agent that submits handoffs and follows them over plain HTTP.

use anyhow::{Context as _, Result, ensure};
use seamark_contracts::clock::Clock as _;
use seamark_contracts::id::HandoffId;
use seamark_desk::clock::{SystemChance, SystemClock};
use seamark_tests::gateway::GatewayProcess;
use seamark_tests::programs::root;
use serde_json::{Value, json};

pub struct Agent {
    address: String,
    key: String,
    http: reqwest::Client,
}

impl Agent {
    /// An agent with a key for every contract.
    pub fn of(gateway: &GatewayProcess) -> Result<Self> {
        let http = reqwest::Client::builder().no_proxy().build()?;
        Ok(Self { address: gateway.address(), key: gateway.agent_key("order-desk")?, http })
    }

    /// One of the shipped example handoffs, with an id of its own.
    pub fn example(&self, contract: &str, name: &str) -> Result<Value> {
        let path = root().join(format!("contracts/samples/{contract}/examples/{name}.json"));
        let mut handoff: Value = serde_json::from_slice(&std::fs::read(path)?)?;
        set(&mut handoff, "/handoffId", json!(HandoffId::make(SystemClock.now(), &SystemChance)))?;
        Ok(handoff)
    }

    /// Submits a handoff that has to be gated; its id.
    pub async fn submit(&self, handoff: &Value) -> Result<String> {
        let answer = self.post("/v1/handoffs", handoff).await?;
        ensure!(text_of(&answer, "status")? == "open", "the handoff is not gated: {answer}");
        text_of(&answer, "handoffId")
    }

    pub async fn post(&self, path: &str, body: &Value) -> Result<Value> {
        let url = format!("{}{path}", self.address);
        let answer = self.http.post(url).bearer_auth(&self.key).json(body).send().await?;
        let status = answer.status();
        let text = answer.text().await?;
        ensure!(status.is_success(), "{path} was answered {status}: {text}");
        Ok(serde_json::from_str(&text)?)
    }

    /// Waits for the outcome of a handoff; acknowledges and returns the delivery.
    pub async fn outcome(&self, id: &str) -> Result<Value> {
        let url = format!("{}/v1/handoffs/{id}/outcome?wait_s=30", self.address);
        let answer = self.http.get(url).bearer_auth(&self.key).send().await?;
        ensure!(answer.status() == 200, "no outcome: {}", answer.status());
        let delivery = answer.json().await?;
        self.post(&format!("/v1/handoffs/{id}/outcome/ack"), &json!({})).await?;
        Ok(delivery)
    }

    /// `approved`, `rejected`, ... of a handoff.
    pub async fn status(&self, id: &str) -> Result<String> {
        let url = format!("{}/v1/handoffs/{id}", self.address);
        let answer: Value = self.http.get(url).bearer_auth(&self.key).send().await?.json().await?;
        text_of(&answer, "status")
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
