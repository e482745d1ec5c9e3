//! Which contract a recorded call falls under, and its arguments in the shape of that contract.
//!
//! The same table stands in docs/CONTRACTS.md. An argument of another name, type or form refuses nothing and is not lost:
//! it goes, as text, to `unrecognised`, which reviewers see masked and the destination in full.

use seamark_contracts::handoff::ContractId;
use seamark_contracts::id::{AgentUrn, NameError};
use seamark_contracts::money::Decimal;
use serde_json::{Map, Value, json};
use thiserror::Error;

use super::lookup::Lookups;
use super::run::{Call, text_of};

/// The airline's day and hour in every recording: the agents were told that it is 2024-05-15 15:00 in New York.
const ASKED_ON: &str = "2024-05-15";
const FREE_CANCELLATION_SINCE: &str = "2024-05-14T15:00:00";
const SOURCE: &str = "airline-agent";
const CURRENCY: &str = "USD";

const MAX_UNRECOGNISED: usize = 60;
const MAX_NAME_CHARS: usize = 200;
const MAX_VALUE_CHARS: usize = 4_000;
const MAX_SUMMARY_CHARS: usize = 8_000;
/// Longest id of a person or a payment method, and longest name.
const LONG: usize = 200;
/// Longest of every other word.
const SHORT: usize = 100;

/// Why a call becomes no handoff.
#[derive(Debug, Error)]
pub(super) enum MapError {
    #[error("no sample contract is for the tool {tool:?}; docs/CONTRACTS.md lists those that have one")]
    UnknownTool { tool: String },
    #[error("name the parties")]
    Name(#[from] NameError),
}

/// A call in the words of a contract.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Mapped {
    pub contract: ContractId,
    pub source: AgentUrn,
    pub source_version: String,
    pub destination: AgentUrn,
    pub payload: Value,
}

/// What a tool's calls ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ask {
    Booking(&'static str),
    Compensation,
    Transfer,
}

fn ask_of(tool: &str) -> Option<Ask> {
    match tool {
        "book_reservation" => Some(Ask::Booking("book")),
        "cancel_reservation" => Some(Ask::Booking("cancel")),
        "update_reservation_flights" => Some(Ask::Booking("change-flights")),
        "update_reservation_baggages" => Some(Ask::Booking("change-baggage")),
        "update_reservation_passengers" => Some(Ask::Booking("change-passengers")),
        "send_certificate" => Some(Ask::Compensation),
        "transfer_to_human_agents" => Some(Ask::Transfer),
        _ => None,
    }
}

/// Whether the sample contracts of the airline describe this tool.
pub(super) fn is_known_tool(tool: &str) -> bool {
    const LOOKUPS: [&str; 7] = [
        "get_user_details",
        "get_reservation_details",
        "search_direct_flight",
        "search_onestop_flight",
        "calculate",
        "think",
        "list_all_airports",
    ];
    ask_of(tool).is_some() || LOOKUPS.contains(&tool)
}

/// Whether the call changes something or hands over to a person: as the recording says, else by its tool.
pub(super) fn is_consequential(call: &Call) -> bool {
    call.is_consequential.unwrap_or_else(|| ask_of(&call.tool).is_some())
}

/// Puts a call into the words of its contract.
///
/// # Errors
/// [`MapError::UnknownTool`] when no sample contract is for its tool.
pub(super) fn map_call(call: &Call, lookups: &Lookups<'_>) -> Result<Mapped, MapError> {
    let ask = ask_of(&call.tool).ok_or_else(|| MapError::UnknownTool { tool: call.tool.clone() })?;
    let mut form = Form::new(&call.arguments);
    let (contract, destination) = match ask {
        Ask::Booking(action) => {
            booking(&mut form, action);
            ("booking.change", "booking-executor")
        }
        Ask::Compensation => {
            compensation(&mut form, lookups);
            ("compensation.grant", "certificate-issuer")
        }
        Ask::Transfer => {
            form.text("summary", "summary", MAX_SUMMARY_CHARS);
            form.text("user_id", "user_id", LONG);
            form.text("reservation_id", "reservation_id", SHORT);
            ("human.transfer", "human-desk")
        }
    };
    Ok(Mapped {
        contract: ContractId { name: contract.to_owned(), version: "1.0.0".to_owned() },
        source: AgentUrn::from_name(SOURCE)?,
        source_version: "1.0.0".to_owned(),
        destination: AgentUrn::from_name(destination)?,
        payload: form.finish(),
    })
}

