use super::*;
use crate::testing::key;
use crate::witness::tests::{Ledger, ORIGIN};
use proptest::prelude::*;

const NAME: &str = "witness.example/w1";
const AT: u64 = 1_795_000_000;

/// A witness as it is meant to be run, without a disk.
struct Witness {
    logs: Vec<Vkey>,
    last: Option<RememberedHead>,
}

impl Witness {
    fn new() -> Self {
        Self { logs: vec![log_vkey("ledger")], last: None }
    }

    fn ask(&mut self, body: &str) -> Result<String, Refusal> {
        let request = AddCheckpoint::parse(body.as_bytes())?;
        let head = request.verify(&self.logs)?;
        request.judge(&head, self.last.as_ref())?;
        self.last = RememberedHead::first(&head).ok();
        Ok(cosignature_line(&head, NAME, AT, &key("w1")).unwrap())
    }
}

fn log_vkey(name: &str) -> Vkey {
    Vkey::new(ORIGIN, VkeyKind::Log, key(name).public_key()).unwrap()
}

fn witness_vkey() -> Vkey {
    Vkey::new(NAME, VkeyKind::CosignatureV1, key("w1").public_key()).unwrap()
}

fn note(ledger: &Ledger, size: u64) -> String {
    Checkpoint::sign(ledger.head(size).get().clone(), &key("ledger")).unwrap().to_string()
}

fn body(ledger: &Ledger, old: u64, size: u64) -> String {
    let proof = if old == 0 { Vec::new() } else { ledger.proof(old, size) };
    AddCheckpoint::write(old, &proof, &note(ledger, size))
}

#[test]
fn a_witness_cosigns_a_ledger_that_only_grows_and_its_line_verifies() {
    let ledger = Ledger::new("a", 12, "", 12);
    let mut witness = Witness::new();
    for (old, size) in [(0, 3), (3, 3), (3, 8), (8, 12)] {
        let line = witness.ask(&body(&ledger, old, size)).unwrap();
        let taken = take_cosignature(&note(&ledger, size), &line, &witness_vkey(), AT).unwrap();
        assert_eq!(taken, CosignedLine { line, at_s: AT });
    }
}

#[test]
fn a_request_is_written_and_read_as_the_specification_says() {
    let ledger = Ledger::new("a", 9, "", 9);
    let written = body(&ledger, 3, 9);
    let read = AddCheckpoint::parse(written.as_bytes()).unwrap();
    assert_eq!((read.old, read.proof.clone()), (3, ledger.proof(3, 9)));
    assert!(written.starts_with("old 3\n") && written.contains("\n\nledger.acme.example\n9\n"));
    assert_eq!(AddCheckpoint::write(3, &read.proof, &read.checkpoint.unverified_value().to_string()), written);
    assert_eq!(
        (parse_size("42\n"), parse_size("042\n"), parse_size("42"), parse_size("")),
        (Some(42), None, None, None)
    );
    assert_eq!(write_size(42), "42\n");
}

#[test]
fn malformed_requests_are_refused_before_anything_is_judged() {
    let ledger = Ledger::new("a", 4, "", 4);
    let note = note(&ledger, 4);
    let hash = ledger.head(4).root().to_string();
    let many = |n: usize| format!("old 3\n{}\n{note}", format!("{hash}\n").repeat(n));
    for (text, wanted) in [
        ("", RequestError::Old),
        ("old\n\n", RequestError::Old),
        ("old 03\n\n", RequestError::Old),
        ("old -1\n\n", RequestError::Old),
        ("old 3 \n\n", RequestError::Old),
        ("Old 3\n\n", RequestError::Old),
        ("old 3\n", RequestError::Proof),
        ("old 3\nAAAA\n\n", RequestError::Proof),
        (many(64).as_str(), RequestError::Proof),
        (format!("old 5\n\n{note}").as_str(), RequestError::OldBeyond { old: 5, size: 4 }),
        (format!("old 0\n{hash}\n\n{note}").as_str(), RequestError::ProofOfNothing),
    ] {
        assert_eq!(AddCheckpoint::parse(text.as_bytes()).unwrap_err(), wanted, "{text:?}");
        assert_eq!(Refusal::Malformed(wanted).status(), 400);
    }
    assert!(AddCheckpoint::parse(many(63).as_bytes()).is_ok());
    assert!(matches!(AddCheckpoint::parse(b"old 3\n\nno note"), Err(RequestError::Checkpoint(_))));
    assert_eq!(AddCheckpoint::parse(b"old 3\n\xff").unwrap_err(), RequestError::NotUtf8);
    assert_eq!(AddCheckpoint::parse(&vec![b'a'; MAX_REQUEST_BYTES + 1]).unwrap_err(), RequestError::TooLarge);
}

