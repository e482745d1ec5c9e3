//! One function for each reader of outside bytes: it takes any bytes, and it is a finding when it panics, never ends, or
//! breaks the property that it asserts.
//!
//! Two callers share them: the fuzzer of `fuzz/engine` (its own workspace, see docs/FUZZING.md), which runs them millions
//! of times, and `fuzz/tests/short.rs`, which runs them over seeds, corpus and a few thousand changes in the test command.
//!
//! Does not know: which fuzzer runs it, files, the network, clock or chance.

mod changes;
mod documents;
mod proofs;
mod seeds;
mod texts;

pub use changes::Changes;

/// A reader under test.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// As the folder of its corpus and its program are called.
    pub name: &'static str,
    /// Reads any bytes; panics when its promise does not hold.
    pub run: fn(&[u8]),
    /// Good inputs out of real vectors, to begin with.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// How often the test command runs it on changed inputs.
    pub n_short: usize,
}

macro_rules! targets {
    ($(($name:ident, $run:path, $seeds:path, $n:literal)),+ $(,)?) => {
        /// Every reader.
        pub const TARGETS: &[Target] = &[$(Target { name: stringify!($name), run: $run, seeds: $seeds, n_short: $n }),+];
    };
}

targets![
    (archive, proofs::archive, seeds::archives, 300),
    (bundle_file, proofs::bundle_file, seeds::bundle_files, 200),
    (checkpoint, proofs::checkpoint, seeds::checkpoints, 3_000),
    (condition, texts::condition, seeds::conditions, 1_500),
    (consistency, proofs::consistency, seeds::consistency, 2_000),
    (contract_document, documents::contract_document, seeds::contracts, 40),
    (delivery, documents::delivery, seeds::deliveries, 200),
    (disclosures, documents::disclosures, seeds::disclosures, 1_500),
    (entry, proofs::entry, seeds::entries, 3_000),
    (envelope, proofs::envelope, seeds::envelopes, 1_000),
    (event_stream, documents::event_stream, seeds::event_streams, 1_000),
    (masks, texts::masks, seeds::masks, 2_000),
    (schema, documents::schema, seeds::schemas, 300),
    (statement, proofs::statement, seeds::statements, 200),
    (strict_json, documents::strict_json, seeds::documents, 2_000),
    (submission, documents::submission, seeds::submissions, 500),
    (template, texts::template, seeds::templates, 3_000),
    (trust, documents::trust, seeds::trust, 2_000),
    (view, documents::view, seeds::views, 300),
    (visible, texts::visible, seeds::texts, 3_000),
    (vkey, proofs::vkey, seeds::vkeys, 3_000),
    (words, texts::words, seeds::words, 5_000),
];

/// Runs the target of this name; nothing when there is none.
pub fn run(name: &str, bytes: &[u8]) {
    if let Some(target) = TARGETS.iter().find(|target| target.name == name) {
        (target.run)(bytes);
    }
}
