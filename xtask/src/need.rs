//! What this computer still needs, and which commands would fill the holes.
//!
//! Looking is separated from acting (`provide.rs`): [`missing`] only asks a [`Machine`], so that every distribution and
//! every hole can be tried in a unit test.

/// The Nodes that the page's tools run on, as `engines` in ui/package.json has it.
const NODE: &str = "Node 20.19, 22.12 or newer";

/// What a command is about to do, as far as it changes what must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Build everything and open the window.
    Run,
    /// Everything that needs no window.
    QuickTest,
    /// All tests, the real window included. The bench needs the same.
    FullTest,
}

/// How to see that something is there without asking the package manager, for other distributions and own builds.
#[derive(Debug, Clone, Copy)]
enum Probe {
    Program(&'static str),
    PkgConfig(&'static str),
    /// Any one of these files.
    AnyFile(&'static [&'static str]),
    /// A program with arguments that ends well.
    Works(&'static str, &'static [&'static str]),
}

/// A Debian package, its probe and what it is for.
#[derive(Debug, Clone, Copy)]
struct Need {
    package: &'static str,
    probe: Probe,
    why: &'static str,
}

const fn need(package: &'static str, probe: Probe, why: &'static str) -> Need {
    Need { package, probe, why }
}

const BUILD: &[Need] = &[
    need("build-essential", Probe::Program("cc"), "compile C parts"),
    need("pkg-config", Probe::Program("pkg-config"), "find libraries"),
    need("libwebkit2gtk-4.1-dev", Probe::PkgConfig("webkit2gtk-4.1"), "the window's web engine"),
    need("libayatana-appindicator3-dev", Probe::PkgConfig("ayatana-appindicator3-0.1"), "the tray icon"),
    need("librsvg2-dev", Probe::PkgConfig("librsvg-2.0"), "draw icons"),
];

/// Any program that offers the Secret Service will do; gnome-keyring is the one that works without a desktop.
const KEYRING: Need = need(
    "gnome-keyring",
    Probe::AnyFile(&[
        "/usr/share/dbus-1/services/org.freedesktop.secrets.service",
        "/usr/local/share/dbus-1/services/org.freedesktop.secrets.service",
        "/usr/bin/keepassxc",
    ]),
    "keep the signing key's secret (a Secret Service)",
);

const WINDOW_TESTS: &[Need] = &[
    need("webkit2gtk-driver", Probe::Program("WebKitWebDriver"), "drive the window in tests"),
    need("xvfb", Probe::Program("Xvfb"), "a display in memory"),
    need("xauth", Probe::Program("xauth"), "a display in memory"),
    need("dbus-x11", Probe::Program("dbus-run-session"), "a private session bus"),
    // The tests start this very daemon, another Secret Service cannot stand in.
    need("gnome-keyring", Probe::Program("gnome-keyring-daemon"), "a private keyring"),
    need(
        "at-spi2-core",
        Probe::AnyFile(&["/usr/libexec/at-spi-bus-launcher", "/usr/lib/at-spi2-core/at-spi-bus-launcher"]),
        "what screen readers see",
    ),
    need(
        "fonts-noto-core",
        Probe::AnyFile(&["/usr/share/fonts/truetype/noto", "/usr/share/fonts/noto", "/usr/share/fonts/google-noto"]),
        "letters of all scripts in screenshots",
    ),
];

const TESTS: &[Need] = &[need("openssl", Probe::Program("openssl"), "check evidence by hand, as an auditor does")];

const INTEROP_TESTS: &[Need] =
    &[need("python3-venv", Probe::Works("python3", &["-c", "import venv, ensurepip"]), "clients in Python")];

/// What can be asked about a computer. The real one is `ThisComputer`, tests bring their own.
pub(crate) trait Machine {
    /// dpkg's word on a package; `None` where there is no dpkg.
    fn package_installed(&self, package: &str) -> Option<bool>;
    fn has_program(&self, name: &str) -> bool;
    fn has_library(&self, pkg_config_name: &str) -> bool;
    fn has_file(&self, path: &str) -> bool;
    /// Standard output of a program that ended well.
    fn ask(&self, program: &str, arguments: &[&str]) -> Option<String>;
    /// The text of /etc/os-release.
    fn os_release(&self) -> String;
    fn is_linux(&self) -> bool;
}

/// Something to run so that a hole is filled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fix {
    pub(crate) argv: Vec<String>,
    pub(crate) needs_root: bool,
}

/// All that is missing.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Missing {
    /// One line each, for people: what and what for.
    pub(crate) holes: Vec<String>,
    /// Commands that fill the holes, in order.
    pub(crate) fixes: Vec<Fix>,
    /// What nobody but the user can do.
    pub(crate) advice: Vec<String>,
}

impl Missing {
    /// True when nothing is to be done.
    pub(crate) fn is_nothing(&self) -> bool {
        self.holes.is_empty()
    }

