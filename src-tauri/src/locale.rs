//! The reader's language region, for how the page writes dates and numbers.

/// BCP 47 and always valid: the page hands it to `Intl`, which throws at anything else.
///
/// Read from the variables that POSIX names for it, the first that is set.
#[must_use]
pub fn locale() -> String {
    ["LC_ALL", "LC_TIME", "LANG"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
        .and_then(|posix| from_posix(&posix))
        .unwrap_or_else(|| "en-GB".to_owned())
}

/// `de_AT.UTF-8@euro` becomes `de-AT`; `C`, `POSIX` and whatever else is not a language become `None`.
fn from_posix(posix: &str) -> Option<String> {
    let name = posix.split(['.', '@']).next().unwrap_or_default();
    let (language, region) = match name.split_once('_') {
        Some((language, region)) => (language, Some(region)),
        None => (name, None),
    };
    let is_language = (2..=3).contains(&language.len()) && language.bytes().all(|b| b.is_ascii_lowercase());
    let is_region = |region: &str| region.len() == 2 && region.bytes().all(|b| b.is_ascii_uppercase());
    match region {
        _ if !is_language => None,
        Some(region) if is_region(region) => Some(format!("{language}-{region}")),
        Some(_) => None,
        None => Some(language.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn posix_names_become_valid_tags_or_nothing() {
        for (posix, tag) in [
            ("de_AT.UTF-8@euro", Some("de-AT")),
            ("en_GB.UTF-8", Some("en-GB")),
            ("eo", Some("eo")),
            ("C", None),
            ("C.UTF-8", None),
            ("POSIX", None),
            ("en_", None),
            ("en_GB_x-\u{202e}", None),
            ("", None),
        ] {
            assert_eq!(from_posix(posix).as_deref(), tag, "{posix:?}");
        }
    }
}
