//! From the gateway's word to what this desk itself knows: verify, rebuild, compare.
//!
//! Nothing is shown or signed that does not come out of here. The handoff's envelope is verified under the directory, the
//! directory under the root key pinned at enrolment, the contract by the digest inside the statement, and the view is
//! rendered from exactly those bytes (invariant B11).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use base64ct::{Base64UrlUnpadded, Encoding as _};
use seamark_contracts::api::review::ReviewDocument;
use seamark_contracts::canonical::CanonicalError;
use seamark_contracts::clock::Timestamp;
use seamark_contracts::contract::compiled::CompiledContract;
use seamark_contracts::digest::Digest;
use seamark_contracts::handoff::{ContractRef, HandoffPredicate, Tier};
use seamark_contracts::view::View;
use seamark_contracts::view::render::{RenderError, RenderInput, render};
use seamark_ledger::directory::{self, DirectoryError};
use seamark_ledger::key::{PublicKey, TrustSet};
use seamark_ledger::verify::{HandoffFault, verify_handoff};
use serde_json::Value;
use thiserror::Error;

use crate::account::Account;
use crate::answer::Difference;
use crate::cache::{Store, StoreError};
use crate::client::{CallError, Client};

/// Name and version of what renders views here; part of every view.
pub(crate) const RENDERER: &str = concat!("seamark-desk/", env!("CARGO_PKG_VERSION"));

/// Contracts kept compiled in memory.
const MAX_COMPILED: usize = 200;

