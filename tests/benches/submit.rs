//! Durable submissions over HTTP: what an orchestrator can put through a gateway.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use seamark_contracts::clock::{SeededChance, Timestamp};
use seamark_contracts::id::HandoffId;
use seamark_tests::programs::root;
use serde_json::{Value, json};

use crate::http::Connection;
use crate::stats::Samples;

/// Bytes of one submission.
pub const HANDOFF_BYTES: usize = 4096;

/// Makes submissions that differ only in their id.
pub struct Handoffs {
    template: Value,
    chance: SeededChance,
    /// Ids carry their time, as those of real agents do.
    at: Timestamp,
}

impl Handoffs {
    /// The shipped plain refund, padded to [`HANDOFF_BYTES`] with narrative.
    pub fn new(seed: u64) -> Result<Self> {
        let path = root().join("contracts/samples/refund.issue/examples/returned-goods.json");
        let mut template: Value = serde_json::from_slice(&std::fs::read(path)?)?;
        let object = template.as_object_mut().context("the example is an object")?;
        object.remove("narrative");
        let short = serde_json::to_vec(&template)?.len() + r#","narrative":{"text":""}"#.len();
        ensure!(short < HANDOFF_BYTES, "the example is already larger than {HANDOFF_BYTES} bytes");
        let object = template.as_object_mut().context("the example is an object")?;
        object.insert("narrative".to_owned(), json!({ "text": "x".repeat(HANDOFF_BYTES - short) }));
        Ok(Self { template, chance: SeededChance::new(seed), at: Timestamp::from_ms(1_795_000_000_000) })
    }

    /// The next one, as bytes for the wire, with its id.
    pub fn next(&mut self) -> Result<(HandoffId, Vec<u8>)> {
        self.at = self.at.plus_ms(1);
        let id = HandoffId::make(self.at, &self.chance);
        let object = self.template.as_object_mut().context("the example is an object")?;
        object.insert("handoffId".to_owned(), json!(id));
        object.insert("correlationId".to_owned(), json!(format!("bench-{id}")));
        Ok((id, serde_json::to_vec(&self.template)?))
    }
}

/// Submits at most `n` handoffs with `n_clients` at once, begins none after `time`, and waits for every answer.
pub async fn run(
    address: &str,
    key: &str,
    handoffs: &mut Handoffs,
    (n, time): (usize, Duration),
    n_clients: usize,
) -> Result<(Duration, Samples)> {
    let bodies: Vec<Vec<u8>> = (0..n).map(|_| handoffs.next().map(|(_, bytes)| bytes)).collect::<Result<_>>()?;
    let (bodies, next) = (Arc::new(bodies), Arc::new(AtomicUsize::new(0)));
    let mut connections = Vec::with_capacity(n_clients);
    for _ in 0..n_clients {
        connections.push(Connection::open(address).await?);
    }
    let started = Instant::now();
    let mut clients = tokio::task::JoinSet::new();
    for mut connection in connections {
        let (bodies, next, key) = (bodies.clone(), next.clone(), key.to_owned());
        clients.spawn(async move {
            let mut samples = Samples::default();
            while started.elapsed() < time
                && let Some(body) = bodies.get(next.fetch_add(1, Ordering::Relaxed))
            {
                let one = Instant::now();
                let (status, answer) = connection.post("/v1/handoffs", &key, body).await?;
                ensure!(status == 201, "a submission was answered {status}: {}", String::from_utf8_lossy(answer));
                samples.add(one.elapsed());
            }
            Ok(samples)
        });
    }
    let mut samples = Samples::default();
    while let Some(client) = clients.join_next().await {
        samples.extend(client??);
    }
    Ok((started.elapsed(), samples))
}
