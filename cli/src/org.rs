//! `seamark org`: the organisation's root, outside of every gateway.
//!
//! Nothing here believes a gateway. What it proposes is compared with what is signed, shown in words, and signed with a key
//! that lies in a file of the organisation's own, under a passphrase.

use clap::{Args, Subcommand};

use crate::report::{Ending, Printer};

mod adopt;
mod create;
mod exchange;
mod follow;
mod passphrase;
mod review;
mod root_file;
mod rotate;
mod sign;

pub use root_file::parse_key;

/// Hold the organisation's root: make it, review and sign directories, hand it over
#[derive(Args, Debug)]
pub struct Org {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    Create(create::Create),
    Show(create::Show),
    Review(review::Review),
    Sign(sign::Sign),
    Rotate(rotate::Rotate),
    Follow(follow::Follow),
    Adopt(adopt::Adopt),
}

impl Org {
    /// # Errors
    /// When a file, the passphrase or the gateway cannot be used, or something is not to be signed.
    pub async fn run(self, printer: Printer) -> anyhow::Result<Ending> {
        match self.command {
            Command::Create(command) => command.run(printer),
            Command::Show(command) => command.run(printer),
            Command::Review(command) => command.run(printer).await,
            Command::Sign(command) => command.run(printer).await,
            Command::Rotate(command) => command.run(printer).await,
            Command::Follow(command) => command.run(printer).await,
            Command::Adopt(command) => command.run(printer).await,
        }
    }
}
