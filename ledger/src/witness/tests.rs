use super::*;
use crate::checkpoint::{Checkpoint, Vkey, VkeyKind};
use crate::key::Signer;
use crate::testing::key;
use crate::tree::{Frontier, NodeId, leaf_hash, plan_consistency};
use std::collections::HashMap;

pub(super) const ORIGIN: &str = "ledger.acme.example";

/// A ledger whose entries are its name and their index.
pub(super) struct Ledger {
    nodes: HashMap<NodeId, Hash>,
    roots: Vec<Hash>,
}

impl Ledger {
    pub(super) fn new(prefix: &str, n: u64, then: &str, m: u64) -> Self {
        let mut frontier = Frontier::default();
        let mut ledger = Self { nodes: HashMap::new(), roots: vec![frontier.root()] };
        let texts = (0..n).map(|i| format!("{prefix}{i}")).chain((n..m).map(|i| format!("{then}{i}")));
        for text in texts {
            let stored = frontier.append(leaf_hash(text.as_bytes())).unwrap();
            ledger.nodes.extend(stored.iter().map(|node| (node.id, node.hash)));
            ledger.roots.push(frontier.root());
        }
        ledger
    }

    pub(super) fn head(&self, size: u64) -> Verified<Head> {
        signed(ORIGIN, size, self.roots[size as usize])
    }

    pub(super) fn proof(&self, from: u64, to: u64) -> Vec<Hash> {
        plan_consistency(from, to).unwrap().assemble(|id| self.nodes.get(&id).copied()).unwrap()
    }
}

fn signed(origin: &str, size: u64, root: Hash) -> Verified<Head> {
    let checkpoint = Checkpoint::sign(Head::new(origin, size, root).unwrap(), &key("ledger")).unwrap();
    let vkey = Vkey::new(origin, VkeyKind::Log, key("ledger").public_key()).unwrap();
    Checkpoint::parse(checkpoint.to_string().as_bytes()).unwrap().verify(&vkey).unwrap()
}

#[test]
fn a_ledger_that_only_grew_is_accepted() {
    let ledger = Ledger::new("a", 10, "", 10);
    let remembered = RememberedHead::first(&ledger.head(4)).unwrap();
    assert_eq!(check_extends(&remembered, &ledger.head(4), &[]), Ok(Growth::None));
    assert_eq!(check_extends(&remembered, &ledger.head(9), &ledger.proof(4, 9)), Ok(Growth::Entries(5)));
}

#[test]
fn a_rewritten_shorter_or_foreign_ledger_is_found_although_it_is_signed() {
    let ledger = Ledger::new("a", 10, "", 10);
    let forked = Ledger::new("a", 3, "b", 10);
    let remembered = RememberedHead::first(&ledger.head(4)).unwrap();
    let check = |head: &Verified<Head>, proof: &[Hash]| check_extends(&remembered, head, proof).unwrap_err();
    assert_eq!(check(&forked.head(4), &[]), WitnessError::Forked { size: 4 });
    assert!(matches!(check(&forked.head(9), &forked.proof(4, 9)), WitnessError::Rewritten { from: 4, to: 9, .. }));
    assert!(matches!(check(&forked.head(9), &ledger.proof(4, 9)), WitnessError::Rewritten { .. }));
    assert!(matches!(check(&ledger.head(9), &[]), WitnessError::Rewritten { .. }));
    assert_eq!(check(&ledger.head(3), &[]), WitnessError::Shrank { from: 4, to: 3 });
    let foreign = signed("ledger.other.example", 4, ledger.roots[4]);
    assert!(matches!(check(&foreign, &[]), WitnessError::OtherOrigin { .. }));
}

#[test]
fn an_empty_ledger_is_not_remembered() {
    let ledger = Ledger::new("a", 1, "", 1);
    assert_eq!(RememberedHead::first(&ledger.head(0)), Err(WitnessError::Empty));
    // Even a record that says so extends to nothing: no proof begins at 0.
    let zero = RememberedHead { origin: ORIGIN.to_owned(), size: 0, root: ledger.roots[0] };
    assert!(matches!(check_extends(&zero, &ledger.head(1), &[]), Err(WitnessError::Rewritten { .. })));
}

#[test]
fn the_record_is_kept_in_one_closed_form() {
    let remembered = RememberedHead::first(&Ledger::new("a", 1, "", 1).head(1)).unwrap();
    let text = serde_json::to_string(&remembered).unwrap();
    assert_eq!(serde_json::from_str::<RememberedHead>(&text).unwrap(), remembered);
    assert!(serde_json::from_str::<RememberedHead>(&text.replace('}', ",\"more\":1}")).is_err());
}
