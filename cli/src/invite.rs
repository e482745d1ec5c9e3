//! `seamark invite`: a one-time code with which a person's desk enrols.

use anyhow::Context as _;
use clap::Args;
use serde::Serialize;

use crate::options::DataDir;
use crate::place;
use crate::report::{Ending, Printer, note};

/// Invite a person to review; prints a code that works once
#[derive(Args, Debug)]
#[command(after_help = "\
The person types the code on their desk, under \"Connect to my team's gateway\". Works while the gateway runs.
The sample contracts ask for the role `reviewer` or a closer one such as `refund-reviewer`; escalations go to roles
such as `lead`.

Examples:
  seamark invite --data-dir ./gateway --person alice --role reviewer
  seamark invite --data-dir ./gateway --person \"Alice Example\" --role reviewer --role lead --json")]
pub struct Invite {
    #[command(flatten)]
    data: DataDir,
    /// The person's name, as it is printed beside decisions
    #[arg(long, value_name = "NAME")]
    person: String,
    /// A role of the person; may be given more than once
    #[arg(long = "role", value_name = "ROLE", required = true)]
    roles: Vec<String>,
}

#[derive(Serialize)]
struct Invited {
    code: String,
}

impl Invite {
    /// # Errors
    /// When the data folder cannot be used, or a name is no name.
    pub async fn run(self, printer: Printer) -> anyhow::Result<Ending> {
        let gateway = place::open(&self.data.data_dir).await?;
        let code =
            gateway.invite(&self.person, &self.roles).await.with_context(|| format!("invite {:?}", self.person))?;
        place::close(gateway, printer).await?;
        if !printer.is_json {
            note("This code works once. Hand it over in person or by a channel you trust.");
        }
        let invited = Invited { code };
        printer.answer(&invited, || invited.code.clone())?;
        Ok(Ending::Done)
    }
}
