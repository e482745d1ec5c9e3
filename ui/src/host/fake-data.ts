// Rows of the invented inbox, and the state of the invented app.
import type { Acks, AppState, InboxRow, ReviewPane, Tier, View } from "./host";
import { NOW, at, hex, view } from "./fake-view";
import { views } from "./fake-views";

const WORDS = { T0: "Notice", T1: "Low", T2: "Medium", T3: "High", T4: "Critical" } satisfies Record<Tier, string>;

export const NO_ACKS: Acks = {
  savedAt: null,
  recordedAt: null,
  countedAt: null,
  notCounted: null,
  deliveredAt: null,
  executed: null,
};

export function appState(): AppState {
  return {
    stage: "ready",
    account: {
      org: "Example Trading",
      personName: "Robin Reyes",
      personId: "urn:seamark:user:robin",
      roles: ["reviewer", "refund-reviewer"],
      gateway: "http://127.0.0.1:48213",
      isLocal: true,
      keyid: "bbe3bf2c41d0975e",
    },
    enrolment: null,
    newRoot: null,
    connection: {
      state: "connected",
      sinceMs: String(Date.parse(at(-130))),
      lastSyncAt: NOW,
      retryInS: null,
      text: "Connected, up to date at 10:42",
      help: null,
      clockSkewMs: 240,
    },
    signing: { state: "locked", unlockedUntil: null, text: "Signing key locked. Your PIN unlocks it.", help: null },
    ledger: { state: "verified", size: "18204", text: "Ledger verified, 18,204 entries" },
    outbox: { waiting: 0, deliveredToday: 2 },
    counts: { open: 12, mine: 12, expiring: 3 },
    appearance: { theme: "system", zoom: 1, density: "comfortable" },
    version: "0.1.0",
    now: NOW,
    timeZone: "UTC",
    locale: "en-GB",
  };
}

function row(
  reviewId: string,
  tier: Tier,
  line: string,
  source: string,
  context: string,
  minutes: number,
  more: Partial<InboxRow> = {},
): InboxRow {
  const group = minutes <= 60 ? { id: "hour", label: "Due within the hour" } : { id: "today", label: "Today" };
  const expiresText = minutes <= 60 ? `${minutes} min` : at(minutes).slice(11, 16);
  const urgency = minutes <= 5 ? "late" : minutes <= 60 ? "soon" : "none";
  return {
    ...{
      reviewId,
      line,
      context,
      source,
      tier,
      tierWord: WORDS[tier],
      marks: [],
      group,
      expiresAt: at(minutes),
      expiresText,
    },
    ...{ urgency, contract: "refund.issue 1.2.0", state: "open", stateText: null, seen: false, openedAt: at(-6) },
    ...more,
  };
}

export const inboxRows: InboxRow[] = [
  row("r-refund", "T3", "Refund EUR 1,280.00 to card ending 4242", "order-desk 2.3.1", "order 41-0977", 12, {
    seen: true,
  }),
  row(
    "r-offer",
    "T3",
    "Send contract offer to Northwind Freight, EUR 84,000",
    "vendor-assessor 1.8.0",
    "request 2231",
    38,
    {
      marks: ["escalated to you"],
      contract: "offer.send 1.0.0",
    },
  ),
  row("r-cancel", "T2", "Cancel reservation I6M8JQ and refund", "airline-agent 4.1.0", "case A-6613", 52, {
    marks: ["changed since you looked"],
    contract: "booking.change 1.0.0",
  }),
  row("r-cert", "T2", "Grant compensation, certificate USD 100.00", "airline-agent 4.1.0", "case A-6620", 228, {
    contract: "compensation.grant 1.0.0",
  }),
  row("r-article", "T1", "Publish article: Interest rates in plain words", "drafting-agent 0.9.4", "piece 118", 258, {
    contract: "article.publish 1.0.0",
  }),
  row("r-small", "T1", "Refund EUR 18.90 to card ending 0071", "order-desk 2.3.1", "order 41-0981", 268),
  row("r-booking", "T2", "Change booking M20IZO to business class", "airline-agent 4.1.0", "case A-6618", 363, {
    contract: "booking.change 1.0.0",
  }),
  row("r-transfer", "T1", "Transfer case A-6631 to a person", "airline-agent 4.1.0", "case A-6631", 390, {
    contract: "human.transfer 1.0.0",
  }),
  row("r-refund2", "T2", "Refund EUR 640.00 to card ending 1907", "order-desk 2.3.1", "order 41-0990", 402),
  row("r-refund3", "T1", "Refund EUR 45.00 to card ending 7730", "order-desk 2.3.1", "order 41-0993", 415),
  row("r-expired", "T1", "Refund EUR 77.40 to card ending 2210", "order-desk 2.3.1", "order 41-0940", -4, {
    state: "expired",
    stateText: "Expired: Reject applied",
    group: { id: "closed", label: "Closed today" },
  }),
  row("r-decided", "T2", "Cancel reservation K8QW2P", "airline-agent 4.1.0", "case A-6602", 120, {
    state: "approved",
    stateText: "Decided by Ana 10:31",
    group: { id: "closed", label: "Closed today" },
    contract: "booking.change 1.0.0",
  }),
];

