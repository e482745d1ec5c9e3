//! What an agent key is for: which contracts, which side of a handoff, and as which destinations it may act.
//!
//! Whoever hands over does not act: a key acts as the destination that bears its own agent's name, and as another one only
//! when the operator has said so. So what a source's stolen key can do ends at the seam.

use seamark_contracts::id::AgentUrn;
use serde::Serialize;
use serde_json::{Value, json};

/// A side of a handoff, for a key that has one alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum KeySide {
    /// Hands over, and never acts.
    Source,
    /// Acts, and never hands over.
    Destination,
}

/// Further destinations, beside the key's own agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ActsFor {
    /// These; none when empty.
    Named(Vec<AgentUrn>),
    /// The destination of every contract that the key is for.
    Every,
}

impl Default for ActsFor {
    fn default() -> Self {
        Self::Named(Vec::new())
    }
}

/// What an operator makes a key for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyScope {
    /// Names of contracts; empty means all.
    pub contracts: Vec<String>,
    /// Absent: both sides.
    pub side: Option<KeySide>,
    pub acts_for: ActsFor,
}

impl KeyScope {
    /// The scope of these columns; `None` when they hold something else.
    pub(crate) fn from_columns(contracts: &str, side: Option<&str>, acts_for: &str) -> Option<Self> {
        let contracts = serde_json::from_str(contracts).ok()?;
        let side = match side {
            None => None,
            Some("source") => Some(KeySide::Source),
            Some("destination") => Some(KeySide::Destination),
            Some(_) => return None,
        };
        let names: Vec<String> = serde_json::from_str(acts_for).ok()?;
        let acts_for = if names.iter().any(|name| name == "*") {
            ActsFor::Every
        } else {
            ActsFor::Named(names.iter().map(|name| AgentUrn::parse(name).ok()).collect::<Option<_>>()?)
        };
        Some(Self { contracts, side, acts_for })
    }

    /// The column `side`.
    pub(crate) fn side_text(&self) -> Option<&'static str> {
        self.side.map(|side| match side {
            KeySide::Source => "source",
            KeySide::Destination => "destination",
        })
    }

    /// Further destinations as texts: urns, or `*` for every one.
    #[must_use]
    pub fn acts_for_texts(&self) -> Vec<String> {
        match &self.acts_for {
            ActsFor::Named(agents) => agents.iter().map(|agent| agent.as_str().to_owned()).collect(),
            ActsFor::Every => vec!["*".to_owned()],
        }
    }

    /// What the ledger's body of such a key has beside its agent.
    pub(crate) fn body_members(&self) -> Vec<(&'static str, Value)> {
        let side = self.side_text().map(|side| ("for", json!(side)));
        side.into_iter().chain([("actsFor", json!(self.acts_for_texts()))]).collect()
    }

    /// Whether a key of `agent` may use attempts, name execution keys and report as `destination`.
    pub(crate) fn acts_as(&self, agent: &AgentUrn, destination: &AgentUrn) -> bool {
        let is_served = match &self.acts_for {
            ActsFor::Named(agents) => agents.contains(destination),
            ActsFor::Every => true,
        };
        self.side != Some(KeySide::Source) && (agent == destination || is_served)
    }

    /// Whether the key may submit, revise and withdraw.
    pub(crate) fn hands_over(&self) -> bool {
        self.side != Some(KeySide::Destination)
    }

    /// The agents beside its own whose handoffs the key may read, as their destination.
    pub(crate) fn served(&self) -> &[AgentUrn] {
        match (&self.acts_for, self.side) {
            (_, Some(KeySide::Source)) | (ActsFor::Every, _) => &[],
            (ActsFor::Named(agents), _) => agents,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_acts_as_its_own_agent_and_as_those_that_are_named() {
        let [orders, refunds, bookings] =
            ["order-desk", "refund-executor", "booking-executor"].map(|name| AgentUrn::from_name(name).unwrap());
        let of = |side: Option<&str>, acts_for: &str| KeyScope::from_columns("[]", side, acts_for).unwrap();
        let named = r#"["urn:seamark:agent:refund-executor"]"#;
        for (scope, own, first, second, hands_over) in [
            (of(None, "[]"), true, false, false, true),
            (of(None, named), true, true, false, true),
            (of(None, r#"["*"]"#), true, true, true, true),
            (of(Some("destination"), named), true, true, false, false),
            (of(Some("source"), r#"["*"]"#), false, false, false, true),
        ] {
            let acts = |as_whom| scope.acts_as(&orders, as_whom);
            assert_eq!((acts(&orders), acts(&refunds), acts(&bookings)), (own, first, second), "{scope:?}");
            assert_eq!(scope.hands_over(), hands_over);
        }
        assert_eq!(KeyScope::from_columns("[]", Some("middle"), "[]"), None);
        assert_eq!(KeyScope::from_columns("[]", None, r#"["refund-executor"]"#), None);
    }
}
