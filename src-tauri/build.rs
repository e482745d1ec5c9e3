//! Declares every command of the page, so that Tauri checks each call against `capabilities/main.json`.

use std::error::Error;
use std::fs::{self, File};
use std::path::Path;
use std::time::SystemTime;

/// Where the built page is; `npm run build` in `ui/` makes it.
const PAGE: &str = "../ui/dist";

/// What the window shows when it was built without a page.
const NO_PAGE: &str = "<!doctype html>
<html lang=\"en\">
  <head>
    <meta charset=\"utf-8\">
    <title>Seamark</title>
  </head>
  <body>
    <p>This build has no page. Close the window and start Seamark with <code>cargo xtask run</code>, which builds both.</p>
  </body>
</html>
";

/// A command that is not named here could be called by any page; one that is named needs a permission.
const COMMANDS: &[&str] = &[
    "app_state",
    "try_locally",
    "connect",
    "inbox_rows",
    "open_review",
    "note_opened",
    "reveal_field",
    "revealed_text",
    "copy_revealed",
    "mask_again",
    "decide",
    "unlock",
    "lock",
    "change_pin",
    "pin_root",
    "outbox_rows",
    "audit_rows",
    "audit_record",
    "verify_record",
    "save_evidence",
    "ledger",
    "save_alarm",
    "save_report",
    "artifact_text",
    "save_draft",
    "set_appearance",
    "retry_keyring",
];

fn main() -> Result<(), Box<dyn Error>> {
    stand_in_for_page(Path::new(PAGE))?;
    println!("cargo:rerun-if-changed={PAGE}");
    println!("cargo:rerun-if-changed=capabilities");
    let manifest = tauri_build::AppManifest::new().commands(COMMANDS);
    tauri_build::try_build(tauri_build::Attributes::new().app_manifest(manifest))?;
    Ok(())
}

/// Lets `cargo check` work before the page was ever built.
fn stand_in_for_page(page: &Path) -> Result<(), Box<dyn Error>> {
    let index = page.join("index.html");
    if index.exists() {
        return Ok(());
    }
    fs::create_dir_all(page)?;
    fs::write(&index, NO_PAGE)?;
    // As old as can be: whoever compares times (xtask does) builds the real page over it.
    File::options().write(true).open(&index)?.set_modified(SystemTime::UNIX_EPOCH)?;
    Ok(())
}
