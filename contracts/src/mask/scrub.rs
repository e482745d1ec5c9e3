//! Free text without the values that are hidden elsewhere. Source: FORMATS.md §4.

use std::collections::BTreeMap;

use serde_json::Value;

use super::kind::HIDDEN;
use crate::handoff::MaskKind;
use crate::pointer;

/// Shortest value that is looked for, in characters.
const MIN_CHARS: usize = 3;
/// From this length on a value is also hidden within a longer word.
const FREE_CHARS: usize = 6;
/// From so many digits on a number is also found when it is written with separators.
const MIN_DIGITS: usize = 8;

/// The values that a document hides, ready to be found in texts.
#[derive(Clone, Default)]
pub struct Secrets {
    /// By their first character, folded; longest first.
    by_first: BTreeMap<char, Vec<Secret>>,
    /// A bit for each ASCII character that is one of these: most places of a text are passed over by it.
    ascii_firsts: u128,
}

/// Never prints the values.
impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Secrets").field("n_secrets", &self.by_first.values().map(Vec::len).sum::<usize>()).finish()
    }
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Secret {
    folded: Vec<char>,
    /// Digits that may stand apart.
    is_number: bool,
}

impl Secrets {
    /// The values of `root` that lie under a mask of another kind than `clear` and `scrub`.
    ///
    /// A value is a string or the digits of a number, of at least three characters. One that stands readable as a whole
    /// value elsewhere below `/payload` or `/toolOutputs` hides nothing and is left out.
    #[must_use]
    pub fn of<'m>(root: &Value, masks: impl Iterator<Item = (&'m str, MaskKind)>) -> Self {
        Self::with_wanted(root, masks, &|_, _| false).0
    }

    /// As [`Secrets::of`], and of those values only for which `is_wanted` says so, given the path of their mask and the
    /// value: all first, then the wanted ones.
    pub(crate) fn with_wanted<'m>(
        root: &Value,
        masks: impl Iterator<Item = (&'m str, MaskKind)>,
        is_wanted: &dyn Fn(&str, &str) -> bool,
    ) -> (Self, Self) {
        let masks: BTreeMap<&str, MaskKind> = masks.collect();
        // By value, whether it is wanted.
        let mut found: BTreeMap<Vec<char>, bool> = BTreeMap::new();
        for (path, kind) in &masks {
            if !matches!(kind, MaskKind::Clear | MaskKind::Scrub)
                && let Some(value) = root.pointer(path)
            {
                leaves(value, &mut |text| {
                    let wanted = is_wanted(path, text);
                    *found.entry(fold(text.trim())).or_default() |= wanted;
                });
            }
        }
        found.retain(|folded, _| folded.len() >= MIN_CHARS);
        for part in ["/payload", "/toolOutputs"] {
            if let Some(value) = root.pointer(part).filter(|_| !found.is_empty()) {
                let mut folded = Vec::new();
                readable_leaves(value, &mut part.to_owned(), &masks, &mut |text| {
                    folded.clear();
                    folded.extend(text.trim().chars().map(fold_char));
                    found.remove(&folded);
                });
            }
        }
        let (mut all, mut wanted) = (Self::default(), Self::default());
        for (folded, is_wanted) in found {
            if is_wanted {
                wanted.add(folded.clone());
            }
            all.add(folded);
        }
        all.put_in_order();
        wanted.put_in_order();
        (all, wanted)
    }

    fn put_in_order(&mut self) {
        for candidates in self.by_first.values_mut() {
            candidates.sort_unstable_by(|a, b| b.folded.len().cmp(&a.folded.len()).then_with(|| a.cmp(b)));
            candidates.dedup();
        }
    }

    fn add(&mut self, folded: Vec<char>) {
        let digits: Vec<char> = folded.iter().copied().filter(char::is_ascii_digit).collect();
        let is_number = digits.len() >= MIN_DIGITS
            && folded.iter().all(|c| c.is_ascii_digit() || is_separator(*c) || matches!(c, '(' | ')' | '+'));
        let number = is_number.then_some(Secret { folded: digits, is_number: true });
        for secret in number.into_iter().chain([Secret { folded, is_number: false }]) {
            if let Some(first) = secret.folded.first() {
                self.ascii_firsts |= ascii_bit(*first);
                self.by_first.entry(*first).or_default().push(secret);
            }
        }
    }

    /// Whether there is nothing to look for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_first.is_empty()
    }

    /// Whether a value of at least `min_chars` characters occurs in the text.
    #[must_use]
    pub fn occur_in(&self, text: &str, min_chars: usize) -> bool {
        if self.is_empty() {
            return false;
        }
        let characters: Vec<char> = text.chars().map(fold_char).collect();
        (0..characters.len()).any(|at| self.find_at(&characters, at, min_chars).is_some())
    }

    /// The text with every occurrence replaced by three bullets: from the left, the longest value first.
    #[must_use]
    pub fn scrub(&self, text: &str) -> String {
        if self.is_empty() {
            return text.to_owned();
        }
        let folded: Vec<char> = text.chars().map(fold_char).collect();
        let mut scrubbed = String::with_capacity(text.len());
        // What was not written yet begins at byte `rest`.
        let (mut at, mut rest) = (0, 0);
        let mut characters = text.char_indices();
        while let Some((byte, _)) = characters.next() {
            let Some(end) = self.find_at(&folded, at, MIN_CHARS) else {
                at = at.saturating_add(1);
                continue;
            };
            scrubbed.push_str(text.get(rest..byte).unwrap_or_default());
            scrubbed.push_str(HIDDEN);
            for _ in at.saturating_add(1)..end {
                characters.next();
            }
            at = end;
            rest = characters.offset();
        }
        scrubbed.push_str(text.get(rest..).unwrap_or_default());
        scrubbed
    }

    /// Where the longest value that begins at `at` ends.
    fn find_at(&self, text: &[char], at: usize, min_chars: usize) -> Option<usize> {
        let first = text.get(at)?;
        if first.is_ascii() && self.ascii_firsts & ascii_bit(*first) == 0 {
            return None;
        }
        let candidates = self.by_first.get(first)?;
        candidates.iter().filter(|secret| secret.folded.len() >= min_chars).find_map(|secret| secret.end_at(text, at))
    }
}

