use super::*;
use crate::testing::from_hex;
use ct_merkle::mem_backed_tree::MemoryBackedTree;
use proptest::prelude::*;
use serde_json::Value;
use std::collections::HashMap;

/// A log in memory: what a database does, and the oracle beside it.
struct Log {
    frontier: Frontier,
    nodes: HashMap<NodeId, Hash>,
    leaves: Vec<Hash>,
    roots: Vec<Hash>,
    oracle: MemoryBackedTree<Sha256, Vec<u8>>,
}

impl Log {
    fn of(entries: impl IntoIterator<Item = Vec<u8>>) -> Self {
        let (frontier, oracle) = (Frontier::default(), MemoryBackedTree::new());
        let mut log = Self { frontier, nodes: HashMap::new(), leaves: Vec::new(), roots: vec![empty_root()], oracle };
        for entry in entries {
            let leaf = leaf_hash(&entry);
            for stored in log.frontier.append(leaf).unwrap() {
                assert_eq!(log.nodes.insert(stored.id, stored.hash), None, "a node is stored once");
            }
            log.leaves.push(leaf);
            log.roots.push(log.frontier.root());
            log.oracle.push(entry);
        }
        log
    }

    fn counting(n: u64) -> Self {
        Self::of((0..n).map(|index| index.to_be_bytes().to_vec()))
    }

    fn inclusion(&self, index: u64, size: u64) -> Vec<Hash> {
        plan_inclusion(index, size).unwrap().assemble(|id| self.nodes.get(&id).copied()).unwrap()
    }

    fn consistency(&self, from: u64, to: u64) -> Vec<Hash> {
        plan_consistency(from, to).unwrap().assemble(|id| self.nodes.get(&id).copied()).unwrap()
    }

    fn check_inclusion(&self, index: u64, size: u64, proof: &[Hash]) -> Result<(), ProofError> {
        verify_inclusion(&self.leaves[index as usize], index, size, proof, &self.roots[size as usize])
    }

    fn check_consistency(&self, from: u64, to: u64, proof: &[Hash]) -> Result<(), ProofError> {
        verify_consistency(from, &self.roots[from as usize], to, &self.roots[to as usize], proof)
    }
}

fn hash_of(hex: &Value) -> Hash {
    Hash::from_bytes(from_hex(hex.as_str().unwrap()).try_into().unwrap())
}

#[test]
fn every_root_and_proof_of_the_well_known_tree_comes_out() {
    let file: Value = serde_json::from_str(include_str!("../../vectors/merkle.json")).unwrap();
    let list = |name: &str| file[name].as_array().unwrap().clone();
    let log = Log::of(list("leaves").iter().map(|leaf| from_hex(leaf.as_str().unwrap())));
    assert_eq!(log.roots, list("roots").iter().map(hash_of).collect::<Vec<_>>());
    let proof_of = |case: &Value| case["proof"].as_array().unwrap().iter().map(hash_of).collect::<Vec<_>>();
    let number = |case: &Value, name: &str| case[name].as_u64().unwrap();
    for case in list("inclusion") {
        let (index, size) = (number(&case, "index"), number(&case, "size"));
        assert_eq!(log.inclusion(index, size), proof_of(&case), "{case}");
        assert_eq!(log.check_inclusion(index, size, &proof_of(&case)), Ok(()), "{case}");
    }
    for case in list("consistency") {
        let (from, to) = (number(&case, "from"), number(&case, "to"));
        assert_eq!(log.consistency(from, to), proof_of(&case), "{case}");
        assert_eq!(log.check_consistency(from, to, &proof_of(&case)), Ok(()), "{case}");
    }
}

