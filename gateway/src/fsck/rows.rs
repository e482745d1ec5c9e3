//! Contracts, directory, keys, handoffs, attempts and refusals against their entries.

use crate::db::SqliteConnection;
use seamark_contracts::canonical;
use seamark_contracts::digest::Digest;
use seamark_contracts::handoff::HandoffPredicate;
use seamark_contracts::id::{AgentUrn, HandoffId};
use seamark_contracts::mask;
use seamark_ledger::directory::{DirectoryPredicate, DirectoryRole};
use seamark_ledger::entry::EntryType;
use seamark_ledger::key::{KeyUse, PublicKey, TrustSet, TrustedKey};
use seamark_ledger::statement;
use seamark_ledger::verify::ledger_ref;
use serde_json::{Value, json};

use super::{Facts, FsckReport, Ground, PAGE};
use crate::db::agent_key::AgentKeyRow;
use crate::db::attempt::AttemptRow;
use crate::db::directory::DirectoryRow;
use crate::db::handoff::HandoffRow;
use crate::db::{self, StorageError};
use crate::directory;
use crate::document;

pub(super) async fn check(
    ground: &Ground,
    connection: &mut SqliteConnection,
    facts: &mut Facts,
    report: &mut FsckReport,
) -> Result<(), StorageError> {
    check_contracts(connection, facts, report).await?;
    check_directory(connection, facts, report).await?;
    check_keys(connection, facts, report).await?;
    check_refusals(ground, connection, facts, report).await?;
    check_erasures(connection, facts, report).await?;
    check_handoffs(ground, connection, facts, report).await
}

async fn check_contracts(
    connection: &mut SqliteConnection,
    facts: &mut Facts,
    report: &mut FsckReport,
) -> Result<(), StorageError> {
    for row in db::contract::list(connection).await? {
        let digest = Digest::of(&row.canonical);
        let contract: Option<Value> = serde_json::from_slice(&row.canonical).ok();
        let names = contract.as_ref().map(|contract| (contract.get("name"), contract.get("version")));
        let is_named = names == Some((Some(&Value::from(row.name.clone())), Some(&Value::from(row.version.clone()))));
        let is_canonical =
            contract.is_some_and(|contract| canonical::to_bytes(&contract).is_ok_and(|bytes| bytes == row.canonical));
        let entry = facts.take(row.no, EntryType::ContractPublished);
        let is_good = row.digest == digest.as_bytes()
            && is_named
            && is_canonical
            && entry.is_some_and(|entry| entry.object == digest && entry.at.as_ms() == row.published_ms);
        report.expect(is_good, "contract", row.no, "this contract version is not the one that was published");
    }
    Ok(())
}

async fn check_directory(
    connection: &mut SqliteConnection,
    facts: &mut Facts,
    report: &mut FsckReport,
) -> Result<(), StorageError> {
    let rows = db::directory::list(connection).await?;
    check_roots(connection, &rows, report).await?;
    let (mut previous, mut version) = (None, 0);
    for row in rows {
        let verified = PublicKey::parse(&row.root).ok().and_then(|root| {
            let envelope = document::envelope_of(&row.statement, &row.signature, &root);
            statement::verify::<DirectoryPredicate>(&envelope, &only_root(root)).ok()
        });
        let entry = facts.take(row.no, EntryType::DirectoryChanged);
        let digest = Digest::of(&row.statement);
        version += 1;
        let is_good = verified.is_some_and(|statement| {
            let follows = statement.subject.first().map(|subject| subject.digest);
            let is_next = follows == Some(previous.unwrap_or(Digest::from_bytes([0; 32])));
            let entered =
                entry.is_some_and(|entry| entry.object == digest && entry.sigs.contains(&statement.signature.digest()));
            is_next && entered && row.version == version && i64::try_from(statement.predicate.version) == Ok(version)
        });
        report.expect(
            is_good,
            "directory",
            row.version,
            "this version is not the one that the root key signed after the one before it",
        );
        previous = Some(digest);
    }
    Ok(())
}

