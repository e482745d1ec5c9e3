//! From an admitted handoff to rows: the attempt with its entries and, when the gate asks for a person, its open review.

use seamark_contracts::digest::Digest;
use seamark_contracts::handoff::HandoffPredicate;
use seamark_contracts::id::ReviewId;
use seamark_ledger::entry::EntryType;
use serde_json::json;

use crate::db::StorageError;
use crate::db::attempt::{AttemptRow, StatementRow};
use crate::recorded::{Draft, Entered, Event, Object, Of, Position};
use crate::sign::Signed;

/// A signed attempt that is to be recorded.
#[derive(Clone, Debug)]
pub(crate) struct Prepared {
    pub(crate) predicate: HandoffPredicate,
    pub(crate) signed: Signed,
    pub(crate) review_id: Option<ReviewId>,
    /// HMAC of the submitted bytes.
    pub(crate) body_mac: [u8; 32],
    /// The attempt that brought the content; `None` when it is this one.
    pub(crate) content: Option<i64>,
}

impl Prepared {
    /// The entry with which the attempt begins.
    pub(crate) fn received(&self, actor: &str, of: Of) -> Draft {
        Draft {
            kind: EntryType::HandoffReceived,
            actor: actor.to_owned(),
            of,
            object: Object::Digest(self.signed.digest),
            sigs: vec![self.signed.signature.digest()],
        }
    }

    /// The attempt's row. `no` is the position of its `handoff.received`.
    fn row(&self, handoff: i64, no: i64, at_ms: i64) -> AttemptRow {
        let request = self.predicate.request.as_ref();
        AttemptRow {
            no,
            handoff,
            revision: i64::from(self.predicate.revision),
            attempt: self.predicate.attempt.clone(),
            body_mac: self.body_mac.to_vec(),
            content: self.content.unwrap_or(no),
            contract_name: self.predicate.contract.name.clone(),
            contract_version: self.predicate.contract.version.clone(),
            statement_digest: self.signed.digest.as_bytes().to_vec(),
            state: if request.is_some() { "open" } else { "passed" }.to_owned(),
            review_id: self.review_id.map(|id| id.to_string()),
            version: 1,
            candidates: json!(request.map(|request| request.candidates.as_slice()).unwrap_or_default()).to_string(),
            opened_ms: at_ms,
            expires_ms: request.map(|request| request.expires_at.as_ms()),
            closed_ms: request.is_none().then_some(at_ms),
            superseded_by: None,
            consumed_no: None,
            delivered_ms: None,
        }
    }
}

/// Records `review.opened` or `handoff.passed` after the `handoff.received` that was just entered, and adds the rows.
pub(crate) async fn open_attempt(
    entered: &mut Entered<'_>,
    prepared: &Prepared,
    handoff: i64,
    ledger_ref: Digest,
    actor: &str,
) -> Result<(AttemptRow, Position), StorageError> {
    let received = entered.position();
    let row = prepared.row(handoff, received.no, entered.now().as_ms());
    let (kind, event) = match prepared.predicate.request {
        Some(_) => (EntryType::ReviewOpened, Event::Opened),
        None => (EntryType::HandoffPassed, Event::Passed),
    };
    let draft = Draft {
        kind,
        actor: actor.to_owned(),
        of: Of::Handoff { no: handoff, ledger_ref },
        object: Object::Digest(prepared.signed.digest),
        sigs: vec![prepared.signed.signature.digest()],
    };
    entered.also(draft).await?;
    let statement = StatementRow {
        no: row.no,
        bytes: prepared.signed.bytes.clone(),
        signature: prepared.signed.signature.as_bytes().to_vec(),
    };
    entered.admit(row.clone(), statement);
    entered.tell(event, Some(row.no));
    Ok((row, received))
}
