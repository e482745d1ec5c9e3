use serde_json::Value;

use super::*;
use crate::directory::{NextRoot, SubjectKind, verify};
use crate::key::Signer as _;
use crate::statement::{build_directory, sign};
use crate::testing::{at, key};

const BEGIN: &str = "2026-01-01T00:00:00.000Z";
const LATER: &str = "2026-02-01T00:00:00.000Z";
const END: &str = "2026-03-01T00:00:00.000Z";
const ALICE: &str = "urn:seamark:user:alice";
const BOB: &str = "urn:seamark:user:bob";

fn person(id: &str, name: &str) -> DirectorySubject {
    let role = DirectoryRole { role: "reviewer".to_owned(), from: at(BEGIN), to: None };
    let (id, name) = (id.to_owned(), name.to_owned());
    DirectorySubject { id, kind: SubjectKind::Person, name, owners: Vec::new(), roles: vec![role] }
}

fn first() -> DirectoryPredicate {
    DirectoryPredicate {
        org: "acme".to_owned(),
        version: 1,
        valid_from: at(BEGIN),
        valid_to: at("2027-01-01T00:00:00.000Z"),
        subjects: vec![person(ALICE, "Alice Example")],
        keys: vec![DirectoryKey::new(&key("alice").public_key(), KeyUse::Decision, ALICE, at(BEGIN), None)],
        next_root: None,
    }
}

fn signed() -> Directory {
    let envelope: Value = sign(build_directory(&first(), None).unwrap(), &key("root")).unwrap().to_value();
    verify(&envelope, &key("root").public_key(), at(LATER)).unwrap().into_inner()
}

/// What comes of proposing the first directory as `change` leaves it, as its successor.
fn propose(change: impl FnOnce(&mut DirectoryPredicate)) -> Result<Vec<Difference>, ProposalError> {
    let current = signed();
    let mut next = DirectoryPredicate { version: 2, valid_from: at(LATER), ..first() };
    change(&mut next);
    let bytes = build_directory(&next, Some(current.digest)).unwrap();
    Proposal::read(&bytes).unwrap().differences(Some(&current), &key("root").public_key())
}

#[test]
fn a16_what_a_signature_would_change_is_told_person_by_person_and_key_by_key() {
    assert_eq!(propose(|_| {}).unwrap(), []);
    let found = propose(|next| {
        next.subjects[0].roles[0].to = Some(at(END));
        next.keys[0].to = Some(at(END));
        let mut bob = person(BOB, "Bob Example");
        bob.roles[0].from = at(LATER);
        next.subjects.push(bob);
        next.keys.push(DirectoryKey::new(&key("bob").public_key(), KeyUse::Decision, BOB, at(LATER), None));
    });
    let words: Vec<String> = found
        .unwrap()
        .iter()
        .map(|one| match one {
            Difference::SubjectAdded(subject) => format!("new {}", subject.name),
            Difference::RoleGiven { subject, role } => format!("{} gets {}", subject.name, role.role),
            Difference::RoleTaken { subject, role } => format!("{} loses {}", subject.name, role.role),
            Difference::OwnersChanged(subject) => format!("owners of {}", subject.name),
            Difference::KeyAdded { subject, .. } => format!("key of {}", subject.name),
            Difference::KeyEnded { subject, .. } => format!("end of a key of {}", subject.name),
        })
        .collect();
    assert_eq!(
        words,
        [
            "Alice Example loses reviewer",
            "new Bob Example",
            "Bob Example gets reviewer",
            "end of a key of Alice Example",
            "key of Bob Example"
        ]
    );
}

#[test]
fn while_nothing_is_signed_everything_is_new() {
    let bytes = build_directory(&first(), None).unwrap();
    let found = Proposal::read(&bytes).unwrap().differences(None, &key("root").public_key()).unwrap();
    assert_eq!(found.len(), 3);
    assert_eq!(found.iter().filter_map(Difference::new_decision_key).count(), 1);
}

