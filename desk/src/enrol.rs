//! Enrolment: this device becomes one person's desk at one gateway.

use std::sync::Arc;

use base64ct::{Base64UrlUnpadded, Encoding as _};
use seamark_contracts::api::device::{EnrolmentAnswer, EnrolmentRequest};
use seamark_contracts::api::ledger::Trust;
use seamark_contracts::clock::Chance;
use seamark_ledger::key::{PublicKey, Signer, SigningKey};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::account::{self, Account};
use crate::client::{CallError, Client, parse_address};
use crate::core::{Inner, KeyringHealth};
use crate::keys::{SealedSeed, Seed, check_new_pin, device_entry, wrap_entry};
use crate::refusal::{Refusal, RefusalCode};

/// The sealed decision key, in the desk's folder.
pub(crate) const KEY_FILE: &str = "signing.key";

/// What an enrolment needs.
#[derive(Clone)]
pub struct EnrolRequest {
    /// The gateway's address, as typed.
    pub address: String,
    /// The invitation: `smi_`, a secret, `_`, the first 16 hexadecimal digits of the root key's id.
    pub code: String,
    /// What the person calls this device; 1 to 60 characters.
    pub device_name: String,
    /// The new signing PIN.
    pub pin: String,
    /// Whether the gateway is the one that this app started itself.
    pub is_local: bool,
}

impl std::fmt::Debug for EnrolRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Neither code nor PIN is ever printed.
        f.debug_struct("EnrolRequest").field("address", &self.address).finish_non_exhaustive()
    }
}

/// How an enrolment's answer contradicts what was asked or pinned.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
enum OtherAnswer {
    #[error("the root key does not have the id that is given for it")]
    RootKey,
    #[error("the gateway answers with other keys than this device's")]
    Keys,
    #[error("the gateway answers with another trust than it published")]
    Trust,
}

impl Inner {
    pub(crate) async fn enrol(&self, request: &EnrolRequest) -> Result<(), Refusal> {
        let mut one_at_a_time = self.enrolling.lock().await;
        if self.enrolled().is_some() {
            return Err(Refusal::new(RefusalCode::AlreadySetUp, "This desk is set up already. Nothing was changed."));
        }
        check_new_pin(&request.pin)?;
        let device_name = request.device_name.trim();
        if !(1..=60).contains(&device_name.chars().count()) {
            return Err(Refusal::new(RefusalCode::GatewayRefused, "Give this device a name of 1 to 60 characters.")
                .at("deviceName"));
        }
        let fingerprint = code_fingerprint(&request.code)?;
        let address = parse_address(&request.address)?;
        let client = Client::new(&address, None, self.options.keyring.clone(), self.options.clock.clone())?;
        let trust = client.trust().await.map_err(unreachable_address)?;
        check_root(&trust, &fingerprint)?;

        let chance = self.options.chance.as_ref();
        let (device_seed, decision_seed) = one_at_a_time.seeds(&request.code, chance);
        let mut wrap = Zeroizing::new(vec![0u8; 32]);
        chance.fill(&mut wrap);
        let device = SigningKey::from_seed(device_seed.expose());
        let decision = SigningKey::from_seed(decision_seed.expose());
        let device_keyid = device.public_key().id().to_string();
        let decision_keyid = decision.public_key().id().to_string();

        // ORDER: every secret is kept and synced before the gateway hears of its public half. The other way round a crash
        // would leave a person enrolled with keys that nobody has.
        self.keep_secret(wrap_entry(&decision_keyid), wrap.clone()).await?;
        self.keep_secret(device_entry(&device_keyid), Zeroizing::new(device_seed.expose().to_vec())).await?;
        self.seal(decision_seed, &decision_keyid, &request.pin, wrap).await?;

        let body = enrolment_body(&request.code, device_name, &device, &decision)?;
        let answer = client.enrol(&body).await.map_err(lost_answer)?;
        check_answer(&answer, &trust, &device_keyid, &decision_keyid)?;
        let account = Account {
            format: Account::format(),
            gateway: address,
            is_local: request.is_local,
            person: answer.person,
            device_name: device_name.to_owned(),
            device_keyid,
            decision_keyid,
            trust,
            enrolled_at: self.local_now(),
        };
        account::save(&self.options.data_dir, &account)?;
        self.with_signing(|signing| signing.keyring = KeyringHealth::Good);
        self.set_account(account)?;
        *one_at_a_time = Enrolling::default();
        self.look_whether_signed().await;
        Ok(())
    }

