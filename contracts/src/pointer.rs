//! JSON Pointers as plain text, built step by step. Source: RFC 6901.
//!
//! [`Pointer`] is the checked type; the functions here are for the many places where a pointer grows while a document
//! is walked.

pub use crate::strict_json::{Pointer, PointerError};

/// `base` with one more step, the member `name` (not escaped yet).
#[must_use]
pub fn member(base: &str, name: &str) -> String {
    let mut pointer = String::with_capacity(base.len().saturating_add(name.len()).saturating_add(1));
    pointer.push_str(base);
    push_member(&mut pointer, name);
    pointer
}

/// `base` with one more step, the element at `index`, from 0.
#[must_use]
pub fn element(base: &str, index: usize) -> String {
    format!("{base}/{index}")
}

/// Appends the member `name` (not escaped yet) to `pointer`.
pub fn push_member(pointer: &mut String, name: &str) {
    pointer.push('/');
    for character in name.chars() {
        match character {
            '~' => pointer.push_str("~0"),
            '/' => pointer.push_str("~1"),
            other => pointer.push(other),
        }
    }
}

/// The unescaped steps of `pointer`; none for the whole document.
pub fn steps(pointer: &str) -> impl Iterator<Item = String> + '_ {
    pointer.split('/').skip(1).map(|step| step.replace("~1", "/").replace("~0", "~"))
}

/// The pointer to the container and the unescaped last step; nothing for the whole document.
#[must_use]
pub fn split_last(pointer: &str) -> Option<(&str, String)> {
    let (parent, last) = pointer.rsplit_once('/')?;
    Some((parent, last.replace("~1", "/").replace("~0", "~")))
}

/// Whether `inner` is `outer` or lies below it.
#[must_use]
pub fn is_within(inner: &str, outer: &str) -> bool {
    inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_escaped_going_down_and_unescaped_coming_up() {
        let pointer = element(&member("/payload", "a/b~c"), 3);
        assert_eq!(pointer, "/payload/a~1b~0c/3");
        assert_eq!(steps(&pointer).collect::<Vec<_>>(), ["payload", "a/b~c", "3"]);
        assert_eq!(split_last("/payload/a~1b~0c"), Some(("/payload", "a/b~c".to_owned())));
        assert_eq!(split_last(""), None);
        assert_eq!(steps("").count(), 0);
    }

    #[test]
    fn a_name_that_only_begins_alike_is_not_within() {
        assert!(is_within("/payload/card", "/payload"));
        assert!(is_within("/payload", "/payload"));
        assert!(!is_within("/payload2", "/payload"));
    }
}
