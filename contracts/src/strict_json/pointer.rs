//! JSON Pointers. Source: RFC 6901.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de};
use serde_json::Value;
use thiserror::Error;

/// A place in a JSON document, as in `/toolOutputs/0/result`; empty text is the whole document.
///
/// `~` is written `~0` and `/` is written `~1` inside a name. Source: RFC 6901 §3.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, JsonSchema)]
#[schemars(with = "String", extend("format" = "json-pointer"))]
pub struct Pointer(String);

/// Why a text is not a JSON Pointer.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("a JSON Pointer is empty or begins with a slash, and writes ~ as ~0 and / as ~1")]
pub struct PointerError;

impl Pointer {
    /// The whole document.
    #[must_use]
    pub const fn root() -> Self {
        Self(String::new())
    }

    /// Reads a pointer.
    ///
    /// # Errors
    /// [`PointerError`] when it does not begin with a slash or has a `~` that no `0` or `1` follows.
    pub fn parse(text: &str) -> Result<Self, PointerError> {
        let has_bad_tilde = text.split('~').skip(1).any(|after| !after.starts_with(['0', '1']));
        let is_pointer = text.is_empty() || text.starts_with('/');
        if is_pointer && !has_bad_tilde { Ok(Self(text.to_owned())) } else { Err(PointerError) }
    }

    /// The text, as on the wire.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is the whole document.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// Goes one level down, into the member `name` (not escaped yet).
    pub fn push_name(&mut self, name: &str) {
        self.0.push('/');
        for character in name.chars() {
            match character {
                '~' => self.0.push_str("~0"),
                '/' => self.0.push_str("~1"),
                other => self.0.push(other),
            }
        }
    }

    /// Goes one level down, into the element `index`, from 0.
    pub fn push_index(&mut self, index: usize) {
        self.0.push('/');
        self.0.push_str(&index.to_string());
    }

    /// The steps from the root, unescaped.
    pub fn steps(&self) -> impl Iterator<Item = String> + '_ {
        self.0.split('/').skip(1).map(|step| step.replace("~1", "/").replace("~0", "~"))
    }

    /// The value at this place; absent when there is none.
    #[must_use]
    pub fn resolve<'v>(&self, document: &'v Value) -> Option<&'v Value> {
        document.pointer(&self.0)
    }

    /// Whether `other` is this place or lies below it.
    #[must_use]
    pub fn contains(&self, other: &Self) -> bool {
        other.0.strip_prefix(&self.0).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

impl<'de> Deserialize<'de> for Pointer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_with_slash_and_tilde_find_their_member() {
        let document = json!({"a/b": {"~1": [1, 2]}});
        let mut pointer = Pointer::root();
        pointer.push_name("a/b");
        pointer.push_name("~1");
        pointer.push_index(1);
        assert_eq!(pointer.as_str(), "/a~1b/~01/1");
        assert_eq!(pointer.resolve(&document), Some(&json!(2)));
        assert_eq!(pointer.steps().collect::<Vec<_>>(), ["a/b", "~1", "1"]);
        assert_eq!(Pointer::parse(pointer.as_str()), Ok(pointer));
    }

    #[test]
    fn texts_that_are_no_pointer_are_refused() {
        for bad in ["a", "a/b", "/~", "/~2", "/a~"] {
            assert_eq!(Pointer::parse(bad), Err(PointerError), "{bad}");
        }
        assert_eq!(Pointer::parse(""), Ok(Pointer::root()));
        assert!(Pointer::parse("/").is_ok());
    }

    #[test]
    fn containment_stops_at_whole_names() {
        let at = |text: &str| Pointer::parse(text).unwrap();
        assert!(at("/a").contains(&at("/a")));
        assert!(at("/a").contains(&at("/a/b")));
        assert!(at("").contains(&at("/a")));
        assert!(!at("/a").contains(&at("/ab")));
        assert!(!at("/a/b").contains(&at("/a")));
    }
}
