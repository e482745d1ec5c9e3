//! Facts compared on the raw values, which only the gateway and the destination know.

use std::cmp::Ordering;

use serde_json::Value;

use crate::contract::Comparison as Wanted;
use crate::contract::compiled::CompiledContract;
use crate::handoff::{Comparison, Submission, Verdict};
use crate::money::Decimal;
use crate::pointer;
use crate::schema::Shape;

/// The verdict over each line of `review.compare` that asks for one.
pub(super) fn judge(submission: &Submission, decimals: &[String], compiled: &CompiledContract) -> Vec<Comparison> {
    let mut comparisons = Vec::new();
    for (index, line) in compiled.contract.review.compare.iter().enumerate() {
        let Some(with) = line.with.as_ref().filter(|with| with.is != Wanted::Shown) else { continue };
        let resolve = |path: &str| resolve(submission, decimals, compiled, path);
        let verdict = match (line.path.as_deref().and_then(resolve), resolve(&with.path)) {
            (Some(value), Some(other)) => value.verdict(&other, with.is),
            _ => Verdict::Missing,
        };
        comparisons.push(Comparison { index: u32::try_from(index).unwrap_or(u32::MAX), verdict });
    }
    comparisons
}

/// A value to compare.
struct Side<'s> {
    value: &'s Value,
    /// It is a number, as JSON or by its schema; a text of digits alone is not, as `1.10` may be a version.
    is_number: bool,
}

/// The value at a pointer as contracts write it: `/payload/...`, or `/toolOutputs/ID/...` into the structured content.
fn resolve<'s>(
    submission: &'s Submission,
    decimals: &[String],
    compiled: &CompiledContract,
    path: &str,
) -> Option<Side<'s>> {
    let mut steps = pointer::steps(path);
    let (schema, root, base) = match steps.next()?.as_str() {
        "payload" => (&compiled.schema, &submission.payload, "/payload".to_owned()),
        "toolOutputs" | "tool_outputs" => {
            let id = steps.next()?;
            let outputs = submission.tool_outputs.iter().enumerate();
            let (index, output) = outputs.into_iter().find(|(_, output)| output.id == id)?;
            let structured = output.result.structured_content.as_ref().filter(|_| !output.result.is_error)?;
            let (_, schema) = compiled.tool_output(&output.id, &output.tool)?;
            (schema, structured, format!("/toolOutputs/{index}/result/structuredContent"))
        }
        _ => return None,
    };
    let steps: Vec<String> = steps.collect();
    let below = steps.iter().fold(String::new(), |at, step| pointer::member(&at, step));
    let value = root.pointer(&below).filter(|value| !value.is_null())?;
    let names: Vec<&str> = steps.iter().map(String::as_str).collect();
    let shape = schema.knows(&names).map(|field| field.shape);
    let here = format!("{base}{below}");
    let is_number =
        value.is_number() || matches!(shape, Some(Shape::Decimal | Shape::Integer)) || decimals.contains(&here);
    Some(Side { value, is_number })
}

impl Side<'_> {
    fn verdict(&self, other: &Self, wanted: Wanted) -> Verdict {
        let holds = |holds: bool| if holds { Verdict::Equal } else { Verdict::Differs };
        let are_numbers = self.is_number && other.is_number;
        match (wanted, order(self.value, other.value)) {
            (Wanted::Shown, _) => Verdict::Missing,
            (Wanted::Same, Some(order)) if are_numbers => holds(order == Ordering::Equal),
            (Wanted::Same, _) => holds(self.value == other.value || is_same_moment(self.value, other.value)),
            (Wanted::SameOrLess, Some(order)) => holds(order != Ordering::Greater),
            (Wanted::SameOrMore, Some(order)) => holds(order != Ordering::Less),
            // Neither amounts nor days: nobody can say which is more.
            (Wanted::SameOrLess | Wanted::SameOrMore, None) => Verdict::Missing,
        }
    }
}

/// The order of two decimals, or of two days or moments.
fn order(value: &Value, other: &Value) -> Option<Ordering> {
    if let (Some(value), Some(other)) = (decimal(value), decimal(other)) {
        return Some(value.cmp(&other));
    }
    let (first, second) = (value.as_str()?, other.as_str()?);
    if first.len() == 10
        && second.len() == 10
        && let (Ok(first), Ok(second)) = (first.parse::<jiff::civil::Date>(), second.parse::<jiff::civil::Date>())
    {
        return Some(first.cmp(&second));
    }
    moments(value, other).map(|(first, second)| first.cmp(&second))
}

fn moments(value: &Value, other: &Value) -> Option<(jiff::Timestamp, jiff::Timestamp)> {
    let moment = |value: &Value| value.as_str()?.parse::<jiff::Timestamp>().ok();
    moment(value).zip(moment(other))
}

fn is_same_moment(value: &Value, other: &Value) -> bool {
    moments(value, other).is_some_and(|(first, second)| first == second)
}

fn decimal(value: &Value) -> Option<Decimal> {
    match value {
        Value::String(digits) => Decimal::parse(digits).ok(),
        Value::Number(number) => number.as_i64().map(Decimal::from_integer),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn texts_that_look_like_numbers_are_the_same_only_letter_by_letter() {
        let (value, other) = (json!("1.10"), json!("1.1"));
        let side = |value, is_number| Side { value, is_number };
        assert_eq!(side(&value, false).verdict(&side(&other, true), Wanted::Same), Verdict::Differs);
        assert_eq!(side(&value, true).verdict(&side(&other, true), Wanted::Same), Verdict::Equal);
    }

    #[test]
    fn amounts_days_and_texts_are_compared_by_their_meaning() {
        let cases = [
            (json!("1280.00"), json!("128.00"), Wanted::SameOrLess, Verdict::Differs),
            (json!("128"), json!("128.00"), Wanted::SameOrLess, Verdict::Equal),
            (json!("128"), json!(128), Wanted::Same, Verdict::Equal),
            (json!("99.99"), json!(100), Wanted::SameOrMore, Verdict::Differs),
            (json!("98765432109876543210.01"), json!("98765432109876543210.02"), Wanted::Same, Verdict::Differs),
            (json!("2026-11-20"), json!("2026-11-21"), Wanted::SameOrLess, Verdict::Equal),
            (json!("2026-11-20T10:00:00Z"), json!("2026-11-20T12:00:00+02:00"), Wanted::Same, Verdict::Equal),
            (json!("a"), json!("a"), Wanted::Same, Verdict::Equal),
            (json!("a"), json!("A"), Wanted::Same, Verdict::Differs),
            (json!(["a", 1]), json!(["a", 1]), Wanted::Same, Verdict::Equal),
            (json!("a"), json!("b"), Wanted::SameOrLess, Verdict::Missing),
            (json!(true), json!(1), Wanted::Same, Verdict::Differs),
            (json!("411111"), json!("0411111"), Wanted::Same, Verdict::Differs),
        ];
        for (value, other, wanted, expected) in cases {
            let side = |value| Side { value, is_number: true };
            assert_eq!(side(&value).verdict(&side(&other), wanted), expected, "{value} {wanted:?} {other}");
        }
    }
}