    /// A gateway that holds its root, as the one inside this app does, has listed the keys already. Where somebody else signs,
    /// the link goes on looking.
    async fn look_whether_signed(&self) {
        let Some(enrolled) = self.enrolled() else { return };
        let looked = self.checker.refresh_trust(&enrolled.client, &self.store, &enrolled.account, self.now()).await;
        if let Err(error) = looked {
            tracing::info!(%error, "the directory could not be read right after the enrolment");
        }
        if let Err(error) = self.note_listed(&enrolled).await {
            tracing::warn!(%error, "it could not be kept that this device's key is signed");
        }
    }

    /// The gateway that the app starts itself listens elsewhere this time. Its identity is pinned, its address is not.
    pub(crate) fn move_local_gateway(&self, address: &str) -> Result<(), Refusal> {
        let enrolled = self.need_account()?;
        if !enrolled.account.is_local {
            return Err(Refusal::new(
                RefusalCode::AlreadySetUp,
                "This desk belongs to a team's gateway; its address was not changed.",
            ));
        }
        let gateway = parse_address(address)?;
        if gateway == enrolled.account.gateway {
            return Ok(());
        }
        let account = Account { gateway, ..enrolled.account.clone() };
        account::save(&self.options.data_dir, &account)?;
        self.set_account(account)?;
        Ok(())
    }

    async fn keep_secret(&self, entry: String, secret: Zeroizing<Vec<u8>>) -> Result<(), Refusal> {
        let keyring = Arc::clone(&self.options.keyring);
        // The keyring may ask the person to unlock it: not on a thread that others need.
        let kept = tokio::task::spawn_blocking(move || keyring.write(&entry, &secret)).await;
        match kept {
            Ok(kept) => kept.map_err(Refusal::from),
            Err(stopped) => {
                Err(Refusal::new(RefusalCode::Internal, "The keyring could not be asked. Try again.").because(stopped))
            }
        }
    }

    /// Writes the sealed decision key, in place of the one that may be there.
    pub(crate) async fn seal(
        &self,
        seed: Seed,
        keyid: &str,
        pin: &str,
        wrap: Zeroizing<Vec<u8>>,
    ) -> Result<(), Refusal> {
        let cost = self.options.kdf_cost;
        let chance = Arc::clone(&self.options.chance);
        let (keyid, pin) = (keyid.to_owned(), Zeroizing::new(pin.to_owned()));
        let sealed =
            tokio::task::spawn_blocking(move || SealedSeed::seal(&seed, &keyid, &pin, &wrap, cost, chance.as_ref()))
                .await
                .map_err(|stopped| {
                    Refusal::new(RefusalCode::Internal, "The signing key could not be made. Try again.")
                        .because(stopped)
                })??;
        let text = serde_json::to_vec_pretty(&sealed).map_err(|error| {
            Refusal::new(RefusalCode::Internal, "The signing key could not be written.").because(error)
        })?;
        account::write_durably(&self.options.data_dir.join(KEY_FILE), &text).map_err(|error| {
            Refusal::new(
                RefusalCode::StorageFailed,
                "Your signing key could not be written to Seamark's folder. Nothing was changed. Check that the disk is \
                 not full, then try again.",
            )
            .because(error)
        })
    }
}

/// The keys of the enrolment that was tried last. A gateway gives the same keys with the same invitation the same answer
/// again (FORMATS.md §1.2), so a lost answer is asked for once more instead of wasting the invitation.
#[derive(Default)]
pub(crate) struct Enrolling {
    tried: Option<Tried>,
}

