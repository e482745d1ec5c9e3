use super::*;
use crate::testing::{AbsentToken, key};
use crate::tree::leaf_hash;
use proptest::prelude::*;
use serde_json::Value;

const ORIGIN: &str = "ledger.acme.example";

fn file() -> Value {
    serde_json::from_str(include_str!("../../vectors/checkpoint.json")).unwrap()
}

fn list(name: &str) -> Vec<Value> {
    file()[name].as_array().unwrap().clone()
}

fn text<'v>(case: &'v Value, name: &str) -> &'v str {
    case[name].as_str().unwrap()
}

/// `Key` of `Key(Weak)`.
fn variant(error: &impl std::fmt::Debug) -> String {
    format!("{error:?}").chars().take_while(|c| c.is_alphanumeric()).collect()
}

fn head(size: u64) -> Head {
    Head::new(ORIGIN, size, leaf_hash(&size.to_be_bytes())).unwrap()
}

fn log_vkey(name: &str) -> Vkey {
    Vkey::new(ORIGIN, VkeyKind::Log, key(name).public_key()).unwrap()
}

fn witness_vkey() -> Vkey {
    Vkey::new("witness.example/w1", VkeyKind::CosignatureV1, key("w1").public_key()).unwrap()
}

fn cosigned() -> Checkpoint {
    let mut checkpoint = Checkpoint::sign(head(4), &key("ledger")).unwrap();
    checkpoint.cosign("witness.example/w1", 1_795_000_000, &key("w1")).unwrap();
    checkpoint
}

fn reparse(checkpoint: &Checkpoint) -> Unverified<Checkpoint> {
    Checkpoint::parse(checkpoint.to_string().as_bytes()).unwrap()
}

#[test]
fn the_note_of_the_specification_verifies_and_a_changed_one_does_not() {
    for case in list("notes") {
        let vkey = Vkey::parse(text(&case, "vkey")).unwrap();
        assert_eq!(vkey.to_string(), text(&case, "vkey"));
        let note = Note::parse(text(&case, "note").as_bytes()).unwrap();
        assert_eq!(note.to_string(), text(&case, "note"));
        let line = &note.signatures()[0];
        assert!(line.is_of(&vkey));
        let signature = Signature::parse(line.bytes()).unwrap();
        assert_eq!(vkey.key().verifies(note.text().as_bytes(), &signature), case["verifies"] == true, "{case}");
    }
}

/// The example of c2sp.org/tlog-cosignature: a log's line and a witness's.
#[test]
fn the_cosigned_example_of_the_specification_reads_as_it_is_written() {
    let note = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n\
        \u{2014} example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n\
        \u{2014} witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n";
    let read = Checkpoint::parse(note.as_bytes()).unwrap();
    let head = read.unverified_value().unverified_head();
    assert_eq!((head.origin(), head.size()), ("example.com/behind-the-sofa", 20_852_163));
    assert_eq!(head.root().to_string(), "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=");
    assert_eq!(read.unverified_value().to_string(), note);
    // The key hash, the time of the specification's text, and the signature.
    let notes = Note::parse(note.as_bytes()).unwrap();
    assert_eq!(notes.signatures().len(), 2);
    assert_eq!(u64::from_be_bytes(notes.signatures()[1].bytes()[..8].try_into().unwrap()), 1_679_315_147);
}

#[test]
fn malformed_notes_bodies_and_keys_are_refused() {
    for case in list("refusedNotes") {
        let error = Note::parse(text(&case, "note").as_bytes()).unwrap_err();
        assert_eq!(variant(&error), text(&case, "reason"), "{case}");
    }
    for case in list("refusedBodies") {
        let error = Head::parse(text(&case, "body")).unwrap_err();
        assert_eq!(variant(&error), text(&case, "reason"), "{case}");
    }
    for case in list("refusedVkeys") {
        let error = Vkey::parse(text(&case, "vkey")).unwrap_err();
        assert_eq!(variant(&error), text(&case, "reason"), "{case}");
    }
    for case in list("bodies") {
        assert_eq!(Head::parse(text(&case, "body")).unwrap().to_string(), text(&case, "body"), "{case}");
    }
    assert_eq!(Note::parse(b"\xff\n\n"), Err(NoteError::Characters));
    assert_eq!(Note::parse(&vec![b'a'; MAX_NOTE_BYTES + 1]), Err(NoteError::TooLarge));
    let many = |n: usize| Note::parse(format!("text\n\n{}", "\u{2014} a AAAAAAA=\n".repeat(n)).as_bytes());
    assert!(many(MAX_NOTE_SIGNATURES).is_ok());
    assert_eq!(many(MAX_NOTE_SIGNATURES + 1), Err(NoteError::TooManySignatures));
}

