//! `seamark handoff check`: the destination's gate, by hand.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use seamark_agent::check::{Anchor, Checked, pin};
use seamark_contracts::api::ledger::LedgerPosition;
use seamark_contracts::id::HandoffId;
use seamark_ledger::verify::{self, Verdict};
use serde::Serialize;
use serde_json::Value;

use super::{Which, word};
use crate::duration::parse_duration;
use crate::place;
use crate::report::{Ending, Printer, note};

/// Verify the outcome of a handoff as its destination would
#[derive(Args, Debug)]
#[command(after_help = "\
Fetches the delivery and verifies it: signatures, quorum, audience, window, every mask, the ledger. Prints each claim as
PASS, FAIL or UNKNOWN. Exit code 0 only when everything that is needed to act holds; 1 otherwise; 4 when there is no
outcome yet. Nothing is used up unless --consume is given.

Give --trust FILE to check against keys that you have pinned; when the file does not exist, the gateway's keys are
pinned there, so compare the root key's fingerprint once. Without --trust the gateway's own word on its keys is taken,
which shows that everything fits together but not that it is the right gateway. A handoff that passed without a person
is accepted only for contracts named with --ungated.

Examples:
  seamark handoff check 0199a1c2-5b7e-7c3d-9a10-2f4b6c8d0e12 --json
  seamark handoff check $ID --trust pinned.json --audience https://refunds.example.com/exec --consume --payload")]
pub struct Check {
    #[command(flatten)]
    which: Which,
    /// Wait so long for the outcome, as in 500ms, 30s, 5m
    #[arg(long, default_value = "0s", value_parser = parse_duration, value_name = "TIME")]
    timeout: Duration,
    /// File with the pinned trust; pinned there now when it does not exist
    #[arg(long, env = "SEAMARK_TRUST", value_name = "FILE")]
    trust: Option<PathBuf>,
    /// The destination's own identity, which the approval has to name; not compared when not given
    #[arg(long, value_name = "URL")]
    audience: Option<String>,
    /// A contract whose handoffs this destination accepts without a person; may be given more than once
    #[arg(long = "ungated", value_name = "CONTRACT")]
    ungated: Vec<String>,
    /// Hold only what the pinned witnesses cosigned: `witnesses` and `witnessQuorum` in the file of --trust
    #[arg(long, requires = "trust")]
    log_before_act: bool,
    /// Use the attempt, once, if everything holds
    #[arg(long)]
    consume: bool,
    /// Print the reconstructed payload too; it holds what reviewers see only masked
    #[arg(long)]
    payload: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    handoff_id: HandoffId,
    authorised: bool,
    status: &'static str,
    /// `pinned`, `pinned-now` or `unpinned`.
    trust: &'static str,
    claims: Vec<ClaimLine>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attempt: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    consumed: Option<LedgerPosition>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<Value>,
}

#[derive(Serialize)]
struct ClaimLine {
    id: String,
    verdict: &'static str,
    sentence: String,
}

impl Check {
    pub(super) async fn run(self, printer: Printer) -> anyhow::Result<Ending> {
        let client = self.which.reach.client()?;
        let id = self.which.id;
        let anchor = pin(&client, self.trust.as_deref()).await?;
        let trust = match &anchor {
            Anchor::Pinned(_) => "pinned",
            Anchor::PinnedNow(trust) => {
                note(&format!("Pinned now: compare this root key with your operator's: {}", trust.root_keyid));
                "pinned-now"
            }
            Anchor::Unpinned(_) => {
                note(
                    "Nothing is pinned: the gateway's own keys are taken as they come. Give --trust FILE to pin them.",
                );
                "unpinned"
            }
        };
        let mut pinned = anchor.pinned(self.audience, self.ungated, place::clock().now())?;
        if self.log_before_act {
            pinned.outside = pinned.outside.before_acting();
        }
        let (delivery, report) = match seamark_agent::check::check(&client, id, self.timeout, &pinned).await? {
            Checked::Delivered { delivery, report } => (delivery, report),
            Checked::Open(answer) => {
                let status = word(answer.status);
                let answer = Answer {
                    handoff_id: id,
                    authorised: false,
                    status,
                    trust,
                    claims: Vec::new(),
                    attempt: None,
                    consumed: None,
                    payload: None,
                };
                printer.answer(&answer, || "There is no outcome yet, so there is nothing to verify.".to_owned())?;
                return Ok(Ending::StillOpen);
            }
        };
        let action = verify::verify_delivery(&delivery, &pinned).ok();
        let mut answer = Answer {
            handoff_id: id,
            authorised: action.is_some(),
            status: word(client.handoff(id).await.context("look the handoff up")?.status),
            trust,
            claims: report.claims.iter().map(claim_line).collect(),
            attempt: action.as_ref().map(|action| action.attempt.clone()),
            consumed: None,
            payload: action.as_ref().filter(|_| self.payload).map(|action| action.payload.clone()),
        };
        if self.consume
            && let Some(action) = &action
        {
            let used = client.consume_attempt(id, &action.attempt).await.context("use the attempt")?;
            answer.consumed = Some(used.recorded);
        }
        printer.answer(&answer, || describe(&answer))?;
        Ok(if answer.authorised { Ending::Done } else { Ending::Negative })
    }
}

fn claim_line(claim: &verify::Claim) -> ClaimLine {
    let verdict = match claim.verdict {
        Verdict::Pass => "PASS",
        Verdict::Fail => "FAIL",
        Verdict::Unknown => "UNKNOWN",
    };
    ClaimLine { id: claim.id.to_string(), verdict, sentence: claim.sentence.clone() }
}

fn describe(answer: &Answer) -> String {
    let mut lines: Vec<String> =
        answer.claims.iter().map(|claim| format!("{:<8}{:<22} {}", claim.verdict, claim.id, claim.sentence)).collect();
    lines.push(if answer.authorised {
        "AUTHORISED: exactly this payload may be acted on, once.".to_owned()
    } else {
        format!("NOT AUTHORISED: do not act (the handoff is {}).", answer.status)
    });
    if let Some(recorded) = &answer.consumed {
        lines.push(format!("The attempt is used, ledger entry {}.", recorded.seq));
    }
    if let Some(payload) = &answer.payload {
        lines.push(serde_json::to_string_pretty(payload).unwrap_or_default());
    }
    lines.join("\n")
}
