//! Moments as people in one time zone read them.

use jiff::Unit;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use seamark_contracts::clock::Timestamp;

use crate::answer::{Group, Urgency};

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;

/// The reviewer's time zone.
#[derive(Clone, Debug)]
pub struct Calendar {
    zone: TimeZone,
    name: String,
}

impl Calendar {
    /// The zone of this IANA name; UTC when there is no such zone.
    #[must_use]
    pub fn new(name: &str) -> Self {
        match TimeZone::get(name) {
            Ok(zone) => Self { zone, name: name.to_owned() },
            Err(_) => Self { zone: TimeZone::UTC, name: "UTC".to_owned() },
        }
    }

    /// IANA name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    fn local(&self, at: Timestamp) -> jiff::Zoned {
        jiff::Timestamp::from_millisecond(at.as_ms()).unwrap_or_default().to_zoned(self.zone.clone())
    }

    fn date(&self, at: Timestamp) -> Date {
        self.local(at).date()
    }

    /// Midnight at the beginning of the day of `now`.
    #[must_use]
    pub fn start_of_day(&self, now: Timestamp) -> Timestamp {
        let start = self.local(now).start_of_day().map_or(now.as_ms(), |day| day.timestamp().as_millisecond());
        Timestamp::from_ms(start)
    }

    /// `14:30`.
    #[must_use]
    pub fn time(&self, at: Timestamp) -> String {
        self.local(at).strftime("%H:%M").to_string()
    }

    /// `14:30` today, `Tue 14:30` within a week, `3 Dec 14:30` beyond, the year with another year.
    #[must_use]
    pub fn moment(&self, at: Timestamp, now: Timestamp) -> String {
        let (day, today) = (self.date(at), self.date(now));
        let days = today.until((Unit::Day, day)).map_or(i32::MAX, |span| span.get_days());
        let form = match days {
            0 => "%H:%M",
            -6..=6 => "%a %H:%M",
            _ if day.year() == today.year() => "%-d %b %H:%M",
            _ => "%-d %b %Y %H:%M",
        };
        self.local(at).strftime(form).to_string()
    }

    /// In a sentence: `at 14:30` today, `on Tue 14:30` otherwise.
    #[must_use]
    pub fn at_moment(&self, at: Timestamp, now: Timestamp) -> String {
        let word = if self.date(at) == self.date(now) { "at" } else { "on" };
        format!("{word} {}", self.moment(at, now))
    }

    /// `14:30:05`, where seconds matter.
    #[must_use]
    pub fn exact_time(&self, at: Timestamp) -> String {
        self.local(at).strftime("%H:%M:%S").to_string()
    }

    /// The deadline in a list: `12 min` within the hour, else as [`Self::moment`].
    #[must_use]
    pub fn deadline(&self, at: Timestamp, now: Timestamp) -> String {
        let left_ms = at.as_ms() - now.as_ms();
        match left_ms {
            ..=0 => "due now".to_owned(),
            1..MINUTE_MS => "under 1 min".to_owned(),
            MINUTE_MS..HOUR_MS => format!("{} min", left_ms / MINUTE_MS),
            _ => self.moment(at, now),
        }
    }

    /// The deadline in a sentence: `14:30, in 42 min`.
    #[must_use]
    pub fn deadline_sentence(&self, at: Timestamp, now: Timestamp) -> String {
        let left_ms = at.as_ms() - now.as_ms();
        let moment = self.moment(at, now);
        match left_ms {
            ..=0 => format!("The deadline was {moment}"),
            1..MINUTE_MS => format!("Due {moment}, in less than a minute"),
            MINUTE_MS..HOUR_MS => format!("Due {moment}, in {} min", left_ms / MINUTE_MS),
            _ if left_ms < 48 * HOUR_MS => format!("Due {moment}, in {} h", left_ms / HOUR_MS),
            _ => format!("Due {moment}, in {} days", left_ms / (24 * HOUR_MS)),
        }
    }

    /// Late within five minutes of the deadline, soon within the hour.
    #[must_use]
    pub fn urgency(&self, at: Timestamp, now: Timestamp) -> Urgency {
        match at.as_ms() - now.as_ms() {
            ..=300_000 => Urgency::Late,
            300_001..=HOUR_MS => Urgency::Soon,
            _ => Urgency::None,
        }
    }

    /// The heading under which an open review stands.
    #[must_use]
    pub fn group(&self, at: Timestamp, now: Timestamp) -> Group {
        let (id, label) = if at.as_ms() - now.as_ms() < HOUR_MS {
            ("hour", "Due within the hour")
        } else if self.date(at) == self.date(now) {
            ("today", "Today")
        } else {
            ("later", "Later")
        };
        Group { id: id.to_owned(), label: label.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_is_minutes_then_a_time_then_a_day() {
        let calendar = Calendar::new("Europe/Berlin");
        let now = Timestamp::parse("2026-11-22T06:00:00.000Z").unwrap();
        for (plus_ms, text, group) in [
            (-1, "due now", "hour"),
            (30_000, "under 1 min", "hour"),
            (12 * MINUTE_MS, "12 min", "hour"),
            (HOUR_MS, "08:00", "today"),
            (20 * HOUR_MS, "Mon 03:00", "later"),
            (11 * 24 * HOUR_MS, "3 Dec 07:00", "later"),
            (60 * 24 * HOUR_MS, "21 Jan 2027 07:00", "later"),
        ] {
            let at = now.plus_ms(plus_ms);
            assert_eq!(calendar.deadline(at, now), text);
            assert_eq!(calendar.group(at, now).id, group, "{text}");
        }
    }

    #[test]
    fn an_unknown_zone_is_utc_and_the_day_begins_at_local_midnight() {
        let calendar = Calendar::new("Nowhere/Else");
        assert_eq!(calendar.name(), "UTC");
        let noon = Timestamp::parse("2026-11-22T12:00:00.000Z").unwrap();
        assert_eq!(calendar.start_of_day(noon).to_string(), "2026-11-22T00:00:00.000Z");
        assert_eq!(Calendar::new("Asia/Tokyo").start_of_day(noon).to_string(), "2026-11-21T15:00:00.000Z");
    }
}
