//! The inbox: windows into the list of reviews.

use crate::answer::{Choice, Group, InboxPage, InboxRow, LinkState, ReviewKind};
use crate::cache::{Filter, WindowRow};
use crate::core::Inner;
use crate::refusal::Refusal;
use crate::state::{SOON_MS, small};
use crate::words;
use seamark_contracts::clock::Timestamp;
use seamark_contracts::handoff::Tier;

/// Most rows of one window.
const MAX_ROWS: u32 = 500;

/// Longest search text, in characters.
const MAX_QUERY: usize = 200;

impl Inner {
    pub(crate) async fn inbox_rows(
        &self,
        filter: &str,
        query: &str,
        offset: u32,
        limit: u32,
    ) -> Result<InboxPage, Refusal> {
        let now = self.now();
        let version = self.version();
        let query: String = query.chars().take(MAX_QUERY).collect();
        let counts = self.counts().await?;
        let filter = match filter {
            "mine" => Filter::Mine,
            "all" => Filter::All,
            "expiring" => Filter::ExpiringBefore(now.plus_ms(SOON_MS)),
            contract => Filter::Contract(contract.to_owned()),
        };
        let rows = self.store.window(&filter, &query, offset, limit.min(MAX_ROWS)).await?;
        let total = match &filter {
            _ if !query.trim().is_empty() => self.store.n_matching(&filter, &query).await?,
            Filter::Mine => counts.n_mine,
            Filter::All => counts.n_all,
            Filter::ExpiringBefore(_) => self.store.n_matching(&filter, "").await?,
            Filter::Contract(name) => {
                counts.by_contract.iter().find(|count| count.name == *name).map_or(0, |count| count.n)
            }
        };
        let choice = |id: &str, label: &str, count: u64| Choice {
            id: id.to_owned(),
            label: label.to_owned(),
            count: small(count),
        };
        let mut filters = vec![
            choice("mine", "Mine", counts.n_mine),
            choice("all", "All", counts.n_all),
            choice("expiring", "Expiring", counts.n_expiring),
        ];
        filters.extend(counts.by_contract.iter().map(|count| choice(&count.name, &count.title, count.n)));
        Ok(InboxPage {
            rows: rows.iter().map(|row| self.inbox_row(row, now)).collect(),
            total: small(total),
            offset,
            version,
            filters,
            stale: self.staleness(),
        })
    }

    fn inbox_row(&self, row: &WindowRow, now: Timestamp) -> InboxRow {
        let state = words::review_kind(&row.state);
        let is_open = state == ReviewKind::Open;
        let tier = parse_tier(&row.tier);
        let mut marks = Vec::new();
        if row.is_changed {
            marks.push("changed since you looked".to_owned());
        }
        if row.fault.is_some() {
            marks.push("cannot be verified".to_owned());
        }
        if is_open && self.link().state != LinkState::Connected {
            marks.push("offline".to_owned());
        }
        let group = if is_open {
            self.calendar.group(row.expires_at, now)
        } else {
            Group { id: "closed".to_owned(), label: "Closed lately".to_owned() }
        };
        InboxRow {
            review_id: row.review_id.clone(),
            line: row.line.clone(),
            context: row.context.clone(),
            source: row.source.clone(),
            tier,
            tier_word: words::tier_word(tier).to_owned(),
            marks,
            group,
            expires_at: row.expires_at.to_string(),
            expires_text: match row.closed_at {
                Some(at) if !is_open => self.calendar.moment(at, now),
                _ => self.calendar.deadline(row.expires_at, now),
            },
            urgency: if is_open { self.calendar.urgency(row.expires_at, now) } else { crate::answer::Urgency::None },
            contract: row.contract.clone(),
            state,
            state_text: (!is_open).then(|| self.closed_text(state, row.closed_by.as_deref(), row.closed_at, now)),
            seen: row.is_seen,
            opened_at: row.opened_at.to_string(),
        }
    }

    /// How a review ended, for lists and headers: `Approved by Ana Example, 10:44`.
    pub(crate) fn closed_text(
        &self,
        state: ReviewKind,
        by: Option<&str>,
        at: Option<Timestamp>,
        now: Timestamp,
    ) -> String {
        let when = at.map(|at| format!(", {}", self.calendar.moment(at, now))).unwrap_or_default();
        match (state, by) {
            (ReviewKind::Open, _) => "Open".to_owned(),
            (ReviewKind::Approved, Some(by)) => format!("Approved by {by}{when}"),
            (ReviewKind::Rejected, Some(by)) => format!("Rejected by {by}{when}"),
            (ReviewKind::Approved, None) => format!("Approved{when}"),
            (ReviewKind::Rejected, None) => format!("Rejected{when}"),
            (ReviewKind::Expired, _) => format!("Expired without an answer{when}: nothing is done"),
            (ReviewKind::Withdrawn, _) => format!("Withdrawn by the source{when}"),
            (ReviewKind::Superseded, Some(by)) => format!("Escalated by {by}{when}"),
            (ReviewKind::Superseded, None) => format!("Replaced by a new version{when}"),
        }
    }
}

/// The tier of its stored spelling; an unknown one counts as the highest.
pub(crate) fn parse_tier(text: &str) -> Tier {
    match text {
        "T0" => Tier::T0,
        "T1" => Tier::T1,
        "T2" => Tier::T2,
        "T3" => Tier::T3,
        _ => Tier::T4,
    }
}

/// The stored spelling of a tier.
pub(crate) fn tier_name(tier: Tier) -> &'static str {
    match tier {
        Tier::T0 => "T0",
        Tier::T1 => "T1",
        Tier::T2 => "T2",
        Tier::T3 => "T3",
        Tier::T4 => "T4",
    }
}
