//! Medians, tails and ratios, and how they are printed.

use std::time::Duration;

/// Durations of many equal operations.
#[derive(Debug, Default)]
pub struct Samples(Vec<Duration>);

impl Samples {
    pub fn add(&mut self, one: Duration) {
        self.0.push(one);
    }

    pub fn extend(&mut self, more: Samples) {
        self.0.extend(more.0);
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The duration that `percent` of the samples do not exceed; zero without samples.
    pub fn at(&self, percent: usize) -> Duration {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let last = sorted.len().saturating_sub(1);
        sorted.get((last * percent).div_ceil(100)).copied().unwrap_or_default()
    }
}

/// The median of rates measured in several rounds, with the smallest and the largest.
#[derive(Clone, Debug)]
pub struct Rate(Vec<f64>);

impl Rate {
    pub fn new() -> Self {
        Self(Vec::new())
    }

    /// One round: `n_done` operations in `took`.
    pub fn round(&mut self, n_done: usize, took: Duration) {
        self.0.push(n_done as f64 / took.as_secs_f64().max(1e-9));
    }

    pub fn median(&self) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        sorted.get(sorted.len() / 2).copied().unwrap_or(0.0)
    }

    /// Of each round, how often `other` of the same round fits into it.
    fn over(&self, other: &Self) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(own, other)| own / other).collect())
    }

    fn spread(&self) -> (f64, f64) {
        let low = self.0.iter().copied().fold(f64::INFINITY, f64::min);
        (low, self.0.iter().copied().fold(0.0, f64::max))
    }
}

/// Prints a rate per second with its spread.
pub fn print_rate(name: &str, rate: &Rate) {
    let (low, high) = rate.spread();
    println!("{name:<58} {:>10.0} /s   (min {low:.0}, max {high:.0})", rate.median());
}

/// Prints the ratio of two rates, round by round.
pub fn print_rates(name: &str, rate: &Rate, base: &Rate, target: &str) {
    let ratios = rate.over(base);
    let (low, high) = ratios.spread();
    let median = ratios.median();
    println!("{name:<58} {median:>10.3} ratio   (min {low:.3}, max {high:.3}; target {target})");
}

/// Prints the ratio of two medians, with that of the fastest and of the slowest.
pub fn print_ratio_of(name: &str, own: &Samples, base: &Samples, target: &str) {
    let ratio = |percent| own.at(percent).as_secs_f64() / base.at(percent).as_secs_f64().max(1e-9);
    let (median, fast, slow) = (ratio(50), ratio(0), ratio(100));
    println!("{name:<58} {median:>10.2} ratio   (of the fastest {fast:.2}, of the slowest {slow:.2}; target {target})");
}

/// Prints how often `of` fits into `rate`.
pub fn print_ratio(name: &str, value: f64, target: &str) {
    println!("{name:<58} {value:>10.2} ratio   (target {target})");
}

/// Prints median and tail.
pub fn print_latency(name: &str, samples: &Samples) {
    let ms = |duration: Duration| duration.as_secs_f64() * 1000.0;
    println!(
        "{name:<58} {:>10.2} ms p50   {:.2} ms p99   (min {:.2}, max {:.2}, {} samples)",
        ms(samples.at(50)),
        ms(samples.at(99)),
        ms(samples.at(0)),
        ms(samples.at(100)),
        samples.len()
    );
}