/// A set of this root alone.
fn only_root(key: PublicKey) -> TrustSet {
    let (key_use, subject) = (KeyUse::Directory, "urn:seamark:root".to_owned());
    let from = seamark_contracts::clock::Timestamp::from_ms(i64::MIN);
    TrustSet::new([TrustedKey { key, key_use, subject, from, to: None }]).unwrap_or_default()
}

/// The first root is the one that the ledger names, and every other one that of the directory before its first.
async fn check_roots(
    connection: &mut SqliteConnection,
    directories: &[DirectoryRow],
    report: &mut FsckReport,
) -> Result<(), StorageError> {
    let roots = db::directory::list_roots(connection).await?;
    report.expect(!roots.is_empty(), "root", 0, "the organisation's root is missing");
    for (at, row) in roots.iter().enumerate() {
        let key = PublicKey::parse(&row.public_key).ok();
        let keyid = key.map(|key| key.id().to_string());
        let is_good = if at == 0 {
            let member = if row.no == 0 { "root" } else { "keyid" };
            let named = body_member(connection, row.no, member).await?;
            row.first_version == 1 && named.is_some() && named == keyid
        } else {
            let named_in = directories.iter().find(|directory| directory.version == row.first_version - 1);
            let next = named_in.and_then(|directory| directory::parse(&directory.statement)?.next_root);
            named_in.is_some_and(|directory| directory.no == row.no)
                && next.is_some_and(|next| next.parse().ok() == key)
        };
        report.expect(is_good, "root", row.no, "this root is not the one that the ledger or the root before it names");
    }
    Ok(())
}

/// The member of an event's body.
async fn body_member(connection: &mut SqliteConnection, no: i64, member: &str) -> Result<Option<String>, StorageError> {
    let body = db::ledger::find_body(connection, no).await?;
    let body = body.and_then(|body| serde_json::from_slice::<Value>(&body.bytes).ok());
    Ok(body.and_then(|body| body.get(member).and_then(Value::as_str).map(str::to_owned)))
}

/// Whether a key is for that side and those destinations that the ledger says. An entry from before keys had sides says
/// nothing: such a key acts as every destination.
async fn is_scoped_so(connection: &mut SqliteConnection, row: &AgentKeyRow) -> Result<bool, StorageError> {
    let Some(scope) = row.scope() else { return Ok(false) };
    let body = db::ledger::find_body(connection, row.no).await?;
    let body = body.and_then(|body| serde_json::from_slice::<Value>(&body.bytes).ok()).unwrap_or_default();
    let acts_for = body.get("actsFor").cloned().unwrap_or_else(|| json!(["*"]));
    let side = body.get("for").and_then(Value::as_str);
    Ok(acts_for == json!(scope.acts_for_texts()) && side == scope.side_text())
}

/// Whether an end is the one that the entry at `ended_no` records: of this key, one millisecond after the commit.
async fn is_ended_so(
    connection: &mut SqliteConnection,
    facts: &mut Facts,
    (ended_ms, ended_no): (Option<i64>, Option<i64>),
    (member, id): (&str, &str),
) -> Result<bool, StorageError> {
    let (ended_ms, no) = match (ended_ms, ended_no) {
        (None, None) => return Ok(true),
        (Some(ended_ms), Some(no)) => (ended_ms, no),
        _ => return Ok(false),
    };
    let at = facts.take(no, EntryType::KeyRevoked).map(|entry| entry.at.as_ms() + 1);
    Ok(at == Some(ended_ms) && body_member(connection, no, member).await?.as_deref() == Some(id))
}

