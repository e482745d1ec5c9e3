//! A gateway that is killed at any moment loses no handoff that it acknowledged (invariants A1, A2, A3, D1, D2).
//!
//! Decisions and outcomes under the same are in `tests/window/killed.rs`: a desk needs a keyring.
#![expect(clippy::indexing_slicing, reason = "a missing member of an answer fails the test, which is what it is for")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use seamark_contracts::clock::{Chance as _, Clock as _, SeededChance};
use seamark_contracts::id::HandoffId;
use seamark_desk::clock::{SystemChance, SystemClock};
use seamark_ledger::tree::{Hash, verify_consistency};
use seamark_tests::gateway::GatewayProcess;
use seamark_tests::programs::root;
use serde_json::{Value, json};

/// How often the gateway is killed in one run.
const N_KILLS: usize = 6;
/// Agents that submit while it is killed.
const N_AGENTS: usize = 4;

/// What was acknowledged: the submitted bytes and the answer.
type Acknowledged = Arc<Mutex<BTreeMap<String, (Vec<u8>, Value)>>>;

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_random_moments_the_gateway_keeps_every_acknowledged_handoff() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let data_dir = folder.path().join("gateway");
    let mut gateway = GatewayProcess::start(&data_dir)?;
    gateway.publish_samples()?;
    let key = gateway.agent_key("order-desk")?;
    let (port, address) = (gateway.port(), gateway.address());
    let acknowledged = Acknowledged::default();
    let moments = SeededChance::new(7);
    let mut heads = Vec::new();
    for _ in 0..N_KILLS {
        let agents: Vec<_> = (0..N_AGENTS)
            .map(|_| tokio::spawn(submit_until_it_dies(address.clone(), key.clone(), acknowledged.clone())))
            .collect();
        let mut byte = [0u8; 1];
        moments.fill(&mut byte);
        // The moment of death is what this test varies; nothing is waited for.
        tokio::time::sleep(Duration::from_millis(150 + u64::from(byte[0]) * 3)).await;
        heads.push(head(&address).await?);
        gateway.kill();
        for agent in agents {
            agent.await??;
        }
        GatewayProcess::fsck(&data_dir).context("after a kill")?;
        gateway = GatewayProcess::start_on(&data_dir, port)?;
    }
    let acknowledged = acknowledged.lock().map_err(|_| anyhow::anyhow!("an agent panicked"))?.clone();
    ensure!(acknowledged.len() > N_KILLS, "too little was submitted to prove anything: {}", acknowledged.len());
    check_answers(&address, &key, &acknowledged).await?;
    check_heads(&address, &heads).await?;
    drop(gateway);
    GatewayProcess::fsck(&data_dir).map(drop)
}

/// Submits one handoff after the other until the gateway no longer answers.
async fn submit_until_it_dies(address: String, key: String, acknowledged: Acknowledged) -> Result<()> {
    let http = reqwest::Client::builder().no_proxy().build()?;
    let path = root().join("contracts/samples/refund.issue/examples/returned-goods.json");
    let mut handoff: Value = serde_json::from_slice(&std::fs::read(path)?)?;
    loop {
        let id = HandoffId::make(SystemClock.now(), &SystemChance).to_string();
        handoff["handoffId"] = json!(id);
        let body = serde_json::to_vec(&handoff)?;
        let request =
            http.post(format!("{address}/v1/handoffs")).bearer_auth(&key).header("content-type", "application/json");
        let Ok(answer) = request.body(body.clone()).send().await else { return Ok(()) };
        let status = answer.status();
        // An answer that broke off was not an acknowledgement.
        let Ok(answer) = answer.json::<Value>().await else { return Ok(()) };
        ensure!(status == 201, "a good handoff was answered {status}: {answer}");
        acknowledged.lock().map_err(|_| anyhow::anyhow!("an agent panicked"))?.insert(id, (body, answer));
    }
}

/// Invariants A1 and A2: the same bytes get the same answer, other bytes a conflict.
async fn check_answers(address: &str, key: &str, acknowledged: &BTreeMap<String, (Vec<u8>, Value)>) -> Result<()> {
    let http = reqwest::Client::builder().no_proxy().build()?;
    for (id, (body, first)) in acknowledged {
        let send = |body: Vec<u8>| {
            let request =
                http.post(format!("{address}/v1/handoffs")).bearer_auth(key).header("content-type", "application/json");
            request.body(body).send()
        };
        let again = send(body.clone()).await?;
        ensure!(again.status() == 200, "handoff {id} was acknowledged and is gone: {}", again.status());
        let again: Value = again.json().await?;
        ensure!(&again == first, "handoff {id} has another answer now: {first} {again}");
        let mut other: Value = serde_json::from_slice(body)?;
        other["correlationId"] = json!("another-case");
        ensure!(send(serde_json::to_vec(&other)?).await?.status() == 409, "other bytes took the id {id}");
    }
    Ok(())
}

/// The signed head: size and root.
async fn head(address: &str) -> Result<(u64, String)> {
    let note = reqwest::get(format!("{address}/v1/ledger/checkpoint")).await?.text().await?;
    let mut lines = note.lines().skip(1);
    let size = lines.next().context("a size")?.parse()?;
    Ok((size, lines.next().context("a root")?.to_owned()))
}

/// Invariant D2: every head that was ever served is a prefix of today's ledger.
async fn check_heads(address: &str, heads: &[(u64, String)]) -> Result<()> {
    let (size, root) = head(address).await?;
    for (earlier, earlier_root) in heads {
        let url = format!("{address}/v1/ledger/proofs/consistency?from={earlier}&to={size}");
        let answer: Value = reqwest::get(url).await?.json().await?;
        let proof: Vec<Hash> = answer["proof"]
            .as_array()
            .context("a proof")?
            .iter()
            .map(|hash| Hash::parse(hash.as_str().unwrap_or_default()))
            .collect::<Result<_, _>>()?;
        verify_consistency(*earlier, &Hash::parse(earlier_root)?, size, &Hash::parse(&root)?, &proof)
            .with_context(|| format!("the head of size {earlier} is no prefix of the one of size {size}"))?;
    }
    Ok(())
}
