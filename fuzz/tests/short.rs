//! Every reader of outside bytes over its seeds, its corpus and a few thousand changed inputs. The long runs are the
//! fuzzer's; see docs/FUZZING.md.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test that stands outside of test functions tells which bytes it stopped at"
)]

use std::path::PathBuf;

use seamark_fuzz::{Changes, TARGETS, Target};

fn corpus(target: &Target) -> Vec<Vec<u8>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target.name);
    let Ok(listed) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = listed.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).unwrap()).collect()
}

/// The input that was being read when a target panicked, for the message.
struct Told<'a>(&'a str, &'a [u8]);

impl Drop for Told<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let start = &self.1[..self.1.len().min(2_000)];
            eprintln!("target {}, {} bytes: {:?}", self.0, self.1.len(), String::from_utf8_lossy(start));
        }
    }
}

fn run(target: &Target) {
    let mut inputs = (target.seeds)();
    assert!(!inputs.is_empty(), "{} has no seeds", target.name);
    inputs.extend(corpus(target));
    let mut changes = Changes::new(11);
    for input in &inputs {
        let _told = Told(target.name, input);
        (target.run)(input);
    }
    for n in 0..target.n_short {
        let changed = changes.of(&inputs[n % inputs.len()], &inputs[(n * 7 + 1) % inputs.len()]);
        let _told = Told(target.name, &changed);
        (target.run)(&changed);
    }
}

/// Invariant A6, attack A19: whatever comes in is read or refused, and nothing else happens.
#[test]
fn every_reader_of_outside_bytes_holds_over_seeds_corpus_and_changes() {
    for target in TARGETS {
        run(target);
    }
}

/// With `SEAMARK_FUZZ_SEEDS=FOLDER` the seeds are written there, for the fuzzer to begin with.
#[test]
fn seeds_are_good_inputs_that_a_fuzzer_can_begin_with() {
    let folder = std::env::var_os("SEAMARK_FUZZ_SEEDS").map(PathBuf::from);
    for target in TARGETS {
        let seeds = (target.seeds)();
        assert!(seeds.iter().all(|seed| seed.len() < 1024 * 1024), "{}", target.name);
        let Some(folder) = folder.as_ref().map(|folder| folder.join(target.name)) else { continue };
        std::fs::create_dir_all(&folder).unwrap();
        for (n, seed) in seeds.iter().enumerate() {
            std::fs::write(folder.join(n.to_string()), seed).unwrap();
        }
    }
}

#[test]
fn every_target_has_a_program_for_the_fuzzer() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("engine/fuzz_targets");
    let mut programs: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_str().unwrap().trim_end_matches(".rs").to_owned())
        .collect();
    programs.sort();
    assert_eq!(programs, TARGETS.iter().map(|target| target.name).collect::<Vec<_>>());
}
