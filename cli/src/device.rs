//! `seamark device`: the devices of persons.

use anyhow::Context as _;
use clap::{Args, Subcommand};
use seamark_gateway::DeviceInfo;

use crate::options::DataDir;
use crate::place;
use crate::report::{Ending, Printer, ended, lines};

/// List devices, and end one that is lost
#[derive(Args, Debug)]
pub struct Device {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    List(List),
    End(End),
}

/// List the devices of all persons, ended ones too
#[derive(Args, Debug)]
#[command(after_help = "\
Works while the gateway runs. The session is the newest one of the last twelve hours.

Examples:
  seamark device list --data-dir ./gateway
  seamark device list --data-dir ./gateway --json")]
struct List {
    #[command(flatten)]
    data: DataDir,
}

/// End a device: its sessions die and what it signs no longer counts
#[derive(Args, Debug)]
#[command(after_help = "\
Acts at once and for good; the person's other devices go on. What the device decided before stays valid. Works while the
gateway runs, which hears of it within two seconds. A device that has ended before is no error: exit code 0, and the
answer says since when. An id that is not there: exit code 1.

Examples:
  seamark device end 5f0c7a9b --data-dir ./gateway
  seamark device end 5f0c7a9b --data-dir ./gateway --json")]
struct End {
    #[command(flatten)]
    data: DataDir,
    /// The id from `seamark device list`, or its first eight digits or more
    #[arg(value_name = "ID")]
    id: String,
}

impl Device {
    /// # Errors
    /// When the data folder cannot be used, or there is no such device.
    pub async fn run(self, printer: Printer) -> anyhow::Result<Ending> {
        match self.command {
            Command::List(list) => {
                let gateway = place::open_existing(&list.data.data_dir).await?;
                let devices = gateway.devices().await.context("read the devices")?;
                gateway.close().await;
                printer.answer(&devices, || lines(devices.iter().map(line), "There is no device yet."))?;
            }
            Command::End(end) => {
                let gateway = place::open_existing(&end.data.data_dir).await?;
                let done = gateway.end_device(&end.id).await;
                place::close(gateway, printer).await?;
                let done = done.with_context(|| format!("end the device {:?}", end.id))?;
                printer.answer(&done, || ended("device", &done))?;
            }
        }
        Ok(Ending::Done)
    }
}

/// A device in one line.
pub fn line(device: &DeviceInfo) -> String {
    let state = match (device.ended_at, device.last_session_at) {
        (Some(at), _) => format!("ended {at}"),
        (None, Some(at)) => format!("session of {at}"),
        (None, None) => "no session in the last 12 hours".to_owned(),
    };
    format!(
        "{}  {:?} of {}, since {}, {state}, decision key {}",
        device.id, device.name, device.person_name, device.since, device.decision_keyid
    )
}
