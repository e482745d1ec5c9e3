//! Options that several commands share.

use std::path::PathBuf;

use clap::Args;
use seamark_agent::client::{AgentKey, Client, ClientError};

/// Where a gateway keeps its database and keys.
#[derive(Args, Clone, Debug)]
pub struct DataDir {
    /// The gateway's data folder: database and keys
    #[arg(long, env = "SEAMARK_DATA_DIR", value_name = "DIR")]
    pub data_dir: PathBuf,
}

/// How to reach a gateway.
#[derive(Args, Clone)]
pub struct Reach {
    /// The gateway's address, as in http://127.0.0.1:7600
    #[arg(long, env = "SEAMARK_GATEWAY", value_name = "URL")]
    pub gateway: String,
    /// The agent key, as `seamark agent-key create` printed it
    #[arg(long, env = "SEAMARK_KEY", value_name = "KEY", hide_env_values = true)]
    pub key: String,
}

impl std::fmt::Debug for Reach {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reach").field("gateway", &self.gateway).finish_non_exhaustive()
    }
}

impl Reach {
    /// A client with this address and key.
    ///
    /// # Errors
    /// When the address or key cannot be used.
    pub fn client(&self) -> Result<Client, ClientError> {
        Client::new(&self.gateway, Some(AgentKey::new(&self.key)))
    }
}
