//! Texts as people see them: bounds, and what would be invisible made visible. Source: FORMATS.md §6.
//!
//! Whatever an agent wrote passes [`visible`] or [`visible_text`] before a person sees it, so that no character can hide,
//! reorder or imitate others (attacks A2 to A5). Nothing is ever cut.

use unicode_security::MixedScript as _;

/// Characters of an id.
pub const MAX_ID_CHARS: usize = 100;
/// Characters of a title.
pub const MAX_TITLE_CHARS: usize = 200;
/// Characters of a one-paragraph text such as a reason or a constraint.
pub const MAX_PARAGRAPH_CHARS: usize = 500;
/// Characters of a long text such as an intent or a narrative.
pub const MAX_TEXT_CHARS: usize = 8_000;
/// Characters from which on a value is called very long.
pub const VERY_LONG_CHARS: usize = 2_000;

/// What kind of unusual character something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Oddity {
    /// Control characters, private use, annotations.
    Control,
    /// Characters that change the order in which text is shown.
    Bidirectional,
    /// Characters without a shape of their own: zero-width, tags, variation selectors, blank letters.
    ZeroWidth,
    /// Letters of several scripts within one word.
    MixedScripts,
    /// More than [`VERY_LONG_CHARS`] characters.
    VeryLong,
}

impl Oddity {
    /// The code of a [`crate::view::Warning`].
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Control => "control-characters",
            Self::Bidirectional => "bidirectional",
            Self::ZeroWidth => "zero-width",
            Self::MixedScripts => "mixed-scripts",
            Self::VeryLong => "very-long",
        }
    }

    /// A sentence for the reviewer.
    #[must_use]
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Control => "This text has control characters. They are shown as codes in square brackets.",
            Self::Bidirectional => {
                "This text has characters that reverse the direction of writing. They are shown as codes and have no effect here."
            }
            Self::ZeroWidth => {
                "This text has characters that cannot be seen. They are shown as codes in square brackets."
            }
            Self::MixedScripts => {
                "A word in this text mixes letters of different scripts, which can imitate another word."
            }
            Self::VeryLong => "This text is very long. All of it is shown.",
        }
    }
}

/// The kind of a character that is shown as its code; nothing for an ordinary one.
///
/// Line feed and tab count as [`Oddity::Control`]; [`visible_text`] lets them through.
#[must_use]
pub fn oddity_of(character: char) -> Option<Oddity> {
    match character {
        '\u{0}'..='\u{1f}'
        | '\u{7f}'..='\u{9f}'
        | '\u{2028}'
        | '\u{2029}'
        | '\u{fff9}'..='\u{fffc}'
        | '\u{e000}'..='\u{f8ff}'
        | '\u{f0000}'..='\u{10ffff}' => Some(Oddity::Control),
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
            Some(Oddity::Bidirectional)
        }
        '\u{ad}'
        | '\u{34f}'
        | '\u{115f}'
        | '\u{1160}'
        | '\u{17b4}'
        | '\u{17b5}'
        | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200d}'
        | '\u{2060}'..='\u{2065}'
        | '\u{206a}'..='\u{206f}'
        | '\u{2800}'
        | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}'
        | '\u{ffa0}'
        | '\u{fff0}'..='\u{fff8}'
        | '\u{13430}'..='\u{13455}'
        | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}' => Some(Oddity::ZeroWidth),
        _ => None,
    }
}

/// One line of text: every character of [`oddity_of`] is written as `[U+202E]`.
#[must_use]
pub fn visible(text: &str) -> String {
    show(text, |_| false)
}

/// Running text: as [`visible`], but line feeds and tabs stay.
#[must_use]
pub fn visible_text(text: &str) -> String {
    show(text, |character| matches!(character, '\n' | '\t'))
}

fn show(text: &str, is_kept: impl Fn(char) -> bool) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if oddity_of(character).is_some() && !is_kept(character) {
            shown.push_str(&format!("[U+{:04X}]", u32::from(character)));
        } else {
            shown.push(character);
        }
    }
    shown
}

/// Whether [`visible`] would change the text; such a text has no place in a contract.
#[must_use]
pub fn has_oddity(text: &str) -> bool {
    text.chars().any(|character| oddity_of(character).is_some())
}