/// Every proof of the Merkle library of transparency.dev, the good and the bad ones.
#[test]
fn every_proof_of_another_librarys_tests_verifies_or_is_refused_as_there() {
    let file: Value = serde_json::from_str(include_str!("../../vectors/merkle-proofs.json")).unwrap();
    let hash = |text: &Value| Hash::parse(text.as_str().unwrap()).ok();
    let hashes = |case: &Value| match &case["proof"] {
        Value::Null => Some(Vec::new()),
        proof => proof.as_array().unwrap().iter().map(hash).collect::<Option<Vec<_>>>(),
    };
    let inclusion = |case: &Value| {
        let (index, size) = (case["leafIdx"].as_u64()?, case["treeSize"].as_u64()?);
        verify_inclusion(&hash(&case["leafHash"])?, index, size, &hashes(case)?, &hash(&case["root"])?).ok()
    };
    let consistency = |case: &Value| {
        let (from, to) = (case["size1"].as_u64()?, case["size2"].as_u64()?);
        verify_consistency(from, &hash(&case["root1"])?, to, &hash(&case["root2"])?, &hashes(case)?).ok()
    };
    let (mut n_agreed, mut stricter) = (0, Vec::new());
    let mut compare = |ours: bool, case: &Value| {
        let theirs = case["wantErr"] == false;
        assert!(!ours || theirs, "only we accept {case}");
        if ours == theirs {
            n_agreed += 1;
        } else {
            stricter.push(case["name"].as_str().unwrap().to_owned());
        }
    };
    file["inclusion"].as_array().unwrap().iter().for_each(|case| compare(inclusion(case).is_some(), case));
    file["consistency"].as_array().unwrap().iter().for_each(|case| compare(consistency(case).is_some(), case));
    // Of one size and root nothing is left to prove there; a root of twelve bytes is none here.
    assert_eq!((n_agreed, stricter), (195, vec!["additional/sizes-are-equal-one-and-proof-is-empty.json".to_owned()]));
}

#[test]
fn every_proof_of_every_small_tree_verifies() {
    let log = Log::counting(70);
    for size in 1..=70 {
        for index in 0..size {
            assert_eq!(log.check_inclusion(index, size, &log.inclusion(index, size)), Ok(()), "{index} of {size}");
            let from = index + 1;
            assert_eq!(log.check_consistency(from, size, &log.consistency(from, size)), Ok(()), "{from} to {size}");
        }
    }
}

#[test]
fn a_proof_fits_no_other_place() {
    let log = Log::counting(20);
    for size in 1..=20 {
        for index in 0..size {
            let proof = log.inclusion(index, size);
            for other in (0..size).filter(|other| *other != index) {
                assert!(log.check_inclusion(other, size, &proof).is_err());
                let leaf = &log.leaves[index as usize];
                assert!(verify_inclusion(leaf, other, size, &proof, &log.roots[size as usize]).is_err());
            }
        }
    }
}

#[test]
fn impossible_questions_are_refused() {
    let zero = Hash::from_bytes([0; 32]);
    assert_eq!(plan_inclusion(5, 5), Err(PlanError::NoSuchLeaf { index: 5, size: 5 }));
    assert_eq!(plan_inclusion(0, 0), Err(PlanError::NoSuchLeaf { index: 0, size: 0 }));
    assert_eq!(plan_inclusion(0, u64::MAX), Err(PlanError::TooLarge));
    assert_eq!(plan_consistency(1, u64::MAX), Err(PlanError::TooLarge));
    assert!(plan_inclusion(MAX_SIZE - 1, MAX_SIZE).is_ok());
    // A proof from nothing would fit any tree.
    let grown = verify_consistency(0, &empty_root(), 3, &zero, &[]);
    assert_eq!(grown, Err(ProofError::NoSuchGrowth { from: 0, to: 3 }));
    assert_eq!(verify_consistency(4, &zero, 3, &zero, &[]), Err(ProofError::NoSuchGrowth { from: 4, to: 3 }));
    assert_eq!(verify_consistency(3, &zero, 3, &zero, &[]), Ok(()));
    assert_eq!(verify_consistency(3, &zero, 3, &zero, &[zero]), Err(ProofError::Length { found: 1, expected: 0 }));
    assert_eq!(verify_consistency(3, &zero, 3, &empty_root(), &[]), Err(ProofError::Root));
    assert_eq!(verify_inclusion(&zero, 0, 2, &[], &zero), Err(ProofError::Length { found: 0, expected: 1 }));
}

#[test]
fn a_missing_node_is_named() {
    let log = Log::counting(8);
    let plan = plan_inclusion(0, 8).unwrap();
    let gap = NodeId { level: 1, index: 1 };
    let assembled = plan.assemble(|id| log.nodes.get(&id).copied().filter(|_| id != gap));
    assert_eq!(assembled, Err(PlanError::MissingNode { level: 1, index: 1 }));
}

