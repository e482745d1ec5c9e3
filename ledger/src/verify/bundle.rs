//! The auditor's algorithm over an evidence bundle. Source: FORMATS.md §10 and §11.
//!
//! The files are judged first, and then by the very functions that judge a record. What a bundle says about whom to trust
//! counts for nothing; its directory counts because the pinned root signed it.

use seamark_contracts::clock::Timestamp;
use seamark_contracts::review::Eligibility;
use seamark_contracts::view::View;

use super::delivery::audience_finding;
use super::outside::witnesses_finding;
use super::record::{Parts, Proved, examine};
use super::recorded::Cast;
use super::reveals::ProvedReveal;
use super::time::time_finding;
use super::{ClaimId, Finding, Pinned, Report, Verdict, counted};
use crate::bundle::{Bundle, FileSet};
use crate::checkpoint::Head;
use crate::entry::{Entry, EntryType};
use crate::statement::{DecisionStatement, ExecutionStatement, HandoffStatement, OutcomeStatement};
use crate::verified::Verified;

/// Claims that need somebody outside of gateway and desks. They are made, so that their absence is told, and a bundle can hold
/// without them, unless the verifier itself pinned somebody for them.
const OUTSIDE: [ClaimId; 3] = [ClaimId::Disclosures, ClaimId::Witnesses, ClaimId::Time];

/// Claims without which no bundle holds. One that was not made did not pass.
const REQUIRED: [ClaimId; 15] = [
    ClaimId::Bundle,
    ClaimId::Directory,
    ClaimId::Handoff,
    ClaimId::Contract,
    ClaimId::Masks,
    ClaimId::View,
    ClaimId::Decision,
    ClaimId::Outcome,
    ClaimId::Checkpoint,
    ClaimId::Inclusion,
    ClaimId::OutcomeLedger,
    ClaimId::ReviewerWitness,
    ClaimId::PresentedBeforeSigning,
    ClaimId::Reveals,
    ClaimId::Execution,
];

/// A decision that its claim proved.
#[derive(Clone, Debug, PartialEq)]
pub struct ProvedDecision {
    pub statement: Verified<DecisionStatement>,
    /// Gateway time of its ledger entry.
    pub recorded_at: Timestamp,
    pub eligibility: Eligibility,
    /// Recorded after the attempt had ended: no part of the outcome.
    pub is_late: bool,
}

/// What a bundle proves. Each member is there only when its claim passed; nothing else of a bundle may be shown to anybody
/// as if it were true.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ProvedRecord {
    pub handoff: Option<Verified<HandoffStatement>>,
    /// What was shown, in the order of the decisions.
    pub views: Option<Vec<View>>,
    /// In ledger order.
    pub decisions: Option<Vec<ProvedDecision>>,
    pub outcome: Option<Verified<OutcomeStatement>>,
    pub executions: Option<Vec<Verified<ExecutionStatement>>>,
    /// Who read which masked field, in ledger order.
    pub reveals: Option<Vec<ProvedReveal>>,
    /// The entries of this handoff, by ascending index.
    pub entries: Option<Vec<Entry>>,
    /// The ledger's head.
    pub head: Option<Verified<Head>>,
}

/// What was found about a bundle.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BundleReport {
    /// Claim by claim, in the order of [`ClaimId`].
    pub report: Report,
    pub proved: ProvedRecord,
    /// Claims that are required because the verifier pinned somebody outside for them.
    relied_on: Vec<ClaimId>,
}

impl BundleReport {
    /// Fail when any claim fails; pass when every required claim passes; else unknown.
    ///
    /// Required is every claim but those that need somebody outside for whom the verifier pinned nobody (`disclosures`,
    /// `witnesses`, `time`): that they are unknown is said beside a pass, and a bundle that proves less than another never
    /// comes out better for it.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        let claims = &self.report.claims;
        if claims.iter().any(|claim| claim.verdict == Verdict::Fail) {
            return Verdict::Fail;
        }
        let has_all =
            REQUIRED.iter().chain(&self.relied_on).all(|id| self.report.verdict_of(*id) == Some(Verdict::Pass));
        let has_others = claims.iter().all(|claim| claim.verdict == Verdict::Pass || OUTSIDE.contains(&claim.id));
        if has_all && has_others { Verdict::Pass } else { Verdict::Unknown }
    }

    /// Whether a claim that is unknown does not lower the verdict: it needs somebody outside, and nobody is pinned for it.
    pub(crate) fn is_optional(&self, id: ClaimId) -> bool {
        OUTSIDE.contains(&id) && !self.relied_on.contains(&id)
    }

    /// The report on files that are no bundle, since there is something among them that no bundle has; `what` names it.
    #[must_use]
    pub fn no_bundle(what: &str) -> Self {
        let mut report = Report::default();
        report.settle::<()>(ClaimId::Bundle, Finding::Fail(format!("These files are no bundle: {what}.")));
        Self { report, ..Self::default() }
    }

    fn refused(error: &dyn std::error::Error) -> Self {
        let mut report = Report::default();
        report.settle::<()>(ClaimId::Bundle, Finding::fail(error));
        Self { report, ..Self::default() }
    }
}

