//! Looking back: past reviews, one record, and a verification that really verifies.
//!
//! The gateway's answer is a list of claims by the gateway. A record's *Verify* fetches it again and checks it under the
//! keys pinned at enrolment, against the ledger head that this desk remembers, and against this desk's own journal.

mod export;
mod record;
mod reveals;

pub(crate) use export::write_new;

use futures_util::future::join_all;
use seamark_contracts::api::review::ReviewDocument;
use seamark_contracts::clock::Timestamp;

use crate::answer::{AuditBanner, AuditFilters, AuditPage, AuditRow, Choice, ReviewKind};
use crate::core::{Enrolled, Inner};
use crate::refusal::{Refusal, RefusalCode};
use crate::review::closing;
use crate::state::small;
use crate::words;

/// Most rows of one window.
const MAX_ROWS: u32 = 200;

/// Rows fetched from the gateway at a time.
const PAGE: u32 = 100;

/// How far one may scroll; a search narrows what is further away.
const MAX_OFFSET: usize = 10_000;

/// So long the rows of one search are kept, in milliseconds.
const KEEP_MS: i64 = 10_000;

/// So long the numbers beside the filters are kept.
const KEEP_CHOICES_MS: i64 = 30_000;

const OUTCOMES: [ReviewKind; 5] =
    [ReviewKind::Approved, ReviewKind::Rejected, ReviewKind::Expired, ReviewKind::Withdrawn, ReviewKind::Superseded];

/// One search.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Search {
    query: String,
    outcome: Option<String>,
    contract: Option<String>,
}

/// The rows of the last search so far, so that scrolling does not begin anew.
#[derive(Debug, Default)]
pub(crate) struct AuditWindow {
    search: Option<Search>,
    fetched_at: Option<Timestamp>,
    documents: Vec<ReviewDocument>,
    n_matching: u64,
    next: Option<String>,
    choices: Option<(Timestamp, AuditFilters)>,
}

impl AuditWindow {
    /// How many there are to scroll through. The gateway counts up to a bound; while it has a next page there is at least one
    /// more than were fetched.
    fn total(&self) -> u64 {
        let n_fetched = u64::try_from(self.documents.len()).unwrap_or(u64::MAX);
        let n_known = if self.next.is_some() { n_fetched.saturating_add(1) } else { n_fetched };
        self.n_matching.max(n_known)
    }
}

fn outcome_name(kind: ReviewKind) -> &'static str {
    match kind {
        ReviewKind::Open => "open",
        ReviewKind::Approved => "approved",
        ReviewKind::Rejected => "rejected",
        ReviewKind::Expired => "expired",
        ReviewKind::Withdrawn => "withdrawn",
        ReviewKind::Superseded => "superseded",
    }
}

impl Search {
    fn parameters(&self) -> Vec<(&'static str, String)> {
        let mut parameters = Vec::new();
        if !self.query.is_empty() {
            parameters.push(("q", self.query.clone()));
        }
        parameters.extend(self.outcome.clone().map(|outcome| ("outcome", outcome)));
        parameters.extend(self.contract.clone().map(|contract| ("contract", contract)));
        parameters
    }
}

impl Inner {
    pub(crate) async fn audit_rows(
        &self,
        query: &str,
        outcome: Option<&str>,
        contract: Option<&str>,
        offset: u32,
        limit: u32,
    ) -> Result<AuditPage, Refusal> {
        let enrolled = self.need_account()?;
        let limit = limit.min(MAX_ROWS);
        let search = Search {
            query: query.trim().chars().take(200).collect(),
            outcome: outcome.map(str::to_owned).filter(|outcome| !outcome.is_empty()),
            contract: contract.map(str::to_owned).filter(|contract| !contract.is_empty()),
        };
        let (documents, total, filters, is_local) = match self.remote_rows(&enrolled, &search, offset, limit).await {
            Ok((documents, total, filters)) => (documents, total, filters, false),
            // Only an unreachable gateway is replaced by what this desk keeps; what it answers is told as it is.
            Err(refusal) if refusal.code == RefusalCode::Offline => {
                tracing::info!(?refusal, "past reviews are looked up on this desk instead");
                let (documents, total) = self.local_rows(&search, offset, limit).await?;
                (documents, total, AuditFilters { outcomes: Vec::new(), contracts: Vec::new() }, true)
            }
            Err(refusal) => return Err(refusal),
        };
        let rows = join_all(documents.iter().map(|document| self.audit_row(&enrolled, document))).await;
        Ok(AuditPage { rows, total: small(total), offset, filters, banner: self.banner(is_local) })
    }

