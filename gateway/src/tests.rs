//! Journeys through the gateway in process.

mod thin;
