//! Reading one masked field (invariants F1, F4): recorded first, then answered.
//!
//! ORDER: the transaction that records a reveal commits before its disclosure is put into an answer. A commit that fails
//! gives no value; a crash after the commit leaves an entry that says more than the person has seen, never less.

use std::time::Duration;

use axum::http::StatusCode;
use seamark_contracts::api::reveal::{RevealAnswer, RevealRequest};
use seamark_contracts::clock::Timestamp;
use seamark_contracts::mask;
use seamark_contracts::pointer;
use seamark_contracts::problem::ErrorCode;
use seamark_contracts::reveal::{self, PurposeError};
use seamark_ledger::entry::EntryType;
use serde_json::{Map, Value, json};

use crate::auth::{Device, Gone};
use crate::conclude::{self, Case};
use crate::db::reveal::RevealRow;
use crate::db::{self, StorageError};
use crate::decide::{Standing, closed, find_visible, standing};
use crate::directory;
use crate::document;
use crate::problem::{Failure, code_text};
use crate::recorded::{Change, Draft, Object, Plan};
use crate::state::Shared;

/// So long after its entry a reveal is answered again, and a copy of its value is recorded, in milliseconds. A desk masks
/// the value again after 30 seconds; the rest is for the way.
const SERVES_MS: i64 = 60_000;

/// Longest path that is read, in bytes.
const MAX_PATH: usize = 2_000;

/// What a person is let read.
#[derive(Clone, Copy, Debug)]
struct Rate {
    max: u32,
    window: Duration,
}

/// A request to read one masked field.
struct Reveal {
    case: Case,
    device: Device,
    request: RevealRequest,
    rate: Rate,
    /// The roles of the person that the organisation has signed.
    signed: Vec<String>,
}

/// What became of it. No `Debug`: a hidden value may be in it.
enum Revealed {
    Done(RevealAnswer),
    /// The review is not open any more; its state.
    Closed(String),
    /// The device has ended meanwhile.
    Gone(Gone),
    /// The person has none of the roles any more: the review is not theirs to see.
    NotSeen,
    /// This person may not read this, whatever it is.
    Forbidden,
    /// The person's key or role waits for the organisation's signature.
    Unsigned,
    /// Too many; again after so long.
    TooMany(Duration),
    /// The id was used for another request, or too long ago.
    IdTaken,
    /// The value was erased.
    Erased,
}

impl Change for Reveal {
    type Done = Revealed;

    async fn apply(&mut self, plan: &mut Plan<'_>) -> Result<Revealed, StorageError> {
        let (no, now) = (self.case.attempt.no, plan.now());
        let person = self.device.person.id.as_str();
        let roles = match standing(plan, &self.device.decision_keyid).await? {
            Standing::Holds(roles) => roles,
            Standing::Gone(gone) => return Ok(Revealed::Gone(gone)),
        };
        let asked = db::parsed(self.case.predicate.request.as_ref(), "statement", "bytes", no)?;
        if !asked.candidates.iter().any(|role| roles.contains(role)) {
            return Ok(Revealed::NotSeen);
        }
        // Nothing is given of a review that is over, not even again.
        let fresh = conclude::reload(plan, &self.case).await?;
        if fresh.state != "open" {
            return Ok(Revealed::Closed(fresh.state));
        }
        if fresh.expires_ms.is_none_or(|end| end <= now.as_ms()) {
            return Ok(Revealed::Closed("expired".to_owned()));
        }
        // What the organisation has not signed counts for nobody (attack A16): whoever redeemed an invitation in vain reads
        // nothing.
        let counted: Vec<String> = roles.iter().filter(|role| self.signed.contains(role)).cloned().collect();
        let may_reveal = reveal::may_reveal(&self.case.compiled, &counted)
            && asked.candidates.iter().any(|role| counted.contains(role));
        if !may_reveal && reveal::may_reveal(&self.case.compiled, &roles) {
            return Ok(Revealed::Unsigned);
        }
        let before = db::reveal::find(plan.reader().await?, person, &self.request.reveal_id.to_string()).await?;
        if let Some(row) = before {
            return if may_reveal { self.again(plan, &row).await } else { Ok(Revealed::Forbidden) };
        }
        if let Some(wait) = self.wait(plan).await? {
            return Ok(Revealed::TooMany(wait));
        }
        let path = self.request.path.as_str();
        if !may_reveal || reveal::find_revealable(&self.case.compiled, &self.case.predicate, path).is_none() {
            self.record_refusal(plan).await?;
            return Ok(Revealed::Forbidden);
        }
        let Some((disclosure, digest)) = self.disclosure(plan).await? else { return Ok(Revealed::Erased) };
        self.record(plan, disclosure, digest).await.map(Revealed::Done)
    }
}

