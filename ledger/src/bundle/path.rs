//! The paths that a bundle may have, and how large the file at each may be.

use std::fmt;

use crate::entry::MAX_ENTRY_BYTES;
use crate::timestamp::{MAX_CHAIN_BYTES, MAX_TOKEN_BYTES};
use crate::tree::MAX_SIZE;

/// Largest number of a decision, view or execution.
const MAX_NUMBER: u32 = 9_999;

/// What a file of a bundle is. Each has exactly one path, so a path that is not one of these is no part of a bundle: no
/// `..`, no absolute path, no backslash, no second spelling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FileKind {
    /// `README.txt`
    Readme,
    /// `contract/contract.json`
    Contract,
    /// `contract/policy.json`
    Policy,
    /// `contract/template.json`
    Template,
    /// `decisions/0001.dsse.json`, from 1
    Decision(u32),
    /// `executions/0001.dsse.json`, from 1
    Execution(u32),
    /// `handoff/handoff.dsse.json`
    Handoff,
    /// `log/bodies/00000003.json`, the index with at least eight digits
    Body(u64),
    /// `log/checkpoint`
    Checkpoint,
    /// `log/consistency.json`
    Consistency,
    /// `log/entries/00000003.json`, the index with at least eight digits
    Entry(u64),
    /// `log/proofs/00000003.tlog-proof`
    Proof(u64),
    /// `log/timestamps/checkpoint.tsr`
    TimeStamp,
    /// `log/timestamps/tsa-chain.pem`
    TsaChain,
    /// `manifest.json`
    Manifest,
    /// `outcome/outcome.dsse.json`
    Outcome,
    /// `trust/directory-7.dsse.json`, the version
    Directory(u64),
    /// `views/0001.json`, the number of its decision
    View(u32),
}

impl FileKind {
    /// Reads a path in its one spelling; nothing for any other text.
    #[must_use]
    pub fn parse(path: &str) -> Option<Self> {
        let kind = match path {
            "README.txt" => Self::Readme,
            "contract/contract.json" => Self::Contract,
            "contract/policy.json" => Self::Policy,
            "contract/template.json" => Self::Template,
            "handoff/handoff.dsse.json" => Self::Handoff,
            "log/checkpoint" => Self::Checkpoint,
            "log/consistency.json" => Self::Consistency,
            "log/timestamps/checkpoint.tsr" => Self::TimeStamp,
            "log/timestamps/tsa-chain.pem" => Self::TsaChain,
            "manifest.json" => Self::Manifest,
            "outcome/outcome.dsse.json" => Self::Outcome,
            _ => return Self::parse_numbered(path),
        };
        Some(kind)
    }

    fn parse_numbered(path: &str) -> Option<Self> {
        let digits = |begin: &str, end: &str| {
            let digits = path.strip_prefix(begin)?.strip_suffix(end)?;
            let is_number = (1..=16).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
            if is_number { digits.parse::<u64>().ok() } else { None }
        };
        let number =
            |begin, end| u32::try_from(digits(begin, end)?).ok().filter(|number| (1..=MAX_NUMBER).contains(number));
        let index = |begin, end| digits(begin, end).filter(|index| *index < MAX_SIZE);
        let version = || digits("trust/directory-", ".dsse.json").filter(|version| (1..=MAX_SIZE).contains(version));
        let kind = number("decisions/", ".dsse.json")
            .map(Self::Decision)
            .or_else(|| number("executions/", ".dsse.json").map(Self::Execution))
            .or_else(|| number("views/", ".json").map(Self::View))
            .or_else(|| index("log/entries/", ".json").map(Self::Entry))
            .or_else(|| index("log/bodies/", ".json").map(Self::Body))
            .or_else(|| index("log/proofs/", ".tlog-proof").map(Self::Proof))
            .or_else(|| version().map(Self::Directory))?;
        // One spelling: the right number of leading zeroes.
        (kind.to_string() == path).then_some(kind)
    }

    /// Largest file of this kind, in bytes.
    #[must_use]
    pub const fn max_bytes(self) -> usize {
        match self {
            Self::Readme => 64 * 1024,
            Self::Manifest => 1024 * 1024,
            Self::Contract | Self::Policy | Self::Template | Self::View(_) => 1024 * 1024,
            Self::Handoff | Self::Decision(_) | Self::Execution(_) | Self::Outcome => 384 * 1024,
            Self::Directory(_) => 3 * 1024 * 1024,
            Self::Checkpoint => 64 * 1024,
            Self::TimeStamp => MAX_TOKEN_BYTES,
            Self::TsaChain => MAX_CHAIN_BYTES,
            // A checkpoint and at most 53 lines of 45 bytes.
            Self::Proof(_) => 72 * 1024,
            Self::Consistency => 4 * 1024 * 1024,
            Self::Entry(_) | Self::Body(_) => MAX_ENTRY_BYTES,
        }
    }
}

/// The path.
impl fmt::Display for FileKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Readme => f.write_str("README.txt"),
            Self::Contract => f.write_str("contract/contract.json"),
            Self::Policy => f.write_str("contract/policy.json"),
            Self::Template => f.write_str("contract/template.json"),
            Self::Decision(number) => write!(f, "decisions/{number:04}.dsse.json"),
            Self::Execution(number) => write!(f, "executions/{number:04}.dsse.json"),
            Self::Handoff => f.write_str("handoff/handoff.dsse.json"),
            Self::Body(index) => write!(f, "log/bodies/{index:08}.json"),
            Self::Checkpoint => f.write_str("log/checkpoint"),
            Self::Consistency => f.write_str("log/consistency.json"),
            Self::Entry(index) => write!(f, "log/entries/{index:08}.json"),
            Self::Proof(index) => write!(f, "log/proofs/{index:08}.tlog-proof"),
            Self::TimeStamp => f.write_str("log/timestamps/checkpoint.tsr"),
            Self::TsaChain => f.write_str("log/timestamps/tsa-chain.pem"),
            Self::Manifest => f.write_str("manifest.json"),
            Self::Outcome => f.write_str("outcome/outcome.dsse.json"),
            Self::Directory(version) => write!(f, "trust/directory-{version}.dsse.json"),
            Self::View(number) => write!(f, "views/{number:04}.json"),
        }
    }
}
