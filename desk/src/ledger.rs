//! The ledger as this desk knows it, shown and saved: what it saw, what it was shown, and what that proves (invariant D5).

use seamark_contracts::clock::Timestamp;
use seamark_contracts::digest::Digest;
use seamark_ledger::alarm::LedgerAlarm;
use seamark_ledger::checkpoint::{Checkpoint, Vkey};

use crate::answer::{AlarmView, HeadView, LedgerKind, LedgerView, SavedAlarm};
use crate::audit::write_new;
use crate::core::Inner;
use crate::refusal::{Refusal, RefusalCode};

/// How the name of an alarm's file ends.
const ALARM_EXTENSION: &str = ".seamark-alarm.json";

impl Inner {
    /// What this desk knows of the ledger.
    pub(crate) fn ledger_view(&self) -> Result<LedgerView, Refusal> {
        let trust = self.need_account()?.account.trust.clone();
        let vkey = Vkey::parse(&trust.ledger_vkey).ok();
        Ok(self.with_ledger(|ledger| LedgerView {
            state: match (&ledger.alarm, &ledger.head) {
                (Some(_), _) => LedgerKind::Broken,
                (None, Some(_)) => LedgerKind::Verified,
                (None, None) => LedgerKind::Unknown,
            },
            origin: trust.ledger_origin.clone(),
            vkey: trust.ledger_vkey.clone(),
            kept: ledger.head.as_ref().map(|kept| HeadView {
                size: kept.head.size.to_string(),
                root: kept.head.root.to_string(),
                at: kept.verified_at.to_string(),
            }),
            alarm: ledger.alarm.as_ref().map(|alarm| alarm_view(alarm, vkey.as_ref())),
        }))
    }

    /// Writes the alarm into a new file, which anybody who knows the ledger's key can judge.
    pub(crate) async fn save_alarm(&self) -> Result<SavedAlarm, Refusal> {
        let alarm = self.with_ledger(|ledger| ledger.alarm.clone()).ok_or_else(|| {
            Refusal::new(RefusalCode::NotFound, "There is no alarm on this desk, so there is nothing to save.")
        })?;
        let bytes = alarm.to_json().into_bytes();
        let sha256 = Digest::of(&bytes).to_hex();
        let folder = self.options.export_dir.clone();
        let written =
            tokio::task::spawn_blocking(move || write_new(&folder, "seamark-ledger", ALARM_EXTENSION, &bytes)).await;
        let path = written.map_err(std::io::Error::other).and_then(|written| written).map_err(|error| {
            let folder = self.options.export_dir.display();
            Refusal::new(
                RefusalCode::StorageFailed,
                format!(
                    "The proof could not be written to {folder}. It is kept on this desk all the same. Check that the folder can \
                     be written to and the disk is not full, then try again."
                ),
            )
            .because(error)
        })?;
        Ok(SavedAlarm { path: path.display().to_string(), sha256 })
    }
}

fn alarm_view(alarm: &LedgerAlarm, vkey: Option<&Vkey>) -> AlarmView {
    let judged = vkey.map(|vkey| alarm.judge(vkey));
    let (judgement, is_proven) = match judged {
        Some(Ok(judgement)) => (judgement.sentence(), judgement.is_proven()),
        Some(Err(error)) => (error.to_string(), false),
        None => ("The pinned key cannot be read, so nothing can be judged.".to_owned(), false),
    };
    AlarmView {
        at: alarm.found_at.to_string(),
        finding: alarm.finding.clone(),
        judgement,
        is_proven,
        kept: alarm.kept.as_deref().and_then(|note| head_view(note, vkey, alarm.kept_at.unwrap_or(alarm.found_at))),
        shown: head_view(&alarm.shown, vkey, alarm.found_at),
    }
}

/// The head of a note, when the pinned key signed it.
fn head_view(note: &str, vkey: Option<&Vkey>, at: Timestamp) -> Option<HeadView> {
    let head = Checkpoint::parse(note.as_bytes()).ok()?.verify(vkey?).ok()?;
    Some(HeadView { size: head.size().to_string(), root: head.root().to_string(), at: at.to_string() })
}
