//! Number tokens.

use super::{MAX_SAFE_INTEGER, Mode, Reason};

/// Longest number token that is looked at, in characters.
pub(super) const MAX_NUMBER_BYTES: usize = 64;

/// What a number token stands for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Number {
    Integer(i64),
    /// Fraction or exponent; the caller keeps the token's text.
    Decimal,
}

/// How many bytes at the beginning of `rest` can belong to a number token.
pub(super) fn token_length(rest: &[u8]) -> usize {
    let is_part = |byte: &u8| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
    rest.iter().take(MAX_NUMBER_BYTES + 1).take_while(|byte| is_part(byte)).count()
}

/// Reads one token. Source: RFC 8259 §6.
pub(super) fn read(token: &[u8], mode: Mode) -> Result<Number, Reason> {
    if token.len() > MAX_NUMBER_BYTES {
        return Err(Reason::NumberTooLong { max: MAX_NUMBER_BYTES });
    }
    let (is_negative, unsigned) = match token {
        [b'-', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    let n_digits = digits(unsigned);
    let (integer, rest) = unsigned.split_at_checked(n_digits).ok_or(Reason::BadNumber)?;
    if matches!(integer, [] | [b'0', _, ..]) {
        return Err(Reason::BadNumber);
    }
    if rest.is_empty() {
        return safe_integer(integer, is_negative).map(Number::Integer);
    }
    check_fraction_and_exponent(rest)?;
    match mode {
        Mode::Signed => Err(Reason::Fractional),
        Mode::Submitted => Ok(Number::Decimal),
    }
}

fn digits(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|byte| byte.is_ascii_digit()).count()
}

fn safe_integer(digits: &[u8], is_negative: bool) -> Result<i64, Reason> {
    // 2^53 - 1 has 16 digits and there is no leading zero, so a longer token is out of range and never overflows here.
    if digits.len() > 16 {
        return Err(Reason::UnsafeInteger);
    }
    let magnitude = digits.iter().fold(0i64, |sum, digit| sum * 10 + i64::from(digit - b'0'));
    if magnitude > MAX_SAFE_INTEGER {
        return Err(Reason::UnsafeInteger);
    }
    Ok(if is_negative { -magnitude } else { magnitude })
}

fn check_fraction_and_exponent(rest: &[u8]) -> Result<(), Reason> {
    let after_fraction = match rest {
        [b'.', fraction @ ..] => take_digits(fraction)?,
        _ => rest,
    };
    let after_exponent = match after_fraction {
        [b'e' | b'E', b'+' | b'-', exponent @ ..] | [b'e' | b'E', exponent @ ..] => take_digits(exponent)?,
        _ => after_fraction,
    };
    if after_exponent.is_empty() { Ok(()) } else { Err(Reason::BadNumber) }
}

/// What follows at least one digit.
fn take_digits(bytes: &[u8]) -> Result<&[u8], Reason> {
    match digits(bytes) {
        0 => Err(Reason::BadNumber),
        n => bytes.get(n..).ok_or(Reason::BadNumber),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_told_apart() {
        let signed = |token: &str| read(token.as_bytes(), Mode::Signed);
        assert_eq!(signed("0"), Ok(Number::Integer(0)));
        assert_eq!(signed("-0"), Ok(Number::Integer(0)));
        assert_eq!(signed("9007199254740991"), Ok(Number::Integer(MAX_SAFE_INTEGER)));
        assert_eq!(signed("-9007199254740991"), Ok(Number::Integer(-MAX_SAFE_INTEGER)));
        for bad in ["9007199254740992", "-9007199254740992", "99999999999999999999", "10000000000000000"] {
            assert_eq!(signed(bad), Err(Reason::UnsafeInteger), "{bad}");
        }
        for bad in
            ["", "-", "01", "-01", "1.", ".5", "1e", "1e+", "1.e3", "+1", "1-2", "1.2.3", "1e5e5", "--1", "0e+-1"]
        {
            assert_eq!(signed(bad), Err(Reason::BadNumber), "{bad}");
        }
        for decimal in ["1.0", "-0.0", "1e5", "1E-5", "12.5e+3", "0.10"] {
            assert_eq!(signed(decimal), Err(Reason::Fractional), "{decimal}");
            assert_eq!(read(decimal.as_bytes(), Mode::Submitted), Ok(Number::Decimal), "{decimal}");
        }
    }
}
