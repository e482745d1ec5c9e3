//! The gateway that the app runs on this computer, while it starts or when it does not.

/// How the gateway inside the app is doing, as the app tells the desk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LocalGateway {
    /// It is being opened; nothing can be reached yet.
    Starting,
    /// It did not start. Nothing is tried until the app is started again.
    Failed(LocalFault),
    /// It listens, or this desk's gateway is another computer's.
    Runs,
}

/// What kept it from starting, as far as the person can do something about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LocalFault {
    /// Its folder or a file in it could not be read or written.
    Folder,
    /// Its database and keys cannot be read, or do not belong together.
    Data,
    /// It could not listen on this computer's own address.
    Port,
    /// The keyring does not give the root key of this computer's own organisation: it is locked, or does not hold it.
    KeyringLocked,
    /// No keyring runs that could hold it.
    KeyringMissing,
    /// It ended while it was starting.
    Ended,
}

impl LocalFault {
    /// What failed, what it means, what to do.
    #[must_use]
    pub fn words(self) -> String {
        let (what, to_do) = match self {
            Self::Folder => (
                "Its folder could not be used.",
                "Check that the disk is not full and that Seamark's folder may be written to. Then close Seamark and open \
                 it again.",
            ),
            Self::Data => (
                "Its database or its keys cannot be read, or do not belong together.",
                "Nothing was changed. Restore the folder “gateway” in Seamark's folder, whole, from a backup. Then close \
                 Seamark and open it again.",
            ),
            Self::Port => (
                "It could not listen on this computer's own address.",
                "Close Seamark and open it again. If that does not help, a security program may forbid it.",
            ),
            Self::KeyringLocked => (
                "The key under which it lists persons and keys is in your keyring, which is locked or does not hold it.",
                "Unlock your keyring, then choose “Try again”. Seamark never makes another key in its place.",
            ),
            Self::KeyringMissing => (
                "The key under which it lists persons and keys is in your keyring, and no keyring runs.",
                "Start your keyring (GNOME Keyring, KDE Wallet or KeePassXC), then choose “Try again”.",
            ),
            Self::Ended => ("It ended while it was starting.", "Close Seamark and open it again."),
        };
        format!(
            "{what} Until it runs nothing new arrives, and nothing that you sign is delivered; what is shown can be read, \
             and what you signed is kept here. {to_do}"
        )
    }
}