fn booking(form: &mut Form, action: &str) {
    form.put("action", json!(action));
    form.text("reservation_id", "reservation_id", SHORT);
    form.text("user_id", "user_id", LONG);
    form.text("cabin", "cabin", SHORT);
    form.text("insurance", "insurance", SHORT);
    let mut trip = Map::new();
    for (argument, member) in [("flight_type", "type"), ("origin", "origin"), ("destination", "destination")] {
        if let Some(text) = form.take(argument, |value| short(value, SHORT)) {
            trip.insert(member.to_owned(), text);
        }
    }
    form.put_members("trip", trip);
    if let Some(flights) = form.take("flights", |value| list(value, 40, flight)) {
        form.put("flights", flights);
    }
    if let Some(passengers) = form.take("passengers", |value| list(value, 40, passenger)) {
        form.put("passengers", passengers);
    }
    let mut payments = Vec::new();
    if let Some(Value::Array(methods)) = form.take("payment_methods", |value| list(value, 19, payment)) {
        payments.extend(methods);
    }
    if let Some(id) = form.take("payment_id", |value| short(value, LONG)) {
        payments.push(json!({"kind": kind_of(&id), "id": id}));
    }
    if let Some(amount) = sum(&payments) {
        form.put("amount", json!(amount));
        form.put("currency", json!(CURRENCY));
    }
    if !payments.is_empty() {
        form.put("payments", Value::Array(payments));
    }
    let mut baggages = Map::new();
    for (argument, member) in [("total_baggages", "total"), ("nonfree_baggages", "nonfree")] {
        if let Some(number) = form.take(argument, |value| value.as_i64().map(Value::from)) {
            baggages.insert(member.to_owned(), number);
        }
    }
    form.put_members("baggages", baggages);
    form.put("asked_on", json!(ASKED_ON));
    form.put("free_cancellation_since", json!(FREE_CANCELLATION_SINCE));
}

fn compensation(form: &mut Form, lookups: &Lookups<'_>) {
    form.text("user_id", "user_id", LONG);
    if let Some(amount) = form.take("amount", |value| decimal(value).map(Value::from)) {
        form.put("amount", amount);
    }
    form.put("currency", json!(CURRENCY));
    if let Some(reservation) = lookups.reservation {
        if let Some(id) = reservation.members.get("reservation_id").and_then(|id| short(id, SHORT)) {
            form.put("reservation_id", id);
        }
        if let Some(passengers) = reservation.members.get("passengers").and_then(Value::as_array) {
            form.put("n_passengers", json!(passengers.len()));
        }
    }
}

/// A payload that is being filled from a call's arguments.
struct Form {
    /// What has not been used yet.
    arguments: Map<String, Value>,
    payload: Map<String, Value>,
    unrecognised: Vec<(String, String)>,
}

impl Form {
    fn new(arguments: &Value) -> Self {
        let (arguments, unrecognised) = match arguments {
            Value::Object(members) => (members.clone(), Vec::new()),
            Value::Null => (Map::new(), Vec::new()),
            other => (Map::new(), vec![("arguments".to_owned(), text_of(other.clone()))]),
        };
        Self { arguments, payload: Map::new(), unrecognised }
    }

    fn put(&mut self, member: &str, value: Value) {
        self.payload.insert(member.to_owned(), value);
    }

    fn put_members(&mut self, member: &str, members: Map<String, Value>) {
        if !members.is_empty() {
            self.put(member, Value::Object(members));
        }
    }

    /// Uses an argument up when `read` understands it; else it stays and becomes unrecognised at the end.
    fn take(&mut self, argument: &str, read: impl Fn(&Value) -> Option<Value>) -> Option<Value> {
        let understood = read(self.arguments.get(argument)?)?;
        self.arguments.remove(argument);
        Some(understood)
    }

    fn text(&mut self, argument: &str, member: &str, max_chars: usize) {
        if let Some(text) = self.take(argument, |value| short(value, max_chars)) {
            self.put(member, text);
        }
    }

