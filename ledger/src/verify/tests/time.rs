//! Time-stamps before a verifier: which authority, over which head, and keys that ended before it.

use super::super::*;
use super::bundle::pack;
use super::world::World;
use crate::checkpoint::Checkpoint;
use crate::timestamp::{self, tests::Authority};
use base64ct::Base64;
use seamark_contracts::api::audit::{AuditRecord, CheckpointTimestamp};
use seamark_contracts::digest::Digest;

/// The record with a token of `authority` over this note's body.
fn stamped(record: &AuditRecord, note: &str, authority: &Authority) -> AuditRecord {
    let digest = body_digest(note);
    let token = authority.stamp(&timestamp::query(&digest));
    let chain = timestamp::write_pem(timestamp::read(&token, &[], &digest).unwrap().certificates());
    let timestamp = Some(CheckpointTimestamp { token: Base64::encode_string(&token), chain });
    AuditRecord { timestamp, ..record.clone() }
}

fn body_digest(note: &str) -> Digest {
    let head = Checkpoint::parse(note.as_bytes()).unwrap().unverified_value().unverified_head().to_string();
    Digest::of(head.as_bytes())
}

fn at_of(record: &AuditRecord) -> Timestamp {
    let token = Base64::decode_vec(&record.timestamp.as_ref().unwrap().token).unwrap();
    timestamp::read(&token, &[], &body_digest(&record.checkpoint)).unwrap().unverified_time()
}

/// A verifier that trusts this authority, a second after the token.
fn relying(world: &World, authority: &Authority, now: Timestamp) -> Pinned {
    let outside = Outside::default().with_time(authority.roots());
    Pinned { outside, audience: None, now: now.plus_ms(1_000), ..world.pinned() }
}

#[track_caller]
fn verdicts(record: &AuditRecord, pinned: &Pinned) -> (Verdict, Verdict) {
    let found = check_bundle(&pack(record), pinned);
    assert_eq!(found.report.verdict_of(ClaimId::Bundle), Some(Verdict::Pass), "{:#?}", found.report);
    (found.report.verdict_of(ClaimId::Time).unwrap(), found.verdict())
}

#[test]
fn a_head_that_a_pinned_authority_stamped_has_its_time_and_without_either_it_is_unknown() {
    let world = World::executed();
    let authority = Authority::usual();
    let plain = world.audit_record();
    let record = stamped(&plain, &plain.checkpoint, &authority);
    let pinned = relying(&world, &authority, at_of(&record));
    assert_eq!(verdicts(&record, &pinned), (Verdict::Pass, Verdict::Pass));
    assert_eq!(verdicts(&plain, &pinned), (Verdict::Unknown, Verdict::Unknown), "who pins an authority requires it");
    let nobody = Pinned { outside: Outside::default(), ..pinned.clone() };
    assert_eq!(verdicts(&record, &nobody), (Verdict::Unknown, Verdict::Pass));
    let earlier = Pinned { now: at_of(&record).plus_ms(-121_000), ..pinned };
    assert_eq!(verdicts(&record, &earlier).0, Verdict::Unknown, "it is judged as of before the token");
}

/// Attack A28: a token over an older head, in which what it is to vouch for was not yet.
#[test]
fn attack_a28_a_token_over_another_head_or_of_another_authority_fails_the_claim() {
    let world = World::executed();
    let (authority, other) = (Authority::usual(), Authority::usual());
    let plain = world.audit_record();
    let good = stamped(&plain, &plain.checkpoint, &authority);
    let pinned = relying(&world, &authority, at_of(&good));
    let moved = stamped(&plain, &World::approved().checkpoint(), &authority);
    assert_eq!(verdicts(&moved, &pinned).0, Verdict::Fail);
    let foreign = stamped(&plain, &plain.checkpoint, &other);
    assert_eq!(verdicts(&foreign, &pinned).0, Verdict::Fail);
    let mut garbled = good.clone();
    garbled.timestamp.as_mut().unwrap().token = Base64::encode_string(b"no token");
    assert_eq!(verdicts(&garbled, &pinned).0, Verdict::Fail);
    // The certificates beside a token are looked at and not trusted.
    let mut chain = good;
    chain.timestamp.as_mut().unwrap().chain = foreign.timestamp.unwrap().chain;
    assert_eq!(verdicts(&chain, &pinned).0, Verdict::Pass);
}

/// Attack A28: a key that has ended, used under a clock that was set back.
#[test]
fn attack_a28_a_key_that_ended_before_the_first_trusted_time_leaves_time_unknown() {
    let mut world = World::executed();
    let authority = Authority::usual();
    let ended = world.now.plus_ms(1);
    for key in &mut world.directory.keys {
        if key.key_use == crate::key::KeyUse::Decision {
            key.to = Some(ended);
        }
    }
    let plain = world.audit_record();
    let record = stamped(&plain, &plain.checkpoint, &authority);
    let pinned = relying(&world, &authority, at_of(&record));
    let found = check_bundle(&pack(&record), &pinned);
    assert_eq!(found.report.verdict_of(ClaimId::Decision), Some(Verdict::Pass), "by the order of the ledger");
    let claim = found.report.claims.iter().find(|claim| claim.id == ClaimId::Time).unwrap();
    assert_eq!(claim.verdict, Verdict::Unknown);
    assert!(claim.sentence.contains("had ended"), "{}", claim.sentence);
}

/// Attack A28: a gateway whose clock runs ahead of everybody else's.
#[test]
fn attack_a28_entries_from_after_the_token_that_covers_them_fail_the_claim() {
    let authority = Authority::usual();
    let mut world = World::approved();
    let plain = world.audit_record();
    let at = at_of(&stamped(&plain, &plain.checkpoint, &authority));
    world.later(at.as_ms() - world.now.as_ms() + 10 * 60_000);
    world.other(crate::entry::EntryType::LedgerStarted);
    world.use_up();
    let plain = world.audit_record();
    let record = stamped(&plain, &plain.checkpoint, &authority);
    let pinned = relying(&world, &authority, world.now);
    let found = check_bundle(&pack(&record), &pinned);
    assert_eq!(found.report.verdict_of(ClaimId::Inclusion), Some(Verdict::Pass), "{:#?}", found.report);
    assert_eq!(found.report.verdict_of(ClaimId::Time), Some(Verdict::Fail));
}

#[test]
fn a_token_and_its_certificates_come_together_or_not_at_all() {
    let world = World::executed();
    let authority = Authority::usual();
    let plain = world.audit_record();
    let record = stamped(&plain, &plain.checkpoint, &authority);
    let fails = |record: &AuditRecord| {
        check_bundle(&pack(record), &world.pinned()).report.verdict_of(ClaimId::Bundle) == Some(Verdict::Fail)
    };
    for chain in [String::new(), "x".to_owned(), record.timestamp.as_ref().unwrap().chain.repeat(17)] {
        let mut other = record.clone();
        other.timestamp.as_mut().unwrap().chain = chain;
        assert!(fails(&other));
    }
}
