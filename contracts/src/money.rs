//! Decimal numbers and amounts of money, exact at any length. Never a float. Source: FORMATS.md §2.

use std::cmp::Ordering;

use thiserror::Error;

/// Longest decimal that is read, in characters.
pub const MAX_DECIMAL_CHARS: usize = 100;

/// An exact decimal number.
///
/// Two decimals are equal when their values are: `1.50` equals `1.5`, and `-0` equals `0`.
#[derive(Clone, Debug)]
pub struct Decimal {
    is_negative: bool,
    /// ASCII digits without leading zeros; empty for zero.
    whole: String,
    /// ASCII digits as written.
    fraction: String,
}

/// Why a text is not a decimal.
#[derive(Debug, Error, PartialEq, Eq)]
#[error(
    "a decimal is written as in 1280.00: digits without a leading zero, at most one dot, an optional minus, up to 100 characters"
)]
pub struct DecimalError;

impl Decimal {
    /// Reads `-?(0|[1-9][0-9]*)(\.[0-9]+)?`, up to [`MAX_DECIMAL_CHARS`] characters.
    ///
    /// # Errors
    /// [`DecimalError`] for any other text; exponents and leading plus signs too.
    pub fn parse(text: &str) -> Result<Self, DecimalError> {
        if text.len() > MAX_DECIMAL_CHARS {
            return Err(DecimalError);
        }
        let (minus, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (whole, fraction) = match digits.split_once('.') {
            Some((whole, fraction)) if !fraction.is_empty() => (whole, fraction),
            Some(_) => return Err(DecimalError),
            None => (digits, ""),
        };
        let is_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        let has_leading_zero = whole.len() > 1 && whole.starts_with('0');
        if whole.is_empty() || has_leading_zero || !is_digits(whole) || !is_digits(fraction) {
            return Err(DecimalError);
        }
        let whole = whole.trim_start_matches('0').to_owned();
        let is_zero = whole.is_empty() && fraction.bytes().all(|digit| digit == b'0');
        Ok(Self { is_negative: minus && !is_zero, whole, fraction: fraction.to_owned() })
    }

    /// From a JSON integer.
    #[must_use]
    pub fn from_integer(integer: i64) -> Self {
        let digits = integer.unsigned_abs().to_string();
        let whole = digits.trim_start_matches('0').to_owned();
        Self { is_negative: integer < 0, whole, fraction: String::new() }
    }

    /// With thousands separators and at least `min_fraction` digits after the dot: `1,280.00`. No digit is rounded away.
    #[must_use]
    pub fn format(&self, min_fraction: usize) -> String {
        let mut text = String::new();
        if self.is_negative {
            text.push('-');
        }
        text.push_str(&grouped(&self.whole));
        let fraction = self.fraction.trim_end_matches('0');
        let kept = fraction.len().max(min_fraction);
        if kept > 0 {
            text.push('.');
            text.extend(self.fraction.chars().chain(std::iter::repeat('0')).take(kept));
        }
        text
    }

    fn cmp_magnitude(&self, other: &Self) -> Ordering {
        let by_whole = self.whole.len().cmp(&other.whole.len()).then_with(|| self.whole.cmp(&other.whole));
        by_whole.then_with(|| self.fraction.trim_end_matches('0').cmp(other.fraction.trim_end_matches('0')))
    }
}

/// Digits in groups of three, `0` for none.
fn grouped(digits: &str) -> String {
    if digits.is_empty() {
        return "0".to_owned();
    }
    let mut text = String::with_capacity(digits.len().saturating_mul(2));
    let n_digits = digits.len();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && n_digits.saturating_sub(index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self.is_negative, other.is_negative) {
            (false, false) => self.cmp_magnitude(other),
            (true, true) => other.cmp_magnitude(self),
            (false, true) => Ordering::Greater,
            (true, false) => Ordering::Less,
        }
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Decimal {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Decimal {}

/// Digits that the currency shows after the dot. Source: ISO 4217; 2 for a code that is not listed.
#[must_use]
pub fn minor_digits(currency: &str) -> usize {
    match currency {
        "BIF" | "CLP" | "DJF" | "GNF" | "ISK" | "JPY" | "KMF" | "KRW" | "PYG" | "RWF" | "UGX" | "UYI" | "VND"
        | "VUV" | "XAF" | "XOF" | "XPF" => 0,
        "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
        _ => 2,
    }
}

/// `EUR 1,280.00`: the currency as given (an unknown one too), then the exact amount. Without a currency the amount alone.
#[must_use]
pub fn format_money(amount: &Decimal, currency: Option<&str>) -> String {
    match currency {
        Some(code) => format!("{code} {}", amount.format(minor_digits(code))),
        None => amount.format(2),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn money(amount: &str, currency: &str) -> String {
        format_money(&Decimal::parse(amount).unwrap(), Some(currency))
    }

    #[test]
    fn amounts_are_printed_exactly() {
        assert_eq!(money("1280.00", "EUR"), "EUR 1,280.00");
        assert_eq!(money("1280", "EUR"), "EUR 1,280.00");
        assert_eq!(money("0.5", "USD"), "USD 0.50");
        assert_eq!(money("-18.9", "GBP"), "GBP -18.90");
        assert_eq!(money("1.005", "EUR"), "EUR 1.005");
        assert_eq!(money("1280", "JPY"), "JPY 1,280");
        assert_eq!(money("1.5", "KWD"), "KWD 1.500");
        assert_eq!(money("12", "XYZ"), "XYZ 12.00");
        assert_eq!(
            money("98765432109876543210.98765432109876543210", "EUR"),
            "EUR 98,765,432,109,876,543,210.9876543210987654321"
        );
    }

    #[test]
    fn other_spellings_of_a_decimal_are_refused() {
        for bad in
            ["", "-", ".5", "5.", "01", "00", "+1", "1e3", "1,000", " 1", "1 ", "1.2.3", "\u{0661}", "NaN", "--1"]
        {
            assert_eq!(Decimal::parse(bad), Err(DecimalError), "{bad}");
        }
        assert!(Decimal::parse(&"9".repeat(100)).is_ok());
        assert_eq!(Decimal::parse(&"9".repeat(101)), Err(DecimalError));
    }

    #[test]
    fn decimals_compare_by_value() {
        let order = ["-10", "-9.99", "-0.1", "0", "0.09", "0.1", "0.11", "1", "9.99", "10", "99999999999999999999.9"];
        for pair in order.windows(2) {
            assert!(Decimal::parse(pair[0]).unwrap() < Decimal::parse(pair[1]).unwrap(), "{pair:?}");
        }
        assert_eq!(Decimal::parse("1.50"), Decimal::parse("1.5"));
        assert_eq!(Decimal::parse("-0.00"), Decimal::parse("0"));
        assert_eq!(Decimal::from_integer(-12), Decimal::parse("-12.0").unwrap());
        assert_eq!(Decimal::from_integer(0).format(2), "0.00");
    }

    proptest! {
        /// Taking the separators out gives the digits that went in, at 20 digits and more.
        #[test]
        fn no_digit_is_lost(whole in "[1-9][0-9]{0,39}", fraction in "[0-9]{2,30}[1-9]", minus in any::<bool>()) {
            let text = format!("{}{whole}.{fraction}", if minus { "-" } else { "" });
            let printed = Decimal::parse(&text).unwrap().format(2);
            prop_assert_eq!(printed.replace(',', ""), text);
        }

        #[test]
        fn order_is_that_of_the_integers(a in any::<i64>(), b in any::<i64>()) {
            prop_assert_eq!(Decimal::from_integer(a).cmp(&Decimal::from_integer(b)), a.cmp(&b));
            prop_assert_eq!(Decimal::parse(&a.to_string()).unwrap(), Decimal::from_integer(a));
        }
    }
}
