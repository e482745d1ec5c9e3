//! Start and memory of the app against an empty Tauri window.
//!
//! Both are opened through WebDriver, whose handshake is part of both starts. The page's own clock tells besides when it
//! first painted anything. Files are in the page cache after the first round, which is not counted.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use seamark_contracts::clock::Clock as _;
use seamark_desk::clock::SystemClock;
use seamark_tests::desk::PIN;
use seamark_tests::programs::built;
use seamark_tests::window::Window;

use crate::stats::{Samples, print_latency, print_ratio, print_ratio_of};

const ROUNDS: usize = 5;
/// Longest wait for a window to show something.
const PATIENCE: Duration = Duration::from_secs(60);
/// After so long a window that shows its first screen counts as idle.
const CALM: Duration = Duration::from_secs(2);

/// When the page painted anything: empty until it did, which may be after its text is in the document.
const PAINTS: &str = "performance.getEntriesByName('first-contentful-paint')";

/// A program with a window, and what it is known to show by.
pub struct Shown {
    name: &'static str,
    program: &'static str,
    arguments: Vec<String>,
    /// A script's condition.
    condition: &'static str,
    seen: Samples,
    painted: Samples,
    bytes: Vec<u64>,
}

impl Shown {
    /// The empty window.
    pub fn empty() -> Self {
        Self::new("empty window", "seamark-empty-window", None, "document.body.innerText.includes('Ready')")
    }

    /// The app with a data folder.
    pub fn app(name: &'static str, data_dir: &Path, condition: &'static str) -> Self {
        Self::new(name, "seamark-app", Some(data_dir), condition)
    }

    fn new(name: &'static str, program: &'static str, data_dir: Option<&Path>, condition: &'static str) -> Self {
        let arguments = data_dir.map(|folder| vec!["--data-dir".to_owned(), folder.to_string_lossy().into_owned()]);
        let (seen, painted) = (Samples::default(), Samples::default());
        Self { name, program, arguments: arguments.unwrap_or_default(), condition, seen, painted, bytes: Vec::new() }
    }