/// Why a review cannot be verified.
#[derive(Debug, Error)]
pub(crate) enum CheckError {
    #[error("the pinned root key is not one")]
    PinnedRoot,
    #[error("no directory of the organisation is here yet")]
    NoDirectory,
    #[error("verify the organisation's directory")]
    Directory(#[source] DirectoryError),
    #[error("the directory is version {found}, this desk has seen version {known}")]
    OlderDirectory { found: u64, known: u64 },
    #[error("verify the handoff statement")]
    Handoff(#[source] HandoffFault),
    #[error("the statement names another contract, handoff or deadline than the review around it")]
    OtherReview,
    #[error("the contract's bytes do not have the digest that the statement names")]
    OtherContract,
    #[error("compile the contract")]
    Contract,
    #[error("render the view")]
    Render(#[source] RenderError),
    #[error("write the view's canonical bytes")]
    Canonical(#[source] CanonicalError),
    #[error("fetch what is needed to verify")]
    Call(#[from] CallError),
    #[error("read what is needed to verify")]
    Store(#[from] StoreError),
}

impl CheckError {
    /// What the person is told.
    pub(crate) fn words(&self) -> String {
        match self {
            Self::Call(_) | Self::NoDirectory => {
                "What is needed to verify this handoff has not arrived yet. It cannot be decided until it has; Seamark \
                 fetches it as soon as the gateway is reached."
                    .to_owned()
            }
            Self::Store(_) => {
                "This computer could not read Seamark's folder, so the handoff cannot be verified.".to_owned()
            }
            Self::PinnedRoot
            | Self::Directory(_)
            | Self::OlderDirectory { .. }
            | Self::Handoff(_)
            | Self::OtherReview => {
                "The signature of this handoff could not be verified under your organisation's keys. It may have been \
                 changed on the way. It cannot be decided here; tell whoever runs the gateway."
                    .to_owned()
            }
            Self::OtherContract | Self::Contract | Self::Render(_) | Self::Canonical(_) => {
                "This handoff does not fit the contract that it names, so Seamark cannot show it truthfully. It cannot \
                 be decided here; tell the owner of the contract."
                    .to_owned()
            }
        }
    }
}

/// Verified bytes of a handoff with the contract they name.
#[derive(Clone, Debug)]
pub(crate) struct Checked {
    pub predicate: HandoffPredicate,
    /// Digest of the statement.
    pub statement: Digest,
    pub contract: Arc<CompiledContract>,
}

/// A view with its bytes.
#[derive(Clone, Debug)]
pub(crate) struct MadeView {
    pub view: View,
    pub bytes: Vec<u8>,
    pub digest: Digest,
}

impl Checked {
    /// Renders the view that belongs to `nonce` and names these digests as revealed. The same give the same bytes.
    pub(crate) fn view(&self, nonce: &str, disclosed: &[String]) -> Result<MadeView, CheckError> {
        let view = self.drawn_naming(nonce, disclosed)?;
        let bytes = view.to_bytes().map_err(CheckError::Canonical)?;
        let digest = Digest::of(&bytes);
        Ok(MadeView { view, bytes, digest })
    }

    /// The same without its bytes, for lists.
    pub(crate) fn drawn(&self, nonce: &str) -> Result<View, CheckError> {
        self.drawn_naming(nonce, &[])
    }

    fn drawn_naming(&self, nonce: &str, disclosed: &[String]) -> Result<View, CheckError> {
        let input = RenderInput {
            statement_digest: self.statement,
            predicate: &self.predicate,
            contract: &self.contract,
            nonce: nonce.to_owned(),
            renderer: RENDERER,
            disclosed,
        };
        render(&input).map_err(CheckError::Render)
    }

    pub(crate) fn tier(&self) -> Tier {
        self.predicate.gate.tier
    }

    /// The first role of the request that the person holds.
    pub(crate) fn role_of<'r>(&self, roles: &'r [String]) -> Option<&'r str> {
        let candidates = &self.predicate.request.as_ref()?.candidates;
        candidates.iter().find_map(|candidate| roles.iter().find(|role| *role == candidate)).map(String::as_str)
    }
}

/// Keys of one verified directory.
#[derive(Clone, Debug)]
struct KnownTrust {
    version: u64,
    keys: Arc<TrustSet>,
}

/// The keys and contracts that this desk verifies with.
#[derive(Debug, Default)]
pub(crate) struct Checker {
    trust: RwLock<Option<KnownTrust>>,
    contracts: Mutex<HashMap<Digest, Arc<CompiledContract>>>,
}

impl Checker {
    /// The verified keys: from memory, or from the directory kept by an earlier run.
    pub(crate) async fn trust(
        &self,
        store: &Store,
        account: &Account,
        now: Timestamp,
    ) -> Result<Arc<TrustSet>, CheckError> {
        if let Some(known) = self.known_trust() {
            return Ok(known.keys);
        }
        let envelope = store.directory().await?.ok_or(CheckError::NoDirectory)?;
        self.take_directory(&envelope, account, now)
    }

    /// Fetches the directory, verifies it under the pinned root and keeps it.
    pub(crate) async fn refresh_trust(
        &self,
        client: &Client,
        store: &Store,
        account: &Account,
        now: Timestamp,
    ) -> Result<(), CheckError> {
        if self.known_trust().is_none()
            && let Some(kept) = store.directory().await?
        {
            // Only to know how far the directory had come; a kept one that has run out is no obstacle.
            let _ = self.take_directory(&kept, account, now);
        }
        let envelope = client.directory().await?;
        self.take_directory(&envelope, account, now)?;
        store.keep_directory(&envelope).await?;
        Ok(())
    }

    fn known_trust(&self) -> Option<KnownTrust> {
        self.trust.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A directory is replaced only by one that is not older: an old one could bring back a key that was taken away.
    fn take_directory(&self, envelope: &Value, account: &Account, now: Timestamp) -> Result<Arc<TrustSet>, CheckError> {
        let root = pinned_root(account)?;
        let directory = directory::verify(envelope, &root, now).map_err(CheckError::Directory)?;
        let version = directory.predicate.version;
        if let Some(known) = self.known_trust().filter(|known| known.version > version) {
            return Err(CheckError::OlderDirectory { found: version, known: known.version });
        }
        let keys = Arc::new(directory.trust_set());
        *self.trust.write().unwrap_or_else(PoisonError::into_inner) =
            Some(KnownTrust { version, keys: Arc::clone(&keys) });
        Ok(keys)
    }

    /// The contract that a statement names: compiled before, kept by this desk, or fetched from the gateway.
    pub(crate) async fn contract(
        &self,
        client: &Client,
        store: &Store,
        reference: &ContractRef,
    ) -> Result<Arc<CompiledContract>, CheckError> {
        if let Some(contract) = self.compiled(reference.digest) {
            return Ok(contract);
        }
        let bytes = match store.contract(reference.digest).await? {
            Some(bytes) => bytes,
            None => {
                let bytes = client.contract(&reference.name, &reference.version).await?;
                // The digest in the signed statement decides, not the name it was asked by.
                if Digest::of(&bytes) != reference.digest {
                    return Err(CheckError::OtherContract);
                }
                store.keep_contract(reference.digest, &reference.name, &reference.version, &bytes).await?;
                bytes
            }
        };
        let contract = CompiledContract::from_document(&bytes).map_err(|_| CheckError::Contract)?;
        if contract.digest != reference.digest {
            return Err(CheckError::OtherContract);
        }
        let contract = Arc::new(contract);
        let mut compiled = self.contracts.lock().unwrap_or_else(PoisonError::into_inner);
        if compiled.len() >= MAX_COMPILED {
            compiled.clear();
        }
        compiled.insert(reference.digest, Arc::clone(&contract));
        Ok(contract)
    }

    fn compiled(&self, digest: Digest) -> Option<Arc<CompiledContract>> {
        self.contracts.lock().unwrap_or_else(PoisonError::into_inner).get(&digest).cloned()
    }

    /// Verifies a review document and fetches the contract that it names.
    pub(crate) async fn check(
        &self,
        client: &Client,
        store: &Store,
        account: &Account,
        document: &ReviewDocument,
        now: Timestamp,
    ) -> Result<Checked, CheckError> {
        let trust = self.trust(store, account, now).await?;
        let verified = verify_handoff(&document.handoff, &trust, now).map_err(CheckError::Handoff)?.into_inner();
        let predicate = verified.predicate;
        // What is around the envelope is only the gateway's word: it has to agree with what is inside.
        let is_same = predicate.handoff_id == document.handoff_id
            && predicate.contract == document.contract
            && predicate.request.as_ref().is_some_and(|request| request.expires_at == document.expires_at);
        if !is_same {
            return Err(CheckError::OtherReview);
        }
        let contract = self.contract(client, store, &predicate.contract).await?;
        Ok(Checked { predicate, statement: verified.digest, contract })
    }
}

/// The root key that enrolment pinned.
pub(crate) fn pinned_root(account: &Account) -> Result<PublicKey, CheckError> {
    let bytes = Base64UrlUnpadded::decode_vec(&account.trust.root_key).map_err(|_| CheckError::PinnedRoot)?;
    PublicKey::parse(&bytes).map_err(|_| CheckError::PinnedRoot)
}

/// Names what is shown differently after a change, critical values first. Empty when everything shown is the same.
pub(crate) fn name_drift(before: &View, after: &View) -> Vec<Difference> {
    let mut drift = Vec::new();
    let mut compare = |label: &str, before: &str, after: &str| {
        if before != after {
            drift.push(Difference { label: label.to_owned(), before: before.to_owned(), after: after.to_owned() });
        }
    };
    const ABSENT: &str = "not there";
    for fact in &before.facts {
        let other = after.facts.iter().find(|other| other.label == fact.label);
        compare(&fact.label, &fact.value, other.map_or(ABSENT, |other| &other.value));
        let beside = |fact: &seamark_contracts::view::Fact| {
            fact.compare.as_ref().map_or_else(|| ABSENT.to_owned(), |compare| compare.text.clone())
        };
        compare(&format!("{}, compared", fact.label), &beside(fact), &other.map_or_else(|| ABSENT.to_owned(), beside));
    }
    for fact in after.facts.iter().filter(|fact| before.facts.iter().all(|known| known.label != fact.label)) {
        compare(&fact.label, ABSENT, &fact.value);
    }
    compare("Request", &before.ask, &after.ask);
    let payload = |view: &View| -> Vec<(String, String)> {
        view.payload.iter().filter(|row| row.count == 0).map(|row| (row.path.clone(), row.text.clone())).collect()
    };
    let (old, new) = (payload(before), payload(after));
    let find = |rows: &[(String, String)], path: &str| {
        rows.iter().find(|(known, _)| known == path).map_or_else(|| ABSENT.to_owned(), |(_, text)| text.clone())
    };
    let is_fact = |path: &str| before.facts.iter().chain(&after.facts).any(|fact| fact.path.as_deref() == Some(path));
    for (path, text) in old.iter().filter(|(path, _)| !is_fact(path)) {
        compare(path.trim_start_matches("/payload/"), text, &find(&new, path));
    }
    for (path, text) in new.iter().filter(|(path, _)| !is_fact(path) && old.iter().all(|(known, _)| known != path)) {
        compare(path.trim_start_matches("/payload/"), ABSENT, text);
    }
    let texts =
        |view: &View| view.constraints.iter().map(|constraint| constraint.text.clone()).collect::<Vec<_>>().join("; ");
    compare("Constraints", &texts(before), &texts(after));
    compare(
        "Customer's words",
        before.intent.as_ref().map_or(ABSENT, |intent| &intent.text),
        after.intent.as_ref().map_or(ABSENT, |intent| &intent.text),
    );
    compare("Risk", crate::words::tier_word(before.tier), crate::words::tier_word(after.tier));
    drift
}