impl Reveal {
    /// The same request again: the answer was lost on the way.
    async fn again(&self, plan: &mut Plan<'_>, row: &RevealRow) -> Result<Revealed, StorageError> {
        let is_same = row.state == "revealed"
            && row.attempt == self.case.attempt.no
            && row.device == self.device.decision_keyid
            && row.path.as_deref() == Some(self.request.path.as_str());
        if !is_same || plan.now().as_ms() - row.at_ms > SERVES_MS {
            return Ok(Revealed::IdTaken);
        }
        let Some((disclosure, _)) = self.disclosure(plan).await? else { return Ok(Revealed::Erased) };
        let recorded = document::position(plan.reader().await?, row.no).await?;
        Ok(Revealed::Done(RevealAnswer {
            reveal_id: self.request.reveal_id,
            path: self.request.path.clone(),
            disclosure,
            recorded,
            recorded_at: Timestamp::from_ms(row.at_ms),
        }))
    }

    /// How long this person has to wait. Refused requests count too, so that guessing is slow.
    async fn wait(&self, plan: &mut Plan<'_>) -> Result<Option<Duration>, StorageError> {
        let (now, window_ms) = (plan.now().as_ms(), i64::try_from(self.rate.window.as_millis()).unwrap_or(i64::MAX));
        let person = self.device.person.id.as_str();
        let times = db::reveal::list_times(
            plan.reader().await?,
            person,
            now.saturating_sub(window_ms),
            i64::from(self.rate.max),
        )
        .await?;
        let is_full = u32::try_from(times.len()).is_ok_and(|n| n >= self.rate.max);
        let oldest = times.first().copied().unwrap_or(now);
        let wait_ms = u64::try_from(oldest.saturating_add(window_ms).saturating_sub(now)).unwrap_or(0);
        Ok(is_full.then(|| Duration::from_millis(wait_ms.max(1))))
    }

    /// The disclosure under the path and its digest; nothing once it was erased.
    async fn disclosure(&self, plan: &mut Plan<'_>) -> Result<Option<(String, String)>, StorageError> {
        let disclosures = document::disclosures(plan.reader().await?, self.case.attempt.content).await?;
        let no = self.case.attempt.no;
        let signed = db::parsed(serde_json::to_value(&self.case.predicate).ok(), "statement", "bytes", no)?;
        let found = mask::find_disclosure(&signed, &self.request.path, &disclosures);
        Ok(found.map(|(disclosure, digest)| (disclosure.to_owned(), digest)))
    }

    fn body(&self) -> Map<String, Value> {
        Map::from_iter([
            ("person".to_owned(), json!(self.device.person.id.as_str())),
            ("device".to_owned(), json!(self.device.decision_keyid)),
        ])
    }

    fn draft(&self, kind: EntryType, body: Map<String, Value>) -> Draft {
        Draft {
            kind,
            actor: self.device.decision_keyid.clone(),
            of: self.case.of(),
            object: Object::Event(body),
            sigs: Vec::new(),
        }
    }

    fn row(&self, no: i64, at: Timestamp, field: Option<(String, String)>) -> RevealRow {
        let state = if field.is_some() { "revealed" } else { "refused" };
        let (path, digest) = field.unzip();
        RevealRow {
            no,
            attempt: self.case.attempt.no,
            person: self.device.person.id.as_str().to_owned(),
            device: self.device.decision_keyid.clone(),
            reveal_id: self.request.reveal_id.to_string(),
            state: state.to_owned(),
            path,
            digest,
            at_ms: at.as_ms(),
            copied_no: None,
        }
    }

    async fn record(
        &self,
        plan: &mut Plan<'_>,
        disclosure: String,
        digest: String,
    ) -> Result<RevealAnswer, StorageError> {
        let RevealRequest { reveal_id, path, purpose } = &self.request;
        let mut body = self.body();
        body.insert("path".to_owned(), json!(path));
        body.insert("purpose".to_owned(), json!(purpose));
        body.insert("disclosure".to_owned(), json!(digest));
        body.insert("statement".to_owned(), json!(self.case.statement));
        let mut entered = plan.record(self.draft(EntryType::DisclosureRevealed, body)).await?;
        let (position, at) = (entered.position(), entered.now());
        let row = self.row(position.no, at, Some((path.clone(), digest)));
        db::reveal::insert(&mut entered.write().await?, &row).await?;
        let recorded = position.to_wire();
        Ok(RevealAnswer { reveal_id: *reveal_id, path: path.clone(), disclosure, recorded, recorded_at: at })
    }

    /// Who asked for what they may not read. A path is kept only when it is one that the statement names: what else
    /// somebody sends is not recorded.
    async fn record_refusal(&self, plan: &mut Plan<'_>) -> Result<(), StorageError> {
        let mut body = self.body();
        body.insert("what".to_owned(), json!("reveal"));
        body.insert("code".to_owned(), json!(code_text(ErrorCode::Forbidden)));
        body.insert("statement".to_owned(), json!(self.case.statement));
        if self.case.predicate.masks.iter().any(|mask| mask.path == self.request.path) {
            body.insert("path".to_owned(), json!(self.request.path));
        }
        let mut entered = plan.record(self.draft(EntryType::AccessRefused, body)).await?;
        let row = self.row(entered.position().no, entered.now(), None);
        db::reveal::insert(&mut entered.write().await?, &row).await
    }
}