    async fn measure(&mut self, counts: bool) -> Result<()> {
        let window = Window::open_program(&built(self.program)?, &self.arguments).await?;
        let waiting = Instant::now();
        let script = format!("return document.body && {} && {PAINTS}.length > 0 ? 1 : 0", self.condition);
        while window.run(&script).await? != 1 {
            ensure!(waiting.elapsed() < PATIENCE, "{} does not show {}", self.name, self.condition);
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let shown_ms = SystemClock.now().as_ms();
        let family = Family::of(self.program)?;
        let started_ms = family.started_ms()?;
        let paint = format!("return Math.round(performance.timeOrigin + {PAINTS}[0].startTime)");
        let painted_ms = window.run(&paint).await?.as_i64().context("the page does not know when it painted")?;
        tokio::time::sleep(CALM).await;
        let bytes = Family::of(self.program)?.bytes();
        window.close().await?;
        let since = |ms: i64| Duration::from_millis(u64::try_from(ms - started_ms).unwrap_or(0));
        if counts {
            self.seen.add(since(shown_ms));
            self.painted.add(since(painted_ms));
            self.bytes.push(bytes);
        }
        Ok(())
    }

    fn print(&self) {
        print_latency(&format!("{}: start to its first paint", self.name), &self.painted);
        print_latency(&format!("{}: start to what it is for", self.name), &self.seen);
        let (low, middle, high) = spread_mib(&self.bytes);
        println!("{:<58} {middle:>10.0} MiB   (min {low:.0}, max {high:.0})", format!("{}: memory (PSS)", self.name));
    }

    fn print_start(&self, base: &Self, target: &str) {
        print_ratio_of(&format!("start, {} / {}", self.name, base.name), &self.seen, &base.seen, target);
        let name = format!("first paint, {} / {}", self.name, base.name);
        print_ratio_of(&name, &self.painted, &base.painted, target);
    }

    fn print_memory(&self, base: &Self, target: &str) {
        let ratio = spread_mib(&self.bytes).1 / spread_mib(&base.bytes).1;
        print_ratio(&format!("memory, {} / {}", self.name, base.name), ratio, target);
    }
}

/// Measures all of them in turns, one round ahead for the page cache.
async fn in_turns(all: &mut [&mut Shown]) -> Result<()> {
    for round in 0..=ROUNDS {
        for one in all.iter_mut() {
            one.measure(round > 0).await.with_context(|| format!("measuring {}", one.name))?;
        }
    }
    Ok(())
}

pub async fn run() -> Result<()> {
    println!("\nThe window against an empty Tauri window (both through WebDriver, software rendering)\n");
    let folder = tempfile::tempdir()?;
    let local = folder.path().join("local");
    set_up(&local).await?;
    let mut empty = Shown::empty();
    let welcome = "document.body.innerText.includes('Try Seamark')";
    let mut first = Shown::app("first run", &folder.path().join("first"), welcome);
    let mut own = Shown::app("own gateway and demo", &local, ROW);
    in_turns(&mut [&mut empty, &mut first, &mut own]).await?;
    for one in [&empty, &first, &own] {
        one.print();
    }
    first.print_start(&empty, "at most 1.3");
    own.print_start(&empty, "at most 1.3");
    first.print_memory(&empty, "at most 1.25");
    own.print_memory(&empty, "at most 1.25");
    Ok(())
}

/// The window of a desk that holds many reviews against one of a desk that holds none, and the empty one.
pub async fn run_inboxes(none: &Path, many: &Path) -> Result<()> {
    let mut empty = Shown::empty();
    let mut none = Shown::app("inbox of none", none, "document.body.innerText.includes('Nothing waits for you')");
    let mut many = Shown::app("inbox of 100,000", many, ROW);
    in_turns(&mut [&mut empty, &mut none, &mut many]).await?;
    for one in [&empty, &none, &many] {
        one.print();
    }
    many.print_start(&none, "at most 1.1");
    many.print_start(&empty, "at most 1.3");
    Ok(())
}

/// The inbox has a row.
const ROW: &str = "document.querySelector('[role=option],[role=row],[role=listitem]') !== null";

/// Goes through the first run once, as a newcomer does.
async fn set_up(data_dir: &Path) -> Result<()> {
    let window = Window::open(data_dir).await?;
    window.press("Try Seamark on this computer").await?;
    window.type_into("Your name", "Robin Reviewer").await?;
    window.type_into("Signing PIN", PIN).await?;
    window.type_into("Signing PIN again", PIN).await?;
    window.press("Set up").await?;
    window.first_row().await?;
    window.close().await
}

/// A program's processes: those of its name, and all their children.
struct Family(Vec<u32>);

impl Family {
    fn of(name: &str) -> Result<Self> {
        let mut processes = Vec::new();
        for entry in std::fs::read_dir("/proc")?.flatten() {
            let Some(pid) = entry.file_name().to_str().and_then(|text| text.parse::<u32>().ok()) else { continue };
            let parent = stat_field(pid, 1).unwrap_or(0);
            let command = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let first = command.split(|byte| *byte == 0).next().unwrap_or_default();
            processes.push((pid, parent, first.ends_with(format!("/{name}").as_bytes())));
        }
        let mut family: Vec<u32> = processes.iter().filter(|(.., is_ours)| *is_ours).map(|(pid, ..)| *pid).collect();
        ensure!(family.len() == 1, "{} processes called {name} run instead of one", family.len());
        let mut n_known = 0;
        while n_known != family.len() {
            n_known = family.len();
            let is_child = |(pid, parent, _): &&(u32, u64, bool)| {
                u32::try_from(*parent).is_ok_and(|parent| family.contains(&parent)) && !family.contains(pid)
            };
            let children: Vec<u32> = processes.iter().filter(is_child).map(|(pid, ..)| *pid).collect();
            family.extend(children);
        }
        Ok(Self(family))
    }

    /// When the first of them was started, in milliseconds since 1970; good to 10 ms.
    fn started_ms(&self) -> Result<i64> {
        let pid = self.0.first().context("no process")?;
        let ticks = stat_field(*pid, 19).context("when the process was started")?;
        let uptime = std::fs::read_to_string("/proc/uptime")?;
        let now_ms = SystemClock.now().as_ms();
        let uptime: f64 = uptime.split(' ').next().unwrap_or_default().parse()?;
        // Linux counts 100 ticks a second in this place on every architecture that the app is built for.
        Ok(now_ms - (Duration::from_secs_f64(uptime).as_millis() as i64 - i64::try_from(ticks)? * 10))
    }

    /// Sum of the proportional set sizes.
    fn bytes(&self) -> u64 {
        let pss = |pid: &u32| {
            let rollup = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
            let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"))?;
            line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()
        };
        self.0.iter().filter_map(pss).sum::<u64>() * 1024
    }
}

/// A number of `/proc/PID/stat`, counted from behind the program's name.
fn stat_field(pid: u32, index: usize) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit(')').next()?.split_whitespace().nth(index)?.parse().ok()
}

/// Smallest, middle and largest, in MiB.
fn spread_mib(bytes: &[u64]) -> (f64, f64, f64) {
    let mut sorted = bytes.to_vec();
    sorted.sort_unstable();
    let at = |index: usize| sorted.get(index).map_or(0.0, |bytes| *bytes as f64 / 1024.0 / 1024.0);
    (at(0), at(sorted.len() / 2), at(sorted.len().saturating_sub(1)))
}
