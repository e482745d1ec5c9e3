//! Reveals: who may read which masked field, for which purpose, and what the ledger keeps of it. Source: FORMATS.md §6.4.
//!
//! A reveal gives one disclosure of one hidden place to one person. What may be revealed follows from the contract and the
//! signed statement alone, so gateway, desk and auditor judge it by the same function.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

use crate::contract::CompiledContract;
use crate::digest::Digest;
use crate::handoff::{HandoffPredicate, Mask, MaskKind};
use crate::id::UserUrn;
use crate::pointer;
use crate::text;

/// Longest text of a purpose, in characters.
pub const MAX_PURPOSE_CHARS: usize = 200;

/// Shortest text of the purpose `other`, in characters.
pub const MIN_PURPOSE_CHARS: usize = 3;

/// Why somebody reads a masked field, as a closed list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub enum PurposeCode {
    /// To see whether it is the person or account that is meant.
    ConfirmIdentity,
    /// To compare it with a record elsewhere.
    CompareRecord,
    /// To reach the person.
    ContactPerson,
    /// Something looks like fraud or misuse.
    SuspectedMisuse,
    /// Somebody with a right to it asked, or the law does.
    LegalRequest,
    /// Something else; the text says what.
    Other,
}

impl PurposeCode {
    /// Every code, in the order in which they are offered.
    pub const ALL: [Self; 6] = [
        Self::ConfirmIdentity,
        Self::CompareRecord,
        Self::ContactPerson,
        Self::SuspectedMisuse,
        Self::LegalRequest,
        Self::Other,
    ];

    /// A few words for people.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::ConfirmIdentity => "Confirm who it is about",
            Self::CompareRecord => "Compare with a record",
            Self::ContactPerson => "Contact the person",
            Self::SuspectedMisuse => "Suspected fraud or misuse",
            Self::LegalRequest => "Request by law or by the person",
            Self::Other => "Something else",
        }
    }
}

/// Why somebody reads a masked field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Purpose {
    pub code: PurposeCode,
    /// One line in the person's own words, up to 200 characters; at least 3 with `other`, otherwise it may be empty.
    #[schemars(length(max = 200))]
    pub text: String,
}

/// What is wrong with a purpose.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum PurposeError {
    #[error("the text of a purpose has at most {MAX_PURPOSE_CHARS} characters")]
    TooLong,
    #[error("the text of a purpose is one line without control or invisible characters")]
    Unusual,
    #[error("say in a few words what the purpose is, when it is none of the list")]
    Missing,
}

impl Purpose {
    /// Checks the text.
    ///
    /// # Errors
    /// [`PurposeError`]
    pub fn check(&self) -> Result<(), PurposeError> {
        let n_characters = self.text.trim().chars().count();
        if self.text.chars().count() > MAX_PURPOSE_CHARS {
            return Err(PurposeError::TooLong);
        }
        if self.text.chars().any(|character| text::oddity_of(character).is_some()) {
            return Err(PurposeError::Unusual);
        }
        if self.code == PurposeCode::Other && n_characters < MIN_PURPOSE_CHARS {
            return Err(PurposeError::Missing);
        }
        Ok(())
    }
}

/// Body of a ledger entry `disclosure.revealed`. It holds no value. Source: FORMATS.md §9.3.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RevealedBody {
    /// 1.
    pub v: u32,
    /// `disclosure.revealed`.
    #[serde(rename = "type")]
    pub kind: String,
    /// 16 random bytes, base64url without padding.
    pub nonce: String,
    pub person: UserUrn,
    /// Key id of the decision key of the device that asked.
    pub device: String,
    /// Path of the mask, from the predicate.
    pub path: String,
    pub purpose: Purpose,
    /// Digest of the disclosure, as it stands in the statement.
    pub disclosure: String,
    /// Digest of the handoff statement.
    pub statement: Digest,
}

/// Body of a ledger entry `disclosure.copied`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CopiedBody {
    /// 1.
    pub v: u32,
    /// `disclosure.copied`.
    #[serde(rename = "type")]
    pub kind: String,
    /// 16 random bytes, base64url without padding.
    pub nonce: String,
    pub person: UserUrn,
    pub device: String,
    /// Ledger position of the reveal.
    pub reveal: u64,
    /// Digest of the disclosure.
    pub disclosure: String,
}

/// The mask at this path, when the contract lets somebody read what it hides.
///
/// A place is covered by exactly one mask. `scrub` hides parts of a text that stand elsewhere as fields of their own, and
/// `clear` hides nothing, so neither can be revealed. A mask that hides more than the field that the contract names (an
/// object that did not fit its schema) cannot be revealed either.
#[must_use]
pub fn find_revealable<'p>(
    contract: &CompiledContract,
    predicate: &'p HandoffPredicate,
    path: &str,
) -> Option<&'p Mask> {
    let fields = &contract.contract.gate.reveal.as_ref()?.fields;
    let mask = predicate.masks.iter().find(|mask| mask.path == path)?;
    if matches!(mask.kind, MaskKind::Scrub | MaskKind::Clear) {
        return None;
    }
    let field = field_of(contract, &predicate.tool_outputs, path)?;
    fields.iter().any(|named| pointer::is_within(&field, named)).then_some(mask)
}

/// Every mask that somebody may be let read, in the order of the statement.
#[must_use]
pub fn list_revealable<'p>(contract: &CompiledContract, predicate: &'p HandoffPredicate) -> Vec<&'p Mask> {
    predicate.masks.iter().filter(|mask| find_revealable(contract, predicate, &mask.path).is_some()).collect()
}

/// Whether one of these roles may read what the contract names.
#[must_use]
pub fn may_reveal(contract: &CompiledContract, roles: &[String]) -> bool {
    let reveal = contract.contract.gate.reveal.as_ref();
    reveal.is_some_and(|reveal| reveal.roles.iter().any(|role| roles.contains(role)))
}

/// A path of the predicate as contracts write it: `/payload/...`, or `/toolOutputs/KEY/...` with the key that describes the
/// output, then into its structured content.
fn field_of(contract: &CompiledContract, tool_outputs: &Value, path: &str) -> Option<String> {
    if pointer::is_within(path, "/payload") {
        return Some(path.to_owned());
    }
    let rest = path.strip_prefix("/toolOutputs/")?;
    let (index, rest) = rest.split_once('/')?;
    let below = rest.strip_prefix("result/structuredContent/")?;
    let output = tool_outputs.get(index.parse::<usize>().ok()?)?;
    let member = |name: &str| output.get(name).and_then(Value::as_str);
    let key = contract.tool_output_key(member("id")?, member("tool")?)?;
    Some(format!("{}/{below}", pointer::member("/toolOutputs", key)))
}

#[cfg(test)]
mod tests;
