//! Typed ids. A handoff id can never be passed where a review id is meant.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de};
use thiserror::Error;

use crate::clock::{Chance, Timestamp};

/// Why a text is not an id.
#[derive(Debug, Error, PartialEq, Eq)]
#[error(
    "an id is a lowercase UUID of version 7 (version 4 is accepted too), as in 0199a1c2-5b7e-7c3d-9a10-2f4b6c8d0e12"
)]
pub struct IdError;

fn parse_uuid(text: &str) -> Result<uuid::Uuid, IdError> {
    let parsed = uuid::Uuid::try_parse(text).map_err(|_| IdError)?;
    let is_canonical = parsed.hyphenated().to_string() == text;
    let has_version = matches!(parsed.get_version_num(), 4 | 7);
    if is_canonical && has_version { Ok(parsed) } else { Err(IdError) }
}

fn make_uuid(now: Timestamp, chance: &dyn Chance) -> uuid::Uuid {
    let mut random = [0u8; 10];
    chance.fill(&mut random);
    let millis = u64::try_from(now.as_ms()).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
}

macro_rules! typed_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// On the wire a lowercase hyphenated UUID, 36 characters. Made as version 7 (RFC 9562 §5.7); version 4 is read too.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
        #[schemars(with = "String", extend(
            "format" = "uuid",
            "pattern" = "^[0-9a-f]{8}-[0-9a-f]{4}-[47][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$",
            "examples" = ["0199a1c2-5b7e-7c3d-9a10-2f4b6c8d0e12"]
        ))]
        #[cfg_attr(feature = "specta", derive(specta::Type), specta(type = String))]
        pub struct $name(uuid::Uuid);

        impl $name {
            /// A new id from the time and 74 random bits.
            #[must_use]
            pub fn make(now: Timestamp, chance: &dyn Chance) -> Self {
                Self(make_uuid(now, chance))
            }

            /// Reads the one accepted spelling.
            ///
            /// # Errors
            /// [`IdError`] for any other spelling or version.
            pub fn parse(text: &str) -> Result<Self, IdError> {
                parse_uuid(text).map(Self)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Self::parse(&text).map_err(de::Error::custom)
            }
        }
    };
}

typed_id!(
    /// One handoff of one agent, for ever (invariant A1). Chosen by the submitter.
    HandoffId
);
typed_id!(
    /// One open gate for one attempt of a handoff. Chosen by the gateway.
    ReviewId
);
typed_id!(
    /// One signed decision. Chosen by the desk.
    DecisionId
);
typed_id!(
    /// One reveal of a masked field. Chosen by the desk; the same request again is the same reveal.
    RevealId
);
typed_id!(
    /// One outcome. Chosen by the gateway; every delivery of it carries the same id (invariant C3).
    OutcomeId
);

macro_rules! urn {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        ///
        #[doc = concat!("On the wire `urn:seamark:", $kind, ":NAME`; NAME is 1 to 100 characters of `a-z 0-9 . _ -`, beginning with a letter or digit.")]
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
        #[schemars(with = "String", extend("pattern" = concat!("^urn:seamark:", $kind, ":[a-z0-9][a-z0-9._-]{0,99}$")))]
        #[cfg_attr(feature = "specta", derive(specta::Type), specta(type = String))]
        pub struct $name(String);

        impl $name {
            /// From the bare name, as in `order-desk`.
            ///
            /// # Errors
            /// [`NameError`] when the name has other characters or a wrong length.
            pub fn from_name(name: &str) -> Result<Self, NameError> {
                if is_name(name) { Ok(Self(format!(concat!("urn:seamark:", $kind, ":{}"), name))) } else { Err(NameError) }
            }

            /// From the whole urn.
            ///
            /// # Errors
            /// [`NameError`] when it is not a urn of this kind.
            pub fn parse(text: &str) -> Result<Self, NameError> {
                Self::from_name(text.strip_prefix(concat!("urn:seamark:", $kind, ":")).ok_or(NameError)?)
            }

            /// The bare name.
            #[must_use]
            pub fn name(&self) -> &str {
                self.0.strip_prefix(concat!("urn:seamark:", $kind, ":")).unwrap_or(&self.0)
            }

            /// The whole urn.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Self::parse(&text).map_err(de::Error::custom)
            }
        }
    };
}

/// Why a text is not a name.
#[derive(Debug, Error, PartialEq, Eq)]
#[error(
    "a name has 1 to 100 characters of a-z, 0-9, dot, underscore and hyphen, and begins with a letter or digit; in a urn it follows urn:seamark:KIND:"
)]
pub struct NameError;

/// Whether `text` can be the name of an agent, person, role, contract or team.
#[must_use]
pub fn is_name(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '_' | '-');
    text.len() <= 100
        && text.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && text.chars().all(allowed)
}

urn!(
    /// An agent: what submits, and what executes.
    AgentUrn,
    "agent"
);
urn!(
    /// A person.
    UserUrn,
    "user"
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SeededChance;

    #[test]
    fn an_id_is_made_as_version_7_and_reads_back() {
        let id = HandoffId::make(Timestamp::from_ms(1_795_000_000_123), &SeededChance::new(1));
        assert_eq!(HandoffId::parse(&id.to_string()), Ok(id));
        assert_eq!(id.to_string().chars().nth(14), Some('7'));
    }

    #[test]
    fn other_spellings_of_an_id_are_refused() {
        for bad in [
            "",
            "0199A1C2-5b7e-7c3d-9a10-2f4b6c8d0e12",
            "0199a1c25b7e7c3d9a102f4b6c8d0e12",
            "0199a1c2-5b7e-1c3d-9a10-2f4b6c8d0e12",
        ] {
            assert_eq!(HandoffId::parse(bad), Err(IdError), "{bad}");
        }
    }

    #[test]
    fn names_are_ascii_so_that_look_alikes_cannot_be_told_apart_only_by_eye() {
        assert!(AgentUrn::parse("urn:seamark:agent:order-desk").is_ok());
        for bad in [
            "urn:seamark:agent:",
            "urn:seamark:user:x",
            "urn:seamark:agent:Order",
            "urn:seamark:agent:\u{43e}rder",
            "urn:seamark:agent:-x",
        ] {
            assert_eq!(AgentUrn::parse(bad), Err(NameError), "{bad}");
        }
    }
}
