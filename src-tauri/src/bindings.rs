//! The list of commands and events, and the TypeScript that is generated from it.

use tauri_specta::{Builder, collect_commands, collect_events};

use crate::command::app_state::app_state;
use crate::command::artifact_text::artifact_text;
use crate::command::audit_record::audit_record;
use crate::command::audit_rows::audit_rows;
use crate::command::connect::connect;
use crate::command::decide::decide;
use crate::command::inbox_rows::inbox_rows;
use crate::command::lock::lock;
use crate::command::note_opened::note_opened;
use crate::command::open_review::open_review;
use crate::command::outbox_rows::outbox_rows;
use crate::command::retry_keyring::retry_keyring;
use crate::command::save_draft::save_draft;
use crate::command::set_appearance::set_appearance;
use crate::command::try_locally::try_locally;
use crate::command::unlock::unlock;
use crate::command::verify_record::verify_record;
use crate::event::{AppStateChanged, DecisionProgressed, InboxChanged, ReviewChanged, SetupProgress};

/// Every command and event of the app. `build.rs` and `capabilities/main.json` list the same commands.
pub fn builder() -> Builder<tauri::Wry> {
    Builder::<tauri::Wry>::new()
        .commands(collect_commands![
            app_state,
            try_locally,
            connect,
            inbox_rows,
            open_review,
            note_opened,
            decide,
            unlock,
            lock,
            outbox_rows,
            audit_rows,
            audit_record,
            verify_record,
            artifact_text,
            save_draft,
            set_appearance,
            retry_keyring,
        ])
        .events(collect_events![AppStateChanged, DecisionProgressed, InboxChanged, ReviewChanged, SetupProgress])
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const BINDINGS: &str = "../ui/src/host/bindings.ts";

    fn generate() -> String {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("bindings.ts");
        builder().disable_serde_phases().export(specta_typescript::Typescript::default(), &path).unwrap();
        std::fs::read_to_string(path).unwrap()
    }

    /// With `SEAMARK_GEN=1` the file is written; without, a difference fails.
    #[test]
    fn generated_bindings_are_current() {
        let generated = generate();
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(BINDINGS);
        if std::env::var_os("SEAMARK_GEN").is_some() {
            std::fs::write(&path, &generated).unwrap();
        }
        let committed = std::fs::read_to_string(&path).unwrap();
        assert!(committed == generated, "{BINDINGS} is not what the Rust types say: run `cargo xtask gen`");
    }

    #[test]
    fn every_command_is_declared_and_granted() {
        let build = include_str!("../build.rs");
        let granted = include_str!("../capabilities/main.json");
        let generated = generate();
        let called: Vec<&str> = generated
            .split("__TAURI_INVOKE(\"")
            .skip(1)
            .filter_map(|rest| rest.split('"').next())
            .collect();
        assert_eq!(called.len(), 17);
        for command in called {
            assert!(build.contains(&format!("\"{command}\"")), "{command} is missing in build.rs");
            let permission = format!("\"allow-{}\"", command.replace('_', "-"));
            assert!(granted.contains(&permission), "{permission} is missing in capabilities/main.json");
        }
    }
}