    fn finish(mut self) -> Value {
        // null is how some recordings say that an argument was not given.
        let left = self.arguments.into_iter().filter(|(_, value)| !value.is_null());
        self.unrecognised.extend(left.map(|(name, value)| (name, text_of(value))));
        self.unrecognised.sort_unstable();
        if self.unrecognised.len() > MAX_UNRECOGNISED {
            let rest = self.unrecognised.split_off(MAX_UNRECOGNISED - 1);
            self.unrecognised.push(("more".to_owned(), json!(rest).to_string()));
        }
        let listed: Vec<Value> = self
            .unrecognised
            .iter()
            .map(|(name, value)| json!({"name": cut(name, MAX_NAME_CHARS), "value": cut(value, MAX_VALUE_CHARS)}))
            .collect();
        if !listed.is_empty() {
            self.payload.insert("unrecognised".to_owned(), Value::Array(listed));
        }
        Value::Object(self.payload)
    }
}

/// A text of at most `max_chars` characters.
fn short(value: &Value, max_chars: usize) -> Option<Value> {
    value.as_str().filter(|text| text.chars().count() <= max_chars).map(Value::from)
}

/// A list whose elements are all understood.
fn list(value: &Value, max: usize, read: impl Fn(&Map<String, Value>) -> Option<Value>) -> Option<Value> {
    let items = value.as_array().filter(|items| items.len() <= max)?;
    let read: Option<Vec<Value>> = items.iter().map(|item| item.as_object().and_then(&read)).collect();
    read.map(Value::Array)
}

/// An object of the named members only, each understood.
fn members(from: &Map<String, Value>, read: impl Fn(&str, &Value) -> Option<Value>) -> Option<Value> {
    let read: Option<Map<String, Value>> =
        from.iter().map(|(name, value)| read(name, value).map(|value| (name.clone(), value))).collect();
    read.map(Value::Object)
}

fn flight(from: &Map<String, Value>) -> Option<Value> {
    members(from, |name, value| match name {
        "flight_number" | "date" | "origin" | "destination" => short(value, SHORT),
        "price" => short(value, SHORT).or_else(|| value.as_i64().map(|price| json!(price.to_string()))),
        _ => None,
    })
}

fn passenger(from: &Map<String, Value>) -> Option<Value> {
    members(from, |name, value| match name {
        "first_name" | "last_name" => short(value, LONG),
        "dob" => short(value, SHORT),
        _ => None,
    })
}

fn payment(from: &Map<String, Value>) -> Option<Value> {
    let mut payment = Map::new();
    for (name, value) in from {
        match name.as_str() {
            "payment_id" => {
                let id = short(value, LONG)?;
                payment.insert("kind".to_owned(), json!(kind_of(&id)));
                payment.insert("id".to_owned(), id);
            }
            "amount" => drop(payment.insert("amount".to_owned(), json!(decimal(value)?))),
            _ => return None,
        }
    }
    Some(Value::Object(payment))
}

fn kind_of(id: &Value) -> &'static str {
    let id = id.as_str().unwrap_or_default();
    ["credit_card", "gift_card", "certificate"].into_iter().find(|kind| id.starts_with(kind)).unwrap_or("other")
}

/// An amount as decimal text: an integer, or a text that is a decimal already.
fn decimal(value: &Value) -> Option<String> {
    match value {
        Value::Number(number) => number.as_i64().map(|integer| integer.to_string()),
        Value::String(text) => Decimal::parse(text).ok().map(|_| text.clone()),
        _ => None,
    }
}

/// Millionths, so that the sum is exact; absent when one of the payments has no amount or a finer one.
fn sum(payments: &[Value]) -> Option<String> {
    const DIGITS: usize = 6;
    let mut total = 0_i128;
    for payment in payments {
        let text = payment.get("amount")?.as_str()?;
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        if fraction.len() > DIGITS {
            return None;
        }
        total = total.checked_add(format!("{whole}{fraction:0<DIGITS$}").parse().ok()?)?;
    }
    if payments.is_empty() {
        return None;
    }
    let sign = if total < 0 { "-" } else { "" };
    let digits = format!("{:07}", total.unsigned_abs());
    let (whole, fraction) = digits.split_at_checked(digits.len().checked_sub(DIGITS)?)?;
    let fraction = fraction.trim_end_matches('0');
    Some(if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction:0<2}") })
}

