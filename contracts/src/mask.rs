//! Hidden fields that can be checked: salted disclosures and masks. Source: FORMATS.md §4, RFC 9901 §4.2.
//!
//! A hidden member leaves its object; what stays is the digest of a *disclosure* (salt, name, value) in `_sd`. A hidden
//! array element becomes `{"...": DIGEST}`. Beside it stands a [`Mask`]: what a person sees instead. Whoever holds the
//! disclosures puts the document together again ([`reconstruct`]) and recomputes every mask ([`check_masks`]).

use std::collections::{BTreeMap, BTreeSet};

use base64ct::{Base64UrlUnpadded, Encoding as _};
use serde_json::{Map, Value};
use thiserror::Error;

use crate::canonical::{self, CanonicalError};
use crate::clock::{Chance, make_nonce};
use crate::digest::Digest;
use crate::handoff::{Mask, MaskKind};
use crate::pointer;
use crate::schema::PlannedMask;
use crate::strict_json::{self, Limits};

mod field;
mod kind;
mod scrub;

pub use field::{FieldError, OpenedField, digests_at, find_disclosure, open_field};
pub use kind::{HIDDEN, PanError};
pub use scrub::Secrets;

/// Members of the predicate below which fields may be hidden.
pub const MASKABLE_ROOTS: [&str; 5] = ["/intent", "/narrative", "/payload", "/taskState", "/toolOutputs"];

/// The only value of `_sd_alg`.
pub const SD_ALG: &str = "sha-256";

const DIGESTS: &str = "_sd";
const ALGORITHM: &str = "_sd_alg";
const ELEMENT: &str = "...";

/// Why fields cannot be hidden.
#[derive(Debug, Error)]
pub enum HideError {
    #[error("there is no field at {path} that could be hidden")]
    NoSuchField { path: String },
    #[error("two masks overlap at {path}")]
    Overlap { path: String },
    #[error("mask the value at {path}")]
    Pan {
        path: String,
        #[source]
        source: PanError,
    },
    #[error("write the value at {path} in canonical form")]
    Canonical {
        path: String,
        #[source]
        source: CanonicalError,
    },
}

/// Why disclosures and document do not go together.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum RevealError {
    #[error("disclosure {index} is not base64url of a JSON array of salt, name and value, or of salt and value")]
    Disclosure { index: usize },
    #[error("disclosure {index} has a salt that is not 16 bytes or that another one has too")]
    Salt { index: usize },
    #[error("disclosure {index} comes twice")]
    Duplicate { index: usize },
    #[error("disclosure {index} belongs to no place of the document")]
    Unreferenced { index: usize },
    #[error("a digest at {path} stands at two places")]
    Repeated { path: String },
    #[error("the disclosure for {path} names a member that is already there")]
    Collision { path: String },
    #[error("the disclosure at {path} has not the shape that its place asks for")]
    Shape { path: String },
    #[error("hidden members at {path} are not written as sorted, distinct digests")]
    Digests { path: String },
    #[error("_sd_alg is not sha-256")]
    Algorithm,
}

/// How signed masks and reconstructed document contradict each other.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum MaskError {
    /// A mask whose value was not disclosed.
    #[error("undisclosed: no value was disclosed for {path}")]
    Undisclosed { path: String },
    /// What the reviewer saw is not what the value's mask is; or the field is not hidden at all.
    #[error("mask-lies: what was shown for {path} is not the mask of its value")]
    MaskLies { path: String },
    /// A hidden value that no mask speaks of.
    #[error("undeclared-disclosure: a value was disclosed at {path}, of which no mask speaks")]
    UndeclaredDisclosure { path: String },
    /// Not sorted, twice, or one within another.
    #[error("masks are not sorted and apart from each other at {path}")]
    Order { path: String },
}

impl MaskError {
    /// `undisclosed`, `mask-lies`, `undeclared-disclosure` or `mask-order`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Undisclosed { .. } => "undisclosed",
            Self::MaskLies { .. } => "mask-lies",
            Self::UndeclaredDisclosure { .. } => "undeclared-disclosure",
            Self::Order { .. } => "mask-order",
        }
    }
}

/// Base64url without padding of the SHA-256 of the disclosure's characters; 43 characters. Source: RFC 9901 §4.2.3.
#[must_use]
pub fn disclosure_digest(disclosure: &str) -> String {
    Base64UrlUnpadded::encode_string(Digest::of(disclosure.as_bytes()).as_bytes())
}

