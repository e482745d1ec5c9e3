//! The state around the screens, in words.

use seamark_contracts::clock::Timestamp;

use crate::answer::{
    AccountState, AppState, AppearanceState, ConnectionState, CountState, Density, LedgerKind, LedgerState, LinkState,
    OutboxState, SigningKind, SigningState, Stage, Theme,
};
use crate::cache::{Appearance, Counts, StoreError};
use crate::core::{CountsAt, Inner, KeyringHealth, Link};
use crate::keys::UNLOCKED_MS;
use crate::refusal::Refusal;
use crate::words::{self, LocalGateway};

/// After so long without a sign of life what is shown counts as stale (invariant E2).
const STALE_MS: i64 = 60_000;

/// "Expiring" ends so far from now.
pub(crate) const SOON_MS: i64 = 60 * 60 * 1000;

/// A clock that is off by more than this is mentioned.
const NOTABLE_SKEW_MS: i64 = 5_000;

pub(crate) fn small(n: u64) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

impl Inner {
    pub(crate) async fn app_state(&self) -> Result<AppState, Refusal> {
        let now = self.now();
        let counts = self.counts().await?;
        let enrolled = self.enrolled();
        let stage = match (&enrolled, self.is_setting_up()) {
            (_, true) => Stage::SettingUp,
            (Some(_), false) if !self.is_listed() => Stage::Waiting,
            (Some(_), false) => Stage::Ready,
            (None, false) => Stage::FirstRun,
        };
        let enrolment = enrolled.as_ref().and_then(|enrolled| self.enrolment_state(&enrolled.account));
        let account = enrolled.map(|enrolled| {
            let person = enrolled.person();
            AccountState {
                org: enrolled.account.trust.org.clone(),
                person_name: person.name,
                person_id: person.id.to_string(),
                roles: person.roles,
                gateway: enrolled.account.gateway.clone(),
                is_local: enrolled.account.is_local,
                keyid: enrolled.account.decision_keyid.clone(),
            }
        });
        let delivered_today = self.store.n_delivered_since(self.calendar.start_of_day(now)).await?;
        Ok(AppState {
            stage,
            signing: self.signing_state(account.is_some()).await?,
            account,
            enrolment,
            new_root: self.new_root_state(),
            connection: self.connection_state(),
            ledger: self.ledger_state(),
            outbox: OutboxState {
                waiting: small(self.store.n_waiting().await?),
                delivered_today: small(delivered_today),
            },
            counts: CountState {
                open: small(counts.n_open),
                mine: small(counts.n_mine),
                expiring: small(counts.n_expiring),
            },
            appearance: appearance_state(&self.store.appearance().await?),
            version: self.options.version.clone(),
            now: now.to_string(),
            time_zone: self.calendar.name().to_owned(),
            locale: self.options.locale.clone(),
        })
    }

    /// Counts are read once per version of the list and minute: the list may have 100,000 rows.
    pub(crate) async fn counts(&self) -> Result<Counts, StoreError> {
        let (version, now) = (self.version(), self.now());
        let known = self.with_counts(|known| {
            known
                .as_ref()
                .filter(|known| known.version == version && (now.as_ms() - known.at.as_ms()).abs() < 30_000)
                .map(|known| known.counts.clone())
        });
        if let Some(counts) = known {
            return Ok(counts);
        }
        let counts = self.store.counts(now.plus_ms(SOON_MS)).await?;
        self.with_counts(|known| *known = Some(CountsAt { version, at: now, counts: counts.clone() }));
        Ok(counts)
    }

    fn connection_state(&self) -> ConnectionState {
        let link = self.link();
        let local_now = self.local_now();
        let retry_in_s = link
            .retry_at
            .map(|at| (at.as_ms() - local_now.as_ms()).max(0))
            .and_then(|ms| u32::try_from((ms + 999) / 1000).ok());
        ConnectionState {
            state: link.state,
            since_ms: link.since.as_ms().to_string(),
            last_sync_at: link.current_at.map(|at| at.plus_ms(link.skew_ms).to_string()),
            retry_in_s,
            text: self.connection_text(&link),
            help: self.connection_help(&link),
            clock_skew_ms: i32::try_from(link.skew_ms).unwrap_or(if link.skew_ms < 0 { i32::MIN } else { i32::MAX }),
        }
    }

