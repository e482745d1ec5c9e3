//! Which of the earlier tool outputs are about the call in question.
//!
//! The sample contracts know two outputs by id: `reservation`, the last lookup of the reservation that the call is about,
//! and `user`, the last lookup of its customer. Every other output keeps its tool's name.

use serde_json::{Map, Value};

use super::run::{Call, Event, Output, Run};

/// An output that is about the call.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Found<'a> {
    /// Position among the run's events.
    pub at: usize,
    pub members: &'a Map<String, Value>,
}

/// What was looked up before the call.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Lookups<'a> {
    pub reservation: Option<Found<'a>>,
    pub user: Option<Found<'a>>,
}

impl<'a> Lookups<'a> {
    /// Searches what happened before the event `call_at`, which is `call`.
    pub(super) fn before(run: &'a Run, call_at: usize, call: &Call) -> Self {
        let reservation = match text(&call.arguments, "reservation_id") {
            Some(id) => last(run, call_at, "get_reservation_details", |_, members| {
                members.get("reservation_id").and_then(Value::as_str) == Some(id)
            }),
            // A call that names no reservation is about the one that was talked about last; a booking is about none.
            None if call.tool == "book_reservation" => None,
            None => last(run, call_at, "get_reservation_details", |_, _| true),
        };
        let customer = text(&call.arguments, "user_id")
            .or_else(|| reservation.and_then(|found| found.members.get("user_id")).and_then(Value::as_str));
        let user = last(run, call_at, "get_user_details", |asked, _| {
            customer
                .is_none_or(|customer| asked.is_some_and(|asked| text(&asked.arguments, "user_id") == Some(customer)))
        });
        Self { reservation, user }
    }
}

/// The last answer of `tool` that is an object and fits.
fn last<'a>(
    run: &'a Run,
    before: usize,
    tool: &str,
    fits: impl Fn(Option<&Call>, &Map<String, Value>) -> bool,
) -> Option<Found<'a>> {
    let earlier = run.events.iter().enumerate().take(before);
    earlier.rev().find_map(|(at, event)| match event {
        Event::Answered { call, tool: answered, output: Output::Object(members) } if answered == tool => {
            let asked = call.and_then(|at| run.events.get(at)).and_then(|event| match event {
                Event::Called(call) => Some(call),
                _ => None,
            });
            fits(asked, members).then_some(Found { at, members })
        }
        _ => None,
    })
}

fn text<'v>(value: &'v Value, member: &str) -> Option<&'v str> {
    value.get(member).and_then(Value::as_str)
}