struct Tried {
    code: String,
    device: Zeroizing<[u8; 32]>,
    decision: Zeroizing<[u8; 32]>,
}

impl Enrolling {
    fn seeds(&mut self, code: &str, chance: &dyn Chance) -> (Seed, Seed) {
        let code = code.trim();
        if let Some(tried) = self.tried.as_ref().filter(|tried| tried.code == code)
            && let (Some(device), Some(decision)) =
                (Seed::from_bytes(tried.device.as_slice()), Seed::from_bytes(tried.decision.as_slice()))
        {
            return (device, decision);
        }
        let (device, decision) = (Seed::make(chance), Seed::make(chance));
        self.tried = Some(Tried {
            code: code.to_owned(),
            device: Zeroizing::new(*device.expose()),
            decision: Zeroizing::new(*decision.expose()),
        });
        (device, decision)
    }
}

impl std::fmt::Debug for Enrolling {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Enrolling(..)")
    }
}

/// The gateway was asked to enrol, and its answer did not arrive: nobody here knows whether it did.
fn lost_answer(error: CallError) -> Refusal {
    match error {
        CallError::Unreachable(_) | CallError::Malformed { .. } | CallError::TooLarge { .. } => Refusal::new(
            RefusalCode::AddressUnreachable,
            "The gateway's answer to the enrolment did not arrive, so the invitation may be used already. Try again with the same \
             invitation while Seamark stays open: it asks for the same answer. If it is refused later, ask for a new invitation.",
        )
        .at("address")
        .because(error),
        other => other.into(),
    }
}

/// While enrolling, "not reached" is about the address that was just typed.
fn unreachable_address(error: CallError) -> Refusal {
    match error {
        CallError::Unreachable(_) | CallError::Malformed { .. } | CallError::TooLarge { .. } => Refusal::new(
            RefusalCode::AddressUnreachable,
            "There is no Seamark gateway at this address, or it cannot be reached from here. Check the address, the \
             network and the proxy, then try again. The invitation was not used.",
        )
        .at("address")
        .because(error),
        other => other.into(),
    }
}

/// The fingerprint inside an invitation code.
fn code_fingerprint(code: &str) -> Result<String, Refusal> {
    let refused = || {
        Refusal::new(
            RefusalCode::InvitationInvalid,
            "This is not an invitation code. It begins with smi_ and has three parts; copy it whole.",
        )
        .at("code")
    };
    let rest = code.trim().strip_prefix("smi_").ok_or_else(refused)?;
    // The secret is base64url and may hold underscores itself: the fingerprint is what follows the last one.
    let (secret, fingerprint) = rest.rsplit_once('_').ok_or_else(refused)?;
    let is_hex = fingerprint.len() == 16 && fingerprint.chars().all(|c| c.is_ascii_digit() || ('a'..='f').contains(&c));
    if secret.len() == 22 && is_hex { Ok(fingerprint.to_owned()) } else { Err(refused()) }
}

fn fingerprint_mismatch() -> Refusal {
    Refusal::new(
        RefusalCode::FingerprintMismatch,
        "The gateway at this address is not the one that the invitation is for. Nothing was sent to it. Check the \
         address; if it is right, tell whoever invited you, since somebody may be in between.",
    )
    .at("address")
}

fn check_root(trust: &Trust, fingerprint: &str) -> Result<(), Refusal> {
    let key = Base64UrlUnpadded::decode_vec(&trust.root_key).ok().and_then(|bytes| PublicKey::parse(&bytes).ok());
    // The id is worked out from the key itself: what the gateway calls it proves nothing.
    match key {
        Some(key) if key.id().to_string() != trust.root_keyid => {
            Err(fingerprint_mismatch().because(OtherAnswer::RootKey))
        }
        Some(_) if trust.root_keyid.starts_with(fingerprint) => Ok(()),
        _ => Err(fingerprint_mismatch()),
    }
}

