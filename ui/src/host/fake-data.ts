// Rows of the invented inbox, outbox and audit, and the state of the invented app.
import type { Acks, AppState, AuditPage, Claim, InboxRow, OutboxRow, RecordView, ReviewPane, Tier, View } from "./host";
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
    connection: {
      state: "connected",
      sinceMs: String(Date.parse(at(-130))),
      lastSyncAt: NOW,
      retryInS: null,
      text: "Connected",
      clockSkewMs: 240,
    },
    signing: { state: "locked", unlockedUntil: null, text: "Signing key locked" },
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
    ...{ urgency, contract: "refund.issue 1.2.0", state: "open", stateText: null, seen: false, openedAt: null },
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

export function paneOf(reviewId: string): ReviewPane | null {
  const shown = viewOf(reviewId);
  if (shown === null) return null;
  const required = shown.evidence.filter((piece) => piece.required);
  return {
    reviewId,
    viewDigest: hex(`view ${reviewId}`),
    fingerprint: "7f3a 91c2 harbour lantern moss",
    view: shown,
    state: { kind: "open", text: "Open", by: null, at: null, supersededBy: null, acks: null, result: null },
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
  };
}

const DONE: Acks = {
  ...NO_ACKS,
  savedAt: at(-31),
  recordedAt: at(-31),
  countedAt: at(-31),
  deliveredAt: at(-30),
  executed: "Executed at 10:12: refund 8812 sent",
};

export const outboxRows: OutboxRow[] = [
  {
    decisionId: "d-1",
    reviewId: "r-small",
    line: "Reject the refund of EUR 18.90 to the card ending 0071",
    decision: "reject",
    state: "saved",
    text: "Signed and saved on this computer. The gateway does not have it yet.",
    acks: { ...NO_ACKS, savedAt: at(-1) },
    nextTryText: "Trying again in 8 s",
  },
  {
    decisionId: "d-2",
    reviewId: "r-decided",
    line: "Approve cancelling reservation K8QW2P",
    decision: "approve",
    state: "not-counted",
    text: "Another decision came first. Yours is recorded and does not count.",
    acks: { ...NO_ACKS, savedAt: at(-11), recordedAt: at(-10), notCounted: "Ana decided at 10:31, before yours." },
    nextTryText: null,
  },
  {
    decisionId: "d-3",
    reviewId: "r-done",
    line: "Approve the refund of EUR 64.00 to the card ending 3310",
    decision: "approve",
    state: "delivered",
    text: "The orchestrator has it.",
    acks: DONE,
    nextTryText: null,
  },
];

export const auditRows: AuditPage["rows"] = Array.from({ length: 137 }, (_, index) => {
  const outcomes = ["approved", "rejected", "approved", "expired", "approved", "superseded"];
  const outcome = outcomes[index % outcomes.length] ?? "approved";
  const known = inboxRows[index % inboxRows.length];
  return {
    reviewId: index === 0 ? "r-done" : `r-past-${index}`,
    line: index === 0 ? "Refund EUR 64.00 to card ending 3310" : (known?.line ?? ""),
    outcome,
    cause: outcome === "expired" ? "deadline" : "decision",
    by: outcome === "expired" ? "system:expiry" : index % 3 === 0 ? "Robin Reyes" : "Ana Duarte",
    decidedAt: at(-31 - index * 47),
    contract: known?.contract ?? "",
    tier: known?.tier ?? "T1",
    result: outcome === "approved" ? (index % 10 === 4 ? "Failed" : "Executed") : null,
  };
});

export function recordOf(reviewId: string): RecordView | null {
  const past = auditRows.find((candidate) => candidate.reviewId === reviewId);
  const shown = past === undefined ? viewOf(reviewId) : viewOf("r-refund");
  if (shown === null) return null;
  return {
    reviewId,
    view: shown,
    title: past?.line ?? shown.line,
    outcome: {
      kind: past?.outcome ?? "approved",
      cause: past?.cause ?? "decision",
      at: past?.decidedAt ?? at(-31),
      text: "Approved by one person out of one needed.",
    },
    decisions: [
      {
        decisionId: "d-3",
        decision: "approve",
        by: "Robin Reyes",
        personId: "urn:seamark:user:robin",
        role: "refund-reviewer",
        keyid: "bbe3bf2c41d0975e",
        at: at(-31),
        recordedAt: at(-31),
        meaning: "I approve exactly this action",
        reason: "The amount and the card are those of the order.",
        question: null,
        dwellText: "1 min 12 s",
        opened: ["Order 41-0977", "Warehouse scan"],
        counted: true,
        why: null,
        position: "18187",
        leaf: hex("leaf"),
      },
    ],
    acks: DONE,
    delivery: { text: "order-flow fetched it by long-poll.", at: at(-30) },
    execution: {
      text: "Executed: refund 8812 sent.",
      at: at(-30),
      executor: "refund-executor 3.0.1",
      keyid: "41c0a97e77d2b310",
    },
    ledger: {
      entries: [
        "handoff.admitted",
        "review.opened",
        "review.presented",
        "decision.recorded",
        "outcome.formed",
        "outcome.delivered",
        "execution.reported",
      ].map((type, index) => ({ seq: String(18181 + index * 2), type, at: at(-37 + index) })),
      checkpointSize: "18204",
      checkpointRoot: hex("root"),
    },
    statementDigest: hex("statement r-done"),
    viewDigest: hex("view r-done"),
    cliLine: `seamark handoff check ${shown.handoffId} --gateway http://127.0.0.1:48213 --json`,
  };
}

export const claims: Claim[] = [
  {
    id: "directory",
    verdict: "pass",
    title: "Directory",
    sentence: "The list of keys is signed by the root key that this computer pinned.",
  },
  {
    id: "handoff",
    verdict: "pass",
    title: "Handoff",
    sentence: "The handoff statement is signed by the gateway’s handoff key.",
  },
  {
    id: "view",
    verdict: "pass",
    title: "View",
    sentence: "Drawn again from the signed bytes, the view is the one that was signed.",
  },
  {
    id: "decision",
    verdict: "pass",
    title: "Decision",
    sentence: "Robin Reyes signed it with a key that was valid at 10:11.",
  },
  {
    id: "inclusion",
    verdict: "pass",
    title: "Inclusion",
    sentence: "All seven entries lie in the ledger of 18,204 entries.",
  },
  {
    id: "execution",
    verdict: "unknown",
    title: "Execution",
    sentence: "The executor’s key is not in the directory, so its report was not checked.",
  },
];
