//! Durable submit throughput of the gateway against raw SQLite commits of the same size.

use std::time::Duration;

use anyhow::Result;
use seamark_tests::gateway::GatewayProcess;

use crate::raw::Raw;
use crate::stats::{Rate, Samples, print_latency, print_rate, print_rates};
use crate::submit::{self, HANDOFF_BYTES, Handoffs};

const ROUNDS: u64 = 7;
/// Clients at once.
const CLIENTS: [usize; 3] = [1, 32, 64];
/// How long each measurement of a round takes.
const TIME: Duration = Duration::from_secs(2);
/// More than can be submitted in that time.
const ENOUGH: usize = 30_000;

pub async fn run() -> Result<()> {
    println!("\nDurable submissions, {HANDOFF_BYTES} bytes each, HTTP, SQLite WAL, synchronous=FULL\n");
    let folder = tempfile::tempdir()?;
    let gateway = GatewayProcess::start(&folder.path().join("gateway"))?;
    gateway.publish_samples()?;
    let key = gateway.agent_key("bench")?;
    let mut raw = Raw::open(folder.path(), HANDOFF_BYTES).await?;
    let mut handoffs = Handoffs::new(1)?;
    let (mut single, mut grouped, mut commits) = (Rate::new(), Rate::new(), Samples::default());
    let mut rates = CLIENTS.map(|_| Rate::new());
    let mut latencies = CLIENTS.map(|_| Samples::default());
    // One round ahead, not counted: contracts are compiled, files have grown.
    for round in 0..=ROUNDS {
        let (n_single, single_took, samples) = raw.commit(TIME, 1).await?;
        let (n_grouped, grouped_took, _) = raw.commit(TIME, 100).await?;
        if round > 0 {
            single.round(n_single, single_took);
            grouped.round(n_grouped, grouped_took);
            commits.extend(samples);
        }
        for (clients, (rate, latency)) in CLIENTS.iter().zip(rates.iter_mut().zip(&mut latencies)) {
            let (took, samples) =
                submit::run(&gateway.address(), &key, &mut handoffs, (ENOUGH, TIME), *clients).await?;
            if round > 0 {
                rate.round(samples.len(), took);
                latency.extend(samples);
            }
        }
    }
    print_rate("raw rows, one commit each", &single);
    print_rate("raw rows, 100 a commit", &grouped);
    for (clients, rate) in CLIENTS.iter().zip(&rates) {
        print_rate(&format!("submissions, {clients} clients"), rate);
    }
    print_latency("raw commit of one row", &commits);
    for (clients, latency) in CLIENTS.iter().zip(&latencies) {
        print_latency(&format!("submission, {clients} clients"), latency);
    }
    for (clients, rate) in CLIENTS.iter().zip(&rates) {
        print_rates(&format!("{clients} clients / raw one by one"), rate, &single, "none");
    }
    for (clients, rate) in CLIENTS.iter().zip(&rates) {
        let target = if *clients == 64 { "at least 0.30 (P2)" } else { "none" };
        print_rates(&format!("{clients} clients / raw grouped by 100"), rate, &grouped, target);
    }
    Ok(())
}
