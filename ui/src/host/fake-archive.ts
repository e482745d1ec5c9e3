// Outbox, audit and records of the invented desk.
import { NO_ACKS, inboxRows, viewOf } from "./fake-data";
import { ok, refuse } from "./fake-scenario";
import { at, hex } from "./fake-view";
import type {
  Acks,
  Answer,
  AppState,
  AuditPage,
  AuditRequest,
  Claim,
  OutboxRow,
  RecordView,
  SavedEvidence,
} from "./host";

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
  type Outcome = AuditPage["rows"][number]["outcome"];
  const outcomes: Outcome[] = ["approved", "rejected", "approved", "expired", "approved", "superseded"];
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
        opened: ["order_lookup", "return_scan"],
        counted: true,
        why: null,
        position: "18187",
        leaf: hex("leaf"),
      },
    ],
    reveals: [
      {
        by: "Robin Reyes",
        personId: "urn:seamark:user:robin",
        path: "/payload/customer/email",
        field: "customer › email",
        purpose: "Contact the person",
        text: "asked to be called back",
        at: at(-32),
        copiedAt: null,
        position: "18185",
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

export function auditPage(r: AuditRequest, told: ReadonlySet<string>, state: AppState): Answer<AuditPage> {
  if (told.has("error"))
    return refuse("offline", "The gateway does not answer. Past decisions of this computer are shown once it is back.");
  const all = told.has("empty")
    ? []
    : auditRows.filter(
        (row) =>
          (r.outcome === null || row.outcome === r.outcome) &&
          (r.contract === null || row.contract === r.contract) &&
          `${row.line} ${row.by}`.toLowerCase().includes(r.query.toLowerCase()),
      );
  const count = (name: "outcome" | "contract") =>
    [...new Set(auditRows.map((row) => row[name]))].map((id) => ({
      id,
      label: id,
      count: auditRows.filter((row) => row[name] === id).length,
    }));
  return ok({
    rows: all.slice(r.offset, r.offset + r.limit),
    total: all.length,
    offset: r.offset,
    filters: { outcomes: count("outcome"), contracts: count("contract") },
    banner: { state: state.ledger.state, text: state.ledger.text },
  });
}

/** What verifying finds: everything but one thing that was not proven, or a broken ledger. */
export function claimsOf(told: ReadonlySet<string>): Claim[] {
  if (!told.has("ledger-broken")) return claims;
  const sentence = "Entry 18191 does not lie in the ledger. Stop signing and tell your administrator.";
  return claims.map((claim) => (claim.id === "inclusion" ? { ...claim, verdict: "fail", sentence } : claim));
}

/** A saved file: the evidence of a record, or the report of it. */
export function savedAs(ending: ".seamark.zip" | ".pdf"): SavedEvidence {
  return {
    path: `Downloads/seamark-0199a1c2-5b7e-7c3d-9a10-2f4b6c8d0e12${ending}`,
    sha256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    verdict: "pass",
    sentence:
      ending === ".pdf"
        ? "It says what is proven. It is to be read; the proof is the evidence file."
        : "Every claim in it that needs nobody outside holds under the keys that this desk pinned.",
  };
}