#[test]
fn attack_a16_a_proposal_takes_nothing_away_and_changes_nothing_that_is_signed() {
    type Change = fn(&mut DirectoryPredicate);
    let changes: [Change; 9] = [
        |next| {
            next.keys.clear();
        },
        |next| {
            next.keys.clear();
            next.subjects.clear();
        },
        |next| next.subjects[0].name = "Alice Other".to_owned(),
        |next| next.subjects[0].kind = SubjectKind::Agent,
        |next| next.subjects[0].roles.clear(),
        |next| next.subjects[0].roles[0].from = at("2025-01-01T00:00:00.000Z"),
        |next| next.keys[0].from = at("2025-01-01T00:00:00.000Z"),
        |next| next.keys[0].key_use = KeyUse::Execution,
        |next| {
            next.subjects.push(person(BOB, "Bob Example"));
            next.subjects[1].roles.clear();
            next.keys[0].subject = BOB.to_owned();
        },
    ];
    for (no, change) in changes.into_iter().enumerate() {
        let refused = propose(change).unwrap_err();
        assert!(matches!(refused, ProposalError::Changed { .. } | ProposalError::Backdated { .. }), "{no}: {refused}");
    }
}

#[test]
fn b10_what_ended_stays_ended() {
    let mut ended = first();
    ended.keys[0].to = Some(at(END));
    ended.subjects[0].roles[0].to = Some(at(END));
    let envelope: Value = sign(build_directory(&ended, None).unwrap(), &key("root")).unwrap().to_value();
    let current = verify(&envelope, &key("root").public_key(), at(LATER)).unwrap().into_inner();
    for revive in [
        |next: &mut DirectoryPredicate| next.keys[0].to = None,
        |next: &mut DirectoryPredicate| next.subjects[0].roles[0].to = None,
        |next: &mut DirectoryPredicate| next.keys[0].to = Some(at("2026-12-01T00:00:00.000Z")),
    ] {
        let mut next = DirectoryPredicate { version: 2, valid_from: at(LATER), ..ended.clone() };
        revive(&mut next);
        let bytes = build_directory(&next, Some(current.digest)).unwrap();
        let refused = Proposal::read(&bytes).unwrap().differences(Some(&current), &key("root").public_key());
        assert!(matches!(refused, Err(ProposalError::Changed { .. })), "{refused:?}");
    }
}

#[test]
fn attack_a16_nothing_is_listed_with_a_time_before_it_could_be_known() {
    let added = |from: &str, to: Option<&str>| {
        propose(|next| {
            let key = DirectoryKey::new(&key("bob").public_key(), KeyUse::Decision, ALICE, at(from), to.map(at));
            next.keys.push(key);
        })
    };
    assert!(added(LATER, None).is_ok());
    assert!(matches!(added("2025-12-31T23:59:59.999Z", None), Err(ProposalError::Backdated { .. })));
    // A key that ended before anybody signed it would stand for what was done between these two times.
    assert!(matches!(added(LATER, Some(END)), Err(ProposalError::Backdated { .. })));
    let role = DirectoryRole { role: "lead".to_owned(), from: at("2025-06-01T00:00:00.000Z"), to: None };
    assert!(matches!(propose(|next| next.subjects[0].roles.push(role)), Err(ProposalError::Backdated { .. })));
}

#[test]
fn attack_a16_a_skipped_version_another_beginning_organisation_or_root_is_refused() {
    assert!(matches!(propose(|next| next.version = 3), Err(ProposalError::Version { found: 3, expected: 2 })));
    assert!(matches!(propose(|next| next.version = 1), Err(ProposalError::Version { .. })));
    assert!(matches!(propose(|next| next.org = "other".to_owned()), Err(ProposalError::Org)));
    assert!(matches!(propose(|next| next.valid_from = at("2025-01-01T00:00:00.000Z")), Err(ProposalError::Earlier)));
    assert!(matches!(
        propose(|next| next.next_root = Some(NextRoot::new(&key("mallory").public_key()))),
        Err(ProposalError::NextRoot)
    ));
    let current = signed();
    let next = DirectoryPredicate { version: 2, ..first() };
    for previous in [None, Some(Digest::of(b"another"))] {
        let bytes = build_directory(&next, previous).unwrap();
        let refused = Proposal::read(&bytes).unwrap().differences(Some(&current), &key("root").public_key());
        assert!(matches!(refused, Err(ProposalError::Previous)), "{refused:?}");
    }
    let mut listed = next;
    listed.keys.push(DirectoryKey::new(&key("root").public_key(), KeyUse::Decision, ALICE, at(LATER), None));
    let bytes = build_directory(&listed, Some(current.digest)).unwrap();
    let refused = Proposal::read(&bytes).unwrap().differences(Some(&current), &key("root").public_key());
    assert!(matches!(refused, Err(ProposalError::Content(DirectoryError::ListedRoot { .. }))), "{refused:?}");
}