#[test]
fn a_frontier_survives_its_bytes() {
    let mut frontier = Frontier::default();
    for n in 0..40u8 {
        frontier = Frontier::from_bytes(frontier.size(), &frontier.to_bytes()).unwrap();
        frontier.append(leaf_hash(&[n])).unwrap();
    }
    assert_eq!(frontier.to_bytes().len(), 2 * 32);
    assert_eq!(Frontier::from_bytes(40, &[0; 63]), Err(FrontierError::Length { size: 40, expected: 64 }));
    assert_eq!(Frontier::from_bytes(41, &frontier.to_bytes()), Err(FrontierError::Length { size: 41, expected: 96 }));
    assert_eq!(Frontier::from_bytes(u64::MAX, &[]), Err(FrontierError::Full));
    let full = Frontier::from_bytes(MAX_SIZE, &[0; 53 * 32]).unwrap();
    assert_eq!(full.clone().append(empty_root()), Err(FrontierError::Full));
    assert_eq!(Frontier::from_bytes(0, &[]).unwrap().root(), empty_root());
}

#[test]
fn a_hash_has_one_spelling() {
    let hash = empty_root();
    assert_eq!(hash.to_string(), "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
    assert_eq!(Hash::parse(&hash.to_string()), Ok(hash));
    for bad in
        ["47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU", "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU=", "", "AAAA"]
    {
        assert_eq!(Hash::parse(bad), Err(HashError), "{bad}");
    }
}

/// A tree of up to 200 entries and two sizes in it.
fn any_log() -> impl Strategy<Value = (Log, u64, u64)> {
    (1u64..200)
        .prop_flat_map(|size| (Just(size), 1..=size, 0..size))
        .prop_map(|(size, to, index)| (Log::counting(size), to, index % to))
}

impl std::fmt::Debug for Log {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Log of {}", self.leaves.len())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn roots_and_proofs_equal_those_of_another_implementation((log, _, index) in any_log()) {
        let size = log.frontier.size();
        let (ours, theirs) = (log.frontier.root(), log.oracle.root());
        prop_assert_eq!(ours.as_bytes().as_slice(), theirs.as_bytes().as_slice());
        let joined = |proof: Vec<Hash>| proof.iter().flat_map(|hash| *hash.as_bytes()).collect::<Vec<u8>>();
        let theirs = log.oracle.prove_inclusion(index as usize);
        prop_assert_eq!(joined(log.inclusion(index, size)), theirs.as_bytes());
        let from = index + 1;
        let theirs = log.oracle.prove_consistency((size - from) as usize);
        prop_assert_eq!(joined(log.consistency(from, size)), theirs.as_bytes());
    }

    #[test]
    fn each_changed_bit_and_length_of_a_proof_is_found((log, to, index) in any_log(), bit in 0usize..256) {
        let from = index + 1;
        let inclusion = log.inclusion(index, to);
        let consistency = log.consistency(from, to);
        for changed in changes(&inclusion, bit) {
            prop_assert!(log.check_inclusion(index, to, &changed).is_err());
        }
        for changed in changes(&consistency, bit) {
            prop_assert!(log.check_consistency(from, to, &changed).is_err());
        }
    }
}

/// The proof with one bit changed in each hash, one hash less at both ends, one more at both ends, and reversed.
fn changes(proof: &[Hash], bit: usize) -> Vec<Vec<Hash>> {
    let mut all = Vec::new();
    for at in 0..proof.len() {
        let mut bytes = *proof[at].as_bytes();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let mut changed = proof.to_vec();
        changed[at] = Hash::from_bytes(bytes);
        all.push(changed);
    }
    if let [rest @ .., _] = proof {
        all.push(rest.to_vec());
    }
    if let [_, rest @ ..] = proof {
        all.push(rest.to_vec());
    }
    all.push([&[empty_root()], proof].concat());
    all.push([proof, &[empty_root()]].concat());
    let reversed: Vec<Hash> = proof.iter().rev().copied().collect();
    if reversed != proof {
        all.push(reversed);
    }
    all
}
