//! The numbers with a budget, each beside the limit or peer that it is measured against, all in one run.
//!
//! `cargo xtask bench [-- throughput|latency|inbox|proof|window]`; without a name everything. Only the ratios mean anything:
//! machines differ and are noisy, so each pair is measured in turns and the median of the rounds is printed.
#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

mod http;
mod inbox;
mod latency;
mod proof;
mod raw;
mod stats;
mod submit;
mod throughput;
mod window;

use anyhow::Result;

#[tokio::main]
async fn main() -> Result<()> {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--").collect();
    let wants = |name: &str| wanted.is_empty() || wanted.iter().any(|one| one == name);
    if wants("throughput") {
        throughput::run().await?;
    }
    if wants("latency") {
        latency::run().await?;
    }
    if wants("inbox") {
        inbox::run().await?;
    }
    if wants("proof") {
        proof::run().await?;
    }
    if wants("window") {
        window::run().await?;
    }
    Ok(())
}