/// What a reviewer should know about a text, each once, in a fixed order. Line feeds and tabs are ordinary here.
#[must_use]
pub fn oddities(text: &str) -> Vec<Oddity> {
    let mut found: Vec<Oddity> =
        text.chars().filter(|character| !matches!(character, '\n' | '\t')).filter_map(oddity_of).collect();
    // Words are runs of letters and digits, so that `anti-αβ` is two words of one script each.
    let mixes = |word: &str| !word.is_ascii() && !word.is_single_script();
    if text.split(|character: char| !character.is_alphanumeric()).any(mixes) {
        found.push(Oddity::MixedScripts);
    }
    if text.chars().nth(VERY_LONG_CHARS).is_some() {
        found.push(Oddity::VeryLong);
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// Why a text does not fit its bounds: a sentence without the text itself; nothing when it fits.
#[must_use]
pub fn length_fault(text: &str, min_chars: usize, max_chars: usize) -> Option<String> {
    let n_chars = text.chars().count();
    if n_chars < min_chars {
        Some(format!("must have at least {min_chars} character{}", if min_chars == 1 { "" } else { "s" }))
    } else if n_chars > max_chars {
        Some(format!("has {n_chars} characters; at most {max_chars} are allowed"))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn trojan_source_characters_are_spelled_out() {
        // Source: the samples of github.com/nickboucher/trojan-source.
        let stretched = "access_level != \"user\u{202E} \u{2066}// Check if admin\u{2069} \u{2066}\"";
        assert_eq!(visible(stretched), "access_level != \"user[U+202E] [U+2066]// Check if admin[U+2069] [U+2066]\"");
        assert_eq!(oddities(stretched), [Oddity::Bidirectional]);
        assert_eq!(visible("is\u{200b}Admin"), "is[U+200B]Admin");
    }

    #[test]
    fn tag_characters_and_other_carriers_of_hidden_text_are_spelled_out() {
        assert_eq!(visible("ok\u{e0041}\u{e007f}"), "ok[U+E0041][U+E007F]");
        assert_eq!(visible("a\u{fe0f}\u{e0100}\u{feff}\u{ad}"), "a[U+FE0F][U+E0100][U+FEFF][U+00AD]");
        assert_eq!(oddities("ok\u{e0041}"), [Oddity::ZeroWidth]);
    }

    #[test]
    fn control_characters_are_spelled_out_and_lines_stay_where_text_may_have_them() {
        assert_eq!(visible("a\u{1b}[31m\nb\u{7f}"), "a[U+001B][31m[U+000A]b[U+007F]");
        assert_eq!(visible_text("a\n\tb\r"), "a\n\tb[U+000D]");
        assert_eq!(oddities("a\nb\tc"), []);
        assert_eq!(oddities("a\u{0}"), [Oddity::Control]);
    }

    #[test]
    fn honest_text_of_any_script_is_left_alone() {
        for honest in
            ["Zoë Müller", "Ελένη", "Анна", "山田太郎さん", "김철수", "שלום", "अनिता", "café naïve, 1 280,00 €"]
        {
            assert_eq!(visible(honest), honest);
            assert_eq!(oddities(honest), [], "{honest}");
        }
    }

    #[test]
    fn a_word_of_two_scripts_is_reported() {
        assert_eq!(oddities("p\u{430}ypal"), [Oddity::MixedScripts]);
        assert_eq!(oddities("\u{3b1}-linolenic"), []);
    }

    #[test]
    fn very_long_values_are_reported_and_never_cut() {
        let long = "x".repeat(10_000);
        assert_eq!(visible(&long).len(), 10_000);
        assert_eq!(oddities(&long), [Oddity::VeryLong]);
        assert_eq!(oddities(&"x".repeat(VERY_LONG_CHARS)), []);
    }

    #[test]
    fn lengths_count_characters_not_bytes() {
        assert_eq!(length_fault("ééé", 1, 3), None);
        assert_eq!(length_fault("", 1, 3).unwrap(), "must have at least 1 character");
        assert!(length_fault("éééé", 1, 3).is_some());
    }

    proptest! {
        #[test]
        fn nothing_odd_is_left_and_nothing_ordinary_is_lost(text in any::<String>()) {
            let shown = visible(&text);
            prop_assert!(!has_oddity(&shown));
            let ordinary: String = text.chars().filter(|c| oddity_of(*c).is_none()).collect();
            let mut rest = shown.chars();
            prop_assert!(ordinary.chars().all(|wanted| rest.any(|c| c == wanted)));
        }
    }
}
