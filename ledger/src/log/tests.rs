use super::*;
use crate::checkpoint::{Checkpoint, Vkey, VkeyKind};
use crate::entry::Version;
use crate::key::Signer;
use crate::testing::{at, key};
use crate::tree::{NodeId, plan_inclusion, verify_inclusion};

const ORIGIN: &str = "ledger.acme.example";
const N: usize = 10;

/// Ten entries over two handoffs, as bytes.
fn ten_entries() -> Vec<Vec<u8>> {
    let kinds = [
        EntryType::LedgerGenesis,
        EntryType::HandoffReceived,
        EntryType::ReviewOpened,
        EntryType::HandoffReceived,
        EntryType::HandoffPresented,
        EntryType::DecisionRecorded,
        EntryType::OutcomeFormed,
        EntryType::DeliveryAcknowledged,
        EntryType::HandoffPassed,
        EntryType::ExecutionReported,
    ];
    let handoffs =
        [None, Some("a"), Some("a"), Some("b"), Some("a"), Some("a"), Some("a"), Some("a"), Some("b"), Some("a")];
    let mut newest: HashMap<Digest, Digest> = HashMap::new();
    let mut entries = Vec::new();
    for (seq, (kind, handoff)) in kinds.into_iter().zip(handoffs).enumerate() {
        let handoff = handoff.map(|name| Digest::of(name.as_bytes()));
        let entry = Entry {
            actor: "gateway".to_owned(),
            at: at(&format!("2026-11-22T06:00:0{seq}.000Z")),
            handoff,
            object: Digest::of(&[seq as u8]),
            origin: ORIGIN.to_owned(),
            prev: handoff.and_then(|handoff| newest.get(&handoff).copied()),
            seq: seq as u64,
            sigs: if kind == EntryType::DecisionRecorded { vec![Digest::of(b"signature")] } else { Vec::new() },
            kind,
            v: Version,
        };
        let bytes = entry.to_bytes().unwrap();
        handoff.map(|handoff| newest.insert(handoff, leaf_digest(&bytes)));
        entries.push(bytes);
    }
    entries
}

fn signed_head(entries: &[Vec<u8>]) -> Verified<Head> {
    let mut frontier = Frontier::default();
    entries.iter().for_each(|entry| drop(frontier.append(leaf_hash(entry)).unwrap()));
    let head = Head::new(ORIGIN, frontier.size(), frontier.root()).unwrap();
    let checkpoint = Checkpoint::sign(head, &key("ledger")).unwrap().to_string();
    let vkey = Vkey::new(ORIGIN, VkeyKind::Log, key("ledger").public_key()).unwrap();
    Checkpoint::parse(checkpoint.as_bytes()).unwrap().verify(&vkey).unwrap()
}

/// Everything an auditor does; tells the first bad entry, or that only the checkpoint disagrees.
fn audit(entries: &[Vec<u8>], head: &Verified<Head>) -> Result<(), Option<u64>> {
    let mut checker = LogChecker::new(ORIGIN);
    for entry in entries {
        checker.push(entry).map_err(|fault| Some(fault.seq))?;
    }
    checker.check_head(head).map_err(|_| None)
}

#[test]
fn an_untouched_log_passes() {
    let entries = ten_entries();
    assert_eq!(audit(&entries, &signed_head(&entries)), Ok(()));
}

#[test]
fn each_changed_byte_of_each_entry_is_found() {
    let entries = ten_entries();
    let head = signed_head(&entries);
    for index in 0..N {
        for byte in 0..entries[index].len() {
            let mut changed = entries.clone();
            changed[index][byte] ^= 1 << (byte % 8);
            let fault = audit(&changed, &head).expect_err(&format!("entry {index} byte {byte}"));
            // The entry itself is named, or the next one of its handoff whose `prev` does not fit, or a later one in time.
            assert!(fault.is_none_or(|seq| seq >= index as u64), "entry {index} byte {byte}: {fault:?}");
        }
    }
}

