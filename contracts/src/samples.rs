//! The sample contracts that come with Seamark: three classic gates, and three of an airline's service desk.
//!
//! The same files as in `contracts/samples`, so that the first run and the tests need no folder.

/// A sample contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// The contract's name, which is its folder's name too.
    pub name: &'static str,
    /// The contract document, YAML.
    pub contract: &'static str,
    /// Path (as the contract names it) and JSON text of every example handoff.
    pub examples: &'static [(&'static str, &'static str)],
}

macro_rules! sample {
    ($name:literal, [$($example:literal),+ $(,)?]) => {
        Sample {
            name: $name,
            contract: include_str!(concat!("../samples/", $name, "/contract.yaml")),
            examples: &[$((
                concat!("examples/", $example, ".json"),
                include_str!(concat!("../samples/", $name, "/examples/", $example, ".json")),
            )),+],
        }
    };
}

/// Every sample, in the order in which they are best read.
pub const ALL: [Sample; 6] = [
    sample!(
        "refund.issue",
        [
            "small-passes",
            "returned-goods",
            "partial-refund",
            "other-card",
            "look-alike-card",
            "no-amount",
            "unknown-currency",
            "card-too-short",
            "other-order",
            "old-agent",
        ]
    ),
    sample!(
        "offer.send",
        ["within-budget", "over-budget", "look-alike-domain", "other-request", "blocked-vendor", "no-term",]
    ),
    sample!(
        "article.publish",
        ["cleared", "before-embargo", "one-source", "no-headline", "other-ticket", "unknown-section",]
    ),
    sample!(
        "booking.change",
        [
            "cancel-business",
            "book-one-way",
            "cancel-basic-economy",
            "odd-arguments",
            "no-action",
            "unknown-action",
            "extra-field",
        ]
    ),
    sample!("compensation.grant", ["gold-delayed", "not-eligible", "other-currency", "no-currency", "number-as-id",]),
    sample!("human.transfer", ["name-change", "nothing-tried", "text-too-long", "unknown-field", "wrong-target",]),
];

/// The sample with this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Sample> {
    ALL.iter().find(|sample| sample.name == name)
}