impl Secret {
    fn end_at(&self, text: &[char], at: usize) -> Option<usize> {
        let mut here = at;
        for (index, wanted) in self.folded.iter().enumerate() {
            if self.is_number && index > 0 && text.get(here).copied().is_some_and(is_separator) {
                here = here.saturating_add(1);
            }
            if text.get(here) != Some(wanted) {
                return None;
            }
            here = here.saturating_add(1);
        }
        let (first, last) = (self.folded.first().copied(), self.folded.last().copied());
        let before = |n: usize| at.checked_sub(n).and_then(|index| text.get(index)).copied();
        let after = |n: usize| here.checked_add(n).and_then(|index| text.get(index)).copied();
        let is_joined = joins(first, before(1), before(2)) || joins(last, after(0), after(1));
        let is_short_number = self.folded.len() < MIN_DIGITS && self.folded.iter().all(char::is_ascii_digit);
        let is_free = !is_joined || (self.folded.len() >= FREE_CHARS && !is_short_number);
        is_free.then_some(here)
    }
}

/// Whether the edge of a value goes on in its neighbours: a letter or digit beside a letter or digit, or a digit that a
/// decimal point or thousands comma joins with another digit.
fn joins(edge: Option<char>, beside: Option<char>, beyond: Option<char>) -> bool {
    let is_word = |character: Option<char>| character.is_some_and(char::is_alphanumeric);
    let is_digit = |character: Option<char>| character.is_some_and(|character| character.is_ascii_digit());
    let is_point = matches!(beside, Some('.' | ','));
    (is_word(edge) && is_word(beside)) || (is_digit(edge) && is_point && is_digit(beyond))
}

fn is_separator(character: char) -> bool {
    matches!(character, ' ' | '-' | '.' | '/')
}

fn fold(text: &str) -> Vec<char> {
    text.chars().map(fold_char).collect()
}

/// The bit of an ASCII character; none of any other.
fn ascii_bit(character: char) -> u128 {
    if character.is_ascii() { 1 << u32::from(character) } else { 0 }
}

