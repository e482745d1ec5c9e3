// How the invented host begins, changes and refuses.
import { appState, inboxRows } from "./fake-data";
import { at } from "./fake-view";
import type { Answer, AppErrorCode, AppState, InboxRow, ReviewChange, ReviewPane } from "./host";

export const ok = <T>(data: T): Answer<T> => ({ status: "ok", data });
export const refuse = (code: AppErrorCode, message: string, field: string | null = null): Answer<never> => ({
  status: "error",
  error: { code, message, requestId: "req-5f21c09a", field },
});

export const CHANGES: Record<string, ReviewChange> = {
  changed: {
    kind: "changed",
    text: "order-desk sent a revision. The amount is another one.",
    newReviewId: "r-refund2",
    diff: [
      { label: "Amount", before: "EUR 1,280.00", after: "EUR 640.00" },
      { label: "Refund goes to", before: "•••• 4242", after: "•••• 1907" },
    ],
  },
  expired: {
    kind: "expired",
    text: "The deadline passed at 10:54. It was rejected; no money moves.",
    newReviewId: null,
    diff: [],
  },
  decided: { kind: "decided", text: "Ana Duarte approved it at 10:44.", newReviewId: null, diff: [] },
  withdrawn: {
    kind: "withdrawn",
    text: "order-desk withdrew it at 10:45. There is nothing left to decide.",
    newReviewId: null,
    diff: [],
  },
};

export function withState(pane: ReviewPane, opened: ReadonlySet<string>, end?: ReviewChange): ReviewPane {
  const requiredEvidence = pane.requiredEvidence.map((piece) => ({
    ...piece,
    opened: piece.opened || opened.has(`${pane.reviewId} ${piece.id}`),
  }));
  const isReady = requiredEvidence.every((piece) => piece.opened);
  const base: ReviewPane = {
    ...pane,
    requiredEvidence,
    canDecide: { ...pane.canDecide, approve: isReady ? [] : pane.canDecide.approve },
  };
  const closed = (kind: ReviewPane["state"]["kind"], text: string, by: string | null) => ({
    ...base,
    state: { ...pane.state, kind, text, by, at: at(-11) },
  });
  if (end?.kind === "expired" || end?.kind === "withdrawn") return closed(end.kind, end.text, null);
  if (end?.kind === "decided") return closed("approved", end.text, "Ana Duarte");
  if (pane.reviewId === "r-expired")
    return closed("expired", "The deadline passed at 10:38. It was rejected; no money moves.", null);
  if (pane.reviewId === "r-decided") return closed("approved", "Ana Duarte approved it at 10:31.", "Ana Duarte");
  if (pane.reviewId === "r-unverified")
    return {
      ...base,
      verifyError:
        "The gateway’s signature over this handoff does not fit its bytes. Do not approve it; tell your administrator.",
      canDecide: { ...base.canDecide, approve: ["It cannot be verified."] },
    };
  return base;
}

export function firstState(told: ReadonlySet<string>): AppState {
  const state = appState();
  if (told.has("first-run") || told.has("setting-up")) {
    state.stage = told.has("setting-up") ? "setting-up" : "first-run";
    state.account = null;
    state.signing = { state: "none", unlockedUntil: null, text: "No signing key" };
  }
  if (told.has("offline"))
    state.connection = { ...state.connection, state: "offline", lastSyncAt: at(-11), retryInS: 8, text: "Offline" };
  if (told.has("refused"))
    state.connection = {
      ...state.connection,
      state: "refused",
      retryInS: null,
      text: "The gateway refuses this computer",
    };
  if (told.has("connecting")) state.connection = { ...state.connection, state: "connecting", text: "Connecting" };
  if (told.has("offline")) state.outbox = { waiting: 1, deliveredToday: 2 };
  if (told.has("unlocked"))
    state.signing = { state: "unlocked", unlockedUntil: at(15), text: "Signing key unlocked until 10:57" };
  if (told.has("keyring-locked"))
    state.signing = {
      state: "keyring-locked",
      unlockedUntil: null,
      text: "Your keyring is locked, so nothing can be signed. Unlock it, then look again.",
    };
  if (told.has("keyring-missing"))
    state.signing = {
      state: "keyring-missing",
      unlockedUntil: null,
      text: "The keyring that keeps half of your key was not found. Start it, then look again.",
    };
  if (told.has("ledger-broken"))
    state.ledger = { state: "broken", size: "18204", text: "Ledger does not fit what was seen before" };
  if (told.has("empty")) state.counts = { open: 0, mine: 0, expiring: 0 };
  state.appearance.theme = told.has("dark")
    ? "dark"
    : told.has("contrast")
      ? "contrast"
      : told.has("light")
        ? "light"
        : "system";
  state.appearance.density = told.has("dense") ? "dense" : told.has("compact") ? "compact" : "comfortable";
  return state;
}

export function rowsFor(told: ReadonlySet<string>, filter: string, query: string): InboxRow[] {
  if (told.has("empty")) return [];
  const wanted = query.toLowerCase();
  return inboxRows.filter(
    (row) =>
      (filter === "mine" ||
        filter === "all" ||
        (filter === "expiring" ? row.urgency !== "none" : row.contract.startsWith(filter))) &&
      `${row.line} ${row.context} ${row.source}`.toLowerCase().includes(wanted),
  );
}

export const pinFault = (pin: string | null): Answer<never> | null => {
  if (pin === "000000")
    return refuse("pin-wrong", "That is not your PIN. Nothing was signed. Four tries are left.", "pin");
  if (pin === "999999")
    return refuse("pin-locked-out", "Too many wrong PINs. Nothing was signed. Try again in 5 minutes.", "pin");
  return null;
};