#[test]
fn dropped_swapped_doubled_cut_and_foreign_entries_are_found_where_they_begin() {
    let entries = ten_entries();
    let head = signed_head(&entries);
    for index in 0..N {
        let mut dropped = entries.clone();
        dropped.remove(index);
        let expected = if index == N - 1 { None } else { Some(index as u64) };
        assert_eq!(audit(&dropped, &head), Err(expected), "dropped {index}");
        let mut doubled = entries.clone();
        doubled.insert(index, entries[index].clone());
        assert_eq!(audit(&doubled, &head), Err(Some(index as u64 + 1)), "doubled {index}");
        assert_eq!(audit(&entries[..index], &head), Err(None), "cut to {index}");
        for other in index + 1..N {
            let mut swapped = entries.clone();
            swapped.swap(index, other);
            assert_eq!(audit(&swapped, &head), Err(Some(index as u64)), "swapped {index} and {other}");
        }
    }
    let mut grown = entries.clone();
    grown.push(entries[N - 1].clone());
    assert_eq!(audit(&grown, &head), Err(Some(N as u64)));
}

#[test]
fn a_consistent_rewrite_is_found_by_the_checkpoint_alone() {
    let entries = ten_entries();
    let head = signed_head(&entries);
    let mut last = Entry::parse(&entries[N - 1]).unwrap();
    last.object = Digest::of(b"another execution");
    let mut forked = entries.clone();
    forked[N - 1] = last.to_bytes().unwrap();
    assert_eq!(audit(&forked, &head), Err(None));
    assert_eq!(audit(&forked, &signed_head(&forked)), Ok(()));
}

#[test]
fn each_changed_bit_of_each_inclusion_proof_is_found() {
    let entries = ten_entries();
    let head = signed_head(&entries);
    let mut nodes: HashMap<NodeId, Hash> = HashMap::new();
    let mut frontier = Frontier::default();
    for entry in &entries {
        nodes.extend(frontier.append(leaf_hash(entry)).unwrap().iter().map(|node| (node.id, node.hash)));
    }
    for (index, entry) in (0u64..).zip(&entries) {
        let proof = plan_inclusion(index, head.size()).unwrap().assemble(|id| nodes.get(&id).copied()).unwrap();
        let check = |leaf: &Hash, proof: &[Hash]| verify_inclusion(leaf, index, head.size(), proof, &head.root());
        assert_eq!(check(&leaf_hash(entry), &proof), Ok(()));
        for bit in 0..proof.len() * 256 {
            let mut changed = proof.clone();
            let mut bytes = *changed[bit / 256].as_bytes();
            bytes[bit % 256 / 8] ^= 1 << (bit % 8);
            changed[bit / 256] = Hash::from_bytes(bytes);
            assert!(check(&leaf_hash(entry), &changed).is_err(), "entry {index} bit {bit}");
        }
        for bit in 0..entry.len() * 8 {
            let mut changed = entry.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(check(&leaf_hash(&changed), &proof).is_err(), "entry {index} bit {bit}");
        }
    }
}

#[test]
fn rules_between_entries_are_told_apart() {
    let entries = ten_entries();
    let reason = |index: usize, change: fn(&mut Entry)| {
        let mut checker = LogChecker::new(ORIGIN);
        entries[..index].iter().for_each(|entry| drop(checker.push(entry).unwrap()));
        let mut entry = Entry::parse(&entries[index]).unwrap();
        change(&mut entry);
        let fault = checker.push(&entry.to_bytes().unwrap()).unwrap_err();
        assert_eq!(fault.seq, index as u64);
        assert_eq!(checker.size(), index as u64, "a refused entry is not counted");
        fault.reason
    };
    assert!(matches!(reason(2, |entry| entry.seq = 7), LogFaultReason::Seq { found: 7 }));
    assert!(matches!(reason(2, |entry| entry.origin = "other".to_owned()), LogFaultReason::Origin));
    assert!(matches!(reason(0, |entry| entry.kind = EntryType::LedgerStarted), LogFaultReason::Genesis));
    assert!(matches!(reason(1, |entry| entry.kind = EntryType::LedgerGenesis), LogFaultReason::Genesis));
    assert!(matches!(reason(2, |entry| entry.at = at("2026-11-22T06:00:00.999Z")), LogFaultReason::Time));
    assert!(matches!(reason(2, |entry| entry.prev = None), LogFaultReason::Prev));
    assert!(matches!(reason(1, |entry| entry.prev = Some(Digest::of(b"x"))), LogFaultReason::Prev));
    assert!(matches!(reason(2, |entry| entry.handoff = Some(Digest::of(b"c"))), LogFaultReason::Prev));
}
