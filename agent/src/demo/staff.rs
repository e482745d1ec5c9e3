//! The simulated destinations: each has its own key, its own pinned trust, and does nothing but keep a note.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use base64ct::{Base64UrlUnpadded, Encoding as _};
use seamark_contracts::clock::{Chance, Clock};
use seamark_contracts::contract::compiled::CompiledContract;
use seamark_contracts::id::AgentUrn;
use seamark_contracts::samples;
use seamark_ledger::key::SigningKey;
use seamark_ledger::verified::Verified;
use seamark_ledger::verify::ApprovedAction;
use zeroize::Zeroizing;

use super::DemoError;
use super::cases::{Case, Expected};
use super::journal::Journal;
use crate::check::pin;
use crate::client::Client;
use crate::destination::{Accepted, Destination};
use crate::execute::{ActFailure, Executor};

/// Every destination that the cases name.
#[derive(Debug)]
pub(super) struct Staff {
    executors: BTreeMap<AgentUrn, Executor>,
}

impl Staff {
    /// Pins the gateway's keys for this run and enrols a key for each destination.
    pub(super) async fn hire(
        client: &Client,
        cases: &[Case],
        journal: &mut Journal,
        chance: &Arc<dyn Chance>,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, DemoError> {
        let trust = pin(client, None).await?.trust().clone();
        let handoffs = || cases.iter().flat_map(|case| &case.handoffs);
        // Who accepts what without a person is each destination's own setting; here it follows from the cases.
        let passing: BTreeSet<String> = handoffs()
            .filter(|handoff| handoff.expected == Expected::Passed)
            .map(|handoff| handoff.contract.name.clone())
            .collect();
        let mut executors = BTreeMap::new();
        for handoff in handoffs() {
            let agent = handoff.destination.agent.clone();
            if executors.contains_key(&agent) {
                continue;
            }
            let itself = Destination {
                audience: audience_of(&handoff.contract.name)?,
                agent: agent.clone(),
                trust: trust.clone(),
                contracts: accepted(&passing)?,
                log_before_act: false,
            };
            let key = key_of(&agent, client, journal, chance.as_ref()).await?;
            executors.insert(agent, Executor::enrol(client.clone(), itself, key, clock.clone()).await?);
        }
        Ok(Self { executors })
    }

    pub(super) fn executor(&self, agent: &AgentUrn) -> Option<&Executor> {
        self.executors.get(agent)
    }
}

/// The audience that the shipped contract gives its destination, which is that destination's own configuration here.
fn audience_of(contract: &str) -> Result<String, DemoError> {
    Ok(shipped(contract)?.contract.destination.audience)
}

/// The shipped contracts, as published with these very bytes; one that only has the name of one is refused.
fn accepted(passing: &BTreeSet<String>) -> Result<Vec<Accepted>, DemoError> {
    let accept = |sample: &samples::Sample| {
        let contract = shipped(sample.name)?.reference();
        let ungated = passing.contains(&contract.name);
        Ok(Accepted { contract, ungated })
    };
    samples::ALL.iter().map(accept).collect()
}

fn shipped(contract: &str) -> Result<CompiledContract, DemoError> {
    let missing = || DemoError::NoContract { name: contract.to_owned() };
    let sample = samples::find(contract).ok_or_else(missing)?;
    CompiledContract::from_document(sample.contract.as_bytes()).map_err(|_| missing())
}

/// The key of an executor: the remembered one, else the one that follows from the agent key, so that demos without a memory
/// use the same few keys again. A gateway lists an execution key for ever and no more than sixteen of an agent.
async fn key_of(
    agent: &AgentUrn,
    client: &Client,
    journal: &mut Journal,
    chance: &dyn Chance,
) -> Result<SigningKey, DemoError> {
    let mut seed = Zeroizing::new([0; 32]);
    let remembered =
        journal.memory().executors.get(agent.name()).and_then(|text| Base64UrlUnpadded::decode_vec(text).ok());
    match remembered.and_then(|bytes| <[u8; 32]>::try_from(bytes).ok()) {
        Some(bytes) => *seed = bytes,
        None => {
            match client.derive_seed(&["seamark-demo-executor/v1", agent.as_str()]) {
                Some(derived) => seed = derived,
                None => chance.fill(seed.as_mut_slice()),
            }
            let text = Base64UrlUnpadded::encode_string(seed.as_slice());
            journal.change(|memory| drop(memory.executors.insert(agent.name().to_owned(), text))).await?;
        }
    }
    Ok(SigningKey::from_seed(&seed))
}

/// The act: nothing in the world changes. `fails` is how the case wants it to end.
pub(super) async fn act(action: Arc<Verified<ApprovedAction>>, fails: Option<String>) -> Result<(), ActFailure> {
    tracing::debug!(handoff = %action.handoff_id, contract = %action.contract.name, "the simulated destination acts");
    match fails {
        Some(code) => Err(ActFailure::tried(code)),
        // A real destination would act on `action.payload`; an object is the least that it has to be.
        None if action.payload.is_object() => Ok(()),
        None => Err(ActFailure::tried("payload-unreadable")),
    }
}