fn enrolment_body(
    code: &str,
    device_name: &str,
    device: &SigningKey,
    decision: &SigningKey,
) -> Result<EnrolmentRequest, Refusal> {
    let code = code.trim().to_owned();
    let device_key = Base64UrlUnpadded::encode_string(device.public_key().as_bytes());
    let decision_key = Base64UrlUnpadded::encode_string(decision.public_key().as_bytes());
    let text = format!("seamark-enrolment/v1\n{code}\n{device_key}\n{decision_key}");
    let prove = |key: &SigningKey| {
        key.sign(text.as_bytes()).map(|signature| Base64UrlUnpadded::encode_string(signature.as_bytes())).map_err(
            |error| Refusal::new(RefusalCode::Internal, "The new keys could not sign. Try again.").because(error),
        )
    };
    Ok(EnrolmentRequest {
        proof: prove(device)?,
        decision_proof: prove(decision)?,
        code,
        device_name: device_name.to_owned(),
        device_key,
        decision_key,
    })
}

fn check_answer(
    answer: &EnrolmentAnswer,
    trust: &Trust,
    device_keyid: &str,
    decision_keyid: &str,
) -> Result<(), Refusal> {
    let fault = if answer.trust != *trust {
        OtherAnswer::Trust
    } else if answer.device_keyid != device_keyid || answer.decision_keyid != decision_keyid {
        OtherAnswer::Keys
    } else {
        return Ok(());
    };
    Err(Refusal::new(
        RefusalCode::GatewayRefused,
        "The gateway's answer to the enrolment contradicts what was asked. This desk was not set up. Tell whoever runs \
         the gateway, and ask for a new invitation.",
    )
    .because(fault))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invitation_code_names_the_root_key() {
        let code = " smi_AbCdEfGhIjKlMnOpQ_sT-v_0123456789abcdef ";
        assert_eq!(code_fingerprint(code).unwrap(), "0123456789abcdef");
        for bad in
            ["", "smi_x", "smi_AbCdEfGhIjKlMnOpQrStUv_0123456789ABCDEF", "smk_AbCdEfGhIjKlMnOpQrStUv_0123456789abcdef"]
        {
            assert_eq!(code_fingerprint(bad).unwrap_err().code, RefusalCode::InvitationInvalid, "{bad}");
        }
    }

    #[test]
    fn a_lost_answer_is_asked_for_with_the_same_keys_and_another_invitation_with_others() {
        let chance = seamark_contracts::clock::SeededChance::new(1);
        let mut enrolling = Enrolling::default();
        let first = enrolling.seeds("smi_a", &chance);
        let again = enrolling.seeds(" smi_a\n", &chance);
        assert_eq!((first.0.expose(), first.1.expose()), (again.0.expose(), again.1.expose()));
        let other = enrolling.seeds("smi_b", &chance);
        assert!(first.0.expose() != other.0.expose() && first.1.expose() != other.1.expose());
    }

    #[test]
    fn a_root_key_that_only_claims_the_fingerprint_is_refused() {
        let key = SigningKey::from_seed(&[7; 32]).public_key();
        let keyid = key.id().to_string();
        let trust = |root_keyid: &str| Trust {
            org: "Acme".to_owned(),
            root_keyid: root_keyid.to_owned(),
            root_key: Base64UrlUnpadded::encode_string(key.as_bytes()),
            ledger_origin: "ledger.acme.example".to_owned(),
            ledger_vkey: String::new(),
        };
        let fingerprint = keyid.get(..16).unwrap();
        assert!(check_root(&trust(&keyid), fingerprint).is_ok());
        let claimed = "ab".repeat(32);
        assert_eq!(
            check_root(&trust(&claimed), "abababababababab").unwrap_err().code,
            RefusalCode::FingerprintMismatch
        );
        assert_eq!(check_root(&trust(&keyid), "abababababababab").unwrap_err().code, RefusalCode::FingerprintMismatch);
    }
}
