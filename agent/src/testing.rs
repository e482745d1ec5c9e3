//! Admission under the shipped contracts, in process, for tests.

use std::collections::BTreeMap;

use seamark_contracts::admission::{AdmissionContext, EarlierHandoff, judge, parse_submission};
use seamark_contracts::canonical;
use seamark_contracts::clock::{SeededChance, Timestamp, make_nonce};
use seamark_contracts::contract::compiled::CompiledContract;
use seamark_contracts::digest::Digest;
use seamark_contracts::handoff::{ChainStatus, HandoffPredicate};
use seamark_contracts::id::AgentUrn;
use seamark_contracts::problem::Violation;
use seamark_contracts::samples;

/// A gateway that only admits: it remembers what it admitted as chain of each task.
pub(crate) struct Admission {
    contracts: BTreeMap<String, CompiledContract>,
    tasks: BTreeMap<String, Vec<EarlierHandoff>>,
    chance: SeededChance,
}

impl Admission {
    pub(crate) fn new() -> Self {
        let compile = |sample: &samples::Sample| {
            let compiled = CompiledContract::from_document(sample.contract.as_bytes())
                .unwrap_or_else(|findings| panic!("{}: {findings:?}", sample.name));
            (compiled.id().to_string(), compiled)
        };
        Self {
            contracts: samples::ALL.iter().map(compile).collect(),
            tasks: BTreeMap::new(),
            chance: SeededChance::new(1),
        }
    }

    pub(crate) fn submit(&mut self, body: &[u8]) -> Result<HandoffPredicate, Vec<Violation>> {
        let (submission, decimals) = parse_submission(body)?;
        let compiled = self.contracts.get(&submission.contract.to_string()).expect("the contract ships");
        let chain = self.tasks.entry(submission.correlation_id.clone()).or_default();
        let parent = submission
            .parent
            .as_ref()
            .and_then(|parent| chain.iter().find(|earlier| earlier.handoff_id == parent.handoff_id));
        let now = Timestamp::parse("2026-11-22T12:00:00.000Z").expect("a time");
        let context = AdmissionContext {
            submitter: AgentUrn::from_name("demo").expect("a name"),
            now,
            chance: &self.chance,
            revision: 1,
            attempt: make_nonce(&self.chance),
            supersedes: None,
            parent: parent.cloned(),
            chain: chain.clone(),
            known: Vec::new(),
        };
        let admitted = judge(&submission, &decimals, compiled, &context)?;
        chain.push(EarlierHandoff {
            handoff_id: submission.handoff_id,
            digest: Digest::of(&canonical::bytes_of(&admitted.predicate).expect("canonical bytes")),
            contract: submission.contract.clone(),
            source: submission.source.agent.clone(),
            destination: submission.destination.agent.clone(),
            at: now,
            status: if admitted.predicate.gate.required { ChainStatus::Open } else { ChainStatus::Passed },
            intent_nonce: make_nonce(&self.chance),
            intent_text: submission.intent.text.clone(),
            constraints: submission.constraints.clone(),
        });
        Ok(admitted.predicate)
    }
}
