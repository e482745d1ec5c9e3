//! Values that people take for one another although they are written with other characters (attack A5).
//!
//! A value looks like another when their skeletons by UTS 39 are the same. So a name wholly in another script is found,
//! which no check of mixed scripts can find. Source: FORMATS.md §5.1.

use std::collections::BTreeSet;

use unicode_security::skeleton;

/// What a value looks like. Two values with an equal part look the same.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Looks {
    /// Skeleton as written, so that `paypaI` is `paypal`.
    pub written: String,
    /// Skeleton in lowercase, so that capitals of another script are found too.
    pub lowercase: String,
}

impl Looks {
    /// What `value` looks like: white space at the ends goes, within it is one space each.
    #[must_use]
    pub fn of(value: &str) -> Self {
        let spaced = spaced(value);
        Self { written: bones(&spaced), lowercase: bones(&spaced.to_lowercase()) }
    }

    /// Whether people could take one for the other.
    #[must_use]
    pub fn are_alike(&self, other: &Self) -> bool {
        !self.lowercase.is_empty() && (self.written == other.written || self.lowercase == other.lowercase)
    }
}

/// The skeleton of the skeleton in lowercase: a prototype may be a capital, whose small letter has another one (`M`, `m`, `rn`).
fn bones(text: &str) -> String {
    skeleton(&skeleton(text).collect::<String>().to_lowercase()).collect()
}

fn spaced(value: &str) -> String {
    value.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether two values are the same to a person: equal but for case and white space.
#[must_use]
pub fn is_same(value: &str, other: &str) -> bool {
    value == other || spaced(value).to_lowercase() == spaced(other).to_lowercase()
}

/// Whether `value` looks like `other` and is another.
#[must_use]
pub fn imitates(value: &str, other: &str) -> bool {
    !is_same(value, other) && Looks::of(value).are_alike(&Looks::of(other))
}

/// The characters of a text that are not ASCII, each once in their order, as `р [U+0440]`; at most `most`.
#[must_use]
pub fn unusual_characters(text: &str, most: usize) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let unusual = text.chars().filter(|character| !character.is_ascii() && seen.insert(*character));
    let shown = |character: char| {
        let code = format!("[U+{:04X}]", u32::from(character));
        let visible = crate::text::visible(character.encode_utf8(&mut [0; 4]));
        if visible == code { code } else { format!("{visible} {code}") }
    };
    unusual.take(most).map(shown).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn attack_a5_a_name_wholly_in_another_script_imitates() {
        for (fake, real) in [
            // Cyrillic throughout, so that no word mixes scripts.
            ("\u{440}\u{430}\u{443}\u{440}\u{430}\u{4cf}", "paypal"),
            ("\u{455}\u{441}\u{43e}\u{440}\u{435}", "scope"),
            ("\u{410}\u{421}\u{41c}\u{415}", "ACME"),
            ("\u{410}\u{421}\u{41c}\u{415}", "acme"),
            // Within Latin.
            ("paypaI", "paypal"),
            ("rnicrosoft", "microsoft"),
            ("g\u{1e37}obal", "g\u{1e37}oba1"),
            ("Acrne  GmbH", "ACME GmbH"),
            // Fullwidth and mathematical letters.
            ("\u{ff21}\u{ff23}\u{ff2d}\u{ff25}", "ACME"),
            ("\u{1d5ba}cme", "acme"),
        ] {
            assert!(imitates(fake, real), "{fake} {real}");
            assert!(imitates(real, fake), "{fake} {real}");
        }
    }

    #[test]
    fn invisible_characters_do_not_make_a_name_another_one() {
        assert!(imitates("ac\u{200b}me", "acme"));
        assert!(imitates("acme\u{fe0f}", "acme"));
    }

    #[test]
    fn the_same_name_in_other_case_or_spacing_is_no_imitation() {
        assert!(!imitates("ACME Ltd", "Acme  ltd "));
        assert!(!imitates("Анна", "анна"));
        assert!(!imitates("", "\u{200b}"));
    }

    #[test]
    fn honest_names_of_any_script_imitate_none_of_each_other() {
        let honest =
            ["Zoë Müller", "Ελένη", "Анна", "山田太郎", "김철수", "שלום", "अनिता", "ACME GmbH", "Acne GmbH", "12-0977"];
        for (index, name) in honest.iter().enumerate() {
            for other in &honest[index + 1..] {
                assert!(!imitates(name, other), "{name} {other}");
            }
        }
    }

    #[test]
    fn unusual_characters_are_named_once_each() {
        assert_eq!(unusual_characters("p\u{430}yp\u{430}l\u{200b}", 8), ["\u{430} [U+0430]", "[U+200B]"]);
        assert_eq!(unusual_characters("plain", 8), Vec::<String>::new());
        assert_eq!(unusual_characters("αβγ", 2).len(), 2);
    }

    proptest! {
        #[test]
        fn looking_alike_goes_both_ways_and_never_to_oneself(a in any::<String>(), b in any::<String>()) {
            prop_assert!(!imitates(&a, &a));
            prop_assert_eq!(imitates(&a, &b), imitates(&b, &a));
        }
    }
}
