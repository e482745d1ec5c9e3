//! The commands and events as the page knows them: the one list from which its TypeScript is generated.

use tauri::Wry;
use tauri_specta::{Builder, collect_commands, collect_events};

use crate::{command, event};

pub(crate) fn builder() -> Builder<Wry> {
    Builder::new()
        .commands(collect_commands![
            command::app_state::app_state,
            command::try_locally::try_locally,
            command::connect::connect,
            command::inbox_rows::inbox_rows,
            command::open_review::open_review,
            command::note_opened::note_opened,
            command::reveal_field::reveal_field,
            command::revealed_text::revealed_text,
            command::copy_revealed::copy_revealed,
            command::mask_again::mask_again,
            command::decide::decide,
            command::unlock::unlock,
            command::lock::lock,
            command::change_pin::change_pin,
            command::pin_root::pin_root,
            command::outbox_rows::outbox_rows,
            command::audit_rows::audit_rows,
            command::audit_record::audit_record,
            command::verify_record::verify_record,
            command::save_evidence::save_evidence,
            command::ledger::ledger,
            command::save_alarm::save_alarm,
            command::save_report::save_report,
            command::artifact_text::artifact_text,
            command::save_draft::save_draft,
            command::set_appearance::set_appearance,
            command::retry_keyring::retry_keyring,
        ])
        .events(collect_events![
            event::AppStateChanged,
            event::InboxChanged,
            event::ReviewChanged,
            event::DecisionProgressed,
            event::FieldsMasked,
            event::SetupProgress,
        ])
        // One type per answer: what we send and what we would read are the same.
        .disable_serde_phases()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use specta_typescript::Typescript;

    use super::*;

    /// Compares, and with `SEAMARK_GEN=1` writes.
    #[test]
    fn generated_bindings_are_current() {
        let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ui/src/host/bindings.ts");
        let folder = tempfile::tempdir().unwrap();
        let fresh = folder.path().join("bindings.ts");
        builder().export(Typescript::default(), &fresh).unwrap();
        if std::env::var_os("SEAMARK_GEN").is_some_and(|value| value == "1") {
            std::fs::copy(&fresh, &kept).unwrap();
        }
        let (fresh, kept) = (std::fs::read_to_string(fresh).unwrap(), std::fs::read_to_string(kept).unwrap());
        assert!(fresh == kept, "ui/src/host/bindings.ts is not what the commands say: run `cargo xtask gen`");
    }
}