/// The first place below `value` whose member name is one of `_sd`, `_sd_alg`, `...`; such names are refused at intake.
#[must_use]
pub fn find_reserved_name(value: &Value, base: &str) -> Option<String> {
    match value {
        Value::Object(members) => members.iter().find_map(|(name, member)| {
            let at = pointer::member(base, name);
            if matches!(name.as_str(), DIGESTS | ALGORITHM | ELEMENT) {
                Some(at)
            } else {
                find_reserved_name(member, &at)
            }
        }),
        Value::Array(elements) => elements
            .iter()
            .enumerate()
            .find_map(|(index, element)| find_reserved_name(element, &pointer::element(base, index))),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

/// Hides the planned places of a predicate and says what is shown instead.
///
/// Masks come sorted by path, disclosures in the same order. A `clear` mask hides too (its disclosure may be given to
/// readers), it only has nothing shown.
///
/// # Errors
/// [`HideError`]; `root` may then be partly hidden and must not be used.
pub fn hide(
    root: &mut Value,
    plan: &[PlannedMask],
    chance: &dyn Chance,
) -> Result<(Vec<Mask>, Vec<String>), HideError> {
    let secrets = Secrets::of(root, plan.iter().map(|mask| (mask.path.as_str(), mask.kind)));
    hide_knowing(root, plan, &secrets, chance)
}

/// As [`hide`], for one who knows already which values the plan hides.
///
/// # Errors
/// As [`hide`].
pub(crate) fn hide_knowing(
    root: &mut Value,
    plan: &[PlannedMask],
    secrets: &Secrets,
    chance: &dyn Chance,
) -> Result<(Vec<Mask>, Vec<String>), HideError> {
    let mut plan: Vec<&PlannedMask> = plan.iter().collect();
    plan.sort_unstable();
    if let Some(overlap) = find_overlap(plan.iter().map(|mask| mask.path.as_str())) {
        return Err(HideError::Overlap { path: overlap });
    }
    let mut masks = Vec::with_capacity(plan.len());
    for PlannedMask { path, kind } in plan.iter().copied() {
        let value = root.pointer(path).filter(|_| is_maskable(path));
        let value = value.ok_or_else(|| HideError::NoSuchField { path: path.clone() })?;
        let shown =
            kind::shown(*kind, value, secrets).map_err(|source| HideError::Pan { path: path.clone(), source })?;
        masks.push(Mask { path: path.clone(), kind: *kind, shown });
    }
    let mut disclosures = Vec::with_capacity(plan.len());
    for PlannedMask { path, .. } in plan {
        disclosures.push(commit(root, path, chance)?);
    }
    Ok((masks, disclosures))
}

/// Takes one field out of the document and leaves its digest.
fn commit(root: &mut Value, path: &str, chance: &dyn Chance) -> Result<String, HideError> {
    let no_such_field = || HideError::NoSuchField { path: path.to_owned() };
    let (parent, step) = pointer::split_last(path).ok_or_else(no_such_field)?;
    let encode = |parts: Vec<Value>| {
        let bytes = canonical::bytes_of(&parts);
        let bytes = bytes.map_err(|source| HideError::Canonical { path: path.to_owned(), source })?;
        Ok(Base64UrlUnpadded::encode_string(&bytes))
    };
    let salt = Value::String(make_nonce(chance));
    match root.pointer_mut(parent) {
        Some(Value::Object(members)) => {
            let value = members.remove(&step).ok_or_else(no_such_field)?;
            let disclosure = encode(vec![salt, Value::String(step), value])?;
            let digest = Value::String(disclosure_digest(&disclosure));
            let digests = members.entry(DIGESTS).or_insert_with(|| Value::Array(Vec::new()));
            let digests = digests.as_array_mut().ok_or_else(no_such_field)?;
            // Sorted, so that the order says nothing about which digest is which field.
            let position = digests.partition_point(|other| other.as_str() < digest.as_str());
            digests.insert(position, digest);
            Ok(disclosure)
        }
        Some(Value::Array(elements)) => {
            let element = step.parse::<usize>().ok().and_then(|index| elements.get_mut(index));
            let element = element.ok_or_else(no_such_field)?;
            let disclosure = encode(vec![salt, element.take()])?;
            let digest = Value::String(disclosure_digest(&disclosure));
            *element = Value::Object(Map::from_iter([(ELEMENT.to_owned(), digest)]));
            Ok(disclosure)
        }
        _ => Err(no_such_field()),
    }
}

/// Whether a path lies below one of [`MASKABLE_ROOTS`].
fn is_maskable(path: &str) -> bool {
    MASKABLE_ROOTS.iter().any(|root| path.len() > root.len() && pointer::is_within(path, root))
}

/// The first path of a sorted list that repeats another or lies within one.
fn find_overlap<'p>(paths: impl Iterator<Item = &'p str>) -> Option<String> {
    let mut seen = std::collections::HashSet::new();
    for path in paths {
        let ancestors = path.match_indices('/').filter_map(|(at, _)| path.get(..at));
        if ancestors.into_iter().any(|ancestor| seen.contains(ancestor)) || !seen.insert(path) {
            return Some(path.to_owned());
        }
    }
    None
}

/// One disclosure, opened.
struct Opened {
    index: usize,
    /// Absent for an array element.
    name: Option<String>,
    value: Value,
}

/// Puts the document together again: every hidden place for which there is a disclosure gets its value, `_sd` goes away.
///
/// A hidden member without disclosure (or a decoy) stays absent; a hidden element without one stays `{"...": DIGEST}`.
///
/// # Errors
/// [`RevealError`] when a disclosure is malformed, comes twice, belongs to no place, names a member that is there already
/// or has the wrong shape.
pub fn reconstruct(predicate: &Value, disclosures: &[String]) -> Result<Value, RevealError> {
    if predicate.get(ALGORITHM).is_some_and(|algorithm| algorithm != SD_ALG) {
        return Err(RevealError::Algorithm);
    }
    if predicate.get(DIGESTS).is_some() {
        return Err(RevealError::Shape { path: String::new() });
    }
    let mut reveal = Reveal { waiting: open(disclosures)?, seen: BTreeSet::new() };
    let mut raw = predicate.clone();
    for root in MASKABLE_ROOTS {
        if let Some(value) = raw.pointer_mut(root) {
            reveal.fill(value, root)?;
        }
    }
    match reveal.waiting.into_values().map(|opened| opened.index).min() {
        Some(index) => Err(RevealError::Unreferenced { index }),
        None => Ok(raw),
    }
}

fn open(disclosures: &[String]) -> Result<BTreeMap<String, Opened>, RevealError> {
    let mut salts = BTreeSet::new();
    let mut opened = BTreeMap::new();
    for (index, disclosure) in disclosures.iter().enumerate() {
        let malformed = RevealError::Disclosure { index };
        let bytes = Base64UrlUnpadded::decode_vec(disclosure).map_err(|_| malformed.clone())?;
        let Ok(Value::Array(parts)) = strict_json::parse(&bytes, &Limits::SIGNED) else { return Err(malformed) };
        let mut parts = parts.into_iter();
        let (salt, name, value) = match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(Value::String(salt)), Some(Value::String(name)), Some(value), None) => (salt, Some(name), value),
            (Some(Value::String(salt)), Some(value), None, None) => (salt, None, value),
            _ => return Err(malformed),
        };
        let is_salt = Base64UrlUnpadded::decode_vec(&salt).is_ok_and(|salt| salt.len() == 16);
        if !is_salt || !salts.insert(salt) {
            return Err(RevealError::Salt { index });
        }
        // Hidden places never lie within hidden places here, and no disclosure may add digests.
        let is_reserved = |name: &String| matches!(name.as_str(), DIGESTS | ALGORITHM | ELEMENT);
        if name.as_ref().is_some_and(is_reserved) || find_reserved_name(&value, "").is_some() {
            return Err(malformed);
        }
        if opened.insert(disclosure_digest(disclosure), Opened { index, name, value }).is_some() {
            return Err(RevealError::Duplicate { index });
        }
    }
    Ok(opened)
}