#[test]
fn an_unknown_ledger_and_a_foreign_signature_are_not_cosigned() {
    let ledger = Ledger::new("a", 4, "", 4);
    let mut witness = Witness::new();
    let head = ledger.head(4).get().clone();
    let forged = Checkpoint::sign(head.clone(), &key("other")).unwrap().to_string();
    let refused = witness.ask(&AddCheckpoint::write(0, &[], &forged)).unwrap_err();
    assert_eq!((refused.status(), refused), (403, Refusal::NotSigned));
    let elsewhere = Head::new("ledger.other.example", 4, head.root()).unwrap();
    let elsewhere = Checkpoint::sign(elsewhere, &key("ledger")).unwrap().to_string();
    assert_eq!(witness.ask(&AddCheckpoint::write(0, &[], &elsewhere)).unwrap_err().status(), 404);
    // A witness's key is no log's key.
    witness.logs = vec![Vkey::new(ORIGIN, VkeyKind::CosignatureV1, key("ledger").public_key()).unwrap()];
    assert_eq!(witness.ask(&body(&ledger, 0, 4)).unwrap_err().status(), 404);
    assert_eq!(witness.last, None);
}

/// Attack A17: an operator that takes the ledger back, or shows it with another root, gets no second cosignature.
#[test]
fn attack_a17_a_witness_refuses_a_rollback_and_another_root_for_the_same_size() {
    let ledger = Ledger::new("a", 10, "", 10);
    let forked = Ledger::new("a", 3, "b", 10);
    let mut witness = Witness::new();
    witness.ask(&body(&ledger, 0, 6)).unwrap();
    for (old, size) in [(0, 4), (4, 4), (4, 6), (0, 6), (0, 9)] {
        let refused = witness.ask(&body(&ledger, old, size)).unwrap_err();
        assert_eq!((refused.status(), refused), (409, Refusal::Conflict { size: 6 }), "{old} {size}");
    }
    let refused = witness.ask(&AddCheckpoint::write(6, &[], &note(&forked, 6))).unwrap_err();
    assert_eq!(refused, Refusal::Conflict { size: 6 });
    for proof in [forked.proof(6, 9), ledger.proof(6, 9), Vec::new()] {
        let refused = witness.ask(&AddCheckpoint::write(6, &proof, &note(&forked, 9))).unwrap_err();
        assert_eq!((refused.status(), refused), (422, Refusal::Inconsistent));
    }
    let surplus = AddCheckpoint::write(6, &[ledger.head(6).root()], &note(&ledger, 6));
    assert_eq!(witness.ask(&surplus).unwrap_err().status(), 422);
    assert_eq!(witness.last.unwrap().size, 6);
}

/// Attack A17: two witnesses that were shown two ledgers cannot both be shown to one verifier.
#[test]
fn attack_a17_a_split_view_between_two_witnesses_has_no_checkpoint_with_both_lines() {
    let (ledger, forked) = (Ledger::new("a", 10, "", 10), Ledger::new("a", 3, "b", 10));
    let one = cosignature_line(&ledger.head(9), NAME, AT, &key("w1")).unwrap();
    let two = cosignature_line(&forked.head(9), "witness.example/w2", AT, &key("w2")).unwrap();
    let second = Vkey::new("witness.example/w2", VkeyKind::CosignatureV1, key("w2").public_key()).unwrap();
    for shown in [&ledger, &forked] {
        let note = note(shown, 9);
        let both = format!("{note}{one}{two}");
        let both = Checkpoint::parse(both.as_bytes()).unwrap();
        let n_good = [witness_vkey(), second.clone()].iter().filter(|w| both.verify_cosignature(w).is_ok()).count();
        assert_eq!(n_good, 1);
    }
}

