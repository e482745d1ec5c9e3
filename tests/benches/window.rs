//! Cold start and memory of the app against an empty Tauri window.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use seamark_tests::programs::{built, root};
use seamark_tests::window::Window;

use crate::stats::{Samples, print_latency, print_ratio};

const ROUNDS: usize = 5;

pub async fn run() -> Result<()> {
    println!("\nThe window against an empty Tauri window (started through WebDriver, software rendering)\n");
    build_empty_window()?;
    let folder = tempfile::tempdir()?;
    let (mut empty, mut ours) = (Samples::default(), Samples::default());
    let (mut empty_bytes, mut our_bytes) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let (took, bytes) = measure(&built("seamark-empty-window")?, &[], "Ready").await?;
        empty.add(took);
        empty_bytes.push(bytes);
        let app = built("seamark-app")?;
        let data_dir = folder.path().to_string_lossy().into_owned();
        let (took, bytes) = measure(&app, &["--data-dir".to_owned(), data_dir], "Try Seamark").await?;
        ours.add(took);
        our_bytes.push(bytes);
    }
    print_latency("empty window: start to its text", &empty);
    print_latency("Seamark: start to the first screen's text", &ours);
    print_ratio("cold start, p50", ours.at(50).as_secs_f64() / empty.at(50).as_secs_f64(), "at most 1.3");
    let mib = |bytes: u64| bytes as f64 / 1024.0 / 1024.0;
    let (empty_median, our_median) = (median(&mut empty_bytes), median(&mut our_bytes));
    println!("{:<58} {:>10.0} MiB", "empty window: proportional memory of its processes", mib(empty_median));
    println!("{:<58} {:>10.0} MiB", "Seamark: proportional memory of its processes", mib(our_median));
    print_ratio("memory", mib(our_median) / mib(empty_median), "at most 1.25");
    Ok(())
}

fn build_empty_window() -> Result<()> {
    let status = std::process::Command::new("cargo")
        .args(["build", "--release", "-p", "seamark-empty-window"])
        .current_dir(root())
        .status()
        .context("building the empty window")?;
    if !status.success() {
        bail!("the empty window does not build");
    }
    Ok(())
}

/// From the request for a window to its text on screen, and the memory of its processes then.
async fn measure(program: &Path, arguments: &[String], text: &str) -> Result<(Duration, u64)> {
    let name = program.file_name().context("a program has a name")?.to_string_lossy().into_owned();
    let started = Instant::now();
    let window = Window::open_program(program, arguments).await?;
    window.sees(text).await?;
    let took = started.elapsed();
    let bytes = memory_of(&name)?;
    window.close().await?;
    Ok((took, bytes))
}

/// Sum of the proportional set sizes of the process called `name` and all its children.
fn memory_of(name: &str) -> Result<u64> {
    let mut processes = Vec::new();
    for entry in std::fs::read_dir("/proc")?.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|text| text.parse::<u32>().ok()) else { continue };
        let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else { continue };
        let parent =
            stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(1)).and_then(|text| text.parse().ok());
        let command = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let is_ours = command.split(|byte| *byte == 0).next().is_some_and(|first| first.ends_with(name.as_bytes()));
        processes.push((pid, parent.unwrap_or(0u32), is_ours));
    }
    let mut family: Vec<u32> = processes.iter().filter(|(.., is_ours)| *is_ours).map(|(pid, ..)| *pid).collect();
    let mut n_known = 0;
    while n_known != family.len() {
        n_known = family.len();
        let children: Vec<u32> = processes
            .iter()
            .filter(|(pid, parent, _)| family.contains(parent) && !family.contains(pid))
            .map(|(pid, ..)| *pid)
            .collect();
        family.extend(children);
    }
    let mut bytes = 0;
    for pid in family {
        let rollup = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
        let kib = rollup
            .lines()
            .find_map(|line| line.strip_prefix("Pss:"))
            .and_then(|rest| rest.trim().strip_suffix("kB"))
            .map_or(Ok(0), |text| text.trim().parse::<u64>())?;
        bytes += kib * 1024;
    }
    Ok(bytes)
}

fn median(values: &mut [u64]) -> u64 {
    values.sort_unstable();
    values.get(values.len() / 2).copied().unwrap_or(0)
}