    /// A phrase without a full stop.
    fn connection_text(&self, link: &Link) -> String {
        let moment = |at: Timestamp| self.calendar.moment(at.plus_ms(link.skew_ms), self.now());
        let shown = |at: Timestamp| format!("showing what was current at {}", moment(at));
        match self.local_gateway() {
            LocalGateway::Starting => return "Starting the gateway on this computer\u{2026}".to_owned(),
            LocalGateway::Failed(_) => return "The gateway on this computer did not start".to_owned(),
            LocalGateway::Runs => {}
        }
        let is_away = matches!(link.state, LinkState::Offline | LinkState::Connecting);
        let text = match (link.state, link.current_at) {
            _ if self.ended_access().is_some() => "Your access to this gateway has ended".to_owned(),
            _ if is_away && self.keyring_health() == KeyringHealth::Locked => {
                "Not connected, because your keyring is locked".to_owned()
            }
            _ if is_away && self.keyring_health() == KeyringHealth::Missing => {
                "Not connected, because no keyring runs".to_owned()
            }
            (LinkState::Connected, at) => format!("Connected, up to date at {}", moment(at.unwrap_or(link.since))),
            (LinkState::Connecting, None) => "Connecting to the gateway".to_owned(),
            (LinkState::Connecting, Some(at)) => format!("Connecting, {}", shown(at)),
            (LinkState::Offline, None) => "Offline, the gateway was not reached yet".to_owned(),
            (LinkState::Offline, Some(at)) => format!("Offline, {}", shown(at)),
            (LinkState::Refused, _) => "The gateway does not let this device in".to_owned(),
        };
        if link.skew_ms.abs() <= NOTABLE_SKEW_MS {
            return text;
        }
        let seconds = link.skew_ms.abs() / 1000;
        let direction = if link.skew_ms > 0 { "behind" } else { "ahead of" };
        format!("{text}, this computer's clock is {seconds} s {direction} the gateway's")
    }

    fn connection_help(&self, link: &Link) -> Option<String> {
        match self.local_gateway() {
            LocalGateway::Starting => return None,
            LocalGateway::Failed(fault) => return Some(fault.words()),
            LocalGateway::Runs => {}
        }
        // Also before the first contact of this start, and while the gateway is away: it was said for good.
        if let Some(ended) = self.ended_access() {
            return Some(ended.words());
        }
        match link.state {
            LinkState::Offline => Some(
                "You can go on reading. What you decide at low risk is signed here and sent later; at higher risk the \
                 gateway first has to confirm that nothing has changed, and your words are kept as a draft."
                    .to_owned(),
            ),
            LinkState::Refused => link.refused.clone(),
            LinkState::Connecting | LinkState::Connected => None,
        }
    }

    /// In words, when what is shown was not confirmed for a minute.
    pub(crate) fn staleness(&self) -> Option<String> {
        let link = self.link();
        let at = link.current_at?;
        let age_ms = self.local_now().as_ms() - at.as_ms();
        (age_ms > STALE_MS).then(|| {
            let moment = self.calendar.moment(at.plus_ms(link.skew_ms), self.now());
            format!(
                "Not confirmed for {}. Shown is what was current at {moment}.",
                crate::words::span(u64::try_from(age_ms).unwrap_or(0))
            )
        })
    }