/// Attack A17: a cosignature is of one ledger and one size.
#[test]
fn attack_a17_a_cosignature_of_another_size_or_ledger_is_not_taken() {
    let ledger = Ledger::new("a", 10, "", 10);
    let of_four = cosignature_line(&ledger.head(4), NAME, AT, &key("w1")).unwrap();
    let bad = Err(AnswerError::BadSignature(NAME.to_owned()));
    assert_eq!(take_cosignature(&note(&ledger, 5), &of_four, &witness_vkey(), AT), bad);
    let other = Ledger::new("b", 10, "", 10);
    assert_eq!(take_cosignature(&note(&other, 4), &of_four, &witness_vkey(), AT), bad);
    let good = cosignature_line(&ledger.head(5), NAME, AT, &key("w1")).unwrap();
    assert_eq!(take_cosignature(&note(&ledger, 5), &format!("{good}{of_four}"), &witness_vkey(), AT), bad);
    let stranger = cosignature_line(&ledger.head(5), "stranger", AT, &key("w2")).unwrap();
    let unsigned = take_cosignature(&note(&ledger, 5), &stranger, &witness_vkey(), AT);
    assert_eq!(unsigned, Err(AnswerError::NotSigned(NAME.to_owned())));
    assert!(take_cosignature(&note(&ledger, 5), &format!("{stranger}{good}"), &witness_vkey(), AT).is_ok());
    assert!(matches!(take_cosignature(&note(&ledger, 5), "no line", &witness_vkey(), AT), Err(AnswerError::Form(_))));
}

/// Attack A28: a witness whose clock runs ahead vouches for no time yet.
#[test]
fn attack_a28_a_cosignature_of_the_future_is_not_taken() {
    let ledger = Ledger::new("a", 5, "", 5);
    let line = cosignature_line(&ledger.head(5), NAME, AT + 1, &key("w1")).unwrap();
    let taken = take_cosignature(&note(&ledger, 5), &line, &witness_vkey(), AT);
    assert_eq!(taken, Err(AnswerError::Future { at_s: AT + 1, latest_s: AT }));
    assert!(take_cosignature(&note(&ledger, 5), &line, &witness_vkey(), AT + 1).is_ok());
}

proptest! {
    #[test]
    fn any_bytes_are_a_request_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = AddCheckpoint::parse(&bytes);
    }

    #[test]
    fn any_near_request_is_read_and_written_the_same(old in 0u64..9, proof in prop::collection::vec(any::<[u8; 32]>(), 0..5), size in 0u64..9) {
        let ledger = Ledger::new("a", 9, "", 9);
        let proof: Vec<Hash> = proof.into_iter().map(Hash::from_bytes).collect();
        let written = AddCheckpoint::write(old, &proof, &note(&ledger, size));
        match AddCheckpoint::parse(written.as_bytes()) {
            Ok(read) => {
                prop_assert!(old <= size && (old > 0 || proof.is_empty()));
                prop_assert_eq!((read.old, read.proof), (old, proof));
            }
            Err(error) => prop_assert!(old > size || (old == 0 && !proof.is_empty()), "{}", error),
        }
    }

    /// Whatever is asked in whatever order of two ledgers that share a beginning: all that was cosigned is one ledger.
    #[test]
    fn no_two_cosigned_heads_contradict_one_another(asked in prop::collection::vec((any::<bool>(), 0u64..10, 1u64..10), 1..25)) {
        let ledgers = [Ledger::new("a", 10, "", 10), Ledger::new("a", 3, "b", 10)];
        let mut witness = Witness::new();
        let mut cosigned: Vec<(bool, u64)> = Vec::new();
        for (is_forked, old, size) in asked {
            let ledger = &ledgers[usize::from(is_forked)];
            if old <= size && witness.ask(&body(ledger, old, size)).is_ok() {
                cosigned.push((is_forked, size));
            }
        }
        prop_assert!(cosigned.is_sorted_by_key(|(_, size)| *size));
        let beyond: Vec<bool> = cosigned.iter().filter(|(_, size)| *size > 3).map(|(fork, _)| *fork).collect();
        prop_assert!(beyond.windows(2).all(|pair| pair[0] == pair[1]), "{:?}", cosigned);
    }
}