async fn check_keys(
    connection: &mut SqliteConnection,
    facts: &mut Facts,
    report: &mut FsckReport,
) -> Result<(), StorageError> {
    // What was changed and not signed yet stands in the proposal.
    let newest = match db::directory::proposal(connection).await? {
        Some(row) => Some(row.statement),
        None => db::directory::newest(connection).await?.map(|row| row.statement),
    };
    let newest = newest.and_then(|statement| directory::parse(&statement));
    let (listed, subjects) = newest.map(|directory| (directory.keys, directory.subjects)).unwrap_or_default();
    for row in db::person::list_keys(connection).await? {
        let keyid = PublicKey::parse(&row.public_key).map(|key| key.id().to_string()).unwrap_or_default();
        let entered = facts.take(row.no, EntryType::KeyEnrolled).is_some()
            && body_member(connection, row.no, "keyid").await?.as_ref() == Some(&row.keyid);
        // What ended before the root had signed it is in no directory.
        let never_signed = row.ended().is_some() && listed.iter().all(|key| key.keyid != row.keyid);
        let is_listed = row.purpose == directory::use_text(KeyUse::Device)
            || never_signed
            || listed.iter().any(|key| {
                key.keyid == row.keyid
                    && key.subject == row.subject
                    && directory::use_text(key.key_use) == row.purpose
                    && key.to == row.ended()
            });
        let is_ended = is_ended_so(connection, facts, (row.to_ms, row.ended_no), ("keyid", &row.keyid)).await?;
        report.expect(
            keyid == row.keyid && entered && is_listed && is_ended,
            "signing_key",
            row.no,
            "this key is not the one that was enrolled and listed, or it has not ended as the ledger says",
        );
    }
    for row in db::agent_key::list(connection).await? {
        let entered = facts.take(row.no, EntryType::KeyEnrolled).is_some()
            && body_member(connection, row.no, "key").await?.as_ref() == Some(&row.id)
            && is_scoped_so(connection, &row).await?;
        let is_ended = is_ended_so(connection, facts, (row.ended_ms, row.ended_no), ("key", &row.id)).await?;
        report.expect(
            entered && is_ended,
            "agent_key",
            row.no,
            "this agent key is not the one that was made, or it has not ended as the ledger says",
        );
    }
    for row in db::person::list(connection).await? {
        let roles: Option<Vec<DirectoryRole>> = serde_json::from_str(&row.roles).ok();
        let subject = subjects.iter().find(|subject| subject.id == row.id);
        let is_listed = subject.is_some_and(|subject| {
            let of_row = roles.map(|mut roles| {
                roles.retain(|role| role.to.is_none() || subject.roles.contains(role));
                roles
            });
            subject.name == row.name && of_row.as_ref() == Some(&subject.roles)
        });
        report.expect(
            is_listed,
            "person",
            row.no,
            "this person has another name or other roles than the directory says",
        );
    }
    Ok(())
}

async fn check_refusals(
    ground: &Ground,
    connection: &mut SqliteConnection,
    facts: &mut Facts,
    report: &mut FsckReport,
) -> Result<(), StorageError> {
    let mut last = -1;
    loop {
        let page = db::refusal::list_after(connection, last, PAGE).await?;
        let Some(end) = page.last().map(|row| row.no) else { return Ok(()) };
        last = end;
        for row in page {
            report.n_refused += 1;
            let is_raw = row
                .raw
                .as_ref()
                .is_none_or(|raw| ground.keys.intake.mac("submission", &[raw]).as_slice() == row.body_mac);
            let is_entered = facts.take(row.no, EntryType::HandoffRefused).is_some();
            report.expect(
                is_raw && is_entered,
                "refusal",
                row.no,
                "this refused submission is not the one that was kept",
            );
        }
    }
}