/// The first `max` characters; an ellipsis says that there were more.
fn cut(text: &str, max: usize) -> String {
    if text.chars().count() <= max {
        return text.to_owned();
    }
    text.chars().take(max - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(tool: &str, arguments: Value) -> Call {
        Call { call_id: "c".to_owned(), occurrence: 0, tool: tool.to_owned(), arguments, is_consequential: None }
    }

    fn payload(tool: &str, arguments: Value) -> Value {
        map_call(&call(tool, arguments), &Lookups::default()).unwrap().payload
    }

    #[test]
    fn a_booking_is_put_into_the_contracts_words() {
        let payload = payload(
            "book_reservation",
            json!({"user_id": "u_1", "origin": "JFK", "destination": "SEA", "flight_type": "one_way", "cabin": "economy",
                "flights": [{"flight_number": "HAT1", "date": "2024-05-20"}],
                "passengers": [{"first_name": "A", "last_name": "B", "dob": "1990-01-01"}],
                "payment_methods": [{"payment_id": "gift_card_1", "amount": 250}, {"payment_id": "credit_card_2", "amount": "5.50"}],
                "total_baggages": 1, "nonfree_baggages": 0, "insurance": "no"}),
        );
        assert_eq!(
            payload,
            json!({"action": "book", "user_id": "u_1", "cabin": "economy", "insurance": "no",
                "trip": {"type": "one_way", "origin": "JFK", "destination": "SEA"},
                "flights": [{"flight_number": "HAT1", "date": "2024-05-20"}],
                "passengers": [{"first_name": "A", "last_name": "B", "dob": "1990-01-01"}],
                "payments": [{"kind": "gift_card", "id": "gift_card_1", "amount": "250"}, {"kind": "credit_card", "id": "credit_card_2", "amount": "5.50"}],
                "amount": "255.50", "currency": "USD", "baggages": {"total": 1, "nonfree": 0},
                "asked_on": ASKED_ON, "free_cancellation_since": FREE_CANCELLATION_SINCE})
        );
    }

    #[test]
    fn nothing_odd_is_lost() {
        let payload = payload(
            "update_reservation_flights",
            json!({"reservation_id": 7, "cabin": null, "flights": [{"flight_number": "X", "seat": "1A"}], "payment_id": "p_1", "mood": {"a": [1]}}),
        );
        assert_eq!(payload["payments"], json!([{"kind": "other", "id": "p_1"}]));
        assert!(payload.get("reservation_id").is_none() && payload.get("amount").is_none());
        assert_eq!(
            payload["unrecognised"],
            json!([{"name": "flights", "value": "[{\"flight_number\":\"X\",\"seat\":\"1A\"}]"}, {"name": "mood", "value": "{\"a\":[1]}"}, {"name": "reservation_id", "value": "7"}])
        );
    }

    #[test]
    fn arguments_that_are_no_object_or_too_many_are_kept_as_text() {
        assert_eq!(
            payload("cancel_reservation", json!("ABC"))["unrecognised"],
            json!([{"name": "arguments", "value": "ABC"}])
        );
        let many: Map<String, Value> = (0..100).map(|nth| (format!("a{nth:03}"), json!("x".repeat(5_000)))).collect();
        let payload = payload("cancel_reservation", Value::Object(many));
        let listed = payload["unrecognised"].as_array().unwrap();
        assert_eq!(listed.len(), MAX_UNRECOGNISED);
        assert!(listed.iter().all(|entry| entry["value"].as_str().unwrap().chars().count() == MAX_VALUE_CHARS));
    }

    #[test]
    fn sums_are_exact() {
        let of = |amounts: &[&str]| sum(&amounts.iter().map(|amount| json!({"amount": amount})).collect::<Vec<_>>());
        assert_eq!(of(&["0.1", "0.2"]).as_deref(), Some("0.30"));
        assert_eq!(of(&["100", "-0.000001"]).as_deref(), Some("99.999999"));
        assert_eq!(of(&["-3"]).as_deref(), Some("-3"));
        assert_eq!(of(&["0"]).as_deref(), Some("0"));
        assert_eq!(of(&["0.0000001"]), None);
        assert_eq!(sum(&[json!({})]), None);
        assert_eq!(of(&[]), None);
    }

    #[test]
    fn a_tool_without_a_contract_says_so() {
        let error = map_call(&call("launch_rocket", json!({})), &Lookups::default()).unwrap_err();
        assert!(error.to_string().contains("launch_rocket"));
        assert!(is_consequential(&call("cancel_reservation", json!({}))));
        assert!(!is_consequential(&call("launch_rocket", json!({}))));
        assert!(!is_consequential(&Call { is_consequential: Some(false), ..call("cancel_reservation", json!({})) }));
    }
}