#[test]
fn a_signed_head_verifies_under_the_key_of_its_log_only() {
    let checkpoint = reparse(&Checkpoint::sign(head(4), &key("ledger")).unwrap());
    assert_eq!(checkpoint.verify(&log_vkey("ledger")).unwrap().get(), &head(4));
    assert_eq!(checkpoint.verify(&log_vkey("other")), Err(CheckpointVerifyError::NotSigned(ORIGIN.to_owned())));
    let elsewhere = Vkey::new("ledger.other.example", VkeyKind::Log, key("ledger").public_key()).unwrap();
    assert!(matches!(checkpoint.verify(&elsewhere), Err(CheckpointVerifyError::OtherOrigin { .. })));
    let as_witness = Vkey::new(ORIGIN, VkeyKind::CosignatureV1, key("ledger").public_key()).unwrap();
    assert!(matches!(checkpoint.verify(&as_witness), Err(CheckpointVerifyError::WrongKind(_))));
}

#[test]
fn a_line_under_the_keys_name_and_hash_has_to_verify() {
    let signed = Checkpoint::sign(head(4), &key("ledger")).unwrap().to_string();
    let other = Checkpoint::sign(head(5), &key("ledger")).unwrap().to_string();
    let line_of = |note: &str| note.rsplit_once("\n\n").unwrap().1.to_owned();
    let both = format!("{signed}{}", line_of(&other));
    let checkpoint = Checkpoint::parse(both.as_bytes()).unwrap();
    let refused = checkpoint.verify(&log_vkey("ledger"));
    assert_eq!(refused, Err(CheckpointVerifyError::BadSignature(ORIGIN.to_owned())));
}

#[test]
fn lines_of_unknown_keys_do_not_matter() {
    let signed = Checkpoint::sign(head(4), &key("ledger")).unwrap().to_string();
    let with_stranger = format!("{signed}\u{2014} stranger.example AAAAAAA=\n\u{2014} {ORIGIN} AAAAAAA=\n");
    assert!(Checkpoint::parse(with_stranger.as_bytes()).unwrap().verify(&log_vkey("ledger")).is_ok());
}

#[test]
fn a_cosignature_says_who_and_when() {
    let checkpoint = reparse(&cosigned());
    assert!(checkpoint.verify(&log_vkey("ledger")).is_ok());
    let cosignature = checkpoint.verify_cosignature(&witness_vkey()).unwrap().unwrap();
    assert_eq!(cosignature.get(), &Cosignature { witness: "witness.example/w1".to_owned(), at_s: 1_795_000_000 });
    let w2 = Vkey::new("witness.example/w2", VkeyKind::CosignatureV1, key("w1").public_key()).unwrap();
    assert_eq!(checkpoint.verify_cosignature(&w2), Ok(None));
    assert!(matches!(checkpoint.verify_cosignature(&log_vkey("ledger")), Err(CheckpointVerifyError::WrongKind(_))));
}

#[test]
fn a_cosignature_of_another_head_or_time_does_not_verify() {
    let signed = Checkpoint::sign(head(4), &key("ledger")).unwrap();
    let mut elsewhere = Checkpoint::sign(head(5), &key("ledger")).unwrap();
    elsewhere.cosign("witness.example/w1", 1_795_000_000, &key("w1")).unwrap();
    let moved = Checkpoint { head: signed.head.clone(), note: elsewhere.note.clone() };
    let refused = Unverified::new(moved).verify_cosignature(&witness_vkey());
    assert!(matches!(refused, Err(CheckpointVerifyError::BadSignature(_))));
    let mut later = signed;
    later.cosign("witness.example/w1", u64::MAX, &key("w1")).unwrap();
    assert!(matches!(reparse(&later).verify_cosignature(&witness_vkey()), Err(CheckpointVerifyError::BadSignature(_))));
}

#[test]
fn a_checkpoint_takes_no_line_beyond_its_most_and_none_from_an_absent_token() {
    let mut checkpoint = Checkpoint::sign(head(4), &key("ledger")).unwrap();
    for n in 1..MAX_NOTE_SIGNATURES {
        checkpoint.cosign(&format!("w{n}"), 1, &key("w1")).unwrap();
    }
    assert!(matches!(checkpoint.cosign("w", 1, &key("w1")), Err(CosignError::TooManyLines)));
    assert!(matches!(checkpoint.cosign("a b", 1, &key("w1")), Err(CosignError::Name)));
    let absent = AbsentToken(key("ledger").public_key());
    assert!(Checkpoint::sign(head(4), &absent).is_err());
}

#[test]
fn every_changed_bit_of_a_checkpoint_is_found() {
    let signed = Checkpoint::sign(head(4), &key("ledger")).unwrap().to_string().into_bytes();
    for at in 0..signed.len() * 8 {
        let mut changed = signed.clone();
        changed[at / 8] ^= 1 << (at % 8);
        let verified = Checkpoint::parse(&changed).ok().and_then(|it| it.verify(&log_vkey("ledger")).ok());
        assert_eq!(verified, None, "bit {at}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_a_checkpoint_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = Checkpoint::parse(&bytes);
    }

    #[test]
    fn any_near_checkpoint_that_is_read_is_written_the_same(body in "[a+ ]{0,3}\n[0-9]{0,3}\n[A-Za-z0-9+/=]{40,48}\n{0,2}\n\u{2014} a [A-Z]{3,9}=?\n") {
        if let Ok(checkpoint) = Checkpoint::parse(body.as_bytes()) {
            prop_assert_eq!(checkpoint.unverified_value().to_string(), body);
        }
    }
}