/// Records and answers a reveal.
pub(crate) async fn reveal(
    shared: &Shared,
    device: &Device,
    review_id: &str,
    request: RevealRequest,
) -> Result<RevealAnswer, Failure> {
    request.purpose.check().map_err(|error| {
        let field = if error == PurposeError::Missing { "/purpose" } else { "/purpose/text" };
        Failure::invalid(field, format!("{error}. Nothing was revealed."))
    })?;
    if request.path.len() > MAX_PATH || pointer::Pointer::parse(&request.path).is_err() {
        return Err(Failure::invalid("/path", "this is no JSON Pointer of a masked field"));
    }
    let mut connection = shared.database.read().await?;
    let attempt = find_visible(&mut connection, device, review_id).await?;
    let case = conclude::load_case(shared, &mut connection, attempt).await?;
    let trusted = directory::trusted(shared, &mut connection).await?;
    drop(connection);
    let rate = Rate { max: shared.limits.reveals, window: shared.limits.reveals_per };
    let signed = trusted.roles_signed_for(device).map_err(Failure::internal)?;
    let change = Reveal { case, device: device.clone(), request, rate, signed };
    // ORDER: the recorder answers when the entry is committed; only then there is a disclosure to send.
    match shared.recorder.record(change).await? {
        Revealed::Done(answer) => Ok(answer),
        Revealed::Closed(state) => Err(closed(&state)),
        Revealed::Gone(gone) => Err(gone.failure()),
        Revealed::NotSeen => Err(Failure::not_found("review")),
        Revealed::Forbidden => Err(Failure::forbidden(
            "You may not read this field, or there is no such field. The request was recorded, and nothing was revealed. Decide \
             without it, or escalate to somebody who may read it.",
        )),
        Revealed::Unsigned => Err(directory::pending("Your key or role", "Nothing was revealed. Ask again then.")),
        Revealed::TooMany(wait) => Err(Failure::unavailable(
            StatusCode::TOO_MANY_REQUESTS,
            wait,
            "You have asked for as many masked fields as one person may within this time. Nothing was revealed. Decide without \
             it, or wait.",
        )),
        Revealed::IdTaken => Err(Failure::invalid(
            "/revealId",
            "this id belongs to another request, or to one that is answered no more; make a new one",
        )),
        Revealed::Erased => Err(Failure::not_found("value of this field: it was erased, and only its mask is left,")),
    }
}

/// The value of a reveal is about to be copied.
struct Copy {
    case: Case,
    device: Device,
    reveal_id: String,
}

/// What became of it.
enum Copied {
    Done(i64),
    Gone(Gone),
    /// There is no such reveal of this device here, or it is over.
    Over,
}

impl Change for Copy {
    type Done = Copied;

    async fn apply(&mut self, plan: &mut Plan<'_>) -> Result<Copied, StorageError> {
        let now = plan.now();
        if let Standing::Gone(gone) = standing(plan, &self.device.decision_keyid).await? {
            return Ok(Copied::Gone(gone));
        }
        let person = self.device.person.id.as_str();
        let row = db::reveal::find(plan.reader().await?, person, &self.reveal_id).await?;
        let is_it = |row: &RevealRow| row.attempt == self.case.attempt.no && row.device == self.device.decision_keyid;
        let Some(row) = row.filter(is_it) else { return Ok(Copied::Over) };
        if let Some(copied_no) = row.copied_no {
            return Ok(Copied::Done(copied_no));
        }
        let (Some(digest), true) = (row.digest, now.as_ms() - row.at_ms <= SERVES_MS) else { return Ok(Copied::Over) };
        let body = Map::from_iter([
            ("person".to_owned(), json!(person)),
            ("device".to_owned(), json!(self.device.decision_keyid)),
            ("reveal".to_owned(), json!(row.no)),
            ("disclosure".to_owned(), json!(digest)),
        ]);
        let draft = Draft {
            kind: EntryType::DisclosureCopied,
            actor: self.device.decision_keyid.clone(),
            of: self.case.of(),
            object: Object::Event(body),
            sigs: Vec::new(),
        };
        let mut entered = plan.record(draft).await?;
        let copied_no = entered.position().no;
        db::reveal::set_copied(&mut entered.write().await?, row.no, copied_no).await?;
        Ok(Copied::Done(copied_no))
    }
}

/// Records that a revealed value is put on the clipboard. Answers with the position of the entry.
pub(crate) async fn copied(shared: &Shared, device: &Device, review_id: &str, reveal_id: &str) -> Result<i64, Failure> {
    let mut connection = shared.database.read().await?;
    let attempt = find_visible(&mut connection, device, review_id).await?;
    let case = conclude::load_case(shared, &mut connection, attempt).await?;
    drop(connection);
    let change = Copy { case, device: device.clone(), reveal_id: reveal_id.to_owned() };
    match shared.recorder.record(change).await? {
        Copied::Done(no) => Ok(no),
        Copied::Gone(gone) => Err(gone.failure()),
        Copied::Over => Err(Failure::not_found("reveal of the last minute on this device")),
    }
}