    async fn remote_rows(
        &self,
        enrolled: &Enrolled,
        search: &Search,
        offset: u32,
        limit: u32,
    ) -> Result<(Vec<ReviewDocument>, u64, AuditFilters), Refusal> {
        let now = self.local_now();
        let mut window = self.audit.lock().await;
        let is_kept = window.search.as_ref() == Some(search)
            && window.fetched_at.is_some_and(|at| (now.as_ms() - at.as_ms()).abs() < KEEP_MS);
        // Scrolling on goes on in the same list; looking at its beginning again looks anew.
        if !is_kept || offset == 0 {
            let choices = window.choices.take();
            *window = AuditWindow { search: Some(search.clone()), choices, ..AuditWindow::default() };
        }
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(MAX_OFFSET);
        let end = start.saturating_add(usize::try_from(limit).unwrap_or(0));
        while window.documents.len() < end && (window.fetched_at.is_none() || window.next.is_some()) {
            let mut parameters = search.parameters();
            parameters.push(("limit", PAGE.to_string()));
            parameters.extend(window.next.clone().map(|next| ("after", next)));
            let page = enrolled.client.audit_page(&parameters).await?;
            window.documents.extend(page.reviews);
            window.n_matching = page.n_matching;
            window.next = page.next;
            window.fetched_at = Some(now);
        }
        let documents: Vec<_> = window.documents.iter().skip(start).take(end - start).cloned().collect();
        let filters = self.audit_choices(enrolled, &mut window, now).await;
        Ok((documents, window.total(), filters))
    }

    /// The numbers beside the filters, over everything.
    async fn audit_choices(&self, enrolled: &Enrolled, window: &mut AuditWindow, now: Timestamp) -> AuditFilters {
        if let Some((at, filters)) = &window.choices
            && (now.as_ms() - at.as_ms()).abs() < KEEP_CHOICES_MS
        {
            return filters.clone();
        }
        let count = async |name: &'static str, value: String| {
            let parameters = [(name, value), ("limit", "1".to_owned())];
            enrolled.client.audit_page(&parameters).await.map_or(0, |page| page.n_matching)
        };
        let outcomes = join_all(OUTCOMES.map(|kind| {
            let count = count("outcome", outcome_name(kind).to_owned());
            async move {
                Choice {
                    id: outcome_name(kind).to_owned(),
                    label: words::kind_word(kind).to_owned(),
                    count: small(count.await),
                }
            }
        }))
        .await;
        let titles = self.store.contract_titles().await.unwrap_or_default();
        let contracts = join_all(titles.into_iter().map(|(name, title)| {
            let count = count("contract", name.clone());
            async move { Choice { label: title, count: small(count.await), id: name } }
        }))
        .await;
        let filters = AuditFilters {
            outcomes: outcomes.into_iter().filter(|choice| choice.count > 0).collect(),
            contracts: contracts.into_iter().filter(|choice| choice.count > 0).collect(),
        };
        window.choices = Some((now, filters.clone()));
        filters
    }

    async fn local_rows(
        &self,
        search: &Search,
        offset: u32,
        limit: u32,
    ) -> Result<(Vec<ReviewDocument>, u64), Refusal> {
        let (outcome, contract) = (search.outcome.as_deref(), search.contract.as_deref());
        let (bodies, total) = self.store.closed_documents(&search.query, outcome, contract, offset, limit).await?;
        Ok((bodies.iter().filter_map(|body| serde_json::from_str(body).ok()).collect(), total))
    }

    async fn audit_row(&self, enrolled: &Enrolled, document: &ReviewDocument) -> AuditRow {
        let row = self.row_of(enrolled, document).await;
        let (by, at) = closing(document);
        let kind = words::review_kind(words::state_name(document.state));
        AuditRow {
            review_id: document.review_id.to_string(),
            line: row.as_ref().map_or_else(String::new, |row| row.line.clone()),
            outcome: kind,
            cause: document.outcome.as_ref().map_or_else(String::new, |outcome| words::cause(outcome.cause).to_owned()),
            // A deadline or an agent never looks like a person.
            by: by.unwrap_or_else(|| match kind {
                ReviewKind::Expired => "The deadline".to_owned(),
                ReviewKind::Withdrawn | ReviewKind::Superseded => "The source".to_owned(),
                ReviewKind::Open | ReviewKind::Approved | ReviewKind::Rejected => String::new(),
            }),
            decided_at: at.unwrap_or(document.expires_at).to_string(),
            contract: document.contract.name.clone(),
            tier: crate::inbox::parse_tier(row.as_ref().map_or("T4", |row| &row.tier)),
            result: document.result.as_ref().map(words::result),
        }
    }

    fn banner(&self, is_local: bool) -> AuditBanner {
        let ledger = self.ledger_state();
        let text = if is_local {
            format!(
                "The gateway cannot be reached. Shown is what this desk keeps: reviews closed in the last 72 hours. {}",
                ledger.text
            )
        } else {
            ledger.text
        };
        AuditBanner { state: ledger.state, text }
    }
}

#[cfg(test)]
mod tests {
    use super::AuditWindow;

    #[test]
    fn the_next_page_stays_within_reach_while_the_gateway_has_one() {
        let window = |n_matching, next: Option<&str>| AuditWindow {
            n_matching,
            next: next.map(str::to_owned),
            ..AuditWindow::default()
        };
        assert_eq!(window(250, Some("17")).total(), 250);
        assert_eq!(window(0, Some("17")).total(), 1, "the count stops at a bound, the rows do not");
        assert_eq!(window(0, None).total(), 0);
    }
}
