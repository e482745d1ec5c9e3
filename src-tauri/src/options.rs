//! What the window is started with.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::{fs, io};

use clap::Parser;
use thiserror::Error;

const EXAMPLES: &str = "Examples:
  seamark-app                            open the window
  seamark-app --data-dir ~/seamark-test  keep everything in another folder, beside the usual one
  seamark-app --safe-graphics            when the window stays blank";

/// Seamark: approve what AI agents hand over to one another, and prove later who approved what.
#[derive(Debug, Clone, Parser)]
#[command(name = "seamark-app", version, after_help = EXAMPLES)]
pub struct Options {
    /// Folder of account, cache and journal, and of the gateway when it runs on this computer [default: seamark in the user's data folder].
    #[arg(long, value_name = "DIR", env = "SEAMARK_DATA_DIR")]
    pub data_dir: Option<PathBuf>,
    /// Draw without the graphics card: for windows that stay blank.
    #[arg(long)]
    pub safe_graphics: bool,
}

/// Makes the folder, for this user alone: what lies in it was meant for one reviewer's eyes. One that is there stays as it
/// is, whoever made it had reasons.
///
/// # Errors
/// Whatever the file system reports.
pub fn make_private(dir: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir)
}

/// The system names no folder for a user's data.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("this computer names no folder for your data; say where to keep it with --data-dir DIR")]
pub struct NoDataFolder;

impl Options {
    /// The folder to use, made absolute so that it stays the same one.
    ///
    /// # Errors
    /// [`NoDataFolder`] when none was given and the system names none.
    pub fn data_dir(&self) -> Result<PathBuf, NoDataFolder> {
        let dir = match &self.data_dir {
            Some(dir) => dir.clone(),
            None => usual_folder(|name| std::env::var_os(name)).ok_or(NoDataFolder)?,
        };
        Ok(std::path::absolute(&dir).unwrap_or(dir))
    }
}

/// Where files belong that a person asked for: the folder of downloads, or when the system names none, one beside the data.
pub fn export_dir(data_dir: &Path) -> PathBuf {
    dirs::download_dir().unwrap_or_else(|| data_dir.join("evidence"))
}

/// Where data of this app belongs. Source: XDG Base Directory Specification 0.8; Apple's and Microsoft's usual places.
fn usual_folder(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    // The specification says to ignore relative paths.
    let folder = |name: &str| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = if cfg!(windows) {
        folder("LOCALAPPDATA")
    } else if cfg!(target_os = "macos") {
        folder("HOME").map(|home| home.join("Library/Application Support"))
    } else {
        folder("XDG_DATA_HOME").or_else(|| folder("HOME").map(|home| home.join(".local/share")))
    };
    base.map(|base| base.join("seamark"))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    fn usual(variables: &[(&str, &str)]) -> Option<PathBuf> {
        usual_folder(|name| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value)))
    }

    #[test]
    fn the_command_line_is_well_formed() {
        Options::command().debug_assert();
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn data_lies_where_the_system_says() {
        assert_eq!(usual(&[("XDG_DATA_HOME", "/d"), ("HOME", "/h")]), Some("/d/seamark".into()));
        assert_eq!(usual(&[("HOME", "/h")]), Some("/h/.local/share/seamark".into()));
        assert_eq!(usual(&[("XDG_DATA_HOME", "relative"), ("HOME", "/h")]), Some("/h/.local/share/seamark".into()));
        assert_eq!(usual(&[]), None);
    }

    #[test]
    fn a_given_folder_wins_and_becomes_absolute() {
        let options = Options { data_dir: Some("here".into()), safe_graphics: false };
        let dir = options.data_dir().unwrap();
        assert!(dir.is_absolute());
        assert!(dir.ends_with("here"));
    }

    #[cfg(unix)]
    #[test]
    fn a_new_folder_is_for_this_user_alone() {
        use std::os::unix::fs::PermissionsExt as _;

        let outer = tempfile::tempdir().unwrap();
        let dir = outer.path().join("seamark/inner");
        make_private(&dir).unwrap();
        assert_eq!(fs::metadata(&dir).unwrap().permissions().mode() & 0o777, 0o700);
        make_private(&dir).unwrap();
    }
}
