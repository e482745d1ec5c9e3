//! Opening an inbox of 100,000 items, against one with a hundred.

use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use seamark_tests::desk::TestDesk;
use seamark_tests::gateway::GatewayProcess;

use crate::stats::{Samples, print_latency, print_ratio};
use crate::submit::{self, Handoffs};

const FEW: u32 = 100;
const MANY: u32 = 100_000;
const WINDOW: u32 = 60;

pub async fn run() -> Result<()> {
    println!("\nAn inbox of {MANY} reviews against one of {FEW}\n");
    let folder = tempfile::tempdir()?;
    let gateway = GatewayProcess::start(&folder.path().join("gateway"))?;
    gateway.publish_samples()?;
    let key = gateway.agent_key("bench")?;
    let mut handoffs = Handoffs::new(3)?;
    let desk = TestDesk::enrolled(&folder.path().join("desk"), &gateway, "bench-reviewer", "reviewer").await?;
    submit::run(&gateway.address(), &key, &mut handoffs, FEW as usize, 32).await?;
    desk.holds(FEW, Duration::from_secs(60)).await?;
    let few = windows(&desk, FEW).await?;
    submit::run(&gateway.address(), &key, &mut handoffs, (MANY - FEW) as usize, 32).await?;
    let started = Instant::now();
    desk.holds(MANY, Duration::from_secs(1_200)).await?;
    println!("the last of {MANY} arrived {:.1} s after the last submission", started.elapsed().as_secs_f64());
    let many = windows(&desk, MANY).await?;
    print_latency("a window of 60 rows, 100 items", &few);
    print_latency("a window of 60 rows, 100,000 items", &many);
    let ratio = many.at(50).as_secs_f64() / few.at(50).as_secs_f64();
    print_ratio("100,000 items / 100 items, p50", ratio, "at most 1.1");
    Ok(())
}

/// Opens windows at the top, and at places all over the list.
async fn windows(desk: &TestDesk, total: u32) -> Result<Samples> {
    let mut samples = Samples::default();
    for step in 0..50u32 {
        let offset = if step % 2 == 0 { 0 } else { total.saturating_sub(WINDOW) / 50 * step };
        let started = Instant::now();
        desk.desk.inbox_rows("all", "", offset, WINDOW).await.map_err(|refusal| anyhow!("{refusal:?}"))?;
        samples.add(started.elapsed());
    }
    Ok(samples)
}
