//! The page in `ui/`: its packages and its build.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use anyhow::{Result, bail};

use crate::exec;

/// npm in `ui/`, told that nobody is watching so that nothing opens, asks or stays.
pub(crate) fn npm(root: &Path, arguments: &[&str]) -> Command {
    let mut command = exec::tool("npm", &folder(root));
    command
        .args(arguments)
        .env("CI", "true")
        .env("NO_COLOR", "1")
        .env("npm_config_fund", "false")
        .env("npm_config_audit", "false")
        .env("npm_config_update_notifier", "false");
    command
}

/// The command that fetches exactly what the lock file says, without running anybody's install scripts.
pub(crate) fn fetch_packages(root: &Path) -> Command {
    npm(root, &["ci", "--ignore-scripts"])
}

/// The command that builds the page into `ui/dist`.
pub(crate) fn build(root: &Path) -> Command {
    npm(root, &["run", "build"])
}

/// Says in words when there is no page to work on.
///
/// # Errors
/// `ui/package.json` or its lock file is missing.
pub(crate) fn ensure_there(root: &Path) -> Result<()> {
    for name in ["package.json", "package-lock.json"] {
        if !folder(root).join(name).is_file() {
            bail!("ui/{name} is missing: there is no page to build in this clone");
        }
    }
    Ok(())
}

/// True when `node_modules` holds what the lock file asks for: npm writes its own copy of the lock file last.
pub(crate) fn has_packages(root: &Path) -> bool {
    let lock = modified(&folder(root).join("package-lock.json"));
    let installed = modified(&folder(root).join("node_modules/.package-lock.json"));
    matches!((lock, installed), (Some(lock), Some(installed)) if lock <= installed)
}

/// True when nothing in `ui/` is newer than the built page. Building anew would change the files' times, and the app
/// that embeds them would be linked again for nothing.
pub(crate) fn is_built(root: &Path) -> bool {
    let Some(built) = modified(&folder(root).join("dist/index.html")) else {
        return false;
    };
    newest(&folder(root)).is_some_and(|newest| newest <= built)
}

fn folder(root: &Path) -> PathBuf {
    root.join("ui")
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|about| about.modified()).ok()
}

/// The latest change of any source below `folder`, deletions included (they change the folder's own time).
fn newest(folder: &Path) -> Option<SystemTime> {
    let mut latest = None;
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let name = entry.file_name();
        if name == "node_modules" || name == "dist" || name == "target" {
            continue;
        }
        let here = if path.is_dir() { newest(&path).max(modified(&path)) } else { modified(&path) };
        latest = latest.max(here);
    }
    latest
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn write(root: &Path, name: &str, age_seconds: u64) {
        let path = root.join("ui").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "x").unwrap();
        let then = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000 - age_seconds);
        for changed in [path.as_path(), path.parent().unwrap()] {
            fs::File::open(changed).unwrap().set_modified(then).unwrap();
        }
    }

    #[test]
    fn builds_again_only_when_a_source_is_newer() {
        let root = std::env::temp_dir().join(format!("xtask-page-{}", std::process::id()));
        write(&root, "src/app.ts", 50);
        assert!(!is_built(&root));
        write(&root, "dist/index.html", 40);
        assert!(is_built(&root));
        write(&root, "src/app.ts", 30);
        assert!(!is_built(&root));

        write(&root, "node_modules/.package-lock.json", 20);
        write(&root, "package-lock.json", 25);
        assert!(has_packages(&root));
        write(&root, "package-lock.json", 15);
        assert!(!has_packages(&root));
        assert!(ensure_there(&root).is_err());
        fs::remove_dir_all(root).unwrap();
    }
}
