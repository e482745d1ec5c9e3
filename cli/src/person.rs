//! `seamark person`: who may decide, and in which roles.

use anyhow::Context as _;
use clap::{Args, Subcommand};
use seamark_gateway::{PersonInfo, RoleChanged};

use crate::options::DataDir;
use crate::report::{Ending, Printer, ended, lines};
use crate::{device, place};

/// List persons, end one, give and take roles
#[derive(Args, Debug)]
pub struct Person {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    List(List),
    End(End),
    Role(Role),
}

/// List persons with their roles and devices, ended ones too
#[derive(Args, Debug)]
#[command(after_help = "\
Works while the gateway runs.

Examples:
  seamark person list --data-dir ./gateway
  seamark person list --data-dir ./gateway --json")]
struct List {
    #[command(flatten)]
    data: DataDir,
}

/// End a person: every device, role and unused invitation
#[derive(Args, Debug)]
#[command(after_help = "\
Acts at once. What the person decided before stays valid. Works while the gateway runs, which hears of it within two
seconds. The person works again only by `seamark invite` under the same name, with new keys on a desk that is set up anew;
nothing that ended comes back. A person who has ended before is no error: exit code 0, and the answer says since when.
A person who is not there: exit code 1.

Examples:
  seamark person end robin-reviewer --data-dir ./gateway
  seamark person end \"Alice Example\" --data-dir ./gateway --json")]
struct End {
    #[command(flatten)]
    data: DataDir,
    /// The id from `seamark person list`, with or without urn:seamark:user:, or the printed name
    #[arg(value_name = "PERSON")]
    person: String,
}

/// Give or take a role of a person
#[derive(Args, Debug)]
struct Role {
    #[command(subcommand)]
    command: RoleCommand,
}

#[derive(Subcommand, Debug)]
enum RoleCommand {
    Give(Give),
    Take(Take),
}

/// Give a person a role
#[derive(Args, Debug)]
#[command(after_help = "\
Works while the gateway runs, for a person who has not ended. A role that the person has is no error: exit code 0, and
the answer says since when. A person who is not there or has ended: exit code 1.

Examples:
  seamark person role give robin-reviewer refund-managers --data-dir ./gateway
  seamark person role give \"Alice Example\" lead --data-dir ./gateway --json")]
struct Give {
    #[command(flatten)]
    change: Change,
}

/// Take a role from a person
#[derive(Args, Debug)]
#[command(after_help = "\
Acts at once: the reviews of that role disappear from the person's desks, and decisions under way in it do not count. What
was decided before stays valid. Works while the gateway runs. A role that was taken before is no error: exit code 0, and
the answer says since when. A role that the person never had: exit code 1.

Examples:
  seamark person role take robin-reviewer refund-managers --data-dir ./gateway
  seamark person role take \"Alice Example\" lead --data-dir ./gateway --json")]
struct Take {
    #[command(flatten)]
    change: Change,
}

#[derive(Args, Debug)]
struct Change {
    #[command(flatten)]
    data: DataDir,
    /// The id from `seamark person list`, with or without urn:seamark:user:, or the printed name
    #[arg(value_name = "PERSON")]
    person: String,
    /// The role, as in refund-reviewer
    #[arg(value_name = "ROLE")]
    role: String,
}

impl Person {
    /// # Errors
    /// When the data folder cannot be used, or there is no such person.
    pub async fn run(self, printer: Printer) -> anyhow::Result<Ending> {
        match self.command {
            Command::List(list) => {
                let gateway = place::open_existing(&list.data.data_dir).await?;
                let persons = gateway.persons().await.context("read the persons")?;
                gateway.close().await;
                printer.answer(&persons, || lines(persons.iter().map(paragraph), "Nobody was invited yet."))?;
            }
            Command::End(end) => {
                let gateway = place::open_existing(&end.data.data_dir).await?;
                let done = gateway.end_person(&end.person).await;
                place::close(gateway, printer).await?;
                let done = done.with_context(|| format!("end the person {:?}", end.person))?;
                printer.answer(&done, || ended("person", &done))?;
            }
            Command::Role(Role { command: RoleCommand::Give(Give { change }) }) => {
                change.run(printer, true).await?;
            }
            Command::Role(Role { command: RoleCommand::Take(Take { change }) }) => {
                change.run(printer, false).await?;
            }
        }
        Ok(Ending::Done)
    }
}

impl Change {
    async fn run(&self, printer: Printer, is_given: bool) -> anyhow::Result<()> {
        let gateway = place::open_existing(&self.data.data_dir).await?;
        let changed = gateway.change_role(&self.person, &self.role, is_given).await;
        place::close(gateway, printer).await?;
        let verb = if is_given { "give" } else { "take" };
        let changed = changed.with_context(|| format!("{verb} the role {:?} of {:?}", self.role, self.person))?;
        printer.answer(&changed, || says(&changed))
    }
}

fn says(changed: &RoleChanged) -> String {
    let roles = if changed.roles.is_empty() { "none".to_owned() } else { changed.roles.join(", ") };
    let state = if changed.has_role { "has had" } else { "has not had" };
    let since = format!("{} {state} the role {} since {}", changed.name, changed.role, changed.since);
    let news = if changed.is_new { "" } else { "; it was so before, and nothing was changed" };
    format!("{since}{news}. Roles now: {roles}.")
}

fn paragraph(person: &PersonInfo) -> String {
    let state = person.ended_at.map(|at| format!(", ended {at}")).unwrap_or_default();
    let role = |role: &seamark_gateway::RoleInfo| match role.ended_at {
        Some(at) => format!("  role {}, since {}, ended {at}", role.role, role.since),
        None => format!("  role {}, since {}", role.role, role.since),
    };
    let mut all = vec![format!("{}  {}, since {}{state}", person.id, person.name, person.since)];
    all.extend(person.roles.iter().map(role));
    all.extend(person.devices.iter().map(|known| format!("  device {}", device::line(known))));
    if person.open_invitations > 0 {
        all.push(format!("  invitations that can still be used: {}", person.open_invitations));
    }
    all.join("\n")
}