/** The view of a review; a plain one for the rows that have none of their own. */
export function viewOf(reviewId: string): View | null {
  const own = views[reviewId];
  if (own !== undefined) return own;
  const known = inboxRows.find((candidate) => candidate.reviewId === reviewId);
  if (known === undefined) return null;
  const [name = "refund.issue", version = "1.0.0"] = known.contract.split(" ");
  return view(reviewId, {
    contract: { name, version, digest: { sha256: hex(known.contract) } },
    ask: `${known.line}?`,
    line: known.line,
    context: known.context,
    object: `${known.line.charAt(0).toLowerCase()}${known.line.slice(1)}`,
    tier: known.tier,
    why: ["The contract asks a person every time."],
    source: known.source,
    expiresAt: known.expiresAt,
    branches: [
      { option: "approve", text: "The action is carried out at once." },
      { option: "reject", text: "The case goes back to its agent with your reason." },
      { option: "escalate", text: "A manager decides. The deadline keeps running." },
      { option: null, text: "When nobody answers it is rejected." },
    ],
    facts: [{ id: "f0", label: "Case", value: known.context, masked: false, confirm: known.tier === "T3" }],
  });
}

const PURPOSES: ReviewPane["reveal"]["purposes"] = [
  { code: "confirm-identity", text: "Confirm who it is about" },
  { code: "compare-record", text: "Compare with a record" },
  { code: "contact-person", text: "Contact the person" },
  { code: "suspected-misuse", text: "Suspected fraud or misuse" },
  { code: "legal-request", text: "Request by law or by the person" },
  { code: "other", text: "Something else" },
];

/** The invented contracts let an e-mail address be read. */
const revealable = (shown: View): string[] =>
  shown.payload.filter((row) => row.kind === "masked" && row.name === "email").map((row) => row.path);

export function paneOf(reviewId: string): ReviewPane | null {
  const shown = viewOf(reviewId);
  if (shown === null) return null;
  const required = shown.evidence.filter((piece) => piece.required);
  return {
    reviewId,
    viewDigest: hex(`view ${reviewId}`),
    fingerprint: "7f3a 91c2 harbour lantern moss",
    view: shown,
    state: {
      kind: "open",
      text: "Waits for a decision",
      meaning: "",
      by: null,
      at: null,
      supersededBy: null,
      acks: null,
      result: null,
    },
    canDecide: {
      approve: required.length > 0 ? ["Open the required evidence first."] : [],
      reject: [],
      escalate: shown.escalationTargets.length > 0 ? [] : ["The contract names nobody to escalate to."],
    },
    requiredEvidence: required.map(({ id, title }) => ({ id, title, opened: false })),
    deadline: { expiresAt: shown.expiresAt, text: "", urgency: "soon", consequence: "then rejected" },
    contractTitle: shown.title,
    draft: "",
    openedAt: NOW,
    signer: { name: "Robin Reyes", role: "refund-reviewer", keyid: "bbe3bf2c41d0975e" },
    verifyError: null,
    reveal: { paths: revealable(shown), purposes: PURPOSES, blocker: null, shown: [] },
  };
}