/// Whatever says that something was erased stands in the ledger.
async fn check_erasures(
    connection: &mut SqliteConnection,
    facts: &mut Facts,
    report: &mut FsckReport,
) -> Result<(), StorageError> {
    let mut last = -1;
    loop {
        let page = db::erasure::list_after(connection, last, PAGE).await?;
        let Some(end) = page.last().map(|row| row.no) else { return Ok(()) };
        last = end;
        for row in page {
            let kinds = [EntryType::ErasurePerformed, EntryType::RetentionApplied];
            let entry = kinds.into_iter().find_map(|kind| facts.take(row.no, kind));
            let is_entered = entry
                .is_some_and(|entry| entry.handoff.is_some() == row.handoff.is_some() && entry.at.as_ms() == row.at_ms);
            report.expect(is_entered, "erasure", row.no, "no entry says that this was erased");
        }
    }
}

async fn check_handoffs(
    ground: &Ground,
    connection: &mut SqliteConnection,
    facts: &mut Facts,
    report: &mut FsckReport,
) -> Result<(), StorageError> {
    let mut last = -1;
    loop {
        let page = db::handoff::list_after(connection, last, PAGE).await?;
        let Some(end) = page.last().map(|row| row.no) else { break };
        last = end;
        for row in page {
            report.n_handoffs += 1;
            check_handoff(ground, connection, &row, facts, report).await?;
        }
    }
    // Invariant A3: whatever was accepted is a review or was passed on.
    let n_all = report.n_reviews + report.n_passed;
    report.expect(report.n_attempts == n_all, "attempt", 0, "an accepted handoff is neither a review nor passed on");
    let n_rows = db::attempt::count(connection).await?;
    report.expect(u64::try_from(n_rows) == Ok(report.n_attempts), "attempt", 0, "an attempt belongs to no handoff");
    Ok(())
}

async fn check_handoff(
    ground: &Ground,
    connection: &mut SqliteConnection,
    row: &HandoffRow,
    facts: &mut Facts,
    report: &mut FsckReport,
) -> Result<(), StorageError> {
    let expected = AgentUrn::parse(&row.submitter).ok().zip(HandoffId::parse(&row.handoff_id).ok());
    let expected = expected.and_then(|(submitter, id)| ledger_ref(&submitter, &id).ok());
    let is_named = expected.is_some_and(|expected| expected.to_hex() == row.ledger_ref);
    report.expect(is_named, "handoff", row.no, "its submitter or id is not the one that the ledger names");
    let attempts = db::attempt::list(connection, row.no).await?;
    let is_first = attempts.first().is_some_and(|first| first.no == row.no && first.opened_ms == row.created_ms);
    report.expect(is_first, "handoff", row.no, "its first attempt is missing");
    for (position, attempt) in attempts.iter().enumerate() {
        report.n_attempts += 1;
        let next = attempts.get(position + 1);
        check_attempt(ground, connection, row, attempt, next, expected, facts, report).await?;
    }
    Ok(())
}