    /// The exact line to paste into a shell; empty when no command would help.
    pub(crate) fn line(&self, is_root: bool) -> String {
        self.fixes
            .iter()
            .map(|fix| {
                let sudo = if fix.needs_root && !is_root { "sudo " } else { "" };
                format!("{sudo}{}", fix.argv.join(" "))
            })
            .collect::<Vec<_>>()
            .join(" && ")
    }

    /// What is missing and what to do, as text.
    pub(crate) fn told(&self, is_root: bool) -> String {
        let mut lines = vec!["Missing on this computer:".to_owned()];
        lines.extend(self.holes.iter().map(|hole| format!("  {hole}")));
        let line = self.line(is_root);
        if !line.is_empty() {
            lines.push(format!("Run this to install:\n  {line}"));
        }
        lines.extend(self.advice.iter().cloned());
        lines.join("\n")
    }
}

/// Asks `machine` for everything `purpose` needs.
pub(crate) fn missing(machine: &dyn Machine, purpose: Purpose) -> Missing {
    let mut missing = Missing::default();
    let mut packages: Vec<&str> = Vec::new();
    if machine.is_linux() {
        for need in needs(purpose) {
            if !is_there(machine, need) && !packages.contains(&need.package) {
                packages.push(need.package);
                missing.holes.push(format!("{:30} {}", need.package, need.why));
            }
        }
    }
    look_for_node(machine, &mut packages, &mut missing);
    if !packages.is_empty() {
        if machine.package_installed("dpkg").is_some() {
            missing.fixes.push(root_fix(&["apt-get", "update"]));
            let mut install = vec!["apt-get", "install", "-y", "--no-install-recommends"];
            install.extend(&packages);
            missing.fixes.push(root_fix(&install));
        } else {
            missing.advice.push(
                "The names are those of Debian and Ubuntu; install what your distribution calls the same.".to_owned(),
            );
        }
    }
    if purpose != Purpose::Run {
        look_for_components(machine, &mut missing);
    }
    missing
}

fn needs(purpose: Purpose) -> Vec<Need> {
    let mut needs = BUILD.to_vec();
    match purpose {
        Purpose::Run => needs.push(KEYRING),
        Purpose::QuickTest => needs.extend_from_slice(TESTS),
        Purpose::FullTest => {
            needs.extend_from_slice(TESTS);
            needs.extend_from_slice(WINDOW_TESTS);
            needs.extend_from_slice(INTEROP_TESTS);
        }
    }
    needs
}

fn is_there(machine: &dyn Machine, need: Need) -> bool {
    machine.package_installed(need.package) == Some(true)
        || match need.probe {
            Probe::Program(name) => machine.has_program(name),
            Probe::PkgConfig(name) => machine.has_library(name),
            Probe::AnyFile(paths) => paths.iter().any(|path| machine.has_file(path)),
            Probe::Works(program, arguments) => machine.ask(program, arguments).is_some(),
        }
}

fn root_fix(argv: &[&str]) -> Fix {
    Fix { argv: argv.iter().map(|&word| word.to_owned()).collect(), needs_root: true }
}

fn look_for_node(machine: &dyn Machine, packages: &mut Vec<&str>, missing: &mut Missing) {
    let version = machine.ask("node", &["--version"]);
    if version.as_deref().is_some_and(is_node_new_enough) {
        if !machine.has_program("npm") {
            packages.push("npm");
            missing.holes.push(format!("{:30} fetch the page's packages", "npm"));
        }
        return;
    }
    let found = version.map_or_else(|| "none found".to_owned(), |v| format!("found {}", v.trim()));
    missing.holes.push(format!("{NODE:30} build the page ({found})"));
    if distribution_has_node(&machine.os_release()) {
        packages.extend(["nodejs", "npm"]);
    } else {
        missing.advice.push(format!(
            "This system does not offer {NODE}: install it as https://nodejs.org/en/download says, then run this again."
        ));
    }
}

/// Reads `v20.20.2`. The odd 21 and the early 22 lack what the page's tools use.
fn is_node_new_enough(version: &str) -> bool {
    let mut numbers =
        version.trim().trim_start_matches('v').split('.').map(|number| number.parse::<u32>().unwrap_or(0));
    let (major, minor) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    match major {
        20 => minor >= 19,
        22 => minor >= 12,
        newer => newer > 22,
    }
}

/// Debian from 13 and Ubuntu from 25.10 ship a Node that will do. Asked of the version and not of apt, because apt knows
/// nothing before its first update.
fn distribution_has_node(os_release: &str) -> bool {
    let value = |name: &str| {
        os_release
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
            .map(|text| text.trim_matches('"').to_owned())
            .unwrap_or_default()
    };
    let version = value("VERSION_ID").parse::<f64>().unwrap_or(0.0);
    match value("ID").as_str() {
        "debian" => version >= 13.0,
        "ubuntu" => version >= 25.10,
        _ => false,
    }
}

/// A minimal Rust toolchain has neither rustfmt nor clippy.
fn look_for_components(machine: &dyn Machine, missing: &mut Missing) {
    let absent: Vec<&str> = [("fmt", "rustfmt"), ("clippy", "clippy")]
        .into_iter()
        .filter(|(command, _)| machine.ask("cargo", &[command, "--version"]).is_none())
        .map(|(_, component)| component)
        .collect();
    if absent.is_empty() {
        return;
    }
    for component in &absent {
        missing.holes.push(format!("{component:30} part of the Rust toolchain"));
    }
    if machine.has_program("rustup") {
        let mut argv = vec!["rustup".to_owned(), "component".to_owned(), "add".to_owned()];
        argv.extend(absent.iter().map(|&component| component.to_owned()));
        missing.fixes.push(Fix { argv, needs_root: false });
    } else {
        missing.advice.push(format!("Install {} with the tool that Rust was installed with.", absent.join(" and ")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A computer with these packages and programs and nothing else.
    #[derive(Default)]
    struct Pretend {
        packages: Vec<&'static str>,
        programs: Vec<&'static str>,
        answers: Vec<(&'static str, &'static str)>,
        os_release: &'static str,
        is_debian: bool,
    }

    impl Machine for Pretend {
        fn package_installed(&self, package: &str) -> Option<bool> {
            self.is_debian.then(|| package == "dpkg" || self.packages.contains(&package))
        }
        fn has_program(&self, name: &str) -> bool {
            self.programs.contains(&name)
        }
        fn has_library(&self, _: &str) -> bool {
            false
        }
        fn has_file(&self, _: &str) -> bool {
            false
        }
        fn ask(&self, program: &str, arguments: &[&str]) -> Option<String> {
            let question = format!("{program} {}", arguments.join(" "));
            self.answers.iter().find(|(asked, _)| *asked == question).map(|(_, answer)| (*answer).to_owned())
        }
        fn os_release(&self) -> String {
            self.os_release.to_owned()
        }
        fn is_linux(&self) -> bool {
            true
        }
    }

    const BOOKWORM: &str = "ID=debian\nVERSION_ID=\"12\"\n";
    const TRIXIE: &str = "ID=debian\nVERSION_ID=\"13\"\n";

    fn ready() -> Pretend {
        Pretend {
            packages: BUILD
                .iter()
                .chain(TESTS)
                .chain(WINDOW_TESTS)
                .chain(INTEROP_TESTS)
                .map(|need| need.package)
                .collect(),
            programs: vec!["npm"],
            answers: vec![
                ("node --version", "v20.20.2\n"),
                ("cargo fmt --version", "rustfmt"),
                ("cargo clippy --version", "clippy"),
            ],
            os_release: BOOKWORM,
            is_debian: true,
        }
    }

    #[test]
    fn a_ready_computer_needs_nothing() {
        for purpose in [Purpose::Run, Purpose::QuickTest, Purpose::FullTest] {
            assert_eq!(missing(&ready(), purpose), Missing::default());
        }
    }

    #[test]
    fn the_line_to_run_is_exact() {
        let mut computer = ready();
        computer.packages.retain(|package| !["librsvg2-dev", "gnome-keyring"].contains(package));
        let found = missing(&computer, Purpose::FullTest);
        assert_eq!(
            found.line(false),
            "sudo apt-get update && sudo apt-get install -y --no-install-recommends librsvg2-dev gnome-keyring"
        );
        assert!(found.line(true).starts_with("apt-get update && apt-get install"));
    }

    #[test]
    fn an_old_node_is_bought_from_the_distribution_only_where_it_is_new_enough() {
        let mut computer = ready();
        computer.answers.remove(0);
        let found = missing(&computer, Purpose::Run);
        assert!(found.fixes.is_empty());
        assert!(found.advice.iter().any(|text| text.contains("nodejs.org")));
        assert!(found.told(true).contains("none found"));

        computer.os_release = TRIXIE;
        assert!(missing(&computer, Purpose::Run).line(true).ends_with("nodejs npm"));

        computer.answers.push(("node --version", "v18.19.0\n"));
        assert!(missing(&computer, Purpose::Run).told(true).contains("found v18.19.0"));
    }

    #[test]
    fn node_versions_are_those_of_the_pages_tools() {
        for good in ["v20.19.0", "v20.20.2\n", "v22.12.0", "v24.0.0"] {
            assert!(is_node_new_enough(good), "{good}");
        }
        for bad in ["v18.20.0", "v20.18.1", "v21.7.3", "v22.11.0", "nonsense"] {
            assert!(!is_node_new_enough(bad), "{bad}");
        }
        assert!(distribution_has_node("ID=ubuntu\nVERSION_ID=\"26.04\""));
        assert!(!distribution_has_node("ID=ubuntu\nVERSION_ID=\"24.04\""));
    }

    #[test]
    fn elsewhere_probes_decide_and_no_command_is_made_up() {
        let mut computer = ready();
        computer.is_debian = false;
        computer.programs.push("cc");
        let found = missing(&computer, Purpose::Run);
        assert!(!found.told(false).contains("build-essential"));
        assert!(found.told(false).contains("libwebkit2gtk-4.1-dev"));
        assert!(found.fixes.is_empty());
    }

    #[test]
    fn a_minimal_toolchain_is_completed_without_root() {
        let mut computer = ready();
        computer.answers.truncate(1);
        computer.programs.push("rustup");
        let found = missing(&computer, Purpose::QuickTest);
        assert_eq!(found.line(false), "rustup component add rustfmt clippy");
        assert!(missing(&computer, Purpose::Run).is_nothing());
    }
}
