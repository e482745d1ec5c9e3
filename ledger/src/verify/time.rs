//! What an authority outside says about time: that everything under a head existed by then. Source: FORMATS.md §11.3.

use seamark_contracts::digest::Digest;

use super::record::Proved;
use super::{ClaimId, Finding, Pinned};
use crate::bundle::Bundle;
use crate::directory::MAX_SKEW_MS;
use crate::key::TrustedKey;
use crate::timestamp;

/// Whether a pinned authority stamped the checkpoint, so that what the ledger says about times can be held against a clock
/// that is not the gateway's.
pub(super) fn time_finding(bundle: &Bundle, proved: &Proved, pinned: &Pinned) -> Finding<()> {
    let Some(stamp) = &bundle.timestamp else {
        return Finding::Unknown(
            "No time stamp of an outside authority is in the bundle: times are those of gateway and devices, only their \
             order is proved."
                .to_owned(),
        );
    };
    let roots = pinned.outside.tsa_roots();
    if roots.is_empty() {
        return Finding::Unknown(
            "There is a time stamp, and no authority for time is pinned: times are those of gateway and devices."
                .to_owned(),
        );
    }
    let Some(head) = &proved.head else { return Finding::without(ClaimId::Checkpoint) };
    let digest = Digest::of(head.to_string().as_bytes());
    let token = timestamp::read(&stamp.token, &stamp.chain, &digest);
    let at = match token.and_then(|token| token.verify(roots)) {
        Ok(at) => at,
        Err(fault) => return Finding::fail(&fault),
    };
    if at > pinned.now.plus_ms(MAX_SKEW_MS) {
        return Finding::Unknown(format!("The time stamp is of {at}, which is later than this is judged."));
    }
    // What a head holds was there before the head was stamped. A gateway that says otherwise has a wrong clock.
    let entries = proved.recorded.iter().flat_map(|recorded| recorded.entries());
    if let Some(entry) = entries.into_iter().find(|entry| entry.at > at.plus_ms(MAX_SKEW_MS)) {
        return Finding::Fail(format!(
            "Ledger entry {} says {}, and an outside authority stamped the head that holds it at {at}.",
            entry.seq, entry.at
        ));
    }
    match signers(proved).into_iter().filter_map(|key| key.to.map(|to| (key, to))).find(|(_, to)| *to <= at) {
        Some((key, to)) => Finding::Unknown(format!(
            "A key of {} had ended at {to}, before the first time that an outside authority vouches for, {at}: that it \
             signed before its end is the gateway's word.",
            key.subject
        )),
        None => Finding::Pass(
            (),
            format!("An outside authority stamped this head at {at}: everything under it was there by then."),
        ),
    }
}

/// The keys under whose signatures the proved statements stand.
fn signers(proved: &Proved) -> Vec<&TrustedKey> {
    let handoff = proved.handoff.iter().map(|statement| &statement.by);
    let decisions = proved.casts.iter().flatten().map(|cast| &cast.statement.by);
    let outcome = proved.outcome.iter().map(|statement| &statement.by);
    let executions = proved.executions.iter().flatten().map(|statement| &statement.by);
    handoff.chain(decisions).chain(outcome).chain(executions).collect()
}
