//! Faults of the parts below, turned into words for the person.

use seamark_contracts::problem::{ErrorCode, Problem};

use crate::account::AccountError;
use crate::cache::StoreError;
use crate::client::CallError;
use crate::keys::{KeyringError, PinWeakness, UnsealError};
use crate::refusal::{Refusal, RefusalCode};

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::new(
            RefusalCode::StorageFailed,
            "This computer could not write to Seamark's folder, so nothing was changed. Check that the disk is not full \
             and the folder is writable, then try again.",
        )
        .because(error)
    }
}

impl From<AccountError> for Refusal {
    fn from(error: AccountError) -> Self {
        Self::new(
            RefusalCode::StorageFailed,
            "The account file in Seamark's folder could not be read or written. Nothing was changed. Check the folder, \
             then start Seamark again.",
        )
        .because(error)
    }
}

impl From<KeyringError> for Refusal {
    fn from(error: KeyringError) -> Self {
        match error {
            KeyringError::Missing(_) => Self::new(
                RefusalCode::KeyringMissing,
                format!("No keyring runs, so nothing can be signed. {}", crate::words::KEYRING_MISSING),
            ),
            KeyringError::Locked(_) | KeyringError::Malformed => Self::new(
                RefusalCode::KeyringLocked,
                format!("Your keyring is locked, so nothing can be signed. {}", crate::words::KEYRING_LOCKED),
            ),
        }
        .because(error)
    }
}

impl From<PinWeakness> for Refusal {
    fn from(weakness: PinWeakness) -> Self {
        Self::new(RefusalCode::PinWeak, weakness.to_string()).at("pin")
    }
}

impl From<UnsealError> for Refusal {
    fn from(error: UnsealError) -> Self {
        match error {
            UnsealError::WrongPin => Self::new(RefusalCode::PinWrong, "This is not your signing PIN.").at("pin"),
            UnsealError::Malformed => Self::new(
                RefusalCode::StorageFailed,
                "The file of your signing key is damaged. It was left as it is. Restore Seamark's folder from a backup, \
                 or ask for a new invitation to enrol this device again.",
            ),
            UnsealError::Derivation => Self::new(
                RefusalCode::Internal,
                "Your signing key could not be opened because this computer is short of memory. Close something and \
                 try again.",
            ),
        }
        .because(error)
    }
}

impl From<CallError> for Refusal {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Keyring(error) => error.into(),
            CallError::Problem(problem) => from_problem(&problem),
            CallError::Address(_) => Self::new(
                RefusalCode::AddressUnreachable,
                "This is not an address that Seamark can use. Write it as https://gateway.example.com; plain http is \
                 only for this computer itself.",
            )
            .at("address"),
            CallError::Unreachable(_) => Self::new(
                RefusalCode::Offline,
                "The gateway could not be reached. Nothing was changed. Seamark goes on trying; check the network if \
                 this lasts.",
            )
            .because(error),
            CallError::Malformed { .. } | CallError::TooLarge { .. } => Self::new(
                RefusalCode::GatewayRefused,
                "The gateway's answer is not one that this version of Seamark understands. Nothing was changed. Tell \
                 whoever runs the gateway.",
            )
            .because(error),
        }
    }
}

fn from_problem(problem: &Problem) -> Refusal {
    let (code, message) = match problem.code {
        ErrorCode::InvitationInvalid => (
            RefusalCode::InvitationInvalid,
            "This invitation code was used already, has run out, or was never given. Ask for a new one.".to_owned(),
        ),
        ErrorCode::AlreadyDecided | ErrorCode::OutcomeExists => {
            (RefusalCode::AlreadyDecided, "This review has been decided meanwhile. Nothing was changed.".to_owned())
        }
        ErrorCode::Expired => {
            (RefusalCode::Expired, "The deadline has passed. A decision has no effect any more.".to_owned())
        }
        ErrorCode::Withdrawn => {
            (RefusalCode::Withdrawn, "The agent has taken this handoff back. There is nothing to decide.".to_owned())
        }
        ErrorCode::Superseded => (
            RefusalCode::Superseded,
            "The handoff was changed after it was shown to you. Look at the new version.".to_owned(),
        ),
        ErrorCode::NotCandidate | ErrorCode::Forbidden => (RefusalCode::NotCandidate, problem.detail.clone()),
        ErrorCode::EnrolmentPending => (
            RefusalCode::GatewayRefused,
            "Your organisation has not signed your key or role yet, so what you signed does not count so far. It is kept, and \
             Seamark sends it again by itself. Tell whoever holds your organisation's root."
                .to_owned(),
        ),
        ErrorCode::NotFound => (RefusalCode::NotFound, "The gateway does not have this, or not for you.".to_owned()),
        ErrorCode::Unavailable => (
            RefusalCode::Offline,
            "The gateway is busy or starting. Nothing was changed. Seamark tries again by itself.".to_owned(),
        ),
        _ => (RefusalCode::GatewayRefused, format!("{}. {}", problem.title.trim_end_matches('.'), problem.detail)),
    };
    Refusal::new(code, message).with_request(&problem.request_id)
}