/// Checks an archive as [`check_bundle`] does; one that cannot be read fails the claim `bundle`.
#[must_use]
pub fn check_archive(archive: &[u8], pinned: &Pinned) -> BundleReport {
    match FileSet::from_archive(archive) {
        Ok(files) => check_bundle(&files, pinned),
        Err(error) => BundleReport::refused(&error),
    }
}

/// Checks the files of a bundle, claim by claim, under pinned trust.
///
/// When the files are no bundle, the claim `bundle` fails and no other is made. With an audience of one's own the claim
/// `audience` is made too, and then it is required like the others.
#[must_use]
pub fn check_bundle(files: &FileSet, pinned: &Pinned) -> BundleReport {
    let bundle = match Bundle::read(files) {
        Ok(bundle) => bundle,
        Err(fault) => return BundleReport::refused(&fault),
    };
    let (mut report, proved) = examine(&Parts::from(&bundle), pinned);
    let n_files = counted(files.len(), "file agrees", "files agree");
    report.settle(ClaimId::Bundle, Finding::Pass((), format!("{n_files} with the manifest and with one another.")));
    if let Some(handoff) = &proved.handoff {
        if let Some(audience) = &pinned.audience {
            report.settle(ClaimId::Audience, audience_finding(handoff, audience));
        }
        let entries = proved.recorded.as_ref().map(|recorded| recorded.entries()).unwrap_or_default();
        report.settle(ClaimId::Disclosures, disclosures_finding(handoff, entries));
    }
    if proved.head.is_some() {
        report.settle(ClaimId::Witnesses, witnesses_finding(&bundle.checkpoint, pinned));
    }
    report.settle(ClaimId::Time, time_finding(&bundle, &proved, pinned));
    BundleReport { report: report.sorted(), proved: proved.into(), relied_on: pinned.outside.required() }
}

fn disclosures_finding(handoff: &HandoffStatement, entries: &[Entry]) -> Finding<()> {
    let is_erasure = |kind| matches!(kind, EntryType::ErasurePerformed | EntryType::RetentionApplied);
    let erased = entries.iter().find(|entry| is_erasure(entry.kind));
    match (handoff.predicate.masks.len(), erased) {
        (n, Some(entry)) if n > 0 => {
            let why =
                if entry.kind == EntryType::ErasurePerformed { "on request" } else { "after the contract's retention" };
            Finding::Unknown(format!(
                "{} and erased {why} at {} (entry {}): nobody can compare them any more. What was signed is not touched by that.",
                counted(n, "value is hidden", "values are hidden"),
                entry.at,
                entry.seq
            ))
        }
        (0, _) => Finding::Pass((), "No field is hidden.".to_owned()),
        (n, _) => Finding::Unknown(format!(
            "{} and not in the bundle, so no mask was compared with its value here; a destination has to do that before it acts.",
            counted(n, "value is hidden", "values are hidden")
        )),
    }
}

impl<'a> From<&'a Bundle> for Parts<'a> {
    fn from(bundle: &'a Bundle) -> Self {
        Self {
            handoff: &bundle.handoff,
            decisions: &bundle.decisions,
            views: &bundle.views,
            outcome: bundle.outcome.as_ref(),
            executions: &bundle.executions,
            entries: &bundle.entries,
            bodies: &bundle.bodies,
            checkpoint: &bundle.checkpoint,
            consistency: &bundle.consistency,
            directory: &bundle.directory,
            contract: &bundle.contract,
        }
    }
}

impl From<Proved> for ProvedRecord {
    fn from(proved: Proved) -> Self {
        let decision = |cast: Cast| ProvedDecision {
            statement: cast.statement,
            recorded_at: cast.recorded_at,
            eligibility: cast.eligibility,
            is_late: cast.is_late,
        };
        Self {
            handoff: proved.handoff,
            views: proved.views,
            decisions: proved.casts.map(|casts| casts.into_iter().map(decision).collect()),
            outcome: proved.outcome,
            executions: proved.executions,
            reveals: proved.reveals,
            entries: proved.recorded.map(|recorded| recorded.entries().to_vec()),
            head: proved.head,
        }
    }
}