struct Reveal {
    waiting: BTreeMap<String, Opened>,
    seen: BTreeSet<String>,
}

impl Reveal {
    fn fill(&mut self, value: &mut Value, at: &str) -> Result<(), RevealError> {
        match value {
            Value::Object(members) => {
                for (name, member) in members.iter_mut().filter(|(name, _)| *name != DIGESTS) {
                    self.fill(member, &pointer::member(at, name))?;
                }
                self.fill_members(members, at)
            }
            Value::Array(elements) => {
                for (index, element) in elements.iter_mut().enumerate() {
                    let here = pointer::element(at, index);
                    match hidden_element(element) {
                        Some(digest) => {
                            let digest = digest.to_owned();
                            self.see(&digest, &here)?;
                            match self.waiting.remove(&digest) {
                                Some(Opened { name: None, value, .. }) => *element = value,
                                Some(_) => return Err(RevealError::Shape { path: here }),
                                None => {}
                            }
                        }
                        None => self.fill(element, &here)?,
                    }
                }
                Ok(())
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
        }
    }

    fn fill_members(&mut self, members: &mut Map<String, Value>, at: &str) -> Result<(), RevealError> {
        if members.contains_key(ALGORITHM) || members.contains_key(ELEMENT) {
            return Err(RevealError::Shape { path: at.to_owned() });
        }
        let Some(digests) = members.remove(DIGESTS) else { return Ok(()) };
        let malformed = || RevealError::Digests { path: at.to_owned() };
        let digests: Option<Vec<&str>> = digests.as_array().ok_or_else(malformed)?.iter().map(Value::as_str).collect();
        let digests = digests.filter(|digests| !digests.is_empty() && digests.is_sorted()).ok_or_else(malformed)?;
        for digest in digests {
            if digest.len() != 43 {
                return Err(malformed());
            }
            self.see(digest, at)?;
            match self.waiting.remove(digest) {
                Some(Opened { name: Some(name), value, .. }) => {
                    let path = pointer::member(at, &name);
                    if members.insert(name, value).is_some() {
                        return Err(RevealError::Collision { path });
                    }
                }
                Some(_) => return Err(RevealError::Shape { path: at.to_owned() }),
                None => {}
            }
        }
        Ok(())
    }

    fn see(&mut self, digest: &str, at: &str) -> Result<(), RevealError> {
        let is_new = self.seen.insert(digest.to_owned());
        if is_new { Ok(()) } else { Err(RevealError::Repeated { path: at.to_owned() }) }
    }
}

/// The digest of an element that is hidden: an object with the one member `...`.
fn hidden_element(element: &Value) -> Option<&str> {
    let members = element.as_object().filter(|members| members.len() == 1)?;
    members.get(ELEMENT)?.as_str()
}

/// Recomputes every mask from the reconstructed document.
///
/// `masked` is the predicate as signed, `masks` its masks, `raw` what [`reconstruct`] made of it.
///
/// # Errors
/// [`MaskError`]: a value that was not disclosed, else a mask that does not follow from its value, else a hidden value
/// without a mask; of each the first in the order of paths.
pub fn check_masks(masked: &Value, masks: &[Mask], raw: &Value) -> Result<(), MaskError> {
    if let Some(path) = masks.windows(2).find_map(|pair| match pair {
        [first, second] if first.path >= second.path => Some(second.path.clone()),
        _ => None,
    }) {
        return Err(MaskError::Order { path });
    }
    if let Some(path) = find_overlap(masks.iter().map(|mask| mask.path.as_str())) {
        return Err(MaskError::Order { path });
    }
    let mut hidden = Hidden::default();
    for root in MASKABLE_ROOTS {
        if let (Some(masked), Some(raw)) = (masked.pointer(root), raw.pointer(root)) {
            hidden.compare(masked, raw, root);
        }
    }
    // ORDER: a value that is kept back also changes what scrubbed texts show, so it is named first.
    let is_kept_back = |path: &&String| hidden.withheld.contains(*path) || raw.pointer(path).is_none();
    let kept_back = masks.iter().map(|mask| &mask.path).find(is_kept_back).or(hidden.withheld.first());
    if let Some(path) = kept_back {
        return Err(MaskError::Undisclosed { path: path.clone() });
    }
    let secrets = Secrets::of(raw, masks.iter().map(|mask| (mask.path.as_str(), mask.kind)));
    for mask in masks {
        let is_hidden = hidden.disclosed.remove(&mask.path);
        let shown = raw.pointer(&mask.path).map(|value| kind::shown(mask.kind, value, &secrets));
        if !is_hidden || shown != Some(Ok(mask.shown.clone())) {
            return Err(MaskError::MaskLies { path: mask.path.clone() });
        }
    }
    match hidden.disclosed.into_iter().next() {
        Some(path) => Err(MaskError::UndeclaredDisclosure { path }),
        None => Ok(()),
    }
}

/// Places that the signed document hides.
#[derive(Default)]
struct Hidden {
    disclosed: BTreeSet<String>,
    /// Elements without a disclosure.
    withheld: BTreeSet<String>,
}

impl Hidden {
    fn compare(&mut self, masked: &Value, raw: &Value, at: &str) {
        match (masked, raw) {
            (Value::Object(masked), Value::Object(raw)) => {
                for (name, value) in raw {
                    let path = pointer::member(at, name);
                    match masked.get(name) {
                        Some(visible) => self.compare(visible, value, &path),
                        None => {
                            self.disclosed.insert(path);
                        }
                    }
                }
            }
            (Value::Array(masked), Value::Array(raw)) => {
                for (index, (visible, value)) in masked.iter().zip(raw).enumerate() {
                    let path = pointer::element(at, index);
                    match (hidden_element(visible), hidden_element(value)) {
                        (Some(_), Some(_)) => {
                            self.withheld.insert(path);
                        }
                        (Some(_), None) => {
                            self.disclosed.insert(path);
                        }
                        (None, _) => self.compare(visible, value, &path),
                    }
                }
            }
            _ => {}
        }
    }
}

/// What a mask of this kind shows, for callers that mask a value outside of a predicate.
///
/// # Errors
/// [`PanError`] when the kind is `pan-bin6-last4` and the value is no card number.
pub fn shown(kind: MaskKind, value: &Value, secrets: &Secrets) -> Result<Option<String>, PanError> {
    kind::shown(kind, value, secrets)
}

#[cfg(test)]
mod tests;
