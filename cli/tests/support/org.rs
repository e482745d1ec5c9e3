//! Whoever holds the root of a gateway in a test, with the program itself.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// The root's file, and its passphrase.
pub struct Org {
    folder: tempfile::TempDir,
}

impl Org {
    /// Makes the root, and a gateway's folder under it.
    pub fn with(data_dir: &Path) -> Self {
        let org = Self { folder: tempfile::tempdir().unwrap() };
        std::fs::write(org.passphrase(), "several words nobody joins\n").unwrap();
        let made = org.run(&["create", "--out", &org.root()]);
        let key = made.get("rootKey").and_then(Value::as_str).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_seamark"));
        command.args(["init", "--org", "acme", "--root-key", key, "--data-dir"]).arg(data_dir);
        assert!(command.output().unwrap().status.success());
        org
    }

    pub fn root(&self) -> String {
        self.folder.path().join("acme.root").to_str().unwrap().to_owned()
    }

    fn passphrase(&self) -> PathBuf {
        self.folder.path().join("passphrase")
    }

    /// A command of `seamark org` with the passphrase.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_seamark"));
        command.arg("org").args(args).arg("--passphrase-file").arg(self.passphrase()).arg("--json");
        for name in ["SEAMARK_GATEWAY", "SEAMARK_ROOT_KEY", "SEAMARK_DATA_DIR"] {
            command.env_remove(name);
        }
        command.stdin(std::process::Stdio::null());
        command
    }

    /// What such a command answers.
    fn run(&self, args: &[&str]) -> Value {
        let output = self.command(args).output().unwrap();
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// `org sign` with these further arguments.
    pub fn sign(&self, more: &[&str]) -> Value {
        self.run(&[&["sign", "--key", &self.root()], more].concat())
    }
}
