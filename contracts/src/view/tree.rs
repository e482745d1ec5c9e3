//! JSON as a masked tree, and as a value with masks in the place of what they hide.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::fields::{Masks, shown};
use super::{RowKind, TreeRow};
use crate::pointer;
use crate::text;

const DIGESTS: &str = "_sd";

/// The names of an object's members, hidden ones too, in the order of canonical JSON (UTF-16 code units).
fn names<'v>(members: &'v Map<String, Value>, at: &str, masks: &Masks<'v>) -> Vec<String> {
    let visible = members.keys().filter(|name| *name != DIGESTS).cloned();
    let below = format!("{at}/");
    let hidden = masks.range(below.as_str()..).map(|(path, _)| *path).take_while(|path| path.starts_with(&below));
    let hidden = hidden.filter_map(|path| pointer::split_last(path).filter(|(parent, _)| *parent == at));
    let all: BTreeSet<String> = visible.chain(hidden.map(|(_, name)| name)).collect();
    let mut all: Vec<String> = all.into_iter().collect();
    all.sort_by(|a, b| a.encode_utf16().cmp(b.encode_utf16()));
    all
}

/// The value with what is shown in the place of each hidden member or element below `at`.
pub(crate) fn with_masks_shown(value: &Value, at: &str, masks: &Masks<'_>) -> Value {
    if let Some(mask) = masks.get(at) {
        return Value::String(shown(mask).to_owned());
    }
    match value {
        Value::Object(members) => {
            let member = |name: String| {
                let here = pointer::member(at, &name);
                let member = members.get(&name).unwrap_or(&Value::Null);
                (name, with_masks_shown(member, &here, masks))
            };
            Value::Object(names(members, at, masks).into_iter().map(member).collect())
        }
        Value::Array(elements) => {
            let element = |(index, element)| with_masks_shown(element, &pointer::element(at, index), masks);
            Value::Array(elements.iter().enumerate().map(element).collect())
        }
        leaf => leaf.clone(),
    }
}

/// How a tree is flattened.
pub(crate) struct Flatten<'a> {
    pub(crate) masks: &'a Masks<'a>,
    /// Paths of texts that arrived as fractional numbers.
    pub(crate) decimals: &'a BTreeSet<&'a str>,
}

impl Flatten<'_> {
    /// The rows of `value` at `at`, itself first.
    pub(crate) fn rows(&self, value: &Value, at: &str) -> Vec<TreeRow> {
        let mut rows = Vec::new();
        self.add(Some(value), at.to_owned(), String::new(), 0, &mut rows);
        rows
    }

    fn add(&self, value: Option<&Value>, path: String, name: String, depth: u32, rows: &mut Vec<TreeRow>) {
        let row = |path: String, kind, text, count, mask| TreeRow { depth, name, path, kind, text, count, mask };
        if let Some(mask) = self.masks.get(path.as_str()) {
            rows.push(row(path, RowKind::Masked, text::visible_text(shown(mask)), 0, Some(mask.kind)));
            return;
        }
        let below = depth.saturating_add(1);
        let count_of = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
        match value {
            Some(Value::Object(members)) => {
                let names = names(members, &path, self.masks);
                rows.push(row(path.clone(), RowKind::Object, String::new(), count_of(names.len()), None));
                for name in names {
                    let at = pointer::member(&path, &name);
                    self.add(members.get(&name), at, text::visible(&name), below, rows);
                }
            }
            Some(Value::Array(elements)) => {
                rows.push(row(path.clone(), RowKind::Array, String::new(), count_of(elements.len()), None));
                for (index, element) in elements.iter().enumerate() {
                    self.add(Some(element), pointer::element(&path, index), index.to_string(), below, rows);
                }
            }
            Some(Value::String(words)) => {
                let is_number = self.decimals.contains(path.as_str());
                let kind = if is_number { RowKind::Number } else { RowKind::String };
                rows.push(row(path, kind, text::visible_text(words), 0, None));
            }
            Some(Value::Number(number)) => rows.push(row(path, RowKind::Number, number.to_string(), 0, None)),
            Some(Value::Bool(answer)) => rows.push(row(path, RowKind::Boolean, answer.to_string(), 0, None)),
            Some(Value::Null) | None => rows.push(row(path, RowKind::Null, "null".to_owned(), 0, None)),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::handoff::{Mask, MaskKind};
    use crate::view::fields::by_path;

    fn mask(path: &str, shown: Option<&str>) -> Mask {
        Mask { path: path.to_owned(), kind: MaskKind::Full, shown: shown.map(str::to_owned) }
    }

    #[test]
    fn hidden_members_and_elements_stand_in_their_places() {
        let value = json!({"b": [1, {"...": "d"}, "x\u{202e}"], "c": {"_sd": ["d1", "d2"], "open": null}, "n": "1.50"});
        let masks =
            [mask("/payload/b/1", Some("•••")), mask("/payload/c/a~1b", Some("••••4242")), mask("/payload/c/z", None)];
        let masks = by_path(&masks);
        let flatten = Flatten { masks: &masks, decimals: &BTreeSet::from(["/payload/n"]) };
        let rows: Vec<String> = flatten
            .rows(&value, "/payload")
            .into_iter()
            .map(|row| {
                format!("{}{}={:?} {} #{}", " ".repeat(row.depth as usize), row.name, row.kind, row.text, row.count)
            })
            .collect();
        assert_eq!(
            rows,
            [
                "=Object  #3",
                " b=Array  #3",
                "  0=Number 1 #0",
                "  1=Masked ••• #0",
                "  2=String x[U+202E] #0",
                " c=Object  #3",
                "  a/b=Masked ••••4242 #0",
                "  open=Null null #0",
                "  z=Masked ••• #0",
                " n=Number 1.50 #0",
            ]
        );
        assert_eq!(
            with_masks_shown(&value, "/payload", &masks),
            json!({"b": [1, "•••", "x\u{202e}"], "c": {"a/b": "••••4242", "open": null, "z": "•••"}, "n": "1.50"})
        );
    }
}
