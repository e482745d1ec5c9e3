//! Values in words.

use serde_json::Value;

use super::{FieldPath, FieldText, Format, NOT_GIVEN};
use crate::canonical;
use crate::money::{self, Decimal};
use crate::text;

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// One field in words; nothing in the text is invisible.
pub(super) fn field<'v>(
    field: &FieldText<'v>,
    format: &Format,
    resolve: &dyn Fn(&FieldPath) -> FieldText<'v>,
) -> String {
    let value = match field {
        FieldText::Absent => return NOT_GIVEN.to_owned(),
        FieldText::Masked(shown) => return text::visible(shown),
        FieldText::Clear(value) => value.as_ref(),
    };
    let formatted = match format {
        Format::Plain => None,
        Format::Money { currency } => amount(value, currency.as_ref().map(resolve).as_ref()),
        Format::Date => value.as_str().and_then(date),
        Format::Duration => value.as_str().and_then(duration),
        Format::Count => count(value),
        Format::List => value.as_array().map(|elements| list(elements)),
    };
    formatted.unwrap_or_else(|| plain(value))
}

/// A value without a formatter.
pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::Number(number) => number.to_string(),
        Value::String(words) => text::visible(words),
        Value::Array(elements) => list(elements),
        // Canonical, so that the text does not depend on the order in which members were read.
        Value::Object(_) => {
            let bytes = canonical::to_bytes(value).ok().and_then(|bytes| String::from_utf8(bytes).ok());
            text::visible(&bytes.unwrap_or_else(|| value.to_string()))
        }
    }
}

/// `a, b and c`.
fn list(elements: &[Value]) -> String {
    let words: Vec<String> = elements.iter().map(plain).collect();
    match words.split_last() {
        None => "none".to_owned(),
        Some((only, [])) => only.clone(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
    }
}

fn count(value: &Value) -> Option<String> {
    match value {
        Value::Array(elements) => Some(elements.len().to_string()),
        Value::Object(members) => Some(members.len().to_string()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

fn amount(value: &Value, currency: Option<&FieldText<'_>>) -> Option<String> {
    let decimal = match value {
        Value::String(digits) => Decimal::parse(digits).ok()?,
        Value::Number(number) => Decimal::from_integer(number.as_i64()?),
        _ => return None,
    };
    Some(match currency {
        None => money::format_money(&decimal, None),
        Some(FieldText::Clear(code)) => money::format_money(&decimal, Some(&plain(code))),
        Some(FieldText::Masked(shown)) => money::format_money(&decimal, Some(&text::visible(shown))),
        Some(FieldText::Absent) => format!("{} (currency {NOT_GIVEN})", money::format_money(&decimal, None)),
    })
}

/// `2026-11-20` or an RFC 3339 time, in UTC.
fn date(words: &str) -> Option<String> {
    let day = |date: jiff::civil::Date| {
        let month = MONTHS.get(usize::try_from(date.month()).ok()?.checked_sub(1)?)?;
        Some(format!("{} {month} {:04}", date.day(), date.year()))
    };
    if words.len() == 10 {
        return day(words.parse::<jiff::civil::Date>().ok()?);
    }
    let moment = words.parse::<jiff::Timestamp>().ok()?;
    let utc = jiff::tz::Offset::UTC.to_datetime(moment);
    Some(format!("{}, {:02}:{:02} UTC", day(utc.date())?, utc.hour(), utc.minute()))
}

/// An ISO 8601 duration.
fn duration(words: &str) -> Option<String> {
    if !words.starts_with('P') {
        return None;
    }
    let span = words.parse::<jiff::Span>().ok()?;
    let units = [
        (i64::from(span.get_years()), "year"),
        (i64::from(span.get_months()), "month"),
        (i64::from(span.get_weeks()), "week"),
        (i64::from(span.get_days()), "day"),
        (i64::from(span.get_hours()), "hour"),
        (span.get_minutes(), "minute"),
        (span.get_seconds(), "second"),
    ];
    let is_whole = span.get_milliseconds() == 0 && span.get_microseconds() == 0 && span.get_nanoseconds() == 0;
    let parts: Vec<String> = units
        .iter()
        .filter(|(n, _)| *n > 0)
        .map(|(n, unit)| format!("{n} {unit}{}", if *n == 1 { "" } else { "s" }))
        .collect();
    // A fraction of a second or a negative span prints as it was written.
    if !is_whole || units.iter().any(|(n, _)| *n < 0) {
        return None;
    }
    Some(if parts.is_empty() { "no time".to_owned() } else { parts.join(" ") })
}