#[expect(clippy::too_many_arguments, reason = "an attempt is compared with everything around it")]
async fn check_attempt(
    ground: &Ground,
    connection: &mut SqliteConnection,
    handoff: &HandoffRow,
    row: &AttemptRow,
    next: Option<&AttemptRow>,
    reference: Option<Digest>,
    facts: &mut Facts,
    report: &mut FsckReport,
) -> Result<(), StorageError> {
    let no = row.no;
    if row.review_id.is_some() {
        report.n_reviews += 1;
    }
    if row.state == "passed" {
        report.n_passed += 1;
    }
    let Some(statement) = db::attempt::load_statement(connection, no).await? else {
        report.add("statement", no, "the signed statement is missing");
        return Ok(());
    };
    let trusted = ground.trusted(connection).await?;
    let envelope = document::envelope(&statement.bytes, &statement.signature, &ground.keys.handoff);
    let verified = match statement::verify::<HandoffPredicate>(&envelope, &trusted.keys) {
        Ok(verified) => verified,
        Err(error) => {
            report.add(
                "statement",
                no,
                format!("the signed statement does not verify: {}", crate::problem::chain(&error)),
            );
            return Ok(());
        }
    };
    let entry = facts.take(no, EntryType::HandoffReceived);
    let is_entered = entry.is_some_and(|entry| {
        entry.object == verified.digest
            && entry.sigs.contains(&verified.signature.digest())
            && entry.handoff == reference
    });
    report.expect(is_entered, "attempt", no, "its entry names another statement or another handoff");
    let predicate = &verified.predicate;
    let request = predicate.request.as_ref();
    let candidates: Vec<String> = serde_json::from_str(&row.candidates).unwrap_or_default();
    let is_same = row.statement_digest == verified.digest.as_bytes()
        && row.attempt == predicate.attempt
        && row.revision == i64::from(predicate.revision)
        && row.contract_name == predicate.contract.name
        && row.contract_version == predicate.contract.version
        && row.review_id.is_some() == request.is_some()
        && row.expires_ms == request.map(|request| request.expires_at.as_ms())
        && request.is_none_or(|request| request.candidates == candidates)
        && (row.state == "passed") == request.is_none()
        && handoff.handoff_id == predicate.handoff_id.to_string()
        && handoff.submitter == predicate.source.submitted_by.as_str()
        && handoff.destination == predicate.destination.agent.as_str()
        && handoff.correlation_id == predicate.correlation_id;
    report.expect(is_same, "attempt", no, "its columns say something else than the signed statement");
    let is_followed = match (row.state.as_str(), next) {
        ("superseded", Some(next)) => row.superseded_by == Some(next.no),
        ("superseded", None) => false,
        (_, next) => next.is_none() && row.superseded_by.is_none(),
    };
    report.expect(
        is_followed,
        "attempt",
        no,
        "what took its place is not what it says, or it was replaced without saying so",
    );
    if let Some(consumed_no) = row.consumed_no {
        let is_entered =
            facts.take(consumed_no, EntryType::AttemptConsumed).is_some_and(|entry| entry.handoff == reference);
        report.expect(is_entered, "attempt", no, "it is marked used up without an entry");
    }
    check_content(ground, connection, row, &verified.predicate, report).await
}

/// What may be erased, as far as it is there.
async fn check_content(
    ground: &Ground,
    connection: &mut SqliteConnection,
    row: &AttemptRow,
    predicate: &HandoffPredicate,
    report: &mut FsckReport,
) -> Result<(), StorageError> {
    let Some(payload) = db::handoff::find_payload(connection, row.content).await? else {
        report.add("payload", row.content, "the row of the content is missing; erasing leaves an empty one");
        return Ok(());
    };
    if payload.raw.is_none() || payload.disclosures.is_none() {
        let is_erased = db::erasure::find(connection, row.handoff).await?.is_some();
        report.expect(is_erased, "payload", row.content, "it is gone, and the ledger says nothing of an erasure");
    }
    if let Some(raw) = &payload.raw {
        let is_same = ground.keys.intake.mac("submission", &[raw]).as_slice() == row.body_mac;
        report.expect(is_same, "payload", row.content, "the submitted bytes are not those that were received");
    }
    if let Some(disclosures) = &payload.disclosures {
        let disclosures: Vec<String> = serde_json::from_str(disclosures).unwrap_or_default();
        let masked = serde_json::to_value(predicate).unwrap_or_default();
        let is_good = mask::reconstruct(&masked, &disclosures)
            .is_ok_and(|raw| mask::check_masks(&masked, &predicate.masks, &raw).is_ok());
        report.expect(is_good, "payload", row.content, "the disclosures are not those of the signed statement");
    }
    for artifact in &predicate.artifacts {
        let stored = db::handoff::find_artifact(connection, row.content, artifact.digest.as_bytes()).await?;
        let is_good = stored.is_some_and(|stored| match (stored.salt, stored.bytes) {
            (Some(salt), Some(bytes)) => Digest::of(&[salt, bytes].concat()) == artifact.digest,
            _ => true,
        });
        report.expect(is_good, "artifact", row.content, "a file is missing or is not the one that was signed");
    }
    Ok(())
}
