//! What the app is started with: arguments, environment, and the variables that WebKitGTK needs before any thread.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;

use thiserror::Error;

/// Printed for `--help`.
pub const HELP: &str = "\
Seamark: approve, reject or escalate what AI agents hand over to one another.

Usage: seamark-app [--data-dir DIR] [--safe-graphics]

  --data-dir DIR     where Seamark keeps this desk's account, keys and journal
                     (also SEAMARK_DATA_DIR; default: $XDG_DATA_HOME/seamark)
  --safe-graphics    draw without the graphics card, when the window stays empty
  --version          print the version
  --help             print this

Examples:
  seamark-app
  seamark-app --data-dir ~/seamark-second-desk
  seamark-app --safe-graphics
";

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    Run(Options),
    Help,
    Version,
}

/// How to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    pub data_dir: PathBuf,
    pub is_safe_graphics: bool,
    /// BCP 47, valid.
    pub locale: String,
}

/// Why the arguments are of no use.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum OptionsError {
    #[error("{0:?} is not an option of seamark-app; `seamark-app --help` lists them")]
    Unknown(OsString),
    #[error("--data-dir needs a folder, as in `seamark-app --data-dir ~/desk`")]
    NoFolder,
    #[error("there is no home folder to keep Seamark's data in; name one with --data-dir DIR")]
    NoHome,
}

/// Reads arguments (without the program's name) and environment.
///
/// # Errors
/// [`OptionsError`]
pub fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Wanted, OptionsError> {
    let mut arguments = arguments.into_iter();
    let mut data_dir = None;
    let mut is_safe_graphics = false;
    while let Some(argument) = arguments.next() {
        match argument.to_str() {
            Some("--help" | "-h") => return Ok(Wanted::Help),
            Some("--version" | "-V") => return Ok(Wanted::Version),
            Some("--safe-graphics") => is_safe_graphics = true,
            Some("--data-dir") => data_dir = Some(PathBuf::from(arguments.next().ok_or(OptionsError::NoFolder)?)),
            Some(text) if text.starts_with("--data-dir=") => {
                data_dir = Some(PathBuf::from(text.trim_start_matches("--data-dir=")));
            }
            // WebKitWebDriver and desktop files may pass what is not for us, never with a dash.
            Some(text) if !text.starts_with('-') => {}
            _ => return Err(OptionsError::Unknown(argument)),
        }
    }
    let data_dir = data_dir.or_else(|| folder_of("SEAMARK_DATA_DIR")).or_else(default_folder).ok_or(OptionsError::NoHome)?;
    Ok(Wanted::Run(Options { data_dir, is_safe_graphics, locale: locale() }))
}

fn folder_of(variable: &str) -> Option<PathBuf> {
    env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from)
}

fn default_folder() -> Option<PathBuf> {
    let data = folder_of("XDG_DATA_HOME").or_else(|| folder_of("HOME").map(|home| home.join(".local/share")))?;
    Some(data.join("seamark"))
}

/// The locale of the session as `Intl` takes it. `C`, `POSIX` and what cannot be read become `en-GB`.
fn locale() -> String {
    let named = ["LC_ALL", "LC_TIME", "LANG"].into_iter().find_map(|name| env::var(name).ok().filter(|value| !value.is_empty()));
    named.and_then(|name| bcp47(&name)).unwrap_or_else(|| "en-GB".to_owned())
}

/// `de-DE` of `de_DE.UTF-8`.
fn bcp47(posix: &str) -> Option<String> {
    let name = posix.split(['.', '@']).next()?;
    let mut parts = name.split('_');
    let language = parts.next()?;
    let is_language = (2..=3).contains(&language.len()) && language.chars().all(|c| c.is_ascii_lowercase());
    match (is_language, parts.next(), parts.next()) {
        (true, None, None) => Some(language.to_owned()),
        (true, Some(region), None) if region.len() == 2 && region.chars().all(|c| c.is_ascii_uppercase()) => {
            Some(format!("{language}-{region}"))
        }
        _ => None,
    }
}

/// Marks a process that was started anew with the variables, so that it is done once.
#[cfg(target_os = "linux")]
const STARTED_ANEW: &str = "SEAMARK_STARTED_ANEW";

/// Variables that WebKitGTK reads at start and that are not set yet: setting them inside a process that may have threads
/// is not sound, so the program is started anew with them, as the same process.
///
/// Answers only when nothing has to be set, or when starting anew did not work.
#[cfg(target_os = "linux")]
pub fn start_anew_if_needed(options: &Options) {
    use std::os::unix::process::CommandExt as _;

    // Without the first, windows stay blank on some drivers; the second draws without the graphics card at all.
    let wanted = [("WEBKIT_DISABLE_DMABUF_RENDERER", true), ("WEBKIT_DISABLE_COMPOSITING_MODE", options.is_safe_graphics)];
    let missing = wanted.iter().filter(|(name, is_wanted)| *is_wanted && env::var_os(name).is_none());
    let missing: Vec<&str> = missing.map(|(name, _)| *name).collect();
    if missing.is_empty() || env::var_os(STARTED_ANEW).is_some() {
        return;
    }
    let Ok(program) = env::current_exe() else { return };
    let error = std::process::Command::new(program)
        .args(env::args_os().skip(1))
        .envs(missing.iter().map(|name| (name, "1")))
        .env(STARTED_ANEW, "1")
        .exec();
    tracing::warn!(%error, "could not set WebKitGTK's variables; if the window stays empty, set them by hand");
}

/// Why no window can be shown, in words; `None` when there is a display.
#[cfg(target_os = "linux")]
#[must_use]
pub fn missing_display() -> Option<&'static str> {
    let is_set = |name: &str| env::var_os(name).is_some_and(|value| !value.is_empty());
    (!is_set("DISPLAY") && !is_set("WAYLAND_DISPLAY")).then_some(
        "seamark-app: there is no display to show the window on (neither DISPLAY nor WAYLAND_DISPLAY is set).\n\
         Start it inside a desktop session. On a machine without one, use a virtual display:\n\
         \n    dbus-run-session -- xvfb-run -a seamark-app\n",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(arguments: &[&str]) -> Result<Wanted, OptionsError> {
        read(arguments.iter().map(OsString::from))
    }

    #[test]
    fn a_folder_and_safe_graphics_are_read() {
        let Ok(Wanted::Run(options)) = read_text(&["--data-dir", "/tmp/desk", "--safe-graphics"]) else {
            panic!("these arguments run the app");
        };
        assert_eq!(options.data_dir, PathBuf::from("/tmp/desk"));
        assert!(options.is_safe_graphics);
        assert_eq!(read_text(&["--help"]), Ok(Wanted::Help));
        assert_eq!(read_text(&["--data-dir"]), Err(OptionsError::NoFolder));
        assert_eq!(read_text(&["--date-dir", "x"]), Err(OptionsError::Unknown("--date-dir".into())));
    }

    #[test]
    fn only_a_locale_that_intl_takes_is_passed_on() {
        for (posix, tag) in [
            ("de_DE.UTF-8", Some("de-DE")),
            ("en_GB", Some("en-GB")),
            ("eo", Some("eo")),
            ("sr_RS@latin", Some("sr-RS")),
            ("C", None),
            ("C.UTF-8", None),
            ("POSIX", None),
            ("", None),
            ("de-DE'; alert(1)", None),
        ] {
            assert_eq!(bcp47(posix).as_deref(), tag, "{posix}");
        }
    }
}
