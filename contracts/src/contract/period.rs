//! ISO 8601 durations as contracts write them.

use thiserror::Error;

/// Why a text is not a duration here.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum PeriodError {
    #[error("a deadline is written in days, hours, minutes and seconds, as in PT4H or P1DT12H")]
    Deadline,
    #[error("a retention is written in years, months or days, as in P7Y or P90D")]
    Retention,
}

/// Milliseconds of a deadline: `P[nD][T[nH][nM][nS]]` with whole numbers, at least one part.
///
/// # Errors
/// [`PeriodError::Deadline`] for anything else.
pub fn deadline_ms(text: &str) -> Result<i64, PeriodError> {
    let rest = text.strip_prefix('P').ok_or(PeriodError::Deadline)?;
    let (days, time) = match rest.split_once('T') {
        Some((_, "")) => return Err(PeriodError::Deadline),
        Some((days, time)) => (days, time),
        None => (rest, ""),
    };
    let days = parts(days, &[('D', 86_400_000)]);
    let time = parts(time, &[('H', 3_600_000), ('M', 60_000), ('S', 1_000)]);
    match (days, time) {
        (Some(days), Some(time)) if !rest.is_empty() => days.checked_add(time).ok_or(PeriodError::Deadline),
        _ => Err(PeriodError::Deadline),
    }
}

/// Days of a retention, a year counted as 366 and a month as 31: `P[nY][nM][nD]`, at least one part.
///
/// # Errors
/// [`PeriodError::Retention`] for anything else.
pub fn retention_days(text: &str) -> Result<i64, PeriodError> {
    let rest = text.strip_prefix('P').filter(|rest| !rest.is_empty()).ok_or(PeriodError::Retention)?;
    parts(rest, &[('Y', 366), ('M', 31), ('D', 1)]).ok_or(PeriodError::Retention)
}

/// The sum of `nU` parts in the order of `units`, each at most once; 0 for an empty text.
fn parts(text: &str, units: &[(char, i64)]) -> Option<i64> {
    let mut rest = text;
    let mut sum = 0i64;
    for (unit, worth) in units {
        let Some((digits, after)) = rest.split_once(*unit) else { continue };
        if digits.is_empty() || digits.len() > 6 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        sum = sum.checked_add(digits.parse::<i64>().ok()?.checked_mul(*worth)?)?;
        rest = after;
    }
    rest.is_empty().then_some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines_read_exactly() {
        for (text, ms) in [
            ("PT4H", 14_400_000),
            ("P1DT12H", 129_600_000),
            ("PT90S", 90_000),
            ("P2D", 172_800_000),
            ("PT1H30M", 5_400_000),
        ] {
            assert_eq!(deadline_ms(text), Ok(ms), "{text}");
        }
        for bad in
            ["", "P", "PT", "4H", "PT-4H", "PT4.5H", "P1Y", "P1M", "PT1M1H", "PT1H1H", "P1D1", "PT9999999H", "pt4h"]
        {
            assert_eq!(deadline_ms(bad), Err(PeriodError::Deadline), "{bad}");
        }
    }

    #[test]
    fn retentions_read_exactly() {
        assert_eq!(retention_days("P7Y"), Ok(2_562));
        assert_eq!(retention_days("P90D"), Ok(90));
        for bad in ["", "P", "7Y", "PT4H", "P1D1Y", "P-1Y"] {
            assert_eq!(retention_days(bad), Err(PeriodError::Retention), "{bad}");
        }
    }
}
