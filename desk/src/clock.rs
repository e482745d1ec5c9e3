//! The only place of the desk that reads the system: its clock, its randomness, its time zone.

use std::time::{SystemTime, UNIX_EPOCH};

use seamark_contracts::clock::{Chance, Clock, Timestamp};

/// The computer's wall clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the desk's one reader of the system clock")]
    fn now(&self) -> Timestamp {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_ms(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
    }
}

/// The operating system's randomness.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemChance;

impl Chance for SystemChance {
    fn fill(&self, bytes: &mut [u8]) {
        // Keys are made from this; going on without randomness would be worse than stopping.
        getrandom::fill(bytes).expect("the operating system provides randomness");
    }
}

/// The IANA name of this computer's time zone, or `UTC` when it has none.
#[must_use]
pub fn system_time_zone() -> String {
    jiff::tz::TimeZone::system().iana_name().unwrap_or("UTC").to_owned()
}