/// The lowercase letter where it is a single character, else the character itself.
fn fold_char(character: char) -> char {
    if character.is_ascii() {
        return character.to_ascii_lowercase();
    }
    let mut lower = character.to_lowercase();
    match (lower.next(), lower.next()) {
        (Some(only), None) => only,
        _ => character,
    }
}

fn leaves(value: &Value, found: &mut impl FnMut(&str)) {
    match value {
        Value::String(text) => found(text),
        Value::Number(number) => found(&number.to_string()),
        Value::Array(elements) => elements.iter().for_each(|element| leaves(element, found)),
        Value::Object(members) => members.values().for_each(|member| leaves(member, found)),
        Value::Null | Value::Bool(_) => {}
    }
}

fn readable_leaves(value: &Value, path: &mut String, masks: &BTreeMap<&str, MaskKind>, found: &mut impl FnMut(&str)) {
    if masks.contains_key(path.as_str()) {
        return;
    }
    let length = path.len();
    match value {
        Value::Array(elements) => {
            for (index, element) in elements.iter().enumerate() {
                path.push('/');
                path.push_str(&index.to_string());
                readable_leaves(element, path, masks, found);
                path.truncate(length);
            }
        }
        Value::Object(members) => {
            for (name, member) in members {
                pointer::push_member(path, name);
                readable_leaves(member, path, masks, found);
                path.truncate(length);
            }
        }
        leaf => leaves(leaf, found),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn scrub(hidden: Value, text: &str) -> String {
        let root = json!({"payload": {"secret": hidden, "open": "Berlin"}});
        Secrets::of(&root, [("/payload/secret", MaskKind::Full)].into_iter()).scrub(text)
    }

    #[test]
    fn values_are_found_in_any_case_longest_first() {
        assert_eq!(scrub(json!(["Anna", "Anna Berg"]), "ANNA BERG and anna."), "••• and •••.");
        assert_eq!(scrub(json!("Zoë"), "ZOË, zoë"), "•••, •••");
    }

    #[test]
    fn short_values_are_found_only_as_words_and_long_ones_anywhere() {
        assert_eq!(scrub(json!("Ann"), "Ann, Annex, Ann's, xAnn"), "•••, Annex, •••'s, xAnn");
        assert_eq!(scrub(json!("Canary"), "xcanaryx"), "x•••x");
        assert_eq!(scrub(json!("ab"), "ab"), "ab");
    }

    #[test]
    fn numbers_are_found_however_they_are_grouped() {
        assert_eq!(
            scrub(json!("4111111111114242"), "card 4111 1111 1111 4242 or 4111-1111-1111-4242!"),
            "card ••• or •••!"
        );
        assert_eq!(scrub(json!("+1 (555) 010-9999"), "call 1 555 010 9999 or +1 (555) 010-9999"), "call ••• or •••");
        assert_eq!(scrub(json!(78750), "zip 78750, 787501"), "zip •••, 787501");
        assert_eq!(scrub(json!(12800), "EUR 12800.00, 1,12800, 12800."), "EUR 12800.00, 1,12800, •••.");
        assert_eq!(scrub(json!(128000), "1128000"), "1128000");
        assert_eq!(scrub(json!("1990-04-05"), "born 1990/04/05"), "born •••");
    }

    #[test]
    fn a_value_that_is_readable_elsewhere_is_no_secret() {
        assert_eq!(scrub(json!(["berlin", "Paris"]), "Berlin to Paris"), "Berlin to •••");
    }

    #[test]
    fn masks_that_show_the_text_make_no_secret() {
        let root = json!({"payload": {"a": "alpha", "b": "bravo", "c": "charlie"}});
        let masks = [("/payload/a", MaskKind::Clear), ("/payload/b", MaskKind::Scrub), ("/payload/c", MaskKind::Last4)];
        assert_eq!(Secrets::of(&root, masks.into_iter()).scrub("alpha bravo charlie"), "alpha bravo •••");
    }

    #[test]
    fn printing_secrets_prints_no_value() {
        let root = json!({"payload": {"a": "alpha"}});
        let secrets = Secrets::of(&root, [("/payload/a", MaskKind::Full)].into_iter());
        assert_eq!(format!("{secrets:?}"), "Secrets { n_secrets: 1 }");
        assert!(secrets.occur_in("the ALPHA", 5));
        assert!(!secrets.occur_in("the ALPHA", 6));
    }
}