    async fn signing_state(&self, is_enrolled: bool) -> Result<SigningState, Refusal> {
        let now = self.local_now();
        let (until, keyring) = self.with_signing(|signing| {
            // Neither a period that is over nor one that a clock set back would stretch.
            let is_over = |until: Timestamp| until <= now || until.as_ms() - now.as_ms() > UNLOCKED_MS;
            if signing.unlocked.as_ref().is_some_and(|unlocked| is_over(unlocked.until)) {
                signing.unlocked = None;
            }
            (signing.unlocked.as_ref().map(|unlocked| unlocked.until), signing.keyring)
        });
        let skew_ms = self.link().skew_ms;
        let locked_out = self.store.failed_pins().await?.locked_until(now);
        let (state, text, help) = match (is_enrolled, until, keyring) {
            (false, _, _) => (SigningKind::None, "This desk has no signing key yet.".to_owned(), None),
            (true, Some(until), _) => {
                let until = self.calendar.time(until.plus_ms(skew_ms));
                (SigningKind::Unlocked, format!("Signing key unlocked until {until}."), None)
            }
            (true, None, KeyringHealth::Missing) => (
                SigningKind::KeyringMissing,
                "No keyring runs, so nothing can be signed.".to_owned(),
                Some(words::KEYRING_MISSING.to_owned()),
            ),
            (true, None, KeyringHealth::Locked) => (
                SigningKind::KeyringLocked,
                "Your keyring is locked, so nothing can be signed.".to_owned(),
                Some(words::KEYRING_LOCKED.to_owned()),
            ),
            (true, None, KeyringHealth::Good | KeyringHealth::NotAsked) => match locked_out {
                Some(until) => {
                    let until = self.calendar.exact_time(until.plus_ms(skew_ms));
                    (
                        SigningKind::Locked,
                        format!("Too many wrong PINs, so none is tried before {until}."),
                        Some("Nothing was signed. What you wrote is kept as a draft.".to_owned()),
                    )
                }
                None => (SigningKind::Locked, "Signing key locked. Your PIN unlocks it.".to_owned(), None),
            },
        };
        let unlocked_until = until.map(|until| until.plus_ms(skew_ms).to_string());
        Ok(SigningState { state, unlocked_until, text, help })
    }

    pub(crate) fn ledger_state(&self) -> LedgerState {
        let now = self.now();
        self.with_ledger(|ledger| {
            let size = ledger.head.as_ref().map_or(0, |kept| kept.head.size);
            let (state, text) = match (&ledger.alarm, &ledger.head) {
                (Some(alarm), _) => (
                    LedgerKind::Broken,
                    format!(
                        "The gateway's ledger contradicts what this desk saw before ({}). Found {}. Approving is \
                         stopped on this desk. Tell your organisation's operator and show them this message.",
                        alarm.finding,
                        self.calendar.moment(alarm.found_at, now)
                    ),
                ),
                (None, Some(kept)) => (
                    LedgerKind::Verified,
                    format!("{size} entries verified, last at {}.", self.calendar.moment(kept.verified_at, now)),
                ),
                (None, None) => (LedgerKind::Unknown, "The ledger was not checked yet.".to_owned()),
            };
            LedgerState { state, size: size.to_string(), text }
        })
    }

    pub(crate) async fn set_appearance(&self, theme: Theme, zoom: f64, density: Density) -> Result<(), Refusal> {
        let theme = match theme {
            Theme::System => "system",
            Theme::Light => "light",
            Theme::Dark => "dark",
            Theme::Contrast => "contrast",
        };
        let density = match density {
            Density::Comfortable => "comfortable",
            Density::Compact => "compact",
            Density::Dense => "dense",
        };
        let appearance = Appearance { theme: theme.to_owned(), zoom: zoom_per_cent(zoom), density: density.to_owned() };
        self.store.keep_appearance(&appearance).await?;
        self.changed.notify_one();
        Ok(())
    }
}

/// Whole per cent within the bounds; what is no number is the plain size.
fn zoom_per_cent(zoom: f64) -> u32 {
    let wanted = (zoom * 100.0).round();
    (80..=200).rev().find(|per_cent| f64::from(*per_cent) <= wanted).unwrap_or(if wanted < 80.0 { 80 } else { 100 })
}

fn appearance_state(appearance: &Appearance) -> AppearanceState {
    AppearanceState {
        theme: match appearance.theme.as_str() {
            "light" => Theme::Light,
            "dark" => Theme::Dark,
            "contrast" => Theme::Contrast,
            _ => Theme::System,
        },
        zoom: f64::from(appearance.zoom.clamp(80, 200)) / 100.0,
        density: match appearance.density.as_str() {
            "compact" => Density::Compact,
            "dense" => Density::Dense,
            _ => Density::Comfortable,
        },
    }
}
