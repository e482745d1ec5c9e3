//! What each kind of mask shows. Source: FORMATS.md §4.

use serde_json::Value;
use thiserror::Error;

use super::Secrets;
use crate::canonical;
use crate::handoff::MaskKind;

/// What is shown for a value that is hidden whole: three bullets, whatever its length.
pub const HIDDEN: &str = "\u{2022}\u{2022}\u{2022}";
const BULLET: char = '\u{2022}';

/// Why a value is not masked as a card number.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("a card number has 13 to 19 digits and nothing else")]
pub struct PanError;

/// What is shown instead of `value`; nothing for `clear`.
pub(super) fn shown(kind: MaskKind, value: &Value, secrets: &Secrets) -> Result<Option<String>, PanError> {
    let text = value.as_str();
    Ok(Some(match kind {
        MaskKind::Clear => return Ok(None),
        MaskKind::Full => HIDDEN.to_owned(),
        MaskKind::PanBin6Last4 => text.and_then(bin6_last4).ok_or(PanError)?,
        MaskKind::Last4 => text.and_then(last4).unwrap_or_else(|| HIDDEN.to_owned()),
        MaskKind::EmailDomain => text.and_then(email_domain).unwrap_or_else(|| HIDDEN.to_owned()),
        MaskKind::DateYear => text.and_then(date_year).unwrap_or_else(|| HIDDEN.to_owned()),
        MaskKind::Scrub => match text {
            Some(text) => secrets.scrub(text),
            None => secrets.scrub(&canonical_text(value)),
        },
    }))
}

/// Canonical JSON, so that the text does not depend on the order in which members were read.
fn canonical_text(value: &Value) -> String {
    let bytes = canonical::to_bytes(value).ok();
    bytes.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_else(|| value.to_string())
}

/// The first `n_first` and last `n_last` of the characters, bullets between.
fn ends(text: &str, n_first: usize, n_last: usize) -> String {
    let n_chars = text.chars().count();
    let is_end = |index: usize| index < n_first || index.saturating_add(n_last) >= n_chars;
    text.chars().enumerate().map(|(index, character)| if is_end(index) { character } else { BULLET }).collect()
}

/// A short value would be shown whole by its last four characters, so it is not.
fn last4(text: &str) -> Option<String> {
    (text.chars().count() >= 8).then(|| ends(text, 0, 4))
}

fn bin6_last4(text: &str) -> Option<String> {
    let is_pan = (13..=19).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    is_pan.then(|| ends(text, 6, 4))
}

fn email_domain(text: &str) -> Option<String> {
    let (local, domain) = text.rsplit_once('@')?;
    let is_domain = |character: char| character.is_ascii_alphanumeric() || matches!(character, '.' | '-');
    if domain.is_empty() || domain.len() > 253 || !domain.chars().all(is_domain) {
        return None;
    }
    let mut characters = local.chars();
    let first = characters.next()?;
    // The only character of a local part is not shown, it would be all of it.
    let first = if characters.next().is_some() { first.to_string() } else { String::new() };
    Some(format!("{first}{HIDDEN}@{domain}"))
}

fn date_year(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let has_form = bytes.len() == 10 || bytes.get(10) == Some(&b'T');
    let is_date = bytes.iter().take(10).enumerate().all(|(index, byte)| match index {
        4 | 7 => *byte == b'-',
        _ => byte.is_ascii_digit(),
    });
    let year = text.get(..4).filter(|_| has_form && is_date && bytes.len() >= 10)?;
    Some(format!("{year}-{BULLET}{BULLET}-{BULLET}{BULLET}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(kind: MaskKind, value: Value, expected: &str) {
        assert_eq!(shown(kind, &value, &Secrets::default()).unwrap().as_deref(), Some(expected), "{kind:?} {value}");
    }

    #[test]
    fn full_hides_type_and_length() {
        for value in [json!(""), json!("x"), json!("long text"), json!(12), json!(null), json!({"a": 1}), json!([])] {
            check(MaskKind::Full, value, "•••");
        }
    }

    #[test]
    fn last4_shows_four_of_eight_or_more() {
        check(MaskKind::Last4, json!("DE89370400440532013000"), "••••••••••••••••••3000");
        check(MaskKind::Last4, json!("12345678"), "••••5678");
        check(MaskKind::Last4, json!("1234567"), "•••");
        check(MaskKind::Last4, json!("éééééééé"), "••••éééé");
        check(MaskKind::Last4, json!(12_345_678), "•••");
    }

    #[test]
    fn card_numbers_show_six_and_four_or_are_refused() {
        check(MaskKind::PanBin6Last4, json!("4111111111114242"), "411111••••••4242");
        check(MaskKind::PanBin6Last4, json!("4111111111111"), "411111•••1111");
        check(MaskKind::PanBin6Last4, json!("4111111111111111111"), "411111•••••••••1111");
        for bad in [
            json!("411111111111"),
            json!("4".repeat(20)),
            json!("4111 1111 1111 1111"),
            json!(4_111_111_111_111_111_u64),
            json!(null),
        ] {
            assert_eq!(shown(MaskKind::PanBin6Last4, &bad, &Secrets::default()), Err(PanError), "{bad}");
        }
    }

    #[test]
    fn addresses_show_first_character_and_domain() {
        check(MaskKind::EmailDomain, json!("mia@example.com"), "m•••@example.com");
        check(MaskKind::EmailDomain, json!("m@example.com"), "•••@example.com");
        check(MaskKind::EmailDomain, json!("\"a@b\"@example.com"), "\"•••@example.com");
        for odd in [json!("no address"), json!("@example.com"), json!("a@"), json!("a@the whole secret"), json!(5)] {
            check(MaskKind::EmailDomain, odd, "•••");
        }
    }

    #[test]
    fn dates_show_the_year() {
        check(MaskKind::DateYear, json!("1990-04-05"), "1990-••-••");
        check(MaskKind::DateYear, json!("1990-04-05T10:00:00Z"), "1990-••-••");
        for odd in [json!("1990"), json!("05.04.1990"), json!("1990-04-05x"), json!("1990-04-0"), json!("199é-04-05")]
        {
            check(MaskKind::DateYear, odd, "•••");
        }
    }

    #[test]
    fn scrub_of_anything_but_text_shows_canonical_json() {
        check(MaskKind::Scrub, json!({"b": [1, "x"], "a": null}), r#"{"a":null,"b":[1,"x"]}"#);
    }

    #[test]
    fn clear_shows_nothing_instead() {
        assert_eq!(shown(MaskKind::Clear, &json!("x"), &Secrets::default()), Ok(None));
    }
}
